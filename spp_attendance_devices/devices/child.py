"""The child's side of :mod:`.isolated`: read the request, write the answer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from .errors import DeviceError

#: Makes the answer's lines; the last value it yields is the end.
Conversation = Callable[[dict[str, Any]], Iterator[Any]]


def serve(
    conversation: Conversation, classify: Callable[[Exception], DeviceError]
) -> None:
    """Answer one request from stdin on stdout and return.

    If the parent is killed nobody is left to stop this process, so it carries an
    alarm of its own, a second after the deadline.
    """
    request = json.load(sys.stdin)
    signal.setitimer(signal.ITIMER_REAL, request["deadline"] + 1)
    with _own_stdout() as out:
        last: Any = None
        try:
            for value in conversation(request):
                if last is not None:
                    _write(out, last)
                last = value
            _write(out, {"end": last})
        except Exception as error:  # noqa: BLE001  every fault becomes one line
            known = error if isinstance(error, DeviceError) else classify(error)
            _write(out, {"error": {"code": known.code, "detail": known.detail}})


def _write(out: TextIO, value: Any) -> None:
    json.dump(value, out, separators=(",", ":"))
    out.write("\n")


@contextlib.contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """A private handle on stdout; prints of the vendor library go to stderr."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out
