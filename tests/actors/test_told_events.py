"""What partners tell and no order takes: kept once, tried again, a person's work until it has found its order."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from actors.owners.desk.told_events import HOMELESS_MS
from actors.store.desk.schema import OUTBOX
from adapters._intents import OrderReference
from adapters._told import ToldEvent, told
from router.work.partner_told import PAUSE_MS, PAUSE_MS_MAX
from tests.labs.desk_lab import DeskLab
from tests.labs.feed_world import FeedWorld, order


@pytest.fixture
def desk(tmp_path: pathlib.Path) -> Iterator[DeskLab]:
    world = FeedWorld(shards=2)
    world.stock(A=100)
    made = DeskLab(tmp_path / "desk", world)
    yield made
    made.database.close()


def captured(order_id: str = "late", fact: str = "cap_1", **more: Any) -> ToldEvent:
    said = {"payment_id": "p1", "amount": 100, "currency": "EUR", **more}
    return told("pay", fact, "payment_captured", OrderReference(order_id), 1, **said)


def take(desk: DeskLab, *events: ToldEvent) -> None:
    with desk.database.write() as connection:
        desk.told.take(connection, events, desk.world.now_ms)
    desk.sender.send()


def try_again(desk: DeskLab, after_ms: int = PAUSE_MS_MAX) -> None:
    desk.clock.tick(desk.world.now_ms + after_ms)
    desk.sender.send()


def statuses(desk: DeskLab) -> list[str]:
    return [row["status"] for row in desk.outbox()]


def test_it_waits_as_work_and_is_booked_when_the_order_comes(desk: DeskLab) -> None:
    take(desk, captured())
    [item] = desk.items(kind="payment_unplaced")
    assert (item["queue"], item["order_id"], item["state"]) == ("payments", "late", "open")
    assert "pay tells payment_captured (pay:cap_1)" in item["reason"] and statuses(desk) == ["aside"]
    try_again(desk)
    assert statuses(desk) == ["aside"], "not there yet"
    desk.world.orders(order("late"))
    try_again(desk)
    [item] = desk.items(kind="payment_unplaced")
    assert (item["state"], item["resolution"]) == ("resolved", "the order has heard of it: applied")
    assert statuses(desk) == ["applied"]


def test_what_is_told_twice_is_kept_once(desk: DeskLab) -> None:
    for _ in range(3):
        take(desk, captured())
    assert len(desk.items()) == 1 and statuses(desk) == ["aside"]


def test_it_is_not_tried_before_its_time(desk: DeskLab) -> None:
    take(desk, captured())
    desk.world.orders(order("late"))
    try_again(desk, 0)
    assert statuses(desk) == ["aside"]
    try_again(desk, PAUSE_MS + 1_000)
    assert statuses(desk) == ["applied"]


@pytest.mark.parametrize(("tried_ms", "pause_ms"), [(0, PAUSE_MS), (60_000, 60_000), (10 * PAUSE_MS_MAX, PAUSE_MS_MAX)])
def test_pauses_grow_with_what_was_tried_and_have_an_end(desk: DeskLab, tried_ms: int, pause_ms: int) -> None:
    take(desk, captured())
    with desk.database.write() as connection:
        connection.execute(update(OUTBOX).values(made_ms=0, answered_ms=tried_ms))
        assert not desk.told.any_due(connection, tried_ms + pause_ms - 1)
        assert desk.told.any_due(connection, tried_ms + pause_ms)


def test_a_parcel_is_the_carriers_queue_and_a_currency_that_no_table_has_is_not_lost(desk: DeskLab) -> None:
    desk.world.orders(order("there"))
    scan = told("ship", "scan_1", "scan", OrderReference("nowhere"), 1, code="in_transit", text="left at the door")
    take(desk, scan, captured("there", currency="XXX"))
    assert [item["queue"] for item in desk.items(kind="parcel_unplaced")] == ["carriers"]
    [money] = desk.items(kind="payment_unplaced")
    assert "XXX" in money["reason"] or "currency" in money["reason"]


def test_a_person_may_let_it_go_and_its_words_with_it(desk: DeskLab) -> None:
    scan = told("ship", "scan_1", "scan", OrderReference("nowhere"), 1, code="in_transit", text="left at the door")
    take(desk, scan)
    [item] = desk.items(kind="parcel_unplaced")
    desk.act(item["work_id"], "resolve", note="of our other shop")
    desk.world.orders(order("nowhere"))
    try_again(desk)
    take(desk, scan)
    assert statuses(desk) == ["let_go"] and "text" not in json.loads(desk.outbox()[0]["event"])
    assert [item["state"] for item in desk.items(kind="parcel_unplaced")] == ["resolved"]


def test_what_the_books_refuse_is_not_tried_again(desk: DeskLab) -> None:
    desk.world.orders(order("there"))
    refund = told("pay", "ref_1", "payment_refunded", OrderReference("there"), 1, payment_id="p1", amount=5)
    take(desk, refund)
    desk.read()
    assert statuses(desk) == ["refused"]
    assert [item["kind"] for item in desk.items()] == ["event_refused"], "work of the feed's, once"


def scanned(number: str, fact: str = "scan_1", kind: str = "scan", **more: Any) -> ToldEvent:
    return told("post", fact, kind, OrderReference(""), 1, tracking_number=number, **more)


def shipped(desk: DeskLab, order_id: str, number: str, shipment_id: str = "S1") -> None:
    desk.world.orders(order(order_id, lines=[{"sku": "A", "qty": 1}]))
    said = {"event_id": f"s-{order_id}", "order_id": order_id, "type": "ship", "tracking_number": number}
    [answer] = desk.world.events(said | {"shipment_id": shipment_id})
    assert answer["status"] == "applied", answer
    desk.read()


def sent(desk: DeskLab) -> list[tuple[str, str, str]]:
    events = [json.loads(letter.event) for letter in desk.sent]
    return [(event["order_id"], event["type"], event.get("shipment_id", "")) for event in events]


def test_a_scan_by_tracking_number_alone_finds_its_order(desk: DeskLab) -> None:
    shipped(desk, "o-1", "RR 473 124 829 GB")
    shipped(desk, "o-2", "RR473124815GB", "S2")
    take(desk, scanned("rr473124829gb", code="picked_up"), scanned("RR473124815GB", "scan_2", "deliver"))
    assert sent(desk) == [("o-1", "scan", "S1"), ("o-2", "deliver", "S2")] and statuses(desk) == ["applied"] * 2
    take(desk, scanned("rr473124829gb", code="picked_up"))
    assert len(desk.outbox()) == 2, "told twice, kept once"


def test_a_scan_of_a_parcel_that_is_not_reported_yet_waits_for_it_and_is_nobodys_work(desk: DeskLab) -> None:
    take(desk, scanned("RR473124829GB", code="picked_up"))
    assert (statuses(desk), desk.items(), desk.sent) == (["aside"], [], [])
    try_again(desk)
    assert statuses(desk) == ["aside"]
    shipped(desk, "late", "RR473124829GB")
    try_again(desk, 2 * PAUSE_MS_MAX)
    assert statuses(desk) == ["applied"] and sent(desk) == [("late", "scan", "S1")]


def test_a_number_that_no_order_ever_has_is_let_go(desk: DeskLab) -> None:
    take(desk, scanned("RR473124829GB", code="picked_up"))
    try_again(desk, HOMELESS_MS + 1)
    assert statuses(desk) == ["let_go"] and desk.sent == []
