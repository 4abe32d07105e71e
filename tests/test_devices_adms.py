"""ZKTeco's push dialect: the words alone, written down in ``fixtures/push/adms.json``
from the vendor's text (none was recorded from a physical terminal), and over
real HTTP with the terminal of ``adms_terminal``."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from adms_terminal import FIRMWARE, AdmsTerminal, NoAnswer
from devices import DeviceInfo, adms, zk_codec
from devices.errors import DeviceDataError
from devices.malformed import is_malformed, malformed
from recorded import decode
from zk_terminal import ZkTerminal

WRITTEN = json.loads(
    (Path(__file__).parent / "fixtures" / "push" / "adms.json").read_text()
)
START = datetime(2026, 11, 2, 8)
SERIAL = "CKUH211560123"


# Queries


@pytest.mark.parametrize(
    ("query", "serial"),
    [
        (b"SN=CKUH211560123", "CKUH211560123"),
        (b"sn=A1&SN=B2", "A1"),
        (b"options=all", ""),
        (b"SN=", ""),
        (b"SN=../../etc/passwd", ""),
        (b"SN=A1%0aB2", ""),
        (b"SN=%20A1%0a", "A1"),
        (b"SN=" + b"A" * 65, ""),
        (b"SN=\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_serial(query: bytes, serial: str) -> None:
    assert adms.parse_query(query).serial == serial


def test_handshake_query() -> None:
    call = adms.parse_query(
        "SN=A1&options=all&pushver=2.3.0&language=69&pushcommkey=s3cret"
    )
    assert (call.version, call.key, call.table) == ((2, 3, 0), "s3cret", "")
    assert "s3cret" not in repr(call)


@pytest.mark.parametrize("pushver", ["", "&pushver=", "&pushver=new"])
def test_version_untold(pushver: str) -> None:
    assert adms.parse_query(f"SN=A1{pushver}").version == (2, 2, 14)


@pytest.mark.parametrize("stamp", ["None", "-1", "9" * 21, "1;2", "%C2%B2"])
def test_a_stamp_that_is_none(stamp: str) -> None:
    assert adms.parse_query(f"SN=A1&table=ATTLOG&Stamp={stamp}").stamp is None


def test_what_it_says_as_it_asks_for_work() -> None:
    call = adms.parse_query("SN=A1&INFO=Ver 6.60,50,60,1200,10.0.0.5,10,7,15,0,111")
    assert call.info == DeviceInfo(firmware="Ver 6.60", users=50, records=1200)
    assert adms.parse_query("SN=A1&INFO=Ver+6.60").info == DeviceInfo(
        firmware="Ver 6.60"
    )
    assert adms.parse_query("SN=A1&INFO=V%000,x,,-1").info == DeviceInfo(firmware="V0")
    assert adms.parse_query("SN=A1").info is None


# Uploads


@pytest.mark.parametrize("what", WRITTEN["uploads"])
def test_upload(what: str) -> None:
    case = WRITTEN["uploads"][what]
    call = adms.parse_query(case["query"])
    assert (call.serial, call.stamp) == (case["serial"], case["stamp"])
    upload = adms.parse_upload(call.table, decode(case["body"]))
    assert upload.lines == case["lines"]
    assert upload.answer == f"OK: {case['lines']}"
    assert [
        [scan.user_code, scan.timestamp_raw, scan.scan_type, dict(scan.raw)]
        for scan in upload.scans
    ] == case["scans"]
    assert list(upload.clock_sets) == case.get("clock_sets", [])
    assert upload.info == (DeviceInfo(**case["info"]) if "info" in case else None)


def test_moments() -> None:
    assert adms.parse_scan("17\t2026-11-02 08:03:59\t0\t1").local_time == datetime(
        2026, 11, 2, 8, 3, 59
    )
    for time in ("2026-02-31 08:00:00", "2026-11-02 24:00:00", "0000-01-01 00:00:00"):
        scan = adms.parse_scan(f"17\t{time}\t0\t1")
        assert (scan.timestamp_raw, scan.local_time) == (time, None)
        assert not is_malformed(scan)


def test_nobody_at_a_time_is_understood() -> None:
    scan = adms.parse_scan("\t2026-11-02 08:00:00\t0\t1")
    assert (scan.user_code, is_malformed(scan)) == ("", False)


@pytest.mark.parametrize("status", ["256", "-1", "x", "1e3", "²"])
def test_a_status_that_is_none(status: str) -> None:
    scan = adms.parse_scan(f"17\t2026-11-02 08:00:00\t{status}\t{status}")
    assert (scan.scan_type, scan.punch, scan.verify) == ("none", None, None)


def test_a_long_code_is_not_cut_to_another_persons() -> None:
    scan = adms.parse_scan(f"{'7' * 5000}\t2026-11-02 08:00:00\t0\t1")
    assert len(scan.user_code) == 129


def test_nothing_but_attendance_is_kept() -> None:
    line = "17\t2026-11-02 08:00:00\t0\t1\t0\t0\t0\t1\t38.9\t102"
    assert "38.9" not in repr(adms.parse_scan(line))


@pytest.mark.parametrize("line", WRITTEN["malformed"])
def test_malformed(line: str) -> None:
    good = "17\t2026-11-02 08:00:00\t0\t1"
    upload = adms.parse_upload(adms.ATTLOG, f"{good}\n{line}\n{good}\n".encode())
    assert upload.lines == 3
    assert [is_malformed(scan) for scan in upload.scans] == [False, True, False]
    assert upload.scans[1].raw == {"line": line}


def test_malformed_is_told_by_its_text() -> None:
    ends = [malformed("x" * 300 + end) for end in "aab"]
    assert ends[0] == ends[1] != ends[2]
    assert ends[0].raw == {"line": "x" * 200}


def test_one_broken_line_leaves_the_others_as_they_are() -> None:
    names = "é7\t2026-11-02 08:00:00\t0\t1\n".encode()
    upload = adms.parse_upload(adms.ATTLOG, names + b"\xff\xff\n" + names)
    assert [scan.user_code for scan in upload.scans] == ["é7", "", "é7"]


def test_so_many_malformed_lines_are_kept_one_by_one() -> None:
    good = "17\t2026-11-02 08:00:00\t0\t1"
    bad = [f"17;2026-11-02;{number}" for number in range(adms.MAX_MALFORMED + 3)]
    body = "\n".join([*bad, good]).encode()
    upload, again = (adms.parse_upload(adms.ATTLOG, body) for _time in range(2))
    assert upload == again
    assert upload.lines == len(bad) + 1
    *each, last, rest = upload.scans
    assert [scan.raw["line"] for scan in each] == bad[: adms.MAX_MALFORMED]
    assert last.user_code == "17"
    assert is_malformed(rest)
    assert rest.raw == {"line": "\n".join(bad[-3:]), "lines": 3}


def test_too_many_lines() -> None:
    line = b"17\t2026-11-02 08:00:00\t0\t1\n"
    assert adms.parse_upload(adms.ATTLOG, line * adms.MAX_LINES).lines == 50_000
    with pytest.raises(DeviceDataError):
        adms.parse_upload(adms.ATTLOG, line * (adms.MAX_LINES + 1))


def test_any_bytes_are_an_upload() -> None:
    dice = random.Random(8)
    signs = b"17\t\t\n\r\0 -:OPLOG=&,~\xef\xbb\xbf\xff\xd8\x81\x30"
    for table in (adms.ATTLOG, "OPERLOG", "OPTIONS", "BIODATA", ""):
        for size in range(200):
            body = bytes(dice.choices(signs, k=size)) + dice.randbytes(size % 7)
            upload = adms.parse_upload(table, body)
            assert 0 <= upload.lines <= len(body)
            assert len(upload.scans) in (0, upload.lines)
            adms.parse_results(body)
            adms.parse_query(body)


def test_the_same_scan_as_the_log_has_it() -> None:
    """What is read over the network and what is pushed are told apart by nothing."""
    terminal = ZkTerminal()
    terminal._server.server_close()  # only its log is wanted
    pushing = AdmsTerminal("http://127.0.0.1:1", SERIAL)
    rows = [
        ("17", START, "in"),
        ("000000018", START + timedelta(seconds=1), "none"),
        ("A-9", datetime(2026, 1, 2, 3, 4, 5), "overtime_out"),
    ]
    terminal.extend(rows)
    pushing.extend(rows)
    pulled = list(zk_codec.decode_log(terminal.log_blob()[4:], 40, {}))
    body = pushing._body(map(pushing._line, pushing._log))
    pushed = adms.parse_upload(adms.ATTLOG, body).scans
    assert len(pushed) == 3
    assert [scan[:6] for scan in pushed] == [scan[:6] for scan in pulled]


# Results


@pytest.mark.parametrize("case", WRITTEN["results"])
def test_results(case: dict[str, Any]) -> None:
    found = adms.parse_results(case["body"].encode())
    assert [[*one[:3], dict(one.values)] for one in found] == case["results"]


def test_results_without_end() -> None:
    assert len(adms.parse_results(b"ID=1&Return=0&CMD=INFO\n" * 100_000)) < 10_000


def test_result() -> None:
    info, data = adms.parse_results(WRITTEN["results"][2]["body"].encode())
    assert info.info == DeviceInfo(
        model="SpeedFace V5L", firmware="Ver 8.0.4.3-20200513", users=50, records=120
    )
    assert (data.ok, data.reason, data.counted) == (True, "", None)
    [count] = adms.parse_results(WRITTEN["results"][3]["body"].encode())
    assert count.counted == 42
    refused, unreadable, odd = adms.parse_results(
        b"ID=8&Return=-1002&CMD=REBOOT\nID=9&CMD=X\nID=10&Return=-77&CMD=X"
    )
    assert (refused.ok, refused.reason) == (False, "not supported")
    assert (unreadable.ok, unreadable.code) == (False, None)
    assert (odd.ok, odd.reason) == (False, "code -77")


# Answers


def settings(text: str) -> dict[str, str]:
    first, *lines = text.split("\n")
    assert first == "GET OPTION FROM: A1"
    assert lines.pop() == ""
    return dict(line.split("=", 1) for line in lines)


def test_handshake_of_a_new_terminal() -> None:
    call = adms.parse_query("SN=A1&options=all&pushver=2.4.1")
    told = settings(adms.handshake(call, {}, offset=timedelta(hours=3), delay=15))
    assert told == {
        "ATTLOGStamp": "None",
        "OPERLOGStamp": "9999",
        "ATTPHOTOStamp": "9999",
        "BIODATAStamp": "9999",
        "IDCARDStamp": "9999",
        "ERRORLOGStamp": "9999",
        "ErrorDelay": "30",
        "Delay": "15",
        "TransTimes": "00:00;12:00",
        "TransInterval": "1",
        "TransFlag": "110000000000",
        "TimeZone": "3",
        "Realtime": "1",
        "Encrypt": "None",
        "ServerVer": "2.4.1",
        "PushProtVer": "2.4.1",
        "PushOptionsFlag": "1",
        "PushOptions": "~DeviceName,FWVersion,UserCount,TransactionCount",
    }


def test_handshake_goes_on_where_it_stopped() -> None:
    call = adms.parse_query("SN=A1&options=all")
    stamps = {"ATTLOG": "82983982", "OPERLOG": "17"}
    told = settings(adms.handshake(call, stamps, offset=timedelta()))
    assert (told["ATTLOGStamp"], told["Stamp"]) == ("82983982", "82983982")
    assert (told["OPERLOGStamp"], told["OpStamp"]) == ("17", "17")
    assert (told["PhotoStamp"], told["PushProtVer"]) == ("9999", "2.2.14")


def test_old_firmware_knows_no_none() -> None:
    call = adms.parse_query("SN=A1&options=all&pushver=2.0.1")
    assert settings(adms.handshake(call, {}, offset=timedelta()))["Stamp"] == "0"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0"),
        (60, "1"),
        (-180, "-3"),
        (330, "330"),
        (345, "345"),
        (-570, "-570"),
        (660, "11"),
        (720, "720"),
        (-720, "-720"),
        (765, "765"),
        (840, "840"),
        (30, ""),
        (-44, ""),
    ],
)
def test_time_zone(minutes: int, text: str) -> None:
    offset = timedelta(minutes=minutes)
    assert adms.time_zone(offset) == text
    call = adms.parse_query("SN=A1")
    told = settings(adms.handshake(call, {}, offset=offset))
    assert told.get("TimeZone", "") == text


def test_local_mean_time_cannot_be_said() -> None:
    offset = datetime(1880, 1, 1, tzinfo=ZoneInfo("Africa/Nairobi")).utcoffset()
    assert adms.time_zone(offset) == ""


def test_commands() -> None:
    day = (START, START + timedelta(hours=10))
    span = "StartTime=2026-11-02 08:00:00\tEndTime=2026-11-02 18:00:00"
    assert adms.command("upload", *day) == f"DATA QUERY ATTLOG {span}"
    assert adms.command("verify", *day) == f"VERIFY SUM ATTLOG {span}"
    offset = timedelta(hours=5, minutes=30)
    assert adms.command("clock", offset=offset) == "SET OPTION TimeZone=330"
    assert adms.command("clock", offset=timedelta(minutes=-44)) == "CHECK"
    assert adms.command("info") == "INFO"
    assert adms.command("reboot") == "REBOOT"


def test_a_command_without_what_it_needs() -> None:
    with pytest.raises(ValueError, match="until when"):
        adms.command("upload", START)
    with pytest.raises(ValueError, match="unknown command: SHELL"):
        adms.command("SHELL")


def test_hand_out() -> None:
    assert adms.hand_out([]) == "OK"
    text = adms.hand_out([("7", "INFO"), ("8", "REBOOT")])
    assert text == "C:7:INFO\nC:8:REBOOT\n"


@pytest.mark.parametrize(
    "command",
    [
        ("7\n", "INFO"),
        ("7", "INFO\nC:8:SHELL rm"),
        ("", "INFO"),
        ("7", "INFO\rX"),
        ("1" * 17, "INFO"),
    ],
)
def test_no_command_hides_in_another(command: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line's end"):
        adms.hand_out([command])


# Over HTTP: what a server has to do, in short, and every firmware


class Server(ThreadingHTTPServer):
    """Takes what terminals send, by the words under test and nothing else."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.tz = "UTC"
        self.known = {SERIAL}
        self.broken = False
        self.stamps: dict[str, str] = {}
        #: How often each scan came.
        self.scans: dict[tuple[str, str], int] = {}
        self.malformed = 0
        self.clock_sets: list[str] = []
        self.infos: list[DeviceInfo] = []
        self.commands: list[tuple[str, str]] = []
        self.results: list[adms.Result] = []

    def take(self, call: adms.Call, body: bytes) -> str:
        upload = adms.parse_upload(call.table, body)
        for scan in upload.scans:
            if is_malformed(scan):
                self.malformed += 1
                continue
            assert scan.local_time is not None
            key = (scan.user_code, scan.local_time.isoformat())
            self.scans[key] = self.scans.get(key, 0) + 1
        if call.stamp:
            self.stamps[call.table] = call.stamp
        self.clock_sets += upload.clock_sets
        if upload.info:
            self.infos.append(upload.info)
        return upload.answer

    def give(self) -> str:
        given = self.commands[: adms.MAX_COMMANDS]
        del self.commands[: adms.MAX_COMMANDS]
        return adms.hand_out(given)


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        path, _mark, query = self.path.partition("?")
        what = path.removeprefix("/iclock/").rstrip("/").removesuffix(".aspx")
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        call = adms.parse_query(query)
        if call.serial not in server.known:
            self._send(403, "unknown")
        elif server.broken:
            self._send(500, "broken")
        elif len(body) < size:
            self._send(400, "cut off")
        elif (self.command, what) == ("GET", "cdata"):
            offset = datetime.now(ZoneInfo(server.tz)).utcoffset()
            self._send(200, adms.handshake(call, server.stamps, offset=offset))
        elif what == "cdata":
            self._send(200, server.take(call, body))
        elif what == "getrequest":
            if call.info:
                server.infos.append(call.info)
            self._send(200, server.give())
        elif what == "devicecmd":
            server.results += adms.parse_results(body)
            self._send(200, adms.OK)
        else:
            self._send(200, adms.OK)

    do_POST = do_GET

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        with contextlib.suppress(OSError):  # some hang up before they hear it
            self.wfile.write(text.encode())


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=sorted(FIRMWARE))
def terminal(request: pytest.FixtureRequest, server: Server) -> AdmsTerminal:
    return AdmsTerminal(server.url, SERIAL, FIRMWARE[request.param])


@pytest.fixture
def plain(server: Server) -> AdmsTerminal:
    return AdmsTerminal(server.url, SERIAL)


@pytest.fixture
def counting(server: Server) -> AdmsTerminal:
    return AdmsTerminal(server.url, SERIAL, FIRMWARE["stamps"])


def fill(terminal: AdmsTerminal, count: int, start: datetime = START) -> None:
    terminal.extend(
        (str(1 + row % 50), start + timedelta(seconds=13 * row), "in")
        for row in range(count)
    )


def test_every_firmware(server: Server, terminal: AdmsTerminal) -> None:
    terminal.enrol("17", "Name of somebody")
    terminal.operate(21, START)
    terminal.photograph("17", START)
    fill(terminal, 250)
    assert terminal.connect()
    assert (terminal.sync(), terminal.waiting) == (250, 0)
    terminal.add("17", START + timedelta(days=1))
    assert terminal.sync() == 1
    assert server.scans == dict.fromkeys(terminal.held(), 1)
    assert server.clock_sets == ["2026-11-02 08:00:00"]
    assert server.malformed == 0
    assert terminal.ping()
    # It starts anew: nothing, or nothing new, is sent again.
    assert terminal.connect()
    terminal.sync()
    assert set(server.scans) == terminal.held()


def test_every_firmware_does_what_it_is_asked(
    server: Server, terminal: AdmsTerminal
) -> None:
    fill(terminal, 300)
    terminal.connect()
    terminal.sync()
    first, last = START + timedelta(seconds=13), START + timedelta(seconds=13 * 4)
    server.commands = [
        ("1", adms.command("info")),
        ("2", adms.command("verify", first, last)),
        ("3", adms.command("upload", first, last)),
        ("4", adms.command("clock", offset=timedelta(hours=-9, minutes=-30))),
        ("5", adms.command("reboot")),
        ("6", "CHECK"),
    ]
    assert terminal.poll() == 6
    assert [(result.id, result.code) for result in server.results] == [
        (str(number), 0) for number in range(1, 7)
    ]
    assert server.results[0].info.records == 300
    assert server.results[1].counted == 4
    assert sorted(server.scans.values()) == [1] * 296 + [2] * 4
    assert terminal.settings["TimeZone"] == "0"  # as CHECK came after it
    assert (terminal.restarts, terminal.poll()) == (1, 0)


def test_what_is_refused_is_sent_again(server: Server, plain: AdmsTerminal) -> None:
    fill(plain, 3)
    plain.connect()
    server.broken = True
    assert (plain.sync(), plain.waiting) == (0, 3)
    server.broken = False
    assert plain.sync() == 3
    assert server.scans == dict.fromkeys(plain.held(), 1)


def test_an_unknown_terminal_keeps_its_scans(server: Server) -> None:
    stranger = AdmsTerminal(server.url, "STRANGER1")
    fill(stranger, 3)
    assert not stranger.connect()
    assert (stranger.sync(), stranger.waiting) == (0, 3)
    assert stranger.answer and stranger.answer.status == 403


def test_a_lost_answer_brings_rows_twice(server: Server, plain: AdmsTerminal) -> None:
    fill(plain, 3)
    plain.connect()
    plain.fault = "lose_answer"
    assert plain.sync() == 0
    plain.fault = ""
    assert plain.sync() == 3
    assert server.scans == dict.fromkeys(plain.held(), 2)


def test_half_an_upload_is_none(server: Server, plain: AdmsTerminal) -> None:
    fill(plain, 3)
    plain.connect()
    plain.fault = "cut_body"
    assert plain.sync() == 0
    plain.fault = ""
    assert plain.sync() == 3
    assert server.scans == dict.fromkeys(plain.held(), 1)


def test_stamps_bring_what_is_missing(server: Server, counting: AdmsTerminal) -> None:
    fill(counting, 250)
    counting.connect()
    counting.sync()
    assert server.stamps["ATTLOG"] == "250"
    # The server was restored from yesterday's backup.
    kept = list(server.scans)[:100]
    server.stamps["ATTLOG"], server.scans = "100", dict.fromkeys(kept, 1)
    counting.connect()
    assert (counting.waiting, counting.sync()) == (150, 150)
    assert set(server.scans) == counting.held()


def test_without_a_stamp_all_is_sent(server: Server, counting: AdmsTerminal) -> None:
    fill(counting, 5)
    counting.connect()
    counting.sync()
    server.stamps.clear()
    counting.connect()
    assert counting.waiting == 5


@pytest.mark.parametrize(
    "tz",
    [
        "Asia/Kolkata",
        "Pacific/Auckland",
        "Pacific/Honolulu",
        "America/St_Johns",
        "Pacific/Chatham",
    ],
)
def test_the_handshake_sets_the_clock(
    server: Server, plain: AdmsTerminal, tz: str
) -> None:
    server.tz = tz
    plain.clock = lambda: datetime(2000, 1, 1)
    plain.connect()
    off = plain.clock() - datetime.now(ZoneInfo(tz)).replace(tzinfo=None)
    # The Date of an answer is in whole seconds.
    assert abs(off) < timedelta(seconds=90)


def test_what_it_says_of_itself(server: Server, plain: AdmsTerminal) -> None:
    fill(plain, 7)
    plain.connect()
    plain.poll(tell=True)
    told, short = server.infos
    assert (told.model, told.records) == ("SpeedFace V5L", 7)
    assert (short.firmware, short.records) == ("Ver 8.0.4.3-20200513", 7)


def test_what_it_cannot_do(server: Server, plain: AdmsTerminal) -> None:
    plain.connect()
    plain.fault = "refuse"
    server.commands = [("1", "INFO"), ("2", "REBOOT")]
    plain.poll()
    assert [result.reason for result in server.results] == ["not supported"] * 2
    plain.fault = "mute"
    server.commands = [("3", "INFO")]
    assert (plain.poll(), len(server.results)) == (1, 2)


def test_it_lives_by_itself(server: Server, plain: AdmsTerminal) -> None:
    came = threading.Event()
    take = server.take

    def taken(call: adms.Call, body: bytes) -> str:
        answer = take(call, body)
        if ("18", START.isoformat()) in server.scans:
            came.set()
        return answer

    server.take = taken
    with plain.running(every=0.01):
        plain.add("18", START)
        assert came.wait(20)


def test_nobody_answers() -> None:
    terminal = AdmsTerminal("http://127.0.0.1:1", SERIAL)
    with pytest.raises(NoAnswer):
        terminal.connect()
