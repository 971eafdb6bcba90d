"""JSON lines: chunks of a body become blocks of whole lines, blocks become WIRE batches.

chunks ─▶ LineSplitter ─▶ LineBlock ─▶ scanner ─▶ columns ─▶ WireBatch
                                         └─ not understood ─▶ plain_line ─▶ scanner, or a refusal
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import FIELD_TOO_LONG
from kernels.text import scan_orders as scan
from kernels.text.split_lines import CUT, LINES, count_lines, split_lines
from router.config import Limits
from router.wire.batch import Refusal, WireBatch
from router.wire.order_columns import OrderColumns
from router.wire.order_json import LineFault, plain_line, too_long
from router.wire.scan_json import PADDING, Scan, ScanRoom, put_rows, run_items, scan_block
from router.wire.texts import gather
from router.wire.to_wire import to_wire

Bytes = bytes | bytearray | memoryview
I64 = npt.NDArray[np.int64]
Number = TypeVar("Number", np.int32, np.int64)

_BOM = b"\xef\xbb\xbf"
_LINE_END = b"\n"
_BLANK = b" \t\r"  # a line of nothing else gets no answer
_NOT_COUNTED = len(_BOM) + len(b"\r")  # bytes of a line that do not count towards its length


@dataclass(frozen=True)
class LineBlock:
    """Whole lines inside a padded buffer, or in place of one line the fact that it was too long to keep."""

    buffer: bytes
    begin: int
    end: int
    first_line: int
    lines: int  # at least as many as there are, blank ones included
    too_long: bool = False
    apart: bool = False  # every line came as a body of its own, as its line 1
    room: ScanRoom = field(default_factory=ScanRoom, compare=False)  # shared by the blocks of one splitter


class LineSplitter:
    """Cuts a body that arrives in chunks into blocks of whole lines, with bounded memory.

    It holds at most one block, one chunk and one line of ``line_bytes_max``. A longer line is dropped while
    it arrives and becomes a block of its own that says so. Its blocks are decoded one after the other: they
    share the memory their scan works in.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._lines = 0  # newlines among the pending bytes
        self._tail_bytes = 0  # behind the last newline
        self._line = 1
        self._dropping = False
        self._dropped_blank = False  # whether the line that is being dropped holds nothing so far
        self._started = False
        self._room = ScanRoom()

    def feed(self, chunk: Bytes) -> Iterator[LineBlock]:
        """Take bytes; yields each block that is full."""
        piece = bytes(chunk)
        if self._dropping:
            dropped, ended, piece = piece.partition(_LINE_END)
            self._dropped_blank &= not dropped.strip(_BLANK)
            if not ended:
                return
            yield from self._dropped()
        self._keep(piece)
        most = self._limits.batch_bytes_max
        if self._lines and (self._bytes >= most or self._lines >= self._limits.batch_rows_max):
            yield from self._cut(full_only=self._tail_bytes < most)
        if self._tail_bytes > self._limits.line_bytes_max + _NOT_COUNTED:
            yield from self._cut(full_only=False)
            self._dropped_blank = not b"".join(self._chunks).strip(_BLANK)
            self._forget()
            self._dropping = True

    def flush(self) -> Iterator[LineBlock]:
        """Yield the whole lines that are waiting, when the sender pauses for example."""
        if self._lines:
            yield from self._cut(full_only=False)

    def finish(self) -> Iterator[LineBlock]:
        """The body ended: yield what is left; its last line needs no newline."""
        if self._dropping:
            yield from self._dropped()
        if self._tail_bytes:
            self._keep(_LINE_END)
        yield from self.flush()

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._chunks.append(piece)
        self._bytes += len(piece)
        last = piece.rfind(_LINE_END)
        self._tail_bytes = len(piece) - last - 1 if last >= 0 else self._tail_bytes + len(piece)
        if last >= 0:
            self._lines += count_lines(np.frombuffer(piece, np.uint8), 0, last + 1)

    def _forget(self) -> None:
        self._chunks, self._bytes, self._lines, self._tail_bytes = [], 0, 0, 0

    def _dropped(self) -> Iterator[LineBlock]:
        self._dropping = False
        self._line += 1
        if not self._dropped_blank:
            yield LineBlock(PADDING, 0, 0, self._line - 1, 1, too_long=True)

    def _cut(self, full_only: bool) -> Iterator[LineBlock]:
        """Blocks of the pending lines; what is left stays pending."""
        buffer = b"".join([*self._chunks, PADDING])
        begin, end = self._start_of(buffer), len(buffer) - len(PADDING)
        text, split = np.frombuffer(buffer, np.uint8), np.zeros(2, np.int64)
        left = self._lines
        while left:
            reach = min(end, begin + self._limits.batch_bytes_max)
            split_lines(text, begin, reach, self._limits.batch_rows_max, split)
            if not split[LINES]:  # one line longer than a batch
                split_lines(text, begin, end, 1, split)
            if full_only and left < self._limits.batch_rows_max and end - begin < self._limits.batch_bytes_max:
                break
            yield LineBlock(buffer, begin, int(split[CUT]), self._line, int(split[LINES]), room=self._room)
            begin, left, self._line = int(split[CUT]), left - int(split[LINES]), self._line + int(split[LINES])
        self._forget()
        self._keep(buffer[begin:end])

    def _start_of(self, buffer: bytes) -> int:
        """Behind a byte order mark at the start of the body."""
        begin = len(_BOM) if not self._started and buffer.startswith(_BOM) else 0
        self._started = True
        return begin


def decode_block(block: LineBlock, limits: Limits) -> WireBatch:
    """The orders of a block, and a refusal in its place for every line that is none."""
    if block.too_long:
        return _only_refused(
            Refusal(0, block.first_line, "", 1 << FIELD_TOO_LONG, _at(block.first_line, too_long(limits)))
        )
    text = np.frombuffer(block.buffer, np.uint8)
    found = scan_block(text, block.begin, block.end, block.first_line, block.lines, block.room)
    if block.apart:
        found.place[scan.LINE_NUMBER_AT, : found.rows] = 1
    refused = _mend(found, block.buffer, limits)
    keep = None
    if refused:
        keep = np.ones(found.rows, np.bool_)
        keep[[refusal.position for refusal in refused]] = False
    return to_wire(_columns(found, block, keep, refused), limits)


def decode_lines(text: Bytes, first_line: int, limits: Limits, apart: bool = False) -> WireBatch:
    """The orders of whole lines (the last needs no newline) that are in memory already; see :func:`decode_block`."""
    buffer = b"".join([text, _LINE_END, PADDING])
    begin = len(_BOM) if first_line == 1 and buffer.startswith(_BOM) else 0
    end = len(buffer) - len(PADDING)
    lines = count_lines(np.frombuffer(buffer, np.uint8), begin, end)
    return decode_block(LineBlock(buffer, begin, end, first_line, lines, apart=apart), limits)


def decode_bodies(bodies: Sequence[bytes], limits: Limits, apart: bool = False) -> WireBatch:
    """One order a body, also over several lines: body i is line i + 1, or each is line 1 where they came ``apart``."""
    return decode_lines(_LINE_END.join(map(_one_line, bodies)), 1, limits, apart)


def _one_line(body: bytes) -> bytes:
    body = body.removeprefix(_BOM).strip()
    if not body:
        return b"null"  # keeps its place and is refused as such
    if _LINE_END not in body:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return body.replace(_LINE_END, b"\0")  # broken JSON stays broken, on one line


def _mend(found: Scan, buffer: bytes, limits: Limits) -> list[Refusal]:
    """Give every line that the scanner left to the careful reader; the refusals' positions are rows."""
    place = found.place[:, : found.rows]
    too_big = place[scan.END] - place[scan.BEGIN] > limits.line_bytes_max + 1
    left = np.flatnonzero((place[scan.SOUND] == scan.NOT_UNDERSTOOD) | too_big)
    plain: list[bytes] = []
    mended: list[int] = []
    refused: list[Refusal] = []
    for row in map(int, left):
        begin, end, number, _ = map(int, found.place[:, row])
        try:
            plain.append(plain_line(buffer[begin : end - 1].removesuffix(b"\r"), limits))
            mended.append(row)
        except LineFault as fault:
            refused.append(Refusal(row, number, fault.order_id, 1 << fault.reason, _at(number, fault.detail)))
    if mended:
        text = np.frombuffer(_LINE_END.join([*plain, PADDING]), np.uint8)
        again = scan_block(text, 0, text.size - len(PADDING), 1, len(plain), ScanRoom())
        assert again.place[scan.SOUND, : again.rows].all(), "the scanner reads what the careful reader writes"
        put_rows(found, np.array(mended), again)
    return refused


def _at(line: int, sentence: str) -> str:
    return f"line {line}: {sentence}"


def _columns(found: Scan, block: LineBlock, keep: npt.NDArray[np.bool_] | None, refused: list[Refusal]) -> OrderColumns:
    rows = found.rows
    start, length, number = found.text_start, found.text_length, found.number[:, :rows]
    place, runs = found.place[:, :rows], found.runs[:, :rows]
    positions = np.arange(rows, dtype=np.int64)
    if keep is not None:
        start, length, number = start[:, :rows][:, keep], length[:, :rows][:, keep], number[:, keep]
        place, runs, positions = place[:, keep], runs[:, keep], positions[keep]
    line_offsets, lines_at = run_items(runs[scan.LINES_FIRST], runs[scan.LINES_COUNT])
    coupon_offsets, coupons_at = run_items(runs[scan.COUPONS_FIRST], runs[scan.COUPONS_COUNT])
    line_text, line_number = _chosen(found.line_text, lines_at), _chosen(found.line_number, lines_at)
    coupon = _chosen(found.coupon, coupons_at)
    lines = int(line_offsets[-1])
    return OrderColumns(
        unit="line",
        numbers_of_rows=place[scan.LINE_NUMBER_AT],
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
        line_ids=gather(found.text, line_text[2:3], line_text[3:4], lines),
        documents=_documents(block.buffer, place),
        refused=refused,
    )


def _chosen(items: npt.NDArray[Number], at: I64 | None) -> npt.NDArray[Number]:
    return items if at is None else items[:, at]


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
