"""In which fields two orders of one id differ, by their documents. Answers name the fields only, for values may be
personal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from router.wire.careful import parse_time
from router.wire.order_json import Address, Customer, Line, Order, Payment, Shipping
from router.wire.settle import meant

SHOWN_MAX = 8
_INSIDE = frozenset(
    name for part in (Address, Customer, Line, Payment, Shipping) for name in part.__struct_fields__
)  # of what an order consists of
_LINE_ID = re.compile(r"lines\[(\d+)\]\.line_id")
_DIFFER = "; these differ: "
_TIMES = ("placed_at", "shipping.promise_by")


class Difference(NamedTuple):
    path: str  # ``lines[1].qty``
    sent: Any
    kept: Any


def differing_fields(sent: dict[str, Any], kept: dict[str, Any]) -> list[str]:
    """Paths of the known fields that differ; the first SHOWN_MAX."""
    return [difference.path for difference in islice(differences(sent, kept), SHOWN_MAX)]


def differences(sent: dict[str, Any], kept: dict[str, Any]) -> Iterator[Difference]:
    """Known fields of two whole orders that differ. Absent, null and empty are the same; times may be milliseconds."""
    for name in Order.__struct_fields__:
        yield from _differences(name, sent.get(name), kept.get(name))


def _differences(path: str, one: Any, other: Any) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys((*one, *other)):
            if name in _INSIDE:
                yield from _differences(f"{path}.{name}", one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list) and path == "lines":
        for number, (left, right) in enumerate(zip_longest(one, other)):
            yield from _differences(f"{path}[{number}]", left, right)
    elif _meant(path, one) != _meant(path, other):
        yield Difference(path, one, other)


def _meant(path: str, value: Any) -> Any:
    """As fingerprints compare it; None where it says nothing, or what goes without saying."""
    if value in (None, "", [], {}) or (path == "priority" and value == 0):
        return None
    if not isinstance(value, str):
        return value
    if path in _TIMES:
        return parse_time(value) or value
    if own := _LINE_ID.fullmatch(path):
        return None if value == str(int(own[1]) + 1) else value
    own_rule = path.rpartition("].")[2] if path.endswith(("].sku", "].node")) else path
    return meant(own_rule, value) or None


def conflict_sentence(channel: str, fields: list[str]) -> str:
    """What is wrong with an order whose id another one has, and the remedy."""
    differ = f"{_DIFFER}{', '.join(fields)}" if fields else ""
    return (
        f"order_id: An order of channel {channel[:128]!r} has this order_id already{differ}. Send changes as events, "
        "or use a new order_id."
    )


def fields_of(sentence: str) -> list[str]:
    """The fields that such a sentence names."""
    named = sentence.partition(_DIFFER)[2].partition(". ")[0]
    return named.split(", ") if named else []
