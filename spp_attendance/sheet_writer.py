"""Keep a company's plain sheet as a file: one writer, on one named server.

The writer is a thread with a connection of its own and nothing of the ORM. PostgreSQL
tells it of new rows (``NOTIFY``, sent by their own transaction); an advisory lock that
lives as long as the connection makes it the only one.

It goes by transactions, not by ids: a row may be committed after one with a higher id.
What has a ``feed_xid`` below the horizon (``feed``) can get no more company, so it is
appended, synced to the disk, and only then noted down as written. So whatever ends the
process, nothing is missing or there twice: what is in the file past the bytes that are
noted down is cut off, and written again.

A row that was written and is then corrected or voided makes the file untrue: it is
written anew beside itself and moved into place.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import psycopg2
from psycopg2.errors import SerializationFailure
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from odoo.sql_db import connection_info_for
from odoo.tools import SQL

from . import sheet
from .feed import HORIZON

_logger = logging.getLogger(__name__)

CHANNEL = "spp_attendance_sheet"
#: Advisory locks of writers are (this, id of the company).
LOCK_CLASS = 0x5EE7
#: Seconds until the writer looks without being told.
POLL = 10.0
#: The same while transactions are open that may hold rows.
POLL_OPEN = 0.5
#: Seconds until it is tried again to write to a disk that was full.
RETRY = 5.0
#: After the whole file was written, so many times as long as it took nothing but new
#: rows is written: one void after the other must not keep the disk busy.
REST = 10
#: Fields of a record that a line does not depend on.
NOT_IN_SHEET = (
    "description",
    "url",
    "type_id",
    "attachment_ids",
    "scan_type",
    "void_reason",
)


class State(NamedTuple):
    """What is noted down of a sheet; see ``spp.attendance.sheet``."""

    id: int
    horizon: str
    file_bytes: int
    row_count: int
    stale: bool
    here: bool
    last_error: str | None
    checked_lately: bool


class SheetWriter(threading.Thread):
    """Writes the sheet of one company until it is told not to.

    :param database: name of the database
    :param company_id: whose records these are
    """

    _running: dict[tuple[str, int], SheetWriter] = {}
    _starting = threading.Lock()

    def __init__(self, database: str, company_id: int) -> None:
        super().__init__(name=f"spp_attendance.sheet.{company_id}", daemon=True)
        self.database = database
        self.dbname = database  # for the log
        self.company_id = company_id
        self.node = sheet.node()
        self._rest_until = 0.0

    @classmethod
    def ensure(cls, database: str, company_id: int) -> None:
        """Have a writer in this process, unless there is one on this server."""
        with cls._starting:
            key = (database, company_id)
            running = cls._running.get(key)
            if running is None or not running.is_alive():
                cls._running[key] = cls(database, company_id)
                cls._running[key].start()

    def run(self) -> None:
        """Write what there is and what comes, until the sheet is kept elsewhere."""
        try:
            while self._write_until_trouble():
                time.sleep(RETRY)
        except psycopg2.Error as error:
            # The scheduled action has another go in a minute.
            _logger.info(
                "The writer of the attendance sheet of company %s ends: %s",
                self.company_id,
                type(error).__name__,
            )

    def _write_until_trouble(self) -> bool:
        """Write until the disk refuses; False when there is nothing to do here."""
        with self._connected() as connection:
            try:
                return self._write_on(connection)
            except OSError as error:
                problem = error.strerror or type(error).__name__
        # What was read of PostgreSQL's answer ends with the connection.
        with self._connected() as connection, connection.cursor() as cr:
            self._note_error(cr, problem)
            connection.commit()
        return True

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        _name, parameters = connection_info_for(self.database)
        connection = psycopg2.connect(**parameters)
        try:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
            yield connection
        finally:
            connection.close()

    def _write_on(self, connection: Connection) -> bool:
        with connection.cursor() as cr:
            cr.execute(
                "SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, self.company_id]
            )
            [(locked,)] = cr.fetchall()
            if not locked:
                return False
            _execute(cr, SQL("LISTEN %s", SQL.identifier(CHANNEL)))
            _renumber_after_restore(cr, self.company_id)
            connection.commit()
            while True:
                try:
                    wait = self.write_once(cr)
                    connection.commit()
                except SerializationFailure:
                    connection.rollback()
                    continue
                if wait is None:
                    return False
                _wait_for_news(connection, wait)

    # ------------------------------------------------------------- one turn

    def write_once(self, cr: Cursor) -> float | None:
        """Bring the file up to what is committed; the caller commits.

        :param cr: in a new transaction that sees one moment (REPEATABLE READ)
        :return: seconds after which to look again; None when the sheet is not kept, or
            not here
        :raises OSError: the file can't be written; it is as it was
        """
        state = self._read_state(cr)
        if state is None:
            return None
        path = self._path()
        usable = state.here and _size(path) >= state.file_bytes
        _execute(cr, HORIZON)
        [(horizon, after)] = cr.fetchall()
        # A transaction elsewhere that ended just now may make it look older again.
        horizon = max(horizon, state.horizon, key=int)
        stale = state.stale or self._is_changed(cr, state.horizon, horizon)
        wait = POLL if horizon == after else POLL_OPEN
        if (stale and not state.stale) or (not usable and not state.stale):
            # Before the file is replaced: should this end right after that, the bytes
            # that are noted down would be those of the file that was.
            self._update(cr, stale=True)
            return 0
        if stale and usable and (rest := self._rest_until - time.monotonic()) > 0:
            wait = min(wait, rest)
            stale = False
        if stale:
            started = time.monotonic()
            file_bytes, rows = self._rewrite(cr, path, horizon)
            self._rest_until = time.monotonic() + REST * (time.monotonic() - started)
            done = {"stale": False, "row_count": rows, "file_bytes": file_bytes}
        else:
            file_bytes, rows = self._append(cr, path, state, horizon)
            done = {"row_count": state.row_count + rows, "file_bytes": file_bytes}
        if rows or stale or state.last_error or not state.checked_lately:
            if rows or stale:
                done["last_written"] = SQL("now() AT TIME ZONE 'UTC'")
            self._update(
                cr,
                **done,
                horizon=horizon,
                written_node=self.node,
                last_error=None,
                last_error_date=None,
            )
        if state.last_error:
            _logger.info(
                "The attendance sheet of company %s is written again", self.company_id
            )
        return wait

    def _path(self) -> Path:
        folder = sheet.folder()
        if folder is None:
            raise OSError(0, "spp_sheet_dir is not set in the server's configuration")
        return folder / sheet.file_name(self.database, self.company_id)

    def _read_state(self, cr: Cursor) -> State | None:
        cr.execute(
            """
            SELECT id, horizon, file_bytes::int8, row_count::int8, stale,
                   written_node IS NOT DISTINCT FROM node, last_error,
                   COALESCE(last_checked, '-infinity')
                       > now() AT TIME ZONE 'UTC' - interval '1 minute'
              FROM spp_attendance_sheet
             WHERE company_id = %s AND enabled AND node = %s
            """,
            [self.company_id, self.node],
        )
        rows = cr.fetchall()
        return State(*rows[0]) if rows else None

    def _is_changed(self, cr: Cursor, since: str, until: str) -> bool:
        """Whether a row that was written is no longer as it was."""
        cr.execute(
            """
            SELECT EXISTS (
                SELECT
                  FROM spp_attendance_record_change c
                  JOIN spp_attendance_record r ON r.id = c.record_id
                 WHERE c.feed_xid >= %(since)s::xid8 AND c.feed_xid < %(until)s::xid8
                   AND COALESCE(c.field, '') <> ALL(%(other)s)
                   AND r.company_id = %(company)s AND r.feed_xid < %(since)s::xid8)
            """,
            {
                "since": since,
                "until": until,
                "other": list(NOT_IN_SHEET),
                "company": self.company_id,
            },
        )
        [(changed,)] = cr.fetchall()
        return changed

    def _update(self, cr: Cursor, **vals: Any) -> None:
        vals["last_checked"] = SQL("now() AT TIME ZONE 'UTC'")
        statement = SQL(
            "UPDATE spp_attendance_sheet SET %s WHERE company_id = %s",
            SQL(", ").join(
                SQL("%s = %s", SQL.identifier(name), value)
                for name, value in vals.items()
            ),
            self.company_id,
        )
        _execute(cr, statement)

    def _note_error(self, cr: Cursor, problem: str) -> None:
        """Note down why it can't be written; say it in the log when it is news."""
        cr.execute(
            """
            UPDATE spp_attendance_sheet
               SET last_error = %(problem)s,
                   last_error_date = now() AT TIME ZONE 'UTC'
             WHERE company_id = %(company)s
               AND last_error IS DISTINCT FROM %(problem)s
            """,
            {"problem": problem, "company": self.company_id},
        )
        if cr.rowcount:
            _logger.warning(
                "The attendance sheet of company %s can't be written: %s",
                self.company_id,
                problem,
            )
        cr.execute(
            "UPDATE spp_attendance_sheet SET last_checked = now() AT TIME ZONE 'UTC'"
            " WHERE company_id = %s",
            [self.company_id],
        )

    # ------------------------------------------------------------ the file

    def _append(
        self, cr: Cursor, path: Path, state: State, horizon: str
    ) -> tuple[int, int]:
        """Add the rows between two horizons; return the file's bytes, and the rows."""
        if not self._has_rows(cr, state.horizon, horizon):
            return state.file_bytes, 0
        with path.open("r+b") as file:
            # Half a line, of which nothing is noted down, of a writer that was killed.
            file.truncate(state.file_bytes)
            file.seek(state.file_bytes)
            try:
                rows = self._copy(cr, file, state.horizon, horizon)
                _sync(file)
            except OSError:
                # Room for others, on a disk that is full.
                with contextlib.suppress(OSError):
                    os.truncate(path, state.file_bytes)
                raise
            return file.tell(), rows

    def _rewrite(self, cr: Cursor, path: Path, horizon: str) -> tuple[int, int]:
        """Replace the file by all rows; return its bytes, and the rows."""
        beside = path.with_name(f".{path.name}.new")
        try:
            with beside.open("wb") as file:
                os.fchmod(file.fileno(), 0o640)  # names of people, not for everybody
                file.write(sheet.HEADER)
                rows = self._copy(cr, file, "0", horizon)
                _sync(file)
                size = file.tell()
            beside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return size, rows

    def _rows(self, since: str, until: str) -> SQL:
        """The rows of transactions between two numbers, in their order, as SQL."""
        return SQL(
            """
             FROM spp_attendance_record r
             JOIN spp_attendance_subscriber s ON s.id = r.subscriber_id
             JOIN res_partner p ON p.id = s.partner_id
            WHERE r.company_id = %s AND r.active
              AND r.feed_xid >= %s::xid8 AND r.feed_xid < %s::xid8
            """,
            self.company_id,
            since,
            until,
        )

    def _has_rows(self, cr: Cursor, since: str, until: str) -> bool:
        statement = SQL("SELECT EXISTS (SELECT %s)", self._rows(since, until))
        _execute(cr, statement)
        [(found,)] = cr.fetchall()
        return found

    def _copy(self, cr: Cursor, file: IO[bytes], since: str, until: str) -> int:
        statement = sheet.copy_csv(
            SQL(
                "SELECT %s %s ORDER BY r.feed_xid, r.id",
                SQL(", ").join(sheet.csv_columns("r", "s", "p")),
                self._rows(since, until),
            )
        )
        cr.copy_expert(cr.mogrify(statement.code, statement.params), file)
        return cr.rowcount


def _execute(cr: Cursor, statement: SQL) -> None:
    """Run what Odoo's own cursors take as it is."""
    cr.execute(statement.code, statement.params)  # pylint: disable=sql-injection


def _renumber_after_restore(cr: Cursor, company_id: int) -> None:
    """Make sense of transaction numbers that come from another database cluster.

    A backup that is restored into a younger cluster has numbers that this one has yet
    to give out: such rows would seem to be still open.
    """
    cr.execute(
        """
        UPDATE spp_attendance_record
           SET feed_xid = pg_current_xact_id()
         WHERE company_id = %s
           AND feed_xid >= pg_snapshot_xmax(pg_current_snapshot())
        """,
        [company_id],
    )
    cr.execute(
        """
        UPDATE spp_attendance_sheet
           SET stale = TRUE, horizon = '0'
         WHERE company_id = %s
           AND horizon::xid8 > pg_snapshot_xmax(pg_current_snapshot())
        """,
        [company_id],
    )


def _wait_for_news(connection: Connection, seconds: float) -> None:
    """Return when rows came in, or after some time."""
    connection.poll()
    if not connection.notifies:
        select.select([connection], [], [], seconds)
        connection.poll()
    connection.notifies.clear()


def _size(path: Path) -> int:
    """Bytes of a file, -1 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have a file's new name on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
