"""What small Arrow bodies take: bounded by what they unpack to, linear in their pieces, and given back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from router.config import Limits
from router.wire.arrow_body import ArrowBody
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireError
from router.wire.event_arrow import EventStreamDecoder
from tests.labs.event_cases import terms
from tests.labs.wire_cases import plain_order, rows_to_arrow, stream

MIB = 1 << 20
LIMITS = Limits(body_bytes_max=8 * MIB, batch_bytes_max=2 * MIB, line_bytes_max=8 * MIB)
COLUMNS = (
    "order_id", "channel", "currency", "placed_at", "customer_name", "ship_to_name", "ship_to_line1", "ship_to_city",
    "ship_to_country", "lines",
)  # fmt: skip
LONG = 20_000


@pytest.fixture
def pool() -> Iterator[pa.MemoryPool]:
    """Arrow's memory of one test, counted by itself."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    yield pool
    pa.set_memory_pool(before)


def one_row(number: int) -> pa.RecordBatch:
    order = rows_to_arrow([plain_order(number)])
    return order.select(COLUMNS)


def named(number: int, texts: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([number], pa.int32()), texts)


def noted(number: int, texts: pa.Array) -> pa.RecordBatch:
    return one_row(number).append_column("note", named(number, texts))


def with_sku(number: int, texts: pa.Array) -> pa.RecordBatch:
    item = pa.StructArray.from_arrays([named(number, texts), pa.array([1])], ["sku", "qty"])
    lines = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), item)
    return one_row(number).drop_columns(["lines"]).append_column("lines", lines)


def event(number: int, texts: pa.Array) -> pa.RecordBatch:
    ids = pa.array([f"e{number}"])
    return pa.RecordBatch.from_pydict(
        {"event_id": ids, "order_id": ids, "type": pa.array(["note"]), "reason": named(number, texts)}
    )


def texts(count: int) -> pa.Array:
    return pa.array([f"{'x' * LONG}{number}" for number in range(count)])


Make = Callable[[int, pa.Array], pa.RecordBatch]


def each_behind_a_delta(make: Make, count: int) -> bytes:
    values = texts(count)
    batches = [make(number, values.slice(0, number + 1)) for number in range(count)]
    return stream(*batches, compression="zstd", emit_dictionary_deltas=True)


def decoded(decoder: ArrowBody[Any], raw: bytes) -> int:
    rows = sum(batch.count for batch in decoder.feed([raw]))
    return rows + sum(batch.count for batch in decoder.finish())


@pytest.mark.parametrize("make", [noted, with_sku, event])
def test_rows_each_behind_a_piece_of_a_dictionary_take_memory_for_one_dictionary(
    pool: pa.MemoryPool, make: Make
) -> None:
    count = 200
    raw = each_behind_a_delta(make, count)
    decoder = EventStreamDecoder(terms(LIMITS)) if make is event else ArrowStreamDecoder(LIMITS)
    before = pool.bytes_allocated()
    assert decoded(decoder, raw) == count
    assert len(raw) < MIB // 2 and count * LONG > 3 * MIB
    assert pool.max_memory() - before < 5 * count * LONG, "each batch has a dictionary of its own"
    del decoder
    assert pool.bytes_allocated() <= before, "given back"


def test_work_is_linear_in_the_pieces_of_a_dictionary(pool: pa.MemoryPool) -> None:
    asked = []
    for count in (100, 200):
        raw = each_behind_a_delta(noted, count)
        before = pool.total_bytes_allocated()
        assert decoded(ArrowStreamDecoder(Limits()), raw) == count
        asked.append(pool.total_bytes_allocated() - before)
    assert asked[1] < 2.5 * asked[0]


def test_dictionaries_that_were_replaced_count_while_batches_wait_that_name_them(pool: pa.MemoryPool) -> None:
    """Each has a dictionary of 200 kB and 400 bytes of its own."""
    batches = [
        one_row(number).append_column("note", pa.DictionaryArray.from_arrays(pa.array([number % 10]), texts(10)))
        for number in range(2)
    ]
    other = pa.array([f"{'y' * LONG}{number}" for number in range(10)])
    batches[1] = one_row(1).append_column("note", pa.DictionaryArray.from_arrays(pa.array([1]), other))
    raw = stream(*batches * 100, compression="zstd")
    before = pool.bytes_allocated()
    assert decoded(ArrowStreamDecoder(LIMITS), raw) == 200 and len(raw) < MIB // 2
    assert pool.max_memory() - before < 4 * LIMITS.batch_bytes_max


def test_record_batches_that_wait_are_counted_unpacked(pool: pa.MemoryPool) -> None:
    batches = [one_row(number).append_column("note", pa.array(["x" * 200_000])) for number in range(200)]
    raw = stream(*batches, compression="zstd")
    before = pool.bytes_allocated()
    assert decoded(ArrowStreamDecoder(LIMITS), raw) == 200 and len(raw) < MIB // 2
    assert pool.max_memory() - before < 5 * LIMITS.batch_bytes_max, "forty megabytes in all"


@pytest.mark.parametrize("emit_dictionary_deltas", [True, False])
def test_dictionaries_are_bounded_by_what_they_unpack_to(emit_dictionary_deltas: bool) -> None:
    values = texts(600)
    batches = [noted(0, values.slice(0, 1)), noted(0, values)]
    raw = stream(*batches, compression="zstd", emit_dictionary_deltas=emit_dictionary_deltas)
    assert len(raw) < MIB // 2
    with pytest.raises(WireError, match=r"unpacks to|grew beyond") as refused:
        decoded(ArrowStreamDecoder(LIMITS), raw)
    assert refused.value.code == "arrow_too_large"


def test_a_number_beyond_its_dictionary_is_refused_also_where_the_rest_comes_behind_it() -> None:
    """So that it does not matter how a body was cut."""
    good, late = noted(0, texts(1)), noted(1, texts(2))
    raw = stream(good, noted(0, texts(2)), emit_dictionary_deltas=True)
    parts = stream(good, late, emit_dictionary_deltas=True)
    piece_at = parts.rindex(b"\xff\xff\xff\xff", 0, parts.rindex(b"\xff\xff\xff\xff", 0, -8))
    assert raw[:piece_at] == parts[:piece_at], "the second piece of the dictionary begins here"
    batch_at = parts.rindex(b"\xff\xff\xff\xff", 0, -8)
    with pytest.raises(WireError, match="a dictionary of 1 values is asked for number 1") as refused:
        decoded(ArrowStreamDecoder(LIMITS), parts[:piece_at] + parts[batch_at:])
    assert refused.value.code == "arrow_damaged"


def test_a_dictionary_that_is_named_by_another_ones_values_may_grow() -> None:
    def batch(words: list[str], lists: list[list[int]], number: int) -> pa.RecordBatch:
        inner = pa.DictionaryArray.from_arrays(pa.array(sum(lists, []), pa.int8()), pa.array(words))
        offsets = pa.array(np.cumsum([0, *map(len, lists)]), pa.int32())
        outer = pa.DictionaryArray.from_arrays(pa.array([number], pa.int8()), pa.ListArray.from_arrays(offsets, inner))
        return one_row(number).append_column("note", outer)

    sink = io.BytesIO()
    first, second = batch(["a", "b"], [[0, 1]], 0), batch(["a", "b", "c"], [[0, 1], [2, 0]], 1)
    with pa.ipc.new_stream(sink, first.schema) as writer:
        writer.write_batch(first)
        writer.write_batch(second)
    wires = ArrowStreamDecoder(LIMITS).feed([sink.getvalue()])
    assert [note for wire in wires for note in wire.documents.column("note").to_pylist()] == [["a", "b"], ["c", "a"]]


def test_rows_that_are_nothing_on_the_wire_are_refused() -> None:
    """Nulls of the null type are a number in the head of a message; each row would have an answer of its own."""
    nothing = pa.RecordBatch.from_arrays([pa.nulls(10**9)] * 3, ["event_id", "order_id", "type"])
    with pytest.raises(WireError, match="1000000000 rows in") as refused:
        decoded(EventStreamDecoder(terms(LIMITS)), stream(nothing))
    assert refused.value.code == "arrow_too_large"


def test_a_dictionary_where_none_is_read_is_refused_by_the_column() -> None:
    inside = pa.FixedSizeListArray.from_arrays(pa.array(["a", "b"]).dictionary_encode(), 2)
    with pytest.raises(WireError, match="gift has a dictionary inside fixed_size_list") as refused:
        decoded(ArrowStreamDecoder(LIMITS), stream(one_row(0).append_column("gift", inside)))
    assert refused.value.code == "arrow_schema"


@pytest.mark.parametrize("kind", ["packed", "named", "nothings"])
def test_what_a_stream_stands_for_is_bounded_by_its_bytes(kind: str) -> None:
    """Each row has the length of a line at most, and together they would fill a disk."""
    limits = Limits(body_bytes_max=MIB, line_bytes_max=40_000, expansion_max=50)
    codes = pa.array(np.zeros(20, np.int8))
    notes = {
        "packed": pa.array(["x" * 30_000] * 20),
        "named": pa.DictionaryArray.from_arrays(codes, pa.array(["x" * 30_000])),
        "nothings": pa.array([[None] * 1_500] * 20, pa.list_(pa.null())),
    }[kind]
    orders = rows_to_arrow([plain_order(number) for number in range(20)]).append_column("note", notes)
    raw = stream(*[orders] * 100, compression="zstd")
    for size in (len(raw), 5_000):
        decoder, taken = ArrowStreamDecoder(limits), 0
        with pytest.raises(WireError, match="more than 50 times as many") as refused:
            for at in range(0, len(raw), size):
                for batch in decoder.feed([raw[at : at + size]]):
                    taken += batch.count
        assert refused.value.code == "arrow_too_large" and 20 <= taken < 2_000 and taken % 20 == 0
    assert decoded(ArrowStreamDecoder(Limits(body_bytes_max=MIB, expansion_max=10**6)), raw) == 2_000
