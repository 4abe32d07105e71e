"""What travels over HTTP: schemas of the native REST dialect."""

from .schemas import (
    FACTS,
    MAX_BATCH,
    Fact,
    Outcome,
    RecordBatchIn,
    RecordBatchOut,
    RecordIn,
    RecordOut,
    RecordPage,
    RecordQuery,
    RecordResult,
    Reference,
    Refused,
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
