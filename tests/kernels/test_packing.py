"""A packed batch is the batch it was made of, column by column and as a whole, in fewer bytes."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from kernels.rows import pack as kernels
from router.arrow.packing import PackedBatch, can_pack, is_packed, pack
from router.arrow.rows import ArrowRows
from router.log.columns import ADMITTED, CLAIMS, DECISION, EVENT_OUTCOME, EVENT_PAYLOAD, EVENTS, OUTCOME
from router.log.kinds import Kind
from router.log.records import PACKED_ROWS_MIN, frame, parse, read_batch, rows_of, seal, serialize
from tests.reference.rows import pack as twin
from tests.router.test_arrow_rows import random_batch

LOGGED = [ADMITTED, OUTCOME, CLAIMS, DECISION]
TYPES = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}


def _random_column(draw: random.Random, size: int) -> np.ndarray:
    bits = 8 * size
    low = draw.choice([0, -1, -(1 << bits - 1), draw.randint(-(1 << bits - 1), (1 << bits - 1) - 1)])
    span = draw.choice([0, 1, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1])
    high = min(low + span, (1 << bits - 1) - 1)
    return np.array(
        [draw.choice([low, high, draw.randint(low, high)]) for _ in range(draw.choice([0, 1, 9]))], TYPES[size]
    )


@pytest.mark.kernel
@pytest.mark.parametrize("size", TYPES)
def test_packed_numbers_equal_the_twin_and_come_back(size):
    draw = random.Random(size)
    for _ in range(2_000):
        values, at, base = _random_column(draw, size), 8 * draw.randint(0, 3), np.zeros(1, np.int64)
        room = np.zeros(16, np.uint64)
        views = room.view(np.uint8), room.view(np.uint16), room.view(np.uint32), room
        width = getattr(kernels, f"narrow_{8 * size}")(values, base, at, *views)
        lowest, wanted, stored = getattr(twin, f"narrow_{8 * size}")(values.tolist())
        assert (int(base[0]), width) == (lowest, wanted)
        raw = views[0][at : at + width * len(values)].tobytes()
        assert raw == b"".join(number.to_bytes(width, "little") for number in stored)
        back = np.full(len(values), 77, TYPES[size])
        getattr(kernels, f"widen_{8 * size}")(width, int(base[0]), at, *views, back)
        assert (
            back.tolist() == values.tolist() == getattr(twin, f"widen_{8 * size}")(lowest, width, stored, len(values))
        )


@pytest.mark.kernel
def test_lengths_and_offsets_are_each_others_inverse():
    draw = random.Random(5)
    for _ in range(2_000):
        lengths = np.array([draw.randint(0, 9) for _ in range(draw.randint(0, 8))], np.int32)
        offsets, again = np.full(len(lengths) + 1, -1, np.int32), np.full(len(lengths), -1, np.int32)
        kernels.offsets_of(lengths, offsets)
        assert offsets.tolist() == twin.offsets_of(lengths.tolist())
        kernels.lengths_of(offsets + np.int32(draw.randint(0, 5)), again)
        assert again.tolist() == twin.lengths_of(offsets.tolist()) == lengths.tolist()


@pytest.mark.parametrize("schema", LOGGED)
def test_random_batches_and_slices_of_them_come_back(schema):
    draw = random.Random(7)
    for rows in (0, 1, 5, 40):
        batch = random_batch(draw, schema, rows)
        for first, count in ((0, rows), (rows // 3, rows // 2), (rows, 0)):
            part = batch.slice(first, count)
            message = pack(part)
            assert is_packed(message) and len(message) % 8 == 0
            packed = PackedBatch(message, schema)
            whole = packed.whole()
            whole.validate(full=True)
            assert whole.equals(part)
            for name in schema.names:
                assert packed.column(name).to_pylist() == part.column(name).to_pylist()


def test_a_packed_batch_may_lie_anywhere_in_memory():
    batch = random_batch(random.Random(8), ADMITTED, 9)
    shifted = bytes(3) + pack(batch).tobytes()
    assert PackedBatch(memoryview(shifted)[3:], ADMITTED).whole().equals(batch)


@pytest.mark.parametrize("schema", [*LOGGED, EVENTS, EVENT_PAYLOAD, EVENT_OUTCOME])
def test_single_rows_are_read_from_a_packed_record_and_no_column_is_unpacked_for_them(schema, monkeypatch):
    draw = random.Random(9)
    alike = random_batch(draw, schema, 1)  # every part of it is packed to nothing
    for batch in (random_batch(draw, schema, 50), pa.concat_batches([alike] * 9)):
        packed = PackedBatch(pack(batch), schema)
        monkeypatch.setattr(packed, "_array", None)
        rows = ArrowRows(packed)
        for row, wanted in enumerate(batch.to_pylist()):
            assert {name: rows.value(name, row) for name in rows.names} == wanted
        with pytest.raises(IndexError):
            rows.value(schema.names[0], batch.num_rows)


def test_large_batches_are_logged_packed_and_small_ones_as_they_are():
    small = random_batch(random.Random(10), CLAIMS, 20)
    large = pa.concat_batches([small.slice(0, 1)] * PACKED_ROWS_MIN)
    for batch in (small, large):
        message = serialize(batch)
        assert is_packed(message) == (batch is large)
        record = frame(
            Kind.DECISION,
            0,
            1,
            [message, serialize(random_batch(random.Random(1), DECISION, 1))],
            tables_version=1,
            now_ms=2,
        )
        seal(record, 1, 0)
        parsed = parse(record, "here", place=(1, 0), previous_chain=0)
        assert read_batch(parsed).equals(batch)
        assert rows_of(parsed).value("lines", 3) == batch.column("lines")[3].as_py()
    assert memoryview(serialize(large)).nbytes < 0.75 * memoryview(large.serialize()).nbytes


def test_columns_that_may_be_null_or_are_no_integers_are_not_packed():
    assert all(can_pack(schema) for schema in LOGGED)
    assert not can_pack(pa.schema([pa.field("a", pa.int64())]))
    assert not can_pack(pa.schema([pa.field("a", pa.float64(), nullable=False)]))
    assert not can_pack(pa.schema([pa.field("a", pa.list_(pa.int64()), nullable=False)]))
