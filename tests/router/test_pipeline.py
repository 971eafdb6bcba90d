"""The whole path in one process: shards, ledger and logs in memory, without Ray.

A journal keeps every record in the order of appending over all logs, so that a test can cut it anywhere: what is left
is what a disk holds after a crash at that moment.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from router.arrow.arena import PrivateArena
from router.arrow.arrays import Bytes, from_message
from router.config import Config, Limits, Policy
from router.ids import hash_key
from router.life.documents import Series
from router.local import LocalRouter
from router.log.columns import ACK, STATUS_NAMES
from router.log.kinds import Kind
from router.log.memory import MemoryLog
from router.log.number_runs import Run
from router.log.questions import AskedBy
from router.pipeline import ShardPath
from router.shard.engine import ShardEngine
from router.shard.order_lane import OrderBatch
from router.shard.split_batch import merge_answers, split_batch
from router.shard.split_events import merge_event_answers, split_events
from router.tables.compiled import Tables
from router.tables.stock_rows import on_hand_movements
from router.wire.event_batch import EventBatch
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.table_cases import NOW_MS
from tests.labs.telling import decoded, event_terms, tell, told

KEY = hash_key(bytes(range(16)))
LIMITS = Limits()
SEED = 1  # one that meets every kind of answer, see below
PLENTY, SCARCE = 1_000_000, 40
NODES = ("N1", "N2")
STOCK = table_cases.upload(
    "stock",
    *[{"sku": sku, "node": node, "on_hand": units} for sku, units in (("A", PLENTY), ("B", SCARCE)) for node in NODES],
)

BatchId = tuple[int, int]
EventTold = tuple[str, str, str] | tuple[str, str, str, dict[str, Any]]
Answer = dict[str, Any]


def make_tables() -> Tables:
    return table_cases.tables_of(
        skus=[{**table_cases.SKU, "sku": sku} for sku in ("A", "B")],
        nodes=[{**table_cases.NODE, "node": node} for node in NODES],
        rates=[{**table_cases.RATE, "max_g": None}],
        taxes=[table_cases.TAX],
        promotions=[{**table_cases.PROMOTION, "when": {"min_qty": 3}, "per_customer": 2, "limit": 25}],
    )


TABLES = dataclasses.replace(make_tables(), policy=Policy(invoices="ship"))
EVENT_TERMS = event_terms(TABLES, KEY, NOW_MS)


# --- a router whose records can be cut anywhere -------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One append, as it was asked for."""

    log: str
    sequence: int
    part: int
    record: bytes
    documents: bytes | None
    by_batch: AskedBy | None
    runs: tuple[Run, ...]


class JournaledLog(MemoryLog):
    """Notes every record in a journal that all logs of a router share."""

    def __init__(self, name: str, part_count: int, journal: list[Entry]) -> None:
        super().__init__(part_count)
        self.name = name
        self._journal = journal

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: AskedBy | None = None,
        runs: Sequence[Run] = (),
    ) -> int:
        kept = None if documents is None else bytes(documents)
        self._journal.append(Entry(self.name, sequence, part, bytes(record), kept, by_batch, tuple(runs)))
        return super().append(sequence, part, record, documents, by_batch, runs)


class World:
    """A router with tables and stock, or what is left of one after a crash."""

    def __init__(self, shards: int = 1, entries: Sequence[Entry] = (), policy: Policy | None = None) -> None:
        self.shards = shards
        self.journal: list[Entry] = []
        self._requests = 0
        logs: dict[str, JournaledLog] = {}

        def log_of(name: str, parts: int) -> JournaledLog:
            logs[name] = JournaledLog(name, parts, self.journal)
            for entry in entries:
                if entry.log == name:
                    logs[name].append(
                        entry.sequence, entry.part, bytearray(entry.record), entry.documents, entry.by_batch, entry.runs
                    )
            return logs[name]

        self.router = LocalRouter(Config(shards=shards, policy=policy or Policy()), KEY, log_of)
        self.router.use_tables(TABLES)
        self.journal[:] = entries  # in the order of appending, not log by log
        self.router.recover()
        if not entries:
            self.router.ledger.stock(on_hand_movements(STOCK, TABLES, KEY, TABLES.version, NOW_MS), NOW_MS)
        self.loaded = len(self.journal) if not entries else 0

    def after_crash(self, records: int | None = None, policy: Policy | None = None) -> World:
        """Another router on the first so many records of this one's journal."""
        restarted = World(self.shards, self.journal[:records], policy)
        restarted._requests = self._requests  # a request that comes later is another one
        return restarted

    def send(self, orders: list[dict[str, Any]], batch_id: BatchId | None = None, now_ms: int = NOW_MS) -> list[Answer]:
        """Answers as dictionaries, in order; without a batch id a new one, as for a client's new request."""
        self._requests += 1
        wire = decode_bodies([json.dumps(order).encode() for order in orders], LIMITS)
        assert not wire.refused, "these tests send readable orders"
        parts = split_batch(wire, KEY, self.shards)
        answers = [
            self.router.shards[part.shard].submit(
                Kind.ORDERS,
                OrderBatch(batch_id or (99, self._requests), part.orders, part.skus, part.documents, now_ms),
            )
            for part in parts
        ]
        return merge_answers(wire, parts, answers).ack.to_pylist()

    def tell(self, *events: EventTold, batch_id: BatchId | None = None) -> list[dict[str, Any]]:
        """(event id, order id, type) each, perhaps with further fields; then what became free is granted."""
        self._requests += 1
        wire = decoded([_event(*one) for one in events], EVENT_TERMS)
        parts = [part for of_shard in split_events(wire, self.shards) for part in of_shard]
        sender, number = batch_id or (98, self._requests)
        answers = [
            self.router.shards[part.shard].submit(
                Kind.EVENTS,
                EventBatch((sender, 64 * number + turn), part.events, part.payload, part.documents, NOW_MS),
            )
            for turn, part in enumerate(parts)
        ]
        self.router.take_grants(NOW_MS)
        return told(wire, merge_event_answers(wire, parts, answers))

    @property
    def units(self) -> dict[str, int]:
        return self.router.ledger.path.engine.totals()

    def assert_conserved(self) -> None:
        assert self.router.ledger.path.engine.conservation() == []
        units = self.units
        assert units["received"] == 2 * (PLENTY + SCARCE)


def _event(event_id: str, order_id: str, kind: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"event_id": event_id, "order_id": order_id, "type": kind, **(fields or {})}


@pytest.fixture
def world() -> World:
    return World()


def order(number: int, sku: str = "A", qty: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "order_id": f"o-{number}",
        "channel": "web",
        "placed_at": "2025-11-21T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": f"c-{number}", "name": "Maria Garcia"},
        "ship_to": {"name": "Maria", "line1": "1 Street", "city": "Berlin", "postcode": "10115", "country": "DE"},
        "lines": [{"sku": sku, "qty": qty}],
        "payment": {"method": "card", "status": "authorized"},
    } | changes


def status(answer: Answer) -> str:
    return STATUS_NAMES[answer["status"]]


def decision(answer: Answer) -> Answer:
    """What was promised, whether it was said for the first time or again."""
    return {name: value for name, value in answer.items() if name != "duplicate"}


def units_of(answers: Iterable[Answer]) -> int:
    """Units that distinct orders were given."""
    return sum(part["qty"] for answer in answers for line in answer["lines"] for part in line["allocations"])


# --- orders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 4])
def test_every_order_is_answered_in_its_place_and_its_units_are_taken(shards: int) -> None:
    world = World(shards)
    answers = world.send([order(number, qty=number % 5 + 1) for number in range(100)])
    assert {status(answer) for answer in answers} == {"allocated"}
    assert [answer["lines"][0]["allocations"][0]["qty"] for answer in answers] == [n % 5 + 1 for n in range(100)]
    assert world.units["allocated"] == sum(n % 5 + 1 for n in range(100))
    world.assert_conserved()


def test_four_shards_give_the_decisions_of_one_where_stock_is_plentiful() -> None:
    batch = [order(number, qty=number % 3 + 1) for number in range(60)]
    one, four = (World(shards).send(batch) for shards in (1, 4))
    told = ("status", "total_minor", "tax_minor", "discount_minor", "parcels", "promise_day", "reasons")
    assert [[answer[name] for name in told] for answer in one] == [[answer[name] for name in told] for answer in four]


@pytest.mark.parametrize("shards", [1, 4])
def test_scarce_units_are_given_once_and_no_more(shards: int) -> None:
    world = World(shards)
    answers = [answer for n in range(30) for answer in world.send([order(4 * n + k, "B") for k in range(4)])]
    counted = Counter(status(answer) for answer in answers)
    assert counted == {"allocated": 2 * SCARCE, "backordered": 120 - 2 * SCARCE}
    world.assert_conserved()


@pytest.mark.parametrize("shards", [1, 4])
def test_a_repeated_order_gets_its_first_decision_as_a_duplicate(shards: int) -> None:
    world = World(shards)
    batch = [order(number, "AB"[number % 2], qty=3) for number in range(40)]
    first, before = world.send(batch), world.router.state_hashes()
    again = world.send(batch)
    assert [decision(answer) for answer in again] == [decision(answer) for answer in first]
    assert {answer["duplicate"] for answer in first} == {0} and {answer["duplicate"] for answer in again} == {1}
    assert world.router.state_hashes() == before


def test_a_repeat_inside_one_batch_is_answered_as_a_duplicate(world: World) -> None:
    one, two, three = world.send([order(1), order(2), order(1)])
    assert decision(three) == decision(one) != decision(two)
    assert [one["duplicate"], two["duplicate"], three["duplicate"]] == [0, 0, 1]
    assert world.units["allocated"] == 2


def test_another_body_under_a_known_id_is_a_conflict_and_takes_nothing(world: World) -> None:
    world.send([order(1)])
    (answer,) = world.send([order(1, qty=2)])
    assert status(answer) == "rejected" and answer["lines"] == [] and not answer["duplicate"]
    assert world.units["allocated"] == 1


def test_a_rejected_order_may_be_sent_again_and_is_judged_anew(world: World) -> None:
    (refused,) = world.send([order(1, "X-unknown")])
    (accepted,) = world.send([order(1, "A")])
    (repeated,) = world.send([order(1, "A")])
    assert [status(refused), status(accepted), status(repeated)] == ["rejected", "allocated", "allocated"]
    assert not accepted["duplicate"] and repeated["duplicate"]
    assert world.units["allocated"] == 1


def test_a_retried_batch_is_answered_as_the_first_time(world: World) -> None:
    batch = [order(1), order(2, "B", qty=3), order(3, "X-unknown"), order(1)]
    first, before = world.send(batch, (7, 1)), world.router.state_hashes()
    assert world.send(batch, (7, 1)) == first
    assert world.router.state_hashes() == before, "a rejected order of a retried batch was judged anew"


def test_a_batch_retried_after_a_restart_is_answered_as_the_first_time(world: World) -> None:
    batch = [order(1), order(2, "B", qty=3), order(3, "X-unknown"), order(1)]
    first = world.send(batch, (7, 1))
    restarted = world.after_crash()
    assert restarted.send(batch, (7, 1)) == first
    assert restarted.router.state_hashes() == world.router.state_hashes()


def test_a_local_router_on_an_old_folder_does_not_take_new_batches_for_old_ones() -> None:
    world = World()
    wire = decode_bodies([json.dumps(order(1)).encode()], LIMITS)
    world.router.submit(wire, NOW_MS)
    restarted = world.after_crash()
    assert restarted.router.submit(wire, NOW_MS).ack.column("duplicate").to_pylist() == [1]
    fresh = decode_bodies([json.dumps(order(2)).encode()], LIMITS)
    restarted.router.submit(fresh, NOW_MS)
    twice = restarted.after_crash()
    (answer,) = tell(twice.router, EVENT_TERMS, [_event("e-1", "o-2", "ship")])
    assert answer["status"] == "applied"


# --- events -------------------------------------------------------------------------------------------


def test_shipping_moves_units_from_allocated_to_shipped(world: World) -> None:
    world.send([order(1, qty=3)])
    (answer,) = world.tell(("e1", "o-1", "ship"))
    assert answer["status"] == "applied" and answer["state"] == "shipped"
    assert (world.units["allocated"], world.units["shipped"]) == (0, 3)
    world.assert_conserved()


def test_a_cancelled_order_gives_its_units_back(world: World) -> None:
    before = world.units["available"]
    world.send([order(1, "B", qty=60)])
    assert world.units["available"] == before - 60
    world.tell(("e1", "o-1", "cancel"))
    assert world.units["available"] == before
    (answer,) = world.send([order(2, "B", qty=60)])
    assert status(answer) == "allocated"
    world.assert_conserved()


def test_a_held_order_keeps_its_units_until_its_release_allocates_them(world: World) -> None:
    same = {"customer": {"id": "twin", "name": "Maria Garcia"}}
    _, held = world.send([order(1, qty=4, **same), order(2, qty=4, **same)])
    assert status(held) == "held" and world.units["held"] == 4
    (answer,) = world.tell(("e1", "o-2", "release"))
    assert answer["state"] == "allocated"
    assert (world.units["held"], world.units["allocated"]) == (0, 8)
    world.assert_conserved()


def test_events_are_applied_once_and_each_repeat_and_refusal_says_so(world: World) -> None:
    world.send([order(1, qty=3)])
    told = world.tell(
        ("e1", "o-1", "ship"),
        ("e1", "o-1", "ship"),
        ("e2", "o-1", "ship"),
        ("e3", "o-1", "cancel"),
        ("e4", "o-9", "ship"),
    )
    assert [answer["status"] for answer in told] == ["applied", "duplicate", "duplicate", "refused", "refused"]
    assert [answer.get("reason") for answer in told[3:]] == ["transition_not_allowed", "order_unknown"]
    (repeated,) = world.tell(("e1", "o-1", "ship"))
    assert repeated["status"] == "duplicate"
    assert world.units["shipped"] == 3


def test_a_repeated_event_of_an_unknown_order_is_refused_like_the_first(world: World) -> None:
    told = world.tell(("e1", "o-9", "ship"), ("e1", "o-9", "ship"))
    assert [answer["reason"] for answer in told] == ["order_unknown", "order_unknown"]


def test_a_retried_event_batch_gets_its_first_answer(world: World) -> None:
    world.send([order(1)])
    first = world.tell(("e1", "o-1", "ship"), batch_id=(7, 2))
    assert world.tell(("e1", "o-1", "ship"), batch_id=(7, 2)) == first
    assert world.after_crash().tell(("e1", "o-1", "ship"), batch_id=(7, 2)) == first


def test_batches_retried_after_a_restart_from_a_checkpoint_get_their_first_answers(world: World) -> None:
    """The answer was lost with the shard, and the records that a checkpoint stands for are not read again."""
    orders, event = [order(1), order(2, "X-unknown")], ("e1", "o-1", "ship")
    first = world.send(orders, (7, 1)), world.tell(event, batch_id=(1 << 57, 2))
    (before,) = world.router.shards
    engine = ShardEngine(0, KEY, Config(), PrivateArena())
    engine.use_tables(TABLES)
    path = ShardPath(engine, before.log, world.router.ledger, lambda _: TABLES, lambda _: Policy())
    path.restore(before.dump())
    path.recover(before.committed + 1, before.chains())
    world.router.shards = [path]
    again = world.send(orders, (7, 1)), world.tell(event, batch_id=(1 << 57, 2))
    assert again == first and path.last_sequence == before.last_sequence


def test_an_order_that_moved_on_still_answers_its_first_decision(world: World) -> None:
    (first,) = world.send([order(1)])
    world.tell(("e1", "o-1", "ship"))
    (again,) = world.send([order(1)])
    assert decision(again) == decision(first) and again["duplicate"]


# --- a script that meets everything -------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Orders, or events."""

    number: int
    orders: tuple[dict[str, Any], ...] = ()
    events: tuple[EventTold, ...] = ()

    def run(self, world: World) -> list[Answer]:
        """Under the same batch id every time, as a gateway retries."""
        if self.orders:
            return world.send(list(self.orders), (5, self.number), NOW_MS + self.number)
        return world.tell(*self.events, batch_id=(5, self.number))


KINDS = (
    "ship", "cancel", "release", "deliver", "short_pick", "move", "refuse", "pick", "payment_captured", "close",
    "return", "cancel",
)  # fmt: skip


def _told(event_id: str, order_id: str, kind: str, rng: np.random.Generator) -> EventTold:
    """An event on a whole order, or on one unit of it."""
    fields: dict[str, Any] = {"move": {"to_node": "N2"}, "return": {"disposition": "restock"}}.get(kind, {})
    if kind != "payment_captured" and kind not in ("release", "close") and rng.integers(0, 2):
        fields = fields | {"lines": [{"line_id": "1", "qty": 1}]}
    return event_id, order_id, kind, fields


def script(steps: int, shards: int, seed: int = SEED) -> Iterator[Step]:
    """Plenty and scarce stock, promotions with limits, twins, rejects, repeats; events of all kinds."""
    rng, earlier = np.random.default_rng((steps, seed)), list[dict[str, Any]]()
    for number in range(steps):
        if number % 5 == 4:
            known = rng.integers(0, 4 * number, len(KINDS)).tolist()
            events = [_told(f"e{number}-{k}", f"o-{n}", KINDS[k], rng) for k, n in enumerate(known)]
            again, money = (f"e{number}-again", *events[0][1:]), (f"o-{known[0]}", {"amount": 10})
            came, back = (
                (f"e{number}-{kind}", money[0], f"payment_{kind}", money[1]) for kind in ("captured", "refunded")
            )
            yield Step(number, events=(*events, events[0], again, came, back))
            continue
        orders = [
            order(
                4 * number + k,
                ("A", "B", "B", "X-unknown")[int(rng.integers(0, 4))],
                int(rng.integers(1, 6)),
                customer={"id": f"c{rng.integers(0, 9)}", "name": "Maria Garcia"},
            )
            for k in range(4)
        ]
        if earlier:
            again = earlier[int(rng.integers(0, len(earlier)))]
            orders += [again, order(int(rng.integers(0, 4 * number)))]  # the same body, and most likely another one
        earlier += orders[:4]
        yield Step(number, orders=tuple(orders))


def without_conflicts(steps: Iterable[Step]) -> list[Step]:
    """The orders of a script, each id with its first body only."""
    bodies: dict[str, dict[str, Any]] = {}
    kept = []
    for step in steps:
        orders = tuple(sent for sent in step.orders if bodies.setdefault(sent["order_id"], sent) == sent)
        if orders:
            kept.append(Step(step.number, orders))
    return kept


def said(answers: list[Answer]) -> list[Answer]:
    """Answers without what the order's books hold by now, which a refused event is told as well."""
    return [{name: value for name, value in one.items() if name not in ("units", "money")} for one in answers]


@dataclass
class Told:
    """A script that was run: what each step was answered, and where the journal and the state were behind it."""

    world: World
    steps: list[Step]

    def __post_init__(self) -> None:
        self.answers: list[list[Answer]] = []
        self.ends: list[int] = []
        self.states: list[list[int]] = []
        for step in self.steps:
            self.answers.append(step.run(self.world))
            self.ends.append(len(self.world.journal))
            self.states.append(self.world.router.state_hashes())

    def answered_by(self, cut: int) -> int:
        """Steps whose answer was given when the journal had so many records."""
        return sum(end <= cut for end in self.ends)

    def accepted(self, steps: int) -> dict[str, tuple[dict[str, Any], Answer]]:
        """Body and decision of each order that was accepted in the first so many steps."""
        found: dict[str, tuple[dict[str, Any], Answer]] = {}
        for step, answers in zip(self.steps[:steps], self.answers, strict=False):
            for sent, answer in zip(step.orders, answers, strict=False):
                if status(answer) != "rejected":
                    found.setdefault(sent["order_id"], (sent, decision(answer)))
        return found


@pytest.mark.parametrize("shards", [1, 4])
def test_replaying_the_logs_gives_the_same_state_each_time(shards: int) -> None:
    world = World(shards)
    for step in script(40, shards):
        step.run(world)
    assert world.after_crash().router.state_hashes() == world.router.state_hashes()
    assert world.after_crash().after_crash().router.state_hashes() == world.router.state_hashes()


def test_the_script_of_the_crash_tests_meets_every_kind_of_answer() -> None:
    told = Told(World(), list(script(26, 1)))
    orders = [a for step, given in zip(told.steps, told.answers, strict=True) if step.orders for a in given]
    events = [a for step, given in zip(told.steps, told.answers, strict=True) if step.events for a in given]
    assert {status(answer) for answer in orders} == set(STATUS_NAMES)
    assert {answer["status"] for answer in events} == {"applied", "duplicate", "refused"}
    numbers = told.world.router.ledger.path.engine.state.numbers
    assert numbers.last("", Series.INVOICE) > 3 and numbers.last("", Series.CREDIT_NOTE) > 0
    assert any(answer["duplicate"] for answer in orders)
    assert any(answer["discount_minor"] for answer in orders)


@pytest.mark.parametrize("shards", [1, 4])
def test_after_a_crash_at_any_record_the_retried_batch_is_answered_as_if_nothing_had_happened(shards: int) -> None:
    """The gateway's view: what was not answered is sent again under its batch id. The state is that of the life
    without a crash behind the same step, so it is at the end too; every tenth cut goes there."""
    told = Told(World(shards), list(script(21 // shards + 5, shards)))
    for cut in range(told.world.loaded, len(told.world.journal)):
        restarted, first = told.world.after_crash(cut), told.answered_by(cut)
        last = len(told.steps) if cut % 10 == 0 else first + 1
        for number in range(first, last):
            again = told.steps[number].run(restarted)
            assert said(again) == said(told.answers[number]), f"cut after record {cut}, step {number}"
        restarted.assert_conserved()
        assert restarted.router.state_hashes() == told.states[last - 1], f"cut after record {cut}"


@pytest.mark.parametrize("shards", [1, 4])
def test_after_a_crash_at_any_record_everything_sent_again_is_decided_once(shards: int) -> None:
    """The client's view: new requests; what was accepted keeps its decision, and units are taken once an order."""
    told = Told(World(shards), without_conflicts(script(21 // shards + 5, shards)))
    for cut in range(told.world.loaded, len(told.world.journal) + 1):
        restarted, steps = told.world.after_crash(cut), told.answered_by(cut)
        accepted = told.accepted(steps)
        again = restarted.send([body for body, _ in accepted.values()]) if accepted else []
        assert [decision(answer) for answer in again] == [first for _, first in accepted.values()], f"cut at {cut}"
        assert all(answer["duplicate"] for answer in again), f"cut at {cut}"
        everything = restarted.send(
            list({sent["order_id"]: sent for step in told.steps for sent in step.orders}.values())
        )
        assert units_of(everything) == restarted.units["allocated"] + restarted.units["held"], f"cut at {cut}"
        restarted.assert_conserved()


def test_a_shard_that_died_between_input_and_outcome_gets_the_ledgers_first_answer() -> None:
    """The ledger decided, the shard did not write it down, and the last units went to that decision."""
    world = World()
    (first,) = world.send([order(1, "B", qty=2 * SCARCE)])
    assert [(entry.log, entry.part) for entry in world.journal[world.loaded :]] == [
        ("shard-000", 0),
        ("ledger", 0),
        ("shard-000", 1),
    ]
    restarted = world.after_crash(len(world.journal) - 1)
    assert restarted.router.state_hashes() == world.router.state_hashes()
    assert restarted.units["allocated"] == 2 * SCARCE
    (again,) = restarted.send([order(1, "B", qty=2 * SCARCE)])
    assert decision(again) == decision(first) and again["duplicate"]


def test_an_event_whose_stock_moved_but_was_not_written_down_moves_it_once() -> None:
    world = World()
    world.send([order(1, qty=5)])
    world.tell(("e1", "o-1", "ship"))
    restarted = world.after_crash(len(world.journal) - 1)
    assert restarted.router.state_hashes() == world.router.state_hashes()
    assert restarted.units["shipped"] == 5


@pytest.mark.parametrize("shards", [1, 4])
def test_a_restart_with_another_policy_decides_by_that_of_the_record(shards: int) -> None:
    """The policy is named by the version of the tables; a configuration that changed meanwhile changes nothing of what
    was begun, and a ledger that answered before is asked the very same question."""
    told = Told(World(shards), list(script(20, shards)))
    other = Policy(
        short_stock="reject", duplicate_basket_window_ms=0, velocity_window_ms=1, risk_value_orders_min=1,
        on_hand_falls="pack", grant_order="priority",
    )  # fmt: skip
    for cut in range(told.world.loaded, len(told.world.journal), 3):
        restarted, first = told.world.after_crash(cut, other), told.answered_by(cut)
        assert said(told.steps[first].run(restarted)) == said(told.answers[first]), f"cut after record {cut}"
        assert restarted.router.state_hashes() == told.states[first], f"cut after record {cut}"


# --- several batches under way ------------------------------------------------------------------------


def test_after_a_crash_with_three_batches_under_way_every_promise_holds() -> None:
    """Inputs of three batches lie in the log before the first is decided, and the ledger is asked in another order."""
    world = World()
    path, promised, ends = world.router.shards[0], [], []
    batches = [[order(12 * n + k, "AB"[k % 2], 3) for k in range(12)] for n in range(9)]
    for first in range(0, len(batches), 3):
        begun = [
            path.begin(Kind.ORDERS, _batch(batch, first + n)) for n, batch in enumerate(batches[first : first + 3])
        ]
        for each in reversed(begun):
            path.ask(each)
        for each in begun:
            path.finish(each)
            path.show(each)
            promised.append(from_message(each.said, ACK).to_pylist())
            ends.append(len(world.journal))
    for cut in range(world.loaded, len(world.journal) + 1):
        restarted = world.after_crash(cut)
        for batch, answers, end in zip(batches, promised, ends, strict=True):
            again = restarted.send(batch)
            if end <= cut:
                assert [decision(answer) for answer in again] == [decision(answer) for answer in answers]
                assert all(answer["duplicate"] for answer in again)
        assert units_of(a for batch in batches for a in restarted.send(batch)) == restarted.units["allocated"]
        restarted.assert_conserved()


def _batch(orders: list[dict[str, Any]], number: int) -> OrderBatch:
    wire = decode_bodies([json.dumps(each).encode() for each in orders], LIMITS)
    (part,) = split_batch(wire, KEY, 1)
    return OrderBatch((6, number), part.orders, part.skus, part.documents, NOW_MS)


def test_a_batch_of_events_names_the_one_that_it_builds_on(world: World) -> None:
    """So that the ledger hears of both in this order: what is returned must have been shipped."""
    world.send([order(1), order(2)])
    path = world.router.shards[0]
    note_text = {"text": "it came back"}
    told: list[EventTold] = [
        ("e1", "o-1", "ship"),
        ("e2", "o-2", "ship"),
        ("e3", "o-1", "return"),
        ("e4", "o-1", "note", note_text),
    ]
    ship, other, back, note = [path.begin(Kind.EVENTS, _events(event, number)) for number, event in enumerate(told)]
    assert ship.asks_after == other.asks_after == 1
    assert (back.asks_after, note.asks_after) == (ship.sequence, back.sequence)


def _events(event: EventTold, number: int) -> EventBatch:
    ((part,),) = split_events(decoded([_event(*event)], EVENT_TERMS), 1)
    return EventBatch((8, number), part.events, part.payload, part.documents, NOW_MS)
