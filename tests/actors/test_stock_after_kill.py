"""What GET of the table ``stock`` gives is the same after kill -9, old lots too, and put again changes nothing; what
newer tables freed is granted once."""

from __future__ import annotations

import pathlib

import pytest

from tests.labs.serve_fixture import NODES, Router, load_tables, ndjson, order, rows_of, start_router, until

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


@pytest.mark.ray
def test_what_a_lower_safety_stock_frees_is_granted_when_its_upload_is_answered(tmp_path: pathlib.Path) -> None:
    folder, nodes = tmp_path / "data", [{"kind": "warehouse", **node} for node in NODES]
    router = start_router(folder, {}, 2)
    try:
        load_tables(router)
        router.put("nodes", [node | {"safety_stock": 4} for node in nodes])
        router.put("stock", [{"sku": "SKU-00", "node": node["node"], "on_hand": 4} for node in NODES])
        rows_of(router.stream(ndjson([order("waits", qty=5)])))
        router.put("nodes", [node | {"safety_stock": 1} for node in nodes])
        assert router.available("SKU-00") == 1
        rows_of(router.stream(ndjson([order(f"later-{number}", qty=1) for number in range(4)])))
        assert router.available("SKU-00") == 0
    finally:
        router.kill()
    router = start_router(folder, {}, 2)
    try:
        until(lambda: router.json("GET", "/v1/orders/waits")["lines"][0]["units"]["allocated"] == 5, "it has its units")
        later = [router.json("GET", f"/v1/orders/later-{number}")["lines"][0] for number in range(4)]
        assert sorted(line["units"]["allocated"] for line in later) == [0, 0, 0, 1]
        assert router.stop() == 0
    finally:
        router.kill()
    assert router.verify()["ok"]
