"""Run a conversation with a terminal in a child process, under a hard deadline.

The vendor library can spin for ever when a terminal hangs up in the middle, and
decoding a big log holds the interpreter lock. In a process of its own neither can
hurt the worker: at the deadline the whole process group is killed.

The request goes in on stdin and the answer comes out on stdout, both JSON, so nothing
secret is ever on a command line. The answer is one JSON value a line; the last line is
``{"end": ...}`` or ``{"error": ...}``. Without it the answer is not used at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import DeviceProtocolError, DeviceTimeout, from_code

#: What a child needs of the environment; database passwords and the like stay here.
_KEEP_ENV = ("PATH", "LANG", "LC_ALL", "TZDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_PACKAGE_PARENT = Path(__file__).resolve().parent.parent

#: (module, request, seconds) -> the answer's lines before the last, and its end.
Runner = Callable[[str, dict[str, Any], float], tuple[list[Any], dict[str, Any]]]


def run_isolated(
    module: str, request: dict[str, Any], deadline: float
) -> tuple[list[Any], dict[str, Any]]:
    """Run ``devices.<module>`` in a child and return its lines and its end value.

    :param deadline: seconds after which the child is killed; none survives the call.
    :raises DeviceTimeout: at the deadline.
    :raises DeviceError: whatever the child reported.
    :raises DeviceProtocolError: when the child ended without an answer.
    """
    with subprocess.Popen(
        [sys.executable, "-m", f"devices.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_child_env(),
        # Python looks there first: never in whatever folder Odoo was started from.
        cwd=_PACKAGE_PARENT,
        start_new_session=True,
    ) as child:
        try:
            answer, noise = child.communicate(json.dumps(request).encode(), deadline)
        except subprocess.TimeoutExpired:
            raise DeviceTimeout(f"stopped at the deadline of {deadline:g} s") from None
        finally:
            _kill(child)
    # What follows the last line feed is a line cut short, if anything.
    lines = [json.loads(line) for line in answer.split(b"\n")[:-1]]
    last = lines.pop() if lines else {}
    if "error" in last:
        raise from_code(last["error"]["code"], last["error"]["detail"])
    if "end" not in last:
        # Only the last line of a traceback: its type and text, no values.
        tail = noise.decode(errors="replace").strip().splitlines()[-1:]
        raise DeviceProtocolError(
            f"the reader ended with status {child.returncode}: {' '.join(tail)[:200]}"
        )
    return lines, last["end"]


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
