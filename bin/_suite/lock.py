"""Write the hashes of pinned Python packages into the requirements files.

Change a pin `name==version`, then run this with the pip of any virtual environment:
`PYTHONPATH=bin python -m _suite.lock`. pip itself is asked, so the index is whatever
the machine is set up to use. Wheels for other systems than Linux on x86_64 and aarch64
and for Pythons outside 3.11 to 3.14 are left out.
"""

import re
import sys
from pathlib import Path

from pip._internal.commands import create_command
from pip._internal.index.collector import parse_links
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.link import Link

from .paths import ROOT

PIN = re.compile(r"^([\w.-]+)==([\w.]+)")
WHEEL = re.compile(
    r"-(py3|py2\.py3|cp3\d+)-(none|abi3|cp31[1-4])-"
    r"(any|[\w.]*manylinux[\w.]*_(x86_64|aarch64))\.whl$"
)
MINOR = re.compile(r"-cp3(\d+)-cp3\d+-")


def wanted(filename: str) -> bool:
    """Whether a file of the index is one that this suite would install."""
    if filename.endswith((".tar.gz", ".zip")):
        return True
    minor = MINOR.search(filename)
    return bool(WHEEL.search(filename)) and (
        minor is None or 11 <= int(minor.group(1)) <= 14
    )


class Index:
    """The package index that pip is configured for."""

    def __init__(self) -> None:
        command = create_command("download")
        self._options, _ = command.parse_args([])
        self._command = command

    def hashes(self, pins: dict[str, str]) -> dict[str, list[str]]:
        """Package name → sorted sha256 sums of the wanted files of its pin."""
        with self._command.main_context():
            session = self._command.get_default_session(self._options)
            finder = self._command._build_package_finder(self._options, session)
            return {name: self._of(finder, name, pin) for name, pin in pins.items()}

    @staticmethod
    def _of(finder: PackageFinder, name: str, version: str) -> list[str]:
        stem = re.compile(
            re.sub(r"[-_.]+", "[-_.]+", re.escape(name).replace("\\", ""))
            + "-"
            + re.escape(version)
            + r"(-|\.tar\.gz$|\.zip$)",
            re.IGNORECASE,
        )
        sums = set()
        for location in finder.search_scope.get_index_urls_locations(name):
            response = finder._link_collector.fetch_response(Link(location))
            for link in parse_links(response) if response else ():
                if stem.match(link.filename) and wanted(link.filename):
                    sums.add(link.hash)
        if not sums:
            raise SystemExit(f"no file found for {name}=={version}")
        return sorted(sums)


def lock(path: Path, index: Index) -> None:
    """Rewrite one requirements file with the hashes of its pins."""
    kept = [line for line in path.read_text().splitlines() if "--hash=" not in line]
    kept = [line.removesuffix("\\").rstrip() for line in kept]
    pins = dict(match.groups() for line in kept if (match := PIN.match(line)))
    found = index.hashes(pins)
    lines = []
    for line in kept:
        match = PIN.match(line)
        sums = (
            [f"    --hash=sha256:{total}" for total in found[match.group(1)]]
            if (match)
            else []
        )
        lines.append(" \\\n".join([line, *sums]))
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or ["", "-build", "-odoo", "-dev"]:
        lock(ROOT / f"requirements{name}.txt", Index())
