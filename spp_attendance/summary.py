"""How many days people came: what other modules ask of attendance.

Used through ``spp.attendance.subscriber._attendance_summary``.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools import SQL

#: No zone is further from UTC, so an instant says enough of the local date to let the
#: index on a person's instants find the records.
_FURTHEST_ZONE = timedelta(hours=15)


class Summary(NamedTuple):
    """One person's days in a period.

    :ivar present_days: local dates with at least one record that says present
    :ivar absent_days: local dates with records, all of which say absent
    :ivar rate: present days / (present + absent days), from 0 to 1; ``None`` when there
        is no day to judge by
    """

    present_days: int
    absent_days: int
    rate: float | None


def summarize(
    subscribers: BaseModel,
    date_from: date,
    date_to: date,
    types: BaseModel | None,
    locations: BaseModel | None,
) -> dict[int, Summary]:
    """See ``spp.attendance.subscriber._attendance_summary``."""
    summaries = dict.fromkeys(subscribers.ids, Summary(0, 0, None))
    if not summaries:
        return summaries
    domain = (
        Domain("active", "=", True)
        & Domain("subscriber_id", "in", list(summaries))
        & Domain("local_date", ">=", date_from)
        & Domain("local_date", "<=", date_to)
        & Domain(
            "date_time", ">=", datetime.combine(date_from, time.min) - _FURTHEST_ZONE
        )
        & Domain(
            "date_time", "<=", datetime.combine(date_to, time.max) + _FURTHEST_ZONE
        )
    )
    if types:
        domain &= Domain("type_id", "in", types.ids)
    if locations:
        domain &= Domain("location_id", "child_of", locations.ids)
    env = subscribers.env
    # A query of the user's own, so that his record rules are in it.
    visible = env["spp.attendance.record"]._search(domain)
    if visible.is_empty():
        return summaries
    rows = env.execute_query(
        SQL(
            """
            SELECT subscriber_id,
                   count(DISTINCT local_date) FILTER (WHERE category = 'present'),
                   count(DISTINCT local_date)
              FROM (%s) AS visible
             GROUP BY subscriber_id
            """,
            visible.select(
                *(
                    SQL.identifier(visible.table, column)
                    for column in ("subscriber_id", "local_date", "category")
                )
            ),
        )
    )
    for subscriber_id, present, days in rows:
        summaries[subscriber_id] = Summary(present, days - present, present / days)
    return summaries
