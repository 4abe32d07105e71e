"""The dialect of DIGIT's attendance service: its envelope, and how it refuses.

Free of Odoo and of the database. Instants are epoch milliseconds on the wire and naive
UTC here. Codes and messages are those that apps exist for, to the letter, where they
are given; what the service answers with a fault of its own is refused in plain words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic_core import from_json
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

ACTIVE: Final = "ACTIVE"
INACTIVE: Final = "INACTIVE"

#: What one page of registers, staff or attendees holds, and at most.
DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 1_000

#: How long ids may be that others make.
ID_SIZE: Final = 256

#: A constant with them, too.
_RES_MSG_ID: Final = "uief87324"
_EPOCH: Final = datetime(1970, 1, 1)
#: The last days of the year 9999 are none on some clocks.
_MAX_MS: Final = 253_402_000_000_000
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,30}(\.0*)?\s*", re.ASCII)
# What may be a number beyond all floats, which is read as infinite.
_MAYBE_INFINITE = re.compile(rb"[eE]\+?[0-9]{2}|[0-9]{300}")
# An escaped NUL is valid JSON, but no PostgreSQL text can hold it.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


# ------------------------------------------------------------------ refusing


class Fault(NamedTuple):
    """One entry of what is wrong."""

    code: str
    message: str
    params: list[str] | None = None


class Refusal(BadRequest):
    """A request that is refused, for one or several reasons: status 400.

    :ivar faults: why, one entry a code
    """

    def __init__(self, faults: Iterable[tuple[Any, ...]]) -> None:
        """
        :param faults: code and message, and maybe the parameters that it is about
        """
        by_code = {fault[0]: Fault(*fault) for fault in faults}
        self.faults = list(by_code.values())
        super().__init__("; ".join(fault.message for fault in self.faults))


def refuse(code: str, message: str) -> Refusal:
    """A refusal for one reason."""
    return Refusal([(code, message)])


def misshapen(message: str) -> Refusal:
    """A refusal of JSON that is not what the object has in that place."""
    return refuse("JsonMappingException", message)


class Collected:
    """Reasons that are told together, at the end of a block of rules."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []

    def add(self, code: str, message: str) -> None:
        """Note down a reason, once a code."""
        self.faults.append((code, message))

    def check(self) -> None:
        """End the block.

        :raises Refusal: when there were reasons
        """
        if self.faults:
            raise Refusal(self.faults)


def errors_out(faults: Iterable[Fault]) -> dict[str, Any]:
    """The body of a refusal."""
    return {
        "ResponseInfo": None,
        "Errors": [
            {
                "code": fault.code,
                "message": fault.message,
                "description": fault.message,
                "params": fault.params,
            }
            for fault in faults
        ],
    }


# ------------------------------------------------------------------- reading


@dataclass(frozen=True)
class RequestInfo:
    """Who asks, by the request's own account, and what to repeat in the answer.

    :ivar data: as it came; None when there was none
    :ivar trusted: a trusted gateway sent it: what it says of its user is so
    """

    data: Mapping[str, Any] | None
    trusted: bool = False

    def check(self, no_uuid: str = "UUID is mandatory") -> None:
        """Rules that are common to all calls. Whom a token stands for is known anyway.

        :param no_uuid: what to say when it names nobody
        :raises Refusal: when it says too little
        """
        if self.data is None:
            raise refuse("REQUEST_INFO", "Request info is mandatory")
        if self.trusted:
            if not self.user:
                raise refuse("USERINFO", "UserInfo is mandatory")
            if is_blank(self.user.get("uuid")):
                raise refuse("USERINFO_UUID", no_uuid)
            check_sizes([self.user], "requestInfo.userInfo", {"uuid": ID_SIZE})

    @property
    def user(self) -> Mapping[str, Any]:
        """The user whom a trusted gateway speaks for; empty for all others."""
        user = (self.data or {}).get("userInfo")
        return user if self.trusted and isinstance(user, dict) else {}

    @property
    def roles(self) -> Iterator[tuple[str, str]]:
        """Code and tenant, which may be empty, of the roles of that user."""
        roles = self.user.get("roles")
        for role in roles if isinstance(roles, list) else ():
            if isinstance(role, dict):
                yield to_text(role, "code"), to_text(role, "tenantId")

    def out(self) -> dict[str, Any]:
        """The ``ResponseInfo`` of a request that is done."""
        data = self.data or {}
        return {
            **{key: data.get(key) for key in ("apiId", "ver", "ts")},
            "resMsgId": _RES_MSG_ID,
            "msgId": data.get("msgId"),
            "status": "successful",
        }


class Params:
    """The query string. A parameter may be repeated, or be a list with commas."""

    def __init__(self, args: MultiDict[str, str]) -> None:
        """
        :raises Refusal: when no database could hold a value
        """
        self._args = args
        if any("\0" in value for values in args.listvalues() for value in values):
            raise _nul()

    def __contains__(self, name: str) -> bool:
        return bool(self.text(name))

    def text(self, name: str) -> str:
        """A parameter, empty when it is blank or not there."""
        return self._args.get(name, "").strip()

    def texts(self, name: str) -> list[str]:
        """The values of a list, each once; empty when there are none."""
        parts = ",".join(self._args.getlist(name)).split(",")
        return list(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def require(self, name: str) -> str:
        """A parameter without which the service does not even begin.

        :raises Refusal: when it is not there
        """
        if name not in self._args:
            message = f"Required String parameter '{name}' is not present"
            raise Refusal([("", message, [name])])
        return self.text(name)

    def flag(self, name: str, default: bool) -> bool:
        """A truth value.

        :raises Refusal: when it is none
        """
        text = self.text(name).lower()
        if text not in ("", "true", "false"):
            raise _bad_param(name)
        return text == "true" if text else default

    def instant(self, name: str) -> datetime | None:
        """A time in epoch milliseconds.

        :return: naive UTC
        :raises Refusal: when it is none
        """
        try:
            return to_instant({name: self.text(name) or None}, name)
        except Refusal:
            raise _bad_param(name) from None

    def paging(self, default: int | None = DEFAULT_LIMIT) -> tuple[int | None, int]:
        """How many at most (None: all), and how many to leave out before.

        :param default: the limit when none is given
        :raises Refusal: when one is no number
        """
        limit = self._count("limit", default)
        if limit is not None and default is not None:
            limit = min(limit, MAX_LIMIT)
        return limit, self._count("offset", 0) or 0

    def descending(self) -> bool:
        """Whether ``sortOrder`` has what is last first, as it is by itself.

        :raises Refusal: when it is no order
        """
        order = self.text("sortOrder").upper() or "DESC"
        if order not in ("ASC", "DESC"):
            raise _bad_param("sortOrder")
        return order == "DESC"

    def _count(self, name: str, default: int | None) -> int | None:
        text = self.text(name)
        if not text:
            return default
        if not text.isascii() or not text.isdigit():
            raise _bad_param(name)
        return int(text) if len(text) < 10 else 10**9


@dataclass(frozen=True)
class Request:
    """What was asked."""

    info: RequestInfo
    params: Params
    data: Mapping[str, Any] = field(default_factory=dict)

    def items(self, name: str) -> list[dict[str, Any] | None]:
        """The objects of an array of the body; empty when there is none.

        :raises Refusal: when it is something else
        """
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(
            item is None or isinstance(item, dict) for item in value
        ):
            raise misshapen(f"{name} must be an array of objects")
        return value

    def criteria(self, name: str) -> dict[str, Any]:
        """The object of the body by which is searched; empty when there is none.

        :raises Refusal: when it is something else
        """
        value = self.data.get(name)
        if value is not None and not isinstance(value, dict):
            raise misshapen(f"{name} must be an object")
        return value or {}

    def answer(self, status: int = 200, **content: Any) -> Answer:
        """What to answer, beside the ``ResponseInfo``."""
        return Answer({"ResponseInfo": self.info.out(), **content}, status)

    def around(self, name: str, **content: Any) -> tuple[str, str]:
        """What stands before and after the items of the one long array of an answer.

        :param name: of the array
        """
        head = json.dumps({"ResponseInfo": self.info.out(), **content})
        return f'{head[:-1]}, "{name}": [', "]}"


@dataclass(frozen=True)
class Answer:
    """What is answered to what was asked.

    :ivar content: the body
    """

    content: Mapping[str, Any]
    status: int = 200


def read_request(raw: bytes, args: MultiDict[str, str], trusted: bool) -> Request:
    """A request, whose texts can all be stored: half a character or a NUL is refused.

    :param args: its query string
    :param trusted: a trusted gateway sent it
    :raises Refusal: when it is no JSON object
    """
    data = _read_object(raw)
    return Request(RequestInfo(_info(data), trusted), Params(args), data)


def read_token(raw: bytes) -> str | None:
    """The token that a body says it comes with."""
    try:
        info = _info(_read_object(raw)) or {}
    except Refusal:
        return None
    token = info.get("authToken")
    return token if isinstance(token, str) and token.strip() else None


def _read_object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise refuse("MissingJsonException", "The request has no JSON body.")
    try:
        data = from_json(raw, allow_inf_nan=False)
        if _MAYBE_INFINITE.search(raw):
            json.dumps(data, allow_nan=False)
    except ValueError:
        raise refuse("JsonParseException", "The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise misshapen("The body must be a JSON object.")
    if b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
        raise _nul()
    return data


def _nul() -> Refusal:
    return refuse("JsonParseException", "The request contains a NUL character.")


def _bad_param(name: str) -> Refusal:
    return Refusal([("BindException", f"The value of {name} can't be read.", [name])])


def _info(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    info = data.get("RequestInfo")
    if info is None:
        info = data.get("requestInfo")
    if info is not None and not isinstance(info, dict):
        raise misshapen("RequestInfo must be an object")
    return info


def is_blank(value: Any) -> bool:
    """Whether a value is null, empty, or spaces."""
    return value is None or (isinstance(value, str) and not value.strip())


def to_text(item: Mapping[str, Any], name: str) -> str:
    """A text, or a number as one; blank ones are empty.

    :raises Refusal: when it is something else
    """
    value = item.get(name)
    if is_blank(value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise misshapen(f"{name} must be a string")
    return str(value)


def to_texts(item: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, each once, without blank ones; one text is a list, too.

    :raises Refusal: when it is something else
    """
    value = item.get(name)
    values = value if isinstance(value, list) else [value]
    texts = (to_text({name: one}, name) for one in values)
    return list(dict.fromkeys(filter(None, texts)))


def to_ms(item: Mapping[str, Any], name: str) -> int | None:
    """Epoch milliseconds.

    :raises Refusal: when it is no number
    """
    value = item.get(name)
    if isinstance(value, str):
        if not value.strip():
            return None
        if _NUMBER.fullmatch(value):
            value = int(value.partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value > _MAX_MS:
        raise misshapen(f"{name} must be a time in epoch milliseconds")
    return value


def to_instant(item: Mapping[str, Any], name: str) -> datetime | None:
    """An instant, given in epoch milliseconds.

    :return: naive UTC
    :raises Refusal: when it is no such number, or one before 1970
    """
    value = to_ms(item, name)
    if value is None:
        return None
    if value < 0:
        raise misshapen(f"{name} must be a time in epoch milliseconds")
    return _EPOCH + timedelta(milliseconds=value)


def from_instant(instant: datetime | None) -> int | None:
    """Epoch milliseconds of an instant in naive UTC."""
    if instant is None:
        return None
    return round(instant.replace(tzinfo=UTC).timestamp() * 1000)


def check_sizes(
    items: Sequence[Mapping[str, Any] | None], of: str, sizes: Mapping[str, int]
) -> None:
    """Refuse texts that are too long, before all other rules.

    :param of: what the array is called, such as ``attendeeCreateRequest.attendees``
    :param sizes: how long each may be
    :raises Refusal: naming all
    """
    faults = Collected()
    for number, item in enumerate(items):
        for name, size in sizes.items():
            if item and len(to_text(item, name)) > size:
                message = f"size must be between 0 and {size}"
                faults.add(f"Size.{of}[{number}].{name}", message)
    faults.check()


def first(items: Iterable[Any], codes: Iterable[str | None], code: str) -> Any | None:
    """The first of the items that was refused for a reason."""
    pairs = zip(items, codes, strict=True)
    return next((item for item, why in pairs if why == code), None)


#: Makes a refusal of an item.
Refuser = Callable[[Any], Refusal]


def refuse_first(
    items: Sequence[Any],
    codes: Sequence[str | None],
    refusers: Mapping[str, Refuser],
) -> None:
    """Refuse for the first item that breaks the first of some rules.

    :param codes: for each item which rule it breaks, or None
    :param refusers: what is told, in the order of the rules
    :raises Refusal: when any rule is broken
    """
    for code, refuser in refusers.items():
        item = first(items, codes, code)
        if item is not None:
            raise refuser(item)
