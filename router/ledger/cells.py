"""Cells: units per SKU and node, where there ever were any. The ledger's own arrays, and the copy readers map.

    received = available + held + allocated + shipped + what lies aside        for every cell, after every record

A cell is opened before a record may put units there (``open``); it never goes. What was never opened holds nothing and
takes no memory: a SKU without units costs 24 bytes, a stocked cell 70 to 110 (kernels/cells/open.py).

Readers see a cell only as the newest durable record left it: the ledger publishes what a record touched once that
record is on disk, under a sequence lock. Where a cell lies they see at once, but nothing in it. ``available`` may be
negative when outside truth says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.cells.open import closed, open_cells
from kernels.cells.put import put_available
from kernels.cells.show import list_cells, look_up, spread
from kernels.claim.publish import gather, publish
from kernels.layout import BLOCK, CELLS_USED, SHELF, Shown, Units
from router.arrow.arena import Arena, ArenaReader, BlockBusy, SequenceLock
from router.arrow.arrays import frozen, zeros_aligned
from router.ledger.aside import ASIDE, Aside
from router.life.states import CellAccount

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Rows = npt.NDArray[Any]

ACCOUNTS = ("available", "held", "allocated", "shipped", "received")
SHOWN = ("available", "held", "allocated")
_UNITS = np.dtype(np.int64)
_BLOCKS_SHOWN: dict[str, np.dtype[Any]] = {  # as in Shown
    "cells-shelves": SHELF, "cells-blocks": BLOCK, **{f"cells-{account}": _UNITS for account in SHOWN},
}  # fmt: skip
_HEADER_WORDS = 8
_LOCK, _SEQUENCE, _SKUS, _BLOCKS, _CELLS = range(5)  # words of the header; in _SEQUENCE it is one more, 0 = none
_READ_TRIES = 300  # a few milliseconds
_RETRY_MS = 20
_MIN_SKUS, _MIN_CELLS = 64, 1_024
_MORE = 8  # room for an eighth more than is needed: shared memory is real from the beginning
_NODES_MAX = 1 << 15  # that a cell's number of a node has room for
_SPARE = 512  # blocks or cells, more than a block that is added or widened ever takes


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


@dataclass(frozen=True)
class Touched:
    """Cells a record changed, and what it left in them."""

    sku: I32
    node: I16
    cell: I64  # where they lie, for as long as ``opened`` says
    opened: int
    values: I64  # (m, 3) available, held, allocated


class Cells:
    """The ledger's cells; grows with the tables and with what is stocked."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._header = arena.allocate("cells-header", 8 * _HEADER_WORDS).view(np.uint64)
        self._lock = SequenceLock(self._header[_LOCK : _LOCK + 1])
        self._used = np.ones(1, CELLS_USED)  # block 0 and cell 0 are none
        self._used["present"] = 0
        self._shelves: Rows = arena.allocate("cells-shelves", SHELF.itemsize * _MIN_SKUS).view(SHELF)
        self._blocks: Rows = arena.allocate("cells-blocks", BLOCK.itemsize * _MIN_CELLS).view(BLOCK)
        self._blocks["word"][0] = -1
        self._shown: list[I64] = [arena.allocate(f"cells-{a}", 8 * _MIN_CELLS).view(np.int64) for a in SHOWN]
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
                available, held, allocated = self._shown
                opened = open_cells(sku, node, self.units, available, held, allocated, self._used)
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
            self._shown = [self._extended(f"cells-{account}", cells, _UNITS) for account in SHOWN]
            self._own = [_longer(units, len(self._shown[0])) for units in self._own]
        self._tell_room()

    def _tell_room(self) -> None:
        room = len(self._shelves), len(self._blocks), len(self._own[0])
        self._header[_SKUS], self._header[_BLOCKS], self._header[_CELLS] = room

    def _extended(self, name: str, count: int, dtype: np.dtype[Any]) -> Rows:
        return self._arena.extend(name, dtype.itemsize * (count + count // _MORE)).view(dtype)

    # --- readers ---------------------------------------------------------------------------------

    def touched(self, sku: I32, node: I16) -> Touched:
        """The cells named, as they are now."""
        cell, values = np.empty(len(sku), np.int64), np.empty((len(sku), len(SHOWN)), np.int64)
        available, held, allocated = self._own[: len(SHOWN)]
        gather(sku, node, self._shelves, self._blocks, available, held, allocated, cell, values)
        return Touched(sku, node, cell, self._opened, values)

    def publish(self, touched: Touched | None, sequence: int) -> None:
        """Show readers what the record of ``sequence`` left; None shows every cell as it is now."""
        available, held, allocated = self._shown
        with self._lock:
            if touched is None:
                for shown, units in zip(self._shown, self._own, strict=False):
                    shown[:] = units
            else:
                is_where_it_was = touched.opened == self._opened
                lies = touched if is_where_it_was else self.touched(touched.sku, touched.node)
                publish(lies.cell, touched.values, available, held, allocated)
            self._header[_SEQUENCE] = sequence + 1

    # --- one SKU, one account --------------------------------------------------------------------

    def available_of(self, sku: int) -> I64:
        """(nodes) units of a SKU that can be sold."""
        row = np.zeros(self.nodes, np.int64)
        spread(sku, self._shelves, self._blocks, self._own[0], row)
        return row

    def received_in(self, sku: int, node: int) -> int:
        """What one open cell has received."""
        found = self.touched(np.array([sku], np.int32), np.array([node], np.int16))
        return int(self._own[ACCOUNTS.index("received")][found.cell[0]])

    def numbers_of(self, sku: I32, node: I16) -> tuple[I64, I64]:
        """What is available in open cells, and what they have received."""
        found = self.touched(sku, node)
        return found.values[:, 0], self._own[ACCOUNTS.index("received")][found.cell]

    def put_available(self, sku: I32, node: I16, qty: I64) -> None:
        """Change what is available in open cells, and nothing else: for a while, until it is changed back."""
        put_available(sku, node, qty, self.units)

    def listed(self) -> Listed:
        return _listed(self._shelves, self._blocks, len(self))

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


class CellsReader:
    """The published cells as other processes on this machine see them: whole durable records only."""

    def __init__(self, arena: ArenaReader) -> None:
        self._arena = arena
        self._version = -1
        self._header: npt.NDArray[np.uint64] = np.zeros(_HEADER_WORDS, np.uint64)
        self._shown: Shown | None = None

    def read(self, copy: Any) -> int:
        """Call ``copy(Shown)`` until it saw no change half made; returns the ledger sequence it saw. What it is shown
        may change while it runs, and lead nowhere; keep only what the last call made of it."""
        for _ in range(_READ_TRIES):
            if self._arena.version() != self._version and not self._map():
                break
            before = int(self._header[_LOCK])
            if before & 1 or int(self._header[_SEQUENCE]) == 0:
                continue
            copy(self._in_use())
            if int(self._header[_LOCK]) == before and self._arena.version() == self._version:
                return int(self._header[_SEQUENCE]) - 1
        raise BlockBusy("The ledger's cells are being written or recovered; ask again in a moment.", _RETRY_MS)

    def all_cells(self) -> ShownCells:
        """Every cell there is; raises BlockBusy as ``read`` does."""
        return self.cells_of(0, 1 << 31, _NODES_MAX)

    def cells_of(self, first: int, last: int, nodes: int) -> ShownCells:
        """Cells of the SKUs from ``first`` to before ``last`` at so many ``nodes``, as one record left them; raises
        BlockBusy as ``read`` does. A few hundred SKUs are read between two records, all of a large table are not."""
        kept: list[ShownCells] = []

        def copy(shown: Shown) -> None:
            shelves = shown.shelves[first:last]
            room = min(len(shown.available), len(shelves) * nodes)
            sku, node, cell = _listed(shelves, shown.blocks, room)
            available, held, allocated = (units.take(cell, mode="clip") for units in shown[2:])
            kept[:] = [ShownCells(sku + np.int32(first), node, available, held, allocated)]

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
        skus, blocks, cells = (int(self._header[word]) for word in (_SKUS, _BLOCKS, _CELLS))
        shown = self._shown
        return Shown(shown.shelves[:skus], shown.blocks[:blocks], *(units[:cells] for units in shown[2:]))

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


def _listed(shelves: Rows, blocks: Rows, count: int) -> Listed:
    """All cells of the shelves, of which there are ``count`` at most."""
    sku, node, cell = np.zeros(count, np.int32), np.zeros(count, np.int16), np.zeros(count, np.int64)
    count = list_cells(shelves, blocks, sku, node, cell)
    return Listed(sku[:count], node[:count], cell[:count])


def _by_cell(listed: Listed, units: I64) -> dict[tuple[int, int], int]:
    """Units by cell where there are any."""
    some = np.flatnonzero(units)
    cells = zip(listed.sku[some].tolist(), listed.node[some].tolist(), strict=True)
    return dict(zip(cells, units[some].tolist(), strict=True))


def _rows(block: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> Rows:
    """A block as whole rows; it may be longer than what its owner asked for."""
    return frozen(block[: len(block) // dtype.itemsize * dtype.itemsize].view(dtype))


def cell_key(sku: I32, node: I16) -> I64:
    """One number a cell, rising by SKU and node."""
    return sku.astype(np.int64) << 16 | node


def _longer(units: I64, room: int) -> I64:
    longer: I64 = zeros_aligned(room, np.int64)
    longer[: len(units)] = units
    return longer
