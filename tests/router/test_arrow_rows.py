"""Single rows read from a batch's buffers are what pyarrow makes of them."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from router.arrow.rows import ArrowRows
from router.log.columns import ADMITTED, EVENT_OUTCOME, EVENTS, OUTCOME

NUMBERS = {
    pa.int8(): 7, pa.int16(): 15, pa.int32(): 31, pa.int64(): 63,
    pa.uint8(): 8, pa.uint16(): 16, pa.uint32(): 32, pa.uint64(): 64,
}  # fmt: skip


def random_value(draw: random.Random, kind: pa.DataType) -> Any:
    if kind in NUMBERS:
        top = (1 << NUMBERS[kind]) - 1
        return draw.choice([0, top, draw.randint(0, top)]) * (1 if NUMBERS[kind] % 8 == 0 else draw.choice([1, -1]))
    if pa.types.is_string(kind):
        return draw.choice(["", "a", "größe 🎁", "x" * 300])
    if pa.types.is_list(kind):
        return [random_value(draw, kind.value_type) for _ in range(draw.choice([0, 0, 1, 3]))]
    assert pa.types.is_struct(kind), kind
    return {field.name: random_value(draw, field.type) for field in kind}


def random_batch(draw: random.Random, schema: pa.Schema, rows: int) -> pa.RecordBatch:
    arrays = [pa.array([random_value(draw, field.type) for _ in range(rows)], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def assert_same(batch: pa.RecordBatch) -> None:
    rows, expected = ArrowRows(batch), batch.to_pylist()
    assert rows.names == tuple(batch.schema.names)
    for row, wanted in enumerate(expected):
        assert {name: rows.value(name, row) for name in rows.names} == wanted


@pytest.mark.parametrize("schema", [ADMITTED, OUTCOME, EVENTS, EVENT_OUTCOME], ids=["in", "out", "events", "results"])
def test_rows_of_log_records_are_the_same(schema: pa.Schema) -> None:
    draw = random.Random(4)
    for rows in (1, 2, 17):
        made = random_batch(draw, schema, rows)
        assert_same(made)
        assert_same(pa.ipc.read_record_batch(made.serialize(), schema))
        assert_same(made.slice(rows // 2))  # a piece of a batch begins inside its buffers


def test_nulls_and_other_types_are_the_same() -> None:
    inner = pa.list_(pa.struct([("sku", pa.string()), ("qty", pa.int32())]))
    columns = {
        "text": pa.array(["a", None, ""], pa.string()),
        "number": pa.array([None, 1, 2], pa.int64()),
        "flag": pa.array([True, False, True]),
        "real": pa.array([0.5, 1.5, -0.0]),
        "day": pa.array([1, 2, 3], pa.timestamp("ms", "UTC")),
        "word": pa.array(["x", "y", "x"]).dictionary_encode(),
        "lines": pa.array([[{"sku": "A", "qty": None}], None, [{"sku": None, "qty": 2}, None]], inner),
        "empty": pa.nulls(3, pa.int32()),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    assert_same(batch)
    assert_same(batch.slice(1, 1))


def test_a_row_that_is_not_there_is_an_error_and_not_another_one() -> None:
    batch = pa.RecordBatch.from_pydict({"number": pa.array([1, 2, 3], pa.int64())}).slice(0, 2)
    with pytest.raises(IndexError):
        ArrowRows(batch).value("number", 2)
    with pytest.raises(KeyError):
        ArrowRows(batch).value("other", 0)
