from odoo import api, fields, models


class SppAttendanceLocation(models.Model):
    """The terminals of a location, and up to when it is known who was there."""

    _inherit = "spp.attendance.location"

    device_ids = fields.One2many(
        "spp.attendance.device", "location_id", string="Terminals"
    )
    complete_until = fields.Datetime(
        compute="_compute_complete_until",
        help="Whoever was here before then is known: all terminals here, and in places"
        " that are part of it, have told. Nobody is called absent for a time after it.",
    )
    doubtful_from = fields.Datetime(
        compute="_compute_complete_until",
        help="Since then a terminal has been silent for so long that it is not waited"
        " for any more: people who were here may be missing.",
    )

    @api.depends_context("uid")
    def _compute_complete_until(self):
        known = self._origin._complete_until()
        for location in self:
            completeness = known.get(location._origin.id)
            location.complete_until = completeness and completeness.until
            location.doubtful_from = completeness and completeness.doubtful_from
