"""Make API clients from a shell, beside a running server or without one.

bin/client new NAME                        reads and writes attendance in its company
bin/client new NAME --scope "a b"          with other scopes
bin/client new NAME --role ROLE --location HALL
bin/client new NAME --user LOGIN           with the rights of a user there is
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import postgres, toolchain
from .database import Databases
from .paths import private_dir, state_dir
from .serve import Connection
from .shell import SetupError, say, write_atomic

SCOPES = "attendance:read attendance:write"
MAX_RATE = 1_000_000
SCRIPT = Path(__file__).with_name("new_client.py")


def parse(words: Sequence[str]) -> dict[str, Any]:
    """What is wanted, from a command line; ends the process when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="bin/client", description="Administer the API's clients from a shell."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser(
        "new",
        help="make a client",
        description="Make an API client with a user of its own and print a JSON object "
        "with its client_id and client_secret. The secret is not shown again.",
    )
    new.add_argument("name", metavar="NAME", help="what people call it")
    new.add_argument(
        "--scope", default=SCOPES, help=f'words between spaces; default: "{SCOPES}"'
    )
    whose = new.add_mutually_exclusive_group()
    whose.add_argument(
        "--role", help="name or external id of a role; default: what its scopes need"
    )
    whose.add_argument(
        "--user", metavar="LOGIN", help="act as this user, with just his rights"
    )
    new.add_argument(
        "--location",
        dest="locations",
        metavar="NAME",
        action="append",
        default=[],
        help="code or full name; where an officer-like client works; may be repeated",
    )
    new.add_argument(
        "--company", metavar="NAME", help="default: the user's, or the first one"
    )
    new.add_argument(
        "--rate-limit",
        type=_rate,
        metavar="N",
        help="requests a minute; default: 600",
    )
    new.add_argument(
        "--trusted-gateway",
        action="store_true",
        help="believe what it says about who is calling",
    )
    new.add_argument(
        "--database", metavar="DB", help="default: the one that bin/serve serves"
    )
    asked = vars(parser.parse_args(words))
    if not asked["name"].strip():
        parser.error("NAME is empty")
    return asked


def _rate(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"from 1 to {MAX_RATE}")
    return number


def new_client(
    databases: Databases, name: str, wanted: dict[str, Any]
) -> dict[str, Any]:
    """Make a client in the database `name`.

    :param wanted: what `parse` returns.
    :return: what there is to know about it, its secret among it.
    :raises SetupError: it cannot be made, and why.
    """
    if not databases.exists(name):
        raise SetupError(f"there is no database {name}; bin/serve makes one")
    exchange = private_dir(state_dir()) / f"client-{os.getpid()}.json"
    write_atomic(exchange, json.dumps(wanted))
    try:
        databases.shell(name, SCRIPT.read_text(), SPP_FACTS=str(exchange))
        facts = json.loads(exchange.read_text())
    finally:
        exchange.unlink(missing_ok=True)
    if "error" in facts:
        raise SetupError(facts["error"])
    return facts


def main(words: Sequence[str]) -> int:
    """Command line of `bin/client`; only the JSON object goes to stdout."""
    wanted = parse(words)
    state = private_dir(state_dir())
    # As for bin/run: the cluster of the tests on demand, with their toolchain.
    volatile = os.environ.get("SPP_CLUSTER") == "test"
    known = Connection.load(state / "connection.json")
    served = os.environ.get("SPP_DB") or (known.database if known else "spp_demo")
    name = wanted.pop("database") or served
    tools = toolchain.ensure(dev=volatile)
    server = postgres.choose(state, volatile=volatile)
    with server.running():
        databases = Databases(tools, server, state / "data")
        facts = new_client(databases, name, wanted)
    if known and known.database == name:
        facts["token_url"] = f"{known.url}/oauth2/token"
    facts["database"] = name
    print(json.dumps(facts, indent=2))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (SetupError, PermissionError) as exc:
        say(f"{exc}")
        sys.exit(1)
