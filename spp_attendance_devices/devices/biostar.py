"""Suprema BioStar 2 and BioStar X servers, over their REST API (2.7.14 or newer).

One server speaks for many readers. Either it is one terminal here with all of them, or
one for each, which the option ``readers`` tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from . import biostar_codec as codec
from .adapter import (
    BaseMachineAdapter,
    Capabilities,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    UserData,
)
from .errors import DeviceDataError, InvalidConfig
from .scan_types import SCAN_TYPES, ScanType

if TYPE_CHECKING:
    from .biostar_session import Session


class Options(NamedTuple):
    """The settings of this make, checked."""

    readers: tuple[str, ...]
    tna_keys: Mapping[str, ScanType]
    denied: bool
    overlap: timedelta
    history: timedelta

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Options:
        """:raises InvalidConfig: naming the option that is wrong, and how"""
        denied = given.get("denied", False)
        if not isinstance(denied, bool):
            raise InvalidConfig("denied must be true or false")
        return cls(
            _readers(given.get("readers", [])),
            _tna_keys(given.get("tna_keys", codec.TNA_KEYS)),
            denied,
            timedelta(hours=_number(given, "overlap_hours", 2, 0, 168)),
            timedelta(days=_number(given, "history_days", 31, 1, 3660)),
        )


def _readers(given: Any) -> tuple[str, ...]:
    if isinstance(given, list) and not any(isinstance(one, bool) for one in given):
        texts = [str(one) for one in given if isinstance(one, (str, int))]
        if len(texts) == len(given) and all(t.isascii() and t.isdigit() for t in texts):
            return tuple(dict.fromkeys(texts))
    raise InvalidConfig("readers must be a list of readers' ids such as [541930001]")


def _tna_keys(given: Any) -> Mapping[str, ScanType]:
    if (
        isinstance(given, Mapping)
        and all(str(key).isdigit() for key in given)
        and all(word in SCAN_TYPES for word in given.values())
    ):
        return {str(key): word for key, word in given.items()}
    raise InvalidConfig(
        'tna_keys must say what the keys mean, such as {"1": "in", "2": "out"}; '
        f"the words are {', '.join(SCAN_TYPES)}"
    )


def _number(
    given: Mapping[str, Any], name: str, default: float, low: float, high: float
) -> float:
    value = given.get(name, default)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and low <= value <= high):
        raise InvalidConfig(f"{name} must be a number from {low} to {high}")
    return value


class BiostarAdapter(BaseMachineAdapter):
    """Options, all of which may be left out:

    ``readers`` ids of the readers that count, all unless any is named;
    ``tna_keys`` what the time and attendance keys mean, ``{"1": "in", "2": "out",
    "3": "break_start", "4": "break_end"}``;
    ``denied`` whether who was recognised but not let in counts as there (false);
    ``overlap_hours`` how far back every reading looks again (2);
    ``history_days`` how far back the first and the daily whole reading go (31).
    """

    key = "biostar"
    label = "Suprema BioStar 2"
    capabilities = Capabilities(
        isolated=True,
        secret="password",
        username=True,
        default_port=443,
        known_ports=(443, 4433),
        tls=True,
        users=True,
        options=("readers", "tna_keys", "denied", "overlap_hours", "history_days"),
    )

    @classmethod
    def _validate_options(cls, options: Mapping[str, Any]) -> None:
        Options.parse(options)

    def __init__(self, config: DeviceConfig) -> None:
        super().__init__(config)
        self.options = Options.parse(config.options)

    def test(self, now: datetime) -> DeviceInfo:
        """Log in, and see whether readers, event codes and events may be read."""
        with self._session() as session:
            readers = self._wanted(session)
            missing = set(self.options.readers) - {reader.id for reader in readers}
            if missing:
                names = ", ".join(sorted(missing))
                raise InvalidConfig(f"the server knows no reader {names}")
            codes = session.event_codes()
            if codes and not any(codec.verdict(code) == "passed" for code in codes):
                raise DeviceDataError("its event codes are not those of BioStar 2")
            window = now - self.options.overlap, now
            session.events(codec.query(1, window, only=self.options.readers))
            info = describe(session, readers, now)
            return replace(info, users=session.user_count())

    def read_scans(self, request: ReadRequest) -> Reading:
        from .biostar_reading import read

        with self._session() as session:
            readers = self._wanted(session)
            info = describe(session, readers, request.now)
            return read(session, self.options, readers, info, request)

    def read_users(self) -> list[UserData]:
        with self._session() as session:
            rows = session.users()
        return [_user(row) for row in rows if codec.text(row, "user_id").strip()]

    @classmethod
    def probe(cls, config: DeviceConfig) -> str | None:
        from .biostar_session import looks_like_biostar

        if config.tls == "none":
            # It speaks HTTPS as it is installed, and nothing secret is sent here.
            config = replace(config, tls="unverified")
        return "BioStar 2" if looks_like_biostar(config) else None

    def _session(self) -> Session:
        from .biostar_session import Session  # requests is needed by the child only

        return Session(self.config)

    def _wanted(self, session: Session) -> list[codec.Reader]:
        wanted = self.options.readers
        readers = session.readers()
        return [reader for reader in readers if not wanted or reader.id in wanted]


def describe(
    session: Session, readers: list[codec.Reader], now: datetime
) -> DeviceInfo:
    """What server and readers say of themselves. A server has no serial number; that
    of its reader, if it has one only, does for both."""
    drift = session.clock_drift(now)
    if len(readers) != 1:
        return DeviceInfo(model=f"BioStar 2, {len(readers)} readers", clock_drift=drift)
    return DeviceInfo(
        serial=readers[0].id,
        model="BioStar 2, 1 reader",
        firmware=readers[0].firmware,
        clock_drift=drift,
    )


def _user(row: Mapping[str, Any]) -> UserData:
    cards = row.get("cards")
    first = cards[0] if isinstance(cards, list) and cards else {}
    return UserData(
        codec.text(row, "user_id").strip(),
        codec.text(row, "name"),
        codec.text(first, "card_id"),
    )
