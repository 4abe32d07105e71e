"""Running programs, showing progress, locking, writing files in one go."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Command = Sequence[str | Path]


class SetupError(Exception):
    """Something the person at the keyboard has to know or do; shown without a trace."""


def say(text: str) -> None:
    """Print one progress line at once, to stderr, so stdout stays free for results."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Show that `title` is being done, then how many seconds it took."""
    say(f"  … {title}")
    started = time.monotonic()
    yield
    say(f"  ✓ {title} ({time.monotonic() - started:.1f} s)")


def run(
    command: Command,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    user: str | None = None,
    limit: float | None = None,
) -> str:
    """Run a program to its end and return its stdout.

    :param user: do it as this user (only root can).
    :param limit: seconds after which it is killed.
    :raises SetupError: it could not be started, took too long, or ended with a failure;
        the message carries the end of what it printed.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            input=stdin if stdin is not None else "",
            user=user,
            group=user,
            extra_groups=[] if user else None,
            text=True,
            capture_output=True,
            check=False,
            timeout=limit,
        )
    except OSError as exc:
        raise SetupError(f"{words[0]} could not be started: {exc}") from exc
    except subprocess.TimeoutExpired as exc:
        raise SetupError(f"{' '.join(words)} was ended after {limit:g} s") from exc
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise SetupError(f"{' '.join(words)} ended with {done.returncode}:\n{tail}")
    return done.stdout


@contextlib.contextmanager
def exclusive(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold the lock file `path`; say `waiting_for` if another process has it.

    The kernel drops the lock with its holder, so a killed set-up blocks nobody.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  … waiting for {waiting_for}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def making(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends well.

    Beside it is room for what is only needed meanwhile. The caller holds the lock of
    the part, so what a killed set-up left there can be swept away.
    """
    scratch = target.with_name(f".making-{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    made = scratch / "made"
    made.mkdir(parents=True)
    try:
        yield made
        made.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def digest(*parts: str | bytes | Path) -> str:
    """Short hash of texts and of the contents of files, to key what is made of them."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part
        data = data.encode() if isinstance(data, str) else data
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def write_atomic(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` by `text` in one step; readers see the old or the new file."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as handle:
        os.fchmod(descriptor, mode)
        handle.write(text)
        handle.flush()
        os.fsync(descriptor)
    scratch.replace(path)
