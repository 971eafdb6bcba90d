"""Units move between accounts as the plain twin says, and the sum of a cell's accounts never changes by itself."""

from __future__ import annotations

import random

import numpy as np

from kernels import layout
from kernels.claim import move as kernels
from kernels.claim.publish import gather, publish
from kernels.claim.windows import (
    SEGMENT_PLACES,
    fill_ever,
    fill_recent,
    find_ever,
    find_recent,
    grow_ever,
    grow_recent,
)
from router.ledger.entries import EverTable
from tests.labs.rules import callable_rule
from tests.reference.claim import move as twin
from tests.reference.claim import publish as publish_twin
from tests.reference.claim import windows as windows_twin

_find_ever, _find_recent = callable_rule(find_ever), callable_rule(find_recent)
SKUS, NODES = 3, 3
ACCOUNTS = ("available", "held", "allocated", "shipped", "received")
KINDS = ("receipt", "count", "damage", "transfer")


def _random_cells(rng):
    cells = {}
    for sku in range(SKUS):
        for node in range(NODES):
            cell = {name: rng.randint(0, 4) for name in ACCOUNTS[:4]}
            cell["available"] -= rng.choice([0, 0, 3])
            cells[sku, node] = cell | {"received": sum(cell.values())}
    return cells


def _arrays(cells):
    arrays = {name: np.zeros((SKUS, NODES), np.int64) for name in ACCOUNTS}
    for (sku, node), cell in cells.items():
        for name in ACCOUNTS:
            arrays[name][sku, node] = cell[name]
    stocked = ((arrays["available"] > 0) << np.arange(NODES)).sum(axis=1)[:, None]
    return arrays, np.ascontiguousarray(stocked, np.int64)


def _assert_equal(arrays, stocked, cells):
    for (sku, node), cell in cells.items():
        assert {name: int(arrays[name][sku, node]) for name in ACCOUNTS} == cell
        assert cell["received"] == sum(cell[name] for name in ACCOUNTS[:4])
        assert bool(stocked[sku, 0] >> node & 1) == (cell["available"] > 0)


def _column(rows, index, dtype):
    return np.array([row[index] for row in rows], dtype)


def test_moves_equal_the_twin_on_random_rows():
    rng = random.Random(1)
    for _ in range(2_000):
        cells = _random_cells(rng)
        arrays, stocked = _arrays(cells)
        capacity = np.zeros((NODES, layout.CAPACITY_DAYS), layout.NODE_DAY)
        parcels_on = {(node, 700): rng.randint(0, 2) for node in range(NODES)}
        for (node, day), count in parcels_on.items():
            capacity[node, day % layout.CAPACITY_DAYS] = (day, count)
        rows = [
            (rng.randrange(4), rng.randrange(SKUS), rng.randrange(NODES), rng.randint(0, 3), rng.choice([-1, 700, 701]))
            for _ in range(rng.randint(0, 12))
        ]
        refused = np.zeros(len(rows), np.uint8)
        count = kernels.move(
            _column(rows, 0, np.int8), _column(rows, 1, np.int32), _column(rows, 2, np.int16),
            _column(rows, 3, np.int64), _column(rows, 4, np.int32), arrays["available"], arrays["held"],
            arrays["allocated"], arrays["shipped"], stocked, capacity, refused,
        )  # fmt: skip
        assert refused.astype(bool).tolist() == twin.move(rows, cells, parcels_on)
        assert count == refused.sum()
        _assert_equal(arrays, stocked, cells)
        for (node, day), parcels in parcels_on.items():
            assert capacity[node, day % layout.CAPACITY_DAYS]["parcels"] == parcels


def test_stock_movements_equal_the_twin_on_random_rows():
    rng = random.Random(2)
    for _ in range(2_000):
        cells = _random_cells(rng)
        arrays, stocked = _arrays(cells)
        rows = []
        for _ in range(rng.randint(0, 10)):
            kind, node = rng.choice(KINDS), rng.randrange(NODES)
            to_node = (node + rng.randint(1, 2)) % NODES if kind == "transfer" else -1
            rows.append((rng.randint(1, 6), kind, rng.randrange(SKUS), node, to_node, rng.randint(0, 6)))
        movements = np.zeros(SEGMENT_PLACES, layout.ENTRY)
        counts, result = np.zeros(1, layout.COUNTS), np.zeros(len(rows), np.int8)
        known: set[int] = set()
        expected = twin.stock(rows, cells, known)
        applied = kernels.stock(
            _column(rows, 0, np.int64), np.full(len(rows), -5, np.int64),
            np.array([KINDS.index(row[1]) for row in rows], np.int8), _column(rows, 2, np.int32),
            _column(rows, 3, np.int16), _column(rows, 4, np.int16), _column(rows, 5, np.int64), arrays["available"],
            arrays["held"], arrays["allocated"], arrays["received"], stocked, counts, movements, result,
        )  # fmt: skip
        assert [("applied", "repeated", "short")[code] for code in result] == expected
        assert applied == counts["movements"][0] == len(known)
        _assert_equal(arrays, stocked, cells)


def test_readers_are_shown_what_was_gathered():
    rng = random.Random(3)
    for _ in range(2_000):
        cells = {(s, n): [rng.randint(-2, 9) for _ in range(3)] for s in range(SKUS) for n in range(NODES)}
        live = [np.array([[cells[s, n][a] for n in range(NODES)] for s in range(SKUS)], np.int64) for a in range(3)]
        rows = [(rng.randrange(SKUS), rng.randrange(NODES)) for _ in range(rng.randint(0, 8))]
        sku, node = _column(rows, 0, np.int32), _column(rows, 1, np.int16)
        values = np.zeros((len(rows), 3), np.int64)
        gather(sku, node, *live, values)
        assert [tuple(row) for row in values.tolist()] == publish_twin.gather(rows, cells)
        shown = [np.full((SKUS, NODES), -9, np.int64) for _ in range(3)]
        publish(sku, node, values, *shown)
        expected = {(s, n): (-9, -9, -9) for s in range(SKUS) for n in range(NODES)}
        publish_twin.publish(rows, [tuple(row) for row in values.tolist()], expected)
        assert expected == {(s, n): tuple(int(a[s, n]) for a in shown) for s in range(SKUS) for n in range(NODES)}


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
        assert sorted(held.tolist()) == windows_twin.grow_ever(windows_twin.fill_ever(wanted, []))
        for entry in wanted:
            assert entries[_find_ever(np.int64(entry[0]), np.int64(entry[1]), after, entries)].tolist() == entry


def test_a_window_holds_its_two_live_generations_however_it_grows():
    rng = random.Random(5)
    for _ in range(2_000):
        generation, wanted = rng.randint(4, 9), []
        before, after = sorted((rng.randint(1, 9), rng.randint(1, 9)))
        entries = np.zeros((after * SEGMENT_PLACES, 2), layout.ENTRY)
        for tag in range(generation - 3, generation + 1):
            rows = _unique(_entry(rng, tag) for _ in range(rng.randint(0, 10)))
            fill_recent(np.array(rows, layout.ENTRY), entries[: before * SEGMENT_PLACES])
            wanted = windows_twin.fill_recent(rows, wanted)
        grow_recent(generation, before, after, entries, np.zeros(SEGMENT_PLACES, layout.ENTRY))
        alive = windows_twin.grow_recent(generation, wanted)
        if after > before:
            touched = split_places(before, after)
            held = entries[touched]
            assert {e for e in held.ravel().tolist() if e[0]} <= set(alive)
        for entry in alive:
            place = _find_recent(np.int64(entry[0]), entry[1], after, entries)
            assert entries[place, entry[1] & 1].tolist() == entry
        tags = np.array([generation - (generation & 1), generation - (~generation & 1)])
        assert sorted(entries[entries["tag"] == tags].tolist()) == sorted(alive)


def split_places(before, after):
    """Places of the segments that were split or are new."""
    sources = {added - (1 << (added.bit_length() - 1)) for added in range(before, after)}
    return np.concatenate(
        [np.arange(s * SEGMENT_PLACES, (s + 1) * SEGMENT_PLACES) for s in {*sources, *range(before, after)}]
    )


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
