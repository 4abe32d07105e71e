from odoo import api, models
from odoo.tools import SQL

from odoo.addons.spp_oauth.models.spp_oauth_health import HealthCheck


class SppOauthHealth(models.AbstractModel):
    _inherit = "spp.oauth.health"

    @api.model
    def _checks(self):
        return [*super()._checks(), self._check_attendance_sheets()]

    @api.model
    def _check_attendance_sheets(self):
        failing = self._measure(
            SQL(
                """
                SELECT count(*)
                  FROM spp_attendance_sheet
                 WHERE enabled
                   AND (last_error IS NOT NULL
                        OR COALESCE(last_checked, write_date)
                           < now() AT TIME ZONE 'UTC' - interval '5 minutes')
                """
            )
        )
        return HealthCheck(
            "attendance_sheets_failing",
            not failing,
            failing,
            "",
            "Sheets on the disk of a server that can't be written, or aren't.",
            # nothing is lost, and another server could do no better
            critical=False,
        )
