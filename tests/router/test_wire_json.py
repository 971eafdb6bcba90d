"""JSON lines become columns: the fast and the careful reader agree, and nothing of a body is lost or held back."""

from __future__ import annotations

import json
import pathlib
import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from kernels.reasons import FIELD_MISSING, FIELD_TOO_LONG, MALFORMED
from router.config import Limits
from router.log.columns import REQUIRED_FIELDS, WIRE
from router.wire.batch import WireBatch
from router.wire.careful import LineFault, parse_time
from router.wire.fields import LINE_FIELDS, NUMBER_FIELDS, TEXT_FIELDS
from router.wire.lines import LineBlock, LineSplitter
from router.wire.ndjson import decode_block, decode_bodies, decode_lines
from router.wire.order_json import Address, Customer, Line, Order, Payment, Shipping, plain_line
from tests.labs.wire_cases import any_order, mutated, plain_order, spelled

LIMITS = Limits()
SMALL = Limits(batch_rows_max=7, batch_bytes_max=600, line_bytes_max=900)


def decode(*lines: bytes, limits: Limits = LIMITS) -> WireBatch:
    return decode_lines(b"\n".join(lines), 1, limits)


def line_of(order: dict[str, Any]) -> bytes:
    return json.dumps(order).encode()


def content(batch: WireBatch) -> list[Any]:
    """Everything but the documents, which keep the spelling."""
    return [batch.orders.to_pylist(), batch.skus.to_pylist(), batch.line_ids.to_pylist(), batch.positions.tolist()]


def test_the_careful_reader_and_the_page_name_every_field_that_the_scanner_knows() -> None:
    parts = {"customer": Customer, "ship_to": Address, "bill_to": Address, "payment": Payment, "shipping": Shipping}
    read = {name for name in Order.__struct_fields__ if name not in parts}
    read |= {f"{part}.{name}" for part, kind in parts.items() for name in kind.__struct_fields__}
    assert read == {*TEXT_FIELDS, *NUMBER_FIELDS, "coupons", "lines"}
    assert set(Line.__struct_fields__) == set(LINE_FIELDS)
    page = (
        (pathlib.Path(__file__).parents[2] / "docs" / "orders.md").read_text().partition("Money is a whole number")[0]
    )
    assert [name for name in (*read, *LINE_FIELDS) if f"`{name.rpartition('.')[2]}`" not in page] == []


def test_an_order_becomes_a_row() -> None:
    order = {
        **plain_order(),
        "seller": "S1",
        "bill_to": {"country": "DE", "postcode": "10115"},
        "coupons": ["SPRING", "VIP"],
        "payment": {"method": "card", "status": "captured", "reference": "P-1"},
        "shipping": {"service": "express", "promise_by": "2026-03-04T00:00:00+01:00"},
        "priority": 3,
        "total": 5997,
        "attributes": {"gift": True},
    }
    order["lines"][1]["node"] = "BER"
    batch = decode(line_of(order))
    batch.orders.validate(full=True)
    assert batch.orders.schema == WIRE and batch.refused == [] and batch.count == 1
    (row,) = batch.orders.to_pylist()
    assert row.pop("fingerprint") > 0 and row.pop("fingerprint_sent") > 0
    assert row == {
        "order_id": "ORD-000000",
        "channel": "shop-eu",
        "seller": "S1",
        "placed_at_ms": 1772366400000,
        "currency": "EUR",
        "customer_id": "C1",
        "country": "GB",
        "region": "",
        "postcode": "",
        "bill_country": "DE",
        "bill_postcode": "10115",
        "coupons": ["SPRING", "VIP"],
        "payment_method": "card",
        "payment_status": "captured",
        "service": "express",
        "promise_by_ms": 1772578800000,
        "priority": 3,
        "total_declared_minor": 5997,
        "declared": [],
        "line_nodes": [{"line": 1, "node": "BER"}],
        "missing": 0,
        "lines": [
            {"sku_code": 0, "qty": 2, "unit_price_minor": 1999, "line_key": 0},
            {"sku_code": 1, "qty": 1, "unit_price_minor": -1, "line_key": 0},
        ],
    }
    assert batch.skus.to_pylist() == ["SKU-1", "SKU-2"] and batch.line_ids.to_pylist() == ["", ""]
    assert json.loads(batch.documents.column("json")[0].as_py()) == order


def test_a_batch_of_no_lines_is_empty() -> None:
    batch = decode(b"", b" ", b"\r")
    assert batch.count == 0 and batch.orders.schema == WIRE and batch.documents.num_rows == 0


def test_the_scanner_and_the_careful_reader_agree_on_every_line() -> None:
    """The careful reader is the judge: what it refuses is refused, what it takes gives the same columns."""
    rng = random.Random(21)
    refused = taken = 0
    for case in range(1_500):
        line = spelled(any_order(rng, nasty=case % 2 == 0) | {"order_id": f"O{case}"}, rng).encode()
        for _ in range(rng.choice((0, 1, 1, 2))):
            line = mutated(line, rng)
        line = line.replace(b"\n", b" ")
        if not line.strip():
            continue
        batch = decode(line)
        try:
            careful = decode(plain_line(line.rstrip(b"\r"), LIMITS))
        except LineFault as fault:
            refused += 1
            (refusal,) = batch.refused
            assert refusal.detail == f"line 1: {fault.detail}" and refusal.order_id == fault.order_id
            assert refusal.reasons == 1 << fault.reason and batch.orders.num_rows == 0
        else:
            taken += 1
            assert content(batch) == content(careful), line
            assert [(r.reasons, r.detail) for r in batch.refused] == [(r.reasons, r.detail) for r in careful.refused]
    assert refused > 500 and taken > 500, "both ways were tried"


def test_mended_lines_keep_their_places_among_scanned_ones() -> None:
    rng = random.Random(22)
    for _ in range(200):
        orders = [any_order(rng) | {"order_id": f"O{at}", "placed_at": "2026-01-01T00:00:00Z"} for at in range(9)]
        plain = decode(*(line_of(order) for order in orders))
        odd = [order | ({"placed_at": "2026-01-01t00:00:00z"} if rng.random() < 0.4 else {}) for order in orders]
        assert content(decode(*(line_of(order) for order in odd)))[:3] == content(plain)[:3]


def test_the_fingerprint_ignores_how_an_order_is_spelled() -> None:
    rng = random.Random(23)
    for _ in range(300):
        order = any_order(rng, nasty=True) | {"order_id": "O"}
        spellings = [spelled(order, rng).encode() for _ in range(3)]
        spellings.append(line_of({key: value for key, value in order.items() if value is not None}))
        prints = decode(*spellings).orders.column("fingerprint").to_pylist()
        assert len(prints) == 4 and len(set(prints)) == 1, spellings


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(item, (*path, at))
    else:
        yield path


def test_the_fingerprint_sees_every_known_field() -> None:
    address = {name: name for name in ("name", "line1", "line2", "city", "region", "postcode", "country")}
    order = {
        **plain_order(),
        "seller": "S",
        "customer": {"id": "1", "name": "n", "email": "e", "phone": "p"},
        "ship_to": address,
        "bill_to": address,
        "lines": [{"sku": "a", "qty": 1, "unit_price": 2, "line_id": "x"}, {"sku": "b", "qty": 1}],
        "coupons": ["A", "B"],
        "payment": {"method": "m", "status": "s", "reference": "r"},
        "shipping": {"service": "s", "promise_by": "2026-01-01T00:00:00Z"},
        "priority": 1,
        "total": 1,
    }
    variants = [order]
    for path in _leaves(order):
        changed = msgspec.json.decode(msgspec.json.encode(order))
        owner = changed
        for key in path[:-1]:
            owner = owner[key]
        value = owner[path[-1]]
        owner[path[-1]] = (
            value + 1 if isinstance(value, int) else value.replace("2026", "2025") if "2026" in value else value + "!"
        )
        variants.append(changed)
    variants += [order | {"coupons": ["AB"]}, order | {"lines": order["lines"][::-1]}, order | {"seller": ""}]
    prints = decode(*map(line_of, variants)).orders.column("fingerprint").to_pylist()
    assert len(prints) == len(variants) and len(set(prints)) == len(variants)


def test_moving_a_border_between_fields_or_lines_changes_the_fingerprint() -> None:
    bodies = []
    for left, right in (("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")):
        bodies += [
            plain_order() | {"customer": {"id": "1", "name": left, "email": right}},
            plain_order() | {"ship_to": {"line1": left, "line2": right, "country": "DE"}},
            plain_order() | {"coupons": [left, right]},
            plain_order() | {"lines": [{"sku": "a" + left, "qty": 1}, {"sku": "b" + right, "qty": 1}]},
        ]
    prints = decode(*map(line_of, bodies)).orders.column("fingerprint").to_pylist()
    assert len(prints) == len(bodies) == len(set(prints))


def test_attributes_and_unknown_fields_do_not_change_the_fingerprint() -> None:
    order = plain_order()
    prints = decode(
        line_of(order),
        line_of(order | {"attributes": {"a": 1}}),
        line_of(order | {"x": [1], "customer": order["customer"] | {"vip": 1}}),
    ).orders.column("fingerprint")
    assert len(set(prints.to_pylist())) == 1


@pytest.mark.parametrize("name", [name for name in REQUIRED_FIELDS if name != "order_id"])
def test_a_missing_required_field_sets_its_bit_and_is_not_refused_here(name: str) -> None:
    for empty in (None, "absent"):
        order = msgspec.json.decode(line_of(plain_order()))
        owner, _, key = name.rpartition(".")
        holder = order if not owner else order["lines"][1] if owner == "lines" else order[owner]
        holder.pop(key) if empty else holder.update({key: None})
        batch = decode(line_of(order), line_of(plain_order(1)))
        missing = [bit for bit, _ in enumerate(REQUIRED_FIELDS) if batch.orders.column("missing")[0].as_py() >> bit & 1]
        assert [REQUIRED_FIELDS[bit] for bit in missing] == [name]
        assert batch.orders.column("missing")[1].as_py() == 0 and batch.refused == []


def test_negative_numbers_are_passed_on_and_not_taken_for_absent() -> None:
    order = plain_order() | {"total": -1, "priority": -1, "lines": [{"sku": "A", "qty": -1, "unit_price": -1}]}
    (row,) = decode(line_of(order)).orders.to_pylist()
    assert row["total_declared_minor"] < -1 and row["priority"] == -1
    assert row["lines"][0]["qty"] == -1 and row["lines"][0]["unit_price_minor"] < -1


def test_ids_and_texts_beyond_their_limits_are_refused_in_their_place() -> None:
    long = {
        "order_id": plain_order() | {"order_id": "x" * 129},
        "seller": plain_order() | {"seller": "é" * 65},
        "customer.name": plain_order() | {"customer": {"name": "x" * 4_097}},
        "lines.sku": plain_order() | {"lines": [{"sku": "A", "qty": 1}, {"sku": "x" * 129, "qty": 1}]},
        "lines.line_id": plain_order() | {"lines": [{"sku": "A", "qty": 1, "line_id": "x" * 129}]},
        "coupons": plain_order() | {"coupons": ["A", "x" * 129]},
    }
    batch = decode(*(part for order in long.values() for part in (line_of(order), line_of(plain_order()))))
    assert [refusal.position for refusal in batch.refused] == [0, 2, 4, 6, 8, 10]
    assert batch.positions.tolist() == [1, 3, 5, 7, 9, 11] and batch.orders.num_rows == 6
    for refusal, name in zip(batch.refused, long, strict=True):
        assert refusal.reasons == 1 << FIELD_TOO_LONG and f"line {refusal.line_number}: {name} has" in refusal.detail
    assert [len(row) for row in batch.orders.column("lines").to_pylist()] == [2] * 6 and len(batch.line_ids) == 12
    (row,) = decode(
        line_of(plain_order() | {"order_id": "x" * 128, "customer": {"name": "x" * 4_096}})
    ).orders.to_pylist()
    assert row["order_id"] == "x" * 128


def test_documents_are_the_lines_as_they_came() -> None:
    lines = [b'{"order_id":"A" }\r', b'  {"order_id":"B","x":[1,  2]}', b"broken", b'{"order_id":"C"}']
    kept = decode(lines[0], lines[1], lines[3]).documents.column("json").to_pylist()
    assert [line.rstrip(b"\n") for line in kept] == [lines[0], lines[1], lines[3]]
    kept = decode(*lines).documents.column("json").to_pylist()
    assert [line.rstrip(b"\n") for line in kept] == [lines[0], lines[1], lines[3]]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-01T12:00:00.5+01:00", 1772362800500),
        ("2026-03-01 12:00:00z", 1772366400000),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2024-02-29T00:00:00-00:00", 1709164800000),
        ("2026-02-29T00:00:00Z", None),
        ("2026-03-01T24:00:00Z", None),
        ("2026-03-01T12:00:60Z", None),
        ("2026-06-30T23:59:60Z", 1_782_864_000_000),  # a leap second is the first of the next month
        ("2026-07-01T01:59:60.250+02:00", 1_782_864_000_250),
        ("2026-06-30T16:59:60-07:00", 1_782_864_000_000),
        ("2024-02-29T23:59:60Z", 1_709_251_200_000),
        ("2026-06-30T23:59:61Z", None),
        ("2026-06-30T23:58:60Z", None),
        ("2026-06-30T23:59:60+02:00", None),
        ("2026-06-29T23:59:60Z", None),
        ("2024-02-28T23:59:60Z", None),
        ("2026-03-01T12:00:00", None),
        ("2026-03-01T12:00:00+24:00", None),
        ("2026-03-01", None),
        ("0000-01-01T00:00:00Z", None),
        ("0001-01-01T00:30:00+00:30", -62135596800000),
        ("9999-12-31T23:59:59.999Z", 253402300799999),
        ("٢٠٢٦-03-01T12:00:00Z", None),
    ],
)
def test_times_are_read_to_the_millisecond(text: str, milliseconds: int | None) -> None:
    assert parse_time(text) == milliseconds
    batch = decode(line_of(plain_order() | {"placed_at": text}))
    if milliseconds is None:
        assert "placed_at" in batch.refused[0].detail and "RFC 3339" in batch.refused[0].detail
    else:
        assert batch.orders.column("placed_at_ms").to_pylist() == [milliseconds]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_times_outside_the_calendar_are_refused(text: str) -> None:
    (refusal,) = decode(line_of(plain_order() | {"placed_at": text})).refused
    assert "placed_at lies outside the years 1 to 9999" in refusal.detail


def _blocks(body: bytes, cuts: list[int], limits: Limits, flush: bool = False) -> list[LineBlock]:
    splitter, blocks = LineSplitter(limits), []
    for first, last in zip([0, *cuts], [*cuts, len(body)], strict=True):
        blocks += splitter.feed(body[first:last])
        if flush:
            blocks += splitter.flush()
    return [*blocks, *splitter.finish()]


def test_the_splitter_gives_the_same_lines_however_the_body_is_cut() -> None:
    rng = random.Random(24)
    for _ in range(300):
        lines = [
            rng.choice((b"", b" \r", b"{}", b'{"a":1}\r', b"x" * rng.randrange(400))) for _ in range(rng.randrange(30))
        ]
        body = b"\n".join(lines) + rng.choice((b"", b"\n"))
        cuts = sorted(rng.randint(0, len(body)) for _ in range(rng.choice((0, 1, 5, 40))))
        blocks = _blocks(body, cuts, SMALL, flush=rng.random() < 0.5)
        joined = b"".join(block.buffer[block.begin : block.end] for block in blocks)
        assert joined == body + (b"\n" if body and not body.endswith(b"\n") else b"")
        line = 1
        for block in blocks:
            text = block.buffer[block.begin : block.end]
            assert block.first_line == line and text.endswith(b"\n")
            assert 0 < text.count(b"\n") <= min(block.lines, SMALL.batch_rows_max)
            assert len(text) <= SMALL.batch_bytes_max or text.count(b"\n") == 1
            line += text.count(b"\n")


def test_full_blocks_leave_before_the_body_ends() -> None:
    splitter = LineSplitter(SMALL)
    assert not list(splitter.feed(b"{}\n" * 6))
    assert [block.lines for block in splitter.feed(b"{}\n" * 9)] == [7, 7]
    assert [block.lines for block in splitter.flush()] == [1] and not list(splitter.flush())


def test_a_line_too_long_is_dropped_while_it_arrives_and_refused_in_its_place() -> None:
    splitter, held, blocks = LineSplitter(SMALL), 0, []
    for chunk in [b'{"order_id":"A"}\n{"order_id":"', *[b"x" * 500] * 200, b'"}\n', b'{"order_id":"C"}']:
        blocks += splitter.feed(chunk)
        held = max(held, sum(map(len, splitter._chunks)))
    blocks += splitter.finish()
    assert held <= SMALL.line_bytes_max + 600, "a long line is not kept"
    batches = [decode_block(block, SMALL) for block in blocks]
    assert [batch.orders.column("order_id").to_pylist() for batch in batches if batch.orders.num_rows] == [["A"], ["C"]]
    (refusal,) = [refusal for batch in batches for refusal in batch.refused]
    assert (refusal.line_number, refusal.reasons) == (2, 1 << FIELD_TOO_LONG) and "900 bytes" in refusal.detail
    assert decode(b'{"order_id":"' + b"x" * 900 + b'"}', limits=SMALL).refused[0].reasons == 1 << FIELD_TOO_LONG


def test_a_body_may_begin_with_a_byte_order_mark_and_only_there() -> None:
    line = b'\xef\xbb\xbf{"order_id":"A"}'
    (block,) = _blocks(line + b"\n" + line, [2], LIMITS)
    batch = decode_block(block, LIMITS)
    assert batch.orders.num_rows == 1 and batch.refused[0].line_number == 2
    assert decode(line).orders.num_rows == 1 and decode_lines(line, 2, LIMITS).orders.num_rows == 0


def test_single_orders_may_be_written_over_several_lines() -> None:
    order = plain_order()
    bodies = [json.dumps(order, indent=2).encode(), b"", b'{"order_id":"A\n"}', line_of(order), b"{\n" * 10]
    batch = decode_bodies(bodies, LIMITS)
    assert batch.count == 5 and batch.positions.tolist() == [0, 3]
    assert [refusal.position for refusal in batch.refused] == [1, 2, 4]
    assert len(set(batch.orders.column("fingerprint").to_pylist())) == 1


def test_an_order_without_an_id_is_refused() -> None:
    batch = decode(b'{"channel":"x"}', b'{"order_id":""}', b'{"order_id":null}')
    assert [refusal.reasons for refusal in batch.refused] == [1 << FIELD_MISSING] * 3
    assert batch.refused[2].detail.startswith("line 3: order_id is missing")


def test_a_refusal_names_the_order_where_it_can() -> None:
    batch = decode(b'{"order_id":"A","lines":[{"sku":"x","qty":"two"}]}')
    (refusal,) = batch.refused
    assert (refusal.order_id, refusal.reasons) == ("A", 1 << MALFORMED)
    assert refusal.detail == "line 1: lines[0].qty: expected `int`, got `str`; correct the field"


def test_a_batch_keeps_its_line_numbers_while_later_ones_are_decoded() -> None:
    limits = Limits(batch_rows_max=2)
    splitter = LineSplitter(limits)
    bodies = [json.dumps(plain_order(number)).encode() + b"\n" for number in range(6)]
    batches = [decode_block(block, limits) for body in bodies for block in splitter.feed(body)]
    assert [batch.line_numbers.tolist() for batch in batches] == [[1, 2], [3, 4], [5, 6]]
