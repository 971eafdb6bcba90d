"""The careful reader of one order line: names what is wrong with it, or writes it again in plain form.

See ``router/wire/careful.py`` for what it does to the lines that the scanner leaves.
"""

from __future__ import annotations

import json

import msgspec

from router.config import Limits
from router.wire.careful import (
    Int64,
    LineFault,
    Pairs,
    bounded_text,
    pairs_of,
    plain_time,
    refuse_repeated,
    syntax_sentence,
    type_sentence,
)
from router.wire.fields import LINE_FIELDS, OBJECTS


class _Part(msgspec.Struct, omit_defaults=True, gc=False):
    """A part of an order: absent and null are the same, unknown keys stay in the document."""


class Customer(_Part):
    id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Address(_Part):
    name: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None


class Payment(_Part):
    method: str | None = None
    status: str | None = None
    reference: str | None = None


class Shipping(_Part):
    service: str | None = None
    promise_by: str | None = None
    fee: Int64 | None = None


class Line(_Part):
    sku: str | None = None
    qty: Int64 | None = None
    unit_price: Int64 | None = None
    line_id: str | None = None
    discount: Int64 | None = None
    tax: Int64 | None = None
    node: str | None = None


class Order(_Part):
    order_id: str | None = None
    channel: str | None = None
    seller: str | None = None
    placed_at: str | None = None
    currency: str | None = None
    customer: Customer | None = None
    ship_to: Address | None = None
    bill_to: Address | None = None
    lines: list[Line] | None = None
    coupons: list[str] | None = None
    payment: Payment | None = None
    shipping: Shipping | None = None
    priority: Int64 | None = None
    total: Int64 | None = None
    discount: Int64 | None = None
    tax: Int64 | None = None


class _OnlyId(msgspec.Struct):
    order_id: str = ""


_decoder = msgspec.json.Decoder(Order)
_id_decoder = msgspec.json.Decoder(_OnlyId)
_encoder = msgspec.json.Encoder()


def plain_line(line: bytes, limits: Limits) -> bytes:
    """The line's known fields as JSON the scanner reads; raises :class:`LineFault` when it is no order."""
    bounded_text(line, limits)
    try:
        order = _decoder.decode(line)
        refuse_repeats(line)
    except msgspec.ValidationError as fault:
        raise LineFault(type_sentence(str(fault)), _id_of(line)) from None
    except (msgspec.DecodeError, json.JSONDecodeError) as fault:
        raise LineFault(syntax_sentence(line, fault)) from None
    except RecursionError:
        raise LineFault("the JSON is nested too deeply; send the order as the documentation shows it") from None
    try:
        order.placed_at = plain_time("placed_at", order.placed_at)
        if order.shipping:
            order.shipping.promise_by = plain_time("shipping.promise_by", order.shipping.promise_by)
        return _encoder.encode(order)
    except LineFault as fault:
        fault.order_id = order.order_id or ""
        raise


def _id_of(line: bytes) -> str:
    """The order_id of a line that has a fault elsewhere, "" when it has none."""
    try:
        return _id_decoder.decode(line).order_id
    except msgspec.MsgspecError:
        return ""


def refuse_repeats(line: bytes) -> None:
    """A known key given twice is ambiguous: readers differ on which one counts."""
    parsed = pairs_of(line)
    refuse_repeated(parsed, tuple(Order.__struct_fields__), "")
    for key, value in parsed:
        if key in OBJECTS and isinstance(value, Pairs):
            refuse_repeated(value, OBJECTS[key], f"{key}.")
        if key == "lines" and isinstance(value, list):
            for number, item in enumerate(value):
                refuse_repeated(item, LINE_FIELDS, f"lines[{number}].")
