"""The CSV channel turns rows into orders and gives every other row a reason."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.csv.fields import LINE_FIELDS, ORDER_FIELDS
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.translate import CsvReport, CsvTranslator
from router.errors import Misconfigured
from router.wire import fields

MAPPING = b"""
group = "%s"
[columns]
order_id = "Order"
placed_at = "When"
"customer.id" = "Customer"
"ship_to.country" = "Country"
"lines.sku" = "Item"
"lines.qty" = "Units"
"lines.unit_price" = "Price"
[constants]
channel = "shop"
currency = "EUR"
[file]
decimal = ","
thousands = "."
delimiter = ";"
time_formats = ["%%d.%%m.%%Y %%H:%%M"]
time_zone = "Europe/Berlin"
[translate."ship_to.country"]
Germany = "DE"
[strip."customer.id"]
prefix = "K-"
[[filters]]
reason = "cancelled"
column = "Order"
starts_with = "C"
[[filters]]
reason = "freight"
column = "Item"
equals = ["POST"]
[[filters]]
reason = "no_price"
column = "Price"
at_most = "0"
"""
HEADER = "Order;When;Customer;Country;Item;Units;Price\n"
GOOD = "1;04.07.2026 09:05;K-7;Germany;A;2;1.234,50\n"


def translate(rows: Iterable[str], group: str = "consecutive") -> tuple[list[dict[str, object]], CsvReport]:
    translator = CsvTranslator(load_mapping(MAPPING % group.encode()))
    orders = [msgspec.json.decode(order.body) for order in translator.orders([HEADER, *rows])]
    report = translator.report
    assert report.rows == report.order_lines + sum(left.rows for left in report.not_orders.values())
    assert report.orders == len(orders)
    return orders, report


def reasons(report: CsvReport) -> dict[str, int]:
    return {reason: left.rows for reason, left in report.not_orders.items()}


def test_a_row_becomes_an_order_in_minor_units_and_utc() -> None:
    orders, report = translate([GOOD])
    assert orders == [
        {
            "order_id": "1",
            "channel": "shop",
            "currency": "EUR",
            "placed_at": "2026-07-04T07:05:00Z",
            "customer": {"id": "7"},
            "ship_to": {"country": "DE"},
            "lines": [{"sku": "A", "qty": 2, "unit_price": 123450, "line_id": "1"}],
        }
    ]
    assert report.not_orders == {}


def test_rows_of_one_order_become_its_lines() -> None:
    orders, _ = translate([GOOD, GOOD.replace(";A;", ";B;")])
    assert [line["sku"] for line in orders[0]["lines"]] == ["A", "B"]  # type: ignore[attr-defined]


def test_the_first_filter_that_fits_names_the_row() -> None:
    orders, report = translate(["C" + GOOD.replace(";A;", ";POST;"), GOOD.replace(";A;", ";POST;"), GOOD])
    assert len(orders) == 1
    assert reasons(report) == {"cancelled": 1, "freight": 1}
    assert report.orders_without_lines == 1


def test_an_empty_customer_is_a_guest() -> None:
    orders, _ = translate([GOOD.replace("K-7", "")])
    assert orders[0]["customer"] == {}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (";2;", ";two;", "number_format"),
        (";2;", ";2,5;", "number_format"),
        (";2;", ";;", "value_missing"),
        (";A;", ";;", "value_missing"),
        ("1.234,50", "1.234,505", "amount_format"),
        ("1.234,50", "free", "amount_format"),
        ("Germany", "Atlantis", "value_not_listed"),
        ("04.07.2026", "2026-07-04", "time_format"),
        ("04.07.2026 09:05", "", "value_missing"),
        (";1.234,50\n", "\n", "row_shape"),
        (";Germany", ";Ger\udcffmany", "value_not_listed"),
        (";A;", ";A\udcff;", "text_encoding"),
        (";A;", ';A"B"C;', None),
        (";A;", ';"A"B;', "row_shape"),
    ],
)
def test_a_faulty_row_has_a_reason_that_names_the_fault(old: str, new: str, reason: str | None) -> None:
    orders, report = translate([GOOD.replace(old, new)])
    assert len(orders) == (reason is None)
    assert reasons(report) == ({reason: 1} if reason else {})


def test_an_order_with_one_faulty_row_is_not_sent_short() -> None:
    orders, report = translate([GOOD, GOOD.replace(";2;", ";two;"), GOOD.replace("1;04", "2;04")])
    assert [order["order_id"] for order in orders] == ["2"]
    assert reasons(report) == {"number_format": 1, "order_with_faulty_row": 1}


def test_an_order_that_comes_back_later_is_reported_or_grouped() -> None:
    rows = [GOOD, GOOD.replace("1;04", "2;04"), GOOD.replace(";A;", ";B;")]
    orders, report = translate(rows)
    assert [order["order_id"] for order in orders] == ["2"]  # no part of order 1 is sent
    assert reasons(report) == {"order_id_returned": 2} and report.orders_refused == {"order_id_returned": 1}
    orders, report = translate(rows, group="all")
    assert [len(order["lines"]) for order in orders] == [2, 1]  # type: ignore[arg-type]
    assert reasons(report) == {}


def test_the_first_row_wins_where_rows_of_one_order_differ() -> None:
    orders, report = translate([GOOD, GOOD.replace("09:05", "09:06")])
    assert orders[0]["placed_at"] == "2026-07-04T07:05:00Z"
    assert report.first_row_won == {"placed_at": 1}


def test_blank_rows_are_counted() -> None:
    _, report = translate([GOOD, "\n", "\n"])
    assert reasons(report) == {"blank_row": 2}


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet=st.sampled_from('12;C"\nAK-.,x\udcff'), max_size=40)),
    st.sampled_from(["consecutive", "all"]),
)
def test_every_row_of_any_file_is_accounted_for(rows: list[str], group: str) -> None:
    translate([row + "\n" for row in rows] + [GOOD], group)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'order_id = "Order"', b"", "columns.order_id is missing"),
        (b'"customer.id" = "Customer"', b'"customer.age" = "Customer"', "columns.'customer.age' is no field"),
        (b'decimal = ","', b'decimal = "."', "the same mark"),
        (b"Europe/Berlin", b"Berlin", "no IANA time zone"),
        (b'starts_with = "C"', b"", "filter 1 (cancelled) needs exactly one test"),
        (b'at_most = "0"', b'at_most = "nil"', "filter 3 (no_price) has a pattern or number"),
        (b'currency = "EUR"', b"", "currency is neither"),
        (b"delimiter", b"separator", "unknown field `separator`"),
        (b"[columns]", b"[columns", "cannot be read"),
        (b"[file]", b"[file]\nskip_lines = -1", "file.skip_lines is a whole number"),
        (b"[file]", b'[file]\nquote = "xx"', "one character each"),
        (b"[file]", b'[file]\nencoding = "utf-88"', "file.encoding 'utf-88' is unknown"),
        (b"[file]", b'[file]\nzone_names = { PST = "Pacific" }', "file.zone_names.PST 'Pacific' is no IANA"),
        (b"[file]", b'[file]\ncolumn_names = ["a", "a"]', "each name once"),
        (b'thousands = "."', b'thousands = "0"', "neither digits nor letters"),
        (b"%%d.%%m.%%Y %%H:%%M".replace(b"%%", b"%"), b"%Q", "is no format of a time"),
        (b"[constants]", b'[cells.total]\nseparator = "+"\n[constants]', "separator is for a field that is a list"),
        (b"[constants]", b'[cells.seller]\nround = "noise"\n[constants]', "are for numbers"),
        (b"[constants]", b'[cells.seller]\npart = "x"\n[constants]', "no regular expression with one group"),
        (b"[constants]", b"[cells.seller]\npad_to = 999\n[constants]", "pad_to is 0 to 255"),
        (b"[constants]", b'[cells."bill_to.country"]\nlanguages = ["xx"]\n[constants]', "not known in 'xx'"),
        (b"[constants]", b'[constants]\nseller = 1\n"ship_to.country" = "DE"', "both a column and a constant"),
        (b"[constants]", b'[constants]\ntotal = "12.50"', "is a whole number (minor units"),
        (b"[constants]", b'order_id = "x"\n[constants]', "cannot be read"),
        (b'starts_with = "C"', b'starts_with = "C"\nhead = true\nwhole_order = true', "exclude each other"),
        (b'reason = "cancelled"', b'reason = ""', "has no reason"),
        (b'column = "Item"\nequals', b"whole_order = true\nequals", "needs a column"),
        (b'group = "all"', b'group = "some"', "group: Invalid enum value 'some'"),
        (b'group = "all"', b'group = "all"\norder_id_scope = "seller"', "neither a column nor a constant"),
        (b'group = "all"', b'group = "all"\nfilter = 1', "unknown field `filter`"),
    ],
)
def test_a_wrong_mapping_is_refused_by_the_key_that_is_wrong(old: bytes, new: bytes, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_mapping((MAPPING % b"all").replace(old, new))
    assert says in str(refused.value)


def test_a_column_that_the_file_does_not_have_is_named() -> None:
    with pytest.raises(Misconfigured, match="'Units', which the file has not"):
        list(CsvTranslator(load_mapping(MAPPING % b"all")).orders([HEADER.replace("Units", "Qty")]))


RETAIL = pathlib.Path(__file__).parents[2] / "examples" / "uci_online_retail" / "mapping.toml"
RETAIL_ROWS = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,85123a,"QUOTED, WITH COMMA",6,2010-12-01 08:26:00,2.5,17850.0,United Kingdom
536365,POST,POSTAGE,1,2010-12-01 08:26:00,18.0,17850.0,United Kingdom
C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom
536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom
536589,21777,,-10,2010-12-01 16:50:00,0.0,,United Kingdom
A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom
550193,PADS,PADS,1,2011-04-15 09:27:00,0.001,13952.0,United Kingdom
536544,gift_0001_20,Voucher,1,2010-12-01 14:32:00,17.02,,EIRE
536544,22960,JAM SET,1,2011-06-01 14:32:00,4.21,,EIRE
536365,71053,LATE LINE,1,2010-12-01 08:27:00,3.39,17850.0,United Kingdom
"""


def test_the_retail_example_accounts_for_every_kind_of_row() -> None:
    translator = CsvTranslator(load_mapping(RETAIL.read_bytes()))
    orders = [msgspec.json.decode(order.body) for order in translator.orders(RETAIL_ROWS.splitlines(keepends=True))]
    assert [(order["order_id"], len(order["lines"])) for order in orders] == [("536365", 3), ("536544", 1)]
    assert orders[0]["customer"]["id"] == "17850" and "id" not in orders[1]["customer"]
    assert [line["sku"] for line in orders[0]["lines"]] == ["85123A", "85123a", "71053"]
    assert orders[1]["placed_at"] == "2011-06-01T13:32:00Z"  # summer time
    assert orders[1]["ship_to"]["country"] == "IE"
    assert reasons(translator.report) == {
        "freight": 1,
        "cancellation": 1,
        "no_price": 1,
        "write_off": 1,
        "bad_debt_adjustment": 1,
        "price_below_a_penny": 1,
        "gift_voucher": 1,
    }
    assert translator.report.first_row_won == {"placed_at": 1}


def test_a_mapping_can_fill_every_field_of_an_order() -> None:
    assert set(ORDER_FIELDS) == {*fields.TEXT_FIELDS, *fields.NUMBER_FIELDS, "coupons"}
    own = {"lines.line_total"}  # of files alone: it becomes unit prices
    assert set(LINE_FIELDS) == {f"lines.{name}" for name in fields.LINE_FIELDS} | own
