"""Bad bodies get a clear answer and do no harm: one test for every kind, with good neighbours that go on."""

from __future__ import annotations

import json
import time

import pyarrow as pa
import pytest

from kernels.reasons import FIELD_TOO_LONG, MALFORMED
from router.config import Limits
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import Refusal, WireBatch, WireError
from router.wire.lines import LineSplitter
from router.wire.ndjson import decode_block, decode_bodies, decode_lines
from tests.labs.wire_cases import plain_order, rows_to_arrow, stream

LIMITS = Limits()


def good(number: int) -> bytes:
    return json.dumps(plain_order(number)).encode()


def between_good_ones(bad: bytes) -> Refusal:
    """The refusal of a bad line; its two neighbours are decided."""
    batch = decode_lines(b"\n".join((good(1), bad, good(2))), 1, LIMITS)
    assert batch.orders.column("order_id").to_pylist() == ["ORD-000001", "ORD-000002"]
    assert batch.positions.tolist() == [0, 2]
    (refusal,) = batch.refused
    assert (refusal.position, refusal.line_number) == (1, 2) and refusal.detail.startswith("line 2: ")
    return refusal


def test_broken_json_in_line_7001_is_answered_with_its_number_and_the_others_go_on() -> None:
    lines = [good(number) for number in range(10_000)]
    lines[7_000] = lines[7_000][:-9]
    splitter, batches = LineSplitter(LIMITS), []
    body = b"\n".join(lines)
    for at in range(0, len(body), 100_000):
        batches += [decode_block(block, LIMITS) for block in splitter.feed(body[at : at + 100_000])]
    batches += [decode_block(block, LIMITS) for block in splitter.finish()]
    (refusal,) = [refusal for batch in batches for refusal in batch.refused]
    assert refusal.line_number == 7_001 and refusal.reasons == 1 << MALFORMED
    assert refusal.detail.startswith("line 7001: ") and "correct the JSON" in refusal.detail
    assert sum(batch.orders.num_rows for batch in batches) == 9_999


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"order_id":7}', ("order_id", "`str`", "`int`")),
        (b'{"order_id":"A","lines":{}}', ("lines", "`array`")),
        (b'{"order_id":"A","lines":[1]}', ("lines[0]", "`object`")),
        (b'{"order_id":"A","customer":"Maria"}', ("customer", "`object`", "`str`")),
        (b'{"order_id":"A","lines":[{"qty":"2"}]}', ("lines[0].qty", "`int`", "`str`")),
        (b'{"order_id":"A","lines":[{"qty":2.0}]}', ("lines[0].qty", "`int`", "`float`")),
        (b'{"order_id":"A","lines":[{"sku":"x"},{"unit_price":1e3}]}', ("lines[1].unit_price", "`float`")),
        (b'{"order_id":"A","coupons":[1]}', ("coupons[0]", "`str`")),
        (b'{"order_id":"A","placed_at":1772366400}', ("placed_at", "`str`")),
        (b'{"order_id":"A","placed_at":"yesterday"}', ("placed_at", "RFC 3339")),
        (b'{"order_id":"A","shipping":{"promise_by":"2026-13-01T00:00:00Z"}}', ("shipping.promise_by", "RFC 3339")),
        (b'{"order_id":"A","priority":2147483648}', ("priority",)),
        (b"[]", ("`object`", "`array`")),
        (b'"order"', ("`object`", "`str`")),
        (b"null", ("`object`", "`null`")),
    ],
)
def test_wrong_types_name_the_field(bad: bytes, words: tuple[str, ...]) -> None:
    refusal = between_good_ones(bad)
    assert refusal.reasons == 1 << MALFORMED
    assert all(word in refusal.detail for word in words), refusal.detail
    assert refusal.order_id == ("A" if b'"A"' in bad else "")


@pytest.mark.parametrize("line_ids", [("a", "b", "a"), (None, "1", "b"), tuple(map(str, (*range(30), 7)))])
def test_an_order_with_two_lines_of_one_name_is_refused_in_both_forms(line_ids: tuple[str | None, ...]) -> None:
    """No event could say which of them it means."""
    lines = [{"sku": "SKU-1", "qty": 1} | ({} if name is None else {"line_id": name}) for name in line_ids]
    order = plain_order(3) | {"lines": lines}
    refusal = between_good_ones(json.dumps(order).encode())
    (as_arrow,) = [
        one for batch in ArrowStreamDecoder(LIMITS).feed([stream(rows_to_arrow([order]))]) for one in batch.refused
    ]
    for one in (refusal, as_arrow):
        assert one.reasons == 1 << MALFORMED and one.order_id == "ORD-000003"
        assert f"two lines are called {line_ids[-1] if line_ids[0] else '1'!r}" in one.detail, one.detail


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"lines":['])
@pytest.mark.parametrize("start", [b"", b'{"order_id":"A","attributes":', b'{"order_id":"A","lines":[{"x":'])
def test_nesting_a_million_deep_is_refused_quickly(start: bytes, opening: bytes) -> None:
    began = time.perf_counter()
    refusal = between_good_ones(start + opening * (1_000_000 // len(opening)))
    assert refusal.reasons == 1 << MALFORMED
    assert time.perf_counter() - began < 2


def test_reasonable_nesting_of_unknown_fields_is_kept() -> None:
    for depth in (2, 50, 58, 60, 62, 200):
        order = json.dumps(plain_order())[:-1] + ',"attributes":' + '{"a":[' * (depth // 2) + "]}" * (depth // 2) + "}"
        assert decode_lines(order.encode(), 1, LIMITS).orders.num_rows == 1


def test_a_line_of_a_gigabyte_is_not_held_in_memory() -> None:
    """The same chunk a thousand times: what the splitter keeps of it is bounded, and the next line is read."""
    splitter, chunk, batches, held = LineSplitter(LIMITS), b"x" * (1 << 20), [], 0
    batches += [decode_block(block, LIMITS) for block in splitter.feed(good(1) + b'\n{"order_id":"')]
    for _ in range(1_024):
        batches += [decode_block(block, LIMITS) for block in splitter.feed(chunk)]
        held = max(held, sum(map(len, splitter._chunks)))
    batches += [decode_block(block, LIMITS) for block in splitter.feed(b'"}\n' + good(2))]
    batches += [decode_block(block, LIMITS) for block in splitter.finish()]
    assert held <= LIMITS.line_bytes_max + (2 << 20)
    (refusal,) = [refusal for batch in batches for refusal in batch.refused]
    assert refusal.line_number == 2 and refusal.reasons == 1 << FIELD_TOO_LONG
    assert [name for batch in batches for name in batch.orders.column("order_id").to_pylist()] == [
        "ORD-000001",
        "ORD-000002",
    ]


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
@pytest.mark.parametrize("place", [b'"total":', b'"attributes":', b'"lines":[{"qty":1}],"x":'])
def test_nan_and_infinity_are_refused_everywhere(word: bytes, place: bytes) -> None:
    refusal = between_good_ones(b'{"order_id":"A",' + place + word + b"}")
    assert refusal.reasons == 1 << MALFORMED and "NaN and Infinity are not JSON" in refusal.detail


@pytest.mark.parametrize("number", [2**63, -(2**63), 2**64, 10**400])
@pytest.mark.parametrize("field", ["total", "lines[0].qty", "lines[0].unit_price"])
def test_numbers_beyond_64_bits_are_refused_by_field(field: str, number: int) -> None:
    key = field.rpartition(".")[2]
    inner = f'"{key}":{number}' if field == "total" else f'"lines":[{{"sku":"S","{key}":{number}}}]'
    refusal = between_good_ones(f'{{"order_id":"A",{inner}}}'.encode())
    assert refusal.reasons == 1 << MALFORMED and f"{field}: " in refusal.detail


def test_the_largest_int64_is_read_exactly() -> None:
    order = plain_order() | {"total": 2**63 - 1, "lines": [{"sku": "A", "qty": 2**63 - 1, "unit_price": 1 - 2**63}]}
    (row,) = decode_lines(json.dumps(order).encode(), 1, LIMITS).orders.to_pylist()
    assert row["total_declared_minor"] == 2**63 - 1
    assert (row["lines"][0]["qty"], row["lines"][0]["unit_price_minor"]) == (2**63 - 1, 1 - 2**63)


def test_negative_quantities_reach_validation_as_they_are() -> None:
    order = plain_order() | {"lines": [{"sku": "A", "qty": -3, "unit_price": -1}]}
    batch = decode_lines(json.dumps(order).encode(), 1, LIMITS)
    (line,) = batch.orders.column("lines").to_pylist()[0]
    assert line["qty"] == -3 and line["unit_price_minor"] < -1 and batch.refused == []


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (b'{"order_id":"A","order_id":"B"}', "order_id"),
        (b'{"order_id":"A","order_id":null}', "order_id"),
        (b'{"order_id":"A","ord\\u0065r_id":"B"}', "order_id"),
        (b'{"order_id":"A","customer":{"name":"x"},"customer":{"name":"x"}}', "customer"),
        (b'{"order_id":"A","customer":{"name":"x","name":"y"}}', "customer.name"),
        (b'{"order_id":"A","lines":[{"qty":1},{"qty":1,"sku":"S","qty":2}]}', "lines[1].qty"),
        (b'{"order_id":"A","lines":[],"lines":[{"qty":1}]}', "lines"),
        (b'{"order_id":"A","total":1,"total":1}', "total"),
    ],
)
def test_a_known_key_given_twice_is_refused(bad: bytes, field: str) -> None:
    refusal = between_good_ones(bad)
    assert refusal.reasons == 1 << MALFORMED and f"{field}: the key is given twice" in refusal.detail


def test_an_unknown_key_given_twice_is_kept_in_the_document() -> None:
    line = b'{"x":1,"order_id":"A","x":2,"attributes":{"a":1,"a":2}}'
    batch = decode_lines(line, 1, LIMITS)
    assert batch.refused == [] and batch.documents.column("json")[0].as_py() == line + b"\n"


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
@pytest.mark.parametrize(
    "place", ['{"order_id":"A%"}', '{"order_id":"A","x":"%"}', '{"order_id":"A","%":1}', "%", '{"a%']
)
def test_bytes_that_are_not_utf8_are_refused(place: str, bad: bytes) -> None:
    refusal = between_good_ones(place.encode().replace(b"%", bad))
    assert refusal.reasons == 1 << MALFORMED and "not UTF-8" in refusal.detail and "byte" in refusal.detail


@pytest.mark.parametrize("half", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud83c x", "\\udf81\\ud83c"])
@pytest.mark.parametrize("key", ["seller", "unknown"])
def test_half_a_surrogate_pair_is_refused(key: str, half: str) -> None:
    assert between_good_ones(f'{{"order_id":"A","{key}":"{half}"}}'.encode()).reasons == 1 << MALFORMED


def test_a_whole_surrogate_pair_is_one_character() -> None:
    batch = decode_lines(b'{"order_id":"\\ud83c\\udf81"}', 1, LIMITS)
    assert batch.orders.column("order_id").to_pylist() == ["\N{WRAPPED PRESENT}"]


@pytest.mark.parametrize(
    "bad",
    [
        *(b"{", b"}", b"{]", b'{"order_id"}', b'{"order_id":}', b'{"order_id":"A",}', b'{,"order_id":"A"}', b"{} {}"),
        *(b'{"order_id":"A"', b'{"order_id":"A', b"{'order_id':'A'}", b'{"order_id":"A"}x', b'{"order_id":"A\x01"}'),
        *(
            b'{"order_id":"A","x":01}',
            b'{"order_id":"A","x":1.}',
            b'{"order_id":"A","x":+1}',
            b'{"order_id":"A","x":tru}',
        ),
        *(b'{"order_id":"A","lines":[{}', b'{"order_id":"A","lines":[{},]}', b'{"order_id":"A","x":"\\q"}', b"\x00"),
    ],
)
def test_broken_json_is_refused_line_by_line(bad: bytes) -> None:
    assert between_good_ones(bad).reasons == 1 << MALFORMED


def test_unknown_fields_are_kept_and_not_refused() -> None:
    line = json.dumps(plain_order() | {"loyalty": {"tier": [1, None, True, -1.5e3]}, "x" * 300: ""}).encode()
    batch = decode_lines(line, 1, LIMITS)
    assert batch.refused == [] and json.loads(batch.documents.column("json")[0].as_py())["loyalty"]["tier"][3] == -1500


def test_a_single_order_that_is_no_json_is_refused() -> None:
    batch = decode_bodies([b"", b"{", good(1), b"\xff\n{}"], LIMITS)
    assert [refusal.position for refusal in batch.refused] == [0, 1, 3] and batch.orders.num_rows == 1


def _fault(raw: bytes) -> tuple[list[WireBatch], WireError]:
    decoder, batches = ArrowStreamDecoder(LIMITS), []
    with pytest.raises(WireError) as caught:
        for batch in decoder.feed([raw]):
            batches.append(batch)
        list(decoder.finish())
    return batches, caught.value


def test_truncated_arrow_delivers_the_whole_batches_and_then_says_so() -> None:
    raw = stream(rows_to_arrow([plain_order(1)]), rows_to_arrow([plain_order(2)]))
    batches, fault = _fault(raw[:-100])
    assert [batch.orders.num_rows for batch in batches] == [1] and fault.code == "arrow_truncated"


@pytest.mark.parametrize("value", [2**31 - 1, -1, 10**6])
def test_arrow_offsets_outside_their_buffers_are_caught_before_use(value: int) -> None:
    table = rows_to_arrow([plain_order(number) for number in range(4)])
    offsets = table.column("channel").buffers()[1].to_pybytes()[:20]
    raw = stream(table)
    assert raw.count(offsets) >= 1
    broken = raw.replace(offsets, offsets[:8] + value.to_bytes(4, "little", signed=True) + offsets[12:])
    batches, fault = _fault(broken)
    assert batches == [] and fault.code == "arrow_damaged" and fault.detail


def test_arrow_text_that_is_not_utf8_is_caught_before_use() -> None:
    raw = stream(rows_to_arrow([plain_order()]))
    batches, fault = _fault(raw.replace(b"12 High Street", b"12 High \xff\xffreet"))
    assert batches == [] and fault.code == "arrow_damaged" and "UTF8" in fault.detail


def test_arrow_dictionary_indices_out_of_range_are_caught_before_use() -> None:
    table = rows_to_arrow([plain_order(number) for number in range(3)])
    indices = pa.array([0, 0x61626364, 0], pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["x"]), safe=False)
    batches, fault = _fault(stream(table.set_column(table.schema.get_field_index("channel"), "channel", column)))
    assert batches == [] and fault.code == "arrow_damaged"


def test_json_sent_as_arrow_is_refused_in_words() -> None:
    batches, fault = _fault(good(1) + b"\n" + good(2))
    assert batches == [] and fault.code == "arrow_damaged" and "marker" in fault.detail


def test_an_arrow_message_larger_than_the_limit_is_refused_before_it_arrives() -> None:
    raw = stream(rows_to_arrow([plain_order() | {"seller": "x" * 100_000}]))
    decoder = ArrowStreamDecoder(Limits(body_bytes_max=50_000))
    with pytest.raises(WireError, match="smaller record batches"):
        list(decoder.feed([raw[:10_000]]))
    assert raw[10_000:]
