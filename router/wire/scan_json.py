"""From lines of JSON to pieces of text and numbers: the scanner's tables, its room, and joining two scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kernels.text import scan_form as scan
from kernels.text.scan_json import scan_json
from router.wire.key_table import KeyTable

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Number = TypeVar("Number", np.int32, np.int64)

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


class ScanRoom:
    """The arrays a scan writes into, kept from block to block: fresh memory costs more than the scan's writes.

    A room serves one scan at a time, of lines with the same known keys; what a decoded batch holds is never part of it.
    """

    def __init__(self) -> None:
        self._keys: KeyTable | None = None
        self._spill = np.empty(0, np.uint8)

    def _make(self, keys: KeyTable, rows: int, lines: int, coupons: int) -> None:
        self.text_start = np.empty((keys.texts, rows), np.int32)
        self.text_length = np.empty((keys.texts, rows), np.int32)
        self.number = np.empty((keys.numbers, rows), np.int64)
        self.place = np.empty((4, rows), np.int64)
        self.runs = np.empty((4, rows), np.int32)
        self.line_text = np.empty((scan.LINE_TEXTS, lines), np.int32)
        self.line_number = np.empty((4, lines), np.int64)
        self.coupon = np.empty((2, coupons), np.int32)

    def reserve(self, keys: KeyTable, rows: int, lines: int, coupons: int) -> None:
        """Room for so many, at least."""
        if self._keys is None:
            self._keys, self.follower = keys, keys.followers()
            self._make(keys, rows, lines, coupons)
        assert self._keys is keys, "a room remembers which key followed which"
        had = (self.place.shape[1], self.line_text.shape[1], self.coupon.shape[1])
        if rows > had[0] or lines > had[1] or coupons > had[2]:
            self._make(keys, max(rows, had[0]), max(lines, had[1]), max(coupons, had[2]))

    def spill(self, size: int) -> U8:
        if len(self._spill) < size:
            self._spill = np.empty(size, np.uint8)
        return self._spill


def scan_block(text: U8, begin: int, end: int, first_line: int, rows_max: int, keys: KeyTable, room: ScanRoom) -> Scan:
    """Scan whole lines; ``text`` is padded by :data:`PADDING`, ``rows_max`` is at least its count of lines.

    The result lies in the room until the room is used again.
    """
    assert 0 <= begin <= end <= text.size - len(PADDING) and text.size < 1 << 30, "a block is padded and bounded"
    size = end - begin
    lines_max, coupons_max = size // _TIGHT_LINE_BYTES + 64, size // _TIGHT_COUPON_BYTES + 64
    spill, rows = room.spill(size), scan.FULL
    while rows == scan.FULL:
        room.reserve(keys, rows_max, lines_max, coupons_max)
        cursor = np.array([0, 0, 0, text.size], np.int64)
        rows = scan_json(
            *(text, begin, end, first_line, keys.words, keys.action, keys.mixer, room.follower),
            *(room.text_start, room.text_length, room.number, room.place, room.runs),
            *(room.line_text, room.line_number, room.coupon, spill, cursor),
        )
        lines_max, coupons_max = 4 * lines_max, 4 * coupons_max
    assert rows <= rows_max
    spilled = int(cursor[scan.SPILL_USED])
    if spilled:
        text = np.concatenate([text, spill[:spilled], np.frombuffer(PADDING, np.uint8)])
    return Scan(
        text=text,
        rows=rows,
        text_start=room.text_start,
        text_length=room.text_length,
        number=room.number,
        place=room.place,
        runs=room.runs,
        lines=int(cursor[scan.LINES_USED]),
        line_text=room.line_text,
        line_number=room.line_number,
        coupons=int(cursor[scan.COUPONS_USED]),
        coupon=room.coupon,
    )


def put_rows(into: Scan, rows: I64, other: Scan) -> None:
    """Replace rows of one scan by all rows of another; the items and the text of the other go to the end."""
    assert other.rows == len(rows)
    base, lines, coupons = into.text.size, into.lines, into.coupons
    into.text = np.concatenate([into.text, other.text])
    into.text_start[:, rows] = other.text_start[:, : other.rows] + base
    into.text_length[:, rows] = other.text_length[:, : other.rows]
    into.number[:, rows] = other.number[:, : other.rows]
    into.runs[:, rows] = other.runs[:, : other.rows] + np.array([[lines], [0], [coupons], [0]])
    moved = other.line_text[:, : other.lines] + np.array([[base], [0]] * (scan.LINE_TEXTS // 2))
    into.line_text = np.concatenate([into.line_text[:, :lines], moved.astype(np.int32)], axis=1)
    into.line_number = np.concatenate([into.line_number[:, :lines], other.line_number[:, : other.lines]], axis=1)
    moved = other.coupon[:, : other.coupons] + np.array([[base], [0]])
    into.coupon = np.concatenate([into.coupon[:, :coupons], moved.astype(np.int32)], axis=1)
    into.lines, into.coupons = lines + other.lines, coupons + other.coupons


def kept_rows(found: Scan, left_out: Sequence[int]) -> tuple[I32, I32, I64, I64, I32, I64]:
    """Starts, lengths, numbers, places and runs of the rows without those left out, and which rows they are.

    Starts and lengths may have more columns than there are rows.
    """
    rows = found.rows
    number, place, runs = found.number[:, :rows], found.place[:, :rows], found.runs[:, :rows]
    positions = np.arange(rows, dtype=np.int64)
    if not left_out:
        return found.text_start, found.text_length, number, place, runs, positions
    keep = np.ones(rows, np.bool_)
    keep[list(left_out)] = False
    start, length = found.text_start[:, :rows][:, keep], found.text_length[:, :rows][:, keep]
    return start, length, number[:, keep], place[:, keep], runs[:, keep], positions[keep]


def run_items(first: I32, count: I32) -> tuple[I32, I64 | None]:
    """Offsets of the rows' items in row order, and where each item lies now (None: in that order already)."""
    offsets = np.zeros(len(count) + 1, np.int32)
    np.cumsum(count, out=offsets[1:])
    if np.array_equal(first, offsets[:-1]):
        return offsets, None
    shift = first.astype(np.int64) - offsets[:-1]
    return offsets, np.arange(offsets[-1], dtype=np.int64) + np.repeat(shift, count)


def chosen(items: npt.NDArray[Number], at: I64 | None) -> npt.NDArray[Number]:
    """Columns of an item list in the order that :func:`run_items` gave."""
    return items if at is None else items[:, at]
