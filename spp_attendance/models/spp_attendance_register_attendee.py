from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from ..enrolment import AttendeeRows, holds_now


class SppAttendanceRegisterAttendee(models.Model):
    """Somebody on a register: one row a person, however often enrolled anew.

    When is said by the intervals; ``enrolled_at`` and ``unenrolled_at`` are those of
    the last one.
    """

    _name = "spp.attendance.register.attendee"
    _description = "Register Attendee"
    _inherit = ["spp.attendance.audited.mixin"]
    _order = "register_id, id"
    _rec_name = "subscriber_id"
    _check_company_auto = True
    # When is for the intervals to say.
    _lasting_fields = frozenset(
        {
            "uuid",
            "register_id",
            "company_id",
            "subscriber_id",
            "enrolled_at",
            "unenrolled_at",
        }
    )

    register_id = fields.Many2one(
        "spp.attendance.register", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="register_id.company_id", store=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        "Person",
        required=True,
        ondelete="restrict",
        index=True,
        check_company=True,
    )
    tag = fields.Char(size=64, index="btree_not_null", help="A team, a group, a shift.")
    interval_ids = fields.One2many(
        "spp.attendance.register.interval", "attendee_id", "Enrolments"
    )
    enrolled_at = fields.Datetime(
        "Enrolled", compute="_compute_interval", store=True, readonly=True
    )
    unenrolled_at = fields.Datetime(
        "De-enrolled", compute="_compute_interval", store=True, readonly=True
    )
    is_enrolled = fields.Boolean(
        "Enrolled Now", compute="_compute_is_enrolled", search="_search_is_enrolled"
    )

    _uuid_unique = models.UniqueIndex("(uuid)", "The UUID must be unique.")
    _person_unique = models.UniqueIndex(
        "(register_id, subscriber_id)", "This person is on the register already."
    )

    @api.depends("interval_ids.start_at", "interval_ids.end_at")
    def _compute_interval(self):
        for attendee in self:
            last = attendee.interval_ids.sorted("start_at")[-1:]
            attendee.enrolled_at = last.start_at
            attendee.unenrolled_at = last.end_at

    @api.depends("enrolled_at", "unenrolled_at")
    def _compute_is_enrolled(self):
        now = self.filtered_domain(holds_now())
        for row in self:
            row.is_enrolled = row in now

    @api.model
    def _search_is_enrolled(self, operator, value):
        if operator != "in":
            return NotImplemented
        return holds_now()

    def _touch(self):
        """Note who changed the enrolments of these, and when."""
        if self:
            self.write({})

    @api.ondelete(at_uninstall=False)
    def _unlink_except_marked(self):
        self.env["spp.attendance.record"].flush_model(["register_id", "subscriber_id"])
        marked = self.env.execute_query(
            SQL(
                """
                SELECT a.id FROM spp_attendance_register_attendee a
                 WHERE a.id = ANY(%s) AND EXISTS (
                       SELECT FROM spp_attendance_record r
                        WHERE r.register_id = a.register_id
                          AND r.subscriber_id = a.subscriber_id)
              ORDER BY a.id LIMIT 1
                """,
                self.ids,
            )
        )
        if marked:
            attendee = self.browse(marked[0])
            raise UserError(
                self.env._(
                    "Attendance of %(person)s was marked in register %(number)s, and"
                    " stays. De-enrol the person instead.",
                    person=attendee.subscriber_id.display_name,
                    number=attendee.register_id.number,
                )
            )

    # -------------------------------------------------------------- enrolment

    @api.model
    def _enrol(self, items):
        """Enrol people in registers, each who can be.

        As the user, in a number of statements that doesn't depend on how many. Who was
        de-enrolled is enrolled anew: one row a person, another interval. To be called
        in a transaction that is run again on a serialization failure.

        :param list items: ``enrolment.Enrol``
        :return: one ``enrolment.Enrolled`` an item, in order. Its code is None, or
            "ended" (the register is over), "outside" (a date is outside the register,
            or the end before the start), "enrolled" (is so already, or then)
        :raises AccessError: when who acts isn't on the staff of a register
        :raises UserError: when somebody is no active person of the register's company
        """
        return AttendeeRows(self.env).enrol(items)

    @api.model
    def _unenrol(self, items):
        """De-enrol people, each who is enrolled without an end.

        :param list items: ``enrolment.Unenrol``
        :return: one ``enrolment.Enrolled`` an item, in order. Its code is None, or
            "outside" (the date is outside the register), "not_enrolled" (never was, or
            has an end already), "before_start" (the date is before the enrolment)
        :raises AccessError: when who acts isn't on the staff of a register
        """
        return AttendeeRows(self.env).unenrol(items)

    # ---------------------------------------------------------------- merging

    @api.model
    def _merge_people(self, target, sources):
        """Have people who become one on each register once.

        Their enrolments are united: who was enrolled as the one or the other was
        enrolled. Called in the name of the system, before what is left is pointed at
        the target.

        :param target: the subscriber who stays
        :param sources: those who become this one
        """
        rows = self.search([("subscriber_id", "in", (target + sources).ids)])
        for same in rows.grouped("register_id").values():
            if len(same) == 1:
                continue
            kept = same.sorted(lambda row: (row.subscriber_id != target, row.id))[0]
            surplus = same - kept
            spans = _united(same.interval_ids)
            same.interval_ids.unlink()
            vals = {"interval_ids": [Command.create(span) for span in spans]}
            for name in ("tag", "additional_details"):
                known = [row[name] for row in kept + surplus if row[name]]
                if known:
                    vals[name] = known[0]
            kept.write(vals)
            # What was marked moves to the one who stays: nothing holds on to these.
            surplus.flush_recordset()
            self.env.cr.execute(
                SQL(
                    "DELETE FROM %s WHERE id = ANY(%s)",
                    SQL.identifier(self._table),
                    surplus.ids,
                )
            )
            self.env.invalidate_all(flush=False)


def _united(intervals):
    """Values of the intervals that cover the same time without overlapping."""
    spans = []
    for interval in intervals.sorted(lambda row: (row.start_at, row.id)):
        start, end = interval.start_at, interval.end_at
        if spans and not (spans[-1]["end_at"] and spans[-1]["end_at"] < start):
            last = spans[-1]["end_at"]
            spans[-1]["end_at"] = last and end and max(last, end)
        else:
            spans.append({"start_at": start, "end_at": end})
    return spans
