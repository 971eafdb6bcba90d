"""Serving: what became free in a record is granted in that record, before anything else can take it.

watch    before units move: what the SKUs that somebody waits for have
park     between two rows of a record that take: what became free is kept for those who wait
serve    at the end: the claims that wait for a SKU of which some node has more than before
"""

from __future__ import annotations

from collections.abc import Iterable
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


class Watch:
    """Available units of some SKUs as they were when a record began."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._before: dict[int, I64] = {}  # by SKU, (nodes)
        self._parked: dict[int, I64] = {}

    def add(self, skus: Iterable[int]) -> dict[int, I64]:
        """Watch SKUs, before their units move; returns what they have now."""
        now = {sku: self._cells.available[sku].copy() for sku in set(skus)}
        for sku, units in now.items():
            self._before.setdefault(sku, units)
        return now

    def park(self, earlier: dict[int, I64]) -> None:
        """Put aside what a row left more of than there was ``earlier``."""
        for sku, before in earlier.items():
            more = np.maximum(self._cells.available[sku] - before, 0)
            if more.any():
                self._parked[sku] = self._parked.get(sku, 0) + more
                self._cells.available[sku] -= more
                self._cells.mark_stock(np.array([sku]))

    def grown(self) -> list[int]:
        """Bring back what was parked; the SKUs of which some node has more than before, in order."""
        for sku, units in self._parked.items():
            self._cells.available[sku] += units
            self._cells.mark_stock(np.array([sku]))
        self._parked = {}
        return sorted(sku for sku, before in self._before.items() if (self._cells.available[sku] > before).any())


class Serving:
    """Gives units that became free to those who wait."""

    def __init__(self, cells: Cells, waiting: Waiting, whole_first: bool) -> None:
        self._cells = cells
        self._waiting = waiting
        self._whole_first = whole_first

    def watch(self, skus: npt.NDArray[Any], tables: LedgerTables | None) -> Watch:
        """Watch those of some SKUs that anybody waits for."""
        watch = Watch(self._cells)
        if tables is not None:
            watch.add(self._waiting.wanted(skus, tables))
        return watch

    def serve(self, watch: Watch, tables: LedgerTables | None, workspace: Workspace) -> Rows:
        """GRANT_OUT rows of what is given, by claim; the units are moved."""
        skus = watch.grown()
        if tables is None or not skus:
            return np.zeros(0, layout.GRANT_OUT)
        wanted = self._waiting.wanted(np.array(skus), tables)
        found = []
        for whole in (1, 0) if self._whole_first else (0,):
            found += [self._serve(sku, whole, tables, workspace) for sku in wanted]
        return np.concatenate([np.zeros(0, layout.GRANT_OUT), *found])

    def _serve(self, sku: int, whole: int, tables: LedgerTables, workspace: Workspace) -> Rows:
        queue = self._waiting.queue(sku, tables)
        workspace.fit_waiting(self._waiting.lines_max, tables)
        work, words = workspace.scratch, tables.rows.channel_nodes.shape[1]
        progress, found, room = np.zeros(3, np.int64), [], _ROWS_AT_ONCE
        while True:
            out = np.zeros(room, layout.GRANT_OUT)
            serve_kernel(
                whole, sku, queue, tables.rows, self._cells.units, self._waiting.rows, work.slots, work.demands,
                np.zeros(words, np.int64), progress, out,
            )  # fmt: skip
            found.append(out[: progress[ROWS]])
            room, progress[ROWS] = max(2 * room, int(progress[ROOM])), 0
            if not progress[ROOM]:
                self._waiting.served(sku, int(progress[POSITION]))
                return np.concatenate(found)
