"""Start the product, keep it running, stop it; for people, scripts and tests.

bin/serve                  until Ctrl-C
bin/serve --workers 2      the production shape: prefork workers behind nginx
bin/serve --detach | --status | --stop
"""

import argparse
import contextlib
import ctypes
import dataclasses
import fcntl
import http.client
import json
import os
import random
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from . import apt, nginx, postgres, toolchain
from .database import DIGEST_KEY, Databases, addons_digest
from .paths import ADDONS, ROOT, private_dir, state_dir
from .shell import SetupError, digest, exclusive, say, step, write_atomic

HOST = "127.0.0.1"
READY_TIMEOUT = 180
STOP_TIMEOUT = 60
PR_SET_PDEATHSIG = 1
# They run in Odoo's shell.
PROVISION = Path(__file__).with_name("provision.py")
ASSETS = Path(__file__).with_name("assets.py")


@dataclasses.dataclass
class Connection:
    """What a client needs to know; kept in `connection.json`, mode 600.

    The client id and secret are None when the OAuth addon isn't installed.
    """

    url: str
    database: str
    login: str
    password: str
    client_id: str | None = None
    client_secret: str | None = None

    @classmethod
    def load(cls, path: Path) -> "Connection | None":
        """The facts in a file, None if it is missing or was written by other code."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, path: Path) -> None:
        write_atomic(path, json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    def curl(self) -> str:
        """One line for a shell that gets a token and reads five records with it."""
        token = (
            f"curl -s -u {shlex.quote(f'{self.client_id}:{self.client_secret}')} "
            f"-d grant_type=client_credentials {self.url}/oauth2/token "
            """| sed -E 's/.*"access_token": *"([^"]+)".*/\\1/'"""
        )
        records = f"{self.url}/api/attendance/records?limit=5"
        return f'curl -s -H "Authorization: Bearer $({token})" {shlex.quote(records)}'


class Server:
    """One Odoo with its database, and nginx in front of it if it has workers.

    :param state: private folder for logs, files and secrets; one server at a time.
    :param database: made with `addons` when it doesn't exist.
    :param port: on 127.0.0.1; 0 takes a free one.
    :param workers: HTTP worker processes; 0 is one threaded process, whose port also
        serves the websocket.
    :param demo: install demo data.
    :param volatile: use the cluster for throw-away databases, and its templates.
    :param replica: serve read-only requests as if from a hot standby, on which a
        write fails.
    :param cluster_state: state folder whose private cluster is used, if not `state`.
    :param tools: what to run it with; made at the start if not given.
    """

    def __init__(
        self,
        *,
        state: Path | None = None,
        database: str = "spp_demo",
        addons: Sequence[str] = ADDONS,
        port: int = 8069,
        workers: int = 0,
        demo: bool = True,
        volatile: bool = False,
        replica: bool = False,
        cluster_state: Path | None = None,
        tools: toolchain.Toolchain | None = None,
    ) -> None:
        self.state = private_dir(state or state_dir())
        self.database = database
        self.addons = tuple(addons)
        self.workers = workers
        self.demo = demo
        self.volatile = volatile
        self.replica = replica
        self.tools = tools
        self.port = port or free_ports(1)[0]
        self.url = f"http://{HOST}:{self.port}"
        self.log = self.state / "odoo.log"
        self.facts = self.state / "connection.json"
        self._children = self.state / "serve.children"
        self.cluster_state = cluster_state or self.state
        self.server = postgres.choose(self.cluster_state, volatile=volatile)
        self._processes: list[subprocess.Popen[bytes]] = []
        # Ports and paths that answer once everything is up.
        self._pages: list[tuple[int, str]] = []
        self._resources = contextlib.ExitStack()

    def start(self) -> Connection:
        """Set up what is missing, start, and return when requests are answered.

        :raises SetupError: something is in the way; nothing is left running then.
        """
        try:
            self._resources.enter_context(only_one(self.state))
            self._end_orphans()
            self._check_port()
            self.tools = tools = self.tools or toolchain.ensure()
            self._resources.enter_context(self.server.running())
            databases = Databases(tools, self.server, self.state / "data")
            connection = self._prepare(databases)
            with step("starting Odoo"):
                self._launch(tools, databases.env())
                self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return connection

    def stop(self) -> None:
        """Stop everything that was started, last first, and wait for it."""
        while self._processes:
            end(self._processes.pop())
            self._children.unlink(missing_ok=True)
        self._resources.close()

    def wait(self) -> None:
        """Return when one of the processes ends by itself.

        :raises SetupError: always then, as they are meant to run for ever.
        """
        while True:
            for process in self._processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = process.wait(timeout=0.5)
                    name = Path(str(process.args[-1])).name
                    raise SetupError(
                        f"{name} ended with {status}; see {self.state}/*.log"
                    )

    @property
    def pids(self) -> list[int]:
        """Process ids of what runs: Odoo's main process, then nginx's."""
        return [process.pid for process in self._processes]

    def _end_orphans(self) -> None:
        """End what a killed predecessor started, should it still be about.

        A number alone may belong to another program by now, so the command line has to
        name a file in our state folder, too.
        """
        try:
            pids = [int(word) for word in self._children.read_text().split()]
        except FileNotFoundError:
            return
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                if os.fsencode(self.state) + b"/" in command:
                    # It has been asked to end by the kernel already.
                    os.killpg(pid, signal.SIGKILL)
                    say(f"  ! ended process {pid} that a killed bin/serve left")
                    await_end(pid)
        self._children.unlink()

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as exc:
                raise SetupError(
                    f"{HOST}:{self.port} cannot be used ({exc.strerror}). Set SPP_PORT "
                    "to a free port, or stop what uses it."
                ) from exc

    def _prepare(self, databases: Databases) -> Connection:
        """Bring the database to the state of the code; return how to connect."""
        wanted = addons_digest(self.addons)
        known = Connection.load(self.facts)
        if not databases.exists(self.database):
            return self._create(databases, wanted)
        if databases.digest_of(self.database) != wanted:
            with step("updating the database to the current addons"):
                databases.update(self.database, self.addons, log=self.log)
                databases.set_parameter(self.database, DIGEST_KEY, wanted)
        if known is None or known.database != self.database:
            known = self._provision(databases, self.database)
            known.save(self.facts)
            return known
        if known.url != self.url:
            databases.set_parameter(self.database, "web.base.url", self.url)
            databases.move_issuer(self.database, known.url, self.url)
            known.url = self.url
        known.save(self.facts)
        return known

    def _create(self, databases: Databases, wanted: str) -> Connection:
        """Make the database under a scratch name, which becomes its own at the end.

        So an interrupted first start leaves nothing that looks ready.
        """
        scratch = f"{self.database}_new"
        databases.drop(scratch)
        if self.volatile and not self.demo:
            with step(f"cloning database {self.database}"):
                connection = self._clone(databases, scratch)
        else:
            with step(f"creating database {self.database} (about a minute)"):
                databases.install(scratch, self.addons, demo=self.demo, log=self.log)
            connection = self._provision(databases, scratch)
        connection.save(self.facts)
        databases.set_parameter(scratch, DIGEST_KEY, wanted)
        databases.rename(scratch, self.database)
        return connection

    def _clone(self, databases: Databases, name: str) -> Connection:
        """Copy a database that has been provisioned, and serve it from our address.

        Its password, its client and what browsers load first are made once for all
        servers: that takes as long as such a server's start.
        """
        # Beside the cluster they lie in, as several servers share both.
        folder = private_dir(self.cluster_state / "templates")
        tools = self.tools or toolchain.ensure()
        plain = Databases(tools, self.server, folder)
        shared = Databases(tools, self.server, private_dir(folder / "served"))
        kind = f"spp_served_{self.addons[-1]}"[:40]
        with exclusive(folder / "served.lock", "a template"):
            installed = plain.template(self.addons)
            template = f"{kind}_{digest(installed, PROVISION, ASSETS)}"
            facts = shared.data_dir / f"{template}.json"
            made = Connection.load(facts)
            if made is None or not shared.exists(template):
                for old in shared.query("SELECT datname FROM pg_database").splitlines():
                    if old.removesuffix("_new").rpartition("_")[0] == kind:
                        shared.drop(old)
                        (shared.data_dir / f"{old}.json").unlink(missing_ok=True)
                scratch = f"{template}_new"
                shared.clone(installed, scratch, source=plain.data_dir)
                made = self._provision(shared, scratch)
                shared.shell(scratch, ASSETS.read_text())
                made.save(facts)
                shared.rename(scratch, template)
            databases.clone(template, name, source=shared.data_dir)
        databases.set_parameter(name, "web.base.url", self.url)
        databases.move_issuer(name, made.url, self.url)
        return dataclasses.replace(made, url=self.url, database=self.database)

    def _provision(self, databases: Databases, name: str) -> Connection:
        """Give the database an administrator's password and a demo client."""
        exchange = self.state / "provision.json"
        script = PROVISION.read_text()
        with step("making the administrator's password and a demo client"):
            password = secrets.token_urlsafe(12)
            given = {"password": password, "url": self.url, "database": self.database}
            write_atomic(exchange, json.dumps(given))
            try:
                databases.shell(name, script, SPP_FACTS=str(exchange))
                connection = Connection.load(exchange)
            finally:
                exchange.unlink()
        if connection is None:
            raise SetupError("Odoo's shell did not set up the database; see odoo.log")
        return connection

    def _launch(self, tools: toolchain.Toolchain, env: dict[str, str]) -> None:
        http_port = self.port
        options = ["-d", self.database, "--workers", str(self.workers)]
        if self.workers:
            http_port, gevent_port = free_ports(2)
            self._pages = [(gevent_port, "/web/health")]
            options += ["--proxy-mode", "--gevent-port", str(gevent_port)]
        if self.replica:
            options += ["--dev=replica", "--db_replica_host", env.get("PGHOST", "")]
        # In this order: the proxy is asked when there is somebody behind it.
        self._pages += [(http_port, "/web/health"), (self.port, "/web/login")]
        options += ["--http-interface", HOST, "--http-port", str(http_port)]
        options += ["--logfile", str(self.log)]
        self._spawn([*tools.odoo_command(), *options], env)
        self.log.touch(0o600)
        if self.workers:
            command = nginx.configure(self.state, self.port, http_port, gevent_port)
            self._spawn(command, dict(os.environ))

    def _spawn(self, command: Sequence[str], env: dict[str, str]) -> None:
        """Start a process that a Ctrl-C at the keyboard doesn't reach but ours does."""
        with (self.state / "serve.log").open("ab") as output:
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=env,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,
                )
            )
        write_atomic(self._children, " ".join(map(str, self.pids)))

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not all(answers(port, path) for port, path in self._pages):
            for process in self._processes:
                if process.poll() is not None:
                    raise SetupError(
                        f"{process.args[-1]} ended with {process.returncode} at once; "
                        f"see {self.log} and {self.state / 'serve.log'}"
                    )
            if time.monotonic() > deadline:
                raise SetupError(f"no answer in {READY_TIMEOUT} s; see {self.log}")
            time.sleep(0.1)


def _end_with_parent() -> None:
    """Runs in a new child: have the kernel end it should we be killed outright."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(process: subprocess.Popen[Any], timeout: float = STOP_TIMEOUT) -> None:
    """Ask a process to end and wait; kill its whole session if it won't."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def await_end(pid: int, timeout: float = STOP_TIMEOUT) -> None:
    """Wait for a killed process that is no child of ours.

    Its command line is empty from its end on, even if nobody reaps it.
    """
    deadline = time.monotonic() + timeout
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{pid}/cmdline").read_bytes() and time.monotonic() < deadline:
            time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Different TCP ports on 127.0.0.1 that nobody uses at the moment.

    From below those that the system gives away by itself: until the server takes them
    nobody else gets one by chance.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            if port not in ports:
                ports.append(port)
    return ports


def answers(port: int, path: str) -> bool:
    """Whether GET `path` on 127.0.0.1 gives 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Be the one server of a state folder; the lock ends with the process.

    The pid file says whom to stop; only the lock says that anybody is there.
    """
    pid_file = state / "serve.pid"
    with (state / "serve.lock").open("a") as handle:
        if not _try_lock(handle):
            raise SetupError(f"already running from {state}; bin/serve --stop ends it")
        write_atomic(pid_file, f"{os.getpid()}\n")
        try:
            yield
        finally:
            pid_file.unlink(missing_ok=True)


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def running_pid(state: Path) -> int | None:
    """Process that serves a state folder, None if there is none, however it ended."""
    with (
        contextlib.suppress(FileNotFoundError),
        (state / "serve.lock").open() as handle,
    ):
        if not _try_lock(handle):
            return int((state / "serve.pid").read_text())
    return None


def stop_running(state: Path) -> int:
    """Stop the server of a state folder, if any, and wait for it."""
    pid = running_pid(state)
    if pid is None:
        say("not running")
        return 0
    with step("stopping"):
        os.kill(pid, signal.SIGTERM)
        with (state / "serve.lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
    return 0


def announce(connection: Connection) -> None:
    """Print how to use the running product."""
    print(f"\n  Attendance is at   {connection.url}")
    print(f"  login              {connection.login}")
    print(f"  password           {connection.password}")
    if connection.client_id:
        print(f"  client id          {connection.client_id}")
        print(f"  client secret      {connection.client_secret}")
        print(f"\n  Attendance by the API:\n\n{connection.curl()}\n", flush=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def foreground(server: Server, detached: int | None = None) -> int:
    """Serve until asked to stop.

    :param detached: pipe to close when ready, after letting go of the terminal.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    status = 130
    try:
        connection = server.start()
        status = 0
        announce(connection)
        if detached is None:
            say("Ctrl-C stops it.")
        else:
            _let_go(server.state / "serve.log")
            os.write(detached, b"ready")
            os.close(detached)
        server.wait()
    except KeyboardInterrupt:
        pass
    except SetupError as exc:
        say(f"\n{exc}")
        status = 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if server.pids:
        with step("stopping"):
            server.stop()
    return status


def _let_go(log: Path) -> None:
    """Leave the terminal, or the pipe of a script, to those who still need it."""
    with Path(os.devnull).open() as nothing, log.open("ab") as output:
        os.dup2(nothing.fileno(), 0)
        sys.stdout.flush()
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)


def detach(server: Server) -> int:
    """Serve in the background; return when it is ready, or has failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        os._exit(foreground(server, detached=writing))
    os.close(writing)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with os.fdopen(reading, "rb") as pipe:
            ready = pipe.read() == b"ready"
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return 130
    return 0 if ready else 1


def _have_printing() -> None:
    """Have what makes PDFs, if it can be had: all else works without it."""
    try:
        apt.need_programs(apt.PRINTING, "printing attendance sheets")
    except SetupError as exc:
        say(f"  ! {exc}")


def main(words: Sequence[str]) -> int:
    """Command line of `bin/serve`."""
    parser = argparse.ArgumentParser(
        prog="bin/serve",
        description="Set up whatever is missing and serve the attendance suite on "
        "127.0.0.1. SPP_PORT, SPP_DB, SPP_ADDONS and SPP_STATE change its defaults.",
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="prefork HTTP workers behind nginx"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--detach", action="store_true", help="return when ready")
    action.add_argument("--stop", action="store_true", help="stop a running one")
    action.add_argument("--status", action="store_true", help="is it running?")
    asked = parser.parse_args(words)
    if asked.stop:
        return stop_running(state_dir())
    if asked.status:
        pid = running_pid(state_dir())
        connection = Connection.load(state_dir() / "connection.json")
        if pid is None or connection is None:
            print("not running")
            return 3
        announce(connection)
        return 0
    _have_printing()
    server = Server(
        database=os.environ.get("SPP_DB", "spp_demo"),
        addons=os.environ.get("SPP_ADDONS", ",".join(ADDONS)).split(","),
        port=int(os.environ.get("SPP_PORT", "8069")),
        workers=asked.workers,
    )
    return detach(server) if asked.detach else foreground(server)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (SetupError, PermissionError) as problem:
        sys.exit(str(problem))
