from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.spp_attendance.tests.test_live import LiveCase


@tagged("post_install", "-at_install")
class TestLiveStatus(LiveCase):
    """Each is told how the terminals are that he may see."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.attendance.device"].create(
            [
                {
                    "name": f"Gate {company.name}",
                    "adapter": "simulated",
                    "company_id": company.id,
                    "location_id": place.id,
                }
                for company, place in (
                    (cls.company, cls.hall),
                    (cls.other_company, cls.other_hall),
                    (cls.other_company, cls.other_hall),
                )
            ]
        )

    def totals(self):
        """Numbers of terminals, by channel; None where it tells of none."""
        return {
            channel: event["data"].get("machines", {}).get("total")
            for channel, events in self.told(status=True).items()
            for event in events
            if event["type"] == "system_status"
        }

    def test_of_one_s_own_companies(self):
        self.manager.company_ids += self.other_company
        both = self.listen(self.manager)
        north = self.listen(self.manager, self.company)
        south = self.listen(self.manager, self.other_company)
        nothing = self.listen(self.internal)
        self.assertEqual(
            self.totals(), {both.id: 3, north.id: 1, south.id: 2, nothing.id: None}
        )

    def test_who_sees_the_same_terminals_shares_it(self):
        users = self.manager + self._new_user("second", "manager") + self.admin
        channels = [self.listen(user) for user in users]
        devices = type(self.env["spp.attendance.device"])
        with patch.object(
            devices,
            "_api_system_status",
            autospec=True,
            side_effect=devices._api_system_status,
        ) as status:
            self.assertEqual(
                self.totals(), dict.fromkeys((channel.id for channel in channels), 1)
            )
        self.assertEqual(status.call_count, 1)
