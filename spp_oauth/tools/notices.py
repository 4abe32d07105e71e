"""What a button tells whoever pressed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What the page does once it is told.
RELOAD = {"type": "ir.actions.client", "tag": "soft_reload"}
CLOSE = {"type": "ir.actions.act_window_close"}


def notice(
    kind: str,
    message: str,
    following: Mapping[str, str] | None = None,
    **more: str,
) -> dict[str, Any]:
    """The client action that shows a message; a ``danger`` stays until it is closed.

    :param kind: ``success``, ``info``, ``warning`` or ``danger``
    :param following: the action after it, such as :data:`RELOAD`
    :param more: other parameters of that action, such as ``title``
    """
    params = {"type": kind, "message": message, "sticky": kind == "danger", **more}
    if following:
        params["next"] = dict(following)
    return {
        "type": "ir.actions.client",
        "tag": "display_notification",
        "params": params,
    }
