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

    _user_unique = models.Constraint(
        "UNIQUE (user_id, company_ids_text)", "There is such a channel already."
    )

    @api.model
    def _open(self, user, companies):
        """The channel of a user, which is listened to from now on.

        It is told the status once this transaction is committed, if it wasn't just now.

        :param user: who listens
        :param companies: those that are looked at, of the user's
        :return: the channel, and whether it was told of everything in the last hour
        """
        text = ",".join(map(str, sorted(companies.ids)))
        now = fields.Datetime.now()
        cr = self.env.cr
        cr.execute(
            SQL(
                """
                SELECT id, seen_at > %s FROM spp_attendance_live_channel
                 WHERE user_id = %s AND company_ids_text = %s
                """,
                now - KEPT,
                user.id,
                text,
            )
        )
        known_id, was_kept = cr.fetchone() or (None, False)
        try:
            with cr.savepoint(flush=False):
                cr.execute(
                    SQL(
                        """
                        INSERT INTO spp_attendance_live_channel AS c (
                            user_id, company_ids_text, seen_at)
                        VALUES (%s, %s, %s)
                            ON CONFLICT (user_id, company_ids_text)
                            DO UPDATE SET
                               seen_at = EXCLUDED.seen_at,
                               status_at = CASE WHEN c.status_at > %s
                                                THEN c.status_at END
                     RETURNING id
                        """,
                        user.id,
                        text,
                        now,
                        now - timedelta(seconds=1),
                    ),
                    log_exceptions=False,
                )
                [(channel_id,)] = cr.fetchall()
        except SerializationFailure:
            if not known_id:
                raise
            # Somebody else opens it at this moment: hundreds of clients of one user
            # come back at once when a server was restarted.
            channel_id = known_id
        self.invalidate_model(flush=False)
        self.env["spp.attendance.live"]._wake_after_commit()
        return self.browse(channel_id), was_kept

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
