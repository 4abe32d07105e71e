"""Odoo databases: installed, updated, kept as templates, cloned.

A database's files (Odoo's filestore) belong to it; what is done to one is done to both.
"""

import ast
import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from .apt import need_programs
from .paths import ROOT, private_dir
from .postgres import Server
from .shell import SetupError, digest, exclusive, run, say, step
from .toolchain import Toolchain

# What nearly everything stands on; cloned, so that it is installed once a machine.
BASE_MODULES = ("base", "web", "mail", "bus", "resource", "portal")
# A change of these needs no update of the database.
NOT_DATA = {"static", "tests", "readme", "__pycache__"}
DIGEST_KEY = "spp_suite.addons_digest"


class Databases:
    """The databases of one server, seen with one data folder.

    The server has to be running while a method is called.

    :param limit: seconds after which a program that a method runs is ended, and the
        method fails; None: it may take as long as it likes.
    """

    def __init__(
        self,
        tools: Toolchain,
        server: Server,
        data_dir: Path,
        *,
        limit: float | None = None,
    ) -> None:
        self._tools = tools
        self._server = server
        self._limit = limit
        self.data_dir = data_dir

    def env(self) -> dict[str, str]:
        """Environment in which Odoo finds code, settings, server and files."""
        return (
            self._tools.env()
            | self._server.env()
            | {
                "ODOO_RC": str(ROOT / "odoo.conf"),
                "ODOO_ADDONS_PATH": self._tools.addons_path(),
                "ODOO_DATA_DIR": str(private_dir(self.data_dir)),
            }
        )

    def query(self, sql: str, database: str = "postgres", **values: str) -> str:
        """Run SQL, in which `:'name'` stands for a value, not a secret one.

        :return: rows as `a|b` lines.
        """
        need_programs({"psql": "postgresql-client"}, "talking to the database server")
        sets = [word for key, val in values.items() for word in ("-v", f"{key}={val}")]
        options = ["-XAtq", "-v", "ON_ERROR_STOP=1", *sets, "-d", database]
        psql = ["psql", *options]
        return run(psql, env=self.env(), stdin=sql, limit=self._limit).strip()

    def exists(self, name: str) -> bool:
        """Whether there is a database of this name."""
        sql = "SELECT 1 FROM pg_database WHERE datname = :'name'"
        return self.query(sql, name=name) == "1"

    def drop(self, name: str) -> None:
        """Remove a database and its files, if there."""
        drop = 'DROP DATABASE IF EXISTS :"name"'
        try:
            self.query(f"{drop} WITH (FORCE)", name=name)
        except SetupError:
            # FORCE may not end a worker of autovacuum; without it, PostgreSQL does.
            self.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = :'name' AND usename = current_user",
                name=name,
            )
            self.query(drop, name=name)
        shutil.rmtree(self._files(name), ignore_errors=True)

    def rename(self, old: str, new: str) -> None:
        """Give a database another name; the database itself last, in one step."""
        shutil.rmtree(self._files(new), ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self._files(old).rename(self._files(new))
        self.query('ALTER DATABASE :"old" RENAME TO :"new"', old=old, new=new)

    def clone(self, template: str, name: str, source: Path | None = None) -> None:
        """Copy a database that nobody is connected to.

        :param source: data folder of the template, when it isn't ours.
        """
        files = (source or self.data_dir) / "filestore" / template
        if files.is_dir():
            shutil.rmtree(self._files(name), ignore_errors=True)
            private_dir(self._files(name).parent)
            shutil.copytree(files, self._files(name))
        sql = 'CREATE DATABASE :"name" TEMPLATE :"template"'
        self.query(sql, name=name, template=template)

    def copy_bundles(self, source: str, name: str) -> None:
        """Have the scripts and style sheets that Odoo has put together for `source`.

        Odoo takes what it finds only if it is made of the very same files, so whatever
        differs between the two databases is put together anew.
        """
        sql = (
            "SELECT coalesce(json_agg(json_build_object('name', name, 'url', url,"
            " 'mimetype', mimetype, 'store_fname', store_fname,"
            " 'checksum', checksum, 'file_size', file_size)), '[]')"
            " FROM ir_attachment WHERE url LIKE '/web/assets/%' AND create_uid = 1"
            " AND res_model = 'ir.ui.view' AND res_id = 0 AND store_fname > ''"
        )
        rows = self.query(sql, source)
        for row in json.loads(rows):
            target = self._files(name) / row["store_fname"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._files(source) / row["store_fname"], target)
        columns = "name, url, mimetype, store_fname, checksum, file_size"
        self.query(
            f"INSERT INTO ir_attachment ({columns}, type, public, res_model, res_id,"
            " create_uid, write_uid, create_date, write_date)"
            f" SELECT {columns}, 'binary', true, 'ir.ui.view', 0, 1, 1, now(), now()"
            " FROM json_populate_recordset(NULL::ir_attachment, :'rows')",
            name,
            rows=rows,
        )

    def install(
        self, name: str, modules: Sequence[str], *, demo: bool, log: Path
    ) -> None:
        """Install modules into a database, which is made if it doesn't exist."""
        demo_option = ["--with-demo"] if demo else []
        self._odoo(name, log, "--init", ",".join(modules), *demo_option)

    def update(self, name: str, modules: Sequence[str], *, log: Path) -> None:
        """Load the current data of modules, installing those that are new."""
        names = ",".join(modules)
        self._odoo(name, log, "--init", names, "--update", names)

    def shell(self, name: str, script: str, **env: str) -> None:
        """Run a script in Odoo's shell, where it finds `env`; it commits by itself."""
        command = [*self._tools.odoo_command(), "shell", "-d", name, "--no-http"]
        command += ["--log-level=warn"]
        run(command, env=self.env() | env, stdin=script, limit=self._limit)

    def template(self, modules: Sequence[str] = (), *, demo: bool = False) -> str:
        """Name of a database with the modules and what nearly everything stands on.

        Made once for each state of the modules' files; a clone of it costs a second.
        Older ones for the same modules are dropped.
        """
        modules = tuple(modules)
        kind = "_".join(["spp_template", *modules[-1:], *(["demo"] if demo else [])])
        key = digest(str(self._tools.python), addons_digest(modules), repr(modules))
        name = f"{kind[:40]}_{key}"
        with exclusive(private_dir(self.data_dir) / "template.lock", "a template"):
            if self.exists(name):
                return name
            for old in self.query("SELECT datname FROM pg_database").splitlines():
                if old.removesuffix("_new").rpartition("_")[0] == kind[:40]:
                    self.drop(old)
            scratch = f"{name}_new"
            self.drop(scratch)
            if modules and not demo:
                place = self.data_dir / "base"
                base = Databases(self._tools, self._server, place, limit=self._limit)
                self.clone(base.template(), scratch, source=base.data_dir)
            with step(f"installing {', '.join(modules or BASE_MODULES)}"):
                log = self.data_dir / "template.log"
                self.install(scratch, modules or BASE_MODULES, demo=demo, log=log)
            self.rename(scratch, name)
        return name

    def digest_of(self, name: str) -> str:
        """The state of the addons that the database was last brought to, "" if none."""
        sql = "SELECT value FROM ir_config_parameter WHERE key = :'key'"
        return self.query(sql, name, key=DIGEST_KEY)

    def set_parameter(self, name: str, key: str, value: str) -> None:
        """Write a system parameter of a database that no Odoo is running on."""
        sql = (
            "INSERT INTO ir_config_parameter (key, value) VALUES (:'key', :'value') "
            "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
        )
        self.query(sql, name, key=key, value=value)

    def move_issuer(self, name: str, old: str, new: str) -> None:
        """Let tokens come from the new address, unless somebody has set another one."""
        sql = (
            "UPDATE ir_config_parameter SET value = :'new' "
            "WHERE key = 'spp_oauth.issuer' AND value = :'old'"
        )
        self.query(sql, name, old=old, new=new)

    def _files(self, name: str) -> Path:
        return self.data_dir / "filestore" / name

    def _odoo(self, name: str, log: Path, *arguments: str) -> None:
        options = ["-d", name, "--no-http", "--stop-after-init", "--skip-auto-install"]
        # The log goes on over several runs, so a failure is looked for in the new part.
        start = log.stat().st_size if log.exists() else 0
        command = [*self._tools.odoo_command(), *options, *arguments]
        try:
            run([*command, "--logfile", log], env=self.env(), limit=self._limit)
        except SetupError as exc:
            raise SetupError(f"{exc}\n{_tail(log, start)}") from exc
        log.chmod(0o600)
        for line in _tail(log, start, 10**6).splitlines():
            if " ERROR " in line or " CRITICAL " in line:
                say(f"  ! {line}")


def _tail(log: Path, start: int, lines: int = 25) -> str:
    """The last lines of what was written to `log` after byte `start`."""
    if not log.exists():
        return ""
    with log.open("rb") as handle:
        handle.seek(start)
        text = handle.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def own_modules(modules: Iterable[str]) -> list[str]:
    """Those of the modules, and of what they depend on, that lie in this checkout."""
    found: list[str] = []
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        manifest = ROOT / name / "__manifest__.py"
        if name not in found and manifest.is_file():
            found.append(name)
            waiting += ast.literal_eval(manifest.read_text()).get("depends", [])
    return sorted(found)


def addons_digest(modules: Iterable[str]) -> str:
    """Hash of the files of our modules that decide what is in the database."""
    parts: list[str | Path] = []
    for module in own_modules(modules):
        for folder, folders, files in os.walk(ROOT / module):
            folders[:] = sorted(set(folders) - NOT_DATA)
            for file in sorted(files):
                path = Path(folder, file)
                if path.suffix not in (".pyc", ".md"):
                    parts += [str(path.relative_to(ROOT)), path]
    return digest(*parts)
