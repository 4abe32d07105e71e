from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestAbsentee(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.attendance_absences_in_row = 3

    def record(self, person, *days, category="absent", **values):
        return self.env["spp.attendance.record"].create(
            [
                {
                    "subscriber_id": person.id,
                    "local_date": f"2026-09-{day:02}",
                    "local_time": "08:00:00",
                    "category": category,
                    **values,
                }
                for day in days
            ]
        )

    def absentees(self, user=None, domain=()):
        return (
            self.records_of(user or self.officer)
            .env["spp.attendance.absentee"]
            .search(list(domain))
        )

    def people(self, *args, **kwargs):
        return self.absentees(*args, **kwargs).subscriber_id.sudo(False)

    def test_only_absences_in_a_row_make_an_absentee(self):
        self.record(self.amina, 1, 2, 5)
        self.record(self.joseph, 1, 3, 4, 8)
        self.record(self.joseph, 2, category="present")
        self.record(self.grace, 1, 2)
        found = self.absentees()
        self.assertEqual(found.subscriber_id.ids, [self.joseph.id, self.amina.id])
        self.assertEqual(found.mapped("absences"), [3, 3])
        joseph = found[0]
        self.assertEqual(str(joseph.absent_since), "2026-09-03")
        self.assertEqual(str(joseph.last_absence), "2026-09-08")
        self.assertEqual(str(joseph.last_present), "2026-09-02")
        self.assertFalse(found[1].last_present)

    def test_who_came_again_is_no_absentee(self):
        self.record(self.amina, 1, 2, 3)
        self.assertTrue(self.absentees())
        back = self.record(self.amina, 4, category="present")
        self.assertFalse(self.absentees())
        back._void("somebody else")
        self.assertTrue(self.absentees())

    def test_a_day_is_one_absence_and_counts_as_present_if_he_came(self):
        self.record(self.amina, 1, 2)
        self.record(self.amina, 2, local_time="14:00:00")
        self.assertFalse(self.absentees())
        self.record(self.amina, 3, local_time="14:00:00")
        self.assertEqual(self.absentees().absences, 3)
        self.record(self.amina, 3, category="present")
        self.assertFalse(self.absentees())

    def test_each_company_says_how_many_absences(self):
        self.record(self.amina, 1, 2)
        self.record(self.stranger, 1, 2)
        self.other_company.attendance_absences_in_row = 2
        everybody = self.env["spp.attendance.absentee"].search(
            [("company_id", "in", (self.company + self.other_company).ids)]
        )
        self.assertEqual(everybody.subscriber_id, self.stranger)
        self.company.attendance_absences_in_row = 1
        self.assertEqual(self.people(), self.amina)

    def test_an_officer_counts_what_he_sees(self):
        self.record(self.amina, 1, 2, 3, location_id=self.closed_site.id)
        self.assertFalse(self.absentees())
        absentee = self.absentees(self.manager)
        self.assertEqual(absentee.last_location_id, self.closed_site)

    def test_archived_people_need_no_follow_up(self):
        self.record(self.amina, 1, 2, 3)
        self.amina.active = False
        self.assertFalse(self.absentees())

    def test_many_are_followed_up_at_once(self):
        self.record(self.amina, 1, 2, 3)
        self.record(self.joseph, 1, 2, 3)
        absentees = self.absentees()
        self.assertFalse(absentees.follow_up_id)
        action = absentees.action_follow_up()
        schedule = (
            self.records_of(self.officer)
            .env[action["res_model"]]
            .with_context(action["context"])
        )
        with Form(schedule) as form:
            form.activity_user_id = self.officer
            form.date_deadline = "2026-09-10"
        form.record.action_schedule_activities()

        open_ones = self.absentees(domain=[("follow_up_id", "!=", False)])
        self.assertEqual(open_ones.subscriber_id, self.amina + self.joseph)
        self.assertEqual(open_ones.follow_up_user_id, self.officer)
        self.assertEqual(str(open_ones[0].follow_up_deadline), "2026-09-10")
        self.assertEqual(open_ones[0].follow_up_id.res_model, self.amina._name)

        open_ones[0].action_follow_up_done()
        self.assertEqual(
            self.people(domain=[("follow_up_id", "=", False)]),
            open_ones[0].subscriber_id,
        )

    def test_a_follow_up_is_of_somebody(self):
        with self.assertRaises(UserError):
            self.absentees().browse().action_follow_up()

    def test_listing_costs_the_same_for_more(self):
        def statements():
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.absentees().read(["subscriber_id", "phone", "last_location_id"])
            return self.cr.sql_log_count - before

        self.record(self.amina, 1, 2, 3)
        statements()
        few = statements()
        self.record(self.joseph, 1, 2, 3)
        self.record(self.grace, 1, 2, 3)
        self.assertEqual(statements(), few)

    def test_a_row_opens_the_person(self):
        self.record(self.amina, 1, 2, 3)
        action = self.absentees().action_open_subscriber()
        self.assertEqual(action["res_id"], self.amina.id)
