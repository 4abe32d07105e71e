"""What bin/bench makes of its figures: its own logic, without a server."""

import contextlib
import json
import os
import signal
import sys

import pytest

from _suite.paths import ROOT

# benchmarks/ is run from the checkout, never installed.
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as bench
from benchmarks.measure import (
    MB,
    Figure,
    Memory,
    best,
    family,
    machine,
    middle,
    rounds,
    save,
    table,
)


def ratio(value, baseline, demanded):
    return Figure("x", "work", value, "records/s", baseline, min_ratio=demanded)


@pytest.mark.parametrize(
    ("value", "ok"), [(599.0, False), (600.0, True), (1200.0, True)]
)
def test_a_demanded_ratio_is_a_lower_limit(value, ok):
    assert ratio(value, 1000.0, 0.6).ok is ok


@pytest.mark.parametrize(("value", "ok"), [(150.0, True), (150.5, False)])
def test_a_demanded_maximum_is_an_upper_limit(value, ok):
    assert Figure("x", "memory", value, "MB", max_value=150).ok is ok


@pytest.mark.parametrize("baseline", [None, 0.0])
def test_a_ratio_to_nothing_is_no_success(baseline):
    figure = ratio(1000.0, baseline, 0.6)
    assert figure.ratio is None
    assert not figure.ok


def test_what_demands_nothing_is_fine():
    figure = Figure("x", "work", 7, "records/s")
    assert figure.ok
    assert figure.row()[-1] == ""


def test_the_baseline_is_the_side_with_the_best_median():
    # One lucky turn doesn't make a side the best one.
    rates = {"a": [90, 100, 110], "b": [10, 20, 900], "c": [99, 99, 99]}
    assert best(rates) == ("a", 100)


def test_no_sides_have_no_best():
    with pytest.raises(ValueError, match="empty"):
        best({})


def test_sides_take_turns_and_only_their_work_is_timed(monkeypatch):
    seen, clock = [], iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    rates = rounds(
        {"a": lambda: seen.append("a") or 30, "b": lambda: seen.append("b") or 50},
        2,
        before=lambda: seen.append("before"),
        after=lambda name: seen.append(f"after {name}"),
    )
    one_round = ["before", "a", "after a", "before", "b", "after b"]
    assert seen == one_round * 2
    assert rates == {"a": [30, 30], "b": [50, 50]}


def test_the_table_shows_what_was_missed():
    lines = table([ratio(500.0, 1000.0, 0.6), ratio(700.0, 1000.0, 0.6)]).splitlines()
    assert lines[0].split() == [
        "name",
        "what",
        "ours",
        "baseline",
        "ratio",
        "demanded",
        "ok?",
    ]
    assert lines[2].split()[-4:] == ["0.50", ">=", "0.60", "NO"]
    assert lines[3].split()[-1] == "yes"


def test_figures_are_written_with_their_verdict(tmp_path):
    path = tmp_path / "bench.json"
    save(path, {"cores": 2}, [ratio(500.0, 1000.0, 0.6)])
    written = json.loads(path.read_text())
    assert written["facts"] == {"cores": 2}
    [figure] = written["figures"]
    assert (figure["value"], figure["ratio"], figure["ok"]) == (500.0, 0.5, False)
    assert figure["min_ratio"] == 0.6


def test_growth_is_that_of_the_process_which_grew_most(tmp_path):
    def status(pid, now, peak):
        folder = tmp_path / str(pid)
        folder.mkdir(exist_ok=True)
        text = f"Name:\todoo\nVmHWM:\t{peak} kB\nVmRSS:\t{now} kB\n"
        (folder / "status").write_text(text)
        return folder

    first = status(1, 100 * 1024, 400 * 1024)
    status(2, 50 * 1024, 50 * 1024)
    memory = Memory([1, 2], proc=tmp_path)
    assert (first / "clear_refs").read_text() == "5"
    status(1, 100 * 1024, 110 * 1024)
    status(2, 60 * 1024, 90 * 1024)
    assert memory.peaks() == {1: 110, 2: 90}
    assert memory.growth() == 40


def test_the_peak_of_a_real_process_is_seen_after_it_is_over():
    memory = Memory([os.getpid()])
    # As much as must be mapped anew, and is given back at once.
    bytearray(os.urandom(1)) * (64 * MB)
    assert memory.growth() > 60


def test_a_family_includes_the_process_itself():
    assert os.getpid() in family(os.getpid())
    assert os.getpid() in family(os.getppid())


def test_the_machine_has_a_size():
    facts = machine()
    assert facts["cores"] >= 1
    assert facts["memory_mb"] > 100


def test_the_round_in_the_middle_stands_for_all():
    # A slow moment of the machine (the second round) is one for both.
    assert middle([100.0, 10.0, 60.0], [200.0, 40.0, 100.0]) == (100.0, 200.0)


@pytest.mark.parametrize(("value", "status"), [(700.0, 0), (500.0, 1)])
def test_what_was_missed_is_in_the_exit_status(monkeypatch, tmp_path, value, status):
    class NoPlace:
        def __init__(self, rounds):
            self.rounds = rounds

        def opened(self):
            return contextlib.nullcontext()

        def facts(self):
            return {"rounds": self.rounds}

    path = tmp_path / "bench.json"
    benchmarks = {"x": lambda place: [ratio(value, 1000.0, 0.6)]}
    monkeypatch.setattr(bench, "BENCHMARKS", benchmarks)
    monkeypatch.setattr(bench, "Place", NoPlace)
    monkeypatch.setattr(bench, "results_file", lambda: path)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert bench.main(["--rounds", "2"]) == status
    written = json.loads(path.read_text())
    assert written["facts"] == {"rounds": 2}
    assert [figure["ok"] for figure in written["figures"]] == [status == 0]
