"""What the channel has decided about money, of an order and of its lines: discounts, taxes, freight."""

from __future__ import annotations

import pytest

from router.errors import Misconfigured
from tests.labs.csv_files import translate

SHARED = """
[columns]
order_id = "Order"
"lines.sku" = "Item"
"lines.qty" = "Pieces"
"lines.unit_price" = "Price"
"lines.discount" = "Off"
[constants]
currency = "EUR"
[cells."lines.discount"]
share = true
"""
HEADER = "Order,Item,Pieces,Price,Off\n"


@pytest.mark.parametrize(
    ("price", "off", "discount"),
    [
        ("10.00", "0.15", 450),
        ("10.00", "15%", 450),
        ("10.00", "100%", 3000),
        ("10.00", "0.0", 0),
        ("0.10", "0.1", 3),
        ("0.10", "0.150000005960464477539062500000000000000001", 5),
    ],
)
def test_a_share_of_the_price_becomes_the_discount_of_the_line(price: str, off: str, discount: int) -> None:
    assert translate(SHARED, HEADER + f"1,A,3,{price},{off}\n").line["discount"] == discount


def test_a_blank_share_is_no_discount() -> None:
    assert "discount" not in translate(SHARED, HEADER + "1,A,3,10.00,\n").line


def test_a_share_of_a_line_total_is_taken_before_the_line_is_split() -> None:
    said = SHARED.replace("unit_price", "line_total")
    first, second = translate(said, HEADER + "1,A,3,10.00,0.1\n").order["lines"]
    assert [(line["qty"], line["unit_price"], line["discount"]) for line in (first, second)] == [
        (2, 333, 66),
        (1, 334, 34),
    ]


def test_a_share_of_no_price_is_refused() -> None:
    assert translate(SHARED, HEADER + "1,A,3,,0.1\n").report.orders_refused == {"amount_format": 1}


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


FEES = """
[columns]
order_id = "Order"
"shipping.fee" = "Fee"
"lines.sku" = "Item"
[constants]
currency = "EUR"
"lines.qty" = 1
[cells."shipping.fee"]
of_rows = "sum"
"""


@pytest.mark.parametrize(
    ("fees", "fee"),
    [
        (["2.50", "2.50", "1"], 600),
        (["2.50", "", "-0.50"], 200),
        (["", "2.50"], 250),
        (["2.50"], 250),
        (["0", "0"], 0),
        (["", ""], None),
    ],
)
def test_an_amount_on_every_row_of_an_order_is_added_up(fees: list[str], fee: int | None) -> None:
    found = translate(FEES, "Order,Fee,Item\n" + "".join(f"1,{cell},A\n" for cell in fees))
    assert found.order.get("shipping", {}).get("fee") == fee and len(found.order["lines"]) == len(fees)
    assert found.report.first_row_won == {}


def test_without_it_the_first_row_wins_and_an_order_is_named() -> None:
    said = FEES.replace('"sum"', '"first"')
    found = translate(said, "Order,Fee,Item\n1,2,A\n1,2,B\n7,2,A\n7,3,B\n")
    assert [order["shipping"]["fee"] for order in found.orders] == [200, 200]
    assert (found.report.first_row_won, found.report.first_row_examples) == ({"shipping.fee": 1}, {"shipping.fee": "7"})


@pytest.mark.parametrize("fees", [["1", "x"], ["90000000000000000", "90000000000000000"]])
def test_a_sum_with_a_part_that_is_no_amount_or_too_large_refuses_the_order(fees: list[str]) -> None:
    found = translate(FEES, "Order,Fee,Item\n" + "".join(f"1,{cell},A\n" for cell in fees))
    assert found.orders == [] and found.report.orders_refused == {"amount_format": 1}


@pytest.mark.parametrize(
    "said",
    [
        '[cells."lines.sku"]\nof_rows = "sum"',
        '[cells.order_id]\nof_rows = "sum"',
        '[cells."lines.discount"]\nof_rows = "sum"',
        '[cells.tax]\nof_rows = "sum"\nshare = true',
        '[cells.tax]\nof_rows = "sum"\nor_column = "Fee"',
    ],
)
def test_a_sum_that_makes_no_sense_is_a_fault_of_the_mapping(said: str) -> None:
    with pytest.raises(Misconfigured, match="of_rows = 'sum' is for an amount of the order"):
        translate(f"{FEES}{said}\n", "Order,Fee,Item\n1,1,A\n")


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("$12.90", "'$12.90' is marked as USD or ARS or AUD or another of that mark, but the order is in EUR"),
        ("\u00a512", "'\u00a512' is marked as CNY or JPY, but the order is in EUR"),
    ],
)
def test_an_amount_in_another_currency_is_refused_with_what_its_mark_means(price: str, said: str) -> None:
    found = translate(SHARED, HEADER + f"1,A,1,{price},\n")
    [(_, detail)] = found.report.not_orders["amount_format"].examples
    assert detail == f"lines.unit_price: {said}"
