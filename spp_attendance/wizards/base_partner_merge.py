from odoo import models
from odoo.exceptions import UserError

from ..merge import Merge


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
        partners = self.env["res.partner"].browse(partner_ids).exists()
        if not dst_partner or dst_partner not in partners:
            dst_partner = self._get_ordered_partner(partners.ids)[-1:]
        if subscribers_sudo and dst_partner.company_id - subscribers_sudo.company_id:
            raise UserError(
                self.env._(
                    "%(contact)s belongs to another company than the attendance"
                    " participant, who can't be moved there.",
                    contact=dst_partner.display_name,
                )
            )
        if len(subscribers_sudo) > 1:
            kept_sudo = subscribers_sudo.filtered(
                lambda subscriber: subscriber.partner_id == dst_partner
            )
            kept_sudo = kept_sudo or subscribers_sudo[:1]
            # Not as superuser: who merges contacts need not be one who merges people.
            Merge(
                kept_sudo.with_env(self.env),
                (subscribers_sudo - kept_sudo).with_env(self.env),
            ).run(contacts=False)
        return super()._merge(partner_ids, dst_partner, extra_checks)
