from contextlib import contextmanager

from odoo import api, models
from odoo.tools import SQL


class ResourceCalendarAttendance(models.Model):
    _inherit = "resource.calendar.attendance"

    #: What says on which days people work; hours don't count.
    _WEEKDAYS = frozenset(
        {"calendar_id", "dayofweek", "week_type", "display_type", "day_period"}
    )

    @api.model_create_multi
    def create(self, vals_list):
        default = self.env.context.get("default_calendar_id")
        calendars = {vals.get("calendar_id", default) for vals in vals_list}
        with self._days_following(calendars):
            return super().create(vals_list)

    def write(self, vals):
        if self._WEEKDAYS.isdisjoint(vals):
            return super().write(vals)
        with self._days_following({*self.calendar_id.ids, vals.get("calendar_id")}):
            return super().write(vals)

    def unlink(self):
        with self._days_following(set(self.calendar_id.ids)):
            return super().unlink()

    @contextmanager
    def _days_following(self, calendar_ids):
        """Have the days of people follow a change of weekdays, made inside.

        From today on, where they are; what was before stays as it was.

        :param set calendar_ids: ids of the calendars that may change
        """
        # Whoever may change a calendar need not see who works by it.
        shifts_sudo = self.env["spp.attendance.shift"].sudo()
        calendars_sudo = (
            shifts_sudo.with_context(active_test=False)
            .search(
                [
                    ("calendar_id", "in", list(calendar_ids - {None, False})),
                    ("assignment_ids", "!=", False),
                ]
            )
            .calendar_id
        )
        before = calendars_sudo and shifts_sudo._patterns(calendars_sudo)
        yield
        if not calendars_sudo:
            return
        after = shifts_sudo._patterns(calendars_sudo)
        if changed := [key for key in after if after[key] != before[key]]:
            queue_sudo = self.env["spp.attendance.day.queue"].sudo()
            queue_sudo._enqueue_from_today(
                SQL(
                    """
                    SELECT s.id FROM spp_attendance_subscriber s
                     WHERE s.company_id IN (
                        SELECT company_id FROM spp_attendance_shift
                         WHERE calendar_id = ANY(%s))
                    """,
                    changed,
                )
            )
