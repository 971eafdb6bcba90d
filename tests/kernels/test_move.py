"""Units move between accounts as the plain twin says, and the sum of a cell's accounts never changes by itself."""

from __future__ import annotations

import random

import numpy as np

from kernels import layout
from kernels.claim import move as kernels
from kernels.claim.publish import gather, publish
from kernels.claim.segments import SEGMENT_PLACES
from router.life.states import CellAccount
from router.tables.stock_rows import KIND_NAMES, STATES, MovementKind
from tests.labs.cells import cells_of, held_in, place_of, stocked_in
from tests.reference.claim import move as twin
from tests.reference.claim import publish as publish_twin

SKUS, NODES = 3, (0, 33, 70)
DENSE = ("available", "held", "allocated", "shipped")
ASIDE = (twin.INSPECTION, twin.DAMAGED, twin.BLOCKED, twin.IN_TRANSIT)
RESULTS = ("applied", "repeated", "short", "conflict")


def _random_cells(rng):
    """{account: {cell: units}} and what was received; outside truth may have made available negative."""
    cells = [(sku, node) for sku in range(SKUS) for node in NODES]
    accounts = {account: {cell: rng.randint(0, 4) for cell in cells} for account in (0, 1, 2, 3, *ASIDE)}
    for cell in cells:
        accounts[twin.AVAILABLE][cell] -= rng.choice([0, 0, 3])
    return accounts, {cell: sum(units[cell] for units in accounts.values()) for cell in cells}


def _arrays(accounts, received):
    """The cells as kernels take them, and the balances of the accounts aside with their numbers."""

    cells = cells_of({name: accounts[account] for account, name in enumerate(DENSE)} | {"received": received})
    places = {(account, *cell): at for at, (account, cell) in enumerate(
        (account, cell) for account in ASIDE for cell in accounts[account]
    )}  # fmt: skip
    aside = np.array([accounts[account][sku, node] for account, sku, node in places], np.int64)
    return cells, aside, places


def _assert_equal(cells, aside, places, accounts, received):
    for account, name in enumerate(DENSE):
        assert held_in(cells, name) == accounts[account]
    assert held_in(cells, "received") == received
    assert received == {cell: sum(its[cell] for its in accounts.values()) for cell in received}
    assert stocked_in(cells) == {cell for cell, units in accounts[twin.AVAILABLE].items() if units > 0}
    assert aside.tolist() == [accounts[account][sku, node] for account, sku, node in places]


def _column(rows, index, dtype):
    return np.array([row[index] for row in rows], dtype)


def test_accounts_have_the_numbers_of_the_domain():
    for account in CellAccount:
        assert getattr(kernels, account.name) == getattr(twin, account.name) == account
    kinds = {name: number for name, number in vars(MovementKind).items() if name.isupper()}
    assert all(getattr(kernels, name) == number for name, number in kinds.items())
    assert [name.lower() for name in kinds] == list(KIND_NAMES) == list(twin.KINDS)
    assert all(CellAccount[name.upper()] == number for name, number in STATES.items())


def test_moves_equal_the_twin_on_random_rows():
    rng = random.Random(1)
    for _ in range(2_000):
        accounts, received = _random_cells(rng)
        cells, aside, places = _arrays(accounts, received)
        capacity = np.zeros((max(NODES) + 1, layout.CAPACITY_DAYS), layout.NODE_DAY)
        parcels_on = {(node, 700): rng.randint(0, 2) for node in NODES}
        for (node, day), count in parcels_on.items():
            capacity[node, day % layout.CAPACITY_DAYS] = (day, count)
        rows = [
            (
                rng.randrange(9), rng.randrange(9), rng.randrange(SKUS), rng.choice(NODES),
                rng.choice([-1, -1, rng.choice(NODES)]), rng.randint(0, 3), rng.choice([-1, 700, 701]),
            )
            for _ in range(rng.randint(0, 12))
        ]  # fmt: skip
        there = [(row[1], row[2], row[4] if row[4] >= 0 else row[3]) for row in rows]
        from_place = np.array([places.get((row[0], row[2], row[3]), -1) for row in rows], np.int32)
        to_place = np.array([places.get(place, -1) for place in there], np.int32)
        refused = np.zeros(len(rows), np.uint8)
        count = kernels.move(
            _column(rows, 0, np.int8), _column(rows, 1, np.int8), _column(rows, 2, np.int32),
            _column(rows, 3, np.int16), _column(rows, 4, np.int16), _column(rows, 5, np.int64),
            _column(rows, 6, np.int32), from_place, to_place, cells.units, aside, capacity, refused,
        )  # fmt: skip
        assert refused.astype(bool).tolist() == twin.move(rows, accounts, received, parcels_on)
        assert count == refused.sum()
        _assert_equal(cells, aside, places, accounts, received)
        for (node, day), parcels in parcels_on.items():
            assert capacity[node, day % layout.CAPACITY_DAYS]["parcels"] == parcels


def _random_movement(rng):
    kind, node = rng.choice(twin.KINDS), rng.choice(NODES)
    to_node = rng.choice([other for other in NODES if other != node]) if kind in ("transfer", "dispatch") else -1
    state = rng.choice(ASIDE) if kind in ("set_aside", "put_back", "scrap") else -1
    return rng.randint(1, 6), rng.randint(0, 2), kind, rng.randrange(SKUS), node, to_node, rng.randint(0, 6), state


def test_stock_movements_equal_the_twin_on_random_rows():
    rng = random.Random(2)
    for _ in range(2_000):
        accounts, received = _random_cells(rng)
        cells, aside, places = _arrays(accounts, received)
        rows = [_random_movement(rng) for _ in range(rng.randint(0, 10))]
        named = [
            (twin.IN_TRANSIT if row[2] in ("dispatch", "arrive") else row[7], row[3], row[5] if row[5] >= 0 else row[4])
            for row in rows
        ]
        movements = np.zeros(SEGMENT_PLACES, layout.ENTRY)
        counts, result = np.zeros(1, layout.COUNTS), np.zeros(len(rows), np.int8)
        known: dict[int, int] = {}
        expected = twin.stock(rows, accounts, received, known)
        applied = kernels.stock(
            _column(rows, 0, np.int64), np.full(len(rows), -5, np.int64), _column(rows, 1, np.int64),
            np.array([twin.KINDS.index(row[2]) for row in rows], np.int8), _column(rows, 3, np.int32),
            _column(rows, 4, np.int16), _column(rows, 5, np.int16), _column(rows, 6, np.int64),
            np.array([places.get(place, -1) for place in named], np.int32), cells.units, aside, counts, movements,
            result,
        )  # fmt: skip
        assert [RESULTS[code] for code in result] == expected
        assert applied == counts["movements"][0] == len(known)
        _assert_equal(cells, aside, places, accounts, received)


def test_readers_are_shown_what_was_gathered():
    rng = random.Random(3)
    for _ in range(2_000):
        held = {(s, n): [rng.randint(-2, 9) for _ in range(3)] for s in range(SKUS) for n in NODES}
        names = DENSE[:3]
        cells = cells_of({name: {cell: units[a] for cell, units in held.items()} for a, name in enumerate(names)})
        rows = [(rng.randrange(SKUS), rng.choice(NODES)) for _ in range(rng.randint(0, 8))]
        sku, node = _column(rows, 0, np.int32), _column(rows, 1, np.int16)
        values, (shelves, blocks, *live) = np.zeros(len(rows), layout.CELL_SHOWN), cells.units[:5]
        cell, at = np.zeros(len(rows), np.int64), place_of(cells)
        gather(sku, node, shelves, blocks, *live, cell, values)
        assert cell.tolist() == [at[row] for row in rows]
        assert values.tolist() == publish_twin.gather(rows, held)
        shown = np.full(len(live[0]), -9, np.int64).astype(layout.CELL_SHOWN)
        publish(cell, values, shown)
        expected = dict.fromkeys(held, (-9, -9, -9))
        publish_twin.publish(rows, values.tolist(), expected)
        assert expected == {cell: shown[place].item() for cell, place in at.items()}
