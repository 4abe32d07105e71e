from odoo import fields, models
from odoo.tools import SQL

from .spp_attendance_record import CATEGORIES


class SppAttendanceEventLine(models.Model):
    """Somebody on the list of an event, expected or not.

    Whether he came is what the records say, so it is never out of date and nothing is
    kept twice.
    """

    _name = "spp.attendance.event.line"
    _description = "Person of an Attendance Event"
    _order = "event_id desc, id"
    _rec_name = "subscriber_id"
    _check_company_auto = True

    event_id = fields.Many2one(
        "spp.attendance.event", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="event_id.company_id")
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        ondelete="restrict",
        check_company=True,
        index=True,
    )
    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )
    is_expected = fields.Boolean("Expected", default=True)
    mark = fields.Selection(
        CATEGORIES,
        compute="_compute_mark",
        inverse="_inverse_mark",
        help="What the records of that day say. Present beats absent.",
    )
    record_id = fields.Many2one("spp.attendance.record", compute="_compute_mark")

    _event_subscriber_unique = models.Constraint(
        "UNIQUE (event_id, subscriber_id)",
        "This person is on the list of the event already.",
    )

    def _compute_mark(self):
        found = self._origin._find_records()
        for line in self:
            present_ids, absent_ids = found.get(line._origin, ([], []))
            line.mark = "present" if present_ids else "absent" if absent_ids else False
            line.record_id = (present_ids + absent_ids)[:1] and (
                present_ids + absent_ids
            )[0]

    def _inverse_mark(self):
        # Kept before saving: the first event's save computes the marks anew.
        marks = {line: line.mark for line in self}
        for event, lines in self.grouped("event_id").items():
            event._save_marks({line: marks[line] for line in lines})

    def _statuses_sql(self):
        """SQL of one row a line: what it counts as, by the records that exist.

        The one definition of which record belongs to an event: of those that the user
        may see, since anybody can make an event of any day, place and people. The
        bounds on the instant are for the index on person and instant; a local date
        can't be further away.
        """
        records = self.env["spp.attendance.record"].with_context(active_test=False)
        visible = records._search([("active", "=", True)])
        columns = (
            "id",
            "subscriber_id",
            "date_time",
            "local_date",
            "category",
            "type_id",
            "location_id",
        )
        return SQL(
            """
            SELECT l.id,
                   l.event_id,
                   l.subscriber_id,
                   l.is_expected,
                   r.present_ids,
                   r.absent_ids,
                   CASE WHEN r.present_ids IS NOT NULL THEN 'present'
                        WHEN r.absent_ids IS NOT NULL THEN 'absent' END AS mark
              FROM spp_attendance_event_line l
              JOIN spp_attendance_event e ON e.id = l.event_id
         LEFT JOIN spp_attendance_location el ON el.id = e.location_id
        CROSS JOIN LATERAL (
                SELECT array_agg(r.id ORDER BY r.date_time, r.id)
                           FILTER (WHERE r.category = 'present') AS present_ids,
                       array_agg(r.id ORDER BY r.date_time, r.id)
                           FILTER (WHERE r.category = 'absent') AS absent_ids
                  FROM (%(visible)s) r
             LEFT JOIN spp_attendance_location rl ON rl.id = r.location_id
                 WHERE r.subscriber_id = l.subscriber_id
                   AND r.local_date = e.local_date
                   AND r.date_time >= e.local_date - INTERVAL '1 day'
                   AND r.date_time < e.local_date + INTERVAL '2 days'
                   AND (e.type_id IS NULL OR r.type_id = e.type_id)
                   AND (el.id IS NULL OR starts_with(rl.parent_path, el.parent_path))
            ) r
            """,
            visible=visible.select(
                *(
                    SQL(
                        "%s AS %s",
                        records._field_to_sql(visible.table, name, visible),
                        SQL.identifier(name),
                    )
                    for name in columns
                )
            ),
        )

    def _query_statuses(self, select):
        for model_name in (
            self._name,
            "spp.attendance.event",
            "spp.attendance.location",
            "spp.attendance.record",
        ):
            self.env[model_name].flush_model()
        return self.env.execute_query_dict(
            SQL(select, statuses=self._statuses_sql(), ids=self.ids)
        )

    def _find_records(self):
        """Ids of the records that say whether somebody was there.

        :return: ``{line: (ids of present ones, ids of absent ones)}``, oldest first
        """
        rows = self._query_statuses(
            "SELECT id, present_ids, absent_ids FROM (%(statuses)s) s"
            " WHERE id = ANY(%(ids)s)"
        )
        by_id = {
            row["id"]: (row["present_ids"] or [], row["absent_ids"] or [])
            for row in rows
        }
        return {line: by_id.get(line.id, ([], [])) for line in self}

    def _count_statuses(self):
        """How many were expected and came, of these lines.

        :return: ``{event id: {"expected", "came", "absent", "unmarked", "extra"}}``
        """
        rows = self._query_statuses(
            """
            SELECT event_id,
                   count(*) FILTER (WHERE is_expected) AS expected,
                   count(*) FILTER (WHERE is_expected AND mark = 'present') AS came,
                   count(*) FILTER (WHERE is_expected AND mark = 'absent') AS absent,
                   count(*) FILTER (WHERE is_expected AND mark IS NULL) AS unmarked,
                   count(*) FILTER (WHERE NOT is_expected AND mark = 'present') AS extra
              FROM (%(statuses)s) s
             WHERE id = ANY(%(ids)s)
          GROUP BY event_id
            """
        )
        return {row.pop("event_id"): row for row in rows}
