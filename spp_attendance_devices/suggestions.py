"""Whose an unknown badge may be: told with the reason, for somebody to confirm.

Never by name, and only where exactly one person fits. The strongest reason for which
anybody fits decides alone: two who have nearly the same identifier are not outweighed
by a third whose digits happen to fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from odoo.api import Environment
from odoo.tools import SQL

#: In order of strength; the words for them are in ``reasons``.
_REASONS = ("identifier", "former", "expired", "elsewhere", "card", "digits")


class Wanted(NamedTuple):
    """A badge as a terminal knows it. ``device_id`` is the terminal it was seen at."""

    code: str
    card: str
    device_id: int
    company_id: int


class Suggestion(NamedTuple):
    """Who it may be and why. Somebody ``archived`` has to come back first."""

    person_id: int
    reason: str
    archived: bool


def same(text: str) -> str:
    """SQL of a text without case and punctuation, as the indexes have it."""
    return f"lower(regexp_replace({text}, '[^[:alnum:]]+', '', 'g'))"


def digits(text: str) -> str:
    """SQL of the digits of a text, without leading zeros."""
    return f"ltrim(regexp_replace({text}, '[^0-9]+', '', 'g'), '0')"


def card(text: str) -> str:
    """SQL of a card's number, without punctuation and leading zeros."""
    return f"ltrim({same(text)}, '0')"


_QUERY = f"""
    WITH wanted AS MATERIALIZED (
        SELECT n, code, device_id, company_id, {same("code")} AS same,
               CASE WHEN code ~ '^[0-9]+$' THEN ltrim(code, '0') ELSE '' END AS digits,
               {card("COALESCE(NULLIF(card, ''), code)")} AS card
          FROM unnest(%s::varchar[], %s::varchar[], %s::int4[], %s::int4[])
               WITH ORDINALITY AS w (code, card, device_id, company_id, n)),
    fits AS (
        SELECT w.n, 0 AS rank, p.id AS person_id
          FROM wanted w
          JOIN spp_attendance_subscriber p
            ON p.company_id = w.company_id
           AND {same("p.person_identifier")} = w.same AND w.same <> ''
         UNION ALL
        SELECT w.n, 1, a.subscriber_id
          FROM wanted w
          JOIN spp_attendance_subscriber_alias a
            ON a.company_id = w.company_id
           AND {same("a.person_identifier")} = w.same AND w.same <> ''
         UNION ALL
        SELECT w.n,
               CASE WHEN COALESCE(u.device_id, w.device_id) = w.device_id
                    THEN 2 ELSE 3 END,
               u.subscriber_id
          FROM wanted w
          JOIN spp_attendance_device_user u
            ON u.company_id = w.company_id AND u.code = w.code
         UNION ALL
        SELECT w.n, 4, p.id
          FROM wanted w
          JOIN spp_attendance_subscriber p
            ON p.company_id = w.company_id
           AND {card("p.badge")} = w.card AND w.card <> '' AND p.badge <> ''
         UNION ALL
        SELECT w.n, 4, u.subscriber_id
          FROM wanted w
          JOIN spp_attendance_device_user u
            ON u.company_id = w.company_id
           AND {card("u.card")} = w.card AND w.card <> '' AND u.card IS NOT NULL
         UNION ALL
        SELECT w.n, 5, p.id
          FROM wanted w
          JOIN spp_attendance_subscriber p
            ON p.company_id = w.company_id
           AND {digits("p.person_identifier")} = w.digits AND w.digits <> '')
    SELECT f.n, f.rank, min(f.person_id)
      FROM fits f
      JOIN (SELECT n, min(rank) AS rank FROM fits GROUP BY n) AS best
     USING (n, rank)
  GROUP BY f.n, f.rank
    HAVING count(DISTINCT f.person_id) = 1
"""


def suggest(env: Environment, wanted: Iterable[Wanted]) -> dict[Wanted, Suggestion]:
    """Who badges may be, as far as the user may see them, in a fixed number of
    statements.

    :param wanted: badges that nobody is known for
    :return: those for which exactly one person fits
    """
    badges = list(dict.fromkeys(wanted))
    if not badges:
        return {}
    for name in ("device.user", "subscriber", "subscriber.alias"):
        env[f"spp.attendance.{name}"].flush_model()
    # Nothing in it comes from outside.
    query = SQL(_QUERY, *map(list, zip(*badges, strict=True)))  # pylint: disable=sql-injection
    rows = env.execute_query(query)
    people = env["spp.attendance.subscriber"].with_context(active_test=False)
    found = people.browse({person_id for _n, _rank, person_id in rows})
    seen = found._filtered_access("read")
    active = {person.id: person.active for person in seen}
    return {
        badges[n - 1]: Suggestion(person_id, _REASONS[rank], not active[person_id])
        for n, rank, person_id in rows
        if person_id in active
    }


def explain(env: Environment, suggestion: Suggestion) -> str:
    """The reason of a suggestion in words."""
    text = {
        "identifier": env._("The identifier is the same"),
        "former": env._("It was their identifier before"),
        "expired": env._("It was their badge here on other days"),
        "elsewhere": env._("It is their badge on another terminal"),
        "card": env._("The card number is the same"),
        "digits": env._("The digits of the identifier are the same"),
    }[suggestion.reason]
    if suggestion.archived:
        return env._("%(reason)s, but they are archived.", reason=text)
    return env._("%(reason)s.", reason=text)
