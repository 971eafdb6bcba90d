"""Single rows of a table: by key, whatever the table, and what stays as it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from router.tables.patch import Changes, patched
from router.tables.row_checks import KEYS, key_of
from router.tables.row_types import ROW_TYPES, Row
from router.tables.rows import parse_rows
from tests.labs.table_cases import GOOD, NDJSON, NODE, RATE, SKU, TAX, ndjson

CSV = "text/csv"


def rows_of(table: str, *rows: dict[str, Any]) -> list[Row]:
    upload = parse_rows(table, ndjson(*rows), NDJSON)
    upload.findings.raise_if_any()
    return upload.rows


def told(
    table: str, stands: list[Row], *lines: dict[str, Any]
) -> tuple[list[Row], Changes, list[tuple[int, str, str]]]:
    rows, changes = patched(table, stands, ndjson(*lines), NDJSON)
    return rows.rows, changes, [(error.row, error.field, error.code) for error in rows.findings.errors]


def key_fields(row: dict[str, Any], table: str) -> dict[str, Any]:
    return {name: row[name] for name in KEYS[ROW_TYPES[table]] if name in row}


@pytest.mark.parametrize("table", ROW_TYPES)
def test_a_row_of_every_table_is_added_changed_and_removed_by_its_key(table: str) -> None:
    stands = rows_of(table, GOOD[table])
    name = KEYS[ROW_TYPES[table]][0]
    other = GOOD[table] | {name: "FR" if table == "taxes" else "other"}
    with_both, changes, faults = told(table, stands, other)
    assert (len(with_both), changes, faults) == (2, Changes(1, 0, 0), [])
    assert with_both == stands + rows_of(table, other)
    same, changes, faults = told(table, with_both, other, GOOD[table])
    assert (same, changes, faults) == (with_both, Changes(0, 0, 0), [])
    left, changes, faults = told(table, with_both, key_fields(GOOD[table], table) | {"remove": True})
    assert (left, changes, faults) == (rows_of(table, other), Changes(0, 0, 1), [])
    again, changes, faults = told(table, left, key_fields(GOOD[table], table) | {"remove": True})
    assert (again, changes, faults) == (left, Changes(0, 0, 0), [])


@pytest.mark.parametrize(
    ("table", "before", "line", "after"),
    [
        ("skus", SKU | {"name": "old"}, {"sku": "A", "currency": "EUR", "price": 7}, {"price": 7, "name": "old"}),
        ("skus", SKU | {"name": "old"}, {"sku": "A", "currency": "EUR", "name": None}, {"name": ""}),
        ("skus", SKU, {"sku": "A", "currency": "EUR", "attributes": {"b": 1}}, {"attributes": {"b": 1}}),
        ("nodes", NODE | {"cutoff": "12:00"}, {"node": "N1", "cutoff": None}, {"cutoff": None, "postcode": "10115"}),
        ("nodes", NODE | {"channels": ["web"]}, {"node": "N1", "channels": ["app"]}, {"channels": ["app"]}),
        ("taxes", TAX, {"country": "DE", "tax_class": "standard", "rate_bp": 700}, {"rate_bp": 700, "inclusive": True}),
        ("rates", RATE, {name: RATE[name] for name in KEYS[ROW_TYPES["rates"]]} | {"price": 1}, {"price": 1}),
        ("stock", {"sku": "A", "node": "N1", "on_hand": 1}, {"sku": "A", "node": "N1", "on_hand": 9}, {"on_hand": 9}),
    ],
)  # fmt: skip
def test_fields_that_are_given_replace_null_takes_away_and_others_stay(
    table: str, before: dict[str, Any], line: dict[str, Any], after: dict[str, Any]
) -> None:
    [row], changes, faults = told(table, rows_of(table, before), line)
    assert (changes, faults) == (Changes(0, 1, 0), [])
    assert {name: getattr(row, name) for name in after} == after


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        ({"sku": "A", "price": 3}, "currency", "missing"),
        ({"sku": "NEW", "currency": "EUR", "price": 3}, "tax_class", "missing"),
        ({"sku": "A", "currency": "EUR", "prize": 3}, "prize", "unknown_field"),
        ({"sku": "A", "currency": "EUR", "price": -1}, "price", "value"),
        ({"sku": "A", "currency": "EUR", "price": None}, "price", "value"),
        ({"sku": "A", "currency": "EUR", "remove": 1}, "remove", "value"),
        ({"sku": "A", "currency": "EUR", "remove": True, "price": 1}, "price", "value"),
        (SKU | {"currency": "EURO"}, "currency", "currency"),
        ({"sku": "A", "currency": "EUR", "weight_g": None}, "weight_g", "missing"),
        ({"sku": "A", "currency": "USD", "price": 1, "weight_g": 9, "tax_class": "standard"}, "weight_g", "conflict"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_the_line_of_the_patch(line: dict[str, Any], field: str, code: str) -> None:
    _, _, faults = told("skus", rows_of("skus", SKU), {"sku": "B", "remove": True, "currency": "EUR"}, line)
    assert faults == [(2, field, code)]


def test_one_row_is_named_once_and_what_hangs_on_a_row_that_goes_is_told() -> None:
    kit = SKU | {"sku": "KIT", "bundle": [{"sku": "A", "qty": 2}]}
    stands = rows_of("skus", SKU, kit)
    _, _, faults = told("skus", stands, {"sku": "A", "currency": "EUR", "remove": True})
    assert faults == [(0, "bundle", "unknown_sku")], "a row that stands already, and can no longer"
    price = {"sku": "A", "currency": "EUR", "price": 1}
    assert told("skus", stands, price, price)[2] == [(2, "sku", "duplicate")]


def test_a_csv_changes_the_cells_that_hold_something() -> None:
    stands = rows_of("skus", SKU | {"name": "old"}, SKU | {"sku": "B"})
    body = b"sku,currency,price,name,remove\nA,EUR,7,,\nB,EUR,,,true\n"
    rows, changes = patched("skus", stands, body, CSV)
    assert rows.findings.count == 0 and changes == Changes(0, 1, 1)
    assert msgspec.json.decode(msgspec.json.encode(rows.rows)) == [SKU | {"name": "old", "price": 7}]
    rows, _ = patched("skus", stands, b"sku,currency,colour\nA,EUR,red\n", CSV)
    assert [(error.row, error.field, error.code) for error in rows.findings.errors] == [(1, "colour", "unknown_field")]


def test_rows_stay_in_their_order_and_a_lot_without_a_name_is_none() -> None:
    stands = rows_of("stock", *({"sku": "A", "node": "N1", "on_hand": 1, "lot": lot} for lot in ("x", "y", "z")))
    rows, changes, _ = told("stock", stands, {"sku": "A", "node": "N1", "lot": "y", "on_hand": 5})
    assert [row.on_hand for row in rows] == [1, 5, 1] and changes.changed == 1  # type: ignore[union-attr]
    assert key_of(rows_of("stock", {"sku": "A", "node": "N1", "on_hand": 1, "lot": ""})[0]) == ("A", "N1", None)
