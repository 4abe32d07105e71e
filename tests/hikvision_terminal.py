"""A Hikvision terminal for tests: ISAPI over HTTP(S) on loopback, well or badly.

It is written from the protocol and uses nothing of the code under test. See
:class:`fake_terminal.FakeTerminal` for how it is used; beside the faults that all fakes
share it knows:

    lockout      says that the account is locked
    xml_page     answers searches with an XML error page that says it is JSON
    page_cap     sends three events a page, whatever it is asked for
    stale_nonce  takes each nonce once, and says that it is stale then
    silent_nonce takes each nonce once, and does not say why it refuses it then
    control_chars  its answers hold raw control characters in texts
    single_object  a page of one event is that event, not a list of it
    same_page    sends the first page again and again
    no_rights    lets the account in, but not read events
    narrow       takes no search before 2000 or far ahead
    hang_up      closes the connection after each answer without saying so
    basic        asks for the password in clear
    redirect     sends its clients elsewhere
    flood        an answer without an end
    numbers_fall its events were wiped and are numbered from 1 again
    no_numbers   takes no search by number
    any_number   takes no notice of the number to begin with
    ntp          its clock follows a time server
    no_beats     takes no address for events that asks for a heart beat
    only_xml     takes no address for events but in XML
    forgetful    says that it takes an address for events, and keeps the old one

It also sends by itself (:meth:`HikvisionTerminal.send`), as different firmware does:
one of ``BODIES`` at a time, to the address in its list of HTTP hosts.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import secrets
import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from fake_terminal import SHARED_FAULTS, FakeTerminal, HttpConversation, Row, iso_second

STATUS = {
    "in": "checkIn",
    "out": "checkOut",
    "break_start": "breakOut",
    "break_end": "breakIn",
    "overtime_in": "overtimeIn",
    "overtime_out": "overtimeOut",
    "none": "undefined",
}


#: How an event is put into a request, by firmware.
BODIES = ("json", "xml", "multipart", "multipart_lf", "multipart_xml", "untyped")
_PICTURE = b"\xff\xd8\xff\xe0 {a face} \r\n\r\n<more> \x00\x01\xff\xd9"
_XML_SPACE = "http://www.isapi.org/ver20/XMLSchema"


class Host(NamedTuple):
    """An entry of the list of HTTP hosts, as it stands there."""

    protocol: str = "HTTP"
    address: str = "0.0.0.0"
    port: int = 80
    url: str = ""
    data: str = "XML"
    beats: bool = False


class Event(NamedTuple):
    number: int
    code: str
    time: str
    status: str
    minor: int


def utc_now() -> datetime:
    return datetime.now(UTC)


class HikvisionTerminal(FakeTerminal):
    """:param clock: what its clock shows (aware)
    :param tls: a server's context, for HTTPS
    :param page: events a page at most
    """

    make: ClassVar[str] = "hikvision"
    FAULTS: ClassVar[frozenset[str]] = SHARED_FAULTS | {
        "lockout",
        "xml_page",
        "page_cap",
        "stale_nonce",
        "silent_nonce",
        "control_chars",
        "single_object",
        "same_page",
        "no_rights",
        "narrow",
        "hang_up",
        "basic",
        "redirect",
        "flood",
        "numbers_fall",
        "no_numbers",
        "any_number",
        "ntp",
        "no_beats",
        "only_xml",
        "forgetful",
    }
    username = "integration"
    wrong_secret = "another password"

    def __init__(
        self,
        *,
        port: int = 0,
        secret: str = 'a "quoted" pass: wörd',
        serial: str = "DS-K1T342MWX20260101V031601ENAB0000001",
        clock: Callable[[], datetime] = utc_now,
        tz: str = "UTC",
        tls: ssl.SSLContext | None = None,
        page: int = 30,
    ) -> None:
        super().__init__(port, _Conversation, tls=tls)
        self.secret = secret
        self.serial = serial
        self.clock = clock
        self.tz = tz
        self.page = page
        #: Requests that came with a password, and how many of them were refused.
        self.attempts = 0
        self.refused = 0
        #: Bodies of searches, and what its clock was set to, in order.
        self.searches: list[dict[str, Any]] = []
        self.clock_sets: list[dict[str, str]] = []
        #: Every line and header that came in.
        self.heard: list[str] = []
        #: Whom it knows: those who were there, and who is added.
        self.people: list[dict[str, Any]] = []
        self.cards: list[dict[str, Any]] = []
        #: Where it sends what happens.
        self.hosts: list[Host] = [Host(), Host()]
        self.mac = "44:19:B6:00:00:01"
        self._codes: set[str] = set()
        self._log: list[Event] = []
        self._next = 1001
        self._nonces: dict[str, int] = {}

    def extend(self, rows: Iterable[Row]) -> None:
        zone = ZoneInfo(self.tz)
        with self._lock:
            for code, moment, kind in rows:
                when = moment.replace(tzinfo=zone, microsecond=0).isoformat()
                self._append(code, when, STATUS[kind], 75)
                if code not in self._codes:
                    self._codes.add(code)
                    self.people.append({"employeeNo": code, "name": f"Person {code}"})

    def add_event(self, minor: int, moment: datetime, **words: str) -> None:
        """Something else that happened at the door."""
        when = moment.replace(tzinfo=ZoneInfo(self.tz), microsecond=0).isoformat()
        with self._lock:
            self._append(words.get("code", ""), when, "undefined", minor)

    def wipe(self) -> None:
        """Factory reset of the log: numbers begin again."""
        with self._lock:
            self._log.clear()
            self._next = 1

    def drop_oldest(self, count: int) -> None:
        """The log is a ring: its oldest events make place."""
        with self._lock:
            del self._log[:count]

    def _append(self, code: str, when: str, status: str, minor: int) -> None:
        self._log.append(Event(self._next, code, when, status, minor))
        self._next += 1

    def held(self) -> set[tuple[str, str]]:
        with self._lock:
            return {
                (event.code, iso_second(datetime.fromisoformat(event.time)))
                for event in self._log
                if event.code and event.minor == 75
            }

    def _settings(self) -> dict[str, Any]:
        return {
            "username": self.username,
            "tls": "unverified" if self.tls else "none",
        }

    # What it sends by itself

    def alert(self, event: Event, *, live: bool = True) -> dict[str, Any]:
        """What is sent of an event of its log."""
        return {
            "ipAddress": "192.168.1.64",
            "portNo": 80,
            "protocol": "HTTP",
            "macAddress": self.mac.lower(),
            "channelID": 1,
            "dateTime": event.time,
            "activePostCount": 1,
            "eventType": "AccessControllerEvent",
            "eventState": "active",
            "eventDescription": "Access Controller Event",
            "AccessControllerEvent": {
                "deviceName": "Gate",
                "majorEventType": 5,
                "subEventType": event.minor,
                "name": "Some",
                "cardReaderNo": 1,
                "doorNo": 1,
                "employeeNoString": event.code,
                "serialNo": event.number,
                "currentVerifyMode": "cardOrFace",
                "attendanceStatus": event.status,
                "currentEvent": live,
                "frontSerialNo": event.number - 1,
            },
        }

    def beat(self) -> dict[str, Any]:
        """The sign of life of a quiet terminal."""
        return {
            "ipAddress": "192.168.1.64",
            "macAddress": self.mac.lower(),
            "dateTime": self.clock().replace(microsecond=0).isoformat(),
            "activePostCount": 0,
            "eventType": "heartBeat",
            "eventState": "inactive",
            "eventDescription": "Heartbeat",
        }

    def send(self, alert: dict[str, Any], body: str = "json", number: int = 0) -> int:
        """Send a notification as firmware does, to an address of its list.

        :return: the status of the answer
        """
        return self.post(*encode(alert, body), number=number)

    def post(self, data: bytes, content_type: str = "", number: int = 0) -> int:
        host = self.hosts[number]
        assert host.protocol == "HTTP", host
        client = http.client.HTTPConnection(host.address, host.port, timeout=60)
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            client.request("POST", host.url, data, headers)
            with client.getresponse() as answer:
                answer.read()
                return answer.status
        finally:
            client.close()

    # What it does with a request

    def events(self) -> list[Event]:
        with self._lock:
            log = list(self._log)
        if self.fault == "numbers_fall":
            log = [event._replace(number=n) for n, event in enumerate(log, 1)]
        odd = {"bad_date": "2026-02-31T08:00:00+00:00", "future": "2099-01-01T08:00:00"}
        if self.fault in odd:
            when = odd[self.fault]
            if self.fault == "future":
                when = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(self.tz))
                when = when.isoformat()
            log.insert(0, Event(10**9, "1", when, "checkIn", 75))
        return log

    def found(self, condition: dict[str, Any]) -> list[dict[str, Any]]:
        start, end = (
            datetime.fromisoformat(condition[name]) for name in ("startTime", "endTime")
        )
        if start.tzinfo is None or end.tzinfo is None:
            raise ValueError("badParameters")
        if self.fault == "narrow" and (start.year < 2000 or end.year > 2037):
            raise ValueError("badParameters")
        first, last = 0, 10**12
        if "beginSerialNo" in condition:
            if self.fault == "no_numbers":
                raise ValueError("badParameters")
            if self.fault != "any_number":
                first, last = condition["beginSerialNo"], condition["endSerialNo"]
        rows = []
        for event in self.events():
            if not first <= event.number <= last:
                continue
            with contextlib.suppress(ValueError):
                if not start <= datetime.fromisoformat(event.time) <= end:
                    continue
            rows.append(
                {
                    "major": 5,
                    "minor": event.minor,
                    "time": event.time,
                    "employeeNoString": event.code,
                    "name": "Somebody\x01" if self.fault == "control_chars" else "Some",
                    "cardNo": "",
                    "cardReaderNo": 1,
                    "doorNo": 1,
                    "serialNo": event.number,
                    "currentVerifyMode": "cardOrFace",
                    "attendanceStatus": event.status,
                    "pictureURL": "http://203.0.113.1/picture.jpg",
                }
            )
        return rows

    def let_in(self, handler: HttpConversation) -> str:
        """ "" when the request may go on, else the challenge's ``stale``."""
        header = handler.headers.get("Authorization", "")
        if not header.startswith("Digest "):
            return "none"
        self.attempts += 1
        # As bytes came, one character each.
        words = _words(header.encode("latin-1").decode())
        nonce = words.get("nonce", "")
        with self._lock:
            uses = self._nonces.get(nonce)
            if uses is not None:
                self._nonces[nonce] = uses + 1
        who = _md5(f"{self.username}:{words.get('realm')}:{self.secret}")
        what = _md5(f"{handler.command}:{handler.path}")
        proof = _md5(
            f"{who}:{nonce}:{words.get('nc')}:{words.get('cnonce')}:auth:{what}"
        )
        right = secrets.compare_digest(proof, words.get("response", ""))
        if not right or self.fault == "refuse_auth":
            self.refused += 1
            return "wrong"
        once = self.fault in ("stale_nonce", "silent_nonce")
        if uses is None or (once and uses >= 1):
            return "wrong_nonce" if self.fault == "silent_nonce" else "stale"
        if int(words["nc"], 16) != uses + 1:
            return "stale"
        return ""

    def new_nonce(self) -> str:
        nonce = secrets.token_hex(16)
        with self._lock:
            self._nonces[nonce] = 0
        return nonce


def encode(alert: dict[str, Any], body: str) -> tuple[bytes, str]:
    """A notification as the body of a request, and the type that is said of it."""
    text = json.dumps(alert, ensure_ascii=False, indent=1).encode()
    match body:
        case "json":
            return text, "application/json"
        case "xml":
            return _xml_alert(alert), 'application/xml; charset="UTF-8"'
        case "untyped":
            return b"\xef\xbb\xbf" + text + b"\n", ""
        case "multipart":
            return _multipart(text, "event_log", b"\r\n", "MIME_boundary")
        case "multipart_lf":
            name = "AccessControllerEvent"
            return _multipart(
                text, name, b"\n", "---------------------------7e13971310878"
            )
        case "multipart_xml":
            return _multipart(_xml_alert(alert), "event_log", b"\r\n", "boundary")
    raise ValueError(body)


def _multipart(text: bytes, name: str, end: bytes, boundary: str) -> tuple[bytes, str]:
    parts = (
        (f'Content-Disposition: form-data; name="{name}"', "application/json", text),
        (
            'Content-Disposition: form-data; name="Picture"; filename="face.jpg"',
            "image/jpeg",
            _PICTURE,
        ),
    )
    lines = []
    for disposition, kind, content in parts:
        size = f"Content-Length: {len(content)}".encode()
        lines += [b"--" + boundary.encode(), disposition.encode()]
        lines += [b"Content-Type: " + kind.encode(), size, b"", content]
    lines += [b"--" + boundary.encode() + b"--", b""]
    return end.join(lines), f"multipart/form-data; boundary={boundary}"


def _xml_alert(alert: dict[str, Any]) -> bytes:
    root = ElementTree.Element("EventNotificationAlert", version="2.0")
    root.set("xmlns", _XML_SPACE)
    for name, value in alert.items():
        child = ElementTree.SubElement(root, name)
        if not isinstance(value, dict):
            child.text = _xml_text(value)
            continue
        for key, word in value.items():
            ElementTree.SubElement(child, key).text = _xml_text(word)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _xml_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(header: str) -> dict[str, str]:
    from urllib.request import parse_http_list, parse_keqv_list

    return parse_keqv_list(parse_http_list(header.partition(" ")[2]))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class _Conversation(HttpConversation):
    def setup(self) -> None:
        super().setup()
        self.terminal.conversations += 1

    def version_string(self) -> str:
        return "App-webs/"

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        terminal = self.terminal
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        terminal.heard += [self.requestline, str(self.headers), body.decode()]
        match terminal.fault:
            case "silent":
                terminal.wait_for_end()
                self.close_connection = True
                return
            case "garbage":
                self.wfile.write(b"\x00\x01\x02 no protocol at all\r\n\r\n" * 4)
                self.close_connection = True
                return
            case "redirect":
                self._send(302, b"", Location="http://203.0.113.1/")
                return
            case "busy":
                self._status(503, 2, "deviceBusy")
                return
            case "lockout":
                self._unauthorised(
                    "none",
                    "<lockStatus>lock</lockStatus><unlockTime>1795</unlockTime>",
                )
                return
            case "flood":
                self._flood()
                return
        refusal = terminal.let_in(self)
        if refusal:
            left = "<retryLoginTime>4</retryLoginTime>" if refusal == "wrong" else ""
            self._unauthorised(refusal, left)
            return
        self._serve(json.loads(body) if body.startswith(b"{") else body)

    def _flood(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while not self.terminal._closing.is_set():
                self.wfile.write(b"x" * 65536)

    def _unauthorised(self, why: str, words: str) -> None:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<userCheck version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">'
            f"<statusValue>401</statusValue>{words}</userCheck>"
        )
        challenge = 'Basic realm="DS-K1T"'
        if self.terminal.fault != "basic":
            stale = "TRUE" if why == "stale" else "FALSE"
            challenge = (
                f'Digest qop="auth", realm="DS-K1T342MWX",'
                f' nonce="{self.terminal.new_nonce()}", stale="{stale}"'
            )
        self._send(401, body.encode(), **{"WWW-Authenticate": challenge})

    def _serve(self, words: Any) -> None:
        terminal = self.terminal
        path = self.path.partition("?")[0].removeprefix("/ISAPI/")
        match self.command, path:
            case "GET", "System/deviceInfo":
                self._xml(
                    "DeviceInfo",
                    deviceName="Gate",
                    model="DS-K1T342MWX",
                    serialNumber=terminal.serial,
                    firmwareVersion="V3.16.1",
                    deviceType="ACS",
                )
            case "GET", "System/time":
                shown = terminal.clock().astimezone(ZoneInfo(terminal.tz))
                self._xml(
                    "Time",
                    timeMode="NTP" if terminal.fault == "ntp" else "manual",
                    localTime=shown.replace(microsecond=0).isoformat(),
                    timeZone="CST-0:00:00",
                )
            case "PUT", "System/time":
                root = ElementTree.fromstring(words)
                said = {child.tag: child.text or "" for child in root}
                terminal.clock_sets.append(said)
                ahead = datetime.fromisoformat(said["localTime"]) - utc_now()
                terminal.clock = lambda: utc_now() + ahead
                self._status(200, 1, "ok")
            case "GET", "Event/notification/httpHosts":
                self._hosts()
            case "PUT", str(place) if place.startswith("Event/notification/httpHosts/"):
                self._set_host(int(place.rpartition("/")[2]), words)
            case "GET", "AccessControl/UserInfo/Count":
                self._json({"UserInfoCount": {"userNumber": len(terminal.people)}})
            case "POST", "AccessControl/UserInfo/Search":
                self._search(
                    words["UserInfoSearchCond"],
                    "UserInfoSearch",
                    "UserInfo",
                    terminal.people,
                )
            case "POST", "AccessControl/CardInfo/Search":
                self._search(
                    words["CardInfoSearchCond"],
                    "CardInfoSearch",
                    "CardInfo",
                    terminal.cards,
                )
            case "POST", "AccessControl/AcsEvent":
                self._events(words["AcsEventCond"])
            case _:
                self._status(404, 4, "notSupport")

    def _hosts(self) -> None:
        rows = "".join(
            f"<HttpHostNotification><id>{number}</id><url>{host.url}</url>"
            f"<protocolType>{host.protocol}</protocolType>"
            f"<parameterFormatType>{host.data}</parameterFormatType>"
            "<addressingFormatType>ipaddress</addressingFormatType>"
            f"<ipAddress>{host.address}</ipAddress><portNo>{host.port}</portNo>"
            "<httpAuthenticationMethod>none</httpAuthenticationMethod>"
            "</HttpHostNotification>"
            for number, host in enumerate(self.terminal.hosts, 1)
        )
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<HttpHostNotificationList xmlns="{_XML_SPACE}">{rows}'
            "</HttpHostNotificationList>"
        )
        self._send(200, body.encode(), **{"Content-Type": "application/xml"})

    def _set_host(self, number: int, body: bytes) -> None:
        terminal = self.terminal
        # Its own parser knows no prefixes.
        assert b"<HttpHostNotification" in body, body
        root = ElementTree.fromstring(body)
        said = {child.tag.rpartition("}")[2]: child.text or "" for child in root}
        beats = "SubscribeEvent" in said
        data = said["parameterFormatType"]
        wrong = beats if terminal.fault == "no_beats" else data != "XML"
        if terminal.fault in ("no_beats", "only_xml") and wrong:
            self._status(400, 6, "badXmlContent")
            return
        if terminal.fault != "forgetful":
            terminal.hosts[number - 1] = Host(
                said["protocolType"],
                said.get("ipAddress") or said["hostName"],
                int(said["portNo"]),
                said["url"],
                data,
                beats,
            )
        self._status(200, 1, "ok")

    def _events(self, condition: dict[str, Any]) -> None:
        terminal = self.terminal
        terminal.searches.append(condition)
        if terminal.fault == "no_rights":
            self._status(403, 4, "lowPrivilege")
            return
        if terminal.fault == "xml_page":
            page = b"<html><body>Internal error</body></html>"
            self._send(200, page, **{"Content-Type": "application/json"})
            return
        try:
            rows = terminal.found(condition)
        except ValueError as error:
            self._status(400, 6, str(error))
            return
        if terminal.fault == "same_page":
            condition = {**condition, "searchResultPosition": 0}
        self._search(condition, "AcsEvent", "InfoList", rows)

    def _search(
        self, condition: dict[str, Any], name: str, rows: str, found: list[Any]
    ) -> None:
        terminal = self.terminal
        first = condition["searchResultPosition"]
        cap = 3 if terminal.fault == "page_cap" else terminal.page
        page = found[first : first + min(cap, condition["maxResults"])]
        more = first + len(page) < len(found)
        total = len(found) + (terminal.fault == "wrong_count")
        answer = {
            "searchID": condition["searchID"],
            "responseStatusStrg": "MORE" if more else "OK" if page else "NO MATCH",
            "numOfMatches": len(page),
            "totalMatches": 10**6 if terminal.fault == "same_page" else total,
        }
        if terminal.fault == "same_page":
            answer["responseStatusStrg"] = "MORE"
        if page:
            one = terminal.fault == "single_object" and len(page) == 1
            answer[rows] = page[0] if one else page
        in_log = rows == "InfoList" and condition["maxResults"] > 1
        if in_log and terminal.fault in ("close_mid", "stall_mid"):
            self._half(answer, name)
            return
        self._json({name: answer})

    def _half(self, answer: Any, name: str) -> None:
        body = json.dumps({name: answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True
        if self.terminal.fault == "stall_mid":
            self.terminal.wait_for_end()

    def _json(self, answer: Any, status: int = 200) -> None:
        text = json.dumps(answer, ensure_ascii=False)
        if self.terminal.fault == "control_chars":
            text = text.replace("\\u0001", "\x01")
        self._send(status, text.encode(), **{"Content-Type": "application/json"})

    def _status(self, status: int, code: int, reason: str) -> None:
        words = {"statusCode": code, "statusString": reason, "subStatusCode": reason}
        self._json(words, status)

    def _xml(self, name: str, **words: str) -> None:
        inner = "".join(f"<{key}>{value}</{key}>" for key, value in words.items())
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<{name} xmlns="http://www.hikvision.com/ver20/XMLSchema">{inner}</{name}>'
        )
        self._send(200, body.encode(), **{"Content-Type": "application/xml"})

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.terminal.fault == "hang_up":
            self.close_connection = True
