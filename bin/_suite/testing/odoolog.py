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
BAD_LEVELS = ("WARNING", "ERROR", "CRITICAL")
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


KNOWN: tuple[Known, ...] = ()


def parse(text: str) -> Iterator[Record]:
    """Records of a log; what stands before the first one becomes a record too.

    Odoo writes nothing outside its log: such lines are a crash before logging began,
    or a library that prints, hence an ERROR of the logger "stderr".
    """
    level, logger, lines = "ERROR", "stderr", list[str]()
    for line in text.splitlines():
        if match := LINE.match(line):
            if lines:
                yield Record(level, logger, "\n".join(lines))
            level, logger = match["level"], match["logger"]
            lines = [match["message"]]
        elif lines or line.strip():
            lines.append(line)
    if lines:
        yield Record(level, logger, "\n".join(lines))


def _is_test_failure(record: Record) -> bool:
    """Whether the record tells of a failed test, which the runner counts itself."""
    return bool(
        re.match(r"(FAIL|ERROR): ", record.message)
        or RESULT.match(record.message)
        or re.match(r"Module \S+: \d+ failures, \d+ errors", record.message)
    )


def complaints(
    records: Iterable[Record], known: Iterable[Known] = KNOWN
) -> list[Record]:
    """Warnings and errors that are neither failed tests nor known."""
    known = tuple(known)
    return [
        record
        for record in records
        if record.level in BAD_LEVELS
        and not _is_test_failure(record)
        and not any(line.covers(record) for line in known)
    ]


def log_check(text: str, known: Iterable[Known] = KNOWN) -> Outcome:
    """One check: the log is there and holds no complaint."""
    records = list(parse(text))
    if not any(record.level == "INFO" for record in records):
        return check(["no Odoo log was written", text[-2000:]])
    return check(str(record) for record in complaints(records, known))


def test_counts(text: str, may_skip: Iterable[str] = ()) -> Outcome:
    """What Odoo's test runner counted.

    Errors and skipped tests count as failed, and so does a log without any test.

    :param may_skip: tests of Odoo's own, as `Class.method`, that it skips by itself;
        they are named in the notes and count as nothing.
    """
    total = bad = 0
    problems, notes = [], []
    may_skip = frozenset(may_skip)
    for record in parse(text):
        if result := RESULT.match(record.message):
            total += int(result["tests"])
            bad += int(result["failed"]) + int(result["errors"])
        elif skipped := re.match(r"skipped (\S+) : ", record.message):
            if skipped[1] in may_skip:
                total -= 1
                notes.append(record.message)
            else:
                bad += 1
                problems.append(record.message)
        elif _is_test_failure(record):
            problems.append(str(record))
    if not total and not bad:
        return check(["Odoo ran no test", *problems], notes)
    # A failed setUpClass is an error without a test, so failures can exceed tests.
    return Outcome(max(0, total - bad), bad, tuple(problems), tuple(notes))
