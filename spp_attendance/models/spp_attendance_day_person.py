from odoo import api, fields, models


class SppAttendanceDayPerson(models.Model):
    """Somebody of whom days are kept, and until when they are decided.

    Whoever computes days of a person changes this row first: of two who do so at the
    same time the later one has to begin again, and then sees what the other one saw.
    """

    _name = "spp.attendance.day.person"
    _description = "Whose Days Are Kept"
    _log_access = False

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        "Person",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    version = fields.Integer(required=True, readonly=True, default=0, aggregator=None)
    settled_until = fields.Date(
        "Final Until",
        required=True,
        readonly=True,
        help="All days up to this one are final.",
    )
    kept_from = fields.Date(
        readonly=True,
        help="Nobody is absent before it, unless their first working day is known.",
    )
    stopped_on = fields.Date(
        readonly=True, help="When they were archived, or lost their level of work."
    )
    gaps = fields.Json(
        readonly=True,
        help="First and last days between which no days were kept, inclusive.",
    )
    settle_at = fields.Datetime(
        "Next Look At", readonly=True, help="When the next day is due, at the latest."
    )
    failures = fields.Integer(readonly=True, aggregator=None)
    error = fields.Char(readonly=True, help="Why the days could not be computed.")
    held_until = fields.Datetime(
        "Next Try", readonly=True, help="Not tried again before, after a failure."
    )

    _subscriber_unique = models.Constraint("UNIQUE (subscriber_id)")
    _settle_at_idx = models.Index("(settle_at) WHERE settle_at IS NOT NULL")

    @api.model
    def _begin(self, people):
        """Have the days of people be kept from today on, or go on again.

        Nobody was absent while there were none to be kept: before a level of work was
        known, or while somebody was archived. What is between is noted, so that it is
        so whenever those days are computed.

        :param people: subscribers
        """
        if not people:
            return
        people.flush_recordset()
        now = fields.Datetime.now()
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_day_person AS p (
                subscriber_id, version, settled_until, kept_from, settle_at)
            SELECT id, 0, first - 1, first, %(now)s
              FROM (SELECT id, GREATEST(COALESCE(work_from, %(today)s),
                                        %(today)s - 35) AS first
                      FROM spp_attendance_subscriber
                     WHERE id = ANY(%(ids)s)) AS begun
          ORDER BY id
                ON CONFLICT (subscriber_id) DO UPDATE
               SET settled_until = CASE
                       -- What was before they stopped may not be decided yet.
                       WHEN p.stopped_on > p.settled_until + 1 THEN p.settled_until
                       ELSE GREATEST(p.settled_until, %(today)s - 1) END,
                   gaps = CASE
                       WHEN GREATEST(p.settled_until + 1, p.stopped_on) < %(today)s
                       THEN COALESCE(p.gaps, '[]') || jsonb_build_array(
                           jsonb_build_array(
                               GREATEST(p.settled_until + 1, p.stopped_on),
                               %(today)s - 1))
                       ELSE p.gaps END,
                   stopped_on = NULL,
                   settle_at = EXCLUDED.settle_at
            """,
            {"ids": people.ids, "now": now, "today": now.date()},
            log_exceptions=False,
        )

    @api.model
    def _stop(self, people):
        """Note that no days of people are kept from today on.

        :param people: subscribers
        """
        if people:
            self.env.cr.execute(
                "UPDATE spp_attendance_day_person SET stopped_on = %s"
                " WHERE subscriber_id = ANY(%s)",
                [fields.Datetime.now().date(), people.ids],
                log_exceptions=False,
            )
