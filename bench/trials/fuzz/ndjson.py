"""Orders as JSON lines: one answer a line in its place, the same however the body was cut, and readable afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import orjson

from bench.trials.fuzz.pieces import pieces_of
from bench.trials.fuzz.targets import Examine
from router.config import Limits
from router.log.documents import document_of, presentable
from router.wire.batch import WireBatch
from router.wire.fields import LINE_FIELDS, NUMBER_FIELDS, TEXT_FIELDS
from router.wire.lines import LineSplitter
from router.wire.ndjson import decode_block, decode_bodies, decode_lines

LIMITS = Limits(line_bytes_max=700, batch_rows_max=16, batch_bytes_max=1_000, text_bytes_max=60, id_bytes_max=20)
BOM = b"\xef\xbb\xbf"
BLANK = b" \t\r"
PAUSES_MAX = 8  # of a sender; each makes a block of its own
PIECE_FACTOR = 9  # a block is dear to decode: fewer, larger pieces than the splitter's own target has
SINGLE_BODIES = 0xFF  # as first byte: orders that came one a request, with this byte between them
WORDS = (
    *(
        f'"{name.rpartition(".")[2]}":'.encode()
        for name in (*TEXT_FIELDS, *NUMBER_FIELDS, "lines", "coupons", "attributes")
    ),
    *(f'"{name}":{{'.encode() for name in ("customer", "ship_to", "bill_to", "payment", "shipping")),
    *(f'"{name}":'.encode() for name in LINE_FIELDS),
    *(b"null", b"true", b"NaN", b"-0", b"1e999", b"\n", b"\r\n"),
    *(b"[[[[[[[[", b"9223372036854775808", b"-9223372036854775808", b"\\ud800", b"\\ud83c\\udf81", b"\\u0000", BOM),
    *(b'"2026-03-01T12:00:00Z"', b'"0001-01-01T00:00:00+23:59"', b'"2024-02-30T00:00:00z"', b"\xff", b"\xc3"),
)


def examples(_: str) -> list[bytes]:
    small = (
        b'{"order_id":"o1","channel":"web","placed_at":"2026-03-01T12:00:00Z","currency":"EUR",'
        b'"lines":[{"sku":"A","qty":2}]}'
    )
    full = (
        b'{"order_id":"o2","channel":"web","seller":"s","placed_at":"2026-03-01T12:00:00.5+01:00","currency":"EUR",'
        b'"customer":{"id":"c","name":"Zo\xc3\xab \\ud83c\\udf81","email":"a@b"},'
        b'"ship_to":{"name":"n","line1":"1","city":"c","country":"DE","postcode":"10115"},"lines":[{"sku":"A","qty":1,"unit_price":5,"line_id":"x","discount":1,"tax":-1,"node":"N1"}],"coupons":["P10"],'
        b'"payment":{"method":"card","status":"paid"},"shipping":{"promise_by":"2026-03-04T00:00:00Z","fee":4},'
        b'"priority":1,"total":9,"discount":1,"tax":2,'
        b'"attributes":{"gift":true,"n":[1.5e3,{}]}}'
    )
    return [
        b"\x20" + small + b"\n\n" + small.replace(b"o1", b"o3") + b"\r\n",
        b"\x90" + BOM + full + b"\n{\n" + small,
        b"\x07"
        + small.replace(b'"qty":2', b'"qty":"2"')
        + b"\n"
        + small.replace(b"}]", b'}],"lines":[]')
        + b"\n"
        + b"[" * 40,
        b"\xff" + small.replace(b",", b",\n") + b"\xff" + b"\xff" + full,
        b"\x33" + small.replace(b"}]}", b'}],"x":"' + b"y" * 800 + b'"}') + b"\n" + small,
    ]


def examine(_: str) -> Examine:
    return one


class _Answer(NamedTuple):
    """What a line becomes: an order (its document and fingerprint), or a refusal in words."""

    order_id: str
    fingerprint: int
    missing: int
    document: bytes
    line: int = 0
    detail: str = ""


def one(data: bytes) -> None:
    if data[:1] and data[0] == SINGLE_BODIES:
        _single(data[1:].split(b"\xff"))
        return
    body, chunks, flush = pieces_of(data)
    whole = _answers([decode_lines(body, 1, LIMITS)])
    lines = [(number, line) for number, line in enumerate(_lines(body), 1) if line.strip(BLANK)]
    assert len(whole) == len(lines), "one answer a line"
    for (number, line), answer in zip(lines, whole, strict=True):
        _examine_answer(number, line, answer)
    joined = [b"".join(chunks[at : at + PIECE_FACTOR]) for at in range(0, len(chunks), PIECE_FACTOR)]
    pauses = flush and len(joined) <= PAUSES_MAX
    assert _answers(_decoded_in_pieces(joined, pauses)) == whole, "how the body was cut does not matter"


def _single(bodies: list[bytes]) -> None:
    wire = decode_bodies(bodies, LIMITS)
    answers = _answers([wire])
    assert len(answers) == wire.count == len(bodies), "one answer a request"
    for number, answer in enumerate(answers, 1):
        assert answer.line in (0, number)


def _lines(body: bytes) -> list[bytes]:
    return body.removeprefix(BOM).split(b"\n")


def _examine_answer(number: int, line: bytes, answer: _Answer) -> None:
    if answer.detail:
        assert answer.line == number and answer.detail.startswith(f"line {number}: "), "a refusal names its line"
        return
    assert answer.document.rstrip(b"\n") == line, "the document is the line as it came"
    parsed = json.loads(line)
    assert isinstance(parsed, dict) and parsed["order_id"] == answer.order_id, "an order is what any JSON reader reads"


def _decoded_in_pieces(chunks: list[bytes], flush: bool) -> Iterator[WireBatch]:
    splitter = LineSplitter(LIMITS)
    for chunk in chunks:
        for block in splitter.feed(chunk):
            yield decode_block(block, LIMITS)
        if flush:
            for block in splitter.flush():
                yield decode_block(block, LIMITS)
    for block in splitter.finish():
        yield decode_block(block, LIMITS)


def _answers(batches: list[WireBatch] | Iterator[WireBatch]) -> list[_Answer]:
    answers: list[_Answer] = []
    for wire in batches:
        placed: dict[int, _Answer] = {
            refusal.position: _Answer(refusal.order_id, 0, refusal.reasons, b"", refusal.line_number, refusal.detail)
            for refusal in wire.refused
        }
        ids, fingerprints, missing = (
            wire.orders.column(name).to_pylist() for name in ("order_id", "fingerprint", "missing")
        )
        documents = wire.documents.column("json").to_pylist()
        for row, position in enumerate(wire.positions.tolist()):
            placed[position] = _Answer(ids[row], fingerprints[row], missing[row], documents[row])
            orjson.dumps(presentable(document_of(wire.documents, row)))  # an order that is taken can be shown
        assert sorted(placed) == list(range(wire.count)), "every answer has its place"
        answers += [placed[position] for position in range(wire.count)]
    return answers
