"""Promotions are granted as the plain twin says: limits, first orders, guests, and what may be combined."""

from __future__ import annotations

import random

import numpy as np
import pytest

from kernels.claim.grant import grant_obstacle, grant_row
from kernels.reasons import COUPON_USED_UP, FIRST_ORDER_ONLY
from tests.labs.rules import callable_rule
from tests.reference.claim import grant as twin

_grant_row, _grant_obstacle = callable_rule(grant_row), callable_rule(grant_obstacle)


def _columns(promotions: list[dict]) -> dict[str, np.ndarray]:
    def optional(name: str) -> np.ndarray:
        return np.array([-1 if p[name] is None else p[name] for p in promotions], np.int64)

    return {
        "limit": optional("limit"),
        "per_customer": optional("per_customer"),
        "stackable": np.array([p["stackable"] for p in promotions], np.uint8),
        "first_order": np.array([p["first_order"] for p in promotions], np.uint8),
    }


def _grant(candidates, promotions, uses, customer_uses, is_first_order, is_guest, before=0):
    """Run the rule with ``before`` foreign candidates in front, as inside a batch."""
    table = _columns(promotions)
    flat = np.array([0] * before + candidates, np.int16)
    granted = np.full(max(len(candidates), 1), 9, np.uint8)
    count = _grant_row(
        flat, before, len(flat), int(is_first_order), int(is_guest), np.array(uses, np.int64),
        np.array(customer_uses + [0], np.int64), table["limit"], table["per_customer"], table["stackable"],
        table["first_order"], granted,
    )  # fmt: skip
    return count, granted[: len(candidates)].astype(bool).tolist()


def _promotion(**changes) -> dict:
    return {"limit": None, "per_customer": None, "stackable": True, "first_order": False} | changes


def test_grants_equal_the_twin_on_random_orders():
    rng = random.Random(20)
    for _ in range(3_000):
        promotions = [
            _promotion(
                limit=rng.choice([None, 0, 1, 2]),
                per_customer=rng.choice([None, None, 0, 1, 2]),
                stackable=rng.random() < 0.7,
                first_order=rng.random() < 0.2,
            )
            for _ in range(rng.randint(1, 6))
        ]
        candidates = sorted(rng.sample(range(len(promotions)), rng.randint(0, len(promotions))))
        uses = [rng.randint(0, 2) for _ in promotions]
        customer_uses = [rng.randint(0, 2) for _ in candidates]
        first, guest = rng.random() < 0.5, rng.random() < 0.3
        expected = twin.grant(
            [promotions[c] for c in candidates], [uses[c] for c in candidates], customer_uses, first, guest
        )
        count, granted = _grant(candidates, promotions, uses, customer_uses, first, guest, rng.randint(0, 3))
        assert granted == expected
        assert count == sum(granted)
        given = [promotions[c] for c, yes in zip(candidates, granted, strict=True) if yes]
        assert len(given) <= 1 or all(p["stackable"] for p in given)


def test_one_that_stands_alone_shuts_out_those_after_it_and_is_shut_out_by_one_before_it():
    alone, joins = _promotion(stackable=False), _promotion()
    assert _grant([0, 1], [alone, joins], [0, 0], [0, 0], False, False) == (1, [True, False])
    assert _grant([0, 1], [joins, alone], [0, 0], [0, 0], False, False) == (1, [True, False])
    used_up = _promotion(stackable=False, limit=1)
    assert _grant([0, 1], [used_up, joins], [1, 0], [0, 0], False, False) == (1, [False, True])


@pytest.mark.parametrize(
    ("promotion", "customer_uses", "is_first_order", "is_guest", "reason"),
    [
        (_promotion(), 9, False, True, -1),
        (_promotion(first_order=True), 0, True, False, -1),
        (_promotion(first_order=True), 0, False, False, FIRST_ORDER_ONLY),
        (_promotion(first_order=True), 0, True, True, FIRST_ORDER_ONLY),
        (_promotion(limit=5), 0, False, True, COUPON_USED_UP),
        (_promotion(limit=6), 0, False, True, -1),
        (_promotion(per_customer=1), 1, False, False, COUPON_USED_UP),
        (_promotion(per_customer=2), 1, False, False, -1),
        (_promotion(per_customer=2), 0, False, True, COUPON_USED_UP),
    ],
)
def test_the_obstacle_is_named(promotion, customer_uses, is_first_order, is_guest, reason):
    table = _columns([promotion])
    found = _grant_obstacle(
        0, int(is_first_order), int(is_guest), customer_uses, np.array([5], np.int64), table["limit"],
        table["per_customer"], table["first_order"],
    )  # fmt: skip
    assert found == reason
