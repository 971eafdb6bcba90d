"""Cells of a workbook that hold an error, ``#N/A`` say. The reader of workbooks gives them as blank, and they are not.

They are read from the parts of the workbook, and only where its sheet has any: of most workbooks this is one quick
look at the bytes of a sheet.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, NamedTuple
from xml.etree import ElementTree
from xml.parsers import expat

_CHUNK_BYTES = 1 << 20
_LONGEST_MARK_BYTES = 64  # of an attribute that says error, blanks around its sign included
_EXCEL_MARK = re.compile(rb"""\bt\s{0,9}=\s{0,9}["']e["']""")
_OPEN_DOCUMENT_MARK = re.compile(rb"""value-type\s{0,9}=\s{0,9}["']error["']""")
_CELLS = ("table-cell", "covered-table-cell")
_COLUMN = re.compile(r"[A-Za-z]+")


class ErrorCells(NamedTuple):
    """One cell, or as many as the workbook says once for all of them."""

    row: int  # from 0, as the column
    column: int
    error: str
    rows: int = 1
    columns: int = 1


def error_cells(file: BinaryIO, sheet: str) -> Iterator[ErrorCells]:
    """Of .xlsx, .xlsm and .ods; other workbooks are no archives of XML, and have none here.

    Raises :class:`ValueError` where the archive is damaged.
    """
    try:
        yield from _of_archive(file, sheet)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, ElementTree.ParseError, expat.ExpatError) as fault:
        raise ValueError(str(fault)) from None


def _of_archive(file: BinaryIO, sheet: str) -> Iterator[ErrorCells]:
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        if "xl/workbook.xml" in names:
            part = _excel_part(archive, sheet)
            if part in names:
                yield from _read(archive, part, _EXCEL_MARK, _ExcelSheet())
        elif "content.xml" in names:
            yield from _read(archive, "content.xml", _OPEN_DOCUMENT_MARK, _OpenDocument(sheet))


def _excel_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The part of the archive that has this sheet's cells."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    for element in book.iter():
        if _local(element.tag) == "sheet" and element.get("name") == sheet:
            wanted = next((value for name, value in element.items() if name.endswith("}id")), "")
            for relation in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels")):
                if relation.get("Id") == wanted:
                    return posixpath.normpath(posixpath.join("xl", relation.get("Target", ""))).lstrip("/")
    return ""


def _read(
    archive: zipfile.ZipFile, part: str, mark: re.Pattern[bytes], sheet: _ExcelSheet | _OpenDocument
) -> list[ErrorCells]:
    with archive.open(part) as text:
        if not _has(text, mark):
            return []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: sheet.start(name.rpartition(":")[2], _by_local(attributes))
    parser.EndElementHandler = lambda name: sheet.end(name.rpartition(":")[2])
    parser.CharacterDataHandler = sheet.text
    with archive.open(part) as text:
        parser.ParseFile(text)
    return sheet.found


def _has(text: IO[bytes], mark: re.Pattern[bytes]) -> bool:
    last = b""
    while chunk := text.read(_CHUNK_BYTES):
        if mark.search(last + chunk):
            return True
        last = chunk[-_LONGEST_MARK_BYTES:]
    return False


class _ExcelSheet:
    """``<row r="3"><c r="B3" t="e"><v>#N/A</v></c></row>``; without an ``r`` a row or cell follows the one before."""

    def __init__(self) -> None:
        self.found: list[ErrorCells] = []
        self._row = self._column = -1
        self._is_error = False
        self._error: list[str] | None = None  # while its text comes

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self._row, self._column = int(attributes.get("r", self._row + 2)) - 1, -1
        elif name == "c":
            self._column = _column_of(attributes["r"]) if "r" in attributes else self._column + 1
            self._is_error = attributes.get("t") == "e"
        elif name == "v" and self._is_error:
            self._error = []

    def text(self, text: str) -> None:
        if self._error is not None:
            self._error.append(text)

    def end(self, name: str) -> None:
        if name == "v" and self._error is not None:
            self.found.append(ErrorCells(self._row, self._column, "".join(self._error).strip()))
            self._error = None


class _OpenDocument:
    """Tables with rows and cells, each perhaps repeated; a cell shows its error in a paragraph."""

    def __init__(self, sheet: str) -> None:
        self.found: list[ErrorCells] = []
        self._sheet = sheet
        self._is_here = False
        self._row = self._column = 0
        self._rows = self._columns = 1  # how often the row and the cell are repeated
        self._error: list[str] | None = None
        self._is_note = False  # somebody's words on the cell

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self._is_here, self._row = attributes.get("name") == self._sheet, 0
        elif name == "table-row":
            self._rows, self._column = int(attributes.get("number-rows-repeated", 1)), 0
        elif name in _CELLS:
            self._columns = int(attributes.get("number-columns-repeated", 1))
            self._error = [] if self._is_here and attributes.get("value-type") == "error" else None
        self._is_note |= name == "annotation"

    def text(self, text: str) -> None:
        if self._error is not None and not self._is_note:
            self._error.append(text)

    def end(self, name: str) -> None:
        if name == "table-row":
            self._row += self._rows
        elif name in _CELLS:
            if self._error is not None:
                shown = "".join(self._error).strip()
                self.found.append(ErrorCells(self._row, self._column, shown, self._rows, self._columns))
            self._column, self._error = self._column + self._columns, None
        self._is_note &= name != "annotation"


def _by_local(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes without their prefix; a type of the spreadsheet's own (``calcext``) goes before that of ``office``."""
    return {name.rpartition(":")[2]: value for name, value in sorted(attributes.items(), reverse=True)}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _column_of(reference: str) -> int:
    """``B3`` is column 1."""
    letters = _COLUMN.match(reference)
    number = 0
    for letter in letters[0].upper() if letters else "A":
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
