from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..models.spp_attendance_device_fleet import MISSED_SECONDS
from ..models.spp_attendance_device_reconcile import CATCH_UP
from .common import DeviceCase, scan


class PushCase(DeviceCase):
    """A terminal that sends by itself, as one behind a router does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pushing = cls.new_pushing("PUSH-1")

    @classmethod
    def new_pushing(cls, serial="PUSH-2", **values):
        values = {
            "name": serial,
            "adapter": "zkteco",
            "mode": "push",
            "serial": serial,
            "tz": "Africa/Nairobi",
            **values,
        }
        return cls.new_device(**values)

    def calls(self, device=None, ago=timedelta()):
        """As after a call some time ago."""
        (device or self.pushing).last_contact_at = fields.Datetime.now() - ago

    def vouch(self):
        self.env.flush_all()
        self.devices._vouch()

    def watch(self):
        self.env.flush_all()
        self.devices._watch()


@tagged("post_install", "-at_install")
class TestPushHealth(PushCase):
    def health_after(self, seconds, device=None):
        device = device or self.pushing
        self.calls(device, timedelta(seconds=seconds))
        return device.health

    def test_one_that_never_called_was_never_seen(self):
        self.assertEqual(self.pushing.health, "never")
        self.assertFalse(self.pushing.is_connected)

    def test_calls_are_what_counts(self):
        self.assertEqual(self.health_after(0), "healthy")
        self.assertTrue(self.pushing.is_connected)
        self.assertEqual(self.health_after(MISSED_SECONDS - 5), "healthy")
        self.assertEqual(self.health_after(MISSED_SECONDS + 1), "offline")
        self.assertFalse(self.pushing.is_connected)

    def test_that_it_can_be_read_does_not_say_that_it_calls(self):
        self.health_after(MISSED_SECONDS + 1)
        self.pushing.last_success_at = fields.Datetime.now()
        self.assertEqual(self.pushing.health, "offline")

    def test_one_that_calls_seldom_is_given_three_calls(self):
        self.pushing.push_delay = 60
        self.assertEqual(self.health_after(175), "healthy")
        self.assertEqual(self.health_after(181), "offline")

    def test_one_that_calls_for_scans_alone_has_its_own_patience(self):
        device = self.new_pushing(adapter="hikvision", offline_after=30)
        self.assertEqual(self.health_after(29 * 60, device), "healthy")
        self.assertEqual(self.health_after(31 * 60, device), "offline")

    def test_a_fault_of_the_daily_reading_is_told_but_it_calls(self):
        self.calls()
        self.pushing.write({"failure_count": 3, "error_code": "timeout"})
        self.assertEqual(self.pushing.health, "degraded")
        self.assertTrue(self.pushing.is_connected)

    def test_one_that_is_read_is_there_when_it_answered_last(self):
        self.store(scan())
        self.assertTrue(self.device.is_connected)
        self.device.failure_count = 1
        self.assertEqual(self.device.health, "degraded")
        self.assertFalse(self.device.is_connected)

    def test_switched_off_it_is_not_missed(self):
        self.calls()
        self.pushing.enabled = False
        self.assertEqual(self.pushing.health, "disabled")
        self.assertFalse(self.pushing.is_connected)

    def test_silence_is_noticed_without_any_call(self):
        self.calls()
        other = self.new_pushing()
        self.calls(other)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_device SET last_contact_at = last_contact_at"
            " - interval '5 minutes' WHERE id = %s",
            [self.pushing.id],
        )
        self.env.invalidate_all()
        self.assertEqual(self.pushing.health, "healthy")
        self.watch()
        self.assertEqual(self.pushing.health, "offline")
        self.assertEqual(other.health, "healthy")

    def test_people_are_asked_when_it_was_silent_for_long(self):
        self.pushing.responsible_id = self.officer
        activities = self.env["mail.activity"].search
        mine = [
            ("res_model", "=", self.devices._name),
            ("res_id", "=", self.pushing.id),
        ]
        self.calls(ago=timedelta(minutes=5))
        self.watch()
        self.assertEqual(self.pushing.health, "offline")
        self.assertFalse(activities(mine), "it may be back in a moment")
        self.calls(ago=timedelta(minutes=self.pushing.offline_after))
        self.watch()
        activity = activities(mine)
        self.assertEqual(activity.user_id, self.officer)
        self.assertIn("has not called since", str(activity.note))
        self.assertIn("has not called since", self.pushing.warnings)
        self.calls()
        self.watch()
        self.assertFalse(activities(mine))
        self.assertFalse(self.pushing.warnings)

    def test_people_are_asked_about_one_that_never_called(self):
        self.watch()
        mine = [
            ("res_model", "=", self.devices._name),
            ("res_id", "=", self.pushing.id),
        ]
        activities = self.env["mail.activity"]
        self.assertFalse(activities.search(mine))
        self.env.cr.execute(
            "UPDATE spp_attendance_device SET create_date = create_date"
            " - interval '31 minutes' WHERE id = %s",
            [self.pushing.id],
        )
        self.env.invalidate_all()
        self.watch()
        activity = activities.search(mine)
        self.assertEqual(activity.summary, "The terminal has never called")
        self.assertIn("has not called yet", str(activity.note))

    def test_no_poll_of_one_without_an_address_is_overdue(self):
        def overdue():
            self.env.flush_all()
            checks = {
                check.name: check for check in self.env["spp.oauth.health"]._checks()
            }
            return checks["overdue_polls"].value

        before = overdue()
        self.pushing.next_poll_at = fields.Datetime.now() - timedelta(days=1)
        self.assertEqual(overdue(), before)
        self.pushing.host = "192.0.2.7"
        self.pushing.next_poll_at = fields.Datetime.now() - timedelta(days=1)
        self.assertEqual(overdue(), before + 1)

    def test_nothing_is_promised_of_one_without_an_address(self):
        action = self.pushing.action_poll_now()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertIn("Enter the address", action["params"]["message"])
        action = (self.pushing | self.device).action_poll_now()
        self.assertEqual(action["params"]["type"], "info")
        self.assertIn("within a minute: 1", action["params"]["message"])
        self.assertIn("Enter the address", action["params"]["message"])

    def test_who_is_refused_is_not_told_to_look_at_the_cable(self):
        self.pushing._note_refusal("address", "192.0.2.9")
        for text in (self.pushing.warnings, self.pushing.push_refusal):
            self.assertIn("192.0.2.9", text)
        self.assertNotIn("power", self.pushing.warnings)
        self.assertEqual(self.pushing._silence(), "The terminal calls, and is refused")
        self.calls(ago=timedelta(seconds=-1))
        self.assertFalse(self.pushing.warnings)
        self.assertTrue(self.pushing.push_refusal)
        self.pushing.push_refused_at -= timedelta(days=1)
        self.assertFalse(self.pushing.push_refusal)
        # That it was refused long ago says nothing of its silence now.
        self.calls(ago=timedelta(hours=1))
        self.assertIn("power", self.pushing.warnings)

    def test_what_is_long_unmatched_is_seen(self):
        def late():
            self.env.flush_all()
            checks = {
                check.name: check for check in self.env["spp.oauth.health"]._checks()
            }
            return checks["late_matching"]

        self.store(scan("nobody"))
        first = self.scans_of()
        self.env["spp.attendance.scan.queue"].create(
            {"device_id": self.device.id, "first_id": first.id}
        )
        self.assertTrue(late().ok)
        self.env.cr.execute(
            "UPDATE spp_attendance_scan SET received_at = received_at"
            " - interval '1 hour' WHERE id = %s",
            [first.id],
        )
        self.assertFalse(late().ok)
        self.assertEqual(late().value, 1)


@tagged("post_install", "-at_install")
class TestPushWatermark(PushCase):
    def connected_for(self, time, device=None):
        device = device or self.pushing
        self.calls(device)
        device.called_since = fields.Datetime.now() - time

    def test_what_it_called_two_calls_ago_is_here(self):
        self.connected_for(CATCH_UP)
        self.vouch()
        self.assertEqual(
            self.pushing.synced_until,
            self.pushing.last_contact_at - timedelta(seconds=20),
        )
        self.device.enabled = False
        known = self.hall._complete_until()[self.hall.id].until
        self.assertEqual(known, self.pushing.synced_until)

    def test_after_a_pause_it_first_sends_what_it_kept(self):
        was = fields.Datetime.now() - timedelta(hours=3)
        self.pushing.synced_until = was
        self.calls()
        self.vouch()
        self.assertTrue(self.pushing.called_since)
        self.assertEqual(self.pushing.synced_until, was)
        self.pushing.called_since -= CATCH_UP
        self.vouch()
        self.assertGreater(self.pushing.synced_until, was)

    def test_while_it_is_silent_nothing_moves(self):
        self.connected_for(CATCH_UP)
        self.vouch()
        was = self.pushing.synced_until
        self.calls(ago=timedelta(minutes=3))
        self.vouch()
        self.assertFalse(self.pushing.called_since)
        self.assertEqual(self.pushing.synced_until, was)
        self.calls()
        self.vouch()
        self.assertEqual(self.pushing.synced_until, was, "it begins anew")

    def test_a_slow_clock_holds_it_back_and_it_never_goes_back(self):
        self.pushing.clock_drift = -300
        self.connected_for(CATCH_UP)
        self.vouch()
        until = self.pushing.last_contact_at - timedelta(seconds=320)
        self.assertEqual(self.pushing.synced_until, until)
        self.pushing.clock_drift = 300
        self.vouch()
        until = self.pushing.last_contact_at - timedelta(seconds=20)
        self.assertEqual(self.pushing.synced_until, until)
        self.pushing.clock_drift = -300
        self.vouch()
        self.assertEqual(self.pushing.synced_until, until)

    def test_what_is_read_is_not_moved_by_calls(self):
        self.store(scan())
        was = self.device.synced_until
        self.device.called_since = fields.Datetime.now() - CATCH_UP
        self.calls(self.device)
        self.vouch()
        self.assertFalse(self.device.called_since)
        self.assertEqual(self.device.synced_until, was)
