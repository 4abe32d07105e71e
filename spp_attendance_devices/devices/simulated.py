"""A terminal that exists only as arithmetic, for demonstrations, benches and tests.

The same seed and day always give the same scans, and what is read at 10:05 is the
beginning of what is read at 10:06: like a real log, it only grows.
"""

from __future__ import annotations

import time as clock
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from .adapter import (
    BaseMachineAdapter,
    Capabilities,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
    UserData,
)
from .errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDisconnected,
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    InvalidConfig,
)
from .scan_types import ScanType

#: Faults that end the conversation.
_FAILURES: Final[dict[str, type[DeviceError]]] = {
    "offline": DeviceUnreachable,
    "refuse_auth": DeviceAuthFailed,
    "timeout": DeviceTimeout,
    "close_mid": DeviceDisconnected,
    "busy": DeviceBusy,
}
#: Faults that the answer carries.
_ODDITIES: Final = (
    "empty",
    "duplicates",  # every scan is sent twice
    "unmatched",  # one badge that nobody has
    "out_of_order",  # the log is not in the order of time
    "bad_date",  # the log begins with a scan on 31 February
    "future",  # the log begins with a scan in 2099
    "wrong_count",  # all is sent, but one more is counted
    "partial",  # half of the log is sent
    "clock_drift",  # the clock is ten minutes fast
)
_DRIFT: Final = timedelta(minutes=10)
_DAY: Final = 24 * 60 * 60

_DEFAULTS: Final[dict[str, Any]] = {
    "people": ["P-0001", "P-0002", "P-0003"],
    "per_minute": 1.0,
    "days": 1,
    "scans": None,
    "latency_s": 0,
    "seed": "demo",
    "fault": "",
}


class SimulatedAdapter(BaseMachineAdapter):
    """Options: ``people`` (badge codes), ``per_minute`` (scans a minute on average,
    0 to 60), ``days`` (how many days the log holds, 1 to 31), ``scans`` (instead of
    those two: exactly so many, all of them yesterday), ``latency_s`` (seconds that
    each conversation takes, 0 to 60), ``seed`` (text) and ``fault`` (see the tables
    above; empty for none)."""

    key = "simulated"
    label = "Simulated"
    capabilities = Capabilities(networked=False, users=True, options=tuple(_DEFAULTS))

    @classmethod
    def _validate_options(cls, options: Mapping[str, Any]) -> None:
        options = {**_DEFAULTS, **options}
        people = options["people"]
        if not isinstance(people, list) or not all(
            isinstance(code, str) and code for code in people
        ):
            raise InvalidConfig("people must be a list of badge codes")
        if not _is_number(options["per_minute"], 0, 60):
            raise InvalidConfig("per_minute must be a number from 0 to 60")
        if not _is_whole(options["days"], 1, 31):
            raise InvalidConfig("days must be a whole number from 1 to 31")
        if options["scans"] is not None and not _is_whole(options["scans"], 0, _DAY):
            raise InvalidConfig(f"scans must be a whole number from 0 to {_DAY}")
        if not _is_number(options["latency_s"], 0, 60):
            raise InvalidConfig("latency_s must be a number from 0 to 60")
        if options["fault"] not in ("", *_FAILURES, *_ODDITIES):
            raise InvalidConfig("fault is not one of the known faults")

    def __init__(self, config: DeviceConfig) -> None:
        super().__init__(config)
        self._options: dict[str, Any] = {**_DEFAULTS, **config.options}
        self._fault: str = self._options["fault"]

    def test(self, now: datetime) -> DeviceInfo:
        self._connect()
        return self._info(0 if self._fault == "empty" else len(self._log(now)))

    def read_scans(self, request: ReadRequest) -> Reading:
        """The cursor is the time of the last scan: alone it would do for no real
        terminal, but this one's log has one a second at most, and nothing late."""
        self._connect()
        log = [] if self._fault == "empty" else self._log(request.now)
        since = "" if request.full else (request.cursor or {}).get("until", "")
        new = [scan for scan in log if scan.timestamp_raw > since] if since else log
        more = len(new) > request.limit
        new = new[: request.limit]
        until = new[-1].timestamp_raw if new else since
        sent, detail = self._odd(new, request.now), ""
        if self._fault == "wrong_count":
            detail = f"{len(sent) + 1} counted, {len(sent)} sent"
        elif self._fault == "partial":
            detail = f"{len(new)} counted, {len(sent)} sent"
        return Reading(
            info=self._info(len(log) + (self._fault == "wrong_count")),
            scans=sent,
            complete=not detail,
            detail=detail,
            cursor={"until": until},
            more=more and not detail,
            complete_until=self._aware(new[-1].local_time) if more else None,
        )

    def read_users(self) -> list[UserData]:
        self._connect()
        return [
            UserData(code, f"Simulated person {number}", "")
            for number, code in enumerate(self._options["people"], 1)
        ]

    def _connect(self) -> None:
        """Take as long as a network would, and fail as one does."""
        latency, timeout = self._options["latency_s"], self.config.timeout
        clock.sleep(min(latency, timeout))
        if latency > timeout:
            raise DeviceTimeout("simulated")
        if failure := _FAILURES.get(self._fault):
            raise failure("simulated")

    def _info(self, records: int) -> DeviceInfo:
        return DeviceInfo(
            serial=f"SIM-{self._options['seed']}",
            model=self.label,
            firmware="1.0",
            users=len(self._options["people"]),
            records=records,
            clock_drift=int(_DRIFT.total_seconds()) * (self._fault == "clock_drift"),
        )

    def _shown(self, now: datetime) -> datetime:
        """What the terminal's clock shows (naive)."""
        return self.config.local(now) + _DRIFT * (self._fault == "clock_drift")

    def _aware(self, local_time: datetime | None) -> datetime | None:
        """The first moment at which the clock shows a local time."""
        zone = ZoneInfo(self.config.tz)
        return local_time and local_time.replace(tzinfo=zone).astimezone(UTC)

    def _log(self, now: datetime) -> list[ScanData]:
        shown = self._shown(now)
        if self._options["scans"] is not None:
            return list(self._spread(shown.date() - timedelta(days=1)))
        days = [
            shown.date() - timedelta(days=back)
            for back in reversed(range(self._options["days"]))
        ]
        return [
            scan
            for day in days
            for scan in self._day(day)
            if scan.local_time is not None and scan.local_time <= shown
        ]

    def _odd(self, scans: list[ScanData], now: datetime) -> list[ScanData]:
        """The scans as they are sent under the fault."""
        today = self._shown(now).date()
        match self._fault:
            case "duplicates":
                return [scan for scan in scans for _copy in range(2)]
            case "unmatched":
                stranger = f"UNKNOWN-{self._options['seed']}"
                return [scan._replace(user_code=stranger) for scan in scans[:1]] + (
                    scans[1:]
                )
            case "out_of_order":
                return Random(self._options["seed"]).sample(scans, len(scans))
            case "bad_date":
                bad = f"{today.year}-02-31 08:00:00"
                return [_scan(self._someone(), bad, None, "in"), *scans]
            case "future":
                far = datetime(2099, 1, 1, 8)
                return [_scan(self._someone(), str(far), far, "in"), *scans]
            case "partial":
                return scans[: len(scans) // 2]
        return scans

    def _someone(self) -> str:
        return self._options["people"][0] if self._options["people"] else "1"

    def _day(self, day: date) -> Iterator[ScanData]:
        """Everybody's scans of one local day. Each minute is drawn on its own, so the
        morning does not depend on the afternoon; people alternate in and out."""
        rate, people = self._options["per_minute"], self._options["people"]
        if not people:
            return
        seen: defaultdict[str, int] = defaultdict(int)
        for minute in range(24 * 60):
            draw = Random(f"{self._options['seed']}|{day}|{minute}")
            count = int(rate) + (draw.random() < rate % 1)
            for second in sorted(draw.sample(range(60), min(count, 60))):
                code = draw.choice(people)
                moment = datetime.combine(day, time(minute // 60, minute % 60, second))
                kind: ScanType = "out" if seen[code] % 2 else "in"
                seen[code] += 1
                yield _scan(code, str(moment), moment, kind)

    def _spread(self, day: date) -> Iterator[ScanData]:
        """A number of scans evenly over one local day, in arithmetic alone: a bench
        of hundreds of terminals must not measure this."""
        count, people = self._options["scans"], self._options["people"]
        if not people:
            return
        midnight = datetime.combine(day, time())
        for number in range(count):
            moment = midnight + timedelta(seconds=number * _DAY // count)
            turn, place = divmod(number, len(people))
            kind: ScanType = "out" if turn % 2 else "in"
            yield _scan(people[place], str(moment), moment, kind)


def _scan(
    code: str, raw_time: str, local_time: datetime | None, kind: ScanType
) -> ScanData:
    return ScanData(code, raw_time, local_time, kind, None, None, {"simulated": kind})


def _is_number(value: Any, low: float, high: float) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and low <= value <= high


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and _is_number(value, low, high)
