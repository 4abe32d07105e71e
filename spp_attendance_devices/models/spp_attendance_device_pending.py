from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: So many wait in all, and of one address: anybody can make up serial numbers.
MOST = 100
MOST_OF_ADDRESS = 20
#: Who has not called for so long gives way to another: terminals call all the time.
GIVES_WAY = timedelta(hours=1)
#: That one has called again is written down so often.
NOTED_EVERY = timedelta(minutes=1)
#: Who has not called for so long is forgotten.
KEPT = timedelta(days=30)
#: Of an advisory lock: of all that is noted here.
_LOCK_CLASS = 0x7372


class SppAttendanceDevicePending(models.Model):
    """A terminal that calls and that nobody has set up: somebody has to decide.

    Its serial number is all that is known of it, and no more than a claim: nothing of
    what it sends is taken. It keeps its scans until it is known.
    """

    _name = "spp.attendance.device.pending"
    _description = "Unknown Terminal"
    _order = "last_seen_at desc, id desc"
    _rec_name = "serial"
    _log_access = False

    serial = fields.Char(string="Serial Number", required=True, readonly=True)
    address = fields.Char(readonly=True, help="From where it called last.")
    firmware = fields.Char(readonly=True)
    first_seen_at = fields.Datetime(string="First Seen", required=True, readonly=True)
    last_seen_at = fields.Datetime(string="Last Seen", required=True, readonly=True)
    calls = fields.Integer(
        readonly=True, aggregator=None, help="Counted once a minute at most."
    )

    _serial_unique = models.Constraint("UNIQUE (serial)", "It is known to be unknown.")

    @api.model
    def _note_call(self, call, address):
        """Have administrators see that a terminal calls that nobody has set up.

        Never waits: while somebody else notes one, this one calls again soon.

        :param call: :class:`adms.Call`
        :param str address: where it comes from
        """
        if not call.serial:
            return
        now = fields.Datetime.now()
        [(seen_at,)] = self.env.execute_query(
            SQL(
                "SELECT max(last_seen_at) FROM spp_attendance_device_pending"
                " WHERE serial = %s",
                call.serial,
            )
        )
        if seen_at and now - seen_at < NOTED_EVERY:
            return
        [(is_ours,)] = self.env.execute_query(
            SQL("SELECT pg_try_advisory_xact_lock(%s, 0)", _LOCK_CLASS)
        )
        if is_ours and (seen_at or self._has_room(address)):
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO spp_attendance_device_pending AS known (
                        serial, address, firmware, first_seen_at, last_seen_at, calls)
                    VALUES (%(serial)s, %(address)s, %(firmware)s, %(now)s, %(now)s, 1)
                    ON CONFLICT (serial) DO UPDATE
                       SET address = excluded.address,
                           firmware = COALESCE(excluded.firmware, known.firmware),
                           last_seen_at = excluded.last_seen_at,
                           calls = known.calls + 1
                    """,
                    serial=call.serial,
                    address=address,
                    firmware=(call.info and call.info.firmware) or None,
                    now=now,
                ),
                log_exceptions=False,
            )
            self.invalidate_model(flush=False)

    @api.model
    def _has_room(self, address):
        """Whether one more may wait, if need be in place of one that calls no more.
        Those that somebody has put aside do not wait."""
        waiting = self.env.execute_query(
            SQL(
                "SELECT id, address, last_seen_at FROM spp_attendance_device_pending"
                " WHERE ignored IS NOT TRUE ORDER BY last_seen_at, id"
            )
        )
        here = [row for row in waiting if row[1] == address]
        if len(here) >= MOST_OF_ADDRESS:
            rivals = here
        elif len(waiting) >= MOST:
            rivals = waiting
        else:
            return True
        silent_id, _address, seen_at = rivals[0]
        if fields.Datetime.now() - seen_at < GIVES_WAY:
            return False
        self.env.cr.execute(
            SQL("DELETE FROM spp_attendance_device_pending WHERE id = %s", silent_id),
            log_exceptions=False,
        )
        return True

    @api.autovacuum
    def _gc_silent(self):
        """Forget those that call no more."""
        self.search([("last_seen_at", "<", fields.Datetime.now() - KEPT)]).unlink()
