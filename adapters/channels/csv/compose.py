"""From the draft of an order to the order: JSON with exact amounts, or the fault that speaks against it."""

from __future__ import annotations

from collections.abc import Mapping as Named
from collections.abc import Sequence

from adapters.channels.csv.binding import event_columns, paths_with_another
from adapters.channels.csv.cells import CellRule, Value
from adapters.channels.csv.draft import Draft
from adapters.channels.csv.fields import field_of, is_of_line
from adapters.channels.csv.lines import Document, LineComposer, cost_of, put, share_of
from adapters.channels.csv.mapping import Mapping
from router.spelling import plain


class Composer:
    def __init__(self, mapping: Mapping, rules: Named[str, CellRule], head_paths: Sequence[str]) -> None:
        self._rules = rules
        self._head = list(enumerate(head_paths))
        self._currency_at = next((at for at, path in self._head if path == "currency"), None)
        self._currency = _currency_code(str(mapping.constants.get("currency", "")))
        self._constants = {path: value for path, value in mapping.constants.items() if not is_of_line(path)}
        self._lines = LineComposer(mapping, rules)
        first = len(head_paths) + len(event_columns(mapping))
        self._instead = {path: first + at for at, path in enumerate(paths_with_another(mapping))}

    def currency(self, head: list[str]) -> str:
        if self._currency_at is None:
            return self._currency
        return _currency_code(self._rules["currency"].text(self._cell(head, self._currency_at, "currency")))

    def _cell(self, head: list[str], at: int, path: str) -> str:
        return head[at] or (head[self._instead[path]] if path in self._instead else "")

    def name(self, order_id: str, head: list[str]) -> Document:
        """What an order is called: its id, and its channel and seller, within which that may be unique."""
        order: Document = {"order_id": order_id}
        order |= {path: self._constants[path] for path in ("channel", "seller") if path in self._constants}
        for at, path in self._head:
            if path in ("channel", "seller") and (text := self._rules[path].text(self._cell(head, at, path))):
                order[path] = text
        return order

    def document(self, draft: Draft) -> Document:
        """Raises :class:`CellFault`; what a single row is to blame for as :class:`LineFault`."""
        assert draft.head is not None
        currency = self.currency(draft.head)
        order: Document = {"order_id": draft.order_id}
        for path, value in self._constants.items():
            put(order, path, [str(value)] if _is_list(path) else value)
        lines = self._lines.lines(draft.lines, currency)
        for at, path in self._head:
            rule, cell = self._rules[path], self._cell(draft.head, at, path)
            value_read = _value(rule, cell, currency, lines)
            if value_read is not None:
                put(order, path, value_read)
        order.setdefault("customer", {})
        order["lines"] = lines
        return order

    @property
    def lines_split(self) -> int:
        return self._lines.split


def _value(rule: CellRule, cell: str, currency: str, lines: list[Document]) -> Value | None:
    if rule.is_share:
        return share_of(rule, cell, _goods(lines))
    return rule.sum(cell, currency) if rule.is_sum else rule.value(cell, currency)


def _currency_code(text: str) -> str:
    """As the router reads it: case and width make no difference."""
    return plain(text).upper()


def _is_list(path: str) -> bool:
    field = field_of(path)
    return field is not None and field.kind == "list"


def _goods(lines: list[Document]) -> int | None:
    """What the lines cost together; None where one has no price."""
    costs = [cost for line in lines if (cost := cost_of(line)) is not None]
    return sum(costs) if len(costs) == len(lines) else None
