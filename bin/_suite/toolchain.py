"""Odoo 19 and its Python packages, made once and kept outside of the checkout.

Each part lies in a folder named for a hash of what it is made from, is made beside
it and moved into place when complete: an interrupted set-up leaves nothing half-done.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import apt
from .paths import ROOT, cache_dir
from .shell import SetupError, digest, exclusive, making, run, say, step

# Bumped when the way a part is made changes, so that the old part isn't used.
RECIPE = "1"
ODOO_VERSION = "19.0"
ODOO_PACKAGE = "odoo-19"
# The links in Odoo's package lead into these.
LINKED_FROM_SID = [
    "fonts-inconsolata",
    "fonts-montserrat",
    "fonts-roboto-unhinted",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
]
# Version 4.7: the one in sid has other file names and leaves the client without icons.
LINKED_FROM_STABLE = ["fonts-font-awesome"]
# Left out of Debian's package; without it the web client reports a missing file.
SELFIE = "@mediapipe/selfie_segmentation@0.1.1675465747"
SELFIE_SHA512 = (
    "IxYxNhwE5VwOm52L1yoFWYLP7q9Pd+NJjzOC5tlepfvE"
    "GaY3o9hslhUrx9BgseqdfZtKSDtd/4NfCSMjNzQalA=="
)
SELFIE_PATH = "mail/static/lib/selfie_segmentation/selfie_segmentation.js"

# The first holds setuptools alone: it builds the source packages of the others.
RUNTIME = ("requirements-build.txt", "requirements-odoo.txt", "requirements.txt")
DEVELOPMENT = (*RUNTIME, "requirements-dev.txt")

# Odoo starts its websocket worker by running sys.argv[0] again, so servers need a
# start script that is a plain file: `python -m odoo` would respawn for ever.
LAUNCHER = "import odoo.cli\n\nif __name__ == '__main__':\n    odoo.cli.main()\n"


@dataclass(frozen=True)
class Toolchain:
    """An interpreter that can `import odoo`, and how to start Odoo with it."""

    python: Path
    launcher: Path
    extra_addons: tuple[Path, ...] = ()

    def odoo_command(self) -> list[str]:
        """Words that start Odoo; arguments follow."""
        return [str(self.python), str(self.launcher)]

    def addons_path(self) -> str:
        """Value of `--addons-path`: our own addons, then Odoo's if it needs telling."""
        return ",".join(str(path) for path in (ROOT, *self.extra_addons))

    def env(self) -> dict[str, str]:
        """Environment for Odoo and the tools beside it, without the database."""
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1", "TZ": "UTC"}


def ensure(*, dev: bool = False) -> Toolchain:
    """Make whatever is missing and return the toolchain.

    :param dev: also with the packages that tests and checks need.
    :raises SetupError: something is missing that cannot be had from here.
    """
    requirements = DEVELOPMENT if dev else RUNTIME
    python = os.path.realpath(sys.executable)
    deb = os.environ.get("ODOO_DEB")
    # What somebody names wins over what happens to be there.
    if home := os.environ.get("ODOO_HOME"):
        tree = _checkout(Path(home).absolute())
        return Toolchain(*_venv(python, requirements, [tree]), (tree / "addons",))
    if not deb and (folders := _importable_from()):
        ours = [name for name in requirements if name != "requirements-odoo.txt"]
        return Toolchain(*_venv(_machine_python(), ours, folders))
    packages = _odoo_prefix(deb) / "usr/lib/python3/dist-packages"
    return Toolchain(*_venv(python, requirements, [packages]))


def _machine_python() -> str:
    """The first python3 on PATH, with links to it kept (they choose an environment)."""
    return shutil.which("python3") or sys.executable


def _importable_from() -> list[Path]:
    """Folders from which the machine's own python3 imports, if it has Odoo 19."""
    check = (
        "import json, sys, odoo.release as release\n"
        "print(json.dumps([sys.prefix, release.version_info[0], sys.path]))"
    )
    done = subprocess.run(
        [_machine_python(), "-c", check],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=_outside(),
    )
    if done.returncode:
        return []
    prefix, major, folders = json.loads(done.stdout)
    # An environment of ours, when started from within one, is not the machine's.
    if Path(prefix).is_relative_to(cache_dir()):
        return []
    if major != 19:
        raise SetupError(
            f"python3 can import Odoo {major}, but 19 is needed; name one in "
            "ODOO_HOME or ODOO_DEB."
        )
    return [Path(folder) for folder in folders if folder.endswith("-packages")]


def _outside() -> dict[str, str]:
    """The environment as it was before our wrapper put this package on the path."""
    return {key: val for key, val in os.environ.items() if key != "PYTHONPATH"}


def _checkout(home: Path) -> Path:
    """`home` if it is a source tree of Odoo 19."""
    release = home / "odoo" / "release.py"
    if not release.is_file():
        raise SetupError(f"ODOO_HOME={home} holds no Odoo (odoo/release.py)")
    facts: dict[str, Any] = {}
    exec(release.read_text(), facts)
    if facts["version_info"][:2] != (19, 0):
        raise SetupError(f"ODOO_HOME={home} is Odoo {facts['version']}, 19.0 is needed")
    return home


def _odoo_prefix(given: str | None) -> Path:
    """Folder with Odoo's Debian package and what it links to, unpacked.

    :param given: package file to use instead of downloading it.
    """
    if given and not Path(given).is_file():
        raise SetupError(f"ODOO_DEB={given} is no file")
    key = digest(Path(given)) if given else "sid"
    target = cache_dir() / f"odoo-{ODOO_VERSION}-{key}-{RECIPE}"
    with exclusive(cache_dir() / "odoo.lock", "another set-up of Odoo"):
        if not target.is_dir():
            _make_prefix(target, Path(given).absolute() if given else None)
        addons = target / "usr/lib/python3/dist-packages/odoo/addons"
        if not (addons / SELFIE_PATH).exists():
            _add_selfie(addons / SELFIE_PATH)
    return target


def _make_prefix(target: Path, given: Path | None) -> None:
    if given and (expected := os.environ.get("ODOO_DEB_SHA256")):
        found = hashlib.sha256(given.read_bytes()).hexdigest()
        if found != expected.lower():
            raise SetupError(f"{given} has SHA-256 {found}, not {expected}")
    apt.need_programs({"dpkg-deb": "dpkg"}, "unpacking packages")
    with making(target) as prefix:
        with step("downloading Odoo 19 and its fonts"):
            wanted = [*([] if given else [ODOO_PACKAGE]), *LINKED_FROM_SID]
            files = apt.fetch(wanted, "sid", prefix.with_name("sid"))
            files += apt.fetch(LINKED_FROM_STABLE, "", prefix.with_name("own"))
            files += [given] if given else []
        with step("unpacking Odoo 19"):
            for file in files:
                run(["dpkg-deb", "--extract", file, prefix])
        if not (prefix / "usr/lib/python3/dist-packages/odoo/release.py").is_file():
            raise SetupError("the package holds no Odoo")


def _add_selfie(path: Path) -> None:
    """Put the one JavaScript file into place that Debian's package lacks."""
    try:
        apt.need_programs({"npm": "npm"}, "one JavaScript file of Odoo's web client")
    except SetupError as exc:
        # Only video calls use it: the product runs, but browser tests will complain.
        say(f"  ! {exc}")
        return
    with step(f"fetching {path.name}"), tempfile.TemporaryDirectory() as scratch:
        run(["npm", "pack", "--silent", SELFIE], cwd=Path(scratch))
        (archive,) = Path(scratch).glob("*.tgz")
        sum512 = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest())
        if sum512.decode() != SELFIE_SHA512:
            raise SetupError(f"{SELFIE} has a wrong checksum: {sum512.decode()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with tarfile.open(archive) as tar, part.open("wb") as out:
            shutil.copyfileobj(tar.extractfile(f"package/{path.name}"), out)
        part.rename(path)


def _venv(
    base: str, requirements: Sequence[str], folders: Sequence[Path]
) -> tuple[Path, Path]:
    """A virtual environment with the pinned packages: its python and Odoo's launcher.

    :param base: the python that it is made from.
    :param folders: what it imports from beside its own packages; has Odoo.
    """
    files = [ROOT / name for name in requirements]
    key = digest(RECIPE, base, *map(str, folders), *files)
    target = cache_dir() / f"venv-{key}"
    # An environment cannot be moved, so a file made last says that it is complete.
    complete = target / "complete"
    with exclusive(cache_dir() / "venv.lock", "another set-up of Python packages"):
        if not complete.exists():
            shutil.rmtree(target, ignore_errors=True)
            with step("installing Python packages"):
                _make_venv(target, base, files, folders)
            complete.touch()
    return target / "bin" / "python", target / "bin" / "odoo"


def _make_venv(
    target: Path, base: str, files: Sequence[Path], folders: Sequence[Path]
) -> None:
    try:
        run([base, "-c", "import ensurepip"])
    except SetupError:
        # Debian's python3 comes without the part that puts pip into an environment.
        apt.install(["python3-venv"], "Python packages")
    run([base, "-m", "venv", target], env=_outside())
    (site,) = target.glob("lib/python3*/site-packages")
    (site / "odoo-19.pth").write_text("".join(f"{folder}\n" for folder in folders))
    python = target / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # All that is needed is listed, so nothing may be resolved or fetched beyond it.
    pip += ["--require-hashes", "--no-deps", "--no-build-isolation"]
    for file in files:
        run([*pip, "-r", file], env=_outside())
    (target / "bin" / "odoo").write_text(LAUNCHER)
