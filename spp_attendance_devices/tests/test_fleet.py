from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from unittest.mock import patch

from odoo import fields
from odoo.tests import new_test_user, tagged

from .. import polling
from ..devices import Capabilities, DeviceInfo, UserData
from ..devices.adapter import Acknowledged
from ..devices.circuit import THRESHOLD
from ..devices.errors import (
    DeviceAuthFailed,
    DeviceLocked,
    DevicePermission,
    DeviceTimeout,
)
from .common import DeviceCase, FakeAdapter, reading, scan, scans


class AbleAdapter(FakeAdapter):
    """Knows every verb, and what was said to it."""

    capabilities = Capabilities(
        networked=False, secret="comm_key", users=True, clock=True, clear=True
    )
    #: What it answers, by verb; a list is answered one by one.
    answers = {}
    said = []

    def test(self, now):
        return self._answer("test", DeviceInfo(serial="S-1"))

    def read_scans(self, request):
        return self._answer("poll", reading(), request)

    def acknowledge(self, cursor, now, clear):
        return self._answer("acknowledge", Acknowledged(), cursor, clear)

    def read_users(self):
        return self._answer("users", [UserData("1", "Amina", "")])

    def set_clock(self, now):
        return self._answer("clock", DeviceInfo(serial="S-1", clock_drift=0))

    def _answer(self, verb, default, *words):
        self.said.append((verb, *words))
        answer = self.answers.get(verb, default)
        if isinstance(answer, list) and verb != "users":
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FleetCase(DeviceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_is(AbleAdapter)

    def setUp(self):
        super().setUp()
        AbleAdapter.answers = {}
        AbleAdapter.said = []

    def run_lane(self, number=1):
        self.env.flush_all()
        lane = self.env.ref(f"spp_attendance_devices.ir_cron_poll_{number}")
        with self.enter_registry_test_mode():
            lane.method_direct_trigger()
        self.env.invalidate_all()

    def converse(self, kind, device=None):
        self.env.flush_all()
        with self.enter_registry_test_mode():
            outcome = (device or self.device)._converse(kind)
        self.env.invalidate_all()
        return outcome

    def faults(self, fault=None, times=1, kind="poll"):
        for _number in range(times):
            fault = fault or DeviceTimeout("no answer")
            self.device._store(self.lease(), fault, kind)

    def runs(self):
        return self.env["spp.attendance.device.run"].search(
            [("device_id", "=", self.device.id)], order="id"
        )

    def verbs(self):
        return [said[0] for said in AbleAdapter.said]

    def due(self):
        self.device.next_poll_at = fields.Datetime.now() - timedelta(seconds=1)


@tagged("post_install", "-at_install")
class TestCircuit(FleetCase):
    def test_many_faults_open_it_and_a_good_trial_closes_it(self):
        self.faults(times=THRESHOLD - 1)
        self.assertEqual(self.device.circuit, "closed")
        self.assertLess(
            self.device.next_poll_at,
            fields.Datetime.now() + timedelta(minutes=self.device.poll_interval),
        )
        self.faults()
        self.assertEqual(self.device.circuit, "open")
        self.assertEqual(self.device.retry_at, self.device.next_poll_at)
        self.due()
        self.assertFalse(self.devices._claim_due(), "it is left alone")
        self.assertFalse(self.devices._count_due())
        self.device.retry_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertTrue(self.devices._count_due())
        [claim] = self.devices._claim_due()
        self.assertEqual(self.device.circuit, "half_open")
        self.device._store(claim.token, reading(scan()))
        self.assertRecordValues(
            self.device,
            [{"circuit": "closed", "failure_count": 0, "retry_at": False}],
        )

    def test_a_trial_whose_worker_died_is_made_again(self):
        self.device.circuit = "half_open"
        self.lease()
        self.device.lease_until = fields.Datetime.now() - timedelta(seconds=1)
        [claim] = self.devices._claim_due()
        self.device._store(claim.token, DeviceTimeout("no answer"))
        self.assertEqual(self.device.circuit, "open")

    def test_a_person_has_it_read_before_its_time(self):
        self.faults(times=THRESHOLD)
        self.assertFalse(self.devices._claim_due())
        self.device.action_poll_now()
        [claim] = self.devices._claim_due()
        self.assertEqual(self.device.circuit, "half_open")
        self.device._store(claim.token, DeviceTimeout("no answer"))
        self.assertEqual(self.device.circuit, "open")
        self.assertGreater(self.device.retry_at, fields.Datetime.now())

    def test_what_could_lock_it_out_is_not_done_by_the_way(self):
        self.faults(DeviceAuthFailed("refused"))
        action = self.device.action_poll_now()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertFalse(self.devices._claim_due())
        other = self.new_device(name="Gate")
        self.due()
        action = (self.device | other).action_poll_now()
        self.assertEqual(action["params"]["type"], "info")
        [claim] = self.devices._claim_due()
        self.assertEqual(claim.device_id, other.id)
        other.enabled = False
        self.assertEqual(other.action_poll_now()["params"]["type"], "warning")

    def test_nothing_is_open_while_somebody_waits_for_it(self):
        said = []
        with (
            patch.object(
                type(self.devices), "_end_transaction", lambda _self: said.append("end")
            ),
            patch.object(
                AbleAdapter,
                "test",
                lambda _self, _now: said.append("test") or DeviceInfo(serial="S-1"),
            ),
        ):
            self.converse("test")
        self.assertEqual(said, ["end", "test"])

    def test_a_wrong_key_is_tried_once_until_somebody_acts(self):
        self.faults(DeviceAuthFailed("refused"))
        self.assertEqual(self.device.circuit, "open")
        self.assertFalse(self.device.retry_at)
        self.device.next_poll_at = fields.Datetime.now() - timedelta(days=30)
        self.assertFalse(self.devices._claim_due())
        self.device.secret_input = "4711"
        self.assertEqual(self.device.circuit, "closed")
        self.assertEqual(len(self.devices._claim_due()), 1)

    def test_a_good_test_closes_it_and_lets_it_be_read_at_once(self):
        self.faults(DeviceLocked("30 minutes"))
        self.converse("test")
        self.assertEqual(self.device.circuit, "closed")
        self.assertEqual(len(self.devices._claim_due()), 1)

    def test_a_test_that_fails_leaves_it_to_people(self):
        self.faults(DeviceAuthFailed("refused"))
        AbleAdapter.answers = {"test": DeviceTimeout("no answer")}
        self.assertEqual(self.converse("test").code, "timeout")
        self.assertEqual(self.device.circuit, "open")
        self.assertFalse(self.device.retry_at)

    def test_a_terminal_that_answers_is_never_left_alone(self):
        for _number in range(THRESHOLD + 2):
            self.store(scan(), complete=False)
        self.assertEqual(self.device.circuit, "closed")
        self.assertEqual(self.device.failure_count, THRESHOLD + 2)

    def test_what_is_not_about_its_scans_keeps_none_from_being_read(self):
        self.faults(DevicePermission("no right to set the clock"), kind="clock")
        self.assertEqual(self.device.circuit, "closed")
        self.assertFalse(self.device.error_code)
        self.assertEqual(self.runs().result, "permission")
        self.faults(DeviceAuthFailed("refused"), kind="users")
        self.assertEqual(self.device.circuit, "open")

    def test_settings_that_change_end_what_is_being_said(self):
        token = self.lease()
        self.device.secret_input = "4711"
        self.device._store(token, DeviceAuthFailed("refused"))
        self.assertFalse(self.device.error_code)
        token = self.lease()
        self.device.with_user(self.admin).action_accept_serial()
        self.device._store(token, reading(scan()))
        self.assertFalse(self.scans_of())


@tagged("post_install", "-at_install")
class TestConversations(FleetCase):
    def test_a_run_says_what_came_of_it(self):
        self.store(scan(), scan("nobody"), scan())
        [run] = self.runs()
        self.assertRecordValues(
            run,
            [
                {
                    "kind": "poll",
                    "company_id": self.company.id,
                    "result": "ok",
                    "read_count": 3,
                    "new_count": 2,
                    "matched_count": 1,
                    "error_class": False,
                }
            ],
        )
        self.faults()
        self.assertRecordValues(
            self.runs()[1:],
            [
                {
                    "result": "timeout",
                    "error_class": "DeviceTimeout",
                    "detail": "no answer",
                    "read_count": 0,
                }
            ],
        )

    def test_old_runs_go(self):
        self.store(scan())
        self.runs().started_at = fields.Datetime.now() - timedelta(days=15)
        self.faults()
        self.env["spp.attendance.device.run"]._gc_runs()
        self.assertEqual(self.runs().mapped("result"), ["timeout"])

    def test_what_is_stored_is_acknowledged_on_the_same_lease(self):
        AbleAdapter.answers = {
            "poll": reading(scan(), cursor={"seq": 1}, acknowledge=True),
            "acknowledge": Acknowledged(cursor={"seq": 1, "told": 1}),
        }
        self.run_lane()
        self.assertEqual(self.verbs(), ["poll", "acknowledge"])
        self.assertEqual(AbleAdapter.said[1], ("acknowledge", {"seq": 1}, False))
        self.assertEqual(self.device.sync_cursor, {"seq": 1, "told": 1})
        self.assertFalse(self.device.lease_token)
        self.assertEqual(self.runs().mapped("kind"), ["poll", "acknowledge"])

    def test_nothing_is_acknowledged_that_was_not_complete(self):
        AbleAdapter.answers = {
            "poll": reading(scan(), complete=False, acknowledge=True),
        }
        self.run_lane()
        self.assertEqual(self.verbs(), ["poll"])
        self.assertFalse(self.device.lease_token)

    def test_a_log_is_emptied_only_where_wanted_and_it_is_said(self):
        AbleAdapter.answers = {
            "poll": reading(scan(), cursor={"rows": 1}),
            "acknowledge": Acknowledged(cleared=1, cursor={}),
        }
        self.run_lane()
        self.assertEqual(self.verbs(), ["poll"])
        self.device.clear_after_read = True
        self.due()
        self.run_lane()
        self.assertEqual(AbleAdapter.said[2], ("acknowledge", {"rows": 1}, True))
        self.assertEqual(self.device.record_count, 0)
        self.assertIn("emptied of 1", str(self.device.message_ids.mapped("body")))

    def test_a_log_that_changed_meanwhile_stays_and_the_run_says_why(self):
        self.device.clear_after_read = True
        AbleAdapter.answers = {
            "poll": reading(scan(), cursor={"rows": 1}),
            "acknowledge": Acknowledged(detail="1 scan came since"),
        }
        self.run_lane()
        self.assertEqual(self.runs()[1].detail, "1 scan came since")
        self.assertEqual(self.device.record_count, 1)
        self.assertEqual(self.device.circuit, "closed")

    def test_a_fault_of_the_acknowledgement_takes_nothing_back(self):
        AbleAdapter.answers = {
            "poll": reading(scan(), cursor={"seq": 1}, acknowledge=True),
            "acknowledge": DeviceTimeout("no answer"),
        }
        self.run_lane()
        self.assertEqual(len(self.scans_of()), 1)
        self.assertEqual(self.device.sync_cursor, {"seq": 1})
        self.assertEqual(self.device.health, "degraded")
        self.assertFalse(self.device.lease_token)

    def test_what_does_not_fit_one_reading_is_read_at_once(self):
        first, second = scans(2)
        AbleAdapter.answers = {
            "poll": [
                reading(first, cursor={"at": 1}, more=True),
                reading(second, cursor={"at": 2}),
            ]
        }
        self.run_lane()
        requests = [said[1] for said in AbleAdapter.said]
        self.assertEqual([request.cursor for request in requests], [None, {"at": 1}])
        self.assertEqual([request.full for request in requests], [True, False])
        self.assertEqual(len(self.scans_of()), 2)

    def test_everything_is_read_again_each_day(self):
        self.store(scan(), cursor={"at": 1})
        self.due()
        [claim] = self.devices._claim_due()
        self.assertFalse(claim.full)
        self.device.lease_until = False
        self.device.full_read_at -= timedelta(days=1, seconds=1)
        [claim] = self.devices._claim_due()
        self.assertTrue(claim.full)
        # One that fails does not keep what is new from being read.
        self.device._store(claim.token, DeviceTimeout("too long"))
        self.due()
        [claim] = self.devices._claim_due()
        self.assertFalse(claim.full)

    def test_people_and_clock_by_hand(self):
        self.assertEqual(self.converse("users"), [UserData("1", "Amina", "")])
        self.assertEqual(self.device.user_count, 1)
        self.device.clock_drift = 90
        self.assertEqual(self.converse("clock").clock_drift, 0)
        self.assertEqual(self.device.clock_drift, 0)
        self.assertIn("off by 90 s", str(self.device.message_ids.mapped("body")))
        self.assertEqual(self.runs().mapped("kind"), ["users", "clock"])
        names = self.env["ir.model.fields"].search(
            [("model", "=", "spp.attendance.device.run"), ("name", "=", "name")]
        )
        self.assertFalse(names, "whom a terminal knows is kept nowhere")

    def test_one_at_a_time(self):
        self.lease()
        self.assertEqual(self.converse("test").code, "busy")
        self.assertEqual(self.device.failure_count, 0)
        self.assertEqual(self.verbs(), [])


@tagged("post_install", "-at_install")
class TestPool(FleetCase):
    """Conversations side by side, with events in place of waits."""

    def claim(self, number):
        config = self.device._config()
        return polling.Claim(number, "", AbleAdapter, config)

    @contextmanager
    def held(self, *numbers):
        """Those conversations go on until they are let go."""
        gates = {number: Event() for number in numbers}

        def outcome(claim, now):
            if claim.device_id in gates:
                gates[claim.device_id].wait(10)
            return DeviceInfo()

        with patch.object(polling, "_outcome", outcome):
            try:
                yield gates
            finally:
                for gate in gates.values():
                    gate.set()

    def test_a_slow_one_holds_up_no_other(self):
        with self.held(1) as gates, polling.Pool(2) as pool:
            pool.add(self.claim(1))
            for number in range(2, 12):
                pool.add(self.claim(number))
                self.assertEqual(pool.next(10).claim.device_id, number)
            self.assertEqual(len(pool), 1)
            gates[1].set()
            self.assertEqual(pool.next(10).claim.device_id, 1)
            self.assertFalse(len(pool))

    def test_no_more_at_once_than_allowed_nor_waiting_to_be_stored(self):
        with self.held(1, 2) as gates, polling.Pool(2) as pool:
            self.assertEqual(pool.free, 2)
            pool.add(self.claim(1))
            pool.add(self.claim(2))
            self.assertEqual(pool.free, 0)
            gates[1].set()
            polling.wait(list(pool._held), 10, polling.FIRST_COMPLETED)
            self.assertEqual(pool.free, 1, "its place is free before it is stored")
            self.assertEqual({claim.device_id for claim in pool.claims}, {1, 2})
            gates[2].set()  # for it the pool waits at its end


@tagged("post_install", "-at_install")
class TestLeases(FleetCase):
    def test_what_waits_keeps_its_lease(self):
        [claim] = self.devices._claim_due()
        self.device.lease_until = fields.Datetime.now() - timedelta(seconds=1)
        self.env.flush_all()
        self.devices._renew_leases([claim])
        left = self.device.lease_until - fields.Datetime.now()
        self.assertGreater(left, timedelta(seconds=self.device.deadline))

    def test_a_lease_that_was_lost_is_not_taken_back(self):
        [claim] = self.devices._claim_due()
        self.lease()
        before = self.device.lease_until
        self.devices._renew_leases([claim])
        self.assertEqual(self.device.lease_until, before)


@tagged("post_install", "-at_install")
class TestHealth(FleetCase):
    def silent(self, minutes=None):
        minutes = minutes or self.device.offline_after
        self.device.last_success_at -= timedelta(minutes=minutes, seconds=1)

    def activities(self, device=None):
        return self.env["mail.activity"].search(
            [
                ("res_model", "=", "spp.attendance.device"),
                ("res_id", "=", (device or self.device).id),
            ]
        )

    def watch(self):
        self.env.flush_all()
        self.devices._watch()

    def test_ailing(self):
        self.company.attendance_drift_limit = 60
        self.store(scan(), info=DeviceInfo(clock_drift=-60, records=80, capacity=100))
        self.assertEqual(self.device.health, "healthy")
        self.store(info=DeviceInfo(clock_drift=-61))
        self.assertEqual(self.device.health, "degraded")
        self.company.attendance_drift_limit = 90
        self.assertEqual(self.device.health, "healthy")
        self.store(info=DeviceInfo(records=81, capacity=100))
        self.assertEqual(self.device.health, "degraded")

    def test_a_fault_is_not_forgotten_by_trying_again(self):
        self.store(scan())
        self.faults()
        self.device.action_try_again()
        self.assertEqual(self.device.failure_count, 0)
        self.assertEqual(self.device.health, "degraded")
        self.store(scan())
        self.assertEqual(self.device.health, "healthy")

    def test_somebody_is_asked_about_one_that_never_answered(self):
        def age():
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE spp_attendance_device"
                " SET create_date = now() AT TIME ZONE 'UTC' - interval '31 minutes'"
            )
            self.env.invalidate_all()

        new = self.new_device(name="Not connected yet")
        self.faults()
        self.watch()
        self.assertFalse(self.activities(), "it may be a cable that is put in now")
        age()
        self.watch()
        self.assertEqual(self.activities().summary, "The terminal has never answered")
        self.assertFalse(self.activities(new), "nobody has talked to it")
        self.watch()
        self.assertEqual(len(self.activities()), 1)
        self.store(scan())
        self.watch()
        self.assertFalse(self.activities())

    def test_silence_is_noticed_without_any_conversation(self):
        self.store(scan())
        good = self.new_device(name="Gate")
        self.store(scan(), device=good)
        # As time passes, nothing is written.
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_device"
            " SET last_success_at = now() AT TIME ZONE 'UTC' - interval '31 minutes'"
            " WHERE id = %s",
            [self.device.id],
        )
        self.env.invalidate_all()
        self.assertEqual(self.device.health, "healthy")
        self.watch()
        self.assertEqual(self.device.health, "offline")
        self.assertEqual(good.health, "healthy")

    def test_somebody_is_asked_once_and_no_more_when_it_is_back(self):
        self.device.responsible_id = self.officer
        self.store(scan())
        self.silent()
        self.watch()
        self.assertEqual(self.activities().user_id, self.officer)
        self.watch()
        self.assertEqual(len(self.activities()), 1)
        self.store(scan())
        self.watch()
        self.assertFalse(self.activities())

    def test_nobody_responsible_the_company_s_administrator_is(self):
        self.store(scan())
        self.silent()
        new_test_user(
            self.env,
            login="test-fleet-admin-elsewhere",
            groups="spp_attendance.spp_attendance_group_admin",
            company_id=self.other_company.id,
            company_ids=[(6, 0, self.other_company.ids)],
        )
        self.watch()
        user = self.activities().user_id
        self.assertTrue(user.has_group("spp_attendance.spp_attendance_group_admin"))
        self.assertIn(self.company, user.company_ids)

    def test_nobody_is_asked_about_what_is_switched_off_or_gone(self):
        self.store(scan())
        self.silent()
        self.watch()
        self.assertTrue(self.activities())
        self.device.enabled = False
        self.watch()
        self.assertFalse(self.activities())
        self.device.enabled = True
        self.watch()
        self.assertTrue(self.activities())
        self.device.active = False
        self.watch()
        self.assertFalse(self.activities())

    def test_statements_do_not_depend_on_how_many_are_well(self):
        def statements():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.devices._watch()
            return self.env.cr.sql_log_count - before

        statements()
        few = statements()
        for _number in range(5):
            self.new_device()
        statements()  # new users empty the caches
        self.assertEqual(statements(), few)


@tagged("post_install", "-at_install")
class TestClock(FleetCase):
    def read(self, drift, tz="Africa/Nairobi", now=None):
        self.device.write({"correct_clock": True, "tz": tz})
        AbleAdapter.said = []
        AbleAdapter.answers = {"poll": reading(info=DeviceInfo(clock_drift=drift))}
        self.due()
        self.run_lane()
        return "clock" in self.verbs()

    def test_only_when_it_is_somewhat_off(self):
        for drift, is_set in (
            (4, False),
            (5, True),
            (-900, True),
            (901, False),
            (-86400, False),
        ):
            with self.subTest(drift):
                self.assertEqual(self.read(drift), is_set)
                self.assertEqual(self.device.clock_drift, 0 if is_set else drift)

    def test_not_where_it_is_not_wanted(self):
        AbleAdapter.answers = {"poll": reading(info=DeviceInfo(clock_drift=60))}
        self.run_lane()
        self.assertEqual(self.verbs(), ["poll"])

    def test_never_near_a_change_of_summer_time(self):
        self.device.write(
            {"correct_clock": True, "tz": "Europe/Paris", "clock_drift": 60}
        )
        change = datetime(2026, 3, 29, 1, tzinfo=UTC)
        target = "odoo.addons.spp_attendance_devices.models"
        for minutes, is_set in ((-119, False), (0, False), (119, False), (-121, True)):
            moment = change + timedelta(minutes=minutes)
            with (
                self.subTest(minutes),
                patch(f"{target}.spp_attendance_device_fleet.datetime") as clock,
            ):
                clock.now.return_value = moment
                self.assertEqual(self.device._is_clock_set(), is_set)
