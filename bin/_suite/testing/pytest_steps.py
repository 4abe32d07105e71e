"""Steps that run plain pytest on `tests/`."""

from collections.abc import Sequence

from ..paths import ROOT
from .outcome import Outcome, check, from_junit
from .schedule import Step
from .workplace import Workplace

PURE = "not end_to_end"
END_TO_END = "end_to_end"
#: The name that stands for all steps of tests that need a running Odoo.
ALL_END_TO_END = "end-to-end"
#: More than run at once, since lines tell little of how long a file takes.
PARTS = 7
#: What counts on its own time is no part of another.
ALONE = "tests/test_soak.py"


def steps(place: Workplace) -> list[Step]:
    """The tests that need nothing, and those that need a running Odoo.

    The latter take longest of all, so they come in parts, for two to run at a time.
    """
    return [
        Step("pure", lambda: _pytest(place, "pure", ["tests"], PURE)),
        *(
            _end_to_end(place, f"{ALL_END_TO_END}-{number}", files)
            for number, files in enumerate(parts(), 1)
        ),
    ]


def _end_to_end(place: Workplace, name: str, files: Sequence[str]) -> Step:
    return Step(name, lambda: _pytest(place, name, files, END_TO_END))


def parts() -> list[list[str]]:
    """All files of tests, in parts that have about as many lines.

    A file stays whole: what it starts serves all its tests.
    """
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_bytes().splitlines())
        for path in sorted(ROOT.glob("tests/test_*.py"))
    }
    del sizes[ALONE]
    found: list[list[str]] = [[] for _ in range(PARTS - 1)]
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        min(found, key=lambda part: sum(map(sizes.__getitem__, part))).append(name)
    return [[ALONE], *found]


def of_files(place: Workplace, paths: Sequence[str]) -> Step:
    """All tests of the given files, or `file::test`."""
    return Step(" ".join(paths), lambda: _pytest(place, "pytest", paths, ""))


def of_addon(place: Workplace, addon: str) -> list[Step]:
    """The tests of an addon's pure core, if it has any in `tests/`."""
    word = addon.removeprefix("spp_").removeprefix("attendance_")
    found = sorted(ROOT.glob(f"tests/test_{word}_*.py"))
    paths = [str(path.relative_to(ROOT)) for path in found]
    if not paths:
        return []
    name = f"pure-{addon}"
    return [Step(name, lambda: _pytest(place, name, paths, PURE))]


def _pytest(place: Workplace, name: str, paths: Sequence[str], marker: str) -> Outcome:
    # pytest-odoo would ask each test for a database.
    report = place.folder / f"{name}.xml"
    options = ["-p", "no:odoo", "-m", marker, f"--junitxml={report}"]
    done = place.execute(name, [place.program("pytest"), *options, *paths])
    outcome = from_junit(report)
    if done.returncode and not outcome.failed:
        outcome += check([f"exit status {done.returncode}"])
    if outcome.failed:
        # What failed is counted; this shows why.
        outcome += Outcome(problems=(done.tail(80),))
    return outcome
