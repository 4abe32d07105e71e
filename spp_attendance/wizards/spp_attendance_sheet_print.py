from datetime import timedelta

from dateutil.relativedelta import MO, relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import split_every

#: The columns for which a sheet of A4 has room.
MAX_DAYS = 31
#: More would keep the program that makes the PDF busy for minutes.
MAX_PEOPLE = 1000
#: Between the head of a page and the lines to sign on.
ROWS_PER_PAGE = 20
SATURDAY = 5


class SppAttendanceSheetPrint(models.TransientModel):
    """Prints a sheet of people and days: to be signed, or to be filled in by hand."""

    _name = "spp.attendance.sheet.print"
    _description = "Print Attendance Sheet"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    title = fields.Char(help="What stands above the sheet.")
    date_from = fields.Date(
        string="From", required=True, default=lambda self: self._default_date_from()
    )
    date_to = fields.Date(
        string="To",
        required=True,
        default=lambda self: self._default_date_from() + timedelta(days=4),
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        check_company=True,
        help="This location and those below it.",
    )
    type_id = fields.Many2one("spp.attendance.type", check_company=True)
    subscriber_ids = fields.Many2many(
        "spp.attendance.subscriber",
        string="People",
        check_company=True,
        help="Nobody: all whose home location it is, and all who were recorded there.",
    )
    content = fields.Selection(
        [
            ("recorded", "With what is recorded"),
            ("blank", "Empty, to be filled in by hand"),
        ],
        required=True,
        default="recorded",
    )
    has_weekend = fields.Boolean(string="With Saturdays and Sundays")
    has_signature = fields.Boolean(
        string="Each Person Signs", help="A column in which each person signs."
    )

    def _default_date_from(self):
        return fields.Date.context_today(self) + relativedelta(weekday=MO(-1))

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for sheet in self:
            days = (sheet.date_to - sheet.date_from).days + 1
            if not 1 <= days <= MAX_DAYS:
                raise ValidationError(
                    self.env._(
                        "A sheet is for 1 to %(limit)s days, and this is for %(days)s.",
                        limit=MAX_DAYS,
                        days=days,
                    )
                )

    @api.model
    def _open_for(self, subscribers, **defaults):
        """The action that asks what to print of these people."""
        defaults["subscriber_ids"] = subscribers.ids
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Print Attendance Sheet"),
            "res_model": self._name,
            "view_mode": "form",
            "target": "new",
            "context": {f"default_{name}": value for name, value in defaults.items()},
        }

    @api.model
    def _open_for_event(self, event):
        """The same of the people on an event's list, who sign."""
        return self._open_for(
            event.line_ids.subscriber_id,
            title=event.name,
            company_id=event.company_id.id,
            date_from=event.local_date,
            date_to=event.local_date,
            location_id=event.location_id.id,
            type_id=event.type_id.id,
            has_signature=True,
        )

    def action_print(self):
        self.ensure_one()
        self.check_access("read")
        people = self._people()
        if not people:
            raise UserError(
                self.env._(
                    "Nobody belongs on this sheet. Choose people, or a location at"
                    " which people are at home or were recorded."
                )
            )
        if len(people) > MAX_PEOPLE:
            raise UserError(
                self.env._(
                    "%(count)s people are too many for one sheet; %(limit)s would do."
                    " Choose a location, or fewer people.",
                    count=len(people),
                    limit=MAX_PEOPLE,
                )
            )
        report = self.env.ref("spp_attendance.spp_attendance_sheet_report")
        return {
            **report.report_action(self, config=False),
            "close_on_report_download": True,
        }

    def _record_domain(self):
        domain = (
            Domain("company_id", "=", self.company_id.id)
            & Domain("local_date", ">=", self.date_from)
            & Domain("local_date", "<=", self.date_to)
        )
        if self.location_id:
            domain &= Domain("location_id", "child_of", self.location_id.id)
        if self.type_id:
            domain &= Domain("type_id", "=", self.type_id.id)
        return domain

    def _people(self):
        """Who is on the sheet, by name."""
        people = self.subscriber_ids
        if not people:
            recorded = self.env["spp.attendance.record"]._read_group(
                self._record_domain(), ["subscriber_id"]
            )
            belongs = Domain("id", "in", [person.id for [person] in recorded])
            if self.location_id:
                belongs |= Domain("location_id", "child_of", self.location_id.id)
            people = people.search(
                belongs & Domain("company_id", "=", self.company_id.id)
            )
        people.fetch(["name", "person_identifier"])
        return people.sorted(lambda person: (person.name or "", person.id))

    def _pages(self):
        """The sheet as the template prints it.

        The program that makes the PDF can't always number pages nor repeat a head, so
        the pages are made here.

        :return: ``(days, pages)``: the dates, and for each page a list of rows, which
            are dicts of number, person, marks (``{date: category}``) and how many are
            present and absent
        """
        days = [
            self.date_from + timedelta(days=number)
            for number in range((self.date_to - self.date_from).days + 1)
        ]
        if not self.has_weekend:
            days = [day for day in days if day.weekday() < SATURDAY] or days
        people = self._people()
        marks = self._marks(people) if self.content == "recorded" else {}
        rows = []
        for number, person in enumerate(people, 1):
            own = {day: marks.get((person.id, day)) for day in days}
            categories = list(own.values())
            rows.append(
                {
                    "number": number,
                    "person": person,
                    "marks": own,
                    "present": categories.count("present"),
                    "absent": categories.count("absent"),
                }
            )
        return days, [list(page) for page in split_every(ROWS_PER_PAGE, rows)]

    def _marks(self, people):
        """``{(subscriber id, date): category}``; who came once that day was present."""
        groups = self.env["spp.attendance.record"]._read_group(
            self._record_domain() & Domain("subscriber_id", "in", people.ids),
            ["subscriber_id", "local_date:day", "category"],
            order="category",  # absent before present, which therefore wins
        )
        return {(person.id, day): category for person, day, category in groups}
