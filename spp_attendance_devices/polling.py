"""The part of a poll that talks to terminals: in threads, without the ORM.

A claim holds everything a conversation needs, as plain values; it was read in a
transaction that is over by now, so that none is open while a terminal is slow.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from .devices import BaseMachineAdapter, DeviceConfig, DeviceError, DeviceInfo
from .devices.adapter import Acknowledged, Reading, ReadRequest, UserData
from .devices.errors import InternalFault
from .devices.isolated import Isolated

_logger = logging.getLogger(__name__)

#: What can be wanted of a terminal: kinds of ``spp.attendance.device.run``.
Kind = Literal["poll", "test", "acknowledge", "users", "clock", "push"]


class Claim(NamedTuple):
    """A terminal that nobody else talks to until its lease ends, and what is wanted.

    ``cursor`` is that of the last stored reading, or what is to be acknowledged.
    ``full``: everything it holds is read. ``clear``: its log is emptied. ``address``:
    where it is to send its scans, a secret.
    """

    device_id: int
    token: str
    adapter: type[BaseMachineAdapter]
    config: DeviceConfig
    cursor: Mapping[str, Any] | None = None
    kind: Kind = "poll"
    full: bool = False
    clear: bool = False
    address: str = ""


#: What a conversation gave: what was asked for, or why not.
Outcome = Reading | DeviceInfo | Acknowledged | list[UserData] | DeviceError


class Talk(NamedTuple):
    """A conversation that is over; moments are aware."""

    claim: Claim
    outcome: Outcome
    started_at: datetime
    ended_at: datetime


def talk(claim: Claim) -> Talk:
    """Have the conversation that was claimed; a fault is given back, not raised."""
    started_at = datetime.now(UTC)
    return Talk(claim, _outcome(claim, started_at), started_at, datetime.now(UTC))


def _outcome(claim: Claim, now: datetime) -> Outcome:
    try:
        claim.adapter.validate(claim.config)
        isolated = claim.adapter.capabilities.isolated
        kind = partial(Isolated, claim.adapter) if isolated else claim.adapter
        return _converse(claim, kind(claim.config), now)
    except DeviceError as error:
        _logger.info("Terminal %s: %s (%s)", claim.device_id, error.code, error.detail)
        return error
    except Exception:
        # A bug in one adapter must not stop the other terminals.
        _logger.exception("Terminal %s: the adapter failed", claim.device_id)
        return InternalFault("the adapter failed")


def _converse(
    claim: Claim, adapter: BaseMachineAdapter | Isolated, now: datetime
) -> Outcome:
    match claim.kind:
        case "poll":
            return adapter.read_scans(ReadRequest(now, claim.cursor, claim.full))
        case "test":
            return adapter.test(now)
        case "acknowledge":
            return adapter.acknowledge(claim.cursor or {}, now, claim.clear)
        case "users":
            return adapter.read_users()
        case "clock":
            return adapter.set_clock(now)
        case "push":
            return adapter.set_push(claim.address)


class Pool:
    """Conversations side by side: where one is over, another may begin at once.

    As a context manager it waits for those that are still held.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="terminal")
        self._held: dict[Future[Talk], Claim] = {}
        self._over: list[Talk] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        # None is dropped half said: a terminal may not like that.
        self._threads.shutdown(wait=True)

    def __len__(self) -> int:
        """How many claims it has, those included whose outcome was not taken yet."""
        return len(self._held) + len(self._over)

    @property
    def free(self) -> int:
        """How many more it should be given: as many again wait for being stored as
        talk, so that neither waits for the other, and memory is bounded."""
        self._sort_out()
        return max(min(self._size - len(self._held), 2 * self._size - len(self)), 0)

    @property
    def claims(self) -> list[Claim]:
        return [*self._held.values(), *(talk.claim for talk in self._over)]

    def add(self, claim: Claim) -> None:
        self._held[self._threads.submit(talk, claim)] = claim

    def next(self, timeout: float) -> Talk | None:
        """The conversation that was over first, None when none is within ``timeout``
        seconds."""
        if not self._over:
            wait(self._held, timeout, FIRST_COMPLETED)
            self._sort_out()
        return self._over.pop(0) if self._over else None

    def _sort_out(self) -> None:
        for future in [future for future in self._held if future.done()]:
            del self._held[future]
            self._over.append(future.result())
