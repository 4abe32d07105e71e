"""A private PostgreSQL cluster on a unix socket, or the server that one has.

Several processes may use the private cluster at once. Each holds a shared lock; who
comes first starts the server and who leaves last stops it. The kernel drops the lock
of a killed process, so nothing has to be cleaned up by hand.
"""

import configparser
import contextlib
import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from .apt import find_program, need_programs
from .paths import MODE_PRIVATE, ROOT, private_dir
from .shell import SetupError, digest, exclusive, run, step

# A socket's path may have 107 bytes, of which PostgreSQL uses some for the file name.
MAX_SOCKET_DIR = 85
SERVER_USER = "postgres"
# Odoo refuses to work as "postgres"; this role may create databases and nothing else.
ROLE = "odoo"
ROOT_HOME = Path("/var/lib/spp-attendance")
# Above the largest number that Linux gives to a process.
UNUSED_PID = 2**22 + 1
ORPHANS_TIMEOUT = 15
BINARIES = "/usr/lib/postgresql/*/bin"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "log_min_duration_statement": "5s",
    "log_line_prefix": "%m [%p] %d ",
    "max_wal_size": "2GB",
}
# For databases that are thrown away: a crash may lose them, everything else is alike.
SETTINGS_VOLATILE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class Server(Protocol):
    """What needs a database sees of either kind of server."""

    def env(self) -> dict[str, str]:
        """Variables by which libpq and Odoo find the server."""

    def running(self) -> contextlib.AbstractContextManager[None]:
        """Have the server up inside the block."""


class External:
    """A server that `PGHOST` or `odoo.conf` names; never started or stopped by us."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings

    def env(self) -> dict[str, str]:
        return dict(self._settings)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        yield


class Cluster:
    """A private cluster, made on first use.

    :param state: folder of the product that uses it; it keys the cluster's place.
    :param volatile: for tests: faster, and not safe against a crash of the machine.
    """

    def __init__(self, state: Path, *, volatile: bool = False) -> None:
        self.volatile = volatile
        name = "postgres-test" if volatile else "postgres"
        self._as_root = os.geteuid() == 0
        # The server programs refuse to run as root, and the user who runs them instead
        # must be able to reach the folder, which root's own are not.
        self.home = (
            ROOT_HOME / digest(str(state)) / name if self._as_root else (state / name)
        )
        self.data = self.home / "data"
        self.log = self.home / "server.log"

    @property
    def socket(self) -> Path:
        """Folder of the socket: beside the data unless that path is too long."""
        if len(str(self.home)) <= MAX_SOCKET_DIR:
            return self.home
        return Path(f"/tmp/spp-{os.geteuid()}-{digest(str(self.home))}")

    def env(self) -> dict[str, str]:
        return {"PGHOST": str(self.socket), "PGUSER": ROLE, "PGPORT": "5432"}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        lock = self._join()
        try:
            yield
        finally:
            self._leave(lock)

    def pid(self) -> int | None:
        """Process id of the running server, None when there is none.

        The pid file of a crashed server names a process that is gone, that nobody has
        reaped, or that is another program by now: only a command line with our data
        folder counts.
        """
        try:
            pid = int(self._pid_file.read_text().split()[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return None
        return pid if os.fsencode(self.data) in words else None

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _join(self) -> IO[str]:
        """Start the server if needed and return the open lock that says we use it."""
        self._make_home()
        with exclusive(self.home / "admin.lock", "the start of PostgreSQL"):
            if not (self.data / "complete").exists():
                self._create()
            if self.pid() is None:
                self._start()
            users = (self.home / "users.lock").open("a")
            fcntl.flock(users, fcntl.LOCK_SH)
        return users

    def _leave(self, users: IO[str]) -> None:
        """Give up our use and stop the server if it was the last one."""
        with users, exclusive(self.home / "admin.lock", "others to start PostgreSQL"):
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self.pid() is not None:
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", self.data)

    def _make_home(self) -> None:
        if not find_program(f"{BINARIES}/initdb"):
            need_programs(
                {
                    f"{BINARIES}/initdb": "postgresql",
                    "/usr/share/postgresql/*/extension/btree_gist.control": (
                        "postgresql-contrib"
                    ),
                },
                "the database server; or name one in PGHOST",
            )
        if self._as_root:
            ROOT_HOME.mkdir(mode=0o755, exist_ok=True)
            self.home.parent.mkdir(mode=0o755, exist_ok=True)
            self.home.mkdir(mode=MODE_PRIVATE, exist_ok=True)
            owner = pwd.getpwnam(SERVER_USER)
            os.chown(self.home, owner.pw_uid, owner.pw_gid)
        else:
            private_dir(self.home)
        if self.socket != self.home:
            # Others may write to /tmp: a folder that somebody else made isn't used.
            with contextlib.suppress(FileExistsError):
                self.socket.mkdir(mode=MODE_PRIVATE)
            found = self.socket.lstat()
            mine = pwd.getpwnam(SERVER_USER).pw_uid if self._as_root else os.geteuid()
            if self._as_root and found.st_uid == 0:
                os.chown(self.socket, mine, -1, follow_symlinks=False)
                found = self.socket.lstat()
            if self.socket.is_symlink() or found.st_uid != mine:
                raise SetupError(f"{self.socket} belongs to somebody else; remove it")

    def _create(self) -> None:
        # Whoever may enter the socket's folder (mode 700) is trusted, nobody else.
        with step("creating a private PostgreSQL cluster"):
            self._run("rm", "-rf", self.data)
            options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
            sync = ["--no-sync"] if self.volatile else []
            self._run("initdb", "-D", self.data, "-U", SERVER_USER, *options, *sync)
            settings = SETTINGS | (SETTINGS_VOLATILE if self.volatile else {})
            with (self.data / "postgresql.conf").open("a") as conf:
                conf.writelines(f"{key} = '{val}'\n" for key, val in settings.items())
            self._start()
            query = f"CREATE ROLE {ROLE} LOGIN CREATEDB"
            self._run(
                "psql",
                "-h",
                self.socket,
                "-U",
                SERVER_USER,
                "-d",
                "postgres",
                "-qc",
                query,
            )
            self._run("touch", self.data / "complete")

    def _start(self) -> None:
        crashed = self._pid_file.exists()
        if crashed:
            # PostgreSQL would take any process of that number for itself. Its other
            # check, whether the old memory is still in use, needs the other lines.
            rest = self._pid_file.read_text().splitlines(keepends=True)[1:]
            self._pid_file.write_text("".join([f"{UNUSED_PID}\n", *rest]))
            for lock in self.socket.glob(".s.PGSQL.*.lock"):
                lock.unlink()
        command = ["pg_ctl", "start", "-w", "-t", "60", "-D", self.data]
        # Said at every start: where the checkout lies now decides it.
        command += ["-l", self.log, "-o", f"-k '{self.socket}'"]
        deadline = time.monotonic() + ORPHANS_TIMEOUT
        with step("starting PostgreSQL"):
            while True:
                try:
                    self._run(*command)
                except SetupError:
                    # Sessions that outlive a crashed server end by themselves, soon.
                    if not crashed or time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)
                else:
                    return

    def _run(self, program: str, *arguments: str | Path) -> str:
        """Run a server program as the user that owns the cluster."""
        folder = find_program(BINARIES)
        path = folder / program if folder and (folder / program).exists() else program
        # The folder one stands in may be closed to that user.
        return run(
            [path, *arguments],
            cwd=Path("/"),
            user=SERVER_USER if self._as_root else None,
        )


def choose(state: Path, *, volatile: bool = False) -> Server:
    """The server to use: one that is named, else a private cluster."""
    if os.environ.get("PGHOST"):
        return External({})
    conf = configparser.RawConfigParser()
    conf.read([ROOT / "odoo.conf", os.environ.get("ODOO_RC", "")])
    options = conf["options"] if conf.has_section("options") else {}
    names = {
        "PGHOST": "db_host",
        "PGPORT": "db_port",
        "PGUSER": "db_user",
        "PGPASSWORD": "db_password",
    }
    found = {
        variable: options[name]
        for variable, name in names.items()
        if options.get(name, "False") not in ("", "False")
    }
    if "PGHOST" in found:
        return External(found)
    return Cluster(state, volatile=volatile)
