"""What a mapping can fill: every field of an order and of its lines, one row each. A new field is a new row.

``kind`` says how a cell is read; ``agree`` that rows of one order which differ in it cannot be one order.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "integer", "amount", "time", "list", "country"]


class Field(NamedTuple):
    kind: Kind = "text"
    agree: bool = False
    is_id: bool = False  # a text of digits that a spreadsheet may have rewritten as 2.19E+26
    required: bool = False


def _place(name: str) -> dict[str, Field]:
    texts = {f"{name}.{part}": Field(agree=True) for part in ("name", "line1", "line2", "city", "region", "postcode")}
    return texts | {f"{name}.country": Field("country", agree=True)}


ORDER_FIELDS: dict[str, Field] = {
    "order_id": Field(is_id=True, required=True),
    "channel": Field(agree=True),
    "seller": Field(agree=True),
    "placed_at": Field("time", required=True),
    "currency": Field(agree=True),
    "total": Field("amount"),
    "discount": Field("amount"),
    "tax": Field("amount"),
    "priority": Field("integer"),
    "coupons": Field("list"),
    "customer.id": Field(agree=True, is_id=True),
    "customer.name": Field(agree=True),
    "customer.email": Field(agree=True),
    "customer.phone": Field(agree=True, is_id=True),
    **_place("ship_to"),
    **_place("bill_to"),
    "payment.method": Field(),
    "payment.status": Field(),
    "payment.reference": Field(is_id=True),
    "shipping.service": Field(),
    "shipping.promise_by": Field("time"),
    "shipping.fee": Field("amount"),
}
LINE_FIELDS: dict[str, Field] = {
    "lines.line_id": Field(is_id=True),
    "lines.sku": Field(is_id=True, required=True),
    "lines.qty": Field("integer", required=True),
    "lines.unit_price": Field("amount"),
    "lines.line_total": Field("amount"),  # of the whole line; becomes unit prices that add up to it (lines.py)
    "lines.discount": Field("amount"),  # of the whole line, as its tax
    "lines.tax": Field("amount"),
    "lines.node": Field(is_id=True),  # that the line must come from
}
ATTRIBUTES, LINE_ATTRIBUTES = "attributes.", "lines.attributes."
REQUIRED_COLUMNS = ("order_id", "lines.sku", "lines.qty")
_ATTRIBUTE = Field()


def field_of(path: str) -> Field | None:
    """The row of a field; None where an order has no such field. Attributes may be called anything."""
    if path.startswith((ATTRIBUTES, LINE_ATTRIBUTES)) and not path.endswith("."):
        return _ATTRIBUTE
    return ORDER_FIELDS.get(path) or LINE_FIELDS.get(path)


def is_of_line(path: str) -> bool:
    return path.startswith("lines.")
