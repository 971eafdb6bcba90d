"""What must hold at the end: all that was said, compared with what the disks keep for certain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from actors.care.reading.log_check import entry_faults, read_records
from bench.trials.simulation import goods
from bench.trials.simulation.log import BY_BATCH, Store
from bench.trials.simulation.outside import OrderAnswer
from bench.trials.simulation.twin import Twin
from bench.trials.simulation.watch import CONFLICT, accepted
from router.errors import Damaged
from router.ledger.engine import LedgerEngine
from router.ledger.replay import replay_ledger
from router.life.events import EventDesk
from router.log.columns import DECISION, EventResult, Status
from router.log.index import OrderIndex
from router.log.kinds import QUESTIONS, Kind
from router.log.records import Record, read_batch
from router.queries import stream
from router.replay import replay_shard
from router.shard.engine import ShardEngine
from router.tables.stock_rows import MovementResult

if TYPE_CHECKING:
    from bench.trials.simulation.world import World

_TOLD = ("status", "total_minor", "discount_minor", "tax_minor", "shipping_minor", "promise_day", "twin", "lines")
_ALL = 1 << 20

Records = list[tuple[int, int, Record]]


@dataclass(frozen=True)
class Stored:
    """One decision about one order, as the logs keep it."""

    shard: int
    sequence: int
    row: int
    order_id: str
    fingerprint: int
    outcome: dict[str, Any]


def judged(world: World) -> Iterator[str]:
    """A sentence for each promise that was broken."""
    shards = [list(store.iterate(1)) for store in world.shard_stores]
    ledger = list(world.ledger_store.iterate(1))
    stored = [order for shard, records in enumerate(shards) for order in _orders(shard, records)]
    yield from _twin_faults(world, ledger)
    yield from _decisions_match(shards, ledger)
    yield from _replays_match(world, shards, ledger)
    yield from _decided_once(stored)
    yield from _answers_match(world, stored)
    yield from _events_happened_once(world)
    yield from _stream_is_whole(world)
    yield from _cursors_are_durable(world)
    yield from _documents_are_there(world, stored)


def _orders(shard: int, records: Records) -> Iterator[Stored]:
    given: dict[int, pa.RecordBatch] = {}
    for sequence, _, record in records:
        if record.kind is Kind.ORDERS:
            given[sequence] = read_batch(record)
        elif record.kind is Kind.OUTCOMES:
            came, became = given.pop(sequence), read_batch(record)
            ids, prints = came.column("order_id").to_pylist(), came.column("fingerprint").to_pylist()
            rows = became.select([*_TOLD, "version"]).to_pylist()
            for row, (order_id, fingerprint, outcome) in enumerate(zip(ids, prints, rows, strict=True)):
                yield Stored(shard, sequence, row, order_id, fingerprint, outcome)


def _twin_faults(world: World, ledger: Records) -> Iterator[str]:
    """No oversell, conservation after every record, and the engine's cells are what its records say."""
    twin = Twin()
    for sequence, _, record in ledger:
        twin.follow(record)
        for cell in twin.unbalanced():
            yield f"after ledger record {sequence} cell {cell} is out of balance"
    yield from twin.faults
    cells = world.ledger.engine.cells
    for account, told in (*twin.units.items(), ("received", twin.received)):
        found = cells.units_of(account)
        if found != {cell: units for cell, units in told.items() if units}:
            yield f"the ledger's {account} units are not what its records add up to"
    for row, result in world.watch.told_movements:
        low = goods.movement_hash(row.movement)
        if result in (MovementResult.APPLIED, MovementResult.REPEATED) and low not in twin.movements:
            yield f"movement {row.movement} was answered as applied and is not in the ledger's log"


def _decisions_match(shards: list[Records], ledger: Records) -> Iterator[str]:
    """Every batch of a shard was decided once, and its outcome is that decision."""
    decisions: dict[tuple[int, int], Record] = {}
    for _, _, record in ledger:
        if record.kind in QUESTIONS:
            key = (record.batch_number, record.batch_id)
            if key in decisions:
                yield f"the ledger answered batch {key} twice"
            decisions[key] = record
    for shard, records in enumerate(shards):
        for sequence, _, record in records:
            if record.kind is Kind.OUTCOMES:
                yield from _same_decision(shard, sequence, record, decisions.get((shard, sequence)))


def _same_decision(shard: int, sequence: int, outcome: Record, decision: Record | None) -> Iterator[str]:
    if decision is None:
        yield f"sequence {sequence} of shard {shard} has an outcome and no decision"
        return
    became, decided = read_batch(outcome), read_batch(decision, 1)
    for name in DECISION.names:
        if name != "reasons" and not became.column(name).equals(decided.column(name)):
            yield f"sequence {sequence} of shard {shard}: {name} is not what the ledger decided"


def _replays_match(world: World, shards: list[Records], ledger: Records) -> Iterator[str]:
    """Engines that read the logs from their first record know what the living ones know."""
    for number, records in enumerate(shards):
        engine = ShardEngine(number, goods.KEY, goods.CONFIG, world.memory.make())
        desk = EventDesk(goods.KEY, engine.index, OrderIndex(world.memory.make()))
        if replay_shard(engine, desk, records, lambda batch_id, sequence: None).unfinished:
            yield f"shard {number} has a batch without an outcome"
        elif [engine.state_hash(), desk.state_hash()] != world.shards[number].state_hashes():
            yield f"a replay of shard {number} is not what the shard knows"
    engine_of_ledger = LedgerEngine(goods.CONFIG.policy, world.memory.make())
    engine_of_ledger.use_tables(goods.TABLES[goods.FIRST_TABLES])
    replay_ledger(engine_of_ledger, ledger, goods.TABLES.__getitem__)
    if [engine_of_ledger.state_hash()] != world.ledger.state_hashes():
        yield "a replay of the ledger is not what the ledger knows"


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


def _events_happened_once(world: World) -> Iterator[str]:
    """An event that was answered as applied is in the log once, with the version that was told."""
    applied: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for store in world.shard_stores:
        for event_id, order_id, version in _applied_events(store):
            applied[event_id].append((order_id, version))
    for event_id, found in applied.items():
        if len(found) > 1:
            yield f"event {event_id} was applied {len(found)} times"
    for event, answer in world.watch.told_events:
        if answer["status"] == "applied" and (answer["order_id"], answer["version"]) not in applied[f"e-{event.event}"]:
            yield f"event e-{event.event} was answered as applied and is not in the log"


def _applied_events(store: Store) -> Iterator[tuple[str, str, int]]:
    given: dict[int, pa.RecordBatch] = {}
    for sequence, _, record in store.iterate(1):
        if record.kind is Kind.EVENTS:
            given[sequence] = read_batch(record)
        elif record.kind is Kind.EVENT_OUTCOMES:
            came, outcome = given.pop(sequence), read_batch(record)
            columns = (came.column("event_id"), came.column("order_id"), outcome.column("version"))
            results = outcome.column("result").to_pylist()
            for result, *row in zip(results, *(column.to_pylist() for column in columns), strict=True):
                if result == EventResult.APPLIED:
                    yield row[0], row[1], row[2]


def _stream_is_whole(world: World) -> Iterator[str]:
    """The follower of the stream acted on every version of every order, and on nothing that is not stored."""
    rows, _ = stream(None, world.shard_stores, _ALL)
    expected: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["version"] != len(expected[row["order_id"]]) + 1:
            yield f"the stream goes to version {row['version']} of {row['order_id']} with a gap"
        expected[row["order_id"]].append({name: value for name, value in row.items() if name != "cursor"})
    if world.watch.acted != expected:
        yield "the follower of the stream did not act on exactly what is stored"


def _cursors_are_durable(world: World) -> Iterator[str]:
    for shard, entry in enumerate((world.kept_cursor or "").split(",") if world.kept_cursor else []):
        sequence = int(entry.partition(":")[2].partition(".")[0])
        if sequence > world.shard_stores[shard].last_sequence(1) + 1:
            yield f"the reader's cursor {entry} is ahead of the log"


def _documents_are_there(world: World, stored: list[Stored]) -> Iterator[str]:
    for order in stored:
        document = world.shard_stores[order.shard].document(order.sequence, order.row)
        if document is None or document["order_id"] != order.order_id:
            yield f"the document of {order.order_id} is missing or another one's"


def damage_is_found(store: Store) -> bool:
    """Whether reading the whole log, documents and the entries of answered batches included, stops at damage."""
    try:
        read_records(store)
        return any(entry_faults(store, store.part_count, sum(key[0] == BY_BATCH for key in store.index)))
    except Damaged:
        return True
