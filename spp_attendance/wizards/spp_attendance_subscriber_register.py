from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class SppAttendanceSubscriberRegister(models.TransientModel):
    """Makes a contact that exists a participant.

    Which contact it is, somebody says: the one whose reference is the identifier, to
    the letter, or one that he chooses. Never the one that happens to have the name.
    """

    _name = "spp.attendance.subscriber.register"
    _description = "Register an Existing Contact"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    person_identifier = fields.Char(
        string="Identifier",
        required=True,
        help="The number by which terminals, apps and registries know this person.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        required=True,
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        domain="[('attendance_subscriber_ids', '=', False), ('is_company', '=', False),"
        " ('company_id', 'in', (company_id, False))]",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        string="Home Location",
        domain="[('company_id', '=', company_id)]",
    )
    department_id = fields.Many2one(
        "spp.attendance.department", domain="[('company_id', '=', company_id)]"
    )

    @api.depends("person_identifier", "company_id")
    def _compute_partner_id(self):
        for wizard in self:
            identifier = (wizard.person_identifier or "").strip()
            if wizard.partner_id or not identifier:
                continue
            contacts = self.env["res.partner"].search(
                Domain("ref", "=", identifier)
                & Domain("attendance_subscriber_ids", "=", False)
                & Domain("company_id", "in", (wizard.company_id.id, False)),
                limit=2,
            )
            wizard.partner_id = len(contacts) == 1 and contacts

    def action_register(self):
        self.ensure_one()
        partner = self.partner_id
        if partner.company_id not in (self.env["res.company"], self.company_id):
            raise UserError(
                self.env._(
                    "%(contact)s belongs to another company.",
                    contact=partner.display_name,
                )
            )
        subscriber = self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": self.person_identifier.strip(),
                "partner_id": partner.id,
                "company_id": self.company_id.id,
                "location_id": self.location_id.id,
                "department_id": self.department_id.id,
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": subscriber._name,
            "res_id": subscriber.id,
            "view_mode": "form",
        }
