"""Find: where a cell lies. The shelf of a SKU has a block for every word of nodes with cells, a block its cells.

    block  of (SKU, word of 32 nodes)    the only one where there is one; else by a look where it lies if every word has
                                         a block, else by halving
    cell   of (block, node of the word)  the first one plus as many as nodes of lower numbers have a cell

Block 0 and cell 0 stand for "none": a cell that was never opened reads as zeros, and nothing may be written there.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.layout import INT64

Array = npt.NDArray[Any]

WORD_BITS = 32


@inlined_rule
def ones(bits: int) -> int:
    """How many of the low 32 bits are set."""
    bits = bits - ((bits >> 1) & 0x55555555)
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return (bits * 0x01010101 >> 24) & 0xFF


@rule
def halve(word: int, low: int, high: int, blocks: Array) -> int:
    """The first block of low..high, high itself among them, whose word is not lower; 0 if it is another word."""
    while low < high:
        middle = (low + high) >> 1
        if blocks[middle].word < word:
            low = middle + 1
        else:
            high = middle
    return low if blocks[low].word == word else 0


@inlined_rule
def block_among(word: int, first: int, end: int, blocks: Array) -> int:
    """The block of a word among several, 0 none. It lies at most where it would if every lower word had a block."""
    if first == end:
        return 0
    at = min(first + word, end - 1)
    if blocks[at].word == word:
        return int(at)
    return halve(word, first, at, blocks)


@inlined_rule
def block_on(shelf: Any, at: int, blocks: Array) -> Any:
    """The block of a shelf that has so many before it."""
    if shelf.blocks == 1:
        return shelf.only
    return blocks[INT64(shelf.first) + at]


@inlined_rule
def block_of(sku: int, word: int, shelves: Array, blocks: Array) -> Any:
    """The block of a word of a SKU's nodes, or the one that stands for none."""
    shelf = shelves[sku]
    if shelf.blocks == 1:
        if shelf.only.word == word:
            return shelf.only
        return blocks[0]
    first = INT64(shelf.first)
    return blocks[block_among(word, first, first + INT64(shelf.blocks), blocks)]


@inlined_rule
def cell_in(block: Any, bit: int) -> int:
    """The cell of a node of a block, 0 none."""
    present, below = INT64(block.present), (INT64(1) << bit) - 1
    if present >> bit & 1 == 0:
        return 0
    if present & below == below:
        return int(block.first) + bit
    return int(block.first) + ones(present & below)


@inlined_rule
def cell_of(sku: int, node: int, shelves: Array, blocks: Array) -> int:
    """The cell of a SKU and node, 0 none."""
    return cell_in(block_of(sku, node >> 5, shelves, blocks), node & 31)


@inlined_rule
def mark_stock(block: Any, bit: int, units: int) -> None:
    """Set or clear a node's stock bit as its available units say."""
    if units > 0:
        block.stocked |= 1 << bit
    else:
        block.stocked &= ~(1 << bit)
