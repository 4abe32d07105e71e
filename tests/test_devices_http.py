"""HTTP to terminals: where it goes, whom it trusts, and what faults are called."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from certificates import certificate, new_certificate
from devices import DeviceConfig, tls
from devices.errors import (
    DeviceBusy,
    DeviceDisconnected,
    DeviceError,
    DeviceForbiddenAddress,
    DeviceNameUnknown,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceTlsError,
    InvalidConfig,
)
from devices.http import (
    Answer,
    Digest,
    HttpClient,
    find_text,
    parse_json,
    parse_xml,
    read_challenge,
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.heard.append((self.path, dict(self.headers)))
        self.server.serve(self)


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


@contextmanager
def serving(serve: Any, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.heard, server.serve = [], serve
    if context:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: Handler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def fine(handler: Handler) -> None:
    send(handler, 200, b'{"fine": true}')


def config(server: Any = None, **over: Any) -> DeviceConfig:
    settings = {
        "host": "127.0.0.1",
        "port": server.server_address[1] if server else 9,
        "networks": ("127.0.0.0/8",),
        "timeout": 2.0,
        "deadline": 10.0,
    }
    return DeviceConfig(**{**settings, **over})


def ask(server: Any = None, path: str = "/", **over: Any) -> Answer:
    with HttpClient(config(server, **over)) as client:
        return client.request("GET", path)


def test_one_connection_serves_a_conversation() -> None:
    ports = set()

    def serve(handler: Handler) -> None:
        ports.add(handler.client_address)
        fine(handler)

    with serving(serve) as server, HttpClient(config(server)) as client:
        for _time in range(3):
            assert client.request("GET", "/a?b=c").json() == {"fine": True}
        client.headers["bs-session-id"] = "abc"
        client.request("GET", "/d")
        assert len(ports) == 1
        assert server.heard[-1][1]["bs-session-id"] == "abc"
        client.close()


def test_no_proxy_and_no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(fine) as server:
        assert ask(server).status == 200
        assert "Authorization" not in server.heard[0][1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with serving(fine) as inside:
        there = f"http://127.0.0.1:{inside.server_address[1]}/"
        with (
            serving(lambda handler: send(handler, status, Location=there)) as server,
            pytest.raises(DeviceProtocolError, match="redirect"),
        ):
            ask(server)
        assert inside.heard == []


def test_nothing_is_sent_where_terminals_may_not_be() -> None:
    with serving(fine) as server:
        for over in (
            {"networks": ()},
            {"networks": ("10.0.0.0/8",)},
            # By name: judged by what it resolves to.
            {"networks": ("10.0.0.0/8",), "host": "localhost"},
        ):
            with pytest.raises(DeviceForbiddenAddress):
                ask(server, **over)
        assert server.heard == []


def test_what_does_not_connect() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(DeviceRefused):
            ask(port=port)
    with pytest.raises(DeviceNameUnknown):
        ask(host="no-such-terminal.invalid")


def test_silence_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DeviceTimeout):
            ask(port=silent.getsockname()[1], timeout=0.2)
        with pytest.raises(DeviceTimeout):
            ask(port=silent.getsockname()[1], timeout=0.2, tls="unverified")


def test_the_deadline_counts_for_all_requests() -> None:
    with serving(fine) as server:
        client = HttpClient(config(server, timeout=0.05, deadline=0.05))
        threading.Event().wait(0.1)
        with pytest.raises(DeviceTimeout, match="deadline"):
            client.request("GET", "/")
        client.close()
        assert server.heard == []


@pytest.mark.parametrize("declared", [True, False])
def test_answers_have_a_limit(declared: bool) -> None:
    def serve(handler: Handler) -> None:
        handler.send_response(200)
        if declared:
            handler.send_header("Content-Length", str(10**9))
        handler.end_headers()
        handler.close_connection = True
        for _chunk in range(64):
            handler.wfile.write(b"x" * 65536)

    with serving(serve) as server, HttpClient(config(server), max_body=100_000) as http:
        with pytest.raises(DeviceProtocolError, match="more than 100000 bytes"):
            http.request("GET", "/")
        http.close()


def test_a_packed_answer_does_not_grow_past_the_limit() -> None:
    import gzip

    bomb = gzip.compress(b"x" * 10**7)

    def serve(handler: Handler) -> None:
        send(handler, 200, bomb, Content_Encoding="gzip")

    with serving(serve) as server, HttpClient(config(server), max_body=10**6) as http:
        with pytest.raises(DeviceProtocolError, match="more than"):
            http.request("GET", "/")
        assert server.heard[0][1]["Accept-Encoding"] == "identity"


def test_hung_up_in_the_middle() -> None:
    def serve(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    with serving(serve) as server:
        with pytest.raises(DeviceDisconnected):
            ask(server)
        assert len(server.heard) == 1


def test_a_kept_connection_that_was_closed_is_opened_again() -> None:
    def serve(handler: Handler) -> None:
        fine(handler)
        handler.close_connection = True  # without a word of it

    with serving(serve) as server, HttpClient(config(server)) as client:
        for _time in range(5):
            assert client.request("GET", "/").status == 200
        assert len(server.heard) == 5


@pytest.mark.parametrize(
    "noise",
    [b"\0\1\2 nothing\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 two hundred\r\n\r\n"],
)
def test_what_is_no_http(noise: bytes) -> None:
    def serve(handler: Handler) -> None:
        handler.wfile.write(noise)
        handler.close_connection = True

    with serving(serve) as server, pytest.raises(DeviceProtocolError):
        ask(server)


def test_busy() -> None:
    with serving(lambda h: send(h, 503)) as server, pytest.raises(DeviceBusy):
        ask(server)


def test_other_states_are_answers() -> None:
    with serving(lambda h: send(h, 418, b"x", X_One="1")) as server:
        answer = ask(server)
    assert (answer.status, answer.body, answer.headers["x-one"]) == (418, b"x", "1")


# TLS


@pytest.fixture
def secured() -> Iterator[Server]:
    with serving(fine, certificate().context) as server:
        yield server


def test_pinned(secured: Server) -> None:
    digits = certificate().fingerprint
    spoken = ":".join(digits[at : at + 2] for at in range(0, 64, 2)).upper()
    for fingerprint in (digits, spoken):
        answer = ask(secured, tls="pinned", tls_fingerprint=fingerprint)
        assert answer.status == 200
    secured.heard.clear()
    other = "0" * 64
    with pytest.raises(DeviceTlsError) as caught:
        ask(secured, tls="pinned", tls_fingerprint=other)
    # What to accept, if it was renewed.
    assert digits in caught.value.detail
    assert secured.heard == []


def test_authority(secured: Server) -> None:
    own = certificate().pem
    assert ask(secured, tls="ca", tls_ca=own).status == 200
    # Right certificate, wrong name.
    with pytest.raises(DeviceTlsError):
        ask(secured, tls="ca", tls_ca=own, host="localhost")


def test_unknown_authority(secured: Server) -> None:
    other = new_certificate().pem
    for over in ({"tls": "system"}, {"tls": "ca", "tls_ca": other}):
        with pytest.raises(DeviceTlsError) as caught:
            ask(secured, **over)
        assert not caught.value.transient
    assert secured.heard == []


def test_unverified_is_a_choice_without_warnings(secured: Server) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(secured, tls="unverified").status == 200


def test_tls_and_plain_mixed_up(secured: Server) -> None:
    with serving(fine) as plain, pytest.raises(DeviceProtocolError, match="TLS"):
        ask(plain, tls="unverified")
    with pytest.raises(DeviceError) as caught:
        ask(secured)
    assert caught.value.transient


@pytest.mark.parametrize(
    "over",
    [
        {"tls": "pinned"},
        {"tls": "pinned", "tls_fingerprint": "ab" * 20},  # SHA-1
        {"tls": "ca"},
        {"tls": "ca", "tls_ca": "-----BEGIN CERTIFICATE-----\nno\n"},
        {"tls": "somehow"},
    ],
)
def test_settings_refused_before_any_connection(over: dict[str, str]) -> None:
    with pytest.raises(InvalidConfig):
        tls.validate(config(**over))


# Bodies


def test_json() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": "x\x01y"}') == {"a": "x\x01y"}
    assert parse_json(b'{"a": "\xff"}') == {"a": "\ufffd"}
    # What no database keeps: NUL, and halves of a character. Whole ones stay.
    texts = b'{"a": [{"b": "7\\u0000\\ud800", "c": "\\ud83d\\ude00"}]}'
    assert parse_json(texts) == {"a": [{"b": "7\ufffd", "c": "\U0001f600"}]}
    for body in (b"", b"<html>", b'{"a": NaN}', b'{"a"', b"[" * 100_000):
        with pytest.raises(DeviceProtocolError):
            parse_json(body)


def test_xml_reads_nothing_but_what_was_sent(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    body = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a><b>&x;</b></a>'
    assert "hidden" not in find_text(parse_xml(body.encode()), "b")
    nine = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x"}">' for n in range(12)
    )
    bomb = f"<!DOCTYPE a [{nine}]><a><b>&e11;</b></a>"
    for body in (bomb.encode(), b"", b"{}", b"<a>", b"plain"):
        with pytest.raises(DeviceProtocolError):
            parse_xml(body)


def test_names_in_any_namespace() -> None:
    root = parse_xml(b'<D xmlns="urn:x"><model> M </model></D>')
    assert find_text(root, "model") == "M"
    assert find_text(root, "nothing") == ""


# Digest


def unauthorised(challenge: str) -> Answer:
    return Answer(401, {"www-authenticate": challenge}, b"")


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_by_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    digest = Digest("Mufasa", "Circle of Life")
    assert digest.header("GET", "/dir/index.html") == ""
    assert digest.again(
        unauthorised(
            'Digest realm="http-auth@example.org", qop="auth, auth-int",'
            f" algorithm={algorithm},"
            ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
            ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
        )
    )
    header = digest.header(
        "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    )
    assert f'response="{response}"' in header
    assert "nc=00000001" in header
    assert "Circle" not in header


def test_digest_is_chosen_among_challenges() -> None:
    good = 'Digest realm="r", nonce="n", qop="auth"'
    for header in (
        good,
        f'Basic realm="b"\n{good}',
        f'Basic realm="b", {good}',
        f'Digest realm="r", nonce="m", algorithm=SHA-512-256\n{good}',
    ):
        assert read_challenge(header)["nonce"] == "n"
    for header in (
        "",
        'Basic realm="b"',
        'Digest realm="r", nonce="n", qop="auth-int"',
    ):
        with pytest.raises(DeviceProtocolError):
            read_challenge(header)


CHALLENGE = 'Digest realm="r", qop="auth", nonce='


def test_a_refused_password_is_not_tried_again() -> None:
    digest = Digest("a", "b")
    digest.header("GET", "/")
    assert digest.again(unauthorised(CHALLENGE + '"1"'))
    digest.header("GET", "/")
    assert not digest.again(unauthorised(CHALLENGE + '"2"'))


def test_an_accepted_password_is_tried_once_more() -> None:
    digest = Digest("a", "b")
    digest.header("GET", "/")
    digest.again(unauthorised(CHALLENGE + '"1"'))
    digest.header("GET", "/")
    assert not digest.again(Answer(200, {}, b""))
    digest.header("GET", "/")
    assert digest.again(unauthorised(CHALLENGE + '"2"'))
    assert 'nonce="2"' in digest.header("GET", "/")
    assert not digest.again(unauthorised(CHALLENGE + '"3"'))


def test_the_password_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def serve(handler: Handler) -> None:
        send(handler, 401, WWW_Authenticate=CHALLENGE + '"1"')

    with serving(serve) as server:
        settings = config(server, password="correct horse")
        with HttpClient(settings, Digest("a", settings.password)) as client:
            assert client.request("GET", "/").status == 401
        assert len(server.heard) == 2
        assert "horse" not in str(server.heard) + caplog.text + repr(settings)
