"""Shapes of terminals, which this API calls machines."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from pydantic import StringConstraints as Constraints

from odoo.addons.spp_attendance.api import Reference, RegistryQuery
from odoo.addons.spp_attendance.api.common import Identifier
from odoo.addons.spp_attendance.api.lists import drop_null_defaults
from odoo.addons.spp_attendance.api.registry import Name, Patch
from odoo.addons.spp_oauth.api.health import HealthItem

Health = Literal["never", "healthy", "degraded", "offline", "disabled"]
Circuit = Literal["closed", "open", "half_open"]
Status = Literal["active", "error", "inactive"]
Direction = Literal["terminal", "in", "out", "alternate", "first_last"]
Mode = Literal["poll", "push"]
#: A text that a terminal's settings may hold.
Setting = Annotated[str, Constraints(max_length=256, pattern=r"^[^\x00]*$")]
PushKey = Annotated[str, Constraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Certificate = Annotated[str, Constraints(max_length=65_536, pattern=r"^[^\x00]*$")]
Word = Annotated[str, Constraints(max_length=64, pattern=r"^[a-z0-9_]+$")]

_NULL_EMPTIES = " `null` empties."


class ConfigIn(BaseModel):
    """How to talk to a machine; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra=drop_null_defaults,
    )

    username: Setting | None = Field(None, description="For makes that ask for one.")
    secret: Setting | None = Field(
        None,
        repr=False,
        description="Communication key, password or shared key, as the make calls it."
        " It can be replaced, but never read." + _NULL_EMPTIES,
        json_schema_extra={"writeOnly": True},
    )
    transport: Literal["tcp", "udp"] = Field(default=None)
    tls: Literal["none", "system", "ca", "pinned", "unverified"] = Field(
        default=None,
        description="Encryption: none (plain HTTP); HTTPS with the certificate of a"
        " known authority (`system`), of the authority `tls_ca` (`ca`), with that"
        " certificate alone of which `tls_fingerprint` is (`pinned`), or with any.",
    )
    tls_ca: Certificate | None = Field(None, description="Of the authority, as PEM.")
    tls_fingerprint: Setting | None = Field(
        None, description="SHA-256 of the machine's certificate, in hexadecimal digits."
    )
    timeout: StrictInt = Field(
        default=None, ge=1, le=600, description="Seconds to wait for a single answer."
    )
    deadline: StrictInt = Field(
        default=None, ge=5, le=600, description="Seconds that a reading may take."
    )
    encoding: Identifier = Field(
        default=None, description="Of its texts.", examples=["utf-8"]
    )
    options: dict[str, Any] = Field(
        default=None,
        description="Settings of the make alone; given, they replace all of them.",
    )


class PushIn(BaseModel):
    """Of a machine that sends by itself; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra=drop_null_defaults,
    )

    networks: Annotated[list[Setting], Field(max_length=64)] = Field(
        default=None,
        description="Addresses or networks from which it may send; none: those of the"
        " company's terminals, or anywhere if there are none.",
        examples=[["10.0.0.0/8"]],
    )
    key: PushKey | None = Field(
        None,
        repr=False,
        description="What an ADMS machine says when it begins (`pushcommkey`), where it"
        " was given one. It can be replaced, but never read." + _NULL_EMPTIES,
        json_schema_extra={"writeOnly": True},
    )
    delay: StrictInt = Field(
        default=None,
        ge=2,
        le=60,
        description="Seconds from one call of an ADMS machine to the next.",
    )


class MachinePatch(Patch):
    """What to change of a machine."""

    name: Name = Field(default=None)
    machine_type: Word = Field(default=None, description="The make.")
    mode: Mode = Field(
        default=None,
        description="`poll`: the server reads it; `push`: it sends by itself, which"
        " ZKTeco (ADMS) and Hikvision machines can, and needs no `ip_address`.",
    )
    serial: Setting | None = Field(
        default=None,
        description="An ADMS machine that sends says by it who it is. Of others it is"
        " read from the machine.",
    )
    ip_address: Setting | None = Field(
        None,
        description="IP address or host name, without port or protocol. Where a secret"
        " is stored, another address needs `config.secret` again.",
    )
    port: StrictInt | None = Field(
        None,
        ge=1,
        le=65_535,
        description="`null`: the one that is usual for the make.",
    )
    location: StrictInt | Identifier | None = Field(
        None, description="Where it is: the location's id, code or name."
    )
    department: StrictInt | Identifier | None = Field(
        None, description="Whose it is: the department's id, code or name."
    )
    type: StrictInt | Identifier | None = Field(
        None, description="Of the attendance recorded here: its id, code or name."
    )
    tz: Name = Field(
        default=None,
        description="IANA zone of its clock; by default the location's.",
        examples=["Africa/Nairobi"],
    )
    direction_policy: Direction = Field(
        default=None, description="Which way people went who were scanned here."
    )
    enabled: StrictBool = Field(
        default=None,
        description="False: for the time being it is not polled, and what it sends is"
        " refused.",
    )
    poll_interval: StrictInt = Field(
        default=None,
        ge=1,
        le=1_440,
        description="Minutes from one poll to the next; one that sends is read once a"
        " day, if it has an address.",
    )
    offline_after: StrictInt = Field(
        default=None,
        ge=1,
        le=10_080,
        description="Minutes without a good answer until it counts as offline. An ADMS"
        " machine that sends does so after three calls that it missed, but not before"
        " two minutes.",
    )
    correct_clock: StrictBool = Field(
        default=None, description="Whether its clock is set when it is off."
    )
    clear_after_read: StrictBool = Field(
        default=None,
        description="Whether its log is emptied when all of it is stored.",
    )
    config: ConfigIn = Field(default=None)
    push: PushIn = Field(default=None)
    active: StrictBool = Field(
        default=None, description="False archives it: it is not in use any more."
    )


class MachineIn(MachinePatch):
    """A new machine, or all of one."""

    name: Name = Field(examples=["Gate"])
    machine_type: Word = Field(description="The make.", examples=["zkteco"])


class MachineQuery(RegistryQuery):
    """Filters of a list of machines."""

    name: Identifier | None = Field(None, description="A part of the name.")
    machine_type: Identifier | None = Field(None, description="The make.")
    serial: Identifier | None = None
    location: Identifier | None = Field(
        None, description="In this location or below: its id, code or name."
    )
    department: Identifier | None = Field(
        None, description="Of this department or below: its id, code or name."
    )
    mode: Mode | None = None
    status: Status | None = None
    health: list[Health] | None = Field(
        None, max_length=5, description="May be given repeatedly."
    )
    sort: Literal["name", "-name", "updated_at", "-updated_at"] = "name"


class ConfigOut(BaseModel):
    """How a machine is talked to. Never a secret, only whether there is one."""

    username: str | None
    secret_set: bool
    transport: str
    tls: str
    tls_ca: str | None
    tls_fingerprint: str | None
    timeout: int
    deadline: int
    encoding: str
    options: dict[str, Any]


class PushOut(BaseModel):
    """How a machine sends by itself. Never a key, only whether there is one."""

    networks: list[str]
    key_set: bool
    delay: int = Field(description="Seconds.")
    last_contact: str | None = Field(description="Its last call; UTC, ISO 8601.")
    checked_at: str | None = Field(
        description="When all that it holds was last known to be here; UTC, ISO 8601."
    )
    scans_fetched_later: int = Field(
        description="That it had not sent by itself, found by checks."
    )


class FaultOut(BaseModel):
    """What went wrong last."""

    code: str = Field(description="For programs.", examples=["timeout"])
    message: str = Field(description="What to do about it, for people.")
    at: str | None = Field(description="UTC, ISO 8601.")


class MachineOut(BaseModel):
    """A machine as apps read it."""

    id: int
    machine_id: int = Field(description="The same as `id`.")
    name: str
    machine_type: str
    mode: Mode
    ip_address: str | None
    port: int | None
    location: Reference | None
    department: Reference | None
    type: Reference | None
    tz: str
    direction_policy: Direction
    status: Status = Field(
        description="`inactive`: switched off or archived; `error`: it is offline, or"
        " its last conversation failed; else `active`."
    )
    is_connected: bool = Field(
        description="Whether it answered when it was talked to last, and not long ago;"
        " or, of one that sends, whether it calls."
    )
    health: Health
    circuit: Circuit = Field(
        description="`open`: it is left alone until `retry_at`, or, without that, until"
        " somebody corrects its settings or tests it; `half_open`: being tried."
    )
    retry_at: str | None = Field(description="UTC, ISO 8601.")
    last_sync: str | None = Field(
        description="Last good answer, or call; UTC, ISO 8601."
    )
    next_sync: str | None = Field(
        description="When it is read; UTC, ISO 8601. Null for one without an address,"
        " that sends."
    )
    synced_until: str | None = Field(
        description="Whoever was here before then is known; UTC, ISO 8601."
    )
    fault: FaultOut | None
    fault_count: int = Field(description="Faults since the last good answer.")
    serial: str | None
    model: str | None
    firmware: str | None
    clock_drift: int = Field(description="Seconds; positive when it is fast.")
    scans_held: int = Field(description="In its own log, when it was read last.")
    scans_capacity: int | None
    people_held: int = Field(description="Whom it knows, when it was read last.")
    unmatched_scans: int = Field(description="Scans of whom nobody knows who it was.")
    enabled: bool
    poll_interval: int = Field(description="Minutes.")
    offline_after: int = Field(description="Minutes.")
    correct_clock: bool
    clear_after_read: bool
    config: ConfigOut
    push: PushOut | None = Field(description="Null for one that is polled.")
    active: bool
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class MachinePage(BaseModel):
    """A page of machines."""

    items: list[MachineOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )


class MachineInfo(BaseModel):
    """What a machine says of itself; null where it does not say."""

    serial: str | None
    model: str | None
    firmware: str | None
    people_held: int | None
    scans_held: int | None
    scans_capacity: int | None
    clock_drift: int | None = Field(
        description="Seconds; positive when it is fast, compared with this server."
    )


class MachineTestOut(BaseModel):
    """How a test of the connection went."""

    success: bool
    code: str = Field(
        description="`ok`, or that of the fault, such as `dns`, `refused`, `timeout`,"
        " `auth`, `locked`, `tls` or `protocol`.",
        examples=["ok"],
    )
    message: str = Field(description="What to do about it, for people.")
    info: MachineInfo | None
    machine: MachineOut = Field(description="As it is after the test.")


class MachineTotals(BaseModel):
    """How many machines are in use that the caller may see, and how they are."""

    total: int
    connected: int
    healthy: int
    degraded: int
    offline: int
    never: int = Field(description="That did not answer yet.")
    disabled: int
    waiting: int = Field(description="Left alone after faults (`circuit` not closed).")
    last_sync: str | None = Field(description="Of any; UTC, ISO 8601.")
    synced_until: str | None = Field(
        description="Up to when all of them have reported that are enabled; null when"
        " one of them never has. UTC, ISO 8601."
    )


class SystemStatusOut(BaseModel):
    """Whether all is well."""

    status: Literal["ok", "degraded", "failing"] = Field(
        description="Of the server, its queues and the machines: `degraded` when"
        " something needs attention, `failing` when it cannot do its work."
    )
    checked_at: str = Field(description="UTC, ISO 8601.")
    machines: MachineTotals
    unmatched_scans: int = Field(description="Of these machines.")
    failing: list[str] = Field(description="Names of the checks that are not ok.")
    checks: list[HealthItem]
