"""Note down what requests did, and write it a second later on a cursor of its own.

A request that reads must not write: a hot standby may be serving it. So what is to be
counted is added up in memory, and a thread of the process writes it to the primary,
once a second while there is anything. A process that is killed loses what it had not
written yet, at most about a second; one that stops in good order writes it first.
"""

import atexit
import logging
import os
import secrets
import threading
import time
from bisect import bisect_left
from datetime import UTC, datetime
from functools import partial

from odoo.modules import module
from odoo.modules.registry import Registry
from odoo.service.server import CommonServer

from .retry import run_in_transaction

_logger = logging.getLogger(__name__)

#: Seconds between two writes, and the longest wait while these fail.
INTERVAL = 1
MAX_INTERVAL = 60
#: A database that refuses so often is gone, and what it was to be told with it.
MAX_FAILURES = 30
#: What is kept for one database: events; clients and minutes; series of metrics.
MAX_EVENTS = 200
MAX_KEYS = 10_000
#: Characters of a text in an event.
MAX_TEXT = 255
#: How long a process that stops waits for a write that is under way, in seconds.
STOP_TIMEOUT = 5

#: Upper bounds of the latency histogram, in milliseconds; the last one holds the rest.
BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
NO_BOUND = 2**31 - 1

# Whatever else is sent as a method must not make a series of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Pending:
    """What one database has not been told yet."""

    def __init__(self):
        # (client id, minute): [requests, last at, last address]
        self.usage = {}
        # (route, method, status, upper bound): [requests, seconds]
        self.metrics = {}
        self.events = []
        # events that were too many to be kept
        self.dropped = 0

    def __bool__(self):
        return bool(self.usage or self.metrics or self.events or self.dropped)

    def add_usage(self, key, requests, last_at, last_address):
        known = self.usage.get(key)
        if known is None:
            if len(self.usage) < MAX_KEYS:
                self.usage[key] = [requests, last_at, last_address]
            return
        known[0] += requests
        if last_at >= known[1]:
            known[1:] = last_at, last_address

    def add_metric(self, key, requests, seconds):
        known = self.metrics.get(key)
        if known is None:
            if len(self.metrics) < MAX_KEYS:
                self.metrics[key] = [requests, seconds]
            return
        known[0] += requests
        known[1] += seconds

    def add_event(self, vals):
        if len(self.events) < MAX_EVENTS:
            self.events.append(vals)
        else:
            self.dropped += 1

    def put_back(self, other):
        """Add what could not be written after all."""
        for key, values in other.usage.items():
            self.add_usage(key, *values)
        for key, values in other.metrics.items():
            self.add_metric(key, *values)
        newer, self.events = self.events, []
        for vals in [*other.events, *newer]:
            self.add_event(vals)
        self.dropped += other.dropped


class _State:
    """All that one process holds; a process that is forked off gets a new one."""

    def __init__(self):
        self.worker = secrets.token_hex(8)
        self.lock = threading.Lock()
        # held while writing, so that nobody thinks all is written when it is not
        self.writing = threading.Lock()
        self.pending = {}
        # failures in a row, by database
        self.failures = {}
        self.timer = None
        self.flushes_at_stop = False
        self.minute = None
        # (database, client id): requests in that minute
        self.counts = {}
        # the same, of other processes: when they were looked up, and how many
        self.elsewhere = {}

    def of(self, dbname):
        return self.pending.setdefault(dbname, _Pending())

    def counts_of(self, minute):
        if minute != self.minute:
            self.minute = minute
            self.counts = {}
            self.elsewhere = {}
        return self.counts


_state = _State()


def _after_fork():
    # The parent writes what it has; its locks may be held by threads that are not here.
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_after_fork)


def worker_id():
    """A name for this process that no other one has, not even on another machine."""
    return _state.worker


def current_minute():
    """The minute that requests are counted in now: UTC, without time zone."""
    return _utcnow().replace(second=0)


def count_request(dbname, *, client_id, address, route, method, status, seconds):
    """Count a request that was answered.

    :param str dbname: the database that answered it
    :param client_id: id of the `spp.oauth.client`; None for whoever is none
    :param address: where it came from
    :param str route: the template of the route, never the path: each is a series
    :param str method: the HTTP method
    :param int status: the HTTP status
    :param float seconds: how long it took
    """
    if not dbname:
        return  # nobody to tell
    now = _utcnow()
    minute = now.replace(second=0)
    place = bisect_left(BOUNDS_MS, seconds * 1000)
    bound = BOUNDS_MS[place] if place < len(BOUNDS_MS) else NO_BOUND
    series = (route, method if method in _METHODS else "other", status, bound)
    state = _state
    with state.lock:
        pending = state.of(dbname)
        pending.add_metric(series, 1, seconds)
        if client_id:
            pending.add_usage((client_id, minute), 1, now, _clean(address or ""))
            counts = state.counts_of(minute)
            counts[dbname, client_id] = counts.get((dbname, client_id), 0) + 1
        _ensure_timer(state)


def log_event(dbname, **vals):
    """Add to the audit log, with the time of now.

    Of a flood only the first of each second are kept; how many there were beside them
    is one more event.

    :param str dbname: the database whose log it is
    :param vals: as `spp.oauth.event._log` takes them
    """
    # One that the database cannot hold would keep all others from being written.
    clean = {k: _clean(v) if isinstance(v, str) else v for k, v in vals.items()}
    state = _state
    with state.lock:
        state.of(dbname).add_event({"date": _utcnow(), **clean})
        _ensure_timer(state)


def requests_this_minute(dbname, client_id):
    """How many requests of a client this process has answered in this UTC minute.

    Whether they are written yet or not: with what *other* workers have written it is
    what counts against the client's rate.
    """
    state = _state
    with state.lock:
        counts = state.counts_of(current_minute())
        return counts.get((dbname, client_id), 0)


def requests_elsewhere(dbname, client_id):
    """How many requests of a client other processes had written, a second ago at most.

    :return: None when that is not known: it is to be looked up, and noted
    """
    state = _state
    with state.lock:
        state.counts_of(current_minute())
        looked_up_at, requests = state.elsewhere.get((dbname, client_id), (None, None))
    if looked_up_at is None or time.monotonic() - looked_up_at >= INTERVAL:
        return None
    return requests


def note_requests_elsewhere(dbname, client_id, requests):
    """Remember what was looked up, for requests that follow right away.

    The others write once a second: who asks more often learns nothing more.
    """
    state = _state
    with state.lock:
        state.counts_of(current_minute())
        state.elsewhere[dbname, client_id] = time.monotonic(), requests


def flush(registry):
    """Write what is pending for a database, now.

    :param registry: of that database
    :raises Exception: whatever went wrong; what was pending stays so
    """
    state = _state
    with state.writing:
        _flush(state, registry)


def clear(dbname):
    """Forget what is pending and was counted; for tests, whose rows are gone."""
    state = _state
    with state.lock:
        state.pending.pop(dbname, None)
        state.counts = {}
        state.elsewhere = {}


def _utcnow():
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _clean(text):
    """A text that PostgreSQL can hold, of bearable length."""
    return text[:MAX_TEXT].encode(errors="replace").decode().replace("\0", "?")


def _flush(state, registry):
    dbname = registry.db_name
    with state.lock:
        taken = state.pending.pop(dbname, None)
    if not taken:
        return
    try:
        # apart: what is wrong with the one must not hold up the other
        if taken.usage or taken.metrics:
            run_in_transaction(registry, partial(_write_counts, pending=taken))
            taken.usage, taken.metrics = {}, {}
        if taken.events:
            run_in_transaction(registry, partial(_write_events, pending=taken))
            taken.events, taken.dropped = [], 0
    except BaseException:
        with state.lock:
            state.of(dbname).put_back(taken)
        raise


def _write_counts(env, pending):
    if "spp.oauth.usage" not in env:
        return  # uninstalled meanwhile
    env["spp.oauth.usage"]._add(pending.usage, worker_id())
    env["spp.oauth.metric"]._add(pending.metrics, worker_id())


def _write_events(env, pending):
    if "spp.oauth.event" not in env:
        return
    events = env["spp.oauth.event"]
    ids = {vals["client_id"] for vals in pending.events if vals.get("client_id")}
    gone = ids.difference(env["spp.oauth.client"].browse(ids).exists().ids)
    for vals in pending.events:
        if vals.get("client_id") in gone:
            vals = {**vals, "client_id": False}
        events._log(**vals)
    if pending.dropped:
        events._log(
            kind="refused",
            date=pending.events[-1]["date"],
            reason=f"and {pending.dropped} more",
        )


def _ensure_timer(state):
    """Have somebody write it; called with the lock held."""
    if module.current_test or (state.timer and state.timer.is_alive()):
        return  # tests flush by themselves: their transactions are not for threads
    if not state.flushes_at_stop:
        state.flushes_at_stop = True
        # a threaded server that reloads replaces its process, which ends no other way
        CommonServer.on_stop(_flush_at_stop)
        atexit.register(_flush_at_stop)
    state.timer = threading.Thread(
        target=_run_timer, args=(state,), name="spp_oauth.deferred", daemon=True
    )
    state.timer.start()


def _run_timer(state):
    delay = INTERVAL
    while True:
        time.sleep(delay)
        with state.writing:
            done = _flush_all(state)
        with state.lock:
            if not any(state.pending.values()):
                state.timer = None
                return
        delay = INTERVAL if done else min(2 * delay, MAX_INTERVAL)


def _flush_at_stop():
    state = _state
    if not state.writing.acquire(timeout=STOP_TIMEOUT):
        return
    try:
        _flush_all(state)
    finally:
        state.writing.release()


def _flush_all(state):
    """Write for each database; whether all went well."""
    done = True
    for dbname in list(state.pending):
        threading.current_thread().dbname = dbname  # for the log
        try:
            _flush(state, Registry(dbname))
            state.failures.pop(dbname, None)
        except Exception as exc:  # noqa: BLE001 - the thread must live on
            done = False
            _note_failure(state, dbname, exc)
    return done


def _note_failure(state, dbname, exc):
    # An exception's text may hold the data.
    _logger.warning("Counts and events wait: %s", type(exc).__name__)
    failures = state.failures[dbname] = state.failures.get(dbname, 0) + 1
    if failures >= MAX_FAILURES:
        _logger.warning("Counts and events are given up")
        del state.failures[dbname]
        with state.lock:
            state.pending.pop(dbname, None)
