"""In which order others saw rows appear: what a reader needs that may miss nothing.

Ids and write dates are given out before a commit, so a row with a lower one can appear
after a reader has gone on. ``feed_xid`` is the number of the transaction that made the
row; once it lies below the horizon, no row with that number or a lower one can appear
any more.
"""

from __future__ import annotations

from odoo.models import BaseModel
from odoo.tools import SQL, sql

COLUMN = "feed_xid"

#: One row: the horizon of this transaction's snapshot, and the number after all that
#: were given out when it was taken, both as text. The horizon is the oldest transaction
#: that was open then: ``pg_snapshot_xmin``, if there were no other databases. A cluster
#: numbers the transactions of all its databases in one, and a backup or a long report
#: in another one must not hold up this one's readers.
HORIZON = SQL(
    """
    SELECT COALESCE((
               SELECT min(xid::text::int8)::text
                 FROM pg_snapshot_xip(now.s) xid
                WHERE NOT EXISTS (
                      SELECT
                        FROM pg_locks held
                        JOIN pg_stat_activity holder ON holder.pid = held.pid
                       WHERE held.locktype = 'transactionid'
                         AND held.mode = 'ExclusiveLock'
                         AND held.granted
                         AND held.transactionid::text::int8
                             = (xid::text::int8 & 4294967295)
                         AND holder.datname <> current_database())
           ), pg_snapshot_xmax(now.s)::text),
           pg_snapshot_xmax(now.s)::text
      FROM (SELECT pg_current_snapshot() AS s) now
    """
)


def add_feed_column(model: BaseModel) -> None:
    """Give the table of a model the column and what a reader finds rows by.

    To be called from its ``init``. The column is none of the ORM's: nobody may set it,
    and a copy, an export or a form has no use for it. Rows that exist get the number of
    this transaction.
    """
    cr, table = model.env.cr, model._table
    if not sql.column_exists(cr, table, COLUMN):
        # No NOT NULL: Odoo takes it from columns that it doesn't know.
        cr.execute(
            SQL(
                "ALTER TABLE %s ADD COLUMN %s xid8 DEFAULT pg_current_xact_id()",
                SQL.identifier(table),
                SQL.identifier(COLUMN),
            )
        )
    columns = [COLUMN, "id"]
    if "company_id" in model._fields:
        columns.insert(0, "company_id")
    sql.create_index(cr, f"{table}_feed_idx", table, columns)
