"""A ZKTeco terminal that pushes (ADMS), for tests: a client over real HTTP.

Nothing here uses the code under test: lines, stamps and commands are written a second
time, from the protocol. It does nothing by itself but under :meth:`running`::

    terminal = AdmsTerminal(url, "ZK0000000001", FIRMWARE["plain"], tz="Africa/Nairobi")
    terminal.connect()              # the handshake
    terminal.add("17", datetime(2026, 11, 2, 8, 0))
    assert terminal.sync() == 1     # rows that were acknowledged
    terminal.poll()                 # asks for work, does it, says how it went

What the server does not acknowledge stays, and goes out again with the next
:meth:`sync`. Times are naive and in the terminal's zone, ``tz``. ``fault`` may be set
at any time, "" to end it:

    lose_answer  hangs up before it has heard the answer to an upload
    cut_body     hangs up in the middle of an upload
    mute         does what it is asked for and does not say so
    refuse       cannot do what it is asked for
    lose_rows    counts scans, and doesn't send them when asked for
"""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

FAULTS = frozenset({"lose_answer", "cut_body", "mute", "refuse", "lose_rows"})
STATUS = {
    "in": 0,
    "out": 1,
    "break_start": 2,
    "break_end": 3,
    "overtime_in": 4,
    "overtime_out": 5,
    "none": 255,
}
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Firmware:
    """How a terminal speaks.

    ``version`` is what it tells as ``pushver``, "" when it does not. ``suffix`` ends
    its paths, ``content_type`` goes with what it posts, None for none. ``fields`` is
    how many a line of attendance has. ``counts_stamps``: its stamps are how many rows
    were sent, else all of them are 9999. ``old_names``: it understands only the names
    that stamps had before 2.2.14. ``sets_clock``: by the Date of the handshake.
    ``options``: it tells about itself after the handshake, if it is asked to.
    """

    version: str = "2.4.1"
    suffix: str = ""
    content_type: str | None = "text/plain"
    eol: str = "\n"
    encoding: str = "utf-8"
    fields: int = 7
    counts_stamps: bool = False
    old_names: bool = False
    sets_clock: bool = True
    options: bool = True
    batch: int = 100


FIRMWARE = {
    "plain": Firmware(),
    "stamps": Firmware(counts_stamps=True, content_type="application/push"),
    "form": Firmware("2.2.14", content_type=FORM),
    "slash": Firmware("2.3.0", suffix="/", content_type=None),
    "aspx": Firmware("2.2.14", suffix=".aspx", eol="\r\n", content_type=FORM),
    "old": Firmware(
        "",
        content_type=None,
        fields=5,
        counts_stamps=True,
        old_names=True,
        sets_clock=False,
        options=False,
    ),
    "gbk": Firmware("2.2.14", encoding="gbk", eol="\r\n", fields=5),
    "thermal": Firmware(fields=10, counts_stamps=True),
}


class Punch(NamedTuple):
    code: str
    moment: datetime
    status: int
    verify: int = 1


class Answer(NamedTuple):
    status: int
    text: str
    headers: Any


class NoAnswer(Exception):
    """The terminal hung up, or the server did."""


class AdmsTerminal:
    """:param url: of the server, without ``/iclock``
    :param key: told at the handshake as ``pushcommkey``
    :param clock: gives the time on its display, until the server sets it
    """

    def __init__(
        self,
        url: str,
        serial: str = "ZK0000000001",
        firmware: Firmware = FIRMWARE["plain"],
        *,
        tz: str = "UTC",
        key: str = "",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        address = urlsplit(url)
        assert address.scheme == "http" and address.hostname
        self.host, self.port = address.hostname, address.port or 80
        self.serial = serial
        self.firmware = firmware
        self.tz = tz
        self.key = key
        self.clock = clock or (
            lambda: datetime.now(ZoneInfo(self.tz)).replace(tzinfo=None)
        )
        self.fault = ""
        #: Each call as (method, path and query), and what was said to the last one.
        self.calls: list[tuple[str, str]] = []
        self.answer: Answer | None = None
        #: What the handshake said, {} before there was one.
        self.settings: dict[str, str] = {}
        self.connected = False
        #: Commands as they came, id and text.
        self.commands: list[tuple[str, str]] = []
        self.restarts = 0
        self._log: list[Punch] = []
        self._acknowledged = 0
        self._others: list[tuple[str, bytes]] = []
        self._people: dict[str, str] = {}
        self._lock = threading.RLock()

    # What the test does with it

    def add(
        self, code: str, moment: datetime, kind: str = "in", verify: int = 1
    ) -> None:
        """Somebody holds up a badge."""
        self.extend([(code, moment, kind, verify)])

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Record many ``(code, local time, word[, how verified])``."""
        with self._lock:
            self._log += [
                Punch(code, moment.replace(microsecond=0), STATUS[kind], *verify)
                for code, moment, kind, *verify in rows
            ]

    def enrol(self, code: str, name: str) -> None:
        """Somebody is made known at the terminal, with a finger and a face: it tells
        the server, templates and all."""
        people = (
            f"USER PIN={code}\tName={name}\tPri=0\tPasswd=1234\tCard=\tGrp=1\tTZ="
            f"\tVerify=-1\tViceCard="
        )
        finger = f"FP PIN={code}\tFID=6\tSize=16\tValid=1\tTMP=ocoSgW5vIGZpbmdlcg=="
        face = f"Pin={code}\tNo=0\tIndex=0\tValid=1\tType=9\tFormat=0\tTmp=AAECAwQF"
        with self._lock:
            self._people[code] = name
        self.queue("OPERLOG", people, finger)
        self.queue("BIODATA", f"BIODATA {face}")

    def operate(self, operation: int, moment: datetime) -> None:
        """Somebody does something at the terminal (21: sets its clock)."""
        self.queue("OPERLOG", f"OPLOG {operation}\t0\t{moment:%F %T}\t0\t0\t0\t0")

    def photograph(self, code: str, moment: datetime) -> None:
        head = f"PIN={moment:%Y%m%d%H%M%S}-{code}.jpg\nSN={self.serial}\nsize=6\n"
        picture = head.encode() + b"CMD=uploadphoto\0\xff\xd8\n\n\xff\xd9"
        with self._lock:
            self._others.append(("ATTPHOTO", picture))

    def queue(self, table: str, *lines: str) -> None:
        """Rows of another table than attendance, sent before it."""
        with self._lock:
            self._others.append((table, self._body(lines)))

    def held(self) -> set[tuple[str, str]]:
        """What is in its log: badge code and local time, ISO to the second."""
        return {(punch.code, punch.moment.isoformat()) for punch in self._log}

    @property
    def waiting(self) -> int:
        """Rows of attendance that the server has not acknowledged."""
        return len(self._log) - self._acknowledged

    def forget_stamps(self) -> None:
        """What it knows of what was sent is gone: all goes out again."""
        self._acknowledged = 0

    # What it does

    def connect(self) -> bool:
        """The handshake; whether the server knows this terminal.

        :raises NoAnswer: from here on everywhere, when there is no server
        """
        words = {"options": "all", "pushver": self.firmware.version, "language": "69"}
        if self.key:
            words["pushcommkey"] = self.key
        if not self.firmware.version:
            del words["pushver"]
        answer = self.call("GET", "cdata", **words)
        self.settings = {}
        lines = answer.text.split("\n")
        first = f"GET OPTION FROM: {self.serial}"
        self.connected = answer.status == 200 and lines[0] == first
        if not self.connected:
            return False
        assert "\r" not in answer.text
        self.settings = dict(line.split("=", 1) for line in lines[1:] if line)
        self._take_stamp()
        self._take_time(answer)
        if self.firmware.options and self.settings.get("PushOptionsFlag") == "1":
            self._tell_options()
        return True

    def sync(self) -> int:
        """Send what waits, in batches, up to the first that is not taken. How many
        rows of attendance were."""
        before = self._acknowledged
        while self._others:
            table, body = self._others[0]
            if not self.upload(table, body):
                return 0
            with self._lock:
                self._others.pop(0)
        while True:
            with self._lock:
                first = self._acknowledged
                batch = self._log[first : first + self.firmware.batch]
            if not batch or not self.send(batch, first + len(batch)):
                return self._acknowledged - before
            self._acknowledged = first + len(batch)

    def send(self, punches: Iterable[Punch], stamp: int = 9999) -> bool:
        """Send rows of attendance, whatever was sent before."""
        lines = map(self._line, punches)
        return self.upload("ATTLOG", self._body(lines), stamp)

    def upload(self, table: str, body: bytes, stamp: int = 9999) -> bool:
        """Post a table's bytes; whether the server has taken them."""
        stamp = stamp if self.firmware.counts_stamps else 9999
        name = "OpStamp" if self._old_operlog(table) else "Stamp"
        try:
            answer = self.call("POST", "cdata", body, table=table, **{name: str(stamp)})
        except NoAnswer:
            return False
        word = answer.text.strip().replace(" ", "")
        return answer.status == 200 and (word == "OK" or word.startswith("OK:"))

    def poll(self, tell: bool = False) -> int:
        """Ask for work, do it, and say in one go how it went. How many commands came.

        :param tell: also what it says of itself now and then
        """
        about = (
            {
                "INFO": f"{self._firmware_name()},{len(self._people)},0,"
                f"{len(self._log)},10.0.0.5,10,7,15,0,111"
            }
            if tell
            else {}
        )
        answer = self.call("GET", "getrequest", **about)
        if answer.status != 200 or answer.text.strip() == "OK":
            return 0
        results: list[str] = []
        came = []
        for line in answer.text.splitlines():
            word, number, text = line.split(":", 2)
            assert word == "C" and number.isalnum() and len(number) <= 16, line
            came.append((number, text))
        self.commands += came
        for number, text in came:
            results += self._do(number, text)
        if results and self.fault != "mute":
            assert self.call("POST", "devicecmd", self._body(results)).status == 200
        if any(text == "REBOOT" for _number, text in came):
            self.restarts += 1
            self.connected = False
        return len(came)

    def ping(self) -> bool:
        return self.call("GET", "ping").text.strip() == "OK"

    @contextlib.contextmanager
    def running(self, every: float = 0.2) -> Iterator[None]:
        """It lives by itself: connects until it is let in, sends what comes, asks for
        work. ``every`` is in seconds, instead of its delay."""
        over = threading.Event()

        def live() -> None:
            while not over.is_set():
                with contextlib.suppress(NoAnswer):
                    if self.connected or self.connect():
                        self.sync()
                        self.poll()
                over.wait(every)

        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def call(
        self, method: str, what: str, body: bytes | None = None, **words: str
    ) -> Answer:
        """One request, with its serial number."""
        query = "&".join(
            f"{name}={quote(value, safe=',:.~')}"
            for name, value in {"SN": self.serial, **words}.items()
        )
        path = f"/iclock/{what}{self.firmware.suffix}?{query}"
        with self._lock:
            self.calls.append((method, path))
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        uploads = what == "cdata" and body is not None
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.putheader("User-Agent", "iClock Proxy/1.09")
            connection.putheader("Connection", "close")
            connection.putheader("Accept", "*/*")
            if body is not None:
                if self.firmware.content_type:
                    connection.putheader("Content-Type", self.firmware.content_type)
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            if uploads and self.fault == "cut_body":
                connection.send(body[: len(body) // 2])
                raise NoAnswer("hung up in the middle")
            if body:
                connection.send(body)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(str(error)) from error
        finally:
            connection.close()
        if uploads and self.fault == "lose_answer":
            # The server has done its work: only the terminal does not know.
            raise NoAnswer("the answer is lost")
        self.answer = Answer(response.status, text, response.headers)
        return self.answer

    # Words

    def _line(self, punch: Punch) -> str:
        fields = [punch.code, f"{punch.moment:%F %T}", punch.status, punch.verify]
        fields += ["0", "0", "0", "1", "36.6", "97.9"]
        return "\t".join(map(str, fields[: self.firmware.fields]))

    def _body(self, lines: Iterable[str]) -> bytes:
        eol = self.firmware.eol
        return "".join(f"{line}{eol}" for line in lines).encode(self.firmware.encoding)

    def _old_operlog(self, table: str) -> bool:
        return self.firmware.old_names and table == "OPERLOG"

    def _firmware_name(self) -> str:
        return "Ver 8.0.4.3-20200513"

    def _take_stamp(self) -> None:
        name = "Stamp" if self.firmware.old_names else "ATTLOGStamp"
        stamp = self.settings[name]
        if stamp in ("None", "0"):
            self._acknowledged = 0
        elif self.firmware.counts_stamps:
            self._acknowledged = min(int(stamp), len(self._log))

    def _take_time(self, answer: Answer) -> None:
        if not self.firmware.sets_clock or "TimeZone" not in self.settings:
            return
        zone = int(self.settings["TimeZone"])
        offset = timedelta(minutes=zone) if abs(zone) > 60 else timedelta(hours=zone)
        right = parsedate_to_datetime(answer.headers["Date"])
        ahead = right - datetime.now(UTC) + offset
        self.clock = lambda: (datetime.now(UTC) + ahead).replace(tzinfo=None)

    def _tell_options(self) -> None:
        known = self._about()
        names = self.settings.get("PushOptions", "").split(",")
        told = ",".join(f"{name}={known.get(name, '')}" for name in names)
        self.call("POST", "cdata", told.encode(), table="options")

    def _about(self) -> dict[str, str]:
        return {
            "~DeviceName": "SpeedFace V5L",
            "~SerialNumber": self.serial,
            "MAC": "00:17:61:11:22:33",
            "FWVersion": self._firmware_name(),
            "UserCount": str(len(self._people)),
            "TransactionCount": str(len(self._log)),
        }

    def _do(self, number: str, text: str) -> list[str]:
        """Lines of the result."""
        verb = " ".join(text.split(" ")[: 2 if text.startswith("VERIFY") else 1])
        if self.fault == "refuse":
            return [f"ID={number}&Return=-1002&CMD={verb}"]
        done = f"ID={number}&Return=0&CMD={verb}"
        match verb:
            case "CHECK":
                self.connect()
            case "INFO":
                about = self._about().items()
                return [done, *(f"{name}={value}" for name, value in about)]
            case "DATA":
                assert text.startswith("DATA QUERY ATTLOG ")
                found = [] if self.fault == "lose_rows" else self._between(text)
                size = self.firmware.batch
                for first in range(0, len(found), size):
                    self.send(found[first : first + size], self._acknowledged)
            case "VERIFY SUM":
                span = text.removeprefix("VERIFY SUM ATTLOG ").replace("\t", "&")
                return [f"{done}&{span}&AttlogSum={len(self._between(text))}"]
            case "SET":
                name, value = text.removeprefix("SET OPTION ").split("=", 1)
                self.settings[name] = value
            case "REBOOT":
                pass
            case _:
                return [f"ID={number}&Return=-1002&CMD={verb}"]
        return [done]

    def _between(self, text: str) -> list[Punch]:
        times = dict(part.split("=", 1) for part in text.split(" ", 3)[3].split("\t"))
        start, end = (
            datetime.fromisoformat(times[name]) for name in ("StartTime", "EndTime")
        )
        with self._lock:
            return [punch for punch in self._log if start <= punch.moment <= end]
