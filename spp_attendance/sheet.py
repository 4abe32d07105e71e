"""The plain sheet: one line a record, in four columns that any program can read.

What a line is, for the API, for the backend and for the file on the server alike. All
of it is SQL, so that PostgreSQL writes the lines and none of them passes through here.
"""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from odoo.tools import SQL, config

COLUMNS = ("Timestamp", "Employee_ID", "Name", "Status")
HEADER = ",".join(COLUMNS).encode() + b"\n"
#: A sheet of Excel has no more, its heading included.
MAX_XLSX_ROWS = 2**20

#: A spreadsheet takes a cell that begins so for a formula, quoted or not: + - = @ and
#: their wide forms, after spaces, too; and what may end a cell before them. As classes
#: of a pattern.
_SIGNS = r"=+@\-\uFF0B\uFF0D\uFF1D\uFF20"
_CELL_ENDS = r";\t\n\r"
_FORMULA = rf"(^(?=[\t\n\r])|(?:^|[{_CELL_ENDS}])\s*(?=[{_SIGNS}]))"


def columns(record: str, person: str, contact: str) -> tuple[SQL, SQL, SQL, SQL]:
    """SQL of `COLUMNS`, as texts.

    The time is ISO 8601, local with its offset. The offset is what the local time is
    ahead of the instant: PostgreSQL's own zones may not know all of Odoo's.

    :param record: alias of ``spp_attendance_record``
    :param person: alias of its ``spp_attendance_subscriber``
    :param contact: alias of that one's ``res_partner``
    """
    timestamp = SQL(
        """
        %(r)s.local_date || 'T' || %(r)s.local_time || CASE
            WHEN %(local)s >= %(r)s.date_time
                THEN to_char(%(local)s - %(r)s.date_time, '"+"HH24:MI')
            ELSE to_char(%(r)s.date_time - %(local)s, '"-"HH24:MI')
        END
        """,
        r=SQL.identifier(record),
        local=SQL(
            "(%s + %s::time)",
            SQL.identifier(record, "local_date"),
            SQL.identifier(record, "local_time"),
        ),
    )
    status = SQL(
        "CASE %s WHEN 'present' THEN 'Present' ELSE 'Absent' END",
        SQL.identifier(record, "category"),
    )
    return (
        timestamp,
        SQL.identifier(person, "person_identifier"),
        SQL("COALESCE(%s, '')", SQL.identifier(contact, "name")),
        status,
    )


def csv_columns(record: str, person: str, contact: str) -> tuple[SQL, SQL, SQL, SQL]:
    """As `columns`, but no spreadsheet takes a cell of the CSV for a formula."""
    timestamp, identifier, name, status = columns(record, person, contact)
    return timestamp, plain(identifier), plain(name), status


def plain(text: SQL) -> SQL:
    """SQL of a text with an apostrophe before what would be a formula.

    Also within it: in half of the world a spreadsheet parts the cells of a CSV at
    semicolons, and then knows nothing of the quotes.
    """
    return SQL(
        """
        CASE WHEN %(text)s ~ %(suspicious)s
             THEN regexp_replace(%(text)s, %(formula)s, %(plain)s, 'g')
             ELSE %(text)s END
        """,
        text=text,
        # Told from all other texts in one go: it is asked of each of a million.
        suspicious=rf"^\s*[{_SIGNS}]|[{_CELL_ENDS}]",
        formula=_FORMULA,
        plain=r"\1'",
    )


def plain_text(text: str) -> str:
    """As `plain`, of a text at hand."""
    return re.sub(_FORMULA, r"\1'", text)


def copy_csv(select: SQL) -> SQL:
    """The statement that sends rows as CSV, in UTF-8 as the connection is."""
    return SQL("COPY (%s) TO STDOUT (FORMAT csv)", select)


def folder() -> Path | None:
    """Where this server keeps sheets; only who runs the server can say so.

    ``SPP_SHEET_DIR``, or ``spp_sheet_dir`` in odoo.conf. None: it keeps none.
    """
    value = os.environ.get("SPP_SHEET_DIR") or config.get("spp_sheet_dir")
    return Path(value) if value else None


def node() -> str:
    """By which name this server is known among those that share the database.

    ``SPP_NODE``, or ``spp_node`` in odoo.conf, or the name of the machine.
    """
    value = os.environ.get("SPP_NODE") or config.get("spp_node")
    return value or socket.gethostname()


def file_name(database: str, company_id: int) -> str:
    """Name of a company's sheet in `folder`; several databases may share one."""
    return f"{database}-attendance-{company_id}.csv"
