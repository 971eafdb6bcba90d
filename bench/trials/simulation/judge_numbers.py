"""Invoices and credit notes at the end: numbers without a gap, each of one event, documents that add up to the books.

given      every record of the ledger goes on where its seller's series ended
taken      the documents of a batch have the numbers that the ledger gave it, and no others; numbers lead to their batch
told       of every order: its documents fold to what it costs and to what went back
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from actors.care.reading.log_check import run_faults
from bench.trials.simulation import goods
from bench.trials.simulation.layout import BY_NUMBER
from bench.trials.simulation.shard import Shard
from bench.trials.simulation.world import World
from router.ledger.number_series import runs_in
from router.log.kinds import Kind
from router.log.records import Record, read_batch
from router.log.steps import OrderHistory
from router.queries import ViewTerms
from router.queries.invoice_balance import credited_fault, document_faults
from router.queries.invoices import documents_of
from router.queries.number_balance import SeriesCheck, Taken, given_in, taken_by


def numbers_faults(
    world: World, shards: list[Shard], of_shards: list[list[Record]], of_ledger: list[Record]
) -> Iterator[str]:
    series = SeriesCheck()
    for record in of_ledger:
        yield from series.follow(record)
    yield from run_faults(world.ledger_store, sum(key[0] == BY_NUMBER for key in world.ledger_store.index))
    for shard, records in zip(shards, of_shards, strict=True):
        yield from _numbers_match(world, shard, records, of_ledger)
        yield from _documents_fold(shard, world)


def _numbers_match(world: World, shard: Shard, records: list[Record], of_ledger: list[Record]) -> Iterator[str]:
    own = (record for record in of_ledger if record.batch_number == shard.number)
    given: dict[int, Taken] = {record.batch_id: given_in(runs) for record in own if (runs := runs_in(record))}
    taken: dict[int, Taken] = {}
    events = {record.sequence: record for record in records if record.kind is Kind.EVENTS}
    for record in records:
        if record.kind is Kind.EVENT_OUTCOMES:
            found = taken_by(read_batch(events[record.sequence]), read_batch(record), shard.engine)
            taken |= {record.sequence: found} if found else {}
            world.met["documents numbered"] += len(found)
    for sequence in sorted(given.keys() | taken.keys()):
        if given.get(sequence) != taken.get(sequence):
            yield (
                f"record {sequence} of shard {shard.number} has numbers {taken.get(sequence)}, the ledger gave "
                f"{given.get(sequence)} for it"
            )


def _documents_fold(shard: Shard, world: World) -> Iterator[str]:
    source = world.shard_stores[shard.number]
    newest_tables = goods.TABLES[goods.SECOND_TABLES]
    terms = ViewTerms(goods.KEY, goods.TABLES.__getitem__, lambda *_: newest_tables, goods.config_of(0))
    for row in shard.engine.origins.invoiced().tolist():
        newest = int(shard.engine.index.reference(np.array([row]))[0])
        order, made = documents_of(OrderHistory(source, newest), source, terms)
        faults = list(document_faults(order, made))
        if shard.engine.books.are_open(np.array([row]))[0]:
            fault = credited_fault(made, shard.engine.books.look(row))
            faults += [fault] if fault else []
        yield from (f"{order.given['order_id']}: {fault}" for fault in faults)
