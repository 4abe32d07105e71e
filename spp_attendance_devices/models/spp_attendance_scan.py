import json
from datetime import UTC, timedelta
from hashlib import sha256

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from odoo.addons.spp_attendance.engine.localtime import to_utc

from ..counts import Counts
from ..devices.scan_types import SCAN_TYPES

#: Scans made into records by one call of ``_ingest``.
MATCH_BATCH = 5000
#: Terminals that lost their clock start again at their year of manufacture or 2000.
FIRST_YEAR = 2010
#: A terminal's clock may be wrong by a time zone, not by more.
AHEAD = timedelta(days=1)


class SppAttendanceScan(models.Model):
    """A raw reading, kept as the terminal gave it.

    Append-only: what was read never changes, only what became of it. A scan that
    can't be right (31 February, the year 2099) is kept too, as rejected; there is no
    newest timestamp that it could falsify, because what is new is found by the unique
    index alone.
    """

    _name = "spp.attendance.scan"
    _description = "Terminal Scan"
    _order = "scan_time DESC NULLS LAST, id DESC"
    _rec_name = "user_code"

    _mutable_fields = frozenset(
        {
            "state",
            "reason_code",
            "reason",
            "subscriber_id",
            "record_id",
            "duplicate_of_id",
        }
    )

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    user_code = fields.Char(string="Badge", readonly=True)
    local_time_raw = fields.Char(
        string="Time on the Terminal",
        required=True,
        readonly=True,
        help="Local time, verbatim as the terminal gave it.",
    )
    scan_time = fields.Datetime(
        string="Time", readonly=True, index=True, help="Empty for an impossible date."
    )
    scan_type = fields.Selection(
        [
            ("in", "In"),
            ("out", "Out"),
            ("break_start", "Break start"),
            ("break_end", "Break end"),
            ("overtime_in", "Overtime in"),
            ("overtime_out", "Overtime out"),
            ("none", "None"),
        ],
        required=True,
        readonly=True,
    )
    raw = fields.Json(string="Raw Data", readonly=True)
    number = fields.Char(
        string="Event Number", readonly=True, help="The terminal's own, if it has one."
    )
    card = fields.Char(string="Card Number", readonly=True)
    flag = fields.Selection(
        [("duress", "Under duress"), ("clock", "Clock was off")], readonly=True
    )
    clock_drift = fields.Integer(
        string="Clock Drift (s)",
        readonly=True,
        aggregator=None,
        help="Terminal minus server when the scan was read.",
    )
    scan_uid = fields.Char(string="Unique Id", required=True, readonly=True)
    received_at = fields.Datetime(string="Received", required=True, readonly=True)
    state = fields.Selection(
        [
            ("unmatched", "Unmatched"),
            ("matched", "Matched"),
            ("duplicate", "Duplicate"),
            ("rejected", "Rejected"),
        ],
        required=True,
        readonly=True,
    )
    reason_code = fields.Selection(
        [
            ("no_code", "No badge number"),
            ("bad_date", "Impossible date"),
            ("too_old", "Before 2010"),
            ("future", "In the future"),
            ("refused", "Refused as attendance"),
            ("same_scan", "Within moments of another scan"),
        ],
        string="Reason",
        readonly=True,
    )
    reason = fields.Char(string="Details", readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    record_id = fields.Many2one(
        "spp.attendance.record",
        string="Attendance",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    duplicate_of_id = fields.Many2one(
        "spp.attendance.scan",
        string="Same As",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    _scan_unique = models.Constraint(
        "UNIQUE (device_id, scan_uid)", "This scan was received before."
    )
    _waiting_index = models.Index("(device_id, user_code) WHERE state = 'unmatched'")

    # ----------------------------------------------------------------- CRUD

    def write(self, vals):
        if not self._mutable_fields.issuperset(vals):
            raise UserError(self.env._("What a terminal has read can't be changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("Scans are kept; they can't be deleted."))

    # -------------------------------------------------------------- actions

    def action_assign(self):
        """Say whose badge it is; its other waiting scans follow."""
        self.ensure_one()
        return self._action_assign(self.device_id, self.user_code)

    @api.model
    def _action_assign(self, device, user_code):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assign Badge"),
            "res_model": "spp.attendance.scan.assign",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_device_id": device.id,
                "default_user_code": user_code,
            },
        }

    def action_retry(self):
        """Try to record refused scans again, after what was wrong was put right."""
        if not self.env.user.has_group("spp_attendance.spp_attendance_group_officer"):
            raise AccessError(self.env._("Only officers may do this."))
        self.check_access("read")
        again = self.filtered(lambda scan: scan.reason_code == "refused")
        self.flush_model()
        # Not through the ORM: nobody has rights to write a scan.
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_scan
                   SET state = 'unmatched', reason_code = NULL, reason = NULL,
                       write_uid = %s, write_date = %s
                 WHERE id = ANY(%s)
                """,
                self.env.uid,
                fields.Datetime.now(),
                again.ids,
            ),
            log_exceptions=False,
        )
        self.invalidate_model(flush=False)
        for device in again.device_id:
            self._match(device)

    # -------------------------------------------------------------- storing

    @api.model
    def _scan_uid(self, scan):
        """What makes two readings of a terminal the same scan.

        Not the in/out byte, which is unreliable and differs between pull and push.
        Not the serial number: the index is by terminal, and a unit that was replaced
        and got the old log restored must not double it.
        """
        return sha256(f"{scan.user_code}|{scan.timestamp_raw}".encode()).hexdigest()

    @api.model
    def _take(self, device, scans, clock_drift=0):
        """Store what is new of a reading, and turn it into records.

        :param device: one terminal
        :param scans: ScanData, gone through once
        :param int clock_drift: seconds that the terminal's clock was ahead
        :return: :class:`Counts`
        """
        rows = list(scans)
        new = self._store(device, rows)
        matched = self._match(device)
        return Counts(len(rows), new, matched)

    @api.model
    def _store(self, device, scans):
        """Insert what is new among the scans that a terminal sent.

        One statement, however many there are. Known scans are left out before ids are
        drawn for them: a whole log comes with every poll, and ``ON CONFLICT`` alone
        would use up the sequence.

        :param device: one terminal
        :param scans: ScanData, local times in the terminal's zone
        :return: number of new scans
        """
        now = fields.Datetime.now()
        rows = {}
        for scan in scans:
            rows.setdefault(self._scan_uid(scan), scan)
        columns = list(
            zip(
                *(
                    (uid, *self._prepare_row(scan, device.tz, now))
                    for uid, scan in sorted(rows.items())
                ),
                strict=True,
            )
        )
        if not columns:
            return 0
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_scan (
                    device_id, company_id, received_at, scan_uid, user_code,
                    local_time_raw, scan_time, scan_type, raw, state, reason_code,
                    create_uid, create_date, write_uid, write_date)
                SELECT %(device)s, %(company)s, %(now)s, r.scan_uid, r.user_code,
                       r.local_time_raw, r.scan_time, r.scan_type, r.raw, r.state,
                       r.reason_code, %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM unnest(%(columns)s) AS r (
                           scan_uid, user_code, local_time_raw, scan_time, scan_type,
                           raw, state, reason_code)
                 WHERE NOT EXISTS (
                           SELECT FROM spp_attendance_scan s
                            WHERE s.device_id = %(device)s AND s.scan_uid = r.scan_uid)
                    ON CONFLICT (device_id, scan_uid) DO NOTHING
                """,
                device=device.id,
                company=device.company_id.id,
                now=now,
                uid=self.env.uid,
                columns=SQL(
                    "%s::varchar[], %s::varchar[], %s::varchar[], %s::timestamp[],"
                    " %s::varchar[], %s::jsonb[], %s::varchar[], %s::varchar[]",
                    *map(list, columns),
                ),
            ),
            log_exceptions=False,
        )
        new = self.env.cr.rowcount
        self.invalidate_model(flush=False)
        return new

    @api.model
    def _prepare_row(self, scan, tz, now):
        instant = to_utc(scan.local_time, tz) if scan.local_time else None
        reason = None
        if not scan.user_code:
            reason = "no_code"
        elif instant is None:
            reason = "bad_date"
        elif scan.local_time.year < FIRST_YEAR:
            reason = "too_old"
        elif instant > now + AHEAD:
            reason = "future"
        return (
            scan.user_code.replace("\0", ""),
            scan.timestamp_raw,
            instant,
            scan.scan_type if scan.scan_type in SCAN_TYPES else "none",
            json.dumps(dict(scan.raw)),
            "rejected" if reason else "unmatched",
            reason,
        )

    # ------------------------------------------------------------- matching

    @api.model
    def _match(self, device, user_code=None):
        """Turn waiting scans whose person is known into records, in batches.

        As the terminal's service user, whoever calls: the record is the terminal's
        statement. The number of statements a batch does not depend on its size.

        :param device: one terminal
        :param str user_code: only this badge
        :return: number of scans that wait no longer
        """
        done = 0
        while waiting := self._find_waiting(device, user_code):
            outcomes = self._ingest(device, waiting)
            self._settle(waiting, outcomes)
            done += len(waiting)
        return done

    @api.model
    def _find_waiting(self, device, user_code):
        """Unmatched scans with the person of their badge: the one it was assigned to
        on this terminal, else the one whose identifier it is, else the one whose badge
        it is, else the one whose identifier it was before they were merged."""
        self.env["spp.attendance.device.user"].flush_model()
        self.env["spp.attendance.subscriber"].flush_model()
        self.env["spp.attendance.subscriber.alias"].flush_model()
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT s.id, COALESCE(assigned.id, same.id, bearer.id, former.id),
                       s.scan_time, s.local_time_raw, s.scan_type, s.scan_uid
                  FROM spp_attendance_scan s
             LEFT JOIN spp_attendance_device_user badge
                    ON badge.device_id = s.device_id AND badge.code = s.user_code
             LEFT JOIN spp_attendance_subscriber assigned
                    ON assigned.id = badge.subscriber_id AND assigned.active
             LEFT JOIN spp_attendance_subscriber same
                    ON badge.id IS NULL AND same.active
                   AND same.company_id = s.company_id
                   AND same.person_identifier = s.user_code
             LEFT JOIN spp_attendance_subscriber bearer
                    ON badge.id IS NULL AND same.id IS NULL AND bearer.active
                   AND bearer.company_id = s.company_id
                   AND bearer.badge = s.user_code AND bearer.badge <> ''
             LEFT JOIN spp_attendance_subscriber_alias alias
                    ON badge.id IS NULL AND same.id IS NULL AND bearer.id IS NULL
                   AND alias.company_id = s.company_id
                   AND alias.person_identifier = s.user_code
             LEFT JOIN spp_attendance_subscriber former
                    ON former.id = alias.subscriber_id AND former.active
                 WHERE s.device_id = %(device)s
                   AND s.state = 'unmatched'
                   AND (%(code)s::varchar IS NULL OR s.user_code = %(code)s)
                   AND COALESCE(assigned.id, same.id, bearer.id, former.id)
                       IS NOT NULL
              ORDER BY s.id
                 LIMIT %(limit)s
                   FOR UPDATE OF s
                """,
                device=device.id,
                code=user_code,
                limit=MATCH_BATCH,
            ),
            # Somebody else may be matching the same scans: run again, no error.
            log_exceptions=False,
        )
        return self.env.cr.fetchall()

    @api.model
    def _ingest(self, device, waiting):
        records = (
            self.env["spp.attendance.record"]
            .with_user(device.user_id)
            # Whoever assigns a badge may work for more companies than the terminal.
            .with_context(allowed_company_ids=device.company_id.ids)
        )
        return records._ingest(
            [
                {
                    "subscriber_id": subscriber_id,
                    "date_time": scan_time.replace(tzinfo=UTC),
                    "tz": device.tz,
                    "local_time_raw": local_time_raw,
                    "scan_type": scan_type,
                    "location_id": device.location_id.id or None,
                    "type_id": device.type_id.id or None,
                    "register_id": device.register_id.id or None,
                    "external_id": scan_uid,
                }
                for (
                    _id,
                    subscriber_id,
                    scan_time,
                    local_time_raw,
                    scan_type,
                    scan_uid,
                ) in waiting
            ],
            source="device",
            origin=f"device/{device.id}",
        )

    @api.model
    def _settle(self, waiting, outcomes):
        """Write down what became of scans."""
        states = {"created": "matched", "duplicate": "duplicate"}
        rows = [
            (
                scan_id,
                subscriber_id,
                states.get(outcome.status, "rejected"),
                None if outcome.status in states else "refused",
                outcome.reason,
                outcome.id,
            )
            for (scan_id, subscriber_id, *_facts), outcome in zip(
                waiting, outcomes, strict=True
            )
        ]
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_scan s
                   SET subscriber_id = r.subscriber_id, state = r.state,
                       reason_code = r.reason_code, reason = r.reason,
                       record_id = r.record_id,
                       write_uid = %s, write_date = %s
                  FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::varchar[],
                              %s::varchar[], %s::int[])
                           AS r (
                               id, subscriber_id, state, reason_code, reason,
                               record_id)
                 WHERE s.id = r.id
                """,
                self.env.uid,
                fields.Datetime.now(),
                *map(list, zip(*rows, strict=True)),
            )
        )
        self.invalidate_model(flush=False)
