"""Move: units from one account of a cell to another, and units that come from or go to the outside.

    orders      any account to any other; to the outside (GONE) received falls, to another node it goes along
    stock       receipt, count, damage, transfer, units set aside and put back, units on their way

so that received = the sum of all accounts holds before and after every row. Accounts that few cells use (INSPECTION and
on) are handed in as balances, one a place named in the batch, and rows name them by number.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I8, IN_I16, IN_I32, IN_I64, OUT_I8, OUT_I64, OUT_U8, inlined_rule, kernel, rule
from kernels.cells.find import cell_of
from kernels.cells.put import put
from kernels.claim.segments import find_ever, segments_of
from kernels.layout import INT64, IO_CAPACITY, IO_COUNTS, IO_ENTRIES, UNITS

Array = npt.NDArray[Any]

AVAILABLE, HELD, ALLOCATED, SHIPPED, GONE, INSPECTION, DAMAGED, BLOCKED, IN_TRANSIT, WAITING = range(10)
RECEIPT, COUNT, DAMAGE, TRANSFER, SET_ASIDE, PUT_BACK, SCRAP, DISPATCH, ARRIVE = range(9)
APPLIED, REPEATED, SHORT, CONFLICT = range(4)


@rule
def free_day(node: int, day: int, capacity: Array) -> None:
    """Give one parcel of a node's ship day back, if that day is still counted."""
    entry = capacity[node, day % capacity.shape[1]]
    if entry.day == day and entry.parcels > 0:
        entry.parcels -= 1


@inlined_rule
def balance(account: int, cell: int, place: int, units: Any, aside: Array) -> int:
    """Units in an account of a cell; as many as you like come from outside."""
    if account == AVAILABLE:
        return int(units.available[cell])
    if account == HELD:
        return int(units.held[cell])
    if account == ALLOCATED:
        return int(units.allocated[cell])
    if account == SHIPPED:
        return int(units.shipped[cell])
    return 1 << 62 if account == GONE else int(aside[place])


@inlined_rule
def add(
    account: int, sku: int, node: int, cell: int, place: int, qty: int, units: Any, aside: Array
) -> None:  # fmt: skip
    """Change an account of a cell."""
    if account == AVAILABLE:
        put(sku, node, qty, units)
    elif account == HELD:
        units.held[cell] += qty
    elif account == ALLOCATED:
        units.allocated[cell] += qty
    elif account == SHIPPED:
        units.shipped[cell] += qty
    elif account != GONE:
        aside[place] += qty


@kernel(I64, IN_I8, IN_I8, IN_I32, IN_I16, IN_I16, IN_I64, IN_I32, IN_I32, IN_I32, UNITS, OUT_I64, IO_CAPACITY, OUT_U8)
def move(
    from_account: Array, to_account: Array, sku: Array, node: Array, to_node: Array, qty: Array, ship_day: Array,
    from_place: Array, to_place: Array, units: Any, aside: Array, capacity: Array, refused: Array,
) -> int:  # fmt: skip
    """Apply m rows in order; returns how many were refused.

    from_account, to_account (m) i8   AVAILABLE to IN_TRANSIT                                    IN
    sku, node  (m)      i32, i16 the cell                                                        IN
    to_node    (m) i16  where the units lie afterwards, -1 = the same                            IN
    qty        (m) i64  units, not negative                                                      IN
    ship_day   (m) i32  a parcel of this day of the node is given back, -1 none                  IN
    from_place, to_place (m) i32  of aside, where the account is one of them                     IN
    units      Units     with every cell that is named                                           INOUT
    aside      (.) i64  units in the places of other accounts that the batch names               INOUT
    capacity   (N, CAPACITY_DAYS) NODE_DAY                                                       INOUT
    refused    (m) u8   1 = the account holds fewer units; the row changed nothing               OUT

    Afterwards received of every cell is the sum of its accounts, if it was before. Cost: m steps.
    """
    count = 0
    for row in range(sku.shape[0]):
        s, n, moved = INT64(sku[row]), INT64(node[row]), qty[row]
        source, target = from_account[row], to_account[row]
        cell = cell_of(s, n, units.shelves, units.blocks)
        refused[row] = 0
        if balance(source, cell, from_place[row], units, aside) < moved:
            refused[row] = 1
            count += 1
            continue
        there, cell_there = n, cell
        if to_node[row] >= 0:
            there = INT64(to_node[row])
            cell_there = cell_of(s, there, units.shelves, units.blocks)
        add(source, s, n, cell, from_place[row], -moved, units, aside)
        add(target, s, there, cell_there, to_place[row], moved, units, aside)
        if source != GONE:
            units.received[cell] -= moved
        if target != GONE:
            units.received[cell_there] += moved
        if ship_day[row] >= 0:
            free_day(n, ship_day[row], capacity)
    return count


@rule
def change(sku: int, node: int, qty: int, units: Any) -> None:
    """Units that came from outside, or left it when negative."""
    put(sku, node, qty, units)
    units.received[cell_of(sku, node, units.shelves, units.blocks)] += qty


@rule
def lacks(kind: int, sku: int, node: int, qty: int, place: int, units: Any, aside: Array) -> bool:
    """Whether a movement takes more than is there."""
    if kind in (DAMAGE, TRANSFER, SET_ASIDE, DISPATCH):
        return bool(units.available[cell_of(sku, node, units.shelves, units.blocks)] < qty)
    if kind in (PUT_BACK, SCRAP, ARRIVE):
        return bool(aside[place] < qty)
    return False


@rule
def apply_movement(
    kind: int, sku: int, node: int, to_node: int, qty: int, place: int, units: Any, aside: Array
) -> None:  # fmt: skip
    """Change the accounts as a movement says that lacks nothing."""
    cell = cell_of(sku, node, units.shelves, units.blocks)
    if kind == RECEIPT:
        change(sku, node, qty, units)
    elif kind == COUNT:
        on_hand = units.available[cell] + units.held[cell] + units.allocated[cell]
        change(sku, node, qty - on_hand, units)
    elif kind in (DAMAGE, TRANSFER, DISPATCH):
        change(sku, node, -qty, units)
    elif kind == SET_ASIDE:
        change(sku, node, -qty, units)
        units.received[cell] += qty
    elif kind == SCRAP:
        units.received[cell] -= qty
    else:
        change(sku, node, qty, units)
        units.received[cell] -= qty
    if kind == TRANSFER:
        change(sku, to_node, qty, units)
    elif kind == DISPATCH:
        units.received[cell_of(sku, to_node, units.shelves, units.blocks)] += qty
    if kind in (SET_ASIDE, DISPATCH):
        aside[place] += qty
    elif kind in (PUT_BACK, SCRAP, ARRIVE):
        aside[place] -= qty


@kernel(
    I64, IN_I64, IN_I64, IN_I64, IN_I8, IN_I32, IN_I16, IN_I16, IN_I64, IN_I32, UNITS, OUT_I64, IO_COUNTS, IO_ENTRIES,
    OUT_I8,
)  # fmt: skip
def stock(
    key: Array, key_hi: Array, fingerprint: Array, kind: Array, sku: Array, node: Array, to_node: Array, qty: Array,
    place: Array, units: Any, aside: Array, counts: Array, movements: Array, result: Array,
) -> int:  # fmt: skip
    """Apply m movements in order, each id once; returns how many were applied.

    key, key_hi (m) i64  hash of the movement's id, key not 0                                    IN
    fingerprint (m) i64  of all it says, 0 = not known                                           IN
    kind      (m) i8    RECEIPT to ARRIVE; a COUNT says what lies in the building for sale       IN
    sku, node (m)       i32, i16 the cell                                                        IN
    to_node   (m) i16   of a transfer or dispatch, else -1                                       IN
    qty       (m) i64   units, not negative                                                      IN
    place     (m) i32   of aside, where units are set aside, put back, scrapped or on their way  IN
    units     Units     with every cell that is named                                            INOUT
    aside     (.) i64   units in the places that the batch names                                 INOUT
    counts    (1) COUNTS, movements (.) ENTRY: ids applied so far                                INOUT
    result    (m) i8    APPLIED, REPEATED (id known), SHORT (fewer units there), CONFLICT (id
                        known, with another content)                                             OUT

    A count is the truth: what is held or allocated beyond it makes available negative. A SHORT movement changes
    nothing and its id stays free. Cost: m steps.
    """
    count = 0
    for row in range(key.shape[0]):
        entry = movements[find_ever(key[row], key_hi[row], segments_of(movements), movements)]
        if entry.key != 0:
            same = entry.value == fingerprint[row] or entry.value == 0 or fingerprint[row] == 0
            result[row] = REPEATED if same else CONFLICT
            continue
        if lacks(kind[row], sku[row], node[row], qty[row], place[row], units, aside):
            result[row] = SHORT
            continue
        apply_movement(kind[row], sku[row], node[row], to_node[row], qty[row], place[row], units, aside)
        entry.key, entry.tag, entry.value = key[row], key_hi[row], fingerprint[row]
        counts[0].movements += 1
        result[row] = APPLIED
        count += 1
    return count
