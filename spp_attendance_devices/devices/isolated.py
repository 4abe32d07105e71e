"""Have conversations with terminals in child processes, under a hard deadline.

A vendor library can spin for ever when a terminal hangs up in the middle, a server can
drip its answer byte by byte, and decoding a big log holds the interpreter lock. In a
process of its own none of it can hurt the worker: at the deadline the whole process
group is killed.

The request goes in on stdin, so nothing secret is ever on a command line. The answer
goes to a file without a name: of a log of any length only a line at a time is in
memory. An answer without its last line is not used at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from .adapter import (
    Acknowledged,
    BaseMachineAdapter,
    Cursor,
    DeviceConfig,
    DeviceInfo,
    Reading,
    ReadRequest,
    ScanData,
    UserData,
)
from .errors import DeviceProtocolError, DeviceTimeout, InternalFault, from_code

#: Bytes of an answer. 500,000 scans need less.
MAX_ANSWER = 256 * 1024 * 1024
#: Bytes from the end of what it complained of that are looked at.
_TAIL = 4096
_DECODE = json.JSONDecoder().decode
_LOCAL_TIME = ScanData._fields.index("local_time")
#: What a child needs of the environment; database passwords and the like stay here.
_KEEP_ENV = ("PATH", "LANG", "LC_ALL", "TZDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_PACKAGE_PARENT = Path(__file__).resolve().parent.parent


class SpooledScans:
    """Scans in a file, as :class:`~.adapter.Scans`; the file goes with the last
    reference to it."""

    def __init__(self, spool: BinaryIO, count: int) -> None:
        self._spool = spool
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ScanData]:
        self._spool.seek(0)
        for line in islice(self._spool, self._count):
            values = _DECODE(line.decode())
            if values[_LOCAL_TIME]:
                values[_LOCAL_TIME] = datetime.fromisoformat(values[_LOCAL_TIME])
            yield ScanData._make(values)


class Isolated:
    """The verbs of an adapter, each in a child process of its own."""

    def __init__(self, kind: type[BaseMachineAdapter], config: DeviceConfig) -> None:
        self._kind = kind
        self._config = config

    def test(self, now: datetime) -> DeviceInfo:
        return DeviceInfo(**self._call("test", {"now": now.isoformat()}))

    def read_scans(self, request: ReadRequest) -> Reading:
        words = {**dataclasses.asdict(request), "now": request.now.isoformat()}
        scans, end = self._converse("read_scans", words)
        end["info"] = DeviceInfo(**end["info"])
        if end["complete_until"]:
            end["complete_until"] = datetime.fromisoformat(end["complete_until"])
        return Reading(scans=scans, **end)

    def acknowledge(self, cursor: Cursor, now: datetime, clear: bool) -> Acknowledged:
        words = {"cursor": dict(cursor), "now": now.isoformat(), "clear": clear}
        return Acknowledged(**self._call("acknowledge", words))

    def read_users(self) -> list[UserData]:
        return [UserData._make(user) for user in self._call("read_users", {})]

    def set_clock(self, now: datetime) -> DeviceInfo:
        return DeviceInfo(**self._call("set_clock", {"now": now.isoformat()}))

    def set_push(self, address: str) -> DeviceInfo:
        return DeviceInfo(**self._call("set_push", {"address": address}))

    def probe(self) -> str | None:
        return self._call("probe", {})

    def _call(self, verb: str, words: dict[str, Any]) -> Any:
        _scans, end = self._converse(verb, words)
        return end

    def _converse(self, verb: str, words: dict[str, Any]) -> tuple[SpooledScans, Any]:
        request = {
            "module": self._kind.__module__.rpartition(".")[2],
            "class": self._kind.__name__,
            "verb": verb,
            "argument": words,
            "deadline": self._config.deadline,
            "sent": time.monotonic(),
            "config": dataclasses.asdict(self._config),
        }
        return run_child(request, self._config.deadline)


def run_child(request: dict[str, Any], deadline: float) -> tuple[SpooledScans, Any]:
    """Have a child answer, and return its scans and its end value.

    :param deadline: seconds after which the child is killed; none survives the call.
    :raises DeviceTimeout: at the deadline.
    :raises DeviceError: whatever the child reported.
    :raises DeviceProtocolError: when the child ended without an answer.
    :raises InternalFault: when this machine has no room for a child.
    """
    # Lives as long as the scans in it are wanted.
    spool = tempfile.TemporaryFile(prefix="terminal-")  # noqa: SIM115
    with tempfile.TemporaryFile(prefix="terminal-") as noise:
        status = _run(json.dumps(request).encode(), deadline, spool, noise)
        count, last = _last_line(spool)
        if "error" in last:
            raise from_code(last["error"]["code"], last["error"]["detail"])
        if "end" not in last:
            raise DeviceProtocolError(
                f"the reader ended with status {status}: {_last_words(noise)}"
            )
    return SpooledScans(spool, count), last["end"]


def _run(request: bytes, deadline: float, spool: BinaryIO, noise: BinaryIO) -> int:
    """Run the child to its end, or to the deadline; its status."""
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "devices.child"],
            stdin=subprocess.PIPE,
            stdout=spool,
            stderr=noise,
            env=_child_env(),
            # Python looks there first: never in whatever folder Odoo was started from.
            cwd=_PACKAGE_PARENT,
            start_new_session=True,
        )
    except OSError as error:
        raise InternalFault(type(error).__name__) from error
    with child:
        try:
            # It may be over by now.
            with contextlib.suppress(ProcessLookupError):
                limits = (MAX_ANSWER, MAX_ANSWER)
                resource.prlimit(child.pid, resource.RLIMIT_FSIZE, limits)
            child.communicate(request, deadline)
        except subprocess.TimeoutExpired:
            raise DeviceTimeout(f"stopped at the deadline of {deadline:g} s") from None
        finally:
            _kill(child)
    return child.returncode


def _last_words(noise: BinaryIO) -> str:
    """The last line of a traceback: its type and text, no values."""
    noise.seek(max(noise.seek(0, os.SEEK_END) - _TAIL, 0))
    lines = noise.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def _last_line(spool: BinaryIO) -> tuple[int, dict[str, Any]]:
    """How many lines come before the last, and the last, {} when it was cut short."""
    spool.seek(0)
    count, last = 0, b""
    for count, last in enumerate(spool):  # noqa: B007  the last of them is wanted
        pass
    if not (last.startswith(b"{") and last.endswith(b"\n")):
        return count, {}
    return count, json.loads(last)


def _child_env() -> dict[str, str]:
    env = {name: os.environ[name] for name in _KEEP_ENV if name in os.environ}
    # The child finds the same libraries as this process, wherever they came from.
    paths = [str(_PACKAGE_PARENT), *(path for path in sys.path if path)]
    env["PYTHONPATH"] = os.pathsep.join(paths)
    env["PYTHONIOENCODING"] = "utf-8"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
