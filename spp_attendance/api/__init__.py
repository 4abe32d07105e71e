"""What travels over HTTP: schemas of the native REST dialect."""

from .common import Reference
from .facts import FACTS, Fact, Outcome, RecordIn, Refused
from .records import (
    MAX_BATCH,
    RecordBatchIn,
    RecordBatchOut,
    RecordOut,
    RecordPage,
    RecordQuery,
    RecordResult,
)

__all__ = [
    "FACTS",
    "MAX_BATCH",
    "Fact",
    "Outcome",
    "RecordBatchIn",
    "RecordBatchOut",
    "RecordIn",
    "RecordOut",
    "RecordPage",
    "RecordQuery",
    "RecordResult",
    "Reference",
    "Refused",
]
