"""Any channel that exports CSV: rows in, order JSON lines out, every row accounted for.

    row ─▶ filter ─▶ line of its order ─▶ order (rows grouped by order_id) ─▶ JSON line
             │            │                  │
             ▼            ▼                  ▼
          a reason     a fault spoils     first row wins where rows of one order differ
          of yours     its whole order    (counted by field)

Pure translation: text lines come from the caller, nothing is opened here. After the last order
``CsvReport`` holds: rows = order_lines + the rows of every reason. An order with a faulty row is not
sent at all, because a shortened order would be another order than the customer's.

Memory: ``group = "consecutive"`` holds one order and a 64-bit hash of every order id seen; ``"all"`` holds the file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
import xxhash

from adapters.channels.csv.cells import CellFault, CellReader, compile_filter
from adapters.channels.csv.mapping import LINE_FIELDS, Mapping
from router.errors import Misconfigured

EXAMPLES_MAX = 3  # rows shown for each reason

# Faults of the file itself; reasons of filters are named by the mapping.
ROW_BLANK = "blank_row"
ROW_SHAPE = "row_shape"
ORDER_SPOILED = "order_with_faulty_row"
ORDER_RETURNED = "order_id_returned"
TEXT_ENCODING = "text_encoding"


@dataclass
class LeftOut:
    """Rows that became no order line, for one reason."""

    rows: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)  # row number, what was there

    def add(self, row: int, what: str) -> None:
        self.rows += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append((row, what))


@dataclass
class CsvReport:
    rows: int = 0
    orders: int = 0
    order_lines: int = 0
    orders_without_lines: int = 0  # every row of the order had a reason
    not_orders: dict[str, LeftOut] = field(default_factory=dict)
    first_row_won: dict[str, int] = field(default_factory=dict)  # field -> orders whose rows differ in it

    def leave_out(self, reason: str, row: int, what: str) -> None:
        self.not_orders.setdefault(reason, LeftOut()).add(row, what)


@dataclass
class ComposedOrder:
    order_id: str
    body: bytes  # one JSON object, without a newline
    row: int  # number of its first row in the file, the header being row 1


@dataclass
class _Draft:
    """An order while its rows come in."""

    order_id: str
    row: int
    head: list[str] | None = None  # cells of the order-level columns, from the first row that is a line
    lines: list[dict[str, object]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    differing: set[int] = field(default_factory=set)
    spoiled: bool = False


class CsvTranslator:
    """One pass over one file: ``for order in translator.orders(lines)``, then ``translator.report``."""

    def __init__(self, mapping: Mapping) -> None:
        self.report = CsvReport()
        self._mapping = mapping
        self._cells = CellReader(mapping)
        self._encode = msgspec.json.Encoder().encode
        self._seen: set[int] = set()

    def orders(self, lines: Iterable[str]) -> Iterator[ComposedOrder]:
        file = self._mapping.file
        # strict: a quote in the wrong place is a fault of its row, not part of a name
        reader = csv.reader(lines, delimiter=file.delimiter, quotechar=file.quote, strict=True)
        try:
            header = next(reader, None)
        except csv.Error as fault:
            raise Misconfigured(f"The first row of the CSV file cannot be read: {fault}; check its quotes.") from None
        if header is None:
            raise Misconfigured("The CSV file is empty; its first row must name the columns.")
        self._bind(header)
        drafts = self._consecutive(reader) if self._mapping.group == "consecutive" else self._all(reader)
        for draft in drafts:
            order = self._compose(draft)
            if order is not None:
                yield order

    def _bind(self, header: list[str]) -> None:
        """Turn column names into positions once; a missing or repeated name is refused in words."""
        wanted = {*self._mapping.columns.values(), *(rule.column for rule in self._mapping.filters)}
        for name in sorted(wanted):
            if header.count(name) != 1:
                fault = "twice" if name in header else "not"
                raise Misconfigured(f"The mapping uses column {name!r}, which the file has {fault}. It has: {header}.")
        place = {name: header.index(name) for name in wanted}
        columns = self._mapping.columns
        self._width = len(header)
        self._key = place[columns["order_id"]]
        self._head = [(path, place[name]) for path, name in columns.items() if path not in LINE_FIELDS]
        self._line = [(path, place[name]) for path, name in columns.items() if path in LINE_FIELDS]
        self._filters: list[tuple[str, int, Callable[[str], bool]]] = [
            (rule.reason, place[rule.column], compile_filter(rule, self._cells)) for rule in self._mapping.filters
        ]

    def _consecutive(self, reader: Iterator[list[str]]) -> Iterator[_Draft]:
        draft: _Draft | None = None
        for row, cells in self._rows(reader):
            order_id = self._order_id(cells)
            if draft is None or draft.order_id != order_id:
                if draft is not None:
                    yield draft
                draft = _Draft(order_id, row)
            self._take(draft, row, cells)
        if draft is not None:
            yield draft

    def _all(self, reader: Iterator[list[str]]) -> Iterator[_Draft]:
        drafts: dict[str, _Draft] = {}
        for row, cells in self._rows(reader):
            order_id = self._order_id(cells)
            draft = drafts.get(order_id)
            if draft is None:
                draft = drafts[order_id] = _Draft(order_id, row)
            self._take(draft, row, cells)
        yield from drafts.values()

    def _rows(self, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
        """Rows of the right shape that no filter names, with their number in the file."""
        row = 1
        while True:
            row += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as fault:
                self.report.rows += 1
                self.report.leave_out(ROW_SHAPE, row, str(fault))
                continue
            self.report.rows += 1
            if len(cells) != self._width:
                what = f"{len(cells)} cells where the header has {self._width}"
                self.report.leave_out(ROW_SHAPE if cells else ROW_BLANK, row, what)
                if len(cells) > self._key:
                    yield row, cells  # the order it belongs to is spoiled
                continue
            yield row, cells

    def _order_id(self, cells: list[str]) -> str:
        return self._cells.stripped("order_id", cells[self._key])

    def _take(self, draft: _Draft, row: int, cells: list[str]) -> None:
        if len(cells) != self._width:
            draft.spoiled = True
            return
        for reason, position, fits in self._filters:
            if fits(cells[position]):
                self.report.leave_out(reason, row, _shown(cells))
                return
        line: dict[str, object] = {}
        try:
            if not draft.order_id:
                raise CellFault("value_missing", "order_id is empty")
            for path, position in self._line:
                self._cells.put(line, path[6:], path, cells[position])
        except CellFault as fault:
            draft.spoiled = True
            self.report.leave_out(fault.reason, row, str(fault))
            return
        draft.lines.append(line)
        draft.rows.append(row)
        self._take_head(draft, cells)

    def _take_head(self, draft: _Draft, cells: list[str]) -> None:
        head = [cells[position] for _, position in self._head]
        if draft.head is None:
            draft.head = head
        elif head != draft.head:
            draft.differing.update(i for i, cell in enumerate(head) if cell != draft.head[i])

    def _compose(self, draft: _Draft) -> ComposedOrder | None:
        """The order as JSON, or None after giving every row of it a reason."""
        key = xxhash.xxh3_64_intdigest(draft.order_id.encode("utf-8", "surrogatepass"))
        if draft.head is None:
            self.report.orders_without_lines += not draft.spoiled
            return None
        if key in self._seen:
            self._give_up(draft, ORDER_RETURNED, "rows of this order stand apart; set group = 'all'")
            return None
        self._seen.add(key)
        if draft.spoiled:
            self._give_up(draft, ORDER_SPOILED, f"order {draft.order_id} has another row with a fault")
            return None
        try:
            body = self._encode(self._document(draft, draft.head))
        except CellFault as fault:
            self._give_up(draft, fault.reason, str(fault))
            return None
        except UnicodeEncodeError:
            encoding = self._mapping.file.encoding
            self._give_up(draft, TEXT_ENCODING, f"order {draft.order_id!a} has text that is not {encoding}")
            return None
        for i in draft.differing:
            path = self._head[i][0]
            self.report.first_row_won[path] = self.report.first_row_won.get(path, 0) + 1
        self.report.orders += 1
        self.report.order_lines += len(draft.lines)
        return ComposedOrder(draft.order_id, body, draft.rows[0])

    def _give_up(self, draft: _Draft, reason: str, what: str) -> None:
        for row in draft.rows:
            self.report.leave_out(reason, row, what)

    def _document(self, draft: _Draft, head: list[str]) -> dict[str, object]:
        order: dict[str, object] = {"order_id": draft.order_id}
        for path, value in self._mapping.constants.items():
            _place(order, path, value)
        currency = self._currency(head)
        for (path, _), cell in zip(self._head, head, strict=True):
            leaf: dict[str, object] = {}
            self._cells.put(leaf, "value", path, cell, currency)
            if leaf:
                _place(order, path, leaf["value"])
        order.setdefault("customer", {})
        order["lines"] = self._priced(draft, currency)
        return order

    def _currency(self, head: list[str]) -> str:
        for (path, _), cell in zip(self._head, head, strict=True):
            if path == "currency":
                return self._cells.text(path, cell)
        return str(self._mapping.constants["currency"])

    def _priced(self, draft: _Draft, currency: str) -> list[dict[str, object]]:
        """Amounts need the order's currency, so they are read when the order is whole."""
        for number, line in enumerate(draft.lines, 1):
            line.setdefault("line_id", str(number))
            if "unit_price" in line:
                line["unit_price"] = self._cells.amount("lines.unit_price", str(line["unit_price"]), currency)
        return draft.lines


def _place(order: dict[str, object], path: str, value: object) -> None:
    parent, _, leaf = path.rpartition(".")
    if parent:
        branch = order.setdefault(parent, {})
        assert isinstance(branch, dict)
        branch[leaf] = value
    else:
        order[leaf] = value


def _shown(cells: list[str]) -> str:
    text = ",".join(cells)
    return text if len(text) <= 160 else text[:157] + "..."
