"""Orders are priced as the plain twin says, to the last minor unit, and what is split sums to the whole."""

from __future__ import annotations

import pathlib
import random
import time
from types import SimpleNamespace

import numpy as np
import pytest

from kernels.money.price import divide_rounded
from router import money
from router.shard import pricing
from tests.labs.pricing_cases import (
    CLASSES,
    line,
    order_lines,
    promotion,
    ragged,
    random_lines,
    random_promotion,
    tables,
)
from tests.labs.rules import callable_rule
from tests.reference.admit import fee as fee_twin
from tests.reference.money import price as price_twin
from tests.reference.money import weigh as weigh_twin

_divide_rounded = callable_rule(divide_rounded)
SKUS = 6
_DOCS = pathlib.Path(__file__).parents[2] / "docs" / "pricing.md"


def _price(orders: list[dict], promotions: list[dict], world: dict) -> list[dict]:
    """Price a batch with the kernel and hand it back in the twin's form."""
    lines = order_lines([order["lines"] for order in orders])
    offset, granted = ragged([[p["number"] for p in order["granted"]] for order in orders])
    found = pricing.price_orders(
        tables(promotions, world["tax_class"], world["rates"], classes=world.get("classes", CLASSES)),
        lines,
        granted=(offset, granted),
        tax_area=np.array([order["area"] for order in orders], np.int32),
        fee_minor=np.array([order["fee"] for order in orders], np.int64),
        placed_at_ms=np.zeros(len(orders), np.int64),
    )
    answers = []
    for number in range(len(orders)):
        of_lines = range(lines.line_offset[number], lines.line_offset[number + 1])
        answers.append(
            {
                "lines": [{name: int(getattr(found, f"line_{name}_minor")[at]) for name in _PARTS} for at in of_lines],
                "promotions": found.promotion_part_minor[offset[number] : offset[number + 1]].tolist(),
                **{name: int(getattr(found, f"{name}_minor")[number]) for name in _TOTALS},
            }
        )
    return answers


_PARTS = ("gross", "discount", "tax", "total")
_TOTALS = ("total", "discount", "tax", "shipping")


def _twin(order: dict, world: dict) -> dict:
    rates = world["rates"][order["area"]]
    of_sku = {sku: rates[world["tax_class"][sku]] for sku in range(len(world["tax_class"]))}
    return price_twin.price(order, of_sku, rates[2])


def _assert_balances(order: dict, world: dict, money_of: dict) -> None:
    """The identities of docs/pricing.md; exclusive tax is derived from the rates, not from the totals."""
    rates = world["rates"][order["area"]]
    fee = 0 if weigh_twin.value(order["lines"]) is None else max(order["fee"], 0)
    exclusive = sum(
        found["tax"]
        for each, found in zip(order["lines"], money_of["lines"], strict=True)
        if each["sku"] is not None and not rates[world["tax_class"][each["sku"]]][1]
    )
    line_tax = sum(each["tax"] for each in money_of["lines"])
    if not rates[2][1]:
        exclusive += money_of["tax"] - line_tax
    gross = sum(each["gross"] for each in money_of["lines"])
    assert money_of["total"] == sum(each["total"] for each in money_of["lines"]) + money_of["shipping"]
    assert money_of["total"] == gross - money_of["discount"] + exclusive + fee
    assert money_of["discount"] == sum(money_of["promotions"])
    assert all(amount >= 0 for each in money_of["lines"] for amount in each.values())
    assert min(money_of[name] for name in _TOTALS) >= 0


def _world(rng: random.Random) -> dict:
    rate = [0, 1, 550, 1_900, 2_000, 10_000]
    return {
        "tax_class": [rng.randrange(3) for _ in range(SKUS)],
        "rates": [[(rng.choice(rate), rng.random() < 0.5) for _ in CLASSES] for _ in range(2)],
    }


def _order(rng: random.Random, promotions: list[dict]) -> dict:
    granted = sorted(rng.sample(range(len(promotions)), rng.randint(0, min(3, len(promotions)))))
    return {
        "lines": random_lines(rng, SKUS),
        "granted": [promotions[number] for number in granted],
        "fee": rng.choice([-1, 0, 1, 499, 10**9]),
        "area": rng.randrange(2),
    }


def test_money_equals_the_twin_and_balances_on_random_batches():
    rng = random.Random(40)
    for _ in range(400):
        world = _world(rng)
        promotions = [random_promotion(rng, number, SKUS) for number in range(rng.randint(0, 5))]
        orders = [_order(rng, promotions) for _ in range(rng.randint(0, 12))]
        for order, found in zip(orders, _price(orders, promotions, world), strict=True):
            assert found == _twin(order, world)
            _assert_balances(order, world, found)


@pytest.mark.parametrize("top", [10**6, 10**11, weigh_twin.VALUE_MAX // 8])
def test_money_is_exact_up_to_the_largest_order(top):
    rng = random.Random(41)
    for _ in range(150):
        world = _world(rng)
        promotions = [random_promotion(rng, number, SKUS) for number in range(4)]
        lines = [line(rng.randrange(SKUS), 1, rng.randint(0, top)) for _ in range(rng.randint(1, 8))]
        order = _order(rng, promotions) | {"lines": lines}
        (found,) = _price([order], promotions, world)
        assert found == _twin(order, world)
        _assert_balances(order, world, found)


def test_an_order_just_beyond_the_largest_value_is_not_priced():
    world = {"tax_class": [0], "rates": [[(10_000, False)] * 3]}
    at_limit = {"lines": [line(0, 1, weigh_twin.VALUE_MAX)], "granted": [], "fee": 0, "area": 0}
    beyond = at_limit | {"lines": [line(0, 1, weigh_twin.VALUE_MAX), line(0, 1, 1)]}
    found = _price([at_limit, beyond], [], world)
    assert found[0]["total"] == 2 * weigh_twin.VALUE_MAX
    assert found[1] == _twin(beyond, world) and found[1]["total"] == 0


@pytest.mark.parametrize(
    ("currency", "unit_price", "rate_bp", "tax", "total"),
    [
        ("JPY, no decimals", 333, 1_000, 100, 1_099),
        ("EUR, two decimals", 1_999, 1_900, 1_139, 7_136),
        ("KWD, three decimals", 12_345, 500, 1_852, 38_887),
    ],
)
def test_tax_is_rounded_in_whole_minor_units_of_any_currency(currency, unit_price, rate_bp, tax, total):
    world = {"tax_class": [0], "rates": [[(rate_bp, False), (0, False), (0, False)]]}
    (found,) = _price([{"lines": [line(0, 3, unit_price)], "granted": [], "fee": 0, "area": 0}], [], world)
    assert (found["tax"], found["total"]) == (tax, total), currency


def test_of_units_bought_the_cheapest_are_given_and_ties_go_to_the_earlier_line():
    three_for_two = promotion(0, kind="buy_x_get_y", buy=2, get=1, value=10_000)
    world = {"tax_class": [0] * SKUS, "rates": [[(0, False)] * 3]}

    def discounts(*lines: dict) -> list[int]:
        order = {"lines": list(lines), "granted": [three_for_two], "fee": 0, "area": 0}
        return [each["discount"] for each in _price([order], [three_for_two], world)[0]["lines"]]

    assert discounts(line(0, 1, 500), line(1, 1, 300)) == [0, 0]
    assert discounts(line(0, 2, 500), line(1, 1, 300)) == [0, 300]
    assert discounts(line(0, 5, 500), line(1, 1, 300)) == [500, 300]
    assert discounts(line(0, 2, 300), line(1, 2, 300), line(2, 2, 900)) == [600, 0, 0]


def test_promotions_apply_to_what_earlier_ones_left():
    half, tenner = promotion(0, value=5_000), promotion(1, kind="fixed", value=1_000)
    world = {"tax_class": [0], "rates": [[(0, False)] * 3]}
    order = {"lines": [line(0, 1, 1_500)], "granted": [half, tenner], "fee": 0, "area": 0}
    assert _price([order], [half, tenner], world)[0]["promotions"] == [750, 750]


def test_without_a_shipping_tax_class_shipping_is_untaxed():
    world = {"tax_class": [0], "rates": [[(2_000, False)]], "classes": ("standard",)}
    (found,) = _price([{"lines": [line(0, 1, 100)], "granted": [], "fee": 500, "area": 0}], [], world)
    assert (found["tax"], found["shipping"], found["total"]) == (20, 500, 620)


def test_the_worked_example_of_the_docs_is_what_the_router_charges():
    tenth = promotion(0, value=1_000, skus={0, 1})
    three = promotion(1, kind="fixed", value=300)
    free = promotion(2, kind="free_shipping")
    world = {"tax_class": [0, 0, 1], "rates": [[(2_000, False), (500, False), (2_000, False)]]}
    lines = [line(0, 3, 999), line(1, 1, 1_250), line(2, 2, 475)]
    order = {"lines": lines, "granted": [tenth, three, free], "fee": 495, "area": 0}
    (found,) = _price([order], [tenth, three, free], world)
    assert found == _twin(order, world)
    assert (found["total"], found["discount"], found["tax"], found["shipping"]) == (5_234, 1_220, 762, 0)
    rows = [
        _row(name, each, [each["gross"] - each["discount"]]) for name, each in zip("ABC", found["lines"], strict=True)
    ]
    gross = sum(each["gross"] for each in found["lines"])
    given = "The promotions gave {}, {} and {}.".format(*(_euro(part) for part in found["promotions"]))
    for sentence in [*rows, _row("order", found | {"gross": gross}, []), given]:
        assert sentence in _DOCS.read_text(encoding="utf-8"), f"docs/pricing.md does not say: {sentence}"


def _euro(minor: int) -> str:
    return money.format_minor(minor, 2)


def _row(name: str, amounts: dict, net: list[int]) -> str:
    """One row of the table in the docs."""
    shown = [_euro(amounts["gross"]), _euro(amounts["discount"]), *(map(_euro, net) if net else [""])]
    row = " | ".join([name, *shown, _euro(amounts["tax"]), _euro(amounts["total"])])
    return f"| {row} |".replace("|  |", "| |")


def test_the_two_rounding_rules_agree():
    rng = random.Random(42)
    for _ in range(5_000):
        numerator, denominator = rng.randint(-(10 ** rng.randint(0, 18)), 10**9), rng.randint(1, 20_000)
        assert _divide_rounded(numerator, denominator) == money.divide_rounded(numerator, denominator)
    assert [_divide_rounded(n, 2) for n in (-3, -1, 0, 1, 3)] == [-2, -1, 0, 1, 2]


def test_weight_and_value_equal_the_twin_on_random_batches():
    rng = random.Random(43)
    for _ in range(300):
        unit_weight = [rng.choice([0, 1, 350, 10**6, 1 << 31]) for _ in range(SKUS)]
        orders = [random_lines(rng, SKUS, bad=0.2) for _ in range(rng.randint(0, 15))]
        if orders and rng.random() < 0.2:
            orders[0] = [line(rng.randrange(SKUS), 100_000, 0) for _ in range(30)]
        found = pricing.weigh(order_lines(orders), np.array(unit_weight, np.int64))
        expected = [weigh_twin.weigh(lines, dict(enumerate(unit_weight))) for lines in orders]
        assert found[0].tolist() == [weight for weight, _ in expected]
        assert found[1].tolist() == [-1 if value is None else value for _, value in expected]


def _freight(lanes: list[list[dict]], zones: int) -> SimpleNamespace:
    """Zone number z > 0 leads to lane z - 1; zone 0 and zones beyond the lanes lead nowhere."""
    bands = [band for lane in lanes for band in lane]
    return SimpleNamespace(
        loaded=True,
        fee_lane=np.array([z - 1 if 0 < z <= len(lanes) else -1 for z in range(zones)], np.int32),
        fee_lane_offset=np.cumsum([0] + [len(lane) for lane in lanes], dtype=np.int64),
        fee_band=np.arange(len(bands), dtype=np.int32)[::-1].copy(),
        **{
            f"band_{name}": np.array([band[key] for band in reversed(bands)], dtype)
            for name, key, dtype in (
                ("min_g", "min_g", np.int64), ("max_g", "max_g", np.int64), ("price_minor", "price", np.int64),
                ("per_kg_minor", "per_kg", np.int64), ("service", "service", np.int16),
            )
        },
    )  # fmt: skip


def _goods(unit_weight: list[int], bundles: dict[int, list[tuple[int, int]]] | None = None) -> SimpleNamespace:
    """SKUs of these weights; ``bundles`` are (component, units) by SKU."""
    parts = [(bundles or {}).get(sku, []) for sku in range(len(unit_weight))]
    return SimpleNamespace(
        weight_g=np.array(unit_weight, np.int64),
        bundle_offset=np.cumsum([0] + [len(each) for each in parts], dtype=np.int64),
        bundle_sku=np.array([sku for each in parts for sku, _ in each], np.int32),
        bundle_qty=np.array([units for each in parts for _, units in each], np.int32),
    )


def _fees(lane: list[dict], unit_weight: list[int], *orders: list[tuple[int, int]], bundles=None, service=-1) -> list:
    """Fees of orders of (SKU, units) where one lane leads."""
    given = SimpleNamespace(rates=_freight([lane], 2), skus=_goods(unit_weight, bundles))
    lines = order_lines([[line(sku, qty, 1) for sku, qty in order] for order in orders])
    weight_g, _ = pricing.weigh(lines, given.skus.weight_g)
    found = pricing.fees(
        given, lines, zone=np.ones(len(orders), np.int32), weight_g=weight_g,
        service=np.full(len(orders), service, np.int16),
    )  # fmt: skip
    return found.tolist()


def _band(price: int, max_g: int, min_g: int = 0, per_kg: int = 0, service: int = 0) -> dict:
    return {"min_g": min_g, "max_g": max_g, "price": price, "per_kg": per_kg, "service": service}


def test_fees_equal_the_twin_on_random_rates():
    rng = random.Random(44)
    edges = [0, 1, 999, 1_000, 1_001, 30_000, 1 << 40]
    in_pieces = 0
    for _ in range(600):
        lanes = [
            [
                _band(rng.randint(0, 900), rng.choice([*edges, 1 << 62]), rng.choice(edges), rng.choice([0, 0, 7]),
                      rng.randrange(3))
                for _ in range(rng.randint(0, 5))
            ]
            for _ in range(rng.randint(0, 3))
        ]  # fmt: skip
        unit_weight = [rng.choice([0, 1, 350, 999, 1_500, 30_000]) for _ in range(SKUS)]
        given = SimpleNamespace(rates=_freight(lanes, 5), skus=_goods(unit_weight))
        orders = [random_lines(rng, SKUS) for _ in range(rng.randint(0, 12))]
        zone = [rng.randrange(5) for _ in orders]
        service = [rng.randint(-1, 2) for _ in orders]
        lines = order_lines(orders)
        weight_g, _ = pricing.weigh(lines, given.skus.weight_g)
        found = pricing.fees(
            given, lines, zone=np.array(zone, np.int32), weight_g=weight_g, service=np.array(service, np.int16)
        )
        for z, w, s, order, amount in zip(zone, weight_g.tolist(), service, orders, found.tolist(), strict=True):
            units = [(unit_weight[each["sku"]], each["qty"]) for each in order if each["sku"] is not None]
            lane, asked = lanes[z - 1] if 0 < z <= len(lanes) else [], None if s < 0 else s
            expected = fee_twin.fee(lane, w, asked, units)
            assert amount == (-1 if expected is None else expected)
            in_pieces += expected is not None and fee_twin.parcel_fee(lane, w, asked) is None
    assert in_pieces > 20


def test_an_order_heavier_than_a_parcel_pays_for_the_parcels_that_carry_it():
    lane, weights = [_band(1_500, 22_000)], [1_000, 20_000, 30_000, 12_000]
    orders = [(0, 22)], [(0, 26)], [(1, 1), (1, 1)], [(2, 1)], [(3, 4)], [(1, 1), (0, 24)], [(0, 23), (2, 1)], [(0, 45)]
    #        fits       22 + 4     one each           too heavy  one each   20 + 2, 22          too heavy          3
    assert _fees(lane, weights, *orders) == [1_500, 3_000, 3_000, -1, 6_000, 3_000, -1, 4_500]


def test_a_parcel_of_a_heavy_order_is_carried_by_the_band_of_its_weight():
    bands = [_band(500, 5_000), _band(900, 10_000, 5_001, 10), _band(1_500, 22_000, 10_001)]
    assert _fees(bands, [1_000], [(0, 26)], [(0, 30)], [(0, 44)]) == [1_500 + 500, 1_500 + 900 + 80, 3_000]


def test_where_no_band_takes_a_parcel_of_the_heaviest_the_next_lighter_one_is_packed():
    gap = [_band(300, 5_000), _band(1_500, 22_000, 10_000)]
    assert _fees(gap, [1_000], [(0, 7)], [(0, 10)], [(0, 28)]) == [600, 1_500, 300 * 6]
    assert _fees([*gap, _band(9_000, 1 << 62, 100_000)], [1_000], [(0, 26)], [(0, 200)]) == [1_800, 9_000]


def test_the_service_asked_for_carries_every_parcel():
    lane = [_band(900, 5_000, service=1), _band(1_500, 22_000, service=0)]
    assert [_fees(lane, [2_000], [(0, 13)], service=asked) for asked in (0, 1, -1, 2)] == [
        [3_000],
        [6_300],
        [2_400],
        [-1],
    ]


def test_a_bundle_heavier_than_a_parcel_goes_by_its_components():
    bundles = {1: [(0, 2), (2, 1)]}
    assert _fees([_band(1_500, 22_000)], [10_000, 40_000, 20_000], [(1, 1)], [(1, 2)], bundles=bundles) == [
        3_000,
        6_000,
    ]


def test_many_different_weights_are_packed_in_portions():
    weights = [1_000 + number for number in range(200)]
    order = [(number, 1 + number % 3) for number in range(200)]
    units = [(weights[sku], qty) for sku, qty in order]
    lane, total = [_band(100, 9_000), _band(30, 2_000)], sum(weight * qty for weight, qty in units)
    assert _fees(lane, weights, order) == [fee_twin.fee(lane, total, None, units)]


def test_a_freight_dearer_than_any_order_carries_nothing():
    lane = [_band(1, 1 << 62, per_kg=pricing.PER_KG_MINOR_MAX)]
    assert _fees(lane, [1_000, 1 << 31], [(0, 1)], [(1, 512)]) == [1 + pricing.PER_KG_MINOR_MAX, -1]
    assert _fees([_band(10**9, 1)], [1], [(0, 2_000_000)], [(0, 900_000)]) == [-1, 900_000 * 10**9]


def test_without_rates_shipping_is_free():
    none = SimpleNamespace(rates=SimpleNamespace(loaded=False), skus=_goods([1]))
    lines = order_lines([[line(0, 1, 1)]] * 2)
    found = pricing.fees(
        none, lines, zone=np.zeros(2, np.int32), weight_g=np.ones(2, np.int64), service=np.zeros(2, np.int16)
    )
    assert found.tolist() == [0, 0]


def test_a_bug_upstream_is_stopped_before_the_kernel():
    good = order_lines([[line(0, 1, 100)]])
    with pytest.raises(AssertionError, match="negative quantity"):
        order_lines([[line(0, -1, 100)]])
    with pytest.raises(AssertionError, match="offsets"):
        pricing.OrderLines(np.array([0, 2], np.int64), good.sku, good.qty, good.unit_price_minor, good.list_price_minor)
    with pytest.raises(AssertionError, match="SKU is beyond"):
        pricing.weigh(order_lines([[line(5, 1, 100)]]), np.zeros(5, np.int64))

    def price(promotions, granted=(), area=0, rate=0):
        pricing.price_orders(
            tables(promotions, [0], [[(rate, False)] * 3]), good, granted=ragged([list(granted)]),
            tax_area=np.array([area], np.int32), fee_minor=np.zeros(1, np.int64), placed_at_ms=np.zeros(1, np.int64),
        )  # fmt: skip

    price([promotion(0)], [0])
    with pytest.raises(AssertionError, match="promotion is beyond"):
        price([promotion(0)], [1])
    with pytest.raises(AssertionError, match="tax area is beyond"):
        price([], area=1)
    with pytest.raises(AssertionError, match="above 100 %"):
        price([], rate=10_001)
    with pytest.raises(AssertionError, match="more than 100 %"):
        price([promotion(0, value=10_001)])
    with pytest.raises(AssertionError, match="groups of no unit"):
        price([promotion(0, kind="buy_x_get_y", value=1, get=0)])


def _seconds(lines_per_order: int, orders: int, promotions: list[dict]) -> float:
    rng = np.random.default_rng(6)
    count = lines_per_order * orders
    lines = pricing.OrderLines(
        np.arange(0, count + 1, lines_per_order, dtype=np.int64), rng.integers(0, SKUS, count).astype(np.int32),
        rng.integers(1, 4, count).astype(np.int32), rng.integers(1, 10**6, count), np.zeros(count, np.int64),
    )  # fmt: skip
    table = tables(promotions, [0] * SKUS, [[(1_900, False)] * 3])
    granted = ragged([[p["number"] for p in promotions]] * orders)
    area, fee, at = np.zeros(orders, np.int32), np.full(orders, 499, np.int64), np.zeros(orders, np.int64)
    best = 9.0
    for _ in range(5):
        start = time.perf_counter()
        pricing.price_orders(table, lines, granted=granted, tax_area=area, fee_minor=fee, placed_at_ms=at)
        best = min(best, time.perf_counter() - start)
    return best


def test_cost_is_linear_in_lines_with_every_kind_of_promotion():
    """The same 40,000 lines as orders of 10, 1,000 and 10,000; the longest may cost a few times the shortest."""
    kinds = [
        promotion(0, value=1_500), promotion(1, kind="fixed", value=777), promotion(2, kind="fixed_price", value=9_999),
        promotion(3, kind="buy_x_get_y", buy=2, get=1, value=10_000), promotion(4, kind="free_shipping"),
    ]  # fmt: skip
    short = _seconds(10, 4_000, kinds)
    assert _seconds(1_000, 40, kinds) < 6 * short
    assert _seconds(10_000, 4, kinds) < 6 * short
