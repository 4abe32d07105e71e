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
        "spp.attendance.subscriber", required=True, readonly=True, ondelete="cascade"
    )
    version = fields.Integer(required=True, readonly=True, default=0, aggregator=None)
    settled_until = fields.Date(
        required=True, readonly=True, help="All days up to this one are decided."
    )
    settle_at = fields.Datetime(
        readonly=True, help="When another day has to be looked at, whatever happens."
    )
    failures = fields.Integer(readonly=True, aggregator=None)
    error = fields.Char(readonly=True, help="Why the days could not be computed.")
    held_until = fields.Datetime(
        readonly=True, help="After a failure it is not tried again before."
    )

    _subscriber_unique = models.Constraint("UNIQUE (subscriber_id)")
    _settle_at_idx = models.Index("(settle_at) WHERE settle_at IS NOT NULL")

    @api.model
    def _begin(self, people):
        """Have the days of people be kept from today on, or go on again.

        Nobody was absent while there were none to be kept: before a level of work was
        known, or while somebody was archived.

        :param people: subscribers
        """
        if not people:
            return
        people.flush_recordset()
        now = fields.Datetime.now()
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_day_person (
                subscriber_id, version, settled_until, settle_at)
            SELECT id, 0, GREATEST(COALESCE(work_from, %(today)s), %(today)s - 35) - 1,
                   %(now)s
              FROM spp_attendance_subscriber
             WHERE id = ANY(%(ids)s)
          ORDER BY id
                ON CONFLICT (subscriber_id) DO UPDATE
               SET settled_until = GREATEST(
                       spp_attendance_day_person.settled_until, %(today)s - 1),
                   settle_at = EXCLUDED.settle_at
            """,
            {"ids": people.ids, "now": now, "today": now.date()},
            log_exceptions=False,
        )
