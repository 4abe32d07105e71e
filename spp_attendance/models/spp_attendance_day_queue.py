import logging
from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import background
from ..days import Computation

_logger = logging.getLogger(__name__)

#: Rows of the queue that are looked at to find people, and most people in one
#: transaction.
_LOOK = 1_000
_PEOPLE = 500
#: Most people of whom a day is due that are queued at once.
_DUE = 5_000
_LANES = (
    "spp_attendance.ir_cron_day_1",
    "spp_attendance.ir_cron_day_2",
    "spp_attendance.ir_cron_day_3",
)


class SppAttendanceDayQueue(models.Model):
    """Days that have to be computed, or computed anew.

    Append-only: whoever commits a fact adds a row in the same transaction, and lanes
    take all rows of a person at once. Nothing is unique here: a row that is there
    already may just be taken by somebody who doesn't see the new fact.
    """

    _name = "spp.attendance.day.queue"
    _description = "Days to Be Computed"
    _order = "id"
    _log_access = False

    # No foreign key, for it costs a look at each row; who is gone is passed over.
    person = fields.Integer(required=True, readonly=True, aggregator=None)
    at = fields.Datetime(readonly=True, help="Of a record that is new or changed.")
    date_from = fields.Date(readonly=True, help="Else the days that are concerned.")
    date_to = fields.Date(
        readonly=True, help="Nothing: up to today, and what there is beyond."
    )
    is_anew = fields.Boolean(
        readonly=True,
        help="The rules are looked up again, too, and not only the facts.",
    )

    _person_idx = models.Index("(person, id)")

    # ---------------------------------------------------------------- queueing

    @api.model
    def _enqueue_records(self, ids):
        """Have the days computed that records are of.

        By one statement, to be called in the transaction that writes them.
        """
        self._append(
            SQL(
                """
                INSERT INTO spp_attendance_day_queue (person, at)
                SELECT r.subscriber_id, r.date_time
                  FROM spp_attendance_record r
                  JOIN spp_attendance_subscriber s ON s.id = r.subscriber_id
                 WHERE r.id = ANY(%s) AND s.level_of_work IS NOT NULL
                """,
                list(ids),
            )
        )

    @api.model
    def _enqueue_days(self, people, date_from, date_to=None, *, is_anew=False):
        """Have days of people computed.

        :param people: ids of subscribers
        :param date date_from: the first day
        :param date date_to: the last one; None for all up to today, and those beyond
            that exist
        :param bool is_anew: whether the rules that were in force are looked up again
        """
        people = list(people)
        if people:
            self._append(
                SQL(
                    """
                    INSERT INTO spp_attendance_day_queue (
                        person, date_from, date_to, is_anew)
                    SELECT person, %s, %s, %s FROM unnest(%s::int4[]) AS person
                    """,
                    date_from,
                    date_to,
                    is_anew,
                    people,
                )
            )

    @api.model
    def _enqueue_assignments(self, assignments):
        """Have the days computed anew for which assignments say the shift."""
        if not assignments:
            return
        assignments.flush_recordset()
        self._append(
            SQL(
                """
                INSERT INTO spp_attendance_day_queue (
                    person, date_from, date_to, is_anew)
                SELECT s.id, a.date_from,
                       (SELECT min(n.date_from) - 1
                          FROM spp_attendance_shift_assignment n
                         WHERE n.company_id = a.company_id
                           AND n.date_from > a.date_from
                           AND (n.subscriber_id, n.department_id, n.location_id)
                               IS NOT DISTINCT FROM
                               (a.subscriber_id, a.department_id, a.location_id)),
                       TRUE
                  FROM spp_attendance_shift_assignment a
             LEFT JOIN spp_attendance_department d ON d.id = a.department_id
             LEFT JOIN spp_attendance_location l ON l.id = a.location_id
                  JOIN spp_attendance_subscriber s
                    ON s.company_id = a.company_id AND s.level_of_work IS NOT NULL
                   AND (a.subscriber_id IS NULL OR s.id = a.subscriber_id)
                   AND (a.department_id IS NULL OR s.department_id IN (
                           SELECT id FROM spp_attendance_department
                            WHERE starts_with(parent_path, d.parent_path)))
                   AND (a.location_id IS NULL OR s.location_id IN (
                           SELECT id FROM spp_attendance_location
                            WHERE starts_with(parent_path, l.parent_path)))
                 WHERE a.id = ANY(%s)
                   AND a.date_from <= (now() AT TIME ZONE 'UTC')::date + 1
                """,
                assignments.ids,
            )
        )

    # ------------------------------------------------------------------- now

    @api.model
    def _compute_now(
        self, people, date_from, date_to, *, is_anew=False, overrides=None
    ):
        """Compute days of people in this transaction, with all that waits of them.

        Whoever computes days of one of them at the same moment has to begin again, or
        this transaction has: requests do so by themselves.

        :param people: ids of subscribers; of those of whom no days are kept nothing is
            computed
        :param date date_from: the first day
        :param date date_to: the last one
        :param bool is_anew: whether the rules that were in force are looked up again
        :param dict overrides: ``{(subscriber id, date): dict of an engine Override,
            None to take one away}``; its days are computed, too, and made if need be
        :return: ids of the days that are new or have changed
        """
        overrides = overrides or {}
        people = sorted({*people, *(person for person, _day in overrides)})
        self.env.flush_all()
        self._add_people()
        cr = self.env.cr
        cr.execute(
            """
            UPDATE spp_attendance_day_person p SET version = version + 1
              FROM (SELECT id FROM spp_attendance_day_person
                     WHERE subscriber_id = ANY(%s)
                  ORDER BY subscriber_id FOR NO KEY UPDATE) AS mine
             WHERE p.id = mine.id
            """,
            [people],
            log_exceptions=False,
        )
        cr.execute(
            """
            DELETE FROM spp_attendance_day_queue WHERE person = ANY(%s)
         RETURNING person, extract(epoch FROM at)::int8, date_from, date_to,
                   COALESCE(is_anew, FALSE)
            """,
            [people],
            log_exceptions=False,
        )
        claimed = cr.fetchall()
        claimed += [(person, None, date_from, date_to, is_anew) for person in people]
        claimed += [(person, None, day, day, False) for person, day in overrides]
        return Computation(self.env, overrides=overrides).run(claimed)

    @api.model
    def _append(self, statement):
        self.env.cr.execute(statement, log_exceptions=False)
        if self.env.cr.rowcount > 0:
            self._wake_after_commit()

    @api.model
    def _wake_after_commit(self):
        postcommit = self.env.cr.postcommit
        if "spp_attendance.days" not in postcommit.data:
            postcommit.data["spp_attendance.days"] = True
            postcommit.add(partial(background.soon, self.env.cr.dbname, "days", work))

    # ------------------------------------------------------------------ worker

    @api.model
    def _cron_work(self):
        """Compute what waits; one of several lanes."""
        cron = self.env["ir.cron"]
        run_in_transaction(self.env, lambda env: env[self._name]._enqueue_due())
        left = cron._commit_progress()
        done = 1
        while left > 0 and done:
            done = run_in_transaction(self.env, lambda env: env[self._name]._work())
            left = cron._commit_progress(done)
        if done and (lane := cron.browse(self.env.context.get("cron_id"))):
            lane._trigger()

    @api.model
    def _enqueue_due(self):
        """Queue those of whom a day has ended, and those who are new."""
        self._add_people()
        cr = self.env.cr
        # Of those who are gone, or don't work any more, nothing is to be computed.
        cr.execute(
            """
            DELETE FROM spp_attendance_day_queue q
             WHERE NOT EXISTS (SELECT FROM spp_attendance_subscriber s
                                WHERE s.id = q.person AND s.level_of_work IS NOT NULL)
            """,
            log_exceptions=False,
        )
        cr.execute(
            """
            WITH due AS (
                SELECT id, subscriber_id, settled_until
                  FROM spp_attendance_day_person
                 WHERE settle_at <= now() AT TIME ZONE 'UTC'
              ORDER BY settle_at
                 LIMIT %s
                   FOR NO KEY UPDATE SKIP LOCKED),
            later AS (
                UPDATE spp_attendance_day_person p
                   SET settle_at = now() AT TIME ZONE 'UTC' + interval '10 minutes'
                  FROM due WHERE p.id = due.id)
            INSERT INTO spp_attendance_day_queue (person, date_from)
            SELECT subscriber_id, settled_until + 1 FROM due
            """,
            [_DUE],
            log_exceptions=False,
        )

    @api.model
    def _add_people(self):
        """Begin to keep the days of those of whom none are kept yet.

        :return: how many they are
        """
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_day_person (
                subscriber_id, version, settled_until, settle_at)
            SELECT s.id, 0,
                   GREATEST(COALESCE(s.work_from, s.create_date::date),
                            (now() AT TIME ZONE 'UTC')::date - 35) - 1,
                   now() AT TIME ZONE 'UTC'
              FROM spp_attendance_subscriber s
             WHERE s.level_of_work IS NOT NULL
               AND NOT EXISTS (SELECT FROM spp_attendance_day_person p
                                WHERE p.subscriber_id = s.id)
          ORDER BY s.id
                ON CONFLICT DO NOTHING
            """,
            log_exceptions=False,
        )
        return self.env.cr.rowcount

    @api.model
    def _work(self):
        """Compute the days of some people, in a transaction that begins with this.

        :return: how many people
        """
        claimed = self._claim()
        if claimed:
            Computation(self.env).run(claimed)
            return len({row[0] for row in claimed})
        return self._add_people()

    @api.model
    def _claim(self):
        """Take all that waits of some people whom nobody else computes.

        :return: list of ``(person, second or None, date_from, date_to, is_anew)``
        """
        self.env.cr.execute(
            """
            WITH few AS (
                SELECT DISTINCT person
                  FROM (SELECT person FROM spp_attendance_day_queue
                      ORDER BY id LIMIT %s) AS rows),
            mine AS (
                SELECT p.id, p.subscriber_id
                  FROM spp_attendance_day_person p
                  JOIN few ON few.person = p.subscriber_id
              ORDER BY p.subscriber_id
                 LIMIT %s
                   FOR NO KEY UPDATE OF p SKIP LOCKED),
            bumped AS (
                UPDATE spp_attendance_day_person p SET version = version + 1
                  FROM mine WHERE p.id = mine.id)
            DELETE FROM spp_attendance_day_queue q
             USING mine
             WHERE q.person = mine.subscriber_id
         RETURNING q.person, extract(epoch FROM q.at)::int8, q.date_from, q.date_to,
                   COALESCE(q.is_anew, FALSE)
            """,
            [_LOOK, _PEOPLE],
            log_exceptions=False,
        )
        return self.env.cr.fetchall()


def work(registry):
    """Compute what waits, in transactions of their own, until nothing does."""
    name = SppAttendanceDayQueue._name
    while not background.is_stopping():
        if not run_in_transaction(registry, lambda env: env[name]._work()):
            break
