"""A partner's figures beside ours: what is the same, what is missing where, and sums to which the differences fold."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from router.life.reconciling import Figure, compared
from router.work.day_books import Day, books_of_day
from tests.labs.desk_lab import standings
from tests.labs.feed_world import FeedWorld, order

DAY = Day("pay", 1_800_000_000_000, 1_800_086_400_000)


def test_each_difference_says_what_it_is() -> None:
    here = [Figure("a", "captured", 10, "EUR", "o-a"), Figure("b", "captured", 5, "EUR", "o-b")]
    there = [Figure("b", "captured", 4, "EUR"), Figure("c", "refunded", 3, "EUR", "o-c")]
    found = compared(here, there)
    assert [(each.fault, each.payment_id, each.here_minor, each.there_minor) for each in found.differences] == [
        ("missing_there", "a", 10, 0), ("amount_differs", "b", 5, 4), ("missing_here", "c", 0, 3),
    ]  # fmt: skip
    assert [each.order_id for each in found.differences] == ["o-a", "o-b", "o-c"]
    assert found.agreed == ()


def test_what_was_told_in_pieces_here_and_at_once_there_is_the_same() -> None:
    here = [Figure("a", "captured", 4, "EUR"), Figure("a", "captured", 6, "EUR")]
    found = compared(here, [Figure("a", "captured", 10, "EUR")])
    assert found.differences == () and found.agreed == (("a", "captured"),)
    assert compared(here, [Figure("a", "captured", 10, "USD")]).differences, "another currency is another thing"


@pytest.mark.parametrize("seed", range(30))
def test_differences_fold_to_the_difference_of_the_sums(seed: int) -> None:
    rng = random.Random(seed)

    def any_figures() -> list[Figure]:
        return [
            Figure(rng.choice("abcdef"), rng.choice(("captured", "refunded")), rng.randrange(1, 9),
                   rng.choice(("EUR", "JPY")))
            for _ in range(rng.randrange(12))
        ]  # fmt: skip

    found = compared(any_figures(), any_figures())
    folded: Counter[tuple[str, str]] = Counter()
    for each in found.differences:
        folded[each.currency, each.what] += each.there_minor - each.here_minor
    for sums in found.sums:
        assert sums.there_minor - sums.here_minor == folded[sums.currency, sums.what]


def told(
    world: FeedWorld, event_id: str, order_id: str, at: str, kind: str = "payment_captured", **more: object
) -> None:
    event = {"event_id": event_id, "order_id": order_id, "type": kind, "at": at, "payment_id": f"p-{order_id}"}
    said = event | {"source": "pay"} | more
    [answer] = world.events({name: value for name, value in said.items() if value is not None})
    assert answer["status"] == "applied", answer


@pytest.mark.parametrize("shards", [1, 3])
def test_the_books_of_a_day_are_what_happened_on_it(shards: int) -> None:
    """In whatever record it came; what was reversed since, another's, and what is of another day is not there."""
    world = FeedWorld(shards=shards)
    world.stock(A=100)
    world.now_ms = DAY.from_ms
    acks = world.orders(*(order(name) for name in "abcdefg"))
    totals = {name: ack["total_minor"] for name, ack in zip("abcdefg", acks, strict=True)}
    early, noon, late = "2027-01-15T07:59:59.999Z", "2027-01-15T12:00:00Z", "2027-01-16T08:00:00Z"
    assert DAY.from_ms == 1_800_000_000_000, "2027-01-15T08:00:00Z"
    told(world, "1", "a", noon)
    told(world, "2", "b", noon, amount=7)
    told(world, "3", "b", noon, amount=5)
    told(world, "4", "c", early)
    told(world, "5", "c", noon, "payment_refunded", amount=3)
    told(world, "6", "d", late)
    told(world, "7", "e", noon)
    told(world, "8", "e", late, "reverse", payment_id=None, source="ops", reversed_event_id="7")
    told(world, "9", "f", noon, source="till")
    told(world, "10", "g", noon, source="shop")
    money = standings(world)

    def currency_of(place: int) -> str:
        standing = money.after(place)
        assert standing is not None
        return money.currency_of(standing)

    found = compared(books_of_day(world.sources, DAY, {"p-g"}, currency_of), [])
    assert sorted((each.payment_id, each.what, each.here_minor, each.currency) for each in found.differences) == [
        ("p-a", "captured", totals["a"], "EUR"),
        ("p-b", "captured", 12, "EUR"),
        ("p-c", "refunded", 3, "EUR"),
        ("p-g", "captured", totals["g"], "EUR"),
    ]
