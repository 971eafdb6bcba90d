"""The keyed hash of ids is SipHash-2-4-128, whatever batch an id comes in."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from kernels.rows.hash_ids import hash_ids
from router.ids import hash_key, hash_strings, hash_text, key64, string_parts
from tests.labs.text_columns import random_texts, sliced
from tests.reference.rows import hash_ids as twin

# The published results for key 00 01 .. 0f and messages 00 01 02 .. of length 0, 1, 2, ...
PUBLISHED = (
    "a3817f04ba25a8e66df67214c7550293",
    "da87c1d86b99af44347659119b22fc45",
    "8177228da4a45dc7fca38bdef60affe4",
    "9c70b60c5267a94e5f33b6b02985ed51",
    "f88164c12d9c8faf7d0f6e7c7bcd5579",
    "1368875980776f8854527a07690e9627",
    "14eeca338b208613485ea0308fd7a15e",
    "a1f1ebbed8dbc153c0b84aa61ff08239",
    "3b62a9ba6258f5610f83e264f31497b4",
    "264499060ad9baabc47f8b02bb6d71ed",
)
KEY = hash_key(bytes(range(16)))


def _kernel(key: np.ndarray, array: pa.Array) -> list[tuple[int, int]]:
    offsets, text = string_parts(array)
    hi, lo = np.zeros(len(array), np.uint64), np.zeros(len(array), np.uint64)
    hash_ids(key, offsets, text, hi, lo)
    return list(zip(hi.tolist(), lo.tolist(), strict=True))


def test_the_kernel_gives_the_published_results():
    messages = [bytes(range(length)) for length in range(len(PUBLISHED))]
    hashes = _kernel(KEY, pa.array(messages, pa.binary()))
    assert [(lo.to_bytes(8, "little") + hi.to_bytes(8, "little")).hex() for hi, lo in hashes] == list(PUBLISHED)


def test_hashes_equal_the_twin_on_random_columns():
    rng = random.Random(11)
    for _ in range(2_000):
        texts = random_texts(rng)
        key = (rng.getrandbits(64), rng.getrandbits(64))
        hashes = _kernel(np.array(key, np.uint64), sliced(rng, texts))
        assert hashes == twin.hash_ids(key, [text.encode() for text in texts])


def test_an_id_hashes_alike_alone_and_in_a_batch():
    hi, lo = hash_strings(KEY, pa.array(["A-1", "", "A-2"]))
    assert [hash_text(KEY, text) for text in ("A-1", "", "A-2")] == list(zip(hi.tolist(), lo.tolist(), strict=True))
    assert key64(KEY, pa.array(["A-2"])).tolist() == lo[2:].tolist()


def test_an_id_longer_than_a_byte_can_count_differs_from_its_neighbours():
    assert len({hash_text(KEY, "x" * length) for length in range(250, 530)}) == 280


def test_another_key_gives_other_hashes():
    assert hash_text(KEY, "A-1") != hash_text(hash_key(bytes(16)), "A-1")


def test_a_column_with_nulls_is_refused():
    with pytest.raises(AssertionError, match="no nulls"):
        hash_strings(KEY, pa.array(["A-1", None]))


def test_an_empty_column_without_offsets_has_parts():
    empty = pa.Array.from_buffers(pa.string(), 0, [None, None, pa.py_buffer(b"")])
    assert [part.tolist() for part in string_parts(empty)] == [[0], []]
