from collections import Counter, defaultdict
from datetime import UTC, timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError
from odoo.tools import SQL

from ..scan_rules import (
    BY_ORDER,
    Sighting,
    Sightings,
    direction_of,
    type_of,
    types_of_day,
)

#: Scans made into records by one call of ``_ingest``.
MATCH_BATCH = 5000
#: Of advisory locks: of one person each, and of all people of a company.
_PERSON_LOCK_CLASS = 0x7370
_COMPANY_LOCK_CLASS = 0x7363
#: The database has room for so many thousands of locks; with more people than this all
#: of the company are locked by one.
_PERSON_LOCKS = 500


class Waiting(NamedTuple):
    """An unmatched scan whose person is known."""

    id: int
    person_id: int
    moment: object
    day: object
    local_time_raw: str
    scan_type: str
    scan_uid: str


class Settled(NamedTuple):
    """What became of one scan."""

    id: int
    subscriber_id: int
    state: str
    reason_code: str | None = None
    reason: str | None = None
    record_id: int | None = None
    duplicate_of_id: int | None = None


class Done(NamedTuple):
    """How many scans came to which state; ``fresh`` are those of this reading."""

    total: Counter
    fresh: Counter


class SppAttendanceScan(models.Model):
    """From scans to records: whose, which of them, and which way."""

    _inherit = "spp.attendance.scan"

    @api.model
    def _match(self, device, user_code=None, first_id=None):
        """Turn waiting scans whose person is known into records, in pages.

        As the terminal's service user, whoever calls: the record is the terminal's
        statement. The statements of a page don't grow with the page.

        :param device: one terminal
        :param str user_code: only this badge
        :param int first_id: scans from this id on are counted as fresh
        :return: :class:`Done`
        """
        # Who says whose a badge is need not see the terminals that know it.
        device_sudo = device.sudo()
        done = Done(Counter(), Counter())
        while waiting := self._find_waiting(device_sudo, user_code):
            settled = self._match_page(device_sudo, waiting)
            self._settle(settled)
            done.total.update(row.state for row in settled)
            done.fresh.update(
                row.state for row in settled if first_id and row.id >= first_id
            )
            if len(settled) == len(waiting) < MATCH_BATCH:
                break  # that was all of them
        return done

    @api.model
    def _match_page(self, device, waiting):
        """Record what is no repetition, and correct what earlier scans were taken for.

        :return: a :class:`Settled` of each scan but those that repeat one which was
            refused: these have to be looked at again
        """
        waiting.sort(key=lambda scan: (scan.moment, scan.id))
        self._take_turns(device, waiting)
        twins = self._find_twins(device, waiting)
        kept = [scan for scan in waiting if scan.id not in twins]
        types = self._types(device, kept)
        outcomes = self._ingest(device, kept, types)
        states = {"created": "matched", "duplicate": "duplicate"}
        settled = [
            Settled(
                scan.id,
                scan.person_id,
                states.get(outcome.status, "rejected"),
                None if outcome.status in states else "refused",
                outcome.reason,
                outcome.id,
            )
            for scan, outcome in zip(kept, outcomes, strict=True)
        ]
        refused = {row.id for row in settled if row.state != "matched"}
        settled += [
            Settled(
                scan.id,
                scan.person_id,
                "duplicate",
                "same_scan",
                duplicate_of_id=twins[scan.id],
            )
            for scan in waiting
            if scan.id in twins and twins[scan.id] not in refused
        ]
        if device.direction_policy in BY_ORDER:
            matched = {row.id for row in settled if row.state == "matched"}
            self._put_in_order(device, [scan for scan in kept if scan.id in matched])
        return settled

    # ---------------------------------------------------------------- whose

    @api.model
    def _find_waiting(self, device, user_code):
        """Unmatched scans with the person of their badge.

        Whose it was on that day, if it was ever assigned on this terminal or on all of
        them; the terminal's own assignment goes before that of all. Else the one whose
        identifier it is, else the one whose badge it is, else the one whose identifier
        it was before they were merged. A badge that was given back is nobody's until
        somebody says so, whoever may have such an identifier.
        """
        for name in ("device.user", "subscriber", "subscriber.alias"):
            self.env[f"spp.attendance.{name}"].flush_model()
        self.flush_model()
        # What came in this very transaction is in no statistics: a planner that takes
        # it for a few rows would go through all of them once a badge.
        # What is switched off costs so much by its reckoning that it would compile the
        # statement, for seconds.
        self.env.cr.execute("SET LOCAL enable_nestloop = off; SET LOCAL jit = off")
        self.env.cr.execute(
            SQL(
                """
                WITH code AS MATERIALIZED (
                    SELECT DISTINCT s.user_code AS name
                      FROM spp_attendance_scan s
                     WHERE s.device_id = %(device)s AND s.state = 'unmatched'
                       AND %(only)s),
                badge AS MATERIALIZED (
                    SELECT c.name,
                           EXISTS (
                               SELECT FROM spp_attendance_device_user u
                                WHERE u.company_id = %(company)s AND u.code = c.name
                                  AND COALESCE(u.device_id, %(device)s) = %(device)s
                           ) AS assigned,
                           COALESCE(
                               (SELECT p.id FROM spp_attendance_subscriber p
                                 WHERE p.company_id = %(company)s AND p.active
                                   AND p.person_identifier = c.name),
                               (SELECT p.id FROM spp_attendance_subscriber p
                                 WHERE p.company_id = %(company)s AND p.active
                                   AND p.badge = c.name AND p.badge <> ''),
                               (SELECT p.id FROM spp_attendance_subscriber_alias a
                                  JOIN spp_attendance_subscriber p
                                    ON p.id = a.subscriber_id AND p.active
                                 WHERE a.company_id = %(company)s
                                   AND a.person_identifier = c.name)) AS person_id
                      FROM code c)
                SELECT s.id, COALESCE(p.id, b.person_id), s.scan_time, s.local_date,
                       s.local_time_raw, s.scan_type, s.scan_uid
                  FROM (SELECT * FROM badge WHERE assigned OR person_id IS NOT NULL) b
                  JOIN spp_attendance_scan s
                    ON s.device_id = %(device)s AND s.state = 'unmatched'
                   AND s.user_code = b.name
             LEFT JOIN LATERAL (
                           SELECT u.subscriber_id
                             FROM spp_attendance_device_user u
                            WHERE b.assigned
                              AND u.company_id = %(company)s AND u.code = b.name
                              AND COALESCE(u.device_id, %(device)s) = %(device)s
                              AND daterange(u.valid_from, u.valid_to, '[]')
                                  @> s.local_date
                         ORDER BY u.device_id NULLS LAST
                            LIMIT 1) AS u ON TRUE
             LEFT JOIN spp_attendance_subscriber p
                    ON p.id = u.subscriber_id AND p.active
                 WHERE CASE WHEN b.assigned THEN p.id ELSE b.person_id END IS NOT NULL
              ORDER BY s.id
                 LIMIT %(limit)s
                   FOR UPDATE OF s
                """,
                device=device.id,
                company=device.company_id.id,
                only=(
                    SQL("s.user_code = %s", user_code)
                    if user_code is not None
                    else SQL("TRUE")
                ),
                limit=MATCH_BATCH,
            ),
            # Somebody else may be matching the same scans: run again, no error.
            log_exceptions=False,
        )
        rows = self.env.cr.fetchall()
        self.env.cr.execute("SET LOCAL enable_nestloop = on")
        return [Waiting(*row) for row in rows]

    # ------------------------------------------------------- which of them

    @api.model
    def _take_turns(self, device, waiting):
        """See what others make of scans of the same people at this moment.

        Two terminals may be stored at once, or a badge be assigned meanwhile: whoever
        comes later waits, and begins again if something was recorded that their
        transaction doesn't see.

        :raises ConcurrencyError: the transaction has to be run again
        """
        around = timedelta(seconds=device.company_id.sudo().attendance_scan_window)
        if device.direction_policy in BY_ORDER:
            around = timedelta(days=1)
        if not around:
            return
        people = sorted({scan.person_id for scan in waiting})
        company = (_COMPANY_LOCK_CLASS, device.company_id.id)
        if len(people) > _PERSON_LOCKS:
            self.env.cr.execute("SELECT pg_advisory_xact_lock(%s, %s)", company)
        else:
            self.env.cr.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", company)
            self.env.cr.execute(
                "SELECT pg_advisory_xact_lock(%s, person) FROM unnest(%s) AS person",
                (_PERSON_LOCK_CLASS, people),
            )
        # In a transaction that begins only now: this one sees what was there before.
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL(
                    """
                    SELECT DISTINCT near.id
                      FROM unnest(%s::int4[], %s::timestamp[]) AS w (person_id, moment),
                   LATERAL (SELECT r.id
                              FROM spp_attendance_record r
                             WHERE r.subscriber_id = w.person_id AND r.active
                               AND r.source = 'device'
                               AND r.date_time BETWEEN w.moment - %s AND w.moment + %s
                            OFFSET 0) AS near  -- one by one, by index
                    """,
                    [scan.person_id for scan in waiting],
                    [scan.moment for scan in waiting],
                    around,
                    around,
                )
            )
            recorded = [number for (number,) in cr.fetchall()]
        [(seen,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM spp_attendance_record WHERE id = ANY(%s)",
                recorded,
            )
        )
        if seen < len(recorded):
            raise ConcurrencyError("people were scanned elsewhere at this moment")

    @api.model
    def _find_twins(self, device, waiting):
        """Which scans only repeat another of the same person, and which one.

        Compared with accepted scans alone, of all terminals of the company and of this
        page, so that a chain of repetitions swallows no more than the window.

        :param waiting: in order of time
        :return: ``{id of a scan: id of the accepted one}``
        """
        # The service user need not see the company's settings.
        company_sudo = device.company_id.sudo()
        if (seconds := company_sudo.attendance_scan_window) <= 0:
            return {}
        window = timedelta(seconds=seconds)
        accepted = self._find_accepted(waiting, window)
        twins = {}
        for scan in waiting:
            direction = direction_of(device.direction_policy, scan.scan_type)
            twin = accepted[scan.person_id].find(scan.moment, direction, window)
            if twin:
                twins[scan.id] = twin.scan_id
            else:
                sighting = Sighting(scan.moment, direction, scan.id)
                accepted[scan.person_id].add(sighting)
        return twins

    @api.model
    def _find_accepted(self, waiting, window):
        """``{person: Sightings}`` of accepted scans around the moments of others.

        By way of their records: what was voided stands in nobody's way, and what was
        corrected counts as it is now.
        """
        self.env["spp.attendance.record"].flush_model()
        rows = self.env.execute_query(
            SQL(
                # OFFSET 0: one by one, by index. A planner that takes the few around a
                # moment for many would go through all scans there ever were.
                """
                SELECT DISTINCT w.person_id, near.date_time, near.direction, near.id
                  FROM unnest(%s::int4[], %s::timestamp[]) AS w (person_id, moment),
               LATERAL (SELECT r.date_time, r.direction, s.id
                          FROM spp_attendance_record r,
                       LATERAL (SELECT id FROM spp_attendance_scan
                                 WHERE record_id = r.id AND state = 'matched'
                                OFFSET 0) AS s
                         WHERE r.subscriber_id = w.person_id AND r.active
                           AND r.source = 'device'
                           AND r.date_time BETWEEN w.moment - %s AND w.moment + %s
                        OFFSET 0) AS near
                """,
                [scan.person_id for scan in waiting],
                [scan.moment for scan in waiting],
                window,
                window,
            )
        )
        accepted = defaultdict(Sightings)
        for person_id, moment, direction, scan_id in rows:
            accepted[person_id].add(Sighting(moment, direction, scan_id))
        return accepted

    # ------------------------------------------------------------ which way

    @api.model
    def _types(self, device, waiting):
        """The scan types of the records that scans become, as the terminal's policy
        says.

        :param waiting: in order of time
        :return: ``{id of a scan: scan type}``
        """
        policy = device.direction_policy
        if policy not in BY_ORDER:
            return {scan.id: type_of(policy, scan.scan_type) for scan in waiting}
        days = self._find_days(device, waiting)
        for scan in waiting:
            days[scan.person_id, scan.day].append((scan.moment, 1, scan.id, None))
        types = {}
        for rows in days.values():
            rows.sort(key=lambda row: row[:3])
            kinds = types_of_day(policy, len(rows))
            for (_moment, is_new, row_id, _type), kind in zip(rows, kinds, strict=True):
                if is_new:
                    types[row_id] = kind
        return types

    @api.model
    def _put_in_order(self, device, scans):
        """Correct the days on which people were at the terminal, scans in between
        having come: what was first or last may be so no longer.

        As the terminal's service user, with a history. The number of statements
        doesn't depend on that of the scans.
        """
        types = {}
        for rows in self._find_days(device, scans).values():
            rows.sort(key=lambda row: row[:3])
            kinds = types_of_day(device.direction_policy, len(rows))
            for (_moment, _new, record_id, known), kind in zip(
                rows, kinds, strict=True
            ):
                if known != kind:
                    types[record_id] = kind
        if types:
            self._records_of(device)._correct_scan_types(types)

    @api.model
    def _find_days(self, device, scans):
        """The terminal's valid records of the people and days of scans.

        :return: ``{(person, day): [(moment, 0, id of the record, scan type)]}``, in no
            order
        """
        days = {(scan.person_id, scan.day) for scan in scans}
        self.env["spp.attendance.record"].flush_model()
        rows = self.env.execute_query(
            SQL(
                # No place on earth is a day away from UTC; the index is by person and
                # instant. Without statistics that of days alone would be preferred.
                """
                SELECT d.person_id, d.day, r.date_time, r.id, r.scan_type
                  FROM unnest(%s::int4[], %s::date[]) AS d (person_id, day),
               LATERAL (SELECT date_time, id, scan_type
                          FROM spp_attendance_record
                         WHERE subscriber_id = d.person_id AND local_date + 0 = d.day
                           AND date_time BETWEEN d.day - 1 AND d.day + 2
                           AND active AND origin = %s
                        OFFSET 0) AS r
                """,
                [person_id for person_id, _day in days],
                [day for _person_id, day in days],
                self._origin_of(device),
            )
        )
        found = defaultdict(list)
        for person_id, day, moment, record_id, scan_type in rows:
            found[person_id, day].append((moment, 0, record_id, scan_type))
        return found

    # ------------------------------------------------------------ recording

    @api.model
    def _origin_of(self, device):
        return f"device/{device.id}"

    @api.model
    def _records_of(self, device):
        """The record model as the terminal's service user works with it."""
        return (
            self.env["spp.attendance.record"]
            .with_user(device.user_id)
            # Whoever assigns a badge may work for more companies than the terminal.
            .with_context(allowed_company_ids=device.company_id.ids)
        )

    @api.model
    def _ingest(self, device, waiting, types):
        """Record scans.

        :param dict types: the scan type of each record, by id of the scan
        :return: one outcome a scan
        """
        place = {
            "tz": device.tz,
            "location_id": device.location_id.id or None,
            "type_id": device.type_id.id or None,
            "register_id": device.register_id.id or None,
        }
        return self._records_of(device)._ingest(
            [
                {
                    **place,
                    "subscriber_id": scan.person_id,
                    "date_time": scan.moment.replace(tzinfo=UTC),
                    "local_time_raw": scan.local_time_raw,
                    "scan_type": types[scan.id],
                    "external_id": scan.scan_uid,
                }
                for scan in waiting
            ],
            source="device",
            origin=self._origin_of(device),
        )

    @api.model
    def _settle(self, rows):
        """Write down what became of scans.

        :param rows: :class:`Settled`
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_scan s
                   SET subscriber_id = r.subscriber_id, state = r.state,
                       reason_code = r.reason_code, reason = r.reason,
                       record_id = r.record_id, duplicate_of_id = r.duplicate_of_id,
                       write_uid = %s, write_date = %s
                  FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::varchar[],
                              %s::varchar[], %s::int[], %s::int[])
                           AS r (
                               id, subscriber_id, state, reason_code, reason,
                               record_id, duplicate_of_id)
                 WHERE s.id = r.id
                """,
                self.env.uid,
                fields.Datetime.now(),
                *map(list, zip(*rows, strict=True)),
            )
        )
        self.invalidate_model(flush=False)
