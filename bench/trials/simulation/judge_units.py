"""Units at the end: what the ledger's records and the shards' records add up to, in plain Python, is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bench.trials.simulation import goods
from bench.trials.simulation.ledger import Ledger
from bench.trials.simulation.twin import Twin
from bench.trials.simulation.units import CellMove, Units
from bench.trials.simulation.world import World
from router.life.states import CellAccount
from router.log.columns import GRANTS, MOVES
from router.log.kinds import MESSAGES, Kind
from router.log.records import Record, read_batch
from router.tables.stock_rows import MovementResult

Granted = tuple[int, int, int, int, int, int]  # order, line, SKU, node, units, units of the line


def units_faults(world: World, shards: list[list[Record]], of_ledger: list[Record], ledger: Ledger) -> Iterator[str]:
    twin, units = Twin(), [Units() for _ in shards]
    yield from _twin_faults(world, of_ledger, ledger, twin)
    for shard, (told, records) in enumerate(zip(units, shards, strict=True)):
        for record in records:
            told.follow(record)
        yield from (f"shard {shard}, {fault}" for fault in told.faults)
        yield from _moves_match(shard, told, of_ledger)
        yield from _grants_were_taken_once(shard, records, of_ledger)
    yield from _orders_hold_what_lies_there(twin, units)


def _twin_faults(world: World, records: list[Record], ledger: Ledger, twin: Twin) -> Iterator[str]:
    """No oversell, conservation after every record, and the engine's cells are what its records say."""
    for record in records:
        world.met[f"ledger record {record.kind.name.lower()}"] += 1
        world.met["ledger record that grants"] += bool(GRANTS in MESSAGES[record.kind] and _rows_of(record, GRANTS))
        twin.follow(record)
        for cell in twin.unbalanced():
            yield f"after ledger record {record.sequence} cell {cell} is out of balance"
    yield from twin.faults
    cells = ledger.engine.cells
    for account, told in (*twin.units.items(), ("received", twin.received)):
        if cells.units_of(account) != {cell: units for cell, units in told.items() if units}:
            yield f"the ledger's {account} units are not what its records add up to"
    for row, result in world.watch.told_movements:
        low = goods.movement_hash(row.movement)
        if result in (MovementResult.APPLIED, MovementResult.REPEATED) and low not in twin.movements:
            yield f"movement {row.movement} was answered as applied and is not in the ledger's log"


def _moves_match(shard: int, told: Units, of_ledger: list[Record]) -> Iterator[str]:
    """What a batch of events did to units by its outcome is what the ledger was asked to move."""
    amended = {record.batch_id for record in of_ledger if record.kind is Kind.AMENDS and record.batch_number == shard}
    moved: dict[int, Counter[CellMove]] = {}
    for record in of_ledger:
        if record.kind is Kind.MOVES and record.batch_number == shard:
            moved[record.batch_id] = _moves_of(record)
    for sequence in sorted(told.moved.keys() | moved.keys()):
        if sequence not in amended and +told.moved.get(sequence, Counter()) != moved.get(sequence, Counter()):
            yield (
                f"record {sequence} of shard {shard} moves {+told.moved.get(sequence, Counter())}, the ledger moved "
                f"{moved.get(sequence, Counter())} for it"
            )


def _moves_of(record: Record) -> Counter[CellMove]:
    found: Counter[CellMove] = Counter()
    for row in _rows_of(record, MOVES):
        there = row["node"] if row["to_node"] < 0 else row["to_node"]
        found[row["sku"], row["node"], there, row["from_account"], row["to_account"]] += row["qty"]
    return found


def _grants_were_taken_once(shard: int, records: list[Record], of_ledger: list[Record]) -> Iterator[str]:
    """Every record of the ledger that granted something to a shard was taken over in one record, in their order."""
    granted = {record.sequence: rows for record in of_ledger if (rows := _granted_to(shard, record))}
    taken: list[int] = []
    for record in records:
        if record.kind is Kind.GRANTED:
            rows = read_batch(record).to_pylist()
            taken.append(rows[0]["ledger_sequence"])
            if sum(len(row["units"]) for row in rows) != len(granted.get(taken[-1], ())):
                yield f"record {record.sequence} of shard {shard} takes others over than ledger record {taken[-1]} gave"
    if taken != sorted(granted):
        yield f"shard {shard} took over the grants of ledger records {taken}, granted were {sorted(granted)}"


def _granted_to(shard: int, record: Record) -> list[Granted]:
    if GRANTS not in MESSAGES[record.kind]:
        return []
    rows = _rows_of(record, GRANTS)
    return [
        (row["order"], row["line"], row["sku"], row["node"], row["qty"], row["line_qty"])
        for row in rows
        if row["shard"] == shard
    ]


def _rows_of(record: Record, schema: pa.Schema) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_batch(record, MESSAGES[record.kind].index(schema)).to_pylist()
    return rows


def _orders_hold_what_lies_there(twin: Twin, units: list[Units]) -> Iterator[str]:
    """The trial balance, by the two plain sums alone; everything granted was taken over."""
    told = sum((each.cells() for each in units), Counter[tuple[int, int, int]]())
    for account in (CellAccount.HELD, CellAccount.ALLOCATED):
        by_orders = {(sku, node): count for (sku, node, where), count in told.items() if where == account}
        by_cells = {cell: count for cell, count in twin.units[account.name.lower()].items() if count}
        if by_orders != by_cells:
            yield f"orders hold {by_orders} as {account.name.lower()}, in the cells lie {by_cells}"
    waiting = sum(count for (_, _, where), count in told.items() if where == CellAccount.WAITING)
    if waiting != sum(twin.waiting.units.values()):
        yield f"orders wait for {waiting} units, the ledger knows of {sum(twin.waiting.units.values())}"
