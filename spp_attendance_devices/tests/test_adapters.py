import dataclasses
import json
from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from .. import polling
from ..devices import isolated
from ..devices.adapter import Acknowledged, Reading
from ..devices.errors import DeviceAuthFailed, DeviceTimeout
from ..devices.zkteco import ZktecoAdapter
from .common import DeviceCase, reading, scan


@tagged("post_install", "-at_install")
class TestZkteco(DeviceCase):
    """The ORM's side of the make; its protocol is tested without a database."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.terminal = cls.new_device(
            adapter="zkteco", host="192.0.2.7", secret_input="0042", timeout=7
        )

    def child(self, *rows, result=None, error=None, **values):
        """A child that answers so; what it is asked is in ``call_args``."""
        if error:
            return patch.object(isolated, "run_child", side_effect=error)
        if result is None:
            result = reading(*rows, **values)
        end = {
            field.name: getattr(result, field.name)
            for field in dataclasses.fields(result)
            if field.name != "scans"
        }
        if isinstance(result, Reading):
            end["info"] = dataclasses.asdict(result.info)
        return patch.object(isolated, "run_child", return_value=(list(rows), end))

    def converse(self):
        """One conversation as a lane has it; what follows on the same lease."""
        self.terminal.lease_until = False
        [claim] = self.devices._take_leases(SQL("id = %s", self.terminal.id), 1)
        return self.devices._store_in(self.env, polling.talk(claim))

    def cursor(self):
        # No group reads it.
        return self.terminal.sudo().sync_cursor

    def test_settings_reach_the_adapter(self):
        claim = self.terminal._claim_for_test()
        self.assertIs(claim.adapter, ZktecoAdapter)
        self.assertEqual(claim.config.host, "192.0.2.7")
        self.assertEqual(claim.config.port, 4370)
        self.assertEqual(int(claim.config.password), 42)
        self.assertEqual(claim.config.timeout, 7)
        self.assertEqual(claim.config.transport, "tcp")
        self.assertEqual(claim.config.tz, "Africa/Nairobi")
        self.assertNotIn("42", repr(claim.config))

    def test_a_poll(self):
        rows = [scan(), scan(moment=None), scan("99", punch=255)]
        with self.child(*rows, cursor={"rows": 3}):
            self.converse()
        self.assertRecordValues(
            self.scans_of(self.terminal).sorted("id"),
            [
                {"state": "matched", "reason_code": False, "scan_type": "in"},
                {"state": "rejected", "reason_code": "bad_date", "scan_type": "in"},
                {"state": "unmatched", "reason_code": False, "scan_type": "none"},
            ],
        )
        self.assertEqual(self.terminal.serial, "S-1")
        self.assertEqual(self.cursor(), {"rows": 3})
        self.assertEqual(self.terminal.health, "healthy")

    def test_what_is_known_is_not_asked_for_again(self):
        with self.child(scan(), cursor={"rows": 1}) as child:
            self.converse()
        self.assertTrue(child.call_args.args[0]["argument"]["full"])
        with self.child(cursor={"rows": 1}) as child:
            self.converse()
        asked = child.call_args.args[0]["argument"]
        self.assertEqual((asked["cursor"], asked["full"]), ({"rows": 1}, False))
        self.assertEqual(len(self.scans_of(self.terminal)), 1)

    def test_incomplete(self):
        with self.child(scan(), cursor={"rows": 1}):
            self.converse()
        other = scan("99")
        with self.child(other, cursor={"rows": 9}, complete=False, detail="9 sent"):
            self.converse()
        # The rows are kept, and asked for again.
        self.assertEqual(len(self.scans_of(self.terminal)), 2)
        self.assertEqual(self.cursor(), {"rows": 1})
        self.assertEqual(self.terminal.error_code, "incomplete")

    def test_another_address_is_read_in_full(self):
        with self.child(scan(), cursor={"rows": 1}):
            self.converse()
        # With its key, which is for one address alone.
        self.terminal.write({"host": "192.0.2.8", "secret_input": "1234"})
        self.assertFalse(self.cursor())

    def test_its_log_is_emptied_after_it_is_stored(self):
        self.terminal.clear_after_read = True
        with self.child(scan(), cursor={"rows": 1}):
            claim = self.converse()
        self.assertEqual(
            (claim.kind, claim.clear, claim.cursor), ("acknowledge", True, {"rows": 1})
        )
        emptied = Acknowledged(cleared=1, cursor={"rows": 0})
        with self.child(result=emptied) as child:
            self.devices._store_in(self.env, polling.talk(claim))
        asked = child.call_args.args[0]
        self.assertEqual(asked["verb"], "acknowledge")
        self.assertEqual(asked["argument"]["cursor"], {"rows": 1})
        self.assertTrue(asked["argument"]["clear"])
        self.assertEqual(self.cursor(), {"rows": 0})
        self.assertFalse(self.terminal.lease_token)

    def test_its_log_is_not_emptied_after_half_of_it(self):
        self.terminal.clear_after_read = True
        with self.child(scan(), complete=False):
            self.assertIsNone(self.converse())
        with self.child(scan(), cursor={"rows": 1}, more=True):
            self.assertIsNone(self.converse())
        self.terminal.clear_after_read = False
        with self.child(scan(), cursor={"rows": 1}):
            self.assertIsNone(self.converse())

    def test_faults(self):
        with self.child(error=DeviceTimeout("stopped")):
            self.converse()
        self.assertEqual(self.terminal.error_code, "timeout")
        self.assertEqual(self.terminal.circuit, "closed")
        with self.child(error=DeviceAuthFailed("Unauthenticated")):
            self.converse()
        self.assertEqual(self.terminal.error_code, "auth")
        # No further try: some terminals lock after a few.
        self.assertEqual(self.terminal.circuit, "open")
        self.assertFalse(self.terminal.retry_at)

    def test_secret_is_in_nothing_that_is_kept(self):
        self.terminal.secret_input = "424242"
        with self.child(error=DeviceAuthFailed("Unauthenticated")):
            self.converse()
        [terminal] = self.terminal.read()
        # Nobody but the superuser, who acts here, is given it.
        self.assertEqual(terminal.pop("secret"), "424242")
        kept = [terminal, *self.terminal.run_ids.read()]
        self.assertEqual(len(kept), 2)
        self.assertNotIn("424242", json.dumps(kept, default=str))

    def test_address_required(self):
        for host in (False, "", "192.0.2.7; reboot", "$(id)", "gate:4370"):
            with self.assertRaises(ValidationError):
                self.terminal.host = host

    def test_port_in_range(self):
        for port in (0, 65536):
            with self.assertRaises(ValidationError):
                self.terminal.port = port

    def test_key_is_a_number(self):
        for key in ("1000000", "12a"):
            with self.assertRaises(ValidationError):
                self.terminal.secret_input = key


@tagged("post_install", "-at_install")
class TestSimulated(DeviceCase):
    def test_a_poll(self):
        device = self.new_device(
            adapter="simulated",
            options='{"people": ["T-1", "nobody"], "per_minute": 1, "days": 2}',
        )
        [claim] = self.devices._take_leases(SQL("id = %s", device.id), 1)
        self.devices._store_in(self.env, polling.talk(claim))
        states = dict(
            self.env["spp.attendance.scan"]._read_group(
                [("device_id", "=", device.id), ("state", "!=", "duplicate")],
                ["user_code", "state"],
                [],
            )
        )
        self.assertEqual(states, {"T-1": "matched", "nobody": "unmatched"})

    def test_options_are_checked(self):
        for options in ("{", "[]", '{"fault": "flood"}', '{"people": 1}'):
            with self.assertRaises(ValidationError):
                self.new_device(adapter="simulated", options=options)
