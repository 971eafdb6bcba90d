"""Waves over a real gateway, real engines and the real desk; and what the command line makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from router.config import WarehouseConfig
from tests.actors.test_daily_commands import Shell
from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.actors.test_work_endpoint import ask
from tests.labs.gateway_backend import order
from tests.labs.stocked_gateway import over_engines, put_tables

BINS = (
    b'{"node":"N1","sku":"A","bin":"A-01","zone":"dry","walk":10}\n'
    b'{"node":"N1","sku":"B","bin":"=B+1","zone":"dry","walk":5}\n'
)
STOCK = b'{"sku":"A","node":"N1","on_hand":50}\n{"sku":"B","node":"N1","on_hand":50}\n'


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("waves") / "data"
    with over_engines(folder, shards=2, warehouse=WarehouseConfig(nodes=["N1"])) as running:
        put_tables(running, stock=STOCK)
        assert running.ask("PUT", "/v1/tables/bins", BINS, **NDJSON)[0] == 200
        yield running


def placed(lab: Lab, order_id: str) -> None:
    lines = [{"line_id": "L1", "sku": "A", "qty": 2}, {"line_id": "L2", "sku": "B", "qty": 1}]
    status, _, body = lab.ask(
        "POST", "/v1/orders", order(order_id, lines=lines, customer={"id": order_id, "name": "Ada"}), **JSON
    )
    assert status == 200, body


def waving(lab: Lab, key: str, **asked: Any) -> Any:
    return ask(lab, "POST", "/v1/waves", {"node": "N1", **asked}, Idempotency_Key=key)


def reporting(lab: Lab, wave: Any, name: str, status: int = 200, key: str = "", **said: Any) -> Any:
    headers = {"Idempotency_Key": key or json.dumps([name, said])}
    return ask(lab, "POST", f"/v1/waves/{wave['wave_id']}/{name}", said, status, **headers)


def test_a_wave_from_what_waits_to_the_books(lab: Lab) -> None:
    placed(lab, "one")
    page = ask(lab, "GET", "/v1/waves?node=N1")
    assert [(row["orders"], row["units"]) for row in page["waiting"]] == [(1, 3)]
    wave = waving(lab, "w1")
    [entry] = wave["orders"]
    assert (entry["order_id"], entry["tote"], wave["left"], wave["made_by"]) == ("one", 1, 3, "ops")
    reporting(lab, wave, "pick", lines=[{"order_id": "one", "line_id": "L1", "qty": 2}])
    line = {"order_id": "one", "line_id": "L2", "qty": 1}
    done = reporting(lab, wave, "short", lines=[line], reason="shelf empty")
    assert done["state"] == "done"
    lines = ask(lab, "GET", "/v1/orders/one")["lines"]
    assert lines[0]["units"]["picked"] == 2 and lines[1]["units"]["picked"] == 0
    events = [entry["type"] for entry in ask(lab, "GET", "/v1/orders/one/timeline")["entries"]]
    assert {"pick", "short_pick"} <= set(events)
    blocked = ask(lab, "GET", "/v1/bins?node=N1")["blocked"]
    assert [(row["bin"], row["reason"]) for row in blocked] == [("=B+1", "shelf empty")]
    assert ask(lab, "POST", "/v1/bins/free", {"node": "N1", "bin": "=B+1"})["blocked"] == []
    assert [each["wave_id"] for each in ask(lab, "GET", "/v1/waves?node=N1&state=done")["waves"]] == [wave["wave_id"]]
    reporting(lab, wave, "release", 409)


def test_a_pick_list_is_printed_along_the_walk_and_no_cell_is_a_formula(lab: Lab) -> None:
    placed(lab, "print")
    wave = waving(lab, "w2")
    path = f"/v1/waves/{wave['wave_id']}/pick-list"
    assert [stop["bin"] for stop in ask(lab, "GET", path)["stops"]] == ["=B+1", "A-01"]
    status, headers, text = lab.ask("GET", path, role="ops", accept="text/csv")
    rows = text.decode().splitlines()
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert rows[0] == "zone,bin,sku,qty,tote,order_id,line_id,tick" and rows[1].startswith("dry,'=B+1,B,1,1,print,L2")
    text = lab.ask("GET", path, role="ops", accept="text/plain")[2]
    assert b"A-01" in text and text.index(b"=B+1") < text.index(b"A-01")
    assert lab.ask("GET", path, role="ops", accept="image/png")[0] == 406
    reporting(lab, wave, "release")


def test_an_order_is_packed_with_a_slip(lab: Lab) -> None:
    size = {"length_mm": 90, "width_mm": 90, "height_mm": 90}
    rows = b"".join(json.dumps({"sku": sku, "currency": "EUR", **size}).encode() + b"\n" for sku in "AB")
    assert lab.ask("PATCH", "/v1/tables/skus", rows, **NDJSON)[0] == 200
    carton = {"carton": "S", "length_mm": 200, "width_mm": 100, "height_mm": 100, "max_weight_g": 1_000, "cost": 30}
    assert lab.ask("PUT", "/v1/tables/cartons", json.dumps(carton).encode(), **NDJSON)[0] == 200
    placed(lab, "pack")
    wave = waving(lab, "w3")
    [tote] = [each["tote"] for each in wave["orders"] if each["order_id"] == "pack"]
    lines = [{"order_id": "pack", "line_id": line_id, "qty": qty} for line_id, qty in (("L1", 2), ("L2", 1))]
    reporting(lab, wave, "pick", lines=lines)
    path = f"/v1/waves/{wave['wave_id']}/packing/{tote}"
    assert [each["weight_g"] for each in ask(lab, "GET", path)["cartons"]] == [200, 100]
    text = lab.ask("GET", path, role="ops", accept="text/plain")[2].decode()
    assert "PACKING SLIP  order pack" in text and "Ada" not in text and "2 x A" in text
    reporting(lab, wave, "pack", tote=tote)
    assert ask(lab, "GET", "/v1/orders/pack")["state"] == "packed"
    assert "totes 1 to" in ask(lab, "GET", path[: -len(str(tote))] + "99", status=400)["detail"]
    reporting(lab, wave, "pack", 409, key="again", tote=tote)


def test_what_no_wave_says_is_refused_in_words(lab: Lab) -> None:
    for said, words in (
        ({"node": "N2"}, "not worked here"),
        ({"node": "N1", "max_orders": 0}, "max_orders"),
        ({"node": "N1", "due_before": "soon"}, "due_before"),
        ({"node": "N1", "all": True}, "all"),
    ):
        problem = ask(lab, "POST", "/v1/waves", said, 400, Idempotency_Key="x")
        assert problem["code"] == "bad_parameter" and words in problem["detail"], problem
    assert "Idempotency-Key" in ask(lab, "POST", "/v1/waves", {"node": "N1"}, 400)["detail"]
    assert ask(lab, "GET", "/v1/waves/nothing", status=404)["code"] == "wave_not_found"
    assert "node is needed" in ask(lab, "GET", "/v1/waves", status=400)["detail"]
    assert ask(lab, "POST", "/v1/waves", {"node": "N1"}, 403, role="viewer")["code"] == "forbidden"


def test_the_command_line_works_a_wave(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    placed(lab, "shell")
    shell = Shell(lab, capsys)
    assert " orders " in shell("waves", "list", "N1")
    wave_id = shell.json("waves", "make", "N1", "--max-orders", "5")["wave_id"]
    assert "tote 1" in shell("waves", "pick-list", wave_id)
    assert "L1  A: 2 picked" in shell("waves", "pick", wave_id, "shell", "--line", "L1=2")
    assert "0 units left" in shell("waves", "pick", wave_id, "shell", "--line", "L1=1", code=1)
    assert "released" in shell("waves", "release", wave_id)
