"""Events as JSON lines: one answer a line in its place, however they are cut and whichever reader reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bench.trials.fuzz.pieces import pieces_of
from bench.trials.fuzz.targets import Examine
from router.arrow.string_table import StringTable
from router.config import Limits
from router.ids import hash_key
from router.log.columns import EVENT_PAYLOAD, EVENTS
from router.log.event_fields import COMMON, FIELDS
from router.wire.careful import LineFault
from router.wire.event_json import plain_event
from router.wire.event_ndjson import decode_event_block, decode_events
from router.wire.event_wire import EventTerms, EventWire, Names
from router.wire.lines import LineSplitter

LIMITS = Limits(line_bytes_max=700, batch_rows_max=16, batch_bytes_max=1_000, lines_max=5)
NAMES = Names(StringTable(["BER"]), StringTable(["EUR"]))
NOW_MS = 1_763_758_800_000
TERMS = EventTerms(hash_key(bytes(16)), "global", LIMITS, lambda again: NAMES, lambda: NOW_MS)
BOM = b"\xef\xbb\xbf"
BLANK = b" \t\r"
PIECE_FACTOR = 9  # a block is dear to decode: fewer, larger pieces than the splitter's own target has
PAUSES_MAX = 8
WORDS = (
    *(f'"{name}":'.encode() for name in (*COMMON, *FIELDS, "line_id", "qty")),
    *(
        b'"ship"',
        b'"payment_captured"',
        b'"reverse"',
        b'"BER"',
        b'"EUR"',
        b'"scrap"',
        b"null",
        b"true",
        b"false",
        b"[]",
    ),
    *(
        b'"2026-11-21T20:00:00Z"',
        b'"0001-01-01T00:00:00+23:59"',
        b"\n",
        b"{",
        b"}",
        b"\\ud800",
        b"-0",
        b"1e999",
        b"\xff",
    ),
)


def examples(_: str) -> list[bytes]:
    good = b'{"event_id":"e1","order_id":"o1","type":"ship","at":"2026-11-21T20:00:00Z","source":"dhl"}'
    full = (
        b'{"event_id":"e2","order_id":"o1","type":"ship","at":"2026-11-21t20:00:00.5+01:00","node":"BER","carrier":"dhl",'
        b'"tracking_number":"JJD","lines":[{"line_id":"1","qty":2},{"line_id":"L\\u00e9"}],'
        b'"reason":"Zo\xc3\xab \\ud83c\\udf81"}'
    )
    return [
        b"\x20" + good,
        b"\x90" + BOM + good + b"\n\n" + full + b"\r\n{}\n[1]\n" + good.replace(b'"ship"', b'"nothing"'),
        b'\x07{"event_id":"","order_id":"o","type":"x"}\n{"event_id":1}\n{"order_id":"o","type":"pick","event_id":"\\u00e9"}',
        b'\x11{"event_id":"a","order_id":"b","type":"reverse","reversed_event_id":"e1"}\n'
        b'{"event_id":"b","order_id":"b","type":"note","text":"t","public":false}\n'
        b'{"event_id":"c","order_id":"b","type":"payment_captured","amount":5,"currency":"EUR","payment_id":"p"}',
        b'\x33{"event_id":"a","order_id":"b","type":"cancel","lines":[]}\n'
        + good.replace(b"dhl", b"x" * 800)
        + b"\n"
        + good,
    ]


def examine(_: str) -> Examine:
    return one


class Answer(NamedTuple):
    """What a line becomes: a row of each kind, or a refusal in words."""

    row: dict[str, Any]
    line: int = 0
    detail: str = ""


def one(data: bytes) -> None:
    body, chunks, flush = pieces_of(data)
    whole = answers_of([decode_events(body, TERMS)])
    lines = [(number, line) for number, line in enumerate(_lines(body), 1) if line.strip(BLANK)]
    assert len(whole) == len(lines), "one answer a line"
    for (number, line), answer in zip(lines, whole, strict=True):
        _examine_answer(number, line, answer)
    _compare_readers(lines, whole)
    joined = [b"".join(chunks[at : at + PIECE_FACTOR]) for at in range(0, len(chunks), PIECE_FACTOR)]
    assert answers_of(_decoded_in_pieces(joined, flush and len(joined) <= PAUSES_MAX)) == whole, "cuts do not matter"


def _lines(body: bytes) -> list[bytes]:
    return body.removeprefix(BOM).split(b"\n")


def _examine_answer(number: int, line: bytes, answer: Answer) -> None:
    if answer.detail:
        assert answer.line == number and answer.detail.startswith(f"line {number}: "), "a refusal names its line"
        assert len(answer.detail) > 20
    else:
        parsed = json.loads(line)
        assert parsed["event_id"] == answer.row["event_id"], "an event is what any JSON reader reads"


def _compare_readers(lines: list[tuple[int, bytes]], answers: list[Answer]) -> None:
    """The careful reader finds the same in a line as the scanner, or the same wrong with it."""
    plain, read = [], []
    for (number, line), answer in zip(lines, answers, strict=True):
        try:
            plain.append(plain_event(line.removesuffix(b"\r"), LIMITS))
            read.append(answer)
        except LineFault as fault:
            assert answer.detail == f"line {number}: {fault.detail}"
    for other, answer in zip(answers_of([decode_events(b"\n".join(plain), TERMS)]), read, strict=True):
        assert other.row == answer.row and other.detail.partition(":")[2] == answer.detail.partition(":")[2]


def _decoded_in_pieces(chunks: list[bytes], flush: bool) -> Iterator[EventWire]:
    splitter = LineSplitter(LIMITS)
    for chunk in chunks:
        for block in splitter.feed(chunk):
            yield decode_event_block(block, TERMS)
        if flush:
            for block in splitter.flush():
                yield decode_event_block(block, TERMS)
    for block in splitter.finish():
        yield decode_event_block(block, TERMS)


def answers_of(batches: Iterable[EventWire]) -> list[Answer]:
    """Every answer in its place; everything a shard will touch is sound."""
    answers: list[Answer] = []
    for wire in batches:
        assert wire.events.schema.equals(EVENTS) and wire.payload.schema.equals(EVENT_PAYLOAD)
        wire.events.validate(full=True)
        wire.payload.validate(full=True)
        placed = {each.position: Answer({}, each.line_number, each.detail) for each in wire.refused}
        columns = [wire.events.to_pylist(), wire.payload.to_pylist()]
        columns.append([{}] * wire.events.num_rows if wire.documents is None else wire.documents.to_pylist())
        for position, event, shown, written in zip(wire.positions.tolist(), *columns, strict=True):
            assert event["fingerprint"] and event["event_key"] and event["event"] >= 0
            placed[position] = Answer(event | {"shown": shown, "written": {k: v for k, v in written.items() if v}})
        assert sorted(placed) == list(range(wire.count)), "every answer has its place"
        answers += [placed[position] for position in range(wire.count)]
    return answers
