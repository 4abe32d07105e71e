from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL


class SppAttendanceShiftAssignment(models.Model):
    """By which shift somebody works, from a date until another assignment begins.

    It is one's own, else that of one's department or of one above it, else that of
    one's home location or of what that is part of, else that of the company. One
    without a shift ends the one before it: then the next of these counts again.
    """

    _name = "spp.attendance.shift.assignment"
    _description = "Shift Assignment"
    _order = "date_from desc, id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    date_from = fields.Date(
        "First Day", required=True, default=lambda self: self._default_date_from()
    )
    date_to = fields.Date(
        "Last Day",
        compute="_compute_date_to",
        help="The day before the next assignment begins.",
    )
    shift_id = fields.Many2one(
        "spp.attendance.shift",
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        help="Empty: no shift of its own from then on.",
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        check_company=True,
        ondelete="cascade",
        index="btree_not_null",
    )
    department_id = fields.Many2one(
        "spp.attendance.department",
        check_company=True,
        ondelete="cascade",
        index="btree_not_null",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        check_company=True,
        ondelete="cascade",
        index="btree_not_null",
    )

    whom = fields.Char("Applies To", compute="_compute_whom")

    # With this nothing can overlap: what begins ends what was before it.
    _target_date_unique = models.UniqueIndex(
        "(company_id, COALESCE(subscriber_id, 0), COALESCE(department_id, 0),"
        " COALESCE(location_id, 0), date_from)",
        "There is an assignment from this date already. Change that one.",
    )
    _one_target = models.Constraint(
        "CHECK (num_nonnulls(subscriber_id, department_id, location_id) <= 1)",
        "Choose only one: a person, a department, or a location.",
    )

    def _default_date_from(self):
        return self.env["spp.attendance.day"]._now_date()

    @api.depends("date_from", "subscriber_id", "department_id", "location_id")
    def _compute_date_to(self):
        for assignment, following in self._following().items():
            assignment.date_to = following and fields.Date.subtract(following, days=1)

    @api.depends("subscriber_id", "department_id", "location_id")
    def _compute_whom(self):
        for assignment in self:
            target = assignment._target()
            assignment.whom = target.display_name if target else self.env._("Everybody")

    @api.depends("subscriber_id", "department_id", "location_id", "shift_id")
    def _compute_display_name(self):
        for assignment in self:
            target = assignment._target()
            whom = target.display_name if target else assignment.company_id.name
            shift = assignment.shift_id.name or self.env._("No shift of its own")
            assignment.display_name = f"{whom or ''} · {shift}"

    def _target(self):
        """Whose assignment it is: a person, a department, a location, or nothing of
        these, for it is the company's."""
        return self.subscriber_id or self.department_id or self.location_id

    def _following(self):
        """When the next assignment of the same target begins, None if there is none.

        :return: ``{assignment: date or None}``
        """
        found = dict.fromkeys(self)
        saved = self.filtered(lambda assignment: isinstance(assignment.id, int))
        if saved:
            saved.flush_recordset()
            self.env.cr.execute(
                """
                SELECT a.id, min(n.date_from)
                  FROM spp_attendance_shift_assignment a
                  JOIN spp_attendance_shift_assignment n
                    ON n.company_id = a.company_id AND n.date_from > a.date_from
                   AND (n.subscriber_id, n.department_id, n.location_id)
                       IS NOT DISTINCT FROM
                       (a.subscriber_id, a.department_id, a.location_id)
                 WHERE a.id = ANY(%s)
              GROUP BY a.id
                """,
                [saved.ids],
            )
            found.update(
                {self.browse(row_id): day for row_id, day in self.env.cr.fetchall()}
            )
        return found

    @api.constrains("shift_id", "subscriber_id", "department_id", "location_id")
    def _check_something(self):
        for assignment in self:
            if not (assignment.shift_id or assignment._target()):
                raise ValidationError(
                    self.env._("A company always has a shift: choose one.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        assignments = super().create(vals_list)
        assignments._tell_dates_changed()
        assignments._have_computed()
        return assignments

    def write(self, vals):
        # What it was for as well as what it is for.
        self._have_computed()
        companies = self.company_id
        since = self._beginnings(companies)
        res = super().write(vals)
        # What it becomes must be within the rules, as what it was.
        if "company_id" in vals:
            self.check_access("write")
        self._check_beginnings(companies, since)
        self._tell_dates_changed()
        self._have_computed()
        return res

    def unlink(self):
        self._have_computed()
        companies = self.company_id
        since = self._beginnings(companies)
        res = super().unlink()
        self._check_beginnings(companies, since)
        self._tell_dates_changed()
        return res

    def _tell_dates_changed(self):
        """Others end when these begin: what is known of their ends is forgotten."""
        self.invalidate_model(["date_to"], flush=False)

    def _beginnings(self, companies):
        """Since when companies have a shift: ``{company: date}``."""
        assignments_sudo = self.sudo()  # it is so whatever the user sees of them
        return dict(
            assignments_sudo._read_group(
                [
                    ("company_id", "in", companies.ids),
                    ("subscriber_id", "=", False),
                    ("department_id", "=", False),
                    ("location_id", "=", False),
                ],
                ["company_id"],
                ["date_from:min"],
            )
        )

    def _check_beginnings(self, companies, since):
        """Refuse that a company has no shift on days on which it had one."""
        now = self._beginnings(companies)
        for company, day in since.items():
            if company not in now or now[company] > day:
                raise UserError(
                    self.env._(
                        "A company always has a shift, and this is its first one:"
                        " choose another shift for it instead, or add one that"
                        " begins later."
                    )
                )

    # ---------------------------------------------------------------- who has it

    @api.model
    def _shifts_of(self, people, day):
        """By which shifts people work on a day, after what is said now.

        By one statement, whoever asks. The engine resolves the same for many days.

        :param people: ids of subscribers; None for all of ``self.env.companies``
        :param date day: the day
        :return: ``{subscriber id: shift id}`` of those who have one
        """
        self.flush_model()
        people_model = self.env["spp.attendance.subscriber"]
        people_model.flush_model(["company_id", "department_id", "location_id"])
        if people is None:
            whom = SQL("s.company_id = ANY(%s)", self.env.companies.ids)
        else:
            whom = SQL("s.id = ANY(%s)", list(people))
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    WITH said AS (
                        SELECT DISTINCT ON (
                                   company_id, subscriber_id, department_id,
                                   location_id)
                               company_id, subscriber_id, department_id, location_id,
                               shift_id
                          FROM spp_attendance_shift_assignment
                         WHERE date_from <= %(day)s
                      ORDER BY company_id, subscriber_id, department_id, location_id,
                               date_from DESC, id DESC),
                    known AS (SELECT * FROM said WHERE shift_id IS NOT NULL),
                    whom AS (
                        SELECT s.id, s.company_id,
                               string_to_array(trim(trailing '/' FROM d.parent_path),
                                               '/')::int4[] AS departments,
                               string_to_array(trim(trailing '/' FROM l.parent_path),
                                               '/')::int4[] AS locations
                          FROM spp_attendance_subscriber s
                     LEFT JOIN spp_attendance_department d ON d.id = s.department_id
                     LEFT JOIN spp_attendance_location l ON l.id = s.location_id
                         WHERE %(whom)s)
                    SELECT whom.id,
                           COALESCE(
                               (SELECT shift_id FROM known
                                 WHERE subscriber_id = whom.id),
                               (SELECT shift_id FROM known
                                 WHERE company_id = whom.company_id
                                   AND department_id = ANY(departments)
                              ORDER BY array_position(departments, department_id) DESC
                                 LIMIT 1),
                               (SELECT shift_id FROM known
                                 WHERE company_id = whom.company_id
                                   AND location_id = ANY(locations)
                              ORDER BY array_position(locations, location_id) DESC
                                 LIMIT 1),
                               (SELECT shift_id FROM known
                                 WHERE company_id = whom.company_id
                                   AND num_nonnulls(subscriber_id, department_id,
                                                    location_id) = 0)
                           ) AS shift_id
                      FROM whom
                    """,
                    day=day,
                    whom=whom,
                )
            )
        )

    @api.model
    def _merge_people(self, target, sources):
        """Of two people who become one, keep by which shifts the one who stays works.

        Those of the others count if nothing was said of that one.
        """
        known = self.search([("subscriber_id", "in", (target + sources).ids)])
        kept = known.grouped("subscriber_id").get(target, self.browse())
        for person in sources:
            if not kept:
                kept = known.filtered(lambda one, p=person: one.subscriber_id == p)
        (known - kept).unlink()

    def _have_computed(self):
        """Have the days computed anew that follow from these assignments."""
        self.env["spp.attendance.day.queue"]._enqueue_assignments(self)
