"""Availability as JSON text: ``{"sku":S,"available":n,"nodes":{N:n,...}},...`` for the rows asked for.

text(row) = sku_text[skus[row]] + digits(total) + ',"nodes":{' + nodes with units other than 0 + '}}'
rows are separated by commas; the caller puts the brackets around them
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I64, IN_I64_2D, IN_U8, OUT_U8, inlined_rule, kernel
from kernels.json_write import COMMA, put, put_int, put_piece

Array = npt.NDArray[Any]
U = np.uint64

ZERO = 0x30


@inlined_rule
def put_units(out: Array, at: int, units: int) -> int:
    """Decimal digits; nearly all stock is below 10,000, and unsigned division by a constant is no division."""
    if units < 0 or units > 9_999:
        return int(put_int(out, at, units))
    rest = U(units)
    digits = 1 + (units > 9) + (units > 99) + (units > 999)
    for place in range(digits - 1, -1, -1):
        quotient = rest // U(10)
        out[U(at + place)] = ZERO + (rest - quotient * U(10))
        rest = quotient
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
