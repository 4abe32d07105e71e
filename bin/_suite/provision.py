"""Runs inside Odoo's shell: gives a new database its password and its demo client.

Secrets come and go by the file that `SPP_FACTS` names, so they are on no command line.
"""

import json
import os
from pathlib import Path

path = Path(os.environ["SPP_FACTS"])
facts = json.loads(path.read_text())
admin = env.ref("base.user_admin")  # noqa: F821 - given by the shell
admin.write({"password": facts["password"]})
env["ir.config_parameter"].set_param("web.base.url", facts["url"])  # noqa: F821
facts["login"] = admin.login
if "spp.oauth.client" in env:  # noqa: F821
    client, secret = env["spp.oauth.client"]._new_client(  # noqa: F821
        name="Demo app",
        scopes=["attendance:read", "attendance:write"],
        purpose="Tries out the API",
        rate_limit=1_000_000,  # what tests and benchmarks need
    )
    facts |= {"client_id": client.client_id, "client_secret": secret}
env.cr.commit()  # noqa: F821
path.write_text(json.dumps(facts))
