"""The path of orders and events against a plain model: new orders, repeats, other bodies, retries, events, crashes.

The model is a dictionary of orders and the two literal tables of the lifecycle. Each crash cuts the journal of all
logs behind any record of the last request; that request is then sent again under its batch id, as a gateway does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.life.states import EVENT_TYPES, FULFILMENT, PAYMENT, RELEASED_AS, OrderEvent, OrderState, PaymentState
from tests.router.test_pipeline import World, decision, order, status, units_of

IDS = 6
EVENTS = 8
UNKNOWN_SKU = "X-unknown"
Batch = list[dict[str, Any]]
bodies = st.builds(
    lambda number, sku, qty, customer: order(number, sku, qty, customer={"id": customer, "name": "Maria Garcia"}),
    st.integers(0, IDS - 1),
    st.sampled_from(("A", "A", "B", UNKNOWN_SKU)),
    st.sampled_from((1, 1, 40)),
    st.sampled_from(("", "anna", "anna")),  # two baskets alike of one customer: the second is held
)
USUAL = ("ship", "deliver", "cancel", "release", "payment_captured")
kinds = st.sampled_from((*USUAL, *USUAL, *EVENT_TYPES, "dance"))


@dataclass
class Known:
    """An order that was judged: its body, what it was told, and where it stands."""

    body: dict[str, Any]
    told: dict[str, Any]
    state: OrderState
    payment: PaymentState
    version: int
    has_left: bool = False  # units that were shipped never come back to stock by themselves

    @property
    def units(self) -> int:
        return units_of([self.told])


class ShardMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.world = World()
        self.known: dict[str, Known] = {}
        self.applied: set[str] = set()  # event ids
        self.requests = 0
        self.last: tuple[str, Any, Any] | None = None  # kind, what was sent, what was answered
        self.begun_at = 0  # records there were before the last request
        twin = {"customer": {"id": "anna", "name": "Maria Garcia"}}
        self.send([order(0), order(1, **twin), order(2, **twin), order(3, "B", 100)])

    def _ask(self, kind: str, sent: Any) -> Any:
        self.requests += 1
        self.begun_at = len(self.world.journal)
        answers = self._ask_again(kind, sent)
        self.last = kind, sent, answers
        return answers

    def _ask_again(self, kind: str, sent: Any) -> Any:
        batch_id = (5, self.requests)
        return self.world.send(sent, batch_id) if kind == "orders" else self.world.tell(*sent, batch_id=batch_id)

    # --- orders ----------------------------------------------------------------------------------

    @rule(batch=st.lists(bodies, min_size=1, max_size=4, unique_by=lambda body: body["order_id"]))
    def send(self, batch: Batch) -> None:
        for body, answer in zip(batch, self._ask("orders", batch), strict=True):
            known = self.known.get(body["order_id"])
            if known is None or known.state is OrderState.REJECTED:
                self._judged(body, answer, 1 if known is None else known.version + 1)
            elif known.body == body:
                assert answer["duplicate"] == 1 and decision(answer) == decision(known.told), "the first answer again"
            else:
                assert status(answer) == "rejected" and not answer["lines"], "another body under a known id"

    def _judged(self, body: dict[str, Any], answer: dict[str, Any], version: int) -> None:
        name = status(answer)
        (asked,) = body["lines"]
        assert not answer["duplicate"]
        assert (name == "rejected") == (asked["sku"] == UNKNOWN_SKU)
        for line in answer["lines"] if name != "rejected" else ():
            assert line["backordered"] + sum(part["qty"] for part in line["allocations"]) == asked["qty"]
        state = OrderState[name.upper()]
        self.known[body["order_id"]] = Known(body, answer, state, PaymentState.AUTHORIZED, version)

    @precondition(lambda self: self.known)
    @rule(pick=st.integers(0, 1_000))
    def send_the_same_order_again(self, pick: int) -> None:
        known = list(self.known.values())[pick % len(self.known)]
        before = self.world.router.state_hashes()
        self.send([known.body])
        if known.state is not OrderState.REJECTED:
            assert self.world.router.state_hashes() == before, "a repeat changes nothing"

    @precondition(lambda self: self.last is not None)
    @rule()
    def retry_the_batch(self) -> None:
        assert self.last is not None
        kind, sent, answers = self.last
        before = self.world.router.state_hashes()
        assert self._ask_again(kind, sent) == answers, "a batch that is sent again gets the same answers"
        assert self.world.router.state_hashes() == before

    # --- events ----------------------------------------------------------------------------------

    @rule(event=st.integers(0, EVENTS - 1), number=st.integers(0, IDS), kind=kinds)
    def tell(self, event: int, number: int, kind: str) -> None:
        self.tell_one(f"e{event}", f"o-{number}", kind)

    def tell_one(self, event_id: str, order_id: str, kind: str) -> None:
        (answer,) = self._ask("events", [(event_id, order_id, kind)])
        known = self.known.get(order_id)
        if known is None:
            assert (answer["status"], answer["reason"]) == ("refused", "order_unknown")
        elif event_id in self.applied:
            assert answer["status"] == "duplicate"
        elif kind not in EVENT_TYPES:
            assert (answer["status"], answer["reason"]) == ("refused", "event_type_unknown")
        else:
            self._advance(known, event_id, kind, answer)
        if known is not None:
            assert (answer["state"], answer["payment_state"]) == (known.state.name.lower(), known.payment.name.lower())

    @precondition(lambda self: self.applied)
    @rule(pick=st.integers(0, 1_000), number=st.integers(0, IDS - 1), kind=kinds)
    def tell_under_an_id_that_was_used(self, pick: int, number: int, kind: str) -> None:
        before = self.world.units
        self.tell_one(sorted(self.applied)[pick % len(self.applied)], f"o-{number}", kind)
        assert self.world.units == before, "an event moves units once"

    def _advance(self, known: Known, event_id: str, kind: str, answer: dict[str, Any]) -> None:
        state, payment = _after(known, EVENT_TYPES[kind])
        if state is None or payment is None:
            assert (answer["status"], answer["reason"]) == ("refused", "transition_not_allowed")
        elif (state, payment) == (known.state, known.payment):
            assert answer["status"] == "duplicate", "a report that changes nothing"
        else:
            known.state, known.payment, known.version = state, payment, known.version + 1
            known.has_left |= state is OrderState.SHIPPED
            self.applied.add(event_id)
            assert (answer["status"], answer["version"]) == ("applied", known.version)

    # --- crashes ---------------------------------------------------------------------------------

    @precondition(lambda self: self.last is not None)
    @rule(lost=st.integers(0, 9))
    def crash_and_retry(self, lost: int) -> None:
        """Up to ``lost`` records of the last request never reached the disk."""
        assert self.last is not None
        kind, sent, answers = self.last
        before, records = self.world.router.state_hashes(), len(self.world.journal)
        self.world = self.world.after_crash(max(self.begun_at, records - lost))
        assert self._ask_again(kind, sent) == answers, "a crash is not seen by whoever asks again"
        assert self.world.router.state_hashes() == before

    @invariant()
    def units_are_those_of_the_orders(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.assert_conserved()
        units = {"held": 0, "allocated": 0, "shipped": 0}
        for known in self.known.values():
            account = _account(known)
            if account:
                units[account] += known.units
        assert {name: self.world.units[name] for name in units} == units


def _after(known: Known, event: OrderEvent) -> tuple[OrderState | None, PaymentState | None]:
    """Where an event leads by the literal tables; None where no row names it."""
    if event in {event for _, event in PAYMENT}:
        judged = known.state is not OrderState.REJECTED
        return known.state, PAYMENT.get((known.payment, event)) if judged else None
    if event is OrderEvent.RELEASE:
        (line,) = known.told["lines"] or ({"backordered": 0, "allocations": []},)
        short = OrderState.PARTIALLY_ALLOCATED if line["allocations"] else OrderState.BACKORDERED
        event = RELEASED_AS[short if line["backordered"] else OrderState.ALLOCATED]
    return FULFILMENT.get((known.state, event)), known.payment


def _account(known: Known) -> str:
    """Where the units of an order lie; a cancelled one has none."""
    if known.state is OrderState.HELD:
        return "held"
    if known.state in (OrderState.PARTIALLY_ALLOCATED, OrderState.ALLOCATED, OrderState.PICKING, OrderState.PACKED):
        return "allocated"
    return "shipped" if known.has_left else ""


ShardMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None, derandomize=True)
TestShardMachine = ShardMachine.TestCase
