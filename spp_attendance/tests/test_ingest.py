from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tests.common import warmup

from ..api import RecordBatchIn
from ..references import BatchRefused
from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestIngest(AttendanceCase):
    def _record(self, outcome):
        self.assertEqual(outcome.status, "created", outcome.reason)
        return self.env["spp.attendance.record"].browse(outcome.id)

    def test_a_record_holds_what_was_sent(self):
        (outcome,) = self.ingest(
            self.item(
                date_time="2026-09-01T05:00:00Z",
                category="absent",
                type="TRN-TEST",
                location="HALL",
                description='Said "ill" \\ {was} not, NULL',
                url="https://example.org/a",
                external_id="e-1",
            ),
            origin="oauth/7",
        )
        self.assertRecordValues(
            self._record(outcome),
            [
                {
                    "subscriber_id": self.amina.id,
                    "company_id": self.company.id,
                    "date_time": datetime(2026, 9, 1, 5),
                    "local_date": datetime(2026, 9, 1).date(),
                    "local_time": "08:00:00",
                    "tz": "Africa/Nairobi",
                    "local_time_raw": False,
                    "category": "absent",
                    "scan_type": "none",
                    "direction": False,
                    "type_id": self.training.id,
                    "location_id": self.hall.id,
                    "description": 'Said "ill" \\ {was} not, NULL',
                    "url": "https://example.org/a",
                    "source": "api",
                    "origin": "oauth/7",
                    "external_id": "e-1",
                    "uniqueness_key": "2026-09-01|08:00:00",
                    "create_uid": self.api_user.id,
                    "active": True,
                }
            ],
        )

    def test_local_time_is_kept_verbatim_and_read_in_the_right_zone(self):
        self.joseph.tz = "Europe/Berlin"
        self.grace.tz = False
        by_location, by_person, by_company, by_terminal = map(
            self._record,
            self.ingest(
                self.item("T-2", "2026-09-01 08:00:00", location="HALL"),
                self.item("T-2", "2026-09-01 09:00"),
                self.item("T-3", "2026-09-01T10:00:00"),
                {
                    "subscriber_id": self.amina.id,
                    "date_time": datetime(2026, 9, 1, 8),
                    "tz": "Asia/Kathmandu",
                    "local_time_raw": "2026/09/01 8:00",
                    "location_id": self.hall.id,
                },
            ),
        )
        self.assertEqual(by_location.tz, "Africa/Nairobi")
        self.assertEqual(by_location.date_time, datetime(2026, 9, 1, 5))
        self.assertEqual(by_location.local_time_raw, "2026-09-01 08:00:00")
        self.assertEqual(by_person.tz, "Europe/Berlin")
        self.assertEqual(by_person.date_time, datetime(2026, 9, 1, 7))
        self.assertEqual(by_company.date_time, datetime(2026, 9, 1, 7))
        self.assertEqual(by_terminal.date_time, datetime(2026, 9, 1, 2, 15))
        self.assertEqual(by_terminal.local_time, "08:00:00")
        self.assertEqual(by_terminal.local_time_raw, "2026/09/01 8:00")

    def test_each_bad_item_is_rejected_alone(self):
        outcomes = self.ingest(
            self.item(),
            self.item("nobody"),
            self.item(date_time="2026-02-31T08:00:00"),
            self.item(date_time="2099-01-01T08:00:00"),
            self.item(date_time="2026-09-01T08:00:00+25:00"),
            self.item(date_time="2026-09-01"),
            self.item(type="no such type"),
            self.item(location="no such place"),
            self.item(category="late"),
            self.item(url="javascript:alert(1)"),
            self.item(description="a\0b"),
            {"person_identifier": "T-1"},
            self.item(type=True),
            "rubbish",
            self.item("T-2"),
        )
        self.assertEqual([outcome.index for outcome in outcomes], list(range(15)))
        self.assertEqual(
            [outcome.code for outcome in outcomes],
            [
                None,
                "unknown_person",
                "invalid_date_time",
                "in_the_future",
                "invalid_date_time",
                "invalid_date_time",
                "unknown_type",
                "unknown_location",
                *["invalid"] * 6,
                None,
            ],
        )
        self.assertEqual([o.index for o in outcomes if o.status == "created"], [0, 14])
        self.assertTrue(all(o.reason for o in outcomes if o.status == "rejected"))

    def test_nothing_and_only_rubbish(self):
        self.assertEqual(self.ingest(), [])
        body = RecordBatchIn.model_validate({"records": [{"x": 1}, 7]})
        outcomes = self.ingest(*body.records)
        self.assertEqual([o.status for o in outcomes], ["rejected"] * 2)

    def test_sent_again_is_a_duplicate_of_the_first(self):
        first = self._record(self.ingest(self.item(external_id="a"))[0])
        again, by_rule, in_batch, same_batch = self.ingest(
            self.item(external_id="a"),
            self.item(date_time="2026-09-01T08:00:00+03:00"),
            self.item("T-2", external_id="b"),
            self.item("T-2", external_id="b"),
        )
        self.assertEqual((again.status, again.id), ("duplicate", first.id))
        self.assertEqual((by_rule.status, by_rule.id), ("duplicate", first.id))
        self.assertEqual(in_batch.status, "created")
        self.assertEqual((same_batch.status, same_batch.id), ("duplicate", in_batch.id))

    def test_an_external_id_with_other_content_is_a_conflict(self):
        first = self._record(self.ingest(self.item(external_id="a"))[0])
        (other,) = self.ingest(self.item("T-2", external_id="a"))
        self.assertEqual(
            (other.status, other.code), ("rejected", "external_id_conflict")
        )
        self.assertIn(str(first.id), other.reason)
        # Another sender has external ids of his own.
        (elsewhere,) = self.ingest(self.item("T-2", external_id="a"), origin="device/1")
        self.assertEqual(elsewhere.status, "created")
        # A correction here doesn't turn the sender's retry into a conflict.
        first.description = "corrected"
        self.env.flush_all()
        (retry,) = self.ingest(self.item(external_id="a"))
        self.assertEqual((retry.status, retry.id), ("duplicate", first.id))

    def test_the_rule_never_swallows_an_out(self):
        items = [
            {
                "subscriber_id": self.amina.id,
                "date_time": "2026-09-01T08:00:00",
                "scan_type": scan_type,
            }
            for scan_type in ("in", "out", "none", "break_start", "in")
        ]
        outcomes = self.ingest(*items, origin="device/1", source="device")
        # A break that starts is an OUT at the same instant; the last repeats the first.
        self.assertEqual(
            [outcome.status for outcome in outcomes],
            ["created", "created", "created", "duplicate", "duplicate"],
        )
        self.assertEqual(self._record(outcomes[0]).direction, "in")
        self.assertEqual(self._record(outcomes[1]).direction, "out")
        self.assertFalse(self._record(outcomes[2]).direction)

    def test_a_voided_record_frees_its_place_but_not_its_external_id(self):
        first = self._record(self.ingest(self.item(external_id="a"))[0])
        first._void("entered for the wrong person")
        second, retry = self.ingest(self.item(), self.item(external_id="a"))
        self.assertEqual(second.status, "created")
        self.assertEqual((retry.status, retry.id), ("duplicate", first.id))
        self.assertFalse(first.uniqueness_key)

    def test_atomic_refuses_all(self):
        with self.assertRaises(BatchRefused) as caught, self.env.cr.savepoint():
            self.ingest(self.item("T-2"), self.item("nobody"), atomic=True)
        self.assertEqual(caught.exception.outcomes[1].code, "unknown_person")
        self.assertFalse(
            self.env["spp.attendance.record"].search(
                [("subscriber_id", "=", self.joseph.id)]
            )
        )

    def test_rules_hold_for_what_is_inserted(self):
        """A closed location can't be named, and not reached by its id either."""
        outcomes = self.ingest(
            self.item(location="CLOSED"),
            self.item(location=self.closed_site.id),
            self.item(location=self.other_hall.id),
            user=self.officer,
        )
        self.assertEqual([o.code for o in outcomes], ["unknown_location"] * 3)
        (allowed,) = self.ingest(self.item(location="CLOSED"), user=self.manager)
        self.assertEqual(allowed.status, "created")

    def test_a_create_rule_removes_what_it_forbids(self):
        self.env["ir.rule"].create(
            {
                "name": "Only the hall",
                "model_id": self.env["ir.model"]._get_id("spp.attendance.record"),
                "domain_force": f"[('location_id', '=', {self.hall.id})]",
                "perm_read": False,
                "perm_write": False,
                "perm_unlink": False,
            }
        )
        nowhere, hall, twice = self.ingest(
            self.item("T-1"), self.item("T-2", location="HALL"), self.item("T-1")
        )
        self.assertEqual((nowhere.status, nowhere.code), ("rejected", "forbidden"))
        self.assertEqual((twice.status, twice.code), ("rejected", "forbidden"))
        self.assertEqual(hall.status, "created")
        self.assertFalse(
            self.env["spp.attendance.record"].search(
                [("subscriber_id", "=", self.amina.id)]
            )
        )

    def test_people_of_another_company_are_unknown(self):
        (outcome,) = self.ingest(
            {"subscriber_id": self.stranger.id, "date_time": "2026-09-01T08:00:00"}
        )
        self.assertEqual(outcome.code, "unknown_person")
        # The identifier both companies use means the one of the caller's company.
        record = self._record(self.ingest(self.item("T-1"))[0])
        self.assertEqual(record.subscriber_id, self.amina)

    def test_archived_people_are_unknown(self):
        self.amina.active = False
        self.assertEqual(self.ingest(self.item())[0].code, "unknown_person")

    def test_a_name_that_two_places_bear(self):
        self.env["spp.attendance.location"].create(
            {"name": "Hall", "company_id": self.company.id, "tz": "UTC"}
        )
        by_name, by_code = self.ingest(
            self.item(location="Hall"), self.item(location="HALL")
        )
        self.assertEqual(by_name.code, "ambiguous_location")
        self.assertEqual(by_code.status, "created")

    def test_a_company_s_own_type_beats_the_shared_one(self):
        own = self.env["spp.attendance.type"].create(
            {"name": "Workshop", "company_id": self.company.id}
        )
        record = self._record(self.ingest(self.item(type="Workshop"))[0])
        self.assertEqual(record.type_id, own)

    def test_who_may_not(self):
        for user in (self.internal, self.participant):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.ingest(self.item(), user=user)

    def _many(self, count, day):
        start = datetime(2026, 8, day)
        return [
            self.item(
                f"T-{1 + number % 3}",
                (start + timedelta(seconds=number)).isoformat(),
                type="TRN-TEST",
                location="HALL",
                external_id=f"{day}-{number}",
            )
            for number in range(count)
        ]

    @warmup
    def test_statements_do_not_depend_on_the_batch(self):
        small, large = self._many(10, 1), self._many(1000, 2)
        model = self.records_of(self.api_user)
        model._ingest(self._many(1, 3))
        with self.assertQueryCount(9):
            model._ingest(small)
        with self.assertQueryCount(9):
            model._ingest(large)
        with self.assertQueryCount(8):
            self.assertEqual(
                {outcome.status for outcome in model._ingest(large)}, {"duplicate"}
            )
