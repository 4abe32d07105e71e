"""The part of a poll that talks to terminals: in threads, without the ORM.

A claim holds everything a conversation needs, as plain values; it was read in a
transaction that is over by now, so that none is open while a terminal is slow.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from .devices import BaseMachineAdapter, DeviceConfig, DeviceError, DeviceInfo
from .devices.adapter import Reading, ReadRequest
from .devices.errors import InternalFault
from .devices.isolated import Isolated

_logger = logging.getLogger(__name__)


class Claim(NamedTuple):
    """A terminal that nobody else talks to until its lease ends."""

    device_id: int
    token: str
    adapter: type[BaseMachineAdapter]
    config: DeviceConfig
    cursor: Mapping[str, Any] | None


#: What a conversation gave: what was asked for, or why not.
Outcome = Reading | DeviceInfo | DeviceError


def read(claim: Claim) -> Outcome:
    """Read a terminal's scans; a fault is returned, not raised."""
    request = ReadRequest(datetime.now(UTC), claim.cursor)
    return _guarded(claim, lambda adapter: adapter.read_scans(request))


def test(claim: Claim) -> Outcome:
    """Ask a terminal who it is; a fault is returned, not raised."""
    return _guarded(claim, lambda adapter: adapter.test(datetime.now(UTC)))


def read_all(claims: Sequence[Claim]) -> Iterator[tuple[Claim, Outcome]]:
    """Read several terminals at once; each comes as soon as it is done."""
    with ThreadPoolExecutor(len(claims), thread_name_prefix="terminal") as pool:
        futures = {pool.submit(read, claim): claim for claim in claims}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _guarded(claim: Claim, talk) -> Outcome:
    try:
        claim.adapter.validate(claim.config)
        isolated = claim.adapter.capabilities.isolated
        kind = partial(Isolated, claim.adapter) if isolated else claim.adapter
        return talk(kind(claim.config))
    except DeviceError as error:
        _logger.info("Terminal %s: %s (%s)", claim.device_id, error.code, error.detail)
        return error
    except Exception:
        # A bug in one adapter must not stop the other terminals.
        _logger.exception("Terminal %s: the adapter failed", claim.device_id)
        return InternalFault("the adapter failed")
