"""Logs of registers in DIGIT's dialect: what they say, and what is said of them.

Free of Odoo and of the database. Codes and messages are DIGIT's to the letter. Times
are milliseconds since 1970 outside, and naive ``datetime`` in UTC inside.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from ..engine.log_ids import to_uuid
from ..engine.scan_types import ScanType
from .digit import (
    ACTIVE,
    INACTIVE,
    Refusal,
    Request,
    is_blank,
    misshapen,
    refuse,
    to_ms,
    to_text,
    to_texts,
)
from .digit import to_instant as read_instant

#: A code for programs, and the message with it.
Problem = tuple[str, str]

#: Most people that a search may be about.
MAX_INDIVIDUALS: Final = 10

NOTHING: Final = ("ATTENDANCE", "Attendance array is mandatory")
SEVERAL_REGISTERS: Final = (
    "MULTIPLE_REGISTERIDS",
    "Attendance logs should belong to same registerId",
)
SEVERAL_TENANTS: Final = (
    "MULTIPLE_TENANTIDS",
    "Attendance logs should belong to same tenantId",
)
#: What a log must say, in the order in which it is asked for.
_REQUIRED: Final = (
    ("tenantId", "ATTENDANCE.TENANTID", "TenantId is mandatory"),
    ("registerId", "ATTENDANCE.REGISTERID", "Attendance registerid is mandatory"),
    ("individualId", "ATTENDANCE.INDIVIDUALID", "Attendance indidualid is mandatory"),
    ("type", "ATTENDANCE.TYPE", "Attendance type is mandatory"),
    ("time", "ATTENDANCE.TIME", "Attendance time is mandatory"),
)
#: In the order in which DIGIT looks for them: of several logs, the first kind counts.
_ORDER: Final = (
    "UNAUTHORISED_USER",
    "ATTENDANCE_LOG",
    "REGISTER_NOT_FOUND",
    "INACTIVE_REGISTER",
    "INVALID_TENANTID",
    "INVALID_ATTENDANCE_TIME",
    "UNENROLLED_ATTENDEES",
    "INELIGIBLE_ATTENDEES",
)
_SCAN_TYPES: Final[dict[str, ScanType]] = {"ENTRY": "in", "EXIT": "out"}
_EPOCH: Final = datetime(1970, 1, 1)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Log(NamedTuple):
    """A log as an app sends it, with all that it must say.

    :ivar time: milliseconds since 1970
    :ivar status: None: not said
    :ivar documents: None: not said
    """

    id: str | None
    tenant: str
    register: str
    individual: str
    type: str
    time: int
    status: str | None
    client_reference: str | None
    additional_details: Any
    client_audit: Mapping[str, Any] | None
    documents: Sequence[Mapping[str, Any]] | None

    @property
    def instant(self) -> datetime | None:
        """When it was; None for a moment that no register can hold."""
        return to_instant(self.time)


# ------------------------------------------------------------------- reading


def missing(item: Any) -> list[Problem]:
    """What a log must say and doesn't."""
    if not isinstance(item, Mapping):
        item = {}
    return [
        (code, message) for name, code, message in _REQUIRED if is_blank(item.get(name))
    ]


def read_log(item: Mapping[str, Any]) -> Log:
    """A log in which nothing is missing.

    :raises Refusal: when something in it is of another type than it can be
    """
    status = to_text(item, "status")
    return Log(
        id=to_text(item, "id") or None,
        tenant=to_text(item, "tenantId"),
        register=to_text(item, "registerId"),
        individual=to_text(item, "individualId"),
        type=to_text(item, "type"),
        time=to_ms(item, "time") or 0,
        # by exact name; what it is not is nothing, as theirs has it
        status=status if status in (ACTIVE, INACTIVE) else None,
        client_reference=to_text(item, "clientReferenceId") or None,
        additional_details=item.get("additionalDetails"),
        client_audit=_object(item, "clientAuditDetails"),
        documents=_objects(item, "documentIds"),
    )


def read_logs(items: Sequence[Mapping[str, Any] | None]) -> list[Log]:
    """The logs of a request, all of one register and tenant.

    :raises Refusal: when it is to be refused whole, whoever sends it
    """
    if not items or any(item is None for item in items):
        raise refuse(*NOTHING)
    # One entry a code, however many logs lack the same.
    problems = dict.fromkeys(problem for item in items for problem in missing(item))
    if problems:
        raise Refusal(problems)
    logs = [read_log(item) for item in items if item is not None]
    if len({log.register for log in logs}) > 1:
        raise refuse(*SEVERAL_REGISTERS)
    if len({log.tenant for log in logs}) > 1:
        raise refuse(*SEVERAL_TENANTS)
    return logs


def described(item: Any) -> dict[str, str | None]:
    """What a list shows of a log that may be of any shape."""
    item = item if isinstance(item, Mapping) else {}

    def shown(name: str) -> str | None:
        value = item.get(name)
        return None if value is None else str(value)[:256]

    try:
        instant = to_instant(to_ms(item, "time"))
    except Refusal:
        instant = None
    return {
        "tenant": shown("tenantId"),
        "individual": shown("individualId"),
        "register": shown("registerId"),
        "log_type": shown("type"),
        "logged_at": instant and instant.isoformat(),
    }


def _object(item: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = item.get(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise misshapen(f"{name} must be an object")


def _objects(item: Mapping[str, Any], name: str) -> list[Mapping[str, Any]] | None:
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return value
    raise misshapen(f"{name} must be an array of objects")


class Search(NamedTuple):
    """Which logs are asked for.

    :ivar status: any word; that of no log finds none
    :ivar limit: None: all
    """

    tenant: str
    register: str
    client_references: list[str]
    individuals: list[str]
    ids: list[str]
    status: str
    start: datetime | None
    end: datetime | None
    limit: int | None
    offset: int
    descending: bool


def read_search(asked: Request) -> Search:
    """What is searched for: an object in the body, else the query string.

    :raises Refusal: when it says too little, or what makes no sense
    """
    if asked.info.data is None:
        raise refuse(
            "ATTENDANCE_LOG_SEARCH_REQUEST",
            "Attendance log search request is mandatory",
        )
    asked.info.check()
    if asked.data.get("attendance") is not None:
        search = _search_of_body(asked.criteria("attendance"))
    else:
        search = _search_of_params(asked)
    if not search.tenant:
        raise refuse("TENANT_ID", "Tenant is mandatory")
    if not search.register and not search.client_references:
        raise refuse(
            "REGISTER_ID_OR_CLIENT_REFERENCE_ID",
            "RegisterId or ClientReferenceId is mandatory",
        )
    if len(search.individuals) > MAX_INDIVIDUALS:
        raise refuse(
            "INDIVIDUALIDS",
            f"only {MAX_INDIVIDUALS} IndividualIds are allowed to search",
        )
    return search


def check_times(search: Search) -> None:
    """The last of the rules, which comes after those of the register.

    :raises Refusal:
    """
    if search.end and not search.start:
        raise refuse("INVALID_SEARCH_PARAM", "Cannot specify toTime without a fromTime")


def _search_of_params(asked: Request) -> Search:
    params = asked.params
    limit, offset = params.paging(default=None)
    return Search(
        tenant=params.text("tenantId"),
        register=params.text("registerId"),
        client_references=params.texts("clientReferenceId"),
        individuals=params.texts("individualIds"),
        ids=params.texts("ids"),
        status=params.text("status"),
        start=params.instant("fromTime"),
        end=params.instant("toTime"),
        limit=limit,
        offset=offset,
        descending=params.descending(),
    )


def _search_of_body(item: Mapping[str, Any]) -> Search:
    limit, offset = to_ms(item, "limit"), to_ms(item, "offset")
    order = to_text(item, "sortOrder").upper() or "DESC"
    if order not in ("ASC", "DESC"):
        raise misshapen("sortOrder must be ASC or DESC")
    if (limit or 0) < 0 or (offset or 0) < 0:
        raise misshapen("limit and offset must not be negative")
    return Search(
        tenant=to_text(item, "tenantId"),
        register=to_text(item, "registerId"),
        client_references=to_texts(item, "clientReferenceId"),
        individuals=to_texts(item, "individualIds"),
        ids=to_texts(item, "ids"),
        status=to_text(item, "status"),
        start=read_instant(item, "fromTime"),
        end=read_instant(item, "toTime"),
        limit=limit,
        offset=offset or 0,
        descending=order == "DESC",
    )


# ------------------------------------------------------------------ meaning


def to_instant(milliseconds: int | None) -> datetime | None:
    """Naive, in UTC; None where no calendar goes, and of nothing."""
    try:
        return None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        return None


def scan_type(log_type: str) -> ScanType:
    """What a type of log says about coming and going."""
    return _SCAN_TYPES.get(log_type.upper(), "none")


def category(log_type: str) -> str:
    """Who is logged was there, unless the type says the contrary."""
    return "absent" if log_type.upper() == "ABSENT" else "present"


def type_of(log_type: str | None, direction: str | None, category: str) -> str:
    """The type of a log, also of one that was not sent as such."""
    if log_type:
        return log_type
    return {"in": "ENTRY", "out": "EXIT"}.get(direction or "", category.upper())


def with_ids(
    documents: Iterable[Mapping[str, Any]],
    known: Sequence[Mapping[str, Any]] = (),
    make_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> list[dict[str, Any]]:
    """Documents of a log, each with an id of its own.

    :param known: those that it has: one with the same id is replaced
    """
    by_id = {document["id"]: dict(document) for document in known}
    for document in documents:
        number = document.get("id")
        if number not in by_id:
            number = make_id()
        by_id[number] = {
            "id": number,
            "documentType": document.get("documentType"),
            "fileStore": document.get("fileStore"),
            # theirs tells the file's id in both
            "documentUid": document.get("fileStore"),
            "status": document.get("status") or ACTIVE,
            "additionalDetails": document.get("additionalDetails"),
        }
    return list(by_id.values())


def changed_audit(
    known: Mapping[str, Any] | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What an app's own clock and users say, after a change: who made it stays."""
    if not known:
        return dict(given)
    changed = {name: given.get(name) for name in ("lastModifiedBy", "lastModifiedTime")}
    return {**known, **changed}


# ------------------------------------------------------------------ refusing


def not_staff(user: str, register: str) -> Problem:
    return (
        "UNAUTHORISED_USER",
        f"User [{user}] is not authorised for register [{register}]",
    )


def unknown_log(number: str | None, register: str) -> Problem:
    return (
        "ATTENDANCE_LOG",
        f"Provided attendance id [{'null' if number is None else number}] is invalid"
        f" for register [{register}]",
    )


def unknown_register(register: str) -> Problem:
    return ("REGISTER_NOT_FOUND", f"Given RegisterId [{register}] does not exists")


def inactive_register(register: str) -> Problem:
    return ("INACTIVE_REGISTER", f"Given RegisterId [{register}] is inactive")


def other_tenant(tenant: str, register: str) -> Problem:
    return (
        "INVALID_TENANTID",
        f"TenantId [{tenant}] is not associated with register [{register}]",
    )


def outside(milliseconds: int, register: str) -> Problem:
    return (
        "INVALID_ATTENDANCE_TIME",
        f"Attendance time [{iso(milliseconds)}] is invalid for register [{register}]",
    )


def not_enrolled(register: str) -> Problem:
    return (
        "UNENROLLED_ATTENDEES",
        f"Attendees are not enrolled against register [{register}]",
    )


def not_enrolled_then(register: str) -> Problem:
    return (
        "INELIGIBLE_ATTENDEES",
        f"Attendees are ineligible for given date range for register [{register}]",
    )


def other_content(client_reference: str | None) -> Problem:
    """Not DIGIT's, which keeps both: what was said first stands, and this is told."""
    return (
        "CLIENT_REFERENCE_ID",
        f"ClientReferenceId [{client_reference}] was used before for another log",
    )


def first(problems: Iterable[Problem | None]) -> Problem | None:
    """The one of which a request is told: DIGIT looks for one kind after another."""
    found = [problem for problem in problems if problem]
    return min(found, key=_rank, default=None)


def _rank(problem: Problem) -> int:
    code, _message = problem
    return _ORDER.index(code) if code in _ORDER else len(_ORDER)


def iso(milliseconds: int) -> str:
    """An instant as Java writes it: a fraction only where there is one."""
    instant = to_instant(milliseconds)
    if instant is None:
        return str(milliseconds)
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.isoformat(timespec=precision) + "Z"


# ------------------------------------------------------------------- telling


class Row(NamedTuple):
    """A record of a register as the database has it; times in milliseconds."""

    id: int
    register: str
    individual: str
    tenant: str | None
    time: int
    log_type: str | None
    direction: str | None
    category: str
    active: bool
    client_reference: str | None
    details: Mapping[str, Any] | None
    created_at: int
    modified_at: int
    created_by: str | None
    modified_by: str | None
    modified_uid: int | None


def log_out(row: Row) -> dict[str, Any]:
    """A log as apps read it."""
    details = row.details or {}
    changed = details.get("modifiedBy") or {}
    # Who changed it through a gateway; unless somebody else did since.
    by_gateway = changed.get("user") == row.modified_uid and changed.get("uuid")
    return {
        "id": to_uuid(row.register, row.id),
        "registerId": row.register,
        "individualId": row.individual,
        "tenantId": row.tenant,
        "time": row.time,
        "type": type_of(row.log_type, row.direction, row.category),
        "status": ACTIVE if row.active else INACTIVE,
        "documentIds": details.get("documentIds") or [],
        "additionalDetails": details.get("additionalDetails"),
        "clientReferenceId": row.client_reference,
        "clientAuditDetails": details.get("clientAuditDetails"),
        "auditDetails": {
            "createdBy": details.get("createdBy") or row.created_by,
            "lastModifiedBy": by_gateway or row.modified_by,
            "createdTime": row.created_at,
            "lastModifiedTime": row.modified_at,
        },
    }


def aware(instant: datetime) -> datetime:
    """The same instant, of which nobody takes it for a local time."""
    return instant.replace(tzinfo=UTC)
