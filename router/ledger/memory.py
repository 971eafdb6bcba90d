"""What the ledger remembers beside cells: customers, channels, promotion uses, windows, ship days, movement ids.

Tables grow between batches, in small steps, never inside a kernel that decides. A dump lists live entries in order of
their keys, so that equal facts give equal arrays whatever the layout of the hash tables is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import layout
from kernels.layout import Counted
from router.config import Policy
from router.ledger.entries import EMPTY, EverTable, Rows, WindowTable, rows_of

Arrays = dict[str, npt.NDArray[Any]]
I64 = npt.NDArray[np.int64]

WINDOW_ENTRIES_MAX = 1 << 21  # of one generation; then the next begins early, so that memory stays bounded
EVER = ("customers", "coupon_uses", "channels", "movements")
WINDOWS = ("velocity", "baskets")  # velocity needs no table: a customer's entry holds it
VELOCITY, BASKETS = range(2)
_FIELDS = layout.ENTRY.names or ()
_WINDOW_MS = (layout.WINDOW.names or ()).index("window_ms")


class Memory:
    """Everything countable but units."""

    def __init__(self, policy: Policy) -> None:
        self.counts = np.zeros(1, layout.COUNTS)
        self._ever = {name: EverTable() for name in EVER}
        self._baskets = WindowTable(WINDOW_ENTRIES_MAX)
        self.windows = np.zeros(len(WINDOWS), layout.WINDOW)
        self.use_windows(policy.velocity_window_ms, policy.duplicate_basket_window_ms)
        self.windows["generation"] = EMPTY
        self.windows["entries_max"] = WINDOW_ENTRIES_MAX
        self.capacity = np.zeros((0, layout.CAPACITY_DAYS), layout.NODE_DAY)
        self.uses: dict[int, int] = {}  # by promotion code

    def use_windows(self, velocity_ms: int, baskets_ms: int) -> None:
        """How long what happened counts as recent, from now on."""
        self.windows["window_ms"] = velocity_ms, baskets_ms

    def reserve(self, orders: int, candidates: int, movements: int, nodes: int) -> None:
        """Room for one more batch."""
        more = {"customers": orders, "coupon_uses": candidates, "channels": orders, "movements": movements}
        for name, extra in more.items():
            self._ever[name].reserve(int(self.counts[name][0]) + extra)
        window = self.windows[BASKETS]
        entries = min(int(window["entries"]) + orders, WINDOW_ENTRIES_MAX)
        self._baskets.reserve(entries, int(window["generation"]))
        if nodes > len(self.capacity):
            grown = np.zeros((nodes, layout.CAPACITY_DAYS), layout.NODE_DAY)
            grown[: len(self.capacity)] = self.capacity
            self.capacity = grown

    def counted(self, codes: I64, *, rotates: bool = True) -> Counted:
        """Everything as kernels take it, until the next :meth:`reserve`; with the uses of one version's promotions.

        A kernel that only looks gets windows of its own, because they begin a new generation when it is time.
        """
        return Counted(
            self.counts, self.ever("customers"), self.ever("coupon_uses"), self.ever("channels"),
            self.windows if rotates else self.windows.copy(), self._baskets.slots, self._baskets.rows, self.capacity,
            self.uses_of(codes),
        )  # fmt: skip

    def ever(self, name: str) -> Rows:
        """The table of that name as kernels take it, until the next :meth:`reserve`."""
        return self._ever[name].entries

    def uses_of(self, codes: I64) -> I64:
        """Uses so far of the promotions of one version."""
        return np.array([self.uses.get(code, 0) for code in codes.tolist()], np.int64)

    def set_uses(self, codes: I64, uses: I64) -> None:
        for code, count in zip(codes.tolist(), uses.tolist(), strict=True):
            if count:
                self.uses[code] = count

    def take_back_uses(self, codes: I64) -> None:
        """One use less of each promotion named."""
        for code, count in zip(*(array.tolist() for array in np.unique(codes, return_counts=True)), strict=True):
            left = self.uses.get(code, 0) - count
            assert left >= 0, "more uses of a promotion are given back than were granted"
            if left:
                self.uses[code] = left
            else:
                self.uses.pop(code, None)

    def take_days(self, parcels: Rows) -> None:
        """Count parcels (PARCEL_OUT) on the ship days of their nodes; a day that had the place before is long past."""
        for node, day in zip(parcels["node"].tolist(), parcels["ship_day"].tolist(), strict=True):
            entry = self.capacity[node, day % layout.CAPACITY_DAYS]
            if entry["day"] != day:
                entry["day"], entry["parcels"] = day, 0
            entry["parcels"] += 1

    def free_day(self, node: int, day: int) -> None:
        """Give one parcel of a node's ship day back, if that day is still counted."""
        entry = self.capacity[node, day % layout.CAPACITY_DAYS]
        if entry["day"] == day and entry["parcels"] > 0:
            entry["parcels"] -= 1

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
            arrays[name] = _plain(self._ever[name].live())
        arrays["baskets"] = _plain(self._baskets.live(int(self.windows["generation"][BASKETS])))
        arrays["windows"] = _numbers(self.windows)
        # Before the first decision their lengths are no facts, but what an owner was started with.
        arrays["windows"][self.windows["generation"] == EMPTY, _WINDOW_MS] = 0
        node, slot = np.nonzero(self.capacity["parcels"])
        days = self.capacity[node, slot]
        arrays["capacity"] = np.stack([node, days["day"], days["parcels"]], axis=1).astype(np.int64)
        arrays["uses"] = np.array(sorted(self.uses.items()), np.int64).reshape(-1, 2)
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Become what was dumped."""
        for name in EVER:
            self._ever[name] = EverTable(rows_of(arrays[name]))
            self.counts[name] = len(arrays[name])
        for column, field in enumerate(layout.WINDOW.names or ()):
            self.windows[field] = arrays["windows"][:, column]
        self._baskets = WindowTable(WINDOW_ENTRIES_MAX, rows_of(arrays["baskets"]))
        node, day, parcels = arrays["capacity"].T
        self.capacity = np.zeros((int(node.max(initial=-1)) + 1, layout.CAPACITY_DAYS), layout.NODE_DAY)
        slot = day % layout.CAPACITY_DAYS
        self.capacity["day"][node, slot], self.capacity["parcels"][node, slot] = day, parcels
        self.uses = {int(code): int(count) for code, count in arrays["uses"].tolist()}


def _numbers(rows: Rows) -> I64:
    """Rows whose fields are all int64 as a plain array with one column a field."""
    return np.stack([rows[name] for name in rows.dtype.names or ()], axis=-1).astype(np.int64)


def _plain(entries: Rows) -> I64:
    """Entries as they lie in memory: four int64 each, one column a field."""
    return entries.view(np.int64).reshape(-1, len(_FIELDS))


def _in_key_order(numbers: I64) -> I64:
    key, tag = numbers[:, _FIELDS.index("key")], numbers[:, _FIELDS.index("tag")]
    return numbers[np.lexsort((key, tag))]
