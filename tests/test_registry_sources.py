"""Rows from a registry, page by page: its kinds of paging, sign-ins and faults."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from registry import Auth, DciSource, HttpConfig, HttpSource, Limits, Policy, Transport
from registry.dci import DCI_PATHS, dci_config
from registry.errors import (
    BadAnswer,
    ForbiddenAddress,
    InvalidConfig,
    Refused,
    RegistryError,
    RegistryTimeout,
    Rejected,
    ServerError,
    Unreachable,
)
from registry.mapping import FieldMap, map_row
from registry.sources import ATTEMPTS, LONGEST_WAIT, Page, Source
from registry_server import (
    CLIENT,
    SEARCH_PATH,
    TOKEN_PATH,
    Registry,
    people,
    serving,
)

SECRET = CLIENT[1]
SINCE = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as registry:
        yield registry


class Naps:
    """Waits that take no time."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


def auth(registry: Registry, **more: Any) -> Auth:
    return Auth("fetched", *CLIENT, url=f"{registry.url}{TOKEN_PATH}", **more)


def transport(registry: Registry, **limits: float) -> Transport:
    limits = {"connect": 30, "read": 30, "total": 60} | limits
    return Transport(Policy.parse(registry.url), Limits(**limits))


def dci(registry: Registry, naps: Naps, since=None, **more: Any) -> DciSource:
    options = {"page_size": 10, "sender": "https://programme.example"} | more
    config = dci_config(f"{registry.url}{SEARCH_PATH}", auth(registry), **options)
    return DciSource(config, transport(registry), since=since, now=NOW, sleep=naps)


def plain(registry: Registry, kind: str, query: str, **more: Any) -> HttpSource:
    options = {"auth": Auth("basic", *CLIENT), "rows_path": "data", "page_size": 10}
    config = HttpConfig(f"{registry.url}/people/{kind}{query}", **(options | more))
    return HttpSource(config, transport(registry), sleep=Naps())


def pages(source: Source, most: int = 50) -> list[Page]:
    """All pages, of a source that makes each cursor survive storing."""
    found = [source.page()]
    while (cursor := found[-1].next_cursor) is not None:
        assert len(found) < most, "it never ends"
        found.append(source.page(json.loads(json.dumps(cursor))))
    return found


def identifiers(found: list[Page]) -> list[str]:
    return [row["identifier"][1]["identifier"] for page in found for row in page.rows]


EVERYBODY = [f"P-{number:06}" for number in range(25)]
KINDS = {
    "page": ("?page={page}&limit={limit}", {}),
    "offset": ("?offset={offset}&limit={limit}", {}),
    "cursor": ("?cursor={cursor}&limit={limit}", {"next_path": "next"}),
    "link": ("?limit={limit}", {"next_path": "links.next"}),
}


def of_kind(registry: Registry, kind: str, **more: Any) -> HttpSource:
    query, options = KINDS[kind]
    return plain(registry, kind, query, paging=kind, **options, **more)


# --------------------------------------------------------------------- paging


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_comes_once(registry: Registry, kind: str) -> None:
    found = pages(of_kind(registry, kind))
    assert identifiers(found) == EVERYBODY
    assert [number for page in found for number in page.numbers] == list(range(1, 26))


@pytest.mark.parametrize("kind", KINDS)
def test_one_goes_on_after_any_page(registry: Registry, kind: str) -> None:
    """As another process does that takes over."""
    whole = pages(of_kind(registry, kind))
    for done in range(1, len(whole)):
        rest = []
        cursor = whole[done - 1].next_cursor
        while cursor is not None:
            rest.append(of_kind(registry, kind).page(cursor))
            cursor = rest[-1].next_cursor
        assert timeless(rest) == timeless(whole[done:])


def timeless(found: list[Page]) -> list[Page]:
    """Pages without when they were read: a second may have passed."""
    assert all(page.told_at for page in found)
    return [replace(page, told_at=None) for page in found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_registry_that_caps_its_pages(registry: Registry, kind: str) -> None:
    """Fewer than were asked for does not mean that there are no more."""
    registry.cap = 4
    assert identifiers(pages(of_kind(registry, kind))) == EVERYBODY


@pytest.mark.parametrize("kind", ["page", "offset", "cursor"])
def test_a_registry_that_ignores_paging(registry: Registry, kind: str) -> None:
    registry.ignores_paging = True
    found = pages(of_kind(registry, kind))
    assert identifiers(found) == EVERYBODY
    assert len(registry.seen) <= 2


def test_a_registry_that_begins_anew(registry: Registry) -> None:
    for start in (0, 10, 0):
        registry.fail("json", {"data": people(10, start)})
    found = pages(of_kind(registry, "page"))
    assert identifiers(found) == EVERYBODY[:20]


def test_a_link_to_the_same_page_ends(registry: Registry) -> None:
    url = f"{registry.url}/people/link?limit=10"
    rows = {"data": people(2), "links": {"next": url}}
    registry.fail("json", rows)
    assert len(pages(of_kind(registry, "link"))) == 1


def test_a_mark_that_stays_the_same_ends(registry: Registry) -> None:
    registry.fail("json", {"data": people(2), "next": "x"})
    registry.fail("json", {"data": people(2, start=2), "next": "x"})
    assert len(identifiers(pages(of_kind(registry, "cursor")))) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_nobody(kind: str) -> None:
    with serving([]) as registry:
        [page] = pages(of_kind(registry, kind))
    assert replace(page, told_at=None) == Page([], [], None, None)


def test_all_at_once(registry: Registry) -> None:
    [page] = pages(plain(registry, "all", "", rows_path=""))
    assert identifiers([page]) == EVERYBODY


@pytest.mark.parametrize("total", [25, "25"])
def test_total(registry: Registry, total: int | str) -> None:
    registry.fail("json", {"data": people(10), "total": total})
    source = of_kind(registry, "page", total_path="total")
    assert source.page().total == 25


def test_a_total_that_is_none_and_wrong_is_not_believed(registry: Registry) -> None:
    """It is for the progress bar; what ends an import is that nothing comes."""
    registry.fail("json", {"data": people(10), "total": 10})
    source = of_kind(registry, "page", total_path="total")
    assert identifiers(pages(source)) == EVERYBODY
    registry.fail("json", {"data": people(10), "total": {"value": 10}})
    assert source.page().total is None


def test_a_link_in_the_header(registry: Registry) -> None:
    link = '</people/link?p=1>; rel="prev", </people/link?cursor=after:10>; rel=next'
    registry.fail("text", json.dumps({"data": people(10)}).encode(), {"Link": link})
    source = plain(registry, "link", "", paging="link")
    source.page(source.page().next_cursor)
    assert registry.seen[1].query == {"cursor": "after:10"}


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:1/people", "https://evil.example/", "//evil.example/x"]
)
def test_a_link_to_another_host_gets_no_credentials(registry, link: str) -> None:
    registry.fail("json", {"data": people(2), "links": {"next": link}})
    with pytest.raises(ForbiddenAddress):
        of_kind(registry, "link").page()


@pytest.mark.parametrize("link", [17, ["x"], "http://[", "ftp://x/", "/\ud800"])
def test_a_link_that_is_none(registry: Registry, link: Any) -> None:
    registry.fail("json", {"data": people(2), "links": {"next": link}})
    with pytest.raises(BadAnswer):
        of_kind(registry, "link").page()


@pytest.mark.parametrize("mark", [["x"], "a\0", "\ud800"])
def test_a_mark_that_is_none(registry: Registry, mark: Any) -> None:
    registry.fail("json", {"data": people(2), "next": mark})
    with pytest.raises(BadAnswer):
        of_kind(registry, "cursor").page()


@pytest.mark.parametrize(
    ("text", "told_at"),
    [
        ("Wed, 21 Oct 2015 09:28:00 +0200", datetime(2015, 10, 21, 7, 28, tzinfo=UTC)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("yesterday", None),
    ],
)
def test_a_registry_has_a_clock_of_its_own(registry: Registry, text, told_at) -> None:
    content = json.dumps({"data": people(2)}).encode()
    registry.fail("text", content, {"Date": text})
    assert of_kind(registry, "page").page().told_at == told_at


@pytest.mark.parametrize(
    "config",
    [
        {"url": "nowhere"},
        {"url": "https://a.example/", "paging": "page"},
        {"url": "https://a.example/?limit={limit}", "paging": "offset"},
        {"url": "https://a.example/?c={cursor}", "paging": "cursor"},
        {"url": "https://a.example/", "auth": Auth("fetched", *CLIENT)},
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(config) -> None:
    with pytest.raises(InvalidConfig):
        HttpSource(HttpConfig(**config), Transport(Policy()))


# ------------------------------------------------------------------ templates


def test_what_is_filled_in_is_escaped(registry: Registry) -> None:
    registry.fail("json", {"data": people(1), "next": '"},"x&y=1 \r\n'})
    source = plain(
        registry,
        "cursor",
        "?cursor={cursor}&since={since}&kept=&other={unknown}",
        method="POST",
        body='{"after": "{cursor}", "n": {limit}, "other": "{unknown}"}',
        paging="cursor",
        next_path="next",
    )
    registry.fail("json", {"data": []})
    source.page(source.page().next_cursor)
    first, second = registry.seen
    assert first.query == {"other": "{unknown}"}
    assert first.body == {"after": "", "n": 10, "other": "{unknown}"}
    assert second.query["cursor"] == second.body["after"] == '"},"x&y=1 \r\n'
    assert "y" not in second.query
    assert first.headers["Content-Type"] == "application/json"


def test_since_and_now(registry: Registry) -> None:
    config = HttpConfig(
        f"{registry.url}/people/all?since={{since}}&now={{now}}",
        headers={"X-Since": "{since}", "X-Id": "{uuid}"},
        auth=Auth("basic", *CLIENT),
    )
    for since in (None, SINCE):
        HttpSource(config, transport(registry), since=since, now=NOW).page()
    first, second = registry.seen
    assert first.query == {"now": "2026-11-22T10:00:00Z"}
    assert second.query == {
        "since": "2026-11-01T06:30:00Z",
        "now": "2026-11-22T10:00:00Z",
    }
    assert second.headers["X-Since"] == "2026-11-01T06:30:00Z"
    assert uuid.UUID(second.headers["X-Id"]).version == 4


# ------------------------------------------------------------------------ DCI


def test_dci(registry: Registry, naps: Naps) -> None:
    found = pages(dci(registry, naps))
    assert identifiers(found) == EVERYBODY
    assert found[0].total == 25
    maps = [FieldMap(name, path) for name, path in DCI_PATHS.items()]
    assert map_row(found[0].rows[1], maps) == {
        "person_identifier": "H-000000",
        "family_name": "Okafor1",
        "given_name": "Amina1",
        "gender": "female",
        "email": "p1@example.org",
        "phone": "+254700000001",
    }
    request = registry.requests(SEARCH_PATH)[0].body
    header, message = request["header"], request["message"]
    [search] = message["search_request"]
    assert header["action"] == "search"
    assert header["sender_id"] == "https://programme.example"
    assert header["message_ts"] == search["timestamp"] == "2026-11-22T10:00:00Z"
    ids = {header["message_id"], message["transaction_id"], search["reference_id"]}
    assert len(ids) == 3
    assert search["search_criteria"] == {
        "reg_type": "SPP:RegistryType:Individual",
        "query_type": "predicate",
        "query": [],
    }
    assert len(registry.requests(TOKEN_PATH)) == 1


def test_dci_only_what_has_changed(registry: Registry, naps: Naps) -> None:
    registry.people[7]["changed"] = "2026-11-02T00:00:00Z"
    registry.people[8]["changed"] = "2026-10-31T00:00:00Z"
    source = dci(registry, naps, since=SINCE, delta_attribute="changed")
    assert identifiers([source.page()]) == ["P-000007"]
    request = registry.requests(SEARCH_PATH)[0].body
    [search] = request["message"]["search_request"]
    assert search["search_criteria"]["query"] == [
        {
            "expression1": {
                "attribute_name": "changed",
                "operator": "ge",
                "attribute_value": "2026-11-01T06:30:00Z",
            }
        }
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"search_response": []},
        {"search_response": [{"status": "succ"}]},
        {"search_response": [{"status": "succ", "data": None}]},
        {"search_response": [{"status": "succ", "data": {"reg_records": None}}]},
        {"search_response": [{"status": "succ", "data": {"reg_records": []}}]},
    ],
)
def test_dci_nobody_found(registry: Registry, naps: Naps, message) -> None:
    registry.fail("json", {"header": {"status": "succ"}, "message": message})
    assert replace(dci(registry, naps).page(), told_at=None) == Page([], [], None, None)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        {},
        {"message": {}},
        {"message": {"search_response": 5}},
        {"message": {"search_response": "x"}},
        {"message": {"search_response": [{"data": {"reg_records": {"a": 1}}}]}},
        {"message": {"search_response": [{"data": {"reg_records": ["P-1"]}}]}},
    ],
)
def test_dci_that_is_none(registry: Registry, naps: Naps, answer) -> None:
    registry.fail("json", answer)
    with pytest.raises(BadAnswer):
        dci(registry, naps).page()
    assert not naps.taken


def test_what_it_says_is_one_line_that_can_be_stored(registry, naps) -> None:
    told = {"status": "rjct", "status_reason_message": "a\0b\ud800c\u202e"}
    registry.fail("json", {"header": told})
    with pytest.raises(Rejected) as caught:
        dci(registry, naps).page()
    assert caught.value.detail == "a b c"


def test_dci_says_why_it_rejects(registry: Registry, naps: Naps) -> None:
    registry.fail("rejects", f"No such register,\nsays {SECRET}")
    with pytest.raises(Rejected) as caught:
        dci(registry, naps).page()
    assert caught.value.detail == "rjct.reg_type"
    body = {"status": "rjct", "status_reason_message": f"No such\nregister {SECRET}"}
    registry.fail("json", {"message": {"search_response": [body]}})
    with pytest.raises(Rejected) as caught:
        dci(registry, naps).page()
    assert caught.value.detail == str(caught.value) == "No such register ***"


# -------------------------------------------------------------------- sign-in


def test_basic(registry: Registry) -> None:
    plain(registry, "all", "", rows_path="").page()
    assert registry.seen[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_a_fixed_token(registry: Registry, prefix: str) -> None:
    token = Auth("bearer", secret=prefix + registry.issue())
    plain(registry, "all", "", rows_path="", auth=token).page()
    assert len(registry.seen) == 1


def test_a_token_is_fetched_by_form(registry: Registry) -> None:
    plain(registry, "all", "", rows_path="", auth=auth(registry, format="form")).page()
    token = registry.seen[0]
    assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert token.body.startswith("grant_type=client_credentials&client_id=programme")


def test_a_body_of_ones_own_for_a_token(registry: Registry) -> None:
    body = '{"client_id": "{client_id}", "client_secret": "{client_secret}", "db": 1}'
    plain(registry, "all", "", rows_path="", auth=auth(registry, body=body)).page()
    assert registry.seen[0].body == {
        "client_id": CLIENT[0],
        "client_secret": SECRET,
        "db": 1,
    }


@pytest.mark.parametrize("uses", [1, 2])
def test_a_token_that_expires_on_the_way(registry, naps: Naps, uses: int) -> None:
    registry.token_uses = uses
    assert identifiers(pages(dci(registry, naps))) == EVERYBODY
    assert len(registry.requests(TOKEN_PATH)) == -(-4 // uses)
    assert not naps.taken


def test_a_new_token_that_is_refused_too(registry: Registry, naps: Naps) -> None:
    """It is fetched once a page, not for ever."""
    source = dci(registry, naps)
    cursor = source.page().next_cursor
    registry.token_uses = 0
    with pytest.raises(Refused):
        source.page(cursor)
    assert len(registry.requests(TOKEN_PATH)) == 2
    assert len(registry.requests(SEARCH_PATH)) == 3
    assert not naps.taken


def test_a_wrong_secret(registry: Registry, naps: Naps) -> None:
    wrong = Auth("fetched", CLIENT[0], "wrong", url=f"{registry.url}{TOKEN_PATH}")
    config = dci_config(f"{registry.url}{SEARCH_PATH}", wrong)
    with pytest.raises(Refused):
        DciSource(config, transport(registry), sleep=naps).page()
    assert len(registry.seen) == 1


def test_an_answer_without_a_token(registry: Registry, naps: Naps) -> None:
    config = dci_config(
        f"{registry.url}{SEARCH_PATH}", auth(registry, token_path="token.value")
    )
    with pytest.raises(BadAnswer, match="no token"):
        DciSource(config, transport(registry), sleep=naps).page()


# --------------------------------------------------------------------- faults


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_fault_that_passes(registry: Registry, naps: Naps, status: int) -> None:
    registry.fail("status", status, times=2)
    registry.fail("status", status)
    source = dci(registry, naps)
    with pytest.raises(ServerError):
        source.page()
    assert len(registry.requests(SEARCH_PATH)) == ATTEMPTS == 3
    assert len(naps.taken) == 2
    assert all(0 <= seconds <= LONGEST_WAIT for seconds in naps.taken)
    registry.fail("status", status, times=2)
    assert len(source.page().rows) == 10


def test_a_fault_in_the_middle_leaves_out_nobody(registry: Registry, naps) -> None:
    source = dci(registry, naps)
    found = [source.page()]
    registry.fail("hang_up")
    registry.fail("truncated")
    found.append(source.page(found[0].next_cursor))
    registry.fail("status", 503)
    found += [source.page(found[1].next_cursor)]
    assert identifiers(found) == EVERYBODY


def test_a_registry_that_says_when_to_come_again(registry: Registry, naps) -> None:
    registry.fail("status", 503, {"Retry-After": "7"})
    dci(registry, naps).page()
    assert naps.taken == [7]


def test_one_that_wants_longer_than_we_wait(registry: Registry, naps: Naps) -> None:
    """It is for the run to wait then, which holds nothing meanwhile."""
    registry.fail("status", 503, {"Retry-After": "600"})
    with pytest.raises(ServerError) as caught:
        dci(registry, naps).page()
    assert caught.value.retry_after == 600
    assert not naps.taken


def test_timeouts_are_tried_again(registry: Registry, naps: Naps) -> None:
    registry.fail("silent", times=3)
    config = dci_config(f"{registry.url}{SEARCH_PATH}", Auth("basic", *CLIENT))
    source = DciSource(config, transport(registry, read=0.1), sleep=naps)
    with pytest.raises(RegistryTimeout):
        source.page()
    assert len(naps.taken) == ATTEMPTS - 1


def test_a_truncated_page_is_tried_again(registry: Registry, naps: Naps) -> None:
    registry.fail("truncated", times=3)
    with pytest.raises(Unreachable):
        dci(registry, naps).page()
    registry.fail("truncated")
    assert len(dci(registry, naps).page().rows) == 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Please sign in</html>",
        b'{"message": {"search_response": [',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_malformed_page_is_not(registry: Registry, naps: Naps, content) -> None:
    """It would come the same again, and the text may hold what it was sent."""
    registry.fail("text", content, {"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(BadAnswer, match=r"not JSON \(text/html\)") as caught:
        dci(registry, naps).page()
    assert caught.value.__cause__ is None
    assert len(registry.requests(SEARCH_PATH)) == 1


@pytest.mark.parametrize("path", ["wrong.path", "data.0"])
def test_no_list_at_the_path(registry: Registry, path: str) -> None:
    with pytest.raises(BadAnswer, match=f"At {path} there is no list"):
        of_kind(registry, "page", rows_path=path).page()


def test_a_mark_at_the_beginning_of_utf_8(registry: Registry) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(people(1)).encode()
    registry.fail("text", content)
    assert len(plain(registry, "all", "", rows_path="").page().rows) == 1


# -------------------------------------------------------------------- secrets


def test_secrets_are_in_no_error_no_repr_and_no_log(
    registry: Registry, naps: Naps, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = dci(registry, naps)
    token = source.page() and source._token
    assert token
    told = [repr(source), repr(source.config), str(vars(source.config))]
    for fault in (
        ("status", 500),
        ("status", 403),
        ("hang_up",),
        ("text", f"{SECRET} {token}".encode()),
        ("rejects", f"{SECRET} {token}"),
        ("redirect", f"http://127.0.0.1:1/?{SECRET}", 307),
    ):
        registry.faults.clear()
        registry.fail(*fault, times=3)
        with pytest.raises(RegistryError) as caught:
            source.page()
        error = caught.value
        told += [str(error), repr(error), error.detail, repr(error.__cause__)]
        context = error.__context__
        while context:
            told += [str(context), repr(context)]
            context = context.__context__
    told.append(caplog.text)
    assert not [text for text in told if SECRET in text or token in text]
