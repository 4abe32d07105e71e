from datetime import UTC, datetime, timedelta

from odoo import fields
from odoo.tests import tagged

from ..devices import Capabilities, adms
from ..devices.errors import DeviceTimeout
from ..models.spp_attendance_device_polling import FULL_EVERY
from ..models.spp_attendance_device_reconcile import CATCH_UP, CHECK_EVERY, DAYS
from .common import MORNING, FakeAdapter, scan
from .test_push_health import PushCase


class PushingAdapter(FakeAdapter):
    capabilities = Capabilities(networked=False, secret="comm_key", push="adms")


@tagged("post_install", "-at_install")
class TestReadingOfPushed(PushCase):
    """Terminals that push and can be read."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_is(PushingAdapter)
        cls.device.write({"mode": "push", "serial": "S-1"})

    def test_it_is_read_once_a_day_and_in_full(self):
        self.store(scan(), cursor={"at": 1})
        wait = self.device.next_poll_at - fields.Datetime.now()
        self.assertAlmostEqual(
            wait.total_seconds(), FULL_EVERY.total_seconds(), delta=60
        )
        self.assertTrue(self.device.reconciled_at)
        self.assertTrue(self.device._is_whole_reading_due())

    def test_lanes_take_those_that_have_an_address(self):
        self.device.next_poll_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertFalse(self.devices._claim_due())
        self.assertFalse(self.devices._count_due())
        self.device.host = "192.0.2.7"
        self.device.next_poll_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual(self.devices._count_due(), 1)
        [claim] = self.devices._claim_due()
        self.assertTrue(claim.full)

    def test_what_it_had_not_sent_is_counted(self):
        self.store(scan())
        self.assertEqual(self.device.gap_count, 0, "that was there before")
        self.device._take_pushed([scan(moment=MORNING + timedelta(hours=1))])
        self.backdate()
        late = [scan(moment=MORNING + timedelta(hours=h)) for h in (1, 2, 3)]
        self.store(scan(), *late)
        self.assertEqual(len(self.scans_of()), 4)
        self.assertEqual(self.device.gap_count, 2)
        self.backdate()
        self.store(scan(), *late)
        self.assertEqual(self.device.gap_count, 2)

    def test_what_it_is_just_about_to_send_is_not_missing(self):
        self.store(scan())
        self.backdate()
        now = datetime.now(UTC).replace(microsecond=0)
        self.store(
            scan(moment=now - timedelta(minutes=1)),
            scan(moment=now - CATCH_UP - timedelta(minutes=1)),
        )
        self.assertEqual(self.device.gap_count, 1)

    def test_a_reading_that_was_not_complete_proves_nothing(self):
        self.store(scan(), complete=False)
        self.assertFalse(self.device.reconciled_at)
        self.store(scan(), more=True)
        self.assertFalse(self.device.reconciled_at)
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        self.assertFalse(self.device.reconciled_at)

    def test_a_reading_that_failed_is_tried_again_before_the_day_is_over(self):
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        wait = self.device.next_poll_at - fields.Datetime.now()
        self.assertLess(wait, timedelta(hours=1))

    def test_it_is_read_when_it_is_back_after_a_pause(self):
        self.device.host = "192.0.2.7"
        self.store(scan())
        self.calls(self.device)
        self.device.called_since = fields.Datetime.now() - timedelta(days=2)
        self.devices._reconcile()
        self.assertGreater(self.device.next_poll_at, fields.Datetime.now())
        self.device.reconciled_at = fields.Datetime.now() - timedelta(days=3)
        self.devices._reconcile()
        self.assertLessEqual(self.device.next_poll_at, fields.Datetime.now())

    def backdate(self):
        """As if all that is here had come a while ago."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_scan SET create_date = create_date"
            " - interval '1 hour' WHERE device_id = %s",
            [self.device.id],
        )


@tagged("post_install", "-at_install")
class TestSums(PushCase):
    """Terminals that push and can only be asked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.commands = cls.env["spp.attendance.device.command"]
        cls.pushing.called_since = fields.Datetime.now() - timedelta(hours=1)
        cls.pushing.last_contact_at = fields.Datetime.now()

    def asked(self, kind=None, state="pending"):
        domain = [("device_id", "=", self.pushing.id), ("state", "=", state)]
        if kind:
            domain.append(("kind", "=", kind))
        return self.commands.search(domain, order="id")

    def pending(self):
        return [(command.kind, command.start) for command in self.asked()]

    def answer(self, command, counted=None, code=0):
        """As the terminal does after it was handed the command."""
        command.write({"state": "sent", "sent_at": fields.Datetime.now()})
        values = {} if counted is None else {"attlogsum": str(counted)}
        result = adms.Result(str(command.id), code, "", values)
        [_known] = self.commands._take_answers(self.pushing, [result])
        self.pushing._check_answered(command)

    def ask(self, day=MORNING):
        """A check of one day, ``MORNING`` by default."""
        start = day.replace(hour=0)
        end = start + timedelta(hours=23, minutes=59, seconds=59)
        self.pushing._ask_as_check("verify", start, end)
        return self.asked("verify")[-1]

    def push(self, *moments):
        self.pushing._take_pushed([scan(moment=moment) for moment in moments])

    # ----------------------------------------------------------------- when

    def test_it_is_asked_once_a_day(self):
        self.devices._reconcile()
        count = len(self.asked("verify"))
        self.assertEqual(count, DAYS + 1)
        self.asked().write({"state": "done"})
        self.devices._reconcile()
        self.assertFalse(self.asked())
        self.env.cr.execute(
            "UPDATE spp_attendance_device_command SET create_date = create_date - %s",
            [CHECK_EVERY],
        )
        self.pushing.called_since -= timedelta(days=2)
        self.env.invalidate_all()
        self.devices._reconcile()
        self.assertEqual(len(self.asked("verify")), count)

    def test_it_is_asked_again_when_it_was_away(self):
        self.devices._reconcile()
        self.asked().write({"state": "done"})
        self.env.cr.execute(
            "UPDATE spp_attendance_device_command"
            " SET create_date = create_date - interval '2 hours'"
        )
        self.env.invalidate_all()
        self.devices._reconcile()
        self.assertTrue(self.asked())

    def test_what_somebody_asks_is_no_check(self):
        self.commands._queue(self.pushing, "verify", MORNING, MORNING)
        self.devices._reconcile()
        self.assertEqual(len(self.asked("verify")), DAYS + 2)

    def test_nobody_is_asked_who_is_silent_or_has_just_come(self):
        self.pushing.called_since = fields.Datetime.now() - timedelta(minutes=1)
        self.devices._reconcile()
        self.assertFalse(self.asked())
        self.pushing.called_since = fields.Datetime.now() - timedelta(hours=1)
        self.calls(ago=timedelta(hours=1))
        self.devices._reconcile()
        self.assertFalse(self.asked())

    def test_nobody_is_asked_who_can_be_read_or_takes_no_commands(self):
        self.pushing.host = "192.0.2.7"
        other = self.new_pushing(adapter="hikvision")
        self.calls(other)
        other.called_since = fields.Datetime.now() - timedelta(hours=1)
        self.devices._reconcile()
        self.assertFalse(self.asked())
        self.assertFalse(other.command_ids)
        self.pushing.failure_count = 1
        self.devices._reconcile()
        self.assertTrue(self.asked(), "it can't be read, after all")

    # ---------------------------------------------------------------- which

    def spans(self, now, reconciled_at=None):
        self.pushing.reconciled_at = reconciled_at
        return [
            (str(start), str(end))
            for start, end in self.pushing._check_spans(now.replace(tzinfo=UTC))
        ]

    def test_the_days_since_it_was_checked_in_its_own_zone(self):
        now = datetime(2026, 9, 10, 22, 30)  # half past one of the 11th in Nairobi
        self.assertEqual(
            self.spans(now, datetime(2026, 9, 9, 22, 0)),
            [
                ("2026-09-10 00:00:00", "2026-09-10 23:59:59"),
                ("2026-09-11 00:00:00", "2026-09-11 01:20:00"),
            ],
        )

    def test_a_day_that_has_just_begun_is_left_for_tomorrow(self):
        now = datetime(2026, 9, 10, 21, 5)
        self.assertEqual(
            self.spans(now, datetime(2026, 9, 10, 8, 0)),
            [("2026-09-10 00:00:00", "2026-09-10 23:55:00")],
        )
        self.assertEqual(
            self.spans(datetime(2026, 9, 11, 8, 0), now)[0],
            ("2026-09-10 00:00:00", "2026-09-10 23:59:59"),
            "the minutes that were left out are looked at next time",
        )

    def test_what_is_long_ago_is_compared_as_one(self):
        now = datetime(2026, 9, 10, 9, 0)
        spans = self.spans(now, datetime(2026, 6, 1, 9, 0))
        self.assertEqual(len(spans), DAYS + 2)
        self.assertEqual(spans[0], ("2026-06-01 00:00:00", "2026-09-03 23:59:59"))
        self.assertEqual(spans[1][0], "2026-09-04 00:00:00")
        self.assertEqual(spans[-1], ("2026-09-10 00:00:00", "2026-09-10 11:50:00"))
        self.assertEqual(len(self.spans(now)), DAYS + 1)

    # ----------------------------------------------------------------- sums

    def test_sums_that_agree(self):
        self.push(MORNING, MORNING + timedelta(hours=1))
        command = self.ask()
        self.answer(command, counted=2)
        self.assertEqual((command.state, command.held), ("done", 2))
        self.assertFalse(self.asked())
        self.assertTrue(self.pushing.reconciled_at)
        self.assertEqual(self.pushing.gap_count, 0)

    def test_a_check_after_a_pause_begins_anew(self):
        self.answer(self.ask(), counted=3)
        [upload] = self.asked("upload")
        self.answer(upload, code=-1)
        self.assertFalse(self.pushing.reconciled_at)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_device_command"
            " SET create_date = create_date - interval '2 hours'"
        )
        self.env.invalidate_all()
        self.push(MORNING)
        self.answer(self.ask(), counted=3)
        [upload] = self.asked("upload")
        self.assertEqual(upload.held, 1, "what failed before the pause is asked again")
        self.push(MORNING + timedelta(hours=1), MORNING + timedelta(hours=2))
        self.answer(upload)
        self.answer(self.asked("verify"), counted=3)
        self.assertEqual(self.pushing.gap_count, 2)
        self.assertTrue(self.pushing.reconciled_at)

    def test_nothing_is_concluded_before_all_is_answered(self):
        first = self.ask()
        second = self.ask(MORNING + timedelta(days=1))
        self.answer(first, counted=0)
        self.assertFalse(self.pushing.reconciled_at)
        self.answer(second, counted=0)
        self.assertTrue(self.pushing.reconciled_at)

    def test_a_gap_is_fetched_and_counted(self):
        self.push(MORNING)
        command = self.ask()
        self.answer(command, counted=3)
        [upload] = self.asked()
        self.assertEqual(
            (upload.kind, upload.start, upload.end, upload.held),
            ("upload", command.start, command.end, 1),
        )
        self.assertFalse(self.pushing.reconciled_at)
        late = [MORNING + timedelta(hours=hours) for hours in (1, 2)]
        self.push(MORNING, *late)
        self.answer(upload)
        [again] = self.asked()
        self.assertEqual(again.kind, "verify")
        self.assertFalse(self.pushing.reconciled_at)
        self.answer(again, counted=3)
        self.assertFalse(self.asked())
        self.assertTrue(self.pushing.reconciled_at)
        self.assertEqual(self.pushing.gap_count, 2)

    def test_rows_that_come_after_the_answer_are_counted_too(self):
        self.answer(self.ask(), counted=1)
        self.answer(self.asked("upload"))
        self.push(MORNING)
        self.answer(self.asked("verify"), counted=1)
        self.assertEqual(self.pushing.gap_count, 1)

    def test_what_it_holds_twice_is_one_scan_and_no_endless_talk(self):
        self.push(MORNING)
        self.answer(self.ask(), counted=2)
        self.answer(self.asked("upload"))
        self.answer(self.asked("verify"), counted=2)
        self.assertFalse(self.asked())
        self.assertTrue(self.pushing.reconciled_at)
        self.assertEqual(self.pushing.gap_count, 0)

    def test_one_that_cannot_count_sends_the_day(self):
        self.answer(self.ask(), code=-1002)
        upload = self.asked()
        self.assertEqual(upload.kind, "upload")
        self.push(MORNING)
        self.answer(upload)
        self.assertFalse(self.asked())
        self.assertEqual(self.pushing.gap_count, 1)
        self.assertTrue(self.pushing.reconciled_at)

    def test_one_that_does_not_send_it_is_not_taken_for_complete(self):
        self.answer(self.ask(), counted=1)
        self.answer(self.asked("upload"), code=-1)
        self.assertFalse(self.asked())
        self.assertFalse(self.pushing.reconciled_at)
        self.assertEqual(self.pushing.gap_count, 0)

    def test_no_answer_is_one_too(self):
        self.ask()
        for _attempt in range(3):
            self.assertTrue(self.commands._hand_out(self.pushing))
            self.asked(state="sent").sent_at -= timedelta(minutes=11)
        self.commands._hand_out(self.pushing)
        self.assertEqual(self.asked("verify", "failed").attempts, 3)
        self.assertTrue(self.asked("upload"), "as one that can't count")

    def test_a_day_is_what_the_terminal_calls_so(self):
        first, last = MORNING.replace(hour=0), MORNING.replace(hour=23, minute=59)
        self.push(
            first, last, first - timedelta(minutes=1), last + timedelta(minutes=1)
        )
        held = self.pushing._count_held(first, last.replace(second=59))
        self.assertEqual(held, 2)

    def test_what_people_ask_leaves_the_check_alone(self):
        self.push(MORNING)
        command = self.commands._queue(self.pushing, "verify", MORNING, MORNING)
        self.answer(command, counted=5)
        self.assertEqual(command.held, 1, "to be compared with what it counts")
        self.assertFalse(self.asked())
        self.assertFalse(self.pushing.reconciled_at)

    def test_it_goes_on_in_a_call_of_the_terminal(self):
        self.ask()
        [(command_id, *_rest)] = self.commands._hand_out(self.pushing)
        calling = self.pushing.with_user(self.pushing.user_id).sudo()
        calling._take_results(
            f"ID={command_id}&Return=0&CMD=VERIFY SUM&AttlogSum=4\n".encode()
        )
        self.assertEqual(self.asked("upload").held, 0)
        self.assertEqual(self.commands.browse(command_id).counted, 4)
