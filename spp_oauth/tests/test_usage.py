from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .test_deferred import DeferredCase


@tagged("post_install", "-at_install")
class TestUsage(DeferredCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = new_test_user(
            cls.env, "usage_admin", groups="spp_oauth.spp_oauth_group_admin"
        )
        cls.abroad = cls.env["res.company"].create({"name": "Abroad"})
        cls.elsewhere, _secret = cls.env["spp.oauth.client"]._new_client(
            "Elsewhere", [], company_id=cls.abroad.id
        )

    def test_administrators_see_their_companies(self):
        self.count()
        self.count(self.elsewhere)
        self.flush()
        usage = self.usage().with_user(self.admin)
        self.assertEqual(usage.search([]).client_id, self.client)
        self.admin.company_ids = [Command.link(self.abroad.id)]
        seen = usage.with_context(
            allowed_company_ids=[self.env.company.id, self.abroad.id]
        )
        self.assertEqual(seen.search([]).client_id, self.client + self.elsewhere)

    def test_nobody_changes_what_was_counted(self):
        self.count()
        self.flush()
        usage = self.usage().with_user(self.admin)
        with self.assertRaises(AccessError):
            usage.requests = 0
        with self.assertRaises(AccessError):
            usage.unlink()
        with self.assertRaises(AccessError):
            usage.copy()
        user = new_test_user(self.env, "usage_user", groups="base.group_user")
        with self.assertRaises(AccessError):
            usage.with_user(user).search([])
        with self.assertRaises(AccessError):
            self.metrics().with_user(user).read(["requests"])

    @freeze_time("2026-03-10 12:00:00")
    def test_by_client_and_day(self):
        self.count()
        self.flush()
        with self.another_worker():
            self.count()
            self.flush()
        usage = self.env["spp.oauth.usage"].with_user(self.admin)
        groups = usage._read_group([], ["client_id", "minute:day"], ["requests:sum"])
        [(client, day, requests)] = groups
        self.assertEqual(client, self.client)
        self.assertEqual(str(day.date()), "2026-03-10")
        self.assertEqual(requests, 2)
