"""An order that was sent again and says something else, beside the one that the router has: what changed, in words.

Whether only the payment did is asked of the router, which knows what orders mean. What is compared here is shown to
people: by name, with both values where these are not personal.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pyarrow as pa

from actors.client.sources import Block
from router.log.documents import document_of, presentable
from router.spelling import plain
from router.wire.differences import Difference, differences, fields_of

Order = dict[str, Any]
REMEDY = "Send changes as events, or use a new order_id."
VALUE_CHARACTERS = 60
FIELDS_TOLD = 8
_PARTS = ("customer", "ship_to", "bill_to", "payment", "shipping")
_PERSONAL = ("customer", "ship_to", "bill_to", "payment.reference", "attributes")
_UPPER = ("currency", "country")
_LINE = ("line_id", "sku", "qty", "unit_price", "node")
_AS_THEY_ARE = ("channel", "seller", "placed_at", "currency", "priority", "coupons", *_PARTS[:-1])
_OF_ORDER = ("discount", "tax")  # as the channel said them: where a view has none of these, there is none
_LINE_AMOUNT = re.compile(r"lines\[(\d+)\]\.(discount|tax)")
_STEP = re.compile(r"[a-z_]+|\d+")
_PAYMENT = "payment"


def document_at(block: Block, at: int) -> Order:
    """An order as it was sent, in its JSON form."""
    if isinstance(block.orders, pa.RecordBatch):
        line = msgspec.json.encode(presentable(document_of(block.orders, at)))
    else:
        line = block.orders[at]
    document: Order = msgspec.json.decode(line)
    return document


def with_payment_of(sent: Order, view: Order) -> bytes:
    """The order with the payment that the router has: what it answers to that says whether anything else changed."""
    order = {name: value for name, value in sent.items() if name != _PAYMENT}
    return msgspec.json.encode(order | ({_PAYMENT: view[_PAYMENT]} if view[_PAYMENT] else {}))


def changes(sent: Order, view: Order, said: str) -> list[Difference]:
    """What differs between an order and the view of the one that has its id; ``said`` is what the router answered,
    which names also what a view does not show as it was sent: its ``kept`` is UNSET."""
    if view["erased"]:
        return []
    found = list(differences(_settled(_shown(sent)), _settled(_kept(view))))
    seen = tuple(change.path for change in found)
    unseen = [
        path
        for path in fields_of(said)
        if path not in seen and not any(other.startswith((f"{path}.", f"{path}[")) for other in seen)
    ]
    return found + [Difference(path, _at(sent, path), _amount(view, path)) for path in unseen]


def is_payment(change: Difference) -> bool:
    return change.path.startswith(f"{_PAYMENT}.")


def sentence(found: list[Difference], why: str = "") -> str:
    """What changed and why that is no event, for people."""
    told = [_told(change) for change in found[:FIELDS_TOLD]]
    told += [f"{len(found) - FIELDS_TOLD} fields more"] if len(found) > FIELDS_TOLD else []
    said = f": {'; '.join(told)}" if told else ""
    return f"order_id: The router has this order otherwise{said}{f' ({why})' if why else ''}. {REMEDY}"


def shown_values(change: Difference) -> dict[str, Any]:
    """The same for programs; personal values stay away here, too."""
    values = {} if _is_personal(change.path) else {"sent": change.sent, "stored": change.kept}
    if change.kept is msgspec.UNSET:
        values.pop("stored", None)
    return {"field": change.path, **values}


def _told(change: Difference) -> str:
    if _is_personal(change.path):
        return f"{change.path} differs"
    kept = "something else" if change.kept is msgspec.UNSET else _value(change.kept)
    return f"{change.path}: {_value(change.sent)} sent, {kept} stored"


def _value(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_CHARACTERS else text[:VALUE_CHARACTERS] + "…"


def _is_personal(path: str) -> bool:
    return path.startswith(_PERSONAL) and not path.endswith(".country")


def _shown(sent: Order) -> Order:
    """What a view has of an order that says this."""
    order = {name: sent.get(name) for name in (*_AS_THEY_ARE, "shipping")}
    lines = [line for line in sent.get("lines") or () if isinstance(line, dict)]
    order["lines"] = [
        {name: line.get(name) for name in _LINE} | {"line_id": line.get("line_id") or str(number)}
        for number, line in enumerate(lines, 1)
    ]
    return order


def _kept(view: Order) -> Order:
    """An order of a view in the form in which it was sent."""
    order = {name: view[name] for name in _AS_THEY_ARE} | {"shipping": view["shipping_request"]}
    order["lines"] = [{name: line[name] for name in _LINE} for line in view["lines"]]
    return order


def _settled(order: Order) -> Order:
    """Without what goes without saying."""
    settled: Order = {name: _plain(name, value) for name, value in order.items()}
    for part in _PARTS:
        settled[part] = settled[part] if isinstance(settled[part], dict) else {}
    settled["priority"] = settled["priority"] or None
    return settled


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _plain(inner, each) for inner, each in value.items()}
    if isinstance(value, list):
        return [_plain(name, each) for each in value]
    if isinstance(value, str):
        return plain(value).upper() if name in _UPPER else plain(value)
    return value


def _amount(view: Order, path: str) -> Any:
    """Amounts that a channel said of an order, where the view has them; else UNSET."""
    if path == "total":
        return view["declared_total"]
    if path in _OF_ORDER:
        return view["other_fields"].get(path)
    of_line = _LINE_AMOUNT.fullmatch(path)
    if of_line is None or int(of_line[1]) >= len(view["lines"]):
        return msgspec.UNSET
    return view["lines"][int(of_line[1])][f"declared_{of_line[2]}"]


def _at(order: Order, path: str) -> Any:
    """The value of a path such as ``lines[1].tax``; None where there is none."""
    found: Any = order
    for step in _STEP.findall(path):
        if isinstance(found, list) and step.isdecimal():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
