"""Amounts are spread by largest remainder: the parts sum to the whole, at every size an order can have."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.money.prorate import SPREAD_MAX, prorate, share, units_part
from router import money
from router.shard import pricing
from tests.labs.rules import callable_rule
from tests.reference.money import prorate as twin

_share, _units_part = callable_rule(share), callable_rule(units_part)


def _spread(groups: list[tuple[int, list[int]]]) -> list[list[int]]:
    """Run the kernel over all groups at once."""
    offset = np.cumsum([0] + [len(weights) for _, weights in groups], dtype=np.int64)
    weight = np.array([w for _, weights in groups for w in weights], np.int64)
    part, scratch = np.full_like(weight, -7), np.empty_like(weight)
    prorate(offset, np.array([amount for amount, _ in groups], np.int64), weight, part, scratch)
    return [part[first:last].tolist() for first, last in zip(offset, offset[1:], strict=False)]


def _group(rng: random.Random) -> tuple[int, list[int]]:
    """A ragged group; small weights make ties, large ones need more than 64 bits."""
    rows = rng.choice([0, 1, 2, 3, 5, 40])
    top = rng.choice([0, 1, 3, 1_000, 1 << 31, SPREAD_MAX])
    weights = [rng.randint(0, top // max(rows, 1)) if rng.random() < 0.9 else 0 for _ in range(rows)]
    return (rng.randint(0, rng.choice([sum(weights), SPREAD_MAX])) if sum(weights) else 0), weights


def _assert_spread(amount: int, weights: list[int], parts: list[int]) -> None:
    assert sum(parts) == amount
    assert all(part >= 0 and (weight > 0 or part == 0) for part, weight in zip(parts, weights, strict=True))
    if amount <= sum(weights):
        assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


def test_parts_equal_the_twin_and_sum_to_the_amount_on_random_groups():
    rng = random.Random(30)
    for _ in range(150):
        groups = [_group(rng) for _ in range(rng.randint(0, 40))]
        for (amount, weights), parts in zip(groups, _spread(groups), strict=True):
            _assert_spread(amount, weights, parts)
            assert parts == twin.prorate(amount, weights)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.integers(0, SPREAD_MAX // 20), min_size=1, max_size=20), st.data())
def test_parts_are_exact_where_products_leave_64_bits(weights, data):
    amount = data.draw(st.integers(0, sum(weights)))
    (parts,) = _spread([(amount, weights)])
    _assert_spread(amount, weights, parts)
    assert parts == twin.prorate(amount, weights)


@settings(max_examples=1_000, deadline=None)
@given(st.integers(0, SPREAD_MAX), st.integers(1, SPREAD_MAX), st.data())
def test_a_share_is_an_exact_quotient_and_remainder_up_to_the_limit(amount, total, data):
    weight = data.draw(st.integers(0, total))
    assert _share(amount, weight, total) == divmod(amount * weight, total)


def test_a_share_is_exact_at_the_corners():
    corners = [1, 2, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, SPREAD_MAX - 1, SPREAD_MAX]
    for amount in corners:
        for total in corners:
            for weight in [w for w in corners if w <= total]:
                assert _share(amount, weight, total) == divmod(amount * weight, total)


def test_equal_remainders_go_to_the_earlier_rows():
    assert _spread([(2, [1, 1, 1]), (100, [1, 1, 1]), (5, [2, 2, 2, 2])]) == [[1, 1, 0], [34, 33, 33], [2, 1, 1, 1]]


def test_unit_parts_equal_the_twin_and_add_up():
    rng = random.Random(31)
    for _ in range(2_000):
        amount, qty = rng.choice([rng.randint(0, 50), rng.randint(0, 9 * 10**14)]), rng.randint(1, 30)
        parts = twin.unit_parts(amount, qty)
        assert [_units_part(amount, qty, unit, 1) for unit in range(qty)] == parts and sum(parts) == amount
        first = rng.randint(0, qty)
        count = rng.randint(0, qty - first)
        assert _units_part(amount, qty, first, count) == sum(parts[first : first + count])
        assert money.units_part(amount, qty, first, count) == sum(parts[first : first + count])


def test_the_wrapper_refuses_an_amount_without_weight():
    offset, zero = np.array([0, 2], np.int64), np.zeros(2, np.int64)
    with pytest.raises(AssertionError, match="no weight"):
        pricing.prorate_groups(offset, np.array([1], np.int64), zero)
    assert pricing.prorate_groups(offset, np.array([0], np.int64), zero).tolist() == [0, 0]


def test_cost_grows_with_rows_not_with_their_square():
    def seconds(rows: int) -> float:
        weight = np.random.default_rng(5).integers(1, 10**9, rows)
        offset, amount = np.array([0, rows], np.int64), np.array([int(weight.sum()) // 3], np.int64)
        best = 1.0
        for _ in range(5):
            start = time.perf_counter()
            pricing.prorate_groups(offset, amount, weight)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(100_000) < 40 * seconds(10_000)
