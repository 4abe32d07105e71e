from odoo.exceptions import AccessError, ValidationError
from odoo.tests import TransactionCase, new_test_user


class TestSettings(TransactionCase):
    def save(self, **values):
        settings = self.env["res.config.settings"].create(values)
        settings.set_values()

    def param(self, name):
        return self.env["ir.config_parameter"].get_param(f"spp_oauth.{name}")

    def test_defaults(self):
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.oauth_signing_algorithm, "RS256")
        self.assertEqual(settings.oauth_key_rotation_days, 90)
        self.assertEqual(settings.oauth_audit_retention_days, 365)
        self.assertEqual(settings.oauth_max_failures_client, 10)
        self.assertEqual(settings.oauth_max_failures_address, 100)
        self.assertFalse(settings.oauth_cors_origins)

    def test_values_are_kept(self):
        self.save(
            oauth_issuer=" https://odoo.example.org ",
            oauth_audience="urn:here",
            oauth_signing_algorithm="ES256",
            oauth_audit_retention_days=30,
            oauth_cors_origins="https://a.example, http://localhost:3000",
            oauth_max_failures_client=5,
        )
        self.assertEqual(self.param("issuer"), "https://odoo.example.org")
        self.assertEqual(self.param("audience"), "urn:here")
        self.assertEqual(self.param("signing_algorithm"), "ES256")
        self.assertEqual(self.param("audit_retention_days"), "30")
        self.assertEqual(self.param("max_failures_client"), "5")

    def test_no_rotation(self):
        self.save(oauth_key_rotation_days=0)
        self.assertEqual(self.param("key_rotation_days"), "0")
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.oauth_key_rotation_days, 0)
        self.save(oauth_key_rotation_days=30)
        self.assertEqual(self.param("key_rotation_days"), "30")

    def test_issuers(self):
        for good in (
            "https://odoo.example.org",
            "http://127.0.0.1:8069",
            "https://example.org/tenant",
            "https://[::1]:8069",
        ):
            with self.subTest(good):
                self.save(oauth_issuer=good)
        for wrong in (
            "odoo.example.org",
            "ftp://odoo.example.org",
            "https://odoo.example.org/",
            "https://odoo.example.org?",
            "https://odoo.example.org#",
            "https://odoo.example.org?a=1",
            "https://odoo.example.org#a",
            "https://user@odoo.example.org",
            "https://",
            "https://odoo.example.org:port",
            "https://odoo .example.org",
            "https://bücher.example",
        ):
            with self.subTest(wrong), self.assertRaises(ValidationError):
                self.save(oauth_issuer=wrong)

    def test_origins(self):
        for good in (
            "*",
            "https://a.example",
            "http://localhost:3000, https://b.example",
        ):
            with self.subTest(good):
                self.save(oauth_cors_origins=good)
        for wrong in (
            "a.example",
            "https://a.example/",
            "https://a.example/app",
            "https://A.example",
            "https://*.example",
            "null",
            "https://a.example, b.example",
        ):
            with self.subTest(wrong), self.assertRaises(ValidationError):
                self.save(oauth_cors_origins=wrong)

    def test_numbers(self):
        for name, wrong in {
            "oauth_key_rotation_days": -1,
            "oauth_audit_retention_days": 0,
            "oauth_max_failures_client": 0,
            "oauth_max_failures_address": -5,
        }.items():
            with self.subTest(name), self.assertRaises(ValidationError):
                self.save(**{name: wrong})

    def test_only_for_system_administrators(self):
        admin = new_test_user(
            self.env, "oauth_admin", groups="spp_oauth.spp_oauth_group_admin"
        )
        with self.assertRaises(AccessError):
            self.env["res.config.settings"].with_user(admin).create(
                {"oauth_issuer": "https://x.example"}
            )
