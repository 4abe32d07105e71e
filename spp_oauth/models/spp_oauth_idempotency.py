import re
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL

from ..api import BadRequest, Unprocessable

KEPT_HOURS = 24

_KEY = re.compile(r"[!-~]{1,255}")
#: Headers that belong to the answer; all others are made anew for each.
_HEADERS = ("Content-Type", "Cache-Control", "Location", "ETag", "Link")
_VACUUM_BATCH = 10_000


class StoredAnswer(NamedTuple):
    """What a request was answered, to be answered to its repetition as well."""

    status: int
    body: str
    headers: dict[str, str]


class SppOauthIdempotency(models.Model):
    """The answer to one request that came with an `Idempotency-Key`.

    It is stored by the transaction that did what was asked, so that there is either
    both or neither. Nobody sees these rows: they may hold anything.
    """

    _name = "spp.oauth.idempotency"
    _description = "Answer to a Request with an Idempotency Key"
    _log_access = False

    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, ondelete="cascade"
    )
    client_id = fields.Many2one(
        "spp.oauth.client", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    key = fields.Char(required=True, readonly=True)
    fingerprint = fields.Char(required=True, readonly=True)
    date = fields.Datetime(
        default=fields.Datetime.now, required=True, readonly=True, index=True
    )
    status = fields.Integer(readonly=True)
    body = fields.Text(readonly=True)
    headers = fields.Json(readonly=True)

    # a person, and each client that acts as one, has keys of its own
    _caller_key_unique = models.UniqueIndex("(user_id, COALESCE(client_id, 0), key)")

    @api.model
    def _claim(self, key, content):
        """Begin to answer a request, or find what it was answered already.

        Of two at once the second waits for the first; it then fails to serialize and,
        retried by Odoo, finds the answer.

        :param str key: of the header
        :param content: bytes that say what is asked: method, path, query, body
        :return: the id of the new entry and None, or None and the `StoredAnswer`
        :raises BadRequest: when the key is none
        :raises Unprocessable: when it was used for something else
        """
        if not _KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key takes 1 to 255 visible ASCII characters.")
        fingerprint = self._fingerprint(content)
        entry = self._insert(key, fingerprint)
        if entry:
            return entry, None
        [(entry, known, is_old, *answer)] = self.env.execute_query(
            SQL(
                """
                SELECT id, fingerprint, date < %s, status, body, headers
                  FROM spp_oauth_idempotency
                 WHERE user_id = %s AND COALESCE(client_id, 0) = %s AND key = %s
                """,
                self._oldest(),
                self.env.uid,
                request.spp_oauth_client_id or 0,
                key,
            )
        )
        if is_old:
            self.sudo().browse(entry).unlink()
            return self._insert(key, fingerprint), None
        if known != fingerprint:
            raise Unprocessable(
                "This Idempotency-Key was used for another request.",
                error="idempotency_key_reused",
            )
        status, body, headers = answer
        return None, StoredAnswer(status, body or "", headers or {})

    @api.model
    def _remember(self, entry, response):
        """Keep an answer for the next request with the same key.

        :param int entry: as `_claim` returned it
        :param response: an `ApiResponse`; errors are not kept, for trying again may
            well help
        """
        entry_sudo = self.sudo().browse(entry)
        if response.status_code >= 400:
            entry_sudo.unlink()
            return
        headers = {
            name: response.headers[name]
            for name in _HEADERS
            if name in response.headers
        }
        entry_sudo.write(
            {
                "status": response.status_code,
                "body": response.get_data(as_text=True),
                "headers": headers,
            }
        )

    @api.model
    def _insert(self, key, fingerprint):
        """The id of a new entry; None when there is one."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_oauth_idempotency
                       (user_id, client_id, key, fingerprint, date)
                VALUES (%s, %s, %s, %s, %s)
                ON CONFLICT DO NOTHING
                RETURNING id
                """,
                self.env.uid,
                request.spp_oauth_client_id,
                key,
                fingerprint,
                fields.Datetime.now(),
            ),
            # that the other one came first is nothing to complain about
            log_exceptions=False,
        )
        row = self.env.cr.fetchone()
        return row and row[0]

    @api.model
    def _fingerprint(self, content):
        digest = sha256()
        for part in content:
            digest.update(b"%d:" % len(part))
            digest.update(part)
        return digest.hexdigest()

    @api.model
    def _oldest(self):
        return fields.Datetime.now() - timedelta(hours=KEPT_HOURS)

    @api.autovacuum
    def _gc_entries(self):
        """Forget what nobody can ask for any more."""
        old = self.sudo().search([("date", "<", self._oldest())], limit=_VACUUM_BATCH)
        old.unlink()
        return len(old), len(old) == _VACUUM_BATCH
