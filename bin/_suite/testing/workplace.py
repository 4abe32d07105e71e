"""Where a run of the tests happens: its folder, its environment, its processes."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..database import Databases
from ..paths import ROOT
from ..shell import SetupError
from ..toolchain import Toolchain

TERMINATION = 15
# The exit status of a program that took too long, as coreutils' `timeout` has it.
TOO_LONG = 124
# Answers of tools must not depend on who runs them, and pylint may not write outside.
CALM = {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "100"}


@dataclass(frozen=True)
class Execution:
    """How a program ended and all that it printed, stdout and stderr in one."""

    returncode: int
    output: str

    def tail(self, lines: int = 25) -> str:
        """The last lines of the output."""
        return "\n".join(self.output.strip().splitlines()[-lines:])


@dataclass(frozen=True)
class Workplace:
    """One run of the tests: `folder` is its own, its databases begin with `prefix`.

    No program of it may take longer than `limit` seconds.
    """

    tools: Toolchain
    databases: Databases
    folder: Path
    prefix: str
    limit: float
    _children: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def execute(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a program in the checkout; its output also lands in `<name>.log`.

        It gets a process group of its own, so that whatever it starts ends with it.
        """
        if self._stopped.is_set():
            raise SetupError("interrupted")
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env=self.databases.env() | CALM | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with self._lock:
                self._children.add(child)
            late = False
            try:
                child.wait(self.limit)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                _end(child)
                with self._lock:
                    self._children.discard(child)
            if late:
                out.write(f"\nended after {self.limit:g} s\n".encode())
        # Asked to end, some programs say that all is well.
        status = TOO_LONG if late else child.returncode
        return Execution(status, log.read_text(errors="replace"))

    def program(self, name: str) -> Path:
        """A program of the virtual environment."""
        return self.tools.python.parent / name

    def odoo(
        self, name: str, database: str, arguments: Iterable[str | Path]
    ) -> Execution:
        """Run Odoo's server on `database` to its end, on a port and folders of its own.

        No scheduled action runs beside the tests.
        """
        options = {
            "database": database,
            "http-port": free_port(),
            "gevent-port": free_port(),
            "max-cron-threads": 0,
            "screenshots": self.folder / "screenshots",
        }
        words = [f"--{option}={value}" for option, value in options.items()]
        words += ["--skip-auto-install", "--stop-after-init", *map(str, arguments)]
        return self.execute(name, [*self.tools.odoo_command(), *words])

    def clone(self, template: str, label: str) -> str:
        """A fresh database of this run, copied from `template`; returns its name."""
        name = self.database(label)
        self.databases.clone(template, name)
        return name

    def database(self, label: str) -> str:
        """Name of this run's database for `label`."""
        return f"{self.prefix}{label.replace('-', '_')}"

    def stop(self) -> None:
        """End every program that is still running, and start no more."""
        self._stopped.set()
        with self._lock:
            children = list(self._children)
        for child in children:
            _end(child)

    def clean(self) -> None:
        """Drop the databases of this run."""
        pattern = self.prefix.replace("_", r"\_") + "%"
        sql = "SELECT datname FROM pg_database WHERE datname LIKE :'pattern'"
        for name in self.databases.query(sql, pattern=pattern).splitlines():
            self.databases.drop(name)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Terminate the child's whole process group, kindly first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(TERMINATION)
            return


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
