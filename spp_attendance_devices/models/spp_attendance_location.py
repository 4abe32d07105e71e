from datetime import datetime

from odoo import models
from odoo.tools import SQL

from odoo.addons.spp_attendance.completeness import Completeness


class SppAttendanceLocation(models.Model):
    _inherit = "spp.attendance.location"

    def _complete_until(self):
        """What terminals here and below saw is known once they have been read.

        The one that was read longest ago decides. Nothing is expected of a terminal
        that is archived or switched off; one that was never read counts from when it
        was set up. One that was not read for longer than the company's silent hours
        holds nothing back, but what is decided without it is doubtful.
        """
        known = super()._complete_until()
        self.env["spp.attendance.device"].flush_model()
        self.flush_model()
        self.env["res.company"].flush_model(["attendance_silent_hours"])
        # A person's rules say what they see, not what has happened.
        self.env.cr.execute(
            SQL(
                """
                WITH said AS (
                    SELECT r.area_id, COALESCE(d.synced_until, d.create_date) AS until,
                           COALESCE(d.synced_until, d.create_date)
                               < now() AT TIME ZONE 'UTC' - interval '1 hour'
                                   * c.attendance_silent_hours AS silent
                      FROM spp_attendance_device d
                      JOIN spp_attendance_location_area_rel r
                        ON r.location_id = d.location_id
                      JOIN res_company c ON c.id = d.company_id
                     WHERE r.area_id = ANY(%s) AND d.active AND d.enabled)
                SELECT area_id, min(until) FILTER (WHERE NOT silent),
                       min(until) FILTER (WHERE silent)
                  FROM said
              GROUP BY area_id
                """,
                list(self.ids),
            )
        )
        for location_id, until, silent_since in self.env.cr.fetchall():
            before = known[location_id]
            doubtful = [before.doubtful_from, silent_since]
            known[location_id] = Completeness(
                min(before.until, until or datetime.max),
                min(filter(None, doubtful), default=None),
            )
        return known
