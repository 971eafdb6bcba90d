"""Movements that open cells for which there is no memory are refused in their lines; all others go on."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from router.arrow.arrays import numbers, record_batch
from router.log.columns import STOCK_RESULTS
from router.tables.footprint import CELL_BYTES
from router.tables.new_cells import refuse_new_cells
from router.tables.stock_rows import ParsedMovements, movement_results, parse_movements
from tests.labs.table_cases import GOOD, ndjson, tables_of

KEY = np.array([1, 2], np.uint64)
NODES = [f"N{number}" for number in range(1, 8)]


def _tables() -> Any:
    return tables_of(skus=[GOOD["skus"]], nodes=[GOOD["nodes"] | {"node": node} for node in NODES])


def _movement(at: int, node: str, **more: Any) -> dict[str, Any]:
    return {"movement_id": f"m{at}", "sku": "A", "node": node, "kind": "receipt", "qty": 1} | more


def _parsed(*rows: dict[str, Any]) -> ParsedMovements:
    return parse_movements(ndjson(*rows), _tables(), KEY)


def _asked_in_vain(*_: object) -> Any:
    raise AssertionError("nobody asks where there is room for all")


def test_nobody_looks_where_there_is_room_for_all() -> None:
    parsed = _parsed(_movement(1, "N1"), _movement(2, "N1", kind="transfer", to_node="N2"))
    assert refuse_new_cells(parsed, _asked_in_vain, 3 * CELL_BYTES) is parsed


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_a_line_that_finds_no_room_says_why_and_the_rest_goes_on(room: int) -> None:
    rows = [_movement(1, "N1"), {"movement_id": "wrong"}, _movement(2, "N2"), _movement(3, "N1"), _movement(4, "N3")]
    left = (room + 1) * CELL_BYTES - 1
    found = refuse_new_cells(_parsed(*rows), lambda sku, _: np.zeros(len(sku), np.uint8), left)
    places = {0: {1, 3, 4, 5}, 1: {3, 5}, 2: {5}, 3: set()}[room]
    assert set(found.refused) == places | {2}
    assert found.batch.num_rows == 4 - len(places)
    for place in places:
        error = found.refused[place]
        assert (error.row, error.field, error.code) == (place, "node", "memory")
        assert "are free" in error.detail and "send it again" in error.detail


def test_only_what_is_new_takes_room() -> None:
    """Against a count by hand, on random bodies, with transfers and faulty lines among them."""
    rng, counted = random.Random(1), 0
    for _ in range(200):
        open_nodes = set(rng.sample(range(7), rng.randint(0, 7)))
        rows = [_random_row(rng, at) for at in range(rng.randint(1, 12))]
        room, parsed = rng.randint(0, 8), _parsed(*rows)
        found = refuse_new_cells(
            parsed, lambda _, node, there=open_nodes: np.isin(node, list(there)).astype(np.uint8), room * CELL_BYTES
        )
        new, refused = set(), set()
        for at, row in enumerate(rows, 1):
            for name in (row["node"], row.get("to_node")) if at not in parsed.refused else ():
                if name is not None and (number := NODES.index(name)) not in open_nodes and number not in new:
                    (refused.add(at) if len(new) >= room else new.add(number))
        assert set(found.refused) - set(parsed.refused) == refused
        assert len(set(numbers(found.batch, "node").tolist()) - open_nodes) <= room
        assert len(_answers(found)) == len(rows)
        counted += len(refused)
    assert counted > 100


def _random_row(rng: random.Random, at: int) -> dict[str, Any]:
    node, target = rng.sample(NODES, 2)
    if rng.random() < 0.2:
        return _movement(at, node, qty=0)
    return _movement(at, node, kind="transfer", to_node=target) if rng.random() < 0.3 else _movement(at, node)


def _answers(parsed: ParsedMovements) -> list[dict[str, Any]]:
    results = np.zeros(parsed.batch.num_rows, np.int8)
    return movement_results(parsed, record_batch(STOCK_RESULTS, {"result": results}))
