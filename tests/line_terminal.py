"""A reader for tests that speaks the line protocol, on loopback, well or badly.

It is written from the specification (``readme/PROTOCOL.md`` of the devices addon) and
uses nothing of the code under test. See :class:`fake_terminal.FakeTerminal` for how it
is used; beside the faults that all fakes share it knows:

    drip         sends a byte at a time, with pauses
    no_end       sends its log and hangs up without the line that ends it
    cut_line     hangs up in the middle of the log's last line
    long_line    one line of its log is longer than 64 KiB
    bad_line     its log begins with a line that is no JSON
    no_user      its log begins with a scan without a badge
    control_chars  its log begins with a scan whose badge holds a NUL
    impostor     has not got the key: its proof is made up
    gap          a number in the middle of its log is gone
    numbers_fall its numbering began again under the same name
    replays      sends all of its log, whatever is asked for
    no_progress  says for ever that there is more
    new_version  speaks version 2
    locked       says that it lets nobody in
    keeps_log    doesn't forget anything when told to
    lost_ack     hangs up instead of answering an acknowledgement
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from fake_terminal import (
    SHARED_FAULTS,
    Conversation,
    FakeTerminal,
    HangUp,
    Row,
    iso_second,
)

WORDS = {"break_start": "break_out", "break_end": "break_in", "none": "auto"}


class Scan(NamedTuple):
    seq: int
    code: str
    moment: datetime
    kind: str


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class LineTerminal(FakeTerminal):
    """:param clock: what its clock shows (naive)
    :param offset: sent with each time, such as "+03:00"; "": the terminal's zone
    :param tls: a server's context, for TLS
    """

    make: ClassVar[str] = "lines"
    FAULTS: ClassVar[frozenset[str]] = SHARED_FAULTS | {
        "drip",
        "no_end",
        "cut_line",
        "long_line",
        "bad_line",
        "no_user",
        "control_chars",
        "impostor",
        "gap",
        "numbers_fall",
        "replays",
        "no_progress",
        "new_version",
        "locked",
        "keeps_log",
        "lost_ack",
    }
    wrong_secret = "another key of sixteen"

    def __init__(
        self,
        *,
        port: int = 0,
        secret: str = "a shared key of sixteen",
        serial: str = "LINE-1",
        clock: Callable[[], datetime] = utc_now,
        offset: str = "",
        tls: ssl.SSLContext | None = None,
        page: int = 1_000_000,
    ) -> None:
        super().__init__(port, _Conversation, tls=tls)
        self.secret = secret
        self.serial = serial
        self.clock = clock
        self.offset = offset
        self.page = page
        self.log_name = secrets.token_hex(8)
        self.acked = 0
        self.requests: list[dict[str, Any]] = []
        #: What clients said in their hello, and every byte they sent.
        self.heard = bytearray()
        self._log: list[Scan] = []
        self._last = 0

    def extend(self, rows: Iterable[Row]) -> None:
        with self._lock:
            for code, moment, kind in rows:
                self._last += 1
                self._log.append(Scan(self._last, code, moment, kind))

    def held(self) -> set[tuple[str, str]]:
        with self._lock:
            return {(scan.code, iso_second(scan.moment)) for scan in self._log}

    def _settings(self) -> dict[str, Any]:
        return {"tls": "unverified" if self.tls else "none"}

    def begin_again(self) -> None:
        """Lose the log: the next scan is number 1 of another one."""
        with self._lock:
            self._log.clear()
            self._last, self.acked = 0, 0
            self.log_name = secrets.token_hex(8)

    # What a conversation asks

    def lines(self) -> list[dict[str, Any]]:
        with self._lock:
            rows = [
                {
                    "seq": scan.seq,
                    "user": scan.code,
                    "ts": scan.moment.isoformat(timespec="seconds") + self.offset,
                    "dir": WORDS.get(scan.kind, scan.kind),
                    "method": "card",
                }
                for scan in self._log
            ]
        # What a fault puts at the beginning of the log has a number of its own.
        odd = {"user": "1", "dir": "in", "seq": 0}
        match self.fault:
            case "bad_date":
                rows.insert(0, {**odd, "ts": "2026-02-31T08:00:00"})
            case "future":
                rows.insert(0, {**odd, "ts": "2099-01-01T08:00:00"})
            case "no_user":
                rows.insert(0, {"seq": 0, "ts": "2026-11-02T08:00:00", "name": "Jo"})
            case "control_chars":
                rows.insert(
                    0, {**odd, "user": "1\0\ud800", "ts": "2026-11-02T08:00:00"}
                )
            case "gap":
                del rows[len(rows) // 2]
            case "numbers_fall":
                rows = [{**row, "seq": seq} for seq, row in enumerate(rows[-2:], 1)]
        return rows

    def last(self) -> int:
        if self.fault == "numbers_fall":
            return len(self.lines())
        with self._lock:
            return self._last

    def forget(self, seq: int) -> int:
        with self._lock:
            before = len(self._log)
            self._log = [scan for scan in self._log if scan.seq > seq]
            return before - len(self._log)


def proof(key: str, role: str, device: str, reader: str, server: str) -> str:
    text = f"attendance-lines/1\n{role}\n{device}\n{reader}\n{server}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


class _Conversation(Conversation):
    def setup(self) -> None:
        super().setup()
        self.terminal.conversations += 1
        self.pending = b""

    def handle(self) -> None:
        terminal = self.terminal
        match terminal.fault:
            case "silent":
                terminal.wait_for_end()
                raise HangUp
            case "garbage":
                self.raw(b"\x00\xff<html>it works</html>\r\n" * 3)
                raise HangUp
            case "busy" | "locked":
                self.say({"error": terminal.fault})
                raise HangUp
        ours = secrets.token_hex(16)
        self.say(
            {
                "hello": "attendance-lines",
                "version": 2 if terminal.fault == "new_version" else 1,
                "device": terminal.serial,
                "nonce": ours,
                "model": "Testline",
                "firmware": "1.2",
                "colour": "red",
            }
        )
        hello = self.hear()
        nonces = (terminal.serial, ours, hello["nonce"])
        right = proof(terminal.secret, "server", *nonces)
        if terminal.fault != "impostor" and (
            terminal.fault == "refuse_auth"
            or not hmac.compare_digest(hello["proof"], right)
        ):
            self.say({"error": "auth"})
            raise HangUp
        key = "made up" if terminal.fault == "impostor" else terminal.secret
        self.say(
            {
                "welcome": True,
                "proof": proof(key, "reader", *nonces),
                "now": terminal.clock().isoformat(timespec="seconds") + terminal.offset,
                "log": terminal.log_name,
                "last": terminal.last(),
                "acked": terminal.acked,
                "records": len(terminal.held()),
                "capacity": 100_000,
            }
        )
        while True:
            self.answer(self.hear())

    def answer(self, request: dict[str, Any]) -> None:
        terminal = self.terminal
        terminal.requests.append(request)
        match request["cmd"]:
            case "pull":
                self.pull(request["since"], request["limit"])
            case "ack":
                if terminal.fault == "lost_ack":
                    raise HangUp
                terminal.acked = max(terminal.acked, request["seq"])
                answer: dict[str, Any] = {"ok": True}
                if request.get("clear") and terminal.fault != "keeps_log":
                    answer["cleared"] = terminal.forget(request["seq"])
                self.say(answer)
            case "clock":
                shown = datetime.fromisoformat(request["now"]).replace(tzinfo=None)
                terminal.clock = lambda: shown
                self.say({"ok": True, "now": request["now"]})
            case _:
                self.say({"error": "unsupported"})

    def pull(self, since: int, limit: int) -> None:
        terminal = self.terminal
        fault = terminal.fault
        if fault in ("replays", "bad_date", "future", "no_user", "control_chars"):
            since = -1
        rows = [row for row in terminal.lines() if row["seq"] > since]
        more = len(rows) > min(limit, terminal.page)
        rows = rows[: min(limit, terminal.page)]
        lines = [json.dumps(row).encode() + b"\r\n" for row in rows]
        if fault == "bad_line":
            lines.insert(0, b"{what is this}\n")
        if fault == "long_line":
            lines.insert(len(lines) // 2, b'{"user": "' + b"9" * 70_000 + b'"}\n')
        if fault == "no_progress":
            lines, rows, more = [], [], True
        if fault in ("close_mid", "stall_mid"):
            data = b"".join(lines)
            self.raw(data[: len(data) // 2])
            if fault == "stall_mid":
                terminal.wait_for_end()
            raise HangUp
        if fault == "cut_line":
            self.raw(b"".join(lines)[:-3])
            raise HangUp
        self.raw(b"".join(lines))
        if fault == "no_end":
            raise HangUp
        last = max((row["seq"] for row in rows), default=max(since, 0))
        end = {
            "end": True,
            "count": len(lines) + (fault == "wrong_count"),
            "last": last if more else max(last, terminal.last()),
            "more": more,
        }
        self.say(end)

    def say(self, words: dict[str, Any]) -> None:
        self.raw(json.dumps(words).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        if self.terminal.fault == "drip":
            for place in range(len(data)):
                self.request.sendall(data[place : place + 1])
                time.sleep(0.01)
        else:
            self.request.sendall(data)

    def hear(self) -> dict[str, Any]:
        while b"\n" not in self.pending:
            more = self.receive(65536)
            self.terminal.heard += more
            self.pending += more
        line, _lf, self.pending = self.pending.partition(b"\n")
        return json.loads(line)
