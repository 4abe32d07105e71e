"""Run a program with the toolchain on its path and the database server up.

`python3 -m _suite.run psql -d spp_demo`; `bin/odoo` is `… run odoo`. `SPP_CLUSTER=test`
chooses the cluster that tests use, whose databases may be lost in a crash.
"""

import os
import signal
import subprocess
import sys

from . import postgres, toolchain
from .paths import ROOT, private_dir, state_dir
from .shell import SetupError


def main(words: list[str]) -> int:
    """Run `words`, in which a leading `odoo` is ours, and return its exit status."""
    tools = toolchain.ensure(dev=True)
    volatile = os.environ.get("SPP_CLUSTER") == "test"
    server = postgres.choose(private_dir(state_dir()), volatile=volatile)
    env = tools.env() | server.env()
    if words[:1] == ["odoo"]:
        env |= {"ODOO_RC": str(ROOT / "odoo.conf")}
        env |= {"ODOO_ADDONS_PATH": tools.addons_path()}
        env.setdefault("ODOO_DATA_DIR", str(state_dir() / "data"))
        words = [*tools.odoo_command(), *words[1:]]
    with server.running():
        # Ctrl-C reaches the program by itself; we stay to stop the server after it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        reset = signal.SIG_DFL
        return subprocess.run(
            words,
            env=env,
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT, reset),
        ).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (SetupError, PermissionError) as exc:
        sys.exit(f"{exc}")
