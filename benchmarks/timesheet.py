"""The month timesheet of a thousand people: asked for, painted, and a cell saved."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

from _suite.shell import step

from .measure import Figure
from .place import Place

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from odoo.api import Environment

FEW = 100
PEOPLE = 1_000
#: People whose days are computed at once.
CHUNK = 100
MONTH = "2026-05"
FIRST, LAST = f"{MONTH}-01", f"{MONTH}-31"
PASSWORD = "benchmark-timesheet"
LOGIN = "timesheet@example.org"
#: Milliseconds. Nobody waits for a second for what they have just asked for.
MAX_ASKED = 1_500
MAX_PAINT = 3_000
MAX_SAVE = 1_500
#: Statements that the month may take.
MAX_STATEMENTS = 4
#: Milliseconds that a browser waits at most.
PATIENCE = 120_000
#: Records of a month: in at about eight, out in the evening.
RECORDS = """
    INSERT INTO spp_attendance_record (
        subscriber_id, company_id, date_time, local_date, local_time, tz, category,
        scan_type, direction, source, active, create_date, write_date, create_uid,
        write_uid)
    SELECT s.id, s.company_id, d + t, (d + t)::date, (d + t)::time(0)::text, 'UTC',
           'present', k, k, 'api', TRUE, now(), now(), 1, 1
      FROM spp_attendance_subscriber s,
           generate_series(%(first)s::timestamp, %(last)s, '1 day') d,
           LATERAL (VALUES
               ('in', interval '465 minutes' + s.id %% 37 * interval '1 minute'),
               ('out', interval '17 hours' + s.id %% 97 * interval '2 minutes')
           ) AS readings(k, t)
     WHERE s.person_identifier LIKE 'SHEET-%%'
       AND (s.id * 7 + extract(day FROM d)::int * 13) %% 31 <> 0
"""


def run(place: Place) -> list[Figure]:
    """Measure in this process, then in Chromium as a manager."""
    counts = {}
    rates = {}
    for people in (FEW, PEOPLE):
        _fill(place, people)
        with place.environment() as env:
            counts[people], rates[people] = _ask(env, place.rounds)
    figures = [
        Figure(
            "timesheet",
            f"statements of a month of {PEOPLE:,} people, beside {FEW:,}",
            counts[PEOPLE],
            "statements",
            counts[FEW],
            max_value=min(counts[FEW], MAX_STATEMENTS),
        ),
        Figure(
            "timesheet",
            f"month of {PEOPLE:,} people, asked for and answered",
            median(rates[PEOPLE]),
            "ms",
            max_value=MAX_ASKED,
            details={"rounds": rates},
        ),
    ]
    with place.serving(0) as server:
        painted, saved, scrolled = _browse(server.url, place.rounds)
    return [
        *figures,
        Figure(
            "timesheet",
            f"{PEOPLE:,} people: first paint after a click",
            median(painted),
            "ms",
            max_value=MAX_PAINT,
            details={"rounds": painted},
        ),
        Figure(
            "timesheet",
            f"{PEOPLE:,} people: a cell saved and shown",
            median(saved),
            "ms",
            max_value=MAX_SAVE,
            details={"rounds": saved},
        ),
        Figure(
            "timesheet",
            f"{PEOPLE:,} people: from the first to the last row and painted",
            median(scrolled),
            "ms",
            details={"rounds": scrolled},
        ),
    ]


def _fill(place: Place, people: int) -> None:
    """Have so many people, of whom a month is computed, and a manager."""
    from datetime import date

    with step(f"a month of {people:,} people"):
        with place.environment() as env:
            model = env["spp.attendance.subscriber"]
            there = model.search_count([("person_identifier", "like", "SHEET-")])
            found = model.create(
                [
                    {
                        "person_identifier": f"SHEET-{number:04}",
                        "name": f"Person {number:04}",
                        "level_of_work": "worker" if number % 5 else "staff",
                        "work_from": FIRST,
                    }
                    for number in range(there, people)
                ]
            )
            env.flush_all()
            env.cr.execute("DELETE FROM spp_attendance_record")
            env.cr.execute(RECORDS, {"first": FIRST, "last": LAST})
            queue = env["spp.attendance.day.queue"]
            for at in range(0, len(found), CHUNK):
                queue._compute_now(
                    found[at : at + CHUNK].ids,
                    date.fromisoformat(FIRST),
                    date.fromisoformat(LAST),
                )
            users = env["res.users"]
            if not users.search_count([("login", "=", LOGIN)]):
                groups = env.ref("base.group_user")
                groups += env.ref("spp_attendance.spp_attendance_group_manager")
                users.create(
                    {
                        "name": "Manager",
                        "login": LOGIN,
                        "password": PASSWORD,
                        "group_ids": [(6, 0, groups.ids)],
                    }
                )
        place.databases.query("VACUUM ANALYZE", place.database)


def _ask(env: Environment, rounds: int) -> tuple[int, list[float]]:
    """Statements and milliseconds of a month, as the manager."""
    [user] = env["res.users"].search([("login", "=", LOGIN)])
    model = env["spp.attendance.timesheet"].with_user(user)
    taken = []
    for number in range(-1, rounds):
        env.invalidate_all()
        before, started = env.cr.sql_log_count, time.perf_counter()
        data = model.get_month(MONTH, {})
        if number >= 0:
            taken.append(1000 * (time.perf_counter() - started))
        statements = env.cr.sql_log_count - before
    days = sum(len(person[-1]) for person in data["people"])
    assert days == 31 * len(data["people"]), days
    return statements, taken


@contextmanager
def _page(url: str) -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(f"{url}/web/login?redirect=/odoo/attendance-timesheet")
        page.fill("input[name=login]", LOGIN)
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector(".o_spp_timesheet_bar")
        yield page
        browser.close()


def _timed(page: Page, act: Callable[[], None], selector: str) -> float:
    """Milliseconds from an act until something is in the page, and painted."""
    started = time.perf_counter()
    act()
    page.wait_for_selector(selector)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")
    return 1000 * (time.perf_counter() - started)


def _browse(url: str, rounds: int) -> tuple[list[float], list[float], list[float]]:
    painted, saved, scrolled = [], [], []
    with step("in a browser"), _page(url) as page:
        cell = "[data-person='SHEET-0000'] .o_spp_cell"
        for number in range(-1, rounds):
            empty = "2026-01" if number % 2 else "2026-02"
            _choose(page, empty)
            page.wait_for_selector(f".o_spp_sheet_nobody:has-text('{_name(empty)}')")
            milliseconds = _timed(page, lambda: _choose(page, MONTH), cell)
            last = f"[data-person='SHEET-{PEOPLE - 1:04}']"
            page.locator(".o_spp_sheet_scroll").focus()
            rest = _timed(page, lambda: page.keyboard.press("Control+End"), last)
            page.keyboard.press("Control+Home")
            page.wait_for_selector(cell)
            page.locator(cell).nth(3).click()
            page.keyboard.press("Enter")
            page.fill(".o_spp_day_dialog [name=check_in]", f"08:{20 + number:02}")
            page.fill(".o_spp_day_dialog [name=reason]", "Measured")
            wanted = f"{cell}[title*='08:{20 + number:02}']"
            save = _timed(page, lambda: page.keyboard.press("Enter"), wanted)
            if number >= 0:  # what is compiled and cached is, after the first turn
                painted.append(milliseconds)
                scrolled.append(rest)
                saved.append(save)
    return painted, saved, scrolled


def _choose(page: Page, month: str) -> None:
    page.locator(".o_spp_timesheet_month input").fill(month)


def _name(month: str) -> str:
    return {"2026-01": "January 2026", "2026-02": "February 2026"}[month]
