"""What days come to for payroll: the figures of a person, as SQL and as they are told.

Days, live or as they were when a period was closed, are turned into figures by the same
statement, so that a closed period and its present state can be compared. Nothing here
depends on how many people there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from odoo.sql_db import Cursor
from odoo.tools import SQL

from .engine.hours import to_hours
from .engine.statuses import NAMES

#: What is kept of each day when a period is closed: columns of ``spp_attendance_day``
#: with their types. What is nothing is left out of the JSON.
KEPT: Final = (
    ("date", "date"),
    ("status", "varchar"),
    ("status_code", "varchar"),
    ("leave_code", "varchar"),
    ("leave_hundredths", "int4"),
    ("expected_minutes", "int4"),
    ("working_minutes", "int4"),
    ("net_minutes", "int4"),
    ("overtime_minutes", "int4"),
    ("extra_overtime_minutes", "int4"),
    ("late_minutes", "int4"),
    ("snacks_eligible", "bool"),
    ("night_bill_eligible", "bool"),
)
#: What a person's days come to, each as an aggregate of the days ``d``.
FIGURES: Final = (
    *((f"{status}_days", f"count(*) FILTER (WHERE d.status = '{status}')")
      for status in NAMES),
    ("working_minutes", "sum(d.working_minutes)"),
    ("net_minutes", "sum(d.net_minutes)"),
    ("expected_minutes", "sum(d.expected_minutes)"),
    ("overtime_minutes", "sum(d.overtime_minutes)"),
    ("extra_overtime_minutes", "sum(d.extra_overtime_minutes)"),
    ("late_minutes", "sum(d.late_minutes)"),
    ("snacks_count", "count(*) FILTER (WHERE d.snacks_eligible)"),
    ("night_bill_count", "count(*) FILTER (WHERE d.night_bill_eligible)"),
    ("leave_hundredths", "sum(d.leave_hundredths)"),
)  # fmt: skip
NAMES_OF_FIGURES: Final = tuple(name for name, _aggregate in FIGURES)
#: A day somebody has to look at before people are paid by it, of the days ``d``.
DOUBTS: Final = SQL("(d.needs_review OR d.missing_in OR d.missing_out)")

#: Parts of the ids of rows that no table has: period, person, day. Browsers tell
#: integers apart up to 53 bits.
_DAY_BITS: Final = 15
_PERSON_BITS: Final = 24
_EPOCH: Final = date(2000, 1, 1)


def prepare(cr: Cursor) -> None:
    """To be called before the statements made here, in their transaction.

    PostgreSQL would compile their many sums to machine code first, which takes it ten
    times as long as to compute those of five thousand people.
    """
    cr.execute("SET LOCAL jit = off")


def row_id(period: str, person: str, day: str | None = None) -> SQL:
    """SQL of the id of what a person, or a day of theirs, has in a period.

    :param period: column of the period's id, such as ``m.period_id``
    :param person: column of the subscriber's id
    :param day: column of a date
    """
    number = SQL("0") if day is None else SQL("(%s - %s)", _column(day), _EPOCH)
    return SQL(
        "(((%s::int8 << %s) + %s) << %s) + %s",
        _column(period),
        _PERSON_BITS,
        _column(person),
        _DAY_BITS,
        number,
    )


def period_of(number: int) -> int:
    """The period's id in what :func:`row_id` makes."""
    return number >> (_PERSON_BITS + _DAY_BITS)


def _column(name: str) -> SQL:
    return SQL.identifier(*name.split("."))


def totals(days: SQL, keys: Sequence[str]) -> SQL:
    """SELECT of the figures of days, by keys: with ``leave``, hundredths by kind.

    :param days: SELECT of the keys, of :data:`KEPT`, and of ``is_open`` and
        ``is_doubtful``
    :param keys: names of columns, such as ``subscriber_id``
    """
    columns = SQL(", ").join(map(SQL.identifier, keys))
    aggregates = (
        *FIGURES,
        ("open_days", "count(*) FILTER (WHERE d.is_open)"),
        ("doubts", "count(*) FILTER (WHERE d.is_doubtful)"),
    )
    parts = SQL(", ").join(
        SQL("%s AS %s", SQL(aggregate), SQL.identifier(name))  # pylint: disable=sql-injection
        for name, aggregate in aggregates
    )
    sums = SQL(", ").join(
        SQL(
            "COALESCE(sum(%s), 0)::int4 AS %s",
            SQL.identifier(name),
            SQL.identifier(name),
        )
        for name, _aggregate in aggregates
    )
    return SQL(
        """
        SELECT %(keys)s, %(sums)s,
               COALESCE(jsonb_object_agg(leave_code, leave_hundredths)
                            FILTER (WHERE leave_code IS NOT NULL
                                      AND leave_hundredths > 0), '{}') AS leave
          FROM (SELECT %(keys)s, d.leave_code, %(parts)s
                  FROM (%(days)s) d
              GROUP BY %(keys)s, d.leave_code) of_kind
      GROUP BY %(keys)s
        """,
        keys=columns,
        sums=sums,
        parts=parts,
        days=days,
    )


def compared(rows: SQL, keys: Sequence[str]) -> SQL:
    """SELECT of figures that count, and what they are more by now, by keys.

    One pass over all rows: joining what is closed with what is live, PostgreSQL would
    not know how many people there are, and compare each with each.

    :param rows: SELECT of the keys, of ``part`` and of what :func:`totals` gives; a
        part is ``closed`` (as it was), ``now`` (the same days at this moment) or
        ``open`` (days that are not closed)
    :param keys: names of columns, such as ``subscriber_id``
    :return: SELECT of the keys, of :data:`NAMES_OF_FIGURES`, of each as
        ``<figure>_change``, and of leave, leave_changed, open_days, doubts, is_closed
    """
    counts = SQL("FILTER (WHERE r.part <> 'now')")
    columns = [
        *(SQL.identifier("r", key) for key in keys),
        *(
            SQL(
                "COALESCE(sum(%s) %s, 0)::int4 AS %s",
                SQL.identifier("r", name),
                counts,
                SQL.identifier(name),
            )
            for name in (*NAMES_OF_FIGURES, "open_days", "doubts")
        ),
        *(
            SQL(
                "COALESCE(sum(CASE r.part WHEN 'now' THEN %s WHEN 'closed' THEN -%s"
                " ELSE 0 END), 0)::int4 AS %s",
                SQL.identifier("r", name),
                SQL.identifier("r", name),
                SQL.identifier(f"{name}_change"),
            )
            for name in NAMES_OF_FIGURES
        ),
        SQL("bool_or(r.part = 'closed') AS is_closed"),
        *(
            SQL(
                "array_agg(r.leave) FILTER (WHERE r.leave <> '{}' AND r.part = %s)"
                " AS %s",
                part,
                SQL.identifier(f"{part}_leave"),
            )
            for part in ("closed", "now", "open")
        ),
    ]
    return SQL(
        """
        SELECT g.*,
               COALESCE(%(counting)s, '{}') AS leave,
               %(closed)s IS DISTINCT FROM %(now)s AS leave_changed
          FROM (SELECT %(columns)s FROM (%(rows)s) r GROUP BY %(keys)s) g
        """,
        columns=SQL(", ").join(columns),
        rows=rows,
        keys=SQL(", ").join(SQL.identifier("r", key) for key in keys),
        counting=_added(SQL("g.closed_leave || g.open_leave")),
        closed=_added(SQL("g.closed_leave")),
        now=_added(SQL("g.now_leave")),
    )


def _added(leaves: SQL) -> SQL:
    """SQL of one object of the sums of an array of objects; NULL without any."""
    return SQL(
        """
        CASE WHEN cardinality(%(leaves)s) = 1 THEN (%(leaves)s)[1]
             WHEN cardinality(%(leaves)s) > 1 THEN (
                  SELECT jsonb_object_agg(kind, hundredths)
                    FROM (SELECT e.key AS kind, sum(e.value::int4) AS hundredths
                            FROM unnest(%(leaves)s) AS o(leave),
                                 jsonb_each_text(o.leave) e
                        GROUP BY e.key) kinds)
        END
        """,
        leaves=leaves,
    )


def kept_columns(alias: str) -> SQL:
    """SQL of the columns :data:`KEPT` of a table of days."""
    return SQL(", ").join(SQL.identifier(alias, name) for name, _kind in KEPT)


def kept_json(alias: str, condition: SQL) -> SQL:
    """SELECT of some days as JSON: one array, without what is nothing.

    :param alias: of ``spp_attendance_day`` in ``condition``
    """
    columns = []
    for name, kind in KEPT:
        column = SQL.identifier(alias, name)
        if kind in ("int4", "bool"):
            column = SQL("NULLIF(%s, %s)", column, 0 if kind == "int4" else False)
        columns.append(SQL("%s AS %s", column, SQL.identifier(name)))
    return SQL(
        """
        SELECT jsonb_strip_nulls(json_agg(kept_day ORDER BY kept_day.date)::jsonb)
                   AS days
          FROM (SELECT %s FROM spp_attendance_day %s WHERE %s) kept_day
        """,
        SQL(", ").join(columns),
        SQL.identifier(alias),
        condition,
    )


def kept_days(json: SQL, alias: str) -> SQL:
    """FROM item of the days in what :func:`kept_json` made.

    A number that was left out is NULL there: as good as 0 for sums.
    """
    columns = SQL(", ").join(
        SQL("%s %s", SQL.identifier(name), SQL(kind))  # pylint: disable=sql-injection
        for name, kind in KEPT
    )
    return SQL("jsonb_to_recordset(%s) AS %s(%s)", json, SQL.identifier(alias), columns)


class Payee(NamedTuple):
    """What somebody's days come to.

    :param state: ``open`` when all of it is as it is now, ``closed`` when all of it is
        as it was closed, ``partly`` in between
    :param figures: of :data:`NAMES_OF_FIGURES`
    :param leave: hundredths of days by kind of leave
    :param changes: how much each figure would be more today, of what was closed; those
        that are not 0
    :param leave_changed: whether it would be other leave today
    """

    identifier: str
    name: str
    department: str | None
    location: str | None
    level: str | None
    state: str
    figures: dict[str, int]
    leave: dict[str, int]
    changes: dict[str, int]
    leave_changed: bool
    #: Ids, for who pages through them.
    subscriber_id: int
    period_id: int | None
    open_days: int
    doubts: int

    @property
    def present_days(self) -> int:
        return sum(
            self.figures[f"{status}_days"]
            for status in ("on_time", "considered", "late")
        )

    @property
    def differs(self) -> bool:
        return bool(self.changes) or self.leave_changed


class Column(NamedTuple):
    """A column of a payroll file."""

    name: str
    width: int
    kind: str  # text, count, hours or days

    def value(self, amount: Any) -> Any:
        """What stands in the file for what is kept: hours of minutes, and so on."""
        if self.kind == "hours":
            return to_hours(amount)
        if self.kind == "days":
            return amount / 100
        return amount


_COLUMNS: Final = (
    (Column("Employee_ID", 16, "text"), "identifier"),
    (Column("Name", 32, "text"), "name"),
    (Column("Department", 24, "text"), "department"),
    (Column("Location", 24, "text"), "location"),
    (Column("Level", 10, "text"), "level"),
    (Column("Days_Present", 13, "count"), "present_days"),
    *(
        (Column(f"Days_{name.code.replace('-', '_')}", 13, "count"), f"{status}_days")
        for status, name in NAMES.items()
    ),
    (Column("Working_Hours", 13, "hours"), "working_minutes"),
    (Column("Expected_Hours", 13, "hours"), "expected_minutes"),
    (Column("Overtime_Hours", 13, "hours"), "overtime_minutes"),
    (Column("Extra_Overtime_Hours", 13, "hours"), "extra_overtime_minutes"),
    (Column("Late_Hours", 13, "hours"), "late_minutes"),
    (Column("Snacks", 10, "count"), "snacks_count"),
    (Column("Night_Bills", 10, "count"), "night_bill_count"),
)


def sheet(payees: Sequence[Payee]) -> tuple[list[Column], list[list[Any]]]:
    """The columns and the rows of a payroll file; one column a kind of leave."""
    kinds = sorted({kind for payee in payees for kind in payee.leave})
    columns = [column for column, _name in _COLUMNS]
    columns += [Column(f"Leave_{kind}", 12, "days") for kind in kinds]
    columns += [Column("Undecided_Days", 12, "count"), Column("State", 10, "text")]
    rows = []
    for payee in payees:
        row = []
        for column, name in _COLUMNS:
            amount = payee.figures.get(name)
            row.append(
                column.value(amount)
                if amount is not None
                else (getattr(payee, name) or "")
            )
        row += [payee.leave.get(kind, 0) / 100 for kind in kinds]
        row += [payee.open_days, payee.state]
        rows.append(row)
    return columns, rows


def differences(payees: Sequence[Payee]) -> tuple[list[Column], list[list[Any]]]:
    """What changed after periods were closed: one row a person, figures as more."""
    changed = [payee for payee in payees if payee.differs]
    columns = [column for column, name in _COLUMNS if name != "present_days"]
    columns.append(Column("Leave_Changed", 13, "text"))
    rows = []
    for payee in changed:
        row: list[Any] = []
        for column, name in _COLUMNS:
            if name == "present_days":
                continue
            if name in payee.figures:
                row.append(column.value(payee.changes.get(name, 0)))
            else:
                row.append(getattr(payee, name) or "")
        row.append("yes" if payee.leave_changed else "")
        rows.append(row)
    return columns, rows
