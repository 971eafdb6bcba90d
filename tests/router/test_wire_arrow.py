"""Arrow streams become the same columns as JSON lines, batch by batch, while they arrive."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.reasons import FIELD_MISSING, FIELD_TOO_LONG
from router.config import Limits
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireBatch, WireError
from router.wire.ndjson import decode_lines
from router.wire.row_bytes import entries, row_bytes
from tests.labs.wire_cases import any_order, plain_order, rows_to_arrow, stream

LIMITS = Limits()


def decode(raw: bytes, limits: Limits = LIMITS, chunk: int = 1 << 20) -> list[WireBatch]:
    decoder = ArrowStreamDecoder(limits)
    batches = [batch for at in range(0, len(raw), chunk) for batch in decoder.feed([raw[at : at + chunk]])]
    list(decoder.finish())
    return batches


def rows(batches: list[WireBatch]) -> list[dict[str, Any]]:
    """WIRE rows with the SKU in place of its code."""
    found = []
    for batch in batches:
        for row in batch.orders.to_pylist():
            lines = [(batch.skus[line.pop("sku_code")].as_py(), *line.values()) for line in row.pop("lines")]
            found.append({**row, "lines": lines})
    return found


def _orders(rng: random.Random, count: int) -> list[dict[str, Any]]:
    return [any_order(rng) | {"order_id": f"O{number}"} for number in range(count)]


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_arrow_and_json_give_the_same_columns_and_fingerprints(dictionary: bool, large: bool) -> None:
    rng = random.Random(31)
    for _ in range(60):
        orders = _orders(rng, rng.choice((1, 2, 30)))
        from_arrow = decode(stream(rows_to_arrow(orders, dictionary, large)))
        from_json = decode_lines(b"\n".join(json.dumps(order).encode() for order in orders), 1, LIMITS)
        assert rows(from_arrow) == rows([from_json])
        assert from_arrow[0].line_ids.to_pylist() == from_json.line_ids.to_pylist()


def test_a_batch_leaves_as_soon_as_its_last_byte_is_there() -> None:
    batches = [rows_to_arrow([plain_order(number)]) for number in range(3)]
    raw, decoder, seen = stream(*batches), ArrowStreamDecoder(LIMITS), []
    sizes = [len(stream(*batches[: count + 1])) - 8 for count in range(3)]  # without the end mark
    for at in range(len(raw)):
        for batch in decoder.feed([raw[at : at + 1]]):
            seen.append((at + 1, batch.orders.column("order_id").to_pylist()))
    list(decoder.finish())
    assert seen == [(size, [f"ORD-{number:06d}"]) for number, size in enumerate(sizes)]


def test_dictionaries_may_be_replaced_and_grow_between_batches() -> None:
    skus = [["A", "B"], ["A", "B", "C"], ["X"], ["X", "Y", "Z"]]
    tables = []
    for number, names in enumerate(skus):
        orders = [plain_order(number) | {"lines": [{"sku": sku, "qty": 1} for sku in names]}]
        tables.append(rows_to_arrow(orders, dictionary=True))
    for deltas in (False, True):
        raw = stream(*tables, emit_dictionary_deltas=deltas)
        assert [[line[0] for line in row["lines"]] for row in rows(decode(raw))] == skus


def test_a_dictionary_larger_than_its_use_is_not_carried_along() -> None:
    lines = pa.array([[{"sku": "S7", "qty": 1}]], pa.list_(pa.struct([("sku", pa.string()), ("qty", pa.int8())])))
    dictionary = pa.DictionaryArray.from_arrays(pa.array([7], pa.int16()), pa.array([f"S{n}" for n in range(5_000)]))
    item = pa.StructArray.from_arrays([dictionary, lines.values.field(1)], ["sku", "qty"])
    table = rows_to_arrow([plain_order()]).drop_columns("lines")
    table = table.append_column("lines", pa.ListArray.from_arrays(lines.offsets, item))
    (batch,) = decode(stream(table))
    assert batch.skus.to_pylist() == ["S7"]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_streams_are_read(compression: str) -> None:
    orders = [plain_order(number) for number in range(50)]
    assert rows(decode(stream(rows_to_arrow(orders, True), compression=compression))) == rows(
        decode(stream(rows_to_arrow(orders)))
    )


def test_large_batches_are_sliced() -> None:
    table = rows_to_arrow([plain_order(number) for number in range(25)], dictionary=True)
    batches = decode(stream(table), Limits(batch_rows_max=10))
    assert [batch.orders.num_rows for batch in batches] == [10, 10, 5]
    assert rows(batches) == rows(decode(stream(table)))
    assert [batch.documents.num_rows for batch in batches] == [10, 10, 5]
    assert [len(batch.line_ids) for batch in batches] == [20, 20, 10]


def test_slices_sent_by_a_client_are_read_right() -> None:
    table = rows_to_arrow([plain_order(number) for number in range(25)], dictionary=True).slice(7, 9)
    assert [row["order_id"] for row in rows(decode(stream(table)))] == [f"ORD-{number:06d}" for number in range(7, 16)]


def test_columns_that_may_be_left_out_read_as_absent() -> None:
    keep = ("order_id", "channel", "placed_at", "currency", "customer_name", "ship_to_name", "ship_to_line1",
            "ship_to_city", "ship_to_country", "lines")  # fmt: skip
    full = rows_to_arrow([plain_order()])
    (row,) = rows(decode(stream(full.select(keep))))
    whole = plain_order()
    whole["customer"] = {"name": whole["customer"]["name"]}
    (expected,) = rows([decode_lines(json.dumps(whole).encode(), 1, LIMITS)])
    assert row == expected


def test_the_smallest_number_is_not_a_field_left_out() -> None:
    table = rows_to_arrow([plain_order() | {"total": 100}])
    for name in ("total", "priority"):
        if name not in table.schema.names:
            table = table.append_column(name, pa.array([1], pa.int64()))
        changed = table.set_column(table.schema.get_field_index(name), name, pa.array([-(2**63)], pa.int64()))
        (batch,) = decode(stream(changed))
        assert batch.refused or rows([batch]) != rows(decode(stream(table.drop_columns(name)))), name


def test_other_units_and_widths_are_converted() -> None:
    table = rows_to_arrow([plain_order()])
    expected = rows(decode(stream(table)))
    for unit in ("s", "us", "ns"):
        column = table.column("placed_at").cast(pa.timestamp(unit, tz="Europe/Berlin"))
        changed = table.set_column(table.schema.get_field_index("placed_at"), "placed_at", column)
        assert rows(decode(stream(changed))) == expected
    for name, dtype in (("order_id", pa.string_view()), ("channel", pa.dictionary(pa.int8(), pa.large_string()))):
        column = table.column(name).cast(dtype)
        changed = table.set_column(table.schema.get_field_index(name), name, column)
        assert rows(decode(stream(changed))) == expected


def test_numbers_beyond_int64_are_out_of_every_range() -> None:
    lines = pa.array(
        [[{"sku": "A", "qty": 2**64 - 1}]], pa.list_(pa.struct([("sku", pa.string()), ("qty", pa.uint64())]))
    )
    table = rows_to_arrow([plain_order()]).drop_columns("lines").append_column("lines", lines)
    (row,) = rows(decode(stream(table)))
    assert row["lines"] == [("A", 2**63 - 1, -1, 0)]


def test_documents_keep_what_the_log_does_not() -> None:
    table = rows_to_arrow([plain_order()], dictionary=True).append_column("gift_note", pa.array(["for you"]))
    (batch,) = decode(stream(table))
    assert {"customer_name", "ship_to_city", "gift_note", "lines"} <= set(batch.documents.schema.names)
    assert not {"order_id", "currency"} & set(batch.documents.schema.names)
    (document,) = batch.documents.to_pylist()
    assert document["gift_note"] == "for you" and document["customer_name"] == "Maria Garcia"
    assert batch.documents.schema.field("lines").type.value_type.field("sku").type == pa.string()


def test_rows_that_cannot_be_orders_are_refused_in_their_place() -> None:
    orders = [plain_order(number) for number in range(5)]
    orders[1]["order_id"] = None
    orders[3]["customer"] = {"name": "x" * 5_000}
    (batch,) = decode(stream(rows_to_arrow(orders)))
    assert [(r.position, r.line_number, r.reasons) for r in batch.refused] == [
        (1, 2, 1 << FIELD_MISSING),
        (3, 4, 1 << FIELD_TOO_LONG),
    ]
    assert batch.refused[0].detail.startswith("row 2: order_id is missing") and batch.positions.tolist() == [0, 2, 4]
    assert batch.documents.num_rows == 3


def _fault(raw: bytes, limits: Limits = LIMITS, chunk: int = 97) -> tuple[list[WireBatch], WireError]:
    decoder, batches = ArrowStreamDecoder(limits), []
    with pytest.raises(WireError) as caught:
        for at in range(0, len(raw), chunk):
            for batch in decoder.feed([raw[at : at + chunk]]):
                batches.append(batch)
        list(decoder.finish())
    return batches, caught.value


def test_a_wrong_schema_is_refused_by_the_names_of_its_faults() -> None:
    table = rows_to_arrow([plain_order()]).drop_columns(["currency", "ship_to_city"])
    table = table.set_column(table.schema.get_field_index("total"), "total", pa.array([19.99]))
    table = table.set_column(table.schema.get_field_index("placed_at"), "placed_at", pa.array(["2026-03-01T12:00:00Z"]))
    batches, fault = _fault(stream(table))
    assert batches == [] and fault.code == "arrow_schema"
    for words in (
        "currency is missing",
        "ship_to_city is missing",
        "total is double",
        "placed_at is string",
        "minor units",
    ):
        assert words in fault.detail


def test_a_schema_with_a_known_column_twice_is_refused() -> None:
    table = rows_to_arrow([plain_order()])
    twice = pa.RecordBatch.from_arrays([*table.columns, table.column("channel")], [*table.schema.names, "channel"])
    assert "channel stands there 2 times" in _fault(stream(twice))[1].detail


def test_a_stream_cut_anywhere_delivers_what_is_whole_and_then_says_so() -> None:
    raw = stream(*(rows_to_arrow([plain_order(number)]) for number in range(2)))
    between = 0
    for size in range(0, len(raw) - 8, 13):
        decoder = ArrowStreamDecoder(LIMITS)
        batches = list(decoder.feed([raw[:size]]))
        try:
            list(decoder.finish())
            between += 1
        except WireError as fault:
            assert fault.code in ("arrow_truncated", "arrow_empty")
        assert len(batches) <= 2
    assert between < 10


def test_dictionaries_that_only_grow_are_bounded() -> None:
    tables = [
        rows_to_arrow(
            [plain_order(n) | {"lines": [{"sku": f"{m}-{'x' * 100}", "qty": 1} for m in range(n * 50 + 50)]}], True
        )
        for n in range(20)
    ]
    raw = stream(*tables, emit_dictionary_deltas=True)
    batches, fault = _fault(raw, Limits(body_bytes_max=60_000))
    assert fault.code == "arrow_too_large" and 3 < len(batches) < 15


def test_what_a_compressed_message_unpacks_to_is_bounded() -> None:
    order = plain_order() | {"customer": {"name": "x" * 3_000_000}}
    raw = stream(rows_to_arrow([order]), compression="zstd")
    assert len(raw) < 100_000
    batches, fault = _fault(raw, Limits(body_bytes_max=1 << 20))
    assert batches == [] and fault.code == "arrow_too_large" and "unpacks" in fault.detail


def test_random_damage_gives_a_fault_or_valid_batches_and_never_anything_else() -> None:
    rng = random.Random(32)
    sources = [
        stream(rows_to_arrow(_orders(rng, 6), dictionary=True), rows_to_arrow(_orders(rng, 3), dictionary=True)),
        stream(rows_to_arrow(_orders(rng, 6), dictionary=True), compression="lz4"),
    ]
    faults = 0
    for case in range(1_500):
        raw = bytearray(sources[case % 2])
        for _ in range(rng.choice((1, 1, 3, 10))):
            at = rng.randrange(len(raw))
            raw[at : at + rng.choice((1, 4, 8))] = rng.choice((b"\xff" * 8, b"\0" * 4, rng.randbytes(8), b""))
        try:
            for batch in decode(bytes(raw), chunk=rng.choice((64, 1_000, 10**6))):
                batch.orders.validate(full=True)
                batch.skus.validate(full=True)
                codes = batch.orders.column("lines").flatten().field("sku_code").to_numpy()
                assert not len(codes) or (codes.min() >= 0 and codes.max() < len(batch.skus))
                assert len(batch.positions) == batch.orders.num_rows == batch.documents.num_rows
        except WireError as fault:
            faults += 1
            assert fault.detail
    assert faults > 300


def test_an_end_mark_ends_the_stream() -> None:
    raw = stream(rows_to_arrow([plain_order()]))
    assert len(decode(raw + raw)) == 1


def test_rows_are_numbered_through_the_body() -> None:
    orders = [plain_order(number) | {"order_id": ""} for number in range(4)]
    raw = stream(rows_to_arrow(orders[:3]), rows_to_arrow(orders[3:]))
    numbers = [refusal.line_number for batch in decode(raw) for refusal in batch.refused]
    assert numbers == [1, 2, 3, 4] and np.diff(numbers).min() == 1


def _views(text: str, rows: int) -> pa.Array:
    """So many views of one text, which is there once."""
    view = np.array([len(text), int.from_bytes(text[:4].encode(), "little"), 0, 0], np.int32)
    buffers = [None, pa.py_buffer(np.tile(view, rows)), pa.py_buffer(text.encode())]
    return pa.Array.from_buffers(pa.string_view(), rows, buffers)


@pytest.mark.parametrize(
    "place",
    ["known", "document", "large", "nested", "list of texts", "binary", "list", "runs", "views", "listed views",
     "coded views", "coded lists"],
)  # fmt: skip
def test_a_dictionary_that_is_small_on_the_wire_and_huge_written_out_is_refused(place: str) -> None:
    long = "x" * 40_000
    rows = 6_000
    table = rows_to_arrow([plain_order(number) for number in range(rows)])
    codes = pa.array(np.zeros(rows, np.int32))
    dictionary = {
        "large": pa.array([long], pa.large_string()),
        "binary": pa.array([long.encode()], pa.large_binary()),
        "list of texts": pa.array([[long]]),
        "list": pa.array([[1] * 5_000]),
        "coded views": _views(long, 1),
        "coded lists": pa.ListArray.from_arrays(
            pa.array([0, rows], pa.int32()), pa.DictionaryArray.from_arrays(codes, pa.array([long]))
        ),
    }.get(place, pa.array([long]))
    coded = pa.DictionaryArray.from_arrays(codes, dictionary)
    if place.endswith("views") and place != "coded views":
        coded = _views(long, rows)
    if place in ("nested", "listed views"):
        coded = pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32)), coded)
    if place == "runs":
        coded = pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), dictionary)
    if place == "known":
        table = table.set_column(table.schema.get_field_index("channel"), "channel", coded)
    else:
        table = table.append_column("gift_note", coded)
    batches, fault = _fault(stream(table))
    assert batches == [] and fault.code == "arrow_too_large" and "written out" in fault.detail


@pytest.mark.parametrize("kind", ["list", "large list", "struct", "struct of lists", "views"])
def test_what_a_null_hides_is_not_written_out(kind: str) -> None:
    rows, long = 4, "x" * 100_000
    codes = pa.array(np.zeros(4_000, np.int32))
    items = _views(long, 4_000) if kind == "views" else pa.DictionaryArray.from_arrays(codes, pa.array([long]))
    hidden = pa.array([False, True, False, False])
    offsets, want = [0, 1, 3_999, 3_999, 4_000], [[long], None, [], [long]]
    if kind == "large list":
        notes = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), items, mask=hidden)
    elif kind == "struct":
        notes = pa.StructArray.from_arrays([items.slice(0, rows)], ["a"], mask=pa.array([True] * rows))
        want = [None] * rows
    else:
        notes = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, mask=hidden)
    if kind == "struct of lists":
        inner = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items)
        notes, want = (
            pa.StructArray.from_arrays([inner], ["a"], mask=hidden),
            [{"a": [long]}, None, {"a": []}, {"a": [long]}],
        )
    table = rows_to_arrow([plain_order(number) for number in range(rows)]).append_column("note", notes)
    [batch] = decode(stream(table))
    kept = batch.documents.column("note")
    kept.validate(full=True)
    assert kept.to_pylist() == want and batch.documents.get_total_buffer_size() < 1 << 20


def test_batches_that_are_too_large_only_together_are_taken_one_by_one() -> None:
    limits = Limits(body_bytes_max=1 << 20, batch_bytes_max=1 << 19)
    notes = [f"{number}" + "x" * 1_000 for number in range(2)]
    tables = []
    for first in range(0, 2_000, 500):
        orders = rows_to_arrow([plain_order(number) for number in range(first, first + 500)])
        codes = pa.array(np.arange(500) % 2, pa.int32())
        tables.append(orders.append_column("note", pa.DictionaryArray.from_arrays(codes, pa.array(notes))))
    raw = stream(*tables)
    at_once = list(ArrowStreamDecoder(limits).feed([raw]))
    decoder = ArrowStreamDecoder(limits)
    cut = [batch for at in range(0, len(raw), 4_096) for batch in decoder.feed([raw[at : at + 4_096]])]
    for batches in (at_once, cut):
        ids = [order_id for batch in batches for order_id in batch.orders.column("order_id").to_pylist()]
        assert len(ids) == len(set(ids)) == 2_000
        assert [text for batch in batches for text in batch.documents.column("note").to_pylist()] == notes * 1_000


def test_a_dictionary_of_one_long_text_named_once_is_taken() -> None:
    rows = 6_000
    codes = np.ones(rows, np.int32)
    codes[77] = 0
    table = rows_to_arrow([plain_order(number) for number in range(rows)])
    notes = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(["x" * 40_000, "short"]))
    [batch] = decode(stream(table.append_column("gift_note", notes)))
    kept = batch.documents.column("gift_note")
    assert kept.type == pa.string() and kept[77].as_py() == "x" * 40_000 and kept[78].as_py() == "short"


def test_a_dictionary_of_views_is_read_in_known_fields_and_kept_in_documents() -> None:
    table = rows_to_arrow([plain_order(number) for number in range(9)])
    channels = ["a long channel name", "b"]
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0] * 3, pa.int8()), pa.array(channels, pa.string_view()))
    table = table.set_column(table.schema.get_field_index("channel"), "channel", coded).append_column("note", coded)
    [batch] = decode(stream(table))
    want = [channels[at] for at in (0, 1, 0)] * 3
    assert batch.orders.column("channel").to_pylist() == want == batch.documents.column("note").to_pylist()


VIEWS = {
    "text": (pa.array(["x" * 20] * 40, pa.string_view()), pa.string()),
    "bytes": (pa.array([b"x" * 20] * 40, pa.binary_view()), pa.binary()),
    "inner": (pa.array([["a", "b"]] * 40, pa.list_(pa.string_view())), pa.list_(pa.string())),
    "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([15, 40], pa.int32()), pa.array(["a", "b"])), pa.string()),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_and_runs_in_documents_are_kept_as_their_values_so_that_rows_can_be_chosen(name: str) -> None:
    given, kind = VIEWS[name]
    table = rows_to_arrow([plain_order(number) for number in range(40)]).append_column("note", given)
    [batch] = decode(stream(table))
    kept = batch.documents.column("note")
    assert kept.type == kind and kept.to_pylist() == given.to_pylist()
    chosen = batch.documents.take(pa.array([0, 39, 7]))
    assert chosen.column("note").to_pylist() == [given[row].as_py() for row in (0, 39, 7)]


def test_a_column_of_which_no_rows_can_be_chosen_is_refused_in_words() -> None:
    texts = pa.array(["a"] * 4, pa.string_view())
    notes = pa.FixedSizeListArray.from_arrays(texts, 2)
    table = rows_to_arrow([plain_order(number) for number in range(2)]).append_column("note", notes)
    batches, fault = _fault(stream(table))
    assert batches == [] and fault.code == "arrow_schema" and "cannot be kept" in fault.detail


@pytest.mark.parametrize("depth", [1, 2])
def test_lists_that_are_nothing_on_the_wire_take_no_memory(depth: int) -> None:
    """Nulls of the null type are a number of rows in a message's head, and nothing in its body."""
    items = pa.StructArray.from_arrays([pa.nulls(2**31 - 1), pa.nulls(2**31 - 1)], ["sku", "qty"])
    column = pa.ListArray.from_arrays(pa.array([0, 2**31 - 1], pa.int32()), items if depth == 1 else items.field(0))
    name = "lines" if depth == 1 else "unknown"
    column = column if depth == 1 else pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), column)
    table = rows_to_arrow([plain_order()])
    raw = stream((table.drop_columns([name]) if depth == 1 else table).append_column(name, column))
    assert len(raw) < 10_000
    with pytest.raises(WireError, match="entries in its lists") as refused:
        decode(raw)
    assert refused.value.code == "arrow_too_large"


def test_a_batch_with_very_many_lines_is_decoded_in_pieces() -> None:
    limits = Limits(body_bytes_max=1 << 16)
    sku = pa.DictionaryArray.from_arrays(pa.array([0] * 7_500, pa.int8()), ["A"])
    items = pa.StructArray.from_arrays([sku, pa.array([1] * 7_500, pa.int8())], ["sku", "qty"])
    lines = pa.ListArray.from_arrays(pa.array(range(0, 7_501, 1_500), pa.int32()), items)
    table = rows_to_arrow([plain_order(number) for number in range(5)])
    raw = stream(table.drop_columns(["lines"]).append_column("lines", lines))
    batches = list(ArrowStreamDecoder(limits).feed([raw]))
    assert [batch.orders.num_rows for batch in batches] == [2, 1, 2]
    assert [number for batch in batches for number in batch.line_numbers.tolist()] == [1, 2, 3, 4, 5]


LONG_NOTES = {
    "text": pa.array(["n", "x" * 5_000, "n"]),
    "bytes": pa.array([b"n", b"x" * 5_000, None], pa.large_binary()),
    "named": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(["n", "x" * 5_000])),
    "views": pa.array(["n", "x" * 5_000, "n"], pa.string_view()),
    "list": pa.array([["n"], ["x" * 50] * 100, None]),
    "nothings": pa.array([[], [None] * 5_000, None], pa.list_(pa.null())),
    "struct": pa.array([{"a": "n"}, {"a": "n", "b": ["x" * 5_000]}, None]),
    "map": pa.array([[("a", 1)], [("x" * 5_000, 2)], []], pa.map_(pa.string(), pa.int64())),
    "fixed": pa.array([[0] * 700, [1] * 700, [2] * 700], pa.list_(pa.int64(), 700)),
}


@pytest.mark.parametrize("kind", LONG_NOTES)
def test_a_row_beyond_the_longest_line_is_refused_by_its_largest_field_and_its_neighbours_are_not(kind: str) -> None:
    notes = LONG_NOTES[kind]
    table = rows_to_arrow([plain_order(number) for number in range(3)]).append_column("gift_note", notes)
    [batch] = decode(stream(table), Limits(line_bytes_max=4_000))
    refused = [0, 1, 2] if kind == "fixed" else [1]
    assert [refusal.position for refusal in batch.refused] == refused
    assert batch.documents.num_rows == batch.orders.num_rows == 3 - len(refused)
    for refusal in batch.refused:
        assert refusal.reasons == 1 << FIELD_TOO_LONG and refusal.order_id == f"ORD-{refusal.position:06d}"
        assert "most of them in gift_note, at most 4000 are taken; shorten it or raise" in refusal.detail


@pytest.mark.parametrize("counts", [(1, 200, 1), (1, 1, 1)])
@pytest.mark.parametrize("dictionary", [False, True])
def test_lines_count_towards_the_length_of_a_row(counts: tuple[int, ...], dictionary: bool) -> None:
    """They may be two bytes each on the wire, and stand in the log with all their columns."""
    orders = [
        plain_order(number) | {"lines": [{"sku": "SKU-1", "qty": 1}] * count} for number, count in enumerate(counts)
    ]
    [batch] = decode(stream(rows_to_arrow(orders, dictionary)), Limits(line_bytes_max=4_000))
    assert [refusal.position for refusal in batch.refused] == [row for row, count in enumerate(counts) if count > 1]
    assert all("most of them in lines" in refusal.detail for refusal in batch.refused)


def test_the_bytes_of_rows_are_those_of_their_values_however_a_column_is_cut() -> None:
    rng = random.Random(8)
    for column in LONG_NOTES.values():
        if column.type in (pa.string_view(),) or pa.types.is_dictionary(column.type):
            continue
        taken = column.take(pa.array([rng.randrange(3) for _ in range(20)]))
        whole = row_bytes(taken)
        for _ in range(10):
            first, count = rng.randrange(20), rng.randrange(20)
            assert row_bytes(taken.slice(first, count)).tolist() == whole[first : first + count].tolist()
        assert whole.max() > 4_000 and whole.sum() <= taken.nbytes + sum(map(entries, [taken]))
