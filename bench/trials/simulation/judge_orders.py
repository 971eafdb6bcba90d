"""Orders at the end: decided once, as the ledger decided, and as everybody was told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from bench.trials.simulation.watch import CONFLICT, OrderAnswer, accepted
from bench.trials.simulation.world import World
from router.log.columns import DECISION, Status
from router.log.kinds import QUESTIONS, Kind
from router.log.records import Record, read_batch

_TOLD = ("status", "total_minor", "discount_minor", "tax_minor", "shipping_minor", "promise_day", "twin", "lines")

Logged = list[Record]  # of one log, in order


@dataclass(frozen=True)
class Stored:
    """One decision about one order, as the logs keep it."""

    shard: int
    sequence: int
    row: int
    order_id: str
    fingerprint: int
    outcome: dict[str, Any]


def orders_faults(world: World, shards: list[Logged], ledger: Logged) -> Iterator[str]:
    stored = [order for shard, records in enumerate(shards) for order in _orders(shard, records)]
    yield from _decisions_match(shards, ledger)
    yield from _decided_once(stored)
    yield from _answers_match(world, stored)
    yield from _documents_are_there(world, stored)


def _orders(shard: int, records: Logged) -> Iterator[Stored]:
    given: dict[int, pa.RecordBatch] = {}
    for record in records:
        if record.kind is Kind.ORDERS:
            given[record.sequence] = read_batch(record)
        elif record.kind is Kind.OUTCOMES:
            came, became = given.pop(record.sequence), read_batch(record)
            ids, prints = came.column("order_id").to_pylist(), came.column("fingerprint").to_pylist()
            rows = became.select([*_TOLD, "version"]).to_pylist()
            for row, (order_id, fingerprint, outcome) in enumerate(zip(ids, prints, rows, strict=True)):
                yield Stored(shard, record.sequence, row, order_id, fingerprint, outcome)


def _decisions_match(shards: list[Logged], ledger: Logged) -> Iterator[str]:
    """Every batch of a shard was decided once, and its outcome is that decision."""
    decisions: dict[tuple[int, int], Record] = {}
    for record in ledger:
        if record.kind in QUESTIONS:
            key = (record.batch_number, record.batch_id)
            if key in decisions:
                yield f"the ledger answered batch {key} twice"
            decisions[key] = record
    for shard, records in enumerate(shards):
        for record in records:
            if record.kind is Kind.OUTCOMES:
                yield from _same_decision(shard, record, decisions.get((shard, record.sequence)))


def _same_decision(shard: int, outcome: Record, decision: Record | None) -> Iterator[str]:
    if decision is None:
        yield f"sequence {outcome.sequence} of shard {shard} has an outcome and no decision"
        return
    became, decided = read_batch(outcome), read_batch(decision, 1)
    for name in DECISION.names:
        if name != "reasons" and not became.column(name).equals(decided.column(name)):
            yield f"sequence {outcome.sequence} of shard {shard}: {name} is not what the ledger decided"


def _decided_once(stored: list[Stored]) -> Iterator[str]:
    accepted_at = Counter(order.order_id for order in stored if order.outcome["status"] != Status.REJECTED)
    for order_id, times in accepted_at.items():
        if times > 1:
            yield f"{order_id} was accepted {times} times"


def _answers_match(world: World, stored: list[Stored]) -> Iterator[str]:
    """What a client was told is what is stored, now and for ever, and each order of the plan was answered."""
    by_place = {(order.shard, order.sequence, order.row): order for order in stored}
    places: dict[tuple[str, int], set[tuple[int, int, int]]] = defaultdict(set)
    for answer in world.watch.told_orders:
        place = (answer.shard, answer.ack["sequence"], answer.ack["row"])
        order = by_place.get(place)
        if order is None:
            yield f"o-{answer.order.number} was acknowledged with place {place}, where no order is"
        else:
            yield from _answer_matches(answer, order)
            if accepted(answer):
                places[order.order_id, answer.fingerprint].add(place)
    for (order_id, _), found in places.items():
        if len(found) > 1:
            yield f"{order_id} was acknowledged as accepted in several places: {sorted(found)}"


def _answer_matches(answer: OrderAnswer, order: Stored) -> Iterator[str]:
    name, ack = f"o-{answer.order.number}", answer.ack
    if order.order_id != name:
        yield f"{name} was acknowledged with the place of {order.order_id}"
    conflict, same = bool(ack["reasons"] & CONFLICT), order.fingerprint == answer.fingerprint
    if conflict == same:
        told = "as a conflict with its own body" if same else "with the decision of another body"
        yield f"{name} was answered {told}"
    if not conflict:
        for field in _TOLD:
            if ack[field] != order.outcome[field]:
                yield f"{name} was told {field} {ack[field]}, stored is {order.outcome[field]}"


def _documents_are_there(world: World, stored: list[Stored]) -> Iterator[str]:
    for order in stored:
        document = world.shard_stores[order.shard].document(order.sequence, order.row)
        if document is None or document["order_id"] != order.order_id:
            yield f"the document of {order.order_id} is missing or another one's"
