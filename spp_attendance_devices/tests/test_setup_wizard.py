from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from ..devices import DeviceInfo
from ..devices.discovery import Found
from ..devices.errors import DeviceAuthFailed, DeviceTimeout, DeviceTlsError
from ..models import spp_attendance_connection_mixin
from ..wizards import spp_attendance_device_setup
from .common import DeviceCase, FakeAdapter


@tagged("post_install", "-at_install")
class TestSetupWizard(DeviceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setups = cls.env["spp.attendance.device.setup"].with_user(cls.admin)

    def find(self, *found, **values):
        setup = self.setups.create({"host": "192.168.1.201", **values})
        with patch.object(
            spp_attendance_device_setup, "discover", return_value=list(found)
        ) as discover:
            setup.action_find()
        return setup, discover

    def test_one_that_answers_is_taken_at_once(self):
        setup, discover = self.find(
            Found("zkteco", 4370, "udp", "none", "ZMM220", ""),
            Found("biostar", 443, "tcp", "none", None, "refused"),
        )
        host, makes, networks, _patience = discover.call_args.args
        self.assertEqual((host, networks), ("192.168.1.201", ()))
        self.assertIn(FakeAdapter, makes)
        self.assertEqual(setup.step, "connect")
        self.assertEqual(
            (setup.adapter, setup.port, setup.transport), ("zkteco", 4370, "udp")
        )
        self.assertEqual(
            setup.found_ids.mapped("says"), ["ZMM220", "The port is closed."]
        )

    def test_among_several_a_person_chooses(self):
        setup, _discover = self.find(
            Found("zkteco", 4370, "tcp", "none", "", ""),
            Found("biostar", 443, "tcp", "unverified", "BioStar", ""),
        )
        self.assertEqual(setup.step, "find")
        with self.certificate(DeviceTimeout("no answer")):
            setup.found_ids[1].action_choose()
        self.assertEqual(setup.step, "connect")
        self.assertEqual(
            (setup.adapter, setup.port, setup.tls), ("biostar", 443, "unverified")
        )

    def certificate(self, *shown):
        return patch.object(
            spp_attendance_connection_mixin, "shown_fingerprint", side_effect=shown
        )

    def test_the_certificate_that_was_seen_is_proposed(self):
        seen = "ab" * 32
        with self.certificate(seen) as look:
            setup, _discover = self.find(
                Found("biostar", 443, "tcp", "unverified", "BioStar", "")
            )
        [config] = look.call_args.args
        self.assertEqual((config.host, config.port), ("192.168.1.201", 443))
        self.assertEqual((setup.tls, setup.tls_fingerprint), ("pinned", seen))
        with self.certificate() as look:
            setup.found_ids.tls = "none"
            setup.found_ids.action_choose()
        look.assert_not_called()

    def test_another_certificate_is_shown_and_may_be_trusted(self):
        setup = self.setups.create(
            {"host": "10.0.0.7", "adapter": "fake", "step": "connect"}
        )
        with self.assertRaises(ValidationError):
            setup.action_trust()
        seen = "cd" * 32
        FakeAdapter.answer = DeviceTlsError("self-signed certificate")
        with self.certificate(seen):
            setup.action_test()
        self.assertEqual((setup.step, setup.seen_fingerprint), ("connect", seen))
        FakeAdapter.answer = None
        setup.action_trust()
        self.assertEqual((setup.tls, setup.tls_fingerprint), ("pinned", seen))
        self.assertEqual(setup.step, "place")
        self.assertEqual(FakeAdapter.configs[-1].tls, "pinned")

    def test_nothing_found_says_what_to_do(self):
        for codes, expected in (
            (("dns", "dns"), "host name is not known"),
            (("forbidden", "forbidden"), "may not have this address"),
            (("refused", "timeout"), "There is a machine"),
            (("timeout", "timeout"), "Nothing answers"),
        ):
            setup, _discover = self.find(
                *(Found("zkteco", 4370, "tcp", "none", None, code) for code in codes)
            )
            self.assertEqual(setup.step, "find")
            self.assertIn(expected, setup.search_note)

    def test_an_address_that_is_none_is_refused(self):
        for host in ("http://10.0.0.1", "10.0.0", "a b", False):
            with self.assertRaises(ValidationError):
                self.find(host=host)

    def test_from_a_make_to_a_terminal(self):
        setup = self.setups.create({"host": "10.0.0.7"})
        setup.action_by_hand()
        setup.write({"adapter": "fake", "secret_input": "4711"})
        FakeAdapter.answer = DeviceAuthFailed("wrong")
        setup.action_test()
        self.assertEqual(setup.step, "connect")
        self.assertIn("refused the key", setup.fault)
        self.assertNotIn("4711", str(setup.read()))
        FakeAdapter.answer = DeviceInfo(
            serial="S-7", model="Fake 1", users=3, records=9, clock_drift=3600
        )
        setup.action_test()
        self.assertEqual(FakeAdapter.configs[-1].password, "4711")
        self.assertEqual(setup.step, "place")
        self.assertFalse(setup.fault)
        self.assertEqual(setup.clock_note, "1 h fast")
        self.assertTrue(setup.is_clock_off)
        setup.write({"name": "Gate", "location_id": self.hall.id})
        action = setup.action_create_device()
        device = self.devices.browse(action["res_id"])
        self.assertEqual(device.name, "Gate")
        self.assertEqual(device.location_id, self.hall)
        self.assertEqual(device.serial, "S-7")
        self.assertEqual((device.record_count, device.user_count), (9, 3))
        self.assertEqual(device.sudo().secret, "4711")
        self.assertFalse(setup.sudo().secret)
        self.assertIn(device.id, [c.device_id for c in self.devices._claim_due()])

    def test_a_clock_of_another_zone_is_right_once_the_zone_is(self):
        setup = self.setups.create({"host": "10.0.0.7", "adapter": "fake"})
        setup.tz = "Africa/Nairobi"
        FakeAdapter.answer = DeviceInfo(clock_drift=-int(timedelta(hours=3).seconds))
        setup.action_test()
        self.assertEqual(setup.clock_note, "3 h slow")
        setup.tz = "Africa/Accra"
        self.assertEqual(setup.clock_note, "Right")
        self.assertFalse(setup.is_clock_off)

    def test_a_unit_that_is_set_up_already_is_told(self):
        FakeAdapter.answer = DeviceInfo(serial="S-8")
        for known in (False, True):
            if known:
                self.device.write({"serial": "S-8", "active": False})
            setup = self.setups.create({"host": "10.0.0.7", "adapter": "fake"})
            setup.action_test()
            self.assertEqual(bool(setup.known_note), known)
        self.assertIn("Door", setup.known_note)

    def test_a_simulated_one(self):
        setup = self.setups.create({"source": "simulated"})
        setup.action_find()
        self.assertEqual((setup.step, setup.adapter), ("connect", "simulated"))
        setup.options = '{"fault": "nonsense"}'
        with self.assertRaises(ValidationError):
            setup.action_test()
        setup.options = '{"people": ["T-1"]}'
        setup.action_test()
        self.assertEqual(setup.step, "place")
        setup.action_back()
        setup.action_back()
        self.assertEqual(setup.step, "find")
        setup.source = "network"
        setup.host = "10.0.0.7"
        setup.action_by_hand()
        self.assertEqual((setup.adapter, setup.port), ("zkteco", 4370))

    def test_nothing_is_created_untested(self):
        setup = self.setups.create({"host": "10.0.0.7"})
        with self.assertRaises(ValidationError):
            setup.action_create_device()

    def test_only_administrators_set_up(self):
        for user in (self.officer, self.manager, self.api_user, self.internal):
            with self.assertRaises(AccessError):
                self.setups.with_user(user).create({"host": "10.0.0.7"})
