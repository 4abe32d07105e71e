from contextlib import contextmanager

from odoo import api
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import SQL

from odoo.addons.spp_oauth.tests.quick import hash_quickly, share_routes_and_keys


class AttendanceCase(TransactionCase):
    """Two companies, each with a location and people; one user a role in the first."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        share_routes_and_keys(cls)
        hash_quickly(cls)
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.company = cls.env["res.company"].create(
            {"name": "North", "attendance_tz": "Africa/Nairobi"}
        )
        cls.other_company = cls.env["res.company"].create(
            {"name": "South", "attendance_tz": "Africa/Accra"}
        )
        cls.env.user.company_ids += cls.company + cls.other_company
        cls.env = cls.env(
            context={
                **cls.env.context,
                "allowed_company_ids": [cls.company.id, cls.other_company.id],
            }
        )
        cls.company = cls.company.with_env(cls.env)
        cls.other_company = cls.other_company.with_env(cls.env)

        cls.officer = cls._new_user("officer", "officer")
        cls.manager = cls._new_user("manager", "manager")
        cls.admin = cls._new_user("admin", "admin")
        cls.internal = cls._new_user("internal")
        cls.api_user = cls.env["res.users"].create(
            {
                "name": "App",
                "login": "test-attendance-app",
                "company_id": cls.company.id,
                "company_ids": cls.company.ids,
                "group_ids": cls.env.ref("spp_attendance.spp_attendance_group_api").ids,
            }
        )

        locations = cls.env["spp.attendance.location"]
        cls.hall = locations.create(
            {
                "name": "Hall",
                "code": "HALL",
                "tz": "Africa/Nairobi",
                "company_id": cls.company.id,
            }
        )
        cls.closed_site = locations.create(
            {
                "name": "Closed site",
                "code": "CLOSED",
                "tz": "Asia/Kathmandu",
                "company_id": cls.company.id,
                "officer_ids": cls.manager.ids,
            }
        )
        cls.other_hall = locations.create(
            {
                "name": "Hall",
                "code": "HALL",
                "tz": "Africa/Accra",
                "company_id": cls.other_company.id,
            }
        )
        cls.training = cls.env["spp.attendance.type"].create(
            {"name": "Workshop", "code": "TRN-TEST"}
        )
        cls.amina, cls.joseph, cls.grace = cls.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": identifier,
                    "family_name": family,
                    "given_name": given,
                    "company_id": cls.company.id,
                }
                for identifier, family, given in (
                    ("T-1", "Okafor", "Amina"),
                    ("T-2", "Mwangi", "Joseph"),
                    ("T-3", "Diallo", "Grace"),
                )
            ]
        )
        cls.stranger = cls.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-1",
                "family_name": "Sow",
                "company_id": cls.other_company.id,
            }
        )
        cls.participant = cls._new_user("participant", "participant", portal=True)
        cls.participant.partner_id.company_id = cls.company
        cls.participant_subscriber = cls.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-4",
                "partner_id": cls.participant.partner_id.id,
                "company_id": cls.company.id,
            }
        )

    @classmethod
    def _new_user(cls, login, role=None, portal=False):
        groups = ["base.group_portal" if portal else "base.group_user"]
        if role:
            groups.append(f"spp_attendance.spp_attendance_group_{role}")
        return new_test_user(
            cls.env,
            login=f"test-attendance-{login}",
            groups=",".join(groups),
            # nobody reads the invitation, which takes as long as the user does
            context={"no_reset_password": True},
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
        )

    def records_of(self, user):
        """The record model as a user sees it in his company."""
        return (
            self.env["spp.attendance.record"]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )

    def ingest(self, *items, user=None, **kwargs):
        """Outcomes of a batch, as the API's service user unless told otherwise."""
        return self.records_of(user or self.api_user)._ingest(list(items), **kwargs)

    def fill_records(self):
        """Thousands of records, most of the other company, known to the planner.

        Of a table with few rows one index costs as much as another.
        """
        self.env.flush_all()
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_record (
                subscriber_id, company_id, active, tz, category, scan_type, source,
                date_time, write_date, local_date, local_time)
            SELECT p.id, p.company_id, TRUE, 'UTC', 'present', 'in', 'manual',
                   at, at, at::date, to_char(at, 'HH24:MI:SS')
              FROM (SELECT TIMESTAMP '2026-08-01' - n * INTERVAL '1 hour' AS at
                      FROM generate_series(1, 3000) n) moment,
                   spp_attendance_subscriber p
             WHERE p.id = %s OR p.id = %s AND EXTRACT(hour FROM at) = 8
            """,
            [self.stranger.id, self.amina.id],
        )
        self.env.cr.execute("ANALYZE spp_attendance_record")

    @staticmethod
    def item(person="T-1", date_time="2026-09-01T08:00:00", **values):
        return {"person_identifier": person, "date_time": date_time, **values}


class RealCase(TransactionCase):
    """With real transactions: what one commits, another one sees.

    The test's own transaction must lock nothing, or the real ones would wait for it.
    There is a company of its own, ``company_id``.
    """

    #: Tables with rows of the company that nobody but SQL deletes.
    emptied = ("spp_attendance_record",)

    def setUp(self):
        super().setUp()
        self._made = []
        with self.transaction() as env:
            self.company_id = env["res.company"].create({"name": "Real"}).id
        self.addCleanup(self._remove)

    @contextmanager
    def transaction(self):
        with self.registry.cursor() as cr:
            cr.execute("SET LOCAL lock_timeout = '10s'")  # a failure, not a hang
            yield api.Environment(cr, api.SUPERUSER_ID, {"tracking_disable": True})

    def make(self, env, model, *vals):
        """Records that are removed when the test is over, the last ones first.

        Their users and contacts are, too.
        """
        records = env[model].create(list(vals))
        self._made.append((model, records.ids))
        return records

    def _remove(self):
        with self.transaction() as env:
            for table in self.emptied:
                env.cr.execute(
                    SQL(
                        "DELETE FROM %s WHERE company_id = %s",
                        SQL.identifier(table),
                        self.company_id,
                    )
                )
            company = env["res.company"].browse(self.company_id)
            made = [env[model].browse(ids) for model, ids in reversed(self._made)]
            users = env["res.users"].union(
                *(records.user_id for records in made if "user_id" in records._fields)
            )
            rows = [*made, users, company]
            contacts = env["res.partner"].union(
                *(
                    records.partner_id
                    for records in rows
                    if "partner_id" in records._fields
                )
            )
            for records in (*rows, contacts):
                records.unlink()
