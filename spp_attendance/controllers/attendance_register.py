from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api import (
    AttendeeOut,
    AttendeePage,
    AttendeePatch,
    AttendeeQuery,
    AttendeesIn,
    AttendeesOut,
    LeaversIn,
    LeaversOut,
    LogQuery,
    LogsIn,
    MeOut,
    RecordBatchOut,
    RecordPage,
    RegisterIn,
    RegisterOut,
    RegisterPage,
    RegisterPatch,
    RegisterQuery,
    ReviewIn,
    StaffListIn,
    StaffListOut,
    StaffOut,
    StaffPage,
    StaffPatch,
    StaffQuery,
)

_BASE = "/api/attendance/registers"
_ONE = f"{_BASE}/<uuid:register_uuid>"
_READ = {
    "methods": ["GET"],
    "scope": "attendance:read",
    "readonly": True,
    "tags": ["Registers"],
}
_WRITE = {"scope": "attendance:write", "tags": ["Registers"]}
#: 5,000 people or marks with long texts; a runaway body doesn't fit.
_MAX_BODY = 8 * 1024 * 1024


class AttendanceRegisterController(http.Controller):
    @api_route("/api/attendance/me", response=MeOut, **_READ)
    def read_me(self):
        """Tell who is calling, as the staff of registers is known.

        `uuid` is what others give as `user_uuid` to make the caller staff.
        """
        return self.env["spp.attendance.register"]._api_me()

    @api_route(_BASE, query=RegisterQuery, response=RegisterPage, **_READ)
    def list_registers(self, query):
        """List registers, the last changed first.

        People see those on whose staff they are now, managers and apps all of their
        companies'.
        """
        return self.env["spp.attendance.register"]._api_list(query)

    @api_route(
        _BASE,
        methods=["POST"],
        body=RegisterIn,
        response=RegisterOut,
        status=201,
        **_WRITE,
    )
    def create_register(self, body):
        """Create a register.

        Who creates it is its first staff, unless the company has it otherwise.
        """
        return self.env["spp.attendance.register"]._api_add(body)

    @api_route(_ONE, response=RegisterOut, etag=True, **_READ)
    def read_register(self, register_uuid):
        """Get a register."""
        return self.env["spp.attendance.register"]._api_get(register_uuid)

    @api_route(
        _ONE,
        methods=["PATCH"],
        body=RegisterPatch,
        response=RegisterOut,
        errors=[409],
        **_WRITE,
    )
    def change_register(self, register_uuid, body):
        """Change a register, or close it.

        What is left out stays as it is; `null` empties. Only its staff may, and
        managers; others are told `not_register_staff` (403).
        """
        return self.env["spp.attendance.register"]._api_patch(register_uuid, body)

    @api_route(
        f"{_ONE}/review",
        methods=["POST"],
        body=ReviewIn,
        response=RegisterOut,
        errors=[409],
        **_WRITE,
    )
    def review_register(self, register_uuid, body):
        """Say how far the review of a register has come.

        Where registers are reviewed, only some of the staff may say so, others are told
        `not_reviewer` (403); and what is approved stays so: `approved_already` (409).
        """
        return self.env["spp.attendance.register"]._api_review(register_uuid, body)

    # -------------------------------------------------------------- attendees

    @api_route(f"{_ONE}/attendees", query=AttendeeQuery, response=AttendeePage, **_READ)
    def list_attendees(self, register_uuid, query):
        """List who is or was enrolled on a register, one row a person."""
        attendees = self.env["spp.attendance.register.attendee"]
        return attendees._api_list_of(register_uuid, query)

    @api_route(
        f"{_ONE}/attendees",
        methods=["POST"],
        body=AttendeesIn,
        response=AttendeesOut,
        responses={207: AttendeesOut, 422: AttendeesOut},
        max_body=_MAX_BODY,
        **_WRITE,
    )
    def enrol_attendees(self, register_uuid, body):
        """Enrol people.

        Items stand for themselves, as with `POST /api/attendance/records`: 200 when
        all are enrolled now, 207 when some were rejected, 422 when all were. Who is
        enrolled as the item says already is a `duplicate`, of whom nothing changes.
        Who was de-enrolled is enrolled anew.
        """
        attendees = self.env["spp.attendance.register.attendee"]
        return attendees._api_enrol(register_uuid, body)

    @api_route(
        f"{_ONE}/attendees/unenrol",
        methods=["POST"],
        body=LeaversIn,
        response=LeaversOut,
        responses={207: LeaversOut, 422: LeaversOut},
        max_body=_MAX_BODY,
        **_WRITE,
    )
    def unenrol_attendees(self, register_uuid, body):
        """De-enrol people.

        Their row stays, with an end. Statuses are as with enrolling.
        """
        attendees = self.env["spp.attendance.register.attendee"]
        return attendees._api_unenrol(register_uuid, body)

    @api_route(
        f"{_ONE}/attendees/<uuid:attendee_uuid>",
        methods=["PATCH"],
        body=AttendeePatch,
        response=AttendeeOut,
        **_WRITE,
    )
    def change_attendee(self, register_uuid, attendee_uuid, body):
        """Change somebody's tag, or what you keep with them."""
        attendees = self.env["spp.attendance.register.attendee"]
        return attendees._api_patch((register_uuid, attendee_uuid), body)

    # ------------------------------------------------------------------ staff

    @api_route(f"{_ONE}/staff", query=StaffQuery, response=StaffPage, **_READ)
    def list_staff(self, register_uuid, query):
        """List who is or was on the staff of a register."""
        staff = self.env["spp.attendance.register.staff"]
        return staff._api_list_of(register_uuid, query)

    @api_route(
        f"{_ONE}/staff",
        methods=["POST"],
        body=StaffListIn,
        response=StaffListOut,
        responses={207: StaffListOut, 422: StaffListOut},
        max_body=_MAX_BODY,
        **_WRITE,
    )
    def enrol_staff(self, register_uuid, body):
        """Make users staff of a register.

        Statuses are as with enrolling people.
        """
        return self.env["spp.attendance.register.staff"]._api_enrol(register_uuid, body)

    @api_route(
        f"{_ONE}/staff/<uuid:staff_uuid>",
        methods=["PATCH"],
        body=StaffPatch,
        response=StaffOut,
        errors=[409],
        **_WRITE,
    )
    def change_staff(self, register_uuid, staff_uuid, body):
        """Change the type or the dates of somebody's permission."""
        staff = self.env["spp.attendance.register.staff"]
        return staff._api_patch((register_uuid, staff_uuid), body)

    @api_route(
        f"{_ONE}/staff/<uuid:staff_uuid>/end",
        methods=["POST"],
        response=StaffOut,
        **_WRITE,
    )
    def end_staff(self, register_uuid, staff_uuid):
        """End somebody's permission now.

        Of one that has ended already nothing changes; one that has not begun never
        does.
        """
        staff = self.env["spp.attendance.register.staff"]
        return staff._api_end((register_uuid, staff_uuid))

    # ------------------------------------------------------------------- logs

    @api_route(f"{_ONE}/logs", query=LogQuery, response=RecordPage, **_READ)
    def list_logs(self, register_uuid, query):
        """List the records of a register, newest first."""
        registers = self.env["spp.attendance.register"]
        return registers._api_list_logs(register_uuid, query)

    @api_route(
        f"{_ONE}/logs",
        methods=["POST"],
        body=LogsIn,
        response=RecordBatchOut,
        responses={207: RecordBatchOut, 422: RecordBatchOut},
        max_body=_MAX_BODY,
        **_WRITE,
    )
    def mark_register(self, register_uuid, body):
        """Mark people on a register.

        It goes as with `POST /api/attendance/records`; the result is records, tied to
        the register. It must be active, the time within its own and within an
        enrolment of the person, and the caller on its staff now: else the item is
        rejected, with a code that says which.
        """
        return self.env["spp.attendance.register"]._api_add_logs(register_uuid, body)
