"""What orders are made of rows: several files joined, line totals, constants, attributes, events beside."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.csv.fields import LINE_FIELDS, Field
from adapters.channels.csv.lines import with_total
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.mapping_faults import warnings_of
from router.errors import Misconfigured
from router.wire.ndjson import decode_lines
from tests.labs.csv_files import HEADER, LIMITS, PLAIN, row, translate

JOINED = """
[columns]
order_id = "order"
placed_at = "orders.at"
total = "payments.value"
"payment.method" = "payments.type"
"customer.id" = "orders.customer"
"ship_to.city" = "customers.city"
"lines.sku" = "sku"
"lines.unit_price" = "price"
[constants]
currency = "EUR"
"lines.qty" = 1
[joins.orders]
on = { order = "id" }
holds_orders = true
[joins.customers]
on = { "orders.customer" = "id" }
[joins.payments]
on = { order = "order" }
missing = "blank"
merge = { value = "sum", type = "list" }
[[events]]
type = "payment_captured"
each = "payments"
event_id = "payment-{n}"
columns = { amount = "value", method = "type", payment_id = "n" }
"""
LINES = "order,sku,price\n1,A,2.50\n1,B,1\n2,A,3\n"
FILES = {
    "orders": "id,customer,at\n1,c1,2026-03-02 09:00:00\n2,c2,2026-03-02 10:00:00\n",
    "customers": "id,city\nc1,Leeds\nc2,York\n",
    "payments": "order,n,type,value\n1,1,card,2.00\n1,2,voucher,1.50\n1,3,card,0.00\n",
}


def test_orders_lines_customers_and_payments_are_joined() -> None:
    found = translate(JOINED, LINES, joined=FILES)
    first, second = found.orders
    assert first["placed_at"] == "2026-03-02T09:00:00Z" and first["ship_to"]["city"] == "Leeds"
    assert (first["total"], first["payment"]["method"]) == (350, "card, voucher") and "total" not in second
    assert [(line["sku"], line["qty"], line["unit_price"]) for line in first["lines"]] == [("A", 1, 250), ("B", 1, 100)]
    assert found.report.joined["orders"].rows == 2 and found.report.joined["orders"].unused == 0
    captured = [(event["order_id"], event["event_id"], event["amount"], event["method"]) for event in found.events]
    assert captured == [
        ("1", "payment-1", 200, "card"),
        ("1", "payment-2", 150, "voucher"),
        ("1", "payment-3", 0, "card"),
    ]
    assert {event["type"] for event in found.events} == {"payment_captured"} and found.events[0]["currency"] == "EUR"


@pytest.mark.parametrize("lines", [LINES, "order,sku,price\n2,A,3\n", "order,sku,price\n"])
def test_orders_without_lines_are_lost_in_an_export_and_not_in_a_file_of_rejects(lines: str) -> None:
    """Of all orders the rejects have those that were refused; the joined files are the whole ones still."""
    lost = 2 - len({line[0] for line in lines.splitlines()[1:]})
    found = translate(JOINED, lines, joined=FILES)
    assert found.report.orders_refused == ({"order_without_lines": lost} if lost else {})
    header, *rows = lines.splitlines()
    sent_back = translate(
        JOINED, "\n".join([f"{header},reject_reason", *(f"{row},because" for row in rows)]), joined=FILES
    )
    assert sent_back.orders == found.orders and sent_back.report.refused == 0


def test_an_order_without_lines_that_is_sent_back_as_it_was_told_stays_refused() -> None:
    told = "order,sku,price,reject_reason\n1,,,order_without_lines\n2,A,3,because\n"
    found = translate(JOINED, told, joined=FILES)
    assert found.ids == ["2"] and found.report.refused == 1


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("orders", "id,customer,at\n2,c2,2026-03-02 10:00:00\n", "join_missing"),
        ("customers", "id,city\nc2,York\n", "join_missing"),
        ("customers", FILES["customers"] + "c1,York\n", "join_ambiguous"),
        ("payments", FILES["payments"] + "1,4,card,much\n", "amount_format"),
    ],
)
def test_an_order_whose_joined_row_is_missing_or_not_clear_is_refused_whole(name: str, text: str, reason: str) -> None:
    found = translate(JOINED, LINES, joined=FILES | {name: text})
    assert found.ids == ["2"] and found.report.orders_refused == {reason: 1}
    assert {reject.order_id for reject in found.rejects} == {"1"} and len(found.rejects) == 2


def test_rows_said_twice_alike_are_one_row() -> None:
    assert translate(JOINED, LINES, joined=FILES | {"customers": FILES["customers"] + "c1,Leeds\n"}).ids == ["1", "2"]


def test_an_order_without_any_line_is_refused_by_name() -> None:
    more = FILES["orders"] + "3,c1,2026-03-02 11:00:00\n"
    found = translate(JOINED, LINES, joined=FILES | {"orders": more})
    assert found.report.orders_refused == {"order_without_lines": 1} and found.rejects[0].order_id == "3"
    assert found.report.joined["orders"].examples == ["3"] and found.report.joined["customers"].unused == 0


def test_what_is_wrong_with_a_joined_file_is_said_with_its_row_and_columns() -> None:
    with pytest.raises(Misconfigured, match=r"joins.customers has no columns \['city'\]"):
        translate(JOINED, LINES, joined=FILES | {"customers": "id,town\nc1,Leeds\n"})
    with pytest.raises(Misconfigured, match="Row 3 of the file of joins.customers cannot be read"):
        translate(JOINED, LINES, joined=FILES | {"customers": "id,city\nc1,Leeds\nc2\n"})


def test_an_id_with_a_guard_against_spreadsheets_is_the_same_id() -> None:
    guarded = FILES | {"orders": FILES["orders"].replace("\n1,", '\n"=""1""",')}
    found = translate(JOINED, LINES.replace("\n1,", "\n'1,"), joined=guarded)
    assert found.ids == ["2"]  # an apostrophe is a letter until the mapping strips it
    assert translate(JOINED, LINES.replace("1,A", '"=""1""",A'), joined=guarded).ids == ["1", "2"]


# Line totals

TOTALS = PLAIN.replace("lines.unit_price", "lines.line_total")


@pytest.mark.parametrize(
    ("pieces", "total", "lines"),
    [
        ("2", "10.00", [("1", 2, 500)]),
        ("3", "10.00", [("1", 2, 333), ("1/2", 1, 334)]),
        ("3", "0.01", [("1", 2, 0), ("1/2", 1, 1)]),
        ("7", "0.20", [("1", 1, 2), ("1/2", 6, 3)]),
        ("1", "9.99", [("1", 1, 999)]),
        ("4", "0", [("1", 4, 0)]),
    ],
)
def test_a_line_total_becomes_prices_that_add_up_to_it(
    pieces: str, total: str, lines: list[tuple[str, int, int]]
) -> None:
    found = translate(TOTALS, HEADER + row(pieces=pieces, price=total))
    assert [(line["line_id"], line["qty"], line["unit_price"]) for line in found.order["lines"]] == lines
    assert found.report.lines_split == len(lines) - 1 and found.report.order_lines == 1


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(-1_000_000, 1_000_000_000))
def test_whatever_the_total_is_the_parts_add_up_and_are_a_minor_unit_apart(qty: int, total: int) -> None:
    parts = with_total({"line_id": "1", "qty": qty}, total)
    pairs = [(part["qty"], part["unit_price"]) for part in parts]
    assert all(isinstance(count, int) and count > 0 and isinstance(price, int) for count, price in pairs)
    assert sum(count * price for count, price in pairs) == total  # type: ignore[operator]
    assert sum(count for count, _ in pairs) == qty and len(pairs) <= 2  # type: ignore[misc]


def test_a_total_that_its_price_does_not_make_is_refused_with_both() -> None:
    said = PLAIN.replace('"lines.unit_price" = "Price"', '"lines.unit_price" = "Price"\n"lines.line_total" = "Buyer"')
    said = said.replace('"customer.id" = "Buyer"\n', "")
    assert translate(said, HEADER + row(pieces="3", price="2.00", buyer="6.00")).line["unit_price"] == 200
    found = translate(said, HEADER + row(pieces="3", price="2.00", buyer="5.99"))
    assert found.reasons == {"line_total_differs": 1} and "599" in found.details and "600" in found.details
    assert translate(TOTALS, HEADER + row(pieces="0", price="2.00")).reasons == {"number_format": 1}


@pytest.mark.parametrize(
    ("cell", "total"), [("0.05", 30), ("5%", 30), ("0.0525", 32), ("0.054", 32), ("-0.05", -30), ("0", 0), ("", None)]
)
def test_an_amount_can_be_a_share_of_what_the_lines_cost(cell: str, total: int | None) -> None:
    """Rounded half away from zero: 600 times 0.0525 are 31.5."""
    said = PLAIN.replace('"customer.id" = "Buyer"', 'total = "Buyer"') + "[cells.total]\nshare = true\n"
    found = translate(said, HEADER + row(buyer=cell) + row(buyer=cell, item="B", pieces="2"))
    assert found.order.get("total") == total


def test_a_share_of_nothing_and_a_share_that_is_none_are_refused() -> None:
    said = PLAIN.replace('"customer.id" = "Buyer"', 'total = "Buyer"') + "[cells.total]\nshare = true\n"
    assert translate(said, HEADER + row(buyer="some")).reasons == {"amount_format": 1}
    unpriced = said.replace('"lines.unit_price" = "Price"\n', "")
    assert "no price to take it of" in translate(unpriced, HEADER + row(buyer="0.1")).details
    with pytest.raises(Misconfigured, match="share is for amounts"):
        load_mapping((PLAIN + '[cells."lines.unit_price"]\nshare = true\n').encode())


def test_amounts_of_a_line_are_parted_with_it_and_may_be_shares_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever amount a line gets besides its price: one row of the table of fields, and it works."""
    monkeypatch.setitem(LINE_FIELDS, "lines.rebate", Field("amount"))
    said = TOTALS.replace('"customer.id" = "Buyer"', '"lines.rebate" = "Buyer"')
    found = translate(said, HEADER + row(pieces="3", price="10.00", buyer="1.00"))
    assert [(line["qty"], line["unit_price"], line["rebate"]) for line in found.order["lines"]] == [
        (2, 333, 66),
        (1, 334, 34),
    ]
    found = translate(
        f'{said}[cells."lines.rebate"]\nshare = true\n', HEADER + row(pieces="2", price="10.00", buyer="5%")
    )
    assert found.line["rebate"] == 50


# Constants and attributes


def test_fields_of_lines_can_be_constants_and_lines_can_have_attributes() -> None:
    said = PLAIN.replace('"lines.qty" = "Pieces"', '"lines.attributes.engraving" = "Pieces"')
    said += '"lines.qty" = 2\n"lines.attributes.size" = "L"\n"attributes.source" = "fair"\ncoupons = "SPRING"\n'
    found = translate(said, HEADER + row(pieces="Ada & Bob"))
    assert found.line["qty"] == 2 and found.line["attributes"] == {"engraving": "Ada & Bob", "size": "L"}
    assert found.order["attributes"] == {"source": "fair"} and found.order["coupons"] == ["SPRING"]


# Events

EVENTS = """
[[events]]
type = "hold"
event_id = "hold-export"
column = "Street"
equals = ["ask first"]
constants = { hold = "address" }
[[events]]
type = "ship"
event_id = "shipped-{Buyer}"
column = "Buyer"
starts_with = "TRK"
columns = { at = "When", tracking_number = "Buyer" }
constants = { carrier = "DHL", source = "shop" }
"""


def test_statuses_of_an_export_become_events_beside_the_orders() -> None:
    found = translate(PLAIN + EVENTS, HEADER + row("1", street="ask first") + row("2", buyer="TRK7") + row("3"))
    assert found.ids == ["1", "2", "3"] and found.report.events == 2
    hold, ship = found.events
    assert hold == {"event_id": "hold-export", "order_id": "1", "type": "hold", "hold": "address"}
    assert ship == {
        "event_id": "shipped-TRK7",
        "order_id": "2",
        "type": "ship",
        "at": "2026-03-02T09:00:00Z",
        "tracking_number": "TRK7",
        "carrier": "DHL",
        "source": "shop",
    }


def test_an_events_amount_in_an_unknown_currency_refuses_its_order() -> None:
    unpriced = JOINED.replace('"lines.unit_price" = "price"\n', "").replace('total = "payments.value"\n', "")
    found = translate(unpriced.replace('"EUR"', '"EURO"'), LINES, joined=FILES)
    assert found.ids == ["2"] and found.report.orders_refused == {"currency_unknown": 1}


def test_a_refused_order_has_no_events_and_an_event_that_cannot_be_read_refuses_its_order() -> None:
    found = translate(PLAIN + EVENTS, HEADER + row("1", street="ask first", pieces="x"))
    assert found.events == []
    said = EVENTS.replace('columns = { at = "When"', 'columns = { at = "Street"')
    found = translate(PLAIN + said, HEADER + row("2", buyer="TRK7"))
    assert found.ids == [] and found.reasons == {"event_field": 1}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('type = "hold"', 'type = "holds"', "the types of events are"),
        ('hold = "address"', 'hold = "address", carrier = "x"', "takes no carrier; its fields are at, hold"),
        ('constants = { hold = "address" }', "", "needs hold"),
        ('event_id = "hold-export"', 'event_id = ""', "has no event_id"),
        ('column = "Street"\n', "", "needs a column"),
        ('equals = ["ask first"]', "equals = []\nempty = true", "at most one test"),
        ('equals = ["ask first"]', 'each = "payments"', "none of the joins"),
    ],
)
def test_a_wrong_event_is_refused_when_the_mapping_is_read(old: str, new: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_mapping((PLAIN + EVENTS.replace(old, new)).encode())
    assert says in str(refused.value)


CAPTURED = '[[events]]\ntype = "deliver"\nevent_id = "d"\n[[events]]\ntype = "payment_captured"\nevent_id = "paid"\n'
STATUS = '[columns]\n"payment.status" = "Street"'


@pytest.mark.parametrize(
    ("status", "more", "is_warned"),
    [
        ("", "", False),
        ('"payment.status" = "pending"\n', "", False),
        ('"payment.status" = "Authorized"\n', "", False),
        ('"payment.status" = "PAID"\n', "", True),
        ('"payment.status" = "partially refunded"\n', "", True),
        ('"payment.status" = "no such word"\n', "", False),
        (STATUS, "", True),
        (STATUS, '[translate."payment.status"]\nyes = "authorized"\nno = "pending"\n', False),
        (STATUS, '[translate."payment.status"]\nyes = "paid"\nno = "pending"\n', True),
        (
            STATUS,
            '[translate."payment.status"]\nno = "pending"\n[cells."payment.status"]\ndefault = "paid"\n',
            True,
        ),
        (
            STATUS,
            '[translate."payment.status"]\nun = "un"\n[cells."payment.status"]\nsuffix = "paid"\n',
            True,
        ),
    ],
)
def test_a_mapping_that_says_money_twice_is_warned_of(status: str, more: str, is_warned: bool) -> None:
    said = PLAIN.replace("[columns]", status) if status == STATUS else PLAIN + status
    warnings = warnings_of(load_mapping((said + more + CAPTURED).encode()))
    assert len(warnings) == is_warned and all("event 2 is of payment_captured" in text for text in warnings)
    assert not warnings_of(load_mapping((said + more).encode()))


def test_events_say_the_seller_where_ids_are_unique_within_one() -> None:
    said = f'order_id_scope = "seller"\n{PLAIN}seller = "north"\n{EVENTS}'
    [event] = translate(said, HEADER + row("1", street="ask first")).events
    assert (event["channel"], event["seller"]) == ("shop", "north")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('on = { order = "id" }', "on = {}", "joins.orders.on is empty"),
        ("[joins.orders]", '[joins."a.b"]', "has no point"),
        ('merge = { value = "sum"', 'merge = { value = "most"', "Invalid enum value 'most'"),
        ('"lines.qty" = 1', '"lines.qty" = "one"', "is a whole number"),
        (
            'missing = "blank"',
            'missing = "blank"\nfile = { decimal = "", quote = "xy" }',
            "joins.payments.file.decimal",
        ),
    ],
)
def test_a_wrong_join_is_refused_by_its_key(old: str, new: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_mapping(JOINED.replace(old, new).encode())
    assert says in str(refused.value)


# The node that a line comes from


NODES = PLAIN.replace("[constants]", '"lines.node" = "From"\n[constants]')
FROM = HEADER.replace("\n", ",From\n")


def _line_from(node: str, order: str = "1", **cells: str) -> str:
    return row(order, **cells).strip() + f",{node}\n"


def test_a_line_names_its_node_by_a_column() -> None:
    found = translate(NODES, FROM + _line_from("LYON") + _line_from(" YORK ", item="B") + _line_from("", item="C"))
    assert [line.get("node") for line in found.order["lines"]] == ["LYON", "YORK", None]
    wire = decode_lines(json.dumps(found.order).encode(), 1, LIMITS).orders
    assert wire.column("line_nodes").to_pylist() == [[{"line": 0, "node": "LYON"}, {"line": 1, "node": "YORK"}]]


def test_a_node_is_read_as_any_field_of_a_line_is() -> None:
    said = NODES + '[translate."lines.node"]\n"1" = "LYON"\n[strip."lines.node"]\nprefix = "W"\n'
    assert translate(said, FROM + _line_from("W1")).line["node"] == "LYON"
    assert translate(said, FROM + _line_from("W2")).reasons == {"value_not_listed": 1}
    assert translate(NODES, FROM + _line_from("1.2E+10")).reasons == {"id_spoilt": 1}
    constant = PLAIN.replace("[constants]", '[constants]\n"lines.node" = "LYON"')
    assert translate(constant, HEADER + row()).line["node"] == "LYON"
    total = NODES.replace("unit_price", "line_total")
    split = translate(total, FROM + _line_from("LYON", pieces="3", price="10")).order["lines"]
    assert [(line["qty"], line["node"]) for line in split] == [(2, "LYON"), (1, "LYON")]
