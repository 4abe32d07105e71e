from datetime import UTC, datetime

from .common_api import ApiCase

TENANT = "pb.amritsar"


def ms(text):
    """Milliseconds of an instant in UTC, such as ``2026-09-10 08:00:00.250``."""
    instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)


MORNING = ms("2026-09-10 08:00:00")
EVENING = ms("2026-09-10 17:00:00")


class DigitLogCase(ApiCase):
    """An app on the staff of a register of September 2026, with two people on it.

    Amina is enrolled all the time, Joseph until the 9th and again from the 20th on;
    Grace never was.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.attendance_tenant_code = TENANT
        cls.app = cls.client.user_id
        cls.register = cls._new_register("Road works")
        cls._enrol(cls.register, cls.amina, ("2026-09-01 00:00:00", False))
        cls._enrol(
            cls.register,
            cls.joseph,
            ("2026-09-01 00:00:00", "2026-09-09 12:00:00"),
            ("2026-09-20 00:00:00", False),
        )

    @classmethod
    def _new_register(cls, name, staff=True, **values):
        register = cls.env["spp.attendance.register"].create(
            {
                "name": name,
                "company_id": cls.company.id,
                "reference": name,
                "service_code": "WORKS-CONTRACT",
                "start_at": "2026-09-01 00:00:00",
                "end_at": "2026-09-30 20:59:59",
                **values,
            }
        )
        if staff:
            cls._staff(register, user_id=cls.app.id)
        return register

    @classmethod
    def _staff(cls, register, **values):
        return cls.env["spp.attendance.register.staff"].create(
            {
                "register_id": register.id,
                "enrolled_at": "2020-01-01 00:00:00",
                **values,
            }
        )

    @classmethod
    def _enrol(cls, register, person, *intervals):
        return cls.env["spp.attendance.register.attendee"].create(
            {
                "register_id": register.id,
                "subscriber_id": person.id,
                "interval_ids": [
                    (0, 0, {"start_at": start, "end_at": end})
                    for start, end in intervals
                ],
            }
        )

    def log(self, person=None, **values):
        return {
            "tenantId": TENANT,
            "registerId": self.register.uuid,
            "individualId": (person or self.amina).uuid,
            "type": "ENTRY",
            "time": MORNING,
            **values,
        }

    def post(self, path, logs=None, info=None, params="", **body):
        """The answer to a call of the log service."""
        if logs is not None:
            body["attendance"] = logs
        return self.url_open(
            f"/attendance/log/v1/{path}" + (f"?{params}" if params else ""),
            json={"RequestInfo": info or {"apiId": "app", "msgId": "m-1"}, **body},
            method="POST",
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def ok(self, path, logs=None, **kwargs):
        """The logs of an answer that is good."""
        response = self.post(path, logs, **kwargs)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["attendance"]

    def refused(self, path, logs, *errors, **kwargs):
        """Codes and messages of an answer that is none."""
        response = self.post(path, logs, **kwargs)
        self.assertEqual(response.status_code, 400, response.text)
        body = response.json()
        self.assertIsNone(body["ResponseInfo"])
        self.assertEqual(
            [(error["code"], error["message"]) for error in body["Errors"]],
            list(errors),
        )

    def search(self, **criteria):
        """Logs of the register, by criteria in the body."""
        return self.ok(
            "_search",
            {"tenantId": TENANT, "registerId": self.register.uuid, **criteria},
        )

    def records(self):
        """All on registers of the case's companies: demo data has others."""
        companies = self.company + self.other_company
        return (
            self.env["spp.attendance.record"]
            .with_context(active_test=False)
            .search([("register_id.company_id", "in", companies.ids)], order="id")
        )
