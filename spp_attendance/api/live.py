"""Shapes of the live feed, as far as they are not those of what it tells."""

from __future__ import annotations

from pydantic import BaseModel, Field


class LiveOut(BaseModel):
    """How to listen to the live feed."""

    websocket_url: str = Field(
        description="Where to open a WebSocket; it has a `version`, without which a"
        " browser's one is closed."
    )
    version: str = Field(description="Of Odoo's WebSocket.")
    subscription: str = Field(
        description="Followed by the access token it is the one entry of `channels` in"
        " the message that subscribes."
    )
    last_id: int = Field(
        description="`last` in that message, to be told of all that happens from now"
        " on; later the id of the last message that came."
    )
    client_url: str = Field(description="A script that does all of this.")
    status_every: int = Field(
        description="Seconds between two `system_status` events when nothing changes."
    )
