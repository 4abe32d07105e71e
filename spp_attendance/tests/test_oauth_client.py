from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .common import AttendanceCase

RECORDS = "/api/attendance/records"


class ClientCase(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.oauth_admin = new_test_user(
            cls.env,
            "test-attendance-oauth",
            groups="spp_oauth.spp_oauth_group_admin",
            company_id=cls.company.id,
            company_ids=[(6, 0, (cls.company + cls.other_company).ids)],
        )
        cls.role = cls.env.ref("spp_attendance.spp_oauth_role_officer")
        cls.model = cls.env["spp.oauth.client"].with_company(cls.company)
        cls.open_site = cls.hall.copy({"name": "Open site", "code": "OPEN"})

    def officer_client(self, locations, scopes=("attendance:read", "attendance:write")):
        return self.model._new_client(
            "Officer",
            list(scopes),
            company_id=self.company.id,
            role_id=self.role.id,
            attendance_location_ids=[Command.set(locations.ids)],
        )

    def locations_of(self, user):
        """The locations that a user sees in his companies."""
        return (
            self.env["spp.attendance.location"]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )


class TestOAuthClient(ClientCase):
    def test_scopes(self):
        scopes = self.env["spp.oauth.scope"].search([])
        self.assertLessEqual(
            {
                "attendance:read",
                "attendance:write",
                "attendance:events",
                "digit:gateway",
                "metrics:read",
                "settings:write",
            },
            set(scopes.mapped("name")),
        )
        self.assertEqual(
            set(scopes.filtered("is_default").mapped("name")),
            {"attendance:read", "attendance:write"},
        )

    def test_by_default_it_reads_and_writes_in_its_company(self):
        form = Form(
            self.env["spp.oauth.client.new"]
            .with_user(self.oauth_admin)
            .with_company(self.company)
        )
        form.name = "App"
        form.save().action_create()
        client = self.model.search([("name", "=", "App")])
        self.assertEqual(
            client.user_id.group_ids,
            self.env.ref("spp_oauth.spp_oauth_group_service")
            + self.env.ref("spp_attendance.spp_attendance_group_api"),
        )
        self.assertEqual(client.user_id.company_ids, self.company)

    def test_only_a_gateway_speaks_for_others(self):
        with self.assertRaises(ValidationError):
            self.model._new_client("G", ["digit:gateway"])
        client, _secret = self.model._new_client(
            "G", ["digit:gateway"], is_trusted_gateway=True
        )
        self.assertTrue(client)

    def test_wizard_asks_an_officer_for_its_locations(self):
        form = Form(
            self.env["spp.oauth.client.new"]
            .with_user(self.oauth_admin)
            .with_company(self.company)
        )
        form.name = "Gate"
        form.role_id = self.role
        with self.assertRaises(ValidationError):
            form.save().action_create()
        form = Form(
            self.env["spp.oauth.client.new"]
            .with_user(self.oauth_admin)
            .with_company(self.company)
        )
        form.name = "Gate"
        form.role_id = self.role
        form.attendance_location_ids.add(self.hall)
        form.save().action_create()
        client = self.model.search([("name", "=", "Gate")])
        self.assertEqual(client.attendance_location_ids, self.hall)
        self.assertEqual(
            client.user_id.group_ids,
            self.env.ref("spp_oauth.spp_oauth_group_service")
            + self.env.ref("spp_attendance.spp_attendance_group_officer"),
        )
        self.assertFalse(self.hall.officer_ids, "people still work there")
        self.assertEqual(self.hall.client_ids, client)

    def test_locations_go_with_the_company_and_the_role(self):
        form = Form(
            self.env["spp.oauth.client.new"]
            .with_user(self.oauth_admin)
            .with_context(allowed_company_ids=[self.company.id, self.other_company.id])
        )
        form.role_id = self.role
        form.attendance_location_ids.add(self.hall)
        form.company_id = self.other_company
        self.assertFalse(form.attendance_location_ids[:])
        form.attendance_location_ids.add(self.other_hall)
        form.role_id = self.env["spp.oauth.role"]
        self.assertFalse(form.attendance_location_ids[:])

    def test_locations_are_needed_and_of_the_company(self):
        with self.assertRaises(ValidationError):
            self.officer_client(self.env["spp.attendance.location"])
        with self.assertRaises(UserError):
            self.officer_client(self.other_hall)
        client, _secret = self.officer_client(self.hall)
        with self.assertRaises(ValidationError):
            client.with_user(self.oauth_admin).attendance_location_ids = False

    def test_it_sees_its_locations_alone(self):
        client, _secret = self.officer_client(self.hall)
        locations = self.locations_of(client.user_id)
        self.assertEqual(locations.search([]), self.hall)
        client.with_user(self.oauth_admin).attendance_location_ids += self.open_site
        self.assertEqual(locations.search([]), self.hall + self.open_site)
        self.ingest(
            self.item(location="HALL"),
            self.item("T-2", location="CLOSED"),
            self.item("T-3"),
        )
        records = self.records_of(client.user_id).search([])
        self.assertEqual(records.location_id, self.hall)
        self.assertEqual(len(records), 1)

    def test_it_records_at_its_locations_alone(self):
        client, _secret = self.officer_client(self.hall)
        for location, code in (
            ("HALL", None),
            ("OPEN", "unknown_location"),
            ("CLOSED", "unknown_location"),
        ):
            with self.subTest(location):
                [outcome] = self.ingest(
                    self.item(location=location), user=client.user_id
                )
                self.assertEqual(outcome.code or None, code)
        [outcome] = self.ingest(self.item("T-2"), user=client.user_id)
        self.assertEqual(outcome.status, "rejected", "no location is none of its own")

    def test_people_who_are_officers_work_as_before(self):
        self.officer_client(self.hall)
        found = self.locations_of(self.officer).search([])
        self.assertLessEqual(self.hall + self.open_site, found)
        self.assertNotIn(self.closed_site, found)

    def test_api_administrators_see_all_locations_and_change_none(self):
        found = self.locations_of(self.oauth_admin).search([])
        self.assertLessEqual(self.hall + self.closed_site, found)
        with self.assertRaises(AccessError):
            found[0].name = "X"
        with self.assertRaises(AccessError):
            self.hall.with_user(self.manager).read(["client_ids"])
        # one who is an officer, too, gets no more than an officer has
        both = new_test_user(
            self.env,
            "test-attendance-both",
            groups="spp_oauth.spp_oauth_group_admin,"
            "spp_attendance.spp_attendance_group_officer",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        self.ingest(self.item(location="CLOSED"))
        self.assertFalse(self.records_of(both).search([]))


@tagged("post_install", "-at_install")
class TestOfficerOverHttp(HttpCase, ClientCase):
    def test_officer_like_client(self):
        client, secret = self.officer_client(self.hall)
        response = self.url_open(
            "/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client.client_id,
                "client_secret": secret,
            },
        )
        self.assertEqual(response.status_code, 200, response.text)
        headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
        response = self.url_open(
            RECORDS,
            json={
                "records": [
                    self.item(location="HALL"),
                    self.item("T-2", location="OPEN"),
                ]
            },
            headers=headers,
        )
        self.assertEqual(response.status_code, 207, response.text)
        statuses = [result["status"] for result in response.json()["results"]]
        self.assertEqual(statuses, ["created", "rejected"])
        self.ingest(self.item("T-3", location="OPEN"))
        response = self.url_open(RECORDS, headers=headers)
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(len(response.json()["items"]), 1)
