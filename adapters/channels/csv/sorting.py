"""Where each row belongs: to which order, and as what - a line of it, a row that a filter names, or a fault."""

from __future__ import annotations

from typing import NamedTuple

from adapters.channels.csv import report as words
from adapters.channels.csv.binding import Binding
from adapters.channels.csv.cells import CellFault, CellRule
from adapters.channels.csv.draft import Key
from adapters.channels.csv.mapping import Filter, Mapping
from adapters.channels.csv.rows import Record

ALONE: Key = ("", "")  # of a row that belongs to no order


class Sorted(NamedTuple):
    """The order's key, and why the row is no line of it (an empty reason: it is one)."""

    key: Key
    cells: list[str]  # with those of the joins
    reason: str = ""
    detail: str = ""
    is_fault: bool = False
    rule: Filter | None = None
    unnamed: bool = False  # the row has no id of its own
    named: str = ""  # by a row that is left alone: perhaps the id of an order


class RowSorter:
    def __init__(self, mapping: Mapping, order_id: CellRule) -> None:
        self._blank_belongs_above = mapping.continuation == "blank_id"
        self._order_id = order_id
        self.broken: dict[Key, tuple[str, str]] = {}  # orders that have a row which cannot be read: reason, detail

    def sort(self, binding: Binding, record: Record, above: Key) -> Sorted:
        """``above``: the order of the row before; a row without an id belongs to it, or may be missing in it."""
        cells = record.cells
        if not record.fault and not "".join(cells).strip():
            return Sorted(ALONE, cells, words.ROW_BLANK, "no cell has anything in it")
        if cells[: binding.width] == binding.header:
            return Sorted(ALONE, cells, words.HEADER_AGAIN, "the header once more")
        for rule, fits in binding.text_filters:
            if fits(binding.delimiter.join(cells)):
                return Sorted(ALONE, cells, rule.reason, shown(cells))
        if record.fault or len(cells) != binding.width:
            return self._misshapen(binding, record, above)
        try:
            cells = binding.extend(cells)
            key = (binding.scope(cells), self._order_id.text(binding.order_id(cells)))
        except CellFault as fault:
            return Sorted(self._named(binding, cells) or above, cells, fault.reason, str(fault), is_fault=True)
        return self._filtered(binding, record.told, cells, key, above)

    def _filtered(self, binding: Binding, told: str, cells: list[str], key: Key, above: Key) -> Sorted:
        """``told``: the reason that a row of a file of rejects still names."""
        unnamed = not key[1]
        if unnamed and self._blank_belongs_above:
            key = above
        if told == words.ORDER_UNLINED and not any(getter(cells) for _, getter in binding.line):
            said = "still without a line: write one here, or delete the row"
            return Sorted(key if key[1] else ALONE, cells, told, said, is_fault=True)
        for rule, place, fits in binding.filters:
            if fits(cells[place]):
                return Sorted(key if key[1] else ALONE, cells, rule.reason, shown(cells), rule=rule)
        if told == words.ORDER_IN_FILES:
            said = "keep the rows that count, clear their reject_reason, and delete the others"
            return Sorted(key, cells, told, f"rows of two files: {said}", is_fault=True)
        error = binding.error_in(cells)
        if error:
            return Sorted(key if key[1] else above, cells, words.CELL_ERROR, error, is_fault=True, unnamed=unnamed)
        if not key[1]:
            said = "order_id is empty, so the order above it may be short of a line"
            remedy = 'say continuation = "blank_id" where such rows belong to the order above'
            return Sorted(above, cells, words.ID_MISSING, f"{said}; {remedy}", is_fault=True, unnamed=True)
        try:
            self._order_id.refuse_spoilt(binding.order_id(cells))
        except CellFault as fault:
            return Sorted(key, cells, fault.reason, str(fault), is_fault=True)
        return Sorted(key, cells, unnamed=unnamed)

    def _misshapen(self, binding: Binding, record: Record, above: Key) -> Sorted:
        """A row that cannot be read; the order it names, or the one above, is not sent."""
        cells = record.cells
        reason = words.QUOTE_OPEN if record.swallowed else words.ROW_SHAPE
        detail = record.fault or f"{len(cells)} cells where the header has {binding.width}"
        named = self._named(binding, cells)
        key = named or above
        is_a_part = record.swallowed and len(cells) < binding.width and named is not None
        if key != ALONE:
            self.broken.setdefault(key, (reason, f"row {record.row}: {detail}"))
        if is_a_part:  # a line of a cell perhaps: what it seems to name is not sent, but may be no order
            return Sorted(ALONE, cells, reason, detail, is_fault=True, named=key[1])
        return Sorted(key, cells, reason, detail, is_fault=True, unnamed=named is None)

    def _named(self, binding: Binding, cells: list[str]) -> Key | None:
        """The order that a faulty row names, as far as its cells go."""
        cells = binding.padded(cells)
        try:
            order_id = self._order_id.text(binding.order_id(cells))
        except CellFault:
            return None
        return (binding.scope(cells), order_id) if order_id else None


def shown(cells: list[str]) -> str:
    text = ",".join(cells).encode("utf-8", "backslashreplace").decode()  # bytes that are no text are shown as such
    return text if len(text) <= 160 else text[:157] + "..."
