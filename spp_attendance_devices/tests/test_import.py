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

    def row(self, code="4711", person="T-2", terminal=None, **more):
        return {
            "code": code,
            "terminal": self.device.name if terminal is None else terminal,
            "person_identifier": person,
            **more,
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

    def statuses(self, *rows):
        return [
            outcome.code or outcome.status for outcome in self.run_rows(rows).outcomes
        ]

    def days(self, device_id=None):
        badges = self.env["spp.attendance.device.user"].search(
            [("code", "=", "4711"), ("device_id", "=", device_id or self.device.id)],
            order="valid_from NULLS FIRST",
        )
        return [
            (
                badge.subscriber_id.person_identifier,
                str(badge.valid_from or ""),
                str(badge.valid_to or ""),
            )
            for badge in badges
        ]

    def test_badges_that_are_handed_on(self):
        first = self.row("4711", "T-1", valid_from="2026-01-01", valid_to="2026-03-31")
        then = self.row("4711", "T-2", valid_from="2026-04-01")
        # In whatever order they come.
        self.assertEqual(self.statuses(then, first), ["created"] * 2)
        wanted = [("T-1", "2026-01-01", "2026-03-31"), ("T-2", "2026-04-01", "")]
        self.assertEqual(self.days(), wanted)
        self.assertEqual(self.statuses(first, then), ["unchanged"] * 2)
        self.assertEqual(
            self.statuses(self.row("4711", "T-2", valid_from="2026-05-01")),
            ["unchanged"],
            "it is theirs on that day already",
        )
        later = self.row("4711", "T-1", valid_from="2026-06-01")
        result = self.run_rows([later], dry_run=True)
        self.assertEqual(result.outcomes[0].status, "created")
        self.assertIn("→", result.changes[0])
        self.assertEqual(
            self.days(),
            [
                wanted[0],
                ("T-2", "2026-04-01", "2026-05-31"),
                ("T-1", "2026-06-01", ""),
            ],
        )
        # What begins on the same day is given to somebody else, and ends.
        again = self.row("4711", "T-2", valid_from="2026-06-01", valid_to="2026-06-30")
        self.assertEqual(self.statuses(again), ["updated"])
        self.assertEqual(self.days()[-1], ("T-2", "2026-06-01", "2026-06-30"))

    def test_one_that_does_not_fit_keeps_no_other_out(self):
        self.run_rows([self.row("4711", "T-1", valid_from="2026-04-01")])
        self.assertEqual(
            self.statuses(
                self.row("4711", "T-2", valid_from="2026-01-01", valid_to="2026-04-01"),
                self.row("4712", "T-2", valid_from="2026-02-01", valid_to="2026-01-01"),
                self.row("4713", "T-2", valid_from="soon"),
                self.row("4714", "T-2"),
            ),
            ["overlap", "overlap", "invalid_date", "created"],
        )
        self.assertEqual(self.days(), [("T-1", "2026-04-01", "")])

    def test_a_badge_on_all_terminals(self):
        self.store(*scans(2, "4711"))
        self.assertEqual(
            self.statuses(self.row("4711", "T-2", terminal=""), self.row("4712")),
            ["created"] * 2,
        )
        badge = self.env["spp.attendance.device.user"].search([("code", "=", "4711")])
        self.assertFalse(badge.device_id)
        self.assertEqual(badge.company_id, self.company)
        self.assertEqual(set(self.scans_of().mapped("state")), {"matched"})
        # One on a terminal is another one.
        self.assertEqual(self.statuses(self.row("4711", "T-1")), ["created"])
        self.assertEqual(badge.subscriber_id, self.joseph)

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
