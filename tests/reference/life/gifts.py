"""Plain twin of kernels/life/gifts.py: units that the ledger gave to orders that waited."""

from __future__ import annotations

from dataclasses import dataclass

from router.life.states import Stage
from tests.reference.life.order import Heap, even, split


@dataclass
class LineGift:
    line: int
    units: int  # of the line that are complete with it
    rows: list  # (SKU, node, qty), of a bundle each component


def take_gifts(orders, gifts, sequence):
    """Take over [(row, [LineGift])] as the rows of one record; True for each order that changed."""
    changed = []
    for place, (row, lines) in enumerate(gifts):
        order = orders.get(row)
        taken = [take_line(order, gift) for gift in lines] if order is not None else []
        if any(taken):
            order.version += 1
            order.newest = (sequence, place)
            order.together = False
        changed.append(any(taken))
    return changed


def take_line(order, gift):
    """Of the line what still waits; whether anything does."""
    waiting = next(
        (h for h in order.heaps if h.qty and h.line == gift.line and h.stage == Stage.BACKORDERED), None
    )  # fmt: skip
    if waiting is None:
        return False
    taken = min(gift.units, waiting.qty)
    money = sum(waiting.values[:taken])
    del waiting.values[:taken]
    stage = Stage.HELD if order.holds else Stage.ALLOCATED
    for sku in dict.fromkeys(sku for sku, _, _ in gift.rows):
        each = sum(qty for other, _, qty in gift.rows if other == sku) // gift.units
        if sku != waiting.sku:
            order.parts.setdefault(gift.line, {}).setdefault(sku, each)
        carried = even(money, each * taken)
        money = 0
        for other, node, qty in gift.rows:
            if other == sku:
                own, carried = split(carried, min(qty, len(carried)), 1 if sku == waiting.sku else each)
                _put(order, gift.line, sku, node, stage, own)
    return True


def _put(order, line, sku, node, stage, values):
    if not values:
        return
    kind = (line, sku, node, stage, 0, 0)
    like = next((heap for heap in order.heaps if heap.qty and heap.kind == kind), None)
    if like is None:
        empty = next((at for at, heap in enumerate(order.heaps) if not heap.qty), len(order.heaps))
        order.heaps[empty : empty + 1] = [Heap(*kind, values)]
    else:
        like.values = even(sum(like.values + values), like.qty + len(values))
