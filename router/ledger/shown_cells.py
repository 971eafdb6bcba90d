"""The published cells as other processes on this machine map them: their arrays in shared memory, and who reads them.

Readers see a cell only as the newest durable record left it: the ledger (router/ledger/cells.py) publishes what a
record touched once that record is on disk, under a sequence lock. Where a cell lies they see at once, but
nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.cells.show import list_cells, look_up
from kernels.layout import BLOCK, CELL_SHOWN, SHELF, Shown
from router.arrow.arena import ArenaReader, BlockBusy
from router.arrow.arrays import frozen

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Rows = npt.NDArray[Any]

SHOWN = ("available", "held", "allocated")
# As in Shown.
_BLOCKS_SHOWN: dict[str, np.dtype[Any]] = {"cells-shelves": SHELF, "cells-blocks": BLOCK, "cells-units": CELL_SHOWN}
HEADER_WORDS = 8
# Words of the header: the sequence lock, the newest record and one more (0 = none), and the room of the arrays.
AT_LOCK, AT_SEQUENCE, AT_SKUS, AT_BLOCKS, AT_CELLS = range(5)
_READ_TRIES = 300  # a few milliseconds
_RETRY_MS = 20
_NODES_MAX = 1 << 15  # that a cell's number of a node has room for


class Listed(NamedTuple):
    """All cells, by SKU and node."""

    sku: I32
    node: I16
    cell: I64


class ShownCells(NamedTuple):
    """All cells as readers see them, by SKU and node."""

    sku: I32
    node: I16
    available: I64
    held: I64
    allocated: I64


class CellsReader:
    """The published cells as other processes on this machine see them: whole durable records only."""

    def __init__(self, arena: ArenaReader) -> None:
        self._arena = arena
        self._version = -1
        self._header: npt.NDArray[np.uint64] = np.zeros(HEADER_WORDS, np.uint64)
        self._shown: Shown | None = None

    def read(self, copy: Any) -> int:
        """Call ``copy(Shown)`` until it saw no change half made; returns the ledger sequence it saw. What it is shown
        may change while it runs, and lead nowhere; keep only what the last call made of it."""
        for _ in range(_READ_TRIES):
            if self._arena.version() != self._version and not self._map():
                break
            before = int(self._header[AT_LOCK])
            if before & 1 or int(self._header[AT_SEQUENCE]) == 0:
                continue
            copy(self._in_use())
            if int(self._header[AT_LOCK]) == before and self._arena.version() == self._version:
                return int(self._header[AT_SEQUENCE]) - 1
        raise BlockBusy("The ledger's cells are being written or recovered; ask again in a moment.", _RETRY_MS)

    def all_cells(self) -> ShownCells:
        """Every cell there is; raises BlockBusy as ``read`` does."""
        return self.cells_of(0, 1 << 31, _NODES_MAX)

    def cells_of(self, first: int, last: int, nodes: int, beside: Callable[[], None] = lambda: None) -> ShownCells:
        """Cells of the SKUs from ``first`` to before ``last`` at so many ``nodes``, as one record left them; raises
        BlockBusy as ``read`` does. A few hundred SKUs are read between two records, all of a large table are not.
        ``beside`` looks at what else the same record left, and is called as ``copy`` is there."""
        kept: list[ShownCells] = []

        def copy(shown: Shown) -> None:
            shelves = shown.shelves[first:last]
            room = min(len(shown.cells), len(shelves) * nodes)
            sku, node, cell = list_all(shelves, shown.blocks, room)
            units = shown.cells.take(cell, mode="clip")
            kept[:] = [ShownCells(sku + np.int32(first), node, *(units[account] for account in SHOWN))]
            beside()

        self.read(copy)
        return kept[0]

    def are_open(self, sku: I32, node: I16) -> U8:
        """1 for each cell that is there, 0 for others; raises BlockBusy as ``read`` does."""
        found = np.zeros(len(sku), np.uint8)
        self.read(lambda shown: look_up(sku, node, shown.shelves, shown.blocks, found))
        return found

    def _in_use(self) -> Shown:
        """What the owner has room for: behind it the files have no pages yet."""
        assert self._shown is not None, "nothing is mapped"
        skus, blocks, cells = (int(self._header[word]) for word in (AT_SKUS, AT_BLOCKS, AT_CELLS))
        shown = self._shown
        return Shown(shown.shelves[:skus], shown.blocks[:blocks], shown.cells[:cells])

    def _map(self) -> bool:
        """The newest blocks; False while not all of them are there."""
        version = self._arena.version()
        header = self._arena.view("cells-header")
        blocks = [(self._arena.view(name), dtype) for name, dtype in _BLOCKS_SHOWN.items()]
        rows = [_rows(block, dtype) for block, dtype in blocks if block is not None]
        if header is None or len(rows) < len(blocks):
            return False
        self._header = header.view(np.uint64)
        self._shown = Shown(*rows)
        self._version = version
        return True


def list_all(shelves: Rows, blocks: Rows, count: int) -> Listed:
    """All cells of the shelves, of which there are ``count`` at most."""
    sku, node, cell = np.zeros(count, np.int32), np.zeros(count, np.int16), np.zeros(count, np.int64)
    count = list_cells(shelves, blocks, sku, node, cell)
    return Listed(sku[:count], node[:count], cell[:count])


def _rows(block: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> Rows:
    """A block as whole rows; it may be longer than what its owner asked for."""
    return frozen(block[: len(block) // dtype.itemsize * dtype.itemsize].view(dtype))
