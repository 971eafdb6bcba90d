"""The address cache equals its plain twin and never mistakes one address for another."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from kernels.admit.place_cache import look_up_places, remember_place
from router.ids import string_parts
from tests.reference.admit import place_cache as plain


def random_text(draw: random.Random) -> str:
    return "".join(draw.choice("ab1 é") for _ in range(draw.choice([0, 0, 1, 2, 7, 8, 9, 16, 17])))


def test_cache_equals_its_twin_on_random_batches() -> None:
    draw = random.Random(3)
    for case in range(2_000):
        entries_max, bytes_max = draw.choice([1, 4, 16]), draw.choice([0, 20, 200])
        slots = np.zeros(2 * entries_max, np.uint64)
        bounds, keys = np.zeros(3 * entries_max + 1, np.int32), np.zeros(bytes_max, np.uint8)
        known: dict[plain.Address, int] = {}
        pool = [tuple(random_text(draw) for _ in range(3)) for _ in range(draw.randint(1, 8))]
        for _ in range(draw.randint(1, 3)):
            rows = [draw.choice(pool) for _ in range(draw.randint(0, 6))]
            before = draw.randint(0, 2)  # sliced columns
            columns = [
                pa.array(["x"] * before + [row[part] for row in rows], pa.string()).slice(before) for part in range(3)
            ]
            parts = [piece for column in columns for piece in string_parts(column)]
            addresses = [tuple(text.encode() for text in row) for row in rows]
            entry, misses = np.full(len(rows), 99, np.int64), np.full(len(rows), 99, np.int64)
            missed = look_up_places(*parts, slots, bounds, keys, entry, misses)
            expected, expected_misses = plain.look_up_places(addresses, known)
            assert (entry.tolist(), misses[:missed].tolist()) == (expected, expected_misses), case
            for row in expected_misses:
                if addresses[row] in known:
                    continue
                count = len(known)
                expected_entry = plain.remember_place(addresses[row], known, entries_max, bytes_max)
                assert remember_place(row, *parts, slots, bounds, keys, count) == expected_entry, case
        assert np.count_nonzero(slots) == len(known)
        for address, number in known.items():  # keys are stored byte for byte
            start, stop = bounds[3 * number], bounds[3 * number + 3]
            assert keys[start:stop].tobytes() == b"".join(address)
