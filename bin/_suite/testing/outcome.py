"""How a check went, and how pytest's report becomes one."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """What one step counted, with what a person must know about it.

    `problems` explain the failures, `notes` are worth a line even when all passed. Of a
    step that is not `usable` nothing came that others could go on with; a failed test
    alone does not make it so.
    """

    passed: int = 0
    failed: int = 0
    problems: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    usable: bool = True

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.problems + other.problems,
            self.notes + other.notes,
            self.usable and other.usable,
        )


def check(problems: Iterable[str], notes: Iterable[str] = ()) -> Outcome:
    """The outcome of one check, which fails once however many problems it found."""
    problems = tuple(problems)
    failed = 1 if problems else 0
    return Outcome(1 - failed, failed, problems, tuple(notes))


def failure(problem: str) -> Outcome:
    """A step that came to nothing, which counts as one failed check."""
    return Outcome(failed=1, problems=(problem,), usable=False)


def from_junit(report: Path) -> Outcome:
    """Counts of a pytest run, from the file that `--junitxml` wrote.

    A skipped test counts as failed, for nobody saw it pass; so do an expected failure
    and a run without any test.
    """
    if not report.is_file():
        return failure("pytest ended without a report")
    passed, problems = 0, []
    for case in ET.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".strip(".")
        # One case may fail in its body and again in its teardown.
        bad = [part for part in case if part.tag in ("failure", "error", "skipped")]
        if bad:
            what = f"{bad[0].tag}: {bad[0].get('message') or ''}".splitlines()[0]
            problems.append(f"{name}: {what[:200]}")
        else:
            passed += 1
    if not passed and not problems:
        return failure("pytest ran no test")
    return Outcome(passed, len(problems), tuple(problems))


def closing_line(outcome: Outcome) -> str:
    """The last line of a run."""
    return f"{outcome.passed} passed, {outcome.failed} failed"


def exit_code(outcome: Outcome) -> int:
    """0 only when something ran and nothing failed."""
    return 1 if outcome.failed or not outcome.passed else 0
