from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import uuid4

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from odoo.addons.spp_oauth.api import TooManyRequests

from .common_kiosk import MORNING, KioskCase, mark

LATER = MORNING + timedelta(hours=1)


@tagged("post_install", "-at_install")
@freeze_time("2026-09-01 05:00:10")
class TestKioskMarks(KioskCase):
    # ---------------------------------------------------------- what is recorded

    def test_identifier_and_name(self):
        given = mark(name=" amina OKAFÓR ", attendant="Joy")
        [outcome] = self.kiosk._take_marks([given], 0, 0)
        self.assertEqual(
            outcome.model_dump(),
            {
                "uuid": str(given.uuid),
                "status": "noted",
                "time": "08:00",
                "message": "noted",
            },
        )
        self.assertRecordValues(
            self.record_of(given),
            [
                {
                    "subscriber_id": self.amina.id,
                    "company_id": self.company.id,
                    "date_time": datetime(2026, 9, 1, 5),
                    "local_time": "08:00:00",
                    "tz": "Africa/Nairobi",
                    "category": "present",
                    "location_id": self.hall.id,
                    "type_id": False,
                    "source": "kiosk",
                    "origin": f"kiosk/{self.kiosk.id}",
                    "kiosk_id": self.kiosk.id,
                    "claimed_name": "amina OKAFÓR",
                    "submitted_by": "Joy",
                    "submitted_datetime": "2026-09-01T05:00:00.000Z",
                    "create_uid": self.kiosk.user_id.id,
                }
            ],
        )
        self.assertFalse(self.refusal_of(given))
        self.assertTrue(self.kiosk.last_seen_at)

    def test_a_batch_with_everything_in_it(self):
        first, wrong = mark(category="absent"), mark("T-2", "Amina Okafor")
        second = mark("T-2", "Mwangi Joseph")
        unknown = mark("T-99", "Amina Okafor")
        self.assertEqual(
            self.take(first, wrong, second, unknown),
            ["noted", "refused", "noted", "refused"],
        )
        self.assertEqual(self.record_of(first).category, "absent")
        self.assertEqual(self.record_of(second).subscriber_id, self.joseph)
        self.assertRecordValues(
            self.refusal_of(wrong) + self.refusal_of(unknown),
            [
                {
                    "kiosk_id": self.kiosk.id,
                    "company_id": self.company.id,
                    "location_id": self.hall.id,
                    "date_time": datetime(2026, 9, 1, 5),
                    "local_date": fields.Date.to_date("2026-09-01"),
                    "local_time": "08:00:00",
                    "tablet_time": "2026-09-01T05:00:00.000Z",
                    "person_identifier": identifier,
                    "claimed_name": "Amina Okafor",
                    "code": code,
                    "state": "refused",
                    "subscriber_id": person.id,
                    "record_id": False,
                }
                for identifier, code, person in (
                    ("T-2", "name_mismatch", self.joseph),
                    ("T-99", "unknown", self.joseph.browse()),
                )
            ],
        )

    def test_the_page_is_told_nothing_of_the_registry(self):
        self.kiosk.mismatch_policy = "queue"
        given = [mark(), mark("T-2", "X Y"), mark("T-2", "Mwangi Joseph"), mark()]
        known, queued, recorded, twice = self.kiosk._take_marks(given, 0, 0)
        said = {(o.status, o.time, o.message) for o in (known, queued, recorded, twice)}
        self.assertEqual(said, {("noted", "08:00", "noted")})
        self.kiosk.mismatch_policy = "refuse"
        given = [mark("T-99", "X Y"), mark("T-2", "X Y"), mark("T-2", None)]
        said = {
            (o.status, o.time, o.message) for o in self.kiosk._take_marks(given, 0, 0)
        }
        self.assertEqual(said, {("refused", "08:00", "refused")})

    def test_sent_again(self):
        """A mark counts once, and is answered as it was."""
        noted, refused, queued = mark(), mark("T-2", "X Y"), mark("T-98", "X Y")
        self.kiosk.unknown_policy = "queue"
        self.take(noted, refused, queued)
        before = self.env["spp.attendance.record"].search_count([])
        self.assertEqual(
            self.take(noted, refused, queued, noted),
            ["again", "refused", "again", "again"],
        )
        self.assertEqual(self.env["spp.attendance.record"].search_count([]), before)
        self.assertEqual(len(self.refusal_of(refused)), 1)
        self.record_of(noted)._void("By mistake")
        self.refusal_of(queued)._dismiss()
        self.assertEqual(self.take(noted, queued), ["again", "again"])

    def test_what_is_there_already_is_noted_once_more(self):
        first, second = mark(), mark()
        self.take(first)
        self.assertEqual(self.take(second), ["noted"])
        self.assertFalse(self.record_of(second) or self.refusal_of(second))
        self.assertEqual(self.take(second), ["noted"])

    def test_one_mark_twice_in_a_request(self):
        given = mark()
        self.assertEqual(self.take(given, given), ["noted", "noted"])
        self.assertEqual(len(self.record_of(given)), 1)

    def test_a_former_identifier_is_the_person_s(self):
        self.env["spp.attendance.subscriber.alias"].create(
            {"subscriber_id": self.amina.id, "person_identifier": "OLD-1"}
        )
        given = mark("OLD-1")
        self.take(given)
        self.assertEqual(self.record_of(given).subscriber_id, self.amina)

    def test_people_of_other_companies_are_nobody(self):
        self.stranger.person_identifier = "S-9"
        self.stranger.badge = "S-BADGE"
        self.assertEqual(self.refused(mark("S-9", "Sow")), ("unknown", "refused"))
        self.kiosk.identification = "both"
        self.assertEqual(
            self.refused(mark(None, None, badge="S-BADGE")), ("unknown", "refused")
        )

    def test_strange_text(self):
        """What a page would never send stops neither itself nor others."""
        given = mark("T-1\0" + "x" * 500, "\0", badge="\0", pin="1" * 100)
        fine = mark("T-2", "Mwangi Joseph")
        self.assertEqual(self.take(given, fine), ["refused", "noted"])
        self.assertEqual(self.refusal_of(given).code, "incomplete")
        self.assertEqual(len(self.refusal_of(given).person_identifier), 128)

    # ------------------------------------------------------------------- policies

    def test_policies(self):
        """Each kind of mark, by each pair of policies: what is in the log."""
        self.grace.active = False
        cases = {
            "unknown": ("T-99", "X Y"),
            "archived": ("T-3", "Diallo Grace"),
            "name_mismatch": ("T-1", "X Y"),
        }
        expected = {
            ("refuse", "refuse"): ("refused", "refused", "refused"),
            ("refuse", "queue"): ("refused", "refused", "queued"),
            ("queue", "refuse"): ("queued", "queued", "refused"),
            ("queue", "queue"): ("queued", "queued", "queued"),
        }
        for (unknown, mismatch), states in expected.items():
            self.kiosk.write({"unknown_policy": unknown, "mismatch_policy": mismatch})
            for (code, typed), state in zip(cases.items(), states, strict=True):
                with self.subTest(unknown=unknown, mismatch=mismatch, code=code):
                    given = mark(*typed)
                    self.assertEqual(self.refused(given), (code, state))
                    self.assertEqual(
                        self.take(given),
                        ["refused" if state == "refused" else "again"],
                    )

    def test_who_is_unknown_is_registered(self):
        self.kiosk.unknown_policy = "create"
        given = mark("N-1", "Sow, Awa")
        again = mark("N-1", "awa sow", at=LATER, category="absent")
        other = mark("N-1", "Somebody Else", at=LATER)
        self.assertEqual(self.take(given, again, other), ["noted", "noted", "refused"])
        person = self.record_of(given).subscriber_id
        self.assertRecordValues(
            person,
            [
                {
                    "person_identifier": "N-1",
                    "name": "Sow, Awa",
                    "family_name": "Sow",
                    "company_id": self.company.id,
                    "create_uid": self.kiosk.user_id.id,
                }
            ],
        )
        self.assertEqual(self.record_of(again).subscriber_id, person)
        self.assertEqual(self.refusal_of(other).code, "name_mismatch")
        self.assertEqual(self.refusal_of(other).subscriber_id, person)

    def test_registering_changes_nobody(self):
        """Who is archived is not unknown, nor who would be by a badge alone."""
        self.kiosk.write({"unknown_policy": "create", "identification": "both"})
        self.grace.active = False
        self.assertEqual(self.refused(mark("T-3", "New Name")), ("archived", "queued"))
        self.assertEqual(self.grace.name, "Diallo, Grace")
        self.assertFalse(self.grace.active)
        self.assertEqual(
            self.refused(mark(None, None, badge="B-9")), ("unknown", "queued")
        )
        self.assertEqual(self.refused(mark("N-2", "-")), ("unknown", "queued"))
        old = mark("N-3", "New Old", at=MORNING - timedelta(days=31))
        self.assertEqual(self.refused(old), ("too_old", "queued"))
        self.assertFalse(
            self.amina.search([("person_identifier", "in", ("N-2", "N-3", "B-9"))])
        )

    def test_what_may_not_be_registered(self):
        self.kiosk.unknown_policy = "create"
        outcome_of = type(self.env["spp.attendance.subscriber"])._upsert
        with patch.object(
            type(self.env["spp.attendance.subscriber"]),
            "_upsert",
            lambda people, batch: outcome_of(
                people, [{**item, "person_identifier": None} for item in batch]
            ),
        ):
            given = mark("N-1", "Sow, Awa")
            self.assertEqual(self.refused(given), ("rejected", "refused"))
        self.assertTrue(self.refusal_of(given).reason)

    def test_only_a_kiosk_that_registers_has_the_right_to(self):
        people = self.kiosk._acting().env["spp.attendance.subscriber"]
        with self.assertRaises(AccessError):
            people._upsert([{"person_identifier": "N-1", "name": "X"}])
        self.kiosk.unknown_policy = "create"
        self.assertTrue(people.has_access("create"))
        self.kiosk.unknown_policy = "queue"
        self.assertFalse(people.has_access("create"))

    # --------------------------------------------------------------- ways to say who

    def test_badge(self):
        self.joseph.badge = "04A2"
        for way in ("badge", "both"):
            self.kiosk.identification = way
            given = mark(None, None, badge="04A2")
            with self.subTest(way):
                self.assertEqual(self.take(given), ["noted"])
                self.assertEqual(self.record_of(given).subscriber_id, self.joseph)
                self.assertFalse(self.record_of(given).claimed_name)
                # Who knows an identifier needs the name to it.
                guess = mark(None, None, badge="T-1")
                self.assertEqual(self.refused(guess), ("unknown", "refused"))
            self.record_of(given)._void("For the next one")

    def test_ways_that_are_offered(self):
        self.amina.badge = "04A2"
        badge, typed = {"identifier": None, "name": None, "badge": "04A2"}, {}
        listed = {"identifier": None, "name": None, "person": self.amina.uuid}
        for way, offered in (
            ("identifier_name", (typed,)),
            ("badge", (badge,)),
            ("both", (typed, badge)),
        ):
            self.kiosk.identification = way
            for number, values in enumerate((typed, badge, listed)):
                with self.subTest(way=way, values=values):
                    at = MORNING - timedelta(minutes=number)
                    given = mark(**{"at": at, **values})
                    self.assertIn(self.take(given), (["noted"],))
                    if values in offered:
                        self.assertTrue(
                            self.record_of(given) or not self.refusal_of(given)
                        )
                    else:
                        self.assertEqual(self.refusal_of(given).code, "not_offered")
                        self.assertEqual(self.refusal_of(given).state, "queued")

    def test_nothing_typed(self):
        for values in ({"name": None}, {"identifier": None}):
            with self.subTest(values):
                self.assertEqual(
                    self.refused(mark(**values)), ("incomplete", "refused")
                )

    def test_types(self):
        other, foreign = self.env["spp.attendance.type"].create(
            [{"name": "Other"}, {"name": "F", "company_id": self.other_company.id}]
        )
        for offered, given, recorded in (
            ((), None, None),
            ((self.training,), None, self.training),
            ((self.training,), self.training.id, self.training),
            ((self.training, other), other.id, other),
        ):
            self.kiosk.type_ids = sum(offered, other.browse())
            with self.subTest(offered=offered, given=given):
                made = mark(type=given)
                self.assertEqual(self.take(made), ["noted"])
                record = self.record_of(made)
                self.assertEqual(record.type_id, recorded or other.browse())
                record._void("For the next one")
        self.kiosk.type_ids = self.training + other
        for given, logged in (
            (None, other.browse()),
            (foreign.id, other.browse()),
            (2**31 - 1, other.browse()),
        ):
            with self.subTest(refused=given):
                made = mark(type=given)
                self.assertEqual(self.refused(made), ("not_offered", "queued"))
                self.assertEqual(self.refusal_of(made).type_id, logged)
        self.kiosk.type_ids = other
        made = mark(type=self.training.id)
        self.assertEqual(self.refused(made), ("not_offered", "queued"))
        self.assertEqual(self.refusal_of(made).type_id, self.training)

    # -------------------------------------------------------------------- attendant

    def test_an_attendant_marks_who_is_on_the_list(self):
        kiosk = self.new_kiosk(mode="attendant", attendant_code_input="secret-1")
        kiosk.type_ids = self.env["spp.attendance.type"].create({"name": "Other"})
        listed = {"identifier": None, "name": None}
        given = mark(person=self.joseph.uuid, type=self.training.id, **listed)
        self.assertEqual(self.take(given, kiosk=kiosk), ["noted"])
        self.assertEqual(self.record_of(given).subscriber_id, self.joseph)
        self.assertEqual(self.record_of(given).type_id, self.training)
        unknown = mark(person=uuid4(), **listed)
        self.assertEqual(self.refused(unknown, kiosk=kiosk), ("unknown", "refused"))
        elsewhere = mark(person=self.stranger.uuid, **listed)
        self.assertEqual(self.refused(elsewhere, kiosk=kiosk), ("unknown", "refused"))
        kiosk.unknown_policy = "create"
        unknown = mark(person=uuid4(), **listed)
        self.assertEqual(self.refused(unknown, kiosk=kiosk), ("unknown", "queued"))
        kiosk.write({"unknown_policy": "refuse", "require_pin": True})
        given = mark(person=self.grace.uuid, type=self.training.id, **listed)
        self.assertEqual(self.take(given, kiosk=kiosk), ["noted"])

    def test_the_type_of_an_event_is_that_of_its_marks(self):
        """Also at a kiosk that offers none."""
        kiosk = self.new_kiosk(mode="attendant", attendant_code_input="secret-1")
        event = self.env["spp.attendance.event"].create(
            {
                "name": "Today",
                "type_id": self.training.id,
                "location_id": self.hall.id,
                "local_date": "2026-09-01",
                "company_id": self.company.id,
                "line_ids": [(0, 0, {"subscriber_id": self.amina.id})],
            }
        )
        [expected] = kiosk._expected_people("secret-1")
        given = mark(None, None, person=expected["uuid"], type=expected["type"])
        self.assertEqual(self.take(given, kiosk=kiosk), ["noted"])
        self.assertEqual(self.record_of(given).type_id, event.type_id)

    def test_without_their_code_nobody_marks_at_an_attendants_kiosk(self):
        kiosk = self.new_kiosk(
            mode="attendant", attendant_code_input="secret-1", identification="both"
        )
        self.amina.badge = "04A2"
        for values in ({}, {"identifier": None, "name": None, "badge": "04A2"}):
            with self.subTest(values):
                given = mark(**values)
                self.assertEqual(
                    self.refused(given, kiosk=kiosk), ("not_offered", "queued")
                )
                self.assertFalse(self.refusal_of(given).subscriber_id)

    def test_what_keeps_a_known_person_s_mark_from_being_recorded(self):
        """An archived location, say: somebody sees to it, and the mark is kept."""
        self.hall.active = False
        marks = [
            mark(at=MORNING - timedelta(minutes=number), name="Okafor Amina")
            for number in range(30)
        ]
        self.assertEqual(self.take(*marks), ["noted"] * 30)
        refusal = self.refusal_of(marks[0])
        self.assertEqual((refusal.code, refusal.state), ("rejected", "queued"))
        self.hall.active = True
        refusal._accept(self.amina)
        self.assertTrue(self.record_of(marks[0]))

    # ------------------------------------------------------------------------ time

    def test_whose_clock(self):
        """The measured offset counts, else how far off the clock is as it sends."""
        start = datetime(1970, 1, 1, tzinfo=UTC)
        for at, offset, sent_at, expected in (
            (MORNING, 0, LATER, MORNING),
            (MORNING, 90_500, LATER, MORNING + timedelta(seconds=90)),
            (LATER, -3_600_000, LATER, MORNING),
            # Never measured: the clock is an hour fast, then an hour slow.
            (MORNING, None, LATER, MORNING - timedelta(hours=1)),
            (MORNING - timedelta(hours=2), None, MORNING - timedelta(hours=1), None),
            # A battery that was empty.
            (start, int(MORNING.timestamp() * 1000), start, MORNING),
        ):
            expected = expected or MORNING - timedelta(hours=1)
            with self.subTest(at=at, offset=offset, sent_at=sent_at):
                given = mark(at=at, offset=offset)
                self.take(given, sent_at=sent_at)
                record = self.record_of(given)
                self.assertEqual(record.date_time, expected.replace(tzinfo=None))
                text = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                self.assertEqual(record.submitted_datetime, text)
                record._void("For the next one")

    def test_clocks_that_say_nonsense(self):
        last = 7_258_118_400_000
        for offset in (last, -last):
            with self.subTest(offset):
                given = mark(offset=offset)
                code, _state = self.refused(given)
                self.assertEqual(code, "rejected" if offset > 0 else "too_old")

    def test_nights_when_clocks_change(self):
        self.hall.tz = "Europe/Berlin"
        for instant, expected in (
            ("2026-03-29 00:59:59", "01:59"),
            ("2026-03-29 01:00:00", "03:00"),
            ("2025-10-26 00:30:00", "02:30"),
            ("2025-10-26 01:30:00", "02:30"),
        ):
            with self.subTest(instant):
                at = datetime.fromisoformat(instant).replace(tzinfo=UTC)
                self.kiosk.max_age_days = 3650
                given = mark(at=at)
                [outcome] = self.kiosk._take_marks([given], 0, 0)
                self.assertEqual(outcome.time, expected)
                record = self.record_of(given)
                self.assertEqual(record.date_time, at.replace(tzinfo=None))
                self.assertEqual(record.local_time[:5], expected)
                self.assertEqual(record.tz, "Europe/Berlin")
                record._void("For the next one")

    def test_older_marks_are_left_to_an_officer(self):
        now = datetime(2026, 9, 1, 5, 0, 10, tzinfo=UTC)
        limit = mark(at=now - timedelta(days=30))
        older = mark(at=now - timedelta(days=30, seconds=1))
        self.assertEqual(self.take(limit, older), ["noted", "noted"])
        self.assertTrue(self.record_of(limit))
        self.assertFalse(self.record_of(older))
        refusal = self.refusal_of(older)
        self.assertEqual((refusal.code, refusal.state), ("too_old", "queued"))
        self.assertEqual(refusal.subscriber_id, self.amina)

    def test_more_than_a_day_ahead_is_no_fact(self):
        given = mark(at=MORNING + timedelta(days=2))
        self.assertEqual(self.refused(given), ("rejected", "refused"))
        self.assertIn("more than a day ahead", self.refusal_of(given).reason)

    # ------------------------------------------------------------------------- PIN

    def _with_pins(self):
        self.kiosk.require_pin = True
        self.amina.pin_input = "1234"
        self.joseph.pin_input = "87654321"

    def test_pin(self):
        self._with_pins()
        self.assertEqual(self.take(mark(pin="1234")), ["noted"])
        for values, expected in (
            ({"pin": "4321"}, ("wrong_pin", "refused")),
            ({"pin": "87654321"}, ("wrong_pin", "refused")),
            ({"pin": None}, ("incomplete", "refused")),
            ({"pin": "1234", "name": "X Y"}, ("name_mismatch", "refused")),
            ({"pin": "1234", "identifier": "T-3", "name": "Diallo Grace"}, None),
        ):
            with self.subTest(values):
                expected = expected or ("no_pin", "refused")
                self.assertEqual(self.refused(mark(**values)), expected)

    def test_what_is_said_tells_nobody_s_name_or_pin(self):
        """With a PIN or without: the same, whether that or the person isn't right."""
        self._with_pins()
        cases = (
            {"identifier": "T-99"},
            {"name": "X Y"},
            {},
            {"identifier": "T-3", "name": "Diallo Grace"},
        )
        for policy, said in (("refuse", "refused"), ("queue", "noted")):
            self.kiosk.write({"unknown_policy": policy, "mismatch_policy": policy})
            for pin, expected in ((None, "refused"), ("0000", said)):
                with self.subTest(policy=policy, pin=pin):
                    marks = [mark(**{**values, "pin": pin}) for values in cases]
                    self.assertEqual(self.take(*marks), [expected] * 4)

    def test_wrong_pins_run_out(self):
        self._with_pins()
        self.kiosk.mismatch_policy = "queue"
        wrong = [mark(pin="0000") for _number in range(3)]
        self.assertEqual(self.take(*wrong), ["noted"] * 3)
        more = [mark(pin="0000"), mark(pin="0000"), mark(pin="1234")]
        self.assertEqual(self.take(*more), ["noted"] * 3)
        self.assertEqual(self.refusal_of(more[1]).code, "wrong_pin")
        locked = self.refusal_of(more[2])
        self.assertEqual((locked.code, locked.state), ("pin_locked", "queued"))
        self.assertEqual(
            self.take(mark("T-2", "Joseph Mwangi", pin="87654321")), ["noted"]
        )
        self.kiosk.mismatch_policy = "refuse"
        self.assertEqual(self.take(mark(pin="1234")), ["refused"])
        with freeze_time("2026-09-01 05:05:11"):
            self.assertEqual(self.take(mark(pin="1234")), ["noted"])

    def test_each_mark_costs_one_hash_known_or_not(self):
        self._with_pins()
        context = self.env["res.users"]._crypt_context()
        calls = []

        class Counting:
            def hash(self, secret):
                calls.append("hash")
                return context.hash(secret)

            def verify(self, secret, hashed):
                calls.append("verify")
                return context.verify(secret, hashed)

        with patch.object(
            type(self.env["res.users"]), "_crypt_context", lambda users: Counting()
        ):
            self.take(
                mark(pin="1234"),
                mark("T-99", pin="1234"),
                mark("T-3", "Diallo Grace", pin="1234"),
                mark("T-2", "X Y", pin="1234"),
            )
        self.assertEqual(calls, ["verify", "hash", "hash", "verify"])

    def test_a_request_with_many_pins_is_done_in_parts(self):
        self._with_pins()
        marks = [
            mark(pin="1234", at=MORNING - timedelta(minutes=number))
            for number in range(12)
        ]
        self.assertEqual(self.take(*marks), ["noted"] * 10)
        self.assertEqual(self.take(*marks), ["again"] * 10 + ["noted"] * 2)

    # -------------------------------------------------------------------- throttle

    def test_too_many_refusals(self):
        guesses = [mark(f"G-{number}") for number in range(50)]
        self.assertEqual(self.take(*guesses[:20]), ["refused"] * 20)
        with freeze_time("2026-09-01 05:00:40"):
            # One too many, and what follows is not looked at.
            self.assertEqual(self.take(*guesses[20:30]), ["refused"])
            self.assertFalse(self.refusal_of(guesses[21]))
            with self.assertRaises(TooManyRequests) as caught:
                self.take(*guesses[21:30])
        self.assertEqual(caught.exception.extra_headers, [("Retry-After", "30")])
        other = self.new_kiosk(name="Other door")
        self.assertEqual(self.take(mark(), kiosk=other), ["noted"])
        with freeze_time("2026-09-01 05:01:10"):
            self.assertEqual(self.take(mark(), *guesses[:2])[0], "noted")

    def test_many_marks_with_many_unknown_get_through(self):
        """300 of a day without network, each eighth of nobody: in order, none lost."""
        self.kiosk.unknown_policy = "queue"
        marks = [
            mark(
                f"U-{number}" if number % 8 == 0 else "T-1",
                at=MORNING - timedelta(minutes=number),
            )
            for number in range(320)
        ]
        waiting, seconds, answered = list(marks), 10, []
        while waiting:
            self.assertLess(seconds, 300)
            with freeze_time(MORNING + timedelta(seconds=seconds)):
                try:
                    given = self.take(*waiting[:50])
                except TooManyRequests as caught:
                    seconds += int(dict(caught.extra_headers)["Retry-After"])
                    continue
            answered += given
            # As the page does: what had no answer it sends half a minute later.
            seconds += 30 if len(given) < len(waiting[:50]) else 0
            waiting = waiting[len(given) :]
        self.assertEqual(answered, ["noted"] * 320)
        domain = [("kiosk_id", "=", self.kiosk.id)]
        self.assertEqual(self.env["spp.attendance.record"].search_count(domain), 280)
        refusals = self.env["spp.attendance.kiosk.refusal"].search(domain)
        self.assertEqual(set(refusals.mapped("state")), {"queued"})
        self.assertEqual(len(refusals), 40)

    def test_who_says_nothing_of_anybody_is_throttled(self):
        """In a way that isn't offered, nor anybody new: it fills the officers' list."""
        guesses = [mark(None, None, badge=f"B-{number}") for number in range(30)]
        self.assertEqual(self.take(*guesses), ["noted"] * 21)
        with self.assertRaises(TooManyRequests):
            self.take(*guesses[21:])

    def test_nobody_fills_the_registry(self):
        self.kiosk.write({"unknown_policy": "create", "mismatch_policy": "queue"})
        marks = [mark(f"N-{number}", f"New N{number}") for number in range(30)]
        self.assertEqual(self.take(*marks), ["noted"] * 21)
        # The database tells the time of what Odoo creates.
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_subscriber SET create_date = %s"
            " WHERE person_identifier LIKE 'N-%%'",
            [fields.Datetime.now()],
        )
        with self.assertRaises(TooManyRequests):
            self.take(*marks[21:])
        other = self.new_kiosk(name="Other door", unknown_policy="create")
        self.assertEqual(self.take(mark("N-99", "New N"), kiosk=other), ["noted"])
        with freeze_time("2026-09-01 05:01:11"):
            self.assertEqual(self.take(*marks[21:]), ["noted"] * 9)
        domain = [("person_identifier", "=like", "N-%")]
        self.assertEqual(self.amina.search_count(domain), 31)

    def test_what_waits_to_be_written_is_not_forgotten(self):
        first = mark("T-99")
        self.take(first)
        self.refusal_of(first).reason = "Seen"
        self.take(mark("T-98"))
        self.assertEqual(self.refusal_of(first).reason, "Seen")

    def test_who_was_long_away_is_not_throttled(self):
        old = MORNING - timedelta(days=40)
        marks = [mark(at=old + timedelta(minutes=number)) for number in range(50)]
        self.assertEqual(self.take(*marks), ["noted"] * 50)
        self.assertEqual(self.take(mark()), ["noted"])

    # --------------------------------------------------------------------- queries

    def test_the_number_of_statements_is_constant(self):
        self._with_pins()
        self.kiosk.write({"identification": "both", "type_ids": self.training.ids})
        self.joseph.badge = "B-2"
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"Q-{number}",
                    "family_name": "Many",
                    "given_name": f"N{number}",
                    "company_id": self.company.id,
                }
                for number in range(12)
            ]
        )
        hashed = self.amina.sudo().pin_hash
        people.sudo().pin_hash = hashed

        def batch(numbers, at):
            marks = [
                mark(f"Q-{number}", f"Many N{number}", at=at, pin="1234")
                for number in numbers
            ]
            return [
                *marks,
                mark(None, None, badge="B-2", pin="87654321", at=at),
                mark("T-1", "X Y", at=at),
                *(mark(f"U-{number}", at=at) for number in numbers),
            ]

        counts = []
        for minute, numbers in enumerate((range(1), range(1), range(3))):
            marks = batch(numbers, MORNING - timedelta(minutes=minute))
            self.env.invalidate_all()
            kiosk = self.env["spp.attendance.kiosk"].browse(self.kiosk.id)
            before = self.env.cr.sql_log_count
            kiosk._take_marks(marks, 0, 0)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])
        self.assertLess(counts[2], 40)
