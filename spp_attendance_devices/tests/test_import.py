from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .common import DeviceCase, scans


@tagged("post_install", "-at_install")
class TestImport(DeviceCase):
    def run_rows(self, rows, dry_run=False, user=None):
        user = user or self.manager
        env = self.env(user=user, context={"allowed_company_ids": user.company_ids.ids})
        target = env["spp.attendance.import.source"]._import_targets()["badges"]
        return target.run(env, rows, dry_run=dry_run)

    def row(self, code="4711", person="T-2", terminal=None):
        return {
            "code": code,
            "terminal": terminal or self.device.name,
            "person_identifier": person,
        }

    def badges(self):
        return self.env["spp.attendance.device.user"].search(
            [("device_id", "=", self.device.id)]
        )

    def test_badges_are_assigned_and_their_scans_become_records(self):
        self.store(*scans(3, "4711"))
        rows = [
            self.row(),
            self.row("4712", "T-1"),
            self.row("4712", "T-2"),
            self.row("4713", "NOBODY"),
            self.row("4714", terminal="Nowhere"),
        ]
        result = self.run_rows(rows)
        self.assertEqual(
            [(outcome.status, outcome.code) for outcome in result.outcomes],
            [
                ("created", None),
                ("created", None),
                ("rejected", "repeated"),
                ("rejected", "unknown_person"),
                ("rejected", "unknown_terminal"),
            ],
        )
        self.assertIn("NOBODY", result.outcomes[3].reason)
        self.assertEqual(
            {(badge.code, badge.subscriber_id) for badge in self.badges()},
            {("4711", self.joseph), ("4712", self.amina)},
        )
        waiting = self.env["spp.attendance.scan"].search(
            [("device_id", "=", self.device.id), ("state", "=", "unmatched")]
        )
        self.assertFalse(waiting)
        # Again: nothing changes; then somebody else gets one.
        again = self.run_rows(rows[:2]).outcomes
        self.assertEqual([outcome.status for outcome in again], ["unchanged"] * 2)
        changed = self.run_rows([self.row("4711", "T-1")], dry_run=True)
        self.assertEqual(changed.outcomes[0].status, "updated")
        self.assertEqual(
            changed.changes[0],
            f"{self.joseph.display_name} → {self.amina.display_name}",
        )

    def test_a_terminal_is_named_without_doubt(self):
        other = self.device.copy({"name": self.device.name})
        self.device.sudo().serial = "S-1"
        outcome = self.run_rows([self.row()]).outcomes[0]
        self.assertEqual(outcome.code, "ambiguous_terminal")
        outcome = self.run_rows([self.row(terminal="S-1")]).outcomes[0]
        self.assertEqual(outcome.status, "created")
        self.assertFalse(other.device_user_ids)

    def test_only_of_the_own_company(self):
        outcome = self.run_rows([self.row(terminal="Elsewhere")]).outcomes[0]
        self.assertEqual(outcome.code, "unknown_terminal")
        with self.assertRaises(AccessError):
            self.run_rows([self.row()], user=self.internal)

    def test_statements_do_not_grow_with_the_rows(self):
        counted = []
        for start, count in ((0, 10), (1000, 100)):
            rows = [self.row(f"B-{start + number}") for number in range(count)]
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.run_rows(rows)
            self.env.flush_all()
            counted.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counted[1], counted[0] + 2)

    def test_a_source_of_badges(self):
        """What a badge needs that people don't, and the other way round."""
        source = (
            self.env["spp.attendance.import.source"]
            .with_user(self.manager)
            .with_context(allowed_company_ids=self.company.ids)
            .create(
                {
                    "name": "Badges",
                    "kind": "file",
                    "target": "badges",
                    "file": "Y29kZSx0ZXJtaW5hbCxpZAo=",
                    "mapping_ids": [
                        Command.create({"field_name": name, "path": path})
                        for name, path in (
                            ("code", "code"),
                            ("terminal", "terminal"),
                            ("person_identifier", "id"),
                        )
                    ],
                }
            )
        )
        self.assertEqual(source._start().state, "queued")
