"""Tables for ever hold what was entered however they grow, and searches in them stay short."""

from __future__ import annotations

import random

import numpy as np

from kernels import layout
from kernels.claim.segments import SEGMENT_PLACES, fill_ever, find_ever, grow_ever, remove_ever
from router.ledger.entries import EverTable
from tests.labs.crowded_keys import crowded_keys
from tests.labs.rules import callable_rule
from tests.reference.claim import segments as twin

_find_ever, _remove_ever = map(callable_rule, (find_ever, remove_ever))


def _entry(rng, tag):
    return (rng.choice([1, -1]) * rng.randint(1, 60), tag, rng.randint(0, 9), rng.randint(0, 9))


def _unique(entries):
    return list({entry[:2]: entry for entry in entries}.values())


def test_a_table_for_ever_holds_the_same_entries_however_it_grows():
    rng = random.Random(4)
    for _ in range(2_000):
        wanted = _unique(_entry(rng, rng.choice([0, 5, -7])) for _ in range(rng.randint(0, 24)))
        before, after = sorted((rng.randint(1, 9), rng.randint(1, 9)))
        entries = np.zeros(after * SEGMENT_PLACES, layout.ENTRY)
        fill_ever(np.array(wanted, layout.ENTRY), entries[: before * SEGMENT_PLACES])
        grow_ever(before, after, entries, np.zeros(SEGMENT_PLACES, layout.ENTRY))
        held = entries[entries["key"] != 0]
        assert sorted(held.tolist()) == twin.grow_ever(twin.fill_ever(wanted, []))
        for entry in wanted:
            assert entries[_find_ever(np.int64(entry[0]), np.int64(entry[1]), after, entries)].tolist() == entry


def test_what_is_removed_is_gone_and_the_rest_is_found():
    """Few homes, so that searches run through each other and round the end of a segment."""
    rng, table = random.Random(8), np.zeros(2 * SEGMENT_PLACES, layout.ENTRY)
    keys, held = crowded_keys(), set[int]()
    for _ in range(6_000):
        key = rng.choice(keys)
        at = _find_ever(np.int64(key), np.int64(0), 2, table)
        assert (table[at]["key"] == key) == (key in held)
        if key in held:
            _remove_ever(at, table)
        else:
            table[at] = (key, 0, 1, key)
        held ^= {key}
    assert sorted(table["key"][table["key"] != 0].tolist()) == sorted(held)
    for key in held:
        assert table[_find_ever(np.int64(key), np.int64(0), 2, table)]["value"] == key


def test_segments_stay_half_full_at_most_so_that_searches_stay_short():
    table = EverTable()
    rng = np.random.default_rng(6)
    keys = rng.integers(1, 1 << 62, 300_000)
    for start in range(0, len(keys), 30_000):
        rows = np.zeros(30_000, layout.ENTRY)
        rows["key"] = keys[start : start + 30_000]
        table.reserve(start + 30_000)
        fill_ever(rows, table.entries)
        filled = (table.entries["key"] != 0).reshape(-1, SEGMENT_PLACES).sum(axis=1)
        assert filled.sum() == start + 30_000 and filled.max() < 0.7 * SEGMENT_PLACES
