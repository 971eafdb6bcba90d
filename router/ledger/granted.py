"""Grants that shards may not have taken over yet: whose they are, in which record, and what was taken back of them.

A shard says with every question up to which record it has taken over grants; those are let go. What it gives up beyond
what still waits must have been granted after that record, and goes back from the newest grant on, in each from its last
rows on: of what a record granted to a line the first units count, so shard and ledger agree without another word.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels import layout
from router.arrow.arrays import numbers, record_batch
from router.ledger.moves import Cell
from router.log.columns import GRANTS

Rows = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]

SHARD_SHIFT = 48  # of an order's reference: shard << 48 | sequence << 16 | row
_IN_SHARD = (1 << SHARD_SHIFT) - 1
_KEPT = layout.GRANT_OUT.names or ()


@dataclass
class Chunk:
    """What one record granted to one shard."""

    record: int
    rows: Rows  # GRANT_OUT, by line; qty and line_qty less what was taken back

    def of_line(self, order: int, line: int) -> list[int]:
        """Rows of a line of an order."""
        return [row for row in self.by_order.get(order, ()) if self.rows["line"][row] == line]

    @cached_property
    def by_order(self) -> dict[int, list[int]]:
        """Rows of each order."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for row, order in enumerate(self.rows["order"].tolist()):
            found[order].append(row)
        return found


class Granted:
    """Grants by shard and record, as far as shards have not said that they took them over."""

    def __init__(self) -> None:
        self._chunks: defaultdict[int, list[Chunk]] = defaultdict(list)  # by record
        self.seen: dict[int, int] = {}  # by shard: the newest record whose grants it said to have taken over

    def add(self, record: int, rows: Rows) -> None:
        """Remember what a record granted."""
        shards = rows["order"] >> SHARD_SHIFT
        for shard in np.unique(shards).tolist():
            self._chunks[shard].append(Chunk(record, rows[shards == shard]))

    def confirm(self, shard: int, seen: int) -> None:
        """A shard has taken over the grants of all records up to ``seen``."""
        if seen <= self.seen.get(shard, 0):
            return
        self.seen[shard] = seen
        del self._chunks[shard][: self._place(shard, seen)]

    def first_after(self, shard: int, after: int) -> int | None:
        """The first record after ``after`` that granted something to a shard."""
        place = self._place(shard, after)
        return self._chunks[shard][place].record if place < len(self._chunks[shard]) else None

    def _place(self, shard: int, record: int) -> int:
        return bisect_right(self._chunks[shard], record, key=lambda chunk: chunk.record)

    def _newest(self, order: int, line: int, qty: int, seen: int) -> Iterator[tuple[Chunk, int, int]]:
        """Of grants after ``seen``, newest first, the units (chunk, row, units) that ``qty`` units of a line are."""
        for chunk in reversed(self._chunks[order >> SHARD_SHIFT]):
            rows = chunk.of_line(order, line) if chunk.record > seen and qty else []
            granted = int(chunk.rows["line_qty"][rows].sum())
            taken = min(granted, qty)
            qty -= taken
            for sku in np.unique(chunk.rows["sku"][rows]).tolist() if taken else ():
                parts = [row for row in rows if chunk.rows["sku"][row] == sku]
                left = taken * (int(chunk.rows["qty"][parts].sum()) // granted)
                for row in reversed(parts):
                    units = min(left, int(chunk.rows["qty"][row]))
                    left -= units
                    if units:
                        yield chunk, row, units

    def take_back(self, order: int, line: int, qty: int, seen: int) -> tuple[list[Cell], int]:
        """The cells that ``qty`` units of a line go back to, and the units that were never granted."""
        cells: list[Cell] = []
        for chunk, row, units in list(self._newest(order, line, qty, seen)):
            chunk.rows["qty"][row] -= units
            cells.append((int(chunk.rows["sku"][row]), int(chunk.rows["node"][row]), units))
        return cells, self._lower(order, line, qty, seen)

    def _lower(self, order: int, line: int, qty: int, seen: int) -> int:
        """Count the units of the line back, newest first; returns what is left over."""
        for chunk in reversed(self._chunks[order >> SHARD_SHIFT]):
            for row in reversed(chunk.of_line(order, line)) if chunk.record > seen and qty else ():
                units = min(qty, int(chunk.rows["line_qty"][row]))
                chunk.rows["line_qty"][row] -= units
                qty -= units
        return qty

    def is_awaited(self, order: int, seen: int) -> bool:
        """Whether an order is named by grants after ``seen``, also where all of them was taken back: its shard takes
        them over for a line that waits again by then."""
        return any(chunk.record > seen and order in chunk.by_order for chunk in self._chunks[order >> SHARD_SHIFT])

    # --- state -----------------------------------------------------------------------------------

    def dump(self) -> dict[str, I64]:
        """Grants by shard, record and row; and what shards said to have taken over."""
        chunks = [chunk for shard in sorted(self._chunks) for chunk in self._chunks[shard]]
        rows = np.concatenate([np.zeros(0, layout.GRANT_OUT), *(chunk.rows for chunk in chunks)])
        record = np.repeat([chunk.record for chunk in chunks], [len(chunk.rows) for chunk in chunks]).astype(np.int64)
        return {
            "granted": np.stack([record, *(rows[name].astype(np.int64) for name in _KEPT)], axis=1),
            "grants_seen": np.array(sorted(self.seen.items()), np.int64).reshape(-1, 2),
        }

    def restore(self, granted: I64, seen: I64) -> None:
        """Become what was dumped."""
        self._chunks.clear()
        self.seen = {shard: record for shard, record in seen.tolist()}
        record, rows = granted[:, 0], np.zeros(len(granted), layout.GRANT_OUT)
        for column, name in enumerate(_KEPT):
            rows[name] = granted[:, 1 + column]
        shard = rows["order"] >> SHARD_SHIFT
        ends = np.flatnonzero((np.diff(record) != 0) | (np.diff(shard) != 0)) + 1
        for first, last in pairwise([0, *ends.tolist(), len(rows)] if len(rows) else []):
            self._chunks[int(shard[first])].append(Chunk(int(record[first]), rows[first:last]))


def grants_batch(rows: Rows) -> pa.RecordBatch:
    """GRANTS of rows whose order carries its shard."""
    columns = {name: rows[name].copy() for name in ("line", "sku", "node", "qty", "line_qty")}
    shard = (rows["order"] >> SHARD_SHIFT).astype(np.int16)
    return record_batch(GRANTS, {"shard": shard, "order": rows["order"] & _IN_SHARD, **columns})


def grant_rows(grants: pa.RecordBatch) -> Rows:
    """The rows of GRANTS."""
    rows = np.zeros(grants.num_rows, layout.GRANT_OUT)
    for name in ("line", "sku", "node", "qty", "line_qty"):
        rows[name] = numbers(grants, name)
    rows["order"] = numbers(grants, "shard").astype(np.int64) << SHARD_SHIFT | numbers(grants, "order")
    return rows


def for_shard(grants: pa.RecordBatch, shard: int) -> pa.RecordBatch:
    """The rows of GRANTS that concern a shard."""
    return grants.filter(pa.array(numbers(grants, "shard") == shard))
