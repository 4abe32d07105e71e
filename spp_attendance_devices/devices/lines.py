"""Readers of any make that speak the line protocol: one JSON object a line over TCP.

The reader numbers its scans. What is stored is acknowledged by number, so a reader
with little memory knows what it may forget. Numbers alone are no cursor: a log that
began again has them, too, so the log has a name that changes then.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from .adapter import (
    Acknowledged,
    BaseMachineAdapter,
    Capabilities,
    Cursor,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
)
from .errors import DeviceError, DeviceProtocolError, InvalidConfig
from .line_session import (
    MIN_KEY,
    LineSession,
    clean,
    converse,
    meet,
    parse,
    refuse,
)
from .scan_types import ScanType

DIRECTIONS: Final[Mapping[str, ScanType]] = {
    "in": "in",
    "out": "out",
    "break_out": "break_start",
    "break_in": "break_end",
    "overtime_in": "overtime_in",
    "overtime_out": "overtime_out",
}
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?"
)
_CODE_LENGTH: Final = 64
_MAX_NUMBER: Final = 2**53
#: Nothing later is known than this when a page holds no usable time at all.
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class LinesAdapter(BaseMachineAdapter):
    """Line JSON over TCP, with a shared key, in clear or under TLS."""

    key = "lines"
    label = "Line JSON (TCP)"
    capabilities = Capabilities(
        isolated=True,
        secret="shared_key",
        default_port=4371,
        known_ports=(4371,),
        tls=True,
        clock=True,
        clear=True,
    )

    @classmethod
    def validate(cls, config: DeviceConfig) -> None:
        if config.password and len(config.password) < MIN_KEY:
            raise InvalidConfig(f"the shared key needs {MIN_KEY} characters or more")
        return super().validate(config)

    def test(self, now: datetime) -> DeviceInfo:
        clock = _Clock(now)
        with converse(self.config) as session:
            return self._info(session, clock)

    def read_scans(self, request: ReadRequest) -> Reading:
        clock = _Clock(request.now)
        with converse(self.config) as session:
            info = self._info(session, clock)
            log, last = _log_of(session)
            known, notice = _known(request.cursor, log, last)
            since = 0 if request.full else known or 0
            page = _pull(session, since, request.limit)
        if page.fault:
            return Reading(info, page.scans, complete=False, detail=page.fault)
        acked = _whole(session.welcome.get("acked")) or 0
        return Reading(
            info=info,
            scans=page.scans,
            detail=notice or page.gap(known),
            cursor={"log": log, "seq": page.last},
            more=page.more,
            complete_until=self._known_until(page, request.now),
            # Also when an earlier acknowledgement was lost.
            acknowledge=page.last > acked,
        )

    def acknowledge(self, cursor: Cursor, now: datetime, clear: bool) -> Acknowledged:
        del now
        with converse(self.config) as session:
            log, _last = _log_of(session)
            if log != cursor["log"]:
                return Acknowledged(detail="the reader's log began again meanwhile")
            answer = session.ask({"cmd": "ack", "seq": cursor["seq"], "clear": clear})
        cleared = _whole(answer.get("cleared"))
        if clear and cleared is None:
            return Acknowledged(detail="the reader keeps its log")
        return Acknowledged(cleared=cleared if clear else None)

    def set_clock(self, now: datetime) -> DeviceInfo:
        clock = _Clock(now)
        with converse(self.config) as session:
            right = clock.now().astimezone(ZoneInfo(self.config.tz))
            answer = session.ask(
                {"cmd": "clock", "now": right.isoformat(timespec="seconds")}
            )
            return self._info(session, clock, shown=answer.get("now"))

    @classmethod
    def probe(cls, config: DeviceConfig) -> str | None:
        try:
            with meet(config) as session:
                model = clean(session.hello.get("model"), 64)
                return " ".join(filter(None, (session.device, model)))
        except DeviceProtocolError:
            return None

    def _info(
        self, session: LineSession, clock: _Clock, shown: Any = None
    ) -> DeviceInfo:
        hello, welcome = session.hello, session.welcome
        return DeviceInfo(
            serial=session.device,
            model=clean(hello.get("model"), 64),
            firmware=clean(hello.get("firmware"), 64),
            users=_whole(welcome.get("people")),
            records=_whole(welcome.get("records")),
            capacity=_whole(welcome.get("capacity")),
            clock_drift=self._drift(shown or welcome.get("now"), clock.now()),
        )

    def _drift(self, shown: Any, now: datetime) -> int | None:
        _raw, moment = decode_time(shown)
        if moment is None:
            return None
        right = self.config.local(now) if moment.tzinfo is None else now
        return round((moment - right).total_seconds())

    def _known_until(self, page: _Page, now: datetime) -> datetime | None:
        """What comes after a page is later than what is in it, as far as one knows."""
        if not page.more:
            return None
        zone = ZoneInfo(self.config.tz)
        for scan in reversed(page.scans):
            moment = scan.local_time
            if moment is not None:
                moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
                if moment <= now:
                    return moment.astimezone(UTC)
        return _LONG_AGO


class _Clock:
    """The server's time while a conversation goes on."""

    def __init__(self, now: datetime) -> None:
        self._start, self._began = now, time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)


class _Page(NamedTuple):
    """What one pull brought. ``fault`` says why it is not whole, "" when it is."""

    scans: list[ScanData]
    last: int = 0
    more: bool = False
    fault: str = ""

    def gap(self, known: int | None) -> str:
        """What to say of numbers that are missing after ``known``, or, when that is
        None, after the first that was sent."""
        numbers = {int(scan.number) for scan in self.scans if scan.number}
        if known is None:
            known = min(numbers, default=self.last + 1) - 1
        unnumbered = sum(not scan.number for scan in self.scans)
        sent = sum(number > known for number in numbers) + unnumbered
        missing = self.last - known - sent
        if missing <= 0:
            return ""
        return f"{missing} of the numbers {known + 1} to {self.last} were not sent"


def _log_of(session: LineSession) -> tuple[str, int]:
    """The name of the reader's log and the last number in it."""
    last = _whole(session.welcome.get("last"))
    if last is None:
        raise DeviceProtocolError("the reader does not say its last number")
    return clean(session.welcome.get("log"), 64), last


def _known(cursor: Cursor | None, log: str, last: int) -> tuple[int | None, str]:
    """The number up to which this log is stored, None when nothing of it is, and what
    to say of that."""
    seq = _whole((cursor or {}).get("seq"))
    if cursor is None or seq is None:
        return None, ""
    if cursor.get("log") != log:
        return None, "the reader's log began again"
    if last < seq:
        return None, f"the last number fell from {seq} to {last}"
    return seq, ""


def _pull(session: LineSession, since: int, limit: int) -> _Page:
    """Have the reader send what comes after ``since``.

    :raises DeviceError: when nothing at all came of it
    """
    scans: list[ScanData] = []
    try:
        session.send({"cmd": "pull", "since": since, "limit": limit})
        while True:
            line = session.receive()
            row = parse(line)
            if row is not None:
                if row.get("end") is True:
                    return _end(scans, row, since)
                if "user" not in row and "seq" not in row:
                    refuse(row)
            if len(scans) == limit:
                raise DeviceProtocolError("the reader sends more than it was asked for")
            scans.append(decode_row(line, row))
    except (DeviceError, OSError) as error:
        if not scans:
            raise
        return _Page(scans, fault=f"after {len(scans)} scans: {error}"[:200])


def _end(scans: list[ScanData], end: Mapping[str, Any], since: int) -> _Page:
    count, last = _whole(end.get("count")), _whole(end.get("last"))
    more = end.get("more") is True
    if count != len(scans):
        fault = f"{clean(end.get('count'), 20)} counted, {len(scans)} sent"
        return _Page(scans, fault=fault)
    highest = max((int(scan.number) for scan in scans if scan.number), default=0)
    if last is None or last < max(highest, since if not scans else 0):
        return _Page(scans, fault="the last number is not that of the scans sent")
    if more and last <= since:
        return _Page(scans, fault="there is more, the reader says, but sends nothing")
    return _Page(scans, last, more)


def decode_row(line: bytes, row: Mapping[str, Any] | None) -> ScanData:
    """One scan from its line; what is missing or unusable in it is left empty, and
    no row is left out."""
    if row is None:
        # Not to be kept, but told apart: who knows what stands in it.
        digest = hashlib.sha256(line).hexdigest()[:16]
        return ScanData("", f"line {digest}", None, "none", None, None, {})
    user = row.get("user")
    code = "" if isinstance(user, (bool, float)) else clean(user, _CODE_LENGTH + 1)
    if len(code) > _CODE_LENGTH or "\ufffd" in code:
        code = ""
    raw_time, moment = decode_time(row.get("ts"))
    direction, number = clean(row.get("dir"), 32), _whole(row.get("seq"))
    return ScanData(
        code,
        raw_time,
        moment,
        DIRECTIONS.get(direction, "none"),
        None,
        None,
        {"dir": direction, "method": clean(row.get("method"), 32)},
        str(number) if number else "",
        clean(row.get("card"), 64),
        "duress" if row.get("flag") == "duress" else "",
    )


def decode_time(value: Any) -> tuple[str, datetime | None]:
    """A time as it was sent, and the moment it stands for: aware when its offset was
    sent, None when there is no such moment."""
    raw = clean(value, 64) if isinstance(value, str) else ""
    if not _TIME.fullmatch(raw):
        return raw, None
    try:
        moment = datetime.fromisoformat(raw).replace(microsecond=0)
    except ValueError:
        return raw, None
    # At the ends of the calendar another zone's time does not exist.
    return raw, moment if 1900 <= moment.year < 9999 else None


def _whole(value: Any) -> int | None:
    """A number that is sent as one, from 0 on."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= _MAX_NUMBER else None
    return None
