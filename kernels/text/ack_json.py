"""Write acknowledgements as JSON lines, byte after byte into one buffer.

    line = {"order_id","status","total","currency","discount","tax","shipping","lines":[...],"parcels",
            "promise_date","reasons":[...],"duplicate","cursor"} + "detail" and "line" where it was rejected
            + "duplicate_of" where another order is the same basket + newline

Keys, colons and brackets between two values are one fragment each, copied in whole words. They are constants of the
form, not tables: where its number is known when the kernel is compiled, a fragment is a few stores of known words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I32_2D, IN_I64_2D, IN_U8, IN_U64, OUT_I64, OUT_U8, inlined_rule, kernel
from kernels.rows.gather_text import put_word
from kernels.rows.lookup import same_string
from kernels.rows.read_words import word_at
from kernels.text.json_write import (
    CLOSE_OBJECT,
    COMMA,
    NEWLINE,
    QUOTE,
    put,
    put_date,
    put_int,
    put_reasons,
    put_reference,
    put_text,
)

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py
U = np.uint64

# Rows of ``number``.
(
    STATUS,
    TOTAL,
    DISCOUNT,
    TAX,
    SHIPPING,
    PARCELS,
    PROMISE_DAY,
    DUPLICATE,
    SHARD,
    SEQUENCE,
    ROW,
    TWIN,
    DETAIL,
    LINE,
) = range(14)

FRAGMENTS = (
    '{"order_id":"',
    '","status":"',
    '","total":',
    ',"currency":"',
    '","discount":',
    ',"tax":',
    ',"shipping":',
    ',"lines":[',
    '{"line_id":"',
    '","sku":"',
    '","allocations":[',
    '{"node":"',
    '","qty":',
    '],"backordered":',
    '],"parcels":',
    ',"promise_date":',
    ',"reasons":[',
    '],"duplicate":false,"cursor":"',
    '],"duplicate":true,"cursor":"',
    ',"detail":"',
    ',"line":',
    ',"duplicate_of":"',
    "allocated",
    "partially_allocated",
    "backordered",
    "held",
    "rejected",
)
(
    AT_ORDER_ID,
    AT_STATUS,
    AT_TOTAL,
    AT_CURRENCY,
    AT_DISCOUNT,
    AT_TAX,
    AT_SHIPPING,
    AT_LINES,
    AT_LINE_ID,
    AT_SKU,
    AT_ALLOCATIONS,
    AT_NODE,
    AT_QTY,
    AT_BACKORDERED,
    AT_PARCELS,
    AT_PROMISE_DATE,
    AT_REASONS,
    AT_CURSOR,
    AT_CURSOR_DUPLICATE,
    AT_DETAIL,
    AT_LINE,
    AT_DUPLICATE_OF,
    AT_STATUS_NAMES,
) = range(23)


_TEXT = np.frombuffer("".join(FRAGMENTS).encode() + bytes(8), np.uint8)  # eight readable bytes behind the last
_STARTS = np.cumsum([0, *map(len, FRAGMENTS)])


@inlined_rule
def put_fragment(number: Int, out: Array, at: Int) -> Int:
    """Like ``put_piece``, but with the loop in sight of LLVM: through ``copy_text`` the known words were not stored as
    such (0.35 instead of 0.25 us a row)."""
    first, last = _STARTS[number], _STARTS[number + 1]
    for place in range(first, last, 8):
        put_word(out, at + place - first, word_at(_TEXT, U(place)))
    return at + last - first


@inlined_rule
def put_allocations(
    sku: Int,
    line: Int,
    sku_offsets: Array,
    sku_text: Array,
    allocation: Array,
    node_offsets: Array,
    node_text: Array,
    table_offsets: Array,
    table_text: Array,
    out: Array,
    at: Int,
) -> Int:
    """A line's allocations; one whose SKU is not the line's own names it."""
    for place in range(allocation[0, line], allocation[0, line + 1]):
        at = at if place == allocation[0, line] else put(out, at, COMMA)
        at = put_fragment(AT_NODE, out, at)
        at = put_text(node_offsets, node_text, allocation[2, place], out, at)
        if not same_string(sku_offsets, sku_text, sku, table_offsets, table_text, allocation[1, place]):
            at = put_fragment(AT_SKU, out, at)
            at = put_text(table_offsets, table_text, allocation[1, place], out, at)
        at = put_fragment(AT_QTY, out, at)
        at = put(out, put_int(out, at, allocation[3, place]), CLOSE_OBJECT)
    return at


@inlined_rule
def put_line(
    line: Int,
    number: Int,
    shift: Int,
    sku_code: Array,
    sku_offsets: Array,
    sku_text: Array,
    line_id_offsets: Array,
    line_id_text: Array,
    backordered: Array,
    allocation: Array,
    node_offsets: Array,
    node_text: Array,
    table_offsets: Array,
    table_text: Array,
    out: Array,
    at: Int,
) -> Int:
    """An answered line; ``number`` is its own in the order, ``shift`` leads from it to the line as it was sent."""
    at = put_fragment(AT_LINE_ID, out, at)
    if line_id_offsets[line + shift] == line_id_offsets[line + shift + 1]:
        at = put_int(out, at, number)
    else:
        at = put_text(line_id_offsets, line_id_text, line + shift, out, at)
    at = put_fragment(AT_SKU, out, at)
    at = put_text(sku_offsets, sku_text, sku_code[line + shift], out, at)
    at = put_fragment(AT_ALLOCATIONS, out, at)
    at = put_allocations(
        *(sku_code[line + shift], line, sku_offsets, sku_text, allocation, node_offsets, node_text),
        *(table_offsets, table_text, out, at),
    )
    at = put_fragment(AT_BACKORDERED, out, at)
    return put(out, put_int(out, at, backordered[line]), CLOSE_OBJECT)


@inlined_rule
def put_head(
    row: Int,
    number: Array,
    id_offsets: Array,
    id_text: Array,
    currency_offsets: Array,
    currency_text: Array,
    out: Array,
    at: Int,
) -> Int:
    """What stands before an order's lines."""
    at = put_fragment(AT_ORDER_ID, out, at)
    at = put_text(id_offsets, id_text, row, out, at)
    at = put_fragment(AT_STATUS, out, at)
    at = put_fragment(AT_STATUS_NAMES + number[STATUS, row], out, at)
    at = put_fragment(AT_TOTAL, out, at)
    at = put_int(out, at, number[TOTAL, row])
    at = put_fragment(AT_CURRENCY, out, at)
    at = put_text(currency_offsets, currency_text, row, out, at)
    for amount in range(3):
        at = put_fragment(AT_DISCOUNT + amount, out, at)
        at = put_int(out, at, number[DISCOUNT + amount, row])
    return put_fragment(AT_LINES, out, at)


@inlined_rule
def put_tail(
    row: Int,
    number: Array,
    reasons: np.uint64,
    reason_offsets: Array,
    reason_text: Array,
    detail_offsets: Array,
    detail_text: Array,
    out: Array,
    at: Int,
) -> Int:
    """What stands behind an order's lines."""
    at = put_fragment(AT_PARCELS, out, at)
    at = put_int(out, at, number[PARCELS, row])
    at = put_fragment(AT_PROMISE_DATE, out, at)
    at = put_date(out, at, number[PROMISE_DAY, row])
    at = put_fragment(AT_REASONS, out, at)
    at = put_reasons(reasons, reason_offsets, reason_text, out, at)
    at = put_fragment(AT_CURSOR + number[DUPLICATE, row], out, at)
    at = put_reference(out, at, number[SHARD, row], number[SEQUENCE, row], number[ROW, row])
    at = put(out, at, QUOTE)
    if number[DETAIL, row] >= 0:
        at = put_fragment(AT_DETAIL, out, at)
        at = put(out, put_text(detail_offsets, detail_text, number[DETAIL, row], out, at), QUOTE)
        at = put_fragment(AT_LINE, out, at)
        at = put_int(out, at, number[LINE, row])
    twin = number[TWIN, row]
    if twin >= 0:
        at = put_fragment(AT_DUPLICATE_OF, out, at)
        at = put(out, put_reference(out, at, twin >> 48, twin >> 16 & 0xFFFFFFFF, twin & 0xFFFF), QUOTE)
    return put(out, put(out, at, CLOSE_OBJECT), NEWLINE)


@kernel(
    I64,
    *(IN_I64_2D, IN_U64, IN_I32, IN_U8, IN_I32, IN_U8),
    *(IN_I32, IN_I32, IN_I32, IN_U8, IN_I32, IN_U8),
    *(IN_I32, IN_I32, IN_I32_2D, IN_I32, IN_U8, IN_I32, IN_U8),
    *(IN_I32, IN_U8, IN_I32, IN_U8),
    *(OUT_I64, OUT_U8),
)
def ack_json(
    number: Array,
    reasons: Array,
    id_offsets: Array,
    id_text: Array,
    currency_offsets: Array,
    currency_text: Array,
    wire_lines: Array,
    sku_code: Array,
    sku_offsets: Array,
    sku_text: Array,
    line_id_offsets: Array,
    line_id_text: Array,
    ack_lines: Array,
    backordered: Array,
    allocation: Array,
    node_offsets: Array,
    node_text: Array,
    table_offsets: Array,
    table_text: Array,
    reason_offsets: Array,
    reason_text: Array,
    detail_offsets: Array,
    detail_text: Array,
    row_end: Array,
    out: Array,
) -> Int:
    """Write one JSON line a row; the form is the module's.

    number      (14, n)  int64  STATUS, amounts in minor units, PARCELS, PROMISE_DAY (-1 none), DUPLICATE (0/1),
                                SHARD, SEQUENCE and ROW of the cursor, TWIN (-1 none), DETAIL (its row, -1 none),
                                LINE of the body (written beside a detail)                                    IN
    reasons     (n)      uint64 one bit a reason                                                               IN
    id, currency         texts of each order: offsets (n + 1) int32 and UTF-8 text uint8, as all texts below   IN
    wire_lines  (n + 1)  int32  where each order's lines start in sku_code                                     IN
    sku_code    (m)      int32  row of the line's SKU among the batch's own                                    IN
    sku, line_id         texts of the batch's own SKUs, and of each line's id ("" = its number from 1)         IN
    ack_lines   (n + 1)  int32  where each order's answered lines start in backordered; a row answers all of
                                its lines or none                                                             IN
    backordered (k)      int32  units of each answered line                                                    IN
    allocation  (4, ...) int32  first (k + 1) allocation of each answered line; then SKU in the table, node and
                                units of each allocation                                                       IN
    node, table          texts of the nodes and of the SKU table; an allocation names its SKU where it is not
                         the line's own (a bundle's component)                                                 IN
    reason, detail       texts of the codes by bit, and of the sentences                                       IN
    row_end     (n)      int64  byte behind each row's newline                                                 OUT
    out         (any)    uint8  the lines; 8 bytes of room behind the last                                     OUT

    The texts of reason have 8 readable bytes behind their last. Returns the bytes written.
    Cost: about 0.25 us a row.
    """
    at: Int = 0
    for row in range(reasons.size):
        at = put_head(row, number, id_offsets, id_text, currency_offsets, currency_text, out, at)
        shift = wire_lines[row] - ack_lines[row]
        for line in range(ack_lines[row], ack_lines[row + 1]):
            at = at if line == ack_lines[row] else put(out, at, COMMA)
            at = put_line(
                *(line, line - ack_lines[row] + 1, shift, sku_code, sku_offsets, sku_text),
                *(line_id_offsets, line_id_text, backordered, allocation),
                *(node_offsets, node_text, table_offsets, table_text, out, at),
            )
        at = put_tail(row, number, reasons[row], reason_offsets, reason_text, detail_offsets, detail_text, out, at)
        row_end[row] = at
    return at
