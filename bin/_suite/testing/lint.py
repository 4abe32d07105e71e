"""Checks that read the sources only."""

import os
from collections.abc import Sequence
from pathlib import Path

from ..paths import ADDONS, ROOT
from ..shell import SetupError, run
from .outcome import Outcome, check
from .schedule import Step
from .workplace import Workplace

# What Odoo's own test_lint enables in pylint; it would also read all of Odoo's files.
ODOO_PLUGINS = (
    "_pylint_path_setup",
    "pylint.extensions.bad_builtin",
    "_odoo_checker_gettext",
    "_odoo_checker_sql_injection",
    "_odoo_checker_unlink_override",
)
ODOO_MESSAGES = (
    "eval-used",
    "function-redefined",
    "gettext-placeholders",
    "gettext-repr",
    "gettext-variable",
    "missing-gettext",
    "raise-unlink-override",
    "sql-injection",
    "undefined-variable",
    "unreachable",
    "used-before-assignment",
)
# upgrade_code looks for the idioms of this version and later.
UPGRADE_FROM = "17.0"


def steps(place: Workplace) -> list[Step]:
    """One step for each linter; it passes when the linter ends well."""

    def step(
        name: str, *command: str | Path, env: dict[str, str] | None = None
    ) -> Step:
        return Step(name, lambda: _silent(place, name, command, env or {}))

    addons = [ROOT / name for name in ADDONS]
    catalogues = sorted(path for addon in addons for path in addon.glob("i18n/*.po*"))
    core = _odoo_addons(place)
    return [
        step("ruff-check", place.program("ruff"), "check", "--output-format=concise"),
        step("ruff-format", place.program("ruff"), "format", "--check"),
        step("oca-module", place.program("oca-checks-odoo-module"), *addons),
        step("oca-po", place.program("oca-checks-po"), *catalogues),
        step(
            "upgrade-code",
            *place.tools.odoo_command(),
            "upgrade_code",
            f"--from={UPGRADE_FROM}",
            "--dry-run",
            f"--addons-path={ROOT}",
            # Only our files, of all that Odoo finds on its own path.
            f"--glob={ADDONS[0].partition('_')[0]}_*/**/*",
        ),
        step("pylint-odoo", place.program("pylint"), "--rcfile=.pylintrc", *addons),
        step(
            "odoo-checkers",
            place.program("pylint"),
            f"--rcfile={os.devnull}",
            # It doesn't know the messages of pylint-odoo that our code speaks of.
            "--disable=all,useless-option-value,unknown-option-value",
            f"--enable={','.join(ODOO_MESSAGES)}",
            f"--load-plugins={','.join(ODOO_PLUGINS)}",
            "--bad-functions=input",
            "--score=n",
            *addons,
            env={
                "PYTHONPATH": str(core / "test_lint/tests"),
                "ADDONS_PATH": f"{ROOT}{os.pathsep}{core}",
            },
        ),
    ]


def _odoo_addons(place: Workplace) -> Path:
    """The folder of Odoo's own addons that holds its checkers."""
    code = "import odoo.addons as a; print(*a.__path__, sep='\\n')"
    extra = map(str, place.tools.extra_addons)
    found = run([place.tools.python, "-c", code], env=place.tools.env()).splitlines()
    for folder in (*found, *extra):
        if Path(folder, "test_lint").is_dir():
            return Path(folder)
    raise SetupError("this Odoo has no test_lint, whose checkers are needed")


def _silent(
    place: Workplace, name: str, command: Sequence[str | Path], env: dict[str, str]
) -> Outcome:
    done = place.execute(name, command, env=env)
    return check([done.tail(60)] if done.returncode else [])
