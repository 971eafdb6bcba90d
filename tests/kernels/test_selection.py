"""Rows taken by runs are the rows that Arrow itself would gather."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from kernels.rows import copy_runs as kernels
from router.arrow import selection
from router.arrow.selection import select
from router.log.columns import ACK, ADMITTED, WIRE
from tests.reference.rows import copy_runs as twin
from tests.router.test_arrow_rows import random_batch

WIDTHS = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def _random_runs(draw: random.Random, size: int) -> tuple[list[int], list[int]]:
    first = [draw.randint(0, size) for _ in range(draw.randint(0, 6))]
    return first, [draw.randint(0, size - start) for start in first]


@pytest.mark.parametrize("bits", WIDTHS)
def test_copied_values_equal_the_twin(bits):
    draw = random.Random(bits)
    for _ in range(2_000):
        values = [draw.getrandbits(bits) for _ in range(draw.randint(0, 40))]
        first, count = _random_runs(draw, len(values))
        out = np.full(sum(count), 77, WIDTHS[bits])
        name = f"copy_runs_{bits}"
        getattr(kernels, name)(
            np.array(first, np.int64), np.array(count, np.int64), np.array(values, WIDTHS[bits]), out
        )
        assert out.tolist() == getattr(twin, name)(first, count, values)


def test_copied_offsets_equal_the_twin():
    draw = random.Random(3)
    for _ in range(2_000):
        lengths = [draw.randint(0, 9) for _ in range(draw.randint(0, 30))]
        offsets = np.cumsum([draw.randint(0, 5), *lengths]).astype(np.int32)
        if not lengths:
            offsets[0] = draw.randint(-(2**31), 2**31 - 1)  # of no meaning where there is no row
        first, count = _random_runs(draw, len(lengths))
        out, bounds = np.full(sum(count) + 1, -1, np.int32), np.full(2 * len(first), -1, np.int32)
        kernels.copy_offsets(np.array(first, np.int64), np.array(count, np.int64), offsets, out, bounds)
        assert (out.tolist(), bounds.tolist()) == twin.copy_offsets(first, count, offsets.tolist())


def _rows(draw: random.Random, size: int) -> np.ndarray:
    """All but some, in another order, or with repeats."""
    kept = np.flatnonzero(np.array([draw.random() < 0.9 for _ in range(size)]))
    moved = [draw.randrange(size) for _ in range(draw.randint(0, 30))]
    return np.concatenate([kept[: size // 2], np.array(moved, np.int64), kept[size // 3 :]])


@pytest.mark.parametrize("schema", [WIRE, ADMITTED, ACK], ids=["wire", "admitted", "ack"])
@pytest.mark.parametrize("small", [0, 1 << 20], ids=["by runs", "by Arrow"])
def test_selected_rows_are_those_that_arrow_gathers(schema, small, monkeypatch):
    monkeypatch.setattr(selection, "_SMALL_ROWS", small)
    draw = random.Random(7)
    for _ in range(12):
        batch = random_batch(draw, schema, draw.randint(20, 90))
        batch = batch.slice(draw.randint(0, 5), batch.num_rows - draw.randint(5, 10))
        rows = _rows(draw, batch.num_rows)
        chosen = select(batch, rows)
        chosen.validate(full=True)
        assert chosen.schema == schema
        assert chosen.equals(batch.take(pa.array(rows)))


def test_documents_of_any_type_are_selected_with_their_nulls(monkeypatch):
    monkeypatch.setattr(selection, "_SMALL_ROWS", 0)
    size = 50
    kinds = {
        "note": pa.array([None if row % 7 == 0 else f"note {row}" for row in range(size)]),
        "gift": pa.array([row % 3 == 0 for row in range(size)]),
        "weight": pa.array([row / 4 for row in range(size)]),
        "at": pa.array(range(size), pa.timestamp("ms", "UTC")),
        "tags": pa.array([[f"t{row}", None] if row % 2 else [] for row in range(size)]),
        "blob": pa.array([bytes([row]) * row for row in range(size)]),
        "pair": pa.array([{"a": row, "b": str(row)} for row in range(size)]),
        "code": pa.array([f"c{row % 3}" for row in range(size)]).dictionary_encode(),
        "nothing": pa.nulls(size),
    }
    batch = pa.RecordBatch.from_pydict(kinds)
    rows = np.array([*range(3, 20), *range(25, 49), 1, 1, 0])
    assert select(batch, rows).equals(batch.take(pa.array(rows)))
    cut = batch.slice(3, 40)
    for number, column in enumerate(cut.columns):
        chosen = select(cut.select([number]), np.array([39, 0, 1, 7])).column(0)
        assert chosen.to_pylist() == [column[row].as_py() for row in (39, 0, 1, 7)], column.type


def test_the_offset_of_a_column_without_rows_is_not_believed(monkeypatch):
    """Arrow's own validation lets any number stand there."""
    monkeypatch.setattr(selection, "_SMALL_ROWS", 0)
    texts = pa.Array.from_buffers(
        pa.string(), 0, [None, pa.py_buffer(np.array([0x70000001], np.int32)), pa.py_buffer(b"")]
    )
    inner = pa.Array.from_buffers(
        pa.list_(pa.string()), 0, [None, pa.py_buffer(np.array([0x70000001], np.int32))], children=[texts]
    )
    notes = pa.ListArray.from_arrays(pa.array([0] * 6, pa.int32()), inner)
    notes.validate(full=True)
    batch = pa.RecordBatch.from_arrays([notes], ["notes"])
    assert select(batch, np.array([4, 0, 1])).column(0).to_pylist() == [[], [], []]


def test_buffers_of_odd_sizes_and_places_are_read_as_arrow_reads_them(monkeypatch):
    monkeypatch.setattr(selection, "_SMALL_ROWS", 0)
    numbers, texts = np.arange(9, dtype=np.int64), pa.array([f"text {row}" for row in range(9)])
    room = np.zeros(9 * 8 + 7, np.uint8)
    room[3 : 3 + 72] = numbers.view(np.uint8)
    offsets = np.zeros(10 * 4 + 5, np.uint8)
    offsets[2 : 2 + 40] = np.frombuffer(texts.buffers()[1], np.uint8)[:40]
    odd = [
        pa.Array.from_buffers(pa.int64(), 9, [None, pa.py_buffer(room[3:])]),
        pa.Array.from_buffers(pa.string(), 9, [None, pa.py_buffer(offsets[2:]), texts.buffers()[2]]),
    ]
    rows = np.array([8, 0, 1, 5])
    chosen = select(pa.RecordBatch.from_arrays(odd, ["number", "text"]), rows)
    assert chosen.column("number").to_pylist() == rows.tolist()
    assert chosen.column("text").to_pylist() == [f"text {row}" for row in rows]


def test_all_rows_are_the_batch_itself_and_neighbours_a_slice():
    batch = random_batch(random.Random(1), WIRE, 30)
    assert select(batch, np.arange(30)).equals(batch)
    assert select(batch, np.arange(4, 11)).equals(batch.slice(4, 7))
    assert select(batch, np.zeros(0, np.int64)).num_rows == 0


def test_a_row_outside_the_batch_is_a_fault():
    batch = random_batch(random.Random(1), WIRE, 30)
    with pytest.raises(AssertionError, match="outside"):
        select(batch, np.array([1, 3, 30]))
