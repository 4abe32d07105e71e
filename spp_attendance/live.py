"""The words of the live feed, which server and clients share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

#: Type of our messages on the bus.
MESSAGE: Final = "spp_attendance_live"
#: What a client asks for in the list of channels of its subscribe message, followed by
#: its token; a page of the backend by the ids of the companies it shows, if not all.
SUBSCRIPTION: Final = "spp_attendance_live"
TOKEN: Final = f"{SUBSCRIPTION}:token="
COMPANIES: Final = f"{SUBSCRIPTION}:companies="
#: What a token must be good for.
SCOPE: Final = "attendance:events"
#: A subscription that ended for good (RFC 6455 leaves 4000 to 4999 to applications):
#: its token is not good, or no longer. A client needs another one.
CLOSED: Final = 4401
#: So many things of one kind are told one by one at a time; of more their number.
MOST: Final = 500
#: How often the status is told, in seconds, though nothing has changed.
STATUS_EVERY: Final = 30


class Item(NamedTuple):
    """Something that is told of: which row, and as what.

    ``data`` is for everybody who may read the row; ``about`` is what stands beside it
    in the event (``machine_id``, ``employee_id``). ``guarded`` names what of the data
    is only for those who may read another row as well, as ``{name: (model, id)}``: for
    all others it is None.
    """

    id: int
    type: str
    data: dict[str, Any]
    about: dict[str, Any] = {}
    guarded: dict[str, tuple[str, int]] = {}


def event(type_: str, data: Any, **about: Any) -> dict[str, Any]:
    """One event as front ends know it.

    :param str type_: such as ``scan_received``
    :param data: its content, as JSON knows it
    :param about: ``machine_id``, ``employee_id``; left out where there is none
    :return: ``{type, data, machine_id?, employee_id?, timestamp}``
    """
    known = {name: value for name, value in about.items() if value is not None}
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"type": type_, "data": data, **known, "timestamp": now}
