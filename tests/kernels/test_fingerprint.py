"""Two rows have equal fingerprints exactly when every column holds the same."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from router import ids
from router.arrow.arrays import list_parts
from tests.labs.text_columns import random_text
from tests.reference.rows import fingerprint as twin


def _states(rng: random.Random, rows: int) -> list[int]:
    return [rng.getrandbits(64) for _ in range(rows)]


def _lists(rng: random.Random, rows: int, draw) -> list[list]:
    return [[draw() for _ in range(rng.choice((0, 0, 1, 2, 5)))] for _ in range(rows)]


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


def _of_texts(texts: list[str]) -> int:
    state, (offsets, text) = np.zeros(1, np.uint64), ids.string_parts(pa.array(texts, pa.string()))
    ids.fingerprint_ragged_strings(state, np.array([0, len(texts)], np.int32), offsets, text)
    return int(state[0])


def _of_numbers(numbers: list[int]) -> int:
    state = np.zeros(1, np.uint64)
    ids.fingerprint_ragged_ints(state, np.array([0, len(numbers)], np.int32), np.array(numbers, np.int64))
    return int(state[0])


@pytest.mark.parametrize(("one", "other"), [(["ab", "c"], ["a", "bc"]), ([], [""]), (["a"], ["a\0"])])
def test_moving_a_border_changes_the_fingerprint(one, other):
    assert _of_texts(one) != _of_texts(other)


def test_the_order_of_numbers_counts():
    assert _of_numbers([1, 2]) != _of_numbers([2, 1])


def test_single_characters_of_long_bodies_all_count():
    """Every position of a body of 40 bytes, every other letter there: as many fingerprints as bodies."""
    body = "0123456789" * 4
    bodies = {body[:at] + letter + body[at + 1 :] for at in range(40) for letter in "abcdefghij"}
    assert len({_of_texts([text]) for text in bodies}) == len(bodies)
