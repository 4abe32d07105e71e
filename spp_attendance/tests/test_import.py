import csv
import io
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .. import importing
from ..importing import Result, Target, TargetField
from ..registry import Page
from ..registry.errors import BadAnswer, Refused, ServerError, Unreachable
from ..registry.sources import Source
from .common import AttendanceCase


class FakeRegistry(Source):
    """Pages of people, and faults that come once each before their page."""

    def __init__(self, rows, size=2, faults=None, told_at=None):
        self.rows, self.size, self.told_at = rows, size, told_at
        self.faults = dict(faults or {})
        self.asked = []
        self.since = None

    def page(self, cursor=None):
        start = (cursor or {}).get("row", 0)
        self.asked.append(start)
        if start in self.faults:
            raise self.faults.pop(start)
        end = start + self.size
        rows = self.rows[start:end]
        return Page(
            rows,
            list(range(start + 1, start + len(rows) + 1)),
            {"row": end} if end < len(self.rows) else None,
            len(self.rows),
            self.told_at,
        )


class Killed(BaseException):
    """The worker's process is gone, without a chance to say so."""


def people(count, **values):
    return [
        {
            "id": f"R-{number}",
            "family": f"Family{number}",
            "given": "Given",
            "phone": "",
            **values,
        }
        for number in range(count)
    ]


class ImportCase(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls.new_source()

    @classmethod
    def new_source(cls, user=None, company=None, **vals):
        company = company or cls.company
        sources = cls.env["spp.attendance.import.source"].with_context(
            allowed_company_ids=company.ids
        )
        return sources.with_user(user or cls.manager).create(
            {
                "name": "Registry",
                "kind": "json",
                "url": "https://registry.example.org/people?page={page}",
                "auth": "none",
                "mapping_ids": [
                    fields.Command.create({"field_name": name, "path": path})
                    for name, path in (
                        ("person_identifier", "id"),
                        ("family_name", "family"),
                        ("given_name", "given"),
                        ("phone", "phone"),
                        ("department", "unit"),
                    )
                ],
                **vals,
            }
        )

    @contextmanager
    def serving(self, rows, **options):
        """A registry in the place of the source's."""
        fake = FakeRegistry(rows, **options)

        def give(_self, _config, since=None, **_options):
            fake.since = since
            return fake

        source = self.env.registry["spp.attendance.import.source"]
        with patch.object(source, "_source", give):
            yield fake

    def in_transaction(self, _registry, func, *, uid=1, context=None, **_options):
        """As ``run_in_transaction``, in the only transaction that a test has."""
        env = self.env(user=uid, su=uid == 1, context=dict(context or {}))
        with self.env.cr.savepoint():
            result = func(env)
            env.flush_all()
        self.env.invalidate_all()
        return result

    def work(self):
        """One pass of a lane."""
        imports = self.env["spp.attendance.import"].sudo().with_context({})
        imports.env.flush_all()
        with (
            patch(
                "odoo.addons.spp_attendance.models.spp_attendance_import"
                ".run_in_transaction",
                self.in_transaction,
            ),
            patch.object(
                self.env.registry["ir.cron"],
                "_commit_progress",
                lambda *_args, **_kwargs: float("inf"),
            ),
        ):
            imports._cron_import()
        self.env.invalidate_all()

    def start(self, source=None, user=None, **options):
        source = source or self.source
        return (
            source.with_user(user or self.manager)
            .with_context(allowed_company_ids=source.company_id.ids)
            ._start(**options)
            .with_env(self.env)
        )

    def run_import(self, rows, source=None, user=None, **options):
        start = {
            name: options.pop(name) for name in ("dry_run", "full") if name in options
        }
        run = self.start(source, user, **start)
        with self.serving(rows, **options) as registry:
            self.work()
        self.last_registry = registry
        return run

    def managed(self, records):
        """As the manager has them."""
        return records.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        )

    def registered(self, company=None):
        return self.env["spp.attendance.subscriber"].search(
            [
                ("person_identifier", "=like", "R-%"),
                ("company_id", "=", (company or self.company).id),
            ]
        )

    @staticmethod
    def counts(run):
        return {
            name: run[f"{name}_count"]
            for name in ("read", "created", "updated", "unchanged", "rejected")
            if run[f"{name}_count"]
        }


@tagged("post_install", "-at_install")
class TestImport(ImportCase):
    # --------------------------------------------------------------- what comes

    def test_people_are_registered_page_by_page(self):
        run = self.run_import(people(5))
        self.assertEqual(run.state, "done")
        self.assertEqual(self.counts(run), {"read": 5, "created": 5})
        self.assertEqual((run.page_count, run.total, run.progress), (3, 5, 100))
        self.assertTrue(run.started_at and run.finished_at)
        self.assertFalse(run.line_ids)
        found = self.registered()
        self.assertEqual(len(found), 5)
        self.assertEqual(found[0].name, "Family0, Given")
        self.assertEqual(found.create_uid, self.manager)
        self.assertEqual(found.company_id, self.company)

    def test_again_changes_only_what_differs(self):
        self.run_import(people(3))
        rows = people(4)
        rows[0]["phone"] = "+254700"
        run = self.run_import(rows)
        self.assertEqual(
            self.counts(run), {"read": 4, "created": 1, "updated": 1, "unchanged": 2}
        )
        self.assertEqual(self.registered()[0].phone, "+254700")

    def test_a_page_is_written_in_chunks_of_constant_statements(self):
        """A thousand rows cost no more statements than some; Odoo inserts by 1,000."""
        self.run_import(people(2))
        counted = []
        for first, count in ((10, 20), (100, 200)):
            rows = people(count)
            for number, row in enumerate(rows):
                row["id"] = f"R-{first + number}"
            rows[-1]["unit"] = "NOWHERE"
            run = self.start()
            with self.serving(rows, size=1000):
                before = self.env.cr.sql_log_count
                self.work()
                counted.append(self.env.cr.sql_log_count - before)
            self.assertEqual(
                self.counts(run),
                {"read": count, "created": count - 1, "rejected": 1},
            )
        self.assertLessEqual(counted[1], counted[0] + 10)

    def test_a_big_page_is_written_in_several_transactions(self):
        stored = []
        imports = self.env.registry["spp.attendance.import"]
        store = imports._store

        def spy(run, token, chunk):
            stored.append(len(chunk.rows))
            return store(run, token, chunk)

        with (
            patch("odoo.addons.spp_attendance.models.spp_attendance_import.CHUNK", 2),
            patch.object(imports, "_store", spy),
        ):
            run = self.run_import(people(5), size=5)
        self.assertEqual(stored, [2, 2, 1])
        self.assertEqual((run.page_count, run.created_count), (1, 5))

    def test_what_is_blank_is_kept_unless_it_is_to_be_emptied(self):
        self.run_import(people(1, phone="1"))
        self.assertEqual(self.run_import(people(1)).unchanged_count, 1)
        self.assertEqual(self.registered().phone, "1")
        phone = self.source.mapping_ids.filtered(lambda m: m.field_name == "phone")
        phone.if_blank = "clear"
        self.assertEqual(self.run_import(people(1)).updated_count, 1)
        self.assertFalse(self.registered().phone)

    def test_each_field_of_a_person_can_be_mapped(self):
        department = self.env["spp.attendance.department"].create(
            {"name": "Livelihoods", "code": "LIV", "company_id": self.company.id}
        )
        expected = {
            "person_identifier": "R-7",
            "family_name": "Wanjiku",
            "given_name": "Amina",
            "additional_name": "Grace",
            "gender": "female",
            "email": "amina@example.org",
            "phone": "+254700",
            "mobile": "+254711",
            "department_id": department,
            "designation": "Nurse",
            "level_of_work": "staff",
            "work_from": fields.Date.to_date("2026-02-01"),
            "work_to": fields.Date.to_date("2026-12-31"),
            "location_id": self.hall,
            "badge": "CARD-7",
        }
        paths = {
            "person_identifier": "identifier[name=NATIONAL_ID].value",
            "family_name": "name.family",
            "given_name": "name.given",
            "additional_name": "name.more.0",
            "gender": "sex",
            "email": "email",
            "phone": "phones.0",
            "mobile": "phones.1",
            "department": "work.unit",
            "designation": "work.title",
            "level_of_work": "work.level",
            "work_from": "work.since",
            "work_to": "work.until",
            "location": "home",
            "badge": "card",
        }
        targets = self.source._import_targets()
        # The full name stands for its parts.
        self.assertEqual(set(paths), set(targets["people"].fields) - {"name"})
        source = self.new_source(
            mapping_ids=[
                fields.Command.create(
                    {
                        "field_name": name,
                        "path": path,
                        "values": "2 = staff" if name == "level_of_work" else False,
                    }
                )
                for name, path in paths.items()
            ]
        )
        row = {
            "identifier": [
                {"name": "HOUSEHOLD", "value": "H-1"},
                {"name": "NATIONAL_ID", "value": "R-7"},
            ],
            "name": {"family": "Wanjiku", "given": "Amina", "more": ["Grace"]},
            "sex": "F",
            "email": "amina@example.org",
            "phones": ["+254700", "+254711"],
            "work": {
                "unit": "LIV",
                "title": "Nurse",
                "level": 2,
                "since": "2026-02-01",
                "until": "2026-12-31",
            },
            "home": self.hall.name,
            "card": "CARD-7",
        }
        run = self.run_import([row], source)
        self.assertEqual(self.counts(run), {"read": 1, "created": 1})
        person = self.registered()
        self.assertEqual({name: person[name] for name in expected}, expected)

    def test_an_empty_source_is_done_at_once(self):
        run = self.run_import([])
        self.assertEqual((run.state, run.read_count), ("done", 0))

    def test_a_file_is_imported(self):
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(["id", "family", "given"])
        writer.writerows([f"R-{n}", f"Family{n}", "Given"] for n in range(3))
        content = stream.getvalue().encode()
        source = self.new_source(
            kind="file", file=b64encode(content), file_name="people.csv"
        )
        self.assertIsNone(source._fetch_sample())
        self.assertEqual(len(source.sample), 3)
        mapping = source.mapping_ids[1]
        self.assertEqual(
            (mapping.sample_1, mapping.sample_2, mapping.sample_3),
            ("Family0", "Family1", "Family2"),
        )
        run = self.start(source)
        self.work()
        self.assertEqual((run.state, run.created_count), ("done", 3))
        # Another file is another import.
        run = self.start(source)
        source.file = b64encode(content + b"R-9,Late,Given\n")
        self.work()
        self.assertEqual((run.state, run.error_code), ("failed", "changed"))

    # ------------------------------------------------------------------ rejected

    def rejects(self):
        rows = people(5)
        rows[1]["unit"] = "NOWHERE"
        rows[2]["id"] = None
        rows[3]["phone"] = {"number": 1}
        rows[4]["id"] = "R-0"
        return rows

    def test_rejected_rows_are_kept_with_their_reasons(self):
        run = self.run_import(self.rejects(), size=10)
        self.assertEqual(run.state, "done")
        self.assertEqual(self.counts(run), {"read": 5, "created": 1, "rejected": 4})
        lines = {line.row_number: line for line in run.line_ids}
        self.assertEqual(sorted(lines), [2, 3, 4, 5])
        self.assertEqual(set(run.line_ids.mapped("status")), {"rejected"})
        self.assertEqual(lines[2].code, "unknown_department")
        self.assertIn("NOWHERE", lines[2].reason)
        self.assertEqual(lines[2].person_identifier, "R-1")
        self.assertEqual(lines[2].values["family_name"], "Family1")
        self.assertIn("Identifier", lines[3].reason)
        self.assertIn("phone", lines[4].reason)
        self.assertEqual(lines[5].code, "repeated")
        self.assertIn("Row 1 is about the same person", lines[5].reason)

    # ------------------------------------------------------------------- dry run

    def test_a_dry_run_comes_to_the_same_and_leaves_nothing(self):
        self.run_import(people(2))
        rows = [
            *people(2, phone="+254701")[:1],
            *people(2)[1:],
            *self.rejects(),
            {"id": "R-7", "family": "Seventh"},
            # Seen before, in another page: once as it was, once changed.
            {"id": "R-7", "family": "Seventh"},
            {"id": "R-7", "family": "Changed"},
        ]
        partners = self.env["res.partner"].with_context(active_test=False)
        before = (partners.search_count([]), self.registered().mapped("write_date"))
        self.source.sudo().last_run_at = False
        dry = self.run_import(rows, dry_run=True)
        self.assertEqual(dry.state, "done")
        self.assertEqual(
            (partners.search_count([]), self.registered().mapped("write_date")), before
        )
        self.assertEqual(len(self.registered()), 2)
        self.assertFalse(self.source.last_run_at)
        real = self.run_import(rows)
        self.assertEqual(self.counts(dry), self.counts(real))
        self.assertTrue(dry.updated_count and dry.created_count)

        def rejected(run):
            return [
                (line.row_number, line.code, line.reason, line.values)
                for line in run.line_ids
                if line.status == "rejected"
            ]

        self.assertEqual(rejected(dry), rejected(real))
        self.assertTrue(rejected(dry))
        changed = dry.line_ids.filtered(lambda line: line.status == "updated")[0]
        self.assertEqual(changed.changes, "Phone: nothing → +254701")
        created = dry.line_ids.filtered(lambda line: line.status == "created")
        self.assertEqual(len(created), dry.created_count)

    # -------------------------------------------------------------------- faults

    def test_a_fault_that_passes_is_waited_for(self):
        run = self.run_import(people(5), faults={2: Unreachable("gone")})
        self.assertEqual((run.state, run.error_code), ("waiting", "unreachable"))
        self.assertEqual((run.created_count, run.attempts), (2, 1))
        self.assertGreater(run.next_attempt_at, fields.Datetime.now())
        self.assertTrue(run.error_message)
        self.assertEqual(len(self.registered()), 2)
        # Not before its time.
        with self.serving(people(5)) as registry:
            self.work()
        self.assertFalse(registry.asked)
        run.sudo().next_attempt_at = fields.Datetime.now()
        with self.serving(people(5)) as registry:
            self.work()
        self.assertEqual(registry.asked, [2, 4])
        self.assertEqual(self.counts(run), {"read": 5, "created": 5})
        self.assertEqual((run.state, run.error_code), ("done", False))

    def test_the_registry_says_how_long_to_wait(self):
        with freeze_time("2026-09-10 12:00:00"):
            run = self.run_import(
                people(3), faults={0: ServerError("busy", retry_after=900)}
            )
            self.assertEqual(
                str(run.next_attempt_at - fields.Datetime.now()), "0:15:00"
            )

    def test_it_gives_up_in_the_end(self):
        run = self.start()
        waits = []
        for _attempt in range(9):
            self.assertIn(run.state, ("queued", "waiting"))
            run.sudo().next_attempt_at = fields.Datetime.now()
            with self.serving(people(3), faults={0: Unreachable("gone")}):
                self.work()
            waits.append(run.next_attempt_at - fields.Datetime.now())
        self.assertEqual((run.state, run.error_code), ("failed", "unreachable"))
        self.assertEqual(waits[:-1], sorted(waits[:-1]))

    def test_a_failure_is_told_and_the_import_resumed(self):
        run = self.run_import(people(5), faults={2: Refused("401")})
        self.assertEqual((run.state, run.error_code), ("failed", "refused"))
        self.assertEqual(len(self.registered()), 2)
        activity = self.source.activity_ids
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn("credentials", activity.note)
        self.assertIn("credentials", self.source.message_ids[0].body)
        self.assertFalse(self.source.last_run_at)
        self.managed(run).action_resume()
        with self.serving(people(5)) as registry:
            self.work()
        self.assertEqual(registry.asked, [2, 4])
        self.assertEqual((run.state, run.created_count), ("done", 5))
        self.assertFalse(self.source.activity_ids)

    def test_a_garbled_page_is_asked_for_again_some_times(self):
        run = self.start()
        for expected in ("waiting", "waiting", "waiting", "failed"):
            run.sudo().next_attempt_at = fields.Datetime.now()
            with self.serving(people(3), faults={2: BadAnswer("no JSON")}):
                self.work()
            self.assertEqual(run.state, expected)
        self.assertEqual((run.created_count, run.error_detail), (2, "no JSON"))

    def test_a_target_s_fault_fails_the_import_alone(self):
        def explode(*_args, **_kwargs):
            raise ZeroDivisionError

        source = self.env.registry["spp.attendance.import.source"]
        with (
            patch.object(source, "_import_people", explode),
            self.assertLogs("odoo.addons.spp_attendance", "ERROR"),
        ):
            run = self.run_import(people(3))
        self.assertEqual((run.state, run.error_code), ("failed", "internal"))

    # ---------------------------------------------------------- lease and cancel

    def test_one_worker_at_a_time(self):
        run = self.start()
        imports = self.env["spp.attendance.import"].sudo()
        imports.flush_model()
        claim = imports._claim()
        self.assertEqual(claim.run_id, run.id)
        self.assertIsNone(imports._claim())
        # Its worker died: somebody else goes on, and it can write no more.
        run.sudo().lease_until = "2020-01-01"
        self.env.flush_all()
        later = imports._claim()
        self.assertNotEqual(later.token, claim.token)
        self.assertEqual(run.attempts, 1)
        page = FakeRegistry(people(2)).page()
        chunk = importing.Chunk.of(page, claim.position, 1000)
        self.assertFalse(run.sudo()._store(claim.token, chunk))
        self.assertFalse(self.registered())
        self.assertTrue(run.sudo()._store(later.token, chunk))
        self.assertEqual(len(self.registered()), 2)

    def test_what_kills_every_worker_is_given_up(self):
        run = self.start()
        for _time in range(20):
            run.sudo().write({"state": "running", "lease_until": "2020-01-01"})
            self.env.flush_all()
            if not self.env["spp.attendance.import"].sudo()._claim():
                break
        run.sudo().lease_until = "2020-01-01"
        with self.serving(people(2)) as registry:
            self.work()
        self.assertEqual((run.state, run.error_code), ("failed", "crashed"))
        self.assertFalse(registry.asked)

    def test_wherever_it_is_killed_it_comes_to_the_same(self):
        """Before and after each of its transactions, with rows that are tried again."""
        self.source.is_delta = True
        self.run_import([{"id": "R-9", "family": "Late", "unit": "LATE"}])
        mark = self.source.last_run_at
        self.env["spp.attendance.department"].create(
            {"name": "Late", "code": "LATE", "company_id": self.company.id}
        )
        rows = people(5)
        rows[1]["unit"] = "NOWHERE"
        rows[3]["id"] = None

        def disturbed(killed_at, when):
            """The end state, and whether it was killed at all."""
            run = self.start()
            calls = 0
            in_transaction = self.in_transaction

            def kill(registry, func, **options):
                nonlocal calls
                calls += 1

                def dies(env):
                    result = func(env)
                    if calls == killed_at and when == "before":
                        raise Killed
                    return result

                result = in_transaction(registry, dies, **options)
                if calls == killed_at and when == "after":
                    raise Killed
                return result

            with (
                patch(
                    "odoo.addons.spp_attendance.models.spp_attendance_import.CHUNK", 2
                ),
                self.serving(rows, size=3),
            ):
                try:
                    with patch.object(self, "in_transaction", kill):
                        self.work()
                except Killed:
                    self.env.invalidate_all()
                    if run.lease_until:
                        run.sudo().lease_until = "2020-01-01"
                self.work()
            self.assertEqual(run.state, "done")
            lines = [
                (line.row_number, line.person_identifier, line.reason, line.is_open)
                for line in run.line_ids.sorted("row_number")
            ]
            found = self.registered().mapped(
                lambda person: (person.person_identifier, person.name)
            )
            self.assertEqual(self.source.last_run_at, run.asked_at)
            counts = self.counts(run) | {"pages": run.page_count}
            return (counts, lines, found), calls >= killed_at

        ends, number, was_killed = [], 0, True
        while was_killed:
            number += 1
            for when in ("before", "after"):
                savepoint = self.env.cr.savepoint()
                self.source.sudo().last_run_at = mark
                end, was_killed = disturbed(number, when)
                ends.append(end)
                savepoint.close(rollback=True)
                self.env.invalidate_all()
        self.assertGreater(number, 7)
        for end in ends:
            self.assertEqual(end, ends[-1])
        counts, lines, found = ends[-1]
        self.assertEqual(counts, {"read": 6, "created": 4, "rejected": 2, "pages": 2})
        self.assertEqual([line[::3] for line in lines], [(2, True), (4, False)])
        self.assertEqual(len(found), 4)

    def test_cancel_stops_it_and_keeps_what_was_written(self):
        run = self.start()
        imports = self.env.registry["spp.attendance.import"]
        store = imports._store

        def store_and_cancel(model, token, chunk):
            stored = store(model, token, chunk)
            if run.read_count == 4:
                self.managed(run).action_cancel()
            return stored

        with (
            self.serving(people(6)),
            patch.object(imports, "_store", store_and_cancel),
        ):
            self.work()
        self.assertEqual((run.state, run.created_count), ("cancelled", 4))
        self.assertTrue(run.finished_at)
        self.assertFalse(run.sudo().lease_token)
        with self.assertRaises(UserError):
            self.managed(run).action_cancel()
        self.managed(run).action_resume()
        with self.serving(people(6)) as registry:
            self.work()
        self.assertEqual(registry.asked, [4])
        self.assertEqual((run.state, run.created_count), ("done", 6))

    def test_a_source_has_one_import_at_work(self):
        run = self.start()
        with self.assertRaises(UserError):
            self.start()
        with self.assertRaises(UserError):
            self.source.unlink()
        self.managed(run).action_cancel()
        other = self.start()
        with self.assertRaises(UserError):
            self.managed(run).action_resume()
        self.assertEqual(other.state, "queued")

    # ---------------------------------------------------------- delta, schedule

    def test_only_an_import_that_is_done_moves_the_mark(self):
        self.source.is_delta = True
        with freeze_time("2026-09-10 12:00:00"):
            run = self.run_import(people(3), faults={2: Refused("401")})
            self.assertFalse(self.last_registry.since)
        self.assertFalse(self.source.last_run_at)
        with freeze_time("2026-09-10 13:00:00"):
            self.managed(run).action_resume()
            with self.serving(people(3)):
                self.work()
        # From when it began: what changed meanwhile may have been missed.
        self.assertEqual(self.source.last_run_at, run.started_at)
        self.source.sudo().last_run_at = "2026-09-10 12:00:00"
        dry = self.run_import([], dry_run=True)
        self.assertEqual(str(dry.since), "2026-09-10 11:55:00")
        self.assertEqual(self.last_registry.since, dry.since)
        self.assertEqual(str(self.source.last_run_at), "2026-09-10 12:00:00")
        full = self.run_import([], full=True)
        self.assertFalse(full.since)
        self.assertEqual(self.source.last_run_at, full.started_at)

    def test_other_settings_begin_anew(self):
        self.run_import(people(1))
        self.assertTrue(self.source.last_run_at)
        self.source.name = "Renamed"
        self.assertTrue(self.source.last_run_at)
        self.source.mapping_ids[0].path = "identifier"
        self.assertFalse(self.source.last_run_at)

    def test_settings_are_those_of_the_start(self):
        run = self.start()
        self.source.mapping_ids[1].path = "elsewhere"
        with self.serving(people(1)):
            self.work()
        self.assertEqual((run.state, run.created_count), ("done", 1))
        self.assertEqual(self.registered().family_name, "Family0")
        # Of what the new settings ask for, nothing is known.
        self.assertFalse(self.source.last_run_at)

    def test_scheduled_imports(self):
        with freeze_time("2026-09-10 12:00:00"):
            self.source.schedule = "daily"
            self.assertEqual(str(self.source.next_run_at), "2026-09-11 12:00:00")
        now = fields.Datetime.now()
        self.source.next_run_at = now + timedelta(hours=1)
        with self.serving(people(2)):
            self.work()
        self.assertFalse(self.source.import_ids)
        self.source.next_run_at = now - timedelta(days=2, minutes=1)
        with self.serving(people(2)):
            self.work()
        run = self.source.import_ids
        self.assertEqual((run.state, run.created_count), ("done", 2))
        self.assertEqual(run.user_id, self.manager)
        self.assertFalse(run.is_dry_run)
        # Days that were missed are not made up for.
        self.assertEqual(self.source.next_run_at, now + timedelta(hours=24, minutes=-1))
        with self.serving(people(2)):
            self.work()
        self.assertEqual(self.source.import_ids, run)

    def test_a_schedule_does_not_overtake_itself(self):
        self.source.schedule = "hourly"
        run = self.run_import(people(2), faults={0: Unreachable("gone")})
        self.source.next_run_at = fields.Datetime.now()
        with self.serving(people(2)):
            self.work()
        self.assertEqual(self.source.import_ids, run)
        self.assertGreater(self.source.next_run_at, fields.Datetime.now())

    def test_nobody_s_import_is_not_done(self):
        run = self.start()
        self.manager.sudo().active = False
        with self.serving(people(2)) as registry:
            self.work()
        self.assertEqual((run.state, run.error_code), ("failed", "no_user"))
        self.assertFalse(registry.asked)

    def test_who_was_rejected_is_tried_again_with_what_has_changed(self):
        """A registry doesn't tell of them a second time."""
        self.source.is_delta = True
        rows = people(4, unit="NOWHERE")
        rows[3]["unit"] = ""
        rows[2]["id"] = None
        first = self.run_import(rows, size=3)
        self.assertEqual(self.counts(first), {"read": 4, "created": 1, "rejected": 3})
        lines = first.line_ids
        self.assertEqual(lines.mapped("is_open"), [True, True, False])
        # Nothing has changed, neither there nor here.
        run = self.run_import([])
        self.assertTrue(run.since)
        self.assertFalse(self.counts(run))
        # Of one there is news.
        run = self.run_import(people(1, given="New"))
        self.assertEqual(self.counts(run), {"read": 1, "created": 1})
        self.assertEqual(lines.mapped("is_open"), [False, True, False])
        self.env["spp.attendance.department"].create(
            {"name": "Nowhere", "code": "NOWHERE", "company_id": self.company.id}
        )
        self.assertFalse(self.counts(self.run_import([], dry_run=True)))
        run = self.run_import([])
        self.assertEqual(self.counts(run), {"read": 1, "created": 1})
        found = self.registered()
        self.assertEqual(found.mapped("given_name"), ["New", "Given", "Given"])
        self.assertEqual(found[1].department_id.code, "NOWHERE")
        self.assertFalse(any(lines.mapped("is_open")))
        self.assertFalse(self.counts(self.run_import([])))

    def test_the_last_word_on_somebody_is_tried_again(self):
        self.source.is_delta = True
        rows = people(1, unit="NOWHERE") + people(1)
        for size in (1, 2):
            run = self.run_import(rows, size=size, full=True)
            self.assertEqual(run.rejected_count, 1)
            self.assertFalse(run.line_ids.is_open)
        self.assertEqual(
            self.run_import(rows[::-1], full=True).line_ids.mapped("is_open"), [True]
        )
        self.source.mapping_ids[1].path = "other"
        self.run_import([])
        self.assertFalse(self.source.import_ids.line_ids.filtered("is_open"))

    def test_a_registry_whose_clock_is_slow_keeps_nobody_back(self):
        slow = datetime(2026, 9, 10, 11, 0, tzinfo=UTC)
        for told_at, mark in (
            (slow, "2026-09-10 11:00:00"),
            (slow + timedelta(hours=3), "2026-09-10 12:00:00"),
            (None, "2026-09-10 12:00:00"),
        ):
            with freeze_time("2026-09-10 12:00:00"):
                run = self.start()
                # The database's clock is another one.
                run.sudo().started_at = fields.Datetime.now()
                with self.serving(people(3), told_at=told_at):
                    self.work()
            self.assertEqual(str(run.asked_at), mark)
            self.assertEqual(self.source.last_run_at, run.asked_at)

    def test_rights_that_end_on_the_way(self):
        group = self.env.ref("spp_attendance.spp_attendance_group_manager")
        store = self.env.registry["spp.attendance.import"]._store

        for values in (
            {"active": False},
            {"group_ids": [fields.Command.unlink(group.id)]},
            {
                "company_id": self.other_company.id,
                "company_ids": self.other_company.ids,
            },
        ):
            user = new_test_user(
                self.env,
                login=f"test-attendance-import-{len(self.source.import_ids)}",
                groups="base.group_user,spp_attendance.spp_attendance_group_manager",
                company_id=self.company.id,
                company_ids=self.company.ids,
            )
            self.source.sudo().user_id = user
            run = self.start(user=user)

            def end_rights(run, token, chunk, user=user, values=values):
                if chunk.numbers[0] > 1:
                    user.sudo().write(values)
                return store(run, token, chunk)

            with (
                self.subTest(values),
                patch.object(
                    self.env.registry["spp.attendance.import"], "_store", end_rights
                ),
                self.serving(people(4)),
            ):
                self.work()
                self.assertEqual((run.state, run.error_code), ("failed", "no_user"))
                self.assertEqual(run.read_count, 2)
                # Not who can't do anything about it.
                told = self.source.activity_ids.user_id
                self.assertTrue(told)
                self.assertNotEqual(told, user)

    def test_what_nothing_takes_any_more(self):
        run = self.start()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_import SET target = 'gone' WHERE id = %s", [run.id]
        )
        run.invalidate_recordset()
        with self.serving(people(1)):
            self.work()
        self.assertEqual((run.state, run.error_code), ("failed", "invalid_config"))
        spool = io.BytesIO()
        run._write_rejected(spool)
        self.assertIn(b"Reason", spool.getvalue())

    def test_text_that_no_database_takes(self):
        rows = people(4)
        rows[0]["family"] = "A\0"
        rows[1]["id"] = "R-\ud800"
        rows[2]["unit"] = "\0"
        run = self.run_import(rows, size=4)
        self.assertEqual(self.counts(run), {"read": 4, "created": 1, "rejected": 3})
        with self.serving(rows, size=4):
            self.assertIsNone(self.source._fetch_sample())
        self.assertEqual(self.source.sample[0]["family"], "A\ufffd")

    # ------------------------------------------------------------------- roles

    def test_who_may_import(self):
        for user in (self.officer, self.internal, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.new_source(user=user)
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.start(user=user)
        run = self.start()
        for user in (self.officer, self.internal, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                run.with_user(user).action_cancel()
        with self.assertRaises(AccessError):
            run.with_user(self.manager).write({"state": "done"})

    def test_nobody_imports_in_another_s_name(self):
        with self.assertRaises(AccessError):
            self.new_source(user_id=self.admin.id)
        with self.assertRaises(AccessError):
            self.source.user_id = self.admin
        source = self.new_source(user=self.admin)
        source.with_user(self.admin).user_id = self.manager
        source.with_user(self.admin).user_id = self.admin
        # Whoever changes what it does answers for it.
        source.with_user(self.manager).name = "Renamed"
        self.assertEqual(source.user_id, self.admin)
        source.with_user(self.manager).mapping_ids[0].path = "other"
        self.assertEqual(source.user_id, self.manager)
        source.with_user(self.admin).user_id = self.admin
        source.with_user(self.manager).body = "{}"
        self.assertEqual(source.user_id, self.manager)

    def test_a_secret_is_never_read(self):
        self.source.secret_input = " s3cret "
        self.assertEqual(self.source.sudo().secret, "s3cret")
        self.assertTrue(self.source.secret_set)
        self.assertFalse(self.source.secret_input)
        for user in (self.manager, self.admin):
            with self.assertRaises(AccessError):
                self.source.with_user(user).read(["secret"])
        copy = self.source.with_user(self.admin).copy()
        self.assertFalse(copy.secret_set)
        # A copy is whose who made it, and does nothing by itself.
        self.source.schedule = "hourly"
        copy = self.source.with_user(self.admin).copy()
        self.assertEqual((copy.user_id, copy.schedule), (self.admin, "none"))
        self.assertNotIn("s3cret", str(self.source._asked()))
        # An error of the database would quote the row.
        for name in ("name", "method", "schedule", "auth_format"):
            with self.assertRaises(ValidationError):
                self.source.write({name: False})

    def test_a_secret_is_not_sent_elsewhere(self):
        self.source.write({"auth": "bearer", "secret_input": "s3cret"})
        self.source.url = "https://registry.example.org/other"
        self.assertTrue(self.source.secret_set)
        run = self.start()
        self.source.url = "https://other.example.org/people?page={page}"
        self.assertFalse(self.source.secret_set)
        self.source.secret_input = "another"
        # What is a token here is no password there.
        self.source.auth = "basic"
        self.assertFalse(self.source.secret_set)
        self.source.write({"auth": "bearer", "secret_input": "another"})
        # Nor by an import that was started when it led elsewhere.
        with self.serving(people(1)) as registry:
            self.work()
        self.assertEqual((run.state, run.error_code), ("failed", "changed"))
        self.assertFalse(registry.asked)

    def test_hosts_are_allowed_by_administrators_alone(self):
        company = self.company.with_user(self.manager)
        with self.assertRaises(AccessError):
            company.read(["attendance_import_hosts"])
        with self.assertRaises(AccessError):
            company.attendance_import_hosts = "registry.example.org"
        with self.assertRaises(AccessError):
            self.env["spp.attendance.settings"].with_user(self.manager).create({})
        settings = (
            self.env["spp.attendance.settings"]
            .with_user(self.admin)
            .with_context(allowed_company_ids=self.company.ids)
            .create({})
        )
        settings.attendance_import_hosts = "*.example.org\nhttp://10.0.0.5:8080"
        settings.execute()
        self.assertIn("10.0.0.5", self.company.sudo().attendance_import_hosts)
        with self.assertRaises(ValidationError):
            self.company.sudo().attendance_import_hosts = "http://*/path"

    def test_no_host_is_allowed_at_first(self):
        run = self.start()
        self.work()
        self.assertEqual((run.state, run.error_code), ("failed", "forbidden_address"))
        error = self.source._fetch_sample()
        self.assertEqual(error.code, "forbidden_address")

    def test_two_companies(self):
        user = new_test_user(
            self.env,
            login="test-attendance-south",
            groups="base.group_user,spp_attendance.spp_attendance_group_manager",
            company_id=self.other_company.id,
            company_ids=self.other_company.ids,
        )
        source = self.new_source(user=user, company=self.other_company)
        run = self.start(source, user)
        with self.serving(people(2)):
            self.work()
        self.assertEqual(run.state, "done")
        self.assertEqual(len(self.registered(self.other_company)), 2)
        self.assertFalse(self.registered())
        for record in (source, source.mapping_ids, run):
            self.assertFalse(
                record.with_user(self.manager)
                .with_context(allowed_company_ids=self.company.ids)
                ._filtered_access("read")
            )
        with self.assertRaises(AccessError):
            self.source.company_id = self.other_company

    # ----------------------------------------------------------------- settings

    def test_settings_that_can_t_be(self):
        for vals in (
            {"url": "registry"},
            {"url": "https://user:password@registry.example.org"},
            {"headers": "[]"},
            {"headers": '{"a": 1}'},
            {"timeout": 0},
            {"deadline": 9000},
            {"page_size": 0},
        ):
            with self.subTest(vals), self.assertRaises(ValidationError):
                self.source.write(vals)
        for vals in ({"path": "a[b"}, {"values": "nonsense"}):
            with self.subTest(vals), self.assertRaises(ValidationError):
                self.source.mapping_ids[0].write(vals)
        self.source.mapping_ids[0].unlink()
        with self.assertRaisesRegex(UserError, "Identifier"):
            self.start()

    def test_old_rows_and_samples_are_forgotten(self):
        run = self.run_import(self.rejects(), size=10)
        self.source.sudo().write(
            {"sample": [{"id": 1}], "sample_at": fields.Datetime.now()}
        )
        imports = self.env["spp.attendance.import"].sudo()
        imports._gc_lines()
        self.assertTrue(run.line_ids and self.source.sample)
        run.sudo().finished_at = "2020-01-01"
        self.source.sudo().sample_at = "2020-01-01"
        imports._gc_lines()
        self.assertFalse(run.line_ids.exists() or self.source.sample)
        self.assertEqual(run.rejected_count, 4)

    # ------------------------------------------------------------ other targets

    def test_another_addon_adds_what_can_be_imported(self):
        source = self.env.registry["spp.attendance.import.source"]
        targets = source._import_targets

        def locations(_self, env, rows, *, dry_run):
            found = env["spp.attendance.location"].create(
                [{"name": row["place"], "tz": "UTC"} for row in rows]
            )
            return Result(
                [
                    importing.Outcome(index, "created", record.id)
                    for index, record in enumerate(found)
                ]
            )

        def extended(model):
            return {
                **targets(model),
                "places": Target(
                    "Places",
                    {"place": TargetField("Place", required=True)},
                    lambda *args, **kwargs: locations(model, *args, **kwargs),
                ),
            }

        with patch.object(source, "_import_targets", extended):
            with self.assertRaises(ValidationError):
                self.source.target = "places"
            places = self.new_source(
                target="places",
                mapping_ids=[
                    fields.Command.create({"field_name": "place", "path": "family"})
                ],
            )
            dry = self.run_import(people(3), places, dry_run=True)
            self.assertEqual(dry.created_count, 3)
            found = [("name", "=like", "Family%")]
            self.assertFalse(self.env["spp.attendance.location"].search(found))
            run = self.run_import(people(3), places)
            self.assertEqual((run.state, run.created_count), ("done", 3))
            found = self.env["spp.attendance.location"].search(found)
            self.assertEqual(len(found), 3)
            self.assertEqual(found.company_id, self.company)
