"""Rows of the database as the objects of DIGIT's dialect, made by PostgreSQL.

So that a register with its attendees is never in memory here, and a thousand of them
are one statement. Each is an expression of type `json`; the rows are ``x``, that of the
person ``p``, of the register ``r``, of the company ``c``.
"""

from odoo.fields import Domain
from odoo.tools import SQL


def escaped(text):
    """A text of which LIKE takes no character for a pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def between(field, first, last):
    """Domain of instants, of which a comparison of Odoo's cuts off the milliseconds.

    :param first: naive UTC, or None
    :param last: the same
    """
    return Domain.custom(
        to_sql=lambda model, alias, query: SQL(
            "%s BETWEEN COALESCE(%s, '-infinity'::timestamp)"
            " AND COALESCE(%s, 'infinity'::timestamp)",
            SQL.identifier(alias, field),
            first,
            last,
        )
    )


def ms_sql(table, column):
    """Epoch milliseconds of an instant."""
    return SQL("(extract(epoch FROM %s) * 1000)::bigint", SQL.identifier(table, column))


def audit_sql(table):
    """``auditDetails`` of a row of an audited model."""
    return SQL(
        """json_build_object(
            'createdBy', %s, 'lastModifiedBy', %s,
            'createdTime', %s, 'lastModifiedTime', %s)""",
        SQL.identifier(table, "created_by"),
        SQL.identifier(table, "modified_by"),
        ms_sql(table, "create_date"),
        ms_sql(table, "write_date"),
    )


def staff_sql(more=None):
    """A ``StaffPermission``.

    :param SQL more: `jsonb`, what its ``additionalDetails`` hold as well
    """
    return SQL(
        """json_build_object(
            'id', x.uuid, 'tenantId', c.attendance_tenant_code, 'registerId', r.uuid,
            'userId', x.user_uuid, 'enrollmentDate', %(start)s,
            'denrollmentDate', %(end)s, 'staffType', x.staff_type,
            'auditDetails', %(audit)s, 'additionalDetails', %(details)s)""",
        start=ms_sql("x", "enrolled_at"),
        end=ms_sql("x", "unenrolled_at"),
        audit=audit_sql("x"),
        details=SQL(
            """CASE WHEN x.additional_details IS NULL
                      OR jsonb_typeof(x.additional_details) <> 'object'
                    THEN jsonb_build_object('staffName', COALESCE(x.name, 'NA'))
                    ELSE x.additional_details
               END || %s""",
            more or SQL("'{}'::jsonb"),
        ),
    )


def attendee_sql():
    """An ``IndividualEntry``: the last enrolment, and with it those before."""
    earlier = SQL(
        """(SELECT jsonb_build_object('enrolments', jsonb_agg(
                       jsonb_build_object('enrollmentDate', %s, 'denrollmentDate', %s)
                       ORDER BY i.start_at, i.id))
              FROM spp_attendance_register_interval i
             WHERE i.attendee_id = x.id AND i.start_at < x.enrolled_at
            HAVING COUNT(*) > 0)""",
        ms_sql("i", "start_at"),
        ms_sql("i", "end_at"),
    )
    return SQL(
        """json_build_object(
            'id', x.uuid, 'tenantId', c.attendance_tenant_code, 'registerId', r.uuid,
            'individualId', p.uuid, 'enrollmentDate', %(start)s,
            'denrollmentDate', %(end)s, 'tag', x.tag,
            'auditDetails', %(audit)s, 'additionalDetails', %(details)s)""",
        start=ms_sql("x", "enrolled_at"),
        end=ms_sql("x", "unenrolled_at"),
        audit=audit_sql("x"),
        # What was given and is no object has no room for more.
        details=SQL(
            """CASE WHEN jsonb_typeof(x.additional_details) <> 'object'
                    THEN x.additional_details
                    ELSE COALESCE(COALESCE(x.additional_details, '{}') || %s,
                                  x.additional_details)
               END""",
            earlier,
        ),
    )
