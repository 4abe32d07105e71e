"""Opaque page cursors: the sort key of the last row that was sent."""

import base64
import json
from datetime import date, datetime

from .errors import BadRequest

_Value = int | str | bool | date | datetime | None

# PostgreSQL's bigint; a larger number would only fail later, in the query.
_MAX_INT = 2**63


class Cursor:
    """Encode sort values into a URL-safe string and read them back.

    A cursor is a position, not a permission: it is not signed, and whatever it
    says is only compared with rows that the caller may read anyway.
    """

    @staticmethod
    def encode(*values: _Value) -> str:
        """The cursor of these values; dates and datetimes as ISO 8601."""
        plain = [v.isoformat() if isinstance(v, date) else v for v in values]
        text = json.dumps(plain, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    @staticmethod
    def decode(cursor: str, *types: type) -> tuple:
        """The values of a cursor, checked to be of the given types, in order.

        :param types: any of int, str, bool, date, datetime
        :raises BadRequest: when it is not a cursor of these types
        """
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            values = json.loads(text)
            if not isinstance(values, list) or len(values) != len(types):
                raise ValueError("wrong number of values")
            return tuple(map(_read, values, types))
        except (ValueError, RecursionError) as exc:
            raise BadRequest("This is not a cursor of this list.") from exc


def _read(value: object, kind: type) -> _Value:
    if kind in (date, datetime):
        if not isinstance(value, str):
            raise ValueError("not a date")
        return kind.fromisoformat(value)
    if type(value) is not kind:  # bool is an int, and must not pass for one
        raise ValueError("wrong type")
    if kind is int and abs(value) >= _MAX_INT:
        raise ValueError("out of range")
    if kind is str and "\0" in value:
        raise ValueError("NUL")
    return value
