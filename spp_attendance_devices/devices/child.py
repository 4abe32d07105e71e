"""The child's side of :mod:`.isolated`: hear what is wanted, have the conversation.

One JSON object comes in on stdin. On stdout go the scans, one JSON array a line, and
last ``{"end": ...}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, TextIO

from .adapter import BaseMachineAdapter, DeviceConfig, Reading, ReadRequest
from .errors import DeviceError, InternalFault

#: Address space, bytes: the biggest log that an adapter takes fits several times.
MEMORY = 1 << 30
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def main() -> None:
    """Answer one request and return.

    If the parent is killed nobody is left to stop this process, so it carries an
    alarm of its own, a second after the deadline.
    """
    request = json.load(sys.stdin)
    signal.setitimer(signal.ITIMER_REAL, request["deadline"] + 1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with _own_stdout() as out:
        try:
            _write(out, {"end": converse(request, out)})
        except DeviceError as error:
            _write(out, {"error": {"code": error.code, "detail": error.detail}})
        except Exception as error:
            # Every fault becomes one line. Its type only: its text may quote what is
            # no business of the log.
            fault = InternalFault(type(error).__name__)
            _write(out, {"error": {"code": fault.code, "detail": fault.detail}})
            raise


def converse(request: dict[str, Any], out: TextIO) -> Any:
    """Have the conversation; scans are written as they come."""
    module = importlib.import_module(f"devices.{request['module']}")
    kind: type[BaseMachineAdapter] = getattr(module, request["class"])
    # Getting here took a while. The clock of the request is that of all processes.
    passed = max(time.monotonic() - request["sent"], 0.0)
    settings = request["config"]
    deadline = max(settings["deadline"] - passed, 0.1)
    settings.update(
        networks=tuple(settings["networks"]),
        deadline=deadline,
        timeout=min(settings["timeout"], deadline),
    )
    config = DeviceConfig(**settings)
    words = request["argument"]
    if "now" in words:
        now = datetime.fromisoformat(words["now"])
        words["now"] = now + timedelta(seconds=passed)
    verb = request["verb"]
    if verb == "probe":
        return kind.probe(config)
    adapter = kind(config)
    if verb == "read_scans":
        return _read(adapter.read_scans(ReadRequest(**words)), out)
    result = getattr(adapter, verb)(**words)
    return dataclasses.asdict(result) if dataclasses.is_dataclass(result) else result


def _read(reading: Reading, out: TextIO) -> dict[str, Any]:
    for scan in reading.scans:
        moment = scan.local_time
        _write(out, scan._replace(local_time=moment and moment.isoformat()))
    end = {
        field.name: getattr(reading, field.name)
        for field in dataclasses.fields(reading)
        if field.name != "scans"
    }
    end["info"] = dataclasses.asdict(reading.info)
    end["complete_until"] = (
        reading.complete_until and reading.complete_until.isoformat()
    )
    return end


def _write(out: TextIO, value: Any) -> None:
    # Not json.dump, which is many times slower.
    out.write(_ENCODE(value))
    out.write("\n")


@contextlib.contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """A private handle on stdout; prints of vendor libraries go to stderr."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


if __name__ == "__main__":
    main()
