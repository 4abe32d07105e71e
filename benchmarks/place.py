"""Where a run measures: a new database with the addons, and Odoo in this process."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from _suite import postgres, toolchain
from _suite.database import DIGEST_KEY, Databases, addons_digest
from _suite.paths import ADDONS, ROOT, private_dir, state_dir
from _suite.serve import Server
from _suite.shell import run, step

from .measure import machine

if TYPE_CHECKING:
    from odoo.api import Environment


PREFIX = "spp_bench_"
#: Addons that only benchmarks install.
PROBES = Path(__file__).with_name("addons")


class Place:
    """A database without demo data that only this run uses.

    The database server is up already: `bin/bench` sees to it.

    :param rounds: how often each side of a comparison has its turn
    """

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self._state = private_dir(state_dir())
        tools = toolchain.ensure(dev=True)
        self._tools = dataclasses.replace(
            tools, extra_addons=(*tools.extra_addons, PROBES)
        )
        self.databases = Databases(
            self._tools, postgres.choose(self._state), self._state / "data"
        )
        self.database = f"{PREFIX}{os.getpid()}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Have the database, and Odoo loaded on it, inside the block."""
        self._sweep()
        template = self.databases.template(ADDONS)
        with step("cloning a database"):
            self.databases.clone(template, self.database)
        try:
            digest = addons_digest(ADDONS)
            self.databases.set_parameter(self.database, DIGEST_KEY, digest)
            with step("loading Odoo"):
                self._load_odoo()
            yield
        finally:
            self.databases.drop(self.database)

    def _sweep(self) -> None:
        """Remove what runs that were killed left behind."""
        for name in self.databases.query("SELECT datname FROM pg_database").split():
            pid = name.removeprefix(PREFIX).partition("_")[0]
            if name.startswith(PREFIX) and not Path("/proc", pid).exists():
                self.databases.drop(name)

    def _load_odoo(self) -> None:
        # Odoo takes its settings from the environment at the first import.
        os.environ.update(self.databases.env())
        from odoo.modules.registry import Registry
        from odoo.tools import config

        log = self._state / "bench.log"
        config.parse_config(
            ["-d", self.database, "--no-http", "--logfile", str(log)],
            setup_logging=True,
        )
        self.registry = Registry(self.database)

    def install_probe(self) -> None:
        """Add routes that do next to nothing; servers that start from now on have them.

        It has no models, so that Odoo in this process is as it was.
        """
        log = self._state / "bench.log"
        with step("installing the probe"):
            self.databases.install(
                self.database, ["spp_bench_probe"], demo=False, log=log
            )

    @contextlib.contextmanager
    def environment(
        self, uid: int | None = None, **context: Any
    ) -> Iterator[Environment]:
        """An environment in a transaction of its own, committed at the end.

        :param uid: default the superuser
        """
        from odoo.api import SUPERUSER_ID, Environment

        with self.registry.cursor() as cr:
            yield Environment(cr, uid or SUPERUSER_ID, context)

    @contextlib.contextmanager
    def connection(
        self, database: str | None = None
    ) -> Iterator[psycopg2.extensions.connection]:
        """A plain connection to a database, with nothing of Odoo in between.

        :param database: default the place's own
        """
        connection = psycopg2.connect(dbname=database or self.database)
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def serving(self, workers: int) -> Iterator[Server]:
        """A real server on the database, on a free port.

        :param workers: 0 is one threaded process, else prefork behind nginx
        """
        server = Server(
            state=private_dir(self._state / f"server-{workers}"),
            database=self.database,
            port=0,
            workers=workers,
            demo=False,
            cluster_state=self._state,
            tools=self._tools,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def facts(self) -> dict[str, Any]:
        """On what, with what and when the figures were measured."""
        import odoo.release

        def setting(name: str) -> str:
            return self.databases.query(f"SHOW {name}")

        git = ["git", "-C", ROOT]
        checkout = (ROOT / ".git").exists()
        return machine() | {
            "rounds": self.rounds,
            "postgres": setting("server_version"),
            "fsync": setting("fsync"),
            "synchronous_commit": setting("synchronous_commit"),
            "odoo": odoo.release.version,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": run([*git, "rev-parse", "HEAD"]).strip() if checkout else None,
            "changed_files": (
                run([*git, "status", "--porcelain"]).count("\n") if checkout else None
            ),
        }


def results_file() -> Path:
    """Where the figures of the last run are kept, beside the state of this one."""
    return state_dir().with_suffix(".json")
