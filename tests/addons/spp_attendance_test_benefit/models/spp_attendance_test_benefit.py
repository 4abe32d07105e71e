from odoo import fields, models


class SppAttendanceTestBenefit(models.Model):
    """A payment by day present, for who came often enough."""

    _name = "spp.attendance.test.benefit"
    _description = "Test Benefit"

    date_from = fields.Date(required=True)
    date_to = fields.Date(required=True)
    type_ids = fields.Many2many("spp.attendance.type")
    location_ids = fields.Many2many("spp.attendance.location")
    minimum_rate = fields.Float(help="Of the days, from 0 to 1.")
    daily_amount = fields.Integer()

    def _entitlements(self, subscribers):
        """``{subscriber id: amount}`` of those who are entitled to anything."""
        self.ensure_one()
        summaries = subscribers._attendance_summary(
            self.date_from,
            self.date_to,
            types=self.type_ids,
            locations=self.location_ids,
        )
        return {
            subscriber_id: summary.present_days * self.daily_amount
            for subscriber_id, summary in summaries.items()
            if summary.rate is not None and summary.rate >= self.minimum_rate
        }
