"""The careful reader of one order line: names what is wrong with it, or writes it again in plain form.

The scanner reads nearly every line by itself. What it leaves (a fault, or something unusual such as a time
with a lower-case ``z``) comes here, is decoded by its types, checked for keys given twice, and handed back
as JSON that the scanner surely reads: so both ways end in the same columns.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Annotated, Any

import msgspec

from kernels.reasons import FIELD_TOO_LONG, MALFORMED
from router.config import Limits
from router.wire.fields import LINE_FIELDS, OBJECTS

Int64 = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII)
NESTING_MAX = 220  # values within values; JSON writers end at 254, and the answers that show an order add some
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


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


class Line(_Part):
    sku: str | None = None
    qty: Int64 | None = None
    unit_price: Int64 | None = None
    line_id: str | None = None


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


class _OnlyId(msgspec.Struct):
    order_id: str = ""


class LineFault(Exception):
    """This line cannot be an order."""

    def __init__(self, detail: str, order_id: str = "", reason: int = MALFORMED) -> None:
        super().__init__(detail)
        self.detail = detail
        self.order_id = order_id
        self.reason = reason


_decoder = msgspec.json.Decoder(Order)
_id_decoder = msgspec.json.Decoder(_OnlyId)
_encoder = msgspec.json.Encoder()


def plain_line(line: bytes, limits: Limits) -> bytes:
    """The line's known fields as JSON the scanner reads; raises :class:`LineFault` when it is no order."""
    if len(line) > limits.line_bytes_max:
        raise LineFault(too_long(limits), reason=FIELD_TOO_LONG)
    try:
        line.decode()
    except UnicodeDecodeError as fault:
        raise LineFault(f"byte {fault.start + 1} is not UTF-8; send the line as UTF-8") from None
    try:
        order = _decoder.decode(line)
        refuse_repeats(line)
    except msgspec.ValidationError as fault:
        raise LineFault(_type_sentence(str(fault)), _id_of(line)) from None
    except (msgspec.DecodeError, json.JSONDecodeError) as fault:
        raise LineFault(_syntax_sentence(line, fault)) from None
    except RecursionError:
        raise LineFault("the JSON is nested too deeply; send the order as the documentation shows it") from None
    try:
        order.placed_at = _plain_time("placed_at", order.placed_at)
        if order.shipping:
            order.shipping.promise_by = _plain_time("shipping.promise_by", order.shipping.promise_by)
        return _encoder.encode(order)
    except LineFault as fault:
        fault.order_id = order.order_id or ""
        raise


def too_long(limits: Limits) -> str:
    return f"the line is longer than {limits.line_bytes_max} bytes; split the order or raise line_bytes_max"


def parse_time(text: str) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 time, None where it is none; digits beyond are cut off."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    day, clock, fraction, _, sign, hours, minutes = found.groups()
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        return None
    east = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        east = (int(hours) * 60 + int(minutes)) * (1 if sign == "+" else -1)
    milliseconds = int((fraction or "")[:3].ljust(3, "0"))
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1) - east * 60_000 + milliseconds


def _plain_time(name: str, text: str | None) -> str | None:
    """The time as the scanner reads it, to the millisecond."""
    if text is None:
        return None
    milliseconds = parse_time(text)
    if milliseconds is None:
        raise LineFault(f"{name} is not a time such as 2026-01-31T12:00:00Z; write it as RFC 3339 with an offset")
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise LineFault(f"{name} lies outside the years 1 to 9999; correct it") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _type_sentence(fault: str) -> str:
    """msgspec's words with the field in front: ``lines[2].qty: expected `int`, got `str` ``."""
    place = _PLACE.search(fault)
    words = _PLACE.sub("", fault)
    words = words[:1].lower() + words[1:]
    words = words.replace(" | null", "").replace("`int` >= ", "a number from ")
    if "int` " in words and ("<=" in words or ">=" in words):
        words = "the number does not fit 64 bits"
    return f"{place.group(1) or 'the line'}: {words}; correct the field" if place else f"{words}; correct the line"


def _syntax_sentence(line: bytes, fault: Exception) -> str:
    hint = "; NaN and Infinity are not JSON" if b"NaN" in line or b"Infinity" in line else ""
    return f"{fault}{hint}; correct the JSON"


def _id_of(line: bytes) -> str:
    """The order_id of a line that has a fault elsewhere, "" when it has none."""
    try:
        return _id_decoder.decode(line).order_id
    except msgspec.MsgspecError:
        return ""


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of one JSON object as they were written, repeats included."""


def refuse_repeats(line: bytes) -> None:
    """A known key given twice is ambiguous: readers differ on which one counts."""
    parsed = json.loads(line, object_pairs_hook=_Pairs, parse_int=_unread, parse_float=_unread, parse_constant=_unread)
    _refuse_deep(parsed)
    _refuse_repeated(parsed, tuple(Order.__struct_fields__), "")
    for key, value in parsed:
        if key in OBJECTS and isinstance(value, _Pairs):
            _refuse_repeated(value, OBJECTS[key], f"{key}.")
        if key == "lines" and isinstance(value, list):
            for number, item in enumerate(value):
                _refuse_repeated(item, LINE_FIELDS, f"lines[{number}].")


def _refuse_deep(parsed: _Pairs) -> None:
    """Raises RecursionError, as JSON readers do, before the limit of the least of them."""
    level: list[list[Any]] = [parsed]
    for _ in range(NESTING_MAX):
        inside = [[value for _, value in part] if isinstance(part, _Pairs) else part for part in level]
        level = [item for values in inside for item in values if isinstance(item, list)]
        if not level:
            return
    raise RecursionError


def _unread(_text: str) -> None:
    """Numbers are not looked at here; a long one would be slow to convert."""


def _refuse_repeated(pairs: _Pairs, known: tuple[str, ...], path: str) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen and key in known:
            raise msgspec.ValidationError(f"The key is given twice - at `$.{path}{key}`")
        seen.add(key)
