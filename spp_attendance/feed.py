"""In which order others saw rows appear: what a reader needs that may miss nothing.

Ids and write dates are given out before a commit, so a row with a lower one can appear
after a reader has gone on. ``feed_xid`` is the number of the transaction that made the
row; once it lies below ``pg_snapshot_xmin(pg_current_snapshot())``, no row with that
number or a lower one can appear any more.
"""

from __future__ import annotations

from odoo.models import BaseModel
from odoo.tools import SQL, sql

COLUMN = "feed_xid"


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
