"""Half a minute of `bin/soak`, always the same as far as time allows."""

import pytest
from soak import LOSES, MAKES, TERMINALS, Matrix, Soak

#: Of faults; by itself bin/soak takes five minutes.
SECONDS = 30


# It has a server of its own.
@pytest.mark.end_to_end
def test_what_is_stored_is_what_the_terminals_hold() -> None:
    report = Soak(SECONDS, seed=7).run()
    assert not report.wrong, str(report)
    assert report.stored == report.scans > 0
    # It was no calm half minute.
    assert len(report.terminals) == len(MAKES)
    assert report.terminals.total() == TERMINALS
    assert report.kills["cron"]
    assert len(report.faults) > 5
    assert report.results["ok"] > TERMINALS
    assert report.results.keys() - {"ok"}


@pytest.mark.end_to_end
def test_each_fault_of_each_make_costs_nothing() -> None:
    report = Matrix().run()
    assert not report.wrong, str(report)
    assert report.stored == report.scans > 0
    faults = [fault for make in MAKES for fault in make.FAULTS]
    left_out = sum(map(len, LOSES.values()))
    assert report.faults.total() == len(faults) - left_out
