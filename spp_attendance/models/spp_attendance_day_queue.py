import logging
import random
from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.spp_oauth.tools.retry import TRANSIENT, run_in_transaction

from .. import background
from ..days import Computation

_logger = logging.getLogger(__name__)

#: Rows of the queue that are looked at to find people; people that are looked for where
#: others compute all of those; and most people in one transaction.
_LOOK = 5_000
_LOOK_FURTHER = 3_000
_PEOPLE = 500
#: Most minutes for which somebody is left alone whose days can't be computed.
_HELD = 24 * 60
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
    at = fields.Datetime(
        "Moment",
        readonly=True,
        help="Of a record that is new or changed. With rules: all days from this moment"
        " on.",
    )
    date_from = fields.Date("First Day", readonly=True)
    date_to = fields.Date(
        "Last Day", readonly=True, help="Empty: up to the latest there is."
    )
    is_anew = fields.Boolean(
        "With Rules",
        readonly=True,
        help="Shifts, working days and time zones are looked up again, too.",
    )

    _person_idx = models.Index("(person, id)")
    _fresh_idx = models.Index("(id) WHERE date_from IS NULL")

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
    def _enqueue_ranges(self, ranges):
        """Have days of people computed, of each of them others.

        :param list ranges: of ``(person, date_from, date_to, is_anew)``, see
            ``_enqueue_days``
        """
        if ranges:
            self._append(
                SQL(
                    """
                    INSERT INTO spp_attendance_day_queue (
                        person, date_from, date_to, is_anew)
                    SELECT * FROM unnest(%s::int4[], %s::date[], %s::date[], %s::bool[])
                    """,
                    *(list(column) for column in zip(*ranges, strict=True)),
                )
            )

    @api.model
    def _enqueue_seconds(self, moments):
        """Have the days computed of which moments are.

        :param list moments: of ``(person, second since 1970)``
        """
        if moments:
            people, seconds = zip(*moments, strict=True)
            self._append(
                SQL(
                    """
                    INSERT INTO spp_attendance_day_queue (person, at)
                    SELECT person, to_timestamp(second) AT TIME ZONE 'UTC'
                      FROM unnest(%s::int4[], %s::int8[]) AS moment(person, second)
                    """,
                    list(people),
                    list(seconds),
                )
            )

    @api.model
    def _enqueue_from_today(self, people):
        """Have days computed by the rules that are in force from today on.

        Today is that of each person's own clock; what was before stays as it was.

        :param people: ids of subscribers, or SQL that selects them
        """
        if not isinstance(people, SQL):
            if not (people := list(people)):
                return
            people = SQL("SELECT unnest(%s::int4[])", people)
        self._append(
            SQL(
                """
                INSERT INTO spp_attendance_day_queue (person, at, is_anew)
                SELECT s.id, %s, TRUE
                  FROM spp_attendance_subscriber s
                 WHERE s.id IN (%s) AND s.level_of_work IS NOT NULL
                """,
                fields.Datetime.now(),
                people,
            )
        )

    @api.model
    def _enqueue_members(self, places):
        """Have days computed anew, from today on, of those who belong to departments or
        locations, or to those below.

        :param places: departments, or locations
        """
        belongs = {
            "spp.attendance.department": "department_id",
            "spp.attendance.location": "location_id",
        }
        self._enqueue_from_today(
            SQL(
                """
                SELECT s.id
                  FROM spp_attendance_subscriber s
                  JOIN %s below ON below.id = s.%s
                  JOIN unnest(%s::varchar[]) AS place(path)
                    ON starts_with(below.parent_path, place.path)
                """,
                SQL.identifier(places._table),
                SQL.identifier(belongs[places._name]),
                places.filtered("parent_path").mapped("parent_path"),
            )
        )

    @api.model
    def _enqueue_employment(self, people, days):
        """Have the days computed that a change of dates of employment is about.

        No day is made of long ago, but those that exist may be none any more.

        :param people: ids of subscribers
        :param list days: the dates that were and those that are said now
        """
        today = fields.Datetime.now().date()
        # Whose days were to begin later is looked at from when they begin now.
        self.env.cr.execute(
            """
            UPDATE spp_attendance_day_person p
               SET settled_until = GREATEST(COALESCE(s.work_from, %(today)s),
                                            %(today)s - 35) - 1,
                   kept_from = LEAST(p.kept_from, GREATEST(
                       COALESCE(s.work_from, %(today)s), %(today)s - 35)),
                   settle_at = %(now)s
              FROM spp_attendance_subscriber s
             WHERE s.id = p.subscriber_id AND p.subscriber_id = ANY(%(people)s)
               AND p.settled_until >= %(today)s
            """,
            {"today": today, "now": fields.Datetime.now(), "people": list(people)},
            log_exceptions=False,
        )
        self._append(
            SQL(
                """
                INSERT INTO spp_attendance_day_queue (person, date_from)
                SELECT s.id, GREATEST(%(first)s, LEAST(
                           %(today)s - 35,
                           (SELECT min(d.date) FROM spp_attendance_day d
                             WHERE d.subscriber_id = s.id)))
                  FROM unnest(%(people)s::int4[]) AS s(id)
                """,
                first=min(days),
                today=today,
                people=list(people),
            )
        )

    @api.model
    def _enqueue_assignments(self, assignments, *, is_anew=True):
        """Have the days computed anew for which assignments say the shift.

        Those that exist, and those since: the shift that a company works by from the
        beginning of time makes no days of long ago. Up to today, however far the next
        assignment is: of what is to come there are few days.

        :param bool is_anew: whether the rules that were in force are looked up again
        """
        if not assignments:
            return
        assignments.flush_recordset()
        today = fields.Datetime.now().date()
        self._append(
            SQL(
                """
                INSERT INTO spp_attendance_day_queue (
                    person, date_from, date_to, is_anew)
                SELECT s.id,
                       GREATEST(a.date_from, COALESCE(
                           (SELECT min(k.date) FROM spp_attendance_day k
                             WHERE k.subscriber_id = s.id),
                           %(today)s - 1)),
                       (SELECT NULLIF(LEAST(min(n.date_from) - 1, %(today)s + 1),
                                      %(today)s + 1)
                          FROM spp_attendance_shift_assignment n
                         WHERE n.company_id = a.company_id
                           AND n.date_from > a.date_from
                           AND (n.subscriber_id, n.department_id, n.location_id)
                               IS NOT DISTINCT FROM
                               (a.subscriber_id, a.department_id, a.location_id)),
                       %(is_anew)s
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
                 WHERE a.id = ANY(%(ids)s)
                """,
                today=today,
                is_anew=is_anew,
                ids=assignments.ids,
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
        registry = self.env.registry
        run_in_transaction(self.env, lambda env: env[self._name]._enqueue_due())
        left = cron._commit_progress()
        done = 1
        while left > 0 and done:
            done = work_some(registry)
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
                SELECT p.id, p.subscriber_id, p.settled_until,
                       s.level_of_work IS NOT NULL AS works
                  FROM spp_attendance_day_person p
                  JOIN spp_attendance_subscriber s ON s.id = p.subscriber_id
                 WHERE p.settle_at <= %(now)s
                   AND (p.held_until IS NULL OR p.held_until <= %(now)s)
              ORDER BY p.settle_at
                 LIMIT %(most)s
                   FOR NO KEY UPDATE OF p SKIP LOCKED),
            later AS (
                UPDATE spp_attendance_day_person p
                   SET settle_at = CASE WHEN due.works
                           THEN %(now)s + interval '10 minutes' END
                  FROM due WHERE p.id = due.id)
            INSERT INTO spp_attendance_day_queue (person, date_from)
            SELECT subscriber_id, settled_until + 1 FROM due WHERE works
            """,
            {"now": fields.Datetime.now(), "most": _DUE},
            log_exceptions=False,
        )

    @api.model
    def _add_people(self):
        """Begin to keep the days of those of whom none are kept yet.

        :return: how many they are
        """
        now = fields.Datetime.now()
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_day_person (
                subscriber_id, version, settled_until, kept_from, settle_at)
            SELECT id, 0, first - 1, first, %(now)s
              FROM (SELECT s.id, GREATEST(COALESCE(s.work_from, s.create_date::date),
                                          %(today)s - 35) AS first
                      FROM spp_attendance_subscriber s
                     WHERE s.level_of_work IS NOT NULL
                       AND NOT EXISTS (SELECT FROM spp_attendance_day_person p
                                        WHERE p.subscriber_id = s.id)) AS new
          ORDER BY id
                ON CONFLICT DO NOTHING
            """,
            {"now": now, "today": now.date()},
            log_exceptions=False,
        )
        return self.env.cr.rowcount

    @api.model
    def _work(self, people=None, *, is_fresh_first=False):
        """Compute the days of some people, in a transaction that begins with this.

        :param people: of these alone, by id
        :param bool is_fresh_first: what has just come in before what is of long ago
        :return: how many people
        """
        claimed = self._claim(people, is_fresh_first)
        if claimed:
            Computation(self.env).run(claimed)
            return len({row[0] for row in claimed})
        return 0 if people else self._add_people()

    @api.model
    def _claim(self, people=None, is_fresh_first=False):
        """Take all that waits of some people whom nobody else computes.

        :param people: of these alone, by id
        :param bool is_fresh_first: those of whom records have just come in
        :return: list of ``(person, second or None, date_from, date_to, is_anew)``
        """
        if people:
            return self._claim_of(SQL("SELECT unnest(%s::int4[]) AS person", people))
        claimed = []
        if is_fresh_first:
            claimed = self._claim_of(_oldest(SQL("WHERE date_from IS NULL")))
        claimed = claimed or self._claim_of(_oldest(SQL("")))
        if claimed or not self._is_waiting():
            return claimed
        # What came first is all of people whom others compute: from anywhere else. By
        # index from person to person, however many rows there are of each.
        return self._claim_of(
            SQL(
                """
                WITH RECURSIVE person AS (
                    (SELECT q.person
                       FROM spp_attendance_day_queue q
                      WHERE q.person >= (
                                SELECT (max(person) * %s)::int4
                                  FROM spp_attendance_day_queue)
                   ORDER BY q.person LIMIT 1)
                     UNION ALL
                    SELECT (SELECT q.person FROM spp_attendance_day_queue q
                             WHERE q.person > person.person
                          ORDER BY q.person LIMIT 1)
                      FROM person WHERE person.person IS NOT NULL)
                (SELECT person FROM person WHERE person IS NOT NULL LIMIT %s)
                """,
                random.random(),
                _LOOK_FURTHER,
            )
        )

    @api.model
    def _claim_of(self, few):
        """Take what waits of those among some people whom nobody else computes."""
        self.env.cr.execute(
            SQL(
                """
                WITH few AS MATERIALIZED (%(few)s),
                mine AS (
                    SELECT p.id, p.subscriber_id
                      FROM spp_attendance_day_person p
                      JOIN few ON few.person = p.subscriber_id
                     WHERE p.held_until IS NULL OR p.held_until <= %(now)s
                  ORDER BY p.subscriber_id
                     LIMIT %(most)s
                       FOR NO KEY UPDATE OF p SKIP LOCKED),
                bumped AS (
                    UPDATE spp_attendance_day_person p
                       SET version = version + 1, failures = NULL, error = NULL,
                           held_until = NULL
                      FROM mine WHERE p.id = mine.id)
                DELETE FROM spp_attendance_day_queue q
                 USING mine
                 WHERE q.person = mine.subscriber_id
             RETURNING q.person, extract(epoch FROM q.at)::int8, q.date_from,
                       q.date_to, COALESCE(q.is_anew, FALSE)
                """,
                few=few,
                now=fields.Datetime.now(),
                most=_PEOPLE,
            ),
            log_exceptions=False,
        )
        return self.env.cr.fetchall()

    @api.model
    def _is_waiting(self):
        """Whether there is something to compute of somebody."""
        self.env.cr.execute(
            """
            SELECT EXISTS (
                SELECT FROM spp_attendance_day_queue q
                  JOIN spp_attendance_day_person p ON p.subscriber_id = q.person
                 WHERE p.held_until IS NULL OR p.held_until <= %s)
            """,
            [fields.Datetime.now()],
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _next_people(self):
        """Whose days would be computed next, by id."""
        self.env.cr.execute(
            """
            SELECT q.person
              FROM (SELECT DISTINCT person
                      FROM (SELECT person FROM spp_attendance_day_queue
                          ORDER BY id LIMIT %s) AS rows) AS q
              JOIN spp_attendance_day_person p ON p.subscriber_id = q.person
             WHERE p.held_until IS NULL OR p.held_until <= %s
          ORDER BY q.person
             LIMIT %s
            """,
            [_LOOK, fields.Datetime.now(), _PEOPLE],
        )
        return [person for (person,) in self.env.cr.fetchall()]

    @api.model
    def _hold(self, person, error):
        """Leave somebody alone for a while whose days could not be computed.

        What waits stays in the queue.

        :param int person: id of the subscriber
        :param str error: what happened, without the data
        """
        self.env.cr.execute(
            """
            UPDATE spp_attendance_day_person
               SET failures = COALESCE(failures, 0) + 1, error = %(error)s,
                   held_until = %(now)s + interval '1 minute' * LEAST(
                       %(most)s, 2 ^ LEAST(COALESCE(failures, 0), 20))
             WHERE subscriber_id = %(person)s
            """,
            {
                "error": error,
                "now": fields.Datetime.now(),
                "most": _HELD,
                "person": person,
            },
            log_exceptions=False,
        )


def _oldest(condition):
    """SQL of the people of whom some rows of the queue are, those that came first."""
    return SQL(
        """
        SELECT DISTINCT person
          FROM (SELECT person FROM spp_attendance_day_queue %s
              ORDER BY id LIMIT %s) AS rows
        """,
        condition,
        _LOOK,
    )


def work(registry):
    """Compute what waits, in transactions of their own, until nothing does.

    What has just come in goes first: lanes of scheduled actions go by the queue.
    """
    while not background.is_stopping():
        if not work_some(registry, is_fresh_first=True):
            break


def work_some(registry, *, is_fresh_first=False):
    """Compute the days of some people, in a transaction of its own.

    Somebody whose days can't be computed stops nobody else: then each one is computed
    apart, and who fails is left alone for a while.

    :param bool is_fresh_first: what has just come in before what is of long ago
    :return: how many people
    """
    name = SppAttendanceDayQueue._name
    try:
        return run_in_transaction(
            registry, lambda env: env[name]._work(is_fresh_first=is_fresh_first)
        )
    except TRANSIENT:
        raise
    except Exception as error:
        if background.is_stopping():  # and closes all connections
            raise
        # An exception's text may hold the data.
        _logger.info(
            "Some days can't be computed together, and are one by one: %s",
            type(error).__name__,
        )
        people = run_in_transaction(registry, lambda env: env[name]._next_people())
    for person in people:
        try:
            run_in_transaction(registry, partial(_work_on, person=person))
        except TRANSIENT:
            continue
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one of them
            kind = type(error).__name__
            _logger.warning(
                "The days of subscriber %s can't be computed: %s", person, kind
            )
            run_in_transaction(registry, partial(_hold, person=person, error=kind))
    return len(people)


def _work_on(env, person):
    return env[SppAttendanceDayQueue._name]._work([person])


def _hold(env, person, error):
    env[SppAttendanceDayQueue._name]._hold(person, error)
