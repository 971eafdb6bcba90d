"""What was put comes back, as JSON lines and as CSV, and can be put again: for every table, for whatever is in it."""

from __future__ import annotations

import csv
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.store.table_store import TableStore
from router.errors import Damaged
from router.queries.table_pages import PagesAsPut, heading, text_of
from router.tables.row_checks import key_of
from router.tables.row_types import ROW_TYPES, StockRow
from router.tables.rows import parse_rows
from router.tables.stock_now import note_lots, rows_of_cell
from tests.labs.table_cases import GOOD, NDJSON, NODE, NOW_MS, SKU, ndjson
from tests.labs.table_rows import NODES, ROWS, SKUS

CSV = "text/csv"
FORMS = {NDJSON: False, CSV: True}


@pytest.fixture(scope="module")
def store() -> Iterator[TableStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = TableStore(folder)
        skus, nodes = [SKU | {"sku": sku} for sku in SKUS], [NODE | {"node": node} for node in NODES]
        for table, rows in (("skus", skus), ("nodes", nodes)):
            store.put(parse_rows(table, ndjson(*rows), NDJSON), NOW_MS)
        yield store


def got(store: TableStore, table: str, as_csv: bool) -> bytes:
    pages = PagesAsPut(store.lines(table, store.current()), text_of(table, as_csv))
    return heading(table, as_csv) + b"".join(iter(pages.page, None))


def without_twins(table: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that a table may have at once: of one key one."""
    read = msgspec.json.Decoder(ROW_TYPES[table]).decode
    by_key = {key_of(read(msgspec.json.encode(row))): row for row in rows}
    if table == "rates":
        by_key = {tuple(row[name] for name in ("carrier", "service", "to_zone")): row for row in rows}
    return list(by_key.values())


@pytest.mark.parametrize("table", ROW_TYPES)
def test_what_was_put_comes_back_in_both_forms_and_is_the_same_when_it_is_put_again(
    store: TableStore, table: str
) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(rows=st.lists(ROWS[table], min_size=1, max_size=6))
    def holds(rows: list[dict[str, Any]]) -> None:
        upload = parse_rows(table, ndjson(*without_twins(table, rows)), NDJSON)
        upload.findings.raise_if_any()
        before = getattr(store.newest_rows(), table) if table == "stock" else []
        store.put(upload, NOW_MS)
        named = {(row.sku, row.node) for row in upload.rows if isinstance(row, StockRow)}
        wanted = [row for row in before if (row.sku, row.node) not in named] + upload.rows
        for media_type, as_csv in FORMS.items():
            text = got(store, table, as_csv)
            again = parse_rows(table, text, media_type)
            again.findings.raise_if_any()
            assert [_told(row) for row in again.rows] == [_told(row) for row in wanted], (media_type, text)
            store.put(again, NOW_MS)
            assert got(store, table, as_csv) == text

    holds()


def _told(row: Any) -> Any:
    """A lot whose name is empty is none."""
    return msgspec.structs.replace(row, lot=row.lot or None) if isinstance(row, StockRow) else row


@pytest.mark.parametrize("table", ROW_TYPES)
def test_a_table_that_nobody_put_is_empty_and_its_csv_has_its_columns(tmp_path: pathlib.Path, table: str) -> None:
    store = TableStore(tmp_path)
    assert got(store, table, False) == b""
    assert next(csv.reader(got(store, table, True).decode().splitlines())) == list(ROW_TYPES[table].__struct_fields__)


def test_a_table_of_any_size_comes_in_pieces_and_damage_is_told_before_the_first(tmp_path: pathlib.Path) -> None:
    store = TableStore(tmp_path)
    rows = [GOOD["rules"] | {"rule": f"R{number}", "attributes": {"text": str(number) * 50}} for number in range(9_000)]
    version = store.put(parse_rows("rules", ndjson(*rows), NDJSON), NOW_MS)
    pieces = list(store.lines("rules", version))
    assert len(pieces) > 5 and [msgspec.json.decode(line) for piece in pieces for line in piece] == rows
    [file] = tmp_path.glob("rules-*.rows")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(Damaged, match="checksum"):
        store.lines("rules", version)
    file.unlink()
    with pytest.raises(Damaged, match="missing"):
        store.lines("rules", version)


# --- stock as it is now --------------------------------------------------------------------------------


def lot(name: str | None, on_hand: int, expires: str | None = None) -> StockRow:
    return msgspec.convert({"sku": "A", "node": "N", "on_hand": on_hand, "lot": name, "expires_on": expires}, StockRow)


@pytest.mark.parametrize(
    ("put", "now", "shown"),
    [
        ([], 7, [(None, 7)]),
        ([], 0, [(None, 0)]),
        ([], -3, [(None, 0)]),
        ([lot(None, 9)], 4, [(None, 4)]),
        ([lot("L", 5)], 5, [("L", 5)]),
        ([lot("L", 5)], 8, [("L", 5), (None, 3)]),
        ([lot("late", 5, "2026-09-01"), lot("soon", 5, "2026-03-01")], 7, [("soon", 2), ("late", 5)]),
        ([lot("late", 5, "2026-09-01"), lot("soon", 5, "2026-03-01")], 5, [("soon", 0), ("late", 5)]),
        ([lot("ever", 5), lot("soon", 5, "2026-03-01"), lot(None, 2)], 4, [("soon", 0), ("ever", 4)]),
    ],
)
def test_units_that_left_are_of_the_lot_that_expires_first_and_what_came_is_of_none(
    put: list[StockRow], now: int, shown: list[tuple[str | None, int]]
) -> None:
    lots: dict[tuple[str, str], list[StockRow]] = {}
    note_lots(put, lots)
    rows = rows_of_cell(("A", "N"), now, lots)
    assert [(row.lot, row.on_hand) for row in rows] == shown
    assert sum(row.on_hand for row in rows) == max(0, now)
