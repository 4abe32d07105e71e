"""A month of people as a workbook, with sheets of statuses, of hours and of times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import IO, Any

import xlsxwriter

from .engine.hours import to_hours
from .timesheet import STATUS_KEYS, Cell, Person, totals
from .workbook import OPTIONS

#: Behind cells, by status: those of the screen, as pale as they are there.
COLORS = {
    "on_time": "#DDF1E3",
    "considered": "#DCEFF3",
    "late": "#FDF0D2",
    "absent": "#F8DCDF",
    "leave": "#E7E0F3",
    "holiday": "#EBE5E3",
    "weekend": "#E9EAEC",
}
_HEADS = 4  # columns before the days
_HUNDRED = 100
_FIRST_ROW = 2


def clock(minute: int | None) -> str:
    """A time of day of minutes after midnight, ``06:10+1`` of the day after."""
    if minute is None:
        return ""
    days, rest = divmod(minute, 24 * 60)
    return f"{rest // 60:02}:{rest % 60:02}" + (f"{days:+}" if days else "")


class Book:
    """The workbook of a month.

    :param labels: of statuses
    :param env: whose language texts are in
    """

    def __init__(
        self,
        first: date,
        last: date,
        labels: Mapping[str, str],
        env: Any,
    ) -> None:
        self.first, self.last = first, last
        self.labels = labels
        self.env = env

    def write_to(
        self,
        people: Iterable[Person],
        cells: Mapping[int, Sequence[Cell]],
        file: IO[bytes],
    ) -> None:
        """Write it.

        :param people: ``Person`` of the timesheet, in order
        :param cells: lists of its ``Cell``, by id of a person
        """
        people = list(people)
        with xlsxwriter.Workbook(file, OPTIONS) as book:
            self._formats(book)
            self._grid(book, self.env._("Status"), people, cells, self._status)
            self._grid(book, self.env._("Hours"), people, cells, self._hours("hours"))
            self._grid(
                book, self.env._("Overtime"), people, cells, self._hours("overtime")
            )
            self._grid(
                book, self.env._("Extra Overtime"), people, cells, self._hours("extra")
            )
            self._grid(book, self.env._("Times"), people, cells, self._times, width=13)
            self._legend(book, cells)

    def _formats(self, book: Any) -> None:
        border = {"border": 1, "border_color": "#CCCCCC"}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.head = book.add_format(
            {**border, "bold": True, "bg_color": "#EEEEEE", "align": "center"}
        )
        self.text = book.add_format(border)
        self.number = book.add_format({**border, "num_format": "0.00"})
        self.count = book.add_format({**border, "num_format": "0.##"})
        self.plain = book.add_format({**border, "align": "center"})
        self.colored = [
            book.add_format({**border, "align": "center", "bg_color": COLORS[key]})
            for key in STATUS_KEYS
        ]

    def _format(self, cell: Cell) -> Any:
        return self.plain if cell.status is None else self.colored[cell.status]

    def _status(self, sheet: Any, row: int, column: int, cell: Cell) -> None:
        sheet.write_string(row, column, cell.abbreviation or "", self._format(cell))

    def _times(self, sheet: Any, row: int, column: int, cell: Cell) -> None:
        times = clock(cell.check_in), clock(cell.check_out)
        text = " - ".join(times) if any(times) else ""
        sheet.write_string(row, column, text, self._format(cell))

    def _hours(self, name: str) -> Any:
        def write(sheet: Any, row: int, column: int, cell: Cell) -> None:
            minutes = getattr(cell, name)
            if minutes:
                sheet.write_number(row, column, to_hours(minutes), self._format(cell))
            else:
                sheet.write_blank(row, column, None, self._format(cell))

        return write

    def _grid(
        self,
        book: Any,
        name: str,
        people: Sequence[Person],
        cells: Mapping[int, Sequence[Cell]],
        write: Any,
        width: float = 5.5,
    ) -> None:
        days = self.last.day
        sheet = book.add_worksheet(name[:31])
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0, _FIRST_ROW - 1)
        sheet.freeze_panes(_FIRST_ROW, _HEADS)
        sheet.set_column(0, 0, 12)
        sheet.set_column(1, 2, 26)
        sheet.set_column(3, 3, 8)
        sheet.set_column(_HEADS, _HEADS + days - 1, width)
        sheet.set_column(_HEADS + days, _HEADS + days + 7, 9)
        sheet.write_string(0, 0, f"{name} {self.first:%Y-%m}", self.title)
        heads = [
            self.env._("Identifier"),
            self.env._("Name"),
            self.env._("Department"),
            self.env._("Level"),
        ]
        heads += [str(day) for day in range(1, days + 1)]
        heads += [
            self.env._("Present"),
            self.env._("Late"),
            self.env._("Absent"),
            self.env._("Leave"),
            self.env._("Days Off"),
            self.env._("Hours"),
            self.env._("Overtime"),
            self.env._("Extra"),
        ]
        for column, text in enumerate(heads):
            sheet.write_string(1, column, text, self.head)
        levels = {"worker": self.env._("Worker"), "staff": self.env._("Staff")}
        for row, person in enumerate(people, _FIRST_ROW):
            for column, text in enumerate(
                (
                    person.identifier,
                    person.name,
                    person.department,
                    levels.get(person.level, ""),
                )
            ):
                sheet.write_string(row, column, text or "", self.text)
            for cell in cells[person.id]:
                write(sheet, row, _HEADS + cell.day - 1, cell)
            total = totals(cells[person.id])
            counts = (
                total.present,
                total.late,
                total.absent,
                total.leave / _HUNDRED,
                total.off,
            )
            column = _HEADS + days
            for value in counts:
                sheet.write_number(row, column, value, self.count)
                column += 1
            for minutes in (total.hours, total.overtime, total.extra):
                sheet.write_number(row, column, to_hours(minutes), self.number)
                column += 1

    def _legend(self, book: Any, cells: Mapping[int, Sequence[Cell]]) -> None:
        """What the abbreviations mean that are there."""
        sheet = book.add_worksheet(self.env._("Legend")[:31])
        sheet.set_column(1, 1, 30)
        found = sorted(
            {
                (cell.status, cell.abbreviation or "")
                for own in cells.values()
                for cell in own
                if cell.status is not None
            }
        )
        for row, (status, abbreviation) in enumerate(found):
            sheet.write_string(row, 0, abbreviation, self.colored[status])
            sheet.write_string(row, 1, self.labels[STATUS_KEYS[status]], self.text)
