"""A batch that is answered line by line: a transaction a chunk, each kept for good."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel

from odoo.api import Environment

from odoo.addons.spp_oauth.api.errors import is_fault, to_api_error
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .api import BatchDone, BatchError, BatchFault

_logger = logging.getLogger(__name__)

#: Most items in one transaction.
CHUNK = 1_000


def stream(
    env: Environment,
    items: Sequence[Any],
    run: Callable[..., list[Any]],
    request_id: str | None = None,
) -> Generator[bytes, None, None]:
    """Answer a batch in NDJSON, a block of lines for each chunk that is stored.

    Made to be iterated after the request that asked has ended, and its cursor with it:
    each chunk has one of its own, closed before anything is sent. However long a client
    takes to read, and wherever it goes away, no transaction is open meanwhile.

    :param env: whose user, company and language it is done in
    :param run: called as ``run(env, items=chunk)`` in a transaction that may be run
        again; answers a model with ``index``, from 0 in the chunk, and ``status`` for
        each item
    :param request_id: by which the log can be found
    """
    # Nothing of the request may be touched once it has ended.
    registry, uid, context = env.registry, env.uid, dict(env.context)
    counts: Counter[str] = Counter()

    def lines() -> Generator[bytes, None, None]:
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            try:
                results = run_in_transaction(
                    registry, partial(run, items=chunk), uid=uid, context=context
                )
            except Exception as error:  # noqa: BLE001 - too late for another status
                yield _fault(error, start, request_id)
                return
            for result in results:
                result.index += start
                counts[result.status] += 1
            yield b"".join(map(_line, results))
        yield _line(BatchDone(done=True, total=len(items), counts=dict(counts)))

    return lines()


def _line(model: BaseModel) -> bytes:
    return model.model_dump_json().encode() + b"\n"


def _fault(error: Exception, start: int, request_id: str | None) -> bytes:
    """The last line of a batch that can't be finished."""
    api_error = to_api_error(error)
    fault = is_fault(error)
    _logger.log(
        logging.ERROR if fault else logging.INFO,
        "A batch ended at item %s with %s %s (request %s): %s",
        start,
        api_error.code,
        api_error.error,
        request_id,
        type(error).__name__,
        exc_info=error if fault else None,
    )
    told = BatchFault(
        code=api_error.error, message=api_error.description, request_id=request_id
    )
    return _line(BatchError(error=told))
