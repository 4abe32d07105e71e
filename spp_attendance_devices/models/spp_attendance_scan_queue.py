import logging
import time
from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.spp_attendance import background
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

_logger = logging.getLogger(__name__)

#: After each terminal, so many times as long as it took; and at most so many seconds
#: a round.
REST = 4
LONGEST_REST = 2
#: What matching needs to know of a terminal.
_NEEDED = (
    "company_id",
    "direction_policy",
    "location_id",
    "register_id",
    "type_id",
    "tz",
    "user_id",
)
#: Seconds until it is looked again whether another process has done it.
_BUSY = 0.5
#: Of the advisory lock of whoever matches.
_LOCK = 0x73707173


class SppAttendanceScanQueue(models.Model):
    """Scans that terminals pushed and that are not matched yet.

    A push is answered as soon as its scans are stored. Append-only: each push that
    brought something new adds a row, and whoever matches takes rows away.
    """

    _name = "spp.attendance.scan.queue"
    _description = "Pushed Scans to Match"
    _order = "id"
    _log_access = False

    device_id = fields.Many2one(
        "spp.attendance.device",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    first_id = fields.Integer(
        string="First Scan", required=True, readonly=True, aggregator=None
    )

    @api.model
    def _append_sql(self, device):
        """What has the scans in ``new`` wait for being matched, if there are any.

        Whoever runs it sees to it that somebody does so (:meth:`_wake_after_commit`).

        :param device: one terminal, whose scans they are
        """
        return SQL(
            "INSERT INTO spp_attendance_scan_queue (device_id, first_id)"
            " SELECT %s, min(id) FROM new HAVING min(id) IS NOT NULL",
            device.id,
        )

    @api.model
    def _wake_after_commit(self):
        self.env.cr.postcommit.add(
            partial(background.soon, self.env.cr.dbname, "match", work)
        )

    @api.model
    def _cron_work(self):
        """Match what a process that was killed has left."""
        work(self.env.registry)

    @api.model
    def _waiting(self):
        """Ids of the terminals whose scans wait, the longest first."""
        rows = self.env.execute_query(
            SQL(
                "SELECT device_id FROM spp_attendance_scan_queue"
                " GROUP BY device_id ORDER BY min(id)"
            )
        )
        return [device_id for (device_id,) in rows]

    @api.model
    def _work(self, device_id):
        """Match what one terminal has pushed, but for what another process matches.

        The first statement of a fresh transaction, which is run again on a
        serialization failure.

        :return: whether there was anything
        """
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM spp_attendance_scan_queue
                 WHERE id IN (SELECT id FROM spp_attendance_scan_queue
                               WHERE device_id = %s FOR UPDATE SKIP LOCKED)
             RETURNING first_id
                """,
                device_id,
            ),
            log_exceptions=False,
        )
        if rows := self.env.cr.fetchall():
            device = self.env["spp.attendance.device"].browse(device_id)
            device.fetch(_NEEDED)  # it has many columns more
            first_id = min(rows)[0]
            scans = self.env["spp.attendance.scan"]
            scans._match(device, first_id=first_id)
            scans._announce_new(device, first_id)
        return bool(rows)


def work(registry):
    """Match what was pushed, a terminal at a time, each in a transaction of its own.

    A terminal whose scans cannot be matched waits for the scheduled action, and holds
    up no other. One process at a time, which rests for longer than it works: terminals
    wait for their answers, and what comes meanwhile is matched at once.

    :return: for how many seconds to leave it alone, if another process does it
    """
    failed = set()
    while not background.is_stopping():
        # The lock goes with its transaction in any case.
        with registry.cursor() as cr:
            cr.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,))
            [is_free] = cr.fetchone()
            if not is_free:
                # It may have looked before that was committed which this is called
                # for. To wait for it would take a connection of each process.
                background.soon(registry.db_name, "match", work)
                return _BUSY
            waiting = run_in_transaction(registry, _find_waiting)
            matched = [
                _match_one(registry, device_id, failed, LONGEST_REST / len(waiting))
                for device_id in waiting
                if device_id not in failed
            ]
        if not any(matched):
            break
    return None


def _find_waiting(env):
    return env[SppAttendanceScanQueue._name]._waiting()


def _match_one(registry, device_id, failed, longest_rest):
    """Match what one terminal has pushed, and rest; whether there was anything."""
    begun = time.monotonic()
    try:
        matched = run_in_transaction(
            registry, lambda env: env[SppAttendanceScanQueue._name]._work(device_id)
        )
    except Exception as exc:  # noqa: BLE001 - others must not suffer
        # Its text may hold what was scanned.
        _logger.error("Terminal %s: matching failed: %s", device_id, type(exc).__name__)
        failed.add(device_id)
        return False
    time.sleep(min(REST * (time.monotonic() - begun), longest_rest))
    return matched
