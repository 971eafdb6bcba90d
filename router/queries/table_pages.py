"""A reference table as text, page by page: what is in memory is one page, and of stock the lots.

``page`` may be asked again where it raised BlockBusy: nothing of it was given then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from router.queries.on_hand import OnHand
from router.tables.row_csv import csv_header, csv_rows
from router.tables.row_types import StockRow
from router.tables.stock_now import Cell, note_lots

Lines = Iterator[list[bytes]]
ToText = Callable[[Sequence[bytes]], bytes]


def heading(table: str, as_csv: bool) -> bytes:
    """What stands in front of the rows."""
    return csv_header(table) if as_csv else b""


def text_of(table: str, as_csv: bool) -> ToText:
    """Rows as they are stored, one JSON object each, to the text of a page."""
    return (lambda lines: csv_rows(table, lines)) if as_csv else _ndjson


def _ndjson(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


class PagesAsPut:
    """Rows as they were put."""

    def __init__(self, lines: Lines, to_text: ToText) -> None:
        self._lines = lines
        self._to_text = to_text

    def page(self) -> bytes | None:
        """None at the end."""
        lines = next(self._lines, None)
        return None if lines is None else self._to_text(lines)


class PagesOnHand:
    """The table ``stock`` as it is now: first the lots are looked for in what was put, then come the cells."""

    def __init__(self, lines: Lines, on_hand: OnHand, to_text: ToText) -> None:
        self._lines = lines
        self._on_hand = on_hand
        self._to_text = to_text
        self._read = msgspec.json.Decoder(StockRow).decode
        self._lots: dict[Cell, list[StockRow]] = {}
        self._left = list(reversed(on_hand.pages))  # first SKUs of the pages to come

    def page(self) -> bytes | None:
        """None at the end; empty while there is nothing to show yet. Raises BlockBusy."""
        lines = next(self._lines, None)
        if lines is not None:
            note_lots(map(self._read, lines), self._lots)
            return b""
        if not self._left:
            return None
        rows = self._on_hand.page(self._left[-1], self._lots)
        self._left.pop()
        return self._to_text([msgspec.json.encode(row) for row in rows])
