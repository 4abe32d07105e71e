from odoo import fields, models
from odoo.tools import SQL

from .spp_attendance_record import CATEGORIES


class SppAttendanceReport(models.Model):
    """Attendance to be counted: valid records, with the person and all areas of each.

    A row is a record and has its id. The rows are a query of the user's own on records,
    so nobody counts here what he may not see there.
    """

    _name = "spp.attendance.report"
    _description = "Attendance Analysis"
    _order = "local_date desc, id desc"
    _auto = False

    #: Columns taken from the record as they are.
    _RECORD_COLUMNS = (
        "id",
        "subscriber_id",
        "company_id",
        "local_date",
        "local_time",
        "category",
        "type_id",
        "location_id",
        "source",
    )

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    local_date = fields.Date(string="Date", readonly=True)
    local_time = fields.Char(string="Time", readonly=True)
    category = fields.Selection(CATEGORIES, readonly=True)
    type_id = fields.Many2one("spp.attendance.type", readonly=True)
    location_id = fields.Many2one("spp.attendance.location", readonly=True)
    area_ids = fields.Many2many(
        related="location_id.area_ids",
        string="Area",
        help="The location and all that it is part of: a record counts in each.",
    )
    source = fields.Selection(
        selection=lambda self: (
            self.env["spp.attendance.record"]
            ._fields["source"]
            ._description_selection(self.env)
        ),
        readonly=True,
    )
    department_id = fields.Many2one("spp.attendance.department", readonly=True)
    gender = fields.Selection(
        selection=lambda self: (
            self.env["spp.attendance.subscriber"]
            ._fields["gender"]
            ._description_selection(self.env)
        ),
        readonly=True,
    )
    # Each counts people once, however many records of theirs there are.
    people = fields.Integer(
        string="People on Record", aggregator="count_distinct", readonly=True
    )
    people_reached = fields.Integer(aggregator="count_distinct", readonly=True)
    people_absent = fields.Integer(
        string="People Missed", aggregator="count_distinct", readonly=True
    )
    present = fields.Integer(readonly=True)
    absent = fields.Integer(readonly=True)
    rate = fields.Float(string="Present (%)", aggregator="avg", readonly=True)

    @property
    def _table_query(self):
        records = self.env["spp.attendance.record"].with_context(active_test=False)
        visible = records._search([("active", "=", True)])
        columns = [
            SQL(
                "%s AS %s",
                records._field_to_sql(visible.table, name, visible),
                SQL.identifier(name),
            )
            for name in self._RECORD_COLUMNS
        ]
        return SQL(
            """
            SELECT r.*, s.department_id, s.gender,
                   r.subscriber_id AS people,
                   CASE WHEN r.category = 'present' THEN r.subscriber_id END
                       AS people_reached,
                   CASE WHEN r.category = 'absent' THEN r.subscriber_id END
                       AS people_absent,
                   CASE WHEN r.category = 'present' THEN 1 ELSE 0 END AS present,
                   CASE WHEN r.category = 'absent' THEN 1 ELSE 0 END AS absent,
                   CASE WHEN r.category = 'present' THEN 100.0 ELSE 0 END AS rate
              FROM (%s) AS r
              LEFT JOIN spp_attendance_subscriber s ON s.id = r.subscriber_id
            """,
            visible.select(*columns),
        )

    def action_open_record(self):
        """The record itself, with its history."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.attendance.record",
            "view_mode": "form",
            "views": [(False, "form")],
            "res_id": self.id,
        }
