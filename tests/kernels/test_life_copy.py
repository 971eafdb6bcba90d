"""A book that is copied says the same in every copy, and none of them shares anything with another."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.labs.life_cases import a_batch, an_order
from tests.labs.life_pair import Pair
from tests.reference.life import copy as copy_twin
from tests.reference.life import end as end_twin

ORDERS, COPIES = 20, 5


@pytest.mark.parametrize("seed", range(8))
def test_copies_are_the_book_and_live_apart(seed):
    rng = random.Random(seed)
    pair = Pair()
    pair.open([an_order(rng) for _ in range(ORDERS)])
    for _ in range(4):
        pair.judge(a_batch(rng, pair.twin, 4 * ORDERS, pair.sequence, pair.falls_at))
    open_rows = [row for row in range(ORDERS) if pair.twin[row] is not None]
    for row in rng.sample(open_rows, 4):
        _copied(pair, row)
    for _ in range(4):
        batch = a_batch(rng, pair.twin, 4 * ORDERS, pair.sequence, pair.falls_at)
        pair.judge(batch)  # compares every book with its twin, and with what it was before


def _copied(pair, row):
    rows = list(range(pair.rows, pair.rows + COPIES))
    for books in (pair.books, pair.mirror):
        books.copy(row, np.array(rows))
    copy_twin.copy_book(pair.twin, row, rows)
    pair.rows += COPIES
    pair.opened.update({other: pair.opened[row] for other in rows})
    pair.told_money.update({other: dict(pair.told_money[row]) for other in rows})
    pair.cells = end_twin.list_units(pair.twin)
    pair.compare()


def test_copies_that_are_let_go_leave_no_memory_behind():
    rng = random.Random(1)
    pair = Pair()
    pair.open([an_order(rng) for _ in range(ORDERS)])
    for _ in range(4):
        pair.judge(a_batch(rng, pair.twin, 4 * ORDERS, pair.sequence, pair.falls_at))
    books, used = pair.books, []
    rows = np.arange(ORDERS, ORDERS + 40)
    for _ in range(3):
        for row in (row for row in range(ORDERS) if pair.twin[row] is not None):
            books.copy(row, rows)
            books.end(rows)
        used.append(books.nbytes)
    assert used[0] == used[2]
    pair.compare()
