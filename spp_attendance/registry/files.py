"""Rows of a CSV or XLSX file, read as a stream."""

from __future__ import annotations

from pathlib import Path

from .sources import Cursor, Page, Source


class FileSource(Source):
    """Rows of a table in a file, by the names in its first line.

    :param content: the file, or where it is
    :param page_size: rows a page
    :raises BadFile: it is no such file
    :raises TooBig: it is bigger, once unpacked, than is read
    """

    def __init__(self, content: bytes | Path, *, page_size: int = 1000) -> None:
        self._content = content
        self._page_size = page_size

    def page(self, cursor: Cursor | None = None) -> Page:
        return Page([], [])
