from odoo import api, fields, models
from odoo.fields import Domain

from ..api import Refused, StaffListOut, StaffOut, StaffPage, StaffResult
from ..enrolment import EnrolStaff

_REASONS = {
    "ended": "The register has ended.",
    "enrolled": "This user is on the staff at that time already.",
    "unknown_user": "Nobody who works for this company has this attendance UUID.",
}


class SppAttendanceRegisterStaffApi(models.Model):
    """What the native API does with the staff of a register."""

    _name = "spp.attendance.register.staff"
    _inherit = ["spp.attendance.register.staff", "spp.attendance.api.row.mixin"]

    _API_PAGE = StaffPage
    _API_FIELDS = (
        "uuid",
        "register_id",
        "user_uuid",
        "name",
        "staff_type",
        "enrolled_at",
        "unenrolled_at",
        "additional_details",
        "create_date",
        "write_date",
    )
    _API_SORTS = {"start_at": "enrolled_at", "updated_at": "write_date"}
    _API_INACTIVE = None

    @api.model
    def _api_domain(self, query):
        domain = Domain.TRUE
        if query.user_uuid:
            domain &= Domain("user_uuid", "in", query.user_uuid)
        if query.staff_type:
            domain &= Domain("staff_type", "=", query.staff_type)
        if query.current is not None:
            domain &= Domain("is_current", "=", query.current)
        return domain

    @api.model
    def _api_enrol(self, reference, body):
        """Make users staff, each for itself.

        Who is on the staff as the item says already is a duplicate: a retry is safe.

        :return: ``StaffListOut``, an ``ApiResult``
        """
        register = self.env["spp.attendance.register"]._api_find_mine(reference)
        results = [
            StaffResult(
                index=index, status="rejected", reason=item.reason, code="invalid"
            )
            if isinstance(item, Refused)
            else None
            for index, item in enumerate(body.staff)
        ]
        tasks = {
            index: item
            for index, item in enumerate(body.staff)
            if not isinstance(item, Refused)
        }
        outcomes = self._enrol(
            [
                EnrolStaff(
                    register.id,
                    item.user_uuid,
                    item.staff_type,
                    start_at=item.start_at,
                    details=item.additional_details,
                )
                for item in tasks.values()
            ]
        )
        uuids = [item.user_uuid for item in tasks.values()]
        rows = self.search_fetch(
            Domain("register_id", "=", register.id) & Domain("user_uuid", "in", uuids),
            ["uuid", "user_uuid", "staff_type", "enrolled_at", "unenrolled_at"],
            order="enrolled_at, id",
        )
        # The last row of each.
        last = {row.user_uuid: row for row in rows}
        for (index, item), outcome in zip(tasks.items(), outcomes, strict=True):
            row = last.get(item.user_uuid, self.browse())
            status, reason, code = "enrolled", None, outcome.code
            if code == "enrolled" and (
                row.staff_type == item.staff_type
                and item.start_at in (None, row.enrolled_at)
            ):
                status, code = "duplicate", None
            elif code:
                status, reason = "rejected", _REASONS[code]
            results[index] = StaffResult(
                index=index,
                status=status,
                uuid=row.uuid or None,
                reason=reason,
                code=code,
            )
        return register._api_outcome(results, StaffListOut)

    @api.model
    def _api_patch(self, reference, body):
        self.env["spp.attendance.register"]._api_find_mine(reference[0])
        row = self._api_find(reference)
        row._api_write(body)
        return row._api_told()

    @api.model
    def _api_end(self, reference):
        """End somebody's permission, or not let it begin.

        :return: the row; of one that has ended already nothing changes
        """
        self.env["spp.attendance.register"]._api_find_mine(reference[0])
        row = self._api_find(reference)
        end = max(fields.Datetime.now(), row.enrolled_at)
        if not row.unenrolled_at or row.unenrolled_at > end:
            # Of the rows of a user just this one, which need not be the last.
            row.unenrolled_at = end
        return row._api_told()

    def _api_told(self):
        # Who has ended their own permission no longer sees the row, and is told so.
        row_sudo = self.sudo()
        return row_sudo._api_read()[0]

    @api.model
    def _api_vals(self, values):
        values = dict(values)
        for given, field in (("start_at", "enrolled_at"), ("end_at", "unenrolled_at")):
            if given in values:
                values[field] = values.pop(given)
        vals = super()._api_vals(values)
        end = vals.get("unenrolled_at", self.unenrolled_at)
        if end and end < vals.get("enrolled_at", self.enrolled_at):
            self._api_refuse("end_at", "A permission can't end before it begins.")
        return vals

    def _api_read(self):
        return [
            StaffOut.model_construct(
                uuid=row.uuid,
                user_uuid=row.user_uuid,
                name=row.name or None,
                staff_type=row.staff_type,
                start_at=row.register_id._api_moment(row.enrolled_at),
                end_at=row.register_id._api_moment(row.unenrolled_at),
                current=row.is_current,
                additional_details=row.additional_details or None,
                created_at=self._api_instant(row.create_date),
                updated_at=self._api_instant(row.write_date),
            )
            for row in self
        ]
