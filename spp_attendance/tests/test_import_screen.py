import base64
import csv
import io

from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools.safe_eval import safe_eval

from ..hints import hints
from ..registry.errors import BY_CODE
from .common import AttendanceCase

ROWS = [
    {
        "identifier": [
            {"name": "HOUSEHOLD", "identifier": "H-1"},
            {"name": "NATIONAL_ID", "identifier": f"P-{number}"},
        ],
        "familyName": "Okafor",
        "givenName": f"Amina {number}",
        "sex": "Female",
        "notes": {"long": "x" * 100},
    }
    for number in range(3)
]


class ImportScreenCase(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls._new_source(cls.company)

    @classmethod
    def _new_source(cls, company, **values):
        return cls.env["spp.attendance.import.source"].create(
            {
                "name": "Registry",
                "company_id": company.id,
                "url": "https://registry.example.org/search",
                "auth": "none",
                **values,
            }
        )

    @classmethod
    def _new_run(cls, source, **values):
        return cls.env["spp.attendance.import"].create(
            {
                "source_id": source.id,
                "company_id": source.company_id.id,
                "user_id": cls.env.uid,
                "target": "people",
                "state": "done",
                **values,
            }
        )

    @classmethod
    def _new_lines(cls, run, *lines):
        return cls.env["spp.attendance.import.line"].create(
            [
                {
                    "import_id": run.id,
                    "company_id": run.company_id.id,
                    "row_number": number,
                    "status": "rejected",
                    **values,
                }
                for number, values in enumerate(lines, 1)
            ]
        )

    def as_user(self, user, records):
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def paths(self):
        return {mapping.field_name: mapping.path for mapping in self.source.mapping_ids}


@tagged("post_install", "-at_install")
class TestImportScreen(ImportScreenCase):
    def test_every_fault_has_the_hint_of_the_core(self):
        found = hints(self.env(context={"lang": "en_US"}))
        self.assertEqual(
            {code: found.get(code) for code in BY_CODE},
            {code: cls.hint for code, cls in BY_CODE.items()},
        )

    def test_what_is_in_the_sample_is_offered_with_an_example(self):
        self.source.sample = ROWS
        offered = dict(self.source.sample_paths)
        self.assertEqual(offered["familyName"], "Okafor")
        self.assertEqual(offered["identifier[name=NATIONAL_ID].identifier"], "P-0")
        self.assertEqual(offered["notes.long"], "x" * 60 + "…")
        self.assertEqual(self.source.sample_count, 3)

    def test_fields_are_suggested(self):
        self.source.sample = ROWS
        action = self.as_user(self.manager, self.source).action_suggest()
        self.assertIn("Identifier, Family Name", action["params"]["message"])
        self.assertEqual(
            self.paths(),
            {
                # Not the household, which they have in common.
                "person_identifier": "identifier[name=NATIONAL_ID].identifier",
                "family_name": "familyName",
                "given_name": "givenName",
                "gender": "sex",
            },
        )
        self.assertEqual(
            self.source.mapping_ids.mapped("field_name"),
            ["person_identifier", "family_name", "given_name", "gender"],
        )

    def test_what_was_chosen_stays(self):
        self.source.mapping_ids = [
            Command.create({"field_name": "given_name", "path": "familyName"}),
            Command.create({"field_name": "gender", "default_value": "female"}),
            Command.create({"field_name": "person_identifier"}),
        ]
        self.source.sample = ROWS
        self.source.action_suggest()
        self.assertEqual(
            self.paths(),
            {
                "person_identifier": "identifier[name=NATIONAL_ID].identifier",
                "given_name": "familyName",
                "gender": False,
            },
        )
        found = self.source.action_suggest()
        self.assertEqual(found["params"]["type"], "warning")
        self.assertIn("Nothing else", found["params"]["message"])
        self.assertNotIn("needed", found["params"]["message"])

    def test_nothing_to_suggest_leaves_what_must_be_filled_in(self):
        self.source.sample = [{"a": 1}]
        action = self.source.action_suggest()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertIn("but needed: Identifier.", action["params"]["message"])
        self.assertEqual(self.paths(), {"person_identifier": False})

    def test_what_is_needed_is_told_beside_what_was_found(self):
        self.source.sample = [{"Surname": "Sow"}]
        action = self.source.action_suggest()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertIn("path now: Family Name.", action["params"]["message"])
        self.assertIn("but needed: Identifier.", action["params"]["message"])

    def test_a_file_is_chosen_before_it_is_read(self):
        source = self._new_source(self.company, kind="file")
        with self.assertRaisesRegex(UserError, "Choose a file"):
            source.action_fetch_sample()
        self.assertFalse(source.error_code)
        source.write({"file": base64.b64encode(b"ID;Name\n"), "file_name": "a.csv"})
        action = source.action_fetch_sample()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertIn("below the first row", action["params"]["message"])

    def test_a_path_that_gives_no_value_is_told_from_values(self):
        self.source.sample = ROWS
        self.source.mapping_ids = [
            Command.create({"field_name": "family_name", "path": "notes"}),
            Command.create({"field_name": "given_name", "path": "givenName"}),
        ]
        wrong, right = self.source.mapping_ids
        self.assertRegex(wrong.sample_1, r"^⚠ There is an object")
        self.assertEqual(right.sample_1, "Amina 0")

    def test_imports_are_told_from_their_source_and_each_other(self):
        run = self._new_run(self.source)
        dry_run = self._new_run(self.source, is_dry_run=True)
        self.assertRegex(run.display_name, r"^Registry \(\d")
        self.assertRegex(dry_run.display_name, r"^Registry \(dry run, \d")

    def test_dry_runs_are_not_added_up_with_imports(self):
        run = self._new_run(self.source, created_count=1)
        dry_run = self._new_run(self.source, is_dry_run=True, created_count=1)
        action = self.env.ref("spp_attendance.spp_attendance_import_action")
        context = safe_eval(action.context)
        view = self.env["spp.attendance.import"].get_view(view_type="search")
        [shown] = etree.fromstring(view["arch"]).xpath("//filter[@name='real']/@domain")
        self.assertEqual(context, {"search_default_real": 1})
        self.assertEqual((run + dry_run).filtered_domain(safe_eval(shown)), run)

    def test_a_suggestion_needs_a_sample(self):
        with self.assertRaisesRegex(UserError, "Fetch a sample first"):
            self.source.action_suggest()

    def test_only_managers_use_it(self):
        for user in (self.officer, self.internal):
            for name in (
                "action_fetch_sample",
                "action_suggest",
                "action_dry_run",
                "action_import",
                "action_import_all",
                "action_open_dry_run",
                "action_open_imports",
            ):
                with self.subTest(user=user.login, name=name):
                    source = self.as_user(user, self.source)
                    with self.assertRaises(AccessError):
                        getattr(source, name)()

    def test_a_forbidden_host_is_told_with_what_to_do(self):
        source = self.as_user(self.manager, self.source)
        action = source.action_fetch_sample()
        self.assertEqual(action["params"]["type"], "danger")
        self.assertIn("administrator can allow it", action["params"]["message"])
        self.assertEqual(source.error_code, "forbidden_address")
        self.assertEqual(source.error_message, action["params"]["message"])

    def test_the_last_dry_run_is_summed_up(self):
        self.assertFalse(self.source.dry_run_id)
        self.assertFalse(self.source.dry_run_summary)
        self._new_run(self.source, is_dry_run=True)
        run = self._new_run(
            self.source,
            is_dry_run=True,
            created_count=3456,
            rejected_count=1,
            finished_at="2026-09-01 08:00:00",
        )
        self._new_run(self.source)
        self.source.invalidate_recordset()
        self.assertEqual(self.source.dry_run_id, run)
        self.assertIn("3,456 would be created", self.source.dry_run_summary)
        self.assertIn("1 rejected", self.source.dry_run_summary)
        self.assertEqual(self.source.dry_run_at, run.finished_at)

    def test_a_few_rows_of_each_kind_are_shown(self):
        run, other = self._new_run(self.source), self._new_run(self.source)
        created, rejected = (
            self._new_lines(run, *[{"status": status}] * 25)
            for status in ("created", "rejected")
        )
        alien = self._new_lines(other, {})
        (run + other).invalidate_recordset()
        self.assertEqual(set(run.example_ids), set(created[:20] + rejected[:20]))
        self.assertEqual(other.example_ids, alien)

    def test_what_came_is_told_in_words(self):
        [line] = self._new_lines(
            self._new_run(self.source),
            {
                "person_identifier": "P-1",
                "values": {
                    "person_identifier": "P-1",
                    "email": None,
                    "gender": "x",
                    "family_name": "Sow",
                    "other": "y",
                },
            },
        )
        self.assertEqual(line.values_text, "Family Name: Sow; Gender: x; other: y")


@tagged("post_install", "-at_install")
class TestRejectedRows(HttpCase, ImportScreenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for user in (cls.manager, cls.officer, cls.internal):
            user.password = user.login
        cls.run_with_rows = cls._new_run(cls.source)
        cls._new_lines(
            cls.run_with_rows,
            {
                "person_identifier": "P-1",
                "reason": "Unknown department",
                "values": {"person_identifier": "P-1", "department": "WATER"},
            },
            {
                "person_identifier": "=1+1",
                "reason": "@SUM",
                "values": {
                    "person_identifier": "=1+1",
                    "family_name": "Nuñez, Ana; =cmd",
                    "extra": "-3",
                },
            },
            {"status": "created", "person_identifier": "P-3"},
            {"reason": "Not readable"},
        )
        cls.alien_run = cls._new_run(cls._new_source(cls.other_company))
        cls._new_lines(cls.alien_run, {"person_identifier": "P-SECRET"})

    def download(self, user, run_id):
        self.authenticate(user and user.login, user and user.login)
        return self.url_open(
            f"/attendance/imports/{run_id}/rejected.csv", allow_redirects=False
        )

    def test_rejected_rows_as_csv(self):
        response = self.download(self.manager, self.run_with_rows.id)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "text/csv; charset=utf-8")
        self.assertEqual(
            response.headers["Content-Disposition"],
            f'attachment; filename="rejected-{self.run_with_rows.id}.csv"',
        )
        self.assertEqual(
            list(csv.reader(io.StringIO(response.content.decode()))),
            [
                # In the order of the fields, what nobody knows at the end.
                [
                    "Row",
                    "Identifier",
                    "Reason",
                    "Family Name",
                    "Department",
                    "extra",
                ],
                ["1", "P-1", "Unknown department", "", "WATER", ""],
                [
                    "2",
                    "'=1+1",
                    "'@SUM",
                    "Nuñez, Ana; '=cmd",
                    "",
                    "'-3",
                ],
                ["4", "", "Not readable", "", "", ""],
            ],
        )

    def test_a_run_without_rejected_rows_has_a_heading(self):
        response = self.download(self.manager, self._new_run(self.source).id)
        self.assertEqual(response.content, b"Row,Identifier,Reason\n")

    def test_nobody_else_gets_them(self):
        for user, run_id in (
            (self.officer, self.run_with_rows.id),
            (self.internal, self.run_with_rows.id),
            (self.manager, self.alien_run.id),
            (self.manager, self.alien_run.id + 1000),
        ):
            with self.subTest(user=user.login, run=run_id):
                response = self.download(user, run_id)
                self.assertEqual(response.status_code, 404)
                self.assertNotIn(b"P-", response.content)
        response = self.download(None, self.run_with_rows.id)
        self.assertEqual(response.status_code, 303)
        self.assertIn("/web/login", response.headers["Location"])

    def test_the_button_leads_there(self):
        run = self.as_user(self.manager, self.run_with_rows)
        self.assertEqual(
            run.action_download_rejected()["url"],
            f"/attendance/imports/{run.id}/rejected.csv",
        )
