"""Orders as JSON lines: blocks of lines become WIRE batches, and a refusal in its place for every line that is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import FIELD_TOO_LONG
from kernels.text import scan_form as scan
from router.config import Limits
from router.wire.batch import Refusal, WireBatch
from router.wire.careful import too_long
from router.wire.fields import ORDER_KEYS
from router.wire.lines import Bytes, LineBlock, at_line, block_of, scan_lines, without_mark
from router.wire.order_columns import OrderColumns
from router.wire.order_json import plain_line
from router.wire.scan_json import PADDING, Scan, chosen, kept_rows, run_items
from router.wire.texts import gather
from router.wire.to_wire import to_wire

I64 = npt.NDArray[np.int64]

_LINE_END = b"\n"


def decode_block(block: LineBlock, limits: Limits) -> WireBatch:
    """The orders of a block, and a refusal in its place for every line that is none."""
    if block.too_long:
        sentence = at_line(block.first_line, too_long(limits))
        return _only_refused(Refusal(0, block.first_line, "", 1 << FIELD_TOO_LONG, sentence))
    found, left = scan_lines(block, ORDER_KEYS, limits, plain_line)
    refused = [
        Refusal(row, number, fault.order_id, 1 << fault.reason, at_line(number, fault.detail))
        for row, number, _, fault in left
    ]
    return to_wire(_columns(found, block, refused), limits)


def decode_lines(text: Bytes, first_line: int, limits: Limits, apart: bool = False) -> WireBatch:
    """The orders of whole lines (the last needs no newline) that are in memory already; see :func:`decode_block`."""
    return decode_block(block_of(text, first_line, apart), limits)


def decode_bodies(bodies: Sequence[bytes], limits: Limits, apart: bool = False) -> WireBatch:
    """One order a body, also over several lines: body i is line i + 1, or each is line 1 where they came ``apart``."""
    return decode_lines(_LINE_END.join(map(_one_line, bodies)), 1, limits, apart)


def _one_line(body: bytes) -> bytes:
    body = without_mark(body)
    if not body:
        return b"null"  # keeps its place and is refused as such
    if _LINE_END not in body:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return body.replace(_LINE_END, b"\0")  # broken JSON stays broken, on one line


def _columns(found: Scan, block: LineBlock, refused: list[Refusal]) -> OrderColumns:
    start, length, number, place, runs, positions = kept_rows(found, [refusal.position for refusal in refused])
    line_offsets, lines_at = run_items(runs[scan.LINES_FIRST], runs[scan.LINES_COUNT])
    coupon_offsets, coupons_at = run_items(runs[scan.COUPONS_FIRST], runs[scan.COUPONS_COUNT])
    line_text, line_number = chosen(found.line_text, lines_at), chosen(found.line_number, lines_at)
    coupon = chosen(found.coupon, coupons_at)
    lines = int(line_offsets[-1])
    return OrderColumns(
        unit="line",
        numbers_of_rows=place[scan.LINE_NUMBER_AT].copy(),  # asked for again when the room has been used anew
        positions=positions,
        text=gather(found.text, start, length, len(positions)),
        number=list(number),
        coupon_offsets=coupon_offsets,
        coupons=gather(found.text, coupon[0:1], coupon[1:2], int(coupon_offsets[-1])),
        line_offsets=line_offsets,
        sku_code=np.arange(lines, dtype=np.int32),
        skus=gather(found.text, line_text[0:1], line_text[1:2], lines),
        qty=line_number[scan.QTY, :lines],
        unit_price=line_number[scan.UNIT_PRICE, :lines],
        line_discount=line_number[scan.LINE_DISCOUNT, :lines],
        line_tax=line_number[scan.LINE_TAX, :lines],
        line_nodes=gather(found.text, line_text[4:5], line_text[5:6], lines),
        line_ids=gather(found.text, line_text[2:3], line_text[3:4], lines),
        documents=_documents(block.buffer, place),
        refused=refused,
    )


def _documents(buffer: bytes, place: I64) -> pa.RecordBatch:
    """The lines themselves; without a copy where no line between them was left out."""
    begin, end = place[scan.BEGIN], place[scan.END]
    rows = len(begin)
    offsets = np.zeros(rows + 1, np.int32)
    whole = pa.py_buffer(buffer)
    if np.array_equal(begin[1:], end[:-1]):
        offsets[:rows], offsets[rows:] = begin, end[-1:] if rows else 0
    else:
        np.cumsum(end - begin, out=offsets[1:])
        whole = pa.py_buffer(b"".join([buffer[first:last] for first, last in zip(begin, end, strict=True)]))
    column = pa.BinaryArray.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), whole])
    return pa.RecordBatch.from_arrays([column], ["json"])


def _only_refused(refusal: Refusal) -> WireBatch:
    empty = decode_block(LineBlock(PADDING, 0, 0, 1, 0), Limits())
    return dataclasses.replace(empty, refused=[refusal])
