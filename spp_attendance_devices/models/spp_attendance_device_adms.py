import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.tools import SQL, consteq

from ..devices import adms
from ..devices.errors import DeviceDataError
from .spp_attendance_device_push import NOTED_EVERY

#: Tables that a terminal is asked for. What else it sends is taken and dropped.
_WANTED = frozenset({adms.ATTLOG, "OPERLOG"})
#: Somebody who sets a terminal's clock again and again is told of so often.
_CLOCK_NOTED_EVERY = timedelta(days=1)
#: What a call needs to know of its terminal, in one statement.
_KNOWN = (
    "active",
    "adapter",
    "company_id",
    "enabled",
    "firmware",
    "health",
    "last_contact_at",
    "push_address",
    "push_delay",
    "push_key_hash",
    "push_networks",
    "push_offset",
    "push_refused_at",
    "push_stamps",
    "serial",
    "tz",
    "user_id",
)
_KNOWN_COLUMNS = SQL(", ").join(SQL.identifier("d", name) for name in _KNOWN)


class SppAttendanceDevice(models.Model):
    """Terminals that speak ADMS, ZKTeco's push dialect.

    They say who they are by a serial number and no more: what makes it worth believing
    is the address that they call from, and that they said their key as they began, if
    they have one.
    """

    _inherit = "spp.attendance.device"

    push_offset = fields.Integer(
        string="Told Offset (min)",
        readonly=True,
        copy=False,
        aggregator=None,
        help="What the terminal was last told of its zone: minutes from UTC.",
    )
    clock_set_at = fields.Datetime(
        string="Clock Set By Hand",
        readonly=True,
        copy=False,
        help="When the terminal told that somebody had set its clock; noted once a"
        " day at most.",
    )

    @api.model
    def _adms(self, page, method, query, body, address):
        """Answer a call, of whoever it may be.

        :param str page: last part of the path, such as ``cdata``
        :param str method: of HTTP
        :param bytes query: as it came
        :param bytes body: as it came
        :param str address: where it comes from
        :return: HTTP status and text
        """
        call = adms.parse_query(query)
        # Nobody is logged in: which terminal it is, its call says.
        device_sudo = self._find_calling(call.serial)
        if not device_sudo:
            self.env["spp.attendance.device.pending"]._note_call(call, address)
            return 403, "Unknown terminal"
        is_hello = page == "cdata" and method == "GET" and not call.table
        if why := device_sudo._refuse_call(call, address, is_hello):
            device_sudo._note_refusal(why, address)
            return 403, "Refused"
        if is_hello:
            return 200, device_sudo._hello(call, address)
        if page == "cdata" and method == "POST":
            return device_sudo._take_upload(call, body)
        if page in ("cdata", "fdata", "ping"):
            device_sudo._note_contact()
            return 200, adms.OK
        if page == "getrequest":
            return 200, device_sudo._give_work(call)
        if page == "devicecmd":
            device_sudo._take_results(body)
            return 200, adms.OK
        device_sudo._note_refusal("dialect", address)
        return 404, "No such call"

    @api.model
    def _find_calling(self, serial):
        """The terminal with a serial number that sends by itself in this dialect, as
        its service user and with the rights of the system: see :meth:`_as_itself`."""
        if not serial:
            return self.browse()
        self.flush_model(_KNOWN)
        # Terminals call all the time, and for each the ORM would build two statements
        # that take longer to build than to run.
        rows = self.env.execute_query(
            SQL(
                """
                SELECT d.id, %s, c.id, c.attendance_terminal_networks
                  FROM spp_attendance_device d
                  JOIN res_company c ON c.id = d.company_id
                 WHERE d.serial = %s AND d.mode = 'push' AND d.adapter = ANY(%s)
              ORDER BY d.active DESC, d.id
                 LIMIT 1
                """,
                _KNOWN_COLUMNS,
                serial,
                self._adms_makes(),
            )
        )
        if not rows:
            return self.browse()
        [(device_id, *values, company_id, networks)] = rows
        device = self.browse(device_id)
        for name, value in zip(_KNOWN, values, strict=True):
            self._fields[name]._insert_cache(device, [value])
        company = self.env["res.company"].browse(company_id)
        field = company._fields["attendance_terminal_networks"]
        field._insert_cache(company, [networks])
        return device._as_itself()

    @api.model
    def _adms_makes(self):
        return [
            key
            for key, adapter in self._adapters().items()
            if adapter.capabilities.push == "adms"
        ]

    def _refuse_call(self, call, address, is_hello):
        """Why a call of this terminal is refused, as ``push_refused_for``; None when
        it isn't."""
        if not (self.active and self.enabled):
            return "disabled"
        if not self._may_call_from(address):
            return "address"
        if self.push_key_hash:
            # The key is said once, at the beginning; what follows comes from where it
            # was said.
            digest = hashlib.sha256(call.key.encode()).hexdigest()
            said = consteq(digest, self.push_key_hash)
            if not (said if is_hello else address == self.push_address):
                return "key"
        return None

    def _hello(self, call, address):
        """A terminal begins: it is told where it stopped, and what time it is."""
        offset = self._offset()
        self.write({"push_address": address, "push_offset": _minutes(offset)})
        self._note_contact()
        return adms.handshake(
            call, self.push_stamps or {}, offset=offset, delay=self.push_delay
        )

    def _take_upload(self, call, body):
        """Rows and how far they go, in the one transaction of the answer."""
        try:
            upload = adms.parse_upload(call.table, body)
        except DeviceDataError:
            return 413, "Too many lines"
        if upload.scans:
            self._take_pushed(upload.scans)
        if upload.clock_sets:
            self._note_clock_set(upload.clock_sets[-1])
        if upload.info:
            self._take_info(upload.info)
        moves = call.stamp is not None and call.table in _WANTED
        if moves and (self.push_stamps or {}).get(call.table) != call.stamp:
            self._note_contact({call.table: call.stamp})
        else:
            self._note_contact()
        return 200, upload.answer

    def _give_work(self, call):
        """What a terminal that asks is to do."""
        commands = self.env["spp.attendance.device.command"]
        is_due = self._is_due(self.last_contact_at, NOTED_EVERY)
        if call.info and (is_due or not self.firmware):
            self._take_info(call.info)
        self._note_contact()
        offset = self._offset()
        if _minutes(offset) != self.push_offset:
            # Summer time has begun or ended since it was told.
            commands._queue(self, "clock")
            self.push_offset = _minutes(offset)
        return adms.hand_out(
            (str(command_id), adms.command(kind, start, end, offset=offset))
            for command_id, kind, start, end in commands._hand_out(self)
        )

    def _take_results(self, body):
        """How what a terminal was asked for went."""
        commands = self.env["spp.attendance.device.command"]
        for command, result in commands._take_answers(self, adms.parse_results(body)):
            if command.kind == "info" and result.ok:
                self._take_info(result.info)
            self._check_answered(command)
        self._note_contact()

    def _take_info(self, info):
        """Keep what a terminal says of itself, but for who it is."""
        vals = self._prepare_info_vals(info)
        vals.pop("serial", None)
        news = {name: value for name, value in vals.items() if self[name] != value}
        if news:
            self.write(news)

    def _note_clock_set(self, raw_time):
        """Say on the terminal that somebody set its clock, once a day at most."""
        if self._is_due(self.clock_set_at, _CLOCK_NOTED_EVERY):
            self.clock_set_at = fields.Datetime.now()
            self.message_post(
                body=self.env._(
                    "Somebody set its clock at the terminal; by that clock it was"
                    " %(time)s.",
                    time=raw_time,
                )
            )

    def _offset(self):
        """Of the terminal's zone from UTC, now."""
        return datetime.now(ZoneInfo(self.tz)).utcoffset()


def _minutes(offset):
    return offset // timedelta(minutes=1)
