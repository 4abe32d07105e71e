"""Reading Odoo's log: what its test runner counted, and what it complained about."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .outcome import Outcome, check

LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ (?P<level>[A-Z]+) (?P<db>\S+) "
    r"(?P<logger>[\w.]+): (?P<message>.*)$"
)
RESULT = re.compile(
    r"^(?P<failed>\d+) failed, (?P<errors>\d+) error\(s\) of (?P<tests>\d+) tests"
)
FAILED = re.compile(r"(?:FAIL|ERROR): (.+)")
SKIPPED = re.compile(r"skipped (.+) : ")
TEST_NAME = re.compile(r"[\w.]+$")
# Python's own words for what ended nobody knows where; Odoo logs nothing about it.
STRAY = re.compile(r"Exception in thread |Exception ignored in|Fatal Python error")
BAD_LEVELS = ("WARNING", "ERROR", "CRITICAL")
# A threaded server closes the database under its scheduled actions when it stops, and
# each of them says so on its way out.
STOPPING = "Initiating shutdown"
CUT_OFF = re.compile(
    r".*(?:(?:cursor|connection) already closed"
    r"|This connection does not belong to the pool)\s*",
    re.DOTALL,
)
# How many lines of one complaint are shown: enough for a traceback's last frames.
SHOWN = 30


@dataclass(frozen=True)
class Record:
    """One log record; `message` holds its continuation lines too."""

    level: str
    logger: str
    message: str

    def __str__(self) -> str:
        lines = self.message.splitlines()
        if len(lines) > SHOWN:
            lines = [lines[0], "…", *lines[2 - SHOWN :]]
        return f"{self.level} {self.logger}: " + "\n".join(lines)


@dataclass(frozen=True)
class Known:
    """A complaint of third-party code that we can do nothing about, and why.

    Both patterns must match in full, the message's with all its lines.
    """

    logger: str
    message: str
    why: str

    def covers(self, record: Record) -> bool:
        """Whether `record` is this complaint."""
        return bool(
            re.fullmatch(self.logger, record.logger)
            and re.fullmatch(self.message, record.message, re.DOTALL)
        )


KNOWN = (
    Known(
        "stderr",
        "Running as user 'root' is a security risk\\.",
        "continuous integration and containers run the tests as root",
    ),
)


def parse(text: str) -> Iterator[Record]:
    """Records of a log.

    What is printed before logging begins, and the trace of a thread that died, belong
    to no record of Odoo's: they become ERRORs of a logger "stderr".
    """
    level, logger, lines = "", "", list[str]()
    for line in text.splitlines():
        match = LINE.match(line)
        stray = not match and (not logger or STRAY.match(line))
        if not match and not stray:
            lines.append(line)
            continue
        if lines:
            yield Record(level, logger, "\n".join(lines))
        if match:
            level, logger, lines = match["level"], match["logger"], [match["message"]]
        elif logger:
            level, logger, lines = "ERROR", "stderr", [line]
        else:
            lines = []
            if line.strip():
                yield Record("ERROR", "stderr", line)
    if lines:
        yield Record(level, logger, "\n".join(lines))


def _is_test_failure(record: Record) -> bool:
    """Whether the record tells of a failed test, which the runner counts itself."""
    return bool(
        FAILED.match(record.message)
        or RESULT.match(record.message)
        or re.match(r"Module \S+: \d+ failures, \d+ errors", record.message)
    )


def complaints(
    records: Iterable[Record], known: Iterable[Known] = KNOWN
) -> list[Record]:
    """Warnings and errors that are neither failed tests nor known.

    What is cut off because its server stops is no complaint.
    """
    known = tuple(known)
    found, stopping = [], False
    for record in records:
        stopping = stopping or record.message.rstrip() == STOPPING
        if (
            record.level in BAD_LEVELS
            and not _is_test_failure(record)
            and not (stopping and CUT_OFF.fullmatch(record.message))
            and not any(line.covers(record) for line in known)
        ):
            found.append(record)
    return found


def log_check(text: str, known: Iterable[Known] = KNOWN) -> Outcome:
    """One check: the log is there and holds no complaint."""
    records = list(parse(text))
    if not any(record.level == "INFO" for record in records):
        return check(["no Odoo log was written", text[-2000:]])
    return check(str(record) for record in complaints(records, known))


def test_counts(text: str, may_skip: Iterable[str] = ()) -> Outcome:
    """What Odoo's test runner counted.

    A test fails once however many of its subtests do. Errors and skipped tests count as
    failed, and so does a log without any test.

    :param may_skip: tests of Odoo's own, as `Class.method`, that it skips by itself;
        they are named in the notes and count as nothing.
    """
    total = reported = 0
    failed: set[tuple[str, str]] = set()
    excused: set[tuple[str, str]] = set()
    problems, notes = [], []
    may_skip = frozenset(may_skip)
    for record in parse(text):
        if result := RESULT.match(record.message):
            total += int(result["tests"])
            reported += int(result["failed"]) + int(result["errors"])
        elif skipped := SKIPPED.match(record.message):
            test = (record.logger, _test_name(skipped[1]))
            if test[1] in may_skip:
                excused.add(test)
                notes.append(record.message)
            else:
                failed.add(test)
                problems.append(record.message)
        elif failure := FAILED.match(record.message):
            failed.add((record.logger, _test_name(failure[1])))
            problems.append(str(record))
    # What failed around tests, such as a setUpClass, was never counted as a test.
    tests_failed = sum(1 for _, name in failed if TEST_NAME.match(name))
    passed = max(0, total - len(excused) - tests_failed)
    bad = len(failed) or reported
    if not passed and not bad:
        return check(["Odoo ran no test"], notes)
    return Outcome(passed, bad, tuple(problems), tuple(notes))


def _test_name(description: str) -> str:
    """`Class.method` of what the runner calls a test or a part of one."""
    return re.sub(r"^Subtest (\S+) .*", r"\1", description)
