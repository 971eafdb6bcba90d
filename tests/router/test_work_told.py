"""What changes of orders say of work: raised, settled, to be looked at again, by a real router's own log."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from router.feed.changes import ChangeReader
from router.feed.feed import Feed
from router.life.event_types import TAKES, OrderEvent
from router.life.states import LIVE, STATE_OF_STAGE, OrderState
from router.work.item import WorkItem
from router.work.kinds import KINDS, QUEUES, acts_of
from router.work.rows import COLUMNS
from router.work.standing import HELD, ON_ITS_WAY, UNDELIVERED, UNSENT, WAITING
from router.work.told import Known, Terms, Told, told_of
from tests.labs.desk_lab import ANSWER_MS, NEVER, standings, terms
from tests.labs.feed_world import FeedWorld, order


@pytest.fixture
def world() -> FeedWorld:
    made = FeedWorld(shards=1)
    made.stock(A=100, B=1)
    return made


def told(world: FeedWorld, by: Terms = NEVER) -> Told:
    """All that the world's log says, as one turn."""
    feed = Feed(ChangeReader(world.sources, COLUMNS))
    parts = [part.changes for part in feed.turn()]
    by = dataclasses.replace(by, due_minor=standings(world).due_minor)
    return told_of(parts, by, Known(set(KINDS)))


def report(world: FeedWorld, order_id: str, *types: str, **fields: Any) -> None:
    for number, name in enumerate(types):
        event_id = f"{order_id}-{name}-{number}-{world.now_ms}"
        [answer] = world.events({"event_id": event_id, "order_id": order_id, "type": name, **fields})
        assert answer["status"] == "applied", answer


def raised(world: FeedWorld, by: Terms = NEVER) -> list[tuple[str, str, str]]:
    """Kind, state and resolution of every item."""
    return [(item.kind, item.state, item.resolution) for item in told(world, by).raised]


# --- the tables ---------------------------------------------------------------------------------------


def test_every_state_on_its_way_is_noticed_by_exactly_one_kind_that_waits() -> None:
    live = {*STATE_OF_STAGE.values(), *(state for state in OrderState if state.name.startswith("PARTIALLY"))}
    live -= {OrderState.DELIVERED}
    assert set(ON_ITS_WAY) == live and len(LIVE) == len(STATE_OF_STAGE)
    for state in live:
        assert sum(state in group for group in (HELD, WAITING, UNSENT, UNDELIVERED)) == 1, state


def test_every_kind_has_a_queue_a_remedy_and_acts_that_there_are() -> None:
    for name, kind in KINDS.items():
        assert kind.queue in QUEUES and kind.remedy.endswith(".") and name.isidentifier()
        assert all(event in TAKES for event in kind.acts)
        without = ("rejected", "event_refused", "refund_to_approve", "payment_unplaced", "parcel_unplaced")
        of_shipments = ("label_failed", "label_stuck", "ship_refused")
        is_without = name in (*without, *of_shipments)
        assert kind.acts or is_without, "they are sent again, or decided, or asked anew; everything else has an event"
    move = {"type": "move", "fields": ["lines", "node", "to_node", "reason"], "needs": ["to_node"]}
    assert move in acts_of("waiting", "")


# --- one kind after the other --------------------------------------------------------------------------


def test_a_refused_order_says_why_and_is_settled_when_its_id_is_accepted(world: FeedWorld) -> None:
    world.orders(order("a", lines=[{"sku": "unknown", "qty": 1}]))
    [item] = told(world).raised
    assert (item.kind, item.state, item.order_id, item.channel) == ("rejected", "open", "a", "web")
    assert "The SKU is not in the SKU table" in item.reason
    assert item.deadline_ms == item.raised_ms + ANSWER_MS
    world.orders(order("a", lines=[{"sku": "nor this", "qty": 1}]))
    first, again = told(world).raised
    assert first.state == "resolved" and again.state == "open" and first.work_id != again.work_id
    world.orders(order("a"))
    assert [item.state for item in told(world).raised] == ["resolved", "resolved"]


def test_an_order_on_hold_is_settled_when_it_is_released_by_anybody(world: FeedWorld) -> None:
    world.orders(order("a"))
    report(world, "a", "hold", hold="address")
    [item] = told(world).raised
    assert (item.kind, item.state) == ("held", "open") and "hold address." in item.reason
    report(world, "a", "release")
    assert raised(world) == [("held", "resolved", "settled by version 3 of the order")]


def test_a_refused_event_is_work_until_one_of_its_type_is_applied(world: FeedWorld) -> None:
    world.orders(order("a"))
    for number in range(3):  # the same report again, under ids of its own
        world.events({"event_id": f"d-{number}", "order_id": "a", "type": "release"})
    world.events({"event_id": "l", "order_id": "a", "type": "pick", "lines": [{"line_id": "1", "qty": 7}]})
    found = [(item.kind, item.about, item.state) for item in told(world).raised]
    assert found == [("event_refused", "release", "open")] * 3 + [("event_refused", "pick", "open")]
    assert len({item.work_id for item in told(world).raised}) == 2
    assert "refused (release): the order is allocated, and release" in told(world).raised[0].reason
    assert "line 1 has 1 units" in told(world).raised[3].reason and "7 were named" in told(world).raised[3].reason
    report(world, "a", "pick")
    assert [item.state for item in told(world).raised] == ["open"] * 3 + ["resolved"]
    report(world, "a", "note", text="?")
    assert [item.state for item in told(world).raised] == ["open"] * 3 + ["resolved"]


def test_another_body_under_an_events_id_is_a_refusal_and_unknown_orders_are_none(world: FeedWorld) -> None:
    world.orders(order("a"))
    for text in ("x", "y"):
        world.events({"event_id": "n", "order_id": "a", "type": "note", "text": text})
    world.events({"event_id": "e", "order_id": "never sent", "type": "ship"})
    world.events({"event_id": "f", "order_id": "a", "type": "deliver", "source": "desk:ada", "shipment_id": "none"})
    [item] = told(world).raised
    assert (item.kind, item.about) == ("event_refused", "note") and "used for this order by an event" in item.reason


def test_money_for_an_order_that_was_refused_is_never_silent(world: FeedWorld) -> None:
    world.orders(order("a", lines=[{"sku": "unknown", "qty": 1}]))
    world.events({"event_id": "p", "order_id": "a", "type": "payment_captured", "payment_id": "p1", "amount": 5})
    found = {item.kind: item for item in told(world).raised}
    assert set(found) == {"rejected", "event_refused"}
    assert "(payment_captured): an order in state rejected takes: no event" in found["event_refused"].reason


def test_a_failed_payment_is_settled_by_another_one(world: FeedWorld) -> None:
    world.orders(order("a"))
    report(world, "a", "payment_failed")
    assert raised(world) == [("payment_failed", "open", "")]
    report(world, "a", "payment_captured")
    assert raised(world) == [("payment_failed", "resolved", "settled by version 3 of the order")]


def test_units_that_a_node_has_not_got_are_somebodys_work_while_they_wait(world: FeedWorld) -> None:
    world.stock(B=1)
    world.orders(order("a", lines=[{"sku": "B", "qty": 2}]))
    report(world, "a", "short_pick", node="N1", reason="shelf empty")
    [item] = told(world).raised
    assert (item.kind, item.state) == ("short_picked", "open") and item.reason.endswith("elsewhere: shelf empty")
    report(world, "a", "cancel")
    assert [each.state for each in told(world).raised] == ["resolved"]


def test_a_lost_parcel_is_work_until_its_money_goes_back(world: FeedWorld) -> None:
    world.orders(order("a", payment={"method": "card", "status": "paid"}))
    report(world, "a", "ship", "lose")
    assert raised(world) == [("lost", "open", "")]
    report(world, "a", "refund_requested")
    assert raised(world) == [("lost", "resolved", "settled by version 4 of the order")]
    report(world, "a", "refund_failed", reason="account closed")
    assert raised(world)[1:] == [("refund_failed", "open", "")]
    assert "account closed" in told(world).raised[1].reason


def test_two_parcels_lost_are_two_items_and_both_are_settled(world: FeedWorld) -> None:
    world.orders(order("a", lines=[{"sku": "A", "qty": 2}]))
    for number in (1, 2):
        report(world, "a", "ship", lines=[{"line_id": "1", "qty": 1}], shipment_id=f"p{number}")
    for number in (1, 2):
        report(world, "a", "lose", shipment_id=f"p{number}")
    assert raised(world) == [("lost", "open", ""), ("lost", "open", "")]
    report(world, "a", "credit", amount=1)
    assert {state for _, state, _ in raised(world)} == {"resolved"}


def test_money_of_a_cancelled_order_has_to_go_back(world: FeedWorld) -> None:
    world.orders(order("a"))
    report(world, "a", "payment_captured", amount=50)
    report(world, "a", "cancel")
    assert raised(world) == [("to_pay_back", "open", "")]
    report(world, "a", "payment_refunded")
    assert raised(world) == [("to_pay_back", "resolved", "settled by version 4 of the order")]


def test_as_long_as_a_part_of_a_cancelled_orders_money_is_here_it_has_to_go_back(world: FeedWorld) -> None:
    world.orders(order("a"))
    report(world, "a", "payment_captured", amount=50)
    report(world, "a", "payment_refunded", amount=20)
    report(world, "a", "cancel")
    assert raised(world) == [("to_pay_back", "open", "")]
    report(world, "a", "payment_refunded", amount=10)
    assert raised(world) == [("to_pay_back", "open", "")]
    report(world, "a", "payment_refunded", amount=20)
    assert raised(world) == [("to_pay_back", "resolved", "settled by version 6 of the order")]


def test_money_that_is_authorized_waits_so_long_to_be_captured(world: FeedWorld) -> None:
    by = terms(uncaptured_after_ms=5)
    world.orders(order("a"), order("b"))
    for order_id in ("a", "b"):
        report(world, order_id, "payment_authorized", payment_id="p", currency="EUR")
    started = told(world, by).started.values()
    assert sorted((due.order_id, due.kind) for due in started) == [("a", "uncaptured"), ("b", "uncaptured")]
    report(world, "a", "payment_captured")
    report(world, "b", "payment_voided")
    assert told(world, by).started == {}
    assert [kind for kind, _, _ in raised(world, by)] == ["uncaptured"] * 2, "both were due before they ended"


def test_money_that_comes_for_an_order_that_was_paid_is_never_silent(world: FeedWorld) -> None:
    world.orders(order("a"))
    report(world, "a", "payment_captured", payment_id="p1")
    report(world, "a", "payment_captured", payment_id="p2", amount=7)
    assert raised(world) == [("paid_again", "open", "")]


@pytest.mark.parametrize("first", [0, 30], ids=["by one payment", "by the last of two"])
def test_one_payment_that_is_too_large_is_never_silent(world: FeedWorld, first: int) -> None:
    [ack] = world.orders(order("a"))
    if first:
        report(world, "a", "payment_captured", payment_id="p0", amount=first)
    report(world, "a", "payment_captured", payment_id="p1", amount=ack["total_minor"] - first + 1)
    assert raised(world) == [("overpaid", "open", "")]
    report(world, "a", "refund_requested", payment_id="p1", amount=1)
    assert [state for _, state, _ in raised(world)] == ["resolved"]


def test_what_is_paid_exactly_in_any_pieces_is_nobodys_work(world: FeedWorld) -> None:
    [a, _, _] = world.orders(order("a"), order("b"), order("c"))
    report(world, "a", "payment_captured", payment_id="p0", amount=1)
    report(world, "a", "payment_captured", payment_id="p1", amount=a["total_minor"] - 1)
    report(world, "b", "payment_captured", payment_id="p0", amount=a["total_minor"])
    report(world, "c", "payment_captured")
    assert raised(world) == []


def test_a_payment_that_is_too_large_since_units_were_cancelled_is_seen_as_such(world: FeedWorld) -> None:
    [ack] = world.orders(order("a", lines=[{"line_id": "L1", "sku": "A", "qty": 2}]))
    report(world, "a", "cancel", lines=[{"line_id": "L1", "qty": 1}])
    report(world, "a", "payment_captured", payment_id="p1", amount=ack["total_minor"])
    assert raised(world) == [("overpaid", "open", "")]


# --- what lasts ----------------------------------------------------------------------------------------


def test_what_lasts_is_due_after_its_patience_and_not_when_it_ends_before(world: FeedWorld) -> None:
    by = terms(unsent_after_ms=100, undelivered_after_ms=1_000)
    world.orders(order("a"))
    [due] = told(world, by).started.values()
    assert (due.kind, due.order_id, due.version, due.due_ms) == ("unsent", "a", 1, world.now_ms + 100)
    report(world, "a", "ship")
    [due] = told(world, by).started.values()
    assert (due.kind, due.version) == ("undelivered", 2)
    report(world, "a", "scan", shipment_id="1", code="in_transit")
    [due] = told(world, by).started.values()
    assert (due.kind, due.version, due.due_ms) == ("undelivered", 3, world.now_ms + 1_000)
    report(world, "a", "deliver")
    found = told(world, by)
    assert not found.started and not found.raised


def test_what_lasted_too_long_before_it_ended_was_work_in_between(world: FeedWorld) -> None:
    by = terms(unsent_after_ms=100)
    world.orders(order("a"))
    began_ms = world.now_ms
    world.now_ms += 500
    report(world, "a", "ship")
    [item] = told(world, by).raised
    assert (item.kind, item.raised_ms, item.resolved_ms) == ("unsent", began_ms + 100, world.now_ms)
    assert item.state == "resolved" and item.cause_version == 1


def test_unpaid_orders_expire_unless_something_was_picked_or_paid(world: FeedWorld) -> None:
    by = terms(expires=100)
    world.orders(order("a"), order("b"), order("c"))
    report(world, "a", "pick")
    report(world, "b", "payment_captured", amount=1)
    report(world, "c", "payment_failed")  # it is as unpaid as before, and since then
    [due] = told(world, by).started.values()
    assert (due.order_id, due.kind, due.version) == ("c", "expire", 1)
    report(world, "c", "cancel")
    assert not told(world, by).started and "expire" not in {item.kind for item in told(world, by).raised}


def test_what_is_on_hold_expires_by_an_event_that_its_release_takes_away(world: FeedWorld) -> None:
    by = terms(expires=100)
    world.orders(order("a"))
    report(world, "a", "hold", hold="payment")
    assert [each.kind for each in told(world, by).started.values()] == ["expire_held"]
    assert KINDS["expire_held"].sends is OrderEvent.EXPIRE and KINDS["expire"].sends is OrderEvent.CANCEL
    report(world, "a", "release")
    assert [(each.kind, each.version) for each in told(world, by).started.values()] == [("expire", 3)]


def test_a_backordered_order_waits_until_it_has_all_its_units(world: FeedWorld) -> None:
    by = terms(waiting_after_ms=50)
    world.orders(order("a", lines=[{"sku": "B", "qty": 4}]))
    [due] = told(world, by).started.values()
    assert due.kind == "waiting"
    report(world, "a", "ship")  # what is there
    assert [each.kind for each in told(world, by).started.values()] == ["waiting"], "and waits since the first moment"
    report(world, "a", "cancel", lines=[{"line_id": "1", "qty": 2}])
    assert not told(world, by).started


def test_the_id_of_an_item_is_that_of_its_cause(world: FeedWorld) -> None:
    world.orders(order("a", lines=[{"sku": "unknown", "qty": 1}]))
    [first], [again] = told(world).raised, told(world).raised
    assert isinstance(first, WorkItem) and first == again and len(first.work_id) == 24
