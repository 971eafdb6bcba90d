"""What goes into a shipment, and who carries it: chosen by rules, refused with what is possible."""

from __future__ import annotations

import random

import pytest

from router.labels.address import PostalAddress, address_of
from router.life.refunds import Units
from router.life.shipments import (
    NO_DAY,
    Band,
    OpenUnits,
    ShipmentRefused,
    chosen,
    free_units,
    planned,
    possible,
    weight_of,
)
from router.tracking.check_digits import gs1
from router.tracking.own import own_number

OPENED = (
    OpenUnits("N1", "L1", 2, ""), OpenUnits("N1", "L1", 1, "ours"), OpenUnits("N1", "L2", 4, "theirs"),
    OpenUnits("N2", "L1", 5, ""), OpenUnits("N2", "L2", 1, ""),
)  # fmt: skip
BANDS = (
    Band("dhl", "std", 0, 1_000, 400, 0, 103),
    Band("dhl", "std", 1_001, 30_000, 500, 100, 103),
    Band("ups", "express", 0, 30_000, 1_500, 0, 101),
    Band("van", "slow", 0, 30_000, 300, 0, 110),
)


def test_units_of_other_shipments_and_of_parcels_of_others_are_not_free() -> None:
    free = free_units(OPENED, [("N1", Units("L1", 1)), ("N2", Units("L2", 1)), ("N9", Units("L1", 7))], {"ours"})
    assert free == {"N1": {"L1": 2}, "N2": {"L1": 5}}


def test_a_node_sends_what_was_asked_or_all_it_has() -> None:
    free = free_units(OPENED, [], {"ours"})
    assert planned(free, "", ()) == ("N1", (Units("L1", 3),))
    assert planned(free, "N2", ()) == ("N2", (Units("L1", 5), Units("L2", 1)))
    assert planned(free, "", (Units("L1", 2), Units("L1", 2))) == ("N2", (Units("L1", 4),)), "summed, and N1 has three"
    for node, wanted in (("", (Units("L2", 2),)), ("N1", (Units("L1", 4),)), ("N7", ()), ("", (Units("L9", 1),))):
        with pytest.raises(ShipmentRefused) as refused:
            planned(free, node, wanted)
        assert refused.value.possible == possible(free) and len(refused.value.possible) == 3
    with pytest.raises(ShipmentRefused, match="Nothing of the order can be sent"):
        planned({}, "", ())


@pytest.mark.parametrize(
    ("policy", "by_day", "weight_g", "carrier"),
    [
        ("cheapest", 101, 900, "van"),
        ("fastest", NO_DAY, 900, "ups"),
        ("in_time", 103, 900, "dhl"),
        ("in_time", 110, 900, "van"),
        ("in_time", NO_DAY, 900, "van"),
        ("in_time", 100, 900, "ups"),  # nothing is in time: what is nearest to it
        ("in_time", 103, 12_000, "ups"),  # 500 and 12 kilograms of 100 are more
    ],
)
def test_a_policy_chooses_by_price_and_day(policy: str, by_day: int, weight_g: int, carrier: str) -> None:
    assert chosen(BANDS, weight_g, "", "", policy, by_day).carrier == carrier  # type: ignore[arg-type]


def test_a_carrier_or_service_that_is_named_wins() -> None:
    named = chosen(BANDS, 1_001, "dhl", "", "cheapest", NO_DAY)
    assert (named.service, named.price_minor, named.arrives_day) == ("std", 700, 103), "two kilograms were begun"
    assert chosen(BANDS, 900, "", "express", "cheapest", NO_DAY).carrier == "ups"
    unknown = chosen(BANDS, 900, "own van", "", "cheapest", NO_DAY)
    assert unknown == ("own van", "", None, NO_DAY)
    for weight_g, service in ((40_000, ""), (900, "balloon")):
        with pytest.raises(ShipmentRefused, match=f"No rate carries {weight_g} g"):
            chosen(BANDS, weight_g, "", service, "in_time", NO_DAY)


def test_the_choice_is_the_best_of_all_bands() -> None:
    """Against a search of every band, over random ones."""
    chance = random.Random(5)
    for _ in range(300):
        bands = [
            Band(chance.choice("abc"), chance.choice("xy"), 0, chance.randrange(500, 3_000), chance.randrange(900),
                 chance.randrange(50), chance.randrange(100, 110))
            for _ in range(chance.randrange(1, 9))
        ]  # fmt: skip
        weight_g, by_day = chance.randrange(1, 2_000), chance.randrange(100, 110)
        fits = [band for band in bands if weight_g <= band.max_g]
        if not fits:
            continue
        in_time = [band.price_of(weight_g) for band in fits if band.arrives_day <= by_day]
        found = chosen(bands, weight_g, "", "", "in_time", by_day)
        if in_time:
            assert (found.price_minor, found.arrives_day <= by_day) == (min(in_time), True)
        else:
            assert found.arrives_day == min(band.arrives_day for band in fits)


def test_weight_is_the_catalogues_and_never_nothing() -> None:
    assert weight_of([Units("L1", 3), Units("L2", 1)], {"L1": 200, "L2": 50}) == 650
    assert weight_of([Units("L1", 3)], {}) == 1


def test_our_numbers_are_the_shipments_own_with_a_check_digit() -> None:
    numbers = {own_number(f"shipment-{number}") for number in range(1_000)}
    assert len(numbers) == 1_000 and own_number("shipment-1") in numbers
    for number in numbers:
        assert number[:2] == "OR" and len(number) == 22 and gs1(number[2:-1]) == number[-1]


def test_an_address_is_lines_that_no_printer_takes_for_commands() -> None:
    said = {"name": "  Ada\nLovelace ", "line1": "Gasse\t7", "city": "Berlin", "postcode": 10115, "country": "DE"}
    address = address_of(said, phone="+49")
    assert address.lines == ["Ada Lovelace", "Gasse 7", "Berlin", "DE"] and address.phone == "+49"
    assert repr(address) == "PostalAddress(DE)" and address.missing == []
    assert PostalAddress(name="A").missing == ["line1", "city", "country"]
    assert len(address_of({"name": "x" * 999}).name) == 128
