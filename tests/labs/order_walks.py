"""Random lives of an order: any event with any fields, and each type as the smallest event that could be right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from router.life.event_types import EVENT_TYPES, NEEDS, TAKES
from tests.labs.order_lab import NODES, OrderLab

Row = dict[str, Any]
SHIPMENTS, PAYMENTS, HOLDS = ("S1", "S2", "2"), ("p1", "p2"), ("fraud", "review", "gift")
DISPOSITIONS = ("restock", "refurbish", "scrap", "missing")


def any_order(rng: random.Random, order_id: str, bundles: bool = True) -> Row:
    skus = ("A", "B", "C", "SET") if bundles else ("A", "B", "C")
    lines = [
        {"sku": sku, "qty": rng.choice((1, 2, 3, 7))} | ({"line_id": f"L{number}"} if rng.random() < 0.5 else {})
        for number, sku in enumerate(rng.sample(skus, rng.choice((1, 1, 2, 3))))
    ]
    payment = {"method": "card", "status": rng.choice(("authorized", "paid", "pending", "failed"))}
    return {"order_id": order_id, "lines": lines} | ({"payment": payment} if rng.random() < 0.6 else {})


def any_event(rng: random.Random, view: Row, event_ids: list[str]) -> Row:
    """An event of any type about the order of a view, with some of the fields it takes."""
    makers = {
        "lines": lambda: _lines(rng, view),
        "node": lambda: rng.choice(NODES),
        "to_node": lambda: rng.choice(NODES),
        "shipment_id": lambda: rng.choice(SHIPMENTS),
        "tracking_number": lambda: rng.choice(("T1", "T2")),
        "payment_id": lambda: rng.choice(PAYMENTS),
        "amount": lambda: rng.choice((1, 500, view["money"]["total"], max(view["money"]["due"], 1))),
        "hold": lambda: rng.choice(HOLDS),
        "disposition": lambda: rng.choice(DISPOSITIONS),
        "reversed_event_id": lambda: rng.choice(event_ids or ["none"]),
        "text": lambda: "some words",
        "method": lambda: rng.choice(("card", "invoice")),
        "carrier": lambda: rng.choice(("dhl", "ups")),
        "eta": lambda: f"2025-12-0{rng.randrange(1, 9)}T00:00:00Z",
        "at": lambda: f"2025-11-2{rng.randrange(1, 9)}T00:00:00Z",
    }
    kind = rng.choice(list(EVENT_TYPES))
    event = EVENT_TYPES[kind]
    taken = {*NEEDS.get(event, ()), *(name for name in (*TAKES[event], "at") if rng.random() < 0.35)}
    fields = {name: makers[name]() for name in sorted(taken & makers.keys())}
    return {"order_id": view["order_id"], "type": kind, **fields}


def _lines(rng: random.Random, view: Row) -> list[Row]:
    chosen = rng.sample(view["lines"], rng.randint(1, len(view["lines"])))
    return [
        {"line_id": line["line_id"]} | ({"qty": rng.randint(1, line["qty"])} if rng.random() < 0.7 else {})
        for line in chosen
    ]


def is_taken(lab: OrderLab, view: Row, kind: str, event_ids: list[str]) -> bool:
    """Whether the order takes an event of this type: as small as can be, or with the right field where it needs one.

    A move that only lacks stock counts. What is tried until one is applied is refused, so it changes nothing.
    """
    refused = set()
    for fields in _smallest(view, kind, event_ids):
        answer = lab.event(view["order_id"], kind, **fields)
        if answer["status"] == "applied":
            event_ids.append(answer["event_id"])
            return True
        refused.add(answer.get("reason"))
    return "no_stock" in refused


def _smallest(view: Row, kind: str, event_ids: list[str]) -> Iterator[Row]:
    if kind == "move":
        for node in NODES:
            yield {"to_node": node}
            yield from ({"to_node": node, "lines": [{"line_id": line["line_id"]}]} for line in view["lines"])
    elif kind == "reverse":
        yield from ({"reversed_event_id": event_id} for event_id in reversed(event_ids))
    elif kind == "hold":
        yield {"hold": f"hold-{view['version']}"}
    elif kind == "credit":
        yield {"amount": 1}
    else:
        yield {name: "words" for name in NEEDS.get(EVENT_TYPES[kind], ())}
        if kind == "return":
            yield {"disposition": "restock"}
        if kind == "scan":
            yield from ({"shipment_id": shipment["shipment_id"]} for shipment in view["shipments"])
        if kind in ("short_pick", "refuse"):
            for line in view["lines"]:
                yield from ({"lines": [{"line_id": line["line_id"]}], "node": node} for node in NODES)
