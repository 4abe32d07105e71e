"""People and records by the million, made in the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg2.extensions

from _suite.shell import step

#: Records in one statement, so that a table of millions shows its progress.
PIECE = 500_000


def register(connection: psycopg2.extensions.connection, people: int) -> None:
    """Add people of the first company, with identifiers GEN-0000001 and so on."""
    with connection.cursor() as cr:
        cr.execute(
            """
            WITH company AS (SELECT min(id) AS id FROM res_company),
            contact AS (
                INSERT INTO res_partner (
                    name, complete_name, company_id, active, type, create_date,
                    write_date)
                SELECT 'Generated Person ' || n, 'Generated Person ' || n,
                       company.id, TRUE, 'contact', now(), now()
                  FROM company, generate_series(1, %s) n
             RETURNING id, company_id)
            INSERT INTO spp_attendance_subscriber (
                partner_id, company_id, person_identifier, uuid, active, create_date,
                write_date)
            SELECT id, company_id,
                   'GEN-' || lpad((row_number() OVER (ORDER BY id))::text, 7, '0'),
                   gen_random_uuid()::text, TRUE, now(), now()
              FROM contact
            """,
            [people],
        )


@contextlib.contextmanager
def _bare(cr: psycopg2.extensions.cursor) -> Iterator[None]:
    """Have the table of records without indexes and foreign keys inside the block.

    To fill it so and to index it afterwards takes a fraction of the time.
    """
    cr.execute(
        """
        SELECT format('ALTER TABLE spp_attendance_record DROP CONSTRAINT %I', conname),
               format('ALTER TABLE spp_attendance_record ADD CONSTRAINT %I %s',
                      conname, pg_get_constraintdef(oid))
          FROM pg_constraint
         WHERE conrelid = 'spp_attendance_record'::regclass AND contype = 'f'
     UNION ALL
        SELECT format('DROP INDEX %s', i.indexrelid::regclass),
               pg_get_indexdef(i.indexrelid)
          FROM pg_index i
         WHERE i.indrelid = 'spp_attendance_record'::regclass
           AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
        """
    )
    parts = cr.fetchall()
    for drop, _restore in parts:
        cr.execute(drop)
    yield
    with step("indexing them"):
        cr.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for _drop, restore in parts:
            cr.execute(restore)


def generate(connection: psycopg2.extensions.connection, count: int) -> None:
    """Add records of the generated people, one every 37 seconds."""
    with connection.cursor() as cr, _bare(cr):
        for first in range(0, count, PIECE):
            last = min(count, first + PIECE)
            with step(f"records {first:,} to {last:,}"):
                cr.execute(
                    """
                    WITH people AS MATERIALIZED (
                        SELECT array_agg(id ORDER BY id) AS ids, min(company_id) AS c
                          FROM spp_attendance_subscriber
                         WHERE person_identifier LIKE 'GEN-%%')
                    INSERT INTO spp_attendance_record (
                        subscriber_id, company_id, date_time, local_date, local_time,
                        tz, category, scan_type, source, active, uniqueness_key,
                        create_date, write_date)
                    SELECT ids[1 + (n * 7919) %% cardinality(ids)], c, t,
                           (t + interval '3 hours')::date,
                           to_char(t + interval '3 hours', 'HH24:MI:SS'),
                           'Africa/Nairobi',
                           CASE WHEN n %% 10 = 0 THEN 'absent' ELSE 'present' END,
                           'none', 'import', TRUE, (t + interval '3 hours')::date || '|'
                           || to_char(t + interval '3 hours', 'HH24:MI:SS'), now(),
                           now()
                      FROM people, generate_series(%s::int8, %s::int8 - 1) n,
                           LATERAL (SELECT timestamp '2016-01-01'
                               + n * interval '37 seconds' AS t) at
                    """,
                    [first, last],
                )
