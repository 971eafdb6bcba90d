"""JSON lines: chunks of a body become blocks of whole lines, blocks are scanned into pieces of text and numbers.

chunks ─▶ LineSplitter ─▶ LineBlock ─▶ scanner ─▶ Scan ─▶ columns
                                         └─ not understood ─▶ careful reader ─▶ scanner, or a fault in words
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kernels.text import scan_form as scan
from kernels.text.split_lines import CUT, LINES, count_lines, split_lines
from router.config import Limits
from router.wire.careful import LineFault
from router.wire.key_table import KeyTable
from router.wire.scan_json import PADDING, Scan, ScanRoom, put_rows, scan_block

Bytes = bytes | bytearray | memoryview

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
        self.rows_max = limits.batch_rows_max  # of a block; may change between two calls
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._lines = 0  # newlines among the pending bytes
        self.tail_bytes = 0  # behind the last newline
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
        if self._lines and (self._bytes >= most or self._lines >= self.rows_max):
            yield from self._cut(full_only=self.tail_bytes < most)
        if self.tail_bytes > self._limits.line_bytes_max + _NOT_COUNTED:
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
        if self.tail_bytes:
            self._keep(_LINE_END)
        yield from self.flush()

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._chunks.append(piece)
        self._bytes += len(piece)
        last = piece.rfind(_LINE_END)
        self.tail_bytes = len(piece) - last - 1 if last >= 0 else self.tail_bytes + len(piece)
        if last >= 0:
            self._lines += count_lines(np.frombuffer(piece, np.uint8), 0, last + 1)

    def _forget(self) -> None:
        self._chunks, self._bytes, self._lines, self.tail_bytes = [], 0, 0, 0

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
            split_lines(text, begin, reach, self.rows_max, split)
            if not split[LINES]:  # one line longer than a batch
                split_lines(text, begin, end, 1, split)
            if full_only and left < self.rows_max and end - begin < self._limits.batch_bytes_max:
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


def block_of(text: Bytes, first_line: int, apart: bool = False) -> LineBlock:
    """Whole lines (the last needs no newline) that are in memory already."""
    buffer = b"".join([text, _LINE_END, PADDING])
    begin = len(_BOM) if first_line == 1 and buffer.startswith(_BOM) else 0
    end = len(buffer) - len(PADDING)
    lines = count_lines(np.frombuffer(buffer, np.uint8), begin, end)
    return LineBlock(buffer, begin, end, first_line, lines, apart=apart)


def without_mark(body: bytes) -> bytes:
    """A body without a byte order mark and white space around it."""
    return body.removeprefix(_BOM).strip()


class Left(NamedTuple):
    """A line that neither reader could make a row of."""

    row: int
    number: int
    line: bytes
    fault: LineFault


def scan_lines(
    block: LineBlock, keys: KeyTable, limits: Limits, careful: Callable[[bytes, Limits], bytes]
) -> tuple[Scan, list[Left]]:
    """What a block's lines say. ``careful`` writes what the scanner leaves again in plain form, or raises LineFault."""
    text = np.frombuffer(block.buffer, np.uint8)
    found = scan_block(text, block.begin, block.end, block.first_line, block.lines, keys, block.room)
    if block.apart:
        found.place[scan.LINE_NUMBER_AT, : found.rows] = 1
    return found, _mend(found, block.buffer, keys, limits, careful)


def _mend(
    found: Scan, buffer: bytes, keys: KeyTable, limits: Limits, careful: Callable[[bytes, Limits], bytes]
) -> list[Left]:
    """Give every line that the scanner left to the careful reader."""
    place = found.place[:, : found.rows]
    too_big = place[scan.END] - place[scan.BEGIN] > limits.line_bytes_max + 1
    plain: list[bytes] = []
    mended: list[int] = []
    left: list[Left] = []
    for row in map(int, np.flatnonzero((place[scan.SOUND] == scan.NOT_UNDERSTOOD) | too_big)):
        begin, end, number, _ = map(int, found.place[:, row])
        line = buffer[begin : end - 1].removesuffix(b"\r")
        try:
            plain.append(careful(line, limits))
            mended.append(row)
        except LineFault as fault:
            left.append(Left(row, number, line, fault))
    if mended:
        text = np.frombuffer(_LINE_END.join([*plain, PADDING]), np.uint8)
        again = scan_block(text, 0, text.size - len(PADDING), 1, len(plain), keys, ScanRoom())
        assert again.place[scan.SOUND, : again.rows].all(), "the scanner reads what the careful reader writes"
        put_rows(found, np.array(mended), again)
    return left


def at_line(number: int, sentence: str) -> str:
    return f"line {number}: {sentence}"
