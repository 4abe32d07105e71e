"""Debian packages: files from another suite, and programs the machine lacks."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .shell import SetupError, run, step

ETC = Path("/etc/apt")
# What Odoo makes PDFs with; without it everything but printing works.
PRINTING = {"wkhtmltopdf": "wkhtmltopdf"}


@dataclass(frozen=True)
class Source:
    """One archive as apt's source files describe it.

    `suites` and `uris` are as written; `signed_by` is a key file, several, or a whole
    key block, "" when apt's own trusted keys apply.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    signed_by: str = ""

    def stanza(self, suite: str) -> str:
        """The same archive's `suite`, main component, in deb822 format."""
        lines = ["Types: deb", f"URIs: {' '.join(self.uris)}"]
        lines += [f"Suites: {suite}", "Components: main"]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def parse_deb822(text: str) -> list[Source]:
    """Sources in a `.sources` file; disabled and source-only stanzas are left out."""
    found = []
    text = "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("#")
    )
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line[:1] in (" ", "\t") and name:
                fields[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        usable = fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        if usable and "deb" in fields.get("types", "").split():
            uris = tuple(fields.get("uris", "").split())
            suites = tuple(fields.get("suites", "").split())
            found.append(Source(uris, suites, fields.get("signed-by", "")))
    return found


def parse_one_line(text: str) -> list[Source]:
    """Sources in a `.list` file: `deb [options] uri suite component…`."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)", line)
        if match:
            options, uri, suite = match.groups()
            pairs = dict(re.findall(r"([\w-]+)=(\S+)", options or ""))
            signed_by = pairs.get("signed-by", "").replace(",", " ")
            found.append(Source((uri,), (suite,), signed_by))
    return found


def machine_source(etc: Path = ETC, release: Path = Path("/etc/os-release")) -> Source:
    """The machine's own Debian archive, with `suites` narrowed to its main suite.

    :raises SetupError: this is no Debian, or it has no usable source.
    """
    facts = dict(re.findall(r'^(\w+)="?([^"\n]*)', release.read_text(), re.MULTILINE))
    if facts.get("ID") != "debian":
        raise SetupError(
            "Odoo can be fetched by itself on Debian only. Name an Odoo 19 checkout in "
            "ODOO_HOME or a package file in ODOO_DEB."
        )
    wanted = (facts.get("VERSION_CODENAME", ""), "stable", "testing", "unstable", "sid")
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix not in (".sources", ".list") or not file.is_file():
            continue
        parse = parse_deb822 if file.suffix == ".sources" else parse_one_line
        for source in parse(file.read_text()):
            for suite in source.suites:
                if suite in wanted:
                    return Source(source.uris, (suite,), source.signed_by)
    raise SetupError(f"no Debian source was found in {etc}; name ODOO_HOME or ODOO_DEB")


def fetch(packages: list[str], suite: str, folder: Path) -> list[Path]:
    """Download package files of `suite` into `folder` and return their paths.

    The system's own lists stay untouched and no root is needed; apt checks the
    signatures of the lists and the checksums of the files.
    """
    source = machine_source()
    sources, lists, cache = (folder / name for name in ("sources", "lists", "cache"))
    for path in (sources, lists / "partial", cache / "archives" / "partial"):
        path.mkdir(parents=True)
    stanza = source.stanza(suite or source.suites[0])
    (sources / "suite.sources").write_text(stanza)
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": sources,
        "Dir::State::Lists": lists,
        "Dir::Cache": cache,
        # The sandbox user cannot reach a private folder; the files are only data.
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Update::Error-Mode": "any",
    }
    options = [word for key, val in settings.items() for word in ("-o", f"{key}={val}")]
    run(["apt-get", *options, "--quiet", "update"], cwd=folder)
    run(["apt-get", *options, "--quiet", "download", *packages], cwd=folder)
    files = sorted(folder.glob("*.deb"))
    if len(files) != len(packages):
        raise SetupError(f"expected {len(packages)} package files, got {len(files)}")
    return files


def need_programs(programs: dict[str, str], why: str) -> None:
    """Have the given programs, installing their packages when one is root.

    :param programs: program (a name on PATH, or an absolute path with `*`) → package.
    :raises SetupError: some are missing and one is not root; says what to run.
    """
    missing = {pkg for program, pkg in programs.items() if not find_program(program)}
    if missing:
        install(sorted(missing), why)


def install(packages: list[str], why: str) -> None:
    """Install Debian packages as root.

    :raises SetupError: one is not root; says what to run.
    """
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SetupError(
            f"{' '.join(packages)} is missing ({why}). Run as root: {' '.join(command)}"
        )
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {' '.join(packages)} ({why})"):
        try:
            run(command, env=env)
        except SetupError:
            # Only a machine with no or old lists needs this.
            run(["apt-get", "update"], env=env)
            run(command, env=env)


def find_program(program: str) -> Path | None:
    """A program on PATH or in an sbin folder; with `*` the newest matching path."""
    if program.startswith("/"):
        found = sorted(Path("/").glob(program[1:]), key=lambda at: (len(str(at)), at))
        return found[-1] if found else None
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found_at = shutil.which(program, path=search)
    return Path(found_at) if found_at else None
