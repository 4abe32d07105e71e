"""ZKTeco's log and user records: bytes to values, no I/O.

Both blobs start with a little-endian uint32, the number of bytes that follow.

    log, 40 bytes and more: uint16 slot, char[24] code, uint8 verify, uint32 time,
                            uint8 punch, rest unknown
    log, 16 bytes:          uint32 code, uint32 time, uint8 verify, uint8 punch, 6 more
    log, 8 bytes:           uint16 slot, uint8 verify, uint32 time, uint8 punch
    users, 72 bytes:        uint16 slot, 9 more, char[24] name, uint32 card, 9 more,
                            char[24] code
    users, 28 bytes:        uint16 slot, 6 more, char[8] name, uint32 card, 4 more,
                            uint32 code

A time packs year, month, day, hour, minute and second in a mixed radix with 31 days
in every month, so it can hold days that do not exist (31 February); they occur after
a terminal lost its clock. Each decoder makes one pass over the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from struct import Struct
from typing import NamedTuple

from .adapter import ScanData, UserData
from .errors import DeviceDataError
from .scan_types import from_zkteco

_HEADER = Struct("<I")
_LOG_8 = Struct("<HBIB")
_LOG_16 = Struct("<IIBB6x")
_LOG_40_FIELDS = "<H24sBIB"
_LOG_40_USED = Struct(_LOG_40_FIELDS).size
# Passwords are among the bytes that are passed over.
_USER_72 = Struct("<H9x24sI9x24s")
_USER_28 = Struct("<H6x8sI4xI")

#: Layouts to try when the terminal's counter does not divide the size.
_KNOWN_SIZES = (40, 16, 8)
#: Years of a log, from a terminal that lost its clock to somewhat ahead of now.
_YEARS = range(2000, 2060)
#: Codes that are numbers have nine digits at most.
_MAX_CODE = 999_999_999


class Layout(NamedTuple):
    """``stride`` bytes a record, ``rows`` whole records, ``exact`` when that agrees
    with the terminal's counter and nothing is cut off."""

    stride: int
    rows: int
    exact: bool


def decode_time(packed: int) -> tuple[str, datetime | None]:
    """The wall-clock text of a packed time and its datetime (naive, local).

    The datetime is None when there is no such day.
    """
    year, month, day, hour, minute, second = _parts(packed)
    text = f"{year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"
    try:
        return text, datetime(year, month, day, hour, minute, second)
    except ValueError:
        return text, None


def _parts(packed: int) -> tuple[int, int, int, int, int, int]:
    rest, second = divmod(packed, 60)
    rest, minute = divmod(rest, 60)
    rest, hour = divmod(rest, 24)
    rest, day = divmod(rest, 31)
    year, month = divmod(rest, 12)
    return year + 2000, month + 1, day + 1, hour, minute, second


def find_layout(blob: bytes, records: int) -> Layout:
    """Find the record size of a log from its length and the terminal's counter.

    With a counter that is off by a few (a punch during the read) the known size that
    comes nearest to it is taken and the layout is not ``exact``.

    :raises DeviceDataError: when no layout fits.
    """
    if len(blob) < _HEADER.size:
        return Layout(40, 0, records == 0)
    (announced,) = _HEADER.unpack_from(blob)
    held = len(blob) - _HEADER.size
    if announced == 0:
        return Layout(40, 0, records == 0)
    if records > 0 and announced % records == 0:
        stride = announced // records
        if stride in (8, 16) or _holds_codes(blob, stride):
            return Layout(stride, min(held // stride, records), held >= announced)
    fitting = [
        size
        for size in _KNOWN_SIZES
        if announced % size == 0 and (size < 40 or _holds_codes(blob, size))
    ]
    if not fitting:
        raise DeviceDataError(
            f"unknown record layout: {announced} bytes for {records} records"
        )
    stride = min(fitting, key=lambda size: abs(announced // size - records))
    return Layout(stride, min(held, announced) // stride, False)


def decode_log(
    body: bytes, stride: int, codes: Mapping[int, str], encoding: str = "utf-8"
) -> Iterator[ScanData]:
    """The scans of whole records, without the header, in their order, one at a time.

    ``codes`` maps slots to person codes; only the 8-byte layout needs it.
    """
    if stride == 8:
        for slot, verify, packed, punch in _LOG_8.iter_unpack(body):
            yield _scan(codes.get(slot, str(slot)), packed, verify, punch, slot)
    elif stride == 16:
        for code, packed, verify, punch in _LOG_16.iter_unpack(body):
            yield _scan(str(code), packed, verify, punch, None)
    else:
        record = Struct(f"{_LOG_40_FIELDS}{stride - _LOG_40_USED}x")
        for slot, code, verify, packed, punch in record.iter_unpack(body):
            yield _scan(_text(code, encoding), packed, verify, punch, slot)


def misread(body: bytes, stride: int) -> bool:
    """Whether short records make no sense at this stride: an unknown layout can divide
    the size by chance, and what is read as times and codes is then anything."""
    odd = 0
    if stride == 8:
        for _slot, _verify, packed, _punch in _LOG_8.iter_unpack(body):
            odd += _parts(packed)[0] not in _YEARS
    elif stride == 16:
        for code, packed, _verify, _punch in _LOG_16.iter_unpack(body):
            odd += _parts(packed)[0] not in _YEARS or code > _MAX_CODE
    return odd * 2 > len(body) // stride


def decode_users(
    blob: bytes, users: int, encoding: str = "utf-8"
) -> Iterator[tuple[int, UserData]]:
    """Slots, and who is in them. Passwords are not looked at.

    :param users: how many the terminal counts
    :raises DeviceDataError: when the record size is not known, or not all came.
    """
    (announced,) = _HEADER.unpack_from(blob) if len(blob) >= _HEADER.size else (0,)
    body = memoryview(blob)[_HEADER.size :][:announced]
    fitting = [
        record for record in (_USER_72, _USER_28) if announced % record.size == 0
    ]
    if len(body) < announced or not fitting:
        raise DeviceDataError(
            f"unknown user layout: {announced} bytes for {users} users"
        )
    record = min(fitting, key=lambda one: abs(announced // one.size - users))
    for slot, name, card, code in record.iter_unpack(body):
        text = str(code) if isinstance(code, int) else _text(code, encoding)
        yield slot, UserData(text, _text(name, encoding), str(card) if card else "")


def _holds_codes(blob: bytes, stride: int) -> bool:
    """Whether the first records look like the text layout at this stride. A counter
    that is off can divide the size by chance; binary read as text gives it away."""
    if stride < 40:
        return False
    starts = range(_HEADER.size + 2, len(blob) - stride + 3, stride)[:8]
    codes = [blob[start : start + 24].split(b"\0", 1)[0] for start in starts]
    good = sum(all(byte >= 0x20 for byte in code) and code != b"" for code in codes)
    return good * 2 > len(codes)


def _text(padded: bytes, encoding: str) -> str:
    return padded.split(b"\0", 1)[0].decode(encoding, errors="replace").strip()


def _scan(
    code: str, packed: int, verify: int, punch: int, slot: int | None
) -> ScanData:
    raw_time, local_time = decode_time(packed)
    raw = {"punch": punch, "verify": verify}
    if slot is not None:
        raw["slot"] = slot
    return ScanData(code, raw_time, local_time, from_zkteco(punch), punch, verify, raw)
