"""Values that may not be missing, looked at before the database does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odoo.exceptions import ValidationError
from odoo.models import BaseModel


def check_required(model: BaseModel, vals: Mapping[str, Any]) -> None:
    """Refuse to empty what a row must have.

    For tables that hold secrets: the database's own error quotes the whole row, and
    would so bring them into the log and before the user.

    :raises ValidationError: when a required value is empty
    """
    for name, value in vals.items():
        field = model._fields.get(name)
        if field and field.required and field.store and value in (None, False, ""):
            if field.type in ("boolean", "integer"):
                continue
            raise ValidationError(
                model.env._(
                    "“%(field)s” can't be empty.",
                    field=field._description_string(model.env),
                )
            )
