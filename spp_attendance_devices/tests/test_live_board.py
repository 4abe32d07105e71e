from datetime import timedelta

from odoo.tests import tagged

from .common import DeviceCase, scan


@tagged("post_install", "-at_install")
class TestLiveBoardTerminals(DeviceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("live-head", "head")

    def board(self, user=None, **kwargs):
        env = self.records_of(user or self.officer).env
        return env["spp.attendance.live.board"].get_board(**kwargs)

    def scan_at(self, code, minutes):
        now = self.env["spp.attendance.record"]._now_local(self.device.tz)
        return scan(code, now.replace(microsecond=0) - timedelta(minutes=minutes))

    @staticmethod
    def scans_told(board):
        return [
            event["data"]
            for event in board["events"]
            if event["type"] == "scan_received"
        ]

    def test_terminals_are_shown_to_those_who_may_see_them(self):
        [machine] = self.board()["machines"]
        self.assertEqual(machine["id"], self.device.id)
        self.assertEqual(machine["health"], self.device.health)
        self.assertEqual(machine["location"]["id"], self.hall.id)
        self.assertEqual(machine["unmatched_scans"], 0)
        self.assertNotIn("ip_address", machine)
        self.assertIsNone(self.board(self.head)["machines"])

    def test_scans_are_among_what_arrived_last(self):
        self.store(self.scan_at("T-1", 5), self.scan_at("T-99", 4))
        board = self.board()
        by_state = {scan["state"]: scan for scan in self.scans_told(board)}
        self.assertEqual(set(by_state), {"matched", "unmatched"})
        self.assertEqual(by_state["unmatched"]["badge"], "T-99")
        record = self.env["spp.attendance.record"].browse(
            by_state["matched"]["record_id"]
        )
        self.assertEqual(record.subscriber_id, self.amina)
        told = [event["data"]["id"] for event in board["events"]]
        self.assertIn(record.id, told)
        [machine] = board["machines"]
        self.assertEqual(machine["unmatched_scans"], 1)
        self.assertEqual(self.scans_told(self.board(self.head)), [])

    def test_scans_of_other_places_and_types_are_not_shown(self):
        self.store(self.scan_at("T-99", 4))
        self.assertTrue(self.scans_told(self.board(location_id=self.hall.id)))
        elsewhere = self.closed_site.id
        self.assertEqual(self.scans_told(self.board(location_id=elsewhere)), [])
        self.assertEqual(self.scans_told(self.board(type_id=self.training.id)), [])
        self.device.type_id = self.training
        self.assertTrue(self.scans_told(self.board(type_id=self.training.id)))

    def test_a_register_hides_the_scans_of_its_terminal(self):
        self.store(self.scan_at("T-99", 4))
        self.device.register_id = self.env["spp.attendance.register"].create(
            {
                "name": "Course",
                "company_id": self.company.id,
                "date_start": "2026-01-01",
            }
        )
        self.assertEqual(self.scans_told(self.board()), [])
        self.assertEqual(self.board()["machines"], [])
        self.assertTrue(self.scans_told(self.board(self.manager)))

    def test_terminals_cost_the_same_for_more(self):
        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.board()
            return self.env.cr.sql_log_count - before

        self.store(self.scan_at("T-1", 5), self.scan_at("T-99", 4))
        count()
        few = count()
        for number in range(5):
            device = self.new_device(name=f"Door {number}")
            self.store(
                self.scan_at("T-2", 30 + number),
                self.scan_at(f"T-{90 + number}", 20),
                device=device,
            )
        count()  # a terminal has a user of its own: what is known of users begins anew
        self.assertEqual(count(), few)
