"""The trial balance between orders and stock: what open orders hold by their books lies in the ledger's cells.

    held, allocated   per SKU and node: units in the books + units granted that a shard has not taken over == the cell
    waiting           in all: units of lines that wait in the books == claims that wait + grants not taken over

Of each open order its units are those that were ordered, and they carry what its lines cost; no more money goes back
than came.

Batches that are under way, and records from before books were kept, make the two differ without a fault; then nothing
is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from kernels.layout import GRANT_OUT
from kernels.life.check import MONEY_DIFFERS, UNITS_DIFFER, VALUE_DIFFERS
from router.arrow.arrays import numbers
from router.ledger.engine import LedgerEngine
from router.life.opening import opening_of
from router.life.states import CellAccount
from router.log.columns import Status
from router.shard.engine import ShardEngine

Cell = tuple[int, int, int]  # SKU, node, account
_FAULTS = {
    UNITS_DIFFER: "its units are not those that were ordered",
    VALUE_DIFFERS: "its units do not carry what they cost",
    MONEY_DIFFERS: "more money goes back than came",
}
_COMPARED = (CellAccount.HELD, CellAccount.ALLOCATED)


@dataclass
class BookUnits:
    """What the open orders of one shard hold."""

    shard: int
    grants_seen: int
    is_comparable: bool
    units: Counter[Cell] = field(default_factory=Counter)
    waiting: int = 0


@dataclass
class LedgerUnits:
    """What the ledger keeps for orders."""

    units: Counter[Cell] = field(default_factory=Counter)
    waiting: int = 0
    granted: list[tuple[int, int, Cell, int, int]] = field(default_factory=list)  # shard, record, cell, units, of line


def books_of(engine: ShardEngine, grants_seen: int, is_comparable: bool) -> BookUnits:
    """Of a shard whose log was replayed."""
    found = BookUnits(engine.number, grants_seen, is_comparable)
    for sku, node, account, units in engine.books.units(engine.index.count).tolist():
        if account in _COMPARED:
            found.units[sku, node, account] += units
        elif account == CellAccount.WAITING:
            found.waiting += units
    return found


def faults_of(engine: ShardEngine, given: pa.RecordBatch, outcome: pa.RecordBatch) -> Iterator[tuple[int, str]]:
    """Row and fault of each order of a record whose book does not hold what was ordered and what it carries."""
    rows = np.asarray(engine.index.find(numbers(given, "hash_hi"), numbers(given, "hash_lo")))
    status = numbers(outcome, "status")
    rows = np.where(status == Status.REJECTED, -1, rows).astype(np.int64)
    faults = engine.books.check(opening_of(given, outcome, rows, np.zeros(len(rows), np.uint8)))
    for row in np.flatnonzero(faults).tolist():
        yield row, _FAULTS[int(faults[row])]


def cells_of(engine: LedgerEngine) -> LedgerUnits:
    """Of a ledger whose log was replayed."""
    found = LedgerUnits()
    for account in _COMPARED:
        for (sku, node), units in engine.cells.units_of(account.name.lower()).items():
            found.units[sku, node, account] = units
    found.waiting = engine.state.waiting.units
    granted = engine.state.granted.dump()["granted"]
    for record, *row in granted.tolist():
        grant = dict(zip(GRANT_OUT.names or (), row, strict=True))
        cell = grant["sku"], grant["node"], int(CellAccount.ALLOCATED)
        found.granted.append((grant["order"] >> 48, record, cell, grant["qty"], grant["line_qty"]))
    return found


def can_compare(books: Sequence[BookUnits]) -> bool:
    return all(each.is_comparable for each in books)


def differences(ledger: LedgerUnits, books: Sequence[BookUnits]) -> Iterator[str]:
    """A sentence for every cell in which the two differ."""
    if not can_compare(books):
        return
    seen = {each.shard: each.grants_seen for each in books}
    underway = [grant for grant in ledger.granted if grant[1] > seen.get(grant[0], 0)]
    told = sum((each.units for each in books), Counter[Cell]())
    for _, _, cell, units, _ in underway:
        told[cell] += units
    for cell in sorted(told.keys() | ledger.units.keys()):
        if told[cell] != ledger.units[cell]:
            sku, node, account = cell
            yield (
                f"orders hold {told[cell]} units of SKU {sku} at node {node} as {CellAccount(account).name.lower()} by "
                f"their books, the ledger {ledger.units[cell]}"
            )
    waiting = sum(each.waiting for each in books) - sum(grant[4] for grant in underway)
    if waiting != ledger.waiting:
        yield f"orders wait for {waiting} units by their books, {ledger.waiting} by the ledger"
