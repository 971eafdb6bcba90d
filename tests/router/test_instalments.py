"""Instalments: parts that are the whole, in any currency, however the debt changes and the money comes."""

from __future__ import annotations

import random

import pytest

from router.life.instalments import Instalment, left_of, parts_of
from router.work.pay import as_reference, is_reference, request_id_of, transfer_reference


@pytest.mark.parametrize(
    ("amount", "percents", "parts"),
    [
        (15_000, (50, 50), [7_500, 7_500]),  # JPY: no decimals
        (1_500_001, (50, 50), [750_001, 750_000]),  # EUR: two
        (15_000_001, (33, 33, 34), [4_950_001, 4_950_000, 5_100_000]),  # KWD: three
        (1, (50, 50), [1, 0]),
        (0, (1, 99), [0, 0]),
    ],
)
def test_parts_of_an_amount(amount: int, percents: tuple[int, ...], parts: list[int]) -> None:
    assert parts_of(amount, percents) == parts and sum(parts) == amount


@pytest.mark.parametrize("seed", range(50))
def test_what_is_left_is_what_is_due_whatever_happens(seed: int) -> None:
    """Beside the definition: the parts sum to all that is to be paid, what is left of them to what is due, and none is
    begun before those in front of it are paid."""
    rng = random.Random(seed)
    total, count = rng.randrange(1, 10**9), rng.randrange(2, 6)
    percents = [100 // count] * (count - 1)
    agreed = [Instalment(amount) for amount in parts_of(total, [*percents, 100 - sum(percents)])]
    for _ in range(40):
        captured, due = rng.randrange(0, 2 * total), rng.randrange(-total, 2 * total)
        found = left_of(agreed, captured, due)
        assert sum(each.left_minor for each in found) == max(due, 0)
        assert sum(each.amount_minor for each in found) == captured + max(due, 0)
        assert all(0 <= each.left_minor <= each.amount_minor for each in found)
        lefts = [each.left_minor for each in found]
        begun = next((number for number, left in enumerate(lefts) if left), count)
        assert all(each.left_minor == each.amount_minor for each in found[begun + 1 :])


def test_less_debt_makes_the_last_instalment_less() -> None:
    agreed = [Instalment(500), Instalment(500)]
    assert [each.left_minor for each in left_of(agreed, 0, 700)] == [500, 200]
    assert [each.left_minor for each in left_of(agreed, 500, 200)] == [0, 200]
    assert [each.left_minor for each in left_of(agreed, 0, 300)] == [300, 0]
    assert [each.left_minor for each in left_of(agreed, 500, 800)] == [0, 800], "more debt comes on top of the last"


def test_references_have_the_check_digits_of_iso_11649() -> None:
    assert is_reference("RF18539007547034"), "an example that banks publish"
    assert not is_reference("RF19539007547034") and not is_reference("RF18")
    for number in range(200):
        reference = transfer_reference(request_id_of(str(number)))
        assert is_reference(reference) and len(reference) <= 25
        digits, letters = "01234567890", "ABCDEFGHIJKLMNOPQRSTUVWXYZA"
        signs = digits if reference[-1] in digits else letters
        assert not is_reference(reference[:-1] + signs[signs.index(reference[-1]) + 1]), "a wrong sign is noticed"
        assert as_reference(f" {reference[:4]} {reference[4:].lower()}") == reference


def test_ids_of_what_the_desk_asks_for_by_itself_are_those_of_their_cause() -> None:
    found = request_id_of("k:3")
    assert found == request_id_of("k:3") != request_id_of("k:4")
    assert found[14] == "8" and found[19] in "89ab", "a UUID of version 8"
