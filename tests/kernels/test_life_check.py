"""Books of whatever life are whole; a unit, a cent or a payment that is not as it should be is found."""

from __future__ import annotations

import random

import numpy as np
import pytest

from kernels.life import layout
from kernels.life.check import FAULTS, MONEY_DIFFERS, UNITS_DIFFER, VALUE_DIFFERS, WHOLE
from tests.labs.life_books import opening
from tests.labs.life_cases import a_batch, an_order
from tests.labs.life_pair import Pair
from tests.reference.life.check import check_books

ORDERS = 20


def lived(seed):
    """A pair after some batches of events, and the orders as they were placed."""
    rng = random.Random(seed)
    pair, placed = Pair(), [an_order(rng) for _ in range(ORDERS)]
    pair.open(placed)
    for _ in range(4):
        pair.judge(a_batch(rng, pair.twin, 4 * ORDERS, pair.sequence, pair.falls_at))
    return pair.books, placed


def twin(books, placed):
    rows = np.arange(ORDERS)
    found = [books.look(row) if is_open else None for row, is_open in enumerate(books.are_open(rows))]
    ordered = [([line.qty for line in order.lines], sum(line.total for line in order.lines)) for order in placed]
    return check_books(found, ordered)


@pytest.mark.parametrize("seed", range(20))
def test_what_was_ordered_is_there_whatever_happened(seed):
    books, placed = lived(seed)
    faults = books.check(opening(range(ORDERS), placed))
    assert faults.tolist() == twin(books, placed) == [WHOLE] * ORDERS


def test_whatever_is_changed_behind_the_rules_back_is_found_as_the_twin_finds_it():
    found = set()
    for seed in range(40):
        books, placed = lived(seed)
        rng, memory = random.Random(seed), books._memory.rows
        rows = np.flatnonzero(books.are_open(np.arange(ORDERS)))
        for row in rng.sample(rows.tolist(), 8):
            _change(rng, books.of(row), memory)
        faults = books.check(opening(range(ORDERS), placed)).tolist()
        assert faults == twin(books, placed)
        found |= set(faults)
    assert found == set(FAULTS) == {WHOLE, UNITS_DIFFER, VALUE_DIFFERS, MONEY_DIFFERS}


def _change(rng, book, memory):
    """A unit more or less, another SKU or line, a cent more, money that was never captured."""
    at = int(book["first_position"]) + rng.randrange(max(int(book["positions"]), 1))
    field = rng.choice(("qty", "sku", "line", "value_minor", "payment"))
    extra, words = int(book["extra"]), memory.words
    if field == "payment" and extra and words[extra + layout.PAYMENT_COUNT]:
        words[words[extra + layout.PAYMENTS] + layout.CAPTURED] = -1
    elif field != "payment":
        before = int(memory.positions[at][field])
        memory.positions[at][field] = before + (rng.choice((1, -1)) if before else 1)
