"""A body of lines, cut into chunks anywhere: the same lines come out, each whole, in bounded blocks."""

from __future__ import annotations

from collections.abc import Iterator

from bench.trials.fuzz.pieces import pieces_of
from bench.trials.fuzz.targets import Examine
from router.config import Limits
from router.wire.lines import LineBlock, LineSplitter

LIMITS = Limits(line_bytes_max=24, batch_rows_max=3, batch_bytes_max=40)
BOM = b"\xef\xbb\xbf"
BLANK = b" \t\r"
WORDS = (b"\n", b"\r\n", b"\n\n", BOM, b"a" * 24, b"b" * 25, b"c" * 41)


def examples(_: str) -> list[bytes]:
    return [
        b"\x00one\ntwo\r\n\nfour",
        b"\x03" + BOM + b"first\n" + b"x" * 30 + b"\nlast\n",
        b"\x85" + b"y" * 24 + b"\n" + b"z" * 23 + b"\r\n" + b"\n" * 5,
    ]


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    body, chunks, flush = pieces_of(data)
    splitter = LineSplitter(LIMITS)
    blocks: list[LineBlock] = []
    for chunk in chunks:
        blocks += splitter.feed(chunk)
        if flush:
            blocks += splitter.flush()
    blocks += splitter.finish()
    lines = body.removeprefix(BOM).split(b"\n")
    if not body or body.endswith(b"\n"):
        lines.pop()
    number = 1
    for block in blocks:
        _examine_skipped(lines[number - 1 : block.first_line - 1])
        assert block.first_line >= number, "no line is counted twice"
        number = block.first_line + block.lines
        if block.too_long:
            dropped = lines[block.first_line - 1].removesuffix(b"\r")
            assert len(dropped) > LIMITS.line_bytes_max and dropped.strip(BLANK), "only a line too long is refused"
        else:
            _examine_block(block, lines)
    _examine_skipped(lines[number - 1 :])


def _examine_skipped(lines: list[bytes]) -> None:
    for line in lines:
        assert len(line) > LIMITS.line_bytes_max and not line.strip(BLANK), "only blanks too long are passed over"


def _examine_block(block: LineBlock, lines: list[bytes]) -> None:
    assert block.lines <= LIMITS.batch_rows_max
    size = block.end - block.begin
    assert size <= LIMITS.batch_bytes_max or block.lines == 1, "only a line longer than a batch makes a longer block"
    given = list(_lines_of(block))
    assert given == lines[block.first_line - 1 : block.first_line - 1 + block.lines], "a line changed on the way"


def _lines_of(block: LineBlock) -> Iterator[bytes]:
    text = block.buffer[block.begin : block.end]
    assert text.endswith(b"\n"), "a block ends with a whole line"
    yield from text[:-1].split(b"\n")
