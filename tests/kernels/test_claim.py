"""The ledger's kernels decide as the plain twin says, and take again what a decision gave."""

from __future__ import annotations

import random

import msgspec
import pytest

from router.config import Policy
from tests.labs.ledger_cases import (
    NOON_MS,
    claims,
    engine_of,
    node,
    order,
    promotion,
    question,
    random_order,
    random_stock,
    random_world,
    sku,
    world,
)
from tests.labs.ledger_twin import expected, state_of, twin_state
from tests.reference.claim import claim as twin


def settings(rng: random.Random) -> dict:
    return {
        "short_stock": rng.choice(["partial", "partial", "backorder", "reject"]),
        "plan": rng.choice(["cheapest", "fewest", "fastest"]),
        "parcels_max": rng.choice([1, 2, 3, 4]),
        "split_penalty_minor": rng.choice([0, 0, 30, 500]),
        "late_penalty_minor_per_day": rng.choice([0, 0, 40]),
        "duplicate_basket_window_ms": rng.choice([0, 3_600_000, 4 * 3_600_000]),
        "velocity_window_ms": rng.choice([0, 3_600_000, 5 * 3_600_000]),
        "velocity_orders_max": rng.choice([1, 2, 4]),
        "risk_value_orders_min": rng.choice([0, 1, 3]),
        "risk_value_factor": rng.choice([0, 2, 20]),
        "risk_reject_at": rng.choice([90, 1_000]),
    }


@pytest.mark.parametrize("seed", range(8))
def test_decisions_and_state_equal_the_twin_on_random_batches(seed):
    rng = random.Random(seed)
    orders_seen = 0
    while orders_seen < 500:
        given, changed = random_world(rng), settings(rng)
        policy = msgspec.to_builtins(Policy(**changed))
        stock = random_stock(rng, given)
        engine, ledger = engine_of(given, stock, **changed), twin.Ledger(policy, stock)
        copy = engine_of(given, stock, **changed)
        for sequence in range(1, 4):
            batch = [random_order(rng, given) for _ in range(rng.choice([0, 1, 3, 6]))]
            now_ms = rng.choice([0, NOON_MS, NOON_MS + 5 * 3_600_000])
            reference = 3 << 48 | sequence << 16
            quoted = engine.quote(1, claims(batch), now_ms)
            before = engine.state_hash()
            alone = [twin.decide(ledger, given, [row], 0, now_ms, commit=False)[0] for row in batch[:1]]
            assert quoted.slice(0, 1).to_pylist() == expected(alone)
            assert engine.state_hash() == before
            decision = engine.decide(question(3, sequence, now_ms=now_ms), claims(batch))
            answers = twin.decide(ledger, given, batch, reference, now_ms)
            for row, (got, want) in enumerate(zip(decision.to_pylist(), expected(answers), strict=True)):
                assert got == want, (changed, given, batch[: row + 1])
            assert state_of(engine) == twin_state(ledger)
            assert engine.conservation() == []
            copy.apply_decision(3, sequence, 1, claims(batch), decision, engine.basis(question(3, sequence)), now_ms)
            assert copy.state_hash() == engine.state_hash()
            orders_seen += len(batch)


def test_applying_decisions_equals_the_twin():
    rng = random.Random(77)
    for _ in range(100):
        given, changed = random_world(rng), settings(rng)
        policy = msgspec.to_builtins(Policy(**changed))
        stock = random_stock(rng, given)
        batch = [random_order(rng, given) for _ in range(20)]
        answers = twin.decide(twin.Ledger(policy, stock), given, batch, 1 << 16, 0)
        again = twin.Ledger(policy, stock)
        twin.apply(again, given, batch, answers, 1 << 16, 0)
        live, engine = engine_of(given, stock, **changed), engine_of(given, stock, **changed)
        decision = live.decide(question(), claims(batch))
        engine.apply_decision(0, 1, 1, claims(batch), decision, live.basis(question()), 0)
        assert state_of(engine) == twin_state(again)


def _shop(units: int, **policy):
    return engine_of(world([sku()], [node()]), {(0, 0): units}, **policy)


def _statuses(engine, orders, sequence=1):
    return engine.decide(question(0, sequence), claims(orders)).column("status").to_pylist()


def test_two_buyers_of_one_unit_get_one():
    assert _statuses(_shop(1), [order([(0, 1)]), order([(0, 1)])]) == [0, 2]


def test_a_held_order_keeps_its_units_from_later_ones():
    engine = _shop(1)
    assert _statuses(engine, [order([(0, 1)], admission=1), order([(0, 1)])]) == [3, 2]
    assert {account: units for account, units in engine.totals().items() if units} == {"held": 1, "received": 1}


def test_a_rejected_order_uses_neither_units_nor_coupon():
    given = world([sku()], [node()], promotions=[promotion("ONCE", limit=1, needs_coupon=True)])
    engine = engine_of(given, {(0, 0): 3}, risk_reject_at=90)
    risky, plain = order([(0, 1)], risk=95, promotions=[0]), order([(0, 1)], promotions=[0])
    decision = engine.decide(question(0, 1), claims([risky, plain, plain])).to_pylist()
    assert [row["granted"] for row in decision] == [[], [0], []]
    assert [row["status"] for row in decision] == [4, 0, 0]
    assert decision[2]["reasons"] == 1 << 47


def test_a_coupon_with_limit_one_is_used_once_by_two_batches_of_two_shards():
    given = world([sku()], [node()], promotions=[promotion("ONCE", limit=1)])
    engine = engine_of(given, {(0, 0): 9})
    first = engine.decide(question(0, 1), claims([order([(0, 1)], promotions=[0])]))
    second = engine.decide(question(1, 1), claims([order([(0, 1)], promotions=[0])]))
    assert first.column("granted").to_pylist() + second.column("granted").to_pylist() == [[0], []]


def test_the_same_basket_within_its_window_is_held_and_names_the_other_order():
    engine = _shop(9)
    later = order([(0, 1)], basket=5, placed_at_ms=NOON_MS + 60_000)
    engine.decide(question(2, 7), claims([order([(0, 1)]), order([(0, 1)], basket=5)]))
    row = engine.decide(question(0, 1), claims([later])).to_pylist()[0]
    assert (row["status"], row["twin"], row["reasons"]) == (3, 2 << 48 | 7 << 16 | 1, 1 << 37)
    much_later = order([(0, 1)], basket=5, placed_at_ms=NOON_MS + 60_000 + 10 * 60_000 + 1)
    assert _statuses(engine, [much_later], sequence=2) == [0]


def test_an_unusual_value_is_flagged_once_the_channel_is_known():
    engine = _shop(999, risk_value_orders_min=5, risk_points_value=60)
    usual = [order([(0, 1)], channel_key=8, value_minor=1_000) for _ in range(5)]
    wild = order([(0, 1)], channel_key=8, value_minor=100_000)
    assert _statuses(engine, [*usual[:4], wild]) == [0, 0, 0, 0, 0]
    engine = _shop(999, risk_value_orders_min=5, risk_points_value=60)
    assert _statuses(engine, [*usual, wild]) == [0, 0, 0, 0, 0, 3]


HOUR_MS = 3_600_000


def _held(placed_at_ms, **policy):
    """How many orders of one customer, in the order of these times, are held for their number."""
    engine = _shop(999, velocity_orders_max=20, risk_points_velocity=60, velocity_window_ms=HOUR_MS, **policy)
    rows = [order([(0, 1)], customer=4, placed_at_ms=NOON_MS + at_ms) for at_ms in placed_at_ms]
    return sum(status == 3 for status in _statuses(engine, rows))


def test_many_orders_in_an_hour_are_held_whatever_the_order_of_rows():
    draw = random.Random(31)
    for _ in range(20):
        begin = draw.randrange(-400, 400) * HOUR_MS + draw.randrange(HOUR_MS)
        burst = sorted(begin + draw.randrange(HOUR_MS // 2) for _ in range(draw.randrange(21, 40)))
        held = [_held(rows) for rows in (burst, burst[::-1], draw.sample(burst, len(burst)))]
        if (NOON_MS + burst[0]) // HOUR_MS == (NOON_MS + burst[-1]) // HOUR_MS:
            assert held == [len(burst) - 20] * 3
        else:  # of a stretch that the window has a part of, that part of its orders is an estimate
            assert all(0 <= number <= len(burst) - 20 for number in held), held


def test_orders_over_many_hours_are_not_held_in_any_order_of_rows():
    draw = random.Random(32)
    spread = [number * HOUR_MS // 12 for number in range(120)]  # twelve an hour for ten hours
    for rows in (spread, spread[::-1], draw.sample(spread, len(spread))):
        assert _held(rows) == 0


def test_rows_that_jump_to_and_fro_are_counted_too_low():
    burst = [number * 60_000 for number in range(30)]
    elsewhere = [number * 60_000 + 1_000 * HOUR_MS for number in range(30)]
    assert _held([*burst, *elsewhere]) == 2 * _held(burst) == 20
    mixed = [at for pair in zip(burst, elsewhere, strict=True) for at in pair]
    assert _held(mixed) == 0


def test_the_same_basket_of_an_old_order_is_found_beside_newer_ones():
    engine = _shop(9)
    rows = [order([(0, 1)], basket=basket, placed_at_ms=NOON_MS + at) for basket, at in ((5, 0), (6, 900 * HOUR_MS))]
    again = order([(0, 1)], basket=5, placed_at_ms=NOON_MS + 60_000)
    decision = engine.decide(question(0, 1, now_ms=NOON_MS + 2_000 * HOUR_MS), claims([*rows, again]))
    assert decision.column("status").to_pylist() == [0, 0, 3]


def test_many_orders_of_a_customer_in_an_hour_are_held():
    engine = _shop(99, velocity_orders_max=3, risk_points_velocity=60)
    assert _statuses(engine, [order([(0, 1)], customer=4) for _ in range(5)]) == [0, 0, 0, 3, 3]
