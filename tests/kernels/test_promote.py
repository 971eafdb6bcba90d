"""Candidate promotions are listed as the plain twin says, in precedence order, at a cost that follows the lines."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from router.shard import pricing
from tests.labs.pricing_cases import line, order_lines, promotion, ragged, random_lines, random_promotion, tables
from tests.reference.money import promote as twin

SKUS = 6


def _list(orders: list[dict], promotions: list[dict], skus: int = SKUS) -> list[list[int]]:
    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([order[name] for order in orders], dtype)

    offset, number = pricing.list_candidates(
        tables(promotions, [0] * skus),
        order_lines([order["lines"] for order in orders]),
        channel_index=column("channel", np.int16),
        promotion_area=column("area", np.int32),
        currency=column("currency", np.int16),
        placed_at_ms=column("placed_at", np.int64),
        coupons=ragged([order["coupons"] for order in orders], np.int32),
    )
    assert offset[-1] == len(number)
    return [number[first:last].tolist() for first, last in zip(offset, offset[1:], strict=False)]


def _order(lines: list[dict], **changes) -> dict:
    return {"lines": lines, "channel": 0, "area": 0, "currency": 0, "placed_at": 10, "coupons": []} | changes


def _random_order(rng: random.Random, promotions: int) -> dict:
    return _order(
        random_lines(rng, SKUS),
        channel=rng.randrange(2),
        area=rng.randrange(3),
        currency=rng.randint(-1, 1),
        placed_at=rng.randint(0, 40),
        coupons=[rng.randint(-1, promotions - 1) for _ in range(rng.choice([0, 0, 1, 2, 6]))],
    )


def test_candidates_equal_the_twin_on_random_batches():
    rng = random.Random(50)
    listed = 0
    for _ in range(900):
        promotions = [random_promotion(rng, number, SKUS) for number in range(rng.randint(0, 8))]
        orders = [_random_order(rng, len(promotions)) for _ in range(rng.randint(0, 12))]
        found = _list(orders, promotions)
        assert found == [twin.promote(order, promotions) for order in orders]
        assert all(numbers == sorted(set(numbers)) for numbers in found)
        listed += sum(map(len, found))
    assert listed > 1_000, "the cases hardly ever list a promotion"


def test_a_coupon_promotion_is_listed_only_with_its_code_and_only_once():
    auto, coupon = promotion(0), promotion(1, needs_coupon=True)
    lines = [line(0, 1, 100)]
    orders = [_order(lines), _order(lines, coupons=[1]), _order(lines, coupons=[1, -1, 0, 1])]
    assert _list(orders, [auto, coupon]) == [[0], [0, 1], [0, 1]]


def test_the_window_includes_its_start_and_excludes_its_end():
    window = promotion(0, starts=10, ends=12)
    orders = [_order([line(0, 1, 1)], placed_at=moment) for moment in (9, 10, 11, 12)]
    assert _list(orders, [window]) == [[], [0], [0], []]


@pytest.mark.parametrize("currency", ["JPY, no decimals", "EUR, two decimals", "KWD, three decimals"])
def test_a_minimum_counts_only_in_its_own_currency_whatever_its_decimals(currency):
    number = {"JPY": 0, "EUR": 1, "KWD": 2}[currency[:3]]
    least = promotion(0, kind="fixed", value=100, currency=number, min_subtotal=1_000)
    orders = [_order([line(0, 2, 500)], currency=other) for other in range(3)]
    assert [bool(listed) for listed in _list(orders, [least])] == [other == number for other in range(3)]


def test_a_minimum_is_reached_by_matching_lines_only():
    two = promotion(0, skus={1}, min_qty=2)
    group = promotion(1, kind="buy_x_get_y", buy=2, get=1, value=10_000, skus={1})
    assert _list([_order([line(0, 9, 5), line(1, 1, 5)])], [two, group]) == [[]]
    assert _list([_order([line(1, 1, 5), line(0, 9, 5), line(1, 1, 5)])], [two, group]) == [[0]]
    assert _list([_order([line(1, 3, 5)])], [two, group]) == [[0, 1]]


def test_an_order_that_cannot_be_priced_has_no_candidates():
    orders = [_order([line(0, 1, 5), bad]) for bad in (line(None, 1, 5), line(0, 1, None), line(0, 3, 1 << 62))]
    assert _list(orders, [promotion(0, min_subtotal=6)]) == [[], [], []]


def test_an_unknown_promotion_number_is_a_bug():
    with pytest.raises(AssertionError, match="coupon is beyond"):
        _list([_order([], coupons=[1])], [promotion(0)])


def _seconds(lines_per_order: int, orders: int, promotions: list[dict]) -> float:
    count = lines_per_order * orders
    lines = pricing.OrderLines(
        np.arange(0, count + 1, lines_per_order, dtype=np.int64), (np.arange(count) % SKUS).astype(np.int32),
        np.ones(count, np.int32), np.full(count, 100), np.full(count, 100),
    )  # fmt: skip
    table = tables(promotions, [0] * SKUS)
    zeros = np.zeros(orders, np.int64)
    best = 9.0
    for _ in range(5):
        start = time.perf_counter()
        pricing.list_candidates(
            table, lines, channel_index=zeros.astype(np.int16), promotion_area=zeros.astype(np.int32),
            currency=zeros.astype(np.int16), placed_at_ms=zeros + 10, coupons=ragged([[]] * orders),
        )  # fmt: skip
        best = min(best, time.perf_counter() - start)
    return best


def test_cost_is_linear_in_lines():
    """The same 100,000 lines as orders of 10, 1,000 and 10,000; the minimum is out of reach, so each line is read."""
    reading = [promotion(number, min_qty=1 << 40) for number in range(5)]
    short = _seconds(10, 10_000, reading)
    assert _seconds(1_000, 100, reading) < 3 * short
    assert _seconds(10_000, 10, reading) < 3 * short


def test_promotions_that_are_not_open_never_look_at_a_line():
    """Orders of 10,000 lines cost no more than the scan that asserts ranges, however many promotions are shut."""
    shut = [promotion(number, min_qty=1 << 40, channels={1}) for number in range(50)]
    assert _seconds(10_000, 20, shut) < 3 * _seconds(10_000, 20, []) + 0.001
