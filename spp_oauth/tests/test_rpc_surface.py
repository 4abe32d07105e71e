"""No way around the token endpoint: what people can call reveals and makes nothing.

Every public method of the suite, and what the ORM lets anybody call on models of API
access, is called as people of all kinds, with true credentials for its arguments.
"""

import inspect
import json
import re
from typing import NamedTuple
from unittest.mock import patch
from xmlrpc.client import MAXINT, Fault, ServerProxy

from passlib.context import CryptContext

from odoo import fields
from odoo.exceptions import AccessError
from odoo.service.model import get_public_method
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..oauth import keys, secrets
from ..oauth.errors import InvalidToken
from .common import OAuthCase
from .in_process import InProcess, InProcessXmlRpc

OURS = "odoo.addons.spp_"

#: What the ORM and the web client offer on any model, to read: an administrator of the
#: API has the right to call it.
READING = frozenset(
    {
        "export_data",
        "fetch",
        "fields_get",
        "formatted_read_group",
        "formatted_read_grouping_sets",
        "get_views",
        "name_search",
        "onchange",
        "read",
        "read_progress_bar",
        "search",
        "search_count",
        "search_fetch",
        "search_panel_select_multi_range",
        "search_panel_select_range",
        "search_read",
        "web_name_search",
        "web_read",
        "web_read_group",
        "web_search_read",
    }
)

#: And what they offer beside.
GENERIC = READING | {
    "copy",
    "copy_data",
    "create",
    "default_get",
    "get_external_id",
    "get_metadata",
    "load",
    "name_create",
    "unlink",
    "web_save",
    "web_save_multi",
    "write",
}


#: What no answer may hold, whatever it is of.
REVEALING = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"  # a signed token
    r"|PRIVATE KEY"
    r"|\$pbkdf2"
    r"|\$scrypt"
    r"|\$argon2"
)

#: What differs from one answer to the next: times, numbers and UUIDs.
VARYING = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\d+")

#: A digest of everything that minting or changing credentials would touch.
STATE = """
SELECT md5(array_to_string(ARRAY[
    (SELECT concat_ws(',', count(*), max(id), count(revoked_at)) FROM spp_oauth_token),
    (SELECT string_agg(
         row(id, active, user_id, secret_hash, previous_secret_hash, public_keys)::text,
         ',' ORDER BY id
     ) FROM spp_oauth_client),
    (SELECT string_agg(row(id, private_pem, state)::text, ',' ORDER BY id)
     FROM spp_oauth_key),
    (SELECT count(*)::text FROM spp_oauth_event
     WHERE kind IN ('issued', 'revoked', 'secret', 'key')),
    (SELECT string_agg(row(uid, gid)::text, ',' ORDER BY uid, gid)
     FROM res_groups_users_rel),
    (SELECT count(*)::text FROM res_users_apikeys),
    (SELECT string_agg(row(key, value)::text, ',' ORDER BY key)
     FROM ir_config_parameter WHERE key LIKE 'spp\\_oauth.%')
], ';', '-'))
"""

DENIED = "You are not allowed to access"

NOISY = (
    "odoo.http",
    "odoo.models",
    "odoo.sql_db",
    "odoo.addons.base.models.ir_rule",
    "odoo.addons.rpc.controllers.xmlrpc",
)


class Credentials(NamedTuple):
    """What somebody could try to have verified, or to find."""

    token: str
    secret: str
    secret_hash: str
    pem: str


class Call(NamedTuple):
    model: str
    method: str

    def __str__(self):
        return f"{self.model}.{self.method}"


class SurfaceCase(OAuthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        group = cls.env.ref(
            "spp_attendance.spp_attendance_group_manager", raise_if_not_found=False
        )
        manager = group.get_external_id()[group.id] if group else "base.group_user"
        cls.people = {
            "portal": cls._person("portal", "base.group_portal"),
            "internal": cls._person("internal", "base.group_user"),
            "manager": cls._person("manager", f"base.group_erp_manager,{manager}"),
        }
        cls.admin = cls._person("api-admin", "spp_oauth.spp_oauth_group_admin")
        client_sudo = cls.client.sudo()
        key_sudo = cls.env["spp.oauth.key"].sudo()._ensure_key()
        cls.good = Credentials(
            token="",  # made by `setUp`, when it can be verified
            secret=cls.secret,
            secret_hash=client_sudo.secret_hash,
            pem=key_sudo.private_pem,
        )

    @classmethod
    def _person(cls, name, groups):
        return new_test_user(cls.env, f"surface-{name}", groups=groups)

    def setUp(self):
        super().setUp()
        self.good = self.good._replace(token=self.issue())
        other = keys.generate()
        self.bad = Credentials(
            token=self.issue(key=keys.load_private(other.private_pem, other.kid)),
            secret=secrets.new_secret(),
            secret_hash=secrets.hash_secret(secrets.new_secret()),
            pem=other.private_pem,
        )
        # Each call is undone, so these are the same for all channels.
        self._ids, self._arguments = {}, {}
        # Thousands of API keys are verified, and as many tracebacks are made, for
        # which each line's file would be looked for; neither is what is tested.
        quick = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=1)
        key_context = "odoo.addons.base.models.res_users.KEY_CRYPT_CONTEXT"
        self.startPatcher(patch(key_context, quick))
        self.startPatcher(patch("linecache.checkcache"))
        self.in_process = InProcess()
        self.addCleanup(self.in_process.close)
        self.xmlrpc_object = ServerProxy(
            f"{self.xmlrpc_url}object",
            transport=InProcessXmlRpc(self, self.in_process),
            use_datetime=True,
        )

    def suite_calls(self):
        """Every public method of a model that a file of the suite defines."""
        return [
            Call(name, method)
            for name, model in sorted(self.env.registry.items())
            for method in self._own_methods(model)
            if not method.startswith("_")
        ]

    def generic_calls(self):
        """What anybody may call on the models of API access."""
        return [
            Call(name, method)
            for name, model in sorted(self.env.registry.items())
            if name.startswith("spp.oauth.") and not model._abstract
            for method in sorted(GENERIC)
            if hasattr(model, method)
        ]

    @staticmethod
    def _own_methods(model):
        return sorted(
            name
            for name, method in inspect.getmembers(model, callable)
            if (getattr(method, "__module__", None) or "").startswith(OURS)
            and inspect.isroutine(method)
        )

    def arguments(self, call, credentials):
        """Arguments by the names of the parameters, as revealing as they can be."""
        if (call, credentials) not in self._arguments:
            self._arguments[call, credentials] = self._make_arguments(call, credentials)
        return self._arguments[call, credentials]

    def _make_arguments(self, call, credentials):
        method = getattr(self.env.registry[call.model], call.method)
        parameters = list(inspect.signature(method).parameters.values())
        own = self.env[call.model]._fields
        names = [name for name in own if name not in ("password", "new_password")]
        secrets_of = {
            "secret_hash": credentials.secret_hash,
            "private_pem": credentials.pem,
            "id": self.client.id,
        }
        hidden = next(name for name in secrets_of if name in own or name == "id")
        by_name = {
            "token": credentials.token,
            "secret": credentials.secret,
            "client_secret": credentials.secret,
            "client_id": self.client.client_id,
            "domain": [(hidden, "=", secrets_of[hidden])],
            "fields": names,
            "fnames": names,
            "field_names": names,
            "allfields": names,
            "fields_to_export": names,
            "fields_list": names,
            "field_name": hidden,
            "groupby": [hidden],
            "grouping_sets": [[hidden]],
            "aggregates": [f"{hidden}:array_agg", "__count"],
            "specification": {name: {} for name in names},
            "fields_spec": {name: {} for name in names},
            "progress_bar": {"field": hidden, "colors": {}},
            "group_by": hidden,
            "order": hidden,
            "name": credentials.secret,
            "vals": {},
            "values": {},
            "default": {},
            "vals_list": [{}],
            "data": [[credentials.secret]],
            "views": [[False, "list"]],
        }
        return {
            parameter.name: by_name.get(parameter.name, credentials.token)
            for parameter in parameters[1:]
            if parameter.name in by_name
            or (
                parameter.default is parameter.empty
                and parameter.kind
                in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            )
        }

    def ids(self, model):
        """Records to call it on: all of API access, and one of anything else."""
        if model not in self._ids:
            self._ids[model] = self._find_ids(model)
        return self._ids[model]

    def _find_ids(self, model):
        records_sudo = self.env[model].sudo().with_context(active_test=False)
        if records_sudo._abstract:
            return []
        limit = None if model.startswith("spp.oauth.") else 1
        return records_sudo.search([], limit=limit).ids

    def state(self):
        """A digest of everything that minting or changing credentials would touch."""
        self.env.flush_all()
        self.env.cr.execute(STATE)
        return self.env.cr.fetchone()[0]

    def assertHarmless(self, call, channel, before):
        """Calling it tells nothing, makes nothing and verifies nothing."""
        ids = self.ids(call.model)
        answers = []
        for credentials in (self.good, self.bad):
            arguments = self.arguments(call, credentials)
            given_text = json.dumps(arguments)
            # Whoever may change things does so: the second call must find them as the
            # first one did.
            savepoint = self.env.cr.savepoint()
            try:
                answer = channel(call, ids, arguments)
                after = self.state()
            finally:
                savepoint.close(rollback=True)
                self.env.invalidate_all()
            self.assertEqual(after, before, f"{call} changed something")
            for told in (self.good.secret, self.good.secret_hash, self.good.pem):
                if told not in given_text:
                    self.assertNotIn(told, answer, f"{call} tells a secret")
            # what was given may come back, in a message that it is not a field
            for given in (*credentials, json.dumps(credentials.pem)[1:-1]):
                answer = answer.replace(given, "<given>")
            found = REVEALING.search(answer)
            self.assertFalse(found, f"{call} reveals {found and found[0][:40]}")
            answers.append(VARYING.sub("0", answer))
            if DENIED in answer:
                break  # before anything was looked at
        self.assertEqual(
            answers[0], answers[-1], f"{call} knows good credentials from bad ones"
        )


@tagged("post_install", "-at_install")
class TestRpcSurface(SurfaceCase):
    def channels(self, user):
        """The three ways in which the world calls methods, each as a function."""
        expires = fields.Datetime.add(fields.Datetime.now(), days=1)
        apikeys = self.env["res.users.apikeys"].with_user(user).sudo()
        apikey = apikeys._generate("rpc", "surface", expires)
        self.authenticate(user.login, user.login)
        self.opener.mount("http://", self.in_process)

        def is_api_model(call):
            method = getattr(self.env.registry[call.model], call.method)
            return getattr(method, "_api_model", False)

        def dataset(call, ids, arguments):
            response = self.url_open(
                "/web/dataset/call_kw",
                json={
                    "params": {
                        "model": call.model,
                        "method": call.method,
                        "args": [] if is_api_model(call) else [ids],
                        "kwargs": arguments,
                    }
                },
            )
            body = response.json()
            if "error" in body:
                # the traceback quotes nothing but code; the message is what counts
                return json.dumps(body["error"]["data"]["message"])
            return response.text

        def json2(call, ids, arguments):
            body = dict(arguments)
            if not is_api_model(call):
                body["ids"] = ids
            response = self.url_open(
                f"/json/2/{call.model}/{call.method}",
                json=body,
                headers={"Authorization": f"Bearer {apikey}"},
            )
            if response.status_code >= 400:
                return json.dumps(response.json().get("message"))
            return response.text

        def xmlrpc(call, ids, arguments):
            # It knows no larger numbers, so nobody can give those.
            ids = [record_id for record_id in ids if record_id <= MAXINT]
            try:
                answer = self.xmlrpc_object.execute_kw(
                    self.env.cr.dbname,
                    user.id,
                    user.login,
                    call.model,
                    call.method,
                    [] if is_api_model(call) else [ids],
                    arguments,
                )
            except Fault as fault:
                return fault.faultString.strip().rpartition("\n")[2]
            return json.dumps(answer, default=str)

        return {"call_kw": dataset, "json/2": json2, "xml-rpc": xmlrpc}

    def sweep(self, user, calls):
        with mute_logger(*NOISY):
            for name, channel in self.channels(user).items():
                before = self.state()
                for call in calls:
                    with self.subTest(f"{name} as {user.login}: {call}"):
                        self.assertHarmless(call, channel, before)

    def test_there_is_something_to_call(self):
        calls = self.suite_calls()
        self.assertIn(Call("spp.oauth.client", "action_revoke_tokens"), calls)
        self.assertIn(Call("spp.oauth.key", "action_rotate"), calls)
        self.assertIn(Call("spp.oauth.client.new", "action_create"), calls)
        self.assertIn(Call("spp.oauth.client", "write"), calls)
        self.assertIn(Call("spp.oauth.key", "search_read"), self.generic_calls())

    def test_as_portal_user(self):
        self.sweep(self.people["portal"], self.all_calls())

    def test_as_internal_user(self):
        self.sweep(self.people["internal"], self.all_calls())

    def test_as_manager(self):
        self.sweep(self.people["manager"], self.all_calls())

    def test_administrators_of_the_api_read_no_secret(self):
        self.sweep(
            self.admin,
            [call for call in self.generic_calls() if call.method in READING],
        )

    def test_this_test_notices(self):
        """Were there a method that should not be, in whatever class of ours."""
        case = self

        def mint(self):
            return {"access_token": case.issue()}

        def reveal(self):
            return self.env["spp.oauth.client"].sudo().search([]).mapped("secret_hash")

        def reveal_key(self):
            return self.env["spp.oauth.key"].sudo().search([]).mapped("private_pem")

        def verify(self, token):
            try:
                self.env["spp.oauth.server"]._authenticate(token, "127.0.0.1")
            except InvalidToken:
                return False
            return True

        def check_secret(self, client_id, secret):
            client_sudo = self.env["spp.oauth.client"].sudo()
            client_sudo = client_sudo.search([("client_id", "=", client_id)])
            slot = (client_sudo.secret_hint, client_sudo.secret_hash)
            return secrets.verify_secret(secret, [slot])

        def change(self):
            self.env["spp.oauth.client"].sudo().search([], limit=1)._renew_secret()
            return True

        user = self.people["portal"]
        for name, channel in self.channels(user).items():
            for method in (mint, reveal, reveal_key, verify, check_secret, change):
                model = type(self.env["spp.oauth.server"])
                call = Call("spp.oauth.server", method.__name__)
                with (
                    self.subTest(f"{name}: {call}"),
                    patch.object(model, method.__name__, method, create=True),
                    mute_logger(*NOISY),
                ):
                    self.assertIn(call, self.suite_calls())
                    with self.assertRaises(AssertionError):
                        self.assertHarmless(call, channel, self.state())

    def all_calls(self):
        return sorted({*self.suite_calls(), *self.generic_calls()})

    def test_private_methods_are_refused(self):
        for name, model in self.env.registry.items():
            for method in self._own_methods(model):
                if method.startswith("_"):
                    with (
                        self.subTest(f"{name}.{method}"),
                        self.assertRaises(AccessError),
                    ):
                        get_public_method(self.env[name], method)
