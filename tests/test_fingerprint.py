"""Two rows have equal fingerprints exactly when every column holds the same."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from router import ids
from router.arrays import list_parts
from tests.reference import fingerprint as twin
from tests.text_columns import random_text, random_texts, sliced


def _states(rng: random.Random, rows: int) -> list[int]:
    return [rng.getrandbits(64) for _ in range(rows)]


def _lists(rng: random.Random, rows: int, draw) -> list[list]:
    return [[draw() for _ in range(rng.choice((0, 0, 1, 2, 5)))] for _ in range(rows)]


def test_string_columns_equal_the_twin_on_random_columns():
    rng = random.Random(12)
    for _ in range(2_000):
        texts = random_texts(rng)
        states = _states(rng, len(texts))
        mixed = np.array(states, np.uint64)
        ids.fingerprint_strings(mixed, *ids.string_parts(sliced(rng, texts)))
        assert mixed.tolist() == twin.fingerprint_strings(states, [text.encode() for text in texts])


def test_number_columns_equal_the_twin_on_random_columns():
    rng = random.Random(13)
    for _ in range(2_000):
        values = [rng.choice((-1, 0, 1, rng.randint(-(2**63), 2**63 - 1))) for _ in range(rng.randint(0, 6))]
        states = _states(rng, len(values))
        mixed = np.array(states, np.uint64)
        ids.fingerprint_ints(mixed, np.array(values, np.int64))
        assert mixed.tolist() == twin.fingerprint_ints(states, values)


def test_number_lists_equal_the_twin_on_random_columns():
    rng = random.Random(14)
    for _ in range(2_000):
        rows = _lists(rng, rng.randint(0, 6), lambda: rng.randint(-3, 3))
        states = _states(rng, len(rows))
        mixed = np.array(states, np.uint64)
        offsets, values = list_parts(pa.array([[9]] + rows, pa.list_(pa.int64())).slice(1))
        ids.fingerprint_ragged_ints(mixed, offsets, values.to_numpy(zero_copy_only=False).astype(np.int64))
        assert mixed.tolist() == twin.fingerprint_ragged_ints(states, rows)


def test_string_lists_equal_the_twin_on_random_columns():
    rng = random.Random(15)
    for _ in range(2_000):
        rows = _lists(rng, rng.randint(0, 6), lambda: random_text(rng))
        states = _states(rng, len(rows))
        mixed = np.array(states, np.uint64)
        offsets, values = list_parts(pa.array([["x"]] + rows, pa.list_(pa.string())).slice(1))
        ids.fingerprint_ragged_strings(mixed, offsets, *ids.string_parts(values))
        assert mixed.tolist() == twin.fingerprint_ragged_strings(states, [[t.encode() for t in row] for row in rows])


LINES = pa.list_(pa.struct([pa.field("sku", pa.string()), pa.field("qty", pa.int32())]))


def _fingerprint(*columns: tuple[list, pa.DataType]) -> int:
    return int(ids.fingerprint([pa.array(values, dtype) for values, dtype in columns], 1)[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([(["ab"], pa.string()), (["c"], pa.string())], [(["a"], pa.string()), (["bc"], pa.string())]),
        ([([["ab", "c"]], pa.list_(pa.string()))], [([["a", "bc"]], pa.list_(pa.string()))]),
        ([([[]], pa.list_(pa.string()))], [([[""]], pa.list_(pa.string()))]),
        ([([[1, 2]], pa.list_(pa.int64()))], [([[2, 1]], pa.list_(pa.int64()))]),
        ([(["a"], pa.string())], [(["a\0"], pa.string())]),
        ([([[{"sku": "A", "qty": 1}]], LINES)], [([[{"sku": "A", "qty": 2}]], LINES)]),
        ([([[{"sku": "A", "qty": 1}]], LINES)], [([[{"sku": "B", "qty": 1}]], LINES)]),
    ],
)
def test_moving_a_border_or_changing_a_value_changes_the_fingerprint(one, other):
    assert _fingerprint(*one) != _fingerprint(*other)


def test_a_row_has_the_same_fingerprint_in_every_batch_and_integer_width():
    lines = [[{"sku": "A", "qty": 1}], [], [{"sku": "B", "qty": 2}, {"sku": "C", "qty": 3}]]
    columns = [pa.array(["x", "y", "z"]), pa.array([1, 2, 3], pa.int32()), pa.array(lines, LINES)]
    whole = ids.fingerprint(columns, 3)
    cut = ids.fingerprint([column.slice(2, 1) for column in columns], 1)
    wide = ids.fingerprint([columns[0], columns[1].cast(pa.int64()), columns[2]], 3)
    assert cut.tolist() == whole[2:].tolist()
    assert wide.tolist() == whole.tolist()


def test_single_characters_of_long_bodies_all_count():
    """Every position of a body of 40 bytes, every other letter there: as many fingerprints as bodies."""
    body = "0123456789" * 4
    bodies = {body[:at] + letter + body[at + 1 :] for at in range(40) for letter in "abcdefghij"}
    assert len(set(ids.fingerprint([pa.array(sorted(bodies))], len(bodies)).tolist())) == len(bodies)
