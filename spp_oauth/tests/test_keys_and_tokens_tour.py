from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestKeysAndTokensTour(HttpCase):
    def setUp(self):
        super().setUp()
        new_test_user(self.env, "keys_admin", groups="spp_oauth.spp_oauth_group_admin")
        self.addCleanup(self.env.registry.clear_cache, "stable")

    def walk(self, action, tour):
        self.start_tour(f"/odoo/action-spp_oauth.{action}", tour, login="keys_admin")

    def test_rotate_a_key(self):
        model = self.env["spp.oauth.key"]
        old = model._ensure_key()
        self.walk("spp_oauth_key_action", "spp_oauth_rotate_key")
        self.assertEqual(old.state, "retired")
        self.assertNotIn(old, model._verifying(), "it was withdrawn")
        self.assertEqual(model._ensure_key(), model._verifying())

    def test_revoke_a_token(self):
        server = self.env["spp.oauth.server"]
        client, _secret = self.env["spp.oauth.client"]._new_client("Tour", [])
        _text, access = server._issue(server._find_client(client.client_id), [])
        self.walk("spp_oauth_token_action", "spp_oauth_revoke_token")
        token = self.env["spp.oauth.token"].search([("jti", "=", access.jti)])
        self.assertEqual(token.state, "revoked")
        self.assertEqual(token.revoked_by_id.login, "keys_admin")
