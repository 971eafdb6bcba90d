"""The tables of an order's life are whole, say the same on both floors, and leave no state without a way out."""

from __future__ import annotations

from kernels.life import layout
from router.life import refusals, rules, states
from router.life.event_types import INTERNAL, TAKES, OrderEvent
from router.life.states import Disposition, MoneyAccount, OrderState, PaymentState, Stage
from router.log.columns import EventResult, Status
from tests.labs.life_pair import REFUSALS
from tests.reference.life.events import Event, Named
from tests.reference.life.judge import judge
from tests.reference.life.open import Line, Placed, open_books
from tests.reference.life.order import REVIEW

E, S, U = OrderEvent, OrderState, Stage


def test_numbers_in_stored_logs_never_change():
    names = {enum: [member.name for member in enum] for enum in (S, PaymentState, U, Disposition, MoneyAccount)}
    assert names[S] == [
        "PENDING", "REJECTED", "HELD", "BACKORDERED", "PARTIALLY_ALLOCATED", "ALLOCATED", "PICKING", "PACKED",
        "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED", "LOST", "CLOSED", "PARTIALLY_PICKING", "PARTIALLY_PACKED",
        "PARTIALLY_SHIPPED", "PARTIALLY_DELIVERED",
    ]  # fmt: skip
    assert names[PaymentState] == [
        "UNPAID", "AUTHORIZED", "PAID", "FAILED", "REFUNDED", "PARTIALLY_PAID", "PARTIALLY_REFUNDED",
    ]  # fmt: skip
    assert names[U] == [
        "BACKORDERED", "HELD", "ALLOCATED", "PICKED", "PACKED", "SHIPPED", "DELIVERED", "RETURNED", "LOST", "CANCELLED",
    ]  # fmt: skip
    assert names[Disposition] == ["INSPECT", "RESTOCK", "REFURBISH", "SCRAP", "MISSING", "ELSEWHERE"]
    assert names[MoneyAccount] == [
        "AUTHORIZED", "CAPTURED", "REFUNDING", "REFUNDED", "CREDITED", "WRITTEN_OFF", "FAILED",
    ]  # fmt: skip
    assert [event.name for event in E] == [
        "RELEASE", "REVIEW_REJECT", "EXPIRE", "CANCEL", "PICK", "PACK", "SHIP", "DELIVER", "LOSE", "RETURN", "CLOSE",
        "PAYMENT_AUTHORIZED", "PAYMENT_CAPTURED", "PAYMENT_FAILED", "PAYMENT_REFUNDED", "RELEASED_ALLOCATED",
        "RELEASED_PARTIALLY", "RELEASED_BACKORDERED", "PAYMENT_VOIDED", "REFUND_REQUESTED", "REFUND_FAILED", "HOLD",
        "SHORT_PICK", "SEND_TO_NODE", "ACCEPT", "REFUSE", "MOVE", "SCAN", "REVERSE", "WRITE_OFF", "CREDIT", "NOTE",
        "GRANT",
    ]  # fmt: skip
    for enum in (*names, E):
        assert [member.value for member in enum] == list(range(len(enum)))


def test_the_kernels_have_the_numbers_of_the_router():
    for prefix, enum in (("STAGE_", U), ("STATE_", S), ("", Disposition), ("", states.CellAccount)):
        for member in enum:
            if f"{prefix}{member.name}" in vars(layout):
                assert getattr(layout, f"{prefix}{member.name}") == member, member
    for member in MoneyAccount:
        assert getattr(layout, f"MONEY_{member.name}") == member
    renamed = {"AUTHORIZED": "AUTHORIZED_STATE", "FAILED": "FAILED_STATE", "REFUNDED": "REFUNDED_STATE"}
    for member in PaymentState:
        assert getattr(layout, renamed.get(member.name, member.name)) == member
    for name in ("PICK_SEEN", "PACK_SEEN", "SHIP_SEEN", "LEFT", "SENT", "ACCEPTED", "DETAIL_SHIFT", "ORDER_BITS"):
        assert getattr(layout, name) == getattr(states, name), name
    assert len(U) == layout.STAGES and len(U) == layout.CLASS_INSPECT
    assert sum(1 << stage for stage in states.LIVE) == layout.LIVE
    for name in ("APPLIED", "REPEATED", "REFUSED", "UNKNOWN_ORDER", "CONFLICT"):
        assert getattr(layout, name) == getattr(EventResult, name)
    for name in ("ALLOCATED", "PARTIALLY_ALLOCATED", "BACKORDERED", "HELD", "REJECTED"):
        from kernels.life import open as opening

        assert getattr(opening, name) == getattr(Status, name)


def _entry(table, place):
    return table >> layout.ENTRY_BITS * place & layout.ENTRY_MASK


def test_the_packed_tables_are_those_of_the_router():
    ended = dict(states.ENDED_STATES)
    for stage in U:
        state = states.STATE_OF_STAGE.get(stage) or ended[stage]
        assert _entry(layout.STATE_OF_STAGE, stage) == state
        assert _entry(layout.STAGE_OF_STATE, state - S.HELD) == stage
        if stage in states.PARTIAL_STATE:
            assert _entry(layout.PARTIAL_STATE, stage) == states.PARTIAL_STATE[stage]


def test_every_refusal_has_its_words():
    assert [getattr(layout, name) for name in REFUSALS] == list(range(len(REFUSALS)))
    assert sorted(refusals.REFUSALS) == list(range(1, len(REFUSALS)))
    known = {"state": 1, "event": 1, "needs": 1, "line_id": 1, "wanted": 1, "found": 1}
    for refusal in refusals.REFUSALS.values():
        assert refusal.detail.format(**known)


def test_every_event_from_outside_has_a_rule_and_fields():
    assert set(rules.RULES) == set(TAKES) == set(E) - INTERNAL
    table = rules.rule_table()
    assert [int(row["kind"] == layout.KIND_NONE) for row in table] == [int(event in INTERNAL) for event in E]
    for event, rule in rules.RULES.items():
        assert bool(rule.filters) == bool({"node", "shipment_id"} & set(TAKES[event])), event
        assert len(rule.tiers) <= layout.TIERS
        assert not set(rule.done) & {stage for tier in rule.tiers for stage in tier} - {rules.INSPECT}, event
        assert not set(rule.late) & {stage for tier in rule.tiers for stage in tier}, event


# --- ways out --------------------------------------------------------------------------------------

_PARTS = (
    E.CANCEL, E.PICK, E.PACK, E.SHIP, E.DELIVER, E.LOSE, E.RETURN, E.SEND_TO_NODE, E.ACCEPT,
)  # fmt: skip


def _events():
    """Every event that moves units or holds, on all of an order and on one unit of it."""
    found = []
    for event in (*_PARTS, E.HOLD, E.RELEASE, E.REVIEW_REJECT, E.EXPIRE, E.CLOSE):
        fields = [{}]
        if event in _PARTS:
            fields = [{}, {"lines": (Named("1", 1, 1),)}]
        if event == E.HOLD:
            fields = [{"hold": "H"}]
        if event == E.RETURN:
            fields += [one | {"disposition": Disposition.RESTOCK} for one in fields]
        found += [(event, one) for one in fields]
    return found


def _key(order):
    heaps = sorted((heap.kind[:3], heap.stage, heap.detail, heap.qty) for heap in order.heaps if heap.qty)
    return (tuple(heaps), tuple(sorted(order.holds)), order.closed, order.together)


def _starts():
    lines = {
        Status.ALLOCATED: Line(1, 2, 10, [(1, 0, 1), (1, 1, 1)]),
        Status.PARTIALLY_ALLOCATED: Line(1, 2, 10, [(1, 0, 1)], backordered=1),
        Status.BACKORDERED: Line(1, 2, 10, [], backordered=2),
        Status.HELD: Line(1, 2, 10, [(1, 0, 1)], backordered=1),
    }
    return open_books(1, [Placed(status, PaymentState.UNPAID, 10, 3, [line], {}) for status, line in lines.items()])


def _walk():
    """Every state of books that events lead to from a first decision, and where each leads."""
    leads_to, orders, waiting = {}, {}, _starts()
    while waiting:
        order = waiting.pop()
        if _key(order) in leads_to:
            continue
        orders[_key(order)] = order
        leads_to[_key(order)] = set()
        for number, (event, fields) in enumerate(_events()):
            tried = {0: order.copy()}
            if judge(tried, [(0, Event(event, f"e{number}", **fields))], 2, U.SHIPPED)[0].result == "applied":
                tried[0].events, tried[0].shipments = {}, []
                for heap in tried[0].heaps:
                    heap.shipment = 0
                leads_to[_key(order)].add(_key(tried[0]))
                waiting.append(tried[0])
    return leads_to, orders


def test_no_state_is_without_a_way_out():
    leads_to, orders = _walk()
    assert len(orders) > 500
    ends = {key for key, order in orders.items() if order.closed}
    while True:
        more = {key for key, after in leads_to.items() if after & ends} - ends
        if not more:
            break
        ends |= more
    assert not [orders[key].heaps for key in orders.keys() - ends]
    assert {order.state() for order in orders.values()} == set(S) - {S.PENDING, S.REJECTED}


def test_an_order_on_hold_shows_it_until_it_is_picked():
    for order in _starts():
        judge({0: order}, [], 2, U.SHIPPED)
        orders = {0: order}
        judge(orders, [(0, Event(E.HOLD, "h", hold="H"))], 2, U.SHIPPED)
        assert orders[0].state() == S.HELD and "H" in orders[0].holds
    assert REVIEW in _starts()[3].holds
