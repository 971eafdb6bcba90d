"""One order as readers see it, step by step through its life; every step is also checked as a whole (order_checks)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.gateway.http import order_shapes
from router.log import steps
from router.log.cursor import CursorError
from router.queries import order_view, timeline_view
from router.queries.sight import Sight
from tests.labs import table_cases
from tests.labs.order_checks import check, check_shape
from tests.labs.order_lab import STAGES, OrderLab

Row = dict[str, Any]


def units(line: Row) -> Row:
    """The stages in which a line has units."""
    return {stage: line["units"][stage] for stage in STAGES if line["units"][stage]}


def of(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_units_go_their_ways_in_two_shipments():
    lab = OrderLab(A_N1=9, C_N2=9)
    lab.order("o", [{"sku": "A", "qty": 5, "line_id": "L1"}, {"sku": "C", "qty": 3}])
    view = check(lab, "o")
    assert [units(line) for line in view["lines"]] == [{"allocated": 5}, {"allocated": 3}]
    assert (view["shipments"], view["tracking_url"], view["holds"], view["notes"]) == ([], None, [], [])

    lab.done("o", "pick", lines=[{"line_id": "L1", "qty": 4}])
    lab.done("o", "pack", lines=[{"line_id": "L1", "qty": 3}], shipment_id="S-1", cartons=2)
    view = check(lab, "o")
    assert (view["state"], units(view["lines"][0])) == ("partially_packed", {"allocated": 1, "picked": 1, "packed": 3})
    (packed,) = view["shipments"]
    assert (packed["shipment_id"], packed["node"], packed["status"]) == ("S-1", "N1", "packed")
    assert (packed["carrier"], packed["tracking_number"], packed["promise"]) == (None, None, "2025-11-25")

    lab.done("o", "ship", shipment_id="S-1", lines=[{"line_id": "L1", "qty": 3}], carrier="dhl", service="express")
    lab.done("o", "ship", carrier="ups", tracking_number="1Z")
    view = check(lab, "o")
    assert view["state"] == "shipped"
    assert of(view["shipments"], "shipment_id", "node", "carrier", "service", "tracking_number", "status") == [
        ("S-1", "N1", "dhl", "express", None, "shipped"), ("2", None, "ups", None, "1Z", "shipped"),
    ]  # fmt: skip
    assert view["shipments"][1]["lines"] == [
        {"line_id": "L1", "sku": "A", "qty": 2}, {"line_id": "2", "sku": "C", "qty": 3},
    ]  # fmt: skip

    lab.done("o", "deliver", shipment_id="S-1")
    lab.done("o", "lose", lines=[{"line_id": "2", "qty": 1}])
    view = check(lab, "o")
    assert view["state"] == "partially_delivered"
    assert [units(line) for line in view["lines"]] == [{"shipped": 2, "delivered": 3}, {"shipped": 2, "lost": 1}]
    assert of(view["shipments"], "status") == [("delivered",), ("shipped",)]

    lab.done("o", "deliver")
    lab.done("o", "return", lines=[{"line_id": "L1", "qty": 2}], node="N3")
    lab.done("o", "return", lines=[{"line_id": "L1", "qty": 1}], node="N3", disposition="scrap")
    view = check(lab, "o")
    assert [units(line) for line in view["lines"]] == [{"delivered": 3, "returned": 2}, {"delivered": 2, "lost": 1}]
    assert view["lines"][0]["allocations"] == [{"node": "N1", "qty": 3}]
    assert view["shipments"][0]["node"] == "N1", "what came back to another node was sent from here all the same"


def test_what_is_shipped_without_a_word_is_shipment_1():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    lab.done("o", "ship", carrier="dhl", tracking_number="T-1")
    lab.done("o", "scan", shipment_id="1", code="depot", at="2025-11-22T08:00:00Z")
    lab.done("o", "scan", tracking_number="T-1", code="loaded", at="2025-11-22T09:00:00Z")
    (shipment,) = check(lab, "o")["shipments"]
    assert shipment["shipment_id"] == "1" and shipment["tracking_number"] == "T-1" and shipment["carrier"] == "dhl"
    assert of(shipment["scans"], "code") == [("depot",), ("loaded",)]
    lab.done("o", "return", node="N2")
    (shipment,) = check(lab, "o")["shipments"]
    assert (shipment["status"], shipment["node"]) == ("returned", "N1")


def test_a_carrier_that_nobody_named_is_guessed_beside_what_was_reported():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 4}])
    lab.done("o", "ship", lines=[{"line_id": "1", "qty": 2}], shipment_id="S1", tracking_number="1Z999AA10123456784")
    view = check(lab, "o")
    (guessed,) = view["shipments"]
    assert (guessed["carrier"], guessed["carrier_guess"]) == (None, "ups")
    page = "https://www.ups.com/track?tracknum=1Z999AA10123456784"
    assert guessed["tracking_url"] == view["tracking_url"] == page
    lab.done("o", "ship", lines=[{"line_id": "1", "qty": 1}], shipment_id="S2", carrier="UPS", tracking_number="1Z-2")
    lab.done("o", "ship", lines=[{"line_id": "1", "qty": 1}], shipment_id="S3", carrier="own van")
    view = check(lab, "o")
    assert of(view["shipments"], "carrier", "carrier_guess", "tracking_url") == [
        (None, "ups", page), ("UPS", None, "https://www.ups.com/track?tracknum=1Z2"), ("own van", None, None),
    ]  # fmt: skip
    assert view["tracking_url"] is None, "no address tells of all three"


def test_scans_are_shown_in_the_order_in_which_they_happened():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 4}])
    for number in ("S1", "S2"):
        lab.done("o", "ship", lines=[{"line_id": "1", "qty": 2}], shipment_id=number, tracking_number=f"T-{number}")
    told = (("S1", "hub", "23"), ("S2", "depot", "22"), ("S1", "depot", "22"), ("S1", "door", "24"))
    for shipment_id, code, day in told:
        lab.done(
            "o", "scan", tracking_number=f"T-{shipment_id}", code=code, at=f"2025-11-{day}T08:00:00Z",
            eta=f"2025-12-{day}T08:00:00Z", place="Leipzig", text="rain", source="dhl",
        )  # fmt: skip
    first, second = check(lab, "o")["shipments"]
    assert of(first["scans"], "code") == [("depot",), ("hub",), ("door",)]
    assert of(second["scans"], "code") == [("depot",)]
    assert first["eta"] == "2025-12-24T08:00:00.000Z", "of the newest scan"
    assert first["scans"][0] == {
        "at": "2025-11-22T08:00:00.000Z", "code": "depot", "place": "Leipzig", "text": "rain",
        "eta": "2025-12-22T08:00:00.000Z", "source": "dhl",
    }  # fmt: skip


def test_words_of_a_scan_stay_inside_the_house_as_in_the_timeline():
    lab, outside = OrderLab(A_N1=9), Sight(internal=False)
    lab.order("o", [{"sku": "A", "qty": 1}])
    lab.done("o", "ship")
    lab.done("o", "scan", code="depot", place="Leipzig", text="rang twice, rude")
    view = check(lab, "o")
    (seen,) = outside.order(view)["shipments"]
    assert seen == view["shipments"][0] | {"scans": [view["shipments"][0]["scans"][0] | {"text": None}]}
    check_shape(outside.order(view), order_shapes.OrderView)
    assert "rude" not in json.dumps([outside.order(view), outside.timeline(lab.timeline("o"))])
    assert Sight(internal=True).order(view) == view and "rude" in json.dumps(view)


def test_money_of_two_payments_and_of_what_goes_back():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 4}])  # 50.00, and 4.90 of shipping
    view = check(lab, "o")
    assert view["money"] == {
        "total": 5_490, "authorized": 0, "captured": 0, "refunding": 0, "refunded": 0, "due": 5_490, "credited": 0,
        "written_off": 0,
    }  # fmt: skip
    assert (view["payments"], view["payment_state"]) == ([], "unpaid")

    lab.done("o", "payment_authorized", payment_id="card-1", amount=3_000, method="card")
    lab.done("o", "payment_captured", payment_id="card-1", amount=2_000)
    lab.done("o", "payment_captured", payment_id="gift-7", amount=1_490, method="voucher")
    view = check(lab, "o")
    assert view["payment_state"] == "partially_paid"
    assert of(view["payments"], "payment_id", "method", "authorized", "captured", "status") == [
        ("card-1", "card", 1_000, 2_000, "paid"), ("gift-7", "voucher", 0, 1_490, "paid"),
    ]  # fmt: skip
    assert view["money"]["due"] == 2_000

    lab.done("o", "refund_requested", payment_id="gift-7", amount=490)
    assert check(lab, "o")["payments"][1]["refunding"] == 490
    lab.done("o", "refund_failed", payment_id="gift-7", amount=90)
    lab.done("o", "payment_refunded", payment_id="gift-7")
    view = check(lab, "o")
    gift = view["payments"][1]
    assert (gift["refunding"], gift["refunded"], gift["status"]) == (0, 400, "partially_refunded")
    assert (view["money"]["refunded"], view["money"]["due"], view["payment_state"]) == (
        400,
        2_000,
        "partially_refunded",
    )

    lab.done("o", "write_off", amount=500, reason="goodwill")
    lab.done("o", "cancel", lines=[{"line_id": "1", "qty": 1}])
    assert check(lab, "o")["money"]["due"] == 250


MONEY_FACTS = {
    "captured": ("payment_captured", {"amount": 2_990, "payment_id": "p"}),
    "refunded": ("payment_refunded", {"amount": 1_250, "payment_id": "p"}),
    "cancelled": ("cancel", {"lines": [{"line_id": "1", "qty": 1}]}),
    "credited": ("credit", {"amount": 1_250}),
}


@pytest.mark.parametrize("told", [
    ("captured", "cancelled", "refunded"), ("captured", "refunded", "cancelled"), ("cancelled", "captured", "refunded"),
    ("captured", "credited", "refunded"), ("captured", "refunded", "credited"),
])  # fmt: skip
def test_what_is_due_does_not_depend_on_the_order_of_the_facts(told):
    """Two A and shipping cost 29.90. The price of one went back, and why was said before or afterwards."""
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    for name in told:
        kind, fields = MONEY_FACTS[name]
        lab.done("o", kind, **fields)
        check(lab, "o")
    money = check(lab, "o")["money"]
    assert (money["captured"], money["refunded"], money["due"]) == (2_990, 1_250, 0)


def test_what_went_back_of_a_part_leaves_what_is_due_and_the_right_card_may_pay_it_all():
    lab = OrderLab(A_N1=9)
    lab.order("o")
    lab.done("o", "payment_captured", payment_id="wrong", amount=500)
    lab.done("o", "payment_refunded", payment_id="wrong", amount=500)
    assert check(lab, "o")["money"]["due"] == 1_240
    lab.done("o", "payment_captured", payment_id="right", amount=1_740)
    assert check(lab, "o")["money"]["due"] == 0


@pytest.mark.parametrize("paid", [0, 1_740])
def test_a_debt_that_was_given_up_is_not_owed_to_the_buyer(paid):
    lab = OrderLab(A_N1=9)
    lab.order("o")
    lab.done("o", "write_off", amount=1_740)
    money = check(lab, "o")["money"]
    assert (money["written_off"], money["credited"], money["due"]) == (1_740, 0, 0)
    if paid:  # after all
        lab.done("o", "payment_captured", amount=paid)
        assert check(lab, "o")["money"]["due"] == 0
    lab.done("o", "cancel")
    assert check(lab, "o")["money"]["due"] == -paid


def test_an_authorization_after_a_capture_is_booked_unless_it_says_no_more():
    lab = OrderLab(A_N1=9)
    lab.order("o")
    lab.done("o", "payment_captured", payment_id="x", amount=500)
    assert lab.event("o", "payment_authorized", payment_id="x", amount=500)["status"] == "duplicate", "told late"
    lab.done("o", "payment_authorized", payment_id="x", amount=1_995)
    assert check(lab, "o")["money"]["authorized"] == 1_995
    lab.done("o", "payment_voided", payment_id="x")
    lab.done("o", "payment_authorized", payment_id="x")
    assert check(lab, "o")["money"]["authorized"] == 1_240, "all that is due"
    lab.done("o", "payment_captured", payment_id="x")
    assert lab.event("o", "payment_authorized", payment_id="x")["status"] == "duplicate"


@pytest.mark.parametrize("kind", ["payment_captured", "payment_failed"])
def test_of_several_payments_of_which_one_is_authorized_it_is_said_which(kind):
    lab = OrderLab(A_N1=9)
    lab.order("o")
    for payment_id in ("a", "b"):
        lab.done("o", "payment_authorized", payment_id=payment_id, amount=870)
    before = check(lab, "o")
    answer = lab.event("o", kind)
    assert (answer["status"], answer["reason"]) == ("refused", "which_payment") and "payment_id" in answer["detail"]
    assert check(lab, "o") == before and kind in before["next_events"]
    lab.done("o", kind, payment_id="b")


@pytest.mark.parametrize(("amount", "reason"), [(None, "nothing_due"), (100, "amount_too_high"), (0, "nothing_due")])
def test_a_refund_of_what_never_came_is_refused_with_what_to_do(amount, reason):
    lab = OrderLab(A_N1=9)
    lab.order("o")
    answer = lab.event("o", "payment_refunded", **({} if amount is None else {"amount": amount}))
    assert (answer["status"], answer["reason"]) == ("refused", reason)
    assert "amount" in answer["detail"] and "report" in answer["detail"]


def test_a_payment_that_nobody_named_has_the_method_that_the_order_came_with():
    lab = OrderLab(A_N1=9)
    lab.order("o", payment={"method": "invoice", "status": "authorized", "reference": "R"})
    (payment,) = check(lab, "o")["payments"]
    assert payment == {
        "payment_id": None, "method": "invoice", "source": None, "authorized": 1_740, "captured": 0, "refunding": 0,
        "refunded": 0, "status": "authorized",
    }  # fmt: skip
    lab.done("o", "payment_failed")
    (payment,) = check(lab, "o")["payments"]
    assert (payment["authorized"], payment["status"]) == (0, "failed")


def test_holds_have_their_names_and_notes_say_whether_they_are_public():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    lab.done("o", "hold", hold="fraud", note="looks odd", source="risk")
    lab.done("o", "hold", hold="gift wrap")
    lab.done("o", "note", text="on its way soon", public=True, at="2025-11-22T08:00:00Z")
    lab.done("o", "note", text="called the customer")
    view = check(lab, "o")
    assert (view["state"], view["holds"]) == ("held", ["fraud", "gift wrap"])
    assert of(view["notes"], "type", "text", "public", "source") == [
        ("hold", "looks odd", False, "risk"), ("note", "on its way soon", True, None),
        ("note", "called the customer", False, None),
    ]  # fmt: skip
    assert view["notes"][1]["at"] == "2025-11-22T08:00:00.000Z"
    lab.done("o", "release", hold="fraud")
    assert check(lab, "o")["holds"] == ["gift wrap"]
    lab.done("o", "release")
    view = check(lab, "o")
    assert (view["state"], view["holds"]) == ("allocated", [])

    shard, _ = lab.found("o")
    for entry in lab.timeline("o")["entries"]:
        lab.source(shard).erase_document(int(entry["cursor"].split(":")[1]), 0)
    view = check(lab, "o")
    assert of(view["notes"], "type", "text") == [("note", None), ("note", None)]
    assert not any(name in json.dumps([view, lab.timeline("o")]) for name in ("Ada", "odd", "soon", 'customer"}'))


def test_an_order_that_waits_for_review_is_held_for_that():
    lab = OrderLab(A_N1=9)
    customer = {"id": "c", "name": "Ada"}
    for order_id in ("first", "twin"):
        lab.order(order_id, customer=customer)
    view = check(lab, "twin")
    assert (view["state"], view["holds"]) == ("held", ["review"])
    assert "release" in view["next_events"] and "pick" not in view["next_events"]
    lab.done("twin", "hold", hold="fraud")
    assert check(lab, "twin")["holds"] == ["review", "fraud"]
    lab.done("twin", "review_reject")
    view = check(lab, "twin")
    assert (view["state"], view["holds"], view["lines"][0]["allocations"]) == ("cancelled", [], [])


def test_a_bundle_stands_where_its_least_advanced_component_does():
    lab = OrderLab(A_N1=9, B_N2=9)
    lab.order("o", [{"sku": "SET", "qty": 3}])
    lab.done("o", "pick", node="N1")  # the six A; the B come from elsewhere
    (line,) = check(lab, "o")["lines"]
    assert units(line) == {"allocated": 3}
    assert [(part["sku"], part["qty"], units(part)) for part in line["components"]] == [
        ("A", 2, {"picked": 6}), ("B", 1, {"allocated": 3}),
    ]  # fmt: skip
    lab.done("o", "ship", lines=[{"line_id": "1", "qty": 1}], shipment_id="S1")
    (line,) = check(lab, "o")["lines"]
    assert units(line) == {"allocated": 2, "shipped": 1}
    assert line["allocations"] == [{"node": "N1", "qty": 6, "sku": "A"}, {"node": "N2", "qty": 3, "sku": "B"}]
    lab.done("o", "cancel", lines=[{"line_id": "1", "qty": 1}])
    view = check(lab, "o")
    assert units(view["lines"][0]) == {"allocated": 1, "shipped": 1, "cancelled": 1}
    assert view["shipments"][0]["lines"] == [
        {"line_id": "1", "sku": "A", "qty": 2}, {"line_id": "1", "sku": "B", "qty": 1},
    ]  # fmt: skip


def test_a_bundle_that_was_planned_anew_costs_what_it_did():
    lab = OrderLab(A_N1=8, B_N1=4, A_N2=5, A_N3=3, B_N2=4)
    lab.order("o", [{"sku": "SET", "qty": 4, "unit_price": 3_001}])
    view = check(lab, "o")
    cost = view["lines"][0]["total"] // 4
    assert view["lines"][0]["total"] == 4 * cost
    lab.done("o", "refuse", node="N1")
    check(lab, "o")
    for cancelled in (1, 2, 3):
        lab.done("o", "cancel", lines=[{"line_id": "1", "qty": 1}])
        assert check(lab, "o")["money"]["due"] == view["total"] - cancelled * cost


def test_a_bundle_that_waits_counts_bundles_and_what_they_will_need():
    lab = OrderLab(A_N1=5)
    lab.order("o", [{"sku": "SET", "qty": 3}])
    (line,) = check(lab, "o")["lines"]
    assert (units(line), line["backordered"], line["allocations"]) == ({"backordered": 3}, 3, [])
    assert [(part["sku"], units(part)) for part in line["components"]] == [
        ("A", {"backordered": 6}), ("B", {"backordered": 3}),
    ]  # fmt: skip
    lab.done("o", "cancel", lines=[{"line_id": "1", "qty": 1}])
    lab.stock(B_N1=1)
    view = check(lab, "o")
    assert units(view["lines"][0]) == {"backordered": 1, "allocated": 1, "cancelled": 1}
    assert [units(part) for part in view["lines"][0]["components"]] == [
        {"backordered": 2, "allocated": 2, "cancelled": 2}, {"backordered": 1, "allocated": 1, "cancelled": 1},
    ]  # fmt: skip


def test_lines_show_what_is_now_and_the_timeline_what_was_first_acknowledged():
    lab = OrderLab(A_N1=2)
    lab.order("o", [{"sku": "A", "qty": 4}])
    view = check(lab, "o")
    assert (view["lines"][0]["backordered"], view["lines"][0]["allocations"]) == (2, [{"node": "N1", "qty": 2}])
    lab.stock(A_N2=2)
    view = check(lab, "o")
    assert (view["state"], view["lines"][0]["backordered"]) == ("allocated", 0)
    assert view["lines"][0]["allocations"] == [{"node": "N1", "qty": 2}, {"node": "N2", "qty": 2}]

    lab.stock(A_N3=9)
    lab.done("o", "short_pick", lines=[{"line_id": "1", "qty": 1}], node="N2")
    lab.done("o", "move", to_node="N3", node="N1")
    view = check(lab, "o")
    assert sorted(of(view["lines"][0]["allocations"], "node", "qty")) == [("N2", 1), ("N3", 3)]
    assert (view["status"], view["parcels"], view["parcel_plan"][0]["node"]) == ("partially_allocated", 1, "N1")

    first, granted, short, moved = lab.timeline("o")["entries"]
    (line,) = first["acknowledgement"]["lines"]
    assert (line["backordered"], line["allocations"]) == (2, [{"node": "N1", "qty": 2}])
    assert first["acknowledgement"]["total"] == view["total"]
    assert (granted["type"], granted["from"], granted["to"]) == ("grant", "partially_allocated", "allocated")
    assert of(granted["moved"]["units"], "from", "to", "node", "to_node", "qty") == [
        ("backordered", "allocated", None, "N2", 2),
    ]  # fmt: skip
    assert short["payload"] == {"lines": [{"line_id": "1", "qty": 1}], "node": "N2"}
    assert of(short["moved"]["units"], "from", "to", "node", "to_node") == [("allocated", "allocated", "N2", "N3")]
    assert of(moved["moved"]["units"], "node", "to_node", "qty") == [("N1", "N3", 2)]


def test_what_was_taken_back_is_as_if_it_had_not_been():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    before = check(lab, "o")
    picked, shipped = lab.done("o", "pick"), lab.done("o", "ship", shipment_id="S1", tracking_number="T")
    lab.done("o", "reverse", reversed_event_id=shipped)
    view = check(lab, "o")
    assert view["state"] == "picking" and view["shipments"][0]["status"] == "empty"
    lab.done("o", "reverse", reversed_event_id=picked)
    view = check(lab, "o")
    for name in ("lines", "state", "money", "payments"):
        assert view[name] == before[name]
    assert "reverse" not in view["next_events"]
    last = lab.timeline("o")["entries"][-1]
    assert last["payload"] == {"reversed_event_id": picked}
    assert of(last["moved"]["units"], "from", "to", "qty") == [("picked", "allocated", 2)]


@pytest.mark.parametrize("disposition", ["restock", "refurbish"])
def test_a_return_that_put_units_where_anybody_may_take_them_stands(disposition):
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    lab.done("o", "ship")
    back, judged = lab.done("o", "return"), lab.done("o", "return", disposition=disposition)
    for told in (judged, back):  # where the first return left them they lie no more
        assert lab.event("o", "reverse", reversed_event_id=told)["reason"] == "not_reversible"
    assert "reverse" not in check(lab, "o")["next_events"]


@pytest.mark.parametrize("kind", ["payment_refunded", "refund_requested"])
def test_a_capture_stands_while_a_refund_stands_on_it(kind):
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    captured = lab.done("o", "payment_captured", amount=600, payment_id="p")
    back = lab.done("o", kind, amount=300, payment_id="p")
    before = check(lab, "o")
    answer = lab.event("o", "reverse", reversed_event_id=captured)
    assert (answer["status"], answer.get("reason")) == ("refused", "not_reversible")
    assert check(lab, "o") == before
    lab.done("o", "reverse", reversed_event_id=back)
    lab.done("o", "reverse", reversed_event_id=captured)
    view = check(lab, "o")
    assert (view["payment_state"], view["money"]["due"]) == ("unpaid", view["total"])


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_refund_of_all_lets_the_buyer_off_and_can_be_taken_back(cancelled):
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}], payment={"method": "card", "status": "paid"})
    if cancelled:
        lab.done("o", "cancel")
    before = check(lab, "o")
    refunded = lab.done("o", "payment_refunded")
    money = check(lab, "o")["money"]
    assert (money["refunded"], money["due"], money["credited"]) == (before["total"], 0, 0)
    lab.done("o", "reverse", reversed_event_id=refunded)
    view = check(lab, "o")
    for name in ("money", "payments", "payment_state"):
        assert view[name] == before[name], name
    lab.done("o", "payment_refunded", amount=100)
    assert check(lab, "o")["payment_state"] == "partially_refunded"


@pytest.mark.parametrize("amount", [None, 300])
def test_a_failure_is_taken_back(amount):
    """Of a payment that was authorized for all of the order, and for a part of it."""
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    lab.done("o", "payment_authorized", payment_id="p", **({"amount": amount} if amount else {}))
    before = check(lab, "o")
    failed = lab.done("o", "payment_failed", payment_id="p")
    assert check(lab, "o")["payment_state"] == "failed"
    lab.done("o", "reverse", reversed_event_id=failed)
    view = check(lab, "o")
    for name in ("money", "payments", "payment_state"):
        assert view[name] == before[name], name
    books, row = lab.books("o")
    assert [payment.has_failed for payment in books.look(row).payments] == [False]


def test_a_failure_that_nothing_came_before_is_taken_back_while_nothing_came_after():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    failed = lab.done("o", "payment_failed", payment_id="p")
    lab.done("o", "reverse", reversed_event_id=failed)
    view = check(lab, "o")
    assert (view["payment_state"], view["payments"][0]["status"]) == ("unpaid", "unpaid")
    again = lab.done("o", "payment_failed", payment_id="p")
    assert check(lab, "o")["payment_state"] == "failed"
    lab.done("o", "payment_authorized", payment_id="p")
    assert lab.event("o", "reverse", reversed_event_id=again)["reason"] == "not_reversible"


def test_a_closed_order_takes_what_comes_late():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}], payment={"method": "card", "status": "paid"})
    for kind in ("ship", "deliver"):
        lab.done("o", kind)
    lab.done("o", "close", text="all well")
    view = check(lab, "o")
    assert (view["state"], units(view["lines"][0])) == ("closed", {"delivered": 2})
    assert of(view["notes"], "type", "text") == [("close", "all well")]
    assert {"return", "payment_refunded", "note"} <= set(view["next_events"])
    assert not {"pick", "close", "cancel"} & set(view["next_events"])
    lab.done("o", "return", lines=[{"line_id": "1", "qty": 1}], disposition="restock")
    lab.done("o", "payment_refunded", amount=1_250, payment_id="p")
    view = check(lab, "o")
    assert (view["state"], units(view["lines"][0])) == ("closed", {"delivered": 1, "returned": 1})
    assert view["payments"][0]["payment_id"] == "p" and view["money"]["refunded"] == 1_250


def test_a_rejected_order_has_nothing_and_takes_nothing():
    lab = OrderLab(A_N1=9)
    lines = [{"sku": "ghost", "qty": 2, "unit_price": 7}, {"sku": "A", "qty": 1}]
    lab.order("o", lines, payment={"method": "card", "status": "authorized"})
    view = lab.view("o")
    assert (view["state"], view["next_events"], view["shipments"], view["payments"]) == ("rejected", [], [], [])
    assert set(view["money"].values()) == {0}
    assert of(view["lines"], "sku", "qty", "allocations", "backordered") == [("ghost", 2, [], 0), ("A", 1, [], 0)]
    assert {sum(line["units"].values()) for line in view["lines"]} == {0}
    answer = lab.event("o", "pick")
    assert (answer["status"], answer["reason"]) == ("refused", "transition_not_allowed")
    assert (answer["state"], answer["payment_state"]) == ("rejected", view["payment_state"])
    assert answer["detail"] == "an order in state rejected takes: no event"
    lab.order("o", [{"sku": "A", "qty": 1}])
    lab.done("o", "pick")
    assert check(lab, "o")["state"] == "picking"
    assert of(lab.timeline("o")["entries"], "version", "type", "to") == [
        (1, "order", "rejected"), (2, "order", "allocated"), (3, "pick", "picking"),
    ]  # fmt: skip


def test_a_node_that_came_after_the_order_has_its_name():
    lab = OrderLab()
    lab.order("o", [{"sku": "A", "qty": 2}])
    lab.tables_with(nodes=[{**table_cases.NODE, "node": node} for node in ("N1", "N2", "N3", "N4")])
    lab.stock(A_N4=5)
    assert check(lab, "o")["lines"][0]["allocations"] == [{"node": "N4", "qty": 2}]


def test_the_timeline_shows_every_field_of_an_event_as_it_was_sent():
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 4, "line_id": "L"}])
    at = "2025-11-22T08:00:00.250Z"
    sent = [
        ("hold", {"hold": "h", "note": "because"}),
        ("release", {"hold": "h"}),
        ("pack", {"lines": [{"line_id": "L", "qty": 1}], "node": "N1", "shipment_id": "S", "cartons": 0}),
        ("ship", {"carrier": "dhl", "service": "s", "tracking_number": "T"}),
        ("scan", {"tracking_number": "T", "code": "c", "place": "p", "text": "t", "eta": at}),
        ("payment_captured", {"payment_id": "p", "amount": 5_490, "currency": "EUR", "method": "m", "reason": "x"}),
        ("return", {"lines": [{"line_id": "L"}], "node": "N2", "disposition": "scrap"}),
        ("note", {"text": "n", "public": False}),
    ]  # fmt: skip
    for kind, fields in sent:
        lab.done("o", kind, **fields, at=at, source="wms", event_id=f"id-{kind}")
    check(lab, "o")
    entries = lab.timeline("o")["entries"][1:]
    assert [(entry["type"], entry["payload"]) for entry in entries] == sent
    for (kind, _), entry in zip(sent, entries, strict=True):
        assert (entry["event_id"], entry["source"], entry["occurred_at"]) == (f"id-{kind}", "wms", at)
        assert entry["at"] == entry["received_at"] != at
    returned = of(entries[6]["moved"]["units"], "from", "to", "node", "to_node", "disposition", "shipment_id", "qty")
    assert sorted(returned) == [
        ("shipped", "returned", "N1", "N2", "scrap", "2", 3), ("shipped", "returned", "N1", "N2", "scrap", "S", 1),
    ]  # fmt: skip
    assert entries[5]["moved"]["money"] == [{"account": "captured", "amount": 5_490, "payment_id": "p"}]


def test_a_long_life_is_read_in_pieces_and_shown_in_pages(monkeypatch):
    lab = OrderLab(A_N1=9)
    lab.order("o", [{"sku": "A", "qty": 2}])
    for number in range(300):
        lab.done("o", "hold", hold=f"h{number}")
        lab.done("o", "release")
        if number % 10 == 0:
            lab.done("o", "note", text=f"{number}")
    whole, timeline = check(lab, "o"), lab.timeline("o")
    for size in (1, 7):
        monkeypatch.setattr(steps, "PIECE_STEPS", size)
        assert lab.view("o") == whole and lab.timeline("o") == timeline
    pages, cursor = [], None
    while True:
        page = lab.timeline("o", cursor=cursor, limit=97)
        assert len(page["entries"]) <= 97 and page["version"] == 631
        pages += page["entries"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert pages == timeline["entries"] and len(pages) == 631
    assert lab.timeline("o", cursor="631")["entries"] == []
    for text in ("632", "-1", "x", "", "9" * 40, "1:2:0"):
        with pytest.raises(CursorError):
            lab.timeline("o", cursor=text)


def test_what_is_not_durable_is_not_shown():
    lab = OrderLab(shards=1, A_N1=9)
    lab.order("o")
    lab.done("o", "pick")
    shard, found = lab.found("o")
    del lab.source(shard)._records[found[0] >> 16, 1]
    assert order_view(shard, found, lab.source(shard), lab.views) is None
    assert timeline_view(shard, found, lab.source(shard), lab.views) is None
