"""Workbooks as rows: numbers as values, times as ``2026-03-02 09:00:00``, whatever form the sheet shows."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterable
from decimal import Decimal
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook

from actors.client.sheet_errors import ErrorCells, error_cells
from adapters.channels.csv.cells import SHEET_ERRORS
from router.errors import Misconfigured

_ZIP, _OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_PARTS_OF_WORKBOOKS = frozenset(("xl/workbook.xml", "xl/workbook.bin", "content.xml"))
_ERROR = "#VALUE!"
_DIGITS_MAX = 10**15  # a sheet keeps 15 digits of a number; a longer id in it has lost its last ones
Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def is_workbook(magic: bytes, path: str) -> bool:
    """Whether the file is a workbook; any other zip archive is refused in words."""
    if magic == _OLD_WORKBOOK:
        return True
    if magic != _ZIP:
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        raise Misconfigured(f"{path} is a damaged zip archive or workbook.") from None
    if _PARTS_OF_WORKBOOKS & set(names):
        return True
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    raise Misconfigured(f"{path} is a zip archive ({shown}): unpack it and name the files in it.")


def sheet_rows(file: BinaryIO, path: str, sheet: str) -> list[list[str | Decimal]]:
    """Rows of a sheet from its first line on, so that a row is called as the sheet calls it; numbers as decimals."""
    try:
        with CalamineWorkbook.from_filelike(file) as book:
            names = book.sheet_names
            if sheet and sheet not in names:
                raise Misconfigured(f"{path} has no sheet {sheet!r}; it has {names}.")
            values = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
        rows = [[_value(cell) for cell in row] for row in values]
        _put_errors(rows, error_cells(file, sheet or names[0]))
    except (CalamineError, ValueError) as fault:
        raise Misconfigured(f"{path} is no readable workbook: {fault}.") from None
    return rows


def _put_errors(rows: list[list[str | Decimal]], errors: Iterable[ErrorCells]) -> None:
    """Errors under the names that the channel knows them by; some sheets show them in the words of their user."""
    for cells in errors:
        shown = cells.error if cells.error in SHEET_ERRORS else _ERROR
        for row in rows[cells.row : cells.row + cells.rows]:
            width = len(row[cells.column : cells.column + cells.columns])
            row[cells.column : cells.column + cells.columns] = [shown] * width


def _value(cell: Cell) -> str | Decimal:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return _number(float(cell))
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ", "seconds")
    if isinstance(cell, dt.date):
        return f"{cell.isoformat()} 00:00:00"
    return str(cell)


def _number(number: float) -> str | Decimal:
    """The 15 digits that a sheet keeps and shows: 0.1 + 0.2 is 0.3 there, too.

    What has lost digits stands as a text in scientific form, by which ids are seen to be spoilt.
    """
    if abs(number) >= _DIGITS_MAX:
        return f"{number:.14E}"
    return Decimal(int(number)) if number.is_integer() else Decimal(format(number, ".15g"))
