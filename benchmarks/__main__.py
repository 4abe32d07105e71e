"""`bin/bench`: all benchmarks, or those that are named."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from _suite.shell import SetupError, say

from . import (
    days,
    digit,
    imports,
    ingest,
    ingest_http,
    live,
    oauth,
    openspp,
    pages,
    push,
    sheet,
    terminals,
    timesheet,
    zk,
)
from .measure import Figure, save, table
from .place import Place, results_file

#: Name → what measures in a place of its own.
BENCHMARKS: dict[str, Callable[[Place], list[Figure]]] = {
    "ingest": ingest.run,
    "ingest_http": ingest_http.run,
    "oauth": oauth.run,
    "openspp": openspp.run,
    "digit": digit.run,
    "csv": sheet.run,
    "import": imports.run,
    "pages": pages.run,
    "timesheet": timesheet.run,
    "terminals": terminals.run,
    "zk": zk.run,
    "push": push.run,
    "live": live.run,
    "days": days.run,
}


def main(words: Sequence[str]) -> int:
    """Measure what `words` name; 1 when something that is demanded was missed."""
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description="Measure the suite beside the database's own limit. Prints a table "
        "and writes it, with the facts of the machine, to .run/bench.json.",
        epilog=f"names: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="turns of each side, of which the median counts (default 3); more of "
        "them help on a busy machine",
    )
    options = parser.parse_args(words)
    names = options.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}")
    if options.rounds < 1:
        parser.error("at least one round is needed")
    # So that an end by `kill` or by a closed terminal cleans up like Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    facts: dict[str, Any] = {}
    figures: list[Figure] = []
    for name in names:
        say(name)
        place = Place(options.rounds)
        with place.opened():
            facts = facts or place.facts()
            figures += BENCHMARKS[name](place)
    save(results_file(), facts, figures)
    sys.stdout.write(f"\n{table(figures)}\n")
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
