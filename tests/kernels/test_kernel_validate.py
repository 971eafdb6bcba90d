"""Validation and risk kernels equal their plain-Python twins, and keep what they promise."""

from __future__ import annotations

import itertools
import random

import numpy as np

from kernels import reasons as r
from kernels.admit.basket import basket
from kernels.admit.dated import DatedPrices
from kernels.admit.score_risk import score_risk
from kernels.admit.validate import validate
from router.tables.arrays import frozen
from tests.reference.admit import basket as basket_twin
from tests.reference.admit import score_risk as risk_twin
from tests.reference.admit import validate as twin

CASES = 2_000
SKUS, CURRENCIES = 6, 2
KINDS = 4 * SKUS  # of lines, by SKU and node


def mask(reasons):
    return sum(1 << reason for reason in reasons)


def offsets(lists):
    return np.concatenate([[0], np.cumsum([len(entry) for entry in lists])]).astype(np.int64)


def random_limits(rng):
    return {
        "lines_max": rng.choice([1, 3, 10]),
        "qty_max": rng.choice([1, 5, 100]),
        "unit_price_max": rng.choice([10, 1_000, 1_000_000_000]),
        "order_value_max": rng.choice([50, 10_000, 900_000_000_000_000]),
        "placed_at_max_ms": 1_000,
        "price_tolerance_bp": rng.choice([0, 100, 5_000]),
        "lines_mode": rng.choice([twin.KEEP, twin.MERGE, twin.REFUSE]),
    }


def random_order(rng):
    lines = [
        (
            rng.randint(-1, SKUS - 1),
            rng.choice([1, 2, 3, 0, -1, 5, 100, 101, 2**40, -(2**63)]),
            rng.choice([-1, -1, 0, 9, 10, 11, 100, 1_001, -2, 2**62]),
            rng.choice([-1, -1, 0, 1]),
        )
        for _ in range(rng.choice([0, 1, 2, 2, 5, 11]))
    ]
    return {
        "currency": rng.randint(-1, CURRENCIES - 1),
        "placed_at_ms": rng.choice([0, 1_000, 1_001]),
        "flags": rng.choice([0, 0, rng.getrandbits(9)]),
        "missing": rng.choice([0, 0, 1, 1 << 31]),
        "lines": lines,
    }


def random_dated(rng):
    """Prices of SKUs that begin or end, none of one SKU and currency at the same time."""
    edges = [0, 500, 1_000, 1_001, 5_000]
    return [
        (item, currency, begin, end, rng.choice([9, 10, 12, 100]))
        for item in range(SKUS)
        for currency in range(CURRENCIES)
        for begin, end in itertools.pairwise(edges)
        if rng.random() < 0.3
    ]


def dated_prices(dated):
    """As the kernel takes them."""
    counts = [sum(row[0] == item for row in dated) for item in range(SKUS)]
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64) if dated else np.zeros(0, np.int64)
    columns = [np.array([row[at] for row in dated], kind) for at, kind in enumerate("qhqqq") if at]
    return DatedPrices(*map(frozen, (offset, *columns)))


def run_kernel(orders, sku_active, price_minor, limits, stamp_base, seen, dated=()):
    lines = [line for order in orders for line in order["lines"]]
    count = len(lines)
    reasons, reason_line = np.zeros(len(orders), np.uint64), np.zeros(len(orders), np.int32)
    qty, price, listed = np.zeros(count, np.int32), np.zeros(count, np.int64), np.zeros(count, np.int64)
    kinds = {(sku, node): 4 * max(sku, 0) + node + 1 for sku, _, _, node in lines}
    validate(
        offsets([order["lines"] for order in orders]),
        np.array([line[0] for line in lines], np.int32),
        np.array([kinds[line[0], line[3]] for line in lines], np.int32),
        np.array([line[1] for line in lines], np.int64),
        np.array([line[2] for line in lines], np.int64),
        np.array([order["currency"] for order in orders], np.int16),
        np.array([order["placed_at_ms"] for order in orders], np.int64),
        np.array([order["flags"] for order in orders], np.uint16),
        np.array([order["missing"] for order in orders], np.uint32),
        np.array(sku_active, np.uint8),
        np.array(price_minor, np.int64).reshape(SKUS, CURRENCIES),
        dated_prices(dated),
        np.array(list(limits.values()), np.int64),
        stamp_base,
        *seen,
        reasons,
        reason_line,
        qty,
        price,
        listed,
    )
    return reasons, reason_line, list(zip(qty.tolist(), price.tolist(), listed.tolist(), strict=True))


def test_validate_equals_its_twin_on_random_batches():
    rng = random.Random(7)
    seen = np.full(KINDS, -1, np.int64), np.zeros(KINDS, np.int64)
    stamp = 0
    for _ in range(CASES):
        orders = [random_order(rng) for _ in range(rng.choice([0, 1, 2, 4]))]
        sku_active = [rng.random() < 0.8 for _ in range(SKUS)]
        prices = [[rng.choice([-1, 10, 100]) for _ in range(CURRENCIES)] for _ in range(SKUS)]
        limits, dated = random_limits(rng), random_dated(rng) if rng.random() < 0.5 else []
        reasons, reason_line, lines = run_kernel(orders, sku_active, prices, limits, stamp, seen, dated)
        stamp += len(orders)
        expected = twin.validate(orders, sku_active, prices, limits, dated)
        assert reasons.tolist() == [mask(found) for found, _, _ in expected]
        assert reason_line.tolist() == [first for _, first, _ in expected]
        assert lines == [line for _, _, counted in expected for line in counted]


def test_an_order_without_reasons_has_units_and_prices_within_every_limit():
    rng = random.Random(8)
    seen = np.full(KINDS, -1, np.int64), np.zeros(KINDS, np.int64)
    clean = 0
    for case in range(CASES):
        limits = random_limits(rng) | {"lines_mode": twin.KEEP}
        order = random_order(rng) | {"flags": 0, "missing": 0, "placed_at_ms": 0, "currency": 0}
        prices = [[10, 10]] * SKUS
        reasons, _, lines = run_kernel([order], [1] * SKUS, prices, limits, case, seen)
        if reasons[0] == 0:
            clean += 1
            assert all(1 <= qty <= limits["qty_max"] and price >= 0 for qty, price, _ in lines)
            assert sum(qty * price for qty, price, _ in lines) <= limits["order_value_max"]
    assert clean > 20


def test_a_ten_thousand_line_order_is_validated_in_one_pass_over_its_lines():
    lines = [(number % SKUS, 1, -1, -1) for number in range(10_000)]
    order = {"currency": 0, "placed_at_ms": 0, "flags": 0, "missing": 0, "lines": lines}
    limits = random_limits(random.Random(1)) | {"lines_max": 10_000, "lines_mode": twin.MERGE, "qty_max": 100_000}
    limits |= {"unit_price_max": 1_000, "order_value_max": 10**9}
    seen = np.full(KINDS, -1, np.int64), np.zeros(KINDS, np.int64)
    reasons, _, counted = run_kernel([order], [1] * SKUS, [[10, 10]] * SKUS, limits, 0, seen)
    assert reasons[0] == 0
    assert sum(qty for qty, _, _ in counted) == 10_000
    assert sum(qty > 0 for qty, _, _ in counted) == SKUS


def test_score_risk_equals_its_twin_and_keeps_reasons_that_were_there():
    rng = random.Random(9)
    for _ in range(CASES):
        orders = [
            (rng.random() < 0.5, [rng.randint(0, 20) for _ in range(rng.randint(0, 4))])
            for _ in range(rng.randint(0, 4))
        ]
        rules = [rng.randint(0, 20), rng.randint(0, 50), rng.randint(0, 50)]
        risk, reasons = np.zeros(len(orders), np.int32), np.full(len(orders), 1 << r.COUPON_UNKNOWN, np.uint64)
        score_risk(
            offsets([quantities for _, quantities in orders]),
            np.array([qty for _, quantities in orders for qty in quantities], np.int32),
            np.array([differs for differs, _ in orders], np.uint8),
            np.array(rules, np.int64),
            risk,
            reasons,
        )
        expected = risk_twin.score_risk(orders, *rules)
        assert risk.tolist() == [points for points, _ in expected]
        assert reasons.tolist() == [mask(found | {r.COUPON_UNKNOWN}) for _, found in expected]


def test_basket_equals_its_twin_and_does_not_depend_on_the_order_of_lines():
    rng = random.Random(10)
    for _ in range(CASES):
        orders = [
            (
                rng.choice([0, rng.getrandbits(64)]),
                [(rng.randint(0, 2**31 - 1), rng.randint(0, 3)) for _ in range(rng.randint(0, 4))],
            )
            for _ in range(rng.randint(0, 4))
        ]
        shuffled = [(customer, rng.sample(lines, len(lines))) for customer, lines in orders]
        expected = basket_twin.basket(orders)
        assert run_basket(orders) == expected == run_basket(shuffled)


def test_baskets_that_differ_in_one_unit_have_different_numbers():
    numbers = run_basket([(77, [(sku, qty)]) for sku in range(50) for qty in range(1, 50)])
    assert len(set(numbers)) == len(numbers)


def run_basket(orders):
    out = np.zeros(len(orders), np.uint64)
    basket(
        offsets([lines for _, lines in orders]),
        np.array([sku for _, lines in orders for sku, _ in lines], np.int32),
        np.array([qty for _, lines in orders for _, qty in lines], np.int32),
        np.array([customer for customer, _ in orders], np.uint64),
        out,
    )
    return out.tolist()
