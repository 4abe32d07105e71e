"""Where a fault would lose marks, or leave a tablet with a page that doesn't work.

The clock of the pages is the tests' own where they have to wait for something.
"""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import qrcode
from kiosk_page import (
    ASKS,
    CODE,
    PHONE,
    SENDS_MARKS,
    TABLET,
    Kiosk,
    answer,
    go_on,
    mark,
    open_page,
    overflows,
    tablet,
    wait_until_kept,
    waiting,
)
from odoo_session import Session
from PIL import Image
from playwright.sync_api import Page, Playwright, Route, expect
from processes import wait_until

#: Whatever is written is not kept; what is there can be read and removed.
FULL_DISK = """(() => {
    for (const name of ["add", "put"]) {
        IDBObjectStore.prototype[name] = function () {
            this.transaction.abort();
        };
    }
})();"""
#: Seconds by which two clocks may differ when they were compared over a network.
SLACK = 10
BADGE = "BADGE-F00"

CAMERA = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
def admin(server) -> Session:
    session = Session(server.connection)
    people = [
        {"person_identifier": f"F-{n:02}", "name": f"Person No{n:02}"}
        for n in range(10)
    ]
    people[0]["badge"] = BADGE
    session.call("spp.attendance.subscriber", "create", people)
    return session


@pytest.fixture
def attended(admin: Session, make_kiosk) -> Kiosk:
    """A kiosk with an attendant, who expects F-03 and F-04."""
    kiosk = make_kiosk(mode="attendant", attendant_code_input=CODE)
    people = admin.call(
        "spp.attendance.subscriber",
        "search",
        [("person_identifier", "in", ["F-03", "F-04"])],
    )
    admin.call(
        "spp.attendance.subscriber", "write", people, {"location_id": kiosk.place}
    )
    return kiosk


def open_list(page: Page) -> None:
    page.get_by_label("Attendants' code").fill(CODE)
    page.get_by_role("button", name="Show the List").click()
    expect(page.locator(".person")).to_have_count(2)


def too_many(route: Route) -> None:
    """What a server says that wants to be left alone for a moment."""
    route.fulfill(status=429, headers={"Retry-After": "5"}, body="{}")


def shows(page: Page, count: int) -> None:
    expect(page.get_by_role("button", name=f"Waiting: {count}")).to_be_visible()


def stop_clock(page: Page) -> None:
    """Nothing passes from now on, so that nobody has to hurry."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 60)


def moment(record: dict) -> float:
    return datetime.fromisoformat(record["date_time"]).replace(tzinfo=UTC).timestamp()


# ------------------------------------------------------------------------ camera


def film(path: Path, text: str) -> Path:
    """A film of a badge that somebody holds into the picture after a while."""
    code = qrcode.make(text, box_size=8).convert("RGB")
    empty = Image.new("RGB", (640, 480), "#777777")
    held = empty.copy()
    held.paste(code, ((640 - code.width) // 2, (480 - code.height) // 2))
    with path.open("wb") as file:
        for frame in [empty] * 5 + [held] * 25:
            content = io.BytesIO()
            frame.save(content, "JPEG")
            file.write(content.getvalue())
    return path


def test_the_camera_reads_a_badge(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk(identification="both")
    badge = film(tmp_path / "badge.mjpeg", BADGE)
    options = {
        "args": (CAMERA, f"--use-file-for-fake-video-capture={badge}"),
        "permissions": ["camera"],
    }
    with tablet(playwright, tmp_path / "tablet", PHONE, **options) as context:
        page = open_page(context, kiosk.url)
        wait_until_kept(page)
        # What reads codes is kept too.
        context.set_offline(True)
        page.get_by_role("button", name="Use the Camera").click()
        expect(page.locator("#badge")).to_have_value(BADGE)
        expect(page.locator("#camera")).to_be_hidden()
        expect(page.locator("#message")).to_have_text("Now tap Present or Absent.")
        expect(page.locator("#present")).to_be_focused()
        context.set_offline(False)
        page.keyboard.press("Enter")
        answer(page, "noted", "Noted: present")
        assert page.evaluate("document.querySelector('video').srcObject") is None
    [record] = kiosk.records()
    assert record["person_identifier"] == "F-00"


def test_a_camera_that_sees_no_code_is_closed(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk(identification="badge")
    with tablet(
        playwright, tmp_path, PHONE, args=(CAMERA,), permissions=["camera"]
    ) as context:
        context.clock.install()
        page = open_page(context, kiosk.url)
        page.get_by_role("button", name="Use the Camera").click()
        expect(page.locator("#camera")).to_be_visible()
        assert not overflows(page)
        page.clock.fast_forward(61_000)
        expect(page.locator("#camera")).to_be_hidden()
        # Not wait_for_function(): the page's policy refuses what it evaluates.
        wait_until(lambda: page.evaluate("!document.querySelector('video').srcObject"))
        expect(page.locator("#message")).to_have_text("")


@pytest.mark.parametrize(
    ("args", "says"),
    [((CAMERA,), "may not use the camera"), ((), "can't be used")],
    ids=["denied", "none"],
)
def test_without_a_camera_the_page_says_what_to_do(
    playwright: Playwright, make_kiosk, tmp_path: Path, args: tuple, says: str
) -> None:
    kiosk = make_kiosk(identification="both")
    with tablet(playwright, tmp_path, PHONE, args=args) as context:
        page = open_page(context, kiosk.url)
        page.get_by_role("button", name="Use the Camera").click()
        expect(page.locator("#message")).to_contain_text(says)
        expect(page.locator("#badge")).to_be_focused()


# ------------------------------------------------------------------ new versions


def test_a_new_page_takes_over_between_two_people(
    playwright: Playwright, admin: Session, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    with tablet(playwright, tmp_path) as context:
        context.clock.install()
        page = open_page(context, kiosk.url)
        wait_until_kept(page)
        page.evaluate("window.isOld = true")
        context.route(SENDS_MARKS, too_many)
        mark(page, "F-01", "Person No01")
        answer(page, "kept", "Kept: present")
        go_on(page)
        admin.call(
            "spp.attendance.location", "write", [kiosk.place], {"name": "New Name"}
        )

        page.get_by_label("Your number").fill("F-0")
        with page.expect_response(SENDS_MARKS):
            page.clock.fast_forward(20_000)
        assert len(waiting(page)) == 1
        expect(page.get_by_label("Your number")).to_have_value("F-0")
        assert page.evaluate("window.isOld")

        page.get_by_label("Your number").fill("")
        page.clock.fast_forward(20_000)
        expect(page.locator("h1")).to_have_text("New Name")
        assert page.evaluate("window.isOld") is None
        shows(page, 1)
        wait_until_kept(page)
        context.unroute(SENDS_MARKS)
        page.clock.fast_forward(20_000)
        shows(page, 0)
    [record] = kiosk.records()
    assert record["person_identifier"] == "F-01"


# ------------------------------------------------------------------------- marks


def test_a_mark_that_cannot_be_read_holds_up_no_other(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    with tablet(playwright, tmp_path) as context:
        page = open_page(context, kiosk.url)
        context.set_offline(True)
        for number in range(5):
            mark(page, f"F-{number:02}", f"Person No{number:02}")
            answer(page, "kept", "Kept: present")
            go_on(page)
        page.evaluate(
            """(uuid) => new Promise((resolve) => {
                indexedDB.open("spp-attendance-kiosk").onsuccess = ({ target }) => {
                    const db = target.result;
                    const changes = db.transaction("marks", "readwrite");
                    const marks = changes.objectStore("marks");
                    marks.index("uuid").get(uuid).onsuccess = ({ target }) => {
                        const mark = { ...target.result, category: "late" };
                        marks.put(mark).onsuccess = () => resolve(db.close());
                    };
                };
            })""",
            waiting(page)[1]["uuid"],
        )
        context.set_offline(False)
        shows(page, 1)
        page.get_by_role("button", name="Waiting: 1").click()
        expect(page.locator("#waiting-list")).to_contain_text("Not accepted")
    found = [record["person_identifier"] for record in kiosk.records()]
    assert found == ["F-00", "F-02", "F-03", "F-04"]


def test_a_clock_that_is_set_changes_no_time(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    began = time.time()
    with tablet(playwright, tmp_path) as context:
        context.clock.install()
        page = open_page(context, kiosk.url)
        expect(page.locator("#network")).to_have_text("Connected")
        # Nor is the time asked for: a slow test takes longer than the page's rest.
        context.route(ASKS, too_many)
        mark(page, "F-01", "Person No01")
        answer(page, "kept", "Kept: present")
        go_on(page)
        page.clock.set_system_time(datetime.now() - timedelta(hours=5))
        mark(page, "F-02", "Person No02")
        answer(page, "kept", "Kept: present")
        go_on(page)
        first, second = waiting(page)
        assert abs(first["offset"]) < SLACK * 1000
        assert second["offset"] is None
        # That the server wanted to be left alone doesn't last for five hours now.
        context.unroute(ASKS)
        page.clock.fast_forward(20_000)
        shows(page, 0)
    for record in kiosk.records():
        # The second one is measured when it is sent, for which time was turned on.
        assert began - 20 - SLACK <= moment(record) <= time.time() + SLACK
    assert len(kiosk.records()) == 2


def test_taps_that_could_be_undone_are_sent_by_the_next_page(
    playwright: Playwright, attended: Kiosk, tmp_path: Path
) -> None:
    with tablet(playwright, tmp_path) as context:
        context.clock.install()
        page = open_page(context, attended.url)
        open_list(page)
        stop_clock(page)
        page.get_by_role("button", name="Present: Person No03").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        wait_until(lambda: waiting(page))
        page.reload()
        expect(page.locator("#marked")).to_have_text("1 of 2 marked")
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        page.clock.resume()
        page.clock.fast_forward(20_000)
        row = page.locator(".person", has_text="F-03")
        expect(row).to_have_attribute("data-state", "sent")
        assert len(attended.records()) == 1

        stop_clock(page)
        page.get_by_role("button", name="Absent: Person No04").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        wait_until(lambda: waiting(page))
    # The tab was closed; the next one is opened.
    with tablet(playwright, tmp_path) as context:
        open_page(context, attended.url)
        wait_until(lambda: len(attended.records()) == 2)
    found = {r["person_identifier"]: r["category"] for r in attended.records()}
    assert found == {"F-03": "present", "F-04": "absent"}


def test_a_list_is_dropped_at_the_end_of_the_day(
    playwright: Playwright, attended: Kiosk, tmp_path: Path
) -> None:
    with tablet(playwright, tmp_path) as context:
        context.clock.install()
        page = open_page(context, attended.url)
        open_list(page)
        context.set_offline(True)
        page.get_by_role("button", name="Present: Person No03").click()
        page.clock.fast_forward("24:00:00")
        expect(page.locator("#open-list")).to_be_visible()
        expect(page.locator(".person")).to_have_count(0)
        assert "No04" not in str(context.storage_state(indexed_db=True))
        # What was marked is another matter.
        shows(page, 1)


# ---------------------------------------------------------------------- two tabs


def test_two_tabs_tell_each_other_what_the_server_said(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    held: list[Route] = []
    with tablet(playwright, tmp_path) as context:
        page = open_page(context, kiosk.url)
        other = context.new_page()
        other.goto(kiosk.url)
        expect(other.locator("#network")).to_have_text("Connected")
        # This one's request is on its way for long, and the other one's is quick.
        page.route(SENDS_MARKS, lambda route: held.append(route))
        mark(page, "F-01", "Somebody Else")
        wait_until(lambda: waiting(page))
        other.evaluate("dispatchEvent(new Event('online'))")
        answer(page, "refused", "Not noted")
        shows(page, 0)
        assert held
        page.unroute(SENDS_MARKS)
        go_on(page)
        for tab, number in ((page, 2), (other, 3), (page, 4)):
            mark(tab, f"F-{number:02}", f"Person No{number:02}")
            answer(tab, "noted", "Noted: present")
            go_on(tab)
    found = [record["person_identifier"] for record in kiosk.records()]
    assert found == ["F-02", "F-03", "F-04"]
    assert kiosk.refusals() == ["name_mismatch"]


def test_another_tab_leaves_alone_what_can_be_undone(
    playwright: Playwright, attended: Kiosk, tmp_path: Path
) -> None:
    with tablet(playwright, tmp_path) as context:
        context.clock.install()
        page = open_page(context, attended.url)
        open_list(page)
        other = context.new_page()
        other.goto(attended.url)
        expect(other.locator("#marked")).to_have_text("0 of 2 marked")
        stop_clock(page)
        page.get_by_role("button", name="Present: Person No03").click()
        page.get_by_role("button", name="Absent: Person No04").click()
        wait_until(lambda: len(waiting(page)) == 2)
        with other.expect_response("**/api/hello"):
            other.evaluate(
                """() => {
                    dispatchEvent(new Event("offline"));
                    dispatchEvent(new Event("online"));
                }"""
            )
        assert len(waiting(other)) == 2
        row = page.locator(".person", has_text="F-04")
        row.get_by_role("button", name="Undo").click()
        expect(row.get_by_role("button", name="Absent")).to_be_visible()
        shows(page, 1)
        page.clock.resume()
        page.clock.fast_forward(20_000)
        shows(page, 0)
    [record] = attended.records()
    assert record["person_identifier"] == "F-03"


# ----------------------------------------------------------------------- storage


def test_a_full_disk_is_said(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    with tablet(playwright, tmp_path) as context:
        page = open_page(context, kiosk.url)
        wait_until_kept(page)
        context.set_offline(True)
        mark(page, "F-01", "Person No01")
        answer(page, "kept", "Kept: present")
        go_on(page)
        context.add_init_script(FULL_DISK)
        page.evaluate(FULL_DISK)
        mark(page, "F-02", "Person No02")
        expect(page.locator("#message")).to_contain_text("couldn't keep it")
        expect(page.get_by_label("Your number")).to_have_value("F-02")
        # What waits is sent nevertheless, also by a page that comes to a full disk.
        context.set_offline(False)
        page.reload()
        wait_until(lambda: kiosk.records())
        shows(page, 0)
    [record] = kiosk.records()
    assert record["person_identifier"] == "F-01"


def test_a_tap_outlives_the_list_that_it_was_made_on(
    playwright: Playwright, attended: Kiosk, tmp_path: Path
) -> None:
    with tablet(playwright, tmp_path) as context:
        page = open_page(context, attended.url)
        open_list(page)
        wait_until_kept(page)
        context.set_offline(True)
        # The tablet goes off between the two: the mark is kept, the list isn't.
        page.evaluate(
            """() => {
                const put = IDBObjectStore.prototype.put;
                IDBObjectStore.prototype.put = function (value) {
                    if (this.name === "lists") {
                        throw new DOMException("off", "AbortError");
                    }
                    return put.call(this, value);
                };
            }"""
        )
        tap = page.get_by_role("button", name="Absent: Person No03")
        tap.evaluate("(button) => { button.click(); button.click(); }")
        expect(page.locator("#marked")).to_have_text("1 of 2 marked")
        page.reload()
        expect(page.locator("#marked")).to_have_text("1 of 2 marked")
        [held] = waiting(page)
        context.set_offline(False)
        wait_until(lambda: attended.records())
        row = page.locator(".person", has_text="F-03")
        expect(row).to_have_attribute("data-state", "sent")
    [record] = attended.records()
    assert record["external_id"] == held["uuid"]
    assert record["category"] == "absent"


@pytest.mark.parametrize("name", ["indexedDB", "localStorage"])
def test_a_browser_that_keeps_nothing_is_said(
    playwright: Playwright, make_kiosk, tmp_path: Path, name: str
) -> None:
    kiosk = make_kiosk()
    with tablet(playwright, tmp_path, TABLET) as context:
        context.add_init_script(
            f"""Object.defineProperty(window, "{name}", {{
                get() {{ throw new DOMException("denied", "SecurityError"); }}
            }});"""
        )
        page = context.pages[0]
        page.goto(kiosk.url)
        if name == "indexedDB":
            expect(page.locator("#no-store")).to_be_visible()
            expect(page.locator("#work")).to_have_count(0)
        else:
            # Only the language and the contrast are forgotten, and the clock's error.
            expect(page.locator("#network")).to_have_text("Connected")
            mark(page, "F-01", "Person No01")
            answer(page, "noted", "Noted: present")


# -------------------------------------------------------------------------- looks


def test_a_phone_shows_the_marks_at_once(
    playwright: Playwright, admin: Session, make_kiosk, tmp_path: Path
) -> None:
    types = admin.call(
        "spp.attendance.type", "create", [{"name": "Harvest"}, {"name": "Clinic"}]
    )
    kiosk = make_kiosk(
        type_ids=[(6, 0, types)], identification="both", require_pin=True
    )
    with tablet(playwright, tmp_path, PHONE) as context:
        page = open_page(context, kiosk.url)
        for name in ("Present", "Absent"):
            button = page.get_by_role("button", name=name, exact=True)
            expect(button).to_be_in_viewport(ratio=1)
        # They hide nothing that somebody is to fill in.
        page.get_by_label("Harvest").check()
        for label in ("Your number", "Your name", "Your PIN"):
            field = page.get_by_label(label)
            field.focus()
            bottom = field.bounding_box()["y"] + field.bounding_box()["height"]
            assert bottom <= page.locator(".marks").bounding_box()["y"]
        assert not overflows(page)
