import base64
import json
from datetime import UTC, datetime, timedelta

from odoo.tests import HttpCase

from .common import AttendanceCase

BASE = "/attendance"
TENANT = "pb.amritsar"
DAY = 24 * 60 * 60 * 1000


def ms(*moment):
    """Epoch milliseconds of a moment in UTC."""
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def now():
    return int(datetime.now(UTC).timestamp() * 1000)


class DigitCase(HttpCase, AttendanceCase):
    """An app of the first company, which is a tenant, and a register of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.attendance_tenant_code = TENANT
        cls.other_company.attendance_tenant_code = "pb.jalandhar"
        cls.app, cls.app_key = cls._new_app("App")
        cls.rival, cls.rival_key = cls._new_app("Rival")
        cls.gateway, cls.gateway_key = cls._new_app("Gateway", gateway=True)
        cls.start, cls.end = now() - 10 * DAY, now() + 10 * DAY

    @classmethod
    def _new_app(cls, name, gateway=False):
        """A client and its secret."""
        scopes = ["attendance:read", "attendance:write"]
        if gateway:
            scopes.append("digit:gateway")
        client, secret = (
            cls.env["spp.oauth.client"]
            .with_company(cls.company)
            ._new_client(
                name, scopes, company_id=cls.company.id, is_trusted_gateway=gateway
            )
        )
        client.rate_limit = 1_000_000
        return client, secret

    def setUp(self):
        super().setUp()
        self.token = self.token_of(self.app, self.app_key)

    def token_of(self, client, secret):
        basic = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
        response = self.url_open(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        )
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["access_token"]

    @property
    def rival_token(self):
        return self.token_of(self.rival, self.rival_key)

    @property
    def gateway_token(self):
        return self.token_of(self.gateway, self.gateway_key)

    def key_of(self, user):
        """An API key, with which a person calls."""
        tomorrow = datetime.now() + timedelta(days=1)
        keys = self.env["res.users.apikeys"].with_user(user)
        return keys._generate("rpc", "DIGIT", tomorrow)

    @staticmethod
    def uuid_of(client):
        return client.user_id.attendance_uuid

    # ----------------------------------------------------------------- calls

    def info(self, **more):
        return {"apiId": "app", "ver": "1.0", "ts": 1, "msgId": "m-1", **more}

    def user_info(self, uuid="gate-user", roles=(), **more):
        """What a gateway says of its user."""
        return {
            "userInfo": {
                "uuid": uuid,
                "name": "Gate User",
                "roles": [{"code": code} for code in roles],
                **more,
            }
        }

    def send(self, path, body, token=None):
        """An answer, whatever its status.

        :param token: "" for none in the header
        """
        headers = {"Content-Type": "application/json"}
        if token != "":
            headers["Authorization"] = f"Bearer {token or self.token}"
        if not isinstance(body, str | bytes):
            body = json.dumps(body)
        return self.url_open(
            BASE + path, data=body, headers=headers, method="POST", timeout=60
        )

    def call(self, path, token=None, info=None, **content):
        body = {"RequestInfo": self.info(**(info or {})), **content}
        return self.send(path, body, token)

    def ok(self, path, token=None, info=None, **content):
        response = self.call(path, token, info, **content)
        self.assertEqual(response.status_code, 200, response.text)
        answer = response.json()
        self.assertEqual(answer["ResponseInfo"]["status"], "successful")
        return answer

    def assertRefused(self, response, *faults, status=400):
        """:param faults: pairs of code and message, in any order"""
        self.assertEqual(response.status_code, status, response.text)
        body = response.json()
        self.assertIsNone(body["ResponseInfo"])
        told = [(error["code"], error["message"]) for error in body["Errors"]]
        self.assertEqual(sorted(told), sorted(faults))
        self.assertNotIn("Set-Cookie", response.headers)

    # ------------------------------------------------------------- registers

    def register(self, **changes):
        """A register as an app sends it; what is None is left out."""
        values = {
            "tenantId": TENANT,
            "name": "Road works",
            "referenceId": "WO-1",
            "serviceCode": "WORKS-CONTRACT",
            "startDate": self.start,
            "endDate": self.end,
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    def new_register(self, token=None, info=None, **changes):
        answer = self.ok(
            "/v1/_create", token, info, attendanceRegister=[self.register(**changes)]
        )
        return answer["attendanceRegister"][0]

    def search(self, query="", token=None, info=None):
        return self.ok(f"/v1/_search?tenantId={TENANT}&{query}", token, info)

    def stored(self, register):
        """The register's record."""
        self.env.invalidate_all()
        model = self.env["spp.attendance.register"].with_context(active_test=False)
        return model.search([("uuid", "=", register["id"])])

    def attendee(self, register, person=None, **changes):
        values = {
            "tenantId": TENANT,
            "registerId": register["id"],
            "individualId": (person or self.amina).uuid,
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    def staff(self, register, uuid=None, **changes):
        values = {
            "tenantId": TENANT,
            "registerId": register["id"],
            "userId": uuid or self.officer.attendance_uuid,
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}
