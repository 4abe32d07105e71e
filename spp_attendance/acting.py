"""In whose name something is done: the user's, or somebody's whom a gateway names.

A trusted DIGIT gateway has logged people in itself and says who each of them is. What
it does stays the doing of its own user, whose rights it has; which registers may be
handled, and who is said to have done it, goes by the person it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from odoo.api import Environment

#: Where the context has it.
ACTOR = "spp_attendance_actor"
SENT = "spp_attendance_sent"


@dataclass(frozen=True)
class Actor:
    """Somebody a trusted gateway speaks for.

    An instance in the context is proof that it was put there by this server: what comes
    over RPC is JSON and never one.

    :ivar uuid: by which staff of registers are known
    :ivar opens_all: may look for and handle registers without being staff of them
    """

    uuid: str
    name: str | None = None
    opens_all: bool = False


@dataclass(frozen=True)
class Sent:
    """That something is done later than it was sent, and accepted.

    In the context like an `Actor`: dates can come over XML-RPC, instances can't.

    :ivar at: naive UTC
    """

    at: datetime


def acting(env: Environment) -> Actor | None:
    """The one for whom a gateway speaks, if one does."""
    actor = env.context.get(ACTOR)
    return actor if isinstance(actor, Actor) else None


def acting_uuid(env: Environment) -> str:
    """The uuid of who acts: the named one's, else the user's."""
    actor = acting(env)
    return actor.uuid if actor else env.user.attendance_uuid


def as_actor(env: Environment, actor: Actor) -> Environment:
    """An environment in which ``actor`` acts."""
    return env(context={**env.context, ACTOR: actor})


def acting_at(env: Environment) -> datetime:
    """As of when who acts has to be staff: now, or when it was sent; naive UTC."""
    sent = env.context.get(SENT)
    # The wall clock's: who was made staff in this transaction is staff.
    return sent.at if isinstance(sent, Sent) else datetime.now(UTC).replace(tzinfo=None)
