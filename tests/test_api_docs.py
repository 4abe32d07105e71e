"""Who writes an app reads the documentation and tries it, in a real browser."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from chromium import chromium
from oauth_admin import Client, OAuthAdmin
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from playwright.sync_api import Page, expect
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCS = "/api/attendance/docs"
DOCUMENT = "/api/attendance/openapi.json"
LIBRARY = Path(__file__).parents[1] / "spp_oauth/static/lib/swagger-ui"
PHONE = {"width": 375, "height": 812}


@pytest.fixture(scope="module")
def admin(server) -> OAuthAdmin:
    admin = OAuthAdmin(server)
    admin.session.call(
        "spp.attendance.subscriber",
        "create",
        [{"person_identifier": "P-0001", "name": "Amina Odhiambo"}],
    )
    return admin


@pytest.fixture(scope="module")
def client(admin: OAuthAdmin) -> Client:
    return admin.new_client("attendance:read", "attendance:write")


class Browser:
    """A page, with all that it asked for and all that it complained about."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self._host = host
        page.on("request", lambda request: self._note(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)

    def _note(self, url: str) -> None:
        if (
            not url.startswith(("data:", "blob:"))
            and urlsplit(url).netloc != self._host
        ):
            self.elsewhere.append(url)

    def _listen(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def width(self) -> int:
        """How wide the page is: more than its window, and it scrolls sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth")


@pytest.fixture(params=[None, PHONE], ids=["desk", "phone"])
def browser(server, request) -> Iterator[Browser]:
    with chromium() as program:
        context = program.new_context(viewport=request.param)
        browser = Browser(context.new_page(), urlsplit(server.url).netloc)
        yield browser
        # Whatever happened on the page: it asked nobody else and nothing went wrong.
        assert browser.elsewhere == []
        assert browser.complaints == []


def operation(page: Page, name: str):
    return page.locator(f"[id$=-{name}].opblock")


def test_the_document_is_valid_and_public(admin: OAuthAdmin) -> None:
    answer = requests.get(admin.url + DOCUMENT, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    OpenAPIV31SpecValidator(document).validate()
    assert {
        "/api/attendance/records",
        "/api/attendance/health",
        "/api/attendance/metrics",
        "/api/oauth/whoami",
        "/oauth2/token",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/jwks",
    } <= document["paths"].keys()

    # It is small and stays the same, so it need not be sent twice.
    again = requests.get(
        admin.url + DOCUMENT,
        headers={"If-None-Match": answer.headers["ETag"]},
        timeout=30,
    )
    assert (again.status_code, again.content) == (304, b"")


def test_examples_are_what_the_schemas_say(admin: OAuthAdmin) -> None:
    document = requests.get(admin.url + DOCUMENT, timeout=30).json()
    seen = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            problems = list(_validator(document, schema).iter_errors(example))
            assert not problems, (name, problems)
            seen += 1
    for name, response in document["components"]["responses"].items():
        for content in response["content"].values():
            validator = _validator(document, content["schema"])
            problems = list(validator.iter_errors(content["example"]))
            assert not problems, (name, problems)
            seen += 1
    assert seen > 10


def _validator(document: dict, schema: dict):
    """A JSON Schema validator, for schemas that refer to others of the document."""
    resource = DRAFT202012.create_resource(document)
    registry = Registry().with_resource("urn:document", resource)
    return OAS31Validator(_absolute(schema), registry=registry)


def _absolute(node):
    if isinstance(node, dict):
        return {
            key: "urn:document" + value if key == "$ref" else _absolute(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_absolute(value) for value in node]
    return node


def test_the_page_serves_what_is_ours_and_nothing_else(admin: OAuthAdmin) -> None:
    answer = requests.get(admin.url + DOCS, timeout=30)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]{20,})';", policy)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.count("<script") == answer.text.count(f'nonce="{nonce}" src="')
    assert nonce not in requests.get(admin.url + DOCS, timeout=30).text

    assets = re.findall(r'(?:src|href)="([^"]+/docs/[^"]+)"', answer.text)
    types = {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "png": "image/png",
    }
    assert len(assets) == 5
    for path in assets:
        asset = requests.get(admin.url + path, timeout=30)
        assert asset.status_code == 200
        assert asset.headers["Content-Type"] == types[path.rpartition(".")[2]]
        assert "immutable" in asset.headers["Cache-Control"]
        assert "public" in asset.headers["Cache-Control"]
        assert asset.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in asset.headers
        plain = requests.get(
            admin.url + path, headers={"Accept-Encoding": "identity"}, timeout=30
        )
        assert "Content-Encoding" not in plain.headers
        assert plain.content == asset.content
        assert "Accept-Encoding" in asset.headers["Vary"]
    [bundle] = [path for path in assets if path.endswith("swagger-ui.js")]
    packed = requests.get(admin.url + bundle, timeout=30)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < len(packed.content) / 3

    folder = assets[0].rpartition("/")[0]
    for name in (
        "README.md",
        "..%2fREADME.md",
        "..%2f..%2f..%2f__manifest__.py",
        "%2fetc%2fpasswd",
        "....//docs.js",
        "docs.js%00",
        "",
    ):
        bad = requests.get(f"{admin.url}{folder}/{name}", timeout=30)
        assert bad.status_code == 404, name
        assert bad.headers["Content-Type"] == "application/json"
    bad = requests.get(f"{admin.url}{DOCS}/0/docs.js", timeout=30)
    assert bad.status_code == 404


def test_swagger_ui_is_as_its_makers_published_it() -> None:
    lines = (LIBRARY / "SHA256SUMS").read_text().splitlines()
    sums = {name: total for total, name in map(str.split, lines)}
    assert "swagger-ui-bundle.js" in sums
    for name, total in sums.items():
        file = LIBRARY / name
        packed = file.with_name(f"{name}.gz")
        content = (
            gzip.decompress(packed.read_bytes())
            if packed.exists()
            else file.read_bytes()
        )
        assert hashlib.sha256(content).hexdigest() == total, name


def test_an_app_is_authorised_and_a_call_is_tried(
    browser: Browser, client: Client, admin: OAuthAdmin
) -> None:
    page = browser.page
    page.goto(admin.url + DOCS)
    expect(page).to_have_title("Attendance API")
    expect(page.locator(".info")).to_contain_text("Who attended what, when and where")
    sections = page.locator("h3.opblock-tag")
    expect(sections).to_contain_text(["Records", "OAuth", "Operations"])
    window = page.viewport_size["width"]
    assert browser.width() <= window

    # Only the two ways in that a page can offer.
    page.locator(".scheme-container .authorize").click()
    dialog = page.locator(".modal-ux")
    expect(dialog.locator("h4")).to_contain_text(["userKey", "oauth2"])
    expect(dialog.locator("h4")).to_have_count(2)
    dialog.locator("#client_id_clientCredentials").fill(client.client_id)
    dialog.locator("#client_secret_clientCredentials").fill(client.secret)
    dialog.locator(".auth-container", has_text="oauth2").locator(
        ".auth-btn-wrapper .authorize"
    ).click()
    expect(dialog.get_by_text("Logout")).to_be_visible()
    dialog.locator(".btn-done").first.click()

    # One is recorded ...
    create = operation(page, "create_records")
    create.locator(".opblock-summary-control").click()
    create.get_by_role("button", name="Try it out").click()
    expect(create.locator("textarea")).to_have_value(re.compile("app-1-000017"))
    # (On the other window it is there already: a retry, which answers as well.)
    create.locator("textarea").fill(
        '{"records": [{"person_identifier": "P-0001", "external_id": "docs-1",'
        ' "date_time": "2026-09-01T08:00:00+03:00"}]}'
    )
    create.get_by_role("button", name="Execute").click()
    answer = create.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text(re.compile('"status": "(created|duplicate)"'))

    # ... and read.
    read = operation(page, "list_records")
    read.locator(".opblock-summary-control").click()
    read.get_by_role("button", name="Try it out").click()
    read.get_by_role("button", name="Execute").click()
    answer = read.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text("Amina Odhiambo")
    assert browser.width() <= window

    # A link leads to one operation. After loading again nobody is authorised: the
    # secret was kept nowhere.
    assert page.url.endswith("#/Records/list_records")
    page.reload()
    opened = operation(page, "list_records")
    expect(opened.locator(".opblock-body")).to_be_visible()
    opened.get_by_role("button", name="Try it out").click()
    browser.complaints.clear()
    opened.get_by_role("button", name="Execute").click()
    answer = opened.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status")).to_contain_text("401")
    # Chromium reports it, and it is what is expected here.
    assert [text for text in browser.complaints if "401" not in text] == []
    browser.complaints.clear()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.context.cookies() == []
