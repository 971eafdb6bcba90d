"""Units granted to orders that waited: books and their plain twin hold the same, before and after other events."""

from __future__ import annotations

import random

import numpy as np
import pytest

from kernels.life import layout
from router.life.books import Granted
from router.life.states import Stage
from tests.labs.life_books import all_facts
from tests.labs.life_cases import a_batch, an_order
from tests.labs.life_pair import Pair
from tests.reference.life import end as end_twin
from tests.reference.life.gifts import LineGift, take_gifts

NODES = 3


def columns_of(gifts: list) -> Granted:
    counts = [sum(len(gift.rows) for gift in lines) for _, lines in gifts]
    rows = [
        (gift.line, sku, node, qty, gift.units if place == 0 else 0)
        for _, lines in gifts
        for gift in lines
        for place, (sku, node, qty) in enumerate(gift.rows)
    ]
    table = np.array(rows, np.int64).reshape(-1, 5)
    offset = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)
    line, sku, node, qty, line_qty = (np.ascontiguousarray(column) for column in table.T)
    return Granted(
        offset, line.astype(np.int32), sku.astype(np.int32), node.astype(np.int16), qty.astype(np.int32),
        line_qty.astype(np.int32),
    )  # fmt: skip


def gifts_for(rng: random.Random, order) -> list:
    """Something for lines that wait; now and then for one that does not, or more than still waits."""
    waiting = {heap.line: heap for heap in order.heaps if heap.qty and heap.stage == Stage.BACKORDERED}
    gifts = []
    for line in sorted({heap.line for heap in order.heaps}):
        heap = waiting.get(line)
        if rng.random() < (0.3 if heap else 0.9):
            continue
        units = rng.randint(1, heap.qty + 1) if heap else 1
        sku = heap.sku if heap else 0
        parts = order.parts.get(line, {sku: 1})
        gifts.append(
            LineGift(line, units, [row for part, each in parts.items() for row in _spread(rng, part, each * units)])
        )
    return gifts


def _spread(rng: random.Random, sku: int, units: int) -> list:
    rows = []
    while units:
        qty = rng.randint(1, units)
        rows.append((sku, rng.randrange(NODES), qty))
        units -= qty
    return rows


def grant(pair: Pair, rng: random.Random) -> None:
    gifts = [
        (row, lines)
        for row, order in pair.twin.items()
        if order is not None and not order.busy and not order.closed and (lines := gifts_for(rng, order))
    ]
    rows = np.array([row for row, _ in gifts], np.int64)
    for books in (pair.books, pair.mirror):
        judged = books.take_granted(pair.sequence, columns_of(gifts), rows)
    changed = take_gifts(pair.twin, gifts, pair.sequence)
    assert ((judged.verdicts["result"] == layout.APPLIED) == changed).all()
    pair.sequence += 1


@pytest.mark.parametrize("seed", range(40))
def test_grants_among_events_equal_the_twin(seed: int) -> None:
    rng = random.Random(seed)
    pair, number = Pair(), 0
    pair.open([an_order(rng) for _ in range(12)])
    for _ in range(8):
        grant(pair, rng)
        begin_anew(pair)
        events = a_batch(rng, pair.twin, 20, number, pair.falls_at, False)
        pair.judge(events)
        number += len(events)
        for row, order in list(pair.twin.items()):
            if order is not None and order.busy:
                pair.answer(row)


def begin_anew(pair: Pair) -> None:
    """Grants move cells that nobody tells, and units of a bundle become its components: what holds, holds from here."""
    pair.cells = end_twin.list_units(pair.twin)
    pair.compare()
    for row, facts in all_facts(pair.books, range(pair.rows)).items():
        pair.opened[row] = facts | {"version": facts["version"] - len(facts["events"])}
