"""Serving: what became free in a record is granted in that record, before anything else can take it.

watch    before units move: what the SKUs that somebody waits for have
park     between two rows of a record that take: what became free is kept for those who wait
serve    at the end: the claims that wait for a SKU of which some node has more than before
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import layout
from kernels.claim.serve import POSITION, ROOM, ROWS
from kernels.claim.serve import serve as serve_kernel
from router.ledger.cells import Cells
from router.ledger.tables import LedgerTables
from router.ledger.waiting import Waiting
from router.ledger.workspace import Workspace

Rows = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]

_ROWS_AT_ONCE = 1_024
# Of one record, but for an order that alone makes more: a shard takes a record's grants over in one of its own, whose
# rows have 16 bits.
GRANT_ROWS_MAX = 1 << 15


class Watch:
    """Available units of some SKUs as they were when a record began."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._before: dict[int, I64] = {}  # by SKU, (nodes)
        self._parked: dict[int, I64] = {}
        self._owed: set[int] = set()

    def add(self, skus: Iterable[int]) -> dict[int, I64]:
        """Watch SKUs, before their units move; returns what they have now."""
        now = {sku: self._cells.available_of(sku) for sku in set(skus)}
        for sku, units in now.items():
            self._before.setdefault(sku, units)
        return now

    def owe(self, skus: Iterable[int]) -> None:
        """Serve SKUs though no node may have more of them: somebody may have what he could not have before."""
        self._owed.update(skus)

    def park(self, earlier: dict[int, I64]) -> None:
        """Put aside what a row left more of than there was ``earlier``."""
        for sku, before in earlier.items():
            more = np.maximum(self._cells.available_of(sku) - before, 0)
            if more.any():
                self._parked[sku] = self._parked.get(sku, 0) + more
                self._put(sku, -more)

    def grown(self) -> list[int]:
        """Bring back what was parked; the SKUs of which some node has more than before, or that are owed, in order."""
        for sku, units in self._parked.items():
            self._put(sku, units)
        self._parked = {}
        more = {sku for sku, before in self._before.items() if (self._cells.available_of(sku) > before).any()}
        return sorted(more | self._owed)

    def _put(self, sku: int, units: I64) -> None:
        node = np.flatnonzero(units).astype(np.int16)
        self._cells.put_available(np.full(len(node), sku, np.int32), node, units[node])


class Serving:
    """Gives units that became free to those who wait."""

    def __init__(self, cells: Cells, waiting: Waiting) -> None:
        self._cells = cells
        self._waiting = waiting

    def watch(self, skus: npt.NDArray[Any], tables: LedgerTables | None) -> Watch:
        """Watch those of some SKUs that anybody waits for."""
        watch = Watch(self._cells)
        if tables is not None:
            watch.add(self._waiting.wanted(skus, tables))
        return watch

    def serve(
        self, skus: Sequence[int], tables: LedgerTables | None, workspace: Workspace
    ) -> tuple[Rows, Sequence[int]]:
        """GRANT_OUT rows of what is given, by claim, the units moved; and the SKUs of which the next record has to go
        on giving, where it is too much for one.

        Going on begins with the first SKU again: what was passed over once finds no more than it did then.
        """
        found, left = [np.zeros(0, layout.GRANT_OUT)], GRANT_ROWS_MAX
        if tables is None or not skus:
            return found[0], ()
        wanted = self._waiting.wanted(np.array(skus), tables)
        for whole in (1, 0) if tables.policy.grant_order == "whole_orders" else (0,):
            for sku in wanted:
                rows, is_cut = self._serve(sku, whole, tables, workspace, left)
                found.append(rows)
                left -= len(rows)
                if is_cut:
                    return np.concatenate(found), wanted
        return np.concatenate(found), ()

    def _serve(self, sku: int, whole: int, tables: LedgerTables, workspace: Workspace, left: int) -> tuple[Rows, bool]:
        """Up to ``left`` rows of one SKU's queue, and whether it goes on behind them."""
        queue = self._waiting.queue(sku, tables)
        workspace.fit_waiting(self._waiting.lines_max, tables)
        work, words = workspace.scratch, tables.rows.channel_nodes.shape[1]
        progress, found, room, is_first = np.zeros(3, np.int64), [], min(_ROWS_AT_ONCE, left), left == GRANT_ROWS_MAX
        while True:
            out = np.zeros(room, layout.GRANT_OUT)
            serve_kernel(
                whole, sku, queue, tables.rows, self._cells.units, self._waiting.rows, work.slots, work.siblings,
                work.demands, np.zeros(words, np.int64), progress, out,
            )  # fmt: skip
            found.append(out[: progress[ROWS]])
            left, needed = left - int(progress[ROWS]), int(progress[ROOM])
            is_first, progress[ROWS] = is_first and not progress[ROWS], 0
            is_cut = needed > left and not is_first
            if is_cut or not needed:
                self._waiting.served(sku, int(progress[POSITION]))
                return np.concatenate(found), is_cut
            room = max(min(2 * room, left), needed)
