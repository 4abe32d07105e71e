from contextlib import suppress
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.spp_oauth.api import Conflict, Forbidden, TooManyRequests

from .common_kiosk import KioskCase, mark


@tagged("post_install", "-at_install")
@freeze_time("2026-09-01 05:00:10")
class TestKiosk(KioskCase):
    def kiosk_of(self, user):
        return self.kiosk.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def token(self, kiosk=None):
        return (kiosk or self.kiosk).sudo().token

    def find(self, token):
        return self.env["spp.attendance.kiosk"]._find_by_token(token)

    # ------------------------------------------------------------------ service user

    def test_the_service_user_has_few_rights_and_no_way_in(self):
        user = self.kiosk.user_id
        self.assertFalse(user._is_internal() or user._is_portal() or user._is_public())
        self.assertEqual(user.company_ids, self.company)
        with self.assertRaises(AccessError):
            user.with_user(user).env["spp.attendance.location"].create({"name": "X"})
        kiosk = self.kiosk._acting()
        self.assertEqual(kiosk.env.user, user)
        self.assertEqual(kiosk.env.companies, self.company)
        self.assertFalse(kiosk.has_access("write"))
        other = self.new_kiosk(name="Other")
        self.assertFalse(other.with_env(kiosk.env).has_access("read"))

    def test_it_follows_the_kiosk(self):
        user = self.kiosk.user_id
        self.kiosk.write({"name": "Back door", "active": False})
        self.assertEqual(user.name, "Back door")
        self.assertFalse(user.active)
        self.kiosk.active = True
        self.kiosk.write(
            {"company_id": self.other_company.id, "location_id": self.other_hall.id}
        )
        self.assertTrue(user.active)
        self.assertEqual(user.company_ids, self.other_company)
        self.kiosk.unlink()
        self.assertFalse(user.active)

    def test_who_it_acts_as_is_not_to_be_chosen(self):
        kiosk = self.kiosk_of(self.admin)
        for values in ({"user_id": self.manager.id}, {"uuid": "mine"}):
            with self.subTest(values), self.assertRaises(AccessError):
                kiosk.write(values)
        for name in ("token", "token_digest", "previous_token", "attendant_code"):
            with self.subTest(name), self.assertRaises(AccessError):
                kiosk.read([name])
        with self.assertRaises(AccessError):
            kiosk.create(
                {
                    "name": "X",
                    "company_id": self.other_company.id,
                    "location_id": self.other_hall.id,
                }
            )
        made = kiosk.create({"name": "X", "location_id": self.hall.id})
        self.assertTrue(self.token(made))
        copy = made.copy()
        self.assertNotEqual(copy.user_id, made.user_id)
        self.assertNotEqual(self.token(copy), self.token(made))

    def test_places_and_types_are_the_company_s(self):
        foreign = self.env["spp.attendance.type"].create(
            {"name": "F", "company_id": self.other_company.id}
        )
        for values in (
            {"location_id": self.other_hall.id},
            {"type_ids": foreign.ids},
            {"company_id": self.other_company.id},
        ):
            with self.subTest(values), self.assertRaises(UserError):
                self.kiosk.write(values)

    def test_what_was_recorded_stays(self):
        given = mark("T-99")
        self.take(given)
        with self.assertRaises(UserError):
            self.kiosk.unlink()
        with self.assertRaises(ValidationError):
            self.kiosk.write(
                {
                    "company_id": self.other_company.id,
                    "location_id": self.other_hall.id,
                }
            )
        self.refusal_of(given).unlink()
        self.take(mark())
        with self.assertRaises(UserError):
            self.kiosk.unlink()
        self.assertEqual(self.kiosk.record_count, 1)

    def test_settings_that_contradict_each_other(self):
        with self.assertRaises(ValidationError):
            self.kiosk.write({"require_pin": True, "unknown_policy": "create"})
        for values in ({"max_age_days": 0}, {"rotate_days": -1}):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.kiosk.write(values)

    # ------------------------------------------------------------------------- link

    def test_the_link(self):
        token = self.token()
        self.assertGreaterEqual(len(token), 43)
        found = self.find(token)
        self.assertEqual(found, self.kiosk)
        self.assertEqual(found.env.user, self.kiosk.user_id)
        self.assertFalse(found.env.su)
        self.assertEqual(found.env.company, self.company)
        self.assertIsNone(found._newer_token(token))
        for wrong in ("", token[:-1], token + "x", "é", self.kiosk.uuid):
            with self.subTest(wrong):
                self.assertFalse(self.find(wrong))
        self.kiosk.active = False
        self.assertFalse(self.find(token))

    def test_who_may_see_the_link(self):
        for user in (self.officer, self.internal, self.api_user, self.kiosk.user_id):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.kiosk_of(user)._link()
        link = self.kiosk_of(self.manager)._link()
        self.assertTrue(link.endswith(f"/kiosk/attendance/{self.token()}"))
        message = self.kiosk.message_ids[:1]
        self.assertIn("link was shown", message.body)
        self.assertEqual(message.author_id, self.manager.partner_id)
        self.kiosk.sudo().token = False
        with self.assertRaises(UserError):
            self.kiosk_of(self.manager)._link()

    def test_that_it_was_seen_is_noted_where_nothing_can_be_written(self):
        self.registry_enter_test_mode()
        self.env.flush_all()
        with patch.object(type(self.env.cr), "readonly", True):
            self.kiosk_of(self.manager)._link()
        self.env.invalidate_all()
        message = self.kiosk.message_ids[:1]
        self.assertIn("link was shown", message.body)
        self.assertEqual(message.author_id, self.manager.partner_id)

    def test_renewed(self):
        first = self.token()
        for user in (self.officer, self.manager, self.kiosk.user_id):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.kiosk_of(user)._renew(0)
        self.kiosk_of(self.admin)._renew(3)
        second = self.token()
        self.assertNotEqual(first, second)
        self.assertEqual(self.find(first)._newer_token(first), second)
        self.assertIsNone(self.find(second)._newer_token(second))
        with freeze_time("2026-09-04 05:00:09"):
            self.assertEqual(self.find(first), self.kiosk)
        with freeze_time("2026-09-04 05:00:10"):
            self.assertFalse(self.find(first))
            self.assertEqual(self.find(second), self.kiosk)
        self.kiosk._renew(0)
        self.assertFalse(self.find(first) or self.find(second))
        self.assertFalse(self.kiosk.previous_until)

    def test_renewed_by_itself(self):
        self.kiosk.rotate_days = 7
        by_hand = self.new_kiosk(name="By hand")
        tokens = self.token(), self.token(by_hand)
        rotate = self.env["spp.attendance.kiosk"]._rotate_tokens
        with freeze_time("2026-09-08 05:00:09"):
            rotate()
            self.assertEqual((self.token(), self.token(by_hand)), tokens)
        with freeze_time("2026-09-08 05:00:10"):
            rotate()
            self.assertNotEqual(self.token(), tokens[0])
            self.assertEqual(self.token(by_hand), tokens[1])
            self.assertEqual(self.find(tokens[0]), self.kiosk)
        self.assertEqual(self.kiosk.previous_until, datetime(2026, 9, 15, 5, 0, 10))

    def test_renewed_by_the_scheduler(self):
        self.registry_enter_test_mode()
        self.kiosk.rotate_days = 7
        token = self.token()
        self.env.flush_all()
        with freeze_time("2026-09-09 05:00:10"):
            self.env["spp.attendance.kiosk"]._cron_rotate_tokens()
        self.env.invalidate_all()
        self.assertNotEqual(self.token(), token)

    def test_no_error_of_the_database_quotes_the_token(self):
        """What is missing is found out before: the error has the whole row."""
        required = [
            name
            for name, field in self.kiosk._fields.items()
            if field.required and field.store and field.type != "integer"
        ]
        self.assertIn("location_id", required)
        for name in required:
            with self.subTest(name), self.assertRaises(UserError):
                self.kiosk.write({name: False})
                self.kiosk.flush_recordset()
        self.amina.pin_input = "1234"
        with self.assertRaises(ValidationError):
            self.amina.write({"person_identifier": False})

    def test_seen(self):
        kiosk = self.kiosk._acting()
        kiosk._seen(-90_400, 17)
        self.assertRecordValues(
            self.kiosk,
            [
                {
                    "last_seen_at": datetime(2026, 9, 1, 5, 0, 10),
                    "last_offset_seconds": -90,
                    "pending_count": 17,
                }
            ],
        )
        kiosk._seen(None, -1)
        self.assertEqual(self.kiosk.last_offset_seconds, -90)
        self.assertEqual(self.kiosk.pending_count, 0)
        kiosk._seen(7_258_118_400_000, 10**12)
        self.assertEqual(self.kiosk.last_offset_seconds, 2**31 - 1)

    # -------------------------------------------------------------------- attendants

    def attended(self):
        return self.new_kiosk(
            name="Attended", mode="attendant", attendant_code_input="correct-1"
        )

    def expected(self, kiosk, code="correct-1"):
        people = self.find(self.token(kiosk))._expected_people(code)
        return {(p["identifier"], p["event"], p["type"]) for p in people}

    def test_a_code_is_needed_and_never_read(self):
        with self.assertRaises(ValidationError):
            self.kiosk.mode = "attendant"
        with self.assertRaises(ValidationError):
            self.kiosk.write({"mode": "attendant", "attendant_code_input": "short"})
        with self.assertRaises(ValidationError):
            self.new_kiosk(mode="attendant")
        self.kiosk.write({"mode": "attendant", "attendant_code_input": "longer"})
        self.assertTrue(self.kiosk.attendant_code_set)
        self.assertFalse(self.kiosk.attendant_code_input)
        self.assertNotIn("longer", self.kiosk.sudo().attendant_code)
        with self.assertRaises(ValidationError):
            self.kiosk.attendant_code_input = ""

    def test_whom_to_expect(self):
        kiosk = self.attended()
        site = self.env["spp.attendance.location"].create(
            {"name": "Site", "company_id": self.company.id, "tz": "Africa/Nairobi"}
        )
        room = self.env["spp.attendance.location"].create(
            {"name": "Room", "parent_id": self.hall.id, "company_id": self.company.id}
        )
        self.hall.parent_id = site
        self.amina.location_id = self.hall
        self.joseph.location_id = room
        self.grace.location_id = site
        # Nobody is expected at an event: all who are at home here.
        self.assertEqual(
            self.expected(kiosk), {("T-1", None, None), ("T-2", None, None)}
        )
        values = {"local_date": "2026-09-01", "company_id": self.company.id}
        self.env["spp.attendance.event"].create(
            [
                {
                    **values,
                    "name": name,
                    "location_id": place.id,
                    "local_time": time,
                    "local_date": date,
                    "type_id": self.training.id,
                    "line_ids": [
                        (0, 0, {"subscriber_id": person.id, "is_expected": expected})
                        for person, expected in people
                    ],
                }
                for name, place, date, time, people in (
                    ("Late", self.hall, "2026-09-01", "10:00", [(self.grace, True)]),
                    (
                        "Early",
                        site,
                        "2026-09-01",
                        "09:00",
                        [(self.grace, True), (self.joseph, False)],
                    ),
                    ("Below", room, "2026-09-01", "09:00", [(self.joseph, True)]),
                    ("Away", self.closed_site, "2026-09-01", "9:00", [(self.amina, 1)]),
                    ("Past", self.hall, "2026-08-31", "09:00", [(self.amina, True)]),
                )
            ]
        )
        self.assertEqual(self.expected(kiosk), {("T-3", "Early", self.training.id)})
        # Today is what it is at the kiosk: three hours ahead of UTC.
        with freeze_time("2026-08-31 20:59:59"):
            self.assertEqual({p[1] for p in self.expected(kiosk)}, {"Past"})
        with freeze_time("2026-08-31 21:00:00"):
            self.assertEqual({p[1] for p in self.expected(kiosk)}, {"Early"})

    def test_a_crowd_is_one_list_until_it_is_too_many(self):
        kiosk = self.attended()
        people = self.env["spp.attendance.subscriber"]

        def crowd(count, prefix):
            people.create(
                [
                    {
                        "person_identifier": f"{prefix}-{number}",
                        "name": f"Crowd, N{number}",
                        "company_id": self.company.id,
                        "location_id": self.hall.id,
                    }
                    for number in range(count)
                ]
            )

        def expected():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            found = kiosk._expected_people("correct-1")
            return len(found), self.env.cr.sql_log_count - before

        crowd(2, "A")
        expected()
        few = expected()
        crowd(28, "B")
        self.assertEqual(expected(), (few[0] + 28, few[1]))
        limit = "odoo.addons.spp_attendance.models.spp_attendance_kiosk._MAX_EXPECTED"
        with patch(limit, 30):
            self.assertEqual(expected()[0], 30)
        with patch(limit, 29), self.assertRaises(Conflict):
            expected()

    def test_events_elsewhere_are_none_of_a_kiosk_s_business(self):
        events = self.env["spp.attendance.event"].create(
            [
                {"name": "Here", "location_id": self.hall.id},
                {"name": "Elsewhere", "location_id": self.closed_site.id},
                {"name": "Nowhere"},
            ]
        )
        events.company_id = self.company
        self.env["spp.attendance.event.line"].create(
            [{"event_id": event.id, "subscriber_id": self.amina.id} for event in events]
        )
        acting = self.kiosk._acting()
        self.assertEqual(
            events.with_env(acting.env)._filtered_access("read"), events[0]
        )
        lines = events.line_ids.with_env(acting.env)._filtered_access("read")
        self.assertEqual(lines.event_id, events[0])
        self.assertFalse(events[0].with_env(acting.env).has_access("write"))

    def test_wrong_codes(self):
        self.registry_enter_test_mode()
        kiosk = self.attended()
        with self.assertRaises(Forbidden):
            self.expected(self.kiosk)
        for _number in range(10):
            # Odoo's assertRaises would roll back what is logged, too.
            with suppress(Forbidden):
                self.expected(kiosk, "wrong-1")
                self.fail("A wrong code was taken.")
        with suppress(TooManyRequests):
            self.expected(kiosk)
            self.fail("Guessing goes on.")
        events = self.env["spp.oauth.event"].search(
            [("client_identifier", "=", f"kiosk/{kiosk.id}"), ("kind", "=", "refused")]
        )
        self.assertEqual(len(events), 10)
        self.assertEqual(events.company_id, self.company)
        self.assertEqual(set(events.mapped("reason")), {"wrong_attendant_code"})
        with freeze_time("2026-09-01 05:01:11"):
            self.expected(kiosk)

    def test_the_list_costs_the_same_for_many(self):
        kiosk = self.attended()
        self.amina.location_id = self.hall

        def cost():
            self.env.invalidate_all()
            acting = self.env["spp.attendance.kiosk"].browse(kiosk.id)
            before = self.env.cr.sql_log_count
            acting._expected_people("correct-1")
            return self.env.cr.sql_log_count - before

        cost()
        one = cost()
        self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"Q-{number}",
                    "company_id": self.company.id,
                    "location_id": self.hall.id,
                }
                for number in range(20)
            ]
        )
        self.env.flush_all()
        self.assertEqual(cost(), one)

    # -------------------------------------------------------------------- deciding

    def queued(self, *marks):
        self.kiosk.write({"unknown_policy": "queue", "mismatch_policy": "queue"})
        self.take(*marks)
        return self.env["spp.attendance.kiosk.refusal"].union(
            *map(self.refusal_of, marks)
        )

    def as_user(self, refusals, user):
        return refusals.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def test_accepted(self):
        marks = [
            mark("T-99", "Amina", at=mark_time, attendant="Joy")
            for mark_time in (
                datetime.fromisoformat("2026-08-31T05:00:00+00:00"),
                datetime.fromisoformat("2026-08-31T06:00:00+00:00"),
            )
        ]
        refusals = self.queued(*marks)
        self.hall.tz = "Asia/Kathmandu"
        self.as_user(refusals, self.officer)._accept(self.amina)
        self.assertRecordValues(
            refusals,
            [
                {
                    "state": "accepted",
                    "subscriber_id": self.amina.id,
                    "record_id": self.record_of(given).id,
                    "resolved_by": self.officer.id,
                    "resolved_at": datetime(2026, 9, 1, 5, 0, 10),
                }
                for given in marks
            ],
        )
        self.assertRecordValues(
            self.record_of(marks[0]),
            [
                {
                    "subscriber_id": self.amina.id,
                    "date_time": datetime(2026, 8, 31, 5),
                    "local_time": "08:00:00",
                    "tz": "Africa/Nairobi",
                    "source": "kiosk",
                    "origin": f"kiosk/{self.kiosk.id}",
                    "kiosk_id": self.kiosk.id,
                    "claimed_name": "Amina",
                    "submitted_by": "Joy",
                    "submitted_datetime": "2026-08-31T05:00:00.000Z",
                    "create_uid": self.officer.id,
                }
            ],
        )
        self.assertEqual(self.take(*marks), ["again", "again"])
        with self.assertRaises(UserError):
            self.as_user(refusals, self.officer)._dismiss()

    def test_what_was_refused_can_be_accepted(self):
        given = mark(name="X Y")
        self.take(given)
        refusal = self.as_user(self.refusal_of(given), self.officer)
        refusal._accept(self.amina)
        self.assertEqual(refusal.record_id.subscriber_id, self.amina)

    def test_all_or_nothing(self):
        future = mark("T-98", at=datetime.fromisoformat("2026-09-01T05:00:00+00:00"))
        refusals = self.queued(mark("T-99"), future)
        self.refusal_of(future).date_time += timedelta(days=9)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.as_user(refusals, self.officer)._accept(self.amina)
        self.assertEqual(set(refusals.mapped("state")), {"queued"})
        self.assertFalse(self.record_of(future))

    def test_dismissed(self):
        refusals = self.queued(mark("T-99"), mark("T-98"))
        self.assertEqual(self.kiosk.queued_count, 2)
        self.as_user(refusals, self.officer)._dismiss()
        self.assertEqual(set(refusals.mapped("state")), {"dismissed"})
        self.assertEqual(refusals.resolved_by, self.officer)
        with self.assertRaises(UserError):
            self.as_user(refusals, self.officer)._accept(self.amina)

    def test_who_decides(self):
        refusal = self.queued(mark("T-99"))
        for user in (self.internal, self.api_user, self.kiosk.user_id):
            for decide in ("_dismiss", "_accept"):
                with self.subTest(user=user.login, decide=decide):
                    args = [self.amina] if decide == "_accept" else []
                    with self.assertRaises(AccessError):
                        getattr(self.as_user(refusal, user), decide)(*args)
        self.kiosk.location_id = self.closed_site
        elsewhere = self.queued(mark("T-97"))
        for decide, args in (("_dismiss", []), ("_accept", [self.amina])):
            with self.subTest(decide), self.assertRaises(AccessError):
                getattr(self.as_user(elsewhere, self.officer), decide)(*args)
        self.as_user(elsewhere, self.manager)._accept(self.amina)
        with self.assertRaises(AccessError):
            self.as_user(refusal, self.officer).write({"state": "accepted"})

    def test_nobody_of_another_company(self):
        refusal = self.queued(mark("T-99"))
        self.officer.company_ids += self.other_company
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.as_user(refusal, self.officer)._accept(self.stranger)
        self.assertEqual(refusal.state, "queued")

    def test_forgotten_after_half_a_year(self):
        refused, queued, dismissed = mark("T-97"), mark("T-98"), mark("T-99")
        self.take(refused)
        self.queued(queued, dismissed)
        self.refusal_of(dismissed)._dismiss()
        with freeze_time("2027-02-28 05:00:09"):
            self.env["spp.attendance.kiosk.refusal"]._gc_refusals()
            self.assertTrue(self.refusal_of(refused))
        with freeze_time("2027-02-28 05:00:11"):
            self.env["spp.attendance.kiosk.refusal"]._gc_refusals()
        self.assertFalse(self.refusal_of(refused) or self.refusal_of(dismissed))
        self.assertTrue(self.refusal_of(queued))

    # ----------------------------------------------------------- badges and PINs

    def test_badges(self):
        people = self.amina.with_user(self.officer).with_context(
            allowed_company_ids=self.company.ids
        )
        people.badge = " 04A2 "
        self.assertEqual(self.amina.badge, "04A2")
        self.stranger.badge = "04A2"
        (self.joseph + self.grace).badge = ""
        # What is somebody's identifier may be another one's badge.
        self.joseph.badge = "T-3"
        with self.assertQueryCount(1):
            found = people._by_badge({"04A2", "T-3", "T-2", "T-99", "", None})
        self.assertEqual(found, {"04A2": self.amina, "T-3": self.joseph})
        self.amina.active = False
        self.assertFalse(people._by_badge({"04A2"}))
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self.grace.badge = "04A2"
            self.grace.flush_recordset()

    def test_pins(self):
        for wrong in ("123", "123456789", "12a4", "١٢٣٤"):
            with self.subTest(wrong), self.assertRaises(ValidationError):
                self.amina.pin_input = wrong
        person = self.as_user(self.amina, self.officer)
        self.assertFalse(person.pin_set)
        person.pin_input = " 1234 "
        self.assertTrue(person.pin_set)
        self.assertFalse(person.pin_input)
        self.assertNotIn("1234", self.amina.sudo().pin_hash)
        with self.assertRaises(AccessError):
            person.read(["pin_hash"])
        with self.assertRaises(AccessError):
            self.as_user(self.amina, self.api_user).write({"pin_input": "1234"})
        person.pin_input = ""
        self.assertFalse(person.pin_set)

    def test_a_merge_keeps_badge_and_pin(self):
        self.joseph.write({"badge": "B-2", "pin_input": "1234"})
        self.grace.badge = "B-3"
        given = mark("T-2", "X Y")
        self.take(given)
        self.amina._merge(self.joseph + self.grace)
        self.assertEqual(self.amina.badge, "B-2")
        self.assertTrue(self.amina.pin_set)
        self.assertEqual(self.refusal_of(given).subscriber_id, self.amina)

    def test_badge_in_and_out(self):
        [outcome] = self.env["spp.attendance.subscriber"]._upsert(
            [{"person_identifier": "N-1", "name": "Sow, Awa", "badge": "B-9"}]
        )
        person = self.amina.browse(outcome.id)
        self.assertEqual(person.badge, "B-9")
        self.assertEqual(person._api_read()[0].badge, "B-9")
        [outcome] = self.env["spp.attendance.subscriber"]._upsert(
            [{"person_identifier": "N-1", "badge": None}]
        )
        self.assertEqual(outcome.status, "updated")
        self.assertFalse(person.badge)
