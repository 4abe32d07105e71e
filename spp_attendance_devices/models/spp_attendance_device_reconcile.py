import logging
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

_logger = logging.getLogger(__name__)

#: So long after it calls again, a terminal has sent what it kept meanwhile; and a scan
#: that was taken so long ago should be here.
CATCH_UP = timedelta(minutes=10)
#: A terminal is asked so often whether all is here that it holds.
CHECK_EVERY = timedelta(days=1)
#: So many days are compared one by one; what is before them is compared as one.
DAYS = 6
#: The last moment of a day, as terminals write it.
_DAY_END = time(23, 59, 59)


class SppAttendanceDevice(models.Model):
    """Whether all is here that terminals which push hold.

    That a terminal pushes proves nothing about what it did not push. Where it can be
    read from here, the lanes that poll do so once a day. Of another it is asked how
    many scans it holds of each day, and to send a day again of which it holds more.
    """

    _inherit = "spp.attendance.device"

    called_since = fields.Datetime(
        string="Calls Since",
        readonly=True,
        copy=False,
        help="Since when it has been calling without a long pause.",
    )

    # ------------------------------------------------------------ watermark

    @api.model
    def _vouch(self):
        """Move on until when all is known of terminals that call.

        Each scan is sent as it is taken, so two calls later it is here; after a pause
        a terminal first sends what it kept. A slow clock dates scans before they are.

        To be run in a transaction of its own, again on a serialization failure.
        """
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH moment AS (
                    SELECT date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')
                               AS now),
                     known AS (
                    SELECT id, now, called_since, synced_until,
                           mode = 'push' AND is_connected AS calls,
                           last_contact_at + interval '1 second'
                               * (LEAST(clock_drift, 0) - 2 * push_delay) AS heard_until
                      FROM spp_attendance_device, moment
                     WHERE mode = 'push' AND is_connected OR called_since IS NOT NULL),
                     fresh AS (
                    SELECT id,
                           CASE WHEN calls
                                THEN COALESCE(called_since, now) END AS since,
                           CASE WHEN calls AND called_since <= now - %(catch_up)s
                                THEN GREATEST(synced_until, heard_until)
                                ELSE synced_until END AS until
                      FROM known),
                     free AS MATERIALIZED (
                    SELECT d.id, f.since, f.until
                      FROM spp_attendance_device d
                      JOIN fresh f ON f.id = d.id
                     WHERE (d.called_since, d.synced_until)
                           IS DISTINCT FROM (f.since, f.until)
                  ORDER BY d.id
                       FOR NO KEY UPDATE OF d SKIP LOCKED)
                UPDATE spp_attendance_device d
                   SET called_since = free.since, synced_until = free.until
                  FROM free
                 WHERE d.id = free.id
                """,
                catch_up=CATCH_UP,
            ),
            log_exceptions=False,
        )
        self.invalidate_model(["called_since", "synced_until"], flush=False)

    # -------------------------------------------------- by reading its log

    def _prepare_check_vals(self, talk, begun):
        """What a whole reading says of a terminal that pushes.

        The first one brings what was there before, later ones what was not sent.

        :param begun: when storing it began, naive
        """
        if self.mode != "push":
            return {}
        vals = {}
        if self.reconciled_at:
            vals["gap_count"] = self.gap_count + self._count_late(talk, begun)
        if not talk.outcome.more:
            vals["reconciled_at"] = fields.Datetime.now()
        return vals

    def _count_late(self, talk, begun):
        """How many scans a reading brought that should have been sent before."""
        drift = timedelta(seconds=min(talk.outcome.info.clock_drift or 0, 0))
        until = talk.started_at.astimezone(UTC).replace(tzinfo=None) + drift - CATCH_UP
        [(count,)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*)
                  FROM spp_attendance_scan
                 WHERE device_id = %s AND scan_time < %s AND create_date >= %s
                """,
                self.id,
                until,
                begun,
            )
        )
        return count

    # --------------------------------------------------- by asking for sums

    @api.model
    def _cron_reconcile(self):
        """Check that nothing is missing of what terminals have pushed."""
        run_in_transaction(self.env, lambda env: env[self._name]._reconcile())

    @api.model
    def _reconcile(self):
        """Have terminals checked for which it is time: once a day, and when one calls
        again after a pause, in which it may have lost something."""
        now = fields.Datetime.now()
        calling = self.search(
            [
                ("mode", "=", "push"),
                ("is_connected", "=", True),
                ("called_since", "<=", now - CATCH_UP),
            ]
        )
        readable = calling.filtered("host")
        readable.filtered(
            lambda device: (
                device.reconciled_at
                and device.reconciled_at < device.called_since
                and device.next_poll_at > now
            )
        ).write({"next_poll_at": now})
        askable = calling.filtered(
            lambda device: (
                device._can_be_asked() and (not device.host or device.failure_count)
            )
        )
        asked = dict(
            self.env["spp.attendance.device.command"]._read_group(
                [("device_id", "in", askable.ids), ("is_check", "=", True)],
                ["device_id"],
                ["create_date:max"],
            )
        )
        for device in askable:
            last = asked.get(device)
            if not last or last <= now - CHECK_EVERY or last < device.called_since:
                device._ask_sums()

    def _can_be_asked(self):
        """Whether it takes commands when it calls."""
        return self.mode == "push" and self._capabilities().push == "adms"

    def _ask_sums(self):
        """Have a terminal count what it holds, since it was last known to be here."""
        for start, end in self._check_spans(datetime.now(UTC)):
            self._ask_as_check("verify", start, end)

    def _check_spans(self, now):
        """Stretches of time to be compared, oldest first.

        :param now: aware
        :return: list of (start, end), naive in the terminal's zone, both included
        """
        zone = ZoneInfo(self.tz)
        until = (now - CATCH_UP).astimezone(zone).replace(tzinfo=None, microsecond=0)
        first = until.date() - timedelta(days=DAYS)
        since = first
        if self.reconciled_at:
            known = (self.reconciled_at - CATCH_UP).replace(tzinfo=UTC)
            since = known.astimezone(zone).date()
        spans = []
        if since < first:
            spans.append((since, first - timedelta(days=1)))
        day = max(since, first)
        while day <= until.date():
            spans.append((day, day))
            day += timedelta(days=1)
        return [
            (
                datetime.combine(start, time.min),
                min(datetime.combine(end, _DAY_END), until),
            )
            for start, end in spans
        ]

    def _ask_as_check(self, kind, start, end, held=0):
        """Queue a command of a check.

        :param int held: how many scans of that time are here when it is asked
        """
        # The system asks: the terminal's user, in whose call it may be, gives orders
        # to nobody.
        commands_sudo = self.env["spp.attendance.device.command"].sudo()
        command_sudo = commands_sudo._queue(self, kind, start, end)
        command_sudo.write({"is_check": True, "held": held})

    def _check_answered(self, command):
        """Go on with a check, now that the terminal has answered, or has not.

        Of more scans than are here the day is sent again, and counted once more: what
        the terminal still holds more of then, it holds twice, which is one scan here.
        A terminal that can't count sends the day in any case.

        :param command: of this terminal, just done or failed
        """
        if command.kind not in ("verify", "upload"):
            return
        command_sudo = command.sudo()  # a step of the system's own work
        device_sudo = self.sudo()
        held = device_sudo._count_held(command.start, command.end)
        if command.kind == "verify":
            command_sudo.held = held  # people compare it, too
        if not command.is_check:
            return
        again = device_sudo._find_asked(command_sudo)
        span = (command.start, command.end)
        upload, verify = again["upload"], again["verify"]
        if command.kind == "upload":
            if command.state == "done" and verify.state == "done":
                self._ask_as_check("verify", *span)
            elif command.state == "done":
                device_sudo.gap_count += max(held - command_sudo.held, 0)
        elif upload:
            device_sudo.gap_count += max(held - upload.held, 0)
            if command.counted > held:
                _logger.info(
                    "Terminal %s: counts %s scans of which %s are here",
                    self.id,
                    command.counted,
                    held,
                )
        elif command.state == "failed" or command.counted > held:
            self._ask_as_check("upload", *span, held)
        device_sudo._conclude_check()

    def _find_asked(self, command):
        """The last other commands of this check about the same time, by their kind."""
        others = self.command_ids.search(
            [
                ("device_id", "=", self.id),
                ("id", "!=", command.id),
                ("is_check", "=", True),
                ("start", "=", command.start),
                ("end", "=", command.end),
                ("create_date", ">=", self._check_begun()),
            ],
            order="id desc",
        )
        return {
            kind: others.filtered(lambda other, kind=kind: other.kind == kind)[:1]
            for kind in ("upload", "verify")
        }

    def _check_begun(self):
        """Commands before then were of an earlier check: there is one a day, and one
        more when it calls again after a pause."""
        begun = fields.Datetime.now() - CHECK_EVERY
        return max(begun, self.called_since or begun)

    def _conclude_check(self):
        """Note that all is here once nothing of a check is left unanswered."""
        begun = self._check_begun()
        unfinished = Domain("state", "in", ("pending", "sent"))
        unsent = Domain("kind", "=", "upload") & Domain("state", "=", "failed")
        check = Domain("device_id", "=", self.id) & Domain("is_check", "=", True)
        commands = self.env["spp.attendance.device.command"]
        if not commands.search_count(
            check & (unfinished | (unsent & Domain("create_date", ">=", begun))),
            limit=1,
        ):
            self.reconciled_at = fields.Datetime.now()

    def _count_held(self, start, end):
        """How many scans of some time are here, by the terminal's own words.

        :param start, end: naive, in the terminal's zone, both included
        """
        around = timedelta(days=1)  # no place on earth is that far from UTC
        [(count,)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*)
                  FROM spp_attendance_scan
                 WHERE device_id = %s AND scan_time BETWEEN %s AND %s
                   AND local_time_raw COLLATE "C" BETWEEN %s AND %s
                """,
                self.id,
                start - around,
                end + around,
                str(start),
                str(end),
            )
        )
        return count


class SppAttendanceDeviceCommand(models.Model):
    _inherit = "spp.attendance.device.command"

    is_check = fields.Boolean(
        string="Of a Check",
        readonly=True,
        help="Asked by the system, to see that nothing is missing.",
    )
    held = fields.Integer(
        string="Scans Here",
        readonly=True,
        aggregator=None,
        help="How many scans of that time were here when it was asked, or answered.",
    )
