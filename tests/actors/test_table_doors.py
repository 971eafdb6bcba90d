"""The tables' doors over real engines: get, patch, and what an upload may not take away unasked."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from router.tables.names import TABLES
from tests.actors.test_gateway_http import NDJSON, Lab
from tests.labs.gateway_backend import order
from tests.labs.stocked_gateway import NODES, SKUS, over_engines, put_tables
from tests.labs.table_cases import GOOD, ndjson

CSV = {"Content_Type": "text/csv"}


@pytest.fixture
def lab(tmp_path: pathlib.Path) -> Iterator[Lab]:
    with over_engines(tmp_path) as running:
        put_tables(running)
        yield running


def rows(lab: Lab, table: str, query: str = "", role: str = "admin") -> list[dict[str, Any]]:
    status, headers, body = lab.ask("GET", f"/v1/tables/{table}{query}", role=role)
    assert (status, headers["content-type"]) == (200, "application/x-ndjson"), body
    return [json.loads(line) for line in body.splitlines()]


def patch(lab: Lab, table: str, *lines: dict[str, Any], query: str = "") -> dict[str, Any]:
    status, _, body = lab.ask("PATCH", f"/v1/tables/{table}{query}", ndjson(*lines), **NDJSON)
    assert status == 200, body
    return json.loads(body)


def place(lab: Lab, order_id: str, sku: str = "A", qty: int = 1) -> dict[str, Any]:
    body = order(order_id, lines=[{"sku": sku, "qty": qty, "unit_price": 500}])
    return json.loads(lab.ask("POST", "/v1/orders", body, Content_Type="application/json")[2])


@pytest.mark.parametrize("table", TABLES)
def test_every_table_can_be_had_and_put_again_as_it_is(lab: Lab, table: str) -> None:
    if table not in ("skus", "nodes", "stock"):
        status, _, body = lab.ask("PUT", f"/v1/tables/{table}", ndjson(GOOD[table]), **NDJSON)
        assert status == 200, body
    before = rows(lab, table)
    assert before
    for accept, sent in (("application/x-ndjson", NDJSON), ("text/csv", CSV)):
        status, headers, body = lab.ask("GET", f"/v1/tables/{table}", Accept=accept)
        assert (status, headers["content-type"]) == (200, accept)
        status, _, answer = lab.ask("PUT", f"/v1/tables/{table}", body, **sent)
        assert status == 200, answer
        assert rows(lab, table) == before


def test_stock_is_what_lies_there_now_so_that_putting_it_again_brings_nothing_back(lab: Lab) -> None:
    place(lab, "gone", qty=3)
    ship = b'{"event_id":"s","order_id":"gone","type":"ship"}\n'
    assert b"applied" in lab.ask("POST", "/v1/events", ship, **NDJSON)[2]
    place(lab, "promised", qty=2)
    lab.ask("POST", "/v1/stock", b'{"movement_id":"m","kind":"receipt","sku":"B","node":"N1","qty":4}\n', **NDJSON)
    now = {(row["sku"], row["node"]): row["on_hand"] for row in rows(lab, "stock")}
    assert now == {("A", "N1"): 997, ("A", "N2"): 5, ("B", "N1"): 4, ("B", "N2"): 7}
    version = json.loads(lab.ask("GET", "/v1/tables")[2])["versions"][-1]["version"]
    was = {(row["sku"], row["node"]): row["on_hand"] for row in rows(lab, "stock", f"?version={version}")}
    assert was == {("A", "N1"): 1000, ("A", "N2"): 5, ("B", "N2"): 7}, "as it was put"
    before = lab.ask("POST", "/v1/availability", b'{"skus":["A","B"]}', Content_Type="application/json")[2]
    body = lab.ask("GET", "/v1/tables/stock")[2]
    assert lab.ask("PUT", "/v1/tables/stock", body, **NDJSON)[0] == 200
    after = lab.ask("POST", "/v1/availability", b'{"skus":["A","B"]}', Content_Type="application/json")[2]
    assert json.loads(after)["items"] == json.loads(before)["items"]


OLD_LOTS = [
    {"sku": "A", "node": "N1", "on_hand": 4, "lot": "old-1", "expires_on": "2025-01-31"},
    {"sku": "A", "node": "N1", "on_hand": 3, "lot": "old-2", "expires_on": "2025-01-31"},
    {"sku": "A", "node": "N1", "on_hand": 9, "lot": "good", "expires_on": "2199-01-31"},
]


def test_stock_with_lots_that_are_too_old_is_put_again_and_patched_without_effect_on_them(lab: Lab) -> None:
    assert lab.ask("PUT", "/v1/tables/stock", ndjson(*OLD_LOTS), **NDJSON)[0] == 200
    place(lab, "promised", qty=2)
    before, totals = rows(lab, "stock"), lab.backend.router.ledger.path.engine.totals()
    assert before[:3] == OLD_LOTS and totals["blocked"] == 7
    for accept, sent in (("application/x-ndjson", NDJSON), ("text/csv", CSV)):
        body = lab.ask("GET", "/v1/tables/stock", Accept=accept)[2]
        assert lab.ask("PUT", "/v1/tables/stock", body, **sent)[0] == 200
        assert rows(lab, "stock") == before
        assert lab.backend.router.ledger.path.engine.totals() == totals
    patch(lab, "stock", {"sku": "A", "node": "N1", "lot": "good", "on_hand": 8})
    assert rows(lab, "stock") == [*OLD_LOTS[:2], OLD_LOTS[2] | {"on_hand": 8}, *before[3:]]
    assert lab.backend.router.ledger.path.engine.totals()["blocked"] == 7
    patch(lab, "stock", {"sku": "A", "node": "N1", "lot": "old-2", "remove": True})
    assert lab.backend.router.ledger.path.engine.totals()["blocked"] == 4


def test_a_patch_of_stock_sets_the_cells_it_names_and_no_others(lab: Lab) -> None:
    lines = [
        {"sku": "A", "node": "N1", "on_hand": 8},
        {"sku": "A", "node": "N2", "remove": True},
        {"sku": "B", "node": "N1", "on_hand": 6, "lot": "L1", "expires_on": "2027-01-31"},
    ]
    done = patch(lab, "stock", *lines)
    assert (done["added"], done["changed"], done["removed"]) == (1, 1, 1)
    now = {(row["sku"], row["node"], row.get("lot")): row["on_hand"] for row in rows(lab, "stock")}
    assert now == {("A", "N1", None): 8, ("A", "N2", None): 0, ("B", "N1", "L1"): 6, ("B", "N2", None): 7}
    place(lab, "some", sku="B", qty=7)
    patch(lab, "stock", {"sku": "B", "node": "N1", "lot": "L1", "on_hand": 9})
    assert [row for row in rows(lab, "stock") if row.get("lot")] == [lines[2] | {"on_hand": 9}]


def test_a_patch_counts_what_it_changes_and_one_that_changes_nothing_makes_no_version(lab: Lab) -> None:
    line = {"sku": "A", "currency": "EUR", "price": 510}
    done = patch(lab, "skus", line)
    counts = {"rows": 3, "added": 0, "changed": 1, "removed": 0}
    assert done == {"table": "skus", "version": 4, **counts, "warnings": []}
    assert patch(lab, "skus", line) == done | {"changed": 0}
    assert [version["table"] for version in json.loads(lab.ask("GET", "/v1/tables")[2])["versions"]][-2:] == [
        "stock",
        "skus",
    ]


# --- what an upload would take away ----------------------------------------------------------------------


def refused(lab: Lab, method: str, table: str, body: bytes, query: str = "") -> list[tuple[str, str]]:
    problem = lab.problem(method, f"/v1/tables/{table}{query}", body, **NDJSON)
    assert (problem["status"], problem["code"]) == (422, "table_refused")
    return [(error["field"], error["code"]) for error in problem["errors"] if "withdrawn" in error["detail"]]


def without(rows: bytes, name: bytes) -> bytes:
    return b"".join(line + b"\n" for line in rows.splitlines() if name not in line)


def test_skus_and_nodes_with_stock_or_orders_are_not_withdrawn_unasked(lab: Lab) -> None:
    assert refused(lab, "PUT", "skus", without(SKUS, b'"sku":"A"')) == [("sku", "in_use")]
    assert refused(lab, "PUT", "skus", b"") == [("sku", "in_use")] * 2
    assert refused(lab, "PUT", "nodes", without(NODES, b'"N2"')) == [("node", "in_use")]
    assert refused(lab, "PATCH", "nodes", b'{"node":"N1","remove":true}\n') == [("node", "in_use")]
    assert len(rows(lab, "skus")) == 3 and len(rows(lab, "nodes")) == 2, "nothing was applied"
    assert lab.ask("PUT", "/v1/tables/skus", without(SKUS, b"C"), **NDJSON)[0] == 200, "nothing lies under it"
    assert lab.ask("PUT", "/v1/tables/nodes?replace=true", without(NODES, b'"N2"'), **NDJSON)[0] == 200
    assert [row["node"] for row in rows(lab, "nodes")] == ["N1"]
    done = patch(lab, "skus", {"sku": "A", "currency": "EUR", "remove": True}, query="?replace=true")
    assert done["removed"] == 1


def test_the_price_of_one_currency_and_what_only_waits_or_lies_aside_count_too(lab: Lab) -> None:
    dollars = SKUS + SKUS.replace(b"EUR", b"USD")
    assert lab.ask("PUT", "/v1/tables/skus", dollars, **NDJSON)[0] == 200
    assert refused(lab, "PUT", "skus", SKUS.replace(b"EUR", b"USD")) == [("sku", "in_use")] * 2, "prices in EUR"
    lab.ask("POST", "/v1/stock", b'{"movement_id":"m","kind":"count","sku":"B","node":"N2","qty":0}\n', **NDJSON)
    assert lab.ask("PUT", "/v1/tables/skus", without(SKUS, b'"B"'), **NDJSON)[0] == 422, "A in USD"
    assert lab.ask("PUT", "/v1/tables/skus?replace=true", SKUS, **NDJSON)[0] == 200
    assert place(lab, "later", sku="B")["status"] == "backordered"
    problem = lab.problem("PUT", "/v1/tables/skus", without(SKUS, b'"B"'), **NDJSON)
    assert "1 units that orders wait for" in problem["errors"][0]["detail"]
    lab.ask("POST", "/v1/events", b'{"event_id":"c","order_id":"later","type":"cancel"}\n', **NDJSON)
    moves = (
        b'{"movement_id":"r","kind":"receipt","sku":"B","node":"N1","qty":2}\n'
        b'{"movement_id":"d","kind":"set_aside","state":"damaged","sku":"B","node":"N1","qty":2}\n'
    )
    lab.ask("POST", "/v1/stock", moves, **NDJSON)
    problem = lab.problem("PUT", "/v1/tables/skus", without(SKUS, b'"B"'), **NDJSON)
    assert "2 units set aside" in problem["errors"][0]["detail"]


def test_other_tables_and_what_is_not_loaded_are_replaced_as_before(lab: Lab) -> None:
    assert lab.ask("PUT", "/v1/tables/rules", ndjson(GOOD["rules"]), **NDJSON)[0] == 200
    assert lab.ask("PUT", "/v1/tables/rules", b"", **NDJSON)[0] == 200
    assert rows(lab, "rules") == []


# --- who may, and how it may be asked --------------------------------------------------------------------


@pytest.mark.parametrize("role", ["ops", "service", "viewer"])
def test_those_who_watch_may_get_a_table(lab: Lab, role: str) -> None:
    assert len(rows(lab, "skus", role=role)) == 3


def test_who_may_not_and_what_is_misspelt_is_refused(lab: Lab) -> None:
    assert lab.problem("GET", "/v1/tables/skus", role="channel")["code"] == "forbidden"
    for role in ("channel", "service", "viewer"):
        assert lab.problem("PATCH", "/v1/tables/skus", b"", role=role, **NDJSON)["code"] == "forbidden"
    assert lab.problem("GET", "/v1/tables/passwords")["code"] == "not_found"
    assert lab.problem("GET", "/v1/tables/skus?version=99")["code"] == "not_found"
    assert lab.problem("GET", "/v1/tables/skus?versoin=1")["code"] == "bad_parameter"
    assert lab.problem("PUT", "/v1/tables/skus?replace=yes", SKUS, **NDJSON)["code"] == "bad_parameter"
    assert lab.problem("GET", "/v1/tables/skus", Accept="text/html")["code"] == "not_acceptable"


def test_a_table_larger_than_a_page_comes_whole_and_leaves_orders_their_turn(lab: Lab) -> None:
    many = [GOOD["rules"] | {"rule": f"R{number}", "attributes": {"t": "x" * 100}} for number in range(20_000)]
    assert lab.ask("PUT", "/v1/tables/rules", ndjson(*many), **NDJSON)[0] == 200
    assert [row["rule"] for row in rows(lab, "rules")] == [row["rule"] for row in many]
    assert lab.ask("GET", "/v1/tables/rules", Accept="text/csv")[2].count(b"\r\n") == 20_001
