from odoo import api, fields, models
from odoo.tools import SQL


class SppAttendanceCredentialMixin(models.AbstractModel):
    """A secret that can be replaced but never read, for use elsewhere."""

    _name = "spp.attendance.credential.mixin"
    _description = "Keeps a Secret"

    secret = fields.Char(
        "Stored Secret", groups=fields.NO_ACCESS, copy=False, prefetch=False
    )
    secret_input = fields.Char(
        string="Secret",
        compute="_compute_secret_input",
        inverse="_inverse_secret_input",
        copy=False,
        help="It can be replaced here, but never read.",
    )
    secret_set = fields.Boolean(
        string="Secret Stored", compute="_compute_secret_set", compute_sudo=True
    )

    def _compute_secret_input(self):
        # What was stored is never shown.
        self.secret_input = False

    def _inverse_secret_input(self):
        for record in self:
            # By a statement of its own, which isn't logged when it fails: another
            # worker may have written the row meanwhile.
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET secret = %s WHERE id = %s",
                    SQL.identifier(self._table),
                    record._clean_secret((record.secret_input or "").strip()) or None,
                    record.id,
                ),
                log_exceptions=False,
            )
        # Nor does it come back with the answer to the request that brought it.
        self.invalidate_recordset(["secret", "secret_input", "secret_set"], flush=False)

    def _clean_secret(self, text):
        """A secret as it is stored, from what somebody typed; models extend it.

        :raises ValidationError: when it can't be one
        """
        return text

    @api.depends("secret")
    def _compute_secret_set(self):
        for record in self:
            record.secret_set = bool(record.secret)
