"""Stock from outside: cells set once a version, movements refused line by line."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from router.config import Config
from router.ids import hash_key
from router.local import LocalRouter
from router.tables.compiled import Tables
from router.tables.stock_rows import (
    MOVEMENTS,
    MovementKind,
    MovementResult,
    movement_results,
    on_hand_movements,
    parse_movements,
)
from tests.labs.order_lab import OrderLab
from tests.labs.table_cases import GOOD, NOW_MS, STOCK, ndjson, tables_of, upload

KEY = hash_key(bytes(range(16)))
RECEIPT = {"movement_id": "m1", "kind": "receipt", "sku": "A", "node": "N1", "qty": 5}


def sample_tables() -> Tables:
    kit = GOOD["skus"] | {"sku": "KIT", "bundle": [{"sku": "A", "qty": 2}]}
    return tables_of(skus=[GOOD["skus"], kit], nodes=[GOOD["nodes"], GOOD["nodes"] | {"node": "N2"}])


def test_lots_of_a_cell_add_up_to_one_count() -> None:
    tables = sample_tables()
    rows = upload("stock", STOCK | {"lot": "L1"}, STOCK | {"node": "N2"}, STOCK | {"lot": "L2", "on_hand": 7})
    batch = on_hand_movements(rows, tables, KEY, 3, NOW_MS)
    assert batch.schema == MOVEMENTS
    cells = [(row["kind"], row["sku"], row["node"], row["to_node"], row["qty"]) for row in batch.to_pylist()]
    assert cells == [(MovementKind.COUNT, 0, 0, -1, 12), (MovementKind.COUNT, 0, 1, -1, 5)]


def test_ids_of_set_cells_repeat_with_the_version_and_differ_otherwise() -> None:
    tables = sample_tables()
    rows = upload("stock", STOCK, STOCK | {"node": "N2"})
    first, again, later = (on_hand_movements(rows, tables, KEY, version, NOW_MS) for version in (3, 3, 4))
    assert first.equals(again)
    ids = {*first["hash_lo"].to_pylist(), *later["hash_lo"].to_pylist()}
    assert len(ids) == 4


def test_movements_become_columns() -> None:
    transfer = RECEIPT | {"movement_id": "m2", "kind": "transfer", "to_node": "N2", "reference": "truck 9"}
    count = RECEIPT | {"movement_id": "m3", "kind": "count", "qty": 0}
    parsed = parse_movements(ndjson(RECEIPT, transfer, count), sample_tables(), KEY)
    cells = [(row["kind"], row["sku"], row["node"], row["to_node"], row["qty"]) for row in parsed.batch.to_pylist()]
    assert cells == [(0, 0, 0, -1, 5), (3, 0, 0, 1, 5), (1, 0, 0, -1, 0)]
    assert not parsed.refused and parsed.ids == ["m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"sku": "Z"}, "sku", "unknown_sku"),
        ({"sku": "KIT"}, "sku", "bundle"),
        ({"node": "N9"}, "node", "unknown_node"),
        ({"qty": 0}, "qty", "range"),
        ({"qty": -1}, "qty", "value"),
        ({"qty": 1.5}, "qty", "value"),
        ({"kind": "theft"}, "kind", "value"),
        ({"to_node": "N2"}, "to_node", "value"),
        ({"kind": "transfer"}, "to_node", "missing"),
        ({"kind": "transfer", "to_node": "N1"}, "to_node", "value"),
        ({"kind": "transfer", "to_node": "N9"}, "to_node", "unknown_node"),
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"kind": "set_aside"}, "state", "missing"),
        ({"kind": "put_back", "state": "in_transit"}, "state", "value"),
        *(({"kind": kind, "state": "inspection"}, "state", "value") for kind in ("set_aside", "put_back", "scrap")),
        ({"state": "inspection"}, "state", "value"),
    ],
)
def test_a_bad_movement_is_answered_in_its_place(change: dict[str, object], field: str, code: str) -> None:
    good = RECEIPT | {"movement_id": "m0"}
    parsed = parse_movements(ndjson(good, RECEIPT | change, good | {"movement_id": "m2"}), sample_tables(), KEY)
    assert parsed.batch.num_rows == 2
    results = pa.record_batch({"result": pa.array([MovementResult.APPLIED, MovementResult.SHORT], pa.int8())})
    answers = movement_results(parsed, results)
    assert [(a["line"], a["movement_id"], a["status"]) for a in answers] == [
        (1, "m0", "applied"),
        (2, "m1", "refused"),
        (3, "m2", "refused"),
    ]
    assert (answers[1]["field"], answers[1]["code"]) == (field, code)
    assert answers[2]["code"] == "short" and json.dumps(answers)


def test_units_that_await_inspection_belong_to_orders() -> None:
    row = RECEIPT | {"kind": "put_back", "state": "inspection"}
    detail = parse_movements(ndjson(row), sample_tables(), KEY).refused[1].detail
    assert detail == (
        "Units that await inspection belong to orders; say what becomes of them by a return with a disposition."
    )


def test_a_line_that_is_no_json_is_answered_without_an_id() -> None:
    parsed = parse_movements(b'{"movement_id":"m1"\n\n' + ndjson(RECEIPT), sample_tables(), KEY)
    results = pa.record_batch({"result": pa.array([MovementResult.REPEATED], pa.int8())})
    answers = movement_results(parsed, results)
    assert [(a["line"], a["movement_id"], a["status"]) for a in answers] == [
        (1, None, "refused"),
        (3, "m1", "repeated"),
    ]


def test_no_line_gives_no_answer() -> None:
    parsed = parse_movements(b"", sample_tables(), KEY)
    assert parsed.batch.num_rows == 0
    assert movement_results(parsed, pa.record_batch({"result": pa.array([], pa.int8())})) == []


@pytest.mark.parametrize(
    "change",
    [{"qty": 6}, {"sku": "B"}, {"node": "N2"}, {"kind": "count"}, {"reason": "recount"}, {"reference": "D-1"}],
    ids=lambda change: str(next(iter(change))),
)
def test_a_movement_id_with_another_content_is_a_conflict_and_changes_nothing(change: dict[str, object]) -> None:
    """In one body, in a later one, and after a start; the same content is a duplicate each time."""
    other, lab = RECEIPT | change, OrderLab(shards=1)

    def told(router: LocalRouter, *rows: dict[str, object]) -> list[tuple[str, str | None]]:
        parsed = parse_movements(ndjson(*rows), lab.tables, KEY)
        answers = movement_results(parsed, router.stock(parsed.batch, lab.now_ms))
        return [(answer["status"], answer.get("code")) for answer in answers]

    conflict, duplicate = ("refused", "id_conflict"), ("repeated", None)
    assert told(lab.router, RECEIPT, RECEIPT, other) == [("applied", None), duplicate, conflict]
    assert told(lab.router, other, RECEIPT) == [conflict, duplicate]
    again = LocalRouter(Config(), KEY, lambda name, _: lab.logs[name])
    again.use_tables(lab.tables)
    again.recover()
    assert told(again, other, RECEIPT) == [conflict, duplicate]
    assert again.ledger.path.engine.cells.totals()["available"] == 5
