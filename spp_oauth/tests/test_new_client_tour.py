from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestNewClientTour(HttpCase):
    def test_tour(self):
        new_test_user(self.env, "tour_admin", groups="base.group_system")
        scope = self.env["spp.oauth.scope"].create(
            {"name": "tour:read", "description": "Read"}
        )
        self.start_tour(
            "/odoo/action-spp_oauth.spp_oauth_client_action",
            "spp_oauth_new_client",
            login="tour_admin",
        )
        client = self.env["spp.oauth.client"].search([("name", "=", "Tour Client")])
        # beside those that other addons suggest
        self.assertIn(scope, client.scope_ids)
        self.assertEqual(client.token_lifetime, 120)
        self.assertEqual(client.purpose, "Shows how it is done")
        self.assertFalse(client.has_previous_secret)
