"""Availability as JSON text: ``{"sku":S,"available":n,"nodes":{N:n,...}},...`` for the rows asked for.

text(row) = sku_text[skus[row]] + digits(total) + ',"nodes":{' + nodes with units other than 0 + '}}'
rows are separated by commas; the caller puts the brackets around them
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I64, IN_I64_2D, IN_U8, OUT_U8, kernel, rule

Bytes = npt.NDArray[np.uint8]
I32Array = npt.NDArray[np.int32]
I64Array = npt.NDArray[np.int64]

COMMA, MINUS, ZERO = 0x2C, 0x2D, 0x30
OPEN_NODES = b',"nodes":{'
CLOSE_ROW = b"}}"
DIGITS_MAX = 19  # of 2**63


@rule
def put_text(out: Bytes, at: int, text: Bytes, first: int, last: int) -> int:
    """Copy text[first:last] to out; returns the place behind it."""
    for source in range(first, last):
        out[at] = text[source]
        at += 1
    return at


@rule
def put_number(out: Bytes, at: int, value: int) -> int:
    """Decimal digits of an int64; returns the place behind them."""
    if value < 0:
        out[at] = MINUS
        at += 1
    rest = np.uint64(value) if value >= 0 else np.uint64(-(value + 1)) + np.uint64(1)  # also right for -2**63
    last = at + 1
    bound = np.uint64(10)
    while last - at < DIGITS_MAX and rest >= bound:
        last += 1
        bound *= np.uint64(10)
    for place in range(last - 1, at - 1, -1):
        out[place] = np.uint64(ZERO) + rest % np.uint64(10)
        rest //= np.uint64(10)
    return last


@kernel(I64, IN_I32, IN_I64, IN_I64_2D, IN_I64, IN_U8, IN_I64, IN_U8, OUT_U8)
def availability_json(
    skus: I32Array,
    total: I64Array,
    per_node: npt.NDArray[np.int64],
    sku_offset: I64Array,
    sku_text: Bytes,
    node_offset: I64Array,
    node_text: Bytes,
    out: Bytes,
) -> int:
    """Write one object a row; returns the bytes written.

    skus (k) int32 index of the SKU of each row IN
    total (k) int64 units available IN
    per_node (k, N) int64 units available at each node IN
    sku_offset (S+1) int64, sku_text (...) uint8 text ``{"sku":"...","available":`` of each SKU IN
    node_offset (N+1) int64, node_text (...) uint8 text ``"...":`` of each node IN
    out (bytes) uint8 room for the text OUT

    Invariant: out[:result] between brackets is a JSON list of k objects. Cost: k rows times N nodes.
    """
    at = 0
    for row in range(skus.size):
        if row > 0:
            out[at] = COMMA
            at += 1
        sku = skus[row]
        at = put_text(out, at, sku_text, sku_offset[sku], sku_offset[sku + 1])
        at = put_number(out, at, total[row])
        for byte in OPEN_NODES:
            out[at] = byte
            at += 1
        listed = False
        for node in range(per_node.shape[1]):
            units = per_node[row, node]
            if units != 0:
                if listed:
                    out[at] = COMMA
                    at += 1
                listed = True
                at = put_text(out, at, node_text, node_offset[node], node_offset[node + 1])
                at = put_number(out, at, units)
        for byte in CLOSE_ROW:
            out[at] = byte
            at += 1
    return at
