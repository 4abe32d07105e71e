from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.tests import tagged
from odoo.tools import config, mute_logger

from odoo.addons.spp_attendance.tests.common import RealCase
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import polling
from ..devices.errors import DeviceTimeout
from .common import DeviceCase, FakeAdapter, reading, scan, scans


@tagged("post_install", "-at_install")
class TestClaims(DeviceCase):
    def claimed(self, **kwargs):
        return [claim.device_id for claim in self.devices._claim_due(**kwargs)]

    def test_due_and_free(self):
        later = fields.Datetime.now() + timedelta(hours=1)
        self.new_device(next_poll_at=later)
        self.new_device(enabled=False)
        self.new_device(active=False)
        self.assertEqual(self.claimed(), self.device.ids)
        self.assertEqual(self.claimed(), [])

    def test_a_lease_ends(self):
        token = self.lease()
        self.assertEqual(self.claimed(), [])
        self.device.lease_until = fields.Datetime.now() - timedelta(seconds=1)
        [claim] = self.devices._claim_due()
        self.assertNotEqual(claim.token, token)

    def test_the_lease_outlives_the_deadline(self):
        self.device.deadline = 100
        self.claimed()
        self.device.invalidate_recordset()
        left = self.device.lease_until - fields.Datetime.now()
        self.assertGreater(left, timedelta(seconds=100))

    def test_the_watchdog_comes_after_every_deadline(self):
        self.device.deadline = 600
        option = "limit_time_real_cron"
        self.addCleanup(config.__setitem__, option, config[option])
        for limit, longest in ((900, 420), (120, 30), (10, 5), (0, 600)):
            with self.subTest(limit):
                config[option] = limit
                self.device.lease_until = False
                self.env.flush_all()
                [claim] = self.devices._claim_due()
                self.assertEqual(claim.config.deadline, longest)

    def test_no_more_than_can_be_read_at_once(self):
        for _number in range(4):
            self.new_device()
        self.assertEqual(len(self.claimed(limit=2)), 2)
        self.env["ir.config_parameter"].set_param(
            "spp_attendance_devices.parallel_polls", "1"
        )
        self.assertEqual(len(self.claimed()), 1)

    def test_longest_waiting_first(self):
        old = self.new_device(
            next_poll_at=fields.Datetime.now() - timedelta(days=1),
        )
        self.assertEqual(self.claimed(limit=1), old.ids)

    def test_settings_that_cannot_work_are_a_fault_and_block_nobody(self):
        broken = self.new_device(adapter="simulated")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_device SET options = '[' WHERE id = %s", broken.ids
        )
        self.env.invalidate_all()
        self.assertEqual(self.claimed(), self.device.ids)
        self.assertEqual(broken.error_code, "invalid_config")
        self.assertGreater(broken.next_poll_at, fields.Datetime.now())


@tagged("post_install", "-at_install")
class TestStoring(DeviceCase):
    def test_a_good_reading(self):
        outcome = self.store(scan(), scan("nobody"))
        self.assertEqual(len(outcome.scans), 2)
        self.assertRecordValues(
            self.device,
            [
                {
                    "health": "healthy",
                    "record_count": 2,
                    "serial": "S-1",
                    "lease_until": False,
                }
            ],
        )
        self.assertGreater(self.device.next_poll_at, fields.Datetime.now())

    def test_nothing_is_stored_without_the_lease(self):
        stale = self.lease()
        fresh = self.lease()
        self.device._store(stale, reading(scan()))
        self.assertFalse(self.scans_of())
        self.assertEqual(self.device.health, "never")
        self.device._store(fresh, reading(scan()))
        self.assertEqual(len(self.scans_of()), 1)

    def test_the_same_reading_twice(self):
        self.store(*scans(10))
        records = self.scans_of().record_id
        self.store(*scans(10))
        self.assertEqual(len(self.scans_of()), 10)
        self.assertEqual(self.scans_of().record_id, records)

    def test_late_scans_only_are_new(self):
        self.store(*scans(10))
        before = self.scans_of()
        late = scans(5, start=scans(1)[0].local_time - timedelta(days=3))
        self.store(*late, *scans(10))
        new = self.scans_of() - before
        self.assertEqual(
            set(new.mapped("local_time_raw")), {row.timestamp_raw for row in late}
        )
        self.assertEqual(set(new.mapped("state")), {"matched"})

    def test_an_incomplete_reading_is_kept_and_flagged(self):
        outcome = self.store(*scans(3), complete=False, detail="4 counted, 3 sent")
        self.assertEqual(outcome.code, "incomplete")
        self.assertEqual(len(self.scans_of()), 3)
        self.assertRecordValues(
            self.device,
            [
                {
                    "health": "never",
                    "failure_count": 1,
                    "circuit": "closed",
                    "error_detail": "4 counted, 3 sent",
                    "last_success_at": False,
                    "sync_cursor": False,
                    "synced_until": False,
                }
            ],
        )

    def test_a_fault_stores_no_scans_and_the_next_poll_completes(self):
        self.device._store(self.lease(), DeviceTimeout("stopped"))
        self.assertEqual(self.device.health, "never")
        self.assertFalse(self.scans_of())
        self.store(*scans(3))
        self.assertEqual(self.device.health, "healthy")
        self.assertEqual(len(self.scans_of()), 3)

    def test_statements_do_not_depend_on_the_number_of_scans(self):
        def statements(number, start):
            rows = scans(number, start=scans(1)[0].local_time + timedelta(days=start))
            token = self.lease()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.device._store(token, reading(*rows))
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        statements(1, 1)  # fills the caches
        # Of many it is looked up first which are known; of few as they are stored.
        self.assertEqual(statements(2, 10), statements(100, 20))
        self.assertEqual(statements(200, 30), statements(1000, 40))
        self.assertEqual(len(self.scans_of()), 1303)
        self.assertEqual(set(self.scans_of().mapped("state")), {"matched"})


@tagged("post_install", "-at_install")
class TestCron(DeviceCase):
    def run_lane(self, number=1):
        lane = self.env.ref(f"spp_attendance_devices.ir_cron_poll_{number}")
        with self.enter_registry_test_mode():
            lane.method_direct_trigger()
        self.env.invalidate_all()

    def test_a_lane_reads_what_is_due(self):
        FakeAdapter.answer = reading(scan(), scan("nobody"))
        self.run_lane(2)
        self.assertEqual(self.device.health, "healthy")
        self.assertEqual(len(self.scans_of()), 2)
        self.run_lane(1)
        self.assertEqual(len(FakeAdapter.configs), 1)

    def test_more_terminals_than_fit_at_once(self):
        self.env["ir.config_parameter"].set_param(
            "spp_attendance_devices.parallel_polls", "2"
        )
        devices = self.device
        for _number in range(4):
            devices += self.new_device()
        self.run_lane()
        self.assertEqual(set(devices.mapped("health")), {"healthy"})

    def test_what_falls_due_after_a_run_found_nothing_is_for_the_next(self):
        with (
            patch.object(type(self.devices), "_claim_due", lambda *_args: []),
            self.assertNoLogs("odoo.addons.base.models.ir_cron", "WARNING"),
        ):
            self.run_lane()
        self.assertFalse(FakeAdapter.configs)
        self.run_lane()
        self.assertTrue(FakeAdapter.configs)

    def test_one_bad_terminal_does_not_harm_another(self):
        bad = self.new_device()

        def outcome(claim, now):
            if claim.device_id == bad.id:
                return DeviceTimeout("hung")
            return reading(scan())

        with patch.object(polling, "_outcome", outcome):
            self.run_lane()
        self.assertEqual(bad.error_code, "timeout")
        self.assertEqual(self.device.health, "healthy")

    @mute_logger("odoo.addons.spp_attendance_devices.polling")
    def test_a_bug_in_an_adapter_is_a_fault_of_ours(self):
        FakeAdapter.answer = ZeroDivisionError()
        self.run_lane()
        self.assertEqual(self.device.error_code, "internal")

    @mute_logger(
        "odoo.addons.spp_attendance_devices.models.spp_attendance_device_polling"
    )
    def test_a_fault_while_storing_leaves_nothing_half_done(self):
        FakeAdapter.answer = reading(*scans(5))
        model = type(self.env["spp.attendance.scan"])
        with patch.object(model, "_take", side_effect=ZeroDivisionError):
            self.run_lane()
        self.assertEqual(self.device.error_code, "internal")
        self.assertFalse(self.scans_of())
        self.device.next_poll_at = fields.Datetime.now()
        self.run_lane()
        self.assertEqual(len(self.scans_of()), 5)


@tagged("post_install", "-at_install")
class TestConcurrency(RealCase):
    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            # Those of demo data would be due as well.
            self.demo_ids = (
                env["spp.attendance.device"].search([("enabled", "=", True)]).ids
            )
            env["spp.attendance.device"].browse(self.demo_ids).enabled = False
            self.ids = self.make(
                env,
                "spp.attendance.device",
                *(
                    {"name": f"Real {number}", "adapter": "simulated"}
                    for number in range(4)
                ),
            ).ids
        self.addCleanup(self.enable_demo)

    def count(self, device):
        return device.env["spp.attendance.scan"].search_count(
            [("device_id", "=", device.id)]
        )

    def enable_demo(self):
        with self.transaction() as env:
            env["spp.attendance.device"].browse(self.demo_ids).enabled = True

    def test_two_workers_never_get_the_same_terminal(self):
        with self.transaction() as first, self.transaction() as second:
            some = {
                claim.device_id
                for claim in first["spp.attendance.device"]._claim_due(limit=2)
            }
            # The first has not committed: its rows are skipped, not waited for.
            others = {
                claim.device_id
                for claim in second["spp.attendance.device"]._claim_due(limit=10)
            }
        self.assertEqual(len(some), 2)
        self.assertEqual(some | others, set(self.ids))
        self.assertFalse(some & others)

    def test_a_worker_that_saw_the_past_tries_again(self):
        with self.transaction() as late:
            late["spp.attendance.device"].search_count([])  # takes its snapshot
            with self.transaction() as early:
                early["spp.attendance.device"]._claim_due(limit=2)
            attempts = []

            def claim(env):
                attempts.append(env)
                if len(attempts) == 1:
                    return late["spp.attendance.device"]._claim_due(limit=10)
                return env["spp.attendance.device"]._claim_due(limit=10)

            claims = run_in_transaction(self.registry, claim)
            late.cr.rollback()
        self.assertEqual(len(attempts), 2)
        self.assertEqual(len(claims), 2)

    def test_a_key_is_in_no_log_when_a_poll_came_first(self):
        with self.transaction() as late:
            device = late["spp.attendance.device"].browse(self.ids[0])
            device.name  # noqa: B018  takes its snapshot
            with self.transaction() as early:
                early["spp.attendance.device"].browse(self.ids[0]).serial = "S-1"
            with (
                self.assertNoLogs("odoo.sql_db", "ERROR"),
                self.assertRaises(SerializationFailure),
            ):
                device.secret_input = "246810"
                late.flush_all()
            late.cr.rollback()

    def test_a_killed_worker_loses_and_doubles_nothing(self):
        with self.transaction() as env:
            claims = env["spp.attendance.device"]._claim_due(limit=1)
        [claim] = claims
        # It has read the terminal, and dies before it commits.
        with self.transaction() as env:
            device = env["spp.attendance.device"].browse(claim.device_id)
            device._store(claim.token, reading(*scans(5)))
            env.cr.rollback()
        with self.transaction() as env:
            device = env["spp.attendance.device"].browse(claim.device_id)
            self.assertEqual(self.count(device), 0)
            self.assertEqual(device.health, "never")
            others = env["spp.attendance.device"]._claim_due(limit=10)
            self.assertNotIn(claim.device_id, [other.device_id for other in others])
            device.lease_until = fields.Datetime.now() - timedelta(seconds=1)
        with self.transaction() as env:
            [again] = env["spp.attendance.device"]._claim_due(limit=10)
            self.assertEqual(again.device_id, claim.device_id)
            # Should the first one be alive after all, it comes too late.
            device = env["spp.attendance.device"].browse(claim.device_id)
            device._store(claim.token, reading(*scans(5)))
            self.assertEqual(self.count(device), 0)
            device._store(again.token, reading(*scans(5)))
            self.assertEqual(self.count(device), 5)
            env.cr.rollback()
