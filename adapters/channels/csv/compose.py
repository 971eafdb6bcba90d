"""From the draft of an order to the order: JSON with exact amounts, or the fault that speaks against it."""

from __future__ import annotations

from collections.abc import Mapping as Named
from collections.abc import Sequence

from adapters.channels.csv.binding import event_columns, paths_with_another
from adapters.channels.csv.cells import CellFault, CellRule, Value
from adapters.channels.csv.draft import Draft, DraftLine
from adapters.channels.csv.fields import ATTRIBUTES, LINE_FIELDS, field_of, is_of_line
from adapters.channels.csv.mapping import Mapping

Document = dict[str, object]
# Amounts of a whole line: where it becomes two lines, each has its share, and the shares add up.
_SHARED = [
    path.removeprefix("lines.")
    for path, field in LINE_FIELDS.items()
    if field.kind == "amount" and path not in ("lines.unit_price", "lines.line_total")
]


class LineFault(CellFault):
    """A fault of one line, of the row it came from."""

    def __init__(self, fault: CellFault, row: int) -> None:
        super().__init__(fault.reason, str(fault))
        self.row = row


class Composer:
    def __init__(self, mapping: Mapping, rules: Named[str, CellRule], head_paths: Sequence[str]) -> None:
        self._rules = rules
        self._head = list(enumerate(head_paths))
        self._currency_at = next((at for at, path in self._head if path == "currency"), None)
        self._currency = str(mapping.constants.get("currency", ""))
        self._constants = {path: value for path, value in mapping.constants.items() if not is_of_line(path)}
        fixed, read = mapping.constants.items(), [path for path in mapping.columns if is_of_line(path)]
        self._line_constants = [(path.removeprefix("lines."), value) for path, value in fixed if is_of_line(path)]
        self._line = [(path.removeprefix("lines."), rules[path]) for path in read]
        first = len(head_paths) + len(event_columns(mapping))
        self._instead = {path: first + at for at, path in enumerate(paths_with_another(mapping))}
        self.lines_split = 0

    def currency(self, head: list[str]) -> str:
        if self._currency_at is None:
            return self._currency
        return self._rules["currency"].text(self._cell(head, self._currency_at, "currency"))

    def _cell(self, head: list[str], at: int, path: str) -> str:
        return head[at] or (head[self._instead[path]] if path in self._instead else "")

    def document(self, draft: Draft) -> Document:
        """Raises :class:`CellFault`; what a single row is to blame for as :class:`LineFault`."""
        assert draft.head is not None
        currency = self.currency(draft.head)
        order: Document = {"order_id": draft.order_id}
        for path, value in self._constants.items():
            put(order, path, [str(value)] if _is_list(path) else value)
        for at, path in self._head:
            value_read = self._rules[path].value(self._cell(draft.head, at, path), currency)
            if value_read is not None:
                put(order, path, value_read)
        order.setdefault("customer", {})
        order["lines"] = self._lines(draft.lines, currency)
        return order

    def _lines(self, drafts: list[DraftLine], currency: str) -> list[Document]:
        lines: list[Document] = []
        for number, draft in enumerate(drafts, 1):
            try:
                lines += self._priced(draft, number, currency)
            except CellFault as fault:
                raise LineFault(fault, draft.row) from None
        return lines

    def _priced(self, draft: DraftLine, number: int, currency: str) -> list[Document]:
        """A line with its amounts in minor units, as one line or as the two that its total needs."""
        line: Document = {}
        for name, value in self._line_constants:
            put(line, name, value)
        for (name, rule), early in zip(self._line, draft.values, strict=True):
            read = rule.value(str(early), currency) if rule.field.kind == "amount" else early
            if read is not None:
                put(line, name, read)
        line.setdefault("line_id", str(number))
        share = line.pop("discount_share", None)
        if share is not None:
            line["discount"] = self._rules["lines.discount_share"].portion(gross(line), str(share))
        total = line.pop("line_total", None)
        if total is None:
            return [line]
        parts = with_total(line, total)
        self.lines_split += len(parts) - 1
        return parts


def gross(line: Document) -> int:
    """What the line costs before its discount."""
    total, price, qty = line.get("line_total"), line.get("unit_price"), line["qty"]
    if isinstance(total, int):
        return total
    if not isinstance(price, int):
        raise CellFault("value_missing", "lines.discount_share is a share of a price, and the line has none")
    assert isinstance(qty, int)
    return price * qty


def with_total(line: Document, total: object) -> list[Document]:
    """The line at the price that adds up to its total; where none does, two lines, one minor unit apart.

    3 pieces for 10.00 are 2 at 3.33 and 1 at 3.34: nothing is rounded away and no price is invented that the channel
    did not charge.
    """
    qty, price = line["qty"], line.get("unit_price")
    assert isinstance(qty, int) and isinstance(total, int)
    if qty < 1:
        raise CellFault("number_format", f"lines.line_total {total} needs a quantity of 1 or more, not {qty}")
    if price is not None:
        assert isinstance(price, int)
        if price * qty != total:
            said = f"lines.line_total is {total}, but {qty} at {price} are {price * qty} (minor units)"
            raise CellFault("line_total_differs", said)
        return [line]
    each, dearer = divmod(total, qty)
    if not dearer:
        return [line | {"unit_price": each}]
    shares = {name: line[name] for name in _SHARED if name in line}
    first = {name: amount * (qty - dearer) // qty for name, amount in shares.items() if isinstance(amount, int)}
    rest = {name: amount - first[name] for name, amount in shares.items() if isinstance(amount, int)}
    more = {"line_id": f"{line['line_id']}/2", "qty": dearer, "unit_price": each + 1}
    return [line | first | {"qty": qty - dearer, "unit_price": each}, line | rest | more]


def _is_list(path: str) -> bool:
    field = field_of(path)
    return field is not None and field.kind == "list"


def put(target: Document, path: str, value: Value) -> None:
    """Set a field by its path: attributes keep the rest of the path as their name."""
    parent, _, leaf = path.rpartition(".")
    if path.startswith(ATTRIBUTES):
        parent, leaf = "attributes", path.removeprefix(ATTRIBUTES)
    if parent:
        branch = target.setdefault(parent, {})
        assert isinstance(branch, dict)
        branch[leaf] = value
    else:
        target[leaf] = value
