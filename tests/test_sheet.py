"""The plain sheet over HTTP, and as a file that one of two servers keeps."""

from __future__ import annotations

import csv
import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openpyxl
import pytest
import requests
from odoo_session import Session
from processes import wait_until

from _suite import toolchain
from _suite.paths import state_dir
from _suite.serve import Server, answers

HEADER = b"Timestamp,Employee_ID,Name,Status\n"
NODE = "node-a"
OTHER_NODE = "node-b"
API = "/api/attendance/records"


class Programme:
    """A server that keeps the sheet of its company in a folder."""

    def __init__(self, running, folder: Path) -> None:
        self.running = running
        self.url = running.url
        self.folder = folder
        self.log_in()
        people = [{"person_identifier": f"S{n}", "name": f"P {n}"} for n in range(20)]
        people.append({"person_identifier": "=1+1", "name": '@SUM("A1",2)'})
        self.session.call("spp.attendance.subscriber", "create", people)
        [self.company] = self.session.call("res.company", "search", [])
        self.set_company(attendance_tz="Africa/Nairobi")
        self.path = folder / f"{running.server.database}-attendance-{self.company}.csv"
        self.sent = 0
        self.keep_at(NODE)

    def log_in(self) -> None:
        self.session = Session(self.running.connection)

    def set_company(self, **vals: object) -> None:
        self.session.call("res.company", "write", [self.company], vals)

    def record(self, count: int, person: str | None = None) -> list[dict]:
        """Post `count` records of different minutes; as people send them, in one."""
        first, self.sent = self.sent, self.sent + count
        items = [
            {
                "person_identifier": person or f"S{n % 20}",
                "date_time": f"2026-09-{1 + n // 1440:02}T{n // 60 % 24:02}"
                f":{n % 60:02}:00",
                "external_id": f"sheet/{n}",
            }
            for n in range(first, first + count)
        ]
        answer = self.session.http.post(
            self.url + API,
            json={"records": items},
            headers={"X-CSRF-Token": self.csrf()},
            timeout=60,
        )
        results = answer.json()["results"]
        assert {result["status"] for result in results} == {"created"}, results
        return results

    def csrf(self) -> str:
        page = self.session.http.get(f"{self.url}/odoo", timeout=60).text
        return page.partition('csrf_token: "')[2].partition('"')[0]

    def get(self, extension: str = "csv", **parameters: object) -> requests.Response:
        return self.session.http.get(
            f"{self.url}{API}.{extension}", params=parameters, timeout=60
        )

    def lines(self) -> list[bytes]:
        """Lines of the file, without the heading; none when there is no file."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        assert content.startswith(HEADER)
        return content.splitlines()[1:]

    def expect_file(self) -> None:
        """Wait for the file to hold just what the API tells."""
        told = sorted(self.get().content.splitlines()[1:])
        # A line that was cut short must not stand for the one that is still to come.
        wait_until(
            lambda: (
                self.path.exists()
                and self.path.read_bytes().endswith(b"\n")
                and len(self.lines()) == len(told)
            )
        )
        assert sorted(self.lines()) == told
        wait_until(lambda: self.state("file_bytes") == self.path.stat().st_size)

    def state(self, name: str) -> object:
        rows = self.session.call("spp.attendance.sheet", "search_read", [], [name])
        return rows[0][name]

    def keep_at(self, node: str) -> None:
        """Have that server keep the file; its scheduled action looks at once."""
        self.set_company(attendance_sheet_enabled=True, attendance_sheet_node=node)

    def restart(self) -> None:
        self.running.server.stop()
        self.running.connection = self.running.server.start()
        self.log_in()
        self.keep_at(NODE)


@pytest.fixture(scope="module", params=[0, 2], ids=["threaded", "prefork"])
def programme(start_server, tmp_path_factory, request) -> Iterator[Programme]:
    folder = tmp_path_factory.mktemp("sheets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPP_NODE", NODE)
        patch.setenv("SPP_SHEET_DIR", str(folder))
        running = start_server(workers=request.param)
        running.expect(r".*sheet_writer", r"The attendance sheet .* can't be written.*")
        yield Programme(running, folder)
        running.stop()


def test_csv_over_http(programme: Programme) -> None:
    programme.record(3)
    programme.record(1, person="=1+1")
    answer = programme.get()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows == [
        ["Timestamp", "Employee_ID", "Name", "Status"],
        ["2026-09-01T00:00:00+03:00", "S0", "P 0", "Present"],
        ["2026-09-01T00:01:00+03:00", "S1", "P 1", "Present"],
        ["2026-09-01T00:02:00+03:00", "S2", "P 2", "Present"],
        ["2026-09-01T00:03:00+03:00", "'=1+1", '\'@SUM("A1",2)', "Present"],
    ]
    assert programme.get(date_to="2026-08-31").content == HEADER
    only = programme.get(person_identifier="S1").text.splitlines()
    assert only == [HEADER.decode().strip(), "2026-09-01T00:01:00+03:00,S1,P 1,Present"]


def test_workbook_over_http(programme: Programme) -> None:
    programme.record(1, person="=1+1")
    answer = programme.get("xlsx", person_identifier="=1+1")
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    rows = list(book.active.iter_rows())
    assert [cell.value for cell in rows[0]] == HEADER.decode().strip().split(",")
    assert [cell.value for cell in rows[1][1:]] == ["=1+1", '@SUM("A1",2)', "Present"]
    assert rows[1][0].value.endswith("+03:00")
    assert {cell.data_type for cell in rows[1]} == {"s"}


def test_the_file_follows_what_is_recorded(programme: Programme) -> None:
    programme.record(2)
    programme.expect_file()
    before = programme.lines()
    programme.record(5)
    programme.expect_file()
    assert programme.lines()[: len(before)] == before


def test_many_at_once_are_all_there_once(programme: Programme) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(programme.record, [7] * 24))
    programme.expect_file()
    assert len(set(programme.lines())) == len(programme.lines())


def test_what_is_voided_leaves_the_file(programme: Programme) -> None:
    [made] = programme.record(1)
    programme.expect_file()
    assert b"S" in programme.lines()[-1]
    [wizard] = programme.session.call(
        "spp.attendance.record.void",
        "create",
        [{"record_ids": [made["id"]], "reason": "Somebody else"}],
    )
    line = programme.lines()[-1]
    programme.session.call("spp.attendance.record.void", "action_void", [wizard])
    wait_until(lambda: line not in programme.lines())
    programme.expect_file()


def test_a_folder_that_is_gone_is_told_and_made_up_for(programme: Programme) -> None:
    away = programme.folder.with_name("away")
    programme.folder.rename(away)
    programme.record(3)
    wait_until(lambda: programme.state("last_error"))
    assert "No such file" in programme.state("last_error")
    health = requests.get(f"{programme.url}/api/attendance/health", timeout=60).json()
    assert "attendance_sheets_failing" in health["failing"]
    programme.record(2)
    away.rename(programme.folder)
    programme.expect_file()
    assert not programme.state("last_error")
    log = programme.running.server.log.read_text()
    assert log.count("can't be written") == 1


def test_a_killed_server_leaves_nothing_out_or_twice(programme: Programme) -> None:
    for number in range(2):
        programme.record(200)
        pid = programme.running.server.pids[0]
        os.killpg(pid, signal.SIGKILL)
        with programme.path.open("ab") as file:
            file.write(b"2026-09-01T00:0")  # as far as it got
        programme.restart()
        programme.record(1 + number)
        programme.expect_file()


def test_another_server_keeps_it(
    programme: Programme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moves with the setting; the one server leaves the other's alone."""
    elsewhere = tmp_path / "sheets"
    elsewhere.mkdir()
    monkeypatch.setenv("SPP_NODE", OTHER_NODE)
    monkeypatch.setenv("SPP_SHEET_DIR", str(elsewhere))
    first = programme.running.server
    second = Server(
        state=tmp_path / "server",
        database=first.database,
        port=0,
        demo=False,
        volatile=True,
        cluster_state=state_dir(),
        tools=toolchain.ensure(dev=True),
    )
    connection = second.start()
    try:
        programme.running.connection.password = connection.password
        programme.log_in()
        left = programme.path.read_bytes()
        programme.keep_at(OTHER_NODE)
        moved = elsewhere / programme.path.name
        programme.record(4)
        programme.path, kept = moved, programme.path
        programme.expect_file()
        assert kept.read_bytes() == left
        programme.path = kept
        programme.keep_at(NODE)
        programme.record(2)
        programme.expect_file()
        assert len(moved.read_bytes()) < len(kept.read_bytes())
    finally:
        second.stop()
    assert answers(first.port, "/web/health")
