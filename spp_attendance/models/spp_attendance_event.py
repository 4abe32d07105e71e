from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.spp_oauth.tools.notices import CLOSE, notice


class SppAttendanceEvent(models.Model):
    """An occasion, with the people who are expected at it.

    Attendance is not tied to it. A record counts here when it says that somebody on the
    list was present or absent on that date, at that location (or within it) and for
    that type, whoever recorded it: a terminal, an app, or the marks of this form.
    """

    _name = "spp.attendance.event"
    _description = "Attendance Event"
    _inherit = ["spp.attendance.dated.mixin"]
    _order = "local_date desc, local_time desc, id desc"

    # What is planned begins at the full hour.
    _TIME_NOW = "%H:00:00"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    local_time = fields.Char(
        help="When it begins, and the time of what is marked here. Type 830 or 8:30.",
    )
    tz = fields.Selection(
        _tz_get, string="Time Zone", compute="_compute_tz", compute_sudo=True
    )
    line_ids = fields.One2many("spp.attendance.event.line", "event_id", string="People")
    mark_ids = fields.One2many(
        "spp.attendance.event.mark", "event_id", string="Saves", readonly=True
    )
    expected_count = fields.Integer("Expected", compute="_compute_counts")
    came_count = fields.Integer(
        "Came", compute="_compute_counts", help="Of those who were expected."
    )
    absent_count = fields.Integer("Absent", compute="_compute_counts")
    unmarked_count = fields.Integer("Not Marked", compute="_compute_counts")
    extra_count = fields.Integer(
        "Came Unexpected",
        compute="_compute_counts",
        help="Came without being expected.",
    )
    came_share = fields.Float(
        "Share",
        compute="_compute_counts",
        help="Those who came, of those who were expected.",
    )
    problem = fields.Text(
        compute="_compute_problem", help="Who could not be marked, and why."
    )
    last_mark_id = fields.Many2one(
        "spp.attendance.event.mark",
        string="Last Save",
        compute="_compute_last_mark_id",
        help="The save that is undone next.",
    )
    overlapping_ids = fields.Many2many(
        "spp.attendance.event",
        compute="_compute_overlapping_ids",
        string="Events That Count the Same Records",
    )

    _company_date_idx = models.Index("(company_id, local_date)")

    @api.depends("name", "local_date")
    def _compute_display_name(self):
        """The same occasion comes every week: its date tells one from the next."""
        for event in self:
            date = event.local_date and fields.Date.to_string(event.local_date)
            event.display_name = event.name and " · ".join(
                filter(None, (event.name, date))
            )

    @api.depends("location_id.tz", "company_id.attendance_tz")
    def _compute_tz(self):
        for event in self:
            event.tz = event.location_id.tz or event.company_id.attendance_tz

    @api.depends("mark_ids.problem")
    def _compute_problem(self):
        for event in self:
            event.problem = event.mark_ids[:1].problem

    @api.depends("mark_ids.is_undone")
    def _compute_last_mark_id(self):
        for event in self:
            event.last_mark_id = event.mark_ids.filtered_domain(
                [("is_undone", "=", False)]
            )[:1]

    @api.depends("local_date", "type_id", "location_id", "company_id")
    def _compute_overlapping_ids(self):
        others = self.search(
            [
                ("local_date", "in", [day for day in self.mapped("local_date") if day]),
                ("company_id", "in", self.company_id.ids),
            ]
        )
        for event in self:
            event.overlapping_ids = others.filtered(event._overlaps)

    def _overlaps(self, other):
        """Whether a record may count at both events."""
        place, other_place = (
            event.location_id._origin.parent_path or "" for event in (self, other)
        )
        return (
            other != self._origin
            and other.local_date == self.local_date
            and other.company_id == self.company_id
            and (not (self.type_id and other.type_id) or self.type_id == other.type_id)
            and (place.startswith(other_place) or other_place.startswith(place))
        )

    def _compute_counts(self):
        names = ("expected", "came", "absent", "unmarked", "extra")
        counts = self.line_ids._count_statuses()
        for event in self:
            row = counts.get(event._origin.id, dict.fromkeys(names, 0))
            for name in names:
                event[f"{name}_count"] = row[name]
            event.came_share = row["expected"] and row["came"] / row["expected"]

    # ------------------------------------------------------------------ CRUD

    @api.model_create_multi
    def create(self, vals_list):
        plain, marks = zip(*map(self._split_marks, vals_list), strict=True)
        for vals in plain:
            self._clean_time(vals)
        events = super().create(list(plain))
        for event, of_event in zip(events, marks, strict=True):
            event._save_command_marks(of_event, event.line_ids)
        return events

    def write(self, vals):
        vals, marks = self._split_marks(vals)
        self._clean_time(vals)
        before = {event: event.line_ids for event in self} if marks else {}
        res = super().write(vals)
        for event, lines in before.items():
            event._save_command_marks(marks, event.line_ids - lines)
        return res

    def copy_data(self, default=None):
        """A copy expects the same people, and nobody has come yet."""
        vals_list = super().copy_data(default)
        for event, vals in zip(self, vals_list, strict=True):
            expected = event.line_ids.filtered("is_expected").subscriber_id
            vals.setdefault(
                "line_ids",
                [Command.create({"subscriber_id": person.id}) for person in expected],
            )
        return vals_list

    @api.model
    def _clean_time(self, vals):
        if vals.get("local_time"):
            vals["local_time"] = self._parse_time_of_day(vals["local_time"])

    @api.model
    def _split_marks(self, vals):
        """Take the marks out of what a form sends, to save them all at once.

        :return: the values without marks; ``{line id, or id of the subscriber of a new
            line as text: mark}``
        """
        marks, commands = {}, []
        for command in vals.get("line_ids") or ():
            if command[0] in (Command.CREATE, Command.UPDATE) and "mark" in command[2]:
                values = dict(command[2])
                key = command[1] or str(values["subscriber_id"])
                if command[0] == Command.CREATE:
                    key = str(values["subscriber_id"])
                marks[key] = values.pop("mark")
                command = (*command[:2], values)
            commands.append(command)
        return {**vals, **({"line_ids": commands} if "line_ids" in vals else {})}, marks

    def _save_command_marks(self, marks, new_lines):
        """Save marks as ``_split_marks`` gave them; ``new_lines`` came with them."""
        if not marks:
            return
        by_person = {str(line.subscriber_id.id): line for line in self.line_ids}
        by_id = {line.id: line for line in self.line_ids}
        self._save_marks(
            {
                line: mark
                for key, mark in marks.items()
                if (line := by_id.get(key) or by_person.get(key))
            },
            new_lines,
        )

    # ----------------------------------------------------------------- marks

    def _save_marks(self, marks, new_lines=()):
        """Record who was present or absent, and how to take it back.

        New facts go through ``_ingest``; where attendance is known already it is
        corrected; a mark taken away voids. Who can't be marked is named in
        ``problem``, and keeps nobody else from it.

        :param dict marks: ``{line: "present", "absent" or False}``
        :param new_lines: lines that an undo removes again, unless they are expected
        :return: ``spp.attendance.event.mark``, empty when nothing was to be done
        """
        self.ensure_one()
        self.check_access("write")
        lines = self.env["spp.attendance.event.line"].union(*marks)
        entries, changes, missing = {}, {}, {}
        for line, (present_ids, absent_ids) in lines._find_records().items():
            mark = marks[line] or None
            known = "present" if present_ids else "absent" if absent_ids else None
            if mark == known:
                continue
            if not known:
                missing[line] = mark
            elif mark == "present":
                changes[absent_ids[0]] = mark
            else:
                changes.update(dict.fromkeys(present_ids, mark))
                if not mark:
                    changes.update(dict.fromkeys(absent_ids, mark))
        problems = self._record_marks(missing, entries, changes)
        problems += self._correct_marks(changes, entries)
        lines.invalidate_recordset(["mark", "record_id"])
        self.invalidate_recordset()
        if not entries and not problems:
            return self.env["spp.attendance.event.mark"]
        # What can be taken back is not for anybody to make up.
        marks_sudo = self.env["spp.attendance.event.mark"].sudo()
        return marks_sudo.create(
            {
                "event_id": self.id,
                "mark_count": len(entries),
                "entries": {
                    "records": entries,
                    "lines": [line.id for line in new_lines if not line.is_expected],
                },
                "problem": "\n".join(problems),
            }
        ).sudo(False)

    def _record_marks(self, missing, entries, changes):
        """Ingest marks of people without attendance at this event.

        :param dict missing: ``{line: mark}``
        :param dict entries: gets what was made, as in ``spp.attendance.event.mark``
        :param dict changes: gets what has to be corrected since somebody else was
            faster: ``{record id: mark}``
        :return: a list of texts: who could not be marked, and why
        """
        if not missing:
            return []
        date_time = fields.Datetime.to_datetime(f"{self.local_date} {self.local_time}")
        records = self.env["spp.attendance.record"].with_company(self.company_id)
        outcomes = records._ingest(
            [
                {
                    "subscriber_id": line.subscriber_id.id,
                    "date_time": date_time,
                    "tz": self.tz,
                    "type": self.type_id.id or None,
                    "location": self.location_id.id or None,
                    "category": mark,
                }
                for line, mark in missing.items()
            ],
            source="manual",
        )
        problems = []
        there = {}
        for (line, mark), outcome in zip(missing.items(), outcomes, strict=True):
            if outcome.status == "created":
                entries[outcome.id] = [None, mark]
            elif outcome.status == "duplicate":
                there[line] = outcome.id
            else:
                problems.append(f"{line.subscriber_id.display_name}: {outcome.reason}")
        if there:
            found = self.env["spp.attendance.event.line"].union(*there)._find_records()
            for line, record_id in there.items():
                mark = missing[line]
                if record_id not in found[line][0] + found[line][1]:
                    problems.append(
                        self._name_twin(line.subscriber_id, records.browse(record_id))
                    )
                elif record_id not in found[line][mark == "absent"]:
                    changes[record_id] = mark
        return problems

    @api.model
    def _name_twin(self, subscriber, record):
        """Say that somebody has a record already which is none of this event's."""
        if record.has_access("read"):
            return self.env._(
                "%(person)s has attendance already that counts as the same, at another"
                " place or of another type: %(record)s",
                person=subscriber.display_name,
                record=record.display_name,
            )
        return self.env._(
            "%(person)s has attendance already that counts as the same, at a location"
            " where you don't work.",
            person=subscriber.display_name,
        )

    def _correct_marks(self, changes, entries):
        """Correct or void records that exist.

        :param dict changes: ``{record id: mark}``
        :param dict entries: gets what was done, as in ``spp.attendance.event.mark``
        :return: a list of texts: whose record the user may not correct
        """
        records = self.env["spp.attendance.record"].browse(changes)
        allowed = records._filtered_access("write")
        values = {}
        for record in allowed:
            mark = changes[record.id]
            entries[record.id] = [record.category, mark]
            values[record] = (
                {"category": mark}
                if mark
                else {
                    "active": False,
                    "void_reason": self.env._(
                        "Mark taken away at “%(event)s”", event=self.name
                    ),
                }
            )
        if values:
            records._write_each(values)
        people_sudo = (records - allowed).sudo().subscriber_id  # to name them, no more
        return [
            self.env._(
                "%(person)s: You may not correct the attendance that there is, at"
                " another location.",
                person=person_sudo.display_name,
            )
            for person_sudo in people_sudo
        ]

    # --------------------------------------------------------------- actions

    def _expect(self, subscribers):
        """Put people on the list of each event, as expected; who is on it stays.

        :return: number of people who were not expected before
        """
        of_lines = self.env["spp.attendance.event.line"]
        rows = of_lines.search_fetch(
            [("event_id", "in", self.ids), ("subscriber_id", "in", subscribers.ids)],
            ["event_id", "subscriber_id", "is_expected"],
        )
        unexpected = rows.filtered(lambda line: not line.is_expected)
        unexpected.is_expected = True
        known = {(line.event_id, line.subscriber_id) for line in rows}
        new = of_lines.create(
            [
                {"event_id": event.id, "subscriber_id": person.id}
                for event in self
                for person in subscribers
                if (event, person) not in known
            ]
        )
        return len(new) + len(unexpected)

    def find_person(self, identifier):
        """Whom a badge or a typed identifier means, for the box on the form.

        :return: ``{"id", "display_name", "person_identifier"}``, empty when nobody
        """
        subscribers = self.env["spp.attendance.subscriber"].with_company(
            self.company_id or self.env.company
        )
        found = subscribers._by_identifier([identifier])
        found = found or subscribers._by_badge([identifier])
        for person in found.values():
            return person.read(["display_name", "person_identifier"], load=None)[0]
        return {}

    def action_expect(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Add Expected People"),
            "res_model": "spp.attendance.event.expect",
            "view_mode": "form",
            "target": "new",
            "context": {"default_event_id": self.id},
        }

    def action_save_marks(self):
        """The form has been saved by the time this is called: nothing is left to do."""
        self.check_access("write")
        return True

    def action_undo_marks(self):
        """Take back the last save, which the form names in ``undo_mark_id``."""
        self.ensure_one()
        last = self.last_mark_id
        if not last:
            raise UserError(self.env._("There is nothing to undo."))
        if last.id != self.env.context.get("undo_mark_id", last.id):
            raise UserError(
                self.env._(
                    "Somebody else has saved or undone marks meanwhile. Load the page"
                    " again, and see what is to be undone now."
                )
            )
        kept = last._undo()
        message = self.env._(
            "Marks taken back: %(count)s.", count=last.mark_count - kept
        )
        if kept:
            message += " " + self.env._(
                "Left as they are, since somebody has changed them: %(count)s.",
                count=kept,
            )
        return notice("warning" if kept else "success", message, CLOSE)

    def action_open_records(self):
        self.ensure_one()
        found = self.line_ids._find_records()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_record_action"
        )
        ids = [
            record_id
            for present_ids, absent_ids in found.values()
            for record_id in present_ids + absent_ids
        ]
        action["domain"] = [("id", "in", ids)]
        action["context"] = {}
        return action
