import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


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

    def write(self, vals):
        if "attendance_uuid" in vals and not vals["attendance_uuid"]:
            raise UserError(self.env._("Nobody is without an attendance UUID."))
        result = super().write(vals)
        if "attendance_uuid" in vals:
            self._claim_staff()
        return result

    def _claim_staff(self):
        """Be the staff whom so far only a gateway knew by this uuid."""
        # Who administers users need not be on the staff of registers.
        staff_sudo = self.env["spp.attendance.register.staff"].sudo()
        user = self[:1]  # no two bear the same
        staff_sudo.search(
            [("user_uuid", "=", user.attendance_uuid), ("user_id", "=", False)]
        ).user_id = user

    @api.model
    def _find_by_attendance_uuid(self, uuids):
        """Who bears these: active users who work for the current company.

        Needs no right to users, in one query: it is said only that there is one.

        :param uuids: any number of them
        :return: ``{uuid: user id}`` of those that were found
        """
        wanted = list({text for text in uuids if text})
        if not wanted:
            return {}
        self.flush_model(["active", "attendance_uuid", "company_ids"])
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT u.attendance_uuid, u.id
                      FROM res_users u
                      JOIN res_company_users_rel c ON c.user_id = u.id
                     WHERE u.attendance_uuid = ANY(%s) AND u.active AND c.cid = %s
                    """,
                    wanted,
                    self.env.company.id,
                )
            )
        )
