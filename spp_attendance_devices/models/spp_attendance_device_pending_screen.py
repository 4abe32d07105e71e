from odoo import fields, models


class SppAttendanceDevicePending(models.Model):
    """What people decide on terminals that call and are not known."""

    _inherit = "spp.attendance.device.pending"

    ignored = fields.Boolean(
        readonly=True, help="Nobody is shown it any more; it still gets nothing in."
    )

    def action_approve(self):
        """Set it up as a terminal of the company that is worked in."""
        self.ensure_one()
        self.check_access("read")
        return self.env["spp.attendance.device.setup"]._open_for(self)

    def action_ignore(self):
        self._put_aside(True)
        return True

    def action_notice(self):
        self._put_aside(False)
        return True

    def _put_aside(self, ignored):
        # Whoever may forget one may put it aside; the rest is the terminal's word.
        self.check_access("unlink")
        self.sudo().ignored = ignored
