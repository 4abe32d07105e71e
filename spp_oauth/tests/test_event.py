from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import TransactionCase

from ..oauth.errors import RateLimited

HERE = "192.0.2.1"
THERE = "192.0.2.2"


class TestEvent(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events = cls.env["spp.oauth.event"]
        cls.client, _secret = cls.env["spp.oauth.client"]._new_client("A", [])

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.now = fields.Datetime.now()

    def refuse(self, times=1, client="app", address=HERE, seconds_ago=0):
        date = self.now - timedelta(seconds=seconds_ago)
        for _number in range(times):
            self.events._log(
                "refused",
                reason="invalid_client",
                client_identifier=client,
                address=address,
                date=date,
            )

    def retry_after(self, address=HERE, client="app"):
        """Seconds to wait, 0 for none, at a time that stands still."""
        with patch.object(fields.Datetime, "now", return_value=self.now):
            try:
                self.events._check_throttle(address, client)
            except RateLimited as exc:
                return exc.retry_after
        return 0

    def throttled(self):
        return self.events.search([("kind", "=", "throttled")])

    def test_what_is_known_of_a_client(self):
        event = self.events._log("issued", client_id=self.client.id, address=HERE)
        self.assertEqual(event.client_identifier, self.client.client_id)
        self.assertEqual(event.company_id, self.client.company_id)
        self.assertFalse(event.user_id)
        self.assertTrue(event.date)

    def test_what_is_claimed_is_cleaned(self):
        for claimed, stored in {
            "a" * 100: "a" * 64,
            "a\0b\nc\x1b[31m": "a?b?c?[31m",
            "": False,
            None: False,
        }.items():
            event = self.events._log("refused", client_identifier=claimed)
            self.assertEqual(event.client_identifier, stored)

    def test_a_client_that_fails_waits(self):
        self.refuse(9, seconds_ago=10)
        self.assertEqual(self.retry_after(), 0)
        self.refuse(seconds_ago=5)
        self.assertEqual(self.retry_after(), 50, "until nine are left")
        self.refuse(seconds_ago=1)
        self.assertEqual(self.retry_after(), 50, "the tenth newest counts")

    def test_others_do_not_wait_with_it(self):
        self.refuse(10)
        self.assertEqual(self.retry_after(), 60)
        self.assertEqual(self.retry_after(client="other"), 0)
        self.assertEqual(self.retry_after(address=THERE), 0)
        self.assertEqual(self.retry_after(client=None), 0)

    def test_failures_go_by(self):
        self.refuse(50, seconds_ago=60)
        self.assertEqual(self.retry_after(), 0)
        self.refuse(9, seconds_ago=59)
        self.assertEqual(self.retry_after(), 0)
        self.refuse(seconds_ago=59)
        self.assertEqual(self.retry_after(), 1)

    def test_an_address_that_fails_waits(self):
        for number in range(99):
            self.refuse(client=f"guess-{number}")
        self.assertEqual(self.retry_after(client="guess-100"), 0)
        self.refuse(client=None)
        for client in ("guess-100", None, "a\0b"):
            self.assertEqual(self.retry_after(client=client), 60)
        self.assertEqual(self.retry_after(address=THERE), 0)

    def test_an_ipv6_network_is_one_caller(self):
        for host in range(10):
            self.refuse(address=f"2001:db8::{host + 1:x}")
        self.assertEqual(self.retry_after(address="2001:db8::ffff"), 60)
        self.assertEqual(self.retry_after(address="2001:db8:0:1::1"), 0)
        self.refuse(10)
        # by id: what was throttled before is dated by the real clock
        last = self.events.search([], order="id desc", limit=1)
        self.assertEqual(last.address, HERE)
        self.assertEqual(self.retry_after(address=f"::ffff:{HERE}"), 60)

    def test_without_an_address(self):
        for address in (None, "", "unix:"):
            self.refuse(100, address=address)
        self.assertEqual(self.retry_after(address=None), 0)
        self.assertEqual(self.retry_after(address="unix:"), 60)

    def test_limits_can_be_set(self):
        config = self.env["ir.config_parameter"]
        config.set_param("spp_oauth.max_failures_client", "2")
        config.set_param("spp_oauth.max_failures_address", "3")
        self.refuse(2)
        self.assertEqual(self.retry_after(), 60)
        self.assertEqual(self.retry_after(client="other"), 0)
        self.refuse(client="third")
        self.assertEqual(self.retry_after(client="other"), 60)
        for rubbish in ("0", "-1", "many", "1.5", ""):
            config.set_param("spp_oauth.max_failures_client", rubbish)
            config.set_param("spp_oauth.max_failures_address", rubbish)
            self.assertEqual(self.retry_after(), 0, "the default holds")

    def test_throttling_is_logged_once_a_minute(self):
        self.refuse(10)
        for _number in range(3):
            self.assertTrue(self.retry_after())
        [event] = self.throttled()
        self.assertEqual(event.address, HERE)
        self.assertEqual(event.client_identifier, "app")
        self.assertFalse(event.client_id)
        self.refuse(10, client=self.client.client_id)
        self.assertTrue(self.retry_after(client=self.client.client_id))
        self.assertEqual(self.throttled()[0].client_id, self.client)
        self.refuse(10, client="second")
        self.assertTrue(self.retry_after(client="second"))
        self.assertEqual(len(self.throttled()), 3)
        self.now += timedelta(seconds=61)
        self.refuse(10)
        self.assertTrue(self.retry_after())
        self.assertEqual(len(self.throttled()), 4)

    def test_who_claims_to_be_somebody_else_each_time_fills_no_log(self):
        for number in range(100):
            self.refuse(client=f"guess-{number}")
        for number in range(5):
            self.assertTrue(self.retry_after(client=f"more-{number}"))
        self.assertTrue(self.retry_after(client=None))
        [event] = self.throttled()
        self.assertEqual(event.address, HERE)
        self.assertFalse(event.client_identifier)

    def test_retention(self):
        for days in (10, 364, 366, 800):
            self.events._log("issued", date=self.now - timedelta(days=days))
        self.env.cr.execute(
            "DELETE FROM spp_oauth_event WHERE kind <> 'issued' OR client_id > 0"
        )
        self.assertEqual(self.events._gc_events(), (2, False))
        self.assertEqual(self.events.search_count([]), 2)
        self.env["ir.config_parameter"].set_param(
            "spp_oauth.audit_retention_days", "30"
        )
        self.events._gc_events()
        self.assertEqual(self.events.search_count([]), 1)

    def test_check_is_one_query(self):
        self.retry_after()  # the parameters are cached from here on
        with self.assertQueryCount(1):
            self.retry_after()
