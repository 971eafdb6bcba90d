"""What a version takes is known before it is compiled, and is never less than what its arrays hold."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from router.config import Config, Policy
from router.ledger.tables import lay_out
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.footprint import CELL_BYTES, copies, extent_after, extent_of, no_room
from router.tables.row_types import TableRows
from router.tables.table_bytes import DIGEST_BYTES, shapes_in, tables_to_bytes
from tests.labs.table_cases import GOOD, NOW_MS, STOCK, upload


def _random_rows(rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    codes = ["EUR", "USD", "JPY"][: rng.randint(1, 3)]
    names = {f"S{rng.randrange(400)}" for _ in range(rng.randint(1, 300))}
    nodes = {f"N{rng.randrange(99)}" for _ in range(rng.randint(1, 40))}
    zones = ["DE", "FR", "US-CA", "US", "GB:SW1", "*"]
    channels = [f"channel-{number}" for number in range(9)]
    return {
        "skus": [GOOD["skus"] | {"sku": name, "currency": code} for name in sorted(names) for code in codes],
        "nodes": [
            GOOD["nodes"] | {"node": node, "channels": rng.sample(channels, 2), "ship_to": rng.sample(zones, 2)}
            for node in sorted(nodes)
        ],
        "rates": [GOOD["rates"] | {"to_zone": zone} for zone in rng.sample(zones, rng.randint(1, 6))],
        "promotions": [GOOD["promotions"] | {"code": f"P{number}"} for number in range(rng.randint(0, 30))],
    }


def _bytes_of(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if dataclasses.is_dataclass(value):
        return sum(_bytes_of(getattr(value, field.name)) for field in dataclasses.fields(value))
    return sum(map(_bytes_of, value)) if isinstance(value, tuple) else 0


def _shapes(tables: Tables) -> dict[str, list[int]]:
    stored = pa.py_buffer(tables_to_bytes(tables)[DIGEST_BYTES:])
    return shapes_in(pa.ipc.open_stream(stored).schema)


def test_what_is_foretold_is_what_is_compiled_and_covers_its_arrays() -> None:
    rng = random.Random(1)
    for _ in range(12):
        rows, tables = TableRows(), empty_tables(NOW_MS)
        for _ in range(2):
            for table, given in _random_rows(rng).items():
                if given:
                    rows = accept(upload(table, *given), rows, tables)
                    foretold = extent_after(rows, tables)
                    tables = compile_tables(tables.version + 1, rows, tables, NOW_MS)
                    assert foretold == extent_of(_shapes(tables))
                    laid_out = lay_out(tables, Policy())
                    assert foretold.bytes >= _bytes_of(tables) + _bytes_of(laid_out.rows)


def test_too_large_a_table_is_refused_with_the_figures() -> None:
    skus = upload("skus", *(GOOD["skus"] | {"sku": f"S{number}"} for number in range(1_000)))
    rows = accept(skus, TableRows(), empty_tables(NOW_MS))
    needed = extent_after(rows, empty_tables(NOW_MS)).bytes
    assert no_room(skus, TableRows(), rows, empty_tables(NOW_MS), 5, 5 * needed) is None
    refused = no_room(skus, TableRows(), rows, empty_tables(NOW_MS), 5, 5 * needed - 1)
    assert refused is not None and (refused.code, refused.row) == ("memory", 1_000)
    assert "1,000 SKUs x 1 currencies" in refused.detail and "are free" in refused.detail


@pytest.mark.parametrize(("known", "cells"), [((), 30), (range(10), 20), (range(30), 0)])
def test_stock_takes_memory_where_there_was_none(known: Any, cells: int) -> None:
    tables = empty_tables(NOW_MS)
    rows = [STOCK | {"node": f"N{number}"} for number in range(30)]
    stored = TableRows(stock=upload("stock", *(rows[number] for number in known)).rows)  # type: ignore[arg-type]
    stock = upload("stock", *rows)
    assert no_room(stock, stored, stored, tables, 5, cells * CELL_BYTES) is None
    if cells:
        refused = no_room(stock, stored, stored, tables, 5, cells * CELL_BYTES - 1)
        assert refused is not None and f"{cells} cells" in refused.detail


def test_every_process_that_has_a_version_counts() -> None:
    assert copies(Config(shards=1, gateways=1)) == 1 + 2 + 2
    assert copies(Config(shards=3, gateways=2)) == 3 + 1 + 4 + 2
