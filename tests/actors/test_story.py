"""The life of one order, told through HTTP: five units of two nodes, from the buyer's payment to the last refund.

After each step the order's units are where the story says, stages sum to what was ordered, money folds, and what the
order holds by its books is what the ledger holds for it.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from router.life.states import CellAccount
from router.queries.balance import books_of, cells_of, differences
from tests.actors.test_gateway_http import NDJSON, Lab
from tests.labs.gateway_backend import order
from tests.labs.order_lab import STAGES
from tests.labs.stocked_gateway import over_engines, put_tables

SKUS = b'{"sku":"TEA","name":"Tea","price":1000,"currency":"EUR","weight_g":100,"tax_class":"standard"}\n'
NODES = b"".join(
    b'{"node":"%s","kind":"warehouse","country":"DE","region":"","postcode":"10115","lat":%f,"lon":13.4}\n' % node
    for node in ((b"BERLIN", 52.5), (b"MUNICH", 48.1))
)
STOCK = b'{"sku":"TEA","node":"BERLIN","on_hand":3}\n{"sku":"TEA","node":"MUNICH","on_hand":2}\n'
Row = dict[str, Any]


class Story:
    """One order at a time; every event is told, looked at and balanced."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.order_id = "o-1"
        self.told = 0

    def places(self) -> Row:
        line = {"line_id": "L1", "sku": "TEA", "qty": 5}
        (answer,) = self._send("/v1/orders/stream", order(self.order_id, lines=[line], payment={"method": "card"}))
        return answer

    def receives(self, node: str, qty: int) -> None:
        self.told += 1
        movement = {"movement_id": f"m{self.told}", "kind": "receipt", "sku": "TEA", "node": node, "qty": qty}
        assert self._send("/v1/stock", json.dumps(movement).encode())[0]["status"] == "applied"

    def tells(self, kind: str, qty: int | None = None, **fields: Any) -> Row:
        """An event that must be applied; of so many units of the line, or as it comes."""
        self.told += 1
        lines = {} if qty is None else {"lines": [{"line_id": "L1", "qty": qty}]}
        event = {"event_id": f"e{self.told}", "order_id": self.order_id, "type": kind, **lines, **fields}
        (answer,) = self._send("/v1/events", json.dumps(event).encode())
        assert answer["status"] == "applied", (event, answer)
        return answer

    def refuses(self, kind: str, reason: str, **fields: Any) -> None:
        self.told += 1
        event = {"event_id": f"e{self.told}", "order_id": self.order_id, "type": kind, **fields}
        (answer,) = self._send("/v1/events", json.dumps(event).encode())
        assert (answer["status"], answer["reason"]) == ("refused", reason), answer

    def shows(self, state: str, payment_state: str, **units: int) -> Row:
        """The order as GET has it: this state, and these units by stage."""
        view = self._get("")
        (line,) = view["lines"]
        assert {stage: line["units"][stage] for stage in STAGES if line["units"][stage]} == units
        assert sum(units.values()) == line["units"]["ordered"] == 5
        assert (view["state"], view["payment_state"]) == (state, payment_state)
        money = view["money"]
        for account in ("authorized", "captured", "refunding", "refunded"):
            assert money[account] == sum(payment[account] for payment in view["payments"])
        self._balances(view)
        return view

    def timeline(self) -> list[Row]:
        entries: list[Row] = self._get("/timeline")["entries"]
        return entries

    def available(self) -> Row:
        status, _, body = self.lab.ask("POST", "/v1/availability", b'{"skus":["TEA"]}', Content_Type="application/json")
        assert status == 200, body
        (item,) = json.loads(body)["items"]
        nodes: Row = item["nodes"]
        return {node: units for node, units in nodes.items() if units}

    def _balances(self, view: Row) -> None:
        router = self.lab.backend.router
        books = [books_of(path.engine, path.grants.seen, True) for path in router.shards]
        ledger = router.ledger.path.engine
        assert list(differences(cells_of(ledger), books)) == [] and ledger.conservation() == []
        units = view["lines"][0]["units"]
        held = sum(n for (_, _, account), n in cells_of(ledger).units.items() if account == CellAccount.ALLOCATED)
        assert held == units["allocated"] + units["picked"] + units["packed"]

    def _send(self, path: str, line: bytes) -> list[Row]:
        status, _, body = self.lab.ask("POST", path, line + b"\n", **NDJSON)
        assert status == 200, body
        return [json.loads(answer) for answer in body.splitlines()]

    def _get(self, what: str) -> Row:
        status, _, body = self.lab.ask("GET", f"/v1/orders/{self.order_id}{what}")
        assert status == 200, body
        view: Row = json.loads(body)
        return view


@pytest.fixture
def story(tmp_path: pathlib.Path) -> Iterator[Story]:
    with over_engines(tmp_path, shards=2) as running:
        put_tables(running, SKUS, NODES, STOCK)
        yield Story(running)


def test_five_units_of_two_nodes_from_payment_to_refund(story: Story) -> None:
    total = buyer_orders_and_authorizes(story)
    berlin_misses_two(story)
    both_nodes_pick_and_pack(story)
    two_parcels_leave(story)
    one_is_lost_and_the_other_arrives(story, total)
    two_units_come_back(story)
    view = buyer_is_paid_back_in_part(story, total)
    history_says_it_all(story, view)


def buyer_orders_and_authorizes(story: Story) -> int:
    """The order's total."""
    total: int = story.places()["total"]
    view = story.shows("allocated", "unpaid", allocated=5)
    assert lies_at(view) == [("BERLIN", 3), ("MUNICH", 2)]
    assert view["money"] == {
        "total": total, "authorized": 0, "captured": 0, "refunding": 0, "refunded": 0, "due": total,
        "credited": 0, "written_off": 0,
    }  # fmt: skip
    story.tells("payment_authorized", payment_id="card-1", method="card")
    assert story.shows("allocated", "authorized", allocated=5)["money"]["authorized"] == total
    return total


def lies_at(view: Row) -> list[tuple[str, int]]:
    return sorted((part["node"], part["qty"]) for part in view["lines"][0]["allocations"])


def berlin_misses_two(story: Story) -> None:
    """Two of Berlin's three are not on their shelf; by then Munich has more."""
    story.receives("MUNICH", 4)
    story.refuses("short_pick", "which_units", lines=[{"line_id": "L1", "qty": 2}])
    story.tells("short_pick", 2, node="BERLIN")
    assert lies_at(story.shows("allocated", "authorized", allocated=5)) == [("BERLIN", 1), ("MUNICH", 4)]
    assert story.available() == {"MUNICH": 2}, "what was not found is on sale nowhere"


def both_nodes_pick_and_pack(story: Story) -> None:
    story.refuses("pick", "which_units", lines=[{"line_id": "L1", "qty": 1}])
    story.tells("pick", 1, node="BERLIN", shipment_id="B-1")
    story.shows("partially_picking", "authorized", allocated=4, picked=1)
    story.tells("pick", node="MUNICH", shipment_id="M-1")
    story.shows("picking", "authorized", picked=5)
    story.tells("pack", shipment_id="M-1", cartons=2)
    story.shows("partially_packed", "authorized", picked=1, packed=4)


def two_parcels_leave(story: Story) -> None:
    """With their own numbers; Munich's is scanned abroad before its depot reports it."""
    story.tells("ship", shipment_id="B-1", carrier="dhl", service="standard", tracking_number="JD-1")
    story.tells("ship", shipment_id="M-1", carrier="ups", tracking_number="1Z-2")
    view = story.shows("shipped", "authorized", shipped=5)
    shown = ("shipment_id", "node", "carrier", "tracking_number")
    assert [tuple(parcel[name] for name in shown) for parcel in view["shipments"]] == [
        ("B-1", "BERLIN", "dhl", "JD-1"), ("M-1", "MUNICH", "ups", "1Z-2"),
    ]  # fmt: skip
    story.tells("scan", tracking_number="1Z-2", code="out_for_delivery", place="Graz", at="2026-03-03T08:00:00Z")
    story.tells("scan", tracking_number="1Z-2", code="departed", place="Munich", at="2026-03-02T20:00:00Z")
    munich = story.shows("shipped", "authorized", shipped=5)["shipments"][1]
    assert [scan["code"] for scan in munich["scans"]] == ["departed", "out_for_delivery"]


def one_is_lost_and_the_other_arrives(story: Story, total: int) -> None:
    """The buyer pays in two parts meanwhile."""
    story.tells("payment_captured", payment_id="card-1", amount=total - 1_500)
    assert story.shows("shipped", "partially_paid", shipped=5)["money"]["due"] == 1_500
    story.tells("lose", shipment_id="B-1")
    story.shows("shipped", "partially_paid", shipped=4, lost=1)
    story.tells("deliver", shipment_id="M-1")
    story.tells("payment_captured", payment_id="card-1", amount=1_500)
    view = story.shows("delivered", "paid", delivered=4, lost=1)
    assert [parcel["status"] for parcel in view["shipments"]] == ["lost", "delivered"]
    assert view["money"] | {"total": 0} == {
        "total": 0, "authorized": 0, "captured": total, "refunding": 0, "refunded": 0, "due": 0,
        "credited": 0, "written_off": 0,
    }  # fmt: skip


def two_units_come_back(story: Story) -> None:
    story.tells("return", 1, node="BERLIN", disposition="restock")
    assert story.available() == {"BERLIN": 1, "MUNICH": 2}
    story.tells("return", 1, disposition="scrap")
    story.shows("delivered", "paid", delivered=2, returned=2, lost=1)
    assert story.available() == {"BERLIN": 1, "MUNICH": 2}, "what was scrapped is not sold again"


def buyer_is_paid_back_in_part(story: Story, total: int) -> Row:
    """For the lost unit and the returned ones; the order as it is closed."""
    story.tells("refund_requested", payment_id="card-1", amount=2_000)
    assert story.shows("delivered", "paid", delivered=2, returned=2, lost=1)["money"]["refunding"] == 2_000
    story.refuses("refund_requested", "amount_too_high", payment_id="card-1", amount=total)
    story.tells("payment_refunded", payment_id="card-1")
    view = story.shows("delivered", "partially_refunded", delivered=2, returned=2, lost=1)
    assert (view["money"]["refunded"], view["money"]["refunding"]) == (2_000, 0)
    story.tells("close")
    return story.shows("closed", "partially_refunded", delivered=2, returned=2, lost=1)


def history_says_it_all(story: Story, view: Row) -> None:
    entries = story.timeline()
    assert [entry["version"] for entry in entries] == list(range(1, view["version"] + 1))
    moved = [unit for entry in entries for unit in (entry["moved"] or {}).get("units", [])]
    assert moved, "the history says what each step moved"
