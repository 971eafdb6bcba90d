"""The wire's kernels equal their twins on random ragged cases, and keep their invariants."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.rows.fingerprint_fields import fingerprint_number_field, fingerprint_text_field
from kernels.rows.gather_text import BEHIND, gather_text, measure_text, take_text
from kernels.text import scan_form as scan
from kernels.text.ack_json import ack_json
from kernels.text.event_json import LEFT_OUT, event_json
from kernels.text.split_lines import CUT, LINES, STRIDE, count_lines, split_lines
from kernels.text.write_references import write_references
from router.ids import string_parts
from router.wire import event_table
from router.wire.ack_json import piece_texts
from router.wire.fields import ORDER_KEYS, TEXT_FIELDS
from router.wire.scan_json import PADDING, Scan, ScanRoom, scan_block
from router.wire.texts import taken
from tests.labs.event_cases import any_event
from tests.labs.wire_cases import any_order, mutated, plain_order, spelled
from tests.reference.rows import fingerprint_fields as fingerprint_twin
from tests.reference.rows import gather_text as gather_twin
from tests.reference.text import ack_json as ack_twin
from tests.reference.text import event_json as event_twin
from tests.reference.text import scan_json as scan_twin
from tests.reference.text import split_lines as split_twin
from tests.reference.text import write_references as references_twin

CASES = 2_000


def _row(found: Scan, row: int, events: bool = False) -> dict[str, Any]:
    """One row of a scan in the twin's form."""
    text = found.text.tobytes()

    def piece(start: int, length: int) -> bytes:
        return text[start : start + length] if length else b""

    first, count, first_coupon, coupons = map(int, found.runs[:, row])
    lines = []
    for line in range(first, first + count):
        texts = found.line_text[:, line].reshape(-1, 2).tolist()
        lines.append((*(piece(*text) for text in texts), *map(int, found.line_number[:, line])))
    return {
        "texts": {
            name: piece(int(found.text_start[at, row]), int(found.text_length[at, row]))
            for at, name in enumerate(event_table.TEXT_FIELDS if events else TEXT_FIELDS)
        },
        "numbers": [int(number) for number in found.number[:, row]],
        "coupons": [piece(*map(int, found.coupon[:, at])) for at in range(first_coupon, first_coupon + coupons)],
        "lines": lines,
    }


def _scanned(block: bytes, events: bool = False) -> tuple[Scan, list[tuple[int, dict[str, Any] | None]]]:
    buffer, keys = np.frombuffer(block + PADDING, np.uint8), event_table.EVENT_KEYS if events else ORDER_KEYS
    found = scan_block(buffer, 0, len(block), 5, block.count(b"\n") + 1, keys, ScanRoom())
    return found, scan_twin.scan_json(block, 5, events)


def _compare(block: bytes, events: bool = False) -> int:
    """Rows the scanner read; each equals its twin, and it read nothing that the twin refuses."""
    found, expected = _scanned(block, events)
    assert found.rows == len(expected), block
    read = 0
    for row, (number, order) in enumerate(expected):
        assert found.place[scan.LINE_NUMBER_AT, row] == number
        begin, end = int(found.place[scan.BEGIN, row]), int(found.place[scan.END, row])
        assert block[begin : end - 1].strip() and b"\n" not in block[begin : end - 1]
        if found.place[scan.SOUND, row] == scan.UNDERSTOOD:
            read += 1
            assert order is not None, block[begin:end].decode("latin-1")
            assert _row(found, row, events) == order, block[begin:end]
    return read


def test_scan_json_reads_every_plain_order_as_its_twin_does() -> None:
    rng = random.Random(11)
    for case in range(CASES):
        orders = [any_order(rng, nasty=case % 3 == 0) for _ in range(rng.choice((0, 1, 2, 5)))]
        lines = [spelled(order, rng).encode() for order in orders]
        for blank in range(rng.choice((0, 0, 1))):
            lines.insert(rng.randrange(len(lines) + 1), b" \r" * blank)
        block = b"\n".join(lines) + rng.choice((b"", b"\n", b"\r\n"))
        assert _compare(block) == len(orders), block


def test_scan_json_reads_no_damaged_line_differently_from_its_twin() -> None:
    rng = random.Random(12)
    read = left = 0
    for _ in range(4 * CASES):
        order = any_order(rng) if rng.random() < 0.5 else plain_order()
        block = mutated(spelled(order, rng).encode(), rng)
        for _ in range(rng.choice((0, 0, 0, 2))):
            block = mutated(block, rng)
        _, expected = _scanned(block)
        sound = _compare(block)
        read, left = read + sound, left + len(expected) - sound
    assert read > CASES // 2 and left > CASES // 2, "both ways were tried"


def test_scan_json_reads_every_plain_event_as_its_twin_does() -> None:
    rng = random.Random(18)
    for case in range(CASES):
        events = [any_event(rng, nasty=case % 3 == 0) for _ in range(rng.choice((0, 1, 2, 5)))]
        lines = [spelled(event, rng, unknown=False).encode() for event in events]
        assert _compare(b"\n".join(lines), events=True) == len(events), lines


def test_scan_json_reads_no_damaged_event_differently_from_its_twin() -> None:
    rng = random.Random(19)
    read = left = 0
    for _ in range(4 * CASES):
        block = spelled(any_event(rng), rng, unknown=rng.random() < 0.1).encode()
        for _ in range(rng.choice((0, 1, 1, 2))):
            block = mutated(block, rng)
        _, expected = _scanned(block, events=True)
        sound = _compare(block, events=True)
        read, left = read + sound, left + len(expected) - sound
    assert read > CASES // 2 and left > CASES // 2, "both ways were tried"


@pytest.mark.parametrize(
    "line",
    [
        b'{"event_id":"a","colour":1}',
        b'{"event_id":"a","colour":null}',
        b'{"reversed_event_i":"a"}',
        b'{"reversed_event_ie":"a"}',
        b'{"reversed_event_idd":"a"}',
        b'{"reversed_event_id" "a"}',
        b'{"reversed_event_id":"a","reversed_event_id":"a"}',
        b'{"lines":[]}',
        b'{"lines":[{"line_id":"a","sku":"b"}]}',
        b'{"lines":[{"line_id":"a","line_id":"a"}]}',
        b'{"public":1}',
        b'{"public":"true"}',
        b'{"public":truely}',
        b'{"at":true}',
    ],
)
def test_scan_json_leaves_an_event_that_is_none(line: bytes) -> None:
    assert _compare(line, events=True) == 0


def test_scan_json_reads_a_key_that_is_longer_than_two_words() -> None:
    line = b'{"reversed_event_id" : "a","tracking_number":"t","public":false}\n{"reversed_event_id":null,"public":true}'
    assert _compare(line, events=True) == 2


def test_scan_json_reads_lists_larger_than_its_first_guess() -> None:
    order = {**plain_order(), "lines": [{}] * 5_000, "coupons": [""] * 5_000}
    assert _compare(json.dumps(order, separators=(",", ":")).encode()) == 1


def test_key_slots_do_not_mistake_keys_of_other_levels() -> None:
    block = b'{"sku":"x","qty":1,"name":"n","method":"m","order_id":"a","customer":{"order_id":"b","sku":"c","id":"d"}}'
    found, _ = _scanned(block)
    row = _row(found, 0)
    assert (row["texts"]["order_id"], row["texts"]["customer.id"], row["lines"]) == (b"a", b"d", [])
    assert sum(map(bool, row["texts"].values())) == 2


def test_split_lines_equals_its_twin() -> None:
    rng = random.Random(13)
    split = np.zeros(2, np.int64)
    for _ in range(CASES):
        size = rng.choice((0, 1, 5, 300, STRIDE - 1, STRIDE, STRIDE + 1, 9_000))
        text = bytes(rng.choices(b"a\nbc\n", k=size))
        begin = rng.randint(0, len(text))
        end, most = rng.randint(begin, len(text)), rng.choice((1, 2, 7, 1_000, 1_700, 100_000))
        array = np.frombuffer(b"-" + text, np.uint8)[1:]
        split_lines(array, begin, end, most, split)
        cut, lines = split_twin.split_lines(text[begin:end], most)
        assert (split[CUT], split[LINES]) == (begin + cut, lines)
        assert split[CUT] == begin or text[split[CUT] - 1] == 0x0A
        assert count_lines(array, begin, end) == split_twin.count_lines(text[begin:end])


def test_gather_text_equals_its_twin() -> None:
    rng = random.Random(14)
    for _ in range(CASES):
        text = rng.randbytes(rng.choice((0, 1, 9, 100)))
        fields, rows = rng.choice((1, 2, 5)), rng.choice((0, 1, 3, 9))
        pieces = [[_piece(rng, len(text)) for _ in range(rows)] for _ in range(fields)]
        start = np.array([[s for s, _ in field] for field in pieces], np.int32).reshape(fields, rows)
        length = np.array([[n for _, n in field] for field in pieces], np.int32).reshape(fields, rows)
        base = np.zeros(fields, np.int64)
        base[1:] = np.cumsum(length.sum(axis=1))[:-1]
        offsets = np.full((fields, rows + 1), -1, np.int32)
        out = np.zeros(int(length.sum()) + BEHIND, np.uint8)
        gather_text(np.frombuffer(text + bytes(BEHIND), np.uint8), start, length, base, offsets, out)
        raw = out.tobytes()
        got = [[raw[base[f] + offsets[f, r] : base[f] + offsets[f, r + 1]] for r in range(rows)] for f in range(fields)]
        assert got == gather_twin.gather_text(text, pieces)
        assert (offsets[:, 0] == 0).all() and (np.diff(offsets, axis=1) >= 0).all()


def test_taken_strings_equal_the_twin() -> None:
    draw = random.Random(9)
    for _ in range(2_000):
        table = ["".join(draw.choices("aß€x", k=draw.randint(0, 20))) for _ in range(draw.randint(1, 9))]
        numbers = [draw.randrange(len(table)) for _ in range(draw.randint(0, 12))]
        array = pa.array(["left out", *table], pa.string()).slice(1)
        starts, text = string_parts(array)
        offsets = np.full(len(numbers) + 1, -1, np.int32)
        size = measure_text(np.array(numbers, np.int32), starts, offsets)
        assert offsets.tolist() == gather_twin.measure_text(numbers, table) and size == offsets[-1]
        out = np.zeros(size + 8, np.uint8)
        padded = np.concatenate([text, np.zeros(8, np.uint8)])
        take_text(np.array(numbers, np.int32), starts, padded, offsets, out)
        wanted = gather_twin.take_text(numbers, table)
        assert out[:size].tobytes().decode() == "".join(wanted)
        assert taken(array, np.array(numbers, np.int64)).to_pylist() == wanted


def test_strings_beyond_two_gigabytes_are_told() -> None:
    assert measure_text(np.zeros(3, np.int32), np.array([0, 2**30], np.int32), np.zeros(4, np.int32)) == -1


def _piece(rng: random.Random, size: int) -> tuple[int, int]:
    start = rng.randint(0, size)
    return start, rng.randint(0, min(size - start, rng.choice((0, 3, 8, 30))))


def test_fingerprint_fields_equal_their_twins() -> None:
    rng = random.Random(15)
    for _ in range(CASES):
        rows, tag = rng.choice((0, 1, 4)), rng.randint(1, 99)
        state = [rng.getrandbits(64) for _ in range(rows)]
        texts = [rng.randbytes(rng.choice((0, 0, 1, 7, 8, 9, 40))) for _ in range(rows)]
        values = [rng.choice((scan.ABSENT, 0, -1, 2**63 - 1)) for _ in range(rows)]
        mixed = np.array(state, np.uint64)
        offsets = np.cumsum([0, *map(len, texts)]).astype(np.int32)
        fingerprint_text_field(mixed, tag, offsets, np.frombuffer(b"".join(texts), np.uint8))
        expected = fingerprint_twin.fingerprint_text_field(state, tag, texts)
        assert mixed.tolist() == expected
        fingerprint_number_field(mixed, tag, np.array(values, np.int64), scan.ABSENT)
        assert mixed.tolist() == fingerprint_twin.fingerprint_number_field(expected, tag, values, scan.ABSENT)


def test_write_references_equals_its_twin() -> None:
    rng = random.Random(16)
    for _ in range(CASES):
        rows = rng.choice((0, 1, 3))
        columns = [[rng.choice((0, 9, 10, 255, 2**47)) for _ in range(rows)] for _ in range(3)]
        columns[0] = [rng.choice((-1, value)) for value in columns[0]]
        offsets, out = np.empty(rows + 1, np.int32), np.empty(rows * 62 + 8, np.uint8)
        size = write_references(*(np.array(column, np.int64) for column in columns), offsets, out)
        text = out.tobytes()
        got = [text[first:last].decode() for first, last in zip(offsets, offsets[1:], strict=False)]
        assert got == references_twin.write_references(*columns) and size == offsets[-1]


IDS = (
    "",
    "A",
    "SKU-1",
    'q"uote',
    "back\\",
    "Zoë",
    "tab\t",
    "\x01",
    "a" * 30,
    "🎁",
    "line\nfeed\r",
    "\b\f\x1f",
    "x" * 8 + '"',
)


def _ack_row(rng: random.Random) -> dict[str, Any]:
    def amount() -> int:
        return rng.choice((0, 9, 10, 99, -5, 12_345, 2**63 - 1, 1 - 2**63))

    lines = [
        (
            rng.choice(IDS),
            rng.choice(IDS),
            [(rng.choice(IDS), rng.choice(IDS), rng.randint(0, 2**31 - 1)) for _ in range(rng.choice((0, 1, 2)))],
            rng.choice((0, 7)),
        )
        for _ in range(rng.choice((0, 1, 3)))
    ]
    return {
        "order_id": rng.choice(IDS),
        "currency": rng.choice(IDS),
        "status": rng.randrange(5),
        "lines": lines,
        **{name: amount() for name in ("total", "discount", "tax", "shipping")},
        "parcels": rng.randrange(12),
        "promise_day": rng.choice((-1, 0, 59, 789, 11_016, 20_514, 2_932_896)),
        "duplicate": rng.randrange(2),
        "shard": rng.randrange(9),
        "sequence": rng.randrange(10**9),
        "row": rng.randrange(65_536),
        "twin": rng.choice((-1, 5 << 48 | 1234 << 16 | 77)),
        "detail": rng.choice((None, *IDS)),
        "line": rng.choice((1, 77, 10**12)),
        "mask": rng.choice((0, 0, 1, 5, 2**63 | 2)),
        "answered": rng.random() < 0.8,
    }


def _written(rows: list[dict[str, Any]], codes: list[str]) -> tuple[bytes, list[int]]:
    """The kernel over rows in the twin's form; every text is a row of its own table."""
    names = (
        *("status", "total", "discount", "tax", "shipping", "parcels", "promise_day"),
        *("duplicate", "shard", "sequence", "row", "twin"),
    )
    number = np.zeros((14, len(rows)), np.int64)
    for at, name in enumerate(names):
        number[at] = [row[name] for row in rows]
    number[13] = [row["line"] for row in rows]
    number[12] = [-1 if row["detail"] is None else at for at, row in enumerate(rows)]
    sent = [line for row in rows for line in row["lines"]]
    answered = [line for row in rows for line in row["lines"] if row["answered"]]
    allocations = [allocation for line in answered for allocation in line[2]]
    counts = np.cumsum([0, *(len(line[2]) for line in answered)])
    table = np.zeros((4, max(len(counts), len(allocations))), np.int32)
    table[0, : len(counts)] = counts
    table[1, : len(allocations)] = table[2, : len(allocations)] = np.arange(len(allocations))
    table[3, : len(allocations)] = [qty for _, _, qty in allocations]
    row_end, out = np.empty(len(rows), np.int64), np.empty(200_000, np.uint8)
    size = ack_json(
        *(number, np.array([row["mask"] for row in rows], np.uint64)),
        *(*piece_texts([row["order_id"] for row in rows]), *piece_texts([row["currency"] for row in rows])),
        np.cumsum([0, *(len(row["lines"]) for row in rows)]).astype(np.int32),
        np.arange(len(sent), dtype=np.int32),
        *(*piece_texts([line[1] for line in sent]), *piece_texts([line[0] for line in sent])),
        np.cumsum([0, *(len(row["lines"]) * row["answered"] for row in rows)]).astype(np.int32),
        np.array([line[3] for line in answered], np.int32),
        table,
        *(*piece_texts([node for _, node, _ in allocations]), *piece_texts([sku for sku, _, _ in allocations])),
        *(*piece_texts(codes), *piece_texts([row["detail"] or "" for row in rows]), row_end, out),
    )
    return out[:size].tobytes(), row_end.tolist()


def test_ack_json_equals_its_twin_and_is_json() -> None:
    rng = random.Random(17)
    codes = [f"code_{bit}" for bit in range(64)]
    for _ in range(CASES):
        rows = [_ack_row(rng) for _ in range(rng.choice((0, 1, 2, 4)))]
        written, ends = _written(rows, codes)
        for row in rows:
            row["reasons"] = [codes[bit] for bit in range(64) if row["mask"] >> bit & 1]
            row["lines"] = row["lines"] if row["answered"] else []
        assert written == ack_twin.ack_json(rows)
        lines = written.splitlines(keepends=True)
        assert np.cumsum([len(line) for line in lines]).tolist() == ends
        assert [json.loads(line)["order_id"] for line in lines] == [row["order_id"] for row in rows]


def test_event_json_equals_its_twin_and_is_json() -> None:
    rng = random.Random(20)
    pieces = ['{"event_id":"', '","order_id":"', '","status":"applied","version":', '","v":']
    for _ in range(CASES):
        rows = [
            (rng.choice(IDS), rng.choice(IDS), rng.choice((2, 3, LEFT_OUT)), rng.choice((0, 9, 10, 2**31 - 1)))
            for _ in range(rng.choice((0, 1, 2, 5)))
        ]
        out, ends = np.zeros(20_000, np.uint8), np.empty(len(rows), np.int64)
        size = event_json(
            *(*piece_texts([row[0] for row in rows]), *piece_texts([row[1] for row in rows])),
            *(np.array([row[2] for row in rows], np.int32), np.array([row[3] for row in rows], np.int32)),
            *(*piece_texts(pieces), ends, out),
        )
        written, wanted = event_twin.event_json(rows, pieces)
        assert out[:size].tobytes() == written and ends.tolist() == wanted
        said = [row for row in rows if row[2] != LEFT_OUT]
        assert [json.loads(line)["order_id"] for line in written.splitlines()] == [row[1] for row in said]
