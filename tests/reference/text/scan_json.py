"""What the scanner reads out of a line, said with Python's own JSON reader.

The scanner may leave any line to the careful reader (here: no rule, the tests say which lines it must read), but
a line it does read gives exactly this, and a line that gives None here it must never read.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

ABSENT = -(2**63)
TEXTS = {
    "": ("order_id", "channel", "seller", "currency"),
    "customer": ("id", "name", "email", "phone"),
    "ship_to": ("name", "line1", "line2", "city", "region", "postcode", "country"),
    "bill_to": ("name", "line1", "line2", "city", "region", "postcode", "country"),
    "payment": ("method", "status", "reference"),
    "shipping": ("service",),
}
EVENT_TEXTS = (
    "event_id", "order_id", "type", "source", "channel", "seller", "payment_id", "currency", "method", "reason", "hold",
    "note", "node", "to_node", "shipment_id", "carrier", "service", "tracking_number", "disposition", "code", "place",
    "text", "reversed_event_id",
)  # fmt: skip
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Refused(Exception):
    """The line is no order in plain form."""


def scan_json(block: bytes, first_line: int, events: bool = False) -> list[tuple[int, dict[str, Any] | None]]:
    """(line number, order or event) of every line that is not blank; None for a line that is none in plain form."""
    found: list[tuple[int, dict[str, Any] | None]] = []
    for number, line in enumerate(block.split(b"\n"), start=first_line):
        if line.strip(b" \t\r"):
            try:
                found.append((number, (_event if events else _order)(line)))
            except (Refused, ValueError, OverflowError, RecursionError):
                found.append((number, None))
    return found


def _order(line: bytes) -> dict[str, Any]:
    order = _fields(_parsed(line), KNOWN)
    texts = {}
    for owner, names in TEXTS.items():
        part = order if not owner else _fields(order.get(owner, _Pairs()), _known_of(owner))
        for name in names:
            texts[f"{owner}.{name}" if owner else name] = _text(part.get(name, ""))
    shipping = _fields(order.get("shipping", _Pairs()), _known_of("shipping"))
    return {
        "texts": texts,
        "numbers": [
            _time(order.get("placed_at")),
            _time(shipping.get("promise_by")),
            _number(order.get("priority")),
            _number(order.get("total")),
            _number(shipping.get("fee")),
            _number(order.get("discount")),
            _number(order.get("tax")),
        ],
        "coupons": [_text(code) for code in _list(order.get("coupons", []))],
        "lines": [_line(line) for line in _list(order.get("lines", []))],
    }


def _event(line: bytes) -> dict[str, Any]:
    """An event has no other keys than its own, and where it has lines it has some."""
    event = _only(_parsed(line), (*EVENT_TEXTS, "at", "amount", "cartons", "eta", "public", "lines"))
    if event.get("lines") == []:
        raise Refused
    lines = [_only(part, ("line_id", "qty")) for part in _list(event.get("lines", []))]
    return {
        "texts": {name: _text(event.get(name, "")) for name in EVENT_TEXTS},
        "numbers": [
            _time(event.get("at")),
            _number(event.get("amount")),
            _number(event.get("cartons")),
            _time(event.get("eta")),
            _flag(event.get("public")),
        ],
        "coupons": [],
        "lines": [
            (b"", _text(part.get("line_id", "")), b"", _number(part.get("qty")), ABSENT, ABSENT, ABSENT)
            for part in lines
        ],
    }


def _only(pairs: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(pairs, _Pairs) or any(key not in known for key, _ in pairs):
        raise Refused
    return _fields(pairs, known)


def _flag(value: Any) -> int:
    if value is not None and not isinstance(value, bool):
        raise Refused
    return ABSENT if value is None else int(value)


def _parsed(line: bytes) -> Any:
    return json.loads(line.decode(), object_pairs_hook=_Pairs, parse_constant=_refuse, parse_int=_whole)


class _Pairs(list):
    """An object as (key, value) pairs, repeats included."""


def _fields(pairs: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """Known fields that are not null; a known key given twice is refused."""
    if not isinstance(pairs, _Pairs):
        raise Refused
    keys = [key for key, _ in pairs if key in known]
    if len(keys) != len(set(keys)):
        raise Refused
    return {key: value for key, value in pairs if key in known and value is not None}


def _known_of(owner: str) -> tuple[str, ...]:
    return (*TEXTS[owner], "promise_by", "fee") if owner == "shipping" else TEXTS[owner]


def _line(pairs: Any) -> tuple[bytes | int, ...]:
    line = _fields(pairs, (*LINE_TEXTS, *LINE_NUMBERS))
    return *(_text(line.get(name, "")) for name in LINE_TEXTS), *(_number(line.get(name)) for name in LINE_NUMBERS)


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise Refused
    return value.encode()  # half a surrogate pair raises ValueError


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or isinstance(value, _Pairs):
        raise Refused
    return value


def _number(value: Any) -> int:
    if value is None:
        return ABSENT
    if type(value) is not int or not -(2**63) < value < 2**63:
        raise Refused
    return value


def _time(value: Any) -> int:
    if value is None:
        return ABSENT
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise Refused
    whole, fraction, zone = re.fullmatch(r"(.{19})(?:\.(\d+))?(.*)", value).groups()  # type: ignore[union-attr]
    if zone != "Z" and zone[4:] > "59":
        raise Refused
    moment = datetime.datetime.fromisoformat(whole + "+00:00") - EPOCH
    east = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[4:6])) * (1 if zone[0] == "+" else -1)
    if zone != "Z" and int(zone[1:3]) > 23:
        raise Refused
    utc = moment - datetime.timedelta(minutes=east)
    _ = EPOCH + utc  # OverflowError outside the years 1 to 9999
    return (utc.days * 86_400 + utc.seconds) * 1_000 + int((fraction or "")[:3].ljust(3, "0"))


def _whole(digits: str) -> int:
    return int(digits) if len(digits) < 25 else 2**64  # too large for any field, however long


def _refuse(_word: str) -> None:
    raise Refused


LINE_TEXTS = ("sku", "line_id", "node")
LINE_NUMBERS = ("qty", "unit_price", "discount", "tax")
_NUMBERS = ("placed_at", "priority", "total", "discount", "tax")
KNOWN = (*TEXTS[""], *_NUMBERS, "coupons", "lines", *(owner for owner in TEXTS if owner))
