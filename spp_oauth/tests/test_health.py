from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import TransactionCase, tagged

from ..models.spp_oauth_health import CRON_LATE, HealthCheck
from ..oauth.errors import LockedKey

FINE = HealthCheck("fine", True, 1, "", "All is well.")
MINOR = HealthCheck("minor", False, 2, "", "Somebody should look.", critical=False)
MAJOR = HealthCheck("major", False, 3, "", "Nothing works.")


@tagged("post_install", "-at_install")
class TestHealth(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.health = cls.env["spp.oauth.health"]
        cls.now = fields.Datetime.now()
        cls.crons = cls.env["ir.cron"].search([])
        cls.crons.nextcall = cls.now + timedelta(hours=1)

    def check(self, name):
        self.env.flush_all()
        public = self.health.with_user(self.env.ref("base.public_user"))
        [check] = [check for check in public._checks() if check.name == name]
        return check

    def test_all_is_well(self):
        names = ("database", "cron_late", "signing_key")
        for name in names:
            self.assertTrue(self.check(name).ok, name)
        checks = self.health._api_health().checks
        self.assertTrue({check.name for check in checks}.issuperset(names))

    def test_what_follows(self):
        for checks, status, failing in (
            ([FINE], "ok", []),
            ([FINE, MINOR], "degraded", ["minor"]),
            ([MAJOR, FINE, MINOR], "failing", ["major", "minor"]),
        ):
            with (
                self.subTest(status=status),
                patch.object(type(self.health), "_checks", lambda self, c=checks: c),
            ):
                health = self.health._api_health()
                self.assertEqual(health.status, status)
                self.assertEqual(health.failing, failing)
                self.assertEqual(health.checks[0].name, checks[0].name)

    def test_scheduled_actions_that_wait(self):
        self.assertEqual(self.check("cron_late").value, 0)
        [first, second, third] = self.crons[:3]
        first.nextcall = self.now - timedelta(seconds=60)
        check = self.check("cron_late")
        self.assertTrue(check.ok)
        self.assertGreaterEqual(check.value, 60)
        second.nextcall = self.now - timedelta(seconds=CRON_LATE + 1)
        check = self.check("cron_late")
        self.assertFalse(check.ok)
        self.assertFalse(check.critical, "another server could not help")
        second.active = False
        self.assertTrue(self.check("cron_late").ok, "switched off, it need not run")
        third.nextcall = self.now - timedelta(days=1)
        self.assertGreaterEqual(self.check("cron_late").value, 86400)

    def test_no_key(self):
        self.env["spp.oauth.key"].search([]).unlink()
        check = self.check("signing_key")
        self.assertFalse(check.ok)
        self.assertFalse(check.critical, "it is made when somebody needs it")

    def test_a_locked_key(self):
        key = type(self.env["spp.oauth.key"])
        with patch.object(key, "_private_key", side_effect=LockedKey("No passphrase.")):
            check = self.check("signing_key")
        self.assertFalse(check.ok)
        self.assertTrue(check.critical)
        self.assertTrue(self.check("signing_key").ok)

    def test_it_is_cheap(self):
        self.env.flush_all()
        for check in ("_check_database", "_check_cron", "_check_signing_key"):
            getattr(self.health, check)()
            with self.subTest(check=check), self.assertQueryCount(1):
                getattr(self.health, check)()
