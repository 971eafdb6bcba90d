"""From lines of JSON to pieces of text and numbers: the scanner's tables, its room, and joining two scans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels import scan_orders as scan
from kernels.gather_text import gather_text
from kernels.scan_orders import scan_orders
from router.wire.fields import KEYS, NUMBER_FIELDS, TEXT_FIELDS

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

PADDING = b"\n" * 32  # readable bytes behind the last line: the scanner looks ahead
_TIGHT_LINE_BYTES = 32  # room is made for an order line of so many bytes; where lines are shorter it grows
_TIGHT_COUPON_BYTES = 256


@dataclass
class Scan:
    """What one scan found; arrays may have more columns than rows or items."""

    text: U8  # pieces lie here
    rows: int
    text_start: I32
    text_length: I32
    number: I64
    place: I64
    runs: I32
    lines: int
    line_text: I32
    line_number: I64
    coupons: int
    coupon: I32


def scan_block(text: U8, begin: int, end: int, first_line: int, rows_max: int) -> Scan:
    """Scan whole lines; ``text`` is padded by :data:`PADDING`, ``rows_max`` is at least its count of lines."""
    assert 0 <= begin <= end <= text.size - len(PADDING) and text.size < 1 << 30, "a block is padded and bounded"
    size = end - begin
    lines_max, coupons_max = size // _TIGHT_LINE_BYTES + 64, size // _TIGHT_COUPON_BYTES + 64
    while True:
        found, cursor, spill = _scan_into(text, begin, end, first_line, rows_max, lines_max, coupons_max)
        if found.rows != scan.FULL:
            break
        lines_max, coupons_max = 4 * lines_max, 4 * coupons_max
    assert found.rows <= rows_max
    found.lines, found.coupons = int(cursor[scan.LINES_USED]), int(cursor[scan.COUPONS_USED])
    spilled = int(cursor[scan.SPILL_USED])
    if spilled:
        found.text = np.concatenate([text, spill[:spilled], np.frombuffer(PADDING, np.uint8)])
    return found


def _scan_into(
    text: U8, begin: int, end: int, first_line: int, rows_max: int, lines_max: int, coupons_max: int
) -> tuple[Scan, I64, U8]:
    found = Scan(
        text=text,
        rows=0,
        text_start=np.empty((len(TEXT_FIELDS), rows_max), np.int32),
        text_length=np.empty((len(TEXT_FIELDS), rows_max), np.int32),
        number=np.empty((len(NUMBER_FIELDS), rows_max), np.int64),
        place=np.empty((4, rows_max), np.int64),
        runs=np.empty((4, rows_max), np.int32),
        lines=0,
        line_text=np.empty((4, lines_max), np.int32),
        line_number=np.empty((2, lines_max), np.int64),
        coupons=0,
        coupon=np.empty((2, coupons_max), np.int32),
    )
    spill = np.empty(end - begin, np.uint8)
    cursor = np.array([0, 0, 0, 0, text.size], np.int64)
    found.rows = scan_orders(
        *(text, begin, end, first_line, KEYS.low, KEYS.high, KEYS.action, KEYS.mixer),
        *(found.text_start, found.text_length, found.number, found.place, found.runs),
        *(found.line_text, found.line_number, found.coupon, spill, cursor),
    )
    return found, cursor, spill


def put_rows(into: Scan, rows: I64, other: Scan) -> None:
    """Replace rows of one scan by all rows of another; the items and the text of the other go to the end."""
    assert other.rows == len(rows)
    base, lines, coupons = into.text.size, into.lines, into.coupons
    into.text = np.concatenate([into.text, other.text])
    into.text_start[:, rows] = other.text_start[:, : other.rows] + base
    into.text_length[:, rows] = other.text_length[:, : other.rows]
    into.number[:, rows] = other.number[:, : other.rows]
    into.runs[:, rows] = other.runs[:, : other.rows] + np.array([[lines], [0], [coupons], [0]])
    moved = other.line_text[:, : other.lines] + np.array([[base], [0], [base], [0]])
    into.line_text = np.concatenate([into.line_text[:, :lines], moved.astype(np.int32)], axis=1)
    into.line_number = np.concatenate([into.line_number[:, :lines], other.line_number[:, : other.lines]], axis=1)
    moved = other.coupon[:, : other.coupons] + np.array([[base], [0]])
    into.coupon = np.concatenate([into.coupon[:, :coupons], moved.astype(np.int32)], axis=1)
    into.lines, into.coupons = lines + other.lines, coupons + other.coupons


def gather(text: U8, start: I32, length: I32, rows: int) -> list[pa.StringArray]:
    """String columns of the pieces, one a row of ``start``; the kernel's bounds are asserted here."""
    start, length = np.ascontiguousarray(start), np.ascontiguousarray(length)
    sizes = length[:, :rows].sum(axis=1, dtype=np.int64)
    assert start.shape == length.shape and rows <= start.shape[1]
    base = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes + 7 & ~7, out=base[1:])
    out = np.empty(int(base[-1]) + 8, np.uint8)
    offsets = np.empty((len(sizes), rows + 1), np.int32)
    gather_text(text, start, length, base[:-1], offsets, out)
    whole = pa.py_buffer(out)
    return [
        pa.StringArray.from_buffers(
            rows, pa.py_buffer(offsets[field]), whole.slice(int(base[field]), int(sizes[field]))
        )
        for field in range(len(sizes))
    ]


def run_items(first: I32, count: I32) -> tuple[I32, I64 | None]:
    """Offsets of the rows' items in row order, and where each item lies now (None: in that order already)."""
    offsets = np.zeros(len(count) + 1, np.int32)
    np.cumsum(count, out=offsets[1:])
    if np.array_equal(first, offsets[:-1]):
        return offsets, None
    shift = first.astype(np.int64) - offsets[:-1]
    return offsets, np.arange(offsets[-1], dtype=np.int64) + np.repeat(shift, count)
