import importlib.util
from datetime import UTC, datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import Form, tagged
from odoo.tests.common import warmup
from odoo.tools import file_path

from ..acting import Actor, as_actor
from ..api import RecordQuery
from ..registers import RegisterRefused, find_intervals, find_registers
from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegisterIngest(AttendanceCase):
    """A register of September, of which the officer and the app are staff; Amina is
    enrolled from the 1st to the 5th and again from the 8th, Joseph throughout."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register = cls.env["spp.attendance.register"].create(
            {
                "name": "Road works",
                "company_id": cls.company.id,
                "date_start": "2026-09-01",
                "date_end": "2026-09-30",
                "location_id": cls.hall.id,
                "type_id": cls.training.id,
            }
        )
        for user in (cls.officer, cls.api_user):
            cls._add_staff(cls.register, user)
        cls._enrol(cls.amina, "2026-09-01", "2026-09-05")
        cls._enrol(cls.amina, "2026-09-08")
        cls._enrol(cls.joseph, "2026-08-01")

    @classmethod
    def _add_staff(cls, register, user, **vals):
        return cls.env["spp.attendance.register.staff"].create(
            {
                "register_id": register.id,
                "user_id": user.id,
                "enrolled_at": "2026-08-01 00:00:00",
                **vals,
            }
        )

    @classmethod
    def _enrol(cls, person, start, end=False, register=None):
        register = register or cls.register
        attendees = cls.env["spp.attendance.register.attendee"]
        attendee = attendees.search(
            [("register_id", "=", register.id), ("subscriber_id", "=", person.id)]
        ) or attendees.create({"register_id": register.id, "subscriber_id": person.id})
        cls.env["spp.attendance.register.interval"].create(
            {
                "attendee_id": attendee.id,
                "start_at": f"{start} 00:00:00",
                "end_at": end and f"{end} 00:00:00",
            }
        )
        return attendee

    def _mark(self, person="T-1", date_time="2026-09-02T08:00:00", user=None, **values):
        values = {"register": self.register.number, **values}
        item = self.item(person, date_time, **values)
        (outcome,) = self.ingest(item, user=user)
        return outcome

    def _record(self, outcome):
        self.assertEqual(outcome.status, "created", outcome.reason)
        return self.env["spp.attendance.record"].browse(outcome.id)

    def test_a_mark_takes_after_its_register(self):
        record = self._record(self._mark(user=self.officer))
        self.assertRecordValues(
            record,
            [
                {
                    "register_id": self.register.id,
                    "type_id": self.training.id,
                    "location_id": self.hall.id,
                    "tz": "Africa/Nairobi",
                    "date_time": datetime(2026, 9, 2, 5),
                    "local_time": "08:00:00",
                    "uniqueness_key": f"2026-09-02|08:00:00@{self.register.id}",
                }
            ],
        )

    def test_a_register_is_named_by_id_uuid_or_number(self):
        for hour, reference in enumerate(
            (self.register.id, self.register.uuid, self.register.number)
        ):
            outcome = self._mark(date_time=f"2026-09-02T0{hour}:00", register=reference)
            self.assertEqual(self._record(outcome).register_id, self.register)

    def test_what_is_given_beats_the_register(self):
        other = self.env["spp.attendance.type"].create({"name": "Other"})
        record = self._record(self._mark(type="Other", location="CLOSED"))
        self.assertEqual(record.type_id, other)
        self.assertEqual(record.location_id, self.closed_site)

    def test_each_rule_of_a_register(self):
        for code, values in (
            (None, {}),
            ("unknown_register", {"register": "WR/none"}),
            ("outside_register", {"date_time": "2026-10-01T00:00:00"}),
            ("outside_register", {"date_time": "2026-08-31T23:59:59"}),
            ("not_enrolled", {"person": "T-3"}),
            ("not_enrolled_then", {"date_time": "2026-09-06T08:00:00"}),
            (None, {"date_time": "2026-09-09T08:00:00"}),
            ("not_register_staff", {"user": self.manager}),
            # Officers don't learn of registers that are not theirs.
            ("unknown_register", {"user": self._new_user("other", "officer")}),
        ):
            with self.subTest(code=code, **values):
                outcome = self._mark(**values)
                self.assertEqual(outcome.code, code)
                self.assertEqual(bool(outcome.reason), bool(code))
        self.register.active = False
        self.assertEqual(self._mark(person="T-2").code, "register_inactive")
        self.register.active = True
        self.register.is_deleted = True
        self.assertEqual(self._mark(person="T-2").code, "unknown_register")

    def test_the_first_and_the_last_moment_count(self):
        start, end = self.register.start_at, self.register.end_at
        self.assertEqual(end, datetime(2026, 9, 30, 20, 59, 59, 999000))
        for instant, code in (
            (start, None),
            (start - timedelta(milliseconds=1), "outside_register"),
            (end, None),
            (end + timedelta(milliseconds=1), "outside_register"),
        ):
            with self.subTest(instant):
                outcome = self._mark("T-2", instant.replace(tzinfo=UTC))
                self.assertEqual(outcome.code, code)
        # So do those of an enrolment.
        for instant, code in (
            (datetime(2026, 9, 5), None),
            (datetime(2026, 9, 5, 0, 0, 0, 1000), "not_enrolled_then"),
            (datetime(2026, 9, 8), None),
        ):
            with self.subTest(instant):
                outcome = self._mark("T-1", instant.replace(tzinfo=UTC))
                self.assertEqual(outcome.code, code)

    def test_thousandths_are_kept_of_the_instant(self):
        instant = datetime(2026, 9, 2, 5, 0, 7, 123000)
        record = self._record(self._mark(date_time=instant.replace(tzinfo=UTC)))
        self.assertEqual((record.date_time, record.local_time), (instant, "08:00:07"))
        # Nor are they lost when somebody saves what is shown.
        self.records_of(self.officer).browse(record.id).write(
            {"local_date": "2026-09-02", "local_time": "08:00:07"}
        )
        self.assertEqual(record.date_time, instant)
        self.assertFalse(record.change_ids)

    def test_marks_of_days_to_come(self):
        self.assertEqual(
            self._record(self._mark(date_time="2026-09-25T08:00:00")).local_date.day, 25
        )
        self.assertEqual(
            self._mark(date_time="2026-09-25T08:00:00", register=None).code,
            "in_the_future",
        )

    def test_permissions_that_are_over_or_to_come(self):
        staff = self.register.staff_ids.filtered(
            lambda staff: staff.user_id == self.api_user
        )
        staff.unenrolled_at = "2026-09-10 12:00:00"
        self.assertEqual(self._mark().code, "not_register_staff")
        self._add_staff(self.register, self.api_user, enrolled_at="2026-09-11 00:00:00")
        self.assertEqual(self._mark().code, "not_register_staff")

    def test_who_a_gateway_speaks_for_must_be_staff(self):
        staff = self.env["spp.attendance.register.staff"].create(
            {
                "register_id": self.register.id,
                "user_uuid": "known-to-the-gateway-only",
                "enrolled_at": "2026-08-01 00:00:00",
            }
        )
        model = self.records_of(self.api_user)
        for uuid, opens_all, code in (
            (staff.user_uuid, False, None),
            ("nobody", False, "not_register_staff"),
            ("nobody", True, "not_register_staff"),
        ):
            with self.subTest(uuid=uuid, opens_all=opens_all):
                actor = Actor(uuid, opens_all=opens_all)
                acting = model.with_env(as_actor(model.env, actor))
                (outcome,) = acting._ingest(
                    [self.item(date_time="2026-09-03T08:00", register=self.register.id)]
                )
                self.assertEqual(outcome.code, code)

    def test_the_system_is_above_the_rules(self):
        (outcome,) = (
            self.env["spp.attendance.record"]
            .with_company(self.company)
            ._ingest([self.item("T-3", register=self.register.id)])
        )
        self.assertEqual(self._record(outcome).register_id, self.register)

    def test_a_register_of_another_company(self):
        abroad = self.register.copy(
            {"company_id": self.other_company.id, "location_id": False}
        )
        self.assertEqual(self._mark(register=abroad.id).code, "unknown_register")

    # ------------------------------------------------------------ uniqueness

    def test_two_registers_two_marks(self):
        second = self.register.copy({"date_start": "2026-09-01", "date_end": False})
        self._add_staff(second, self.api_user)
        self._enrol(self.amina, "2026-09-01", register=second)
        first = self._mark()
        self.assertEqual(self._mark().id, first.id)
        self.assertEqual(self._mark(register=second.id).status, "created")
        self.assertEqual(self._mark(register=None).status, "created")
        for register in (self.register, second):
            (entry, again) = self.ingest(
                *[
                    {
                        "subscriber_id": self.amina.id,
                        "date_time": "2026-09-02T08:00:00",
                        "scan_type": "in",
                        "register_id": register.id,
                    }
                ]
                * 2
            )
            self.assertEqual((entry.status, again.status), ("created", "duplicate"))

    def _log(self, **values):
        values = {"log_type": "ENTRY", "scan_type": "in", **values}
        return self._mark(**values)

    def test_a_log_is_unique_by_its_client_reference_alone(self):
        first, second = self._log(), self._log()
        self.assertEqual((first.status, second.status), ("created", "created"))
        self.assertFalse(self._record(first).uniqueness_key)
        known = self._log(external_id="c-1")
        self.assertEqual(self._log(external_id="c-1").id, known.id)
        other = self._log(external_id="c-1", log_type="EXIT", scan_type="out")
        self.assertEqual(other.code, "external_id_conflict")

    def test_a_log_keeps_what_it_says_of_itself(self):
        details = {
            "additionalDetails": {"a\\b": '"\u00e9{}, NULL', "n": None, "f": 1.5},
            "documentIds": [],
        }
        record = self._record(
            self._log(log_type='Any, word\\ {at} "all"', log_details=details)
        )
        self.assertEqual(record.log_type, 'Any, word\\ {at} "all"')
        self.assertEqual(record.log_details, details)

    def test_what_no_database_stores_costs_the_item_alone(self):
        for bad in (
            {"x": "a\0b"},
            {"\0": 1},
            {"x": "\\\0"},
            {"x": float("nan")},
            {"x": "\ud800"},
        ):
            with self.subTest(repr(bad)):
                self.assertEqual(self._log(log_details=bad).code, "invalid")
        fine = {"x": "\\u0000"}
        self.assertEqual(self._record(self._log(log_details=fine)).log_details, fine)

    # ----------------------------------------------------------- corrections

    def _refusal(self, record, vals, user=None):
        """The code with which a correction is refused, None if it isn't."""
        record = self.records_of(user or self.officer).browse(record.id)
        try:
            with self.env.cr.savepoint():
                record.write(vals)
                record.flush_recordset()
        except RegisterRefused as refused:
            ((record_id, (code, reason)),) = refused.refusals.items()
            self.assertEqual(record_id, record.id)
            self.assertIn(reason, str(refused))
            return code
        return None

    def test_corrections_are_marks(self):
        record = self._record(self._mark(user=self.officer))
        second = self.register.copy({"date_start": "2026-09-01", "date_end": False})
        for vals, code in (
            ({"local_time": "09:00"}, None),
            ({"local_date": "2026-09-06"}, "not_enrolled_then"),
            ({"local_date": "2026-08-31"}, "outside_register"),
            ({"subscriber_id": self.grace.id}, "not_enrolled"),
            ({"subscriber_id": self.joseph.id}, None),
            ({"register_id": second.id}, "unknown_register"),
        ):
            with self.subTest(**vals):
                self.assertEqual(self._refusal(record, vals), code)
        record.invalidate_recordset()
        # Not even a manager does, who is no staff; nor takes it off the register.
        void = {"active": False, "void_reason": "wrong"}
        for vals in ({"category": "absent"}, void, {"register_id": False}):
            with self.subTest(**vals):
                self.assertEqual(
                    self._refusal(record, vals, self.manager), "not_register_staff"
                )
        self.register.active = False
        self.assertEqual(self._refusal(record, void), "register_inactive")
        self.register.active = True
        self.assertIsNone(self._refusal(record, void))
        self.assertFalse(record.active)
        self.assertIsNone(self._refusal(record, {"active": True}))
        told = record.change_ids.mapped("kind")
        self.assertEqual(told.count("voided"), 1)

    def test_what_should_not_be_there_is_taken_away(self):
        record = self._record(self._mark(user=self.officer))
        attendee = self.register.attendee_ids.filtered(
            lambda row: row.subscriber_id == record.subscriber_id
        )
        # Of somebody who, it turns out, had left before.
        attendee.interval_ids.sudo().unlink()
        void = {"active": False, "void_reason": "had left"}
        self.assertEqual(self._refusal(record, {"category": "absent"}), "not_enrolled")
        self.assertEqual(
            self._refusal(record, void, self.manager), "not_register_staff"
        )
        self.register.active = False
        self.assertEqual(self._refusal(record, void), "register_inactive")
        self.register.active = True
        self.assertIsNone(self._refusal(record, void))
        self.assertFalse(record.active)
        self.assertEqual(self._refusal(record, {"active": True}), "not_enrolled")

    def test_leaving_a_register_is_told(self):
        record = self._record(self._mark(user=self.officer))
        self.assertIsNone(self._refusal(record, {"register_id": False}))
        change = record.change_ids
        self.assertEqual(change.field, "register_id")
        self.assertIn("Road works", change.old_value)
        self.assertEqual(record.uniqueness_key, "2026-09-02|08:00:00")

    def test_people_are_merged_whoever_marks_their_registers(self):
        kept, surplus = self._mark("T-2"), self._mark("T-1")
        (alone,) = (self._mark("T-1", "2026-09-09T08:00"),)
        people = self.joseph + self.amina
        joseph, amina = people.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        )
        joseph._merge(amina)
        records = self.env["spp.attendance.record"].browse(
            [kept.id, surplus.id, alone.id]
        )
        self.assertEqual(records.subscriber_id, self.joseph)
        self.assertEqual(records.mapped("active"), [True, False, True])
        self.assertEqual(records.register_id, self.register)

    def test_a_form_takes_after_the_register_and_is_held_against_it(self):
        with Form(self.records_of(self.officer)) as form:
            form.register_id = self.register
            form.subscriber_id = self.amina
            form.local_date = "2026-09-25"
            form.local_time = "8"
            self.assertEqual(form.location_id, self.hall)
            self.assertEqual(form.type_id, self.training)
        self.assertEqual(form.record.register_id, self.register)
        values = {
            "register_id": self.register.id,
            "subscriber_id": self.grace.id,
            "local_date": "2026-09-02",
            "local_time": "08:00",
        }
        for user, vals, code in (
            (self.officer, {}, "not_enrolled"),
            (self.manager, {"subscriber_id": self.joseph.id}, "not_register_staff"),
            (self.officer, {"subscriber_id": self.joseph.id}, None),
        ):
            with self.subTest(code=code):
                try:
                    with self.env.cr.savepoint():
                        record = self.records_of(user).create({**values, **vals})
                    self.assertIsNone(code)
                    self.assertEqual(record.location_id, self.hall)
                except RegisterRefused as refused:
                    ((found, _reason),) = refused.refusals.values()
                    self.assertEqual(found, code)

    def test_at_a_place_that_is_closed_to_the_staff(self):
        """Who marks a register goes by its clock, and sees what was marked."""
        self.register.location_id = self.closed_site
        marked = self._record(self._mark(user=self.officer))
        self.assertEqual(marked.tz, self.closed_site.tz)
        model = self.records_of(self.officer)
        entered = model.create(
            {
                "register_id": self.register.id,
                "subscriber_id": self.joseph.id,
                "local_date": "2026-09-02",
                "local_time": "08:00",
            }
        )
        self.assertEqual(entered.tz, self.closed_site.tz)
        self.assertIsNone(self._refusal(entered, {"local_time": "09:00"}))
        with Form(model.browse(entered.id)) as form:
            form.description = "late"
        self.env.invalidate_all()
        read = model.browse((marked + entered).ids)._api_read()
        self.assertEqual({out.location.id for out in read}, {self.closed_site.id})
        self.assertEqual({out.register_ref.id for out in read}, {self.register.id})

    # ---------------------------------------------------------------- access

    def test_staff_of_one_register_see_nothing_of_another(self):
        mine = self._record(self._mark())
        other = self.register.copy(
            {"date_start": "2026-09-01", "date_end": False, "location_id": False}
        )
        self._add_staff(other, self.api_user)
        self._enrol(self.amina, "2026-09-01", register=other)
        # At a location that is open to all, and at none.
        theirs = self._record(self._mark(register=other.id))
        theirs += self._record(
            self._mark(register=other.id, location="HALL", date_time="2026-09-03T08:00")
        )
        without = self._record(self._mark(register=None))
        self.env.flush_all()
        (mine + theirs + without).sudo().write({"description": "changed"})
        everything = mine + theirs + without
        for user, seen in (
            (self.officer, mine + without),
            (self.manager, everything),
            (self.api_user, everything),
        ):
            with self.subTest(user.login):
                model = self.records_of(user)
                domain = [("id", "in", everything.ids)]
                self.assertEqual(set(model.search(domain).ids), set(seen.ids))
                changes = model.env["spp.attendance.record.change"]
                told = changes.search([("record_id", "in", everything.ids)])
                self.assertEqual(set(told.record_id.ids), set(seen.ids))
                if user == self.api_user:
                    continue  # apps have no part in the analysis
                report = model.env["spp.attendance.report"]
                counted = report._read_group(domain, ["register_id"], ["__count"])
                self.assertEqual(
                    {register.id for register, _count in counted},
                    {*seen.register_id.ids, False},
                )
        for record in self.records_of(self.officer).browse(theirs.ids):
            with self.assertRaises(AccessError):
                record.read(["description"])
            with self.assertRaises(AccessError):
                record.write({"description": "mine"})

    def test_records_of_an_inactive_register_are_still_seen(self):
        record = self._record(self._mark())
        self.register.active = False
        self.env.flush_all()
        found = self.records_of(self.officer).search([("id", "=", record.id)])
        self.assertEqual(found, record)
        self.assertEqual(found.read(["category"])[0]["category"], "present")

    def test_records_by_register(self):
        record = self._record(self._mark())
        self._record(self._mark("T-2", register=None))
        model = self.records_of(self.api_user)
        for reference in (
            str(self.register.id),
            self.register.uuid,
            self.register.number,
        ):
            query = RecordQuery(register=reference)
            page = model._api_list(query)
            self.assertEqual([item.id for item in page.items], [record.id])
            dumped = page.model_dump(by_alias=True)["items"][0]
            self.assertEqual(dumped["register"]["number"], self.register.number)
        self.assertFalse(model._api_list(RecordQuery(register="none")).items)

    # ------------------------------------------------------------ statements

    @warmup
    def test_statements_do_not_depend_on_the_batch(self):
        start = datetime(2026, 9, 9)
        model = self.records_of(self.api_user)

        def items(count, hour):
            return [
                self.item(
                    f"T-{1 + n % 2}",
                    (start + timedelta(hours=hour, seconds=n)).isoformat(),
                    register=self.register.number,
                )
                for n in range(count)
            ]

        model._ingest(items(2, 0))
        for count, hour in ((10, 1), (1000, 2)):
            with self.subTest(count), self.assertQueryCount(10):
                outcomes = model._ingest(items(count, hour))
            self.assertEqual({o.status for o in outcomes}, {"created"})

    def test_statements_do_not_depend_on_the_number_of_corrections(self):
        counts = []
        for hour, number in ((0, 1), (1, 2), (2, 40)):
            outcomes = self.ingest(
                *(
                    self.item(
                        "T-2",
                        f"2026-09-09T0{hour}:{n:02}:00",
                        register=self.register.id,
                    )
                    for n in range(number)
                )
            )
            records = self.records_of(self.officer).browse([o.id for o in outcomes])
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            records.write({"description": "x"})
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        # The first fills what is kept of rights.
        self.assertEqual(counts[1], counts[2])

    def test_finding_nothing_asks_nothing(self):
        with self.assertQueryCount(0):
            self.assertEqual(find_registers(self.env, {None}), {})
            self.assertEqual(find_intervals(self.env, ()), {})

    # ------------------------------------------------------------- migration

    def test_rules_of_an_older_version_make_way(self):
        path = file_path("spp_attendance/migrations/19.0.1.3.0/pre-migration.py")
        spec = importlib.util.spec_from_file_location("pre_migration", path)
        migration = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(migration)
        record_rule, change_rule = (
            self.env.ref(f"spp_attendance.spp_attendance_{name}_rule_officer")
            for name in ("record", "record_change")
        )
        # This version's stay.
        migration.migrate(self.env.cr, "19.0.1.2.0")
        self.assertTrue(record_rule.exists() and change_rule.exists())
        record_rule.domain_force = migration._OLD.format("")
        change_rule.domain_force = "[('record_id.source', '=', 'api')]"
        self.env.flush_all()
        with self.assertLogs(migration._logger, "WARNING") as told:
            migration.migrate(self.env.cr, "19.0.1.2.0")
        self.assertIn("spp_attendance_record_change_rule_officer", told.output[0])
        self.env.invalidate_all()
        self.assertFalse(record_rule.exists())
        self.env.registry.clear_cache()
        record = self._record(self._mark())
        record.description = "changed"
        self.env.flush_all()
        changes = self.records_of(self.officer).env["spp.attendance.record.change"]
        of_record = [("record_id", "=", record.id)]
        self.assertTrue(changes.search(of_record))
        self.register.staff_ids.filtered(
            "user_id"
        ).unenrolled_at = "2026-09-10 12:00:00"
        self.assertFalse(changes.search(of_record))
