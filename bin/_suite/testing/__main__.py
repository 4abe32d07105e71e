"""`bin/test`: all checks, or those that are named."""

import argparse
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from .. import postgres, toolchain
from ..database import Databases
from ..paths import ADDONS, ROOT, private_dir, state_dir
from ..shell import SetupError, say
from ..toolchain import Toolchain
from . import lint, odoo_steps, pytest_steps
from .outcome import Outcome, closing_line, exit_code
from .schedule import Step, closure, run_steps
from .workplace import Workplace

# No program of a run needs two thirds of these seconds on the slowest machine we know.
LIMIT = 2400.0
# One more than the cores of the smallest machine: much of a step is waiting, for a
# page, a terminal or the disk.
JOBS = 3
OURS = re.compile(r"spp_test_(\d+)_")
DESCRIPTION = """\
Run the checks and tests; without a name all of them. The last line is the sum over
everything that ran: each test of a test runner is one, each linter, each look at a log
and each comparison is one. A program of a step that takes longer than 40 minutes, or
than the seconds in SPP_TEST_TIMEOUT, is ended and has failed."""
NAMES = """\
names:
  lint                       every linter
  end-to-end                 all tests that need a running Odoo
  spp_oauth                  one addon alone, with the pure tests of its core
  spp_oauth:TestX.test_y     one test class, or one test, of an addon
  tests/test_x.py[::test_y]  a file of plain pytest
or a single step, which is run with those that it needs:"""


def main(words: Sequence[str]) -> int:
    """Do the set-up, run what `words` name, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="bin/test",
        description=DESCRIPTION,
        epilog=NAMES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument(
        "--keep", action="store_true", help="leave the databases of this run in place"
    )
    options = parser.parse_args(words)
    # So that an end by `kill` or by a closed terminal cleans up like Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    limit = time_limit()
    tools = toolchain.ensure(dev=True)
    state = private_dir(state_dir())
    server = postgres.choose(state, volatile=True)
    with server.running():
        templates = private_dir(state / "templates")
        databases = Databases(tools, server, templates, limit=limit)
        place = _workplace(tools, databases, state / "test-logs", limit)
        try:
            steps = chosen(place, options.names)
            outcomes = run_steps(steps, jobs=JOBS, on_abort=place.stop)
        finally:
            place.stop()
            if not options.keep:
                place.clean()
    total = sum(outcomes.values(), Outcome())
    _summary(outcomes, place.folder)
    print(closing_line(total), flush=True)
    return exit_code(total)


def chosen(place: Workplace, names: Sequence[str]) -> list[Step]:
    """The steps that `names` stand for, in the order in which they run.

    :raises SetupError: a name stands for nothing; says what there is.
    """
    linters = lint.steps(place)
    pure, *end_to_end = pytest_steps.steps(place)
    # What fails soonest comes first; then what much waits for, and the longest, so that
    # little is left to do when only one is running any more.
    odoo = odoo_steps.steps(place)
    awaited = closure(odoo, {"together"})
    rest = [step for step in odoo if step not in awaited]
    every = [*linters, pure, *awaited, *end_to_end, *rest]
    if not names:
        return every
    known = {step.name for step in every}
    wanted: set[str] = set()
    extra: list[Step] = []
    files = [name for name in names if Path(ROOT, name.partition("::")[0]).is_file()]
    if files:
        extra.append(pytest_steps.of_files(place, files))
    for name in sorted(set(names) - set(files)):
        addon, _, tests = name.partition(":")
        if name == "lint":
            wanted |= {step.name for step in linters}
        elif name == pytest_steps.ALL_END_TO_END:
            wanted |= {step.name for step in end_to_end}
        elif tests and addon in ADDONS:
            extra.append(odoo_steps.filtered(place, addon, tests))
        elif name in known:
            wanted.add(name)
        else:
            raise SetupError(f"bin/test knows no {name!r}.\n{names_help(every)}")
        if name in ADDONS:
            extra += pytest_steps.of_addon(place, name)
    wanted |= {step.name for step in extra}
    return closure([*every, *extra], wanted)


def names_help(every: Sequence[Step]) -> str:
    """What can be named."""
    rows = textwrap.wrap(
        ", ".join(step.name for step in every), 78, break_on_hyphens=False
    )
    return NAMES + "\n" + textwrap.indent("\n".join(rows), "  ")


def time_limit() -> float:
    """Seconds that a program of a step may take.

    :raises SetupError: `SPP_TEST_TIMEOUT` is no positive number.
    """
    given = os.environ.get("SPP_TEST_TIMEOUT") or str(LIMIT)
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SetupError(f"SPP_TEST_TIMEOUT={given} is no number of seconds.")
    return seconds


def _workplace(
    tools: Toolchain, databases: Databases, logs: Path, limit: float
) -> Workplace:
    """A place for this run; what runs that were killed left behind is removed."""
    for old in databases.query("SELECT datname FROM pg_database").splitlines():
        if (match := OURS.match(old)) and not Path("/proc", match[1]).exists():
            databases.drop(old)
    for folder in logs.glob("*"):
        if not Path("/proc", folder.name).exists():
            shutil.rmtree(folder)
    folder = private_dir(logs / str(os.getpid()))
    return Workplace(tools, databases, folder, f"spp_test_{os.getpid()}_", limit)


def _summary(outcomes: dict[str, Outcome], logs: Path) -> None:
    """Name what failed once more, where the end of a long run shows it."""
    failed = [name for name, outcome in outcomes.items() if outcome.failed]
    if failed:
        say(f"failed: {', '.join(failed)}; logs are in {logs}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as exc:
        sys.exit(str(exc))
    except KeyboardInterrupt:
        sys.exit(130)
