"""Keys of texts that may be absent and of lines equal their twins, whatever batch they come in."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from kernels.rows.text_keys import line_keys, plain_numbers, text_keys
from router.ids import hash_key, key64, string_parts
from tests.labs.text_columns import random_text, sliced
from tests.reference.rows import text_keys as twin

KEY = hash_key(bytes(range(16)))
NUMBERS = ("", "0", "1", "2", "3", "01", "10", "123456789", "1234567890", "+1", "-1", " 1", "1 ", "1a", "१", "９")


def _text(rng: random.Random) -> str:
    return rng.choice(NUMBERS) if rng.random() < 0.7 else random_text(rng)


def test_text_keys_equal_the_twin_and_key64() -> None:
    rng = random.Random(3)
    for _ in range(2_000):
        texts = [_text(rng) for _ in range(rng.randrange(7))]
        array = sliced(rng, texts)
        out = np.full(len(texts), 7, np.uint64)
        text_keys(KEY, *string_parts(array), out)
        assert out.tolist() == twin.text_keys(tuple(KEY.tolist()), [text.encode() for text in texts])
        given = [text for text in texts if text]
        assert [number for number in out.tolist() if number] == key64(KEY, pa.array(given, pa.string())).tolist()


def test_plain_numbers_equal_the_twin() -> None:
    rng = random.Random(4)
    for _ in range(2_000):
        texts = [_text(rng) for _ in range(rng.randrange(7))]
        out = np.zeros(len(texts), np.int32)
        plain_numbers(*string_parts(sliced(rng, texts)), out)
        assert out.tolist() == twin.plain_numbers([text.encode() for text in texts])


def test_line_keys_equal_the_twin() -> None:
    rng = random.Random(5)
    for _ in range(2_000):
        orders = [[_text(rng) for _ in range(rng.randrange(4))] for _ in range(rng.randrange(5))]
        array = sliced(rng, [text for order in orders for text in order])
        rows = np.cumsum([0, *map(len, orders)]).astype(np.int32)
        out = np.full(len(array), 7, np.uint64)
        line_keys(KEY, rows, *string_parts(array), out)
        raw = [[text.encode() for text in order] for order in orders]
        assert out.tolist() == twin.line_keys(tuple(KEY.tolist()), raw)


def test_lines_without_ids_have_the_keys_of_lines_that_are_numbered() -> None:
    rows, out = np.array([0, 3], np.int32), np.full(3, 7, np.uint64)
    for texts in (["", "", ""], ["1", "2", "3"], ["1", "", "3"]):
        line_keys(KEY, rows, *string_parts(pa.array(texts)), out)
        assert not out.any(), texts
    line_keys(KEY, rows, *string_parts(pa.array(["2", "1", "03"])), out)
    assert out.all()
