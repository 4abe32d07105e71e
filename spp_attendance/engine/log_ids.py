"""Ids of a register's logs for systems that know things by UUIDs only.

A log is a record like any other and has a number. Its UUID is that number in the low 48
bits, and in the high ones what the register's UUID begins with: nothing has to be
stored or looked up, and whose register a log is in can be seen. It is of version 8,
which leaves to the maker what the bits mean (RFC 9562).

Free of Odoo.
"""

from __future__ import annotations

import re
from functools import lru_cache
from uuid import NAMESPACE_OID, UUID, uuid5

#: Characters before the last group, which is the number.
_HEAD = 24
_NUMBER_BITS = 48
_VERSION_BITS = 0xF << 76
_VARIANT_BITS = 0x3 << 62
_VERSION_8 = 0x8 << 76
_VARIANT_RFC = 0x2 << 62
_SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@lru_cache(maxsize=1024)
def head(register_uuid: str) -> str:
    """What the ids of all logs of a register begin with, up to the last group.

    :param register_uuid: a UUID; what is none has a head all the same
    """
    try:
        value = UUID(register_uuid).int
    except ValueError:
        value = uuid5(NAMESPACE_OID, register_uuid).int
    value = value & ~(_VERSION_BITS | _VARIANT_BITS) | _VERSION_8 | _VARIANT_RFC
    return str(UUID(int=value))[:_HEAD]


def to_uuid(register_uuid: str, record_id: int) -> str:
    """The id of a log, in lower case.

    :raises ValueError: when the number is negative or has more than 48 bits
    """
    if not 0 <= record_id < 1 << _NUMBER_BITS:
        raise ValueError(f"{record_id} is no number of a record")
    return f"{head(register_uuid)}{record_id:012x}"


def record_id(text: str) -> int | None:
    """The number in a log's id; None when it can't be one.

    Whose log it says to be is to be checked: compare with :func:`to_uuid`.
    """
    text = text.lower()
    if not _SHAPE.fullmatch(text) or text[14] != "8":
        return None
    return int(text[_HEAD:], 16)


def record_id_in(register_uuid: str, text: str) -> int | None:
    """The number in the id of a log of this register; None when it is not one."""
    number = record_id(text)
    if number is None or text.lower()[:_HEAD] != head(register_uuid):
        return None
    return number
