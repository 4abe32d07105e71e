from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..devices.errors import DeviceAuthFailed
from ..devices.zkteco import ZktecoAdapter
from .common import DeviceCase


@tagged("post_install", "-at_install")
class TestZkteco(DeviceCase):
    """The ORM's side of the make; its protocol is tested without a database."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.terminal = cls.new_device(
            adapter="zkteco", host="192.0.2.7", comm_key_input="0042", timeout=7
        )

    def converse(self, rows, **end):
        end = {
            "info": {"serial": "ZK1", "records": len(rows)},
            "complete": True,
            "detail": "",
            "digest": "d1",
            "unchanged": False,
            **end,
        }
        return patch.object(
            ZktecoAdapter, "_converse", return_value=([{"rows": rows}], end)
        )

    def poll(self):
        claim = self.terminal._claim_for_test()
        return self.terminal._store(
            claim.token, claim.adapter(claim.config).read_scans(_request(claim))
        )

    def test_settings_reach_the_adapter(self):
        claim = self.terminal._claim_for_test()
        self.assertIs(claim.adapter, ZktecoAdapter)
        self.assertEqual(claim.config.host, "192.0.2.7")
        self.assertEqual(claim.config.port, 4370)
        self.assertEqual(claim.config.password, "42")
        self.assertEqual(claim.config.timeout, 7)
        self.assertEqual(claim.config.tz, "Africa/Nairobi")

    def test_a_poll(self):
        rows = [
            ["T-1", "2026-09-01 08:00:00", 0, 1],
            ["T-1", "2026-02-31 08:00:00", 0, 1],
            ["99", "2026-09-01 08:05:00", 255, 15],
        ]
        with self.converse(rows):
            self.poll()
        self.assertRecordValues(
            self.scans_of(self.terminal).sorted("local_time_raw"),
            [
                {"state": "rejected", "reason_code": "bad_date", "scan_type": "in"},
                {"state": "matched", "reason_code": False, "scan_type": "in"},
                {"state": "unmatched", "reason_code": False, "scan_type": "none"},
            ],
        )
        self.assertEqual(self.terminal.serial, "ZK1")
        self.assertEqual(self.terminal.last_digest, "d1")

    def test_the_same_log_again_is_not_stored_again(self):
        with self.converse([["T-1", "2026-09-01 08:00:00", 0, 1]]):
            self.poll()
        with self.converse([], unchanged=True) as converse:
            self.poll()
        self.assertEqual(converse.call_args.args, ("read", "d1"))
        self.assertEqual(len(self.scans_of(self.terminal)), 1)
        self.assertEqual(self.terminal.health, "healthy")

    def test_another_address_is_read_in_full(self):
        with self.converse([]):
            self.poll()
        self.terminal.host = "192.0.2.8"
        self.assertFalse(self.terminal.last_digest)

    def test_wrong_key(self):
        claim = self.terminal._claim_for_test()
        self.terminal._store(claim.token, DeviceAuthFailed("Unauthenticated"))
        self.assertIn("communication key", self.terminal.error_message)
        self.assertEqual(self.terminal.health, "unhealthy")

    def test_address_required(self):
        for host in (False, "", "192.0.2.7; reboot", "$(id)", "gate:4370"):
            with self.assertRaises(ValidationError):
                self.terminal.host = host

    def test_port_in_range(self):
        for port in (0, 65536):
            with self.assertRaises(ValidationError):
                self.terminal.port = port


@tagged("post_install", "-at_install")
class TestSimulated(DeviceCase):
    def test_a_poll(self):
        device = self.new_device(
            adapter="simulated",
            options='{"people": ["T-1", "nobody"], "per_minute": 1, "days": 2}',
        )
        claim = device._claim_for_test()
        device._store(
            claim.token, claim.adapter(claim.config).read_scans(_request(claim))
        )
        states = dict(
            self.env["spp.attendance.scan"]._read_group(
                [("device_id", "=", device.id)], ["user_code", "state"], []
            )
        )
        self.assertEqual(states, {"T-1": "matched", "nobody": "unmatched"})

    def test_options_are_checked(self):
        for options in ("{", "[]", '{"fault": "flood"}', '{"people": 1}'):
            with self.assertRaises(ValidationError):
                self.new_device(adapter="simulated", options=options)


def _request(claim):
    from datetime import UTC, datetime

    from ..devices import ReadRequest

    return ReadRequest(datetime.now(UTC), claim.known_digest)
