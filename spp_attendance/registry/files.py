"""Rows of a CSV or XLSX file, read as a stream, by the names in its first line."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import itertools
import re
import struct
import warnings
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from .errors import BadFile, TooBig
from .mapping import FAULT, as_text
from .sources import Cursor, Page, Source

MB: Final = 2**20
#: Bytes of a file, unpacked; of an XLSX file's texts, which are all held in memory.
MAX_BYTES: Final = 200 * MB
MAX_SHARED_TEXTS: Final = 50 * MB
MAX_COLUMNS: Final = 500

_DELIMITERS: Final = ",;\t|"
#: Lines that are looked at to find the delimiter.
_SNIFFED: Final = 50
_BOMS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: What Excel shows where a formula failed.
_CELL_ERROR: Final = re.compile(
    r"#(NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A|SPILL!|CALC!)"
)
#: What parsing a broken or malicious workbook may raise.
_BROKEN: Final = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    RuntimeError,
    SyntaxError,  # of which lxml's own error is a kind
)

#: Number of a line and its cells.
Line = tuple[int, Sequence[Any]]
Row = tuple[int, dict[str, Any]]

# It warns of decorations that it doesn't read, and nobody could do anything about it.
warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")


class FileSource(Source):
    """Rows of a table in a file: CSV, or the first sheet of an XLSX workbook.

    CSV is UTF-8, UTF-16 with a mark, or Windows-1252, separated by commas, semicolons,
    tabs or bars. Empty lines count for nothing. A name that stands over two columns is
    told apart by a number, a column without a name is called by its place. A line with
    more cells than the first one is shifted: it becomes a row that
    :func:`.mapping.map_row` refuses. Values are such as JSON has; days are texts.

    Nothing is opened before a page is asked for, which may then raise BadFile, or
    TooBig for one that has more, once it is unpacked, than is read.

    :param content: the file, or where it is
    :param page_size: rows a page
    """

    def __init__(self, content: bytes | Path, *, page_size: int = 1000) -> None:
        self._content = content
        self._page_size = page_size
        self._table: _Table | None = None
        self._rows: Iterator[Row] = iter(())
        self._ahead: list[Row] = []
        self._position = -1
        self._total: int | None = None

    def page(self, cursor: Cursor | None = None) -> Page:
        start = int(cursor["row"]) if cursor else 0
        if self._table is None or self._position != start:
            self.close()
            self._table = self._table or _table(self._content)
            self._rows = _rows(self._table.lines())
            self._ahead = []
            for _skipped in itertools.islice(self._rows, start):
                pass
        # One more than a page tells whether there is another one.
        missing = self._page_size + 1 - len(self._ahead)
        found = self._ahead + list(itertools.islice(self._rows, missing))
        page, self._ahead = found[: self._page_size], found[self._page_size :]
        self._position = start + len(page)
        if self._total is None:
            self._total = self._table.count()
        return Page(
            [row for _number, row in page],
            [number for number, _row in page],
            {"row": self._position} if self._ahead else None,
            self._total,
        )

    def close(self) -> None:
        if self._table:
            self._table.close()
        self._position = -1


class _Table(ABC):
    """A file and its lines."""

    def __init__(self, content: bytes | Path) -> None:
        self._content = content
        self._closers: list[Callable[[], None]] = []

    def _open(self) -> BinaryIO:
        if isinstance(self._content, bytes):
            return io.BytesIO(self._content)
        try:
            file = self._content.open("rb")
        except OSError:
            raise BadFile("The file isn't there any more.") from None
        self._closers.append(file.close)
        return file

    @abstractmethod
    def lines(self) -> Iterator[Line]:
        """All lines with something in them, from the first one on."""

    @abstractmethod
    def count(self) -> int | None:
        """Rows in all, None if that isn't known."""

    def close(self) -> None:
        while self._closers:
            self._closers.pop()()


def _table(content: bytes | Path) -> _Table:
    """
    :raises BadFile: it is of no kind that can be read
    :raises TooBig: it is too big for that
    """
    if isinstance(content, bytes):
        size, start = len(content), content[:8]
    else:
        try:
            size = content.stat().st_size
            with content.open("rb") as file:
                start = file.read(8)
        except OSError:
            raise BadFile("The file can't be opened.") from None
    if size > MAX_BYTES:
        raise TooBig(f"The file has more than {MAX_BYTES // MB} MB.")
    if start.startswith(b"PK"):
        return _Workbook(content)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile("It has a password, or is of a version before 2007 (.xls).")
    return _Text(content)


# ------------------------------------------------------------------------- CSV


class _Text(_Table):
    """A CSV file."""

    def __init__(self, content: bytes | Path) -> None:
        super().__init__(content)
        self._encoding = self._find_encoding()
        self._skip, self._delimiter = self._find_delimiter()

    def lines(self) -> Iterator[Line]:
        with self._reading() as text:
            for _ in range(self._skip):
                text.readline()
            reader = csv.reader(text, delimiter=self._delimiter, strict=True)
            number = 1
            try:
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield number + self._skip, cells
                    number = reader.line_num + 1
            except csv.Error as error:
                line = number + self._skip
                raise BadFile(f"Line {line} can't be read: {error}.") from None

    def count(self) -> int:
        return sum(1 for _line in self.lines()) - 1

    def _reading(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._open(), self._encoding, newline="")

    def _find_encoding(self) -> str:
        """The first encoding in which all of it is text."""
        with self._open() as file:
            start = file.read(4096)
        for mark, encoding in _BOMS.items():
            if start.startswith(mark):
                guesses = (encoding,)
                break
        else:
            guesses = ("utf-8", "cp1252")
            if b"\0" in start:
                raise BadFile("It is no text.")
        for encoding in guesses:
            with self._open() as file:
                decode = codecs.getincrementaldecoder(encoding)().decode
                try:
                    while chunk := file.read(MB):
                        decode(chunk)
                    decode(b"", True)
                except UnicodeDecodeError:
                    continue
                return encoding
        raise BadFile("It is neither UTF-8 nor Windows-1252.")

    def _find_delimiter(self) -> tuple[int, str]:
        """How many lines to skip, and what separates cells.

        It is what gives the most lines as many cells as the first one, more than one.
        """
        with self._reading() as text:
            first = text.readline(1000)
            # What Excel writes, and obeys.
            if told := re.fullmatch(r'"?sep=(.)"?\s*', first):
                return 1, told[1]
            sample = first + "".join(itertools.islice(text, _SNIFFED))
        best, delimiter = (0, 0), ","
        for candidate in _DELIMITERS:
            try:
                rows = list(
                    csv.reader(io.StringIO(sample, newline=""), delimiter=candidate)
                )
            except csv.Error:
                continue
            lengths = Counter(len(cells) for cells in rows if any(cells))
            width = len(next((cells for cells in rows if any(cells)), ()))
            if width > 1 and (lengths[width], width) > best:
                best, delimiter = (lengths[width], width), candidate
        return 0, delimiter


# ------------------------------------------------------------------------ XLSX


class _Workbook(_Table):
    """The first sheet of an XLSX workbook; formulas count as what they came to."""

    def __init__(self, content: bytes | Path) -> None:
        super().__init__(content)
        self._rows: int | None = None
        self._check()

    def _check(self) -> None:
        """Refuse what unpacks to too much, before anything is unpacked.

        The sizes that it declares are those that are read: `zipfile` stops there.
        """
        try:
            with self._open() as file, zipfile.ZipFile(file) as archive:
                parts = archive.infolist()
                if sum(part.file_size for part in parts) > MAX_BYTES or any(
                    part.file_size > MAX_SHARED_TEXTS
                    for part in parts
                    if part.filename.lower().endswith("sharedstrings.xml")
                ):
                    raise TooBig(f"It unpacks to more than {MAX_BYTES // MB} MB.")
                for part in parts:
                    if part.filename.lower().endswith((".xml", ".rels")):
                        with archive.open(part) as opened:
                            # No workbook has one, and entities can grow without end.
                            if b"<!DOCTYPE" in opened.read(4096):
                                raise BadFile("It holds a document type.")
        except _BROKEN:
            raise BadFile("The workbook is damaged.") from None

    def lines(self) -> Iterator[Line]:
        try:
            book = openpyxl.load_workbook(
                self._open(), read_only=True, data_only=True, keep_links=False
            )
            self._closers.append(book.close)
            [sheet, *_others] = book.worksheets
            self._rows = sheet.max_row
            # What a sheet says of its size is often wrong.
            sheet.reset_dimensions()
            lines = sheet.iter_rows(values_only=True)
            for number, cells in enumerate(lines, 1):
                if any(cell is not None and cell != "" for cell in cells):
                    if len(cells) > MAX_COLUMNS and any(cells[MAX_COLUMNS:]):
                        raise BadFile(f"It has more than {MAX_COLUMNS} columns.")
                    yield number, [_plain(cell) for cell in cells[:MAX_COLUMNS]]
        except _BROKEN as error:
            raise BadFile(
                f"The workbook is damaged ({type(error).__name__})."
            ) from None

    def count(self) -> int | None:
        return self._rows - 1 if self._rows else None


def _plain(value: Any) -> Any:
    """The value of a cell as JSON has it."""
    if isinstance(value, datetime.timedelta):
        return str(value)
    return as_text(value) if isinstance(value, datetime.date | datetime.time) else value


# ------------------------------------------------------------------------ rows


def _rows(lines: Iterable[Line]) -> Iterator[Row]:
    """Lines after the first one, by its names.

    :raises BadFile: there is no line
    """
    lines = iter(lines)
    try:
        _number, first = next(lines)
    except StopIteration:
        raise BadFile("The file is empty.") from None
    names = _names(first)
    for number, cells in lines:
        row: dict[str, Any] = {
            name: cells[column] if column < len(cells) else None
            for column, name in names
        }
        if any(cell not in (None, "") for cell in cells[len(first) :]):
            row[FAULT] = f"It has {len(cells)} cells, the first line {len(first)}."
        for cell in cells:
            if isinstance(cell, str) and _CELL_ERROR.fullmatch(cell):
                row[FAULT] = f"The formula of a cell failed: {cell}"
        yield number, row


def _names(cells: Sequence[Any]) -> list[tuple[int, str]]:
    """Column and name, each only once."""
    names: dict[str, int] = {}
    for column, cell in enumerate(cells):
        said = " ".join((as_text(cell) or f"Column {column + 1}").split())
        name = said
        for again in itertools.count(2):
            if name not in names:
                break
            name = f"{said} ({again})"
        names[name] = column
    return [(column, name) for name, column in names.items()]
