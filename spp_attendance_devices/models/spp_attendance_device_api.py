import json
from datetime import UTC, datetime

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.spp_oauth.api import ApiResult, Conflict

from ..api import (
    ConfigOut,
    FaultOut,
    MachineInfo,
    MachineOut,
    MachinePage,
    MachineTestOut,
    MachineTotals,
    PushOut,
    SystemStatusOut,
)
from ..devices import DeviceError

#: Names in a body that fields of the model bear as well.
_SAME = (
    "name",
    "mode",
    "tz",
    "direction_policy",
    "enabled",
    "poll_interval",
    "offline_after",
    "correct_clock",
    "clear_after_read",
    "active",
)
_CONFIG_SAME = (
    "username",
    "transport",
    "tls",
    "tls_ca",
    "tls_fingerprint",
    "timeout",
    "deadline",
    "encoding",
)
_RENAMED = {
    "machine_type": "adapter",
    "ip_address": "host",
    "port": "port",
    "serial": "serial",
}
#: What the status and the connection of a machine follow from, for filters.
_CONNECTED = Domain("is_connected", "=", True)
_ACTIVE = Domain("active", "=", True) & Domain("enabled", "=", True)
_TROUBLED = Domain("health", "=", "offline") | Domain("failure_count", ">", 0)


class SppAttendanceDeviceApi(models.Model):
    """What the native API does with terminals, which it calls machines."""

    _name = "spp.attendance.device"
    _inherit = ["spp.attendance.device", "spp.attendance.api.mixin"]

    _API_PATH = "machines"
    _API_PAGE = MachinePage
    _API_FIELDS = (
        *_SAME,
        *_CONFIG_SAME,
        "adapter",
        "host",
        "port",
        "options",
        "location_id",
        "department_id",
        "type_id",
        "health",
        "is_connected",
        "circuit",
        "retry_at",
        "last_success_at",
        "next_poll_at",
        "last_contact_at",
        "reconciled_at",
        "gap_count",
        "push_networks",
        "push_delay",
        "synced_until",
        "error_code",
        "last_error_at",
        "failure_count",
        "serial",
        "model",
        "firmware",
        "clock_drift",
        "record_count",
        "record_capacity",
        "user_count",
        "create_date",
        "write_date",
    )
    _API_REFERENCES = {
        "location": "location_id",
        "department": "department_id",
        "type": "type_id",
    }

    department_id = fields.Many2one(
        "spp.attendance.department",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="Whose terminal it is.",
    )
    # Apps that set terminals up replace it, too; nobody reads it.
    secret_input = fields.Char(
        groups="spp_attendance.spp_attendance_group_admin,"
        "spp_attendance_devices.spp_attendance_device_group_api_manage"
    )

    # ----------------------------------------------------------------- lists

    @api.model
    def _api_domain(self, query):
        domain = Domain.TRUE
        if query.name:
            domain &= Domain("name", "ilike", query.name)
        if query.machine_type:
            domain &= Domain("adapter", "=", query.machine_type)
        if query.mode:
            domain &= Domain("mode", "=", query.mode)
        if query.serial:
            domain &= Domain("serial", "=", query.serial)
        if query.location:
            locations = self.env["spp.attendance.location"]
            places = locations._api_referred(query.location, below=True)
            domain &= Domain("location_id", "in", places)
        if query.department:
            departments = self.env["spp.attendance.department"]
            units = departments._api_referred(query.department, below=True)
            domain &= Domain("department_id", "in", units)
        if query.health:
            domain &= Domain("health", "in", query.health)
        if query.status:
            domain &= {
                "inactive": ~_ACTIVE,
                "error": _ACTIVE & _TROUBLED,
                "active": _ACTIVE & ~_TROUBLED,
            }[query.status]
        return domain

    # --------------------------------------------------------------- writing

    @api.model
    def _api_put(self, reference, body):
        """Give all settings of a machine that is there; what is left out is default.

        :return: the machine as it is now
        """
        device = self._api_find(reference)
        device.check_access("write")
        values = body.model_dump(exclude_unset=True)
        vals = device._api_defaults(values)
        vals.update(device._api_vals(values))
        device.write(vals)
        return device._api_read()[0]

    def _api_defaults(self, values):
        """What a body that names all settings means by what it leaves out."""
        # An archived terminal stays so until it is said otherwise.
        names = [name for name in _SAME if name not in ("name", "tz", "active")]
        names += (*_CONFIG_SAME, "push_delay")
        defaults = self.default_get(names)
        vals = {
            name: defaults.get(name, False)
            for name in names
            # What must not be empty and has no default, follows from the make.
            if name in defaults or not self._fields[name].required
        }
        vals.update(dict.fromkeys(self._API_REFERENCES.values(), False))
        emptied = dict.fromkeys(("host", "options", "push_networks"), False)
        return {**vals, **emptied, **self._api_usual(values)}

    def _api_usual(self, values):
        """Port and zone that follow from the rest, where a body does not say them."""
        usual = {}
        if values.get("port") is None:
            adapter = self._adapters().get(values.get("machine_type", self.adapter))
            usual["port"] = adapter.capabilities.default_port if adapter else 0
        if "tz" not in values:
            place = self.env["spp.attendance.location"]
            if "location" in values:
                location_id = place._api_refer(values["location"], "location")
                place = place.browse(location_id)
            usual["tz"] = (
                place.tz or (self.company_id or self.env.company).attendance_tz
            )
        return usual

    @api.model
    def _api_vals(self, values):
        make = values.get("machine_type")
        if make is not None and make not in self._adapters():
            known = ", ".join(sorted(self._adapters()))
            self._api_refuse(
                "machine_type", self.env._("It must be one of: %s.", known)
            )
        config = values.get("config", {})
        vals = super()._api_vals(
            {
                name: values[name]
                for name in (*_SAME, *self._API_REFERENCES)
                if name in values
            }
        )
        for name, field in _RENAMED.items():
            if name in values:
                vals[field] = values[name] or False
        if "port" in values and not values["port"]:
            vals.pop("port")
            if self:
                vals["port"] = self._api_usual({**values, "tz": ""})["port"]
        for name in _CONFIG_SAME:
            if name in config:
                vals[name] = config[name] or False
        self._api_check_patience(config)
        if "options" in config:
            vals["options"] = json.dumps(config["options"]) if config["options"] else ""
        if "secret" in config:
            vals["secret_input"] = config["secret"] or False
        return {**vals, **self._api_push_vals(values.get("push", {}))}

    @api.model
    def _api_push_vals(self, push):
        vals = {}
        if "networks" in push:
            vals["push_networks"] = "\n".join(push["networks"])
        if "delay" in push:
            vals["push_delay"] = push["delay"]
        if "key" in push:
            vals["push_key_input"] = push["key"] or False
        return vals

    def _api_check_patience(self, config):
        # The database checks it as well, but logs it as a fault.
        names = ("timeout", "deadline")
        known = self.default_get(names)
        timeout, deadline = (
            config.get(name) or self[name] or known[name] for name in names
        )
        if not set(names).isdisjoint(config) and timeout > deadline:
            self._api_refuse(
                "config.timeout", self.env._("It must not exceed the deadline.")
            )

    @api.model
    def _api_delete(self, reference):
        """Delete a terminal, or archive one that has scans.

        :return: None, or the terminal as it is now
        """
        device = self._api_find(reference)
        device.check_access("unlink")
        # Whether there is any matters, not whose they are.
        scans_sudo = self.env["spp.attendance.scan"].sudo()
        if not scans_sudo.search_count([("device_id", "=", device.id)], limit=1):
            device.unlink()
            return None
        device.active = False
        return ApiResult(device._api_read()[0], status=200)

    # --------------------------------------------------------------- testing

    @api.model
    def _api_test(self, reference):
        """Talk to a terminal and tell how it went."""
        device = self._api_find(reference)
        device.check_access("write")
        if not device._is_reached():
            raise Conflict(
                self.env._("This terminal sends by itself, and has no address to test.")
            )
        outcome = device._converse("test")
        failed = isinstance(outcome, DeviceError)
        return MachineTestOut.model_construct(
            success=not failed,
            code=outcome.code if failed else "ok",
            message=self._hint(outcome.code) if failed else self._describe(outcome),
            info=None if failed else self._api_info(outcome),
            machine=device._api_read()[0],
        )

    @api.model
    def _api_info(self, info):
        return MachineInfo.model_construct(
            serial=info.serial or None,
            model=info.model or None,
            firmware=info.firmware or None,
            people_held=info.users,
            scans_held=info.records,
            scans_capacity=info.capacity,
            clock_drift=info.clock_drift,
        )

    # ---------------------------------------------------------------- reading

    @api.model
    def _api_system_status(self, health):
        """How the terminals are that the user may see, and the server's queues.

        :type health: odoo.addons.spp_oauth.api.health.Health
        """
        counts = self._read_group([], ["health"], ["__count", "last_success_at:max"])
        numbers = {state: count for state, count, _last in counts}
        polled = Domain("enabled", "=", True)
        [(known, oldest)] = self._read_group(
            polled & Domain("synced_until", "!=", False),
            [],
            ["__count", "synced_until:min"],
        )
        complete = known and known == self.search_count(polled)
        in_trouble = self.search_count(polled & _TROUBLED, limit=1)
        # Only their number, of terminals that the user may see.
        scans_sudo = self.env["spp.attendance.scan"].sudo()
        waiting = Domain("state", "=", "unmatched") & Domain(
            "device_id", "in", self._search(Domain.TRUE)
        )
        return SystemStatusOut.model_construct(
            status="degraded"
            if in_trouble and health.status == "ok"
            else health.status,
            checked_at=self._api_instant(datetime.now(UTC)),
            machines=MachineTotals.model_construct(
                total=sum(numbers.values()),
                connected=self.search_count(polled & _CONNECTED),
                **{
                    name: numbers.get(name, 0)
                    for name in ("healthy", "degraded", "offline", "never", "disabled")
                },
                waiting=self.search_count(Domain("circuit", "!=", "closed")),
                last_sync=self._api_time(
                    max((last for *_, last in counts if last), default=None)
                ),
                synced_until=self._api_time(oldest) if complete else None,
            ),
            unmatched_scans=scans_sudo.search_count(waiting),
            failing=health.failing,
            checks=health.checks,
        )

    def _api_unmatched(self):
        """Numbers of scans that nobody is known for, by id of the terminal."""
        # Only numbers, of terminals that the user may see.
        scans_sudo = self.env["spp.attendance.scan"].sudo()
        found = scans_sudo._read_group(
            [("device_id", "in", self.ids), ("state", "=", "unmatched")],
            ["device_id"],
            ["__count"],
        )
        return {device.id: count for device, count in found}

    @api.model
    def _api_time(self, instant):
        return self._api_instant(instant) if instant else None

    def _api_status(self):
        if not (self.active and self.enabled):
            return "inactive"
        return "error" if self.health == "offline" or self.failure_count else "active"

    def _api_read(self):
        unmatched = self._api_unmatched()
        # Who may see a terminal may know where and whose it is.
        places_sudo = self.location_id.sudo()
        places_sudo.fetch(["code", "name"])
        units_sudo = self.department_id.sudo()
        units_sudo.fetch(["code", "name"])
        self.type_id.fetch(["code", "name"])
        return [
            MachineOut.model_construct(
                id=device.id,
                machine_id=device.id,
                name=device.name,
                machine_type=device.adapter,
                mode=device.mode,
                ip_address=device.host or None,
                port=device.port or None,
                location=places_sudo.browse(device.location_id.id)._api_as_reference(),
                department=units_sudo.browse(
                    device.department_id.id
                )._api_as_reference(),
                type=device.type_id._api_as_reference(),
                tz=device.tz,
                direction_policy=device.direction_policy,
                status=device._api_status(),
                is_connected=device.is_connected,
                health=device.health,
                circuit=device.circuit,
                retry_at=self._api_time(device.retry_at),
                last_sync=self._api_time(device.last_success_at),
                next_sync=self._api_time(device._is_reached() and device.next_poll_at),
                synced_until=self._api_time(device.synced_until),
                fault=device._api_fault(),
                fault_count=device.failure_count,
                serial=device.serial or None,
                model=device.model or None,
                firmware=device.firmware or None,
                clock_drift=device.clock_drift,
                scans_held=device.record_count,
                scans_capacity=device.record_capacity or None,
                people_held=device.user_count,
                unmatched_scans=unmatched.get(device.id, 0),
                enabled=device.enabled,
                poll_interval=device.poll_interval,
                offline_after=device.offline_after,
                correct_clock=device.correct_clock,
                clear_after_read=device.clear_after_read,
                config=device._api_config(),
                push=device._api_push(),
                active=device.active,
                created_at=self._api_instant(device.create_date),
                updated_at=self._api_instant(device.write_date),
            )
            for device in self
        ]

    def _api_fault(self):
        if not self.error_code:
            return None
        return FaultOut.model_construct(
            code=self.error_code,
            message=self._hint(self.error_code),
            at=self._api_time(self.last_error_at),
        )

    def _api_push(self):
        if self.mode != "push":
            return None
        return PushOut.model_construct(
            networks=(self.push_networks or "").split(),
            key_set=self.push_key_set,
            delay=self.push_delay,
            last_contact=self._api_time(self.last_contact_at),
            checked_at=self._api_time(self.reconciled_at),
            scans_fetched_later=self.gap_count,
        )

    def _api_config(self):
        return ConfigOut.model_construct(
            username=self.username or None,
            secret_set=self.secret_set,
            transport=self.transport,
            tls=self.tls,
            tls_ca=self.tls_ca or None,
            tls_fingerprint=self.tls_fingerprint or None,
            timeout=self.timeout,
            deadline=self.deadline,
            encoding=self.encoding,
            options=json.loads(self.options or "{}"),
        )
