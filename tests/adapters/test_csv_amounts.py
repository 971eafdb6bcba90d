"""What the channel has decided about money, of an order and of its lines: discounts, taxes, freight."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.numbers import NumberFormat, portion
from router.errors import Misconfigured
from tests.labs.csv_files import translate

SHARED = """
[columns]
order_id = "Order"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
"lines.unit_price" = "Price"
"lines.discount_share" = "Off"
[constants]
currency = "EUR"
"""
HEADER = "Order,Item,Pieces,Price,Off\n"
HALF_UP = '[cells."lines.discount_share"]\nround = "half_up"\n'


@pytest.mark.parametrize(
    ("price", "off", "discount"),
    [
        ("10.00", "0.15", 450),
        ("10.00", "15%", 450),
        ("10.00", " 15 % ", 450),
        ("10.00", "1", 3000),
        ("10.00", "100%", 3000),
        ("10.00", "0.0", 0),
        ("10.00", "0", 0),
        ("9.99", "0", 0),
        ("0.10", "0.1", 3),
        ("0.10", "0.100", 3),
    ],
)
def test_a_share_of_the_price_becomes_the_discount_of_the_line(price: str, off: str, discount: int) -> None:
    line = translate(SHARED, HEADER + f"1,A,3,{price},{off}\n").line
    assert line["discount"] == discount and "discount_share" not in line


def test_a_blank_share_is_no_discount() -> None:
    assert "discount" not in translate(SHARED, HEADER + "1,A,3,10.00,\n").line


@pytest.mark.parametrize(
    ("off", "reason"),
    [
        ("0.333", "amount_format"),
        ("1%", "amount_format"),
        ("1.5", "number_format"),
        ("101%", "number_format"),
        ("-0.1", "number_format"),
        ("a half", "number_format"),
        ("%", "number_format"),
        ("0." + "1" * 120, "number_format"),
    ],
)
def test_what_is_no_share_or_no_whole_amount_is_refused_by_name(off: str, reason: str) -> None:
    found = translate(SHARED, HEADER + f"1,A,1,0.49,{off}\n2,A,1,0.50,50%\n")
    assert found.ids == ["2"] and found.report.orders_refused == {reason: 1}


@pytest.mark.parametrize(
    ("rounding", "price", "off", "discount"),
    [
        ("half_up", "0.50", "0.05", 3),
        ("half_even", "0.50", "0.05", 2),
        ("half_up", "0.49", "0.333", 16),
        ("half_up", "4.60", "0.150000005960464477539062500000000000000001", 69),
        ("noise", "4.60", "0.15000000596046448", 69),
    ],
)
def test_a_share_is_rounded_where_the_mapping_says_how(rounding: str, price: str, off: str, discount: int) -> None:
    said = HALF_UP.replace("half_up", rounding)
    assert translate(SHARED + said, HEADER + f"1,A,1,{price},{off}\n").line["discount"] == discount


def test_noise_is_no_licence_to_round() -> None:
    found = translate(SHARED + HALF_UP.replace("half_up", "noise"), HEADER + "1,A,1,0.50,0.05\n")
    assert found.report.orders_refused == {"amount_format": 1}


def test_percents_that_are_written_bare_are_told_by_the_mapping() -> None:
    said = '[cells."lines.discount_share"]\nsuffix = "%"\ndecimal = ","\n'
    assert translate(SHARED + said, HEADER + '1,A,1,20.00,"12,5"\n').line["discount"] == 250


def test_a_share_of_a_line_total_is_taken_before_the_line_is_split() -> None:
    said = SHARED.replace("unit_price", "line_total")
    first, second = translate(said, HEADER + "1,A,3,10.00,0.1\n").order["lines"]
    assert [(line["qty"], line["unit_price"], line["discount"]) for line in (first, second)] == [
        (2, 333, 66),
        (1, 334, 34),
    ]


def test_a_share_of_no_price_is_refused() -> None:
    found = translate(SHARED, HEADER + "1,A,3,,0.1\n")
    assert found.report.orders_refused == {"value_missing": 1} and "none" in found.details


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('"lines.discount_share" = "0.1"\n', "a share stands in a column"),
        ('"lines.discount" = 100\n', "two words for one thing"),
    ],
)
def test_a_mapping_says_one_word_about_a_discount(more: str, said: str) -> None:
    mapping = SHARED + more
    if "share" in more:
        mapping = mapping.replace('"lines.discount_share" = "Off"\n', "")
    with pytest.raises(Misconfigured, match=said):
        load_mapping(mapping.encode())


@given(st.integers(0, 10**15), st.integers(0, 10**30 - 1))
def test_a_portion_is_the_nearest_whole_number_to_the_exact_one(units: int, digits: int) -> None:
    exact = units * Fraction(digits, 10**30)
    share = NumberFormat(".", "").share(f"0.{digits:030}")
    assert portion(units, share, "half_up") == math.floor(exact + Fraction(1, 2))


DECIDED = """
[columns]
order_id = "Order"
"shipping.fee" = "Freight"
discount = "Off"
tax = "Tax"
total = "Total"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
"lines.unit_price" = "Price"
"lines.discount" = "Line off"
"lines.tax" = "Line tax"
[constants]
currency = "EUR"
"""


def test_what_the_channel_charged_stands_in_the_order_and_in_its_lines() -> None:
    header = "Order,Item,Pieces,Price,Line off,Line tax,Off,Tax,Freight,Total\n"
    rows = "1,A,2,10.00,1.00,3.61,2.50,4.00,€ 4.90,26.40\n1,B,1,5,,0.39,,,,\n2,A,1,0,,,,,,\n"
    first, second = translate(DECIDED, header + rows).orders
    assert (first["discount"], first["tax"], first["shipping"], first["total"]) == (250, 400, {"fee": 490}, 2640)
    assert [(line.get("discount"), line["tax"]) for line in first["lines"]] == [(100, 361), (None, 39)]
    assert not second.keys() & {"discount", "tax", "shipping", "total"}
    assert not second["lines"][0].keys() & {"discount", "tax"}


@pytest.mark.parametrize("price", ["9" * 30, "1." + "5" * 130, "0." + "0" * 120 + "1"])
@pytest.mark.parametrize("rounding", ["noise", "half_up", "half_even"])
def test_a_number_beyond_all_bounds_is_a_fault_of_its_row_also_where_it_may_be_rounded(
    price: str, rounding: str
) -> None:
    said = SHARED + f'[cells."lines.unit_price"]\nround = "{rounding}"\n'
    found = translate(said, HEADER + f"1,A,1,{price},\n2,A,1,1.50,\n")
    assert found.ids == ["2"] and found.report.orders_refused == {"amount_format": 1}
