import uuid

from odoo import fields, models


class ResUsers(models.Model):
    _inherit = "res.users"

    # Computed, so that those who were there before the addon get one each.
    attendance_uuid = fields.Char(
        "Attendance UUID",
        compute="_compute_attendance_uuid",
        store=True,
        precompute=True,
        copy=False,
        help="By which apps that speak DIGIT's dialect name this user as staff.",
    )

    _attendance_uuid_unique = models.UniqueIndex(
        "(attendance_uuid)", "This attendance UUID is another user's."
    )

    def _compute_attendance_uuid(self):
        for user in self:
            user.attendance_uuid = user.attendance_uuid or str(uuid.uuid4())
