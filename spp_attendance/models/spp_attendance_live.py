import json
import logging
import time
from collections import defaultdict
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, ormcache

from odoo.addons.spp_oauth.tools.retry import TRANSIENT, run_in_transaction

from .. import background
from ..live import MESSAGE, MOST, STATUS_EVERY, event
from .spp_attendance_live_channel import KEPT, SILENT

_logger = logging.getLogger(__name__)

#: Of the advisory lock of whoever tells: one at a time, so that the ids of messages are
#: in the order in which they become visible, and a client's last id is a sure place to
#: go on from.
_LOCK = 0x73707066
#: Rows of the queue that are taken at once, and after how many things no more of them.
_CLAIM_ROWS = 5_000
_CLAIM = 50_000
#: Seconds of quiet after there was more than is told one by one: nobody reads as fast
#: as a bulk of records arrives, and what is told is kept for a day.
_BREATH = 1
#: The same as a multiple of the seconds that telling took, which are those of who
#: records; at most so many seconds.
_REST = 4
_LONGEST_BREATH = 5
#: After so long nobody is going to tell what waits, but for the scheduled action.
_LEFT = timedelta(seconds=20)
#: Seconds for which it is taken as said what the rules of a user come to in SQL. The
#: rows that it is held against are read anew each time, and a change of rules or groups
#: is heard of at once.
_RULES_KEPT = 10
#: Seconds for which those who come are told the same status: they come in hundreds when
#: a server was restarted.
_STATUS_KEPT = 2
#: Seconds until it is looked again whether another process that tells is done.
_BUSY = 0.1

#: The rows that are to be told of, in the statement that asks who may read them.
_ANNOUNCED = SQL.identifier("spp_attendance_live_announced")
#: The status is due a little early: who looks comes by every quarter of a minute.
_DUE = timedelta(seconds=STATUS_EVERY - 5)


class _Rules(NamedTuple):
    """What a user may read of a model: its tables, and the condition on them.

    In the place of the model's own table stands ``_ANNOUNCED``, under the same alias.
    ``key`` is equal for users who may read the same.
    """

    tables: SQL
    condition: SQL
    key: tuple[str, ...]


class _Rights(NamedTuple):
    """Which rows somebody may read, and of how many more he may."""

    ids: frozenset[int]
    more: int


class _Told(NamedTuple):
    """Whether there may be more to tell, whether more happened than is told, and
    whether the status is due."""

    is_more: bool
    is_much: bool
    is_status_due: bool


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
        if ids:
            self._append(model, what, ids)

    @api.model
    def _announce_status(self):
        """Have clients told the status once this transaction is committed."""
        self._append(self._name, "", [])

    @api.model
    def _append(self, model, what, ids):
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_live_queue (model, what, res_ids, at)
                SELECT %s, %s, %s::jsonb, now() AT TIME ZONE 'UTC'
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
        """Tell what a process that was killed has not told.

        What has just come is being told by whoever brought it, who rests in between if
        it is very much.
        """
        self.env.cr.execute(
            """
            SELECT at > now() AT TIME ZONE 'UTC' - %s
              FROM spp_attendance_live_queue ORDER BY id LIMIT 1
            """,
            [_LEFT],
            log_exceptions=False,
        )
        is_fresh = self.env.cr.fetchone() == (True,)
        if not is_fresh:
            _tell_all(self.env.registry)  # or somebody else does at this moment

    @api.model
    def _publish(self):
        """Tell some of what was announced, but not the status.

        As superuser, and by rights and data of one moment.

        :return: None if another process tells
        :rtype: _Told | None
        """
        if not self._lock():
            return None
        announced, is_more = self._take()
        is_news = announced.pop((self._name, ""), None) is not None
        channels = self._channels()
        told, is_much = self._tell_each(channels, announced)
        self._send(told)
        if is_news:
            self._status_told(channels, None)
        return _Told(is_more, is_much, bool(self._status_due(channels)))

    @api.model
    def _publish_status(self):
        """Tell the status where it is due.

        Apart from the rest, which does not wait until all that is looked at: nobody is
        kept from telling meanwhile.

        :return: whether no other process tells
        """
        due = self._status_due(self._channels())
        if not due:
            return True
        health = self._health()
        shared = {}
        told = {}
        for channel in due:
            live = self._as(channel)[self._name]
            key = live._status_key()
            if key not in shared:
                shared[key] = event("system_status", live._system_status(health))
            told[channel] = [shared[key]]
        if not self._lock():
            return False
        self._status_told(due, fields.Datetime.now())
        self._send(told)
        return True

    @api.model
    def _lock(self):
        """Be the one that tells, until the end of the transaction.

        That the lock goes with the transaction has ids of messages be drawn and
        committed in the same order.

        :return: whether no other process is
        """
        [(is_free,)] = self.env.execute_query(
            SQL("SELECT pg_try_advisory_xact_lock(%s)", _LOCK)
        )
        return is_free

    @api.model
    def _send(self, told):
        """
        :param dict told: ``{channel: events}``
        """
        bus = self.env["bus.bus"]
        for channel, events in told.items():
            bus._sendone(channel, MESSAGE, {"events": events})

    @api.model
    def _take(self):
        """Take from the queue.

        :return: ``{(model, what): ids}``, ids in order and each once, and whether there
            may be more
        """
        cr = self.env.cr
        cr.execute(
            SQL(
                """
                WITH first AS (
                    SELECT id, sum(jsonb_array_length(res_ids)) OVER (ORDER BY id)
                               - jsonb_array_length(res_ids) AS before
                      FROM (SELECT id, res_ids FROM spp_attendance_live_queue
                          ORDER BY id LIMIT %s) AS few),
                taken AS (
                    DELETE FROM spp_attendance_live_queue
                     WHERE id IN (SELECT id FROM first WHERE before < %s)
                 RETURNING id, model, what, res_ids)
                SELECT model, what, res_ids FROM taken ORDER BY id
                """,
                _CLAIM_ROWS,
                _CLAIM,
            ),
            log_exceptions=False,
        )
        rows = cr.fetchall()
        announced = defaultdict(dict)
        for model, what, ids in rows:
            if model in self.env:  # its addon was uninstalled meanwhile
                announced[model, what or ""].update(dict.fromkeys(ids))
        count = sum(len(ids) for _model, _what, ids in rows)
        is_more = len(rows) == _CLAIM_ROWS or count >= _CLAIM
        return {key: list(ids) for key, ids in announced.items()}, is_more

    @api.model
    def _channels(self):
        """Those that somebody listens to, or did so a moment ago."""
        channels = self.env["spp.attendance.live.channel"].search(
            [
                ("seen_at", ">", fields.Datetime.now() - KEPT),
                ("user_id.active", "=", True),
            ]
        )
        # To look at no company means all of them, to Odoo.
        return channels.filtered(lambda channel: channel._companies())

    @api.model
    def _tell_each(self, channels, announced):
        """What is to be told of each kind of thing.

        A kind that can't be told of is left out: others are not to suffer from it.

        :param dict announced: ``{(model, what): ids}``
        :return: ``{channel: events}``, and whether more happened than is told
        """
        told = defaultdict(list)
        is_much = False
        for (model, what), ids in announced.items():
            if not channels:
                break
            try:
                with self.env.cr.savepoint(flush=False):
                    news, is_more = self._tell(channels, model, what, ids)
            except TRANSIENT:
                raise
            except Exception as exc:  # noqa: BLE001 - whatever another addon does
                # An exception's text may hold the data.
                _logger.error("%s can't be told live: %s", model, type(exc).__name__)
                continue
            is_much = is_much or is_more
            for channel, events in news.items():
                told[channel].extend(events)
        return told, is_much

    @api.model
    def _tell(self, channels, model, what, ids):
        """What is to be told of the rows of one kind.

        :param list ids: in the order in which they were announced
        :return: ``{channel: events}``, and whether there is more than is told
        """
        allowed = self._rights(channels, model, ids, MOST)
        wanted = set().union(*(rights.ids for rights in allowed.values()))
        rows = self.env[model].browse([id_ for id_ in ids if id_ in wanted]).exists()
        items = defaultdict(list)
        guarded = defaultdict(set)
        for item in rows._live_items(what):
            items[item.id].append(item)
            for guard, guard_id in item.guarded.values():
                guarded[guard].add(guard_id)
        guards = {
            guard: self._rights(channels, guard, list(guard_ids))
            for guard, guard_ids in guarded.items()
        }
        made = {}  # many are told the same

        def told(item, channel):
            hidden = tuple(
                name
                for name, (guard, guard_id) in item.guarded.items()
                if guard_id not in guards[guard][channel].ids
            )
            if (id(item), hidden) not in made:
                data = {**item.data, **dict.fromkeys(hidden)}
                made[id(item), hidden] = event(item.type, data, **item.about)
            return made[id(item), hidden]

        place = {row_id: number for number, row_id in enumerate(ids)}
        news = {}
        for channel, rights in allowed.items():
            events = [
                told(item, channel)
                for row_id in sorted(rights.ids, key=place.__getitem__)
                for item in items.get(row_id, ())
            ]
            if rights.more:
                events.append(self._event_of_more(rights.more))
            if events:
                news[channel] = events
        return news, any(rights.more for rights in allowed.values())

    @api.model
    def _event_of_more(self, count):
        message = self.env._(
            "%(count)s more changed at once than are told one by one: read the list.",
            count=count,
        )
        return event(
            "error_occurred", {"code": "too_many", "message": message, "count": count}
        )

    # ---------------------------------------------------------------- rights

    @api.model
    def _rights(self, channels, model, ids, most=None):
        """Which of some rows the users of channels may read, in one statement.

        :param int most: how many, the last ones; by default all
        :return: ``{channel: _Rights}``
        """
        none = _Rights(frozenset(), 0)
        rules = {
            channel: self._as(channel)[self._name]._rules(model) for channel in channels
        }
        alike = {rule.key: rule for rule in rules.values() if rule}
        if not (alike and ids):
            return dict.fromkeys(channels, none)
        table = SQL.identifier(self.env[model]._table)
        arms = [
            SQL(
                "SELECT %s, (array_agg(%s.id ORDER BY %s.id DESC))[:%s], count(*)"
                " FROM %s WHERE %s",
                number,
                table,
                table,
                most or len(ids),
                rule.tables,
                rule.condition,
            )
            for number, rule in enumerate(alike.values())
        ]
        # The rows are read once, and then held against the rules of each.
        found = self.env.execute_query(
            SQL(
                "WITH %s AS MATERIALIZED (SELECT * FROM %s WHERE id = ANY(%s)) %s",
                _ANNOUNCED,
                table,
                ids,
                SQL(" UNION ALL ").join(arms),
            )
        )
        rights = {
            number: _Rights(frozenset(got or ()), count - len(got or ()))
            for number, got, count in found
        }
        of_key = {key: rights[number] for number, key in enumerate(alike)}
        return {
            channel: of_key[rule.key] if rule else none
            for channel, rule in rules.items()
        }

    @api.model
    def _as(self, channel):
        """The environment of a channel's user, who looks at the channel's companies."""
        return self.env(
            user=channel.user_id,
            su=False,
            context={"allowed_company_ids": channel._companies().ids},
        )

    @api.model
    def _rules(self, model):
        """What the current user may read of a model.

        :rtype: _Rules | None
        """
        known = self._rules_known()
        key = self.env.uid, *self.env.companies.ids, model
        until, rules = known.get(key, (0, None))
        if until <= time.monotonic():
            rules = self._compile_rules(model)
            known[key] = time.monotonic() + _RULES_KEPT, rules
        return rules

    @api.model
    @ormcache()
    def _rules_known(self):
        """What was compiled of late, until anybody's rules or groups change."""
        return {}

    @api.model
    def _compile_rules(self, model):
        rows = self.env[model].with_context(active_test=False)
        if not rows.has_access("read"):
            return None
        query = rows._search(Domain.TRUE)
        if query.is_empty():
            return None
        query._tables[query.table] = _ANNOUNCED  # in the place of the model's own
        condition = query.where_clause or SQL("TRUE")
        tables = query.from_clause
        key = tables.code, condition.code, repr(tables.params + condition.params)
        return _Rules(tables, condition, key)

    # ---------------------------------------------------------------- status

    @api.model
    def _status_due(self, channels):
        """Those that somebody listens to who was not told the status of late, or not
        since it changed."""
        now = fields.Datetime.now()
        return channels.filtered(
            lambda channel: (
                channel.seen_at > now - SILENT
                and (not channel.status_at or channel.status_at < now - _DUE)
            )
        )

    @api.model
    def _status_told(self, channels, at):
        """
        :param at: when they are told the status; None if it is due now
        """
        self.env.cr.execute(
            SQL(
                "UPDATE spp_attendance_live_channel SET status_at = %s"
                " WHERE id = ANY(%s)",
                at,
                channels.ids,
            ),
            log_exceptions=False,
        )
        channels.invalidate_recordset(["status_at"])

    @api.model
    def _status_of(self, channel):
        """The status as the user of a channel sees it, of at most a moment ago."""
        live = self._as(channel)[self._name]
        known = self._status_known()
        key = live._status_key()
        until, told = known.get(key, (0, None))
        if until <= time.monotonic():
            told = event("system_status", live._system_status(self._health()))
            known[key] = time.monotonic() + _STATUS_KEPT, told
        return told

    @api.model
    @ormcache()
    def _status_known(self):
        """What was told of late to those who came."""
        return {}

    @api.model
    def _status_key(self):
        """Users for whom this is equal see the same status.

        Whoever adds to the status what depends on rights, adds those.
        """
        return ()

    @api.model
    def _health(self):
        """The health of server and queues, the same for everybody."""
        return self.env["spp.oauth.health"]._api_health()

    @api.model
    def _system_status(self, health):
        """What the current user may see of the state of the system.

        Other addons add what they know.

        :param health: of server and queues
        :type health: odoo.addons.spp_oauth.api.health.Health
        :return: what JSON knows
        """
        return health.model_dump(mode="json")


def publish(registry):
    """Tell what was announced, in transactions of their own.

    :return: for how many seconds to leave it alone then, if it was very much
    """
    began = time.monotonic()
    is_free, was_much = _tell_all(registry)
    if not is_free:
        # It may have begun before that was committed which this is called for. To wait
        # for it here would take a connection of each process.
        background.soon(registry.db_name, "live", publish)
        return _BUSY
    if not was_much:
        return None
    rest = _REST * (time.monotonic() - began)
    return min(max(_BREATH, rest), _LONGEST_BREATH)


def _tell_all(registry):
    """
    :return: whether no other process does it, and whether more happened than is told
    """
    was_much = False
    is_status_due = False
    while not background.is_stopping():
        done = run_in_transaction(
            registry, lambda env: env[SppAttendanceLive._name]._publish()
        )
        if not done:
            return False, was_much
        was_much = was_much or done.is_much
        is_status_due = done.is_status_due
        if not done.is_more:
            break
    is_free = not is_status_due or run_in_transaction(
        registry, lambda env: env[SppAttendanceLive._name]._publish_status()
    )
    return is_free, was_much
