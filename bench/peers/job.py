"""The job that every peer does, in numbers: read an order, take its stock, price it, store it, answer.

    repeat?   an order id that is stored answers its first decision again, as a duplicate, and changes nothing
    known?    an order with a SKU that the catalogue does not have is rejected and not stored
    take      the first node, in the order of preference of its destination, that has every unit of the order; there all
              of it is taken at once. No such node: the order is backordered and takes nothing
    price     per SKU: catalogue price in the order's currency x quantity, and the tax of the place and the SKU's class,
              inclusive or on top, halves rounded up; per order: the shipping fee by weight and service
    store     id, document as sent, decision and total, on disk before the answer

It is the part of this router's job that all of them can do in their plainest form. What they leave out: validation
beyond the SKU, risk and velocity checks, promotions, the same id with another body, splitting an order over nodes,
freight costs and calendars in the choice of the node, safety stock, a history of states. The totals are worked out by
the same rules as ours (docs/pricing.md), so where no promotion was granted they are the same number.

To favour the peers, orders come to PostgreSQL and Redis parsed: SKUs, places and currencies are numbers, a SKU that an
order names twice is one line, and requests are bytes in the database's own protocol before the clock starts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from bench.harness.arrays import F64, I64
from bench.peers.shop import Fee, Orders, Shop
from router.errors import RouterError

NO_NODE = -1


class Status(IntEnum):
    """As answered, and as stored."""

    ALLOCATED = 0
    BACKORDERED = 1
    REJECTED = 2


class Answer(NamedTuple):
    status: int
    node: int  # NO_NODE unless allocated
    total_minor: int
    duplicate: bool


class WrongPeer(RouterError):
    """A peer's answers or what it stored are not what the orders ask for: its rate is no result."""


class PeerAbsent(RouterError):
    """A peer cannot run here; the text says what to install."""


@dataclass(frozen=True)
class Outcome:
    """What a run answered, row by row, and how long it took."""

    answers: Sequence[Answer]
    elapsed_s: float
    waited_ms: F64  # per request


class Audit(NamedTuple):
    """What a peer holds after a run."""

    stored: int
    total_minor: int  # of all stored orders
    available: I64  # (SKU, node)


def line_total_minor(net_minor: Any, tax_bp: Any, inclusive: Any) -> Any:
    """What the customer pays for a line; of numbers or arrays."""
    return net_minor + (1 - inclusive) * ((2 * net_minor * tax_bp + 10_000) // 20_000)


def fee_minor(fee: Fee, weight_g: int) -> int:
    if weight_g <= fee.light_g:
        return fee.light_minor
    return fee.heavy_minor + fee.per_kg_minor * -(-weight_g // 1_000)


def total_minor(shop: Shop, orders: Orders, row: int) -> int:
    """Goods, tax and shipping of one order; every SKU is known."""
    area, currency = int(orders.area[row]), int(orders.currency[row])
    total = weight = 0
    for sku, qty in zip(*orders.lines(row), strict=True):
        net, bp = int(shop.price_minor[currency, sku]) * qty, int(shop.tax_bp[area, shop.tax_class[sku]])
        total += int(line_total_minor(net, bp, int(shop.inclusive[area])))
        weight += int(shop.weight_g[sku]) * qty
    return total + fee_minor(shop.fees[int(orders.express[row])], weight)


def totals_minor(shop: Shop, orders: Orders) -> I64:
    """``total_minor`` of every order; 0 where a SKU is unknown."""
    row = np.repeat(np.arange(len(orders)), np.diff(orders.offset))
    area, known = orders.area[row], np.ones(len(orders), bool)
    known[row[orders.sku < 0]] = False
    net = shop.price_minor[orders.currency[row], orders.sku] * orders.qty
    paid = line_total_minor(net, shop.tax_bp[area, shop.tax_class[orders.sku]], shop.inclusive[area])
    starts = orders.offset[:-1]
    weight = np.add.reduceat(shop.weight_g[orders.sku] * orders.qty, starts)
    of_fee = np.array(shop.fees, np.int64)[orders.express]
    heavy = of_fee[:, 2] + of_fee[:, 3] * -(-weight // 1_000)
    fees = np.where(weight <= of_fee[:, 0], of_fee[:, 1], heavy)
    return np.where(known, np.add.reduceat(paid, starts) + fees, 0)


def decide_in_turn(shop: Shop, orders: Orders) -> list[Answer]:
    """The specification: every order after the other, over plain Python numbers."""
    available = shop.on_hand.tolist()
    stored: dict[str, Answer] = {}
    answers = []
    for row, order_id in enumerate(orders.ids):
        if order_id in stored:
            answers.append(stored[order_id]._replace(duplicate=True))
            continue
        skus, qtys = orders.lines(row)
        if min(skus) < 0:
            answers.append(Answer(Status.REJECTED, NO_NODE, 0, False))
            continue
        node = choose_node(shop.preference[orders.area[row]].tolist(), [available[sku] for sku in skus], qtys)
        if node != NO_NODE:
            for sku, qty in zip(skus, qtys, strict=True):
                available[sku][node] -= qty
        status = Status.BACKORDERED if node == NO_NODE else Status.ALLOCATED
        stored[order_id] = Answer(status, node, total_minor(shop, orders, row), False)
        answers.append(stored[order_id])
    return answers


def choose_node(preference: Sequence[int], available: Sequence[Sequence[int]], qtys: Sequence[int]) -> int:
    """``available`` holds, per line, the units of its SKU at every node."""
    for node in preference:
        if all(units[node] >= qty for units, qty in zip(available, qtys, strict=True)):
            return node
    return NO_NODE


def check(shop: Shop, orders: Orders, outcome: Outcome, audit: Audit) -> dict[str, int]:
    """A fast wrong answer is no result: every answer against the orders, and all of them against what is stored."""
    answers = outcome.answers
    if len(answers) != len(orders):
        raise WrongPeer(f"{len(answers)} answers to {len(orders)} orders.")
    status, node, total, duplicate = (np.array(column, np.int64) for column in zip(*answers, strict=True))
    expected, new = totals_minor(shop, orders), duplicate == 0
    if wrong := np.flatnonzero(total != expected).tolist():
        at = wrong[0]
        raise WrongPeer(f"{len(wrong)} wrong totals; {orders.ids[at]} costs {expected[at]}, {total[at]} was answered.")
    rejected = status == Status.REJECTED
    distinct = len(set(itertools.compress(orders.ids, ~rejected)))
    if int((new & ~rejected).sum()) != distinct or audit.stored != distinct:
        raise WrongPeer(f"{distinct} orders, {int((new & ~rejected).sum())} answered as new, {audit.stored} stored.")
    if audit.total_minor != int(total[new].sum()):
        raise WrongPeer(f"Stored orders sum to {audit.total_minor}, those answered to {int(total[new].sum())}.")
    _check_stock(shop, orders, np.where(new & (status == Status.ALLOCATED), node, NO_NODE), audit)
    counts = {name.lower(): int((new & (status == number)).sum()) for name, number in Status.__members__.items()}
    return {**counts, "duplicates": int(duplicate.sum()), "total_minor": audit.total_minor}


def _check_stock(shop: Shop, orders: Orders, node: I64, audit: Audit) -> None:
    """Units that left the stock are those of the orders that were answered as allocated, cell by cell."""
    of_line = np.repeat(node, np.diff(orders.offset))
    taking = of_line != NO_NODE
    taken = np.zeros_like(shop.on_hand)
    np.add.at(taken, (orders.sku[taking], of_line[taking]), orders.qty[taking])
    if int(audit.available.min()) < 0:
        raise WrongPeer(f"Oversold: {int((audit.available < 0).sum())} cells have less than no units.")
    if wrong := int((shop.on_hand - taken != audit.available).sum()):
        raise WrongPeer(f"{wrong} cells do not hold what the answers leave in them.")
