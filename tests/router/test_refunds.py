"""How much goes back out of which payment: never more than came, parts that sum to the whole, each unit once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.life.refunds import (
    Capture,
    Line,
    Money,
    Part,
    RefundRefused,
    Units,
    amount_of,
    possible_minor,
    split,
    status_of,
    without,
)
from router.money import EXPONENTS, parse_minor

CURRENCIES = ("JPY", "EUR", "KWD")  # of 0, 2 and 3 decimals
PARTNERS = ("pay", "bank", "")


def money_of(captures: list[tuple[str, int]], lines: list[tuple[int, int]], currency: str = "EUR") -> Money:
    """Payments by partner and what is left of them; lines by quantity and total."""
    return Money(
        1,
        currency,
        tuple(Capture(f"p{number}", partner, left) for number, (partner, left) in enumerate(captures)),
        tuple(Line(f"L{number}", qty, total) for number, (qty, total) in enumerate(lines)),
    )


@st.composite
def monies(draw: st.DrawFn) -> Money:
    """Whole units of the currency and odd minor units alike; what is left of a payment may be nothing."""
    currency = draw(st.sampled_from(CURRENCIES))
    whole = parse_minor("1", EXPONENTS[currency])
    amounts = st.one_of(st.integers(0, 5_000).map(lambda count: count * whole), st.integers(0, 1 << 40))
    captures = draw(st.lists(st.tuples(st.sampled_from(PARTNERS), amounts), max_size=5))
    lines = draw(st.lists(st.tuples(st.integers(1, 50), amounts), min_size=1, max_size=4))
    return money_of(captures, lines, currency)


ORDERS = st.dictionaries(st.sampled_from(PARTNERS), st.sampled_from(("newest_first", "oldest_first")))


@given(monies(), ORDERS, st.lists(st.integers(1, 1 << 41), max_size=12))
@settings(deadline=None, max_examples=300)
def test_a_walk_of_refunds_never_gives_back_more_than_came(money: Money, orders: dict, amounts: list[int]) -> None:  # type: ignore[type-arg]
    came = {capture.payment_id: capture.left_minor for capture in money.captures}
    went = dict.fromkeys(came, 0)
    for amount in [*amounts, None]:
        left = money._replace(captures=without(money.captures, went))
        possible = possible_minor(left.captures)
        try:
            wanted = amount_of(left, (), amount, {})
        except RefundRefused as refused:
            assert possible == 0 or (amount is not None and amount > possible)
            assert refused.possible_minor == (possible if possible else 0)
            continue
        parts = split(wanted, left.captures, orders)
        assert sum(part.amount_minor for part in parts) == wanted == (possible if amount is None else amount)
        assert len({part.payment_id for part in parts}) == len(parts) and all(part.amount_minor > 0 for part in parts)
        for part in parts:
            went[part.payment_id] += part.amount_minor
            assert went[part.payment_id] <= came[part.payment_id]
    assert went == came, "all of it can go back in the end"


@given(monies(), st.data())
@settings(deadline=None, max_examples=300)
def test_units_that_go_back_in_any_pieces_carry_their_line_to_the_last_unit(money: Money, data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(money.lines))
    enough = money._replace(captures=(Capture("p", "pay", 1 << 60),))
    before, went = 0, 0
    while before < line.qty:
        qty = data.draw(st.integers(1, line.qty - before))
        went += _carried(enough, line, qty, before)
        before += qty
    assert went == line.total_minor
    with pytest.raises(RefundRefused, match="0 of the"):
        amount_of(enough, [Units(line.line_id, 1)], None, {line.line_id: before})


def _carried(money: Money, line: Line, qty: int, before: int) -> int:
    """Units that carry nothing are nothing to give back."""
    try:
        return amount_of(money, [Units(line.line_id, qty)], None, {line.line_id: before})
    except RefundRefused as refused:
        assert "nothing to give back" in str(refused) and line.total_minor < line.qty
        return 0


def test_the_newest_first_unless_a_partner_is_taken_the_other_way_round() -> None:
    captures = money_of([("pay", 10), ("bank", 20), ("pay", 30)], []).captures
    assert split(35, captures, {}) == [Part("p2", "pay", 30), Part("p1", "bank", 5)]
    assert split(35, captures, {"pay": "oldest_first"}) == [
        Part("p0", "pay", 10), Part("p1", "bank", 20), Part("p2", "pay", 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("units", "amount", "words", "possible"),
    [
        ([], 61, "61 cannot go back: 60 of what came", 60),
        ([Units("L0", 3)], None, "2 of the 2 units", 50),
        ([Units("L9", 1)], None, "no line 'L9'", 0),
        ([Units("L0", 1), Units("L0", 1)], None, "named twice", 0),
        ([Units("L0", 1)], 26, "These units carried 25", 25),
        ([Units("L1", 1)], None, "70 cannot go back: 60", 60),
    ],
)
def test_what_cannot_go_back_is_refused_with_what_can(
    units: list[Units], amount: int | None, words: str, possible: int
) -> None:
    with pytest.raises(RefundRefused, match=words) as refused:
        amount_of(money_of([("pay", 60)], [(2, 50), (1, 70)]), units, amount, {})
    assert refused.value.possible_minor == possible


def test_a_part_of_what_units_carried_may_go_back() -> None:
    assert amount_of(money_of([("pay", 60)], [(2, 50)]), [Units("L0", 2)], 40, {}) == 40


def test_how_far_a_refund_is() -> None:
    assert status_of(True, ["requested", "sent"]) == "requested"
    assert status_of(False, ["reserved"]) == "requested"
    assert status_of(True, ["by_hand", "done"]) == "approved"
    assert status_of(True, ["by_hand", "sent"]) == "sent"
    assert status_of(True, ["failed", "sent"]) == "sent"
    assert status_of(True, ["failed", "done"]) == "failed"
    assert status_of(True, ["done", "done"]) == "done"
