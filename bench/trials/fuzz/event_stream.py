"""Events as an Arrow stream: valid columns or a typed fault, the same however it was cut, and as JSON lines say it."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pyarrow as pa

from bench.trials.fuzz.events import LIMITS, NAMES, NOW_MS, Answer, answers_of
from bench.trials.fuzz.pieces import pieces_of
from bench.trials.fuzz.targets import Examine
from router.config import Limits
from router.ids import hash_key
from router.wire.batch import WireError
from router.wire.event_arrow import EventStreamDecoder
from router.wire.event_ndjson import decode_events
from router.wire.event_table import ALL, TIME_FIELDS
from router.wire.event_wire import EventTerms

BOUNDS = Limits(batch_rows_max=3, body_bytes_max=1 << 16, lines_max=LIMITS.lines_max)
TERMS = EventTerms(hash_key(bytes(16)), "global", BOUNDS, lambda again: NAMES, lambda: NOW_MS)
PIECE_FACTOR = 17  # an Arrow message is longer than a line
WORDS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\x00\x00\x00\x00", b"event_id", b"lines", b"UTC", bytes(8), b"\xff" * 8)
_YEARS = (datetime.datetime(1, 1, 2, tzinfo=datetime.UTC), datetime.datetime(9999, 12, 30, tzinfo=datetime.UTC))


def examples(_: str) -> list[bytes]:
    ids = {"event_id": ["a", "b", "c"], "order_id": ["o", "o", "p"], "type": ["ship", "reverse", "payment_captured"]}
    line = pa.list_(pa.struct([("line_id", pa.string()), ("qty", pa.int32())]))
    more = {
        "lines": pa.array([[{"line_id": "1", "qty": 2}, {"line_id": "x", "qty": None}], None, []], line),
        "at": pa.array([1_700_000_000_000, None, 0], pa.timestamp("ms", "UTC")),
        "amount": pa.array([None, None, 5], pa.uint64()),
        "public": pa.array([None, True, False]),
        "reversed_event_id": [None, "a", ""],
        "node": pa.array(["BER", None, None]).dictionary_encode(),
    }
    return [
        b"\x05" + _stream(ids),
        b"\x3c" + _stream(ids | more),
        b"\x90" + _stream(ids | {"text": ["x", None, "y"]}, compression="lz4"),
        b"\x10" + _stream(ids | {"colour": [1, 2, 3]}),
    ]


def _stream(columns: dict[str, Any], compression: str | None = None) -> bytes:
    batch, sink = pa.RecordBatch.from_pydict(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch.slice(1))
    return bytes(sink.getvalue().to_pybytes())


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    body, chunks, pause = pieces_of(data)
    whole = _decoded([body], False)
    joined = [b"".join(chunks[at : at + PIECE_FACTOR]) for at in range(0, len(chunks), PIECE_FACTOR)]
    assert _decoded(joined, pause) == whole, "how the body was cut does not matter"
    answers, fault = whole
    if not fault:
        _compare(body, answers)


def _decoded(chunks: list[bytes], pause: bool) -> tuple[list[Answer], str]:
    decoder, answers = EventStreamDecoder(TERMS), list[Answer]()
    try:
        for chunk in chunks:
            for wire in decoder.feed([chunk], pause):
                answers += answers_of([wire])
        for wire in decoder.finish():
            answers += answers_of([wire])
    except WireError as fault:
        assert fault.code.startswith("arrow_") and len(fault.detail) > 20
        return answers, fault.code
    for number, answer in enumerate(answers, 1):
        assert not answer.detail or (answer.line == number and answer.detail.startswith(f"row {number}: "))
    return answers, ""


def _compare(body: bytes, answers: list[Answer]) -> None:
    """What JSON can say of the rows is taken alike."""
    try:
        rows = pa.ipc.open_stream(body).read_all().to_pylist()
        lines = [_line(row) for row in rows]
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError):  # nothing was asked of a last dictionary
        return
    assert len(rows) == len(answers)
    for line, answer in zip(lines, answers, strict=True):
        if line is not None and len(line) < LIMITS.line_bytes_max:
            (other,) = answers_of([decode_events(line, TERMS)])
            assert other.row == answer.row and bool(other.detail) == bool(answer.detail), line


def _line(row: dict[str, Any]) -> bytes | None:
    """The row as a line; None where a time is beyond what JSON's readers take."""
    given = {name: value for name, value in row.items() if value is not None and name in ALL}
    for name in TIME_FIELDS:
        if name in given:
            moment = given[name].astimezone(datetime.UTC)
            if not _YEARS[0] < moment < _YEARS[1]:
                return None
            given[name] = moment.strftime("%04Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    return json.dumps(given).encode()
