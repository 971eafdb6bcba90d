"""Units from account to account: MOVES as the rows a kernel takes, whatever version wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.claim import move as kernels
from router.arrow.arrays import numbers
from router.ledger.cells import Cells
from router.ledger.memory import Memory
from router.life.states import CellAccount

Column = npt.NDArray[Any]
Cell = tuple[int, int, int]  # SKU, node, units

A = CellAccount
_ON_PAPER = (A.AVAILABLE, A.HELD, A.ALLOCATED)  # whose units lie on the shelf, as far as the books know
# What MOVES.kind said before version 1: held > allocated, held > available, allocated > available, allocated > shipped.
_FROM = np.array([A.HELD, A.HELD, A.ALLOCATED, A.ALLOCATED], np.int8)
_TO = np.array([A.ALLOCATED, A.AVAILABLE, A.AVAILABLE, A.SHIPPED], np.int8)


@dataclass(frozen=True)
class MoveRows:
    """Moves of units between accounts, one row each."""

    from_account: Column  # i8 CellAccount
    to_account: Column
    sku: Column  # i32
    node: Column  # i16
    to_node: Column  # i16, -1 = the same node
    qty: Column  # i64
    ship_day: Column  # i32, -1 none

    def __len__(self) -> int:
        return len(self.sku)


@dataclass(frozen=True)
class Withdrawals:
    """Lines that give up waiting for units."""

    order: Column  # i64 shard << 48 | sequence << 16 | row
    line: Column  # i32
    qty: Column  # i64 units of the line


@dataclass(frozen=True)
class Bars:
    """Nodes that lines of an order are given nothing from."""

    line: Column  # i32
    node: Column  # i16
    sku: Column  # i32 that was not found there, -1 = the node refused the line


def bars_of(rows: Sequence[tuple[int, int, int]]) -> Bars:
    """Bars of (line, node, SKU)."""
    line, node, sku = np.array(rows, np.int32).reshape(-1, 3).T
    return Bars(np.ascontiguousarray(line), node.astype(np.int16), np.ascontiguousarray(sku))


def read_moves(moves: pa.RecordBatch) -> tuple[MoveRows, Withdrawals]:
    """The rows of a MOVES batch: units that move, and claims that are withdrawn."""
    kind, source, target = (numbers(moves, name) for name in ("kind", "from_account", "to_account"))
    if (kind >= 0).any():
        source, target = np.where(kind >= 0, _FROM[kind], source), np.where(kind >= 0, _TO[kind], target)
    columns = (numbers(moves, name) for name in ("sku", "node", "to_node", "qty", "ship_day"))
    return split_moves(MoveRows(source, target, *columns), numbers(moves, "order"), numbers(moves, "line"))


def split_moves(rows: MoveRows, order: Column, line: Column) -> tuple[MoveRows, Withdrawals]:
    """Units that move, and claims that are withdrawn."""
    waits = rows.from_account == A.WAITING
    if not waits.any():
        return rows, Withdrawals(order[:0], line[:0], rows.qty[:0])
    assert (rows.to_account[waits] == A.GONE).all(), "what waits can only be given up"
    stays = ~waits
    columns = (rows.from_account, rows.to_account, rows.sku, rows.node, rows.to_node, rows.qty, rows.ship_day)
    units = MoveRows(*(np.ascontiguousarray(column[stays]) for column in columns))
    return units, Withdrawals(*(np.ascontiguousarray(column[waits]) for column in (order, line, rows.qty)))


def moves_of(cells: list[Cell], source: CellAccount, target: CellAccount) -> MoveRows:
    """The same move of units of several cells."""
    sku, node, qty = np.array(cells, np.int64).reshape(-1, 3).T
    none = np.full(len(sku), -1, np.int16)
    return MoveRows(
        np.full(len(sku), source, np.int8), np.full(len(sku), target, np.int8), sku.astype(np.int32),
        node.astype(np.int16), none, np.ascontiguousarray(qty), none.astype(np.int32),
    )  # fmt: skip


def shelved(rows: MoveRows) -> tuple[Column, Column]:
    """SKU and node of cells in which units were laid on the shelf, not only given up by an order there."""
    came = (rows.to_account == A.AVAILABLE) & ~np.isin(rows.from_account, _ON_PAPER)
    return rows.sku[came], np.where(rows.to_node >= 0, rows.to_node, rows.node)[came]


def apply_moves(rows: MoveRows, cells: Cells, memory: Memory) -> None:
    """Move; a move of more units than its account holds is a bug."""
    assert not len(rows) or (rows.sku.min() >= 0 and rows.node.min() >= 0 and rows.qty.min() >= 0), "not a stock move"
    there = np.where(rows.to_node >= 0, rows.to_node, rows.node)
    cells.open_ends(rows.sku, rows.node, rows.to_node)
    memory.reserve(0, 0, 0, cells.nodes)
    refused = np.zeros(len(rows), np.uint8)
    (source, target), aside = cells.aside.open(
        (rows.from_account, rows.sku, rows.node), (rows.to_account, rows.sku, there)
    )
    count = kernels.move(
        rows.from_account, rows.to_account, rows.sku, rows.node, rows.to_node, rows.qty, rows.ship_day, source,
        target, cells.units, aside, memory.capacity, refused,
    )  # fmt: skip
    assert count == 0, f"move {int(refused.argmax())} takes more units than its cell holds"
    cells.aside.close(aside)
