"""A terminal that pushes holds more than it has sent: the server finds out and fetches
it, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from adms_terminal import AdmsTerminal
from odoo_session import Session
from test_adms_http import COMMAND, ZONE, Site

#: Yesterday at eight by the terminal's clock: a day that is over, and is compared.
YESTERDAY = datetime.combine(
    datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1), time(8)
)


@pytest.fixture(scope="module")
def site(start_server: Callable, server, admin: Session) -> Site:
    return Site(server, admin)


def scanned(terminal: AdmsTerminal, count: int, code: str) -> None:
    terminal.extend(
        (code, YESTERDAY + timedelta(minutes=number), "in") for number in range(count)
    )


def check(site: Site, terminal: AdmsTerminal) -> None:
    """Have the server look after a terminal that has been calling for an hour, and the
    terminal do what it is asked, until nothing more is asked."""
    site.server.query(
        "UPDATE spp_attendance_device"
        " SET called_since = now() AT TIME ZONE 'UTC' - interval '1 hour'"
        " WHERE serial = :'serial'",
        serial=terminal.serial,
    )
    [cron] = site.admin.call(
        "ir.model.data",
        "search_read",
        [("name", "=", "ir_cron_reconcile")],
        ["res_id"],
    )
    site.admin.call("ir.cron", "method_direct_trigger", [cron["res_id"]])
    assert terminal.poll() > 1
    while terminal.poll():
        pass


def test_what_was_not_sent_is_fetched(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    scanned(terminal, 20, "7731")
    assert terminal.sync() == 20
    # It takes these for sent, and they are not here.
    scanned(terminal, 5, "7732")
    terminal._acknowledged = 25
    check(site, terminal)
    assert site.stored(terminal) == sorted(terminal.held())
    device = site.device(terminal, "gap_count", "reconciled_at", "health")
    assert device["gap_count"] == 5
    assert device["reconciled_at"]
    assert device["health"] == "healthy"
    asked = site.admin.call(
        COMMAND,
        "search_read",
        [("device_id", "=", device["id"])],
        ["kind", "state", "counted", "held"],
    )
    assert {row["state"] for row in asked} == {"done"}
    assert [row["kind"] for row in asked].count("upload") == 1
    assert max(row["counted"] for row in asked) == 25
    assert max(row["held"] for row in asked) == 25


def test_what_does_not_come_is_not_taken_for_here(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    scanned(terminal, 3, "7731")
    terminal._acknowledged = 3
    terminal.fault = "refuse"  # it can neither count nor send again
    check(site, terminal)
    device = site.device(terminal, "gap_count", "reconciled_at")
    assert device["gap_count"] == 0
    assert not device["reconciled_at"]
