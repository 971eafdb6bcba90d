"""Random lives of orders: the view is the book in words at every step, and what it says comes next does come."""

from __future__ import annotations

import random

import pytest

from router.life.event_types import EVENT_TYPES
from tests.labs.order_checks import check
from tests.labs.order_lab import NODES, OrderLab
from tests.labs.order_walks import any_event, any_order, is_taken

STEPS = 40


@pytest.mark.parametrize("seed", range(int(__import__("os").environ.get("SEEDS", "12"))))
def test_the_view_of_an_order_is_its_book_whatever_happened(seed: int) -> None:
    rng = random.Random(seed)
    lab = OrderLab(shards=1, **{f"{sku}_{node}": rng.choice((0, 3, 9)) for sku in "ABC" for node in NODES})
    lab.order(**any_order(rng, "o", bundles=seed % 2 == 0))
    view, event_ids = check(lab, "o"), []
    for _ in range(STEPS):
        if rng.random() < 0.1:
            lab.stock(**{f"{rng.choice('ABC')}_{rng.choice(NODES)}": rng.choice((2, 20))})
            view = check(lab, "o")
        if rng.random() < 0.5:
            kind = rng.choice([*EVENT_TYPES])
            assert is_taken(lab, view, kind, event_ids) == (kind in view["next_events"]), (kind, view)
        else:
            answer = lab.event(**_named(any_event(rng, view, event_ids)))
            if answer["status"] == "applied":
                event_ids.append(answer["event_id"])
        view = check(lab, "o")


def _named(event: dict[str, object]) -> dict[str, object]:
    return {"kind" if name == "type" else name: value for name, value in event.items()}
