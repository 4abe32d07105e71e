from datetime import datetime

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import DeviceCase


@tagged("post_install", "-at_install")
class TestPushScreens(DeviceCase):
    """What people set, decide and ask of terminals that send by themselves."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sender = cls.new_device(name="Gate", **cls.sending("GATE-1"))
        cls.pending = cls.env["spp.attendance.device.pending"].create(
            {
                "serial": "NEW-1",
                "address": "10.0.0.7",
                "firmware": "Ver 8.0.4.3",
                "first_seen_at": "2026-09-01 08:00:00",
                "last_seen_at": "2026-09-01 08:05:00",
                "calls": 3,
            }
        )

    @staticmethod
    def sending(serial):
        return {"adapter": "zkteco", "mode": "push", "serial": serial}

    def new_setup(self, **values):
        setups = self.env["spp.attendance.device.setup"].with_user(self.admin)
        return setups.create({"source": "push", **values})

    # --------------------------------------------------------------- setup

    def test_one_that_sends_needs_neither_address_nor_test(self):
        setup = self.new_setup(adapter="simulated")
        setup.action_find()
        self.assertEqual((setup.step, setup.adapter), ("place", "zkteco"))
        self.assertEqual(setup.push_makes, ["zkteco", "hikvision"])
        with Form(setup) as form:
            form.pending_id = self.pending
            self.assertEqual(form.serial, "NEW-1")
            form.name = "Gate"
            form.location_id = self.hall
        action = setup.action_create_device()
        device = self.devices.browse(action["res_id"])
        self.assertRecordValues(
            device,
            [
                {
                    "name": "Gate",
                    "adapter": "zkteco",
                    "mode": "push",
                    "serial": "NEW-1",
                    "host": False,
                    "location_id": self.hall.id,
                    "tz": self.hall.tz,
                    "company_id": self.company.id,
                    "health": "never",
                }
            ],
        )
        self.assertFalse(self.pending.exists())

    def test_back_from_the_place_leads_to_where_it_began(self):
        setup = self.new_setup()
        setup.action_find()
        setup.action_back()
        self.assertEqual(setup.step, "find")

    def test_a_serial_number_is_asked_for(self):
        setup = self.new_setup(name="Gate")
        setup.action_find()
        with self.assertRaises(ValidationError):
            setup.action_create_device()

    def test_makes_that_do_not_send_are_refused(self):
        setup = self.new_setup(name="Gate", serial="NEW-1")
        setup.action_find()
        setup.adapter = "biostar"
        with self.assertRaises(ValidationError):
            setup.action_create_device()

    # ------------------------------------------------------------- unknown

    def test_an_unknown_one_is_approved_into_the_company_of_who_does(self):
        action = self.pending.with_user(self.admin).action_approve()
        setup = self.env["spp.attendance.device.setup"].browse(action["res_id"])
        self.assertRecordValues(
            setup,
            [
                {
                    "source": "push",
                    "step": "place",
                    "adapter": "zkteco",
                    "serial": "NEW-1",
                    "firmware": "Ver 8.0.4.3",
                    "company_id": self.company.id,
                }
            ],
        )

    def test_one_that_is_ignored_stays_and_may_be_noticed_again(self):
        pending = self.pending.with_user(self.admin)
        pending.action_ignore()
        self.assertTrue(pending.ignored)
        pending.action_notice()
        self.assertFalse(pending.ignored)

    def test_whoever_sets_it_up_however_it_is_unknown_no_longer(self):
        self.sender.with_user(self.admin).serial = "NEW-1"
        self.assertFalse(self.pending.exists())

    def test_one_that_is_read_has_no_claim_to_a_serial_that_sends(self):
        self.new_device(serial="NEW-1")
        self.assertTrue(self.pending.exists())

    # ---------------------------------------------------------------- keys

    def test_the_key_is_kept_as_a_hash_and_never_read(self):
        sender = self.sender.with_user(self.admin)
        self.assertFalse(sender.push_key_set)
        sender.push_key_input = " 4711 "
        self.assertTrue(sender.push_key_set)
        self.assertFalse(sender.push_key_input)
        stored = self.sender.sudo().push_key_hash
        self.assertNotIn("4711", stored)
        sender.push_key_input = "4711"
        self.assertEqual(self.sender.sudo().push_key_hash, stored)
        with self.assertRaises(AccessError):
            sender.read(["push_key_hash"])
        with self.assertRaises(AccessError):
            self.sender.with_user(self.officer).read(["push_key_input"])
        sender.push_key_input = ""
        self.assertFalse(sender.push_key_set)
        for text in ("x" * 65, "47\n11"):
            with self.assertRaises(ValidationError):
                sender.push_key_input = text

    def test_networks_are_networks(self):
        self.sender.push_networks = "10.0.0.0/8\n192.168.1.20"
        with self.assertRaises(ValidationError):
            self.sender.push_networks = "10.0.0.0/8\nsomewhere"

    def test_no_two_send_as_one(self):
        with self.assertRaises(ValidationError):
            self.new_device(**self.sending("GATE-1"))
        other = self.new_device(**self.sending("GATE-2"))
        with self.assertRaises(ValidationError):
            other.serial = "GATE-1"
        with self.assertRaises(ValidationError):
            (other | self.sender).serial = "GATE-3"
        other.active = False
        other.serial = "GATE-1"
        with self.assertRaises(ValidationError):
            other.active = True
        self.sender.active = False
        other.active = True

    def test_how_often_it_calls_has_bounds(self):
        for seconds in (1, 61):
            with self.assertRaises(ValidationError):
                self.sender.push_delay = seconds
            with self.assertRaises(ValidationError):
                self.new_device(**self.sending("GATE-2"), push_delay=seconds)

    def test_the_address_of_the_server_is_told(self):
        parameters = self.env["ir.config_parameter"]
        for url, port, secure in (
            ("https://times.example.org", "443", "HTTPS: on"),
            ("http://10.0.0.2:8069", "8069", "HTTPS: off"),
            ("http://times.example.org", "80", "HTTPS: off"),
        ):
            parameters.set_param("web.base.url", url)
            self.sender.invalidate_recordset(["push_server"])
            lines = self.sender.push_server.splitlines()
            self.assertIn(url.split("/")[2].split(":")[0], lines[0])
            self.assertIn(port, lines[1])
            self.assertEqual(lines[2:], [secure])
        self.assertFalse(self.device.push_server)

    def test_an_address_that_leads_nowhere_is_said_to_be_one(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("web.base.url", "http://localhost:8069")
        lines = self.sender.push_server.splitlines()
        self.assertEqual(len(lines), 4)

    # ------------------------------------------------------------- commands

    def ask(self, kind, device=None, **values):
        wizard = (
            self.env["spp.attendance.device.ask"]
            .with_user(self.admin)
            .create({"device_id": (device or self.sender).id, "kind": kind, **values})
        )
        return wizard.action_ask()

    def test_what_is_asked_waits_for_the_terminal(self):
        action = self.sender.with_user(self.admin).action_ask()
        wizards = self.env[action["res_model"]].with_context(action["context"])
        with Form(wizards.with_user(self.admin)) as form:
            form.kind = "upload"
            form.first_day = "2026-09-01"
            form.last_day = "2026-09-03"
        form.record.action_ask()
        command = self.sender.command_ids
        self.assertRecordValues(
            command,
            [
                {
                    "kind": "upload",
                    "start": datetime(2026, 9, 1),
                    "end": datetime(2026, 9, 3, 23, 59, 59),
                    "state": "pending",
                    "create_uid": self.admin.id,
                }
            ],
        )
        # Its own time, whatever the zone of who looks.
        for zone in ("UTC", "Asia/Tokyo"):
            period = command.with_context(tz=zone).period
            self.assertIn("9/3/26", period)
            self.assertNotIn("9/4/26", period)
            self.assertNotIn(":", period, "whole days")
        commands = command._queue(
            self.sender,
            "verify",
            datetime(2026, 9, 4),
            datetime(2026, 9, 4, 23, 59, 59),
        )
        self.assertEqual(commands.period, "9/4/26")
        commands = command._queue(
            self.sender, "verify", datetime(2026, 9, 4), datetime(2026, 9, 4, 10, 30)
        )
        self.assertIn("9/4/26 to 9/4/26, 10:30", commands.period)

    def test_what_waits_is_not_asked_twice(self):
        self.ask("info")
        self.ask("info")
        self.ask("clock", first_day="2026-09-01", last_day="2026-09-03")
        self.assertEqual(self.sender.command_ids.mapped("kind"), ["clock", "info"])
        self.assertEqual(self.sender.command_ids.filtered("start").ids, [])

    def test_days_are_in_order_and_not_too_many(self):
        for first, last in (
            ("2026-09-03", "2026-09-01"),
            ("2026-01-01", "2026-09-01"),
            (False, "2026-09-01"),
        ):
            with self.assertRaises(ValidationError):
                self.ask("verify", first_day=first, last_day=last)

    def test_one_that_does_not_call_is_asked_nothing(self):
        with self.assertRaises(UserError):
            self.ask("info", self.device)
