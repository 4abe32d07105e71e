"""Rows of CSV and XLSX files, without Odoo."""

from __future__ import annotations

import datetime
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from registry import files
from registry.errors import BadFile, RegistryError, TooBig
from registry.files import FileSource
from registry.mapping import FieldMap, RowError, map_row

HEADER = "Identifier,Family Name,Given Name"


def rows(content: bytes | str, **more: Any) -> list[dict[str, Any]]:
    return [row for page in pages(content, **more) for row in page.rows]


def pages(content: bytes | str | Path, page_size: int = 1000) -> list[files.Page]:
    data = content.encode() if isinstance(content, str) else content
    source = FileSource(data, page_size=page_size)
    found = [source.page()]
    while found[-1].next_cursor is not None:
        found.append(source.page(json.loads(json.dumps(found[-1].next_cursor))))
    source.close()
    return found


def workbook(*lines: list[Any], title: str = "People") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for line in lines:
        sheet.append(line)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


# ------------------------------------------------------------------------ CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, end: str) -> None:
    lines = ["Identifier,Name,Town", "P-1,Amina,Nairobi", "P-2,Bo,"]
    text = end.join(lines).replace(",", delimiter) + end
    assert rows(text) == [
        {"Identifier": "P-1", "Name": "Amina", "Town": "Nairobi"},
        {"Identifier": "P-2", "Name": "Bo", "Town": ""},
    ]


def test_a_delimiter_within_cells() -> None:
    text = "Identifier;Name\nP-1;Okafor, Amina, Grace\nP-2;Diallo, Bo\n"
    assert rows(text)[0] == {"Identifier": "P-1", "Name": "Okafor, Amina, Grace"}


def test_one_column() -> None:
    assert rows("Identifier\nP-1\nP-2\n") == [
        {"Identifier": "P-1"},
        {"Identifier": "P-2"},
    ]


def test_what_excel_says_of_the_delimiter() -> None:
    [page] = pages("sep=;\r\nIdentifier;Name\r\nP-1;a,b\r\n")
    assert page.rows == [{"Identifier": "P-1", "Name": "a,b"}]
    assert page.numbers == [3]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Zoë Łukasz أمينة"),
        ("utf-8-sig", "Zoë Łukasz أمينة"),
        ("utf-16", "Zoë Łukasz أمينة"),
        ("cp1252", "Zoë Müller €"),
    ],
)
def test_encodings(encoding: str, name: str) -> None:
    assert rows(f"Identifier,Name\nP-1,{name}\n".encode(encoding)) == [
        {"Identifier": "P-1", "Name": name}
    ]


def test_an_encoding_is_that_of_all_of_the_file() -> None:
    """What isn't UTF-8 may come at the very end."""
    lines = "".join(f"P-{number},Amina\n" for number in range(200_000))
    found = rows(f"Identifier,Name\n{lines}P-X,Zoë\n".encode("cp1252"))
    assert found[-1] == {"Identifier": "P-X", "Name": "Zoë"}
    assert len(found) == 200_001


def test_quotes_and_line_breaks_in_cells() -> None:
    text = 'Identifier,Name\nP-1,"Okafor, ""Ami""\nna"\n\nP-2,x\n'
    [page] = pages(text)
    assert page.rows == [
        {"Identifier": "P-1", "Name": 'Okafor, "Ami"\nna'},
        {"Identifier": "P-2", "Name": "x"},
    ]
    # As an editor counts: where one looks for what was refused.
    assert page.numbers == [2, 5]


def test_empty_lines_are_none() -> None:
    text = f"\n,,\n{HEADER}\n\n  ,,\nP-1,Okafor,Amina\n\n\n"
    [page] = pages(text)
    assert page.rows == [
        {"Identifier": "P-1", "Family Name": "Okafor", "Given Name": "Amina"}
    ]
    assert page.numbers == [6]
    assert page.total == 1


def test_names_of_columns() -> None:
    assert rows("Phone, Phone ,,Full\n 1,2,3,4\n") == [
        {"Phone": " 1", "Phone (2)": "2", "Column 3": "3", "Full": "4"}
    ]


def test_a_shifted_line_is_refused_alone() -> None:
    maps = [FieldMap("name", "Name")]
    first, second, third = rows("Identifier,Name\nP-1,Okafor,Amina\nP-2\nP-3,x,,\n")
    with pytest.raises(RowError, match="It has 3 cells, the first line 2"):
        map_row(first, maps)
    assert second == {"Identifier": "P-2", "Name": None}
    assert third == {"Identifier": "P-3", "Name": "x"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b'Identifier,Name\nP-1,"Okafor\nP-2,x\n', "Line 2"),
        (b'Identifier,Name\nP-1,x\nP-2,"a"b\n', "Line 3"),
        (b"a,b\n\x81\x8d", "neither UTF-8 nor Windows-1252"),
        (b"a,b\n\x00,\x01", "no text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password"),
        (b"a,b\n" + b"x" * 200_000, "Line 2"),
    ],
)
def test_what_is_no_table(content: bytes, told: str) -> None:
    with pytest.raises(BadFile, match=told):
        rows(content)


def test_only_names() -> None:
    [page] = pages(HEADER)
    assert (page.rows, page.total) == ([], 0)


# --------------------------------------------------------------- page by page


@pytest.fixture(params=["csv", "xlsx"])
def thousand(request: pytest.FixtureRequest) -> bytes:
    """1,005 rows."""
    lines = [[f"P-{number}", f"Okafor{number}"] for number in range(1005)]
    if request.param == "xlsx":
        return workbook(["Identifier", "Name"], *lines)
    return "".join(
        ",".join(line) + "\n" for line in [["Identifier", "Name"], *lines]
    ).encode()


def test_pages(thousand: bytes) -> None:
    found = pages(thousand, page_size=100)
    assert [len(page.rows) for page in found] == [100] * 10 + [5]
    numbers = [number for page in found for number in page.numbers]
    assert numbers == list(range(2, 1007))
    assert {page.total for page in found} == {1005}
    [last] = pages(thousand, page_size=1005)
    assert last.next_cursor is None


def test_going_on_in_another_process(thousand: bytes) -> None:
    whole = pages(thousand, page_size=300)
    for done in (0, 1, 2):
        later = FileSource(thousand, page_size=300)
        assert later.page(whole[done].next_cursor) == whole[done + 1]
        # And back, as after a fault in the middle.
        assert later.page(None) == whole[0]


def test_a_file_by_its_path(tmp_path: Path, thousand: bytes) -> None:
    path = tmp_path / "people"
    path.write_bytes(thousand)
    assert pages(path, page_size=600) == pages(thousand, page_size=600)
    source = FileSource(path)
    source.close()
    path.unlink()
    with pytest.raises(BadFile):
        source.page()
    with pytest.raises(BadFile):
        FileSource(path).page()


# ----------------------------------------------------------------------- XLSX


def test_values_of_a_workbook() -> None:
    content = workbook(
        ["Identifier", "Born", "Seen", "Active", "Share", "Time", "For", "Empty"],
        [
            12345,
            datetime.date(1980, 3, 1),
            datetime.datetime(2026, 11, 22, 8, 30),
            True,
            0.5,
            datetime.time(8, 30),
            datetime.timedelta(hours=30),
            None,
        ],
        ["00123", None, None, False, 12345.0, None, None, ""],
    )
    first, second = rows(content)
    assert first == {
        "Identifier": 12345,
        "Born": "1980-03-01",
        "Seen": "2026-11-22 08:30:00",
        "Active": True,
        "Share": 0.5,
        "Time": "08:30:00",
        "For": "1 day, 6:00:00",
        "Empty": None,
    }
    assert json.loads(json.dumps(first)) == first
    maps = [FieldMap(name, name) for name in ("Identifier", "Share", "Empty")]
    assert map_row(second, maps) == {
        "Identifier": "00123",
        "Share": "12345",
        "Empty": None,
    }


def test_texts_that_stand_once_for_all_cells() -> None:
    """As Excel itself writes them."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Identifier", "Name", "Total"])
        sheet.write_row(1, 0, ["P-1", "Amina"])
        sheet.write_formula(1, 2, "=SUM(1,1)", None, 2)
    assert rows(buffer.getvalue()) == [
        {"Identifier": "P-1", "Name": "Amina", "Total": 2}
    ]


def with_sheet(change) -> bytes:
    """A workbook whose sheet's XML was changed, as other programs write it."""
    content = workbook(["Identifier", "Name"], ["P-1", "Amina"])
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in archive.infolist():
            data = archive.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                data = change(data)
            target.writestr(part.filename, data)
    return changed.getvalue()


def test_formulas_are_what_they_came_to() -> None:
    def change(data: bytes) -> bytes:
        return data.replace(
            b"</row></sheetData>",
            b'<c r="C2"><f>1+1</f><v>2</v></c></row>'
            b'<row r="3"><c r="A3" t="str"><f>"P-"&amp;2</f><v>P-2</v></c>'
            b'<c r="B3" t="e"><f>1/0</f><v>#DIV/0!</v></c></row></sheetData>',
        ).replace(b'<row r="1">', b'<row r="1">', 1)

    found = pages(with_sheet(change))[0].rows
    assert found[1]["Identifier"] == "P-2"
    for row in found:
        # One is a cell too many, the other a formula that failed.
        with pytest.raises(RowError):
            map_row(row, [FieldMap("name", "Name")])


def test_a_formula_that_was_never_computed_is_nothing() -> None:
    assert rows(workbook(["Identifier", "Sum"], ["P-1", "=1+1"])) == [
        {"Identifier": "P-1", "Sum": None}
    ]


@pytest.mark.parametrize("said", [b'ref="A1"', b'ref="A1:B1"', b'ref="A1:XFD1048576"'])
def test_what_a_sheet_says_of_its_size_is_not_believed(said: bytes) -> None:
    content = with_sheet(lambda data: data.replace(b'ref="A1:B2"', said))
    assert rows(content) == [{"Identifier": "P-1", "Name": "Amina"}]


def test_empty_lines_and_further_sheets_of_a_workbook() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["B3"], sheet["C3"] = "Identifier", "Name"
    sheet["B7"], sheet["C7"] = "P-1", "Amina"
    book.create_sheet("Notes")["A1"] = "nothing for us"
    [page] = pages(saved(book))
    assert page.rows == [{"Column 1": None, "Identifier": "P-1", "Name": "Amina"}]
    assert page.numbers == [7]


def test_an_empty_workbook() -> None:
    with pytest.raises(BadFile, match="empty"):
        rows(workbook())


def test_a_cell_far_out() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"], sheet["XFD1"] = "Identifier", "Name"
    with pytest.raises(BadFile, match="500 columns"):
        rows(saved(book))


# ------------------------------------------------- what is broken or malicious


def zipped(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return buffer.getvalue()


def test_a_zip_bomb() -> None:
    bomb = zipped(xl__worksheets__sheet1=b" " * (files.MAX_BYTES + 1))
    assert len(bomb) < files.MB
    with pytest.raises(TooBig):
        rows(bomb)


def test_a_bomb_of_texts() -> None:
    with pytest.raises(TooBig):
        rows(zipped(xl__sharedStrings=b" " * (files.MAX_SHARED_TEXTS + 1)))


def test_a_bomb_that_lies_about_its_size() -> None:
    """What it declares is what is read of it."""
    size = files.MAX_BYTES + 1
    bomb = zipped(xl__worksheets__sheet1=b"<" + b" " * size)
    lie = bomb.replace((size + 1).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lie != bomb
    with pytest.raises(BadFile):
        rows(lie)


def test_a_file_that_is_too_big(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 20)
    with pytest.raises(TooBig):
        rows(HEADER.encode())
    (tmp_path / "people.csv").write_text(HEADER)
    with pytest.raises(TooBig):
        pages(tmp_path / "people.csv")


def test_entities_are_not_expanded() -> None:
    def change(data: bytes) -> bytes:
        start = data.index(b"<worksheet")
        laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
        return data[:start] + laughs + data[start:]

    with pytest.raises(BadFile, match="document type"):
        rows(with_sheet(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"not xml",
        lambda data: data.replace(b'r="2"', b'r="two"'),
        lambda data: data.replace(b't="inlineStr"', b't="s"').replace(
            b"<is>", b"<v>9</v><is>"
        ),
    ],
)
def test_a_broken_sheet(change) -> None:
    with pytest.raises(BadFile):
        rows(with_sheet(change))


def test_every_cut_of_a_workbook_is_told_of() -> None:
    content = workbook(["Identifier"], ["P-1"])
    for end in range(4, len(content), 97):
        with pytest.raises(RegistryError):
            rows(content[:end])


def test_a_zip_of_something_else() -> None:
    with pytest.raises(BadFile):
        rows(zipped(word__document=b"<w/>"))
