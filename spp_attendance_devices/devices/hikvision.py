"""Hikvision access terminals (MinMoe and their kin) over ISAPI.

What is new is searched by the terminal's own numbers, so that a clock that was wrong
hides nothing; by time, with some overlap, where firmware knows no search by number.
A search is paged by the rows that came, whatever was asked for. A log that is longer
than one reading is walked through by position in one and the same search, in the
order of the terminal, which may have had its clock set back: the cursor says where
the walk stands, and which event was last, which must be met again there.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from zoneinfo import ZoneInfo

from . import hikvision_codec as codec
from .adapter import (
    BaseMachineAdapter,
    Capabilities,
    Cursor,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
    UserData,
)
from .errors import (
    DeviceAuthFailed,
    DeviceError,
    DeviceLocked,
    DevicePermission,
    DeviceProtocolError,
    InvalidConfig,
    UnsupportedDevice,
)

if TYPE_CHECKING:
    from .http import Answer

#: Fast clocks are ahead of ours; what they recorded is wanted now.
AHEAD: Final = timedelta(minutes=15)
#: How much of what is known is read again each time.
OVERLAP: Final = timedelta(minutes=10)
#: A clock that was set by more than this (s) may have recorded where we looked before.
JUMP: Final = 60
#: All time: not before the epoch in any zone. What a terminal dates later is no moment.
FIRST: Final = datetime(1970, 1, 2)
LAST: Final = datetime(2099, 12, 31, 23, 59, 59)
#: What firmware takes that finds those unreasonable.
FIRST_PLAIN: Final = datetime(2000, 1, 1)
LAST_NUMBER: Final = 3_000_000_000
#: Pages of one reading, whatever the terminal says.
MAX_PAGES: Final = 5_000
#: What a cursor says of readings that are over, beside where a walk stands.
_KNOWN: Final = ("serial_no", "last", "time")
_SEARCH: Final = "/ISAPI/AccessControl/AcsEvent?format=json"
_SERVERS: Final = ("app-webs", "dnvrs-webs", "dvrdvs-webs", "hikvision")


class HikvisionAdapter(BaseMachineAdapter):
    """Options: ``page`` (events asked for at a time, 1 to 1000; terminals send fewer as
    they like), ``passes`` and ``fails`` (minor event codes beside the known ones)."""

    key = "hikvision"
    label = "Hikvision (ISAPI)"
    capabilities = Capabilities(
        isolated=True,
        secret="password",
        username=True,
        default_port=80,
        known_ports=(80, 443),
        tls=True,
        users=True,
        clock=True,
        push="isapi",
        push_setup=True,
        options=("page", "passes", "fails"),
    )

    @classmethod
    def _validate_options(cls, options: Mapping[str, Any]) -> None:
        page = options.get("page", 30)
        if type(page) is not int or not 1 <= page <= 1000:
            raise InvalidConfig("page must be a whole number from 1 to 1000")
        for name in ("passes", "fails"):
            codes = options.get(name, [])
            if not isinstance(codes, list) or not all(type(c) is int for c in codes):
                raise InvalidConfig(f"{name} must be a list of event codes (numbers)")

    def test(self, now: datetime) -> DeviceInfo:
        with Session(self.config, now) as session:
            info = session.info()
            _window, first = session.begin(_Window.whole(), 0, size=1)
            return DeviceInfo(**{**info, "records": first.total})

    def read_scans(self, request: ReadRequest) -> Reading:
        with Session(self.config, request.now) as session:
            info = DeviceInfo(**session.info())
            return _Read(session, info, request).run()

    def read_users(self) -> list[UserData]:
        with Session(self.config, datetime.now(UTC)) as session:
            return session.users()

    def set_clock(self, now: datetime) -> DeviceInfo:
        with Session(self.config, now) as session:
            session.set_clock()
            return DeviceInfo(**session.info())

    def set_push(self, address: str) -> DeviceInfo:
        from .hikvision_hosts import register

        with Session(self.config, datetime.now(UTC)) as session:
            register(session, address)
            return DeviceInfo(**session.info())

    @classmethod
    def probe(cls, config: DeviceConfig) -> str | None:
        from .http import HttpClient, find_text

        with HttpClient(config) as client:
            try:
                answer = client.request("GET", "/ISAPI/System/deviceInfo")
            except DeviceProtocolError:
                return None
        try:
            root = answer.xml()
        except DeviceProtocolError:
            root = None
        if answer.status == 200 and root is not None:
            is_hikvision = root.tag.rpartition("}")[2] == "DeviceInfo"
            return codec.text(find_text(root, "model")) if is_hikvision else None
        server = answer.headers.get("server", "").lower()
        challenge = answer.headers.get("www-authenticate", "").lower()
        is_hikvision = answer.status == 401 and (
            (root is not None and root.tag.rpartition("}")[2] == "userCheck")
            or ("digest" in challenge and any(name in server for name in _SERVERS))
        )
        return "" if is_hikvision else None


@dataclass(frozen=True, slots=True)
class _Window:
    """Between which local times (naive, the terminal's zone) is searched, and from
    which number on."""

    start: datetime
    end: datetime
    begin: int = 0

    @classmethod
    def whole(cls, begin: int = 0) -> Self:
        return cls(FIRST, LAST, begin)

    @classmethod
    def stored(cls, words: Sequence[Any]) -> Self:
        start, end, begin = words
        return cls(datetime.fromisoformat(start), datetime.fromisoformat(end), begin)

    def store(self) -> list[Any]:
        return [self.start.isoformat(), self.end.isoformat(), self.begin]


@dataclass(slots=True)
class _Page:
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    total: int | None = None
    more: bool = False


class Session:
    """One conversation; a context manager."""

    def __init__(self, config: DeviceConfig, now: datetime) -> None:
        from .http import Digest, HttpClient

        self.config = config
        self.zone = ZoneInfo(config.tz)
        self._now, self._began = now, time.monotonic()
        self._search_id = str(uuid.uuid4())
        auth = Digest(config.username, config.password, _judge)
        self._client = HttpClient(config, auth)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.close()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def now(self) -> datetime:
        return self._now + timedelta(seconds=self.elapsed)

    def info(self) -> dict[str, Any]:
        """What there is for :class:`DeviceInfo`."""
        from .http import find_text

        root = self.xml("GET", "/ISAPI/System/deviceInfo")
        if root.tag.rpartition("}")[2] != "DeviceInfo":
            raise DeviceProtocolError("does not say which device it is")
        users = self._wanted("GET", "/ISAPI/AccessControl/UserInfo/Count?format=json")
        shown, _zone, _mode = self._clock()
        return {
            "serial": codec.text(find_text(root, "serialNumber")),
            "model": codec.text(find_text(root, "model")),
            "firmware": codec.text(find_text(root, "firmwareVersion")),
            "users": codec.whole(_inner(users, "UserInfoCount").get("userNumber")),
            "clock_drift": self._drift(shown),
        }

    def search(self, window: _Window, position: int, size: int = 0) -> _Page:
        """One page of events from ``position`` on.

        :raises codec.BadParameters: when the window is not to the terminal's liking
        """
        condition = {
            "searchID": self._search_id,
            "searchResultPosition": position,
            "maxResults": size or self.config.options.get("page", 30),
            "major": 5,
            "minor": 0,
            "startTime": self._offset(window.start),
            "endTime": self._offset(window.end),
            "picEnable": False,
        }
        if window.begin:  # both or none
            condition |= {"beginSerialNo": window.begin, "endSerialNo": LAST_NUMBER}
        answer = self._json("POST", _SEARCH, {"AcsEventCond": condition})
        return _page(answer, "AcsEvent", "InfoList")

    def begin(
        self, window: _Window, position: int, size: int = 0
    ) -> tuple[_Window, _Page]:
        """The page with which a new search begins, and the window that was accepted:
        some firmware finds all time too much."""
        self._new_search()
        try:
            return window, self.search(window, position, size)
        except codec.BadParameters:
            if (window.start, window.end) != (FIRST, LAST):
                raise
        until = self.config.local(self._now) + AHEAD
        window = _Window(FIRST_PLAIN, until, window.begin)
        self._new_search()
        return window, self.search(window, position, size)

    def _new_search(self) -> None:
        # Terminals keep the results of one.
        self._search_id = str(uuid.uuid4())

    def users(self) -> list[UserData]:
        cards: dict[str, str] = {}
        try:
            for row in self._all("CardInfo"):
                code = codec.text(row.get("employeeNo"))
                cards.setdefault(code, codec.text(row.get("cardNo")))
        except (UnsupportedDevice, DeviceProtocolError, DevicePermission):
            cards = {}  # not every model has cards
        return [
            UserData(code, codec.text(row.get("name"), 128), cards.get(code, ""))
            for row in self._all("UserInfo")
            if (code := codec.text(row.get("employeeNo")))
        ]

    def set_clock(self) -> None:
        """
        :raises UnsupportedDevice: when a time server sets it, which is better
        """
        shown, zone, mode = self._clock()
        if mode.lower() == "ntp":
            raise UnsupportedDevice("its clock follows a time server (NTP)")
        # In the offset it shows, so that its own zone stays as it is.
        offset = shown.tzinfo if shown and shown.tzinfo else self.zone
        local = self.now.astimezone(offset).replace(microsecond=0).isoformat()
        from lxml import etree

        root = etree.Element("Time", version="2.0")
        for name, value in (
            ("timeMode", "manual"),
            ("localTime", local),
            ("timeZone", zone),
        ):
            if value:
                etree.SubElement(root, name).text = value
        self.put_xml("/ISAPI/System/time", root)

    def xml(self, method: str, path: str) -> Any:
        """What is answered, as an lxml element."""
        return self._ask(method, path).xml()

    def put_xml(self, path: str, root: Any) -> None:
        """Have something set, given as an lxml element."""
        from lxml import etree

        self._ask(
            "PUT",
            path,
            data=etree.tostring(root, xml_declaration=True, encoding="UTF-8"),
            headers={"Content-Type": "application/xml"},
        )

    def _all(self, name: str) -> list[Mapping[str, Any]]:
        """All rows of a search of people or of cards."""
        rows: list[Mapping[str, Any]] = []
        self._new_search()
        for _page_number in range(MAX_PAGES):
            condition = {
                "searchID": self._search_id,
                "searchResultPosition": len(rows),
                "maxResults": self.config.options.get("page", 30),
            }
            path = f"/ISAPI/AccessControl/{name}/Search?format=json"
            answer = self._json("POST", path, {f"{name}SearchCond": condition})
            page = _page(answer, f"{name}Search", name)
            rows += page.rows
            if not page.rows or not page.more:
                break
        return rows

    def _clock(self) -> tuple[datetime | None, str, str]:
        """What its clock shows, its zone in its own words, and what sets it."""
        from .http import find_text

        root = self.xml("GET", "/ISAPI/System/time")
        return (
            codec.decode_time(find_text(root, "localTime")),
            find_text(root, "timeZone"),
            find_text(root, "timeMode"),
        )

    def _drift(self, shown: datetime | None) -> int | None:
        if shown is None:
            return None
        right = self.now if shown.tzinfo else self.config.local(self.now)
        # It shows whole seconds, the rest cut off.
        return round((shown - right).total_seconds() + 0.5)

    def _offset(self, local: datetime) -> str:
        return local.replace(tzinfo=self.zone, microsecond=0).isoformat()

    def _wanted(self, method: str, path: str) -> Any:
        """An answer that one can do without."""
        try:
            return self._json(method, path)
        except (UnsupportedDevice, DeviceProtocolError, DevicePermission):
            return {}

    def _json(self, method: str, path: str, json: Any = None) -> Any:
        return self._ask(method, path, json=json).json()

    def _ask(self, method: str, path: str, **words: Any) -> Answer:
        answer = self._client.request(method, path, **words)
        if answer.status == 401:
            raise DeviceAuthFailed("name or password refused")
        fault = codec.refusal(answer.status, _response_status(answer))
        if fault is None and answer.status != 200:
            fault = DeviceProtocolError(f"status {answer.status}")
        if fault is not None:
            raise fault
        return answer


class _Read:
    """One reading: which window, from where on, and what the cursor is then."""

    def __init__(
        self, session: Session, info: DeviceInfo, request: ReadRequest
    ) -> None:
        self._session = session
        self._info = info
        self._request = request
        self._cursor: Cursor = request.cursor or {}
        #: Where the walk through the log stands, {} without one.
        self._walked: Mapping[str, Any] = (
            {} if request.full else self._cursor.get("walk") or {}
        )
        self._known = codec.whole(self._cursor.get("serial_no")) or 0
        self._passes, self._fails = codec.event_codes(session.config.options)
        self._scans: list[ScanData] = []
        self._numbers: set[str] = set()
        self._highest = codec.whole(self._walked.get("highest")) or 0
        self._highest_mark = codec.text(self._walked.get("mark"), 200)
        self._by = codec.text(self._cursor.get("by")) or "number"
        self._last: Mapping[str, Any] = {}
        self._notice = ""

    def run(self) -> Reading:
        if self._walked:
            window = _Window.stored(self._walked["window"])
            position = self._walked["position"] - 1
            window, page = self._session.begin(window, position)
            if [self._walked["last"]] == [_mark(row) for row in page.rows[:1]]:
                return self._pages(window, position, page)
            self._notice = "its log changed in the middle of a long reading"
        elif not self._request.full and self._known:
            if self._cursor.get("by") != "time" and (begun := self._by_number()):
                return self._pages(*begun)
            if self._cursor.get("by") == "time" and (window := self._by_time()):
                window, page = self._session.begin(window, 0)
                return self._pages(window, 0, page)
        window, page = self._session.begin(_Window.whole(), 0)
        return self._pages(window, 0, page)

    def _by_number(self) -> tuple[_Window, int, _Page] | None:
        """Search from the last known event on, which must be there still; None when
        all has to be read instead."""
        try:
            window, page = self._session.begin(_Window.whole(self._known), 0)
        except codec.BadParameters:
            self._by = "time"
            return None
        if page.rows and _mark(page.rows[0]) == self._cursor.get("last"):
            return window, 0, page
        numbers = [codec.whole(row.get("serialNo")) or 0 for row in page.rows]
        if any(number < self._known for number in numbers):
            self._by = "time"  # it takes no notice of where to begin
        elif self._cursor.get("last") in map(_mark, page.rows):
            return window, 0, page
        else:
            self._notice = "the numbering of its events began again"
        return None

    def _by_time(self) -> _Window | None:
        """A search from the last reading on, None when all has to be read."""
        until = self._moment("time")
        drift, before = self._info.clock_drift, self._cursor.get("drift")
        if until is None:
            return None
        if drift is not None and before is not None and abs(drift - before) > JUMP:
            self._notice = "the clock was set"
            return None
        config = self._session.config
        ahead = timedelta(seconds=drift or 0)
        start = config.local(until) + min(ahead, timedelta(0)) - OVERLAP
        end = config.local(self._request.now) + max(ahead, timedelta(0)) + AHEAD
        return _Window(start, end)

    def _moment(self, name: str) -> datetime | None:
        moment = codec.decode_time(self._cursor.get(name))
        return moment if moment and moment.tzinfo else None

    def _pages(self, window: _Window, position: int, page: _Page) -> Reading:
        """Go on from a page until there is no more, or enough for now."""
        budget = 0.75 * self._session.config.deadline
        begun = self._walked.get("position", 0)
        for number in range(1, MAX_PAGES + 1):
            again = bool(page.rows) and self._take(page.rows) == 0
            position += len(page.rows)
            counted = page.total is not None and position >= page.total
            if not page.rows or not page.more or counted:
                return self._end(window, position, page)
            if again and number > 1:
                return self._incomplete("it sends the same page again and again")
            enough = (
                len(self._scans) >= self._request.limit
                or number == MAX_PAGES
                or self._session.elapsed > budget
            )
            if enough and position > begun:
                return self._pause(window, position)
            try:
                page = self._session.search(window, position)
            except DeviceAuthFailed:
                raise
            except DeviceError as error:
                if not self._scans:
                    raise
                return self._incomplete(f"after {position} events: {error}"[:200])
        raise DeviceProtocolError("pages without an end")

    def _take(self, rows: list[Mapping[str, Any]]) -> int:
        """Keep what are scans of these events; how many of the events are new."""
        fresh = 0
        for row in rows:
            mark = _mark(row)
            if mark in self._numbers:
                continue
            self._numbers.add(mark)
            fresh += 1
            self._count(row)
            if codec.is_scan(row, self._passes, self._fails):
                self._scans.append(codec.decode_row(row))
        if rows:
            self._last = rows[-1]
        return fresh

    def _count(self, row: Mapping[str, Any]) -> None:
        """The highest number so far, of events that each later search would find too:
        not of those that a wrong clock dated far ahead."""
        moment = codec.decode_time(row.get("time"))
        if moment and moment.tzinfo and moment <= self._request.now + AHEAD:
            number = codec.whole(row.get("serialNo")) or 0
            if number > self._highest:
                self._highest, self._highest_mark = number, _mark(row)

    def _incomplete(self, detail: str) -> Reading:
        return Reading(self._info, self._scans, complete=False, detail=detail)

    def _end(self, window: _Window, position: int, page: _Page) -> Reading:
        if page.total is not None and position < page.total:
            return self._incomplete(f"{page.total} counted, {position} sent")
        by_time = window.start not in (FIRST, FIRST_PLAIN)
        if by_time and 0 < self._highest < self._known:
            # Wiped or reset. What it dated before our window is not known.
            return Reading(
                self._info,
                self._scans,
                detail="the numbering of its events began again",
                cursor={"by": self._by},
                more=True,
                complete_until=self._moment("time"),
            )
        if by_time and not self._highest:  # nothing at all since
            self._highest = self._known
            self._highest_mark = codec.text(self._cursor.get("last"), 200)
        return Reading(
            self._info,
            self._scans,
            detail=self._notice,
            cursor={
                "serial_no": self._highest,
                "last": self._highest_mark,
                "time": self._started(),
                "drift": self._info.clock_drift,
                "by": self._by,
            },
        )

    def _started(self) -> str:
        """Up to when all is known at the end: the beginning of the walk."""
        return self._walked.get("started") or self._request.now.isoformat()

    def _pause(self, window: _Window, position: int) -> Reading:
        """Enough for one reading; the next goes on from here."""
        newest = codec.decode_time(self._last.get("time"))
        times = [self._moment("time")]
        if newest and newest.tzinfo and newest <= self._request.now:
            times.append(newest)
        known = [moment for moment in times if moment]
        return Reading(
            self._info,
            self._scans,
            detail=self._notice,
            cursor={
                **{k: v for k, v in self._cursor.items() if k in _KNOWN},
                "drift": self._info.clock_drift,
                "by": self._by,
                "walk": {
                    "window": window.store(),
                    "position": position,
                    "last": _mark(self._last),
                    "highest": self._highest,
                    "mark": self._highest_mark,
                    "started": self._started(),
                },
            },
            more=True,
            complete_until=max(known) if known else FIRST.replace(tzinfo=UTC),
        )


def _mark(row: Mapping[str, Any]) -> str:
    """What tells one event of a log from another."""
    number = codec.text(row.get("serialNo"))
    who = "" if number else codec.text(row.get("employeeNoString"))
    return f"{number}|{codec.text(row.get('time'))}|{who}"


def _page(answer: Any, name: str, rows: str) -> _Page:
    found = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(found, Mapping):
        raise DeviceProtocolError(f"no {name} in the answer")
    status = codec.text(found.get("responseStatusStrg")).upper()
    return _Page(
        codec.rows_of(found, rows),
        codec.whole(found.get("totalMatches")),
        status == "MORE",
    )


def _inner(answer: Any, name: str) -> Mapping[str, Any]:
    inner = answer.get(name) if isinstance(answer, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _response_status(answer: Answer) -> Mapping[str, Any]:
    """The ResponseStatus in an answer, {} when it is something else: it comes as JSON
    or as XML, whatever was asked for and whatever its type says."""
    from .http import find_text

    names = ("statusCode", "subStatusCode", "statusString")
    try:
        if answer.body.lstrip().startswith(b"<"):
            root = answer.xml()
            is_status = root.tag.rpartition("}")[2] == "ResponseStatus"
            return {name: find_text(root, name) for name in names} if is_status else {}
        if answer.status == 200 and b'"statusCode"' not in answer.body:
            return {}
        words = answer.json()
    except DeviceProtocolError:
        return {}
    inner = _inner(words, "ResponseStatus") or words
    has_status = isinstance(inner, Mapping) and "statusCode" in inner
    return inner if has_status else {}


def _judge(answer: Answer, sent: bool) -> None:
    """Hear a 401: nothing more is tried at a terminal that says it is locked, or that
    it counts this password as wrong, since each try makes it last longer."""
    from .http import find_text

    try:
        root = answer.xml()
    except DeviceProtocolError:
        return
    if find_text(root, "lockStatus").lower() == "lock":
        seconds = codec.text(find_text(root, "unlockTime"))
        raise DeviceLocked(f"it opens again in {seconds} s" if seconds else "")
    left = codec.text(find_text(root, "retryLoginTime"))
    if sent and left:
        raise DeviceAuthFailed(f"name or password refused, {left} tries left")
