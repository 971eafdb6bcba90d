"""Cells lie where they are found again, keep what they hold however they move, and take no more room than they need."""

from __future__ import annotations

import random

import numpy as np

from kernels.cells.open import closed, open_cells
from kernels.cells.put import put_available
from kernels.cells.show import list_cells, look_up, spread
from kernels.layout import BLOCK, CELL_SHOWN, SHELF
from router.arrow.arena import PrivateArena
from router.ledger.cells import ACCOUNTS, Cells
from router.ledger.shown_cells import CellsReader
from tests.labs.cells import columns, held_in, place_of, stocked_in
from tests.reference.cells import open as open_twin
from tests.reference.cells import put as put_twin
from tests.reference.cells import show as show_twin

SKUS, NODES = 6, 300


def _random_cell(rng):
    return rng.randrange(SKUS), rng.choice([rng.randrange(8), rng.randrange(NODES), 31, 32, NODES - 1])


def test_opened_cells_keep_what_they_hold_however_often_more_come():
    rng, compared = random.Random(1), 0
    while compared < 4_000:
        cells, twin = Cells(PrivateArena()), {}
        for _ in range(rng.randint(1, 12)):
            rows = sorted(_random_cell(rng) for _ in range(rng.choice([0, 1, 3, 60])))
            sku, node = columns(rows)
            assert closed(sku, node, cells.units.shelves, cells.units.blocks) == open_twin.closed(rows, twin)
            assert open_twin.open_cells(rows, twin, (0,) * 5) == len(rows)
            cells.open(sku, node)
            assert closed(sku, node, cells.units.shelves, cells.units.blocks) == 0
            at = place_of(cells)
            assert list(at) == show_twin.list_cells(twin) and len(cells) == len(twin)
            assert 0 not in at.values() and len(set(at.values())) == len(at), "cells share a place"
            found = {cell: tuple(int(getattr(cells.units, name)[at[cell]]) for name in ACCOUNTS) for cell in twin}
            assert found == twin
            for cell in twin:
                twin[cell] = tuple(rng.randint(-9, 9) for _ in ACCOUNTS)
                for name, units in zip(ACCOUNTS, twin[cell], strict=True):
                    getattr(cells.units, name)[at[cell]] = units
            compared += len(rows)


def test_a_kernel_that_runs_out_of_room_stops_before_the_row_that_has_none():
    rng = random.Random(2)
    for _ in range(300):
        cells = Cells(PrivateArena())
        rows = sorted({_random_cell(rng) for _ in range(40)})
        used = cells._used.copy()
        units = cells.units._replace(blocks=cells.units.blocks[: rng.randint(1, 30)].copy())
        room = rng.randint(1, 30)
        units = units._replace(**{name: np.zeros(room, np.int64) for name in ACCOUNTS})
        opened = open_cells(*columns(rows), units, np.zeros(room, CELL_SHOWN), used)
        assert used["cells"][0] <= room and used["blocks"][0] <= len(units.blocks)
        names = np.zeros(40, np.int32), np.zeros(40, np.int16), np.zeros(40, np.int64)
        count = list_cells(units.shelves, units.blocks, *names)
        assert count == used["present"][0] == opened <= len(rows)
        assert list(zip(names[0][:count].tolist(), names[1][:count].tolist(), strict=True)) == rows[:opened]


def test_a_row_of_nodes_is_what_the_cells_hold():
    rng = random.Random(3)
    for _ in range(400):
        cells, twin = Cells(PrivateArena()), {}
        rows = [_random_cell(rng) for _ in range(rng.randint(0, 60))]
        cells.open(*columns(rows))
        for cell, at in place_of(cells).items():
            twin[cell] = cells.units.held[at] = rng.randint(-5, 5)
        nodes = rng.choice([1, 32, 33, 200, NODES])
        for sku in (*range(SKUS), 10_000):
            row = np.full(nodes, 7, np.int64)
            spread(sku, cells.units.shelves, cells.units.blocks, cells.units.held, row)
            assert row.tolist() == show_twin.spread(sku, twin, nodes)


def test_a_cell_is_looked_up_where_it_lies():
    rng = random.Random(7)
    for _ in range(400):
        cells = Cells(PrivateArena())
        rows = [_random_cell(rng) for _ in range(rng.randint(0, 60))]
        cells.open(*columns(rows))
        asked = [*rows, *(_random_cell(rng) for _ in range(40)), (10_000, 3), (-1, 3)]
        is_open = np.full(len(asked), 7, np.uint8)
        look_up(*columns(asked), cells.units.shelves, cells.units.blocks, is_open)
        assert is_open.tolist() == show_twin.look_up(asked, set(rows))


def test_what_moves_before_it_is_shown_is_shown_where_it_lies_then():
    rng = random.Random(8)
    for _ in range(300):
        arena = PrivateArena()
        cells, twin = Cells(arena), {}
        for _ in range(4):
            rows = [_random_cell(rng) for _ in range(rng.randint(1, 6))]
            cells.open(*columns(rows))
            qty = [rng.randint(1, 9) for _ in rows]
            cells.put_available(*columns(rows), np.array(qty, np.int64))
            for row, more in zip(rows, qty, strict=True):
                twin[row] = twin.get(row, 0) + more
            touched = cells.touched(*columns(rows))
            cells.open(*columns([_random_cell(rng) for _ in range(rng.randint(0, 6))]))
            cells.publish(touched, 1)
            shown = CellsReader(arena).all_cells()
            names = zip(shown.sku.tolist(), shown.node.tolist(), strict=True)
            found = dict(zip(names, shown.available.tolist(), strict=True))
            assert {cell: units for cell, units in found.items() if units} == twin


def test_units_that_are_put_set_the_stock_bits():
    rng = random.Random(4)
    for _ in range(400):
        cells, twin, stocked = Cells(PrivateArena()), {}, set()
        rows = [(*_random_cell(rng), rng.randint(-4, 4)) for _ in range(rng.randint(0, 40))]
        cells.open(*columns([row[:2] for row in rows]))
        twin = dict.fromkeys((row[:2] for row in rows), 0)
        put_available(*columns([row[:2] for row in rows]), np.array([row[2] for row in rows], np.int64), cells.units)
        put_twin.put_available(rows, twin, stocked)
        assert held_in(cells, "available") == twin and stocked_in(cells) == stocked


def test_readers_of_a_shelf_half_made_stay_within_the_arrays():
    """Whatever stands there: with NUMBA_BOUNDSCHECK=1 a step beyond an array is an error."""
    rng = np.random.default_rng(5)
    for _ in range(2_000):
        shelves, blocks = (np.zeros(count, dtype) for count, dtype in ((4, SHELF), (9, BLOCK)))
        for rows in (shelves, blocks):
            noise = rng.integers(0, 256, rows.nbytes, np.uint8)
            noise[rng.random(rows.nbytes) < 0.8] = 0
            rows.view(np.uint8)[:] = noise
        units, row = np.arange(50), np.zeros(70, np.int64)
        for sku in range(6):
            spread(sku, shelves, blocks, units, row)
            assert ((row >= 0) & (row < 50)).all()
        names = np.zeros(20, np.int32), np.zeros(20, np.int16), np.zeros(20, np.int64)
        assert 0 <= list_cells(shelves, blocks, *names) <= 20
        asked, is_open = (
            columns([(sku, node) for sku in range(-1, 6) for node in (0, 31, 32, 299)]),
            np.zeros(28, np.uint8),
        )
        look_up(*asked, shelves, blocks, is_open)
        assert set(is_open.tolist()) <= {0, 1}


def test_a_load_at_once_leaves_no_room_unused_and_one_by_one_at_most_as_much_again():
    whole, single = Cells(PrivateArena()), Cells(PrivateArena())
    rows = [(sku, node) for sku in range(2_000) for node in range(sku % 7, NODES, 41)]
    whole.open(*columns(rows))
    for row in random.Random(6).sample(rows, len(rows)):
        single.open(*columns([row]))
    assert whole._used["cells"][0] == 1 + len(rows) == 1 + len(single)
    words = len({(sku, node >> 5) for sku, node in rows})
    assert whole._used["blocks"][0] == 1 + words
    assert single._used["cells"][0] <= 3 * len(rows) and single._used["blocks"][0] <= 3 * words
