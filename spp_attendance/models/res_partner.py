from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResPartner(models.Model):
    _inherit = "res.partner"

    attendance_subscriber_ids = fields.One2many(
        "spp.attendance.subscriber",
        "partner_id",
        string="Attendance Subscribers",
        context={"active_test": False},
    )

    @api.constrains("company_id")
    def _check_attendance_company(self):
        for partner in self:
            # Other users may see the contact without seeing who is a participant.
            subscribers_sudo = partner.sudo().attendance_subscriber_ids
            if subscribers_sudo and not partner.company_id:
                raise ValidationError(
                    self.env._(
                        "%(partner)s is an attendance participant, who must belong to"
                        " a company. Choose one.",
                        partner=partner.display_name,
                    )
                )

    def write(self, vals):
        moved = self.filtered(
            lambda partner: (
                partner.company_id.id != vals.get("company_id", partner.company_id.id)
            )
        )
        if vals.keys() == {"company_id"} and not moved and not self.child_ids:
            # A person's own write comes here too, each time one is registered.
            return True
        # Whoever moves a contact need not see that it is a participant.
        moved_sudo = moved.sudo().attendance_subscriber_ids
        moved_sudo._check_move(vals.get("company_id"))
        if vals.get("name"):
            self._rename_account_holders(vals["name"])
        # Whoever changes a contact need not see that days are kept of it.
        rezoned_sudo = self.browse().sudo()
        if "tz" in vals:
            rezoned_sudo = self.sudo().filtered(
                lambda partner_sudo: (partner_sudo.tz or "") != (vals["tz"] or "")
            )
        res = super().write(vals)
        if subscribers_sudo := rezoned_sudo.attendance_subscriber_ids:
            rezoned_sudo.flush_recordset(["tz"])
            queue_sudo = self.env["spp.attendance.day.queue"].sudo()
            queue_sudo._enqueue_from_today(subscribers_sudo.ids)
        if moved_sudo:
            # The rules were held against what it was; now against what it has become.
            moved_sudo.with_env(self.env).check_access("write")
        if vals.get("name"):
            # Who renames a contact need not see that it is a participant.
            subscribers_sudo = self.sudo().attendance_subscriber_ids
            subscribers_sudo._split_changed_names()
        return res

    def _rename_account_holders(self, name):
        """Have the accounts of participants follow a new name.

        Odoo does it in the name of who renames, who need have no say over accounts.
        """
        banks_sudo = self.env["res.partner.bank"].sudo()
        if not self.env.su:
            for bank_sudo in banks_sudo.search(
                [
                    ("partner_id", "in", self.ids),
                    ("partner_id.attendance_subscriber_ids", "!=", False),
                ]
            ):
                if bank_sudo.acc_holder_name == bank_sudo.partner_id.name:
                    bank_sudo.acc_holder_name = name

    def action_open_attendance_records(self):
        self.ensure_one()
        return self.attendance_subscriber_ids[:1].action_open_records()

    def action_open_attendance_subscriber(self):
        self.ensure_one()
        return self.attendance_subscriber_ids[:1].get_formview_action()

    def action_register_attendance(self):
        """Make this contact a participant, with an identifier that is asked for."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_subscriber_register_action"
        )
        action["context"] = {
            "default_partner_id": self.id,
            "default_person_identifier": self.ref,
        }
        return action
