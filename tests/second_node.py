"""Another Odoo process of a running server: the same database, the same files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from processes import wait_until

from _suite.database import Databases
from _suite.paths import ROOT
from _suite.serve import HOST, answers, end, free_ports
from _suite.testing.odoolog import KNOWN, complaints, parse


class SecondNode:
    """A threaded one at a port of its own, that can be stopped and started again."""

    def __init__(self, running: Any) -> None:
        server = running.server
        (self.port,) = free_ports(1)
        self.url = f"http://{HOST}:{self.port}"
        self.log = Path(server.state) / f"node_{self.port}.log"
        options = ["-d", server.database, "--workers", "0"]
        options += ["--http-interface", HOST, "--http-port", str(self.port)]
        options += ["--logfile", str(self.log)]
        self._command = [*server.tools.odoo_command(), *options]
        files = server.state / "data"
        self._env = Databases(server.tools, server.server, files).env()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until requests are answered."""
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, **self._env},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: answers(self.port, "/web/health"), seconds=180)

    def stop(self) -> None:
        """End it in good order."""
        if self._process:
            end(self._process)
            self._process = None

    def check(self) -> None:
        """Its log must hold no warning and no error."""
        bad = complaints(parse(self.log.read_text(errors="replace")), KNOWN)
        assert not bad, "\n".join(map(str, bad))
