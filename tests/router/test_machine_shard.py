"""The path of orders and events against a plain model: new orders, repeats, other bodies, retries, events, crashes.

The model is a dictionary of orders and of the events that were applied to each; what an event does to an order's books
is held against a model of its own (tests/kernels/test_life_walks.py). Each crash cuts the journal of all logs behind
any record of the last request; that request is then sent again under its batch id, as a gateway does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.life.event_types import EVENT_TYPES
from router.queries.balance import books_of, cells_of, differences
from tests.router.test_pipeline import EventTold, World, decision, order, said, status

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
USUAL = ("pick", "ship", "deliver", "cancel", "release", "payment_captured", "short_pick", "return", "close")
kinds = st.sampled_from((*USUAL, *USUAL, *EVENT_TYPES, "dance"))
NEEDED: dict[str, dict[str, Any]] = {
    "move": {"to_node": "N2"}, "hold": {"hold": "fraud"}, "note": {"text": "words"}, "credit": {"amount": 1},
    "reverse": {"reversed_event_id": "e0"},
}  # fmt: skip
OF_UNITS = ("pick", "ship", "cancel", "deliver", "lose", "move", "short_pick", "refuse")


def event(event_id: str, order_id: str, kind: str, of_one: bool = False) -> EventTold:
    """With the fields that the type needs; on one unit of the order where the type allows it."""
    lines = {"lines": [{"line_id": "1", "qty": 1}]} if of_one and kind in OF_UNITS else {}
    return event_id, order_id, kind, NEEDED.get(kind, {}) | lines


@dataclass
class Known:
    """An order that was judged: its body, what it was told, and the events that were applied to it."""

    body: dict[str, Any]
    told: dict[str, Any]
    version: int
    events: dict[str, EventTold] = field(default_factory=dict)

    @property
    def is_rejected(self) -> bool:
        return status(self.told) == "rejected"


class ShardMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.world = World()
        self.known: dict[str, Known] = {}
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
            if known is None or known.is_rejected:
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
        self.known[body["order_id"]] = Known(body, answer, version)

    @precondition(lambda self: self.known)
    @rule(pick=st.integers(0, 1_000))
    def send_the_same_order_again(self, pick: int) -> None:
        known = list(self.known.values())[pick % len(self.known)]
        before = self.world.router.state_hashes()
        self.send([known.body])
        if not known.is_rejected:
            assert self.world.router.state_hashes() == before, "a repeat changes nothing"

    @precondition(lambda self: self.last is not None)
    @rule()
    def retry_the_batch(self) -> None:
        assert self.last is not None
        kind, sent, answers = self.last
        before = self.world.router.state_hashes()
        assert said(self._ask_again(kind, sent)) == said(answers), "a batch that is sent again gets the same answers"
        assert self.world.router.state_hashes() == before

    # --- events ----------------------------------------------------------------------------------

    @rule(number=st.integers(0, EVENTS - 1), of=st.integers(0, IDS), kind=kinds, of_one=st.booleans())
    def tell(self, number: int, of: int, kind: str, of_one: bool) -> None:
        self.tell_one(event(f"e{number}", f"o-{of}", kind, of_one))

    def tell_one(self, sent: EventTold) -> None:
        event_id, order_id, kind, *_ = sent
        before = self.world.router.state_hashes()
        (answer,) = self._ask("events", [sent])
        known, found = self.known.get(order_id), (answer["status"], answer.get("reason"))
        if known is None or kind not in EVENT_TYPES:
            reason = "event_type_unknown" if kind not in EVENT_TYPES else "order_unknown"
            assert found == ("refused", reason)
        elif event_id in known.events:
            is_same = known.events[event_id] == sent
            assert found == (("duplicate", None) if is_same else ("refused", "id_conflict"))
        elif answer["status"] == "applied":
            known.events[event_id] = sent
            known.version += 1
            assert answer["version"] == known.version, "each applied event is a version"
        if answer["status"] != "applied":
            assert self.world.router.state_hashes() == before, "what was not applied changes nothing"

    @precondition(lambda self: any(known.events for known in self.known.values()))
    @rule(pick=st.integers(0, 1_000), of=st.integers(0, IDS - 1), kind=kinds, is_same=st.booleans())
    def tell_under_an_id_that_was_used(self, pick: int, of: int, kind: str, is_same: bool) -> None:
        """By the same order with the same words or others, or by another order, whose ids are its own."""
        used = [sent for known in self.known.values() for sent in known.events.values()]
        sent = used[pick % len(used)]
        self.tell_one(sent if is_same else event(sent[0], f"o-{of}", kind))

    # --- crashes ---------------------------------------------------------------------------------

    @precondition(lambda self: self.last is not None)
    @rule(lost=st.integers(0, 9))
    def crash_and_retry(self, lost: int) -> None:
        """Up to ``lost`` records of the last request never reached the disk."""
        assert self.last is not None
        kind, sent, answers = self.last
        before, records = self.world.router.state_hashes(), len(self.world.journal)
        self.world = self.world.after_crash(max(self.begun_at, records - lost))
        assert said(self._ask_again(kind, sent)) == said(answers), "a crash is not seen by whoever asks again"
        assert self.world.router.state_hashes() == before

    @invariant()
    def orders_hold_what_the_ledger_holds_for_them(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.assert_conserved()
        router = self.world.router
        books = [books_of(path.engine, path.grants.seen, True) for path in router.shards]
        assert list(differences(cells_of(router.ledger.path.engine), books)) == []


ShardMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=40, deadline=None, derandomize=True)
TestShardMachine = ShardMachine.TestCase
