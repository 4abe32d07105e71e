from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..models import spp_attendance_scan_match
from .common import MORNING, DeviceCase, scan, scans


@tagged("post_install", "-at_install")
class TestBadge(DeviceCase):
    def setUp(self):
        super().setUp()
        self.store(*scans(20, "4711"), scan("4712"), scan("T-1"))

    def badges(self, user=None):
        return (
            self.env["spp.attendance.scan.badge"]
            .with_user(user or self.officer)
            .search([("device_id", "=", self.device.id)])
        )

    def assign(self, badge, person, user=None):
        action = badge.action_assign()
        form = Form(
            self.env[action["res_model"]]
            .with_user(user or self.officer)
            .with_context(**action["context"])
        )
        form.subscriber_id = person
        return form.save().action_assign()

    def test_unmatched_badges(self):
        self.assertRecordValues(
            self.badges().sorted("user_code"),
            [
                {
                    "user_code": "4711",
                    "scan_count": 20,
                    "last_time": MORNING + timedelta(minutes=19, hours=-3),
                },
                {
                    "user_code": "4712",
                    "scan_count": 1,
                    "last_time": MORNING - timedelta(hours=3),
                },
            ],
        )

    def test_assigning_makes_records_of_all_earlier_scans(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        answer = self.assign(badge, self.joseph)
        self.assertIn("20", answer["params"]["message"])
        rows = self.scans_of().filtered(lambda s: s.user_code == "4711")
        self.assertEqual(set(rows.mapped("state")), {"matched"})
        self.assertEqual(rows.subscriber_id, self.joseph)
        self.assertEqual(len(rows.record_id), 20)
        self.assertEqual(rows.record_id.create_uid, self.device.user_id)
        self.env.invalidate_all()
        self.assertEqual(self.badges().mapped("user_code"), ["4712"])

    def test_later_scans_follow(self):
        self.assign(self.badges()[0], self.joseph)
        code = self.device.device_user_ids.code
        self.store(scan(code, MORNING + timedelta(days=1)))
        self.assertFalse(
            self.scans_of().filtered(
                lambda s: s.user_code == code and s.state != "matched"
            )
        )

    def test_from_a_scan(self):
        row = self.scans_of().filtered(lambda s: s.user_code == "4712")
        self.assign(row.with_user(self.officer), self.grace)
        self.assertEqual(row.state, "matched")
        self.assertEqual(row.subscriber_id, self.grace)

    def test_assigned_again(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        action = badge.action_assign()
        self.assign(badge, self.joseph)
        wizard = (
            self.env["spp.attendance.scan.assign"]
            .with_user(self.officer)
            .with_context(**action["context"])
            .create({"subscriber_id": self.grace.id})
        )
        wizard.action_assign()
        self.assertEqual(self.device.device_user_ids.subscriber_id, self.grace)
        # What was recorded stays as it is.
        rows = self.scans_of().filtered(lambda s: s.user_code == "4711")
        self.assertEqual(rows.subscriber_id, self.joseph)

    def test_the_map_beats_the_identifier(self):
        self.env["spp.attendance.device.user"].create(
            {
                "device_id": self.device.id,
                "code": "T-2",
                "subscriber_id": self.grace.id,
            }
        )
        self.store(scan("T-2"))
        row = self.scans_of().filtered(lambda s: s.user_code == "T-2")
        self.assertEqual(row.subscriber_id, self.grace)

    def test_the_map_alone_is_enough(self):
        self.env["spp.attendance.device.user"].with_user(self.officer).create(
            {
                "device_id": self.device.id,
                "code": "4712",
                "subscriber_id": self.grace.id,
            }
        )
        row = self.scans_of().filtered(lambda s: s.user_code == "4712")
        self.assertEqual(row.state, "matched")

    def test_many_scans_go_in_batches(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        with patch.object(spp_attendance_scan_match, "MATCH_BATCH", 7):
            self.assign(badge, self.joseph)
        rows = self.scans_of().filtered(lambda s: s.user_code == "4711")
        self.assertEqual(set(rows.mapped("state")), {"matched"})

    def test_person_of_another_company(self):
        with self.assertRaises(UserError):
            self.env["spp.attendance.device.user"].create(
                {
                    "device_id": self.device.id,
                    "code": "4711",
                    "subscriber_id": self.stranger.id,
                }
            )

    def test_only_officers(self):
        context = self.badges()[0].action_assign()["context"]
        for user in (self.internal, self.participant):
            with self.assertRaises(AccessError):
                self.env["spp.attendance.scan.assign"].with_user(user).with_context(
                    **context
                ).create({"subscriber_id": self.grace.id})

    def test_badges_and_scans_follow_who_is_merged(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        self.assign(badge, self.joseph)
        self.assertEqual(len(self.scans_of().record_id), 21)
        self.amina._merge(self.joseph)
        self.assertEqual(self.scans_of().subscriber_id, self.amina)
        self.assertEqual(self.scans_of().record_id.subscriber_id, self.amina)
        assigned = self.env["spp.attendance.device.user"].search([])
        self.assertEqual(assigned.subscriber_id, self.amina)
        later = MORNING + timedelta(days=1)
        self.store(scan("4711", later), scan("T-2", later + timedelta(minutes=2)))
        rows = self.scans_of().filtered(
            lambda row: row.record_id.local_date == later.date()
        )
        self.assertEqual(rows.mapped("state"), ["matched", "matched"])
        self.assertEqual(rows.subscriber_id, self.amina)
