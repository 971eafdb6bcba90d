"""Cells: units per SKU and node. The ledger's own arrays, and the copy readers map.

    received = available + held + allocated + shipped + what lies aside        for every cell, after every record

Readers see a cell only as the newest durable record left it: the ledger publishes what a record touched once
that record is on disk, under a sequence lock. ``available`` may be negative when outside truth says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.claim.publish import gather, publish
from kernels.layout import Units
from router.arrow.arena import Arena, ArenaReader, BlockBusy, SequenceLock
from router.arrow.arrays import zeros_aligned
from router.ledger.aside import ASIDE, Aside
from router.ledger.tables import NODE_BITS
from router.life.states import CellAccount

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ACCOUNTS = ("available", "held", "allocated", "shipped", "received")
SHOWN = ("available", "held", "allocated")
_HEADER_WORDS = 8
_LOCK, _SEQUENCE, _SKUS, _NODES = range(4)  # words of the header; _SEQUENCE is one more than the sequence, 0 = none
_READ_TRIES = 300  # a few milliseconds
_RETRY_MS = 20
_MIN_SKUS, _MIN_NODES = 64, 8


@dataclass(frozen=True)
class Touched:
    """Cells a record changed, and what it left in them."""

    sku: I32
    node: I16
    values: I64  # (m, 3) available, held, allocated


class Cells:
    """The ledger's cells; grows with the tables, always (S, N) and a power of two each way."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._header = arena.allocate("cells-header", 8 * _HEADER_WORDS).view(np.uint64)
        self._lock = SequenceLock(self._header[_LOCK : _LOCK + 1])
        self._shown: dict[str, I64] = {}
        self.available = self.held = self.allocated = self.shipped = self.received = np.zeros((0, 0), np.int64)
        self.stocked = np.zeros((0, 1), np.int64)  # node words: available > 0
        self.aside = Aside()
        self.reserve(_MIN_SKUS, _MIN_NODES)

    @property
    def units(self) -> Units:
        """The cells as kernels take them, until the next :meth:`reserve`."""
        return Units(self.available, self.held, self.allocated, self.shipped, self.received, self.stocked)

    @property
    def shape(self) -> tuple[int, int]:
        """Room for (SKUs, nodes)."""
        return self.available.shape[0], self.available.shape[1]

    def reserve(self, skus: int, nodes: int) -> None:
        """Make room; what the cells hold is kept."""
        room = (_power_of_two(max(skus, self.shape[0])), _power_of_two(max(nodes, self.shape[1])))
        if room == self.shape:
            return
        for account in ACCOUNTS:
            setattr(self, account, _grown(getattr(self, account), zeros_aligned(room, np.int64)))
        self.stocked = _grown(self.stocked, np.zeros((room[0], -(-room[1] // NODE_BITS)), np.int64))
        self._lock.begin_write()
        for account in SHOWN:
            block = self._arena.allocate(f"cells-{account}", 8 * room[0] * room[1]).view(np.int64).reshape(room)
            self._shown[account] = _grown(self._shown.get(account, np.zeros((0, 0), np.int64)), block)
        self._header[_SKUS], self._header[_NODES] = room
        self._lock.end_write()

    def touched(self, sku: I32, node: I16) -> Touched:
        """The cells named, as they are now."""
        values = np.empty((len(sku), len(SHOWN)), np.int64)
        gather(sku, node, self.available, self.held, self.allocated, values)
        return Touched(sku, node, values)

    def publish(self, touched: Touched | None, sequence: int) -> None:
        """Show readers what the record of ``sequence`` left; None shows every cell as it is now."""
        self._lock.begin_write()
        if touched is None:
            for account in SHOWN:
                self._shown[account][:] = getattr(self, account)
        else:
            publish(touched.sku, touched.node, touched.values, *(self._shown[account] for account in SHOWN))
        self._header[_SEQUENCE] = sequence + 1
        self._lock.end_write()

    def broken(self) -> list[tuple[int, int]]:
        """Cells (SKU, node) whose accounts do not add up to what was received."""
        apart = self.received - (self.available + self.held + self.allocated + self.shipped)
        for cell, units in self.aside.per_cell().items():
            apart[cell] -= units
        return [(int(sku), int(node)) for sku, node in zip(*np.nonzero(apart), strict=True)]

    def units_of(self, account: str) -> dict[tuple[int, int], int]:
        """Units of an account by cell, by its name in lower case, where there are any."""
        if account not in ACCOUNTS:
            return self.aside.units_of(CellAccount[account.upper()])
        units = getattr(self, account)
        cells = zip(*(where.tolist() for where in np.nonzero(units)), strict=True)
        return {(sku, node): int(units[sku, node]) for sku, node in cells}

    def totals(self) -> dict[str, int]:
        """Units per account over all cells."""
        aside = {account.name.lower(): sum(self.aside.units_of(account).values()) for account in ASIDE}
        return {account: int(getattr(self, account).sum()) for account in ACCOUNTS} | aside

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """The cells that are not all zero, by SKU and node."""
        used = np.zeros(self.shape, np.bool_)
        for account in ACCOUNTS:
            used |= getattr(self, account) != 0
        sku, node = np.nonzero(used)
        values = np.stack([getattr(self, account)[sku, node] for account in ACCOUNTS], axis=1)
        return {
            "cell_sku": sku.astype(np.int32),
            "cell_node": node.astype(np.int16),
            "cell_units": values,
            "aside": self.aside.dump(),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped; everything else is zero."""
        sku, node = arrays["cell_sku"], arrays["cell_node"]
        self.reserve(int(sku.max(initial=-1)) + 1, int(node.max(initial=-1)) + 1)
        for column, account in enumerate(ACCOUNTS):
            getattr(self, account)[:] = 0
            getattr(self, account)[sku, node] = arrays["cell_units"][:, column]
        self.mark_stock(np.arange(self.shape[0]))
        if "aside" in arrays:  # checkpoints from before units lay aside have none
            self.aside.restore(arrays["aside"])

    def mark_stock(self, skus: npt.NDArray[Any]) -> None:
        """Derive the node words of SKUs from what is available."""
        self.stocked[skus] = 0
        for node in range(self.shape[1]):
            there = (self.available[skus, node] > 0).astype(np.int64)
            self.stocked[skus, node // NODE_BITS] |= there << (node % NODE_BITS)


class CellsReader:
    """The published cells as other processes on this machine see them: whole durable records only."""

    def __init__(self, arena: ArenaReader) -> None:
        self._arena = arena
        self._version = -1
        self._header: npt.NDArray[np.uint64] = np.zeros(_HEADER_WORDS, np.uint64)
        self._blocks: dict[str, I64] = {}

    def read(self, copy: Any) -> int:
        """Call ``copy(available, held, allocated)`` on (S, N) arrays until it saw no change half made; returns the
        ledger sequence it saw. The arrays may change while it runs; keep only what the last call made of them."""
        for _ in range(_READ_TRIES):
            shown = self._mapped()
            if shown is None:
                break
            before = int(self._header[_LOCK])
            if before & 1 or int(self._header[_SEQUENCE]) == 0:
                continue
            copy(*shown)
            if int(self._header[_LOCK]) == before and self._arena.version() == self._version:
                return int(self._header[_SEQUENCE]) - 1
        raise BlockBusy("The ledger's cells are being written or recovered; ask again in a moment.", _RETRY_MS)

    def _mapped(self) -> list[I64] | None:
        """The newest blocks in their shape, or None while not all of them are there or they do not fit together."""
        if self._arena.version() != self._version and not self._map():
            return None
        room = int(self._header[_SKUS]), int(self._header[_NODES])
        if any(block.size < room[0] * room[1] for block in self._blocks.values()):
            self._version = -1
            return None
        return [self._blocks[account][: room[0] * room[1]].reshape(room) for account in SHOWN]

    def _map(self) -> bool:
        version = self._arena.version()
        header = self._arena.view("cells-header")
        blocks = {account: self._arena.view(f"cells-{account}") for account in SHOWN}
        if header is None or any(block is None for block in blocks.values()):
            return False
        self._header = header.view(np.uint64)
        self._blocks = {account: block.view(np.int64) for account, block in blocks.items() if block is not None}
        self._version = version
        return True


def _power_of_two(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()


def _grown(old: I64, new: I64) -> I64:
    """``new`` with what ``old`` held in its corner."""
    new[: old.shape[0], : old.shape[1]] = old
    return new
