"""Who waits for units: order lines that found none, by order, by SKU, and in the order in which they are served.

    join, withdraw    on the path of orders and events, in kernels
    bar, lift         nodes that a line is given nothing from: for good where one refused it, where its units were not
                      found until somebody received or counted that SKU there
    queue             the claims that a SKU can help, sorted when somebody asks; claims that came since are merged in

A claim that left may still stand in a queue: its place in the pool has another arrival then, or none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import layout
from kernels.claim import wait as kernels
from kernels.layout import WaitingRows
from router.arrow.arrays import with_room, zeros_aligned
from router.ledger.batch import Claims
from router.ledger.cells import cell_key
from router.ledger.entries import EverTable
from router.ledger.moves import Bars, Withdrawals, bars_of
from router.ledger.tables import LedgerTables

Rows = npt.NDArray[Any]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_LIFTED = -1  # node of a bar that counts no more
_NO_NUMBERS = np.zeros(0, np.int32)
_LEFT_MIN = 64  # claims that left and still stand in a queue before it is worth cleaning
_ROOM_MIN = 1 << 16  # claims whose memory is not given free, however few wait
_EXPECTED = 1 << 20  # claims that get room at once: memory that is not used yet costs address space only
# What is kept of a claim in a dump; which place it has in the pool is of no interest.
_KEPT = (
    "order", "placed_at_ms", "sku", "line", "qty", "priority", "zone", "channel_index", "service", "accepted_ms",
    "node",
)  # fmt: skip
_RANK = ("placed_at_ms", "accepted_ms", "order", "arrival")  # who is served first; after priority, where that counts


@dataclass
class Queue:
    """Claims in the order of being served."""

    entries: Rows = field(default_factory=lambda: np.zeros(0, layout.QUEUED))
    arrival: int = 0  # every claim before it was looked at


class Waiting:
    """The claims that wait."""

    def __init__(self) -> None:
        self._by_priority = False
        self._clear()

    def _clear(self) -> None:
        self._claims: Rows = zeros_aligned(_LEFT_MIN, layout.WAITING)
        self._barred: Rows = zeros_aligned(_LEFT_MIN, layout.BARRED)
        self._skus: Rows = _no_claims(0)
        self._index = EverTable(entries_expected=_EXPECTED)
        self._counts = np.zeros(1, layout.WAITING_COUNTS)
        self._counts["free"] = self._counts["barred_free"] = -1
        self._queues: dict[int, Queue] = {}
        self._part: npt.NDArray[Any] = np.zeros(0, np.int32)  # of bundles, in order,
        self._bundle: npt.NDArray[Any] = np.zeros(0, np.int64)  # and the bundle that has it
        self._tables_version = -1

    def __len__(self) -> int:
        return int(self._counts["claims"][0])

    @property
    def units(self) -> int:
        """Units that all of them wait for."""
        return int(self.lines()["qty"].sum())

    def lines(self) -> Rows:
        """WAITING rows of all of them, in no order."""
        used = self._claims[: int(self._counts["places"][0])]
        return used[used["arrival"] >= 0]

    @property
    def lines_max(self) -> int:
        """Lines of one order that may wait, at most."""
        return int(self._counts["lines_max"][0])

    @property
    def rows(self) -> WaitingRows:
        """The claims as kernels take them, until the next ``join`` or ``restore``."""
        return WaitingRows(self._claims, self._skus, self._index.entries, self._barred, self._counts)

    # --- coming and going ------------------------------------------------------------------------

    def join(
        self, claims: Claims, backordered: I32, reference: int, other_channel: int, accepted_ms: int,
        line: I32 = _NO_NUMBERS,
    ) -> None:  # fmt: skip
        """Let orders wait for what their lines lack. ``line``: numbers of the lines, empty = by their place;
        ``accepted_ms``: when the router accepted the orders, 0 = not known."""
        lacking = int(np.count_nonzero(backordered))
        if not lacking:
            return
        skus = int(claims.asked.line_sku.max(initial=-1)) + 1
        self._reserve(lacking, min(lacking, len(claims.rows)), skus)
        kernels.join(reference, other_channel, accepted_ms, claims.asked, claims.priority, line, backordered, self.rows)

    def withdraw(self, given_up: Withdrawals) -> I32:
        """Let lines give up waiting; returns the units that each did not wait for."""
        rest = np.zeros(len(given_up.order), np.int32)
        kernels.withdraw(given_up.order, given_up.line, given_up.qty, self.rows, rest)
        self._shrink()
        return rest

    def bar(self, order: int, bars: Bars) -> None:
        """Give the lines of an order that wait nothing from some nodes from now on."""
        if not len(bars.line) or not len(self):
            return
        self._barred = _fitted(self._barred, int(self._counts["barred_places"][0]) + len(bars.line))
        kernels.bar(order, bars.line, bars.sku, bars.node, self.rows)

    def lift(self, sku: npt.NDArray[Any], node: npt.NDArray[Any]) -> list[int]:
        """Somebody laid units into cells or counted them: what was not found there may be. The SKUs that claims may be
        given again from there, in order."""
        used = self._barred[: int(self._counts["barred_places"][0])]
        if not len(used) or not len(sku):
            return []
        found = np.isin(cell_key(used["sku"], used["node"]), cell_key(sku, node)) & (used["node"] >= 0)
        lifted: list[int] = np.unique(used["sku"][found]).tolist()
        used["node"][found] = _LIFTED
        return lifted

    def _reserve(self, claims: int, orders: int, skus: int) -> None:
        counts = self._counts[0]
        self._index.reserve(int(counts["orders"]) + orders)
        places = int(counts["places"]) + claims
        if places > len(self._claims):
            self._claims = _fitted(self._claims, max(places, _EXPECTED))
        if skus > len(self._skus):
            larger = _no_claims(max(skus, 2 * len(self._skus)))
            larger[: len(self._skus)] = self._skus
            self._skus = larger

    def _shrink(self) -> None:
        """Memory is bounded by what waits."""
        bound = 4 * max(len(self), _ROOM_MIN)
        if int(self._counts["places"][0]) > bound:
            self.restore(self.dump(), self.dump_barred())
        elif sum(len(queue.entries) for queue in self._queues.values()) > bound:
            self._queues.clear()

    # --- being served ----------------------------------------------------------------------------

    def wanted(self, skus: npt.NDArray[Any], tables: LedgerTables) -> list[int]:
        """Of some SKUs those that a claim waits for, itself or in a bundle; each once, in order."""
        if not len(self):
            return []
        self._know(tables)
        found = np.unique(skus)
        waits = self._waiting_for(found) > 0
        waits |= np.isin(found, self._part[self._waiting_for(self._bundle) > 0])
        return [int(sku) for sku in found[waits]]

    def queue(self, sku: int, tables: LedgerTables) -> Rows:
        """The claims that units of a SKU may help, first to be served first."""
        self._know(tables)
        members = [sku, *self._bundle[slice(*np.searchsorted(self._part, (sku, sku + 1)))].tolist()]
        queue = self._queues.setdefault(sku, Queue())
        more = np.concatenate([self._fresh(member, queue.arrival) for member in members])
        queue.arrival = int(self._counts["arrivals"][0])
        waiting = int(self._waiting_for(np.array(members)).sum())
        if len(queue.entries) + len(more) > 2 * waiting + _LEFT_MIN:
            queue.entries = queue.entries[self._still_waits(queue.entries)]
        if len(more):
            queue.entries = self._merged(queue.entries, more)
        return queue.entries

    def served(self, sku: int, last: int) -> None:
        """Claims of a queue up to ``last`` were served as far as there was something for them; drop those that left
        from its beginning."""
        queue = self._queues[sku]
        stay = np.flatnonzero(self._still_waits(queue.entries[:last]))
        queue.entries = queue.entries[int(stay[0]) if len(stay) else last :]
        if not len(queue.entries):
            del self._queues[sku]
        self._shrink()

    def _know(self, tables: LedgerTables) -> None:
        """Which bundle consists of what by the newest tables; queues stand on it."""
        if self._tables_version != tables.version:
            entries, components = tables.rows.skus, tables.rows.components
            owner = np.repeat(np.arange(len(entries)), entries["last"] - entries["first"])
            by_part = np.argsort(components["sku"], kind="stable")
            self._part, self._bundle = components["sku"][by_part], owner[by_part]
            self._by_priority = tables.policy.grant_order == "priority"
            self._tables_version = tables.version
            self._queues.clear()

    def _waiting_for(self, skus: npt.NDArray[Any]) -> I64:
        """Claims that name each SKU."""
        known = skus < len(self._skus)
        counts = np.zeros(len(skus), np.int64)
        counts[known] = self._skus["claims"][skus[known]]
        return counts

    def _fresh(self, sku: int, arrival: int) -> Rows:
        """Claims of a SKU that came since, as they came."""
        if sku >= len(self._skus) or self._skus["newest"][sku] < 0:
            return np.zeros(0, layout.QUEUED)
        rows = np.zeros(int(self._skus["claims"][sku]), layout.QUEUED)
        count = kernels.fresh(sku, arrival, int(self._by_priority), self.rows, rows)
        return rows[len(rows) - count :]

    def _still_waits(self, entries: Rows) -> npt.NDArray[np.bool_]:
        waits: npt.NDArray[np.bool_] = self._claims["arrival"][entries["slot"]] == entries["arrival"]
        return waits

    def _merged(self, entries: Rows, more: Rows) -> Rows:
        """A queue with claims that came since. By priority, if at all, then by when the order was placed, then by
        when the router accepted it; whoever waits again stands where it stood."""
        rank = (*(more[name] for name in reversed(_RANK)), -more["priority"].astype(np.int64))
        if not _in_order(rank):
            more = more[np.lexsort(rank)]
        if not len(entries) or _before(entries[-1], more[0]):
            return np.concatenate([entries, more])
        merged = np.zeros(len(entries) + len(more), layout.QUEUED)
        kernels.merge(np.ascontiguousarray(entries), np.ascontiguousarray(more), merged)
        return merged

    # --- state -----------------------------------------------------------------------------------

    def dump(self) -> I64:
        """(k, 11) the claims as they came."""
        slots = self._slots()
        return np.stack([self._claims[name][slots].astype(np.int64) for name in _KEPT], axis=1)

    def dump_barred(self) -> I64:
        """(b, 4) order, line, node and SKU of what claims are barred from, in order."""
        slots = self._slots()
        found: list[tuple[int, ...]] = []
        for claim in self._claims[slots[self._claims["barred"][slots] >= 0]]:
            at = int(claim["barred"])
            while at >= 0:
                bar = self._barred[at]
                if bar["node"] != _LIFTED:
                    found.append((int(claim["order"]), int(claim["line"]), int(bar["node"]), int(bar["sku"])))
                at = int(bar["after"])
        return np.array(sorted(found), np.int64).reshape(-1, 4)

    def _slots(self) -> I64:
        """Places of the claims in the order they came."""
        arrival = self._claims["arrival"][: int(self._counts["places"][0])]
        slots = np.flatnonzero(arrival >= 0)
        return slots[np.argsort(arrival[slots], kind="stable")]

    def restore(self, kept: I64, barred: I64) -> None:
        """Become what was dumped."""
        rows = np.zeros(len(kept), layout.WAITING)
        for column, name in enumerate(_KEPT):
            rows[name] = kept[:, column]
        self._clear()
        self._reserve(len(rows), len(rows), int(rows["sku"].max(initial=-1)) + 1)
        kernels.enter(rows, self.rows)
        for order, line, node, sku in barred.tolist():
            self.bar(order, bars_of([(line, node, sku)]))


def _no_claims(skus: int) -> Rows:
    rows = np.zeros(skus, layout.WAITING_SKU)
    rows["newest"] = -1
    return rows


def _fitted(rows: Rows, places: int) -> Rows:
    """The same rows, or a copy with room for more."""
    if places <= len(rows):
        return rows
    return with_room(rows, max(places, 2 * len(rows)))


def _in_order(rank: tuple[Rows, ...]) -> bool:
    """Whether rows are sorted by the last key, then the one before it, and so on; a quick look at most runs."""
    arrival, order, accepted_ms, placed_at_ms, priority = (np.diff(key) for key in rank)
    is_later = (placed_at_ms > 0) | ((placed_at_ms == 0) & (accepted_ms >= 0) & (order >= 0))
    return bool((priority == 0).all() and is_later.all() and (arrival > 0).all())


def _before(one: Any, other: Any) -> bool:
    def key(entry: Any) -> tuple[int, ...]:
        return -int(entry["priority"]), *(int(entry[name]) for name in _RANK)

    return key(one) < key(other)
