import json
from collections import defaultdict
from functools import partial

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import background
from ..live import MESSAGE, MOST, event
from .spp_attendance_live_channel import KEPT

#: Of the advisory lock of whoever tells: one at a time, so that the ids of messages are
#: in the order in which they become visible, and a client's last id is a sure place to
#: go on from.
_LOCK = 0x73707066
#: Rows of the queue that are taken at once.
_CLAIM = 1000


class SppAttendanceLive(models.AbstractModel):
    """The live feed: what was committed is told to those who listen and may read it.

    Whoever commits something announces it, in the same transaction and by one
    statement, whatever the number of rows; where nobody listens, that is all. After the
    commit a thread of the process takes what was announced and tells it, one message a
    channel. Who may see what is for the record rules to say, as of that moment.
    """

    _name = "spp.attendance.live"
    _description = "Live Feed"

    # ------------------------------------------------------------ announcing

    @api.model
    def _announce(self, model, ids, what=""):
        """Have clients told of rows once this transaction is committed.

        :param str model: whose ``_live_items`` says what is told of them
        :param ids: of its rows
        :param str what: became of them, for ``_live_items``
        """
        ids = list(ids)
        if not ids:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_live_queue (model, what, res_ids)
                SELECT %s, %s, %s::jsonb
                 WHERE EXISTS (SELECT FROM spp_attendance_live_channel
                                WHERE seen_at > now() AT TIME ZONE 'UTC' - %s)
                """,
                model,
                what or None,
                json.dumps(ids),
                KEPT,
            ),
            log_exceptions=False,
        )
        if self.env.cr.rowcount:
            self._wake_after_commit()

    @api.model
    def _wake_after_commit(self):
        dbname = self.env.cr.dbname
        self.env.cr.postcommit.add(partial(background.soon, dbname, "live", publish))

    # ------------------------------------------------------------ publishing

    @api.model
    def _cron_publish(self):
        """Tell what a process that was killed has not told."""
        publish(self.env.registry)

    @api.model
    def _publish(self):
        """Tell what was announced, and the status where it is due.

        The first thing in a transaction of its own, as superuser. It sees what others
        commit meanwhile: it waits for who tells at this moment.

        :return: whether there may be more
        """
        cr = self.env.cr
        cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cr.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cr.execute(
            SQL(
                """
                WITH taken AS (
                    DELETE FROM spp_attendance_live_queue
                     WHERE id IN (SELECT id FROM spp_attendance_live_queue
                                ORDER BY id LIMIT %s)
                 RETURNING id, model, what, res_ids)
                SELECT model, what, res_ids FROM taken ORDER BY id
                """,
                _CLAIM,
            ),
            log_exceptions=False,
        )
        rows = cr.fetchall()
        announced = defaultdict(dict)  # ids in order, each once
        for model, what, ids in rows:
            if model in self.env:  # its addon was uninstalled meanwhile
                announced[model, what or ""].update(dict.fromkeys(ids))
        channels = self._channels()
        if announced and channels:
            self._tell(channels, announced)
        return len(rows) == _CLAIM

    @api.model
    def _channels(self):
        """Those that somebody listens to, or did so a moment ago."""
        return self.env["spp.attendance.live.channel"].search(
            [
                ("seen_at", ">", fields.Datetime.now() - KEPT),
                ("user_id.active", "=", True),
            ]
        )

    @api.model
    def _tell(self, channels, announced):
        """Send each channel, in one message, what its user may read of it.

        :param dict announced: ``{(model, what): ids}``
        """
        told = defaultdict(list)
        for (model, what), ids in announced.items():
            records = self.env[model].browse(list(ids)[-MOST:]).exists()
            items = records._live_items(what)
            allowed = self._rights(channels, model, records.ids)
            for channel in channels:
                told[channel].extend(
                    event(item.type, item.data, **item.about)
                    for item in items
                    if item.id in allowed[channel]
                )
        bus = self.env["bus.bus"]
        for channel, events in told.items():
            if events:
                bus._sendone(channel, MESSAGE, {"events": events})

    @api.model
    def _rights(self, channels, model, ids):
        """Which of some rows the users of channels may read.

        :return: ``{channel: ids}``
        """
        allowed = {}
        for channel in channels:
            rows = self._as(channel)[model].with_context(active_test=False)
            allowed[channel] = (
                set(rows._search(Domain("id", "in", ids)))
                if rows.has_access("read")
                else set()
            )
        return allowed

    @api.model
    def _as(self, channel):
        """The environment of a channel's user."""
        return self.env(
            user=channel.user_id,
            su=False,
            context={"allowed_company_ids": channel._companies().ids},
        )

    # ---------------------------------------------------------------- status

    @api.model
    def _system_status(self):
        """The health of server and queues, as the current user may see it.

        Other addons add what they know.

        :return: what JSON knows
        """
        return self.env["spp.oauth.health"]._api_health().model_dump(mode="json")


def publish(registry):
    """Tell what was announced, in transactions of their own."""
    while run_in_transaction(
        registry, lambda env: env[SppAttendanceLive._name]._publish()
    ):
        pass
