from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class SppAttendanceAbsentee(models.Model):
    """Somebody who stayed away several times in a row, and has not come since.

    A row is a person and has the person's id. An absence is a day with an absent record
    after the last day on which the person came; how many make an absentee is a setting
    of the company. As in the report, only records count that the user may see.
    """

    _name = "spp.attendance.absentee"
    _description = "Attendance Absentee"
    _order = "absences desc, last_absence desc, id"
    _rec_name = "subscriber_id"
    _auto = False

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", readonly=True
    )
    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )
    phone = fields.Char(related="subscriber_id.phone")
    company_id = fields.Many2one("res.company", readonly=True)
    department_id = fields.Many2one("spp.attendance.department", readonly=True)
    home_location_id = fields.Many2one("spp.attendance.location", readonly=True)
    absences = fields.Integer(string="Days Absent in a Row", readonly=True)
    absent_since = fields.Date(readonly=True)
    last_absence = fields.Date(readonly=True)
    last_location_id = fields.Many2one(
        "spp.attendance.location", string="Last Missed At", readonly=True
    )
    last_present = fields.Date(string="Last Came", readonly=True)
    follow_up_id = fields.Many2one("mail.activity", readonly=True)
    follow_up_user_id = fields.Many2one(
        "res.users", string="Followed Up By", readonly=True
    )
    follow_up_deadline = fields.Date(string="Follow-up Due", readonly=True)

    _depends = {
        "mail.activity": [
            "active",
            "activity_type_id",
            "date_deadline",
            "res_id",
            "res_model",
            "user_id",
        ],
        "res.company": ["attendance_absences_in_row"],
    }

    @property
    def _table_query(self):
        records = self.env["spp.attendance.record"].with_context(active_test=False)
        visible = records._search([("active", "=", True)])
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        followed = people._search([("active", "=", True)])
        # Person by person, so that the index on a person's instants answers: the last
        # time somebody came, and the few records after it. Only of those whose latest
        # record is an absence: PostgreSQL, too, expects these to be few, else it would
        # take ten times as long to compile the query as to run it.
        return SQL(
            """
            SELECT s.id, s.id AS subscriber_id, s.company_id, s.department_id,
                   s.location_id AS home_location_id,
                   away.absences, away.absent_since, away.last_absence,
                   away.last_location_id, came.local_date AS last_present,
                   todo.id AS follow_up_id, todo.user_id AS follow_up_user_id,
                   todo.date_deadline AS follow_up_deadline
              FROM (%(people)s) AS s
              JOIN res_company c ON c.id = s.company_id
              LEFT JOIN LATERAL (
                       SELECT r.local_date, r.date_time
                         FROM (%(records)s) AS r
                        WHERE r.subscriber_id = s.id AND r.category = 'present'
                     ORDER BY r.date_time DESC LIMIT 1
                   ) AS came ON TRUE
              JOIN LATERAL (
                       SELECT count(DISTINCT r.local_date) AS absences,
                              min(r.local_date) AS absent_since,
                              max(r.local_date) AS last_absence,
                              (array_agg(r.location_id ORDER BY r.date_time DESC))[1]
                                  AS last_location_id
                         FROM (%(records)s) AS r
                        WHERE r.subscriber_id = s.id AND r.category = 'absent'
                          AND r.date_time > COALESCE(came.date_time, '-infinity')
                          AND r.local_date > COALESCE(came.local_date, '-infinity')
                   ) AS away ON away.absences >= c.attendance_absences_in_row
              LEFT JOIN LATERAL (
                       SELECT a.id, a.user_id, a.date_deadline
                         FROM mail_activity a
                        WHERE a.res_model = 'spp.attendance.subscriber'
                          AND a.res_id = s.id AND a.active
                          AND a.activity_type_id = %(activity_type)s
                     ORDER BY a.date_deadline, a.id LIMIT 1
                   ) AS todo ON TRUE
             WHERE (
                       SELECT r.category
                         FROM (%(records)s) AS r
                        WHERE r.subscriber_id = s.id
                     ORDER BY r.date_time DESC LIMIT 1
                   ) = 'absent'
            """,
            people=followed.select(
                *self._columns(
                    followed,
                    people,
                    ("id", "company_id", "department_id", "location_id"),
                )
            ),
            records=visible.select(
                *self._columns(
                    visible,
                    records,
                    (
                        "subscriber_id",
                        "location_id",
                        "date_time",
                        "local_date",
                        "category",
                    ),
                )
            ),
            activity_type=self._follow_up_type().id or None,
        )

    def _columns(self, query, model, names):
        return [
            SQL(
                "%s AS %s",
                model._field_to_sql(query.table, name, query),
                SQL.identifier(name),
            )
            for name in names
        ]

    def _follow_up_type(self):
        """The type of activity that says somebody looks after an absentee."""
        return self.env["mail.activity.type"].browse(
            self.env["ir.model.data"]._xmlid_to_res_id(
                "spp_attendance.mail_activity_type_follow_up"
            )
        )

    def action_follow_up(self):
        """Ask who visits or calls these people, and until when."""
        self.check_access("read")
        if not self:
            raise UserError(self.env._("Choose at least one person."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Follow Up"),
            "res_model": "mail.activity.schedule",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "active_model": "spp.attendance.subscriber",
                "active_ids": self.subscriber_id.ids,
                "default_activity_type_id": self._follow_up_type().id,
            },
        }

    def action_follow_up_done(self):
        """Close the follow-ups of these people; the person stays until he comes."""
        self.check_access("read")
        self.follow_up_id.action_done()
        # The row says nothing of the follow-up any more.
        self.invalidate_recordset()
        return True

    def action_open_subscriber(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.attendance.subscriber",
            "view_mode": "form",
            "views": [(False, "form")],
            "res_id": self.subscriber_id.id,
        }
