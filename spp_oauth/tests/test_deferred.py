import os
from contextlib import contextmanager, suppress
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import OperationalError

from odoo.tests import TransactionCase, tagged

from ..tools import deferred

NOON = "2026-03-10 12:00:30"


class DeferredCase(TransactionCase):
    """Counts go to the database of the test, at `flush` and not before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client, _secret = cls.env["spp.oauth.client"]._new_client("Counted", [])
        cls.dbname = cls.env.cr.dbname

    def setUp(self):
        super().setUp()
        deferred.clear(self.dbname)
        self.addCleanup(deferred.clear, self.dbname)
        self.registry_enter_test_mode()
        for model in ("usage", "metric"):
            self.env[f"spp.oauth.{model}"].search([]).unlink()

    def count(self, client=None, **values):
        deferred.count_request(
            self.dbname,
            **{
                "client_id": (client or self.client).id,
                "address": "192.0.2.1",
                "route": "/api/oauth/whoami",
                "method": "GET",
                "status": 200,
                "seconds": 0.02,
                **values,
            },
        )

    def flush(self):
        self.env.flush_all()
        deferred.flush(self.registry)
        self.env.invalidate_all()

    def usage(self):
        return self.env["spp.oauth.usage"].search([])

    def metrics(self):
        return self.env["spp.oauth.metric"].search([])

    @contextmanager
    def another_worker(self):
        with patch.object(deferred, "_state", deferred._State()):
            yield


@tagged("post_install", "-at_install")
class TestDeferred(DeferredCase):
    def test_nothing_is_written_on_the_way(self):
        self.count()
        self.assertFalse(self.usage())
        self.assertIsNone(deferred._state.timer, "a test has no thread")

    @freeze_time(NOON)
    def test_counts_add_up(self):
        self.count()
        self.count(address="192.0.2.2", seconds=0.004)
        self.flush()
        self.count(status=404)
        self.flush()
        usage = self.usage()
        self.assertEqual(usage.requests, 3)
        self.assertEqual(usage.client_id, self.client)
        self.assertEqual(usage.company_id, self.client.company_id)
        self.assertEqual(str(usage.minute), "2026-03-10 12:00:00")
        self.assertEqual(str(usage.last_at), NOON)
        self.assertEqual(usage.last_address, "192.0.2.1")
        self.assertEqual(
            self.metrics().mapped(lambda m: (m.status, m.bound_ms, m.requests)),
            [(200, 5, 1), (200, 25, 1), (404, 25, 1)],
        )

    def test_a_minute_is_a_row(self):
        for time in ("12:00:59", "12:01:00"):
            with freeze_time(f"2026-03-10 {time}"):
                self.count()
        self.flush()
        self.assertEqual(self.usage().mapped("requests"), [1, 1])

    @freeze_time(NOON)
    def test_workers_have_rows_of_their_own(self):
        self.count()
        self.flush()
        with self.another_worker():
            self.count()
            self.count()
            self.flush()
        self.assertEqual(sorted(self.usage().mapped("requests")), [1, 2])
        self.assertEqual(len(set(self.usage().mapped("worker"))), 2)
        self.assertEqual(sum(self.metrics().mapped("requests")), 3)

    def test_who_is_no_client_has_no_usage(self):
        self.count(client_id=None)
        self.flush()
        self.assertFalse(self.usage())
        self.assertEqual(self.metrics().requests, 1)

    def test_series_are_bounded(self):
        for method in ("BREW", "SPROUT", "get"):
            self.count(client_id=None, method=method)
        with patch.object(deferred, "MAX_KEYS", 2):
            for route in ("/one", "/two", "/three"):
                self.count(client_id=None, route=route)
        self.flush()
        self.assertEqual(
            self.metrics().mapped(lambda m: (m.route, m.method, m.requests)),
            [("/api/oauth/whoami", "other", 3), ("/one", "GET", 1)],
        )

    def test_the_slow_are_counted_without_bound(self):
        self.count(seconds=10)
        self.count(seconds=10.001)
        self.flush()
        bounds = self.metrics().mapped("bound_ms")
        self.assertEqual(bounds, [10000, deferred.NO_BOUND])

    def test_a_client_that_is_gone(self):
        gone, _secret = self.env["spp.oauth.client"]._new_client("Gone", [])
        self.count(gone)
        self.count()
        deferred.log_event(self.dbname, kind="refused", client_id=gone.id)
        gone.unlink()
        self.flush()
        self.assertEqual(self.usage().client_id, self.client)
        event = self.env["spp.oauth.event"].search([("kind", "=", "refused")], limit=1)
        self.assertFalse(event.client_id)

    @freeze_time(NOON)
    def test_what_cannot_be_written_waits(self):
        self.count()
        deferred.log_event(self.dbname, kind="refused", reason="first")
        usage = type(self.env["spp.oauth.usage"])
        with (
            patch.object(usage, "_add", side_effect=OperationalError),
            self.assertRaises(OperationalError),
        ):
            deferred.flush(self.registry)
        self.count()
        deferred.log_event(self.dbname, kind="refused", reason="second")
        self.flush()
        self.assertEqual(self.usage().requests, 2)
        self.assertEqual(self.metrics().requests, 2)
        self.assertEqual(self.reasons(), ["first", "second"])

    def test_events_that_fail_do_not_hold_up_counts(self):
        self.count()
        deferred.log_event(self.dbname, kind="refused", reason="late")
        event = type(self.env["spp.oauth.event"])
        with (
            patch.object(event, "_log", side_effect=OperationalError),
            # not assertRaises, which would roll back the counts as well
            suppress(OperationalError),
        ):
            deferred.flush(self.registry)
        self.flush()
        self.assertEqual(self.usage().requests, 1, "once, not twice")
        self.assertEqual(self.reasons(), ["late"])

    @freeze_time(NOON)
    def test_events(self):
        deferred.log_event(
            self.dbname,
            kind="refused",
            reason="expired_token",
            client_id=self.client.id,
            token_jti="a\0b\udc80",
            address="192.0.2.9",
            endpoint="/api/x",
        )
        with freeze_time("2026-03-10 12:05:00"):
            self.flush()
        event = self.env["spp.oauth.event"].search([("reason", "=", "expired_token")])
        self.assertEqual(str(event.date), NOON, "when it happened")
        self.assertEqual(event.client_id, self.client)
        self.assertEqual(event.token_jti, "a?b?")

    def test_a_flood_of_events(self):
        for number in range(deferred.MAX_EVENTS + 7):
            deferred.log_event(self.dbname, kind="refused", reason=f"r{number}")
        self.flush()
        reasons = self.reasons()
        self.assertEqual(len(reasons), deferred.MAX_EVENTS + 1)
        self.assertEqual([reasons[0], reasons[-1]], ["r0", "and 7 more"])

    def test_this_minute(self):
        with freeze_time("2026-03-10 12:00:10"):
            self.count()
            self.flush()
            self.count()
            self.assertEqual(self.this_minute(), 2, "written or not")
            with self.another_worker():
                self.assertEqual(self.this_minute(), 0)
        with freeze_time("2026-03-10 12:01:00"):
            self.assertEqual(self.this_minute(), 0)
            self.assertEqual(str(deferred.current_minute()), "2026-03-10 12:01:00")

    def test_after_a_fork(self):
        self.count()
        reader, writer = os.pipe()
        # as if another thread were counting at the very moment
        with deferred._state.lock, deferred._state.writing:
            worker = deferred.worker_id()
            pid = os.fork()
            if not pid:
                self._tell_state(writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            child, pending, counted, timer = pipe.read().split()
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertNotEqual(child, worker)
        self.assertEqual([pending, counted, timer], ["0", "1", "None"])
        self.assertEqual(deferred.worker_id(), worker)

    def _tell_state(self, writer):
        # in the child, which must touch neither the database nor the test's result
        try:
            pending = len(deferred._state.pending)
            self.count()
            counted = self.this_minute()
            told = f"{deferred.worker_id()} {pending} {counted} {deferred._state.timer}"
            os.write(writer, told.encode())
        finally:
            os._exit(0)

    def test_the_timer_ends_when_all_is_written(self):
        self.assertEqual(self.run_timer([True]), [1])

    def test_the_timer_waits_longer_each_time_it_fails(self):
        outcomes = [False] * 7 + [True]
        self.assertEqual(self.run_timer(outcomes), [1, 2, 4, 8, 16, 32, 60, 60])

    def run_timer(self, outcomes):
        """How long the timer waits each time, with what each write comes to."""
        state, waits, left = deferred._State(), [], list(outcomes)
        state.of("a").dropped = 1

        def write(state):
            self.assertTrue(state.writing.locked())
            if left[0]:
                state.pending.clear()
            return left.pop(0)

        with (
            patch.object(deferred.time, "sleep", waits.append),
            patch.object(deferred, "_flush_all", write),
        ):
            deferred._run_timer(state)
        self.assertFalse(left)
        self.assertIsNone(state.timer)
        return waits

    def test_a_database_that_is_gone_is_given_up(self):
        state = deferred._State()
        state.of("gone").add_event({"kind": "refused"})
        with (
            patch.object(deferred, "Registry", side_effect=OperationalError("secret")),
            patch.object(deferred, "MAX_FAILURES", 2),
            self.assertLogs(deferred._logger, "WARNING") as log,
        ):
            self.assertFalse(deferred._flush_all(state))
            self.assertTrue(state.pending)
            self.assertFalse(deferred._flush_all(state))
        self.assertFalse(state.pending)
        self.assertNotIn("secret", "".join(log.output))

    def test_a_process_that_stops_writes_first(self):
        self.count()
        with patch.object(deferred, "Registry", lambda dbname: self.registry):
            deferred._flush_at_stop()
        self.assertEqual(self.usage().requests, 1)

    def this_minute(self):
        return deferred.requests_this_minute(self.dbname, self.client.id)

    def reasons(self):
        domain = [("kind", "=", "refused")]
        return self.env["spp.oauth.event"].search(domain, order="id").mapped("reason")


@tagged("post_install", "-at_install")
class TestVacuum(DeferredCase):
    @freeze_time("2026-03-10 12:00:00")
    def test_minutes_become_days(self):
        for time, address in (
            ("2026-03-09 23:00", "192.0.2.5"),
            ("2026-03-07 10:00", "192.0.2.1"),
            ("2026-03-07 23:59", "192.0.2.2"),
            ("2026-03-06 00:00", "192.0.2.3"),
        ):
            with freeze_time(time):
                self.count(address=address)
                self.count(address=address)
                self.flush()
            with self.another_worker(), freeze_time(time):
                self.count(address=address)
                self.flush()
        for _again in range(2):
            self.env["spp.oauth.usage"]._gc_usage()
            rows = self.usage().mapped(
                lambda u: (str(u.minute)[:16], u.requests, u.last_address, u.worker)
            )
            self.assertEqual(
                rows[-2:],
                [
                    ("2026-03-07 00:00", 6, "192.0.2.2", ""),
                    ("2026-03-06 00:00", 3, "192.0.2.3", ""),
                ],
            )
            self.assertEqual(len(rows), 4, "yesterday's minutes stay")

    @freeze_time("2026-03-10 12:00:00")
    def test_a_day_that_comes_in_parts(self):
        for address in ("192.0.2.2", "192.0.2.1"):
            with freeze_time("2026-03-01 08:00"):
                self.count(address=address)
                self.flush()
            self.env["spp.oauth.usage"]._gc_usage()
        self.assertEqual(self.usage().requests, 2)
        self.assertEqual(self.usage().last_address, "192.0.2.1")

    @freeze_time("2026-03-10 12:00:00")
    def test_what_is_long_past_goes(self):
        with freeze_time("2025-02-01"):
            self.count()
            self.flush()
        self.env["spp.oauth.usage"]._gc_usage()
        self.assertFalse(self.usage())

    @freeze_time("2026-03-10 12:00:00")
    def test_counters_of_processes_that_ended(self):
        for time in ("2026-03-07", "2026-03-08", "2026-03-10"):
            with self.another_worker(), freeze_time(time):
                self.count(seconds=0.5)
                self.flush()
        self.env["spp.oauth.metric"]._gc_metric()
        self.assertEqual(sorted(self.metrics().mapped("requests")), [1, 2])
        self.assertAlmostEqual(sum(self.metrics().mapped("seconds")), 1.5)
