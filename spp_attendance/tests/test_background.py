import os
from contextlib import contextmanager
from threading import Barrier, Event, Lock, Thread
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from .. import background

#: Longer than anything takes; nothing here waits for as long as that.
PATIENCE = 30


@tagged("post_install", "-at_install")
class TestBackground(BaseCase):
    """Real threads, with a registry that is nothing but a name."""

    def setUp(self):
        self.state = background._State()
        self.addCleanup(self.state.stopped.set)
        for name, value in {
            "_state": self.state,
            "_registry": lambda dbname: f"registry of {dbname}",
            "PAUSE": 0.001,
            "PATIENCE": 0.001,
        }.items():
            self.enterContext(patch.object(background, name, value))
        # Tests wait for nobody else's threads, this one for its own.
        self.enterContext(patch.object(background.module, "current_test", False))
        self.enterContext(patch.object(background.CommonServer, "_on_stop_funcs", []))

    def threads(self):
        return [thread for thread in self.state.jobs.values() if thread.is_alive()]

    def join(self, *threads):
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())

    def wait(self, event):
        self.assertTrue(event.wait(PATIENCE))

    # ------------------------------------------------------------------- soon

    def test_it_is_done(self):
        done = Event()
        got = []

        def work(registry):
            got.append(registry)
            done.set()

        background.soon("db", "kind", work)
        self.wait(done)
        self.assertEqual(got, ["registry of db"])

    def test_calls_while_it_works_are_one_call(self):
        began, go_on, again = Event(), Event(), Event()
        runs = []

        def work(_registry):
            runs.append(1)
            if len(runs) == 1:
                began.set()
                go_on.wait(PATIENCE)
            else:
                again.set()

        background.soon("db", "kind", work)
        self.wait(began)
        for _call in range(20):
            background.soon("db", "kind", work)
        go_on.set()
        self.wait(again)
        threads = self.threads()
        self.state.stop()
        self.join(*threads)
        self.assertEqual(len(runs), 2)

    def test_no_call_is_lost(self):
        """What is committed before a call is seen by a run that begins after it."""
        lock = Lock()
        committed, seen = set(), set()
        complete = Event()

        def work(_registry):
            with lock:
                seen.update(committed)
            if len(seen) == 8 * 50:
                complete.set()

        def commit(number):
            for item in range(50):
                with lock:
                    committed.add((number, item))
                background.soon("db", "kind", work)

        callers = [Thread(target=commit, args=(number,)) for number in range(8)]
        with patch.object(background, "IDLE", 0):  # its thread ends all the time
            for caller in callers:
                caller.start()
            self.join(*callers)
            self.wait(complete)

    def test_a_kind_and_database_have_one_thread_each(self):
        barrier = Barrier(4)
        names = ("one", "two")
        for dbname in names:
            for name in names:
                for _call in range(3):
                    background.soon(dbname, name, lambda _reg: barrier.wait(PATIENCE))
        self.assertEqual(len(self.threads()), 4)
        self.assertEqual(
            {thread.name for thread in self.threads()},
            {"spp_attendance.one", "spp_attendance.two"},
        )
        self.assertFalse(barrier.broken)

    def test_a_thread_that_has_nothing_to_do_ends(self):
        done = Event()
        with patch.object(background, "IDLE", 0.01):
            background.soon("db", "kind", lambda _registry: done.set())
            [thread] = self.state.jobs.values()
            self.wait(done)
            self.join(thread)
            self.assertFalse(self.state.jobs)
            done.clear()
            background.soon("db", "kind", lambda _registry: done.set())
            self.wait(done)

    def test_a_fault_is_told_without_the_data_and_ends_nothing(self):
        done = Event()

        def work(_registry):
            if not done.is_set():
                done.set()
                raise ValueError("Amina Okafor")
            again.set()

        again = Event()
        with self.assertLogs(background.__name__, "WARNING") as log:
            background.soon("db", "kind", work)
            self.wait(done)
            background.soon("db", "kind", work)
            self.wait(again)
        self.assertEqual(
            [record.getMessage() for record in log.records],
            ["spp_attendance.kind waits for its scheduled action: ValueError"],
        )

    def test_it_rests_for_as_long_as_it_says(self):
        done = Event()
        waits = []
        self.enterContext(
            patch.object(
                self.state.stopped, "wait", lambda seconds: waits.append(seconds)
            )
        )
        results = iter([None, 7])

        def work(_registry):
            result = next(results)
            if result is None:
                background.soon("db", "kind", work)
            else:
                done.set()
            return result

        with patch.object(background, "IDLE", 0.01):
            background.soon("db", "kind", work)
            [thread] = self.state.jobs.values()
            self.wait(done)
            self.join(thread)
        self.assertEqual(waits, [0.001, 7])

    # ------------------------------------------------------------------ again

    def test_it_is_done_for_as_long_as_it_is_wanted(self):
        left = [3, 2, 1, 0]

        def work(_registry):
            return left.pop(0)

        background.again("db", "clock", 0.001, work)
        [clock] = self.state.jobs.values()
        self.join(clock)
        self.assertEqual(left, [])
        self.assertFalse(self.state.jobs)

    def test_a_clock_that_is_asked_for_while_it_would_end_goes_on(self):
        runs = []

        def work(_registry):
            runs.append(1)
            if len(runs) == 1:
                background.again("db", "clock", 0.001, work)
            return False

        background.again("db", "clock", 0.001, work)
        [clock] = self.state.jobs.values()
        self.join(clock)
        self.assertEqual(len(runs), 2)

    def test_a_clock_survives_a_fault(self):
        runs = []

        def work(_registry):
            runs.append(1)
            if len(runs) == 1:
                raise ValueError("Amina Okafor")

        with self.assertLogs(background.__name__, "WARNING") as log:
            background.again("db", "clock", 0.001, work)
            [clock] = self.state.jobs.values()
            self.join(clock)
        self.assertEqual(len(runs), 2)
        self.assertEqual(
            [record.getMessage() for record in log.records],
            ["spp_attendance.clock is tried again: ValueError"],
        )

    # ------------------------------------------------------------ end and fork

    def test_a_server_that_stops(self):
        began, go_on = Event(), Event()

        def work(_registry):
            began.set()
            go_on.wait(PATIENCE)
            raise ConnectionError  # the server has closed its connections

        with self.assertNoLogs(background.__name__, "WARNING"):
            background.soon("db", "kind", work)
            background.again("db", "clock", PATIENCE, work)
            threads = self.threads()
            self.wait(began)
            for stop in background.CommonServer._on_stop_funcs:
                stop()
            go_on.set()
            background.soon("db", "kind", work)
            self.join(*threads)

    def test_a_server_that_stops_waits_for_what_is_being_done(self):
        began, stopping = Event(), Event()
        ended = []

        def work(_registry):
            began.set()
            stopping.wait(PATIENCE)
            self.assertTrue(background.is_stopping())
            ended.append(1)

        self.enterContext(patch.object(background, "PATIENCE", PATIENCE))
        self.enterContext(patch.object(background, "IDLE", 2 * PATIENCE))
        idle = Event()
        background.soon("db", "idle", lambda _registry: idle.set())
        self.wait(idle)
        background.again("db", "clock", 2 * PATIENCE, work)
        background.soon("db", "kind", work)
        self.wait(began)
        threads = self.threads()
        wait = self.state.stopped.set
        with patch.object(self.state.stopped, "set", lambda: (wait(), stopping.set())):
            for stop in background.CommonServer._on_stop_funcs:
                stop()
        self.assertEqual(ended, [1])
        self.assertFalse([thread for thread in threads if thread.is_alive()])

    def test_a_process_that_is_forked_off_has_threads_of_its_own(self):
        began, go_on = Event(), Event()
        self.addCleanup(go_on.set)

        def work(_registry):
            began.set()
            go_on.wait(PATIENCE)

        background.soon("db", "kind", work)
        self.wait(began)
        reader, writer = os.pipe()
        # As it is when the parent is forked by one thread while another holds it.
        with self.state.lock:
            pid = os.fork()
            if not pid:
                with self._leaving():
                    done = Event()
                    background._registry = lambda dbname: dbname
                    background.soon("db", "kind", lambda _registry: done.set())
                    done.wait(PATIENCE)
                    os.write(writer, b"done" if done.is_set() else b"lost")
        os.close(writer)
        with open(reader, "rb") as pipe:
            self.assertEqual(pipe.read(), b"done")
        os.waitpid(pid, 0)

    @contextmanager
    def _leaving(self):
        try:
            yield
        finally:
            os._exit(0)

    def test_in_a_test_of_odoo_nothing_is_done(self):
        with patch.object(background.module, "current_test", True):
            background.soon("db", "kind", self.fail)
            background.again("db", "clock", 0, self.fail)
        self.assertFalse(self.state.jobs)
