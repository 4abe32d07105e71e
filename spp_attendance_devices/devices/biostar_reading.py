"""Which events of a BioStar 2 server are read, and what is remembered of it.

The server gives each event a number (``id``) when it comes in, so what is new has a
higher one than the last that was read, also if it is late: readers that were cut off
send old events days after. Numbers start anew each month, so they are kept by month.

Older servers find nothing by number, and a server that was restored begins with lower
ones. So each reading *walks* through the last hours too, by time, and a first or whole
reading through all of the past that counts. There are no pages to turn: a walk asks for
the oldest events from a moment on, and goes on from the moment of the last of them.

The cursor::

    until    when the last walk that came to its end began, "" at first
    walk     where the walk goes on that the limit interrupted, or null
    ids      highest number read of each month; null when the server knows none
    readers  for each, up to when its events are known and since when it is cut off
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from . import biostar_codec as codec
from .adapter import DeviceInfo, Reading, ReadRequest, ScanData
from .biostar import Options
from .biostar_session import Refused, Session
from .errors import DeviceIncomplete, DeviceProtocolError

#: Events that are asked for at once; more only where a moment has more.
PAGE: Final = 1000
MAX_PAGE: Final = 16_000
#: After this part of the deadline no further page is asked for, so that what was read
#: is not read in vain.
_PATIENCE: Final = 0.6
#: Later than any reader's clock can be: it counts seconds in 32 bits.
_FOR_EVER: Final = datetime(2107, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_VERSION: Final = 1


@dataclass
class Walk:
    """How far a walk is. Moments are texts here: it is kept as JSON."""

    #: Of the next page; events of this very second may be among those read already.
    position: str
    #: When it began, and whether it goes through all that there is.
    began: str
    full: bool
    #: Of those in the second of the position, and of those without a moment.
    seen: list[str] = field(default_factory=list)


@dataclass
class Memory:
    """The cursor."""

    until: str = ""
    walk: Walk | None = None
    ids: dict[str, int] | None = field(default_factory=dict)
    readers: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Mapping[str, Any] | None) -> Memory:
        """From a stored cursor; an unknown one is as none."""
        if not cursor or cursor.get("version") != _VERSION:
            return cls()
        walk = cursor["walk"] and Walk(**cursor["walk"])
        ids = cursor["ids"]
        return cls(
            cursor["until"],
            walk,
            None if ids is None else dict(ids),
            dict(cursor["readers"]),
        )

    def cursor(self) -> dict[str, Any]:
        return {"version": _VERSION, **asdict(self)}


def read(
    session: Session,
    options: Options,
    readers: list[codec.Reader],
    info: DeviceInfo,
    request: ReadRequest,
) -> Reading:
    """The events since the cursor, as scans.

    A walk through everything that was interrupted goes on, also when all is asked for
    anew: all is what it brings.
    """
    memory = Memory.of(request.cursor)
    if memory.readers and not set(memory.readers) & {one.id for one in readers}:
        memory = Memory()  # another server
    known = memory.until
    task = _Task(session, options, request, memory)
    done = task.run()
    held = _presence(memory, readers, options, request.now, known, done)
    until = _complete_until(memory, request.now, done)
    return Reading(
        info=info,
        scans=task.scans,
        detail=_absent(readers),
        cursor=memory.cursor(),
        more=not done,
        complete_until=min([until, *held]),
    )


class _Task:
    """One reading: walks, and gathers scans up to the limit."""

    def __init__(
        self, session: Session, options: Options, request: ReadRequest, memory: Memory
    ) -> None:
        self.scans: list[ScanData] = []
        self._session = session
        self._options = options
        self._now = request.now
        self._limit = max(request.limit, 1)
        self._memory = memory
        self._full = request.full
        self._oldest = request.now - options.history
        #: The clock of a reader may be fast.
        self._newest = request.now + timedelta(days=1)
        #: Of all that was read: an event is met by its number and by its time.
        self._met: set[str] = set()

    def run(self) -> bool:
        """Read; whether all was read that there is. The memory follows."""
        memory = self._memory
        if memory.walk is None or (self._full and not memory.walk.full):
            memory.walk = self._begin()
        if not (self._by_number() and self._walk(memory.walk)):
            return False
        memory.until, memory.walk = memory.walk.began, None
        return True

    # By time

    def _begin(self) -> Walk:
        memory = self._memory
        drift = self._session.clock_drift(self._now) or 0
        began = codec.stamp(self._now + timedelta(seconds=min(drift, 0)))
        if self._full or not memory.until:
            memory.ids = self._highest()
            return Walk(codec.stamp(self._oldest), began, full=True)
        lower = max(self._oldest, _moment(memory.until) - self._options.overlap)
        return Walk(codec.stamp(lower), began, full=False)

    def _walk(self, walk: Walk) -> bool:
        """Go on until there is nothing new (True), or enough was read (False)."""
        end = _FOR_EVER if walk.full else self._newest
        seen = set(walk.seen)
        times = 1
        while self._may_go_on():
            size = min(PAGE, self._room()) * times
            position = _moment(walk.position)
            rows = self._ask(size, (position, end))
            _check_order(rows, position)
            new = [row for row in _once(rows) if codec.key(row) not in seen]
            if new:
                _advance(walk, seen, self._take(new))
                walk.seen = sorted(seen)
                times = 1
            elif len(rows) < size:
                return True
            elif size >= MAX_PAGE:
                raise DeviceIncomplete(f"over {MAX_PAGE} events in one second")
            else:
                # All in one second, and known: the others are beyond the page.
                times *= 2
        return False

    # By number

    def _highest(self) -> dict[str, int] | None:
        """The last number of each month so far, before all of it is read by time."""
        found = {}
        try:
            for month, start, end in codec.months(self._oldest, self._newest):
                rows = self._ask(1, (start, end), order="id", descending=True)
                found[month] = max((_id(row) for row in rows), default=0)
        except Refused:
            return None
        return found

    def _by_number(self) -> bool:
        """Read what came in since; whether that was all."""
        memory = self._memory
        if memory.ids is None:
            return True
        months = list(codec.months(self._oldest, self._newest))
        memory.ids = {name: memory.ids.get(name, 0) for name, _start, _end in months}
        try:
            return all(
                self._of_month(name, (start, end)) for name, start, end in months
            )
        except Refused:
            memory.ids = None
            return True

    def _of_month(self, month: str, between: tuple[datetime, datetime]) -> bool:
        ids = self._memory.ids
        assert ids is not None
        while self._may_go_on():
            after = ids.get(month, 0)
            size = min(PAGE, max(self._room(), 1))
            rows = self._ask(size, between, after_id=after, order="id")
            numbers = [_id(row) for row in rows]
            if numbers != sorted(numbers) or min(numbers, default=after + 1) <= after:
                raise Refused("does not find events by their numbers")
            if not rows:
                return True
            ids[month] = _id(self._take(rows)[-1])
        return False

    # Both

    def _ask(
        self, size: int, between: tuple[datetime, datetime], **more: Any
    ) -> list[dict[str, Any]]:
        readers = self._options.readers
        return self._session.events(codec.query(size, between, only=readers, **more))

    def _room(self) -> int:
        return self._limit - len(self.scans)

    def _may_go_on(self) -> bool:
        return self._room() > 0 and (self._session.spent() < _PATIENCE or not self._met)

    def _take(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Keep the scans among rows until the limit; the rows that were looked at."""
        for place, row in enumerate(rows):
            if self._room() <= 0:
                return rows[:place]
            met = codec.key(row)
            if met in self._met:
                continue
            self._met.add(met)
            reader = codec.text(row, "device_id", "id")
            if self._options.readers and reader not in self._options.readers:
                continue
            scan = codec.scan(row, self._options.tna_keys, self._options.denied)
            if scan:
                self.scans.append(scan)
        return rows


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({codec.key(row): row for row in rows}.values())


def _check_order(rows: list[dict[str, Any]], position: datetime) -> None:
    """What a walk rests on. Servers before 2.7.14 sort as they like.

    :raises DeviceProtocolError: when the server does not do as it was asked
    """
    moments = [when for row in rows if (when := codec.moment(row))]
    if moments != sorted(moments):
        raise DeviceProtocolError(
            "does not sort events by time; BioStar 2.7.14 or newer is needed"
        )
    if moments and moments[0] < position:
        raise DeviceProtocolError("sends events from before the time it was asked for")


def _advance(walk: Walk, seen: set[str], rows: list[dict[str, Any]]) -> None:
    """Move a walk behind rows, which are in its order."""
    for row in rows:
        when = codec.moment(row)
        if when is None:
            seen.add(codec.key(row))
            continue
        second = codec.stamp(when)
        if second != walk.position:
            walk.position = second
            # Events without a moment are found on every page.
            seen.intersection_update(filter(_is_odd, set(seen)))
        seen.add(codec.key(row))


def _is_odd(key: str) -> bool:
    return codec.moment({"datetime": key.rpartition("|")[2]}) is None


def _id(row: Mapping[str, Any]) -> int:
    return codec.number(codec.text(row, "id")) or 0


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# Who was connected


def _presence(
    memory: Memory,
    readers: list[codec.Reader],
    options: Options,
    now: datetime,
    known: str,
    done: bool,
) -> list[datetime]:
    """Up to when the events of readers are known that may have kept some to themselves.

    A reader that has just come back is still sending, so it holds back until it has
    been connected twice in a row. For how long one that is away is waited for is the
    company's to say, not the server's. One that is new here may have kept to itself
    what came after ``known``.
    """
    names = [reader.id for reader in readers]
    known = known or codec.stamp(now - options.history)
    connected = {reader.id for reader in readers if reader.connected}
    held, after = [], {}
    for name in dict.fromkeys([*names, *options.readers]):
        before = memory.readers.get(name, {"until": known, "since": ""})
        until, since = before["until"], before["since"]
        if name in connected and not since:
            until = now.isoformat() if done else until
        else:
            since = since or now.isoformat()
            held.append(_moment(until))
            if name in connected and done:
                since = ""
        after[name] = {"until": until, "since": since}
    memory.readers = after
    return held


def _complete_until(memory: Memory, now: datetime, done: bool) -> datetime:
    """Up to when all is known that the server has."""
    if done and memory.ids is not None:
        return now
    # Without numbers, what came in behind a walk of several readings is not known.
    found = [_moment(text) for text in (memory.until,) if text]
    if memory.walk:
        found.append(_moment(memory.walk.position))
    return min(max(found, default=_FIRST), now)


def _absent(readers: list[codec.Reader]) -> str:
    away = [reader.id for reader in readers if not reader.connected]
    return f"not connected: {', '.join(away[:20])}" if away else ""
