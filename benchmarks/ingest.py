"""`_ingest` of 100,000 records beside the same rows by `execute_values`."""

from __future__ import annotations

from statistics import median

from .measure import Figure
from .place import Place
from .records import BATCH, TOTAL, Stage, compare

MIN_RATIO = 0.60
#: Small enough to show what a batch costs in statements, whatever its size.
FEW = 10


def run(place: Place) -> list[Figure]:
    """Measure in this process, as the service user of an API client."""
    stage = Stage(place)
    stage.empty()
    stage.ingest(stage.batches[0][:FEW])  # fills what Odoo caches
    few = stage.ingest(stage.batches[1][:FEW])
    many = stage.ingest(stage.batches[2])
    rates, (name, baseline) = compare(stage, {"_ingest": stage.ingest_all})
    return [
        Figure(
            "ingest",
            f"_ingest of {TOTAL:,} records, {BATCH:,} a batch",
            median(rates["_ingest"]),
            "records/s",
            baseline,
            min_ratio=MIN_RATIO,
            details={"rounds": rates, "baseline": name},
        ),
        Figure(
            "ingest",
            f"SQL statements for {BATCH:,} records, beside {FEW}",
            many,
            "statements",
            few,
            max_value=few,
        ),
    ]
