"""Try the steps of the Dockerfile on a machine without a container engine.

A debootstrap of Debian 13 with the package `odoo-19` of Debian unstable stands in for
the official image: the same Odoo from a Debian package, a Python that its distribution
manages, and the user `odoo`. (Unstable itself has come to Python 3.14, on which Odoo 19
cannot create a database.) In it the Dockerfile's own COPY, ENV, USER and RUN lines are
carried out; then, as its last user, the addons are installed into a database reached by
TCP and a password, Odoo is started and the HEALTHCHECK command is run until it is
content.

Not covered: the image odoo:19.0 itself (an Ubuntu with another Python) and its start
script, .dockerignore, the engine's health scheduling, and compose.yaml.

Needs root. Everything happens in a temporary folder.
"""

import argparse
import contextlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import apt
from .paths import ADDONS, ROOT
from .postgres import BINARIES, SERVER_USER
from .serve import end, free_ports
from .shell import SetupError, run, say, step
from .toolchain import ODOO_PACKAGE

SUITE = "trixie"
# What the official image has too and a bare Debian has not; pytz fails on the names of
# time zones that Debian keeps in a package of their own.
PACKAGES = ("python3-pip", "ca-certificates", "tzdata-legacy")
# How this machine reaches its package registries; the stand-in does it likewise. These
# are copied, never mounted: installing ca-certificates inside writes all certificates
# anew, out of its own and these local ones.
MACHINE = (
    "/usr/local/share/ca-certificates",
    "/etc/pip.conf",
    "/etc/xdg/pip",
    "/etc/resolv.conf",
)
MACHINE_ENV = re.compile(r"PIP_\w+|SSL_CERT_\w+|\w+_CA_BUNDLE|\w+_proxy", re.IGNORECASE)
HEALTHY_WITHIN = 120


@dataclass
class Container:
    """What the instructions so far add up to."""

    root: Path
    user: str = "root"
    env: dict[str, str] = field(default_factory=dict)
    health: str = ""

    def command(self, text: str, env: Mapping[str, str]) -> list[str]:
        """Words that run a shell command inside, as its user and with its variables."""
        given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        given |= {key: val for key, val in os.environ.items() if MACHINE_ENV.match(key)}
        given |= {"HOME": "/root" if self.user == "root" else "/var/lib/odoo"}
        pairs = [f"{key}={val}" for key, val in (given | self.env | dict(env)).items()]
        chroot = ["chroot", f"--userspec={self.user}", str(self.root)]
        return [*chroot, "/usr/bin/env", "-i", *pairs, "/bin/sh", "-c", text]

    def run(self, text: str, **env: str) -> str:
        """Run a shell command inside and return what it printed."""
        return run(self.command(text, env))


def instructions(text: str) -> list[tuple[str, str]]:
    """Instructions of a Dockerfile as (word, rest), continued lines joined."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines())
    ]


def carry_out(container: Container, word: str, rest: str, source: Path) -> None:
    """Do one instruction.

    :param source: folder that COPY copies from.
    :raises SetupError: it failed, or is none that the Dockerfile used when this was
        written.
    """
    match word:
        case "FROM":
            say(f"  the stand-in takes the place of {rest}")
        case "USER":
            container.user = rest
        case "ENV":
            container.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        case "RUN":
            container.run(rest)
        case "COPY" if not rest.startswith("--"):
            *names, target = rest.split()
            _copy([source / name for name in names], container.root, target)
        case "HEALTHCHECK":
            container.health = rest.partition("CMD ")[2]
        case _:
            raise SetupError(f"this check cannot do {word} {rest}")


def _copy(paths: Sequence[Path], root: Path, target: str) -> None:
    """COPY: into a folder if `target` ends so, a folder's content if it is one."""
    place = root / target.lstrip("/")
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True)
            continue
        to = place / path.name if target.endswith("/") else place
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


@contextlib.contextmanager
def stand_in() -> Iterator[Path]:
    """Root folder of a Debian with Odoo 19, removed at the end."""
    apt.need_programs({"debootstrap": "debootstrap"}, "making a Debian to try it in")
    # Other users have to get through.
    with tempfile.TemporaryDirectory(prefix="spp-dockerfile-") as scratch:
        Path(scratch).chmod(0o755)
        root = Path(scratch, "root")
        source = apt.machine_source()
        with step(f"making a Debian {SUITE}"):
            run(["debootstrap", "--variant=minbase", SUITE, root, source.uris[0]])
        # No service may be started by its installation.
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        # Nothing but /proc is mounted: what is removed at the end is all our own.
        run(["mount", "--types", "proc", "proc", root / "proc"])
        try:
            with step("installing Odoo 19 in it"):
                _install(root, Path(scratch, "packages"))
            yield root
        finally:
            run(["umount", "--lazy", root / "proc"])


def _install(root: Path, scratch: Path) -> None:
    """Put Odoo and the other packages into the stand-in."""
    _copy_machine(root)
    (package,) = apt.fetch([ODOO_PACKAGE], "sid", scratch)
    shutil.copy(package, root / "tmp/odoo.deb")
    install = "apt-get install --yes --quiet --no-install-recommends"
    Container(root).run(
        f"{install} /tmp/odoo.deb {' '.join(PACKAGES)}",
        DEBIAN_FRONTEND="noninteractive",
    )


def _copy_machine(root: Path) -> None:
    """Let the stand-in reach the package registries as this machine does."""
    for path in map(Path, MACHINE):
        place = root / path.relative_to("/")
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True)
        elif path.exists():
            place.unlink(missing_ok=True)
            shutil.copy(path, place)


@contextlib.contextmanager
def database() -> Iterator[dict[str, str]]:
    """Variables for a PostgreSQL on a free port of 127.0.0.1 that wants a password."""
    apt.need_programs({f"{BINARIES}/initdb": "postgresql"}, "the database server")
    programs = apt.find_program(BINARIES)
    if programs is None:
        raise SetupError("PostgreSQL's server programs are not where Debian has them")
    (port,) = free_ports(1)
    variables = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": "odoo",
        "PGPASSWORD": secrets.token_urlsafe(),
    }
    with tempfile.TemporaryDirectory(prefix="spp-dockerfile-") as scratch:
        shutil.chown(scratch, SERVER_USER)
        data, secret = Path(scratch, "data"), Path(scratch, "password")
        secret.write_text(variables["PGPASSWORD"])
        shutil.chown(secret, SERVER_USER)

        def server(program: str, *words: str | Path) -> None:
            command = [programs / program, "--pgdata", data, *words]
            run(command, cwd=Path("/"), user=SERVER_USER)

        as_owner = ["--username=odoo", f"--pwfile={secret}", "--no-sync"]
        server("initdb", *as_owner, "--auth=scram-sha-256", "--encoding=UTF8")
        options = f"-p {port} -k {scratch} -c listen_addresses=127.0.0.1"
        server("pg_ctl", "start", "-w", "-o", options, "-l", Path(scratch, "log"))
        try:
            yield variables
        finally:
            server("pg_ctl", "stop", "-w", "-m", "immediate")


def check(source: Path) -> None:
    """Do all of it.

    :param source: folder of the Dockerfile.
    :raises SetupError: a step failed; says which and what it printed.
    """
    with stand_in() as root, database() as postgres:
        container = Container(root)
        for word, rest in instructions((source / "Dockerfile").read_text()):
            with step(f"{word} {rest[:60]}"):
                carry_out(container, word, rest, source)
        if container.user == "root" or not container.health:
            raise SetupError("the image would run as root, or without a health check")
        odoo = "odoo --database=attendance --skip-auto-install"
        with step("installing the addons as the image's user"):
            modules = ",".join(ADDONS)
            words = f"{odoo} --init={modules} --stop-after-init --no-http"
            container.run(words, **postgres)
        (port,) = free_ports(1)
        with step("starting Odoo until it is healthy"):
            env = postgres | {"ODOO_HTTP_PORT": str(port)}
            with (root / "tmp/odoo.log").open("wb") as log:
                process = subprocess.Popen(
                    container.command(f"exec {odoo}", env),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            try:
                _wait(container, port, process)
            finally:
                end(process)


def _wait(container: Container, port: int, process: subprocess.Popen[bytes]) -> None:
    """Run the health check until it is content."""
    health = container.health.replace(":8069/", f":{port}/")
    deadline = time.monotonic() + HEALTHY_WITHIN
    while process.poll() is None:
        try:
            container.run(health)
        except SetupError as exc:
            if time.monotonic() > deadline:
                raise SetupError(f"not healthy: {exc}") from exc
            time.sleep(1)
        else:
            return
    log = (container.root / "tmp/odoo.log").read_text(errors="replace")
    raise SetupError(f"Odoo ended with {process.returncode}:\n{log[-3000:]}")


def main(words: Sequence[str]) -> int:
    """Check the Dockerfile of this checkout; return the exit status."""
    argparse.ArgumentParser(
        prog="bin/check-dockerfile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(words)
    if os.geteuid() != 0:
        raise SetupError(
            "bin/check-dockerfile needs root, to make a Debian and enter it"
        )
    check(ROOT)
    print("The Dockerfile's steps work in the stand-in; see --help for what that is.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as exc:
        sys.exit(str(exc))
