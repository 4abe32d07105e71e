"""Steps that run Odoo: tests of each addon alone and of all together, and the rest."""

import ast
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ..apt import PRINTING, need_programs
from ..paths import ADDONS, ROOT
from ..shell import digest
from . import fingerprint, older
from .odoolog import log_check, test_counts
from .outcome import Outcome, check, failure, from_junit
from .schedule import Step
from .workplace import Execution, Workplace

ALL = ",".join(ADDONS)
EVERY_TEST = ",".join(f"/{addon}" for addon in ADDONS)
# Eleven of its twelve minutes go into Odoo's own files, three of which fail; our files
# get the same checkers in lint.py. ESLint needs packages that Odoo doesn't ship.
LINT_TESTS = "/test_lint,-/test_lint:TestPyLint,-/test_lint:TestESLint"
# An addon of somebody else's, as it were: it stands on ours and isn't shipped.
FOREIGN = ROOT / "tests/addons/spp_attendance_test_benefit"
# The addon whose tests run under pytest-odoo too, so that either runner can be used.
PYTEST_ADDON = "spp_oauth"
CONTACT = "Stays When The Addons Go"
MAKE_SUBSCRIBER = f"""
env["spp.attendance.subscriber"].create(
    {{"name": "{CONTACT}", "person_identifier": "STAYS-1"}}
)
env.cr.commit()
"""


def steps(place: Workplace) -> list[Step]:
    """All steps that need a database."""
    base, demo = place.databases.template, partial(place.databases.template, demo=True)
    return [
        Step("browser", _browser),
        Step("template", lambda: _set_up(base)),
        Step("template-demo", lambda: _set_up(demo)),
        *(_addon_step(place, addon) for addon in ADDONS),
        Step("together", lambda: _together(place), needs=("browser", "template-demo")),
        Step("click", lambda: _click(place), needs=("together",)),
        Step("test-lint", lambda: _test_lint(place), needs=("together",)),
        Step("update", lambda: _update(place), needs=("together",)),
        Step("migrate", lambda: _migrate(place), needs=("spp_attendance_devices",)),
        Step("uninstall-all", lambda: _uninstall_all(place), needs=("together",)),
        *(
            Step(
                f"uninstall-{addon}",
                partial(_uninstall, place, addon),
                needs=(addon, *_own_dependencies(addon)),
            )
            for addon in ADDONS
        ),
        Step("pytest-odoo", lambda: _pytest_odoo(place), needs=(PYTEST_ADDON,)),
        Step(
            "foreign-addon",
            lambda: _foreign(place),
            needs=tuple(_own_dependencies(FOREIGN)),
        ),
    ]


def _addon_step(place: Workplace, addon: str) -> Step:
    run = partial(_alone, place, addon)
    return Step(addon, run, needs=("browser", "template"))


def filtered(place: Workplace, addon: str, tests: str) -> Step:
    """A step that runs the tests `Class` or `Class.method` of one addon."""
    name = f"{addon}:{tests}"
    run = partial(_alone, place, addon, f"/{name}")
    return Step(name, run, needs=("browser", "template"))


def _browser() -> Outcome:
    """Have the browser that Odoo's test runner looks for; without it tests skip.

    And what makes PDFs.
    """
    need_programs({"chromium": "chromium"}, "tests in a browser")
    need_programs(PRINTING, "tests of printed sheets")
    return Outcome()


def _set_up(template: Callable[[], str]) -> Outcome:
    """Have a template, so that steps that run side by side don't wait for it."""
    template()
    return Outcome()


def _own_dependencies(folder: str | Path) -> list[str]:
    """Which of our addons this one depends on directly."""
    manifest = ast.literal_eval((ROOT / folder / "__manifest__.py").read_text())
    return [name for name in manifest["depends"] if name in ADDONS]


def _verdict(done: Execution, *, tests: bool) -> Outcome:
    """What a run of Odoo comes to: its tests, its log, its exit status."""
    outcome = log_check(done.output)
    if tests:
        outcome += test_counts(done.output)
    if done.returncode and not outcome.failed:
        outcome += check([f"exit status {done.returncode}\n{done.tail()}"])
    return outcome


def _alone(place: Workplace, addon: str, tags: str = "") -> Outcome:
    """Install one addon with what it depends on, without demo data, and test it."""
    # several parts of one addon may be named at once
    label = f"{addon}_{digest(tags)}" if tags else addon
    database = place.clone(place.databases.template(), label)
    # Most of what browsers load is the same, and takes Odoo long to put together.
    if place.databases.exists(place.database("together")):
        place.databases.copy_bundles(place.database("together"), database)
    options = [f"--init={addon}", f"--test-tags={tags or f'/{addon}'}"]
    outcome = _verdict(place.odoo(f"alone-{label}", database, options), tests=True)
    return outcome + _installed(place, database, [addon])


def _together(place: Workplace) -> Outcome:
    """Install all addons with demo data and run the tests of all."""
    database = place.clone(place.databases.template(demo=True), "together")
    options = [f"--init={ALL}", "--with-demo", f"--test-tags={EVERY_TEST}"]
    outcome = _verdict(place.odoo("together", database, options), tests=True)
    return outcome + _installed(place, database, ADDONS)


def _installed(place: Workplace, database: str, addons: Sequence[str]) -> Outcome:
    """A failure that ends what builds on it, unless the addons are installed."""
    sql = "SELECT name FROM ir_module_module WHERE state = 'installed'"
    missing = set(addons) - set(place.databases.query(sql, database).splitlines())
    if missing:
        return failure(f"not installed: {', '.join(sorted(missing))}")
    return Outcome()


def _click(place: Workplace) -> Outcome:
    """Odoo's test that opens every menu and view in a browser."""
    database = place.clone(place.database("together"), "click")
    done = place.odoo("click", database, ["--test-tags=click_all"])
    return _verdict(done, tests=True)


def _test_lint(place: Workplace) -> Outcome:
    """Odoo's checks of every addon's sources and models."""
    database = place.clone(place.database("together"), "test_lint")
    options = ["--init=test_lint", f"--test-tags={LINT_TESTS}"]
    return _verdict(place.odoo("test-lint", database, options), tests=True)


def _update(place: Workplace) -> Outcome:
    """Updating to the same code changes nothing in the database.

    The first updates may: Odoo then loads modules in another order than it did when
    they were installed one after the other. It drops the fields that a module which we
    don't depend on adds to models of ours, and has them again once another of our
    addons extends such a model.
    """
    database = place.clone(place.database("together"), "update")
    script = fingerprint.content(ADDONS)
    arguments = [f"--update={ALL}"]
    settled = [place.odoo(f"update-{n}", database, arguments) for n in (1, 2)]
    before = place.databases.query(script, database).splitlines()
    last = place.odoo("update-3", database, arguments)
    after = place.databases.query(script, database).splitlines()
    verdicts = [_verdict(done, tests=False) for done in (*settled, last)]
    return sum(verdicts, check(fingerprint.differences(before, after)))


def _migrate(place: Workplace) -> Outcome:
    """Updating what an older version left behind gives what a new installation has."""
    database = place.clone(place.database("spp_attendance_devices"), "migrate")
    place.databases.shell(database, older.FILL)
    script = fingerprint.structure() + older.ROWS
    before = place.databases.query(script, database).splitlines()
    place.databases.query(older.AGE, database)
    aged = place.databases.query(script, database).splitlines()
    # What stands on it is updated with it.
    done = place.odoo("migrate", database, ["--update=spp_attendance"])
    after = place.databases.query(script, database).splitlines()
    return (
        _verdict(done, tests=False)
        + check([] if aged != before else ["nothing was made older"])
        + check(fingerprint.differences(before, after))
    )


def _uninstall(place: Workplace, addon: str) -> Outcome:
    """Uninstalling an addon leaves a database as if it had never been installed."""
    database = place.clone(place.database(addon), f"without_{addon}")
    rest = _own_dependencies(addon)
    never = place.database(rest[0]) if rest else place.databases.template()
    return _compare_after_uninstall(place, database, addon, never)


def _uninstall_all(place: Workplace) -> Outcome:
    """The same for all addons at once with demo data, and the contacts stay."""
    database = place.clone(place.database("together"), "without_all")
    place.databases.shell(database, MAKE_SUBSCRIBER)
    never = place.databases.template(demo=True)
    outcome = _compare_after_uninstall(place, database, ADDONS[0], never)
    sql = "SELECT count(*) FROM res_partner WHERE name = :'name'"
    kept = place.databases.query(sql, database, name=CONTACT)
    return outcome + check([] if kept == "1" else [f"{kept} contacts left, not 1"])


def _compare_after_uninstall(
    place: Workplace, database: str, addon: str, never: str
) -> Outcome:
    command = [*place.tools.odoo_command(), "module", "uninstall", "-d", database]
    done = place.execute(f"uninstall-{database}", [*command, addon])
    script = fingerprint.structure()
    expected = place.databases.query(script, never).splitlines()
    found = place.databases.query(script, database).splitlines()
    differences = fingerprint.differences(expected, found)
    return _verdict(done, tests=False) + check(differences)


def _pytest_odoo(place: Workplace) -> Outcome:
    """One addon's tests under pytest, on the database where it was installed alone.

    pytest-odoo never installs anything, and skips what needs HTTP unless told to serve.
    """
    database = place.clone(place.database(PYTEST_ADDON), "pytest_odoo")
    report = place.folder / "pytest-odoo.xml"
    options = [f"--odoo-database={database}", "--odoo-http", f"--junitxml={report}"]
    command = [place.program("pytest"), *options, PYTEST_ADDON]
    done = place.execute("pytest-odoo", command)
    outcome = from_junit(report)
    if outcome.failed or done.returncode:
        outcome += check([done.tail(60)])
    return outcome


def _foreign(place: Workplace) -> Outcome:
    """Install and test an addon that uses ours, where ours was installed alone."""
    [addon] = _own_dependencies(FOREIGN)
    database = place.clone(place.database(addon), "foreign")
    folders = f"{place.tools.addons_path()},{FOREIGN.parent}"
    name = FOREIGN.name
    options = [f"--addons-path={folders}", f"--init={name}", f"--test-tags=/{name}"]
    outcome = _verdict(place.odoo("foreign-addon", database, options), tests=True)
    return outcome + _installed(place, database, [name])
