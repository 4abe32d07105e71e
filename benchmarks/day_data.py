"""Punches of thousands of people over months, and what they come to by SQL alone."""

from __future__ import annotations

import psycopg2.extensions

#: People, by a fifth of the night shift and in equal parts in these zones.
PEOPLE = 5_000
ZONES = ("Africa/Nairobi", "Asia/Dhaka", "Europe/Berlin", "America/New_York")
#: Days, over which clocks in two of the zones are changed.
FIRST, LAST = "2026-02-01", "2026-05-08"

_PEOPLE = """
WITH contact AS (
    INSERT INTO res_partner (
        name, complete_name, company_id, active, type, create_date, write_date)
    SELECT 'Day Person ' || n, 'Day Person ' || n, %(company)s, TRUE, 'contact', now(),
           now()
      FROM generate_series(1, %(people)s) n
 RETURNING id)
INSERT INTO spp_attendance_subscriber (
    partner_id, company_id, person_identifier, uuid, active, create_date, write_date,
    level_of_work, work_from, location_id, department_id)
SELECT id, %(company)s, 'DAY-' || n, gen_random_uuid()::text, TRUE, %(first)s, now(),
       CASE n %% 7 WHEN 0 THEN 'staff' ELSE 'worker' END, %(first)s,
       (%(locations)s::int[])[1 + n %% %(zones)s],
       (%(departments)s::int[])[1 + (n %% 5 = 0)::int]
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM contact) AS numbered
"""

# Who works on a day comes near the start of the shift and goes some hours later; of the
# readings one of eight is there again within a minute.
_PUNCHES = """
WITH one AS (
    SELECT s.id, s.company_id, s.location_id, l.tz, d::date AS day,
           CASE WHEN s.department_id = (%(departments)s::int[])[2]
               THEN 22 * 60 ELSE 8 * 60 END AS starts
      FROM spp_attendance_subscriber s
      JOIN spp_attendance_location l ON l.id = s.location_id
      JOIN generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day')
        AS d
        ON random() < 0.983
     WHERE s.person_identifier LIKE 'DAY-%%'),
visit AS (
    SELECT one.*, day + interval '1 minute' * starts
                + interval '1 second' * floor(random() * 2400 - 1800) AS came,
           interval '1 second' * floor(28000 + random() * 18000) AS stayed
      FROM one),
reading AS (
    SELECT visit.*, kind, (CASE kind WHEN 'in' THEN came ELSE came + stayed END)
               + CASE copy WHEN 1 THEN interval '1 second' * floor(1 + random() * 50)
                 ELSE interval '0' END AS at
      FROM visit, (VALUES ('in'), ('out')) AS kinds(kind), generate_series(0, 1) AS copy
     WHERE copy = 0
        OR abs(hashint8(extract(epoch FROM came)::int8 * 7 + id + length(kind)) %% 1000)
           < 147)
INSERT INTO spp_attendance_record (
    subscriber_id, company_id, location_id, date_time, local_date, local_time, tz,
    category, scan_type, direction, source, active, create_date, write_date)
SELECT id, company_id, location_id, at AT TIME ZONE tz AT TIME ZONE 'UTC', at::date,
       to_char(at, 'HH24:MI:SS'), tz, 'present', kind, kind, 'machine', TRUE, now(),
       now()
  FROM reading
ORDER BY at
"""

#: The days of all people whom one statement finds, and writes as our own side does. It
#: knows what this data has, and no more: no night on which two windows overlap, no
#: reading without a direction, no leave, nothing that somebody has decided.
BASELINE = """
WITH shift AS (
    SELECT x.*, a.department_id,
           interval '1 hour' * x.start AS starts,
           interval '1 hour' * (x."end" + CASE WHEN x."end" <= x.start THEN 24 ELSE 0
               END) AS ends,
           interval '1 hour' * (x.overtime_start + CASE
               WHEN x.overtime_start < x.start THEN 24 ELSE 0 END) AS overtime_starts,
           interval '1 hour' * (x.extra_start + CASE
               WHEN x.extra_start < x.start THEN 24 ELSE 0 END) AS extra_starts,
           interval '1 hour' * (x.start - x.opens_before) AS opens,
           interval '1 hour' * (x."end" + x.closes_after + CASE
               WHEN x."end" <= x.start THEN 24 ELSE 0 END) AS closes,
           ARRAY(SELECT DISTINCT c.dayofweek::int + 1
                   FROM resource_calendar_attendance c
                  WHERE c.calendar_id = x.calendar_id) AS weekdays
      FROM spp_attendance_shift_assignment a
      JOIN spp_attendance_shift x ON x.id = a.shift_id
     WHERE a.company_id = %(company)s),
person AS MATERIALIZED (
    SELECT s.id, s.company_id, s.department_id, s.location_id, s.level_of_work, l.tz,
           COALESCE((SELECT x.id FROM shift x WHERE x.department_id = s.department_id),
                    (SELECT x.id FROM shift x WHERE x.department_id IS NULL)) AS shift
      FROM spp_attendance_subscriber s
      JOIN spp_attendance_location l ON l.id = s.location_id
     WHERE s.company_id = %(company)s AND s.level_of_work IS NOT NULL),
bound AS MATERIALIZED (
    SELECT zone.tz, x.id AS shift, d::date AS day,
           (d + x.starts) AT TIME ZONE zone.tz AT TIME ZONE 'UTC' AS starts,
           (d + x.ends) AT TIME ZONE zone.tz AT TIME ZONE 'UTC' AS ends,
           (d + x.overtime_starts) AT TIME ZONE zone.tz AT TIME ZONE 'UTC'
               AS overtime_starts,
           (d + x.extra_starts) AT TIME ZONE zone.tz AT TIME ZONE 'UTC' AS extra_starts,
           (d + x.opens) AT TIME ZONE zone.tz AT TIME ZONE 'UTC' AS opens,
           (d + x.closes) AT TIME ZONE zone.tz AT TIME ZONE 'UTC' AS closes,
           extract(isodow FROM d)::int = ANY(x.weekdays) AS works
      FROM (SELECT DISTINCT tz FROM person) AS zone, shift x,
           generate_series(%(first)s::timestamp - interval '1 day',
                           %(last)s::timestamp + interval '1 day',
                           interval '1 day') AS d),
span AS MATERIALIZED (
    SELECT tz, shift, day, starts, ends, overtime_starts, extra_starts, works,
           LEAST(opens, GREATEST(
               lag(closes) OVER near,
               lag(ends) OVER near + (starts - lag(ends) OVER near) / 2)) AS since,
           LEAST(lead(opens) OVER near, GREATEST(
               closes, ends + (lead(starts) OVER near - ends) / 2)) AS until
      FROM bound
    WINDOW near AS (PARTITION BY tz, shift ORDER BY day)),
punch AS (
    SELECT p.id AS person, date_trunc('minute', r.date_time) AS at, r.scan_type,
           (r.date_time AT TIME ZONE 'UTC' AT TIME ZONE p.tz - x.opens)::date AS day,
           r.date_time - lag(r.date_time) OVER (
               PARTITION BY r.subscriber_id, r.scan_type ORDER BY r.date_time)
               <= interval '1 second' * x.duplicate_seconds AS again
      FROM spp_attendance_record r
      JOIN person p ON p.id = r.subscriber_id
      JOIN shift x ON x.id = p.shift
     WHERE r.active AND r.date_time >= %(first)s::date - 2
       AND r.date_time < %(last)s::date + 4),
visit AS MATERIALIZED (
    SELECT person, day,
           min(at) FILTER (WHERE scan_type <> 'out') AS came,
           max(at) FILTER (WHERE scan_type <> 'in') AS went,
           count(*) FILTER (WHERE again IS NOT TRUE) AS count,
           count(*) FILTER (WHERE again) AS again
      FROM punch
  GROUP BY person, day),
timed AS (
    SELECT p.id, p.company_id, p.department_id, p.location_id, p.level_of_work,
           p.shift, s.day, p.tz, s.since, s.until, s.starts, s.ends, s.overtime_starts,
           s.extra_starts, s.works, v.came,
           CASE WHEN v.went > v.came THEN v.went END AS went,
           v.went AS last_out, COALESCE(v.count, 0) AS count,
           COALESCE(v.again, 0) AS again, x.late_grace, x.early_grace, x.break_minutes,
           x.break_after, x.snacks_from, x.night_bill_from, x.out_only,
           x.standard_hours, p.level_of_work = 'worker' AS earns
      FROM person p
      JOIN span s ON s.tz = p.tz AND s.shift = p.shift
                 AND s.day BETWEEN %(first)s AND %(last)s
      JOIN shift x ON x.id = p.shift
 LEFT JOIN visit v ON v.person = p.id AND v.day = s.day),
figure AS (
    SELECT timed.*,
           COALESCE(extract(epoch FROM went - came)::int / 60, 0) AS gross,
           CASE WHEN went - came > interval '1 minute' * break_after
               THEN break_minutes ELSE 0 END AS pause,
           CASE WHEN earns AND went IS NOT NULL
               THEN COALESCE(extract(epoch FROM GREATEST(
               LEAST(went, extra_starts) - GREATEST(came, overtime_starts),
               interval '0'))::int / 60, 0) ELSE 0 END AS overtime,
           CASE WHEN earns THEN COALESCE(extract(epoch FROM GREATEST(
               went - GREATEST(came, extra_starts), interval '0'))::int / 60, 0)
               ELSE 0 END AS extra,
           GREATEST(COALESCE(extract(epoch FROM came - starts)::int / 60, 0), 0)
               AS late,
           COALESCE(extract(epoch FROM ends - went)::int / 60, 0) AS early,
           CASE WHEN went IS NULL THEN 0 ELSE extract(
               epoch FROM LEAST(went, ends) - GREATEST(came, starts))::int / 60
               END AS regular
      FROM timed)
INSERT INTO spp_attendance_day AS d (
    create_uid, create_date, write_uid, write_date, subscriber_id, company_id,
    department_id, location_id, level_of_work, date, shift_id, tz, window_from,
    window_until, status, status_code, abbreviation, day_type, leave_hundredths,
    expected_minutes, is_closed, is_doubtful, outside_count, needs_review, differs,
    is_edited, first_check_in, last_check_out, gross_minutes, break_minutes,
    net_minutes, working_minutes, overtime_minutes, extra_overtime_minutes,
    late_minutes, early_exit_minutes, snacks_eligible, night_bill_eligible, scan_count,
    duplicate_count, missing_in, missing_out, is_auto_out, has_conflict)
SELECT 1, %(now)s, 1, %(now)s, id, company_id, department_id, location_id,
       level_of_work, day, shift, tz, since, until, status,
       CASE status WHEN 'on_time' THEN 'Present-OnTime'
                   WHEN 'considered' THEN 'Present-Considered'
                   WHEN 'late' THEN 'Present-Late' WHEN 'absent' THEN 'Absent'
                   ELSE 'Weekend' END,
       CASE status WHEN 'on_time' THEN 'P' WHEN 'considered' THEN 'PC'
                   WHEN 'late' THEN 'L' WHEN 'absent' THEN 'A' ELSE 'W' END,
       CASE WHEN works THEN 'working' ELSE 'weekend' END, 0,
       CASE WHEN works THEN standard_hours * 60 ELSE 0 END, TRUE, FALSE, 0,
       came IS NULL AND count > 0, FALSE, FALSE, came, went, gross, pause,
       gross - pause,
       CASE WHEN NOT works AND earns THEN 0 ELSE GREATEST(0, regular - pause) END,
       CASE WHEN works OR NOT earns THEN overtime
            ELSE GREATEST(0, gross - pause - extra) END,
       extra, CASE WHEN works THEN late ELSE 0 END,
       CASE WHEN works AND early > early_grace THEN early ELSE 0 END,
       earns AND extra >= snacks_from, earns AND extra >= night_bill_from, count, again,
       came IS NULL AND count > 0, came IS NOT NULL AND went IS NULL, FALSE, FALSE
  FROM (SELECT figure.*,
               CASE WHEN came IS NOT NULL AND (NOT works OR late = 0) THEN 'on_time'
                    WHEN late > 0 AND late <= late_grace THEN 'considered'
                    WHEN late > 0 THEN 'late'
                    WHEN count > 0 THEN out_only
                    WHEN works THEN 'absent' ELSE 'weekend' END AS status
          FROM figure) AS named
ORDER BY id, day
    ON CONFLICT (subscriber_id, date) DO UPDATE
   SET write_uid = 1, write_date = EXCLUDED.write_date, %(set)s
 WHERE (%(old)s) IS DISTINCT FROM (%(new)s)
"""


def fill(connection: psycopg2.extensions.connection, **names: object) -> None:
    """Add people and their punches; the same ones each time.

    :param names: ``company``, ``people``, ``locations`` one a zone, ``departments`` of
        the day and of the night, ``first`` and ``last`` day
    """
    with connection.cursor() as cr:
        cr.execute("SELECT setseed(0.26)")
        cr.execute(_PEOPLE, {**names, "zones": len(ZONES)})
        cr.execute(_PUNCHES, names)
    connection.commit()
