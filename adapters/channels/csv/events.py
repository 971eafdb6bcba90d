"""Events that an export tells beside the orders: a payment that came, a parcel that left, an order that waits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Named

from adapters.channels.csv.binding import event_columns
from adapters.channels.csv.cells import CellFault, compile_test, exponent_of, time_format
from adapters.channels.csv.joins import JoinedTable
from adapters.channels.csv.mapping import Cell, Event, Mapping
from adapters.channels.csv.numbers import NumberFormat
from router.log.event_fields import COMMON, FIELDS, Form

Document = dict[str, object]
_PLACE = re.compile(r"\{([^{}]+)\}")


class EventMaker:
    def __init__(self, mapping: Mapping, tables: Sequence[JoinedTable], head_width: int) -> None:
        """``head_width``: fields of a head; behind them stand the columns of events."""
        self._places = {column: head_width + at for at, column in enumerate(event_columns(mapping))}
        self._tables = {table.name: table for table in tables}
        self._rules: list[tuple[Event, Callable[[str], bool]]] = [
            (rule, compile_test(rule, mapping)) for rule in mapping.events
        ]
        self._numbers = NumberFormat(mapping.file.decimal, mapping.file.thousands)
        self._time = time_format(mapping, Cell())
        self._scope = mapping.order_id_scope

    def events(self, head: list[str], order: Document, currency: str, is_left_out: bool = False) -> list[Document]:
        """``order``: what its id is unique within is needed of it. Raises :class:`CellFault` where a cell is no amount
        or time."""
        own = {column: head[place] for column, place in self._places.items()}
        made = []
        for rule, fits in self._rules:
            if is_left_out and not rule.left_out:
                continue
            for cells in self._rows(rule, own):
                if not rule.column or fits(cells[rule.column]):
                    made.append(self._event(rule, cells, order, currency))
        return made

    def _rows(self, rule: Event, own: Named[str, str]) -> list[dict[str, str]]:
        if not rule.each:
            return [dict(own)]
        table = self._tables[rule.each]
        return table.rows_of(tuple(own[column] for column in table.join.on))

    def _event(self, rule: Event, cells: Named[str, str], order: Document, currency: str) -> Document:
        event: Document = {
            "event_id": _PLACE.sub(lambda found: cells[found[1]], rule.event_id),
            "order_id": order["order_id"],
            "type": rule.type,
        }
        if self._scope != "global":
            event |= {name: order[name] for name in ("channel", "seller") if name in order}
        texts = {name: cells[column] for name, column in rule.columns.items()} | rule.constants
        for name, text in texts.items():
            if text:
                event[name] = self._value(name, text, currency)
        if "amount" in event:
            event.setdefault("currency", currency)
        return event

    def _value(self, name: str, text: str, currency: str) -> object:
        form = (COMMON | FIELDS)[name].form
        try:
            if form is Form.AMOUNT:
                return self._numbers.money(text, currency, exponent_of(currency))
            if form is Form.TIME:
                return self._time.rfc3339(text)
            return self._numbers.minor(text, 0) if form is Form.COUNT else text
        except ValueError as fault:
            raise CellFault("event_field", f"{name} of an event: {fault}") from None
