from datetime import date

from psycopg2 import InterfaceError
from pydantic import BaseModel

from odoo import http
from odoo.exceptions import AccessError, LockError, UserError
from odoo.http import request
from odoo.tests import HttpCase

from ..api import ApiResult, Conflict, api_route
from ..oauth import tokens
from .quick import retry_at_once, share_routes_and_keys

SMALL_BODY = 1000

REASON = "Not like this."
INTERNALS = "Secret group names"


class Item(BaseModel):
    name: str
    day: date | None = None


class ItemsIn(BaseModel):
    items: list[Item]


class ItemQuery(BaseModel):
    limit: int = 10
    name: list[str] = []
    day: date | None = None


class OAuthProbeController(http.Controller):
    """Routes that exist only while the tests run."""

    # what the next requests fail with
    clashes = []
    # what requests with an idempotency key did, and what they wait for
    effects = []
    wait = None

    @api_route(
        "/api/oauth/probe/items",
        methods=["POST"],
        scope="probe:write",
        body=ItemsIn,
        response=ItemsIn,
    )
    def create_items(self, body):
        return body

    @api_route(
        "/api/oauth/probe/items",
        methods=["GET"],
        scope="probe:read",
        response=ItemsIn,
        readonly=True,
        etag=True,
        errors=[404],
        tags=["Probe"],
    )
    def list_items(self):
        """List all items.

        There is only one.
        """
        return ItemsIn(items=[Item(name="é")])

    @api_route(
        "/api/oauth/probe/items/<int:number>",
        methods=["GET"],
        scope="probe:read",
        query=ItemQuery,
        response=ItemQuery,
        readonly=True,
    )
    def read_items(self, number, query):
        return query.model_copy(update={"limit": query.limit + number})

    @api_route(
        "/api/oauth/probe/small",
        methods=["PUT"],
        body=ItemsIn,
        max_body=SMALL_BODY,
    )
    def small(self, body):
        return ApiResult(body, status=207, headers={"X-Probe": "yes"})

    @api_route("/api/oauth/probe/nothing", methods=["DELETE"])
    def nothing(self):
        return None

    @api_route("/api/oauth/probe/user", methods=["GET"], readonly=True)
    def user(self):
        context = self.env.context
        return ApiResult(
            Item(
                name=f"{self.env.user.login} {self.env.company.name} "
                f"{self.env.su} {context.get('spp_oauth_client_id')} "
                f"{request.spp_oauth_client_id} {self.env.tz}"
            )
        )

    @api_route("/api/oauth/probe/public", methods=["GET"], auth="public", readonly=True)
    def public(self):
        user = self.env.user.login
        return ApiResult(Item(name=f"{user} {request.session.uid} {self.env.lang}"))

    @api_route(
        "/api/oauth/probe/token-only",
        methods=["GET"],
        response=Item,
        sessions=False,
        readonly=True,
    )
    def token_only(self):
        return Item(name=self.env.user.login)

    @api_route(
        "/api/oauth/probe/plain",
        methods=["GET"],
        produces=["text/plain; version=1"],
        auth="public",
        readonly=True,
    )
    def plain(self):
        response = request.make_json_response("é")
        response.headers["Content-Type"] = "text/plain; version=1"
        response.set_cookie("probe", "no")
        return response

    @api_route(
        "/api/oauth/probe/rights", methods=["GET"], response=ItemsIn, readonly=True
    )
    def rights(self):
        users = self.env["res.users"].search([])
        return ItemsIn(items=[Item(name=user.login) for user in users])

    @api_route(
        "/api/oauth/probe/once",
        methods=["POST"],
        body=Item,
        response=Item,
        status=201,
    )
    def once(self, body):
        self.env["spp.oauth.scope"].sudo().create(
            {"name": body.name, "description": "Made once"}
        )
        self.effects.append(body.name)
        if self.wait:
            self.wait()
        if self.clashes:
            raise self.clashes.pop()
        if body.name == "probe:refused":
            return ApiResult(body, status=422)
        if body.name == "probe:nothing":
            return None
        item = Item(name=f"{body.name} {len(self.effects)}")
        return ApiResult(item, headers={"Location": "/probe/1", "X-Probe": "yes"})

    @api_route("/api/oauth/probe/fault/<string:kind>", methods=["POST"], response=Item)
    def fault(self, kind):
        scope_sudo = self.env["spp.oauth.scope"].sudo()
        if kind == "user":
            raise UserError(REASON)
        if kind == "access":
            raise AccessError(INTERNALS)
        if kind == "rights":
            self.env["spp.oauth.client"].search([])
        if kind == "missing":
            scope_sudo.browse(0x7FFFFFFF).mapped("description")
        if kind == "lock":
            raise LockError("Somebody else is at it.")
        if kind == "unique":
            scope_sudo.create({"name": "probe:read", "description": "again"})
        if kind == "check":
            scope_sudo.env["spp.oauth.client"].search([]).token_lifetime = 1
        if kind == "conflict":
            raise Conflict("It is there already.", error="duplicate")
        if kind == "clash" and self.clashes:
            raise self.clashes.pop()
        if kind == "database":
            raise InterfaceError("connection already closed")
        if kind == "bug":
            raise ZeroDivisionError("a secret in a traceback")
        return Item(name=kind)


class OAuthCase(HttpCase):
    """A client with two scopes and the routes above."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the routing map may have been made before this module was imported
        cls.env.registry.clear_cache("routing")
        share_routes_and_keys(cls)
        retry_at_once(cls)
        cls.group = cls.env["res.groups"].create({"name": "Probe API"})
        cls.scopes = cls.env["spp.oauth.scope"].create(
            [
                {
                    "name": "probe:read",
                    "description": "Read",
                    "group_ids": cls.group.ids,
                },
                {"name": "probe:write", "description": "Write"},
            ]
        )
        cls.client, cls.secret = cls.env["spp.oauth.client"]._new_client(
            "Probe", ["probe:read", "probe:write"]
        )

    def issue(self, client=None, **options):
        """A token signed with the database's own key, without asking for it."""
        client = client or self.client
        options = {
            "client_id": client.client_id,
            "subject": client.client_id,
            "scopes": client.scope_ids.mapped("name"),
            "lifetime": client.token_lifetime,
            **options,
        }
        authority = options.pop("authority", self.env["spp.oauth.server"]._authority())
        key = options.pop("key", self.env["spp.oauth.key"]._signing_key())
        return tokens.issue(key, authority, **options)

    def call(self, path, token=None, headers=None, **options):
        """A request with a token: by default a good one, "" for none."""
        headers = dict(headers or {})
        if token is None:
            token = self.issue()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.url_open(path, headers=headers, **options)

    def ask_token(self, auth=None, **form):
        form = {"grant_type": "client_credentials", **form}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.opener.post(
            f"{self.base_url()}/oauth2/token",
            data=form,
            auth=auth,
            headers=headers,
            timeout=12,
        )

    def assertError(self, response, status, code):
        """The answer is our envelope, and nothing of Odoo's."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertNotIn("Traceback", response.text)
        self.assertEqual(response.json().keys(), {"error"})
        error = response.json()["error"]
        self.assertEqual(error.keys(), {"code", "message", "fields", "request_id"})
        self.assertEqual(error["code"], code)
        self.assertTrue(error["message"])
        self.assertEqual(len(error["request_id"]), 32)
        return error
