"""The CSV cases of the shared folder, each to its right value; the kinds behind them have tests of their own here."""

from __future__ import annotations

import pathlib

import pytest

from tests.labs.csv_files import Outcome, translate

CASES = pathlib.Path(__file__).parents[2].parent / "shared/cases"

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the cases are not in ../shared/cases")


def case(folder: str, file: str, mapping: str, more: str = "", first: str = "") -> Outcome:
    said = (CASES / folder / mapping).read_text(encoding="utf-8")
    return translate(f"{first}\n{said}\n{more}", (CASES / folder / file).read_bytes())


def test_01_marks() -> None:
    german = case("01_csv_marks", "de.csv", "de.toml")
    assert german.ids == ["de-right"] and german.line["qty"] == 1000 and german.line["unit_price"] == 123450
    american = case("01_csv_marks", "us.csv", "us.toml")
    assert american.ids == ["us-right"] and american.reasons == {"number_format": 1, "amount_format": 5}


def test_02_zone_names() -> None:
    found = case("02_csv_zone_names", "orders.csv", "map.toml")
    assert {order["order_id"]: order["placed_at"] for order in found.orders} == dict.fromkeys(
        ["z-utc", "z-gmt", "z-offset"], "2026-03-02T10:00:00Z"
    )
    named = case("02_csv_zone_names", "orders.csv", "map.toml", '[file.zone_names]\nPST = "-08:00"')
    assert named.orders[2]["placed_at"] == "2026-03-02T18:00:00Z"


EBAY = """[[filters]]
reason = "footer"
matches = '\\d+,record\\(s\\) downloaded,*|Seller ID.*'
[[filters]]
reason = "summary"
column = "Item Number"
empty = true
head = true
"""


def test_03_ebay_report() -> None:
    refused = case("03_csv_ebay_report", "report.csv", "map.toml")
    assert refused.ids == ["11-10000-00001"] and refused.report.orders_refused == {"order_head_left_out": 1}
    said = (CASES / "03_csv_ebay_report/map.toml").read_text(encoding="utf-8").partition("[[filters]]")[0]
    found = translate(said + EBAY, (CASES / "03_csv_ebay_report/report.csv").read_bytes())
    assert [len(order["lines"]) for order in found.orders] == [1, 2] and not found.report.refused
    assert {order["ship_to"]["line1"] for order in found.orders} == {"1 Sample Street"}
    assert found.reasons == {"blank_row": 3, "summary": 1, "footer": 2}


def test_04_sep_line() -> None:
    assert case("04_csv_sep_line", "orders.csv", "map.toml").ids == ["s-1"]


def test_05_quotes() -> None:
    found = case("05_tsv_quotes", "orders.tsv", "map.toml")
    assert found.ids == ["t-1", "t-6"] and {lost.order_id for lost in found.rejects} == {"t-2", "t-3", "t-4", "t-5"}
    said = (CASES / "05_tsv_quotes/map_no_quote.toml").read_text(encoding="utf-8").replace('"\\u0001"', '""')
    found = translate(said, (CASES / "05_tsv_quotes/orders.tsv").read_bytes())
    assert found.ids == [f"t-{number}" for number in range(1, 7)]


def test_07_coupons_in_a_cell() -> None:
    found = case("07_csv_coupons_in_a_cell", "orders.csv", "map.toml", '[cells.coupons]\nseparator = [",", " "]')
    assert [order["coupons"] for order in found.orders] == [["SAVE10"], ["SAVE10", "LESS5"], ["SAVE10", "LESS5"]]


def test_31_spoilt_ids() -> None:
    found = case("31_csv_ids_spoilt_by_a_spreadsheet", "orders.csv", "map.toml")
    assert found.ids == ["405358863537"] and found.reasons == {"id_spoilt": 3}


def test_40_blank_continuation() -> None:
    folder, file, mapping = "40_blank_continuation", "name_blank.csv", "mapping.toml"
    found = case(folder, file, mapping)
    assert found.ids == ["#1042"] and found.report.orders_refused == {"value_missing": 2}
    gift_note = '[[filters]]\nreason = "gift_note"\ncolumn = "Lineitem sku"\nempty = true'
    found = case(folder, file, mapping, gift_note, 'continuation = "blank_id"')
    assert [(order["order_id"], len(order["lines"])) for order in found.orders] == [
        ("#1041", 2),
        ("#1042", 1),
        ("#1043", 2),
    ]
    assert found.reasons == {"gift_note": 1, "cancelled": 1}
