"""Fixtures for plain pytest: no network, and a running Odoo for who asks for one."""

import itertools
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chromium import chromium
from kiosk_page import Kiosk
from odoo_session import Session
from playwright.sync_api import Browser, Playwright, sync_playwright

from _suite import toolchain
from _suite.database import Databases
from _suite.paths import state_dir
from _suite.serve import Connection, Server, answers
from _suite.testing.odoolog import KNOWN, Known, complaints, parse

numbers = itertools.count(1)


class Running:
    """A server of the test's own with all addons, no demo data, on a free port.

    `connection` says how to reach it. Its log must hold no warning and no error when it
    stops, but for those that a test says it provokes.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.connection: Connection = server.start()
        self.url = server.url
        self._expected: list[Known] = []

    def expect(self, logger: str, message: str) -> None:
        """Let log records pass that match both patterns in full."""
        self._expected.append(Known(logger, message, "a test provokes it"))

    def query(self, sql: str, **values: str) -> str:
        """Run SQL on the server's database; see `Databases.query`."""
        return self._databases().query(sql, self.server.database, **values)

    def answers(self) -> bool:
        """Whether requests are answered, as they are not while workers start."""
        return answers(self.server.port, "/web/health")

    @contextmanager
    def without_action(self, name: str) -> Iterator[None]:
        """Switch a scheduled action off meanwhile.

        :param name: its external id, without the addon's name
        """
        switch = (
            "UPDATE ir_cron SET active = :'active' FROM ir_model_data d"
            " WHERE d.model = 'ir.cron' AND d.name = :'name' AND ir_cron.id = d.res_id"
            " RETURNING ir_cron.id"
        )
        assert self.query(switch, name=name, active="false")
        try:
            yield
        finally:
            self.query(switch, name=name, active="true")

    def stop(self) -> None:
        """Stop, remove the database, and look into the log."""
        self.server.stop()
        with self.server.server.running():
            self._databases().drop(self.server.database)
        log = self.server.log.read_text(errors="replace")
        bad = complaints(parse(log), [*KNOWN, *self._expected])
        assert not bad, "\n".join(map(str, bad))

    def _databases(self) -> Databases:
        data = self.server.state / "data"
        return Databases(self.server.tools, self.server.server, data)


@pytest.fixture(scope="module")
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Running]]:
    """A function that starts a server, with options of `Server`, and stops it later.

    At the end of the file: all of them at once would take all of PostgreSQL's
    connections.
    """
    started: list[Running] = []
    # The one that tests have anyway; without their packages it would be another one.
    tools = toolchain.ensure(dev=True)

    def start(**options: object) -> Running:
        server = Server(
            state=Path(tmp_path_factory.mktemp("server")),
            database=f"spp_test_{os.getpid()}_{next(numbers)}",
            port=0,
            demo=False,
            volatile=True,
            cluster_state=state_dir(),
            tools=tools,
            **options,
        )
        started.append(Running(server))
        return started[-1]

    yield start
    failures = []
    for running in reversed(started):
        try:
            running.stop()
        except AssertionError as exc:
            failures.append(str(exc))
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Running]) -> Running:
    """One threaded server for the tests of a file."""
    return start_server()


@pytest.fixture(scope="module")
def admin(server: Running) -> Session:
    """The administrator of that server. Files with other clients say so themselves."""
    return Session(server.connection)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without anybody signed in."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What starts browsers with a profile of their own."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def make_kiosk(
    server: Running, admin: Session, request: pytest.FixtureRequest
) -> Callable[..., Kiosk]:
    """A function that sets up a kiosk at a place of its own, with these values."""

    def make(**vals: object) -> Kiosk:
        return Kiosk(server, admin, request.node.name[:60], **vals)

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that the rest runs quickly on its own."""
    for item in items:
        if "start_server" in getattr(item, "fixturenames", ()):
            item.add_marker("end_to_end")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches for anything outside of this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            host = str(address[0])
            if host not in ("localhost", "::1") and not host.startswith("127."):
                raise AssertionError(f"a test tried to connect to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
