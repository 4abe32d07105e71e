from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .spp_attendance_device import CLOCK_OFF, CONNECTION, FULL

#: Of a clock that is off by more somebody should find out why (s).
CLOCK_FAR_OFF = 15 * 60
#: No clock is set so near to where summer time begins or ends.
CLOCK_CHANGE = timedelta(hours=2)
#: A terminal that calls at set intervals counts as gone when it has not called for so
#: many of them, or for so many seconds, whichever is longer: one call can get lost.
MISSED_CALLS = 3
MISSED_SECONDS = 120
#: Settings that a conversation begins with: changed in the middle of one, what it gives
#: is not wanted any more.
_SETTINGS = CONNECTION | {"tz"}
#: Where it is: changed, another unit may answer, and is read in full.
_PLACE = frozenset({"adapter", "host", "port"})
#: Of a terminal of which nothing is known yet, and nothing wanted that is being said.
_UNREAD = {
    "lease_token": False,
    "lease_until": False,
    "sync_cursor": False,
    "full_read_at": False,
}


class SppAttendanceDevice(models.Model):
    """How a terminal has been, and who is asked to look after it."""

    _name = "spp.attendance.device"
    _inherit = ["spp.attendance.device", "mail.activity.mixin"]

    is_connected = fields.Boolean(
        string="Connected",
        compute="_compute_health",
        store=True,
        help="It answered when it was talked to last, and not long ago; or it calls.",
    )

    @api.depends(
        "active",
        "enabled",
        "mode",
        "adapter",
        "failure_count",
        "error_code",
        "last_success_at",
        "last_contact_at",
        "offline_after",
        "push_delay",
        "clock_drift",
        "record_count",
        "record_capacity",
        "company_id.attendance_drift_limit",
    )
    def _compute_health(self):
        # Stored, though it depends on the time: whoever stores a conversation, takes a
        # call, or watches over the fleet, has it computed again.
        now = fields.Datetime.now()
        for device in self:
            heard = device._last_heard()
            if not (device.enabled and device.active):
                health = "disabled"
            elif not heard:
                health = "never"
            elif now - heard >= device._patience():
                health = "offline"
            else:
                health = "degraded" if device._is_ailing() else "healthy"
            device.health = health
            # One that calls is there, though it may not be readable from here.
            fails = device.failure_count > 0 and device.mode != "push"
            device.is_connected = health in ("healthy", "degraded") and not fails

    def _refresh_health(self):
        """Compute health again: time has passed, or something was written by SQL."""
        self.env.add_to_compute(self._fields["health"], self)
        self.flush_recordset(["health", "is_connected"])

    def _last_heard(self):
        """When it last showed, in the way that counts for it, that it is there.

        That one which is to send by itself can be read from here says little.
        """
        return self.last_contact_at if self.mode == "push" else self.last_success_at

    def _patience(self):
        """How long it may be silent before it counts as offline."""
        patience = timedelta(minutes=self.offline_after)
        if self.mode != "push":
            return patience
        calls = timedelta(seconds=max(MISSED_CALLS * self.push_delay, MISSED_SECONDS))
        # Others than ADMS may call for nothing but scans: at night there are none.
        is_steady = self._capabilities().push == "adms"
        return calls if is_steady else max(calls, patience)

    def _is_ailing(self):
        # A fault that nobody has seen the end of; "Try Again" forgets the count alone.
        return (
            self.failure_count > 0
            or bool(self.error_code)
            or abs(self.clock_drift) > self.company_id.attendance_drift_limit
            or self.fill_level > FULL
        )

    def write(self, vals):
        result = super().write(vals)
        news = {}
        if not _SETTINGS.isdisjoint(vals):
            news = {"lease_token": False, "lease_until": False}
        if not _PLACE.isdisjoint(vals) or vals.get("serial", True) is False:
            news.update(_UNREAD)
        if news:
            devices_sudo = self.sudo()  # the system alone sets these
            devices_sudo.write(news)
        return result

    # ---------------------------------------------------------------- clock

    def _is_clock_set(self):
        """Whether the terminal's clock is to be set, and may be."""
        can_set = self.correct_clock and self._adapter_class().capabilities.clock
        if not (can_set and CLOCK_OFF <= abs(self.clock_drift) <= CLOCK_FAR_OFF):
            return False
        zone, now = ZoneInfo(self.tz), datetime.now(UTC)
        around = (now - CLOCK_CHANGE, now + CLOCK_CHANGE)
        return len({moment.astimezone(zone).utcoffset() for moment in around}) == 1

    def _note_clock(self, drift):
        """Say on the terminal that its clock was set."""
        self.message_post(
            body=self.env._("Its clock was set; it had been off by %s s.", drift)
        )

    def _note_cleared(self, count):
        """Say on the terminal that its log was emptied."""
        self.message_post(
            body=self.env._(
                "Its log was emptied of %s scans, all of which are stored here.", count
            )
        )

    # ---------------------------------------------------------------- watch

    @api.model
    def _cron_watch(self):
        """Notice terminals that fell silent, ask people to look after them, and say
        until when all is known of those that call."""
        run_in_transaction(self.env, lambda env: env[self._name]._watch())
        # Alone: terminals call all the time, which would spoil a long transaction.
        run_in_transaction(self.env, lambda env: env[self._name]._vouch())

    @api.model
    def _watch(self):
        self._notice_silent()
        self._ask_people()

    @api.model
    def _notice_silent(self):
        self.flush_model()
        # Those that are just being stored are not silent.
        self.env.cr.execute(
            SQL(
                """
                SELECT id
                  FROM spp_attendance_device
                 WHERE active AND enabled AND health IN ('healthy', 'degraded')
                   AND CASE WHEN mode = 'push'
                            THEN last_contact_at <= now() AT TIME ZONE 'UTC'
                                 - %s * interval '1 second'
                            ELSE last_success_at <= now() AT TIME ZONE 'UTC'
                                 - offline_after * interval '1 minute'
                        END
              ORDER BY id
                   FOR NO KEY UPDATE SKIP LOCKED
                """,
                MISSED_SECONDS,
            ),
            log_exceptions=False,
        )
        self.browse(id_ for (id_,) in self.env.cr.fetchall())._refresh_health()

    @api.model
    def _ask_people(self):
        """One activity for each terminal that has been silent for too long, none for
        any other."""
        Activity = self.env["mail.activity"]
        asked = Activity.search(
            [("res_model", "=", self._name), ("automated", "=", True)]
        )
        # One that is read, and was never talked to, nobody has missed.
        tried = Domain("mode", "=", "push") | Domain("error_code", "!=", False)
        silent = self.search(
            Domain("health", "=", "offline") | Domain("health", "=", "never") & tried
        ).filtered(lambda device: device._is_overdue())
        mute = silent - self.browse(asked.mapped("res_id"))
        asked.filtered(lambda activity: activity.res_id not in silent.ids).unlink()
        admins = mute._administrators()
        kind = self.env.ref("mail.mail_activity_data_warning")
        model_id = self.env["ir.model"]._get_id(self._name)
        Activity.create(
            [
                {
                    "res_model_id": model_id,
                    "res_id": device.id,
                    "activity_type_id": kind.id,
                    "automated": True,
                    "user_id": user.id,
                    "summary": device.with_context(lang=user.lang)._silence(),
                    "note": device.with_context(lang=user.lang)._describe_silence()
                    or device.with_context(lang=user.lang).error_message,
                }
                for device in mute
                if (user := device.responsible_id or admins.get(device.company_id))
            ]
        )

    def _is_overdue(self):
        """Whether a terminal has been silent for so long that people are asked.

        Of one that was never heard of, since it was set up, or was read last.
        """
        heard = self._last_heard() or self.last_success_at or self.create_date
        return fields.Datetime.now() - heard >= timedelta(minutes=self.offline_after)

    def _silence(self):
        if self._is_shut_out():
            return self.env._("The terminal calls, and is refused")
        if self.health != "never":
            return self.env._("The terminal is offline")
        if self.mode == "push":
            return self.env._("The terminal has never called")
        return self.env._("The terminal has never answered")

    def _describe_silence(self):
        """What to do about a terminal that should call and doesn't, in words."""
        if self.mode != "push" or self.health not in ("offline", "never"):
            return False
        if self._is_shut_out():
            return self._describe_refusal()
        advice = self.env._(
            "Check its power and its network, and the address of this server in its own"
            " settings."
        )
        if not self.last_contact_at:
            text = self.env._("It has not called yet.")
            return f"{text} {advice}"
        text = self.env._(
            "It has not called since %(when)s.",
            when=format_datetime(self.env, self.last_contact_at, dt_format="short"),
        )
        return f"{text} {advice}"

    def _is_shut_out(self):
        """Whether it is silent because its calls are refused."""
        refused, heard = self.push_refused_at, self.last_contact_at
        return bool(self.mode == "push" and refused and (not heard or refused > heard))

    def _administrators(self):
        """The first administrator of attendance of each company of these terminals."""
        group = self.env.ref("spp_attendance.spp_attendance_group_admin")
        users = self.env["res.users"].search(
            [
                ("all_group_ids", "in", group.ids),
                ("company_ids", "in", self.company_id.ids),
                ("share", "=", False),
            ],
            order="id",
        )
        return {
            company: next(
                (user for user in users if company in user.company_ids),
                self.env["res.users"],
            )
            for company in self.company_id
        }
