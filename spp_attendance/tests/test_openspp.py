import json
from datetime import date, timedelta
from unittest.mock import patch

from werkzeug.datastructures import MultiDict

from odoo.exceptions import LockError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import AttendanceCase

ATTENDANCES = "/attendances"
EXISTS = (
    "An attendance record is already exists."
    " Please check the date, time, type, location."
)
CREATED = "Attendance list created successfully."
UPDATED = "Attendance list updated successfully."
DELETED = "Attendance list deleted successfully."


class OpenSppCase(HttpCase, AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client, cls.secret = cls._new_client("attendance:read", "attendance:write")
        cls.client.rate_limit = 1_000_000
        cls.company.write(
            {
                "attendance_unique_date": True,
                "attendance_unique_time": True,
                "attendance_unique_type": False,
                "attendance_unique_location": False,
            }
        )

    @classmethod
    def _new_client(cls, *scopes):
        return (
            cls.env["spp.oauth.client"]
            .with_company(cls.company)
            ._new_client("OpenSPP", list(scopes), company_id=cls.company.id)
        )

    def setUp(self):
        super().setUp()
        self.token = self.ask_token()

    def ask_token(self, client=None, secret=None):
        body = json.dumps(
            {
                "client_id": (client or self.client).client_id,
                "client_secret": secret or self.secret,
            }
        )
        response = self.send("POST", "/auth/token", body, token="")
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["access_token"]

    def send(self, method, path, body=None, token=None, **headers):
        """A request as these apps send it: without a Content-Type."""
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
        headers = {"Content-Type": None, **headers}
        if token != "":
            headers.setdefault("Authorization", f"Bearer {token or self.token}")
        return self.opener.request(
            method, self.base_url() + path, data=body, headers=headers, timeout=60
        )

    def get(self, path, body=None):
        response = self.send("GET", path, body)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()

    def submission(self, *records, **changes):
        return {
            "submitted_by": "app1",
            "submitted_datetime": "2026-08-18 08:00:00",
            "submission_source": "ocr",
            "records": list(records),
            **changes,
        }

    def cards(self, person="T-1", *cards):
        return {"person_id": person, "time_card": list(cards)}

    def card(self, date_time="2026-08-01 08:00:00", **values):
        return {"date_time": date_time, **values}

    def post(self, *records, query="", **changes):
        return self.send(
            "POST", ATTENDANCES + query, self.submission(*records, **changes)
        )

    def post_cards(self, *cards, person="T-1", query=""):
        return self.post(self.cards(person, *cards), query=query)

    def put(self, *records, **changes):
        return self.send("PUT", ATTENDANCES, self.submission(*records, **changes))

    def new(self, *cards, person="T-1"):
        """The ids of records made of cards, in their order."""
        before = self.stored()
        response = self.post_cards(*cards or [self.card()], person=person)
        self.assertEqual(response.status_code, 200, response.text)
        return (self.stored() - before).sorted("id").ids

    def stored(self):
        self.env.invalidate_all()
        return self.env["spp.attendance.record"].search(
            [("company_id", "=", self.company.id)]
        )

    def assertOk(self, response, message):
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.json()["message"], message)

    def assertRefused(self, response, message, status=400):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(
            response.json(), {"error": {"code": status, "message": message}}
        )
        self.assertEqual(
            response.headers["Content-Type"], "application/json; charset=utf-8"
        )
        self.assertNotIn("Set-Cookie", response.headers)


@tagged("post_install", "-at_install")
class TestOpenSppCreate(OpenSppCase):
    def test_what_is_created(self):
        response = self.post(
            self.cards(
                "T-1",
                self.card(
                    attendance_type=self.training.id,
                    attendance_location=str(self.hall.id),
                    attendance_category="Absent",
                    attendance_description="late bus",
                    attendance_external_url="https://example.org/1",
                ),
                self.card("2026-08-02 08:00:00"),
            ),
            self.cards("T-2", self.card()),
            self.cards("T-1", self.card("2026-08-03 08:00:00")),
        )
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(
            response.json(), {"message": CREATED, "person_ids": ["T-1", "T-2"]}
        )
        self.assertEqual(
            response.headers["Content-Type"], "application/json; charset=utf-8"
        )
        first, *rest = self.stored().sorted("id")
        self.assertEqual(len(rest), 3)
        self.assertRecordValues(
            first,
            [
                {
                    "subscriber_id": self.amina.id,
                    "local_date": date(2026, 8, 1),
                    "local_time": "08:00:00",
                    "local_time_raw": "2026-08-01 08:00:00",
                    "tz": "Africa/Nairobi",
                    "category": "absent",
                    "type_id": self.training.id,
                    "location_id": self.hall.id,
                    "description": "late bus",
                    "url": "https://example.org/1",
                    "submitted_by": "app1",
                    "submitted_datetime": "2026-08-18 08:00:00",
                    "submission_source": "ocr",
                    "source": "api",
                    "create_uid": self.client.user_id.id,
                }
            ],
        )
        self.assertEqual(rest[0].category, "present")

    def test_missing_fields(self):
        for body, message in (
            (None, "records, submitted_by, submitted_datetime"),
            ({}, "records, submitted_by, submitted_datetime"),
            ({"records": [], "submitted_by": "a"}, "submitted_datetime"),
            (self.submission({}), "person_id, time_card"),
            (self.submission({"person_id": "T-1"}), "time_card"),
            (self.submission({"time_card": []}), "person_id"),
            (self.submission(submitted_by=None), "submitted_by"),
        ):
            self.assertRefused(
                self.send("POST", ATTENDANCES, body),
                f"Missing required fields: {message}",
            )
        self.assertRefused(
            self.post_cards({"attendance_category": "present"}),
            "Missing required fields for time_card: date_time",
        )

    def test_each_refusal_and_nothing_is_created(self):
        types = self.env["spp.attendance.type"].search(
            [("company_id", "in", [self.company.id, False])], order="name, id"
        )
        known_types = ", ".join(f"{kind.id} for {kind.name}" for kind in types)
        places = [self.closed_site, self.hall]
        known_places = ", ".join(f"{place.id} for {place.name}" for place in places)
        no_type = f"does not exist. Available Attendance Types: {known_types}."
        no_place = f"does not exist. Available Attendance Locations: {known_places}."
        category = "Invalid category. Allowed categories are present, absent."
        when = "date_time must be in the format YYYY-MM-DD HH:MM:SS."
        huge = 10**30
        for card, message in (
            (self.card(attendance_category="late"), category),
            (self.card(attendance_category=None), category),
            (self.card(attendance_category=5), category),
            (self.card(attendance_type="x"), "Attendance Type must be an integer."),
            (self.card(attendance_type=1.5), "Attendance Type must be an integer."),
            (self.card(attendance_type=[1]), "Attendance Type must be an integer."),
            (self.card(attendance_type=True), "Attendance Type must be an integer."),
            (self.card(attendance_type=huge), f"Attendance Type {no_type}"),
            (self.card(attendance_type="9" * 5000), f"Attendance Type {no_type}"),
            (self.card(attendance_type=-1), f"Attendance Type {no_type}"),
            (
                self.card(attendance_location="x"),
                "Attendance Location must be an integer.",
            ),
            (
                self.card(attendance_location=self.other_hall.id),
                f"Attendance Location {no_place}",
            ),
            (self.card("yesterday"), when),
            (self.card("2026-08-01T08:00:00"), when),
            (self.card("2026-08-01 08:00:00+03:00"), when),
            (self.card("2026-02-30 08:00:00"), when),
            (self.card("0001-01-01 08:00:00"), when),
            (self.card(5), when),
            (
                self.card(attendance_external_url="javascript:alert(1)"),
                "attendance_external_url must begin with http:// or https://.",
            ),
            (
                self.card(attendance_description=["x"]),
                "attendance_description must be a string.",
            ),
        ):
            with self.subTest(card=str(card)[:80]):
                self.assertRefused(
                    self.post(self.cards("T-2", self.card()), self.cards("T-1", card)),
                    message,
                )
        for person in ("nobody", "a\\b", "é"):
            self.assertRefused(
                self.post(self.cards("T-2", self.card()), self.cards(person)),
                "person_id does not exist.",
            )
        self.assertFalse(self.stored())

    def test_no_type_known(self):
        self.env["spp.attendance.type"].search([]).active = False
        self.assertRefused(
            self.post_cards(self.card(attendance_type=1)),
            "Attendance Type does not exist.",
        )

    def test_archived_people_and_other_companies(self):
        self.amina.active = False
        stranger = self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "S-1",
                "name": "Sow",
                "company_id": self.other_company.id,
            }
        )
        for person in ("T-1", stranger.person_identifier):
            self.assertRefused(
                self.post_cards(self.card(), person=person), "person_id does not exist."
            )

    def test_a_far_future_is_refused_in_words(self):
        response = self.post_cards(self.card("2126-01-01 08:00:00"))
        self.assertEqual(response.status_code, 400)
        self.assertIn("more than a day ahead", response.json()["error"]["message"])

    def test_shapes(self):
        for body, message in (
            (self.submission(records={}), "records must be a list of objects."),
            (self.submission("x"), "records must be a list of objects."),
            (
                self.submission({"person_id": "T-1", "time_card": {"a": 1}}),
                "time_card must be a list of objects.",
            ),
            (self.submission(submitted_by=["x"]), "submitted_by must be a string."),
            (
                self.submission({"person_id": {"a": 1}, "time_card": []}),
                "person_id must be a string.",
            ),
            (
                self.submission(submitted_by="a\0b"),
                "The request contains a NUL character.",
            ),
            ([], "data must be in JSON format."),
            ("{", "data must be in JSON format."),
            ("null", "data must be in JSON format."),
            (b"\xff\xfe", "data must be in JSON format."),
            ('{"records": "\\ud800"}', "data must be in JSON format."),
            ("[" * 100_000, "data must be in JSON format."),
        ):
            with self.subTest(str(body)[:60]):
                self.assertRefused(self.send("POST", ATTENDANCES, body), message)

    def test_whatever_is_sent_is_done_or_refused(self):
        """Nothing that JSON can hold, anywhere, makes a fault of the server's."""
        [number] = self.new()
        card = self.card(
            "2026-08-09 08:00:00",
            attendance_category="absent",
            attendance_type=self.training.id,
            attendance_location=self.hall.id,
            attendance_description="x",
            attendance_external_url="https://example.org",
        )
        odd = (None, True, -1, 1.5, 10**40, "", "x" * 9000, "😀", [None], {"x": None})
        for value in odd:
            for name in card:
                changed = {**card, name: value}
                for response in (
                    self.post_cards(changed, query="?ignore_unique=1"),
                    self.put({"id": number, "time_card": changed}),
                ):
                    self.assertIn(response.status_code, (200, 400), (name, value))
            for name in self.submission():
                body = self.submission(self.cards("T-1", card), **{name: value})
                for method in ("POST", "PUT"):
                    response = self.send(method, ATTENDANCES, body)
                    self.assertIn(response.status_code, (200, 400), (name, value))
            for record in (
                {"person_id": value, "time_card": [card]},
                {"person_id": "T-1", "time_card": value},
                {"id": value, "time_card": card},
                {"id": number, "time_card": value},
                value,
            ):
                for response in (self.post(record), self.put(record)):
                    self.assertIn(response.status_code, (200, 400), record)
            response = self.send("GET", ATTENDANCES, {"person_ids": value})
            self.assertIn(response.status_code, (200, 400), value)

    def test_no_type_and_no_location_in_all_their_forms(self):
        for number, nothing in enumerate((None, 0, "", False)):
            response = self.post_cards(
                self.card(
                    f"2026-08-0{number + 1} 08:00:00",
                    attendance_type=nothing,
                    attendance_location=nothing,
                    attendance_description=None,
                    attendance_external_url="",
                )
            )
            self.assertOk(response, CREATED)
        records = self.stored()
        self.assertEqual(len(records), 4)
        self.assertFalse(records.type_id or records.location_id)
        self.assertFalse(any(records.mapped("url") + records.mapped("description")))

    def test_submission_source_may_be_missing(self):
        body = self.submission(self.cards("T-1", self.card()))
        del body["submission_source"]
        body["submitted_by"] = 17
        body["submitted_datetime"] = "yesterday, about noon"
        self.assertOk(self.send("POST", ATTENDANCES, body), CREATED)
        shown = self.get("/attendance/T-1")["attendance_list"][0]
        self.assertEqual(
            (
                shown["submitted_by"],
                shown["submitted_datetime"],
                shown["submission_source"],
            ),
            ("17", "yesterday, about noon", ""),
        )

    def test_any_content_type(self):
        for number, content_type in enumerate(
            ("application/json", "text/plain", "application/x-www-form-urlencoded")
        ):
            body = self.submission(
                self.cards("T-1", self.card(f"2026-08-0{number + 1} 08:00:00"))
            )
            headers = {"Content-Type": content_type}
            self.assertOk(self.send("POST", ATTENDANCES, body, **headers), CREATED)

    def test_duplicates_are_refused_with_all_else(self):
        self.assertOk(self.post_cards(self.card()), CREATED)
        self.assertRefused(
            self.post(self.cards("T-2", self.card()), self.cards("T-1", self.card())),
            EXISTS,
        )
        self.assertEqual(self.stored().subscriber_id, self.amina)

    def test_duplicates_in_one_payload(self):
        self.assertRefused(self.post_cards(self.card(), self.card()), EXISTS)
        self.assertFalse(self.stored())
        query = "?ignore_unique=true"
        response = self.post_cards(self.card(), self.card(), query=query)
        self.assertOk(response, CREATED)
        self.assertEqual(len(self.stored()), 1)

    def test_ignore_unique(self):
        self.assertOk(self.post_cards(self.card()), CREATED)
        for word in ("true", "1", "t", "Y", "YES", "True"):
            response = self.post_cards(self.card(), query=f"?ignore_unique={word}")
            self.assertOk(response, CREATED)
            self.assertEqual(response.json()["person_ids"], ["T-1"])
        for word in ("false", "0", "", "on"):
            response = self.post_cards(self.card(), query=f"?ignore_unique={word}")
            self.assertRefused(response, EXISTS)
        self.assertEqual(len(self.stored()), 1)

    def test_a_rule_with_type_and_location_knows_of_none(self):
        self.company.write(
            {"attendance_unique_type": True, "attendance_unique_location": True}
        )
        self.assertOk(self.post_cards(self.card()), CREATED)
        self.assertRefused(self.post_cards(self.card()), EXISTS)
        other = self.card(attendance_type=self.training.id)
        self.assertOk(self.post_cards(other), CREATED)
        self.assertRefused(self.post_cards(other), EXISTS)

    def test_without_a_rule_nothing_is_a_duplicate(self):
        self.company.write(
            {"attendance_unique_time": False, "attendance_unique_date": False}
        )
        self.assertOk(self.post_cards(self.card(), self.card()), CREATED)
        self.assertEqual(len(self.stored()), 2)

    def test_nothing_to_create(self):
        self.assertEqual(self.post().json(), {"message": CREATED, "person_ids": []})
        self.assertEqual(
            self.post_cards().json(), {"message": CREATED, "person_ids": ["T-1"]}
        )

    def test_more_than_a_batch_is_still_all_or_nothing(self):
        cards = [
            self.card(f"2026-08-01 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}")
            for n in range(12)
        ]
        with patch(
            "odoo.addons.spp_attendance.models.spp_attendance_openspp.MAX_BATCH", 5
        ):
            self.assertRefused(
                self.post_cards(*cards, self.card(attendance_type=10**6)),
                self.post_cards(self.card(attendance_type=10**6)).json()["error"][
                    "message"
                ],
            )
            self.assertFalse(self.stored())
            self.assertOk(self.post_cards(*cards), CREATED)
        self.assertEqual(len(self.stored()), 12)

    def test_one_request_has_one_effect(self):
        body = self.submission(self.cards("T-1", self.card()))
        key = {"Idempotency-Key": "one"}
        self.assertOk(self.send("POST", ATTENDANCES, body, **key), CREATED)
        again = self.send("POST", ATTENDANCES, body, **key)
        self.assertOk(again, CREATED)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")

    def test_statements_do_not_depend_on_the_number_of_cards(self):
        service = (
            self.env["spp.attendance.openspp"]
            .with_user(self.client.user_id)
            .with_context(allowed_company_ids=self.company.ids)
        )

        def body(day, count):
            start = f"2026-08-{day:02}"
            return self.submission(
                *(
                    self.cards(
                        f"T-{1 + n % 3}",
                        self.card(
                            f"{start} {n // 60:02}:{n % 60:02}:00",
                            attendance_type=self.training.id,
                            attendance_location=self.hall.id,
                        ),
                    )
                    for n in range(count)
                )
            )

        service._create_attendances({}, body(1, 1))
        counts = []
        for day, count in ((2, 1), (3, 300)):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            service._create_attendances({}, body(day, count))
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(len(self.stored()), 302)


@tagged("post_install", "-at_install")
class TestOpenSppUpdate(OpenSppCase):
    def test_only_what_is_given_is_changed(self):
        [number] = self.new(
            self.card(
                attendance_type=self.training.id,
                attendance_location=self.hall.id,
                attendance_description="before",
            )
        )
        update = {"id": number, "time_card": {"attendance_description": "late bus"}}
        response = self.put(update, submitted_by="app2", submission_source="web")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.json(), {"message": UPDATED})
        self.assertEqual(
            self.get("/attendance/T-1")["attendance_list"],
            [
                {
                    "id": number,
                    "date": "2026-08-01",
                    "time": "08:00:00",
                    "attendance_type": {
                        "id": self.training.id,
                        "name": "Workshop",
                        "description": False,
                    },
                    "attendance_location": {
                        "id": self.hall.id,
                        "name": "Hall",
                        "description": False,
                    },
                    "attendance_description": "late bus",
                    "attendance_external_url": "",
                    "submitted_by": "app2",
                    "submitted_datetime": "2026-08-18 08:00:00",
                    "submission_source": "web",
                    "attendance_category": "present",
                }
            ],
        )

    def test_everything(self):
        [number] = self.new(
            self.card(
                attendance_type=self.training.id, attendance_location=self.hall.id
            )
        )
        card = {
            "date_time": "2026-08-05 09:30:00",
            "attendance_category": "ABSENT",
            "attendance_type": None,
            "attendance_location": 0,
            "attendance_description": "x",
            "attendance_external_url": "http://example.org",
        }
        self.assertOk(self.put({"id": str(number), "time_card": card}), UPDATED)
        shown = self.get("/attendance/T-1")["attendance_list"][0]
        self.assertEqual((shown["date"], shown["time"]), ("2026-08-05", "09:30:00"))
        self.assertEqual(shown["attendance_category"], "absent")
        self.assertEqual(
            (shown["attendance_type"], shown["attendance_location"]), ({}, {})
        )
        self.assertEqual(shown["attendance_external_url"], "http://example.org")
        record = self.stored()
        self.assertEqual(str(record.date_time), "2026-08-05 06:30:00")
        self.assertIn("local_date", record.change_ids.mapped("field"))

    def test_nothing_given_changes_nothing(self):
        [number] = self.new()
        update = {"id": number, "time_card": {"something": "else"}}
        self.assertOk(self.put(update, submitted_by="app2"), UPDATED)
        self.assertEqual(self.stored().submitted_by, "app1")

    def test_missing_fields(self):
        self.assertRefused(
            self.send("PUT", ATTENDANCES),
            "Missing required fields: records, submitted_by, submitted_datetime",
        )
        self.assertRefused(
            self.put({}), "Missing required fields for records: id, time_card"
        )

    def test_each_refusal_and_nothing_is_changed(self):
        [first, second] = self.new(self.card(), self.card("2026-08-02 08:00:00"))
        category = "Invalid category. Allowed categories are present, absent."
        for update, message in (
            ({"id": "x", "time_card": {}}, "id must be an integer."),
            ({"id": 1.5, "time_card": {}}, "id must be an integer."),
            ({"id": True, "time_card": {}}, "id must be an integer."),
            ({"id": second, "time_card": []}, "time_card must be an object."),
            (
                {"id": second, "time_card": {"attendance_category": None}},
                category,
            ),
            (
                {"id": second, "time_card": {"attendance_type": "x"}},
                "Attendance Type must be an integer.",
            ),
            (
                {"id": second, "time_card": {"date_time": None}},
                "date_time must be in the format YYYY-MM-DD HH:MM:SS.",
            ),
        ):
            with self.subTest(update=update):
                good = {"id": first, "time_card": {"attendance_description": "new"}}
                self.assertRefused(self.put(good, update), message)
        for number in (2**31 - 1, 10**30, 0, -5):
            update = {"id": number, "time_card": {}}
            self.assertRefused(
                self.put(update), f"Attendance ID {number} does not exist."
            )
        update = {"id": second, "time_card": {"attendance_type": 10**6}}
        message = self.put(update).json()["error"]["message"]
        self.assertTrue(
            message.startswith("Attendance Type does not exist. Available Attendance")
        )
        self.assertFalse(any(self.stored().mapped("description")))

    def test_voided_records_are_gone(self):
        [number] = self.new()
        self.env["spp.attendance.record"].browse(number)._void("Wrong.")
        self.assertRefused(
            self.put({"id": number, "time_card": {}}),
            f"Attendance ID {number} does not exist.",
        )

    def test_the_rule_holds_for_updates(self):
        [_first, second] = self.new(self.card(), self.card("2026-08-02 08:00:00"))
        update = {"id": second, "time_card": self.card()}
        with mute_logger("odoo.sql_db"):
            self.assertRefused(self.put(update), EXISTS)
        self.assertEqual(
            self.get("/attendance/T-1")["dates_present"], ["2026-08-01", "2026-08-02"]
        )

    def test_another_location_keeps_the_time_on_the_wall(self):
        [number] = self.new(self.card(attendance_location=self.hall.id))
        kathmandu = {
            "id": number,
            "time_card": {"attendance_location": self.closed_site.id},
        }
        self.assertOk(self.put(kathmandu), UPDATED)
        shown = self.get("/attendance/T-1")["attendance_list"][0]
        self.assertEqual((shown["date"], shown["time"]), ("2026-08-01", "08:00:00"))
        record = self.stored()
        self.assertEqual(record.tz, "Asia/Kathmandu")
        self.assertEqual(str(record.date_time), "2026-08-01 02:15:00")

    def test_an_archived_type_stays_but_is_not_chosen(self):
        [first, second] = self.new(
            self.card(attendance_type=self.training.id),
            self.card("2026-08-02 08:00:00"),
        )
        self.training.active = False
        card = {"attendance_type": self.training.id, "attendance_description": "x"}
        self.assertOk(self.put({"id": first, "time_card": card}), UPDATED)
        response = self.put({"id": second, "time_card": card})
        self.assertEqual(response.status_code, 400)

    def test_the_same_record_twice(self):
        [number] = self.new()
        self.assertOk(
            self.put(
                {"id": number, "time_card": {"attendance_description": "one"}},
                {"id": number, "time_card": {"attendance_category": "absent"}},
                {"id": number, "time_card": {"attendance_description": "two"}},
            ),
            UPDATED,
        )
        self.assertRecordValues(
            self.stored(), [{"description": "two", "category": "absent"}]
        )


@tagged("post_install", "-at_install")
class TestOpenSppDelete(OpenSppCase):
    def delete(self, query):
        return self.send("DELETE", ATTENDANCES + query)

    def test_deleted_is_voided(self):
        first, second, third = self.new(
            *(self.card(f"2026-08-0{day} 08:00:00") for day in (1, 2, 3))
        )
        response = self.delete(f"?ids={first},999999999&ids=%20{second}")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.json(), {"message": DELETED})
        self.assertEqual(self.stored().ids, [third])
        gone = self.env["spp.attendance.record"].browse([first, second])
        self.assertEqual(gone.mapped("active"), [False, False])
        self.assertIn("OpenSPP", gone[0].void_reason)
        # its place is free again
        self.assertOk(self.post_cards(self.card()), CREATED)

    def test_refusals(self):
        [number] = self.new()
        for query, message in (
            ("", "Attendance list does not exist."),
            ("?ids=", "Attendance list does not exist."),
            ("?ids=999999999", "Attendance list does not exist."),
            (f"?ids={10**30}", "Attendance list does not exist."),
            ("?ids=-1,0", "Attendance list does not exist."),
            (f"?ids={number},x", "ids must be a list of integers."),
            (f"?ids={number},", "ids must be a list of integers."),
            (f"?ids={number};1", "ids must be a list of integers."),
        ):
            with self.subTest(query):
                self.assertRefused(self.delete(query), message)
        self.assertEqual(len(self.stored()), 1)
        self.assertOk(self.delete(f"?ids={number}"), DELETED)
        self.assertRefused(
            self.delete(f"?ids={number}"), "Attendance list does not exist."
        )

    def test_another_company_s_records_do_not_exist(self):
        other = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.stranger.id}
        )
        self.assertRefused(
            self.delete(f"?ids={other.id}"), "Attendance list does not exist."
        )


@tagged("post_install", "-at_install")
class TestOpenSppPerson(OpenSppCase):
    def test_a_person(self):
        [number] = self.new(
            self.card(attendance_type=self.training.id, attendance_category="present")
        )
        self.assertEqual(
            self.get("/attendance/T-1"),
            {
                "person_id": "T-1",
                "dates_present": ["2026-08-01"],
                "number_of_days_present": 1,
                "attendance_list": [
                    {
                        "id": number,
                        "date": "2026-08-01",
                        "time": "08:00:00",
                        "attendance_type": {
                            "id": self.training.id,
                            "name": "Workshop",
                            "description": False,
                        },
                        "attendance_location": {},
                        "attendance_description": "",
                        "attendance_external_url": "",
                        "submitted_by": "app1",
                        "submitted_datetime": "2026-08-18 08:00:00",
                        "submission_source": "ocr",
                        "attendance_category": "present",
                    }
                ],
                "pagination": {
                    "page": 1,
                    "limit": 30,
                    "total_records": 1,
                    "total_pages": 1,
                },
            },
        )
        self.assertEqual(
            self.get("/attendance/T-2"),
            {
                "person_id": "T-2",
                "dates_present": [],
                "number_of_days_present": 0,
                "attendance_list": [],
                "pagination": {
                    "page": 1,
                    "limit": 30,
                    "total_records": 0,
                    "total_pages": 0,
                },
            },
        )

    def test_pages_newest_first_and_days_of_all(self):
        self.new(
            *(
                self.card(
                    f"2026-08-0{day} {hour}:00:00",
                    attendance_category="absent" if day == 3 else "present",
                )
                for day in (1, 2, 3)
                for hour in ("08", "13")
            )
        )
        seen = []
        for page in (1, 2, 3):
            body = self.get(f"/attendance/T-1?page={page}&limit=2&whatever=1")
            self.assertEqual(body["dates_present"], ["2026-08-01", "2026-08-02"])
            self.assertEqual(body["number_of_days_present"], 2)
            self.assertEqual(
                body["pagination"],
                {"page": page, "limit": 2, "total_records": 6, "total_pages": 3},
            )
            seen += [(row["date"], row["time"]) for row in body["attendance_list"]]
        self.assertEqual(seen, sorted(seen, reverse=True))
        self.assertEqual(len(set(seen)), 6)
        beyond = self.get(f"/attendance/T-1?page={10**40}&limit={10**40}")
        self.assertEqual(beyond["attendance_list"], [])

    def test_filters(self):
        self.new(
            self.card(attendance_type=self.training.id),
            self.card("2026-08-02 23:59:59", attendance_location=self.hall.id),
            self.card("2026-08-03 00:00:00"),
        )
        for query, days in (
            ("from_date=2026-08-02&to_date=2026-08-02", ["02"]),
            ("from_date=2026-08-02&to_date=2026-08-03", ["02", "03"]),
            # both or none
            ("from_date=2026-08-02", ["01", "02", "03"]),
            ("to_date=rubbish", ["01", "02", "03"]),
            (f"attendance_type={self.training.id}", ["01"]),
            (f"attendance_location={self.hall.id}", ["02"]),
            ("attendance_type=&attendance_location=", ["01", "02", "03"]),
        ):
            with self.subTest(query):
                body = self.get(f"/attendance/T-1?{query}")
                self.assertEqual(
                    body["dates_present"], [f"2026-08-{day}" for day in days]
                )
                self.assertEqual(body["pagination"]["total_records"], len(days))

    def test_refusals(self):
        integers = "Page and limit must be integers."
        positive = "Page and limit must be positive integers."
        form = "FromDate and ToDate must be in the format YYYY-MM-DD."
        order = "FromDate must be less than or equal to ToDate."
        for query, message in (
            ("page=x", integers),
            ("limit=1.5", integers),
            ("page=", integers),
            (f"page={'9' * 5000}", integers),
            ("page=0", positive),
            ("limit=-1", positive),
            ("from_date=x&to_date=2026-08-01", form),
            ("from_date=2026-08-01&to_date=01.08.2026", form),
            ("from_date=2026-08-02&to_date=2026-08-01", order),
            ("attendance_type=x", "Attendance Type must be an integer."),
            ("attendance_location=x", "Attendance Location must be an integer."),
            # the order of the checks
            ("page=x&from_date=x&to_date=x", integers),
            ("from_date=x&to_date=x&attendance_type=x", form),
            (
                "attendance_type=x&attendance_location=x",
                "Attendance Type must be an integer.",
            ),
        ):
            for path in ("/attendance/T-1", ATTENDANCES):
                with self.subTest(path=path, query=query[:50]):
                    response = self.send("GET", f"{path}?{query}")
                    self.assertRefused(response, message)
        for name, what in (("type", "Type"), ("location", "Location")):
            response = self.send("GET", f"/attendance/T-1?attendance_{name}=1000000")
            self.assertEqual(response.status_code, 400)
            self.assertTrue(
                response.json()["error"]["message"].startswith(
                    f"Attendance {what} does not exist. Available Attendance {what}s: "
                )
            )
        for path in ("/attendance/nobody?page=x", "/attendance/nobody"):
            self.assertRefused(
                self.send("GET", path), "PersonID nobody does not exist."
            )
        self.assertEqual(self.send("GET", "/attendance/%00").status_code, 400)

    def test_what_is_archived_can_still_be_asked_for(self):
        self.new(self.card(attendance_type=self.training.id))
        self.training.active = False
        body = self.get(f"/attendance/T-1?attendance_type={self.training.id}")
        self.assertEqual(body["number_of_days_present"], 1)
        response = self.post_cards(
            self.card("2026-08-02 08:00:00", attendance_type=self.training.id)
        )
        self.assertEqual(response.status_code, 400)

    def test_a_skipped_hour_comes_back_as_it_came(self):
        self.hall.tz = "Europe/Berlin"
        skipped = "2026-03-29 02:30:00"
        [number] = self.new(self.card(skipped, attendance_location=self.hall.id))
        record = self.env["spp.attendance.record"].browse(number)
        self.assertEqual(record.local_time, "03:30:00")
        shown = self.get("/attendance/T-1")["attendance_list"][0]
        self.assertEqual(f"{shown['date']} {shown['time']}", skipped)
        listed = self.get(ATTENDANCES, {"person_ids": ["T-1"]})["records"][0]
        self.assertEqual(listed["attendance_list"], [shown])
        # What an officer corrects is what he said.
        record.local_time = "04:00:00"
        shown = self.get("/attendance/T-1")["attendance_list"][0]
        self.assertEqual(shown["time"], "04:00:00")

    def test_others_records_are_told_of_in_local_time(self):
        self.ingest(self.item(date_time="2026-08-01T05:00:00Z", location="HALL"))
        self.ingest(self.item(date_time="2026-08-02T05:00", location="HALL"))
        self.assertEqual(
            [
                (row["date"], row["time"], row["submitted_by"])
                for row in self.get("/attendance/T-1")["attendance_list"]
            ],
            [("2026-08-02", "05:00:00", ""), ("2026-08-01", "08:00:00", "")],
        )

    def test_a_former_identifier(self):
        twin = self.amina.copy({"person_identifier": "OLD-1"})
        model = self.records_of(self.manager).env["spp.attendance.subscriber"]
        model.browse(self.amina.id)._merge(model.browse(twin.id))
        self.new(self.card(), person="OLD-1")
        for identifier in ("OLD-1", "T-1"):
            body = self.get(f"/attendance/{identifier}")
            self.assertEqual(body["person_id"], identifier)
            self.assertEqual(body["number_of_days_present"], 1)
            body = self.get(ATTENDANCES, {"person_ids": [identifier]})
            self.assertEqual([r["person_id"] for r in body["records"]], [identifier])
        body = self.get(ATTENDANCES, {"person_ids": ["OLD-1", "T-1"]})
        self.assertEqual([r["person_id"] for r in body["records"]], ["T-1"])


@tagged("post_install", "-at_install")
class TestOpenSppList(OpenSppCase):
    def setUp(self):
        super().setUp()
        for person in ("T-1", "T-2"):
            self.new(
                self.card(),
                self.card("2026-08-02 08:00:00", attendance_category="absent"),
                person=person,
            )

    def identifiers(self, path, body=None):
        return [record["person_id"] for record in self.get(path, body)["records"]]

    def test_everybody(self):
        body = self.get(ATTENDANCES)
        people = self.env["spp.attendance.subscriber"].search(
            [("company_id", "=", self.company.id)], order="id"
        )
        self.assertEqual(
            [record["person_id"] for record in body["records"]],
            people.mapped("person_identifier"),
        )
        self.assertEqual(
            body["pagination"],
            {
                "page": 1,
                "limit": 30,
                "total_records": 4,
                "total_pages": 1,
                "last_id": people[-1].id,
            },
        )
        alone = self.get("/attendance/T-1")
        del alone["pagination"]
        self.assertEqual(body["records"][0], alone)
        self.assertEqual(len(alone["attendance_list"]), 2)
        self.assertEqual(alone["number_of_days_present"], 1)

    def test_who_is_asked_for(self):
        for path, body in (
            (ATTENDANCES, {"person_ids": ["T-2", "T-1", "nobody", "T-2"]}),
            (f"{ATTENDANCES}?person_ids=T-2,T-1", None),
            (f"{ATTENDANCES}?person_ids=T-2&person_ids=T-1,nobody", None),
            (f"{ATTENDANCES}?person_ids=T-2", {"person_ids": ["T-1"]}),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.identifiers(path, body), ["T-1", "T-2"])
        self.assertEqual(self.identifiers(ATTENDANCES, {"person_ids": ["nobody"]}), [])
        self.assertEqual(self.identifiers(f"{ATTENDANCES}?person_ids=%00"), [])
        everybody = ["T-1", "T-2", "T-3", "T-4"]
        self.assertEqual(self.identifiers(ATTENDANCES, {"person_ids": []}), everybody)
        for body in ('{"person_ids": "T-1"}', '{"person_ids": {"a": 1}}'):
            self.assertRefused(
                self.send("GET", ATTENDANCES, body), "person_ids must be a list."
            )
        self.assertRefused(
            self.send("GET", ATTENDANCES, "{"), "data must be in JSON format."
        )

    def test_by_post_where_bodies_of_get_are_dropped(self):
        response = self.send(
            "POST", f"{ATTENDANCES}/search?limit=1", {"person_ids": ["T-2", "T-3"]}
        )
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(
            response.json(),
            self.get(f"{ATTENDANCES}?limit=1&person_ids=T-2,T-3"),
        )
        self.assertEqual(response.json()["pagination"]["total_pages"], 2)

    def test_both_generations_of_paging(self):
        for path in (ATTENDANCES, "/subscribers"):
            pages = [self.get(f"{path}?page={page}&limit=3") for page in (1, 2, 3)]
            found = [[r["person_id"] for r in page["records"]] for page in pages]
            self.assertEqual(found, [["T-1", "T-2", "T-3"], ["T-4"], []])
            last_id, seen = 0, []
            while True:
                # clients of 19 send the page along
                body = self.get(f"{path}?last_id={last_id}&limit=3&page=2")
                if not body["records"]:
                    break
                seen.append([r["person_id"] for r in body["records"]])
                self.assertEqual(body["pagination"]["page"], 2)
                last_id = body["pagination"]["last_id"]
            self.assertEqual(seen, found[:2])
            self.assertIsNone(body["pagination"]["last_id"])
            for last_id in ("x", "1.5"):
                self.assertRefused(
                    self.send("GET", f"{path}?last_id={last_id}"),
                    "last_id must be an integer.",
                )
            self.assertEqual(self.identifiers(f"{path}?last_id={'9' * 50}"), [])

    def test_a_limit_that_is_meant(self):
        self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"M-{number:04}",
                    "name": f"Person {number}",
                    "company_id": self.company.id,
                }
                for number in range(120)
            ]
        )
        for limit in (5000, 10**30):
            body = self.get(f"{ATTENDANCES}?limit={limit}")
            self.assertEqual(len(body["records"]), 124)
            self.assertEqual(body["pagination"]["limit"], limit)
            self.assertEqual(body["pagination"]["total_pages"], 1)

    def test_a_long_answer_has_a_length_and_comes_in_pieces(self):
        path = "odoo.addons.spp_attendance"
        with (
            patch(f"{path}.dialects._SPOOL", 100),
            patch(f"{path}.models.spp_attendance_openspp._FETCHED", 1),
        ):
            response = self.send("GET", ATTENDANCES)
        self.assertEqual(int(response.headers["Content-Length"]), len(response.content))
        self.assertEqual(len(response.content), len(response.text.encode()))
        self.assertEqual(
            [len(r["attendance_list"]) for r in response.json()["records"]],
            [2, 2, 0, 0],
        )

    def test_filters_leave_people_in(self):
        body = self.get(f"{ATTENDANCES}?from_date=2026-08-02&to_date=2026-08-02")
        self.assertEqual(
            [
                (r["number_of_days_present"], len(r["attendance_list"]))
                for r in body["records"]
            ],
            [(0, 1), (0, 1), (0, 0), (0, 0)],
        )

    def test_statements_do_not_depend_on_how_much_is_read(self):
        service = (
            self.env["spp.attendance.openspp"]
            .with_user(self.client.user_id)
            .with_context(allowed_company_ids=self.company.ids)
        )
        service._list_attendances(MultiDict(), {})
        counts = set()
        for limit in (1, 4):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            service._list_attendances(MultiDict({"limit": str(limit)}), {})
            counts.add(self.env.cr.sql_log_count - before)
        self.assertEqual(len(counts), 1, counts)
        self.assertLessEqual(max(counts), 7)


@tagged("post_install", "-at_install")
class TestOpenSppSmallReads(OpenSppCase):
    def test_types_and_locations(self):
        self.env["spp.attendance.type"].search([]).active = False
        types = self.env["spp.attendance.type"].create(
            [
                {"name": "Zeta", "description": "Last"},
                {"name": "Alpha", "company_id": self.company.id},
                {"name": "Beta", "company_id": self.other_company.id},
            ]
        )
        self.assertEqual(
            self.get("/attendance/types?page=2"),
            {
                "records": [
                    {"id": types[1].id, "name": "Alpha", "description": False},
                    {"id": types[0].id, "name": "Zeta", "description": "Last"},
                ]
            },
        )
        self.hall.description = "Behind the school"
        self.assertEqual(
            self.get("/attendance/locations"),
            {
                "records": [
                    {
                        "id": self.closed_site.id,
                        "name": "Closed site",
                        "description": False,
                    },
                    {
                        "id": self.hall.id,
                        "name": "Hall",
                        "description": "Behind the school",
                    },
                ]
            },
        )

    def test_people(self):
        self.amina.write(
            {
                "additional_name": "Grace",
                "email": "amina@example.org",
                "phone": "+254700000001",
                "mobile": "+254700000002",
            }
        )
        amina = {
            "id": "T-1",
            "person_id": "T-1",
            "name": "Okafor, Amina Grace",
            "family_name": "Okafor",
            "given_name": "Amina",
            "email": "amina@example.org",
            "phone": "+254700000001",
            "mobile": "+254700000002",
        }
        self.assertEqual(self.get("/subscriber/T-1"), amina)
        body = self.get("/subscribers?limit=2")
        self.assertEqual(body["records"][0], amina)
        self.assertEqual(
            body["records"][1],
            {
                "id": "T-2",
                "person_id": "T-2",
                "name": "Mwangi, Joseph",
                "family_name": "Mwangi",
                "given_name": "Joseph",
                "email": False,
                "phone": False,
                "mobile": False,
            },
        )
        self.assertEqual(
            body["pagination"],
            {
                "page": 1,
                "limit": 2,
                "total_records": 4,
                "total_pages": 2,
                "last_id": self.joseph.id,
            },
        )
        self.assertRefused(
            self.send("GET", "/subscriber/nobody"), "PersonID nobody does not exist."
        )

    def test_the_name_is_in_their_order_whatever_ours_is(self):
        self.company.attendance_name_order = "given_family"
        self.assertEqual(self.get("/subscriber/T-1")["name"], "Okafor, Amina")


@tagged("post_install", "-at_install")
class TestOpenSppDoor(OpenSppCase):
    """Who comes in, and what is said to who doesn't."""

    ROUTES = (
        ("POST", ATTENDANCES),
        ("PUT", ATTENDANCES),
        ("DELETE", ATTENDANCES),
        ("GET", ATTENDANCES),
        ("POST", f"{ATTENDANCES}/search"),
        ("GET", "/attendance/T-1"),
        ("GET", "/attendance/types"),
        ("GET", "/attendance/locations"),
        ("GET", "/subscribers"),
        ("GET", "/subscriber/T-1"),
    )

    def test_no_token_or_a_bad_one(self):
        for method, path in self.ROUTES:
            for header in (
                None,
                "Basic YTpi",
                "Bearer",
                "Bearer rubbish",
                "Bearer a.b.c",
            ):
                with self.subTest(path=path, method=method, header=header):
                    headers = {"Authorization": header} if header else {}
                    response = self.send(method, path, "{", token="", **headers)
                    self.assertRefused(response, "Unauthorized", 401)
                    self.assertIn("Bearer", response.headers["WWW-Authenticate"])

    def test_a_session_is_no_token(self):
        self.authenticate(self.manager.login, self.manager.login)
        response = self.send("GET", ATTENDANCES, token="")
        self.assertRefused(response, "Unauthorized", 401)

    def test_backslash_n_in_the_token(self):
        token = self.token[:9] + "\\n" + self.token[9:] + "\\n"
        response = self.send("GET", ATTENDANCES, token=token)
        self.assertEqual(response.status_code, 200, response.text)
        # elsewhere it stays what it is
        response = self.send("GET", "/api/attendance/records", token=token)
        self.assertEqual(response.status_code, 401)

    def test_a_client_that_may_only_read(self):
        client, secret = self._new_client("attendance:read")
        token = self.ask_token(client, secret)
        for method, path in self.ROUTES:
            response = self.send(method, path, token=token)
            writes = path == ATTENDANCES and method != "GET"
            self.assertEqual(
                response.status_code, 403 if writes else 200, response.text
            )
        self.assertEqual(
            self.send("POST", ATTENDANCES, token=token).json()["error"].keys(),
            {"code", "message"},
        )

    def test_a_person_with_an_api_key_sees_what_is_his(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.officer)
            ._generate("rpc", "OpenSPP", self.env.cr.now() + timedelta(days=1))
        )
        self.new(self.card(attendance_location=self.closed_site.id))
        self.new(self.card("2026-08-02 08:00:00"))
        self.assertEqual(
            self.send("GET", "/attendance/T-1", token=key).json()["dates_present"],
            ["2026-08-02"],
        )
        self.assertEqual(
            self.get("/attendance/T-1")["dates_present"], ["2026-08-01", "2026-08-02"]
        )

    def test_what_is_not_there(self):
        for method, path, status in (
            ("PATCH", ATTENDANCES, 405),
            ("POST", "/attendance/T-1", 405),
            ("DELETE", "/subscribers", 405),
            ("GET", "/attendances/nothing", 404),
            ("GET", "/attendance/a/b", 404),
            ("POST", "/subscriber/", 404),
        ):
            response = self.send(method, path)
            self.assertEqual(response.status_code, status)
            self.assertEqual(response.json()["error"]["code"], status)
            self.assertEqual("Allow" in response.headers, status == 405)
        response = self.send("OPTIONS", ATTENDANCES, token="")
        self.assertEqual(response.status_code, 204)
        self.assertIn("PUT", response.headers["Allow"])

    def test_too_much(self):
        response = self.send("POST", ATTENDANCES, b"x" * (8 * 1024 * 1024 + 1))
        self.assertEqual(response.status_code, 413)
        self.assertEqual(response.json()["error"]["code"], 413)

    def test_head(self):
        response = self.send("HEAD", ATTENDANCES)
        self.assertEqual((response.status_code, response.content), (200, b""))

    def test_what_others_hold_is_no_duplicate(self):
        service = type(self.env["spp.attendance.openspp"])
        with patch.object(service, "_list_types", side_effect=LockError("Busy.")):
            response = self.send("GET", "/attendance/types")
        self.assertRefused(response, "Busy.", 409)
