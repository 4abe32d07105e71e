from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..devices.adapter import UserData
from ..devices.errors import DeviceTimeout
from .common import MORNING, DeviceCase, FakeAdapter, scan


@tagged("post_install", "-at_install")
class TestSuggestions(DeviceCase):
    """Whose an unknown badge may be."""

    def unmatched(self, user=None):
        self.env.invalidate_all()
        return (
            self.env["spp.attendance.scan.badge"]
            .with_user(user or self.officer)
            .search([("device_id", "=", self.device.id)])
        )

    def suggested(self, *codes, card=""):
        self.store(*(scan(code)._replace(card=card) for code in codes))
        return {
            badge.user_code: (badge.suggested_id, badge.suggestion or "")
            for badge in self.unmatched()
        }

    def test_same_identifier(self):
        self.amina.person_identifier = "EMP-0012/a"
        found = self.suggested("emp0012A", "Amina")
        self.assertEqual(found["emp0012A"][0], self.amina)
        self.assertIn("identifier is the same", found["emp0012A"][1])
        self.assertFalse(found["Amina"][0])

    def test_digits(self):
        self.amina.person_identifier = "EMP-0012"
        found = self.suggested("12", "012", "13")
        self.assertEqual(found["12"][0], self.amina)
        self.assertEqual(found["012"][0], self.amina)
        self.assertIn("digits", found["12"][1])
        self.assertFalse(found["13"][0])

    def test_only_when_exactly_one_fits(self):
        self.amina.person_identifier = "EMP-0012"
        self.joseph.person_identifier = "TMP-12"
        self.assertFalse(self.suggested("12")["12"][0])
        # A stronger reason decides alone.
        self.grace.person_identifier = "1-2"
        self.assertEqual(self.unmatched().suggested_id, self.grace)

    def test_nobody_of_another_company_and_nobody_by_zeros(self):
        self.stranger.person_identifier = "EMP-0012"
        found = self.suggested("12", "000", "--")
        self.assertFalse(any(person for person, _reason in found.values()))

    def test_card(self):
        self.amina.badge = "000445566"
        found = self.suggested("7")
        self.assertFalse(found["7"][0])
        found = self.suggested("8", card="445566")
        self.assertEqual(found["8"][0], self.amina)
        self.assertIn("card", found["8"][1])

    def test_other_days_and_other_terminals(self):
        assignments = self.env["spp.attendance.device.user"]
        other = self.new_device()
        assignments.create(
            [
                {
                    "device_id": self.device.id,
                    "code": "41",
                    "subscriber_id": self.amina.id,
                    "valid_to": "2026-08-31",
                },
                {
                    "device_id": other.id,
                    "code": "42",
                    "subscriber_id": self.joseph.id,
                },
            ]
        )
        found = self.suggested("41", "42")
        self.assertEqual(found["41"][0], self.amina)
        self.assertIn("other days", found["41"][1])
        self.assertEqual(found["42"][0], self.joseph)
        self.assertIn("another terminal", found["42"][1])

    def test_who_is_archived_is_told_but_not_taken(self):
        self.amina.active = False
        self.suggested("t1")
        badge = self.unmatched()
        self.assertEqual(badge.suggested_id, self.amina)
        self.assertIn("archived", badge.suggestion)
        self.assertFalse(badge.is_acceptable)
        with self.assertRaises(UserError):
            badge.action_accept()

    def test_accept_many_at_once(self):
        self.store(
            *(
                scan(code, MORNING + timedelta(days=day))
                for code in ("t1", "t2", "nobody")
                for day in range(5)
            )
        )
        waiting = self.unmatched()
        acceptable = waiting.search(
            [("is_acceptable", "=", True), ("device_id", "=", self.device.id)]
        )
        self.assertEqual(set(acceptable.mapped("user_code")), {"t1", "t2"})
        answer = waiting.action_accept()
        self.assertIn("10", answer["params"]["message"])
        self.assertEqual(self.unmatched().mapped("user_code"), ["nobody"])
        rows = self.scans_of().filtered(lambda row: row.user_code == "t2")
        self.assertEqual(rows.record_id.subscriber_id, self.joseph)
        self.assertEqual(len(rows.record_id), 5)

    def test_only_officers_accept(self):
        self.store(scan("t1"))
        badge = self.unmatched()
        for user in (self.internal, self.participant):
            with self.assertRaises(AccessError):
                badge.with_user(user).action_accept()

    def test_statements_do_not_grow(self):
        counted = []
        for start, count in ((0, 3), (100, 60)):
            self.store(*(scan(f"N-{start + number}") for number in range(count)))
            badges = self.unmatched()
            badges.mapped("user_code")
            before = self.env.cr.sql_log_count
            badges.mapped("suggestion")
            counted.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counted[0], counted[1])

    # --------------------------------------------------- people on a terminal

    def read_people(self, *users, user=None):
        self.patch(
            type(self.devices),
            "_converse",
            lambda device, kind: list(users) if kind == "users" else None,
        )
        people = self.env["spp.attendance.device.people"].with_user(
            user or self.officer
        )
        action = people._open(self.device.with_user(user or self.officer))
        return Form(people.with_context(**action["context"]))

    def test_read_people(self):
        self.store(scan("0001"), scan("0002"))
        form = self.read_people(
            UserData("T-3", "Grace", ""),
            UserData("0001", "Amina O.", "123"),
            UserData("0002", "Joseph", ""),
            UserData("", "Nobody", ""),
        )
        rows = [
            (line["code"], line["name"], line["is_known"], line["is_chosen"])
            for line in form.line_ids._records
        ]
        self.assertEqual(
            rows,
            [
                ("0001", "Amina O.", False, True),
                ("0002", "Joseph", False, True),
                ("T-3", "Grace", True, False),
            ],
        )
        with form.line_ids.edit(1) as line:
            line.subscriber_id = self.grace
        wizard = form.save()
        self.env.flush_all()
        self.env.invalidate_all()
        # Names are shown, and stored nowhere.
        self.assertFalse(any(wizard.line_ids.mapped("name")))
        wizard.action_assign()
        self.assertEqual(
            {
                badge.code: (badge.subscriber_id, badge.card)
                for badge in self.device.device_user_ids
            },
            {"0001": (self.amina, "123"), "0002": (self.grace, False)},
        )
        self.assertEqual(set(self.scans_of().mapped("state")), {"matched"})

    def test_a_terminal_that_does_not_answer(self):
        self.patch(
            type(self.devices), "_converse", lambda device, kind: DeviceTimeout("x")
        )
        people = self.env["spp.attendance.device.people"].with_user(self.officer)
        with self.assertRaises(UserError):
            Form(people.with_context(default_device_id=self.device.id))
        for user in (self.internal, self.participant):
            with self.assertRaises(AccessError):
                people.with_user(user).create({"device_id": self.device.id})
        self.assertFalse(FakeAdapter.configs)
