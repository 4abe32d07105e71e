"""Work that follows a commit at once, in a thread of this process.

Waking a scheduled action costs a connection and goes by way of another process. What is
to happen within moments of a commit is done by a thread of the process that committed,
at most one a kind of work and database; while it works, calls are one call. A process
that is killed loses the call, not the work: what is to be done stands in a queue, and
a scheduled action looks after it every minute.

The threads have no transaction of their own: their work begins and ends what it needs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from odoo.modules import module
from odoo.modules.registry import Registry
from odoo.service.server import CommonServer

_logger = logging.getLogger(__name__)

#: Seconds between two runs of one kind of work: what arrives meanwhile is one run.
PAUSE = 0.05
#: How long a thread waits for more before it ends.
IDLE = 10
#: How long a server that stops waits for work to end. It closes all connections then,
#: and what is being asked of the database would stand in the log as a fault.
PATIENCE = 5

Work = Callable[[Registry], Any]


def _registry(dbname: str) -> Registry:
    """The registry, with nothing in its caches that was true but is no longer.

    Outside of requests nobody else looks whether another process changed something.
    """
    # A request's log lines say which database they are of; so do a thread's.
    threading.current_thread().dbname = dbname  # type: ignore[attr-defined]
    return Registry(dbname).check_signaling()


class _Job(threading.Thread):
    """One kind of work in one database."""

    def __init__(self, state: _State, dbname: str, name: str, work: Work) -> None:
        super().__init__(name=f"spp_attendance.{name}", daemon=True)
        self.state = state
        self.dbname = dbname
        self.key = (dbname, name)
        self.work = work
        self.called = threading.Event()

    def run(self) -> None:
        while self._wait():
            self.called.clear()
            pause = None
            try:
                pause = self.work(_registry(self.dbname))
            except Exception as exc:  # noqa: BLE001 - the scheduled action does it then
                if not self.state.stopping:  # the server closes its connections then
                    # An exception's text may hold the data.
                    _logger.warning(
                        "%s waits for its scheduled action: %s",
                        self.name,
                        type(exc).__name__,
                    )
            self.state.stopped.wait(pause or PAUSE)

    def _wait(self) -> bool:
        if self.called.wait(IDLE):
            return not self.state.stopping
        with self.state.lock:
            if self.called.is_set():
                return not self.state.stopping
            self.state.jobs.pop(self.key, None)
        return False


class _Clock(threading.Thread):
    """One kind of work that is done again and again, for as long as it is wanted."""

    def __init__(
        self, state: _State, dbname: str, name: str, seconds: float, work: Work
    ) -> None:
        super().__init__(name=f"spp_attendance.{name}", daemon=True)
        self.state = state
        self.dbname = dbname
        self.key = (dbname, name)
        self.seconds = seconds
        self.work = work

    def run(self) -> None:
        while not self.state.stopped.wait(self.seconds):
            with self.state.lock:
                self.state.wanted.pop(self.key, None)  # it is done now
            try:
                wanted = self.work(_registry(self.dbname))
            except Exception as exc:  # noqa: BLE001 - it is tried again
                if not self.state.stopping:
                    _logger.warning(
                        "%s is tried again: %s", self.name, type(exc).__name__
                    )
                wanted = True
            with self.state.lock:
                if not (wanted or self.state.wanted.get(self.key)):
                    self.state.jobs.pop(self.key, None)
                    return


class _State:
    """All that one process holds; a process that is forked off gets a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs: dict[tuple[str, str], threading.Thread] = {}
        # clocks that were asked for again since they last looked
        self.wanted: dict[tuple[str, str], bool] = {}
        self.stopped = threading.Event()
        self.stops_in_order = False

    @property
    def stopping(self) -> bool:
        return self.stopped.is_set()

    def stop(self) -> None:
        """End the threads, and wait for what they are doing."""
        self.stopped.set()
        with self.lock:
            threads = list(self.jobs.values())
        until = time.monotonic() + PATIENCE
        for thread in threads:
            if isinstance(thread, _Job):
                thread.called.set()  # none comes, but it looks
            if thread.is_alive():
                thread.join(max(0, until - time.monotonic()))

    def start(self, thread: _Job | _Clock) -> None:
        if not self.stops_in_order:
            self.stops_in_order = True
            CommonServer.on_stop(self.stop)
        self.jobs[thread.key] = thread
        # Of a server that is just stopping no thread can be started.
        with suppress(RuntimeError):
            thread.start()


_state = _State()


def _after_fork() -> None:
    # The parent's threads are not here, and its lock may be held by one of them.
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_after_fork)


def is_stopping() -> bool:
    """Whether the server is about to end, and work that is long should end before."""
    return _state.stopping


def soon(dbname: str, name: str, work: Work) -> None:
    """Have something done at once, in a transaction that ``work`` begins and ends.

    To be called after a commit (``cr.postcommit``). What is called while it is being
    done is done once more after it; calls in between are one.

    :param str dbname: in which database
    :param str name: of the kind of work: one thread a name and database
    :param work: called with the registry; returns for how many seconds it should be
        left alone, if for longer than usual; what it raises leaves the work to the
        scheduled action of its queue
    """
    if module.current_test:
        return  # tests do it by themselves: their transactions are not for threads
    state = _state
    with state.lock:
        job = state.jobs.get((dbname, name))
        if job is None or not job.is_alive():
            job = _Job(state, dbname, name, work)
            job.called.set()
            state.start(job)
        job.called.set()


def again(dbname: str, name: str, seconds: float, work: Work) -> None:
    """Have something done every so many seconds, for as long as it says that it is
    wanted.

    :param str dbname: in which database
    :param str name: of the kind of work: one thread a name and database
    :param float seconds: between two runs
    :param work: called with the registry; ends when it returns a false value and nobody
        has asked for it again meanwhile
    """
    if module.current_test:
        return
    state = _state
    with state.lock:
        clock = state.jobs.get((dbname, name))
        if clock is not None and clock.is_alive():
            state.wanted[dbname, name] = True
        else:
            state.start(_Clock(state, dbname, name, seconds, work))
