"""What the import's way to a registry sends, to whom, for how long and how much."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Iterator

import pytest
from certificates import certificate
from registry.errors import (
    BY_CODE,
    BadAnswer,
    ForbiddenAddress,
    InvalidConfig,
    Refused,
    RegistryTimeout,
    ServerError,
    TooBig,
    Unreachable,
    Untrusted,
)
from registry.transport import Limits, Origin, Policy, Request, Transport, origin_of
from registry_server import CLIENT, Registry, serving

SECRET = CLIENT[1]
AUTHORIZATION = {"Authorization": f"Bearer {SECRET}"}
SMALL = Limits(connect=30, read=30, total=60, body=200_000)


@pytest.fixture
def registry() -> Iterator[Registry]:
    def prepare(registry: Registry) -> None:
        registry.open_to_all = True

    with serving(prepare=prepare) as registry:
        yield registry


@pytest.fixture
def other() -> Iterator[Registry]:
    with serving([]) as registry:
        registry.open_to_all = True
        yield registry


def transport(*urls: str, limits: Limits = SMALL, **more) -> Transport:
    return Transport(Policy.parse(urls), limits, **more)


def get(url: str) -> Request:
    return Request("GET", f"{url}/people/all", AUTHORIZATION)


def post(url: str) -> Request:
    return Request("POST", f"{url}/people/all", AUTHORIZATION, b"{}")


# ------------------------------------------------------------------- the list


@pytest.mark.parametrize(
    ("entry", "url", "allowed"),
    [
        ("registry.example.org", "https://registry.example.org/x", True),
        ("Registry.Example.org.", "https://REGISTRY.example.org:443/x", True),
        ("registry.example.org", "http://registry.example.org/x", False),
        ("registry.example.org", "https://registry.example.org:8443/x", False),
        ("registry.example.org:8443", "https://registry.example.org:8443/x", True),
        ("registry.example.org", "https://evil-registry.example.org/", False),
        ("registry.example.org", "https://registry.example.org.evil.test/", False),
        ("*.example.org", "https://a.example.org/", True),
        ("*.example.org", "https://a.b.example.org/", True),
        ("*.example.org", "https://example.org/", False),
        ("*.example.org", "https://evilexample.org/", False),
        ("*.example.org", "http://a.example.org/", False),
        ("http://10.0.0.5:8080", "http://10.0.0.5:8080/registry", True),
        ("http://10.0.0.5:8080", "https://10.0.0.5:8080/registry", False),
        ("http://10.0.0.5:8080", "http://10.0.0.5/registry", False),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/a", True),
        ("zürich.example", "https://xn--zrich-kva.example/", True),
        ("", "https://registry.example.org/", False),
    ],
)
def test_only_what_is_listed_is_allowed(entry: str, url: str, allowed: bool) -> None:
    policy = Policy.parse(entry)
    if allowed:
        assert policy.check(url) == origin_of(url)
    else:
        with pytest.raises(ForbiddenAddress):
            policy.check(url)


def test_a_list_has_one_entry_a_line() -> None:
    policy = Policy.parse(
        "a.example\n\n  *.b.example \nhttp://c.example, d.example:1\n"
    )
    assert policy.origins == {
        Origin("https", "a.example", 443),
        Origin("http", "c.example", 80),
        Origin("https", "d.example", 1),
    }
    assert policy.wildcards == {Origin("https", "b.example", 443)}


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "*.",
        "a.*.example",
        "ftp://a.example",
        "https://a.example/path",
        "https://user:pw@a.example",
        "https://a.example?x=1",
        "a.example:port",
        "https://",
    ],
)
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(InvalidConfig):
        Policy.parse(entry)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry.example.org",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        f"https://user:{SECRET}@registry.example.org/",
        "https://:443/",
        "https://a.example:99999/",
        "https://[::1/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        origin_of(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "listed", "by_wildcard"),
    [
        ("93.184.215.14", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", True, False),
        ("10.1.2.3", True, False),
        ("192.168.1.1", True, False),
        ("172.16.0.1", True, False),
        ("100.64.0.1", True, False),
        ("::1", True, False),
        ("fd00::1", True, False),
        ("::ffff:127.0.0.1", True, False),
        ("64:ff9b::7f00:1", True, False),
        ("2002:7f00:1::", True, False),
        ("::7f00:1", True, False),
        ("fec0::1", True, False),
        ("64:ff9b::5db8:d70e", True, True),
        # The clouds' address for their machines' secrets, and what leads there.
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
    ],
)
def test_private_addresses(address: str, listed: bool, by_wildcard: bool) -> None:
    policy = Policy.parse("a.example *.b.example")
    exact = policy.check("https://a.example")
    assert policy.allows(exact, address, private=True) is listed
    wildcard = policy.check("https://a.b.example")
    assert policy.allows(wildcard, address, private=True) is by_wildcard
    assert policy.allows(exact, address, private=False) is by_wildcard


def test_a_link_local_address_that_is_listed_itself() -> None:
    policy = Policy.parse("http://169.254.10.10")
    origin = policy.check("http://169.254.10.10/")
    assert policy.allows(origin, "169.254.10.10", private=True)
    assert not policy.allows(origin, "169.254.169.254", private=True)


# ------------------------------------------------------------- where it leads


def test_an_answer(registry: Registry) -> None:
    answer = transport(registry.url).send(get(registry.url))
    assert answer.status == 200
    assert answer.body.count(b"familyName") == 25
    [seen] = registry.seen
    assert seen.headers["Authorization"] == AUTHORIZATION["Authorization"]
    assert seen.headers["Host"] == registry.url.removeprefix("http://")


def test_nothing_is_sent_to_a_name_that_resolves_inward(registry: Registry) -> None:
    """Even though somebody listed all of a domain that isn't ours."""
    port = registry.url.rpartition(":")[2]
    guarded = transport(
        f"http://*.example.org:{port}", resolver=lambda _host, _port: ["127.0.0.1"]
    )
    with pytest.raises(ForbiddenAddress):
        guarded.send(get(f"http://rebinding.example.org:{port}"))
    assert not registry.seen


def test_a_name_is_looked_up_once_and_that_address_used(registry: Registry) -> None:
    """DNS rebinding answers differently when it is asked for the second time."""
    port = int(registry.url.rpartition(":")[2])
    asked = []

    def rebinding(*question: str | int) -> list[str]:
        asked.append(question)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    url = f"http://registry.example.org:{port}"
    transport(url, resolver=rebinding).send(get(url))
    assert asked == [("registry.example.org", port)]
    assert len(registry.seen) == 1
    with pytest.raises(ForbiddenAddress):
        transport(url, resolver=rebinding).send(get(url))


def test_an_inward_address_among_others_is_passed_over(registry: Registry) -> None:
    url = f"http://registry.example.org:{registry.url.rpartition(':')[2]}"
    both = ["169.254.169.254", "127.0.0.1"]
    transport(url, resolver=lambda _host, _port: both).send(get(url))
    assert registry.seen[0].headers["Host"] == url.removeprefix("http://")


@pytest.mark.parametrize("name", ["localhost", "127.1", "2130706433", "0x7f.1"])
def test_other_spellings_of_loopback_are_not_listed(
    registry: Registry, name: str
) -> None:
    port = registry.url.rpartition(":")[2]
    with pytest.raises(ForbiddenAddress):
        transport(registry.url).send(get(f"http://{name}:{port}"))
    assert registry.seen == []


def test_a_name_that_is_not_known() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unreachable, match=r"no\.example"):
        transport("no.example", resolver=unknown).send(get("https://no.example"))


def test_a_closed_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable):
            transport(url).send(get(url))


def test_proxies_of_the_surroundings_are_not_asked(
    registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, other.url)
    transport(registry.url).send(get(registry.url))
    assert registry.seen
    assert not other.seen


# ----------------------------------------------------------------- redirects


def test_a_redirect_on_the_same_host_is_followed(registry: Registry) -> None:
    registry.fail("redirect", "/people/page?limit=5", 302)
    answer = transport(registry.url).send(get(registry.url))
    assert answer.body.count(b"familyName") == 5
    assert registry.seen[1].headers["Authorization"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "inward",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://localhost/",
        "file:///etc/passwd",
        "//127.0.0.1:1/",
    ],
)
def test_a_redirect_inward_is_refused(
    registry: Registry, inward: str, status: int
) -> None:
    registry.fail("redirect", inward, status)
    with pytest.raises((ForbiddenAddress, InvalidConfig)):
        transport(registry.url).send(get(registry.url))
    assert len(registry.seen) == 1


@pytest.mark.parametrize("request_for", [get, post])
def test_a_redirect_to_a_private_host_is_refused_though_it_is_listed(
    registry: Registry, other: Registry, request_for
) -> None:
    """A registry that is asked must not choose which of our hosts is asked next."""
    registry.fail("redirect", f"{other.url}/people/all", 307)
    with pytest.raises(ForbiddenAddress):
        transport(registry.url, other.url).send(request_for(registry.url))
    assert not other.seen


def test_credentials_are_dropped_at_a_redirect_to_another_origin(
    registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no second public host here: loopback passes for one.
    monkeypatch.setattr(Policy, "allows", lambda *_args, **_more: True)
    request = Request(
        "GET",
        f"{registry.url}/people/all",
        {**AUTHORIZATION, "X-Api-Key": SECRET, "Accept": "application/json"},
    )
    registry.fail("redirect", f"{other.url}/people/all", 302)
    transport(registry.url, other.url).send(request)
    [seen] = other.seen
    assert "Authorization" not in seen.headers
    assert SECRET not in str(seen)
    assert seen.headers["Accept"] == "application/json"
    assert seen.headers["Host"] == other.url.removeprefix("http://")


def test_what_holds_a_secret_is_not_sent_on(
    registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Policy, "allows", lambda *_args, **_more: True)
    registry.fail("redirect", f"{other.url}/token", 307)
    body = SECRET.encode()
    with pytest.raises(ForbiddenAddress):
        transport(registry.url, other.url).send(
            Request("POST", f"{registry.url}/token", {}, body, same_origin=True)
        )
    assert not other.seen


@pytest.mark.parametrize("status", [301, 302, 303])
def test_post_never_becomes_get(registry: Registry, status: int) -> None:
    registry.fail("redirect", "/people/all", status)
    with pytest.raises(BadAnswer, match="would become GET"):
        transport(registry.url).send(post(registry.url))
    assert len(registry.seen) == 1


def test_post_is_repeated_where_it_is_meant(registry: Registry) -> None:
    registry.fail("redirect", "/people/all?again", 308)
    transport(registry.url).send(post(registry.url))
    assert [seen.method for seen in registry.seen] == ["POST", "POST"]
    assert registry.seen[1].body == {}


def test_redirects_end(registry: Registry) -> None:
    registry.fail("redirect", "/people/all", times=9)
    with pytest.raises(BadAnswer, match="more than 3"):
        transport(registry.url).send(get(registry.url))
    assert len(registry.seen) == 4


# ---------------------------------------------------- how long and how much


def test_a_server_that_says_nothing(registry: Registry) -> None:
    registry.fail("silent")
    limits = Limits(read=0.1, total=20)
    with pytest.raises(RegistryTimeout):
        transport(registry.url, limits=limits).send(get(registry.url))


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_drips_for_ever(registry: Registry, part: str) -> None:
    """Each byte comes in time; all of them do not."""
    registry.fail("drip", part)
    limits = Limits(read=20, total=0.3)
    with pytest.raises(RegistryTimeout):
        transport(registry.url, limits=limits).send(get(registry.url))


def test_a_handshake_that_drips_for_ever() -> None:
    """Something listens, and never speaks TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        limits = Limits(read=20, total=0.2)
        with pytest.raises(RegistryTimeout):
            transport(url, limits=limits).send(get(url))


@pytest.mark.parametrize("size", [200_001, 50_000_000])
def test_an_answer_that_is_too_big(registry: Registry, size: int) -> None:
    registry.fail("text", b" " * size)
    with pytest.raises(TooBig):
        transport(registry.url).send(get(registry.url))


def test_one_that_does_not_say_how_big_it_is(registry: Registry) -> None:
    registry.fail("huge", 50_000_000)
    with pytest.raises(TooBig):
        transport(registry.url).send(get(registry.url))


def test_one_that_is_small_until_it_is_unpacked(registry: Registry) -> None:
    bomb = gzip.compress(b" " * 30_000_000)
    assert len(bomb) < SMALL.body
    registry.fail("text", bomb, {"Content-Encoding": "gzip"})
    with pytest.raises(TooBig):
        transport(registry.url).send(get(registry.url))


def test_one_that_goes_on_after_its_end(registry: Registry) -> None:
    compressed = gzip.compress(b"[]"), {"Content-Encoding": "gzip"}
    registry.fail("huge", 50_000_000, *compressed)
    with pytest.raises(TooBig):
        transport(registry.url).send(get(registry.url))


def test_gzip(registry: Registry) -> None:
    registry.fail("gzip")
    answer = transport(registry.url).send(get(registry.url))
    assert answer.body.count(b"familyName") == 25
    assert registry.seen[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [("truncated", ()), ("truncated_chunks", ()), ("hang_up", ())],
)
def test_an_answer_that_ends_too_early(registry: Registry, fault, arguments) -> None:
    registry.fail(fault, *arguments)
    with pytest.raises(Unreachable):
        transport(registry.url).send(get(registry.url))


@pytest.mark.parametrize(
    ("content", "encoding", "error"),
    [
        (b"no gzip at all", "gzip", BadAnswer),
        (b"\x1f\x8b\x08\x00", "gzip", Unreachable),
        (b"", "br", BadAnswer),
    ],
)
def test_an_encoding_that_is_none(registry: Registry, content, encoding, error) -> None:
    registry.fail("text", content, {"Content-Encoding": encoding})
    with pytest.raises(error):
        transport(registry.url).send(get(registry.url))


def test_a_server_that_does_not_speak_http(registry: Registry) -> None:
    registry.fail("no_http")
    with pytest.raises(BadAnswer, match="does not speak HTTP"):
        transport(registry.url).send(get(registry.url))


# ------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadAnswer),
        (401, Refused),
        (403, Refused),
        (404, BadAnswer),
        (408, ServerError),
        (429, ServerError),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (599, ServerError),
    ],
)
def test_statuses(registry: Registry, status: int, error) -> None:
    registry.fail("status", status)
    with pytest.raises(error, match=f"HTTP {status}") as caught:
        transport(registry.url).send(get(registry.url))
    # What the server says of it may repeat what it was sent.
    assert "out of order" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("²", None),
    ],
)
def test_retry_after(registry: Registry, text: str, seconds: float | None) -> None:
    registry.fail("status", 503, {"Retry-After": text})
    with pytest.raises(ServerError) as caught:
        transport(registry.url).send(get(registry.url))
    assert caught.value.retry_after == seconds


# -------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {SECRET}\r\nX-Evil: 1"},
        {"Authorization": f"Bearer {SECRET}\u20ac"},
        {"Bad Name": SECRET},
    ],
)
def test_a_header_that_cannot_be_sent(registry: Registry, headers) -> None:
    with pytest.raises(InvalidConfig) as caught:
        transport(registry.url).send(
            Request("GET", f"{registry.url}/people/all", headers)
        )
    assert SECRET not in str(caught.value)
    assert not registry.seen


def test_secrets_are_in_no_error_and_no_repr(registry: Registry) -> None:
    request = Request(
        "POST",
        f"{registry.url}/people/all?api_key={SECRET}",
        AUTHORIZATION,
        SECRET.encode(),
    )
    assert SECRET not in repr(request)
    for fault in (
        ("status", 500),
        ("status", 404),
        ("status", 401),
        ("hang_up",),
        ("no_http",),
        ("truncated",),
        ("redirect", f"http://169.254.169.254/?{SECRET}"),
        ("redirect", f"http://169.254.169.254/?{SECRET}", 307),
        ("redirect", f"http://[{SECRET}/", 307),
    ):
        registry.fail(*fault)
        with pytest.raises(tuple(BY_CODE.values())) as caught:
            transport(registry.url).send(request)
        error = caught.value
        assert SECRET not in f"{error!s} {error!r} {error.detail} {error.__cause__}"
    with pytest.raises(InvalidConfig) as invalid:
        transport(registry.url).send(
            Request("GET", f"{registry.url}/a b?key={SECRET}", {})
        )
    assert SECRET not in str(invalid.value)


# ------------------------------------------------------------------------ TLS


@pytest.fixture
def secure() -> Iterator[Registry]:
    def prepare(registry: Registry) -> None:
        registry.open_to_all = True

    with serving(context=certificate().context, prepare=prepare) as registry:
        yield registry


def test_a_certificate_that_is_trusted(secure: Registry) -> None:
    trusting = ssl.create_default_context(cadata=certificate().pem)
    answer = transport(secure.url, context=trusting).send(get(secure.url))
    assert answer.body.count(b"familyName") == 25


def test_a_certificate_that_is_not(secure: Registry) -> None:
    with pytest.raises(Untrusted):
        transport(secure.url).send(get(secure.url))
    assert not secure.seen


def test_a_certificate_for_another_host(secure: Registry) -> None:
    port = secure.url.rpartition(":")[2]
    trusting = ssl.create_default_context(cadata=certificate().pem)
    url = f"https://localhost:{port}"
    with pytest.raises(Untrusted):
        transport(url, context=trusting).send(get(url))
    assert not secure.seen


def test_the_deadline_counts_under_tls(secure: Registry) -> None:
    secure.fail("drip", "body")
    trusting = ssl.create_default_context(cadata=certificate().pem)
    limits = Limits(read=20, total=0.5)
    with pytest.raises(RegistryTimeout):
        transport(secure.url, limits=limits, context=trusting).send(get(secure.url))
