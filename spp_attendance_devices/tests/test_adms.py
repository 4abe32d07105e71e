import logging
import threading
import time
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from unittest.mock import patch

from freezegun import freeze_time

from odoo.api import SUPERUSER_ID, Environment
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tests import tagged

from odoo.addons.spp_attendance.tests.common import RealCase
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import push_log
from ..models import spp_attendance_device_pending as pending
from ..models import spp_attendance_scan_queue as queue
from .common import DeviceCase, scan

SERIAL = "CJDE193560303"
ADDRESS = "10.0.0.9"
ROWS = ("T-1\t2026-09-01 08:00:00\t0\t1", "T-2\t2026-09-01 08:01:00\t1\t15\t0\t0\t0")


class AdmsCase(DeviceCase):
    """One terminal in Nairobi that sends by itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.device = cls.new_pushing()
        cls.public = cls.env.ref("base.public_user")

    @classmethod
    def new_pushing(cls, serial=SERIAL, **values):
        return cls.new_device(
            **{"adapter": "zkteco", "mode": "push", "serial": serial, **values}
        )

    def call(self, page, method="GET", body=b"", address=ADDRESS, **words):
        """HTTP status and text; ``SN`` is the terminal's unless told otherwise."""
        query = "&".join(f"{k}={v}" for k, v in {"SN": SERIAL, **words}.items())
        devices = self.devices.with_user(self.public).with_context(
            allowed_company_ids=[]
        )
        if isinstance(body, str):
            body = body.encode()
        return devices._adms(page, method, query.encode(), body, address)

    def hello(self, **words):
        return self.call("cdata", options="all", pushver="2.4.1", **words)

    def push(self, *lines, table="ATTLOG", stamp=9999, **words):
        body = "".join(f"{line}\n" for line in lines)
        return self.call("cdata", "POST", body, table=table, Stamp=stamp, **words)

    def match(self):
        """As the thread does that follows the commit."""
        queues = self.env["spp.attendance.scan.queue"]
        for device_id in queues._waiting():
            queues._work(device_id)

    def waiting(self):
        return self.env["spp.attendance.scan.queue"].search(
            [("device_id", "=", self.device.id)]
        )


@tagged("post_install", "-at_install")
class TestAdmsPush(AdmsCase):
    def test_rows_become_scans_and_records_of_its_service_user(self):
        self.assertEqual(self.push(*ROWS, stamp=77), (200, "OK: 2"))
        scans = self.scans_of()
        self.assertRecordValues(
            scans,
            [
                {
                    "user_code": "T-1",
                    "local_time_raw": "2026-09-01 08:00:00",
                    "scan_time": datetime(2026, 9, 1, 5),
                    "scan_type": "in",
                    "clock_drift": 0,
                    "flag": False,
                    "state": "unmatched",
                },
                {
                    "user_code": "T-2",
                    "local_time_raw": "2026-09-01 08:01:00",
                    "scan_time": datetime(2026, 9, 1, 5, 1),
                    "scan_type": "out",
                    "clock_drift": 0,
                    "flag": False,
                    "state": "unmatched",
                },
            ],
        )
        self.assertEqual(scans.create_uid, self.device.user_id)
        self.assertEqual(self.waiting().first_id, scans[0].id)
        self.match()
        self.assertEqual(scans.mapped("state"), ["matched", "matched"])
        self.assertEqual(scans.record_id.create_uid, self.device.user_id)
        self.assertEqual(
            scans.record_id.subscriber_id, self.amina + self.joseph, "whose they are"
        )
        self.assertFalse(self.waiting())

    def test_what_was_sent_before_has_no_effect(self):
        self.push(*ROWS)
        self.match()
        self.assertEqual(self.push(*ROWS), (200, "OK: 2"))
        self.assertFalse(self.waiting())
        self.assertEqual(
            self.push(*ROWS, "T-3\t2026-09-01 08:02:00\t0\t1"), (200, "OK: 3")
        )
        self.assertEqual(self.scans_of().mapped("user_code"), ["T-1", "T-2", "T-3"])

    def test_the_same_scan_by_push_and_by_pull_is_one(self):
        """Whatever the in/out byte is, which differs between the two."""
        self.push("T-1\t2026-09-01 08:00:00\t255\t1")
        self.device.sudo().serial = "S-1"
        self.store(scan("T-1", punch=0), scan("T-2"))
        self.assertEqual(self.scans_of().mapped("user_code"), ["T-1", "T-2"])
        self.assertEqual(
            self.push("T-2\t2026-09-01 08:00:00\t0\t1", SN="S-1"), (200, "OK: 1")
        )
        self.assertEqual(len(self.scans_of()), 2)

    def test_what_nobody_understands_is_kept_and_acknowledged(self):
        lines = ("T-1", ROWS[0], "T-2\tyesterday\t0\t1", "T-3\t2026-02-31 08:00:00\t0")
        for _again in range(2):
            self.assertEqual(self.push(*lines), (200, "OK: 4"))
        self.match()
        self.assertEqual(
            self.scans_of().mapped("reason_code"),
            ["malformed", False, "malformed", "bad_date"],
        )
        odd = self.scans_of()[2]
        self.assertEqual(
            (odd.state, odd.user_code, odd.raw["line"]),
            ("rejected", "", "T-2\tyesterday\t0\t1"),
        )

    def test_people_and_templates_are_dropped(self):
        people = "USER PIN=T-1\tName=Amina Okafor\tPri=0\tPasswd=1234"
        finger = "FP PIN=T-1\tFID=6\tSize=4\tValid=1\tTMP=b2No"
        self.assertEqual(self.push(people, finger, table="OPERLOG"), (200, "OK: 2"))
        self.assertEqual(self.push(finger, table="BIODATA"), (200, "OK: 1"))
        picture = b"PIN=1.jpg\nSN=1\nsize=3\nCMD=uploadphoto\0\xff\xd8\n"
        for page in ("cdata", "fdata"):
            status, text = self.call(page, "POST", picture, table="ATTPHOTO", Stamp=3)
            self.assertEqual((status, text[:2]), (200, "OK"))
        self.assertFalse(self.scans_of())
        self.assertFalse(self.device.message_ids.filtered("body"))
        self.assertEqual(self.device.sudo().push_stamps, {"OPERLOG": "9999"})

    def test_a_handshake_tells_how_far_it_got_and_its_own_zone(self):
        status, text = self.hello()
        lines = text.splitlines()
        self.assertEqual((status, lines[0]), (200, f"GET OPTION FROM: {SERIAL}"))
        self.assertIn("ATTLOGStamp=None", lines)
        self.assertIn("TimeZone=3", lines)
        self.assertIn(f"Delay={self.device.push_delay}", lines)
        self.push(*ROWS, stamp=4711)
        self.push("OPLOG 4\t0\t2026-09-01 08:00:00\t0", table="OPERLOG", stamp=12)
        lines = self.hello()[1].splitlines()
        self.assertIn("ATTLOGStamp=4711", lines)
        self.assertIn("OPERLOGStamp=12", lines)
        self.assertEqual(self.device.push_address, ADDRESS)

    def test_what_is_none_of_its_calls(self):
        self.assertEqual(self.call("ping"), (200, "OK"))
        self.assertEqual(self.call("cdata", table="RemoteAtt", PIN="T-1"), (200, "OK"))
        self.assertEqual(self.call("registry", "POST")[0], 404)
        self.assertEqual(self.device.push_refused_for, "dialect")
        self.assertIn("T&A PUSH", self.device.push_refusal)

    def test_more_lines_than_any_terminal_sends(self):
        with patch("odoo.addons.spp_attendance_devices.devices.adms.MAX_LINES", 1):
            self.assertEqual(self.push(*ROWS)[0], 413)
        self.assertFalse(self.scans_of())
        self.assertFalse(self.device.sudo().push_stamps)

    def test_somebody_set_its_clock(self):
        line = "OPLOG 21\t0\t2026-09-01 07:00:00\t0\t0\t0\t0"
        notes = self.device.message_ids
        for _again in range(2):
            self.push(line, table="OPERLOG")
        [note] = self.device.message_ids - notes
        self.assertIn("2026-09-01 07:00:00", note.body)
        with freeze_time(self.device.clock_set_at + timedelta(days=1)):
            self.push(line, table="OPERLOG")
        self.assertEqual(len(self.device.message_ids - notes), 2)

    def test_what_it_says_of_itself(self):
        self.push(
            "~DeviceName=SpeedFace,FWVersion=Ver 8,UserCount=12,TransactionCount=340",
            table="options",
        )
        self.assertRecordValues(
            self.device,
            [
                {
                    "model": "SpeedFace",
                    "firmware": "Ver 8",
                    "user_count": 12,
                    "record_count": 340,
                    "serial": SERIAL,
                }
            ],
        )

    def test_what_it_says_as_it_asks_for_work(self):
        self.device.sudo().push_offset = 180  # it knows its zone
        now = datetime(2026, 9, 1, 12)
        for seconds, told, known in ((0, 5, 5), (10, 6, 5), (40, 7, 7)):
            with freeze_time(now + timedelta(seconds=seconds)):
                info = f"Ver 8,3,0,{told}"
                self.assertEqual(self.call("getrequest", INFO=info), (200, "OK"))
                self.assertEqual(self.device.record_count, known)
        self.assertEqual(self.device.firmware, "Ver 8")

    def test_the_statements_of_a_push_do_not_grow_with_its_rows(self):
        self.hello()
        stamps = count(1)

        def statements(rows):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            answer = self.push(*rows, stamp=next(stamps))
            self.assertEqual(answer, (200, f"OK: {len(rows)}"))
            return self.cr.sql_log_count - before

        hour = (f"T-1\t2026-09-02 08:{minute}:00\t0\t1" for minute in range(10, 60))
        statements([next(hour)])  # what is looked up once a process
        one = statements([next(hour)])
        self.assertEqual(statements([*hour]), one)
        self.assertLessEqual(one, 5)


@tagged("post_install", "-at_install")
class TestAdmsCallers(AdmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.attendance.device.pending"].search(Domain.TRUE).unlink()

    def pending(self):
        return self.env["spp.attendance.device.pending"].search(Domain.TRUE)

    def assertRefused(self, why, **words):
        """A batch is refused, leaves no trace, and the administrator sees why."""
        self.device.sudo().push_refused_at = False
        self.assertEqual(self.push(*ROWS, **words), (403, "Refused"))
        self.assertFalse(self.scans_of())
        self.assertFalse(self.device.sudo().push_stamps)
        self.assertFalse(self.device.last_contact_at)
        self.assertEqual(self.device.push_refused_for, why)
        self.assertIn(words.get("address", ADDRESS), self.device.push_refusal)

    def test_unknown_ones_get_nothing_in_and_wait_for_somebody(self):
        for _again in range(3):
            self.assertEqual(self.hello(SN="NEW-1"), (403, "Unknown terminal"))
        self.assertEqual(self.push(*ROWS, SN="NEW-1")[0], 403)
        self.assertRecordValues(
            self.pending(), [{"serial": "NEW-1", "address": ADDRESS, "calls": 1}]
        )
        with freeze_time(datetime.now() + timedelta(minutes=2)):
            self.call("getrequest", SN="NEW-1", INFO="Ver 8,1,0,5", address="10.0.0.7")
        self.pending().invalidate_recordset()
        self.assertRecordValues(
            self.pending(),
            [{"address": "10.0.0.7", "calls": 2, "firmware": "Ver 8"}],
        )
        self.assertFalse(self.devices.search([("serial", "=", "NEW-1")]))
        self.new_pushing("NEW-1")
        self.assertFalse(self.pending())
        self.assertEqual(self.push(*ROWS, SN="NEW-1"), (200, "OK: 2"))

    def test_numbers_that_somebody_makes_up_fill_nothing(self):
        for number in range(pending.MOST_OF_ADDRESS + 5):
            self.hello(SN=f"X{number}")
        self.assertEqual(len(self.pending()), pending.MOST_OF_ADDRESS)
        for number in range(pending.MOST + 5):
            self.hello(SN=f"Y{number}", address=f"10.1.{number}.1")
        self.assertEqual(len(self.pending()), pending.MOST)
        with freeze_time(datetime.now() + timedelta(days=31)):
            self.pending()._gc_silent()
        self.assertFalse(self.pending())

    def test_those_that_somebody_put_aside_take_no_room(self):
        with (
            patch.object(pending, "MOST", 2),
            patch.object(pending, "MOST_OF_ADDRESS", 1),
        ):
            for number in range(3):
                self.hello(SN=f"X{number}", address=f"10.1.0.{number}")
            self.assertEqual(self.pending().mapped("serial"), ["X1", "X0"])
            self.pending().action_ignore()
            self.env.flush_all()  # it is another transaction's
            for number in range(3):
                self.hello(SN=f"Y{number}", address=f"10.1.0.{number}")
            self.assertEqual(
                set(self.pending().mapped("serial")), {"X0", "X1", "Y0", "Y1"}
            )

    def test_who_calls_no_more_gives_way(self):
        """Else whoever makes up numbers would keep those out that are real."""
        now = datetime.now()
        with (
            patch.object(pending, "MOST", 3),
            patch.object(pending, "MOST_OF_ADDRESS", 2),
        ):
            for serial, address, minutes in (
                ("A1", "10.1.0.1", 0),
                ("A2", "10.1.0.1", 1),
                ("B1", "10.1.0.2", 3),
                ("A3", "10.1.0.1", 59),  # too early
                ("A4", "10.1.0.1", 61),  # for A1, which is of its address
                ("C1", "10.1.0.3", 62),  # for A2
                ("C2", "10.1.0.3", 62),  # B1 is not silent for long enough
            ):
                with freeze_time(now + timedelta(minutes=minutes, seconds=1)):
                    self.hello(SN=serial, address=address)
        self.assertEqual(set(self.pending().mapped("serial")), {"A4", "B1", "C1"})

    def test_what_is_no_serial_number_is_not_even_noted(self):
        for serial in ("", "%00", "a b", "x" * 65, "%27--"):
            self.assertEqual(self.hello(SN=serial)[0], 403, serial)
        self.assertFalse(self.pending())

    def test_others_than_adms_and_those_that_are_read_are_unknown(self):
        self.new_device(adapter="fake", serial="READ-1")
        self.new_device(
            adapter="hikvision", mode="push", serial="HIK-1", host="10.0.0.3"
        )
        for serial in ("READ-1", "HIK-1"):
            self.assertEqual(self.push(*ROWS, SN=serial), (403, "Unknown terminal"))

    def test_switched_off_and_archived_ones_are_refused(self):
        self.device.enabled = False
        self.assertRefused("disabled")
        self.device.enabled = True
        self.device.active = False
        self.assertRefused("disabled")
        self.assertFalse(self.pending())

    def test_an_archived_one_gives_way_to_its_successor(self):
        self.device.active = False
        successor = self.new_pushing()
        self.assertEqual(self.push(*ROWS), (200, "OK: 2"))
        self.assertEqual(len(self.scans_of(successor)), 2)

    def test_it_sends_from_its_networks_alone(self):
        self.device.push_networks = "192.168.0.0/16\n10.0.0.9"
        for address in ("10.0.0.10", "::1", "", "nonsense"):
            self.device.sudo().push_refused_at = False
            self.assertRefused("address", address=address)
        self.assertEqual(self.push(ROWS[0], address="192.168.7.1")[0], 200)
        self.assertEqual(self.push(ROWS[1], address="::ffff:10.0.0.9")[0], 200)

    def test_without_networks_of_its_own_its_company_s_count(self):
        self.company.attendance_terminal_networks = "172.16.0.0/12"
        self.assertRefused("address")
        self.assertEqual(self.push(*ROWS, address="172.16.0.1")[0], 200)
        self.device.push_networks = "10.0.0.0/8"
        self.assertEqual(self.push(*ROWS)[0], 200)
        self.assertEqual(self.push(*ROWS, address="172.16.0.1")[0], 403)

    def test_refusals_are_noted_now_and_then(self):
        self.device.push_networks = "192.168.0.0/16"
        self.hello(address="10.0.0.1")
        self.hello(address="10.0.0.2")
        self.assertEqual(self.device.push_refused_from, "10.0.0.1")
        with freeze_time(datetime.now() + timedelta(minutes=2)):
            self.hello(address="10.0.0.2")
        self.assertEqual(self.device.push_refused_from, "10.0.0.2")

    def test_a_key_is_said_first_and_holds_where_it_was_said(self):
        self.device.push_key_input = "s3same"
        self.assertRefused("key")  # nothing was said yet
        self.assertEqual(self.hello()[0], 403)
        self.assertEqual(self.hello(pushcommkey="wrong")[0], 403)
        self.assertEqual(self.hello(pushcommkey="s3same")[0], 200)
        self.assertEqual(self.push(*ROWS)[0], 200)
        self.assertEqual(self.push(*ROWS, address="10.0.0.66")[0], 403)
        self.assertEqual(self.call("getrequest", address="10.0.0.66")[0], 403)
        # Who only knows the number cannot draw it elsewhere.
        self.assertEqual(self.hello(address="10.0.0.66")[0], 403)
        self.assertEqual(self.push(*ROWS)[0], 200)

    def test_another_key_has_to_be_said_as_well(self):
        self.hello()
        for key in ("s3same", "an0ther"):
            self.assertEqual(self.push(*ROWS)[0], 200)
            self.device.push_key_input = key
            self.assertEqual(self.push(*ROWS)[0], 403, key)
            self.assertEqual(self.hello(pushcommkey=key)[0], 200)
        self.assertEqual(self.push(*ROWS)[0], 200)

    def test_keys_stay_out_of_the_log(self):
        logger = logging.getLogger("werkzeug")
        for query, told in (
            ("SN=1&pushcommkey=s3/sa%22me HTTP/1.1", "SN=1&pushcommkey=*** HTTP/1.1"),
            ("PushCommKey=s3same&SN=1", "PushCommKey=***&SN=1"),
            ("SN=1&table=ATTLOG", "SN=1&table=ATTLOG"),
        ):
            line = f"GET /iclock/cdata?{query}"
            record = logger.makeRecord(
                logger.name, logging.INFO, __file__, 1, "%s 200", (line,), None
            )
            self.assertTrue(logger.filter(record))
            self.assertEqual(record.getMessage(), f"GET /iclock/cdata?{told} 200")
        thread = SimpleNamespace(url="http://x/iclock/cdata?SN=1&pushcommkey=s3same")
        with patch.object(threading, "current_thread", return_value=thread):
            push_log.hide_address()
        self.assertEqual(thread.url, "http://x/iclock/cdata?SN=1&pushcommkey=***")

    def test_that_it_called_is_written_now_and_then(self):
        start = datetime(2026, 9, 1, 12)
        with freeze_time(start):
            self.call("getrequest")
            self.assertEqual(self.device.health, "healthy")
        for seconds, noted in ((29, 0), (30, 30), (59, 30), (61, 61)):
            with freeze_time(start + timedelta(seconds=seconds)):
                self.call("getrequest")
                self.device.invalidate_recordset()
                self.assertEqual(
                    self.device.last_contact_at, start + timedelta(seconds=noted)
                )
        self.assertEqual(self.device.last_success_at, self.device.last_contact_at)

    def test_one_that_calls_again_is_healthy_again(self):
        with freeze_time(datetime.now() - timedelta(hours=1)):
            self.call("getrequest")
        self.devices._notice_silent()
        self.assertEqual(self.device.health, "offline")
        self.call("getrequest")
        self.assertEqual(self.device.health, "healthy")


@tagged("post_install", "-at_install")
class TestAdmsCommands(AdmsCase):
    def setUp(self):
        super().setUp()
        self.hello()  # so that it knows its zone

    def ask(self, kind="info", start=None, end=None, device=None):
        return self.env["spp.attendance.device.command"]._queue(
            device or self.device, kind, start, end
        )

    def fetch(self):
        """Commands that it is given, ``{id: text}``."""
        status, text = self.call("getrequest")
        self.assertEqual(status, 200)
        if text == "OK":
            return {}
        lines = [line.split(":", 2) for line in text.splitlines()]
        self.assertEqual({word for word, _id, _text in lines}, {"C"})
        return {int(number): text for _word, number, text in lines}

    def tell(self, *lines, **words):
        body = "".join(f"{line}\n" for line in lines)
        self.assertEqual(self.call("devicecmd", "POST", body, **words), (200, "OK"))

    def test_they_are_handed_out_in_order_and_once(self):
        start, end = datetime(2026, 9, 1), datetime(2026, 9, 1, 23, 59, 59)
        upload = self.ask("upload", start, end)
        verify = self.ask("verify", start, end)
        reboot = self.ask("reboot")
        span = "StartTime=2026-09-01 00:00:00\tEndTime=2026-09-01 23:59:59"
        self.assertEqual(
            list(self.fetch().items()),
            [
                (upload.id, f"DATA QUERY ATTLOG {span}"),
                (verify.id, f"VERIFY SUM ATTLOG {span}"),
                (reboot.id, "REBOOT"),
            ],
        )
        self.assertEqual(self.fetch(), {})
        self.assertEqual((upload | verify | reboot).mapped("state"), ["sent"] * 3)

    def test_what_waits_is_not_asked_twice(self):
        self.assertEqual(self.ask(), self.ask())
        self.fetch()
        self.assertEqual(self.ask(), self.ask())
        self.tell(f"ID={self.ask().id}&Return=0&CMD=INFO")
        self.assertEqual(self.ask().state, "pending")

    def test_answers_settle_them(self):
        start, end = datetime(2026, 9, 1), datetime(2026, 9, 2)
        verify, info, reboot = (
            self.ask("verify", start, end),
            self.ask("info"),
            self.ask("reboot"),
        )
        self.fetch()
        self.tell(
            f"ID={verify.id}&Return=0&CMD=VERIFY SUM&AttlogSum=41",
            f"ID={reboot.id}&Return=-1002&CMD=REBOOT",
            f"ID={info.id}&Return=0&CMD=INFO",
            "~DeviceName=F18",
            "TransactionCount=99",
        )
        self.assertRecordValues(
            verify | info | reboot,
            [
                {"state": "done", "code": 0, "counted": 41, "detail": False},
                {"state": "done", "code": 0, "counted": 0, "detail": False},
                {
                    "state": "failed",
                    "code": -1002,
                    "counted": 0,
                    "detail": "not supported",
                },
            ],
        )
        self.assertEqual(self.device.model, "F18")
        self.assertEqual(self.device.record_count, 99)

    def test_answers_of_others_and_to_nothing_are_passed_over(self):
        other = self.new_pushing("OTHER-1")
        theirs = self.ask(device=other)
        self.tell(
            f"ID={theirs.id}&Return=0&CMD=INFO",
            "~DeviceName=Mine",
            "ID=99999999999&Return=0&CMD=INFO",
            "ID=abc&Return=0&CMD=INFO",
            "nonsense",
        )
        self.assertEqual(theirs.state, "pending")
        self.assertFalse(other.model)
        self.assertFalse(self.device.model)

    def test_an_answer_before_it_was_asked_is_passed_over(self):
        command = self.ask()
        self.tell(f"ID={command.id}&Return=0&CMD=INFO", "~DeviceName=Early")
        self.assertEqual(command.state, "pending")
        self.assertFalse(self.device.model)

    def test_those_that_are_settled_are_forgotten_in_the_end(self):
        done, waiting = self.ask(), self.ask("reboot")
        self.fetch()
        self.tell(f"ID={done.id}&Return=0&CMD=INFO")
        for days, left in ((89, done | waiting), (91, waiting)):
            with freeze_time(datetime.now() + timedelta(days=days)):
                self.env["spp.attendance.device.command"]._gc_settled()
            self.assertEqual((done | waiting).exists(), left)

    def test_without_an_answer_it_is_asked_again_and_given_up(self):
        command = self.ask()
        now = datetime(2026, 9, 1, 12)
        for attempt in (1, 2, 3):
            with freeze_time(now):
                self.assertEqual(list(self.fetch()), [command.id], attempt)
                self.assertEqual(self.fetch(), {})
            now += timedelta(minutes=11)
        with freeze_time(now):
            self.assertEqual(self.fetch(), {})
        self.assertRecordValues(
            command, [{"state": "failed", "attempts": 3, "detail": "no answer"}]
        )
        # It was only late.
        self.tell(f"ID={command.id}&Return=0&CMD=INFO")
        self.assertEqual(command.state, "done")

    def test_so_many_at_a_time(self):
        start = datetime(2026, 9, 1)
        for day in range(25):
            self.ask("verify", start, start + timedelta(days=day))
        self.assertEqual(len(self.fetch()), 20)
        self.assertEqual(len(self.fetch()), 5)

    def test_its_zone_is_told_anew_when_summer_time_begins(self):
        self.device.tz = "Europe/Berlin"
        with freeze_time("2026-03-29 00:30:00"):
            self.hello()
            self.assertEqual(self.fetch(), {})
        with freeze_time("2026-03-29 01:30:00"):
            self.assertEqual(list(self.fetch().values()), ["SET OPTION TimeZone=2"])
            self.assertEqual(self.fetch(), {})


@tagged("post_install", "-at_install")
class TestScanQueue(AdmsCase):
    def work(self):
        """The thread's work, in this transaction."""

        def run(_registry, func):
            with self.env.cr.savepoint():
                return func(self.env)

        with (
            patch.object(queue, "run_in_transaction", run),
            patch.object(queue, "LONGEST_REST", 0),
        ):
            queue.work(self.env.registry)

    def test_one_that_cannot_be_matched_holds_up_no_other(self):
        other = self.new_pushing("OTHER-1")
        self.push(ROWS[0])
        self.push(ROWS[1], SN="OTHER-1")
        scans = type(self.env["spp.attendance.scan"])
        match = scans._match

        def refuse(model, device, **words):
            if device == self.device:
                raise UserError("T-1 is on strike")
            return match(model, device, **words)

        logger = "odoo.addons.spp_attendance_devices.models.spp_attendance_scan_queue"
        with patch.object(scans, "_match", refuse), self.assertLogs(logger) as log:
            self.work()
        self.assertEqual(
            [line.getMessage() for line in log.records],
            [f"Terminal {self.device.id}: matching failed: UserError"],
        )
        self.assertEqual(self.scans_of(other).state, "matched")
        self.assertEqual(self.scans_of().state, "unmatched")
        self.assertTrue(self.waiting())
        self.work()
        self.assertEqual(self.scans_of().state, "matched")
        self.assertFalse(self.waiting())

    def test_what_came_meanwhile_is_one_round(self):
        for row in ROWS:
            self.push(row)
        self.assertEqual(len(self.waiting()), 2)
        scans = type(self.env["spp.attendance.scan"])
        with patch.object(
            scans, "_match", autospec=True, side_effect=scans._match
        ) as seen:
            self.work()
        self.assertEqual(seen.call_count, 1)
        self.assertEqual(self.scans_of().mapped("state"), ["matched", "matched"])


@tagged("post_install", "-at_install")
class TestScanQueueAtOnce(RealCase):
    emptied = ("spp_attendance_scan", *RealCase.emptied)

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.make(
                env,
                "spp.attendance.subscriber",
                {"person_identifier": "Q-1", "company_id": self.company_id},
            )
            self.device_id = self.make(
                env,
                "spp.attendance.device",
                {
                    "name": "Real",
                    "adapter": "zkteco",
                    "mode": "push",
                    "serial": "REAL-1",
                    "company_id": self.company_id,
                },
            ).id

    def push(self, *hours):
        """As its own call of the terminal each time."""
        for hour in hours:
            line = f"Q-1\t2026-09-01 {hour:02}:00:00\t0\t1\n"
            query = b"SN=REAL-1&table=ATTLOG&Stamp=1"
            with self.transaction() as env:
                env["spp.attendance.device"]._adms(
                    "cdata", "POST", query, line.encode(), ADDRESS
                )

    def test_who_finds_another_at_it_looks_again(self):
        self.push(8)
        other = self.env.cr
        other.execute("SELECT pg_advisory_xact_lock(%s)", (queue._LOCK,))
        with patch.object(queue.background, "soon") as soon:
            self.assertEqual(queue.work(self.registry), queue._BUSY)
        soon.assert_called_once_with(other.dbname, "match", queue.work)
        self.assertEqual(self.stored(), (["unmatched"], 0, 1))

    def stored(self):
        """Scans' states, how many records there are, and how many pushes wait."""
        with self.transaction() as env:
            mine = [("device_id", "=", self.device_id)]
            return (
                env["spp.attendance.scan"].search(mine).mapped("state"),
                env["spp.attendance.record"].search_count(
                    [("company_id", "=", self.company_id)]
                ),
                env["spp.attendance.scan.queue"].search_count(mine),
            )

    def work(self, env):
        return env["spp.attendance.scan.queue"]._work(self.device_id)

    def test_what_one_is_at_another_leaves_alone(self):
        self.push(8, 12)
        with self.transaction() as first:
            self.assertTrue(self.work(first))
            with self.transaction() as second:
                self.assertFalse(self.work(second))
        self.assertEqual(self.stored(), (["matched"] * 2, 2, 0))

    def test_one_that_breaks_off_leaves_it_to_another(self):
        self.push(8)
        with self.transaction() as first:
            self.assertTrue(self.work(first))
            first.cr.rollback()
        self.assertEqual(self.stored(), (["unmatched"], 0, 1))
        with self.transaction() as second:
            self.assertTrue(self.work(second))
        self.assertEqual(self.stored(), (["matched"], 1, 0))

    def test_what_comes_while_one_is_at_it_is_matched_once(self):
        """Another one that takes it sees as unmatched what the first has not committed
        yet: it waits, and begins again."""
        self.push(8)
        first = self.registry.cursor()
        self.assertTrue(self.work(Environment(first, SUPERUSER_ID, {})))
        self.push(12)
        waited = []

        def commit_once_another_waits():
            with first:
                waited.append(self.is_waited_for(first.connection.info.backend_pid))

        thread = threading.Thread(target=commit_once_another_waits)
        thread.start()
        attempts = []

        def work(env):
            attempts.append(env)
            return self.work(env)

        matched = run_in_transaction(self.registry, work)
        thread.join()
        self.assertEqual(waited, [True])
        self.assertTrue(matched)
        self.assertGreater(len(attempts), 1)
        self.assertEqual(self.stored(), (["matched"] * 2, 2, 0))

    def is_waited_for(self, pid):
        """Whether another process comes to wait for a process of the database."""
        for _time in range(500):
            with self.registry.cursor() as cr:
                cr.execute(
                    "SELECT FROM pg_stat_activity"
                    " WHERE %s = ANY(pg_blocking_pids(pid))",
                    [pid],
                )
                if cr.rowcount:
                    return True
            time.sleep(0.02)
        return False
