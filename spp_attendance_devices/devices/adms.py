"""ZKTeco's push dialect (ADMS, ``/iclock``): calls and answers, no I/O.

By the vendor's "Attendance PUSH Communication Protocol" 2.4.1, and what older firmware
does otherwise. The terminal is the HTTP client. It says who it is by ``SN`` in the
query, uploads its tables by POST, asks by GET whether there is something to do and
posts how that went. Queries and bodies are bytes as they came: their content type says
nothing, and names are in UTF-8 or in GBK.

Times are naive and in the terminal's zone. What a terminal sends beside attendance
(people, templates, photos, temperatures) is counted, since it has to be acknowledged,
and neither decoded nor kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from .adapter import DeviceInfo, ScanData
from .errors import DeviceDataError
from .malformed import is_malformed, malformed
from .scan_types import from_zkteco

#: The newest version of the protocol that is spoken here, and that of a terminal that
#: does not tell its own.
VERSION: Final = (2, 4, 1)
UNTOLD: Final = (2, 2, 14)
#: The table of the scans, as :attr:`Call.table` and the keys of stamps have it.
ATTLOG: Final = "ATTLOG"
#: Lines that one upload may have. Terminals send hundreds at a time.
MAX_LINES: Final = 50_000
#: Lines of one upload that make no sense and are kept one by one. Those behind them are
#: kept as one: a table in another code must not become as many scans.
MAX_MALFORMED: Final = 1_000
#: Bytes that are looked at where a terminal speaks of itself or of its commands.
MAX_WORDS: Final = 128 * 1024
#: Commands in one answer, and seconds until a terminal tries again what failed.
MAX_COMMANDS: Final = 20
ERROR_DELAY: Final = 30
#: What a terminal may be asked for. All of it does no harm twice.
Kind = Literal["upload", "clock", "info", "verify", "reboot"]

#: Answers that carry nothing.
OK: Final = "OK"

#: Stamps that a handshake tells: table, name, name before 2.2.14.
_STAMPS: Final = (
    (ATTLOG, "ATTLOGStamp", "Stamp"),
    ("OPERLOG", "OPERLOGStamp", "OpStamp"),
    ("ATTPHOTO", "ATTPHOTOStamp", "PhotoStamp"),
    ("BIODATA", "BIODATAStamp", ""),
    ("IDCARD", "IDCARDStamp", ""),
    ("ERRORLOG", "ERRORLOGStamp", ""),
)
#: Stands for "nothing new" where a table's past is not wanted.
_UP_TO_DATE: Final = "9999"
#: Attendance and the log of what was done at the terminal, of twelve kinds of upload.
_WANTED: Final = "110000000000"
#: What a terminal is asked to tell of itself when it connects.
_OPTIONS: Final = "~DeviceName,FWVersion,UserCount,TransactionCount"
#: Somebody has set the clock (a line of OPERLOG).
_CLOCK_SET: Final = "21"

_SERIAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STAMP: Final = re.compile(r"[0-9]{1,20}")
_TIME: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T](\d{1,2}):(\d{1,2}):(\d{1,2})", re.ASCII
)
_RESULT: Final = re.compile(r"ID=([A-Za-z0-9]{1,16})&", re.IGNORECASE)
_COMMAND_ID: Final = re.compile(r"[A-Za-z0-9]{1,16}")
_NEXT_OPTION: Final = re.compile(r"[,\n](?=~?\w+=)")
#: But for tabs.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH: Final = 64
#: Longer than any badge's number: one that is cut is refused, and not another one's.
_CODE_LENGTH: Final = 129

#: What the vendor's return codes mean, for the technical line of a command.
REASONS: Final[Mapping[int, str]] = {
    -1: "bad parameter",
    -3: "access error",
    -9: "unknown person",
    -10: "unknown person",
    -1001: "no room left",
    -1002: "not supported",
    -1003: "timed out",
    -1004: "data and configuration disagree",
    -1005: "busy",
    -1006: "too long",
    -1007: "out of memory",
    -1008: "failed to get data from the server",
}


@dataclass(frozen=True, slots=True)
class Call:
    """What the query of a call says; "" where it says nothing.

    ``serial`` is "" also when no terminal has such a one. ``table`` is in capitals;
    ``stamp`` is how far an upload goes, in the terminal's own words, None without.
    ``key`` is what the vendor calls ``pushcommkey``; it never shows in ``repr``.
    ``info`` is what the terminal says of itself as it asks for work.
    """

    serial: str = ""
    table: str = ""
    stamp: str | None = None
    version: tuple[int, ...] = UNTOLD
    key: str = field(default="", repr=False)
    info: DeviceInfo | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A table's rows. ``lines`` is how many there are, which is what the terminal
    wants to hear; ``scans`` are those of attendance in their order, of lines that
    make no sense what :func:`~.malformed.malformed` makes of them; of those after the
    first MAX_MALFORMED, of all together. ``clock_sets`` are the times at which
    somebody set its clock, verbatim; ``info`` is what it says of itself."""

    lines: int
    scans: tuple[ScanData, ...] = ()
    clock_sets: tuple[str, ...] = ()
    info: DeviceInfo | None = None

    @property
    def answer(self) -> str:
        """What makes the terminal forget them: only when they are committed."""
        return f"OK: {self.lines}"


class Result(NamedTuple):
    """How a command went. ``code`` is the vendor's, below 0 when it failed and None
    when it cannot be read; ``values`` are what came with it, names in lower case and
    without a leading ``~``."""

    id: str
    code: int | None
    command: str
    values: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return self.code is not None and self.code >= 0

    @property
    def counted(self) -> int | None:
        """How many scans it holds of the time that ``verify`` asked about."""
        return _whole(self.values.get("attlogsum"))

    @property
    def info(self) -> DeviceInfo:
        """What it says of itself, asked by ``info``."""
        return _info(self.values)

    @property
    def reason(self) -> str:
        """Why it failed, in English; "" when it did not."""
        if self.ok:
            return ""
        return REASONS.get(self.code or 0, f"code {self.code}")


# ------------------------------------------------------------------ what comes in


def parse_query(query: bytes | str) -> Call:
    """The query of any call, whose names may be in any case."""
    text = query.decode("latin-1") if isinstance(query, bytes) else query
    words: dict[str, str] = {}
    for name, value in parse_qsl(text[:4096], keep_blank_values=True):
        words.setdefault(name.lower(), value.strip())
    serial = words.get("sn", "")
    table = _clean(words.get("table", ""), _LENGTH).upper()
    stamps = ("stamp", f"{table.lower()}stamp", "opstamp", "photostamp")
    stamp = next(filter(None, map(words.get, stamps)), "")
    return Call(
        serial=serial if _SERIAL.fullmatch(serial) else "",
        table=table,
        stamp=stamp if _STAMP.fullmatch(stamp) else None,
        version=_version(words.get("pushver", "")),
        key=words.get("pushcommkey", ""),
        info=_short_info(words["info"]) if words.get("info") else None,
    )


def parse_upload(table: str, body: bytes) -> Upload:
    """What a terminal has posted to ``cdata``.

    :param table: as :attr:`Call.table` has it
    :raises DeviceDataError: when it has more lines than any terminal sends
    """
    if table == "ATTPHOTO":  # a picture: its bytes are no lines
        return Upload(1)
    lines = _lines(body)
    if len(lines) > MAX_LINES:
        raise DeviceDataError(f"{len(lines)} lines in one upload")
    if table == ATTLOG:
        return Upload(len(lines), tuple(_scans(lines)))
    if table == "OPERLOG":
        return Upload(len(lines), clock_sets=tuple(_clock_sets(lines)))
    if table == "OPTIONS":
        return Upload(len(lines), info=_info(_options(_decode(body[:MAX_WORDS]))))
    return Upload(len(lines))


def parse_scan(line: str) -> ScanData:
    """A line of attendance: PIN, time, status, how verified, work code, and more that
    is not kept. All after the time may be missing.

    The time is written as the log has it that is read over the network, so that a scan
    that comes both ways is one; ``raw["time"]`` is what was sent where that differs.
    """
    parts = [part.strip() for part in _CONTROL.sub("", line).split("\t")]
    code, raw_time, status, verified, work_code = (parts + [""] * 4)[:5]
    found = _TIME.fullmatch(raw_time)
    if not found:
        return malformed(line)
    year, month, day, hour, minute, second = map(int, found.groups())
    time = f"{year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        moment = None
    punch, verify = _byte(status), _byte(verified)
    raw: dict[str, int | str | None] = {"punch": punch, "verify": verify}
    if work_code not in ("", "0"):
        raw["work_code"] = work_code[:_LENGTH]
    if raw_time != time:
        raw["time"] = raw_time
    scan_type = "none" if punch is None else from_zkteco(punch)
    code = code[:_CODE_LENGTH]
    return ScanData(code, time, moment, scan_type, punch, verify, raw)


def parse_results(body: bytes) -> list[Result]:
    """What a terminal has posted to ``devicecmd``: how commands went, in its order.
    What is no result is passed over."""
    results: list[Result] = []
    values: dict[str, str] = {}
    for line in _lines(body[:MAX_WORDS]):
        text = _decode(line)
        found = _RESULT.match(text)
        if found:
            # A new one each time: that of the result before is filled further.
            values = dict(_pairs(text[found.end() :].split("&")))
            code = values.pop("return", "")
            command = values.pop("cmd", "")
            results.append(Result(found[1], _code(code), command, values))
        else:
            values.update(_pairs([text]))
    return results


# ---------------------------------------------------------------- what is answered


def handshake(
    call: Call,
    stamps: Mapping[str, str],
    *,
    offset: timedelta,
    delay: int = 10,
) -> str:
    """What a terminal that has just started is told: where it stopped, and how to go
    on.

    :param stamps: what each table's last upload said, by :attr:`Call.table`; without
        one of ATTLOG all scans are sent anew
    :param offset: of the terminal's zone from UTC, now: with the ``Date`` of the HTTP
        answer it sets the terminal's clock
    :param delay: seconds between two calls
    """
    version = min(call.version, VERSION)
    lines = [f"GET OPTION FROM: {call.serial}"]
    for table, name, old_name in _STAMPS:
        none = "None" if table == ATTLOG else _UP_TO_DATE
        stamp = stamps.get(table) or none
        lines.append(f"{name}={stamp}")
        if old_name and call.version <= UNTOLD:
            lines.append(f"{old_name}={'0' if stamp == 'None' else stamp}")
    zone = time_zone(offset)
    lines += [
        f"ErrorDelay={ERROR_DELAY}",
        f"Delay={delay}",
        "TransTimes=00:00;12:00",
        "TransInterval=1",
        f"TransFlag={_WANTED}",
        *([f"TimeZone={zone}"] if zone else []),
        "Realtime=1",
        "Encrypt=None",
        f"ServerVer={_dotted(VERSION)}",
        f"PushProtVer={_dotted(version)}",
        "PushOptionsFlag=1",
        f"PushOptions={_OPTIONS}",
    ]
    return "\n".join(lines) + "\n"


def time_zone(offset: timedelta) -> str:
    """An offset from UTC as terminals take it: hours, or minutes where there are more
    than 60 of them. "" for one that cannot be said (up to an hour, and not whole)."""
    minutes, rest = divmod(offset, timedelta(minutes=1))
    if rest:
        return ""
    # The form in hours is not known to reach 12.
    if minutes % 60 == 0 and abs(minutes) < 12 * 60:
        return str(minutes // 60)
    return str(minutes) if abs(minutes) > 60 else ""


def command(
    kind: Kind,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    offset: timedelta = timedelta(),
) -> str:
    """The text of a command.

    :param start, end: of what ``upload`` and ``verify`` ask for, both included
    :param offset: of the terminal's zone from UTC, for ``clock``; the time itself it
        takes from the ``Date`` of the next answer
    :raises ValueError: without what the kind needs
    """
    match kind:
        case "upload":
            return f"DATA QUERY ATTLOG {_span(start, end)}"
        case "verify":
            return f"VERIFY SUM ATTLOG {_span(start, end)}"
        case "clock":
            zone = time_zone(offset)
            # Reading its options anew makes it look at the clock, too.
            return f"SET OPTION TimeZone={zone}" if zone else "CHECK"
        case "info":
            return "INFO"
        case "reboot":
            return "REBOOT"
    raise ValueError(f"unknown command: {kind}")


def hand_out(commands: Iterable[tuple[str, str]]) -> str:
    """The answer to ``getrequest``: ids (16 letters and digits at most) and texts of
    :func:`command`. More than MAX_COMMANDS are not to be given at a time.

    :raises ValueError: for an id that is none, or a text of more than a line
    """
    lines = []
    for number, text in commands:
        if not _COMMAND_ID.fullmatch(number) or "\n" in text or "\r" in text:
            raise ValueError("neither an id nor a command may hold a line's end")
        lines.append(f"C:{number}:{text}\n")
    return "".join(lines) or OK


# --------------------------------------------------------------------------- words


def _span(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        raise ValueError("from when until when?")
    return f"StartTime={start:%Y-%m-%d %H:%M:%S}\tEndTime={end:%Y-%m-%d %H:%M:%S}"


def _lines(body: bytes) -> list[bytes]:
    """Those that hold something. Some firmware pads with NUL."""
    lines = body.removeprefix(b"\xef\xbb\xbf").splitlines()
    return [line for line in lines if line.strip(b" \t\0")]


def _scans(lines: Iterable[bytes]) -> Iterator[ScanData]:
    malformed_count = 0
    rest: list[str] = []
    for line in lines:
        text = _decode(line)
        scan = parse_scan(text)
        if is_malformed(scan):
            malformed_count += 1
            if malformed_count > MAX_MALFORMED:
                rest.append(text)
                continue
        yield scan
    if rest:
        scan = malformed("\n".join(rest))
        yield scan._replace(raw={**scan.raw, "lines": len(rest)})


def _decode(line: bytes) -> str:
    """UTF-8, else GBK, else anything. A line at a time, so that one that is broken
    does not change how others are read; neither code has line ends or tabs inside."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _clean(text: str, length: int) -> str:
    return _CONTROL.sub("", text).replace("\t", "").strip()[:length]


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else None


def _code(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None


def _byte(text: str) -> int | None:
    number = _whole(text)
    return number if number is not None and number < 256 else None


def _version(text: str) -> tuple[int, ...]:
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text, re.ASCII)
    return tuple(int(part or 0) for part in found.groups()) if found else UNTOLD


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _pairs(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, sign, value = word.partition("=")
        if sign:
            yield _clean(name, _LENGTH).lstrip("~").lower(), _clean(value, 256)


def _options(text: str) -> dict[str, str]:
    return dict(_pairs(_NEXT_OPTION.split(text.replace("\r", ""))))


def _info(values: Mapping[str, str]) -> DeviceInfo:
    return DeviceInfo(
        serial=values.get("serialnumber", "")[:_LENGTH],
        model=values.get("devicename", "")[:_LENGTH],
        firmware=(values.get("fwversion") or values.get("firmver", ""))[:_LENGTH],
        users=_whole(values.get("usercount")),
        records=_whole(values.get("transactioncount")),
    )


def _short_info(text: str) -> DeviceInfo:
    """Firmware, people, fingerprints, scans and more, by commas."""
    firmware, users, _fingers, records = (text.split(",") + [""] * 3)[:4]
    return DeviceInfo(
        firmware=_clean(firmware, _LENGTH),
        users=_whole(users.strip()),
        records=_whole(records.strip()),
    )


def _clock_sets(lines: Iterable[bytes]) -> Iterator[str]:
    """Lines are: OPLOG, a blank, what was done, by whom, when and more by tabs."""
    for line in lines:
        if line.startswith(b"OPLOG"):
            words = _decode(line)[len("OPLOG") :].lstrip().split("\t")
            if words[0] == _CLOCK_SET and len(words) > 2:
                yield _clean(words[2], _LENGTH)
