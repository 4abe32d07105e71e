import secrets

from odoo import http
from odoo.http import Response, request
from odoo.modules import Manifest

from odoo.addons.spp_oauth.api import NotFound, api_route
from odoo.addons.spp_oauth.api import docs as docs_page
from odoo.addons.spp_oauth.api.openapi import OpenApiDocument

_TITLE = "Attendance API"
_PREFIXES = ("/api/attendance/", "/api/oauth/", "/oauth2/", "/.well-known/oauth")
_DOCUMENT = "/api/attendance/openapi.json"
_DOCS = "/api/attendance/docs"
_DESCRIPTION = """
Who attended what, when and where. Apps send facts and read them back.

**To begin**, an administrator makes a client in *Settings → API Access* and gives you
its id and secret. *Authorize* on this page takes them, and each request below can then
be tried; it works on real data.

**Errors** have one shape everywhere: a `code` for programs, a `message` for people,
the `fields` that are wrong, and the `request_id` that the server's log has, too. A
method that an address does not know is answered with 405, and `Allow` names others.

**Writing twice is safe**: a fact with the same `external_id`, or a request with the
same `Idempotency-Key`, has one effect.

**Lists** come in pages; `next` is the `cursor` of the following one. With
`updated_since` and `sort=updated_at` they tell what is new since the last time.

**Changes** (`PATCH`) have only what is to be changed; `null` empties. Nothing is ever
deleted: records are voided, and people, types, locations and departments are archived
with `"active": false`, as registers are closed.
"""

_TAGS = {
    "Records": "Who was where, and when.",
    "Days": "What somebody's readings of a day come to, by the rules of the shift.",
    "Registers": "Who is expected from when to when, and who may mark it.",
    "People": "Who can be recorded.",
    "Types": "What it can be recorded for.",
    "Locations": "Where.",
    "Departments": "What people belong to.",
    "Live": "What happens, as it happens.",
    "OAuth": "Tokens, and what they are good for.",
    "Operations": "For who keeps the server running.",
}


class AttendanceDocsController(http.Controller):
    @api_route(
        _DOCUMENT,
        methods=["GET"],
        auth="public",
        response=OpenApiDocument,
        readonly=True,
        etag=True,
        tags=["Operations"],
    )
    def openapi_document(self):
        """Get this document."""
        return OpenApiDocument(
            self.env["spp.oauth.openapi"]._document(
                _PREFIXES,
                without=(_DOCS,),
                title=_TITLE,
                version=Manifest.for_addon("spp_attendance").version,
                description=_DESCRIPTION,
                tags=_TAGS,
            )
        )

    @api_route(
        _DOCS,
        methods=["GET"],
        auth="public",
        produces=["text/html"],
        readonly=True,
    )
    def docs(self):
        """Show the documentation."""
        nonce = secrets.token_urlsafe(16)
        text = docs_page.page(
            title=_TITLE,
            document=_DOCUMENT,
            assets=f"{_DOCS}/{docs_page.assets_version()}",
            nonce=nonce,
        )
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": docs_page.content_security_policy(nonce),
            "Referrer-Policy": "no-referrer",
        }
        return Response(text, headers=headers, mimetype="text/html")

    @api_route(
        f"{_DOCS}/<string:version>/<string:name>",
        methods=["GET"],
        auth="public",
        produces=["text/css", "text/javascript", "image/png"],
        readonly=True,
    )
    def docs_asset(self, version, name):
        """Get a file of the documentation."""
        if version != docs_page.assets_version() or name not in docs_page.ASSETS:
            raise NotFound("There is nothing at this address.")
        encoding = request.httprequest.headers.get("Accept-Encoding")
        content, headers = docs_page.asset(name, encoding)
        return Response(content, headers=headers)
