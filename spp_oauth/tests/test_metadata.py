from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from odoo.tests import tagged

from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestMetadata(OAuthCase):
    def test_jwks(self):
        key = self.env["spp.oauth.key"]._ensure_key()
        self.env["spp.oauth.key"]._rotate()
        response = self.url_open("/oauth2/jwks")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Cache-Control"], "public, max-age=300")
        self.assertNotIn("Set-Cookie", response.headers)
        newest, retired = response.json()["keys"]
        for jwk in (newest, retired):
            self.assertEqual(
                jwk.keys(), {"kty", "n", "e", "kid", "alg", "use"}, "nothing private"
            )
        self.assertEqual(retired["kid"], key.kid)
        self.assertEqual(newest["kid"], self.env["spp.oauth.key"]._signing_key().kid)

    def test_metadata(self):
        self.env["ir.config_parameter"].set_param(
            "spp_oauth.issuer", "https://issuer.example"
        )
        response = self.url_open("/.well-known/oauth-authorization-server")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(response.headers["Cache-Control"], "public, max-age=300")
        document = response.json()
        AuthorizationServerMetadata(document).validate()
        self.assertEqual(document["issuer"], "https://issuer.example")
        self.assertEqual(
            document["token_endpoint"], "https://issuer.example/oauth2/token"
        )
        self.assertIn("probe:read", document["scopes_supported"])

    def test_every_endpoint_exists(self):
        base_url = self.env["spp.oauth.server"]._base_url()
        document = self.url_open("/.well-known/oauth-authorization-server").json()
        self.assertEqual(document["issuer"], base_url)
        for name, url in document.items():
            if name.endswith("_endpoint"):
                response = self.url_open(url.removeprefix(base_url), data={"a": "b"})
                self.assertIn(response.status_code, (400, 401), url)
        jwks_path = document["jwks_uri"].removeprefix(base_url)
        self.assertEqual(self.url_open(jwks_path).status_code, 200)
