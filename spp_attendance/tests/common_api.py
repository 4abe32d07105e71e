import base64

from odoo.tests import HttpCase

from .common import AttendanceCase

BASE = "/api/attendance"


class ApiCase(HttpCase, AttendanceCase):
    """An app of the first company, with all scopes that there are for it."""

    SCOPES = ("attendance:read", "attendance:write", "registry:write")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client, cls.secret = (
            cls.env["spp.oauth.client"]
            .with_company(cls.company)
            ._new_client("App", list(cls.SCOPES), company_id=cls.company.id)
        )

    def setUp(self):
        super().setUp()
        self.token = self._token(" ".join(self.SCOPES))

    def _token(self, scope):
        basic = base64.b64encode(
            f"{self.client.client_id}:{self.secret}".encode()
        ).decode()
        response = self.url_open(
            "/oauth2/token",
            data={"grant_type": "client_credentials", "scope": scope},
            headers={"Authorization": f"Basic {basic}"},
        )
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["access_token"]

    def _call(
        self, method, path, json=None, params=None, token=None, headers=None, **kwargs
    ):
        """An answer of the API, whatever its status.

        :param path: below the base of the API, such as ``/records``
        :param params: the query string
        """
        return self.url_open(
            BASE + path + (f"?{params}" if params else ""),
            json=json,
            method=method,
            headers={
                "Authorization": f"Bearer {token or self.token}",
                **(headers or {}),
            },
            **kwargs,
        )

    def _ok(self, method, path, json=None, params=None, status=200, **kwargs):
        """The body of an answer of the expected status."""
        response = self._call(method, path, json, params, **kwargs)
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def _all(self, path, params="", limit=2):
        """The items of all pages of a list."""
        items, cursor, pages = [], "", 0
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = self._ok("GET", path, params=f"limit={limit}&{params}{more}")
            items += page["items"]
            cursor = page["next"]
            pages += 1
            self.assertLess(pages, 100)
        return items
