"""A kiosk of a running server, and tablets that show its page in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from chromium import PATIENCE
from noon import NOON
from odoo_session import Session
from playwright.sync_api import BrowserContext, Page, Playwright, expect
from processes import wait_until

PHONE = {"width": 360, "height": 740}
TABLET = {"width": 1024, "height": 768}
CODE = "open sesame"

#: All that the page asks of the server once it is open.
ASKS = "**/kiosk/attendance/api/*"
#: Sent again as it is: what a tablet does that has not heard the answer.
SENDS_MARKS = "**/kiosk/attendance/api/marks"


class Kiosk:
    """A kiosk with a place of its own, as an administrator has set it up."""

    def __init__(self, running: Any, admin: Session, name: str, **vals: Any) -> None:
        self.running = running
        self.admin = admin
        self.name = name
        [self.place] = admin.call(
            "spp.attendance.location", "create", [{"name": name, "tz": NOON}]
        )
        vals = {"name": name, "location_id": self.place, **vals}
        [self.id] = admin.call("spp.attendance.kiosk", "create", [vals])

    @property
    def token(self) -> str:
        return self.running.query(
            "SELECT token FROM spp_attendance_kiosk WHERE id = :id", id=str(self.id)
        )

    @property
    def url(self) -> str:
        return f"{self.running.url}/kiosk/attendance/{self.token}"

    def write(self, **vals: Any) -> None:
        self.admin.call("spp.attendance.kiosk", "write", [self.id], vals)

    def renew(self) -> None:
        """Make a new link, and end the old one."""
        [wizard] = self.admin.call(
            "spp.attendance.kiosk.renew",
            "create",
            [{"kiosk_id": self.id, "former": "end"}],
        )
        self.admin.call("spp.attendance.kiosk.renew", "action_renew", [wizard])

    def records(self) -> list[dict]:
        return self.admin.call(
            "spp.attendance.record",
            "search_read",
            [("kiosk_id", "=", self.id)],
            ["person_identifier", "category", "date_time", "external_id", "source"],
            order="date_time, id",
        )

    def refusals(self) -> list[str]:
        """Why marks were refused, in their order."""
        found = self.admin.call(
            "spp.attendance.kiosk.refusal",
            "search_read",
            [("kiosk_id", "=", self.id)],
            ["code"],
            order="id",
        )
        return [line["code"] for line in found]

    def call(self, name: str, body: dict, token: str | None = None) -> dict:
        """Ask what the page asks."""
        response = requests.post(
            f"{self.running.url}/kiosk/attendance/api/{name}",
            json=body,
            headers={"X-Kiosk-Token": token or self.token},
            timeout=60,
        )
        assert response.ok, response.text
        return response.json()


@contextmanager
def tablet(
    playwright: Playwright,
    profile: Path,
    viewport: dict = TABLET,
    args: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[BrowserContext]:
    """A browser that keeps what it has in a folder, as a tablet does.

    :param args: further arguments of the browser
    :raises AssertionError: at the end, when a script raised an error, or a page wanted
        something that its policy forbids
    """
    errors: list[str] = []
    context = playwright.chromium.launch_persistent_context(
        str(profile),
        executable_path=shutil.which("chromium"),
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            *args,
        ],
        viewport=viewport,
        **options,
    )

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )

    context.on("page", watch)
    for page in context.pages:
        watch(page)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()
    assert not errors


def open_page(context: BrowserContext, url: str) -> Page:
    """The kiosk's page, once it is at work."""
    page = context.pages[0]
    page.goto(url)
    page.wait_for_selector("body[data-state] #work:not([hidden])")
    return page


def answer(page: Page, kind: str, title: str) -> None:
    """Expect what the page says of a mark."""
    dialog = page.locator("#outcome")
    expect(dialog).to_be_visible()
    expect(dialog).to_have_attribute("data-kind", kind)
    expect(page.locator("#outcome-title")).to_have_text(title)
    expect(page.locator("#outcome-time")).to_have_text(re.compile(r"\d\d:\d\d"))
    assert not overflows(page)
    assert not small_targets(page)


def mark(page: Page, identifier: str, name: str, category: str = "Present") -> None:
    page.get_by_label("Your number").fill(identifier)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name=category, exact=True).click()


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Next Person").click()
    expect(page.locator("#outcome")).to_be_hidden()


def wait_until_kept(page: Page) -> None:
    """Wait until the page opens without a network."""
    wait_until(
        lambda: page.evaluate(
            """async () => {
                const cache = await caches.open("spp-attendance-kiosk");
                const isKept = await cache.match(location.pathname);
                return Boolean(navigator.serviceWorker.controller && isKept);
            }"""
        )
    )


def waiting(page: Page) -> list[dict]:
    """The marks that the browser holds, as they lie on its disk."""
    return page.evaluate(
        """() => new Promise((resolve) => {
            const opening = indexedDB.open("spp-attendance-kiosk");
            opening.onsuccess = () => {
                const marks = opening.result.transaction("marks").objectStore("marks");
                marks.getAll().onsuccess = ({ target }) => {
                    opening.result.close();
                    resolve(target.result);
                };
            };
        })"""
    )


def overflows(page: Page) -> list[str]:
    """What sticks out of the page sideways."""
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((element) => {
            const box = element.getBoundingClientRect();
            return box.width && (box.right > innerWidth + 1 || box.left < -1);
        }).map((element) => element.outerHTML.slice(0, 120))"""
    )


def small_targets(page: Page) -> list[str]:
    """What can be tapped and is smaller than a finger wants it."""
    return page.evaluate(
        """() => [...document.querySelectorAll(
            "button, input:not([type=radio]), label.choice, select"
        )].filter((element) => {
            const box = element.getBoundingClientRect();
            return box.width && (box.width < 64 || box.height < 64);
        }).map((element) => element.outerHTML.slice(0, 120))"""
    )
