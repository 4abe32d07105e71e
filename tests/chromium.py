"""A real browser, and people who work in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

#: Milliseconds. A hurry is nobody's here: the machine may be busy.
PATIENCE = 30_000
#: A server's first page compiles its assets, which takes as long as it takes.
FIRST_PAGE = 120_000
expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextmanager
def signed_in(
    browser: Browser,
    url: str,
    login: str,
    password: str,
    path: str,
    ready: str = ".o_action_manager .o_view_controller",
) -> Iterator[Page]:
    """Somebody's page of the server at `url`, having come to `path`.

    :param ready: selector of what shows that it has come
    :raises AssertionError: at the end, when a script of the page raised an error
    """
    errors: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(FIRST_PAGE)
    page.goto(f"{url}/web/login?redirect={path}")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_selector(ready)
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()
    assert not errors
