"""Availability as JSON text: ``{"sku":S,"available":n,"nodes":{N:n,...}},...`` for the rows asked for.

text(row) = sku_text[skus[row]] + digits(total) + ',"nodes":{' + nodes with units other than 0 + '}}'
rows are separated by commas; the caller puts the brackets around them
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I64, IN_I64_2D, IN_U8, OUT_U8, inlined_rule, kernel
from kernels.rows.gather_text import put_word
from kernels.text.json_write import COMMA, put, put_int, put_piece

Array = npt.NDArray[Any]
U = np.uint64

ZEROS = U(0x3030303030303030)


@inlined_rule
def put_units(out: Array, at: int, units: int) -> int:
    """Decimal digits. Nearly all stock has at most eight of them: they are split in one word, halving it each time."""
    if units < 0 or units > 99_999_999:
        return int(put_int(out, at, units))
    digits = (
        1 + (units > 9) + (units > 99) + (units > 999) + (units > 9_999) + (units > 99_999) + (units > 999_999)
        + (units > 9_999_999)
    )  # fmt: skip
    rest = U(units)
    fours = rest // U(10_000)
    fours |= (rest - fours * U(10_000)) << U(32)
    twos = ((fours * U(10_486)) >> U(20)) & U(0x0000007F_0000007F)  # divided by 100
    twos |= (fours - twos * U(100)) << U(16)
    ones = ((twos * U(103)) >> U(10)) & U(0x000F000F_000F000F)  # divided by 10
    ones |= (twos - ones * U(10)) << U(8)
    put_word(out, at, (ones | ZEROS) >> U(8 * (8 - digits)))
    return at + digits


@kernel(I64, IN_I32, IN_I64, IN_I64_2D, IN_I64, IN_U8, IN_I64, IN_U8, OUT_U8)
def availability_json(
    skus: Array,
    total: Array,
    per_node: Array,
    sku_offset: Array,
    sku_text: Array,
    node_offset: Array,
    node_text: Array,
    out: Array,
) -> int:
    """Write one object a row; returns the bytes written.

    skus         (k) int32                             index of the SKU of each row                 IN
    total        (k) int64 units                       available                                    IN
    per_node     (k, N) int64 units                    available at each node                       IN
    sku_offset   (S+1) int64, sku_text (...) uint8     ``{"sku":"...","available":`` of each SKU    IN
    node_offset  (N+3) int64, node_text (...) uint8    ``"...":`` of each node, ``,"nodes":{``, ``}}``    IN
    out          (bytes) uint8                         room for the text                            OUT

    Both texts have eight readable bytes behind their last, out has eight more than are written.
    Invariant: out[:result] between brackets is a JSON list of k objects. Cost: k rows times N nodes.
    """
    nodes, at = per_node.shape[1], 0
    for row in range(skus.size):
        if row > 0:
            at = put(out, at, COMMA)
        at = put_piece(sku_offset, sku_text, skus[row], out, at)
        at = put_units(out, at, total[row])
        at = put_piece(node_offset, node_text, nodes, out, at)
        listed = False
        for node in range(nodes):
            if per_node[row, node] != 0:
                if listed:
                    at = put(out, at, COMMA)
                listed = True
                at = put_piece(node_offset, node_text, node, out, at)
                at = put_units(out, at, per_node[row, node])
        at = put_piece(node_offset, node_text, nodes + 1, out, at)
    return at
