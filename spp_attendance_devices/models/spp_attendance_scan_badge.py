from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.tools.notices import RELOAD, notice

from ..suggestions import Wanted, explain, suggest


class SppAttendanceScanBadge(models.Model):
    """Badges that nobody is known for, with how many scans wait for it.

    A query over the waiting scans, not a table.
    """

    _name = "spp.attendance.scan.badge"
    _description = "Unmatched Badge"
    _auto = False
    _order = "last_time DESC, id"
    _rec_name = "user_code"
    _depends = {
        "spp.attendance.scan": [
            "device_id",
            "company_id",
            "user_code",
            "card",
            "scan_time",
            "state",
        ]
    }

    device_id = fields.Many2one("spp.attendance.device", string="Terminal")
    company_id = fields.Many2one("res.company")
    user_code = fields.Char(string="Badge")
    card = fields.Char(string="Card Number")
    scan_count = fields.Integer(string="Scans")
    first_time = fields.Datetime(string="First Scan")
    last_time = fields.Datetime(string="Last Scan")
    suggested_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Perhaps",
        compute="_compute_suggested_id",
        help="The only person who fits.",
    )
    suggestion = fields.Char(string="Because", compute="_compute_suggested_id")
    is_acceptable = fields.Boolean(
        string="Has a Suggestion",
        compute="_compute_suggested_id",
        search="_search_is_acceptable",
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT min(id) AS id, device_id, company_id, user_code, max(card) AS card,
                   count(*)::int AS scan_count,
                   min(scan_time) AS first_time, max(scan_time) AS last_time
              FROM spp_attendance_scan
             WHERE state = 'unmatched'
          GROUP BY device_id, company_id, user_code
            """
        )

    @api.depends("device_id", "company_id", "user_code", "card")
    @api.depends_context("lang", "uid")
    def _compute_suggested_id(self):
        found = self._suggest()
        for badge in self:
            suggestion = found.get(badge._wanted())
            badge.suggested_id = suggestion and suggestion.person_id
            badge.suggestion = suggestion and explain(self.env, suggestion)
            badge.is_acceptable = bool(suggestion and not suggestion.archived)

    def _search_is_acceptable(self, operator, value):
        if operator != "in":
            return NotImplemented
        # One row a badge, not a scan.
        waiting = self.search(Domain.TRUE)
        found = waiting._suggest()
        numbers = [
            badge.id
            for badge in waiting
            if (one := found.get(badge._wanted())) and not one.archived
        ]
        return Domain("id", "in" if True in value else "not in", numbers)

    def _wanted(self):
        return Wanted(
            self.user_code or "",
            self.card or "",
            self.device_id.id,
            self.company_id.id,
        )

    def _suggest(self):
        return suggest(self.env, [badge._wanted() for badge in self])

    def action_assign(self):
        self.ensure_one()
        return self.env["spp.attendance.scan"]._action_assign(
            self.device_id, self.user_code
        )

    def action_accept(self):
        """Give badges to the people who are suggested; their scans follow at once."""
        self.check_access("read")
        badges = self.filtered("is_acceptable")
        if not badges:
            raise UserError(
                self.env._(
                    "There is no suggestion to accept. Assign the badge to a"
                    " person instead."
                )
            )
        scans = sum(badges.mapped("scan_count"))
        count = len(badges)
        self.env["spp.attendance.device.user"]._assign(
            [
                {
                    "device_id": badge.device_id.id,
                    "code": badge.user_code,
                    "card": badge.card,
                    "subscriber_id": badge.suggested_id.id,
                }
                for badge in badges
            ]
        )
        return notice(
            "success",
            self.env._(
                "%(count)s badges are assigned. %(scans)s scans were processed.",
                count=count,
                scans=scans,
            ),
            RELOAD,
        )
