import re
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice

from ..enrolment import Enrol


class SppAttendanceRegisterEnrol(models.TransientModel):
    """Enrol many people in a register: all who are chosen, or nobody."""

    _name = "spp.attendance.register.enrol"
    _description = "Enrol People"
    _inherit = ["spp.attendance.choice.mixin"]

    register_id = fields.Many2one("spp.attendance.register", required=True)
    company_id = fields.Many2one(related="register_id.company_id")
    by = fields.Selection(
        selection_add=[
            ("identifiers", "A list of identifiers"),
            ("register", "Another register"),
        ],
        ondelete={"identifiers": "cascade", "register": "cascade"},
    )
    identifiers = fields.Text(
        help="One a line, or separated by commas; as pasted from a sheet."
    )
    source_register_id = fields.Many2one(
        "spp.attendance.register", string="Other Register", check_company=True
    )
    unknown = fields.Text("Nobody Has", compute="_compute_unknown")
    tag = fields.Char(size=64, string="Tag on the Register")
    date_from = fields.Date(
        "From",
        compute="_compute_date_from",
        compute_sudo=False,
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        help="From the first moment of that day.",
    )
    date_to = fields.Date("Until", help="The last day. Empty: as long as it runs.")

    @api.constrains("register_id", "source_register_id")
    def _check_registers(self):
        # What is shown of them is for who may see them. Constraints are the system's.
        registers = self.register_id + self.source_register_id
        registers.sudo(False).check_access("read")

    @api.depends("register_id")
    def _compute_date_from(self):
        for wizard in self:
            register = wizard.register_id
            today = register._today()
            wizard.date_from = max(register.date_start or today, today)

    @api.depends("identifiers", "source_register_id")
    def _compute_people_count(self):
        return super()._compute_people_count()

    @api.depends("by", "identifiers", "register_id")
    def _compute_unknown(self):
        for wizard in self:
            codes = wizard._codes()
            known = wizard._find_people(codes) if codes else ()
            wizard.unknown = ", ".join(code for code in codes if code not in known)

    def _codes(self):
        """The identifiers of the list, each once, in their order."""
        if self.by != "identifiers":
            return []
        codes = re.split(r"[\n\r\t,;]+", self.identifiers or "")
        return list(dict.fromkeys(filter(None, map(str.strip, codes))))

    def _find_people(self, codes):
        people = self.env["spp.attendance.subscriber"]
        company = self.register_id.company_id or self.env.company
        return people.with_company(company)._by_identifier(codes)

    def _choice_domain(self):
        if self.by == "identifiers":
            found = self._find_people(self._codes()).values()
            return Domain("id", "in", [person.id for person in found])
        if self.by == "register":
            attendees = self.env["spp.attendance.register.attendee"]._search(
                [
                    ("register_id", "=", self.source_register_id.id),
                    ("is_enrolled", "=", True),
                ]
            )
            return Domain("id", "in", attendees.subselect("subscriber_id"))
        return super()._choice_domain()

    def action_enrol(self):
        """Enrol those who are chosen.

        :raises UserError: when one of them can't be: then nobody is
        """
        self.ensure_one()
        if self.unknown:
            raise UserError(
                self.env._(
                    "Nobody has these identifiers: %(codes)s. Correct or remove them;"
                    " nobody has been enrolled yet.",
                    codes=self.unknown,
                )
            )
        people = self.env["spp.attendance.subscriber"].search(self._people_domain())
        if not people:
            raise UserError(self.env._("Nobody is chosen. Choose whom to enrol."))
        by_code = self._enrol(people, self.register_id._day_start(self.date_from))
        if self.date_from == self.register_id._today() and by_code["enrolled"]:
            # Who was de-enrolled earlier today can't be from its beginning on.
            again = self._enrol(self._left(by_code["enrolled"]), None)
            by_code[None] += again[None]
            by_code["enrolled"] -= again[None]
        message = self.env._(
            "Enrolled: %(new)s. Enrolled before: %(known)s.",
            new=len(by_code[None]),
            known=len(by_code["enrolled"]),
        )
        return notice("success", message, CLOSE)

    def _enrol(self, people, start_at):
        """Enrol people from an instant on, or from now.

        :return: people by the code of what became of them
        """
        end_at = self.register_id._day_end(self.date_to) if self.date_to else None
        tag = self.tag or None
        outcomes = self.env["spp.attendance.register.attendee"]._enrol(
            [
                Enrol(self.register_id.id, person.id, start_at, end_at, tag)
                for person in people
            ]
        )
        by_code = defaultdict(people.browse)
        for person, outcome in zip(people, outcomes, strict=True):
            by_code[outcome.code] += person
        self._refuse(by_code)
        return by_code

    def _left(self, people):
        """Those of them whose enrolment is over."""
        attendees = self.env["spp.attendance.register.attendee"].search(
            [
                ("register_id", "=", self.register_id.id),
                ("subscriber_id", "in", people.ids),
                ("unenrolled_at", "<=", fields.Datetime.now()),
            ]
        )
        return attendees.subscriber_id

    def _refuse(self, by_code):
        """Raise, and so undo everything, where somebody could not be enrolled."""
        register = self.register_id
        if by_code["ended"]:
            raise UserError(
                self.env._(
                    "“%(register)s” is over: nobody can be enrolled any more.",
                    register=register.name,
                )
            )
        if by_code["outside"]:
            raise UserError(
                self.env._(
                    "“%(register)s” runs from %(start)s to %(end)s. Choose dates"
                    " within.",
                    register=register.name,
                    start=register.date_start,
                    end=register.date_end or "…",
                )
            )
