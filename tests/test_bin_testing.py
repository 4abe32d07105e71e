"""What bin/test counts, complains about and runs: its own logic, without a server."""

import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from _suite.shell import SetupError, run
from _suite.testing import __main__ as bin_test
from _suite.testing import fingerprint, odoolog, pytest_steps, schedule
from _suite.testing.outcome import (
    Outcome,
    check,
    closing_line,
    exit_code,
    failure,
    from_junit,
)
from _suite.testing.schedule import Step
from _suite.testing.workplace import TOO_LONG, Workplace

STAMP = "2026-11-22 03:00:00,123 42"
TESTS = "odoo.addons.spp_oauth.tests.test_token"


def log(*records):
    """A log with one line for each `(level, logger, message)`."""
    lines = [f"{STAMP} {level} db {name}: {text}" for level, name, text in records]
    return "\n".join(lines) + "\n"


def result(failed, errors, tests):
    text = f"{failed} failed, {errors} error(s) of {tests} tests when loading database"
    level = "ERROR" if failed or errors else "INFO"
    return (level, "odoo.tests.result", f"{text} 'db' ")


def test_passed_tests_are_summed():
    assert odoolog.test_counts(log(result(0, 0, 12))) == Outcome(passed=12)


def test_each_failing_test_counts_once():
    text = log(
        ("ERROR", TESTS, "FAIL: TestToken.test_a\nTraceback\nAssertionError: 1 != 2"),
        ("ERROR", TESTS, "FAIL: Subtest TestToken.test_b (n=1)\nAssertionError"),
        ("ERROR", TESTS, "FAIL: Subtest TestToken.test_b (n=2)\nAssertionError"),
        ("ERROR", TESTS, "ERROR: TestToken.test_c\nKeyError: 'x'"),
        result(3, 1, 10),
    )
    outcome = odoolog.test_counts(text)
    assert (outcome.passed, outcome.failed) == (7, 3)
    assert any("1 != 2" in problem for problem in outcome.problems)


def test_same_test_name_in_two_files_is_two_tests():
    text = log(
        ("ERROR", TESTS, "FAIL: TestX.test_a"),
        ("ERROR", TESTS + "_other", "FAIL: TestX.test_a"),
        result(2, 0, 5),
    )
    assert closing_line(odoolog.test_counts(text)) == "3 passed, 2 failed"


def test_a_failed_class_set_up_is_a_failure_without_a_test():
    text = log(
        ("ERROR", "odoo.tests.suite", f"ERROR: setUpClass ({TESTS}.TestToken)"),
        result(0, 1, 4),
    )
    assert closing_line(odoolog.test_counts(text)) == "4 passed, 1 failed"


def test_failures_that_left_no_record_still_count():
    assert odoolog.test_counts(log(result(1, 1, 4))).failed == 2


@pytest.mark.parametrize("what", ["TestX.test_a", "Subtest TestX.test_a (app='Apps')"])
def test_a_skipped_test_counts_as_failed(what):
    text = log(("INFO", TESTS, f"skipped {what} : no browser"), result(0, 0, 3))
    assert closing_line(odoolog.test_counts(text)) == "2 passed, 1 failed"
    excused = odoolog.test_counts(text, may_skip=["TestX.test_a"])
    assert closing_line(excused) == "2 passed, 0 failed"
    assert "no browser" in excused.notes[0]


@pytest.mark.parametrize("text", ["", log(result(0, 0, 0)), "Traceback: no Odoo\n"])
def test_a_run_without_tests_failed(text):
    outcome = odoolog.test_counts(text)
    assert outcome.failed == 1
    assert exit_code(outcome) == 1


@pytest.mark.parametrize("level", ["WARNING", "ERROR", "CRITICAL"])
def test_a_complaint_in_the_log_fails_the_check(level):
    text = log(("INFO", "odoo", "ready"), (level, "odoo.http", "x\n  more"))
    outcome = odoolog.log_check(text)
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert outcome.problems == (f"{level} odoo.http: x\n  more",)


def test_a_quiet_log_passes_and_failed_tests_are_no_complaints():
    text = log(
        ("INFO", "odoo.modules", "Modules loaded."),
        ("ERROR", TESTS, "FAIL: TestX.test_a"),
        ("ERROR", "odoo.modules.loading", "Module x: 1 failures, 0 errors of 3 tests"),
        result(1, 0, 3),
    )
    assert odoolog.log_check(text) == Outcome(passed=1)


def test_known_complaints_match_in_full():
    known = [odoolog.Known(r"py\.warnings", r"old thing.*", "theirs")]
    quiet = ("INFO", "odoo", "ready")
    text = log(quiet, ("WARNING", "py.warnings", "old thing\n  at line 3"))
    assert odoolog.log_check(text, known).passed == 1
    for record in [
        ("WARNING", "py.warnings", "our old thing"),
        ("WARNING", "py.warnings.x", "old thing"),
    ]:
        assert odoolog.log_check(log(quiet, record), known).failed == 1


def test_what_a_stop_cuts_off_is_no_complaint():
    # Odoo ends each line with what a request has cost, which here is nothing.
    stop = ("INFO", "odoo.service.server", "Initiating shutdown ")
    cut = ("ERROR", "odoo.sql_db", "bad query: x\nERROR: cursor already closed ")
    assert odoolog.log_check(log(stop, cut)).passed == 1
    lent = "Exception in cron:\nPoolError: This connection does not belong to the pool "
    assert odoolog.log_check(log(stop, ("WARNING", "odoo", lent))).passed == 1
    assert odoolog.log_check(log(cut, stop)).failed == 1
    assert odoolog.log_check(log(stop, ("ERROR", "odoo", "division"))).failed == 1


def test_output_outside_of_the_log_is_a_complaint():
    ready = log(("INFO", "odoo", "ready"))
    assert odoolog.log_check("Segmentation fault\n" + ready).failed == 1
    assert odoolog.log_check(ready + "Exception in thread Thread-1:\n  x\n").failed == 1
    assert odoolog.log_check("no log at all").failed == 1
    as_root = "Running as user 'root' is a security risk.\n"
    assert odoolog.log_check(as_root + ready).passed == 1


def test_pytest_reports_are_counted(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        "<testcase classname='a' name='ok'/>"
        "<testcase classname='a' name='bad'><failure message='1 != 2'/></testcase>"
        "<testcase classname='a' name='twice'><failure/><error/></testcase>"
        "<testcase classname='a' name='off'><skipped message='later'/></testcase>"
        "</testsuite></testsuites>"
    )
    outcome = from_junit(report)
    assert closing_line(outcome) == "1 passed, 3 failed"
    assert "a.bad: failure: 1 != 2" in outcome.problems
    assert not from_junit(tmp_path / "missing.xml").usable
    report.write_text("<testsuites><testsuite/></testsuites>")
    assert from_junit(report).failed == 1


def test_sums_and_exit_codes():
    total = Outcome(passed=3) + check([]) + check(["a", "b"]) + Outcome()
    assert closing_line(total) == "4 passed, 1 failed"
    assert exit_code(total) == 1
    assert exit_code(Outcome(passed=1)) == 0
    assert exit_code(Outcome()) == 1


def test_steps_run_after_what_they_need():
    done = []

    def step(name, *needs):
        return Step(name, lambda: done.append(name) or Outcome(passed=1), needs)

    steps = [step("c", "b"), step("b", "a"), step("a"), step("d")]
    outcomes = schedule.run_steps(steps, jobs=1)
    assert done.index("a") < done.index("b") < done.index("c")
    assert sum(outcome.passed for outcome in outcomes.values()) == 4
    assert [each.name for each in schedule.closure(steps, {"b"})] == ["b", "a"]


def test_two_steps_run_side_by_side():
    meeting = threading.Barrier(2, timeout=30)

    def meet():
        meeting.wait()
        return Outcome(passed=1)

    outcomes = schedule.run_steps([Step("a", meet), Step("b", meet)])
    assert all(outcome.passed for outcome in outcomes.values())


def test_a_broken_step_takes_its_followers_along_but_a_failed_test_does_not():
    def broken():
        raise SetupError("no such thing")

    def crashed():
        raise KeyError("x")

    steps = [
        Step("broken", broken),
        Step("crashed", crashed),
        Step("failed", lambda: check(["one test"])),
        Step("after broken", lambda: Outcome(passed=1), ("broken",)),
        Step("after failed", lambda: Outcome(passed=1), ("failed",)),
    ]
    outcomes = schedule.run_steps(steps)
    assert outcomes["broken"] == failure("no such thing")
    assert "KeyError" in outcomes["crashed"].problems[0]
    assert not outcomes["after broken"].usable
    assert outcomes["after failed"].passed == 1
    assert closing_line(sum(outcomes.values(), Outcome())) == "1 passed, 4 failed"


def test_an_interrupt_ends_what_is_running():
    stopped = threading.Event()

    def interrupt():
        raise KeyboardInterrupt

    steps = [
        Step("long", lambda: Outcome(passed=stopped.wait(30))),
        Step("ctrl-c", interrupt),
    ]
    with pytest.raises(KeyboardInterrupt):
        schedule.run_steps(steps, on_abort=stopped.set)
    assert stopped.is_set()


def test_a_program_that_hangs_is_ended_and_has_failed(tmp_path):
    databases = SimpleNamespace(env=dict)
    place = Workplace(None, databases, tmp_path, "x_", limit=1)
    # One that, like a server, takes being asked to end for a good end.
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "while True: signal.pause()\n"
    )
    done = place.execute("hang", [sys.executable, "-c", code])
    assert done.returncode == TOO_LONG
    assert done.output.endswith("\nended after 1 s\n")
    with pytest.raises(SetupError, match=r"ended after 0\.1 s"):
        run([sys.executable, "-c", "import signal; signal.pause()"], limit=0.1)


def test_the_time_limit_can_be_set(monkeypatch):
    monkeypatch.delenv("SPP_TEST_TIMEOUT", raising=False)
    assert bin_test.time_limit() == 2400
    monkeypatch.setenv("SPP_TEST_TIMEOUT", "90")
    assert bin_test.time_limit() == 90
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("SPP_TEST_TIMEOUT", wrong)
        with pytest.raises(SetupError, match="SPP_TEST_TIMEOUT"):
            bin_test.time_limit()


def test_steps_that_need_each_other_are_refused():
    with pytest.raises(ValueError, match="need each other"):
        schedule.run_steps([Step("a", Outcome, ("b",)), Step("b", Outcome, ("a",))])


def test_differences_are_cut_but_never_lost():
    assert fingerprint.differences(["a", "b"], ["b", "a"]) == []
    assert fingerprint.differences(["a", "a"], ["a", "b"]) == ["- a", "+ b"]
    many = fingerprint.differences([], [f"{n:04}{'x' * 999}" for n in range(100)])
    assert len(many) == fingerprint.SHOWN + 1
    assert many[-1] == f"… and {100 - fingerprint.SHOWN} more"
    assert max(map(len, many)) == fingerprint.WIDTH


def test_each_file_of_tests_is_in_one_part():
    parts = pytest_steps.parts()
    files = sorted(
        f"tests/{path.name}" for path in Path(__file__).parent.glob("test_*")
    )
    assert sorted(name for part in parts for name in part) == files
    assert all(parts)


def test_end_to_end_stands_for_all_of_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(bin_test.lint, "steps", lambda _place: [])
    databases = SimpleNamespace(template=dict)
    place = Workplace(None, databases, tmp_path, "x_", limit=1)
    steps = bin_test.chosen(place, ["end-to-end"])
    assert [step.name for step in steps] == [
        f"end-to-end-{number}" for number in range(1, pytest_steps.PARTS + 1)
    ]
