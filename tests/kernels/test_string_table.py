"""A string table numbers strings for ever and finds columns of them."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest

from kernels.rows.lookup import fill_slots, find_strings
from router.arrow.string_table import StringTable
from router.ids import string_parts
from tests.labs.text_columns import random_text, random_texts, sliced
from tests.reference.rows import fingerprint as mixing
from tests.reference.rows import lookup as twin


def test_numbers_equal_the_twin_on_random_tables_half_full():
    rng = random.Random(16)
    for _ in range(2_000):
        known = list(dict.fromkeys(random_texts(rng, 16)))
        sought = [rng.choice(known) if known and rng.random() < 0.5 else random_text(rng) for _ in range(8)]
        slots = np.zeros(1 << (2 * len(known)).bit_length(), np.uint64)
        known_parts, found = string_parts(sliced(rng, known)), np.full(8, -7, np.int32)
        fill_slots(*known_parts, slots)
        find_strings(*string_parts(sliced(rng, sought)), slots, *known_parts, found)
        table = twin.fill_slots([text.encode() for text in known])
        assert found.tolist() == twin.find_strings([text.encode() for text in sought], table)
        assert sorted((slots[slots > 0] & np.uint64(0xFFFFFFFF)).tolist()) == list(range(1, len(known) + 1))


def _text_of(hashed: int) -> int:
    """The word of a string of one word whose hash this is: every step of the hash is one to one."""
    state = (hashed ^ hashed >> 32) * pow(mixing.B, -1, 1 << 64) & mixing.MASK
    state = (state ^ state >> 29 ^ state >> 58) * pow(mixing.A, -1, 1 << 64) & mixing.MASK
    mixed = (state ^ state >> 32) * pow(mixing.B, -1, 1 << 64) & mixing.MASK
    return ((mixed >> 31 | mixed << 33) - mixing.absorb(0, 7)) * pow(mixing.A, -1, 1 << 64) & mixing.MASK


def test_short_strings_with_one_tag_and_home_are_told_apart():
    tag = 0x12345678 << 32
    words = (_text_of(tag | home << 3) for home in range(1 << 20))
    texts = [word.to_bytes(8, "little")[:7] for word in itertools.islice((w for w in words if w < 1 << 56), 2)]
    assert _found(texts) == [1, 0]


def test_long_strings_with_one_hash_are_told_apart():
    first, other = int.from_bytes(b"SKU-0001", "little"), int.from_bytes(b"SKU-0002", "little")
    states = [mixing.absorb(mixing.absorb(0, 16), word) for word in (first, other)]
    undone = (states[0] - states[1]) * pow(mixing.A, -1, 1 << 64) % (1 << 64)
    texts = [first.to_bytes(8, "little") + bytes(8), other.to_bytes(8, "little") + undone.to_bytes(8, "little")]
    assert mixing.absorb_text(0, texts[0]) == mixing.absorb_text(0, texts[1])
    assert _found(texts) == [1, 0]


def _found(texts: list[bytes]) -> list[int]:
    """Numbers of the texts, sought in reverse."""
    known = string_parts(pa.array(texts, pa.binary()))
    slots, found = np.zeros(8, np.uint64), np.zeros(len(texts), np.int32)
    fill_slots(*known, slots)
    find_strings(*string_parts(pa.array(texts[::-1], pa.binary())), slots, *known, found)
    return found.tolist()


def test_find_and_index_agree():
    table = StringTable(["SKU-1", "", "Überraschung", "SKU-2"])
    assert table.find(pa.array(["SKU-2", "none", "", "Überraschung", "SKU-"])).tolist() == [3, -1, 1, 2, -1]
    assert [table.index(text) for text in ("SKU-2", "none")] == [3, -1]
    assert table.text(2) == "Überraschung" and len(table) == 4 and "SKU-1" in table and "x" not in table


def test_an_empty_table_finds_nothing():
    assert StringTable().find(pa.array(["A", ""])).tolist() == [-1, -1]
    assert StringTable(["A"]).find(pa.array([], pa.string())).tolist() == []


def test_extending_keeps_every_number_and_skips_repeats():
    table = StringTable(["A", "B"])
    longer = table.extended(["B", "C", "C", "A", "D"])
    assert longer.values == ["A", "B", "C", "D"] and table.values == ["A", "B"]
    assert table.extended(["A"]) is table
    assert longer.find(pa.array(["A", "D"])).tolist() == [0, 3]


def test_a_table_survives_the_way_through_arrow():
    table = StringTable([f"SKU-{number}" for number in range(1_000)])
    again = StringTable.from_arrow(table.to_arrow())
    assert again == table and again.find(table.to_arrow()).tolist() == list(range(1_000))


def test_two_equal_strings_are_refused():
    with pytest.raises(AssertionError, match="distinct"):
        StringTable(["A", "A"])


def test_a_negative_number_has_no_text():
    with pytest.raises(AssertionError, match="-1"):
        StringTable(["A"]).text(-1)
