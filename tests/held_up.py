"""A server that is stopped in the middle of recording, for as long as a test wants."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import psycopg2


@contextlib.contextmanager
def held_up(running: Any, external_id: str) -> Iterator[None]:
    """Have whoever inserts a record wait that is there already.

    For the row is being deleted, and nobody knows yet whether it will be.

    :param running: a `conftest.Running`
    """
    server = running.server
    env = {**os.environ, **server.server.env()}
    connection = psycopg2.connect(
        dbname=server.database,
        host=env["PGHOST"],
        port=env["PGPORT"],
        user=env["PGUSER"],
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM spp_attendance_record WHERE external_id = %s", [external_id]
        )
        assert cursor.rowcount == 1
        yield
        connection.rollback()


def inserting(running: Any) -> set[int]:
    """Process ids of who waits to insert records, as PostgreSQL was told them."""
    names = running.query(
        "SELECT application_name FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        "   AND query ILIKE '%INSERT INTO spp_attendance_record%'"
    )
    return {int(name.split("-")[1]) for name in names.split()}
