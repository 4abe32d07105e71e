import re

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import AttendanceCase

READ, WRITE, CREATE = "read", "write", "create"

ROLES = (
    "internal",
    "participant",
    "head",
    "officer",
    "manager",
    "admin",
    "api",
    "registry",
)
OPERATIONS = {"r": READ, "w": WRITE, "c": CREATE, "u": "unlink"}
#: Model to what each of ROLES may do: with how many of the rows that ``_rows_of`` makes
#: for its company, and which operation by its first letter. What is not named is
#: forbidden whatever the row, and nothing at all is allowed with another company's.
MATRIX = {
    model: dict(zip(ROLES, cells.replace(" ", "").split("|"), strict=True))
    for model, cells in {
        "spp.attendance.subscriber": (
            "- | 1r | 1r | 4r4w4c | 4r4w4c | 4r4w4c | 4r | 4r4w4c"
        ),
        "spp.attendance.subscriber.alias": "- | - | 1r | 2r | 2r | 2r | 2r | 2r",
        "spp.attendance.department": (
            "- | 2r | 2r | 2r | 2r2w2c2u | 2r2w2c2u | 2r | 2r2w2c"
        ),
        "spp.attendance.location": (
            "- | 2r | 2r | 1r | 2r2w2c2u | 2r2w2c2u | 2r | 2r2w2c"
        ),
        # One is its company's own, one is shared by all.
        "spp.attendance.type": ("- | 2r | 2r | 2r | 2r2w2c2u | 2r2w2c2u | 2r | 2r1w1c"),
        "spp.attendance.record": (
            "- | 1r | 2r | 2r2w2c | 3r3w3c | 3r3w3c | 3r3w3c | 3r3w3c"
        ),
        "spp.attendance.record.change": "- | 1r | 2r | 2r | 3r | 3r | 3r | 3r",
        "spp.attendance.event": ("- | - | - | 1r1w1c | 2r2w2c2u | 2r2w2c2u | - | -"),
        "spp.attendance.event.line": (
            "- | - | - | 1r1w1c1u | 2r2w2c2u | 2r2w2c2u | - | -"
        ),
        "spp.attendance.event.mark": "- | - | - | 1r | 2r | 2r | - | -",
        "spp.attendance.event.report": "- | - | - | 1r | 2r | 2r | - | -",
        "spp.attendance.import.source": "- | - | - | - | 1r1w1c1u | 1r1w1c1u | - | -",
        "spp.attendance.import.mapping": "- | - | - | - | 1r1w1c1u | 1r1w1c1u | - | -",
        "spp.attendance.import": "- | - | - | - | 1r | 1r | - | -",
        "spp.attendance.import.line": "- | - | - | - | 1r | 1r | - | -",
        "spp.attendance.log.queue": "- | - | - | - | 1r | 1r | - | -",
        # What the live feed keeps is for the server alone.
        "spp.attendance.live.channel": "- | - | - | - | - | - | - | -",
        "spp.attendance.live.queue": "- | - | - | - | - | - | - | -",
        "spp.attendance.kiosk": "- | - | - | 1r | 2r | 2r2w2c2u | - | -",
        "spp.attendance.kiosk.refusal": "- | - | - | 1r | 2r | 2r | - | -",
        "spp.attendance.report": "- | - | 2r | 2r | 3r | 3r | - | -",
        "spp.attendance.absentee": "- | - | 1r | 1r | 2r | 2r | - | -",
        "spp.attendance.sheet": "- | - | - | - | - | 1r | - | -",
        "spp.attendance.settings": "- | - | - | - | - | 1r1w1c | - | -",
        "spp.attendance.conflict": "- | - | - | - | - | 1r1w1c1u | - | -",
        # An officer is on the staff of one of two.
        "spp.attendance.register": (
            "- | - | - | 1r1w2c | 2r2w2c2u | 2r2w2c2u | 2r0w2c | 2r0w2c"
        ),
        **dict.fromkeys(
            (
                "spp.attendance.register.attendee",
                "spp.attendance.register.interval",
                "spp.attendance.register.staff",
            ),
            "- | - | - | 1r1w1c | 2r2w2c2u | 2r2w2c2u | 2r0w0c | 2r0w0c",
        ),
        "spp.attendance.day": "- | 1r | 1r | 2r | 2r | 2r | 2r | 2r",
        "spp.attendance.day.run": "- | - | - | - | 1r1w1c1u | 1r1w1c1u | - | -",
        # What lanes share is for the server alone.
        "spp.attendance.day.queue": "- | - | - | - | - | - | - | -",
        "spp.attendance.day.person": "- | - | - | - | - | - | - | -",
        "spp.attendance.day.report": "- | - | 1r | 2r | 2r | 2r | - | -",
        "spp.attendance.shift": ("- | 1r | 1r | 1r | 1r1w1c1u | 1r1w1c1u | 1r | 1r"),
        "spp.attendance.shift.assignment": (
            "- | - | 1r | 1r | 1r1w1c1u | 1r1w1c1u | 1r | 1r"
        ),
        "spp.attendance.day.change": "- | 1r | 1r | 2r | 2r | 2r | 2r | 2r",
        "spp.attendance.correction": (
            "- | 1r1w1c | 1r1w1c | 2r2w2c | 2r2w2c | 2r2w2c | 2r2w2c | 2r2w2c"
        ),
        # Wizards: no rows to see, only who may open them.
        "spp.attendance.correction.refuse": (
            "- | - | 0r0w0c | - | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.day.edit": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.conflict.void": "- | - | - | - | - | 0r0w0c | - | -",
        "spp.attendance.day.follow.up": (
            "- | - | 0r0w0c | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.event.expect": ("- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -"),
        "spp.attendance.kiosk.link": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.kiosk.renew": "- | - | - | - | - | 0r0w0c | - | -",
        "spp.attendance.kiosk.resolve": "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.portal.access": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.portal.access.line": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.record.export": (
            "- | - | 0r0w0c | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.record.void": "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.register.copy": (
            "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.register.enrol": (
            "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.register.staffing": (
            "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.register.unenrol": (
            "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.payroll.period": (
            "- | - | - | - | 1r1w1c1u | 1r1w1c1u | 1r | 1r"
        ),
        "spp.attendance.payroll.line": "- | - | - | - | 2r | 2r | 2r | 2r",
        "spp.attendance.payroll.person": "- | - | - | - | 2r | 2r | - | -",
        "spp.attendance.payroll.day": "- | - | - | - | 2r | 2r | - | -",
        "spp.attendance.payroll.close": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.payroll.reopen": "- | - | - | - | - | 0r0w0c | - | -",
        "spp.attendance.shift.assign": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.sheet.print": (
            "- | - | 0r0w0c | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
        "spp.attendance.subscriber.merge": "- | - | - | - | 0r0w0c | 0r0w0c | - | -",
        "spp.attendance.subscriber.register": (
            "- | - | - | 0r0w0c | 0r0w0c | 0r0w0c | - | -"
        ),
    }.items()
}


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestAccess(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        cls.registry_app = cls.env["res.users"].create(
            {
                "name": "Registry",
                "login": "test-attendance-registry",
                "company_id": cls.company.id,
                "company_ids": cls.company.ids,
                "group_ids": cls.env.ref(
                    "spp_attendance.spp_attendance_group_api_registry"
                ).ids,
            }
        )
        cls.users = {
            "internal": cls.internal,
            "participant": cls.participant,
            "head": cls.head,
            "officer": cls.officer,
            "manager": cls.manager,
            "admin": cls.admin,
            "api": cls.api_user,
            "registry": cls.registry_app,
        }
        other_closed = cls.env["spp.attendance.location"].create(
            {
                "name": "Closed site",
                "company_id": cls.other_company.id,
                "tz": "Africa/Accra",
                "officer_ids": cls.env.user.ids,
            }
        )
        cls.rows = cls._rows_of(
            cls.company,
            cls.amina + cls.joseph + cls.grace + cls.participant_subscriber,
            cls.hall + cls.closed_site,
            cls.head,
        )
        cls.rows["spp.attendance.type"] += cls.training
        cls.foreign_rows = cls._rows_of(
            cls.other_company,
            cls.stranger,
            cls.other_hall + other_closed,
            cls.env.user,
        )

    @classmethod
    def _rows_of(cls, company, people, locations, head):
        """Rows of every model in a company: ``{model name: records}``.

        :param people: the first is of the department of ``head``, the last one takes
            part himself
        :param locations: one for all officers, one for others than ours
        """
        env = cls.env(context={**cls.env.context, "allowed_company_ids": company.ids})
        open_site, closed_site = locations.with_env(env)
        first, last = people[0].with_env(env), people[-1].with_env(env)
        company = company.with_env(env)
        company.attendance_absences_in_row = 1
        departments = env["spp.attendance.department"].create(
            [{"name": "Field", "head_id": head.id}, {"name": "Office"}]
        )
        first.department_id = departments[0]
        if last != first:
            last.department_id = departments[1]
        records = env["spp.attendance.record"].create(
            [
                {
                    "subscriber_id": first.id,
                    "location_id": open_site.id,
                    "local_date": "2026-09-01",
                },
                {
                    "subscriber_id": first.id,
                    "location_id": closed_site.id,
                    "local_date": "2026-09-02",
                    "category": "absent",
                },
                {
                    "subscriber_id": last.id,
                    "local_date": "2026-09-03",
                    "category": "absent",
                },
            ]
        )
        for record in records:
            record.description = "Corrected"
        events = env["spp.attendance.event"].create(
            [
                {"name": "Meeting", "location_id": location.id}
                for location in (open_site, closed_site)
            ]
        )
        lines = env["spp.attendance.event.line"].create(
            [{"event_id": event.id, "subscriber_id": first.id} for event in events]
        )
        source = env["spp.attendance.import.source"].create(
            {"name": "Registry", "mapping_ids": [(0, 0, {"field_name": "name"})]}
        )
        run = source._new_import(env.user)
        kiosks = env["spp.attendance.kiosk"].create(
            [
                {"name": "Door", "location_id": location.id}
                for location in (open_site, closed_site)
            ]
        )
        refusals = env["spp.attendance.kiosk.refusal"].create(
            [
                {
                    "kiosk_id": kiosk.id,
                    "company_id": company.id,
                    "location_id": kiosk.location_id.id,
                    "uuid": f"mark-{kiosk.id}",
                    "date_time": "2026-09-01 05:00:00",
                    "tz": kiosk.location_id.tz,
                    "category": "present",
                    "code": "unknown",
                }
                for kiosk in kiosks
            ]
        )
        officer = cls.officer if company in cls.officer.company_ids else head
        registers = env["spp.attendance.register"].create(
            [
                {
                    "name": "Works",
                    "date_start": "2026-09-01",
                    "staff_ids": [Command.create({"user_id": user.id})],
                    "attendee_ids": [
                        Command.create(
                            {
                                "subscriber_id": first.id,
                                "interval_ids": [
                                    Command.create({"start_at": "2026-09-01 05:00:00"})
                                ],
                            }
                        )
                    ],
                }
                for user in (officer, head)
            ]
        )
        settings = env["spp.attendance.settings"].create({})
        shift = env["spp.attendance.shift"].create({"name": "Night", "start": 22})
        days = env["spp.attendance.day"].create(
            [
                {
                    "subscriber_id": person.id,
                    "company_id": company.id,
                    "date": date,
                    "shift_id": shift.id,
                    "tz": "Africa/Nairobi",
                    "day_type": "working",
                    "status": "absent",
                }
                for person, date in ((first, "2026-09-01"), (last, "2026-09-02"))
            ]
        )
        env.flush_all()
        of_company = [("company_id", "=", company.id)]
        period = env["spp.attendance.payroll.period"].create(
            {
                "company_id": company.id,
                "date_from": "2026-09-01",
                "date_to": "2026-09-02",
            }
        )
        period._close(accepts_doubts=True)
        return {
            "spp.attendance.payroll.period": period,
            **{
                name: env[name].search([("period_id", "=", period.id)])
                for name in (
                    "spp.attendance.payroll.line",
                    "spp.attendance.payroll.person",
                    "spp.attendance.payroll.day",
                )
            },
            "spp.attendance.import.source": source,
            "spp.attendance.import.mapping": source.mapping_ids,
            "spp.attendance.import": run,
            "spp.attendance.import.line": env["spp.attendance.import.line"].create(
                {
                    "import_id": run.id,
                    "company_id": company.id,
                    "status": "rejected",
                }
            ),
            "spp.attendance.log.queue": env["spp.attendance.log.queue"].create(
                {"company_id": company.id, "kind": "create"}
            ),
            "spp.attendance.live.channel": env["spp.attendance.live.channel"]._open(
                head, company
            ),
            "spp.attendance.live.queue": env["spp.attendance.live.queue"].create(
                {
                    "model": "spp.attendance.record",
                    "res_ids": records.ids,
                    "at": "2026-09-10 12:00:00",
                }
            ),
            "spp.attendance.register": registers,
            "spp.attendance.register.attendee": registers.attendee_ids,
            "spp.attendance.register.interval": registers.attendee_ids.interval_ids,
            "spp.attendance.register.staff": registers.staff_ids,
            "spp.attendance.subscriber": people,
            "spp.attendance.subscriber.alias": env[
                "spp.attendance.subscriber.alias"
            ].create(
                [
                    {
                        "subscriber_id": person.id,
                        "person_identifier": f"WAS-{person.id}-{number}",
                    }
                    for number, person in enumerate((first, last))
                ]
            ),
            "spp.attendance.department": departments,
            "spp.attendance.location": locations,
            "spp.attendance.type": env["spp.attendance.type"].create(
                {"name": "Own kind", "company_id": company.id}
            ),
            "spp.attendance.record": records,
            "spp.attendance.record.change": records.change_ids,
            "spp.attendance.kiosk": kiosks,
            "spp.attendance.kiosk.refusal": refusals,
            "spp.attendance.event": events,
            "spp.attendance.event.line": lines,
            "spp.attendance.event.mark": env["spp.attendance.event.mark"].create(
                [
                    {"event_id": event.id, "entries": {"records": {}, "lines": []}}
                    for event in events
                ]
            ),
            "spp.attendance.event.report": env["spp.attendance.event.report"].search(
                of_company
            ),
            "spp.attendance.report": env["spp.attendance.report"].search(of_company),
            "spp.attendance.absentee": env["spp.attendance.absentee"].search(
                of_company
            ),
            "spp.attendance.sheet": env["spp.attendance.sheet"].search(of_company)
            or env["spp.attendance.sheet"].create({"company_id": company.id}),
            "spp.attendance.settings": settings,
            "spp.attendance.day": days,
            "spp.attendance.day.change": env["spp.attendance.day.change"].create(
                [
                    {
                        "subscriber_id": person.id,
                        "company_id": company.id,
                        "date": "2026-09-01",
                        "kind": "decided",
                    }
                    for person in (first, last)
                ]
            ),
            "spp.attendance.correction": env["spp.attendance.correction"].create(
                [
                    {
                        "subscriber_id": person.id,
                        "date": "2026-09-01",
                        "kind": "forgive",
                        "reason": "Bus",
                    }
                    for person in (first, last)
                ]
            ),
            "spp.attendance.day.report": env["spp.attendance.day.report"].search(
                of_company
            ),
            "spp.attendance.day.queue": env["spp.attendance.day.queue"].create(
                {"person": first.id}
            ),
            "spp.attendance.day.person": env["spp.attendance.day.person"].create(
                {
                    "subscriber_id": records.subscriber_id[:1].id,
                    "settled_until": "2026-09-01",
                }
            ),
            "spp.attendance.day.run": env["spp.attendance.day.run"].create(
                {"date_from": "2026-08-01", "date_to": "2026-08-02"}
            ),
            "spp.attendance.shift": shift,
            "spp.attendance.shift.assignment": env[
                "spp.attendance.shift.assignment"
            ].create({"subscriber_id": first.id, "shift_id": shift.id}),
            "spp.attendance.conflict": env["spp.attendance.conflict"].create(
                {
                    "settings_id": settings.id,
                    "subscriber_id": first.id,
                    "person_identifier": first.person_identifier,
                    "local_date": "2026-09-01",
                    "record_ids": records[:2].ids,
                }
            ),
        }

    def _as(self, role, records):
        user = self.users[role]
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    @staticmethod
    def _filtered(records, operation):
        """Those with which the user may do it."""
        allowed = records._filtered_access(operation)
        if records._auto or not allowed:
            return allowed
        # What is computed as it is read has no rules: it is made of what the user sees.
        return records.search([("id", "in", allowed.ids)])

    def test_the_matrix_has_every_model(self):
        """Who adds a model says who may do what with it."""
        models = {
            name
            for name, model in self.env.registry.items()
            if model._original_module == "spp_attendance" and not model._abstract
        }
        self.assertEqual(set(MATRIX), models)
        self.assertEqual(set(self.users), set(ROLES))
        without_rows = {
            model for model in models if model not in self.rows or not self.rows[model]
        }
        self.assertEqual(
            without_rows,
            {model for model, roles in MATRIX.items() if "0r0w0c" in roles.values()},
        )

    def test_matrix(self):
        for model, roles in MATRIX.items():
            rows = self.rows.get(model, self.env[model])
            for role, cell in roles.items():
                allowed = {op: int(n) for n, op in re.findall(r"(\d+)([rwcu])", cell)}
                mine = self._as(role, rows)
                for letter, operation in OPERATIONS.items():
                    with self.subTest(model=model, role=role, operation=operation):
                        self.assertEqual(
                            mine.browse().has_access(operation), letter in allowed
                        )
                        self.assertEqual(
                            len(self._filtered(mine, operation)),
                            allowed.get(letter, 0),
                        )
                if "r" in allowed:
                    with self.subTest(model=model, role=role, operation="search"):
                        found = mine.search([("id", "in", mine.ids)])
                        self.assertEqual(len(found), allowed["r"])

    def test_other_companies_are_out_of_sight(self):
        for model, foreign in self.foreign_rows.items():
            for role in ROLES:
                rows = self._as(role, foreign)
                for operation in OPERATIONS.values():
                    with self.subTest(model=model, role=role, operation=operation):
                        self.assertFalse(self._filtered(rows, operation))
                if rows.browse().has_access(READ):
                    with self.subTest(model=model, role=role, operation="search"):
                        self.assertFalse(rows.search([("id", "in", rows.ids)]))
                        if rows._auto:
                            with self.assertRaises(AccessError):
                                rows.read(["display_name"])

    def _begun(self, role, model_name):
        """A wizard that somebody has open, with as little in it as there can be."""
        model = self._as(role, self.env[model_name]).sudo()

        def fill(field):
            if field.type != "many2one":
                return "Something"
            name = field.comodel_name
            if name == "spp.attendance.portal.access":
                return self._begun(role, name).id
            return (self.rows.get(name) or self.amina.partner_id)[0].id

        given = model.default_get(list(model._fields))
        return model.create(
            {
                name: fill(field)
                for name, field in model._fields.items()
                if field.required and field.store and not field.related
                if field.type in ("char", "many2one") and not given.get(name)
            }
        )

    def test_what_somebody_is_in_the_middle_of_is_theirs(self):
        self.users["another"] = self._new_user("another-admin", "admin")
        wizards = {
            model
            for model in MATRIX
            if self.env[model]._transient and model not in self.rows
        }
        self.assertTrue(wizards)
        for model in wizards:
            with self.subTest(model=model):
                mine = self._begun("admin", model)
                own, others = self._as("admin", mine), self._as("another", mine)
                self.assertEqual(own.search([("id", "in", mine.ids)]), mine)
                self.assertFalse(others.search([("id", "in", mine.ids)]))
                for operation in (READ, WRITE):
                    self.assertTrue(own.has_access(operation))
                    self.assertFalse(others.has_access(operation))

    def test_nothing_is_moved_to_a_company_of_others(self):
        own_type = self.env["spp.attendance.type"].create(
            {"name": "Own", "company_id": self.company.id}
        )
        for role, record in (
            ("officer", self.grace),
            ("manager", self.grace),
            ("officer", self.grace.partner_id),
            ("manager", self.closed_site),
            ("manager", own_type),
        ):
            with (
                self.subTest(role=role, model=record._name),
                self.assertRaises(AccessError),
                self.env.cr.savepoint(),
            ):
                self._as(role, record).write({"company_id": self.other_company.id})

    def test_an_officer_of_both_companies_sees_both(self):
        self.officer.company_ids += self.other_company
        records = self._as("officer", self.foreign_rows["spp.attendance.record"])
        # Not what is at the location that is closed to him.
        self.assertEqual(len(records._filtered_access(READ)), 2)

    def test_participants_are_private_contacts(self):
        partners = (self.amina + self.joseph + self.participant_subscriber).partner_id
        for role, visible in (
            ("internal", self.env["res.partner"]),
            ("participant", self.participant.partner_id),
            ("head", self.amina.partner_id),
            ("api", partners),
            ("registry", partners),
            ("officer", partners),
            ("manager", partners),
        ):
            with self.subTest(role):
                seen = self._as(role, partners).search([("id", "in", partners.ids)])
                self.assertEqual(set(seen.ids), set(visible.ids))

    def test_what_belongs_to_a_participant_is_as_private(self):
        home = self.env["res.partner"].create(
            {"name": "Home", "parent_id": self.amina.partner_id.id, "type": "other"}
        )
        account = self.env["res.partner.bank"].create(
            {"acc_number": "TEST 17", "partner_id": self.amina.partner_id.id}
        )
        for record in (home, account):
            for role, visible in (("internal", 0), ("officer", 1)):
                with self.subTest(model=record._name, role=role):
                    seen = self._as(role, record)._filtered_access(READ)
                    self.assertEqual(len(seen), visible)

    def test_who_manages_contacts_needs_no_role_here(self):
        user = self._new_user("contacts")
        user.group_ids += self.env.ref("base.group_partner_manager")
        contact = self.env["res.partner"].create({"name": "A supplier"})
        contact.with_user(user).with_context(
            allowed_company_ids=self.company.ids
        ).company_id = self.company
        self.assertEqual(contact.company_id, self.company)

    def test_other_contacts_are_none_of_an_app_s_business(self):
        contact = self.env["res.partner"].create({"name": "A supplier"})
        self.assertFalse(self._as("api", contact).search([("id", "=", contact.id)]))
        self.assertTrue(self._as("internal", contact).search([("id", "=", contact.id)]))

    def test_a_colleague_who_takes_part_stays_a_colleague(self):
        self.manager.partner_id.company_id = self.company
        self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-20",
                "partner_id": self.manager.partner_id.id,
                "company_id": self.company.id,
            }
        )
        self.assertTrue(
            self._as("internal", self.manager.partner_id)._filtered_access(READ)
        )

    def test_no_hidden_way_in(self):
        """An officer can neither read nor write what is at a closed location."""
        closed = self.rows["spp.attendance.record"].filtered(
            lambda record: record.location_id == self.closed_site
        )
        as_officer = self._as("officer", closed)
        with self.assertRaises(AccessError):
            as_officer.read(["description"])
        with self.assertRaises(AccessError):
            as_officer.write({"description": "mine"})
        with self.assertRaises(AccessError):
            as_officer.create(
                {"subscriber_id": self.joseph.id, "location_id": self.closed_site.id}
            )

    def test_a_branch_does_not_see_its_parent_s_participants(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        officer = new_test_user(
            self.env,
            login="test-attendance-branch",
            groups="base.group_user,spp_attendance.spp_attendance_group_officer",
            company_id=branch.id,
            company_ids=[(6, 0, branch.ids)],
        )
        contact = self.env["res.partner"].create(
            {"name": "Plain", "company_id": self.company.id}
        )
        seen = (
            (self.amina.partner_id + contact)
            .with_user(officer)
            .with_context(allowed_company_ids=branch.ids)
            ._filtered_access(READ)
        )
        self.assertEqual(seen.ids, contact.ids)

    def test_an_officer_changes_no_other_contacts(self):
        contact = self.env["res.partner"].create(
            {"name": "A supplier", "company_id": self.company.id}
        )
        account = new_test_user(
            self.env, login="test-attendance-customer", groups="base.group_portal"
        )
        self._as("officer", self.amina.partner_id).write({"phone": "123"})
        self.assertEqual(self.amina.phone, "123")
        for partner in (contact, account.partner_id, self.company.partner_id):
            with self.subTest(partner.name), self.assertRaises(AccessError):
                self._as("officer", partner).write({"email": "mine@example.org"})
            with self.subTest(partner.name), self.assertRaises(AccessError):
                # Nor by making a participant of it, which would hide it from others.
                self._as("officer", self.amina).create(
                    {
                        "person_identifier": "T-30",
                        "partner_id": partner.id,
                        "email": "mine@example.org",
                    }
                )
        self.officer.group_ids += self.env.ref("base.group_partner_manager")
        self._as("officer", contact).write({"email": "office@example.org"})
        self.assertEqual(contact.email, "office@example.org")

    def test_an_officer_makes_no_participant_of_what_others_keep(self):
        """Since that would let him change it."""
        login = new_test_user(
            self.env,
            login="test-attendance-customer",
            groups="base.group_portal",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        former = new_test_user(
            self.env,
            login="test-attendance-former",
            groups="base.group_portal",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        former.active = False
        firm = self.env["res.partner"].create({"name": "A firm", "is_company": True})
        people = self._as("officer", self.amina).browse()
        others = (
            login.partner_id,
            former.partner_id,
            self.manager.partner_id,
            self.company.partner_id,
            firm,
        )
        for partner in others:
            with self.subTest(partner.name), self.assertRaises(AccessError):
                people.create({"person_identifier": "T-31", "partner_id": partner.id})
        self.officer.group_ids += self.env.ref("base.group_partner_manager")
        person = people.create(
            {"person_identifier": "T-31", "partner_id": login.partner_id.id}
        )
        self.assertEqual(person.partner_id, login.partner_id)

    # -------------------------------------------------------- heads, and registries

    def test_a_head_sees_what_is_below_his_department(self):
        field = self.rows["spp.attendance.department"][0]
        team, crew = self.env["spp.attendance.department"].create(
            [{"name": "Team", "parent_id": field.id}, {"name": "Crew"}]
        )
        crew.parent_id = team
        self.joseph.department_id = crew
        (outcome,) = self.ingest(self.item("T-2", location="CLOSED"))
        record = self.env["spp.attendance.record"].browse(outcome.id)
        for rows in (self.joseph, self.joseph.partner_id, record):
            with self.subTest(rows._name):
                self.assertTrue(self._as("head", rows)._filtered_access(READ))
        # A closed location is no secret from who sees the record.
        shown = self._as("head", record)
        self.assertEqual(shown.location_id.display_name, "Closed site")
        self.assertEqual(shown.subscriber_id.name, "Mwangi, Joseph")
        crew.parent_id = False
        for rows in (self.joseph, self.joseph.partner_id, record):
            with self.subTest(rows._name, moved="away"):
                self.assertFalse(self._as("head", rows)._filtered_access(READ))

    def test_a_head_loses_what_another_heads(self):
        self.rows["spp.attendance.department"][0].head_id = self.manager
        self.assertFalse(self._as("head", self.amina)._filtered_access(READ))

    def test_a_head_who_is_an_officer_writes_as_an_officer(self):
        """He sees his people wherever they were, and changes what officers may."""
        self.head.group_ids += self.env.ref(
            "spp_attendance.spp_attendance_group_officer"
        )
        open_record, closed_record, _nowhere = self._as(
            "head", self.rows["spp.attendance.record"]
        )
        self.assertTrue(closed_record.has_access(READ))
        open_record.description = "As an officer"
        with self.assertRaises(AccessError):
            closed_record.description = "As an officer"
        with self.assertRaises(AccessError):
            closed_record.browse().create(
                {"subscriber_id": self.amina.id, "location_id": self.closed_site.id}
            )

    def test_what_was_voided_is_seen_by_who_saw_it(self):
        records = self.rows["spp.attendance.record"]
        records._void("Entered twice")
        for model, rows in (
            ("spp.attendance.record", records),
            ("spp.attendance.record.change", records.change_ids),
        ):
            for role, number in (("participant", 1), ("head", 2), ("officer", 2)):
                with self.subTest(model=model, role=role):
                    seen = self._as(role, rows).with_context(active_test=False)
                    seen = seen.search([("id", "in", rows.ids)])
                    if model == "spp.attendance.record":
                        self.assertEqual(len(seen), number)
                    else:
                        self.assertEqual(
                            len(seen.filtered(lambda c: c.kind == "voided").record_id),
                            number,
                        )

    def test_an_app_keeps_the_registry(self):
        model = self._as("registry", self.env["spp.attendance.subscriber"])
        person = model.create(
            {"person_identifier": "T-40", "family_name": "Sow", "given_name": "Awa"}
        )
        self.assertEqual(person.company_id, self.company)
        person.write({"given_name": "Awa Marie", "phone": "+221 33 000 00 00"})
        self.assertEqual(person.partner_id.phone, "+221 33 000 00 00")
        self.amina.with_env(model.env).email = "amina@example.org"
        person.active = False
        with self.assertRaises(AccessError):
            person.unlink()

    def test_an_app_changes_no_other_contacts(self):
        contact = self.env["res.partner"].create(
            {"name": "A supplier", "company_id": self.company.id}
        )
        as_app = self._as("registry", contact)
        with self.assertRaises(AccessError):
            as_app.email = "mine@example.org"
        for partner in (contact, self.manager.partner_id):
            with self.subTest(partner.name), self.assertRaises(AccessError):
                as_app.env["spp.attendance.subscriber"].create(
                    {
                        "person_identifier": "T-41",
                        "partner_id": partner.id,
                        "email": "mine@example.org",
                    }
                )

    def test_a_plain_app_keeps_no_registry(self):
        for model, values in (
            ("spp.attendance.subscriber", {"person_identifier": "T-42"}),
            ("spp.attendance.type", {"name": "Mine"}),
            ("spp.attendance.location", {"name": "Mine"}),
            ("spp.attendance.department", {"name": "Mine"}),
        ):
            with self.subTest(model), self.assertRaises(AccessError):
                self._as("api", self.env[model]).create(values)
