"""A file of rejects that is sent back: its rows as they stood in the file they came from, and why they were refused.

Faults of content are found again by themselves. A fault of the form is not: in a file of rejects every row has as many
cells as the header, and no quote is open. A row that was refused for its form stays refused until somebody clears its
``reject_reason``.
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.channels.csv.report import QUOTE_OPEN, REJECT_DETAIL, REJECT_REASON, ROW_SHAPE
from adapters.channels.csv.rows import Record

_OF_FORM = (ROW_SHAPE, QUOTE_OPEN)
_REMEDY = "see that its cells stand in their columns and clear its reject_reason"


class RejectColumns:
    """Where a header has the two columns that a file of rejects has behind its own.

    A spreadsheet may have put nameless columns behind them, for the cells of rows that are too long. A column
    ``reject_reason`` without ``reject_detail`` behind it, or with others behind that, is one of the file's own and
    stays in it; what stands there is obeyed all the same, for somebody may have moved the columns.
    """

    def __init__(self, header: Sequence[str]) -> None:
        """``header``: names REJECT_REASON at least once."""
        self._reason = len(header) - 1 - list(reversed(header)).index(REJECT_REASON)
        behind = list(header[self._reason + 1 :])
        self._ours = 2 if behind[:1] == [REJECT_DETAIL] and not any(behind[1:]) else 0
        self._width = self._reason + (self._ours or 1)  # cells without which nobody knows what stands where

    def own(self, cells: Sequence[str]) -> list[str]:
        """Without the two columns, where they are ours; further cells of a row that is too long are its own again."""
        return [*cells[: self._reason], *cells[self._reason + self._ours :]]

    def row(self, record: Record) -> Record:
        """The row as it was, with the reason for which it was refused, and its fault where that is not mended."""
        cells = record.cells
        if len(cells) < self._width:
            fault = f"{len(cells)} cells where the header has {self._width}" if any(map(str.strip, cells)) else ""
            return record._replace(fault=record.fault or fault)
        told, detail = cells[self._reason].strip(), cells[self._reason + 1] if self._ours else ""
        if told in _OF_FORM and not record.fault:
            fault = detail if _REMEDY in detail else "; ".join(filter(None, (detail, _REMEDY)))
            record = record._replace(fault=fault, swallowed=told == QUOTE_OPEN)
        return record._replace(cells=self.own(cells), told=told)
