"""Retry a transaction outside of HTTP, where Odoo itself does not."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo.api import SUPERUSER_ID, Environment
from odoo.exceptions import ConcurrencyError
from odoo.modules.registry import Registry

_logger = logging.getLogger(__name__)

T = TypeVar("T")

TRANSIENT = (
    SerializationFailure,
    DeadlockDetected,
    LockNotAvailable,
    ConcurrencyError,
)


def run_in_transaction(
    registry: Registry | Environment,
    func: Callable[[Environment], T],
    *,
    attempts: int = 5,
    uid: int = SUPERUSER_ID,
    context: Mapping[str, Any] | None = None,
) -> T:
    """Run `func` in a transaction of its own and commit it.

    Odoo runs at REPEATABLE READ, so that two workers that touch the same rows
    make one of them fail. Such a transaction is rolled back and run again after
    a short random wait; `func` must therefore have no effect outside of it.

    :param registry: the database; of an environment only its registry is used
    :param func: called with an environment on a fresh cursor
    :param attempts: how often to try before the failure is raised
    :return: what `func` returned
    :raises Exception: whatever `func` raises; its transaction is rolled back
    """
    if isinstance(registry, Environment):
        registry = registry.registry
    for attempt in range(1, attempts + 1):
        try:
            with registry.cursor() as cr:
                env = Environment(cr, uid, dict(context or {}))
                result = func(env)
            registry.signal_changes()
            return result
        except TRANSIENT as exc:
            registry.reset_changes()
            if attempt == attempts:
                raise
            wait = random.uniform(0.0, 0.05 * 2**attempt)
            _logger.info(
                "%s; try %s of %s follows in %.3f s",
                type(exc).__name__,
                attempt + 1,
                attempts,
                wait,
            )
            time.sleep(wait)
        except Exception:
            registry.reset_changes()
            raise
    raise ValueError("attempts must be at least 1")
