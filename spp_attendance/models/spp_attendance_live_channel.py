from contextlib import suppress
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL

#: Who is away for longer is told nothing more, and has to read what they missed.
KEPT = timedelta(hours=1)
#: How often it is written down that somebody listens still.
SEEN_EVERY = timedelta(minutes=1)
#: Whom nobody has listened to for so long is not told the status of every half minute.
SILENT = 3 * SEEN_EVERY


class SppAttendanceLiveChannel(models.Model):
    """Whom the live feed is told to: a user, and the companies that he looks at.

    A record is a channel of Odoo's bus that nobody can name: the server puts it in the
    place of a token, or of a page's request. What is told there follows from the user's
    record rules at that moment.
    """

    _name = "spp.attendance.live.channel"
    _description = "Live Feed of a User"
    _log_access = False

    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_ids_text = fields.Char(
        string="Companies", required=True, readonly=True, help="Ids, in order."
    )
    seen_at = fields.Datetime(string="Last Listened", required=True, readonly=True)
    status_at = fields.Datetime(string="Last Told the Status", readonly=True)
    kept_after = fields.Integer(
        string="Told Since",
        required=True,
        readonly=True,
        default=0,
        help="Of the bus's ids, the one since which all that happens is told.",
    )

    _user_unique = models.Constraint(
        "UNIQUE (user_id, company_ids_text)", "There is such a channel already."
    )

    @api.model
    def _open(self, user, companies):
        """The channel of a user, which is listened to from now on.

        Whoever was told last of what is older than its ``kept_after`` has missed what
        happened until then. That id is no message's: the last one may be of long ago.

        :param user: who listens
        :param companies: those that are looked at, of the user's
        """
        text = ",".join(map(str, sorted(companies.ids)))
        now = fields.Datetime.now()
        # A transaction that began before this one may not see that it is seen again.
        kept_since = now - KEPT + SEEN_EVERY
        known = self.search(
            [("user_id", "=", user.id), ("company_ids_text", "=", text)]
        )
        # Hundreds of clients of one user come back at once when a server was restarted.
        if known.seen_at and known.seen_at > now - SEEN_EVERY:
            return known
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(
                    SQL(
                        """
                        INSERT INTO spp_attendance_live_channel AS c (
                            user_id, company_ids_text, seen_at, kept_after)
                        VALUES (%(user_id)s, %(text)s, %(now)s,
                                nextval(pg_get_serial_sequence('bus_bus', 'id')))
                            ON CONFLICT (user_id, company_ids_text)
                            DO UPDATE SET
                               seen_at = EXCLUDED.seen_at,
                               status_at = NULL,
                               kept_after = CASE WHEN c.seen_at > %(kept_since)s
                                                 THEN c.kept_after
                                                 ELSE EXCLUDED.kept_after END
                     RETURNING id
                        """,
                        user_id=user.id,
                        text=text,
                        now=now,
                        kept_since=kept_since,
                    ),
                    log_exceptions=False,
                )
                [(channel_id,)] = self.env.cr.fetchall()
        except SerializationFailure:
            # Somebody else opens it at this moment; or removes it, if it is an old one.
            if not known or known.seen_at <= kept_since:
                raise
            return known
        self.invalidate_model(flush=False)
        return self.browse(channel_id)

    def _ask_status(self):
        """Have the status told once this transaction is committed, if it was not just
        now."""
        self.ensure_one()
        now = fields.Datetime.now()
        # Where it is being told at this moment nobody has to ask.
        with suppress(SerializationFailure), self.env.cr.savepoint(flush=False):
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE spp_attendance_live_channel SET status_at = NULL
                     WHERE id IN (SELECT id FROM spp_attendance_live_channel
                                   WHERE id = %s AND status_at <= %s
                                     FOR UPDATE SKIP LOCKED)
                    """,
                    self.id,
                    now - timedelta(seconds=1),
                ),
                log_exceptions=False,
            )
        self.invalidate_recordset(["status_at"], flush=False)
        self.env["spp.attendance.live"]._wake_after_commit()

    def _companies(self):
        """The companies that are looked at, as far as they are the user's still."""
        self.ensure_one()
        ids = {int(text) for text in self.company_ids_text.split(",") if text}
        return self.user_id.company_ids.filtered(lambda company: company.id in ids)

    @api.autovacuum
    def _gc_channels(self):
        old = self.search([("seen_at", "<", fields.Datetime.now() - KEPT)], limit=1000)
        old.unlink()
        return len(old), len(old) == 1000
