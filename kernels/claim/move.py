"""Move: units from one account of a cell to another, and units that come from or go to the outside.

    lifecycle   confirm held > allocated    release held > available
                cancel  allocated > available    ship allocated > shipped
    stock       receipt, damage, transfer, count: available and received change together

so that received = available + held + allocated + shipped holds before and after every row.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I8, IN_I16, IN_I32, IN_I64, OUT_I8, OUT_I64_2D, OUT_U8, kernel, rule
from kernels.claim.windows import find_ever, segments_of
from kernels.layout import IO_CAPACITY, IO_COUNTS, IO_ENTRIES

Array = npt.NDArray[Any]

CONFIRM, RELEASE, CANCEL, SHIP = 0, 1, 2, 3
RECEIPT, COUNT, DAMAGE, TRANSFER = 0, 1, 2, 3
APPLIED, REPEATED, SHORT = 0, 1, 2


@rule
def mark_stock(sku: int, node: int, available: Array, stocked: Array) -> None:
    """Set or clear the node's stock bit after available changed."""
    bit = 1 << (node & 31)
    if available[sku, node] > 0:
        stocked[sku, node >> 5] |= bit
    else:
        stocked[sku, node >> 5] &= ~bit


@rule
def free_day(node: int, day: int, capacity: Array) -> None:
    """Give one parcel of a node's ship day back, if that day is still counted."""
    entry = capacity[node, day % capacity.shape[1]]
    if entry.day == day and entry.parcels > 0:
        entry.parcels -= 1


@kernel(
    I64, IN_I8, IN_I32, IN_I16, IN_I64, IN_I32, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D,
    IO_CAPACITY, OUT_U8,
)  # fmt: skip
def move(
    kind: Array, sku: Array, node: Array, qty: Array, ship_day: Array, available: Array, held: Array,
    allocated: Array, shipped: Array, stocked: Array, capacity: Array, refused: Array,
) -> int:  # fmt: skip
    """Apply m rows in order; returns how many were refused.

    kind      (m) i8    CONFIRM, RELEASE, CANCEL, SHIP                                   IN
    sku, node (m)       i32, i16 the cell                                                IN
    qty       (m) i64   units, not negative                                              IN
    ship_day  (m) i32   a parcel of this day of the node is given back, -1 none          IN
    available, held, allocated, shipped (S, N) i64 units                                 INOUT
    stocked   (S, W) i64 node words: available > 0                                       INOUT
    capacity  (N, CAPACITY_DAYS) NODE_DAY                                                INOUT
    refused   (m) u8    1 = the account holds fewer units; the row changed nothing       OUT

    Afterwards the sum of the four accounts of every cell is what it was. Cost: m steps.
    """
    count = 0
    for row in range(kind.shape[0]):
        s, n, units = sku[row], node[row], qty[row]
        source = held if kind[row] == CONFIRM or kind[row] == RELEASE else allocated
        refused[row] = 0
        if source[s, n] < units:
            refused[row] = 1
            count += 1
            continue
        source[s, n] -= units
        if kind[row] == CONFIRM:
            allocated[s, n] += units
        elif kind[row] == SHIP:
            shipped[s, n] += units
        else:
            available[s, n] += units
            mark_stock(s, n, available, stocked)
        if ship_day[row] >= 0:
            free_day(n, ship_day[row], capacity)
    return count


@rule
def change(sku: int, node: int, units: int, available: Array, received: Array, stocked: Array) -> None:
    """Units that came from outside, or left it when negative."""
    available[sku, node] += units
    received[sku, node] += units
    mark_stock(sku, node, available, stocked)


@kernel(
    I64, IN_I64, IN_I64, IN_I8, IN_I32, IN_I16, IN_I16, IN_I64, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D,
    OUT_I64_2D, IO_COUNTS, IO_ENTRIES, OUT_I8,
)  # fmt: skip
def stock(
    key: Array, key_hi: Array, kind: Array, sku: Array, node: Array, to_node: Array, qty: Array, available: Array,
    held: Array, allocated: Array, received: Array, stocked: Array, counts: Array, movements: Array, result: Array,
) -> int:  # fmt: skip
    """Apply m movements in order, each id once; returns how many were applied.

    key, key_hi (m) i64  hash of the movement's id, key not 0                            IN
    kind      (m) i8    RECEIPT, COUNT (units in the building), DAMAGE, TRANSFER         IN
    sku, node (m)       i32, i16 the cell                                                IN
    to_node   (m) i16   of a transfer, else -1                                           IN
    qty       (m) i64   units, not negative                                              IN
    available, held, allocated, received (S, N) i64 units                                INOUT
    stocked   (S, W) i64 node words: available > 0                                       INOUT
    counts    (1) COUNTS, movements (.) ENTRY: ids applied so far                        INOUT
    result    (m) i8    APPLIED, REPEATED (id known), SHORT (fewer units available)      OUT

    A count is the truth: what is held or allocated beyond it makes available negative. A SHORT movement changes
    nothing and its id stays free. Afterwards received less available of a cell is what it was. Cost: m steps.
    """
    count = 0
    for row in range(key.shape[0]):
        s, n, units = sku[row], node[row], qty[row]
        entry = movements[find_ever(key[row], key_hi[row], segments_of(movements), movements)]
        if entry.key != 0:
            result[row] = REPEATED
            continue
        leaves = kind[row] == DAMAGE or kind[row] == TRANSFER
        if leaves and available[s, n] < units:
            result[row] = SHORT
            continue
        if kind[row] == RECEIPT:
            change(s, n, units, available, received, stocked)
        elif kind[row] == COUNT:
            on_hand = available[s, n] + held[s, n] + allocated[s, n]
            change(s, n, units - on_hand, available, received, stocked)
        else:
            change(s, n, -units, available, received, stocked)
        if kind[row] == TRANSFER:
            change(s, to_node[row], units, available, received, stocked)
        entry.key, entry.tag = key[row], key_hi[row]
        counts[0].movements += 1
        result[row] = APPLIED
        count += 1
    return count
