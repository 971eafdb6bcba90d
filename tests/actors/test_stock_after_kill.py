"""What GET of the table ``stock`` gives is the same after kill -9, old lots too, and put again changes nothing."""

from __future__ import annotations

import pathlib

import pytest

from tests.labs.serve_fixture import NODES, Router, load_tables, ndjson, order, rows_of, start_router

LOTS = [
    {"sku": "SKU-00", "node": NODES[0]["node"], "on_hand": 5, "lot": "old", "expires_on": "2025-01-31"},
    {"sku": "SKU-00", "node": NODES[0]["node"], "on_hand": 7, "lot": "good", "expires_on": "2199-01-31"},
]


def _stock(router: Router) -> list[dict[str, object]]:
    status, _, body = router.ask("GET", "/v1/tables/stock")
    assert status == 200
    return rows_of(body)


@pytest.mark.ray
def test_old_lots_are_shown_and_put_again_after_kill_9(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "data"
    router = start_router(folder, {}, 1)
    try:
        load_tables(router)
        router.put("stock", [*LOTS, {"sku": "SKU-00", "node": NODES[1]["node"], "on_hand": 0}])
        rows_of(router.stream(ndjson([order("promised", qty=3)])))
        before, left = _stock(router), router.available("SKU-00")
    finally:
        router.kill()
    assert [row for row in before if row.get("lot")] == LOTS and left == 4
    router = start_router(folder, {}, 1)
    try:
        for _ in range(2):
            assert (_stock(router), router.available("SKU-00")) == (before, left)
            router.put("stock", before)
        assert router.stop() == 0
    finally:
        router.kill()
    assert router.verify()["ok"]
