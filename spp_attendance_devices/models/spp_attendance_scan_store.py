import contextlib
import json
import math
from datetime import UTC, timedelta
from hashlib import sha256

from odoo import api, fields, models
from odoo.tools import SQL, split_every

from odoo.addons.spp_attendance.engine.localtime import to_utc, zone

from ..counts import Counts
from ..devices.malformed import is_malformed
from ..devices.scan_types import SCAN_TYPES

#: Scans stored by one round of statements, and held in memory at once.
STORE_BATCH = 10_000
#: Of so few scans the statement that stores them finds out which are known.
FEW = 100
#: Terminals that lost their clock start again at their year of manufacture or 2000.
FIRST_YEAR = 2010
#: A terminal's clock may be wrong by a time zone, not by more.
AHEAD = timedelta(days=1)
#: No badge's number is longer; and what is longer fits in no index.
MAX_CODE = 128


class SppAttendanceScan(models.Model):
    """From a terminal into the database."""

    _inherit = "spp.attendance.scan"

    @api.model
    def _take(self, device, scans, clock_drift=None):
        """Store what is new of a reading, and turn what waits into records.

        In pages: memory doesn't grow with the number of scans, and the statements of a
        page don't grow with the page.

        :param device: one terminal, whose lease is held
        :param scans: ScanData in any number, gone through once
        :param int clock_drift: seconds that the terminal's clock was ahead; None where
            it isn't known
        :return: :class:`Counts`
        """
        read = new = refused = 0
        first_id = None
        for page in split_every(STORE_BATCH, scans):
            read += len(page)
            stored, bad, lowest = self._store(device, page, clock_drift)
            new += stored
            refused += bad
            first_id = first_id or lowest
        # Also those of earlier readings, whose person may be known by now.
        done = self._match(device, first_id=first_id)
        self._announce_new(device, first_id)
        fresh = done.fresh
        settled = refused + fresh["matched"] + fresh["duplicate"] + fresh["rejected"]
        return Counts(
            read=read,
            new=new,
            matched=done.total["matched"],
            duplicate=fresh["duplicate"],
            unmatched=new - settled,
            rejected=refused + fresh["rejected"],
        )

    @api.model
    def _scan_uid(self, scan):
        """What makes two readings of a terminal the same scan: whose it is, and when.

        Not the in/out byte, which is unreliable and differs between pull and push.
        Not the serial number: the index is by terminal, and a unit that was replaced
        and got the old log restored must not double it. Nor the terminal's number of
        the event, as long as there is a badge: after a reset it numbers its log anew,
        and some firmware leaves it out. An exact time is told by its instant, since a
        terminal may show old ones with the offset of today.
        """
        aware = scan.local_time is not None and scan.local_time.tzinfo is not None
        instant, _day = _place(scan.local_time, "UTC") if aware else (None, None)
        who = scan.user_code or (scan.number and f"#{scan.number}")
        text = f"{who}|{instant or scan.timestamp_raw}"
        return sha256(text.encode("utf-8", "replace")).hexdigest()

    @api.model
    def _store(self, device, scans, clock_drift=None, *, following=None):
        """Insert what is new among the scans that a terminal sent, in two statements,
        or in one if there are few.

        Known scans are left out before ids are drawn for them, and of many also before
        rows are made: a whole log comes with many a poll, and ``ON CONFLICT`` alone
        would use up the sequence.

        :param device: one terminal
        :param scans: ScanData
        :param SQL following: done by the same statement after it, with what is new in
            ``new (id, state)``
        :return: how many are new, how many of these are rejected, the lowest new id
        """
        by_uid = {}
        for scan in scans:
            by_uid.setdefault(self._scan_uid(scan), scan)
        self.flush_model()
        is_new = SQL(
            "NOT EXISTS (SELECT FROM spp_attendance_scan s"
            " WHERE s.device_id = %s AND s.scan_uid = r.scan_uid)",
            device.id,
        )
        if len(by_uid) > FEW:
            is_new = SQL("TRUE")
            known = self.env.execute_query(
                SQL(
                    "SELECT scan_uid FROM spp_attendance_scan"
                    " WHERE device_id = %s AND scan_uid = ANY(%s)",
                    device.id,
                    list(by_uid),
                )
            )
            for (uid,) in known:
                del by_uid[uid]
        if not by_uid:
            return 0, 0, None
        now = fields.Datetime.now()
        drifts = False
        if clock_drift:
            # Whoever has the terminal read need not see the company's settings.
            company_sudo = device.company_id.sudo()
            drifts = abs(clock_drift) > company_sudo.attendance_drift_limit
        tz = device.tz
        self.env.cr.execute(
            SQL(
                """
                WITH new AS (
                    INSERT INTO spp_attendance_scan (
                        device_id, company_id, received_at, clock_drift, scan_uid,
                        user_code, local_time_raw, scan_time, local_date, scan_type,
                        raw, number, card, flag, state, reason_code,
                        create_uid, create_date, write_uid, write_date)
                    SELECT %(device)s, %(company)s, %(now)s, %(drift)s, r.*,
                           %(uid)s, %(now)s, %(uid)s, %(now)s
                      FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
                               scan_uid varchar, user_code varchar,
                               local_time_raw varchar, scan_time timestamp,
                               local_date date, scan_type varchar, raw jsonb,
                               number varchar, card varchar, flag varchar,
                               state varchar, reason_code varchar)
                     WHERE %(is_new)s
                        ON CONFLICT (device_id, scan_uid) DO NOTHING
                 RETURNING id, state)
                       %(following)s
                SELECT count(*), count(*) FILTER (WHERE state = 'rejected'), min(id)
                  FROM new
                """,
                device=device.id,
                company=device.company_id.id,
                now=now,
                drift=clock_drift,
                uid=self.env.uid,
                is_new=is_new,
                following=SQL(", following AS (%s)", following) if following else SQL(),
                rows=_dump(
                    [
                        {
                            "scan_uid": uid,
                            **self._prepare_row(scan, tz, now),
                            "flag": scan.flag or ("clock" if drifts else None),
                        }
                        for uid, scan in by_uid.items()
                    ]
                ),
            ),
            log_exceptions=False,
        )
        [counts] = self.env.cr.fetchall()
        self.invalidate_model(flush=False)
        return counts

    @api.model
    def _prepare_row(self, scan, tz, now):
        instant, day = _place(scan.local_time, tz)
        reason = None
        if is_malformed(scan):
            reason = "malformed"
        elif not scan.user_code:
            reason = "no_code"
        elif len(scan.user_code) > MAX_CODE:
            reason = "bad_code"
        elif instant is None:
            reason = "bad_date"
        elif instant.year < FIRST_YEAR:
            reason = "too_old"
        elif instant > now + AHEAD:
            reason = "future"
        return {
            "user_code": scan.user_code[:MAX_CODE],
            "local_time_raw": scan.timestamp_raw[:MAX_CODE],
            "scan_time": str(instant) if instant else None,
            "local_date": str(day) if day else None,
            "scan_type": scan.scan_type if scan.scan_type in SCAN_TYPES else "none",
            "raw": dict(scan.raw),
            "number": scan.number[:MAX_CODE] or None,
            "card": scan.card[:MAX_CODE] or None,
            "state": "rejected" if reason else "unmatched",
            "reason_code": reason,
        }


def _place(moment, tz):
    """Instant (naive UTC) and local day of a moment: naive, aware or None."""
    if moment is None:
        return None, None
    try:
        if moment.tzinfo is None:
            instant, day = to_utc(moment, tz), moment.date()
        else:
            instant = moment.astimezone(UTC).replace(tzinfo=None)
            day = moment.astimezone(zone(tz)).date()
    except OverflowError:  # at the ends of the calendar
        return None, None
    return instant.replace(microsecond=0), day


def _dump(rows):
    """JSON that PostgreSQL takes, whatever a terminal has sent."""
    with contextlib.suppress(ValueError):  # no number, or half a character
        text = json.dumps(rows, ensure_ascii=False, allow_nan=False)
        if "\\u0000" not in text:
            text.encode()
            return text
    return json.dumps(_clean(rows), ensure_ascii=False, allow_nan=False)


def _clean(value):
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value
