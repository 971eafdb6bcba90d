"""What the ledger remembers beside cells: customers, channels, promotion uses, windows, ship days, movement ids.

Tables grow between batches, never inside a kernel. A dump lists live entries in order of their keys, so that equal
facts give equal arrays whatever the layout of the hash tables is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import ledger_layout as layout
from kernels.windows import regrow_ever, regrow_recent
from router.config import Policy

Rows = npt.NDArray[Any]
Arrays = dict[str, npt.NDArray[Any]]
I64 = npt.NDArray[np.int64]

ENTRIES_MIN = 1_024
WINDOW_ENTRIES_MAX = 1 << 21  # of one generation; then the next begins early, so that memory stays bounded
EVER = ("customers", "coupon_uses", "channels", "movements")
WINDOWS = ("velocity", "baskets")  # velocity needs no table: a customer's entry holds it
VELOCITY, BASKETS = range(2)
_FIELDS = layout.ENTRY.names or ()


class Memory:
    """Everything countable but units."""

    def __init__(self, policy: Policy) -> None:
        self.counts = np.zeros(1, layout.COUNTS)
        self.ever = {name: np.zeros(ENTRIES_MIN, layout.ENTRY) for name in EVER}
        self.baskets: Rows = np.zeros((ENTRIES_MIN, 2), layout.ENTRY)
        self.windows = np.zeros(len(WINDOWS), layout.WINDOW)
        self.windows["window_ms"] = policy.velocity_window_ms, policy.duplicate_basket_window_ms
        self.windows["generation"] = 2  # 0 and 1 would make fresh entries look live
        self.windows["entries_max"] = WINDOW_ENTRIES_MAX
        self.capacity = np.zeros((0, layout.CAPACITY_DAYS), layout.NODE_DAY)
        self.uses: dict[int, int] = {}  # by promotion code

    def reserve(self, orders: int, candidates: int, movements: int, nodes: int) -> None:
        """Room for one more batch."""
        more = {"customers": orders, "coupon_uses": candidates, "channels": orders, "movements": movements}
        for name, extra in more.items():
            old = self.ever[name]
            room = _room(int(self.counts[name][0]) + extra)
            if room > len(old):
                self.ever[name] = np.zeros(room, layout.ENTRY)
                regrow_ever(old, self.ever[name])
        window = self.windows[BASKETS]
        room = _room(min(int(window["entries"]) + orders, WINDOW_ENTRIES_MAX))
        if room > len(self.baskets):
            old, self.baskets = self.baskets, np.zeros((room, 2), layout.ENTRY)
            regrow_recent(int(window["generation"]), old, self.baskets)
        if nodes > len(self.capacity):
            grown = np.zeros((nodes, layout.CAPACITY_DAYS), layout.NODE_DAY)
            grown[: len(self.capacity)] = self.capacity
            self.capacity = grown

    def uses_of(self, codes: I64) -> I64:
        """Uses so far of the promotions of one version."""
        return np.array([self.uses.get(code, 0) for code in codes.tolist()], np.int64)

    def set_uses(self, codes: I64, uses: I64) -> None:
        for code, count in zip(codes.tolist(), uses.tolist(), strict=True):
            if count:
                self.uses[code] = count

    def dump(self) -> Arrays:
        """Live entries in order of their keys: equal states give equal arrays."""
        return {
            name: _in_key_order(array) if name in EVER or name == "baskets" else array
            for name, array in self.snapshot().items()
        }

    def snapshot(self) -> Arrays:
        """The same entries in whatever order they stand; sorting millions would stop the ledger for seconds."""
        arrays: Arrays = {}
        for name in EVER:
            arrays[name] = _plain(self.ever[name][self.ever[name]["key"] != 0])
        generation = int(self.windows["generation"][BASKETS])
        halves = np.array([generation - (generation & 1), generation - (~generation & 1)])  # generation of each half
        arrays["baskets"] = _plain(self.baskets[self.baskets["tag"] == halves])
        arrays["windows"] = _numbers(self.windows)
        node, slot = np.nonzero(self.capacity["parcels"])
        days = self.capacity[node, slot]
        arrays["capacity"] = np.stack([node, days["day"], days["parcels"]], axis=1).astype(np.int64)
        arrays["uses"] = np.array(sorted(self.uses.items()), np.int64).reshape(-1, 2)
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Become what was dumped."""
        for name in EVER:
            self.ever[name] = _ever_table(arrays[name])
            self.counts[name] = len(arrays[name])
        for column, field in enumerate(layout.WINDOW.names or ()):
            self.windows[field] = arrays["windows"][:, column]
        self.baskets = _recent_table(arrays["baskets"])
        node, day, parcels = arrays["capacity"].T
        self.capacity = np.zeros((int(node.max(initial=-1)) + 1, layout.CAPACITY_DAYS), layout.NODE_DAY)
        slot = day % layout.CAPACITY_DAYS
        self.capacity["day"][node, slot], self.capacity["parcels"][node, slot] = day, parcels
        self.uses = {int(code): int(count) for code, count in arrays["uses"].tolist()}


def _room(entries: int) -> int:
    """Places for this many entries: a power of two, at most half full."""
    return max(ENTRIES_MIN, 1 << max(2 * entries - 1, 1).bit_length())


def _numbers(rows: Rows) -> I64:
    """Rows whose fields are all int64 as a plain array with one column a field."""
    return np.stack([rows[name] for name in rows.dtype.names or ()], axis=-1).astype(np.int64)


def _plain(entries: Rows) -> I64:
    """Entries as they lie in memory: four int64 each, one column a field."""
    return entries.view(np.int64).reshape(-1, len(_FIELDS))


def _in_key_order(numbers: I64) -> I64:
    key, tag = numbers[:, _FIELDS.index("key")], numbers[:, _FIELDS.index("tag")]
    return numbers[np.lexsort((key, tag))]


def _rows(numbers: I64) -> Rows:
    rows = np.zeros(len(numbers), layout.ENTRY)
    for column, field in enumerate(_FIELDS):
        rows[field] = numbers[:, column]
    return rows


def _ever_table(numbers: I64) -> Rows:
    table = np.zeros(_room(len(numbers)), layout.ENTRY)
    regrow_ever(_rows(numbers), table)
    return table


def _recent_table(numbers: I64) -> Rows:
    """Entries of the newest generation and of the one before it, each in the half its number says."""
    rows = _rows(numbers)
    newest = int(rows["tag"].max(initial=2))
    table = np.zeros((_room(len(rows)), 2), layout.ENTRY)
    for generation in (newest - 1, newest):
        part = rows[rows["tag"] == generation]
        halves = np.zeros((len(part), 2), layout.ENTRY)
        halves[:, generation & 1] = part
        regrow_recent(generation, halves, table)
    return table
