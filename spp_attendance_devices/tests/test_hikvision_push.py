import hashlib
import json
import logging
import threading
from types import SimpleNamespace
from unittest.mock import patch

from freezegun import freeze_time

from odoo.api import SUPERUSER_ID
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .. import polling, push_log
from ..devices import DeviceInfo
from ..devices.errors import DeviceBusy, UnsupportedDevice
from .common import DeviceCase

TOKEN = "a-secret-that-nobody-guesses"
PLACE = "10.0.0.9"


def alert(code="T-1", at="2026-11-20T08:00:05+00:00", **words):
    """What a terminal sends of somebody who was let in."""
    return {
        "macAddress": "44:19:b6:00:00:01",
        "dateTime": at,
        "eventType": "AccessControllerEvent",
        "AccessControllerEvent": {
            "majorEventType": 5,
            "subEventType": 75,
            "employeeNoString": code,
            "attendanceStatus": "checkIn",
            "serialNo": 7,
            "name": "Somebody",
            **words,
        },
    }


@tagged("post_install", "-at_install")
class TestHikvisionPush(DeviceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gate = cls.new_device(name="Gate", adapter="hikvision", mode="push")
        cls.gate.enabled = True
        cls.gate._take_push_token(TOKEN)

    def send(self, body, token=TOKEN, address=PLACE, content_type="application/json"):
        """A call of a terminal, as nobody in particular."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        public = self.env.ref("base.public_user")
        devices = self.devices.with_user(public).with_context({})
        return devices._isapi(token, content_type, body, address)

    # ---------------------------------------------------------------- calls

    def test_what_is_sent_is_stored_and_matched(self):
        self.assertEqual(self.send(alert()), (200, "OK"))
        scan = self.scans_of(self.gate)
        self.assertEqual((scan.user_code, scan.scan_type), ("T-1", "in"))
        self.assertEqual(str(scan.scan_time), "2026-11-20 08:00:05")
        self.assertEqual(scan.create_uid, self.gate.user_id)
        self.assertNotIn("Somebody", json.dumps(scan.raw))
        queue = self.env["spp.attendance.scan.queue"]
        self.assertEqual(queue.search([]).device_id, self.gate)
        self.assertTrue(queue._work(self.gate.id))
        self.assertEqual(scan.record_id.subscriber_id, self.amina)

    def test_a_replay_has_no_effect(self):
        self.send(alert())
        self.assertEqual(self.send(alert(currentEvent=False)), (200, "OK"))
        self.assertEqual(len(self.scans_of(self.gate)), 1)
        self.assertEqual(self.env["spp.attendance.scan.queue"].search_count([]), 1)

    def test_a_clock_without_an_offset_has_the_terminals_zone(self):
        self.gate.tz = "Asia/Kolkata"
        self.send(alert(at="2026-11-20T08:00:05"))
        self.send(alert(at="2026-11-20T08:00:05+05:30"))
        scan = self.scans_of(self.gate)
        self.assertEqual(str(scan.scan_time), "2026-11-20 02:30:05")
        self.assertEqual(scan.local_time_raw, "2026-11-20T08:00:05")

    def test_what_makes_no_sense_is_taken_and_shown(self):
        for _time in range(2):
            self.assertEqual(self.send(b"{no json"), (200, "OK"))
        scan = self.scans_of(self.gate)
        self.assertEqual((scan.state, scan.reason_code), ("rejected", "malformed"))
        self.assertEqual(scan.raw, {"line": "{no json"})

    def test_a_nul_or_half_a_character_does_no_harm(self):
        self.assertEqual(self.send(b"{\x00\xff"), (200, "OK"))
        self.assertEqual(self.send(alert(code="1\x002")), (200, "OK"))
        self.assertEqual(self.send(alert(code="\ud800", cardNo="9")), (200, "OK"))
        self.assertEqual(len(self.scans_of(self.gate)), 3)

    def test_settings_of_the_terminal_count(self):
        self.gate.options = '{"passes": [76]}'
        self.send(alert(subEventType=76))
        self.assertEqual(len(self.scans_of(self.gate)), 1)
        with self.assertRaises(ValidationError):
            self.gate.options = '{"passes": 76}'

    def test_a_call_is_a_sign_of_life(self):
        self.assertFalse(self.gate.last_contact_at)
        with freeze_time("2026-11-20 09:00:00"):
            self.send({"eventType": "heartBeat"})
        self.assertEqual(str(self.gate.last_contact_at), "2026-11-20 09:00:00")
        self.assertFalse(self.scans_of(self.gate))
        with freeze_time("2026-11-20 10:00:00"):
            self.send(b"")
        self.assertEqual(str(self.gate.last_contact_at), "2026-11-20 10:00:00")

    def test_who_does_not_know_the_address_is_nobody(self):
        for token in (
            "",
            "x",
            TOKEN.upper(),
            hashlib.sha256(TOKEN.encode()).hexdigest(),
        ):
            self.assertEqual(self.send(alert(), token)[0], 404)
        self.gate.mode = "poll"
        self.assertEqual(self.send(alert())[0], 404)
        self.assertFalse(self.scans_of(self.gate))

    def test_what_is_switched_off_is_not_heard(self):
        for values in ({"enabled": False}, {"enabled": True, "active": False}):
            self.gate.write({**values, "push_refused_at": False})
            self.assertEqual(self.send(alert())[0], 403)
            self.assertEqual(self.gate.push_refused_for, "disabled")
        self.assertFalse(self.scans_of(self.gate))

    def test_other_networks_are_not_heard(self):
        self.gate.push_networks = "10.0.0.0/24"
        self.assertEqual(self.send(alert(), address="10.0.1.9")[0], 403)
        self.assertIn("10.0.1.9", self.gate.push_refusal)
        self.assertFalse(self.scans_of(self.gate))
        self.assertEqual(self.send(alert()), (200, "OK"))

    def test_another_unit_is_told_of_once_a_day(self):
        def notes():
            messages = self.gate.message_ids
            return messages.filtered(lambda note: "Another unit" in note.body)

        other = {**alert("0002"), "macAddress": "44:19:b6:00:00:02"}
        with freeze_time("2026-11-20 09:00:00"):
            self.send(alert())
        self.assertEqual(self.gate.push_unit, "44:19:B6:00:00:01")
        with freeze_time("2026-11-21 10:00:00"):
            for _time in range(2):
                self.send(other)
                self.send(alert())
        self.assertEqual(len(notes()), 1)
        self.assertIn("44:19:B6:00:00:02", notes().body)
        # It counts all the same.
        self.assertEqual(len(self.scans_of(self.gate)), 2)

    # ------------------------------------------------------------------ log

    def test_the_secret_stays_out_of_the_log(self):
        logger = logging.getLogger("werkzeug")
        line = '"POST /attendance-devices/hikvision/s3cret/ HTTP/1.1"'
        record = logger.makeRecord(
            logger.name, logging.INFO, __file__, 1, "%s %s", (line, 200), None
        )
        self.assertTrue(logger.filter(record))
        self.assertEqual(record.getMessage(), line.replace("s3cret", "***") + " 200")
        thread = SimpleNamespace(url="http://x/attendance-devices/hikvision/s3cret")
        with patch.object(threading, "current_thread", return_value=thread):
            push_log.hide_address()
        self.assertEqual(thread.url, "http://x/attendance-devices/hikvision/***")

    # --------------------------------------------------------------- set-up

    def new_setup(self, device=None, user=None, **values):
        device = device or self.gate
        wizards = self.env["spp.attendance.device.push.setup"]
        return wizards.with_user(user or self.admin).create(
            {"device_id": device.id, "server": "http://10.0.0.2:8069/", **values}
        )

    def test_an_address_is_shown_once(self):
        action = self.new_setup().action_show()
        address = action["context"]["default_address"]
        start, _slash, token = address.rpartition("/")
        self.assertEqual(start, "http://10.0.0.2:8069/attendance-devices/hikvision")
        self.assertEqual(len(token), 43)
        # The one from before has ended.
        self.assertEqual(self.send(alert())[0], 404)
        self.assertEqual(self.send(alert(), token)[0], 200)
        shown = self.env[action["res_model"]].with_user(self.admin)
        shown = shown.with_context(action["context"]).new()
        self.assertEqual(shown.server_host, "10.0.0.2")
        self.assertEqual(shown.server_port, "8069")
        self.assertEqual(shown.path, f"/attendance-devices/hikvision/{token}")
        self.env.cr.execute("SELECT to_jsonb(d)::text FROM spp_attendance_device d")
        for (row,) in self.env.cr.fetchall():
            self.assertNotIn(token, row)

    def test_a_terminal_is_told_where_to_send(self):
        device = self.new_device(adapter="hikvision", host="10.0.0.7", mode="poll")
        device.enabled = True
        self.assertTrue(self.new_setup(device).can_register)
        self.assertFalse(self.new_setup().can_register)
        claims = []

        def talk(claim):
            claims.append(claim)
            return DeviceInfo(serial="H-1")

        action = self.register(device, talk)
        self.assertEqual(action["params"]["type"], "success")
        self.assertEqual(device.mode, "push")
        self.assertEqual(device.run_ids.mapped("kind"), ["push"])
        address = claims[0].address
        self.assertTrue(address.startswith("http://10.0.0.2:8069/attendance-devices/"))
        token = address.rpartition("/")[2]
        self.assertEqual(self.send(alert(), token)[0], 200)
        self.assertNotIn(token, str(device.message_ids.mapped("body")))

    def test_a_terminal_that_could_not_be_told_goes_on_as_before(self):
        self.gate.host = "10.0.0.7"
        for fault in (UnsupportedDevice("all its 2 addresses"), DeviceBusy("busy")):
            action = self.register(self.gate, lambda _claim, fault=fault: fault)
            context = action["context"]
            self.assertEqual(context["default_fault_detail"], fault.detail)
            self.assertEqual(context["default_fault"], self.gate._hint(fault.code))
            self.assertNotIn("default_address", context)
            self.assertEqual(self.send(alert())[0], 200)

    def register(self, device, outcome):
        wizard = self.new_setup(device)

        def talk(claim):
            now = polling.datetime.now(polling.UTC)
            return polling.Talk(claim, outcome(claim), now, now)

        def run(env, func):
            return func(env(user=SUPERUSER_ID))

        # A test has one transaction.
        where = (
            "odoo.addons.spp_attendance_devices.models.spp_attendance_device_polling"
        )
        with (
            patch.object(polling, "talk", talk),
            patch(f"{where}.run_in_transaction", run),
        ):
            return wizard.action_register()

    def test_only_who_may_change_a_terminal_has_it_send(self):
        with self.assertRaises(AccessError):
            self.new_setup(user=self.manager)
        with self.assertRaises(AccessError):
            self.gate.with_user(self.manager).action_send_here()
        with self.assertRaises(AccessError):
            self.gate.with_user(self.admin).read(["push_token_hash"])
        with self.assertRaises(AccessError):
            self.gate.with_user(self.admin).push_token_hash = "x"

    def test_an_address_that_is_none_is_refused(self):
        for server in ("10.0.0.2", "ftp://10.0.0.2", "http://", "http://a:b"):
            with self.assertRaises(ValidationError):
                self.new_setup(server=server).action_show()
        self.assertEqual(self.send(alert())[0], 200)

    def test_who_would_send_to_itself_is_warned(self):
        for server, is_local in (
            ("http://localhost:8069", True),
            ("http://127.0.0.1", True),
            ("http://10.0.0.2", False),
            ("http://[", False),
        ):
            self.assertEqual(self.new_setup(server=server).is_local, is_local)
