"""Show: cells of a SKU as a row of nodes, all cells there are, and which of some are there.

A reader in another process may see a shelf half made. Whatever stands there, no memory beyond the arrays is read, and
what was read then is thrown away by the reader's sequence lock.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I16, IN_I32, IN_I64, OUT_I16, OUT_I32, OUT_I64, OUT_U8, VOID, inlined_rule, kernel
from kernels.cells.find import WORD_BITS, ones
from kernels.layout import IN_BLOCKS, IN_SHELVES, INT64

Array = npt.NDArray[Any]


@inlined_rule
def block_seen(shelf: Any, count: int, at: int, blocks: Array) -> Any:
    """The block of a shelf of ``count`` that has so many before it; whatever stands there, one that is there."""
    if count == 1:
        return shelf.only
    index = INT64(shelf.first) + at
    return blocks[index if 0 <= index < blocks.shape[0] else 0]


@inlined_rule
def fill_row(sku: int, shelves: Array, blocks: Array, units: Array, row: Array) -> None:
    """Units of a SKU by node; nodes without a cell have none, cells beyond the row are left out."""
    row[:] = 0
    if sku >= shelves.shape[0]:
        return
    shelf, count = shelves[sku], INT64(shelves[sku].blocks)
    for at in range(count):
        block = block_seen(shelf, count, at, blocks)
        present, cell = INT64(block.present), INT64(block.first)
        begin, end = INT64(block.word) * WORD_BITS, INT64(row.shape[0])
        if begin < 0 or cell < 0 or cell + ones(present) > units.shape[0]:
            continue
        for node in range(begin, min(begin + WORD_BITS, end)):
            if present & 1:
                row[node] = units[cell]
                cell += 1
            present >>= 1


@kernel(VOID, I64, IN_SHELVES, IN_BLOCKS, IN_I64, OUT_I64)
def spread(sku: int, shelves: Array, blocks: Array, units: Array, row: Array) -> None:
    """Units of one SKU by node.

    sku                 i64  whatever it is: one without a shelf has nothing              IN
    shelves (S) SHELF, blocks (.) BLOCK                                                  IN
    units     (.) i64   of an account, by cell                                           IN
    row       (N) i64   units by node                                                    OUT

    Cost: N steps.
    """
    fill_row(sku, shelves, blocks, units, row)


@kernel(I64, IN_SHELVES, IN_BLOCKS, OUT_I32, OUT_I16, OUT_I64)
def list_cells(shelves: Array, blocks: Array, sku: Array, node: Array, cell: Array) -> int:
    """All cells by SKU and node, as many as there is room for; returns how many.

    shelves (S) SHELF, blocks (.) BLOCK                                                  IN
    sku, node, cell (m) i32, i16, i64                                                    OUT

    Cost: S + m x 32.
    """
    count = INT64(0)
    for s in range(shelves.shape[0]):
        shelf, on_shelf = shelves[s], INT64(shelves[s].blocks)
        for at in range(on_shelf):
            block = block_seen(shelf, on_shelf, at, blocks)
            present, lies = INT64(block.present), INT64(block.first)
            for bit in range(WORD_BITS):
                if present >> bit & 1 and count < sku.shape[0]:
                    sku[count], node[count], cell[count] = s, block.word * WORD_BITS + bit, lies
                    lies += 1
                    count += 1
    return int(count)


@kernel(VOID, IN_I32, IN_I16, IN_SHELVES, IN_BLOCKS, OUT_U8)
def look_up(sku: Array, node: Array, shelves: Array, blocks: Array, is_open: Array) -> None:
    """Which of m cells are there.

    sku, node (m)       i32, i16 whatever they are: a SKU without a shelf has no cell    IN
    shelves (S) SHELF, blocks (.) BLOCK                                                  IN
    is_open   (m) u8    1 = it is                                                        OUT

    Cost: m x blocks of a shelf.
    """
    for row in range(sku.shape[0]):
        is_open[row] = 0
        if sku[row] < 0 or sku[row] >= shelves.shape[0]:
            continue
        shelf, count = shelves[sku[row]], INT64(shelves[sku[row]].blocks)
        for at in range(count):
            block = block_seen(shelf, count, at, blocks)
            if block.word == node[row] >> 5:
                is_open[row] = INT64(block.present) >> (node[row] & 31) & 1
