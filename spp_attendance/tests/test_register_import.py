from freezegun import freeze_time

from odoo.tests import tagged

from .common_register import RegisterCase
from .test_import import ImportCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegisterImport(RegisterCase):
    def setUp(self):
        super().setUp()
        self.register = self.new_register(self.manager, location_id=self.hall.id)

    def run_rows(self, rows, dry_run=False):
        env = self.model_as(self.manager).env
        target = env["spp.attendance.import.source"]._import_targets()[
            "register_attendees"
        ]
        return target.run(env, rows, dry_run=dry_run)

    def row(self, person="T-1", register=None, **values):
        return {
            "person_identifier": person,
            "register": register or self.register.number,
            "tag": None,
            "date_from": None,
            "date_to": None,
            **values,
        }

    def codes(self, *rows):
        return [(o.status, o.code) for o in self.run_rows(rows).outcomes]

    def test_people_are_enrolled_once(self):
        rows = [
            self.row(tag="A"),
            self.row("T-2", str(self.register.id), date_from="2026-09-03"),
            self.row("T-3", self.register.uuid, date_to="2026-09-20 00:00:00"),
        ]
        self.assertEqual(self.codes(*rows), [("created", None)] * 3)
        self.assertEqual(
            self.register.attendee_ids.subscriber_id,
            self.amina + self.joseph + self.grace,
        )
        self.assertEqual(
            self.intervals_of(self.register, self.joseph),
            [(self.at("02 21:00"), False)],
        )
        self.assertEqual(
            self.intervals_of(self.register, self.grace),
            [(self.at("10 12:00"), self.at("20 20:59:59.999"))],
        )
        self.assertEqual(self.codes(*rows), [("unchanged", None)] * 3)

    def test_what_changes(self):
        self.run_rows([self.row(tag="A"), self.row("T-2"), self.row("T-3")])
        changed = [
            self.row(tag="B"),
            self.row("T-2", date_to="2026-09-15"),
            self.row("T-3", tag="C"),
        ]
        dry = self.run_rows(changed, dry_run=True)
        self.assertEqual([o.status for o in dry.outcomes], ["updated"] * 3)
        self.assertEqual(dry.changes, {0: "A → B", 1: "de-enrolled", 2: "no tag → C"})
        attendees = self.register.attendee_ids.sorted("id")
        self.assertEqual(attendees.mapped("tag"), ["B", False, "C"])
        self.assertEqual(attendees[1].unenrolled_at, self.at("15 20:59:59.999"))
        self.assertEqual(self.codes(*changed), [("unchanged", None)] * 3)

    def test_who_left_is_enrolled_again(self):
        self.enrol(self.register, self.amina, start_at=self.at("02 06:00"))
        self.unenrol(self.register, self.amina, end_at=self.at("05 06:00"))
        self.assertEqual(self.codes(self.row()), [("updated", None)])
        self.assertEqual(len(self.intervals_of(self.register, self.amina)), 2)
        self.assertEqual(len(self.register.attendee_ids), 1)

    def test_what_is_refused(self):
        over = self.new_register(
            self.manager, date_start="2026-08-01", date_end="2026-08-31"
        )
        self.enrol(self.register, self.grace)
        foreign = self.env["spp.attendance.register"].create(
            {"name": "South", "company_id": self.other_company.id}
        )
        self.assertEqual(
            self.codes(
                self.row("NOBODY"),
                self.row(register="WR/nowhere"),
                self.row(register=foreign.number),
                self.row(date_from="soon"),
                self.row(date_from="2026-10-05"),
                self.row(register=over.number),
                self.row("T-3", date_to="2026-09-05"),
                self.row("T-2"),
                self.row("T-2", tag="again"),
            ),
            [
                ("rejected", "unknown_person"),
                ("rejected", "unknown_register"),
                ("rejected", "unknown_register"),
                ("rejected", "invalid_date"),
                ("rejected", "outside_register"),
                ("rejected", "register_ended"),
                ("rejected", "outside_enrolment"),
                ("created", None),
                ("rejected", "repeated"),
            ],
        )
        result = self.run_rows([self.row("T-2"), self.row("T-2")])
        self.assertEqual(result.repeats, {1: 0})
        self.assertTrue(all(o.reason for o in result.outcomes if o.code))

    def test_statements_do_not_grow_with_rows(self):
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"Q-{number}",
                    "family_name": "Many",
                    "company_id": self.company.id,
                }
                for number in range(60)
            ]
        )
        identifiers = people.mapped("person_identifier")
        # What is asked once and then known, such as rules.
        self.run_rows([self.row("T-3")])
        self.run_rows([self.row("T-3", tag="T")])
        self.env.flush_all()
        counts = []
        for part in (identifiers[:10], identifiers[10:]):
            for tag in (None, "T"):
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                result = self.run_rows(
                    [
                        self.row(name, tag=tag and f"{tag}{index}")
                        for index, name in enumerate(part)
                    ]
                )
                self.env.flush_all()
                counts.append(self.env.cr.sql_log_count - before)
                self.assertNotIn("rejected", {o.status for o in result.outcomes})
        self.assertEqual(counts[:2], counts[2:])

    def test_a_file_ends_in_the_register(self):
        """The whole way: a source of this target, run as a manager."""
        source = self.model_as(self.manager, "spp.attendance.import.source").new(
            {"target": "register_attendees"}
        )
        self.assertIn(
            ("register_attendees", "People on Registers"), source._selection_target()
        )
        self.assertEqual(source._target().key, "person_identifier")


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegisterImportRun(ImportCase, RegisterCase):
    """Rows are about somebody on a register, not about somebody."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls.new_source(
            target="register_attendees",
            is_delta=True,
            mapping_ids=[
                (0, 0, {"field_name": name, "path": name})
                for name in ("person_identifier", "register")
            ],
        )

    def test_a_row_of_another_register_says_nothing_of_this_one(self):
        registers = [self.new_register(self.manager) for _number in range(2)]
        known, other = (
            {"person_identifier": "T-1", "register": register.number}
            for register in registers
        )
        unknown = {"person_identifier": "T-1", "register": "WR/nowhere"}
        lines = self.env["spp.attendance.import.line"]
        # In one chunk, whichever comes last.
        for rows in ([unknown, known], [known, unknown]):
            run = self.run_import(rows, full=True)
            self.assertEqual(run.rejected_count, 1)
            lines = run.line_ids
            with self.subTest(rows=rows):
                self.assertEqual(lines.mapped("is_open"), [True])
        # In a later one.
        self.run_import([other])
        self.assertEqual(lines.mapped("is_open"), [True])
        self.run_import([unknown])
        self.assertEqual(lines.mapped("is_open"), [False])
