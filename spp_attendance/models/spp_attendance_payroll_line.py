from odoo import fields, models
from odoo.tools import SQL

_TRIGGER = "spp_attendance_payroll_line_keep"


class SppAttendancePayrollLine(models.Model):
    """What a person was paid by: the figures of a period as they were when it closed.

    Written by closing a period, by one statement, and never changed: the database
    refuses it. A period that is reopened leaves its lines behind, void. Whose line it
    is can change when two people turn out to be one.
    """

    _name = "spp.attendance.payroll.line"
    _description = "Payroll Snapshot"
    _order = "person_name, id"
    _rec_name = "person_name"
    _log_access = False  # its period tells who closed it, and when

    period_id = fields.Many2one(
        "spp.attendance.payroll.period",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    date_from = fields.Date("First Day", required=True, readonly=True)
    date_to = fields.Date("Last Day", required=True, readonly=True)
    is_void = fields.Boolean("Void", readonly=True, help="The period was reopened.")
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    person_key = fields.Integer(
        "Person Then (ID)",
        required=True,
        readonly=True,
        help="Who it was when the period was closed, also if merged since.",
    )
    person_identifier = fields.Char("Identifier", readonly=True)
    person_name = fields.Char("Name", readonly=True)
    department_id = fields.Many2one(
        "spp.attendance.department", readonly=True, ondelete="restrict", index=True
    )
    location_id = fields.Many2one(
        "spp.attendance.location", readonly=True, ondelete="restrict", index=True
    )
    level_of_work = fields.Selection(
        [("worker", "Worker"), ("staff", "Staff")], "Level of Work", readonly=True
    )
    on_time_days = fields.Integer("On Time", readonly=True)
    considered_days = fields.Integer("Considered", readonly=True)
    late_days = fields.Integer("Late", readonly=True)
    absent_days = fields.Integer("Absent", readonly=True)
    leave_days = fields.Integer("Leave", readonly=True)
    holiday_days = fields.Integer("Holidays", readonly=True)
    weekend_days = fields.Integer("Weekends", readonly=True)
    working_minutes = fields.Integer("Minutes of Work", readonly=True)
    net_minutes = fields.Integer("Minutes Present", readonly=True)
    expected_minutes = fields.Integer("Minutes Expected", readonly=True)
    overtime_minutes = fields.Integer("Minutes of Overtime", readonly=True)
    extra_overtime_minutes = fields.Integer("Minutes of Extra Overtime", readonly=True)
    late_minutes = fields.Integer("Minutes Late", readonly=True)
    snacks_count = fields.Integer("Snacks", readonly=True)
    night_bill_count = fields.Integer("Night Bills", readonly=True)
    leave_hundredths = fields.Integer("Leave (Hundredths of a Day)", readonly=True)
    leave = fields.Json(
        "Leave by Kind", readonly=True, help="Hundredths of days by kind of leave."
    )
    open_days = fields.Integer("Days Not Final", readonly=True)
    doubts = fields.Integer("Days to Review", readonly=True)
    days = fields.Json(readonly=True, prefetch=False, help="Each day as it was then.")

    # Of two who close the same people at once, one is refused. Ranges, because numbers
    # alone would need an extension of PostgreSQL.
    _one_closing = models.Constraint(
        "EXCLUDE USING gist (int4range(person_key, person_key, '[]') WITH &&,"
        " daterange(date_from, date_to, '[]') WITH &&) WHERE (NOT is_void)",
        "Somebody in this period is in another closed period of the same days.",
    )

    def init(self):
        """Have the database refuse what would change what people were paid by."""
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION %(name)s() RETURNS trigger
                LANGUAGE plpgsql AS $$
                DECLARE
                    free CONSTANT text[] := '{subscriber_id,is_void}';
                BEGIN
                    IF TG_OP = 'UPDATE' THEN
                        IF (OLD.is_void IS NOT TRUE OR NEW.is_void)
                           AND to_jsonb(OLD) - free = to_jsonb(NEW) - free THEN
                            RETURN NEW;
                        END IF;
                    END IF;
                    RAISE EXCEPTION 'A closed payroll period is never changed.'
                        USING ERRCODE = 'restrict_violation';
                END $$;
                DROP TRIGGER IF EXISTS %(name)s ON %(table)s;
                CREATE TRIGGER %(name)s BEFORE UPDATE OR DELETE ON %(table)s
                    FOR EACH ROW EXECUTE FUNCTION %(name)s();
                DROP TRIGGER IF EXISTS %(truncated)s ON %(table)s;
                CREATE TRIGGER %(truncated)s BEFORE TRUNCATE ON %(table)s
                    FOR EACH STATEMENT EXECUTE FUNCTION %(name)s();
                """,
                name=SQL.identifier(_TRIGGER),
                truncated=SQL.identifier(f"{_TRIGGER}_all"),
                table=SQL.identifier(self._table),
            )
        )
