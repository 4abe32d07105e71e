"""Runs inside Odoo's shell: makes an API client; see `client.py`.

What is wanted and what came of it go by the file that `SPP_FACTS` names, so that the
secret is on no command line and in no log.
"""

import json
import os
from pathlib import Path
from typing import Any

from odoo.exceptions import UserError


def only_one(records: Any, what: str, name: str) -> Any:
    """The one record that was found.

    :raises UserError: there is none, or it could be several
    """
    if len(records) == 1:
        return records
    names = ", ".join(records.sudo().search([]).mapped("display_name")) or "none"
    found = "more than one" if records else "no"
    raise UserError(f"There is {found} {what} {name!r}. There are: {names}.")


def role_named(env: Any, name: str) -> Any:
    """A role by its external id or its name."""
    roles = env["spp.oauth.role"]
    record = env.ref(name, raise_if_not_found=False) if "." in name else None
    if record is not None and record._name == roles._name:
        return record
    return only_one(roles.search([("name", "=ilike", name)]), "role", name)


def new_client(env: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make the client that `wanted` describes; return the facts to print.

    :raises UserError: with a sentence for whoever asked
    """
    if "spp.oauth.client" not in env:
        raise UserError("spp_oauth isn't installed in this database.")
    values = {"purpose": "Made by bin/client"}
    company = env["res.company"]
    if login := wanted["user"]:
        user = env["res.users"].search([("login", "=", login)])
        if not user:
            raise UserError(f"There is no active user {login!r}.")
        if not env["spp.oauth.client"]._is_person(user):
            raise UserError(f"{login!r} is no person: nobody logs in by that name.")
        values["user_id"] = user.id
        company = user.company_id
    if name := wanted["company"]:
        found = env["res.company"].search([("name", "=", name)])
        company = only_one(found, "company", name)
        if login and company not in user.company_ids:
            raise UserError(f"{login!r} doesn't work for {name!r}.")
    company = company or env.company
    values["company_id"] = company.id
    if name := wanted["role"]:
        values["role_id"] = role_named(env, name).id
    locations = env.get("spp.attendance.location")
    if wanted["locations"] and locations is None:
        raise UserError("spp_attendance isn't installed in this database.")
    for name in wanted["locations"]:
        found = locations.search(
            [
                ("company_id", "=", company.id),
                "|",
                ("code", "=", name),
                ("complete_name", "=", name),
            ]
        )
        location = only_one(found, "location", name)
        values.setdefault("attendance_location_ids", []).append((4, location.id))
    if wanted["trusted_gateway"]:
        values["is_trusted_gateway"] = True
    if wanted["rate_limit"]:
        values["rate_limit"] = wanted["rate_limit"]
    client, secret = env["spp.oauth.client"]._new_client(
        wanted["name"], wanted["scope"].split(), **values
    )
    env.flush_all()
    base_url = env["ir.config_parameter"].get_param("web.base.url")
    return {
        "name": client.name,
        "client_id": client.client_id,
        "client_secret": secret,
        "scope": " ".join(sorted(client.scope_ids.mapped("name"))),
        "role": client.role_id.name or None,
        "user": client.user_id.login,
        "company": company.name,
        "trusted_gateway": client.is_trusted_gateway,
        "token_url": f"{base_url}/oauth2/token",
    }


path = Path(os.environ["SPP_FACTS"])
try:
    facts = new_client(env, json.loads(path.read_text()))  # noqa: F821 - the shell's
except UserError as exc:
    facts = {"error": str(exc)}
else:
    env.cr.commit()  # noqa: F821
    env.registry.signal_changes()  # noqa: F821 - to servers that are running
path.write_text(json.dumps(facts))
