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
    home_of,
    remove_ever,
    remove_recent,
)
from router.ledger.entries import EverTable
from router.life.states import CellAccount
from router.tables.stock_rows import KIND_NAMES, STATES, MovementKind
from tests.labs.cells import cells_of, held_in, place_of, stocked_in
from tests.labs.rules import callable_rule
from tests.reference.claim import move as twin
from tests.reference.claim import publish as publish_twin
from tests.reference.claim import windows as windows_twin

_find_ever, _find_recent, _home_of, _remove_ever, _remove_recent = map(
    callable_rule, (find_ever, find_recent, home_of, remove_ever, remove_recent)
)
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
        values, (shelves, blocks, *live) = np.zeros((len(rows), 3), np.int64), cells.units[:5]
        cell, at = np.zeros(len(rows), np.int64), place_of(cells)
        gather(sku, node, shelves, blocks, *live, cell, values)
        assert cell.tolist() == [at[row] for row in rows]
        assert [tuple(row) for row in values.tolist()] == publish_twin.gather(rows, held)
        shown = [np.full(len(live[0]), -9, np.int64) for _ in range(3)]
        publish(cell, values, *shown)
        expected = dict.fromkeys(held, (-9, -9, -9))
        publish_twin.publish(rows, [tuple(row) for row in values.tolist()], expected)
        assert expected == {cell: tuple(int(a[place]) for a in shown) for cell, place in at.items()}


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


def test_what_is_removed_is_gone_and_the_rest_is_found():
    """Few homes, so that searches run through each other and round the end of a segment."""
    rng, table = random.Random(8), np.zeros(2 * SEGMENT_PLACES, layout.ENTRY)
    windows = np.zeros((2 * SEGMENT_PLACES, 2), layout.ENTRY)
    homes = _keys_by_home(2)
    keys = [key for home in [*range(1020, 1024), *range(1024)] for key in homes.get(home, [])[:6]][:400]
    held: set[int] = set()
    for _ in range(6_000):
        key = rng.choice(keys)
        at, lately = _find_ever(np.int64(key), np.int64(0), 2, table), _find_recent(np.int64(key), 5, 2, windows)
        assert (table[at]["key"] == key) == (key in held) == (windows[lately, 1]["tag"] == 5)
        if key in held:
            _remove_ever(at, table)
            _remove_recent(lately, 5, windows)
        else:
            table[at], windows[lately, 1] = (key, 0, 1, key), (key, 5, 1, key)
        held ^= {key}
    assert sorted(table["key"][table["key"] != 0].tolist()) == sorted(held)
    assert sorted(windows["key"][windows["tag"] == 5].tolist()) == sorted(held)
    for key in held:
        assert table[_find_ever(np.int64(key), np.int64(0), 2, table)]["value"] == key


def _keys_by_home(segments):
    """Keys of the first segment by where a search for them begins."""
    found: dict[int, list[int]] = {}
    for key in range(1, 40_000):
        home = int(_home_of(np.int64(key), segments))
        if home < SEGMENT_PLACES:
            found.setdefault(home, []).append(key)
    return found


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
