"""Taxes as countries have them: exact rates, several of them, rounded their way, by postcode and by date."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

from router.errors import TableRejected
from router.tables.places import PlaceResolver
from tests.labs import table_cases
from tests.labs.order_lab import OrderLab
from tests.labs.table_cases import tables_of
from tests.reference.money import tax as twin

Row = dict[str, Any]
CLASSES = ("standard", "reduced", "kits")


def tax(country: str, rate: float, **more: Any) -> Row:
    return {"country": country, "tax_class": "standard", "rate_bp": rate, "inclusive": False} | more


def shop(*taxes: Row, classes: tuple[str, ...] = ("standard",), **tables: list[Row]) -> OrderLab:
    """A SKU of each class, called by it, sold in dollars at the price that the order says."""
    lab = OrderLab(shards=1)
    lab.tables_with(
        skus=[*({**table_cases.SKU, "sku": name, "tax_class": name} for name in classes),
              {**table_cases.SKU, "sku": "known", "currency": "USD"}],
        nodes=[table_cases.NODE], taxes=list(taxes), **tables,
    )  # fmt: skip
    lab.stock(**{f"{name}_N1": 1_000_000 for name in classes})
    return lab


def sold(lab: OrderLab, country: str, *prices: int | tuple[str, int], **order: Any) -> Row:
    """The view of an order of one unit a line, of the standard class where none is given."""
    address = {"name": "A", "line1": "1", "city": "C", "country": country} | order.pop("address", {})
    lines = [
        {"sku": of if isinstance(each, tuple) else "standard", "qty": 1, "unit_price": price}
        for each in prices
        for of, price in [each if isinstance(each, tuple) else ("", each)]
    ]
    order_id = f"o{lab.now_ms}"
    lab.order(order_id, lines, **{"ship_to": address, "currency": "USD"} | order)
    return lab.view(order_id)


@pytest.mark.parametrize(
    ("rate", "price", "amount"),
    [
        ({"rate_bp": 1497.5}, 14_000, 2_097), ({"percent": 14.975}, 14_000, 2_097),
        ({"percent": 6.625}, 100_000, 6_625),
        ({"rate_bp": 887.5}, 100_000, 8_875), ({"percent": 9.975}, 114_000, 11_372), ({"percent": 5}, 114_000, 5_700),
        ({"percent": 4.712}, 99_999, 4_712), ({"rate_bp": 0.0001}, 1_000_000_000, 10), ({"rate_bp": 1900}, 50, 10),
        ({"percent": 25.5}, 10_000, 2_550), ({"percent": 100}, 7, 7), ({"percent": 0}, 7, 0),
    ],
)  # fmt: skip
def test_a_rate_is_as_exact_as_it_is_written(rate: Row, price: int, amount: int) -> None:
    row = {k: v for k, v in tax("DE", 0).items() if k != "rate_bp"} | rate
    view = sold(shop(row), "DE", price)
    assert (view["tax"], view["total"]) == (amount, price + amount)


def test_every_tax_of_a_line_is_rounded_and_shown_by_its_name() -> None:
    lab = shop(
        tax("CA", 500, region="BC", name="GST"), tax("CA", 700, region="BC", name="PST"), tax("CA", 500, name="GST")
    )
    view = sold(lab, "CA", 3_848, 8_697, address={"region": "BC"})
    gst, pst = {"name": "GST", "percent": 5.0}, {"name": "PST", "percent": 7.0}
    assert view["lines"][0]["taxes"] == [{**gst, "amount": 192}, {**pst, "amount": 269}]
    assert [line["tax"] for line in view["lines"]] == [461, 435 + 609]
    assert view["taxes"] == [{**gst, "amount": 192 + 435}, {**pst, "amount": 269 + 609}]
    assert view["tax"] == 461 + 1_044
    elsewhere = sold(lab, "CA", 3_848, address={"region": "AB"})
    assert elsewhere["taxes"] == elsewhere["lines"][0]["taxes"] == [{**gst, "amount": 192}]


def test_taxes_that_the_price_contains_are_shares_of_it() -> None:
    lab = shop(tax("BR", 1_700, name="ICMS", inclusive=True), tax("BR", 300, name="PIS", inclusive=True))
    view = sold(lab, "BR", 12_000)
    assert (view["total"], view["tax"]) == (12_000, 2_000)
    assert [found["amount"] for found in view["lines"][0]["taxes"]] == [1_700, 300]


JP = (tax("JP", 1_000), tax("JP", 800, tax_class="reduced"))
BASKET = (("reduced", 456), ("reduced", 204), ("standard", 444), ("standard", 300))


@pytest.mark.parametrize(
    ("setting", "lines", "total", "taxes"),
    [
        ({}, (105, 107), 234, [11, 11]),
        ({"round_per": "order"}, (105, 107), 233, [10, 11]),
        ({"round_per": "order", "rounding": "up"}, (105, 107), 234, [11, 11]),
        ({"round_per": "order", "rounding": "down"}, (105, 107), 233, [10, 11]),
        ({"rounding": "down"}, (105, 107), 232, [10, 10]),
        ({"rounding": "half_even"}, (105, 115), 242, [10, 12]),
        ({"round_per": "order"}, BASKET, 1_531, [37, 16, 44, 30]),
        ({"rounding": "half_even"}, (("reduced", 660),), 713, [53]),
    ],
)
def test_a_country_says_where_and_how_its_taxes_are_rounded(
    setting: Row, lines: tuple[Any, ...], total: int, taxes: list[int]
) -> None:
    lab = shop({**JP[0], **setting}, JP[1], tax("DE", 1_000), classes=CLASSES)
    view = sold(lab, "JP", *lines)
    assert (view["total"], [line["tax"] for line in view["lines"]]) == (total, taxes)
    assert sum(line["total"] for line in view["lines"]) == view["total"]
    assert [line["tax"] for line in sold(lab, "DE", 105, 107)["lines"]] == [11, 11], "a setting of another country"


def test_shipping_is_rounded_with_the_lines_that_have_its_tax() -> None:
    rates = [{**table_cases.RATE, "to_zone": "*", "max_g": None, "price": 103}]
    lab = shop(tax("JP", 1_000, round_per="order"), tax("JP", 1_000, tax_class="shipping"), rates=rates)
    view = sold(lab, "JP", 101, 101)
    assert (view["tax"], view["total"]) == (31, 305 + 31)  # 30.5 of all three together
    assert view["taxes"] == [{"name": None, "percent": 10.0, "amount": 31}]
    assert view["shipping"] + sum(line["total"] for line in view["lines"]) == view["total"]


@pytest.mark.parametrize(
    ("country", "address", "percent"),
    [
        ("GB", {"postcode": "BT1 5GS"}, 21), ("GB", {"postcode": "bt15gs", "region": "Antrim"}, 21),
        ("GB", {"postcode": "SW1A 1AA"}, 0), ("GB", {"region": "NIR"}, 21), ("XI", {"postcode": "BT1 5GS"}, 21),
        ("XI", {}, 21), ("ES", {"postcode": "35001"}, 7), ("ES", {"postcode": "28001"}, 21),
        ("ES", {"postcode": "38001"}, 6.5), ("IC", {"postcode": "38001"}, 6.5), ("IC", {"postcode": "35500"}, 7),
        ("DE", {"postcode": "78266"}, 7.7), ("DE", {"postcode": "78267"}, 19), ("DE", {"postcode": "27498"}, 0),
        ("DE", {}, 19), ("FI", {"postcode": "22100"}, 0), ("FI", {"postcode": "00100"}, 25.5),
        ("AX", {"postcode": "22100"}, 0),
    ],
)  # fmt: skip
def test_parts_of_countries_are_taxed_by_their_postcodes(country: str, address: Row, percent: float) -> None:
    lab = shop(
        tax("GB", 0), tax("GB", 2_100, region="NIR"), tax("ES", 2_100), tax("ES", 700, region="GC"),
        tax("ES", 650, region="TF"), tax("DE", 1_900), tax("DE", 770, region="DE:78266"),
        tax("DE", 0, region="DE:27498"), tax("FI", 2_550), tax("AX", 0),
    )  # fmt: skip
    view = sold(lab, country, 10_000, address=address)
    assert (view["status"], view["tax"]) == ("allocated", percent * 100)


def test_the_longest_prefix_wins_and_a_class_that_it_does_not_name_is_its_countrys() -> None:
    tables = tables_of(
        skus=[table_cases.SKU],
        taxes=[
            tax("US", 100), tax("US", 200, region="US:78"), tax("US", 300, region="US:787"), tax("US", 50, region="TX"),
            tax("US", 10, tax_class="food"),
        ],
    )  # fmt: skip
    places, taxes = PlaceResolver(tables), tables.taxes
    found = [
        places.answer("US", region, code).tax_area
        for region, code in (("TX", "78701"), ("TX", "78101"), ("TX", "75001"), ("", "10001"))
    ]
    assert [taxes.area_ids.text(area) for area in found] == ["US:787", "US:78", "US-TX", "US"]
    assert taxes.plain_rate[:, taxes.class_ids.index("food")][found].tolist() == [100_000] * 4


@pytest.mark.parametrize(
    ("placed_at", "percent"),
    [
        ("2026-06-30T23:59:59.999Z", 19), ("2026-07-01T00:00:00Z", 16), ("2026-12-31T23:59:59Z", 16),
        ("2027-01-01T00:00:00Z", 19), ("2026-07-01T01:00:00+02:00", 19),
    ],
)  # fmt: skip
def test_a_tax_counts_from_when_until_when_by_when_the_order_was_placed(placed_at: str, percent: int) -> None:
    lab = shop(
        tax("DE", 1_900, until="2026-07-01"),
        tax("DE", 1_600, **{"from": "2026-07-01", "until": "2027-01-01T00:00:00Z"}),
        tax("DE", 1_900, **{"from": "2027-01-01T01:00:00+01:00"}),
    )  # fmt: skip
    lab.now_ms += 500 * 86_400_000
    view = sold(lab, "DE", 10_000, placed_at=placed_at)
    assert (view["tax"], view["taxes"][0]["percent"]) == (percent * 100, percent)


@pytest.mark.parametrize(
    ("placed_at", "price"),
    [("2025-11-19T00:00:00Z", 1_000), ("2025-11-20T00:00:00Z", 800), ("2025-11-21T11:59:59Z", 800),
     ("2025-11-21T12:00:00Z", 1_000)],
)  # fmt: skip
def test_a_price_counts_from_when_until_when(placed_at: str, price: int) -> None:
    sku = {**table_cases.SKU, "price": 1_000}
    lab = OrderLab(shards=1)
    sale = {**sku, "price": 800, "from": "2025-11-20", "until": "2025-11-21T12:00:00Z"}
    lab.tables_with(skus=[sku, sale, {**sku, "currency": "USD", "price": 900}], nodes=[table_cases.NODE])
    lab.stock(A_N1=9)
    lab.order("o", placed_at=placed_at)
    assert lab.view("o")["total"] == price
    lab.order("usd", placed_at=placed_at, currency="USD")
    assert lab.view("usd")["total"] == 900


def test_outside_its_period_a_price_that_stands_alone_is_none() -> None:
    lab = OrderLab(shards=1)
    lab.tables_with(skus=[{**table_cases.SKU, "from": "2025-12-01"}], nodes=[table_cases.NODE])
    lab.order("o")
    assert lab.view("o")["reasons"] == ["price_missing"]


@pytest.mark.parametrize(
    ("rows", "field", "code"),
    [
        ([tax("DE", 1_900), tax("DE", 700)], "country", "duplicate"),
        ([tax("DE", 1_900, name="A"), tax("DE", 700, name="A")], "country", "duplicate"),
        ([tax("DE", 1_900, until="2026-07-01"), tax("DE", 1_600, **{"from": "2026-06-30"})], "from", "overlap"),
        ([tax("DE", 1_900), tax("DE", 1_600, **{"from": "2026-06-30"})], "from", "overlap"),
        ([tax("DE", 5_000, name="A"), tax("DE", 5_001, name="B")], "rate_bp", "range"),
        ([tax("DE", 500, name="A"), tax("DE", 500, name="B", inclusive=True)], "inclusive", "conflict"),
        ([tax("DE", 500, rounding="down"), tax("DE", 500, tax_class="food", rounding="up")], "rounding", "conflict"),
        ([tax("DE", 500, region="AT:78")], "region", "zone"),
        ([tax("DE", 500, region="DE:")], "region", "zone"),
        ([tax("DE", 19.00005)], "rate_bp", "value"),
        ([tax("DE", 19, percent=19)], "rate_bp", "conflict"),
        ([{k: v for k, v in tax("DE", 1).items() if k != "rate_bp"}], "rate_bp", "missing"),
        ([tax("DE", 500, **{"from": "2026-07-01", "until": "2026-07-01"})], "until", "range"),
        ([tax("DE", 500, until="1.7.2026")], "until", "time"),
        ([tax("DE", 500, until="2026-07-01T00:00:00")], "until", "time"),
        ([tax("DE", 10_001)], "rate_bp", "value"),
    ],
)
def test_rows_that_say_no_tax_or_two_are_refused_with_what_is_wrong(rows: list[Row], field: str, code: str) -> None:
    with pytest.raises(TableRejected) as refused:
        tables_of(skus=[table_cases.SKU], taxes=rows)
    assert (field, code) in [(error.field, error.code) for error in refused.value.errors]


def test_every_order_is_taxed_as_an_independent_computation_says() -> None:
    rng = random.Random(77)
    rates = [
        Fraction(0),
        Fraction(5, 100),
        Fraction(9_975, 100_000),
        Fraction(19, 100),
        Fraction(1, 3_200),
        Fraction(7, 100),
    ]
    for _ in range(30):
        countries = {
            country: (rng.random() < 0.5, rng.choice(["half_up", "half_even", "down", "up"]))
            for country in ("CA", "DE", "JP")
        }
        rows = [row for country in countries for row in _random_rows(rng, country, rates)]
        freight = {**table_cases.RATE, "to_zone": "*", "max_g": None, "price": rng.choice([0, 495, 1_033])}
        lab = shop(*(_as_written(row, countries) for row in rows), classes=CLASSES, rates=[freight])
        fee = lab.tables.rates.band_price_minor[0]
        for _ in range(8):
            country, at = rng.choice(list(countries)), rng.choice(["2025-11-05", "2025-11-15"])
            region = rng.choice(["", "QC"]) if country == "CA" else ""
            lines = [
                (rng.choice(CLASSES), rng.choice([1, 5, 105, 333, 9_999, 123_456_789]))
                for _ in range(rng.randint(1, 6))
            ]
            view = sold(lab, country, *lines, placed_at=f"{at}T00:00:00Z", address={"region": region})
            area = f"{country}-{region}" if region else country
            nets = [(price, twin.taxes_of(rows, area, of, at)) for of, price in (*lines, ("shipping", int(fee)))]
            amounts = twin.order_taxes(nets, *countries[country])
            added = [
                sum(a for a, (_, _, inclusive) in zip(of_line, taxes, strict=True) if not inclusive)
                for of_line, (_, taxes) in zip(amounts, nets, strict=True)
            ]
            assert [line["tax"] for line in view["lines"]] == [sum(of_line) for of_line in amounts[:-1]]
            assert [line["total"] for line in view["lines"]] == [
                n + a for (n, _), a in zip(nets[:-1], added, strict=False)
            ]
            assert (view["tax"], view["shipping"]) == (sum(map(sum, amounts)), int(fee) + added[-1])
            assert sum(found["amount"] for found in view["taxes"]) == view["tax"]
            for line, of_line in zip(view["lines"], amounts, strict=False):
                assert sum(found["amount"] for found in line["taxes"]) == sum(of_line)


def _random_rows(rng: random.Random, country: str, rates: list[Fraction]) -> list[Row]:
    """Rows as the twin takes them; now and then several, or one after the other."""
    rows = []
    for area in (country, "CA-QC") if country == "CA" else (country,):
        for tax_class in (*CLASSES, "shipping"):
            inclusive = rng.random() < 0.4
            for name in rng.sample(["", "GST", "PST"], rng.choice([0, 1, 1, 2])):
                base = {
                    "area": area,
                    "tax_class": tax_class,
                    "name": name,
                    "inclusive": inclusive,
                    "from": None,
                    "until": None,
                }
                if rng.random() < 0.2:
                    rows.append(base | {"rate": rng.choice(rates), "until": "2025-11-10"})
                    base["from"] = "2025-11-10"
                rows.append(base | {"rate": rng.choice(rates)})
    return rows


def _as_written(row: Row, countries: dict[str, tuple[bool, str]]) -> Row:
    country, _, region = row["area"].partition("-")
    once, rounding = countries[country]
    written = {
        "country": country, "region": region or None, "tax_class": row["tax_class"], "name": row["name"],
        "percent": float(row["rate"] * 100), "inclusive": row["inclusive"], "from": row["from"], "until": row["until"],
        "round_per": "order" if once else "line", "rounding": rounding,
    }  # fmt: skip
    return {key: value for key, value in written.items() if value is not None}
