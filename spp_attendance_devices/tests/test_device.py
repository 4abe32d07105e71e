from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..devices import DeviceInfo
from ..devices.errors import DeviceAuthFailed, DeviceRefused, DeviceTimeout
from .common import DeviceCase, FakeAdapter, scan

ADDON = Path(__file__).parent.parent


@tagged("post_install", "-at_install")
class TestDevice(DeviceCase):
    def test_service_user_has_the_rights_of_a_terminal_and_no_more(self):
        user = self.device.user_id
        self.assertEqual(user.company_ids, self.company)
        self.assertEqual(
            user.group_ids, self.env.ref("spp_attendance.spp_attendance_group_api")
        )
        self.assertNotEqual(user, self.new_device().user_id)
        with self.assertRaises(AccessDenied):
            user._check_credentials(
                {"login": user.login, "password": "", "type": "password"},
                {"interactive": True},
            )

    def test_a_zone_that_does_not_exist_is_refused(self):
        for attempt in (
            lambda: self.new_device(tz="Mars/Olympus"),
            lambda: self.device.write({"tz": "Mars/Olympus"}),
        ):
            with self.assertRaises(ValidationError):
                attempt()

    def test_service_user_follows_its_terminal(self):
        self.device.write({"name": "Gate", "active": False})
        self.assertEqual(self.device.user_id.name, "Gate")
        self.assertFalse(self.device.user_id.active)
        user = self.device.user_id
        self.device.unlink()
        self.assertTrue(user.exists())
        self.assertFalse(user.active)

    def test_nobody_chooses_whom_a_terminal_acts_as(self):
        device = self.device.with_user(self.admin)
        with self.assertRaises(AccessError):
            device.user_id = self.admin
        with self.assertRaises(AccessError):
            self.devices.with_user(self.admin).create(
                {"name": "x", "adapter": "fake", "user_id": self.admin.id}
            )

    def test_zone_follows_the_location_and_can_be_changed(self):
        self.assertEqual(self.device.tz, "Africa/Nairobi")
        self.device.location_id = self.closed_site
        self.assertEqual(self.device.tz, "Asia/Kathmandu")
        self.device.tz = "Europe/Paris"
        self.assertEqual(self.device.tz, "Europe/Paris")
        self.assertEqual(self.new_device(location_id=False).tz, "Africa/Nairobi")

    def test_key_is_written_and_never_read(self):
        admin_device = self.device.with_user(self.admin)
        admin_device.write({"secret_input": "246810"})
        self.assertEqual(self.device.sudo().secret, "246810")
        self.assertTrue(admin_device.secret_set)
        self.assertNotIn("secret", admin_device.fields_get())
        self.admin.group_ids += self.env.ref("base.group_system")
        self.assertNotIn("246810", str(admin_device.read()))
        self.assertNotIn("246810", str(admin_device.export_data(["secret_input"])))
        with self.assertRaises(AccessError):
            admin_device.read(["secret"])
        with self.assertRaises(AccessError):
            admin_device.search([("secret", "like", "2%")])
        with self.assertRaises(AccessError):
            admin_device.write({"secret": "1"})
        self.assertNotIn("246810", str(self.device.message_ids.mapped("body")))
        admin_device.secret_input = "0"
        self.assertFalse(admin_device.secret_set)

    def test_key_is_not_sent_to_another_address(self):
        device = self.new_device(
            adapter="zkteco", host="10.0.0.7", secret_input="246810"
        ).with_user(self.admin)
        with self.assertRaises(ValidationError) as caught:
            device.host = "10.0.0.8"
        self.assertNotIn("246810", str(caught.exception))
        device.write({"host": "10.0.0.7", "port": 4371})
        device.write({"host": "10.0.0.8", "secret_input": "135791"})
        self.assertEqual(device.sudo().secret, "135791")
        device.write({"host": "10.0.0.9", "secret_input": False})
        self.assertFalse(device.secret_set)
        device.host = "10.0.0.7"

    def test_certificate_is_shown(self):
        target = "odoo.addons.spp_attendance_devices.models"
        target += ".spp_attendance_connection_mixin.shown_fingerprint"
        device = self.device.with_user(self.admin)
        with patch(target, return_value="ab" * 32):
            action = device.action_show_certificate()
            with self.assertRaises(AccessError):
                self.device.with_user(self.officer).action_show_certificate()
        self.assertIn("ab" * 32, action["params"]["message"])
        with patch(target, side_effect=DeviceRefused("closed")):
            action = device.action_show_certificate()
        self.assertIn("port is closed", action["params"]["message"])

    def test_saving_does_not_echo_the_key(self):
        [values] = self.device.with_user(self.admin).web_save(
            {"secret_input": "135791"}, {"name": {}, "secret_input": {}}
        )
        self.assertFalse(values["secret_input"])

    def test_key_is_not_copied(self):
        self.device.secret_input = "4711"
        copy = self.device.copy()
        self.assertFalse(copy.sudo().secret)
        self.assertNotEqual(copy.user_id, self.device.user_id)

    def test_key_is_a_number(self):
        for key in ("abc", "1000000", "-1", "12.5"):
            with self.assertRaises(ValidationError) as caught:
                self.device.secret_input = key
            if key == "abc":
                self.assertNotIn(key, str(caught.exception))

    def test_a_shared_key_is_long_enough(self):
        device = self.new_device(adapter="lines", host="10.0.0.9")
        with self.assertRaises(ValidationError) as caught:
            device.secret_input = "too short"
        self.assertNotIn("too short", str(caught.exception))
        device.secret_input = "long enough, really"
        self.assertTrue(device.secret_set)

    def test_times_are_checked_before_the_database_quotes_the_row(self):
        for values in (
            {"timeout": 0},
            {"timeout": 61},
            {"deadline": 4},
            {"deadline": 601},
            {"poll_interval": 0},
            {"poll_interval": 1441},
            {"offline_after": 0},
            {"offline_after": 10081},
        ):
            with self.assertRaises(ValidationError):
                self.device.write(values)

    def test_encoding_must_exist(self):
        for encoding in ("klingon", "utf-8\0"):
            with self.assertRaises(ValidationError):
                self.device.encoding = encoding

    def test_nothing_required_is_left_empty(self):
        """The database would refuse it, too, quoting the row with the key in a log."""
        self.device.secret_input = "246810"
        self.env.flush_all()
        with self.assertNoLogs("odoo.sql_db", "ERROR"):
            for name in ("name", "adapter", "encoding", "tz", "company_id"):
                with self.assertRaises(ValidationError, msg=name):
                    self.device.write({name: False})
                    self.env.flush_all()

    def test_a_terminal_is_not_moved_to_a_company_that_is_not_ones_own(self):
        with self.assertRaises(AccessError):
            self.device.with_user(self.admin).write(
                {
                    "company_id": self.other_company.id,
                    "location_id": self.other_hall.id,
                }
            )

    def test_with_scans_it_stays_and_stays_in_its_company(self):
        self.store(scan())
        with self.assertRaises(UserError):
            self.device.unlink()
        with self.assertRaises(UserError):
            self.device.write(
                {
                    "company_id": self.other_company.id,
                    "location_id": self.other_hall.id,
                }
            )

    def test_health(self):
        self.assertEqual(self.device.health, "never")
        self.store(scan())
        self.assertEqual(self.device.health, "healthy")
        for count in (1, 2):
            self.device._store(self.lease(), DeviceTimeout("no answer"))
            self.assertEqual(self.device.health, "degraded")
            self.assertEqual(self.device.failure_count, count)
        self.assertEqual(self.device.error_code, "timeout")
        self.assertEqual(self.device.error_detail, "no answer")
        self.assertIn("did not answer", self.device.error_message)
        good = self.device.last_success_at
        self.assertTrue(good)
        self.device.enabled = False
        self.assertEqual(self.device.health, "disabled")
        self.device.enabled = True
        self.store(scan())
        self.assertEqual(self.device.health, "healthy")
        self.assertFalse(self.device.error_code)
        self.assertFalse(self.device.error_message)

    def test_counts(self):
        self.store(scan(), scan("nobody"))
        self.assertEqual(self.device.scan_count, 2)
        self.assertEqual(self.device.unmatched_count, 1)
        action = self.device.action_open_unmatched()
        self.assertEqual(action["domain"], [("device_id", "=", self.device.id)])

    def test_connection(self):
        with self.enter_registry_test_mode():
            action = self.device.with_user(self.admin).action_test_connection()
        self.device.invalidate_recordset()
        self.assertEqual(action["params"]["type"], "success")
        self.assertIn("S-1", action["params"]["message"])
        self.assertEqual(self.device.health, "healthy")
        self.assertEqual(self.device.model, "Fake 1")
        self.assertFalse(self.device.lease_until)
        self.assertFalse(self.scans_of())

    def test_connection_fails_with_a_reason(self):
        FakeAdapter.answer = DeviceRefused("Errno 111")
        with self.enter_registry_test_mode():
            action = self.device.action_test_connection()
        self.device.invalidate_recordset()
        self.assertEqual(action["params"]["type"], "danger")
        self.assertIn("port is closed", action["params"]["message"])
        self.assertEqual(self.device.error_code, "refused")

    def test_connection_of_one_that_is_switched_off(self):
        self.device.enabled = False
        with self.enter_registry_test_mode():
            action = self.device.action_test_connection()
        self.assertEqual(action["params"]["type"], "success")

    def test_connection_waits_for_nobody(self):
        self.lease()
        with self.enter_registry_test_mode():
            action = self.device.action_test_connection()
        self.assertEqual(action["params"]["type"], "info")
        self.assertFalse(FakeAdapter.configs)

    def test_a_person_waits_less_long_than_a_poll(self):
        self.device.deadline = 300
        with self.enter_registry_test_mode():
            self.device.action_test_connection()
        self.assertEqual(FakeAdapter.configs[0].deadline, 20)

    def test_only_those_who_configure_may_test(self):
        for user in (self.officer, self.manager):
            with self.assertRaises(AccessError):
                self.device.with_user(user).action_test_connection()

    def test_another_unit_is_not_taken_for_this_one(self):
        self.store(scan())
        self.store(scan("T-2"), info=DeviceInfo(serial="S-2"))
        self.assertEqual(self.device.error_code, "replaced")
        self.assertEqual(self.device.serial, "S-1")
        self.assertEqual(len(self.scans_of()), 1)
        self.device.with_user(self.admin).action_accept_serial()
        self.store(scan("T-2"), info=DeviceInfo(serial="S-2"))
        self.assertEqual(self.device.serial, "S-2")
        self.assertEqual(len(self.scans_of()), 2)

    def test_who_looks_is_told_when_it_is_tried_again(self):
        self.assertFalse(self.device.retry_note)
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        self.assertIn("tried again at", self.device.retry_note)
        self.device.next_poll_at = fields.Datetime.now() - timedelta(minutes=1)
        self.assertIn("within a minute", self.device.retry_note)
        self.device.write(
            {
                "circuit": "open",
                "retry_at": fields.Datetime.now() + timedelta(minutes=9),
                "failure_count": 5,
            }
        )
        self.assertIn("5 times in a row", self.device.retry_note)
        self.device.enabled = False
        self.assertIn("switched off", self.device.retry_note)

    def test_left_alone_until_somebody_acts(self):
        for act in (
            lambda device: device.action_try_again(),
            lambda device: device.write({"secret_input": "12"}),
            lambda device: device.write({"options": "{}"}),
            lambda device: device.action_accept_serial(),
        ):
            self.device._store(self.lease(), DeviceAuthFailed("no"))
            self.assertEqual(self.device.circuit, "open")
            self.assertIn("until", self.device.retry_note)
            self.assertNotIn(self.device, self._due())
            act(self.device.with_user(self.admin))
            self.assertEqual(self.device.circuit, "closed")
            self.assertFalse(self.device.retry_at)
            self.assertIn(self.device, self._due())

    def _due(self):
        claims = self.devices._claim_due()
        devices = self.devices.browse(claim.device_id for claim in claims)
        devices.write({"lease_until": False, "lease_token": False})
        return devices

    def test_a_name_changes_nothing_about_its_faults(self):
        self.device._store(self.lease(), DeviceAuthFailed("no"))
        self.device.with_user(self.admin).write({"name": "Gate", "poll_interval": 7})
        self.assertEqual(self.device.circuit, "open")

    def test_a_wrong_clock_and_a_full_log_are_told(self):
        self.assertFalse(self.device.warnings)
        self.device.write(
            {"clock_drift": -3725, "record_count": 81, "record_capacity": 100}
        )
        clock, log = self.device.with_user(self.officer).warnings.splitlines()
        self.assertIn("1 h 2 min slow", clock)
        self.assertIn("81 % full", log)
        self.device.write({"clock_drift": 60, "record_count": 80})
        self.assertFalse(self.device.warnings)
        self.device.record_count = 150
        self.assertEqual(self.device.fill_level, 100)

    def test_setting_the_clock(self):
        device = self.device.with_user(self.admin)
        kind = type(self.device)
        for outcome, expected in (
            (DeviceInfo(clock_drift=0), "success"),
            (DeviceInfo(clock_drift=3600), "warning"),
            (DeviceTimeout("no answer"), "danger"),
        ):
            with patch.object(kind, "_converse", return_value=outcome) as converse:
                action = device.action_set_clock()
            converse.assert_called_once_with("clock")
            self.assertEqual(action["params"]["type"], expected)
        for user in (self.officer, self.manager):
            with self.assertRaises(AccessError):
                self.device.with_user(user).action_set_clock()
            with self.assertRaises(AccessError):
                self.device.with_user(user).action_try_again()

    def test_settings_of_the_make_are_checked_in_words(self):
        for options in ("{", "[]", '{"nonsense": 1}', '{"per_minute": -1}'):
            with self.assertRaises(ValidationError) as caught:
                self.new_device(adapter="simulated", options=options)
            self.assertIn("not valid", str(caught.exception))
        values = {"host": "10.0.0.9", "username": "a"}
        for adapter in ("hikvision", "biostar"):
            for options in ("{", "[]", '{"reader": [1]}'):
                with self.assertRaises(ValidationError) as caught:
                    self.new_device(adapter=adapter, options=options, **values)
                self.assertIn("not valid", str(caught.exception))
        # It is not the certificate that is wrong.
        self.assertNotIn("fingerprint", self._said("{"))

    def test_settings_of_another_make_go_with_it(self):
        device = self.new_device(adapter="simulated", options='{"days": 2}')
        device.name = "Renamed"
        self.assertEqual(device.options, '{"days": 2}')
        device.write({"adapter": "zkteco", "host": "10.0.0.9"})
        self.assertFalse(device.options)
        device.write({"adapter": "simulated", "options": '{"days": 3}'})
        self.assertEqual(device.options, '{"days": 3}')

    def _said(self, options):
        with self.assertRaises(ValidationError) as caught:
            self.new_device(
                adapter="biostar",
                host="10.0.0.9",
                username="a",
                tls="pinned",
                tls_fingerprint="ab" * 32,
                options=options,
            )
        return str(caught.exception)

    def test_a_certificate_is_given_as_it_should_be(self):
        values = {"adapter": "biostar", "host": "10.0.0.9", "username": "a"}
        for certificate in (
            {"tls": "pinned", "tls_fingerprint": "12:34"},
            {"tls": "pinned"},
            {"tls": "ca", "tls_ca": "nonsense"},
            {"tls": "ca"},
        ):
            with self.assertRaises(ValidationError):
                self.new_device(**values, **certificate)
        device = self.new_device(
            **values, tls="pinned", tls_fingerprint=":".join(["AB"] * 32)
        )
        self.assertTrue(device.has_tls)

    def test_limits_of_the_company_are_checked(self):
        for name, value in (
            ("attendance_scan_window", -1),
            ("attendance_scan_window", 3601),
            ("attendance_drift_limit", 0),
            ("attendance_silent_hours", 0),
            ("attendance_terminal_networks", "10.0.0.0/8\n10.0.0"),
        ):
            with self.assertRaises(ValidationError):
                self.company[name] = value
        self.company.attendance_terminal_networks = "10.0.0.0/8\n192.168.1.20"
        self.assertEqual(self.device._config().networks, ("10.0.0.0/8", "192.168.1.20"))

    def test_settings_are_saved_by_administrators_of_attendance(self):
        settings = (
            self.env["spp.attendance.settings"]
            .with_user(self.admin)
            .with_context(allowed_company_ids=self.company.ids)
        )
        page = settings.create({"attendance_scan_window": 90})
        self.assertEqual(page.attendance_silent_hours, 24)
        page.execute()
        self.assertEqual(self.company.attendance_scan_window, 90)

    def test_a_location_tells_of_its_terminals(self):
        self.store(scan())
        hall = self.hall.with_user(self.officer)
        self.assertIn(self.device, hall.device_ids)
        until = hall.complete_until - self.device.synced_until
        self.assertLess(abs(until), timedelta(seconds=1))

    def test_read_now_makes_it_due_and_wakes_a_lane_once(self):
        self.store()
        triggers = self.env["ir.cron.trigger"].search_count
        lane = self.env.ref("spp_attendance_devices.ir_cron_poll_1")
        self.env["ir.cron.trigger"].search([("cron_id", "=", lane.id)]).unlink()
        for _click in range(2):
            self.device.with_user(self.admin).action_poll_now()
            self.assertEqual(triggers([("cron_id", "=", lane.id)]), 1)
        self.assertEqual(
            [claim.device_id for claim in self.devices._claim_due()], self.device.ids
        )

    def test_neutralized_copies_talk_to_nobody(self):
        setup = self.env["spp.attendance.device.setup"].create({"secret_input": "5"})
        self.device.secret_input = "5"
        pushing = self.new_device(
            name="Gate", adapter="zkteco", mode="push", serial="PUSH-1"
        )
        pushing.last_contact_at = fields.Datetime.now()
        pushing.sudo().write({"push_key_hash": "5", "push_token_hash": "5"})
        command = self.env["spp.attendance.device.command"]._queue(pushing, "reboot")
        self.assertTrue(pushing.is_connected)
        self.env.flush_all()
        self.env.cr.execute((ADDON / "data" / "neutralize.sql").read_text())
        self.env.invalidate_all()
        self.assertEqual(self.device.health, "disabled")
        self.assertFalse(self.device.sudo().secret)
        self.assertFalse(self.devices._claim_due())
        self.assertFalse(setup.sudo().secret)
        self.assertEqual((pushing.health, pushing.is_connected), ("disabled", False))
        self.assertFalse(pushing.sudo().push_key_hash)
        self.assertFalse(pushing.sudo().push_token_hash)
        self.assertEqual(command.state, "failed")
