"""Open: give cells to SKUs and nodes that have none yet. Cells come, and stay; nothing is ever closed.

    closed     how many rows have no cell
    open_cells rows in order of (SKU, node): new blocks of the shelf, then new cells of the block

What no longer fits where it lies moves to the end of what is used, and the place it had stays empty. A block has room
for 1, 2, 4, … 32 cells and begins at a multiple of that, so that eight cells of a SKU are one cache line and never two;
a second block takes the first one out of the shelf, and a shelf that is full gets room for twice as many blocks, one
that comes at once for those alone.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I16, IN_I32, inlined_rule, kernel, rule
from kernels.cells.find import WORD_BITS, block_of, block_on, cell_of, ones
from kernels.layout import IN_BLOCKS, IN_SHELVES, INT64, IO_CELLS_SHOWN, IO_CELLS_USED, UNITS

Array = npt.NDArray[Any]


@kernel(I64, IN_I32, IN_I16, IN_SHELVES, IN_BLOCKS)
def closed(sku: Array, node: Array, shelves: Array, blocks: Array) -> int:
    """Rows that name a cell which is not there.

    sku, node (m)       i32, i16 each SKU < the number of shelves                        IN
    shelves (S) SHELF, blocks (.) BLOCK                                                  IN

    Cost: m steps.
    """
    count = 0
    for row in range(sku.shape[0]):
        if cell_of(INT64(sku[row]), INT64(node[row]), shelves, blocks) == 0:
            count += 1
    return count


@rule
def words_ahead(row: int, sku: Array, node: Array) -> int:
    """Different words of the row's SKU from here on."""
    count, at = 1, row + 1
    while at < sku.shape[0] and sku[at] == sku[row]:
        if node[at] >> 5 != node[at - 1] >> 5:
            count += 1
        at += 1
    return count


@rule
def copy_block(source: Any, target: Any) -> None:
    target.first, target.present, target.stocked = source.first, source.present, source.stocked
    target.word, target.room = source.word, source.room


@rule
def make_room(shelf: Any, more: int, blocks: Array, used: Any) -> bool:
    """Room for one more block at least, for ``more`` when the shelf moves; False: there is none."""
    if shelf.blocks < max(shelf.room, 1):
        return True
    room = INT64(shelf.blocks) + max(more, INT64(shelf.blocks))
    if used.blocks + room > blocks.shape[0]:
        return False
    for at in range(shelf.blocks):
        copy_block(block_on(shelf, at, blocks), blocks[used.blocks + at])
    shelf.first, shelf.room = used.blocks, room
    used.blocks += room
    return True


@rule
def add_block(shelf: Any, word: int, blocks: Array) -> Any:
    """An empty block in its place on a shelf with room for it."""
    at = INT64(shelf.blocks)
    shelf.blocks += 1
    while at > 0 and block_on(shelf, at - 1, blocks).word > word:
        copy_block(block_on(shelf, at - 1, blocks), block_on(shelf, at, blocks))
        at -= 1
    block = block_on(shelf, at, blocks)
    block.first, block.present, block.stocked, block.word, block.room = 0, 0, 0, word, 0
    return block


@inlined_rule
def spread_out(first: int, present: int, target: int, wanted: int, units: Array) -> None:
    """Bring the cells of a block to where they lie among those that are wanted, last ones first; new ones become what
    cell 0 is, which are zeros."""
    for back in range(WORD_BITS):
        bit = WORD_BITS - 1 - back
        below = (INT64(1) << bit) - 1
        if wanted >> bit & 1:
            here = first + ones(present & below) if present >> bit & 1 else INT64(0)
            units[target + ones(wanted & below)] = units[here]


@inlined_rule
def room_for(count: int) -> int:
    """The power of two that holds so many."""
    room = INT64(1)
    while room < count:
        room *= 2
    return int(room)


@rule
def widen(block: Any, nodes: int, units: Any, shown: Array, used: Any) -> bool:
    """Let the nodes have cells; False: there is no room."""
    present = INT64(block.present)
    wanted = present | nodes
    count, first, target = ones(wanted), INT64(block.first), INT64(block.first)
    if count > block.room:
        room = room_for(count)
        target = (used.cells + room - 1) & ~(room - 1)
        if target + room > units.available.shape[0]:
            return False
        used.cells = target + room
        block.first, block.room = target, room
    spread_out(first, present, target, wanted, units.available)
    spread_out(first, present, target, wanted, units.held)
    spread_out(first, present, target, wanted, units.allocated)
    spread_out(first, present, target, wanted, units.shipped)
    spread_out(first, present, target, wanted, units.received)
    spread_out(first, present, target, wanted, shown)
    block.present = wanted
    used.present += count - ones(present)
    return True


@kernel(I64, IN_I32, IN_I16, UNITS, IO_CELLS_SHOWN, IO_CELLS_USED)
def open_cells(sku: Array, node: Array, units: Any, shown: Array, used: Array) -> int:
    """Let m cells be there, until the room ends; returns the rows before which it ended.

    sku, node (m)       i32, i16 cells by SKU and node, repeats allowed; each SKU < S    IN
    units     Units     those that are there keep what they hold, new ones hold nothing  INOUT
    shown     (.) CELL_SHOWN  as readers have them, keeping likewise                     INOUT
    used      (1) CELLS_USED                                                             INOUT

    Cost: m steps, and 6 x 32 for each block that changes.
    """
    row = INT64(0)
    while row < sku.shape[0]:
        shelf, word = units.shelves[sku[row]], INT64(node[row] >> 5)
        end, nodes = row, INT64(0)
        while end < sku.shape[0] and sku[end] == sku[row] and node[end] >> 5 == word:
            nodes |= INT64(1) << (node[end] & 31)
            end += 1
        block = block_of(INT64(sku[row]), word, units.shelves, units.blocks)
        if block.word != word:
            if not make_room(shelf, words_ahead(row, sku, node), units.blocks, used[0]):
                return int(row)
            block = add_block(shelf, word, units.blocks)
        if nodes & ~INT64(block.present) and not widen(block, nodes, units, shown, used[0]):
            return int(row)
        row = end
    return int(row)
