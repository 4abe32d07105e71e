from typing import Any

from pydantic import BaseModel, ConfigDict

from odoo import http

from ..api import ApiResult, api_route
from ..oauth import metadata

# Whoever meets a token of a key that is newer than this looks again.
_CACHED = {"Cache-Control": "public, max-age=300"}


class JwkSet(BaseModel):
    """RFC 7517: the keys that verify our tokens."""

    keys: list[dict[str, Any]]


class ServerMetadata(BaseModel):
    """RFC 8414: what this authorization server can do, and where."""

    model_config = ConfigDict(extra="allow")

    issuer: str
    token_endpoint: str
    jwks_uri: str


class OAuthMetadataController(http.Controller):
    @api_route(
        metadata.JWKS_PATH,
        methods=["GET"],
        auth="public",
        response=JwkSet,
        readonly=True,
    )
    def jwks(self):
        """The keys that verify our tokens."""
        jwks = JwkSet(keys=self.env["spp.oauth.key"]._public_jwks())
        return ApiResult(jwks, headers=_CACHED)

    @api_route(
        metadata.METADATA_PATH,
        methods=["GET"],
        auth="public",
        response=ServerMetadata,
        readonly=True,
    )
    def metadata(self):
        """What this authorization server can do, and where."""
        document = self.env["spp.oauth.server"]._metadata()
        return ApiResult(ServerMetadata(**document), headers=_CACHED)
