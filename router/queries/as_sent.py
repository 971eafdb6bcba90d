"""Orders as they were sent, whole, to be compared: documents leave out what the log keeps by itself.

The document of an Arrow order has neither its lines nor its time, channel, currency, priority and total. Of one that
is sent they stand in the batch, of one that is stored in its record, as far as that can tell: what it cannot is taken
to be as in the order it is compared with.
"""

from __future__ import annotations

from typing import Any

from router.arrow.arrays import list_parts
from router.log.documents import document_of
from router.log.steps import Step
from router.queries.declared import line_amounts
from router.queries.source import Row
from router.queries.text import name_of
from router.tables.compiled import Tables
from router.wire.batch import WireBatch

_COPIED = ("order_id", "channel", "seller", "priority")


def sent_order(wire: WireBatch, row: int) -> Row | None:
    """A row of a batch."""
    document = document_of(wire.documents, row)
    if document is None:
        return None
    [order] = wire.orders.slice(row, 1).to_pylist()
    offsets, _ = list_parts(wire.orders.column("lines"))
    first = int(offsets[row] - offsets[0])
    lines = [
        _line(wire.skus[line["sku_code"]].as_py(), line["qty"], line["unit_price_minor"], order["declared"], number)
        | {"line_id": wire.line_ids[first + number].as_py()}
        for number, line in enumerate(order["lines"])
    ]
    return _whole(document, order, order["currency"], lines)


def kept_order(step: Step, document: Row, tables: Tables, sent: Row) -> Row:
    """A stored one; ``tables`` name its numbers, ``sent`` is what it is compared with."""
    order = step.given
    currency = name_of(tables.currencies, order["currency"]) or sent.get("currency")
    return _whole(document, order, currency, _kept_lines(order, tables, sent))


def _whole(document: Row, order: Row, currency: str | None, lines: list[Row]) -> Row:
    found = {name: order[name] for name in _COPIED} | {
        "placed_at": order["placed_at_ms"],
        "currency": currency,
        "total": _given(order["total_declared_minor"]),
        "lines": lines,
    }
    shipping = document.get("shipping")
    if isinstance(shipping, dict) and not isinstance(shipping.get("promise_by"), str):
        document = document | {"shipping": shipping | {"promise_by": _given(order["promise_by_ms"])}}
    return found | document


def _kept_lines(order: Row, tables: Tables, sent: Row) -> list[Row]:
    """Lines of a record: those of a document without lines had no ids. Where lines of one SKU were merged, how many
    units each had is not known."""
    given: Any = sent.get("lines")
    others = [line if isinstance(line, dict) else {} for line in given] if isinstance(given, list) else []
    merged = any(line["qty"] <= 0 for line in order["lines"])
    lines = []
    for number, line in enumerate(order["lines"]):
        other = others[number] if number < len(others) else {}
        sku = name_of(tables.skus.ids, line["sku"]) or other.get("sku")
        qty = other.get("qty") if merged else line["qty"]
        lines.append(_line(sku, qty, _price_of(line, other), order["declared"], number))
    return lines


def _price_of(line: Row, other: Row) -> int:
    """The price that counts; one that is the catalogue's need not have been given."""
    may_be_absent = line["unit_price_minor"] == line["list_price_minor"] and other.get("unit_price") is None
    return -1 if may_be_absent else int(line["unit_price_minor"])


def _line(sku: str | None, qty: Any, unit_price: int, declared: list[Row], number: int) -> Row:
    return {"sku": sku, "qty": qty, "unit_price": _given(unit_price), **line_amounts(declared, number)}


def _given(number: int) -> int | None:
    return None if number == -1 else number
