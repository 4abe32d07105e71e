"""A terminal that exists only as arithmetic, for demonstrations and tests.

The same seed and day always give the same scans, and what is read at 10:05 is the
beginning of what is read at 10:06: like a real log, it only grows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any, Final

from .adapter import (
    BaseMachineAdapter,
    Capabilities,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
)
from .errors import (
    DeviceAuthFailed,
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
}
#: Faults that the answer carries.
_ODDITIES: Final = ("bad_date", "future", "duplicates", "empty", "wrong_count")

_DEFAULTS: Final[dict[str, Any]] = {
    "people": ["P-0001", "P-0002", "P-0003"],
    "per_minute": 1.0,
    "days": 1,
    "seed": "demo",
    "fault": "",
}


class SimulatedAdapter(BaseMachineAdapter):
    """Options: ``people`` (badge codes), ``per_minute`` (scans a minute on average,
    0 to 60), ``days`` (how many days the log holds, 1 to 31), ``seed`` (text) and
    ``fault`` (see the tables above; empty for none)."""

    key = "simulated"
    label = "Simulated"
    capabilities = Capabilities(networked=False, options=True)

    @classmethod
    def _validate_options(cls, given: Mapping[str, Any]) -> None:
        unknown = set(given) - set(_DEFAULTS)
        if unknown:
            raise InvalidConfig(f"unknown options: {', '.join(sorted(unknown))}")
        options = {**_DEFAULTS, **given}
        people = options["people"]
        if not isinstance(people, list) or not all(
            isinstance(code, str) and code for code in people
        ):
            raise InvalidConfig("people must be a list of badge codes")
        if not _is_number(options["per_minute"], 0, 60):
            raise InvalidConfig("per_minute must be a number from 0 to 60")
        if not (
            isinstance(options["days"], int) and _is_number(options["days"], 1, 31)
        ):
            raise InvalidConfig("days must be a whole number from 1 to 31")
        if options["fault"] not in ("", *_FAILURES, *_ODDITIES):
            raise InvalidConfig("fault is not one of the known faults")

    def __init__(self, config: DeviceConfig) -> None:
        super().__init__(config)
        self._options: dict[str, Any] = {**_DEFAULTS, **config.options}

    def test(self, now: datetime) -> DeviceInfo:
        failure = _FAILURES.get(self._options["fault"])
        if failure:
            raise failure("simulated")
        return self._info(len(self._log(now)))

    def read_scans(self, request: ReadRequest) -> Reading:
        self.test(request.now)
        scans = self._log(request.now)
        complete = self._options["fault"] != "wrong_count"
        return Reading(
            info=self._info(len(scans) + (not complete)),
            scans=scans,
            complete=complete,
            detail="" if complete else f"{len(scans) + 1} counted, {len(scans)} sent",
        )

    def _info(self, records: int) -> DeviceInfo:
        return DeviceInfo(
            serial=f"SIM-{self._options['seed']}",
            model=self.label,
            firmware="1.0",
            users=len(self._options["people"]),
            records=records,
            clock_drift=0,
        )

    def _log(self, now: datetime) -> list[ScanData]:
        local_now = self.config.local(now)
        today = local_now.date()
        days = [
            today - timedelta(days=back)
            for back in reversed(range(self._options["days"]))
        ]
        scans = [
            scan
            for day in days
            for scan in self._day(day)
            if scan.local_time is not None and scan.local_time <= local_now
        ]
        match self._options["fault"]:
            case "empty":
                return []
            case "duplicates":
                return [scan for scan in scans for _copy in range(2)]
            case "bad_date":
                bad = f"{today.year}-02-31 08:00:00"
                return [_scan(self._someone(), bad, None, "in"), *scans]
            case "future":
                far = datetime(2099, 1, 1, 8)
                return [_scan(self._someone(), str(far), far, "in"), *scans]
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


def _scan(
    code: str, raw_time: str, local_time: datetime | None, kind: ScanType
) -> ScanData:
    return ScanData(code, raw_time, local_time, kind, None, None, {"simulated": kind})


def _is_number(value: Any, low: float, high: float) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and low <= value <= high
