"""Cells: units per SKU and node, where there ever were any: the ledger's own arrays.

    received = available + held + allocated + shipped + what lies aside        for every cell, after every record

A cell is opened before a record may put units there (``open``); it never goes. What was never opened holds nothing and
takes no memory: a SKU without units costs 24 bytes, a stocked cell 70 to 110 (kernels/cells/open.py).

Readers map a copy (router/ledger/shown_cells.py), to which what a record touched is published. ``available`` may be
negative when outside truth says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.cells.open import closed, open_cells
from kernels.cells.put import put_available
from kernels.cells.show import spread
from kernels.claim.publish import gather, publish
from kernels.layout import BLOCK, CELL_SHOWN, CELLS_USED, SHELF, Units
from router.arrow.arena import Arena, SequenceLock
from router.arrow.arrays import with_room, zeros_aligned
from router.ledger.aside import ASIDE, Aside
from router.ledger.shown_cells import (
    AT_BLOCKS,
    AT_CELLS,
    AT_LOCK,
    AT_SEQUENCE,
    AT_SKUS,
    HEADER_WORDS,
    SHOWN,
    Listed,
    list_all,
)
from router.life.states import CellAccount

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Rows = npt.NDArray[Any]

ACCOUNTS = ("available", "held", "allocated", "shipped", "received")
_MIN_SKUS, _MIN_CELLS = 64, 1_024
_MORE = 8  # room for an eighth more than is needed: shared memory is real from the beginning
_SPARE = 512  # blocks or cells, more than a block that is added or widened ever takes


@dataclass(frozen=True)
class Touched:
    """Cells a record changed, and what it left in them."""

    sku: I32
    node: I16
    cell: I64  # where they lie, for as long as ``opened`` says
    opened: int
    values: Rows  # (m) CELL_SHOWN


class Cells:
    """The ledger's cells; grows with the tables and with what is stocked."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._header = arena.allocate("cells-header", 8 * HEADER_WORDS).view(np.uint64)
        self._lock = SequenceLock(self._header[AT_LOCK : AT_LOCK + 1])
        self._used = np.ones(1, CELLS_USED)  # block 0 and cell 0 are none
        self._used["present"] = 0
        self._shelves: Rows = arena.allocate("cells-shelves", SHELF.itemsize * _MIN_SKUS).view(SHELF)
        self._blocks: Rows = arena.allocate("cells-blocks", BLOCK.itemsize * _MIN_CELLS).view(BLOCK)
        self._blocks["word"][0] = -1
        self._shown: Rows = arena.allocate("cells-units", CELL_SHOWN.itemsize * _MIN_CELLS).view(CELL_SHOWN)
        self._own: list[I64] = [zeros_aligned(_MIN_CELLS, np.int64) for _ in ACCOUNTS]
        self.nodes = 0
        self.aside = Aside()
        self._opened = 0  # times that cells were opened, whereby others may have moved
        self._tell_room()

    @property
    def units(self) -> Units:
        """The cells as kernels take them, until the next :meth:`open` or :meth:`reserve`."""
        return Units(self._shelves, self._blocks, *self._own)

    def __len__(self) -> int:
        """How many cells there are."""
        return int(self._used["present"][0])

    @property
    def skus(self) -> int:
        """SKUs that there is room for."""
        return len(self._shelves)

    # --- room ------------------------------------------------------------------------------------

    def reserve(self, skus: int, nodes: int) -> None:
        """Make room for the SKUs and nodes of tables; what the cells hold is kept."""
        self.nodes = max(self.nodes, nodes)
        if skus > self.skus:
            with self._lock:
                self._fit(skus, 0, 0)

    def open(self, sku: I32, node: I16) -> None:
        """Let cells be there: before units may come to them."""
        if not len(sku):
            return
        self.reserve(int(sku.max()) + 1, int(node.max()) + 1)
        if not closed(sku, node, self._shelves, self._blocks):
            return
        self._opened += 1
        order = np.lexsort((node, sku))
        sku, node = sku[order], node[order]
        with self._lock:
            while len(sku):
                opened = open_cells(sku, node, self.units, self._shown, self._used)
                sku, node = sku[opened:], node[opened:]
                words = 1 + int(np.count_nonzero(np.diff(sku) | np.diff(node >> 5)))
                used = self._used[0]
                self._fit(self.skus, int(used["blocks"]) + words + _SPARE, int(used["cells"]) + len(sku) + _SPARE)

    def open_ends(self, sku: I32, node: I16, to_node: I16) -> None:
        """The cells between which units move; ``to_node`` -1: they stay at ``node``."""
        goes = to_node >= 0
        self.open(np.concatenate([sku, sku[goes]]), np.concatenate([node, to_node[goes]]))

    def _fit(self, skus: int, blocks: int, cells: int) -> None:
        """Arrays for so many; what they hold is kept."""
        if skus > len(self._shelves):
            self._shelves = self._extended("cells-shelves", skus, SHELF)
        if blocks > len(self._blocks):
            self._blocks = self._extended("cells-blocks", blocks, BLOCK)
        if cells > len(self._own[0]):
            self._shown = self._extended("cells-units", cells, CELL_SHOWN)
            self._own = [with_room(units, len(self._shown)) for units in self._own]
        self._tell_room()

    def _tell_room(self) -> None:
        room = len(self._shelves), len(self._blocks), len(self._own[0])
        self._header[AT_SKUS], self._header[AT_BLOCKS], self._header[AT_CELLS] = room

    def _extended(self, name: str, count: int, dtype: np.dtype[Any]) -> Rows:
        return self._arena.extend(name, dtype.itemsize * (count + count // _MORE)).view(dtype)

    # --- readers ---------------------------------------------------------------------------------

    @property
    def lock(self) -> SequenceLock:
        """Held while anything is changed that readers see at once with the cells."""
        return self._lock

    def touched(self, sku: I32, node: I16) -> Touched:
        """The cells named, as they are now."""
        cell, values = np.empty(len(sku), np.int64), np.empty(len(sku), CELL_SHOWN)
        available, held, allocated = self._own[: len(SHOWN)]
        gather(sku, node, self._shelves, self._blocks, available, held, allocated, cell, values)
        return Touched(sku, node, cell, self._opened, values)

    def publish(self, touched: Touched | None, sequence: int) -> None:
        """Show readers what the record of ``sequence`` left; None shows every cell as it is now."""
        with self._lock:
            if touched is None:
                for account, units in zip(SHOWN, self._own, strict=False):
                    self._shown[account] = units
            else:
                is_where_it_was = touched.opened == self._opened
                lies = touched if is_where_it_was else self.touched(touched.sku, touched.node)
                publish(lies.cell, touched.values, self._shown)
            self._header[AT_SEQUENCE] = sequence + 1

    # --- one SKU, one account --------------------------------------------------------------------

    def available_of(self, sku: int) -> I64:
        """(nodes) units of a SKU that can be sold."""
        row = np.zeros(self.nodes, np.int64)
        spread(sku, self._shelves, self._blocks, self._own[0], row)
        return row

    def numbers_of(self, sku: I32, node: I16) -> tuple[I64, I64]:
        """What is available in open cells, and what they have received."""
        found = self.touched(sku, node)
        return found.values["available"], self._own[ACCOUNTS.index("received")][found.cell]

    def on_hand_of(self, sku: I32, node: I16) -> tuple[I64, I64]:
        """What lies in the building of open cells, and what they have received."""
        found = self.touched(sku, node)
        on_hand: I64 = sum((found.values[account] for account in SHOWN), np.zeros(len(sku), np.int64))
        return on_hand, self._own[ACCOUNTS.index("received")][found.cell]

    def put_available(self, sku: I32, node: I16, qty: I64) -> None:
        """Change what is available in open cells, and nothing else: for a while, until it is changed back."""
        put_available(sku, node, qty, self.units)

    def listed(self) -> Listed:
        return list_all(self._shelves, self._blocks, len(self))

    def units_of(self, account: str) -> dict[tuple[int, int], int]:
        """Units of an account by cell, by its name in lower case, where there are any."""
        if account not in ACCOUNTS:
            return self.aside.units_of(CellAccount[account.upper()])
        listed = self.listed()
        return _by_cell(listed, self._own[ACCOUNTS.index(account)][listed.cell])

    # --- the whole -------------------------------------------------------------------------------

    def broken(self) -> list[tuple[int, int]]:
        """Cells (SKU, node) whose accounts do not add up to what was received."""
        assert not any(units[0] for units in self._own), "units were put where no cell is"
        listed = self.listed()
        available, held, allocated, shipped, received = (units[listed.cell] for units in self._own)
        apart, aside = _by_cell(listed, received - (available + held + allocated + shipped)), self.aside.per_cell()
        return sorted(cell for cell in apart.keys() | aside.keys() if apart.get(cell, 0) != aside.get(cell, 0))

    def totals(self) -> dict[str, int]:
        """Units per account over all cells."""
        aside = {account.name.lower(): sum(self.aside.units_of(account).values()) for account in ASIDE}
        cells = self.listed().cell
        return {account: int(units[cells].sum()) for account, units in zip(ACCOUNTS, self._own, strict=True)} | aside

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """The cells that are not all zero, by SKU and node."""
        listed = self.listed()
        values = np.stack([units[listed.cell] for units in self._own], axis=1)
        used = values.any(axis=1)
        return {
            "cell_sku": listed.sku[used],
            "cell_node": listed.node[used],
            "cell_units": values[used],
            "aside": self.aside.dump(),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped; everything else is zero."""
        sku, node = (np.ascontiguousarray(arrays[name]) for name in ("cell_sku", "cell_node"))
        self.open(sku, node)
        for units in self._own:
            units[:] = 0
        self._blocks["stocked"] = 0
        self._shelves["only"]["stocked"] = 0
        listed = self.listed()
        at = np.searchsorted(cell_key(listed.sku, listed.node), cell_key(sku, node))
        for column, units in enumerate(self._own):
            units[listed.cell[at]] = arrays["cell_units"][:, column]
        self.put_available(sku, node, np.zeros(len(sku), np.int64))  # their stock bits
        if "aside" in arrays:  # checkpoints from before units lay aside have none
            self.aside.restore(arrays["aside"])


def _by_cell(listed: Listed, units: I64) -> dict[tuple[int, int], int]:
    """Units by cell where there are any."""
    some = np.flatnonzero(units)
    cells = zip(listed.sku[some].tolist(), listed.node[some].tolist(), strict=True)
    return dict(zip(cells, units[some].tolist(), strict=True))


def cell_key(sku: I32, node: I16) -> I64:
    """One number a cell, rising by SKU and node."""
    return sku.astype(np.int64) << 16 | node
