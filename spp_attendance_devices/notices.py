"""What a button tells whoever pressed it."""

from __future__ import annotations

from typing import Any

#: What the page does once it is told.
RELOAD = {"type": "ir.actions.client", "tag": "soft_reload"}
CLOSE = {"type": "ir.actions.act_window_close"}


def notice(kind: str, message: str, following: dict[str, str]) -> dict[str, Any]:
    """The client action that shows a message; a ``danger`` stays until it is closed.

    :param kind: ``success``, ``info``, ``warning`` or ``danger``
    :param following: the action after it, such as :data:`RELOAD`
    """
    return {
        "type": "ir.actions.client",
        "tag": "display_notification",
        "params": {
            "type": kind,
            "message": message,
            "sticky": kind == "danger",
            "next": following,
        },
    }
