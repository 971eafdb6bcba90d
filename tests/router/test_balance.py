"""The trial balance of one order: its book against the record that opened it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from router.log.kinds import Kind
from router.log.records import INPUT, read_batch
from router.pipeline import ShardPath
from router.queries.balance import faults_of
from tests.router.test_pipeline import Told, World, script


def faults(path: ShardPath) -> Iterator[tuple[str, str]]:
    for sequence, part, record in path.log.iterate(1):
        if record.kind is Kind.OUTCOMES and part != INPUT:
            given = path.log.read(sequence, INPUT)
            assert given is not None
            orders = read_batch(given)
            for row, fault in faults_of(path.engine, orders, read_batch(record)):
                yield orders.column("order_id")[row].as_py(), fault


@pytest.mark.parametrize("shards", [1, 4])
def test_books_hold_what_was_ordered_and_a_lost_unit_or_cent_is_found(shards: int) -> None:
    world = Told(World(shards), list(script(40, shards))).world
    found = 0
    for path in world.router.shards:
        assert list(faults(path)) == []
        books, index = path.engine.books, path.engine.index
        row = int(np.flatnonzero(books.are_open(np.arange(index.count)))[-1])
        for field, fault in (
            ("value_minor", "its units do not carry what they cost"),
            ("qty", "its units are not those that were ordered"),
        ):
            position = books._memory.rows.positions[int(books.of(row)["first_position"])]
            position[field] += 1
            ((_, said),) = faults(path)
            assert said == fault
            position[field] -= 1
            found += 1
        assert list(faults(path)) == []
    assert found == 2 * shards
