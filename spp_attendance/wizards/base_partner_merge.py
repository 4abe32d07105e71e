from odoo import models
from odoo.exceptions import UserError


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        # A contact is one participant at most: Odoo would delete the others, and with
        # them the identifiers that terminals and registries know.
        subscribers_sudo = (
            self.env["spp.attendance.subscriber"]
            .sudo()
            .with_context(active_test=False)
            .search([("partner_id", "in", partner_ids)])
        )
        if len(subscribers_sudo) > 1:
            raise UserError(
                self.env._(
                    "%(count)s of these contacts are attendance participants, each with"
                    " an identifier and attendance of their own. They can't be merged.",
                    count=len(subscribers_sudo),
                )
            )
        return super()._merge(partner_ids, dst_partner, extra_checks)
