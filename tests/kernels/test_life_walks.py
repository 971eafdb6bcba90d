"""Books judge, apply and keep events as the plain twin says: walks over all events, whole and in part, in any order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.life.states import Stage
from tests.labs.life_cases import a_batch, an_order
from tests.labs.life_pair import Pair
from tests.reference.life import end as end_twin

FALLS_AT = (Stage.PACKED, Stage.SHIPPED)


def walk(rng, orders, batches, batch_events):
    """A pair after some batches of random events on random orders; it compares itself after each."""
    pair, number = Pair(rng.choice(FALLS_AT)), 0
    pair.open([an_order(rng) for _ in range(orders)])
    for batch in range(batches):
        is_late = 3 * batch > 2 * batches
        events = a_batch(rng, pair.twin, rng.choice(batch_events), number, pair.falls_at, is_late)
        pair.judge(events)
        number += len(events)
        for row, order in list(pair.twin.items()):
            if order is not None and order.busy and rng.random() < 0.7:
                pair.answer(row)
        if rng.random() < 0.2:
            pair.restore()
        closed = [row for row, order in pair.twin.items() if order is not None and order.closed]
        if closed and rng.random() < 0.3:
            pair.end(closed)
    return pair


@pytest.mark.parametrize("part", range(10))
def test_batches_over_many_orders_equal_the_twin(part):
    for seed in range(20):
        walk(random.Random(1_000 * part + seed), orders=13, batches=12, batch_events=(0, 1, 40))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rng=st.randoms(use_true_random=False), batches=st.integers(1, 12))
def test_one_event_after_the_other_equals_the_twin(rng, batches):
    walk(rng, orders=1, batches=batches, batch_events=(1,))


def test_nothing_is_judged_of_nothing():
    pair = Pair()
    assert pair.open([]) == [] and pair.judge([]) == []
    assert pair.books.count == 0


@pytest.mark.parametrize("seed", range(20))
def test_what_orders_are_told_in_sum_is_what_the_twin_adds_up(seed):
    pair = walk(random.Random(50_000 + seed), orders=13, batches=6, batch_events=(40,))
    rows = [row for row, order in pair.twin.items() if order is not None]
    units, money = pair.books.sums(np.array(rows, np.int64))
    assert list(zip(units.tolist(), money.tolist(), strict=True)) == end_twin.sum_books(pair.twin, rows)
