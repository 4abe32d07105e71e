from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..devices.errors import DeviceAuthFailed, DeviceTimeout
from ..models.spp_oauth_health import MOST_SCANS
from .common import DeviceCase, reading, scan


@tagged("post_install", "-at_install")
class TestOperations(DeviceCase):
    def checks(self):
        self.env.flush_all()
        public = self.env.ref("base.public_user")
        health = self.env["spp.oauth.health"].with_user(public)
        return {check.name: check for check in health._checks()}

    def poll_counts(self):
        self.env.flush_all()
        family = self.env["spp.oauth.metrics"]._poll_family()
        return {
            sample.labels["result"]: sample.value
            for sample in family.samples
            if sample.name == "spp_device_polls_total"
        }

    def test_unmatched_scans(self):
        before = self.checks()["unmatched_scans"].value
        self.store(scan(code="nobody"), scan(code="nowhere"))
        check = self.checks()["unmatched_scans"]
        self.assertEqual(check.value, min(before + 2, MOST_SCANS))
        self.assertTrue(check.ok, "they wait for people")

    def test_overdue_polls(self):
        now = self.env.cr.now()  # the clock of whoever looks, too
        self.device.next_poll_at = now - timedelta(minutes=15)
        self.assertEqual(self.checks()["overdue_polls"].value, 0)
        self.device.next_poll_at = now - timedelta(minutes=15, seconds=1)
        check = self.checks()["overdue_polls"]
        self.assertEqual(check.value, 1)
        self.assertFalse(check.ok)
        self.assertFalse(check.critical, "the server is not to blame")
        self.device.enabled = False
        self.assertEqual(self.checks()["overdue_polls"].value, 0)

    def test_failing_terminals(self):
        self.assertTrue(self.checks()["failing_terminals"].ok)
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        check = self.checks()["failing_terminals"]
        self.assertEqual(check.value, 1)
        self.assertFalse(check.ok)
        self.assertFalse(check.critical)
        self.store(scan())
        self.assertTrue(self.checks()["failing_terminals"].ok)

    def test_each_poll_is_counted_once(self):
        before = self.poll_counts()
        self.store(scan())
        self.store(scan(), complete=False)
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        other = self.new_device(name="Gate")
        other._store(self.lease(other), DeviceTimeout("no answer"))
        stale = self.lease()
        token = self.lease()
        self.device._store(stale, reading(scan()))
        self.device._store(token, reading(scan()))
        other.active = False
        after = self.poll_counts()
        news = {name: after[name] - before.get(name, 0) for name in after}
        self.assertEqual(
            {name: count for name, count in news.items() if count},
            {"ok": 2, "incomplete": 1, "timeout": 2},
        )

    def test_a_test_of_the_connection_is_no_poll(self):
        before = self.poll_counts()
        self.device._store(self.lease(), DeviceTimeout("no answer"), "test")
        self.assertEqual(self.poll_counts(), before)
        self.assertEqual(self.device.failure_count, 1)

    def test_terminals_that_wait_for_people(self):
        before = self.checks()["waiting_terminals"].value
        overdue = self.checks()["overdue_polls"].value
        self.device._store(self.lease(), DeviceAuthFailed("refused"))
        self.device.next_poll_at = fields.Datetime.now() - timedelta(days=1)
        check = self.checks()["waiting_terminals"]
        self.assertEqual(check.value, before + 1)
        self.assertFalse(check.ok)
        self.assertEqual(self.checks()["overdue_polls"].value, overdue)

    def test_offline_terminals(self):
        before = self.checks()["offline_terminals"].value
        self.store(scan())
        self.device.last_success_at -= timedelta(days=1)
        self.assertEqual(self.checks()["offline_terminals"].value, before + 1)

    def test_terminals_by_health(self):
        def count():
            self.env.flush_all()
            family = self.env["spp.oauth.metrics"]._terminal_family()
            return {
                (sample.labels["health"], sample.labels["circuit"]): sample.value
                for sample in family.samples
            }

        before = count().get(("never", "open"), 0)
        self.device._store(self.lease(), DeviceAuthFailed("refused"))
        self.assertEqual(count()["never", "open"], before + 1)

    def test_nobody_sets_what_is_counted(self):
        with self.assertRaises(AccessError):
            self.device.with_user(self.admin).poll_results = {"ok": 1000}
