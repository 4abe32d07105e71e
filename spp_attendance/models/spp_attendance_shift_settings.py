from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.spp_oauth.api import NotFound

from ..api import SettingsOut
from ..engine.hours import to_hours

_DAY = 24 * 60
#: Names of settings, by the fields that they are.
_BANDS = {
    "overtime_start": "overtime_start_time",
    "extra_start": "extra_overtime_start_time",
}


class SppAttendanceShift(models.Model):
    """A company's default shift, as front ends know it: settings of the attendance."""

    _inherit = "spp.attendance.shift"

    @api.model
    def _company_default(self):
        """By what everybody of the current company works today who has no shift else.

        :raises NotFound: when the user sees none
        """
        today = self.env["spp.attendance.day"]._now_date()
        # Who may see the shift may know that it is the company's.
        assignments_sudo = self.env["spp.attendance.shift.assignment"].sudo()
        found_sudo = assignments_sudo.search(
            [
                ("company_id", "=", self.env.company.id),
                ("subscriber_id", "=", False),
                ("department_id", "=", False),
                ("location_id", "=", False),
                ("date_from", "<=", today),
            ],
            order="date_from desc, id desc",
            limit=1,
        )
        shift = self.with_context(active_test=False).search(
            [("id", "in", found_sudo.shift_id.ids)]
        )
        if not shift:
            raise NotFound("This company has no shift yet.")
        return shift

    @api.model
    def _api_settings(self):
        """The settings of the current company.

        :rtype: api.SettingsOut
        """
        shift = self._company_default()
        company_sudo = shift.company_id.sudo()  # one setting, for who sees its shift
        return SettingsOut.model_construct(
            **shift._settings(),
            auto_update_leave_balance=company_sudo.attendance_auto_leave_balance,
        )

    @api.model
    def _api_change_settings(self, body):
        """Change settings of the current company from today on.

        What was before today stays as it was. What says what is so already changes
        nothing.

        :param body: api.SettingsIn, or api.SettingsPatch of some of them
        :return: the settings as they are now
        :raises Unprocessable: when there can't be such a shift
        :raises AccessError: for who may not change shifts
        """
        self.check_access("create")
        values = body.model_dump(
            exclude_unset=body.__class__.__name__.endswith("Patch")
        )
        shift = self._company_default()
        automatic = values.pop("auto_update_leave_balance", None)
        company_sudo = shift.company_id.sudo()  # whoever may make its shifts may say it
        if automatic not in (None, company_sudo.attendance_auto_leave_balance):
            company_sudo.attendance_auto_leave_balance = automatic
        if vals := shift._from_settings(values):
            today = self.env["spp.attendance.day"]._now_date()
            if wrong := shift.new(vals, origin=shift)._band_out_of_order():
                self.env["spp.attendance.api.mixin"]._api_refuse(
                    _BANDS[wrong[0]], wrong[1]
                )
            try:
                shift._new_version(today, vals)._take_over()
            except ValidationError as error:
                self.env["spp.attendance.api.mixin"]._api_refuse(
                    "safe_exit_time", error.args[0]
                )
        return self._api_settings()

    def _settings(self):
        """What front ends call the rules of this shift."""
        rules = self._rules()
        pattern = self._patterns(self.calendar_id)[self.calendar_id.id]
        pause = {
            "none": 0,
            "fixed": rules.break_minutes,
            "window": rules.break_until - rules.break_from,
        }[rules.break_kind]
        return {
            "standard_working_hours": to_hours(round(self.standard_hours * 60)),
            "lunch_break_duration": to_hours(pause),
            "safe_entry_time": _clock(rules.start),
            "late_entry_time": _clock(rules.start + rules.late_grace),
            "safe_exit_time": _clock(rules.end),
            "overtime_start_time": _clock(rules.overtime_start),
            "extra_overtime_start_time": _clock(rules.extra_start),
            "snacks_eligibility_hours": to_hours(rules.snacks_from),
            "night_bill_eligibility_hours": to_hours(rules.night_bill_from),
            # Theirs begin on Sunday, Python's on Monday.
            "weekend_days": sorted(
                (day + 1) % 7
                for day in range(7)
                if not (pattern[day] or pattern[7 + day])
            ),
            "auto_calculate_overtime": rules.has_overtime,
            "auto_calculate_extra_overtime": rules.has_extra,
        }

    def _from_settings(self, wanted):
        """Values of a version of this shift of which settings are so.

        :param dict wanted: settings, or some of them
        :return: values of what is different; none if nothing is
        :raises Unprocessable: when the settings contradict one another
        """
        known = self._settings()
        wanted = {
            name: value[:5] if name.endswith("_time") else value
            for name, value in wanted.items()
        }
        if "weekend_days" in wanted:
            wanted["weekend_days"] = sorted(set(wanted["weekend_days"]))
        new = {name: wanted[name] for name in wanted if wanted[name] != known[name]}
        settings = {**known, **new}
        vals = {}
        for name, field in (
            ("safe_entry_time", "start"),
            ("safe_exit_time", "end"),
            ("overtime_start_time", "overtime_start"),
            ("extra_overtime_start_time", "extra_start"),
        ):
            if name in new:
                vals[field] = _minute(new[name]) / 60
        if new.keys() & {"safe_entry_time", "late_entry_time"}:
            grace = _minute(settings["late_entry_time"]) - _minute(
                settings["safe_entry_time"]
            )
            vals["late_grace"] = grace % _DAY
            if vals["late_grace"] >= _DAY // 2:
                self.env["spp.attendance.api.mixin"]._api_refuse(
                    "late_entry_time", "It is before safe_entry_time."
                )
        for name, field in (
            ("snacks_eligibility_hours", "snacks_from"),
            ("night_bill_eligibility_hours", "night_bill_from"),
        ):
            if name in new:
                vals[field] = round(new[name] * 60)
        if "lunch_break_duration" in new:
            vals["break_kind"] = "fixed"
            vals["break_minutes"] = round(new["lunch_break_duration"] * 60)
        if "standard_working_hours" in new:
            vals["standard_hours"] = new["standard_working_hours"]
        if "auto_calculate_overtime" in new:
            vals["has_overtime"] = new["auto_calculate_overtime"]
        if "auto_calculate_extra_overtime" in new:
            vals["has_extra"] = new["auto_calculate_extra_overtime"]
        if "weekend_days" in new:
            weekend = {(day - 1) % 7 for day in new["weekend_days"]}
            vals["calendar_id"] = self._calendar_of(weekend).id
        return vals


class ResCompany(models.Model):
    _inherit = "res.company"

    attendance_auto_leave_balance = fields.Boolean(
        "Update Leave Balances Automatically",
        default=True,
        help="Approved leave is taken from balances at once.",
    )


def _clock(minutes):
    hours, minute = divmod(minutes % _DAY, 60)
    return f"{hours:02d}:{minute:02d}"


def _minute(clock):
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
