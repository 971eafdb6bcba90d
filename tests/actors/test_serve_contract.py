"""The contract with the outside (DESIGN, section 7) on a running router with two shards."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import re
import signal
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lmdb
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.store.data_folder import DataFolder
from router.log.kinds import Kind
from router.log.records import INPUT, parse, read_batch
from router.tables.names import TABLES
from tests.labs.gateway_lab import connect
from tests.labs.serve_fixture import (
    ARROW,
    NDJSON,
    NODES,
    PRICE_MINOR,
    SKUS,
    UNITS,
    Router,
    chunk,
    is_alive,
    lines_of,
    ndjson,
    order,
    rows_of,
    running_router,
    until,
)
from tests.labs.wire_cases import rows_to_arrow, stream

pytestmark = pytest.mark.ray

SECRET_NAME, SECRET_MAIL, SECRET_PHONE = "Xaverine Quetzalbaum", "xaverine.q@privat.example", "+49 30 5550199"
SECRETS = tuple(text.encode() for text in (SECRET_NAME, SECRET_MAIL, SECRET_PHONE, "Geheimweg 17"))


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "contract", {})


# --- one order ------------------------------------------------------------------------------------------


def test_one_order_is_answered_with_price_warehouse_and_promise(router: Router) -> None:
    answer = router.json("POST", "/v1/orders", order("one", sku="SKU-01", qty=2))
    assert (answer["order_id"], answer["status"], answer["duplicate"]) == ("one", "allocated", False)
    assert (answer["total"], answer["shipping"], answer["currency"]) == (2 * PRICE_MINOR + 490, 490, "EUR")
    assert answer["tax"] > 0 and answer["promise_date"] and answer["cursor"] and answer["reasons"] == []
    (line,) = answer["lines"]
    (part,) = line["allocations"]
    assert (line["sku"], part["qty"], line["backordered"]) == ("SKU-01", 2, 0)
    assert part["node"] in {node["node"] for node in NODES}


def test_the_same_order_again_is_a_duplicate_and_takes_nothing(router: Router) -> None:
    first = router.json("POST", "/v1/orders", order("again", sku="SKU-02", qty=3))
    left = router.available("SKU-02")
    second = router.json("POST", "/v1/orders", order("again", sku="SKU-02", qty=3))
    assert second == first | {"duplicate": True}
    assert router.available("SKU-02") == left == 2 * UNITS - 3


def test_another_body_under_the_same_id_is_a_conflict(router: Router) -> None:
    router.json("POST", "/v1/orders", order("conflict", qty=1))
    problem = router.json("POST", "/v1/orders", order("conflict", qty=2), status=409)
    assert (problem["code"], problem["reasons"]) == ("id_conflict", ["id_conflict"])
    assert router.json("GET", "/v1/orders/conflict")["lines"][0]["allocations"][0]["qty"] == 1


def test_a_refused_order_says_why_and_may_be_sent_again_mended(router: Router) -> None:
    problem = router.json("POST", "/v1/orders", order("refused", sku="NO-SUCH-SKU"), status=422)
    assert (problem["code"], problem["reasons"]) == ("order_rejected", ["sku_unknown"])
    assert problem["acknowledgement"]["status"] == "rejected"
    assert router.json("POST", "/v1/orders", order("refused"))["status"] == "allocated"


def test_json_and_arrow_of_one_order_are_the_same_order(router: Router) -> None:
    router.json("POST", "/v1/orders", order("both-forms"))
    (answer,) = arrow_rows(router.stream(stream(rows_to_arrow([order("both-forms")])), ARROW))
    assert (answer["status"], answer["duplicate"]) == ("allocated", True)


# --- streams --------------------------------------------------------------------------------------------


def arrow_rows(body: bytes) -> list[dict[str, Any]]:
    with pa.ipc.open_stream(body) as reader:
        return list(reader.read_all().to_pylist())


def test_arrow_in_gives_arrow_out_in_order_of_arrival(router: Router) -> None:
    ids = [f"arrow-{number}" for number in range(3_000)]
    batches = [rows_to_arrow([order(order_id) for order_id in ids[at : at + 500]]) for at in range(0, 3_000, 500)]
    answers = arrow_rows(router.stream(stream(*batches), ARROW))
    assert [row["order_id"] for row in answers] == ids
    assert {row["status"] for row in answers} == {"allocated"}
    assert {row["total"] for row in answers} == {PRICE_MINOR + 490}
    shards = {row["cursor"].partition(":")[0] for row in answers}
    assert shards == {"0", "1"}, "both shards took part"


@pytest.mark.parametrize("deltas", [False, True])
def test_arrow_dictionaries_may_change_between_batches(router: Router, deltas: bool) -> None:
    wanted = [["SKU-03", "SKU-04"], ["SKU-03", "SKU-04", "SKU-05"], ["SKU-05", "SKU-06"]]
    dictionaries = [SKUS[3:5], SKUS[3:6], SKUS[3:7]] if deltas else [SKUS[3:5], SKUS[3:6], SKUS[5:9]]
    batches = []
    for at, (skus, names) in enumerate(zip(wanted, dictionaries, strict=True)):
        table = rows_to_arrow([order(f"dictionary-{deltas}-{at}-{sku}", sku=sku) for sku in skus])
        sku = pa.DictionaryArray.from_arrays(
            pa.array([names.index(name) for name in skus], pa.int32()), pa.array(names)
        )
        struct = pa.StructArray.from_arrays([sku, pa.array([1] * len(skus), pa.int32())], ["sku", "qty"])
        lines = pa.ListArray.from_arrays(pa.array(range(len(skus) + 1), pa.int32()), struct)
        batches.append(table.set_column(table.schema.get_field_index("lines"), "lines", lines))
    answers = arrow_rows(router.stream(stream(*batches, emit_dictionary_deltas=deltas), ARROW))
    assert [row["lines"][0]["sku"] for row in answers] == [sku for skus in wanted for sku in skus]
    assert {row["status"] for row in answers} == {"allocated"}


def test_answers_come_while_the_body_is_still_being_sent(router: Router) -> None:
    client = router.open_stream()
    answers = iter(lines_of(client))
    for number in range(5):
        client.sendall(chunk(ndjson([order(f"talk-{number}")])))
        assert json.loads(next(answers))["order_id"] == f"talk-{number}"
    client.sendall(b"0\r\n\r\n")
    assert list(answers) == []
    client.close()


def test_a_whole_stream_sent_again_is_answered_duplicate_with_the_same_decisions(router: Router) -> None:
    body = ndjson([order(f"twice-{number}", sku=SKUS[40 + number % 20]) for number in range(1_000)])
    first, second = rows_of(router.stream(body)), rows_of(router.stream(body))
    assert second == [answer | {"duplicate": True} for answer in first]


# --- tables and stock -------------------------------------------------------------------------------------


def test_bad_rows_are_refused_by_row_and_field_and_nothing_is_applied(router: Router) -> None:
    good = {"sku": "SKU-10", "node": "BER", "on_hand": 7}
    other = good | {"node": "MUC"}
    misread = [good, good | {"on_hand": -1}, other, other | {"on_hand": "many"}]
    misnamed = [good, good | {"sku": "NO-SUCH-SKU"}, other, good | {"node": "NO-SUCH-NODE"}]
    for rows, fields in ((misread, ("on_hand", "on_hand")), (misnamed, ("sku", "node"))):
        problem = router.put("stock", rows, status=422)
        assert (problem["code"], problem["error_count"]) == ("table_refused", 2)
        assert [(error["row"], error["field"]) for error in problem["errors"]] == list(zip((2, 4), fields, strict=True))
        assert all(error["detail"] for error in problem["errors"])
    assert router.available("SKU-10") == 2 * UNITS


@pytest.mark.parametrize(("row", "field"), [({"price": "x"}, "price"), ({"pricee": 1}, "pricee"), ({"sku": ""}, "sku")])
def test_a_bad_sku_row_leaves_the_table_as_it_was(router: Router, row: dict[str, Any], field: str) -> None:
    good = {"sku": "SKU-00", "price": 1, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}
    problem = router.put("skus", [good, good | row], status=422)
    assert (problem["errors"][0]["row"], problem["errors"][0]["field"]) == (2, field)
    assert router.json("POST", "/v1/quotes", order("price-stays"))["total"] == PRICE_MINOR + 490


def test_a_new_table_takes_effect_without_a_restart(router: Router) -> None:
    tax = {"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}
    before = router.json("POST", "/v1/orders", order("tax-before"))
    done = router.put("taxes", [tax | {"inclusive": False}])
    assert (done["table"], done["rows"]) == ("taxes", 1)
    after = router.json("POST", "/v1/orders", order("tax-after"))
    assert router.put("taxes", [tax])["version"] == done["version"] + 1
    assert before["total"] == PRICE_MINOR + 490 and after["total"] == before["total"] + after["tax"]
    assert router.json("GET", "/v1/orders/tax-before")["tax"] == before["tax"], "an old order keeps its decision"
    assert router.json("GET", "/v1/orders/tax-after")["tax"] == after["tax"]


def test_a_table_may_be_sent_as_csv(router: Router) -> None:
    body = b"sku,node,on_hand\nSKU-11,BER,41\nSKU-11,MUC,1\n"
    status, _, answer = router.ask("PUT", "/v1/tables/stock", body, "text/csv")
    assert (status, json.loads(answer)["rows"]) == (200, 2)
    assert router.available("SKU-11") == 42


def test_every_table_of_the_contract_can_be_put(router: Router) -> None:
    assert set(TABLES) == set("skus nodes stock rates promotions taxes carriers rules templates bins cartons".split())
    rows = {
        "promotions": {"code": "P10", "when": {"coupon": True}, "then": {"percent": 10}, "priority": 1},
        "carriers": {"carrier": "DHL", "name": "DHL"},
        "templates": {"template": "shipped", "body": "On its way"},
        "bins": {"node": "BER", "sku": "SKU-11", "bin": "A-01", "walk": 1},
    }
    for table, row in rows.items():
        assert router.put(table, [row])["rows"] == 1
    answer = router.json("POST", "/v1/orders", order("coupon", coupons=["P10"]))
    assert (answer["discount"], answer["total"]) == (125, PRICE_MINOR - 125 + 490)


def test_stock_movements_are_applied_once(router: Router) -> None:
    cell = {"sku": "SKU-12", "node": "BER"}
    moves = [
        {"movement_id": "m-1", "kind": "receipt", **cell, "qty": 100},
        {"movement_id": "m-2", "kind": "damage", **cell, "qty": 30},
        {"movement_id": "m-3", "kind": "transfer", **cell, "to_node": "MUC", "qty": 10},
        {"movement_id": "m-4", "kind": "count", "sku": "SKU-12", "node": "MUC", "qty": 5},
        {"movement_id": "m-5", "kind": "damage", **cell, "qty": 10**9},
        {"movement_id": "m-6", "kind": "receipt", "sku": "NO-SUCH-SKU", "node": "BER", "qty": 1},
    ]
    statuses = ["applied"] * 4 + ["refused"] * 2
    assert [row["status"] for row in router.post("/v1/stock", moves)] == statuses
    assert router.available("SKU-12") == UNITS + 100 - 30 - 10 + 5
    again = router.post("/v1/stock", moves)
    assert [row["status"] for row in again[:4]] == ["repeated"] * 4
    assert router.available("SKU-12") == UNITS + 65


# --- events -----------------------------------------------------------------------------------------------


def test_events_walk_an_order_through_its_life_and_are_applied_once(router: Router) -> None:
    router.json("POST", "/v1/orders", order("life", sku="SKU-13"))
    events = [
        {"event_id": f"life-{at}", "order_id": "life", "type": kind, "at": f"2026-03-0{at + 2}T10:00:00Z"}
        for at, kind in enumerate(("payment_captured", "pick", "pack", "ship", "deliver"))
    ]
    assert [row["status"] for row in router.post("/v1/events", events)] == ["applied"] * 5
    seen = router.json("GET", "/v1/orders/life")
    assert (seen["state"], seen["payment_state"], seen["version"]) == ("delivered", "paid", 6)
    again = router.post("/v1/events", events)
    assert [row["status"] for row in again] == ["duplicate"] * 5
    assert router.json("GET", "/v1/orders/life")["version"] == 6
    entries = router.json("GET", "/v1/orders/life/timeline")["entries"]
    assert [entry["version"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry["to"] for entry in entries][-4:] == ["picking", "packed", "shipped", "delivered"]


def test_events_that_cannot_be_are_refused_in_their_place(router: Router) -> None:
    router.json("POST", "/v1/orders", order("early"))
    rows = router.post(
        "/v1/events",
        [
            {"event_id": "early-1", "order_id": "early", "type": "return"},
            {"event_id": "early-2", "order_id": "nobody-sent-this", "type": "ship"},
            {"event_id": "early-3", "order_id": "early", "type": "explode"},
            {"event_id": "early-4", "order_id": "early", "type": "pick"},
        ],
    )
    assert [row["status"] for row in rows] == ["refused", "refused", "refused", "applied"]
    assert [row.get("reason") for row in rows[:3]] == ["transition_not_allowed", "order_unknown", "event_type_unknown"]


def test_a_cancelled_order_gives_its_units_back(router: Router) -> None:
    router.json("POST", "/v1/orders", order("given-back", sku="SKU-14", qty=9))
    assert router.available("SKU-14") == 2 * UNITS - 9
    router.post("/v1/events", [{"event_id": "back-1", "order_id": "given-back", "type": "cancel"}])
    assert router.available("SKU-14") == 2 * UNITS
    assert router.json("GET", "/v1/orders/given-back")["state"] == "cancelled"


# --- reads ------------------------------------------------------------------------------------------------


def test_an_order_is_read_as_it_was_acknowledged_the_moment_it_was(router: Router) -> None:
    for number in range(50):
        acknowledged = router.json("POST", "/v1/orders", order(f"read-{number}", sku="SKU-15"))
        seen = router.json("GET", f"/v1/orders/read-{number}", role="viewer")
        known = ("order_id", "status", "total", "tax", "shipping", "currency", "promise_date", "cursor")
        assert {name: seen[name] for name in known} == {name: acknowledged[name] for name in known}
        assert seen["lines"][0]["allocations"] == acknowledged["lines"][0]["allocations"]
    assert seen["customer"]["email"] == "erika@example.com" and seen["ship_to"]["city"] == "Berlin"


def test_an_id_with_strange_characters_is_found(router: Router) -> None:
    router.json("POST", "/v1/orders", order("a/b ü?#%"))
    assert router.json("GET", "/v1/orders/a%2Fb%20%C3%BC%3F%23%25")["order_id"] == "a/b ü?#%"


def test_what_nobody_sent_is_not_found(router: Router) -> None:
    for path in ("/v1/orders/none", "/v1/orders/none/timeline", "/v1/orders/none/explain"):
        assert router.json("GET", path, status=404)["code"] == "order_not_found"
    assert router.json("GET", "/v2/orders", status=404)["code"] == "not_found"
    assert router.json("DELETE", "/v1/orders", status=405)["code"] == "method_not_allowed"


def test_a_decision_is_explained(router: Router) -> None:
    router.json("POST", "/v1/orders", order("why", sku="SKU-16"))
    why = router.json("GET", "/v1/orders/why/explain")
    assert (why["order_id"], why["status"], why["admission"]["verdict"]) == ("why", "allocated", "proceed")
    assert why["plan"] and why["tables_version"] > 0 and "risk" in why
    router.json("POST", "/v1/orders", order("why-short", sku="SKU-16", qty=100_000) | {"channel": "web-2"})
    assert router.json("GET", "/v1/orders/why-short/explain")["risk"]["final"] > 0


def test_search_finds_every_order_once_over_pages(router: Router) -> None:
    sent = [order(f"page-{number}", channel="pages", sku=SKUS[20 + number % 2]) for number in range(137)]
    rows_of(router.stream(ndjson(sent)))
    assert sorted(_found(router, "channel=pages", 10)) == sorted(row["order_id"] for row in sent)
    odd = [row["order_id"] for row in sent if row["lines"][0]["sku"] == SKUS[21]]
    assert sorted(_found(router, f"channel=pages&sku={SKUS[21]}&state=allocated", 1_000)) == sorted(odd)
    assert _found(router, "customer=C-page-7", 10) == ["page-7"]
    assert _found(router, "channel=pages&status=rejected", 10) == []
    assert _found(router, "channel=pages&from=2026-03-02", 10) == []


def _found(router: Router, query: str, limit: int) -> list[str]:
    ids, cursor, calls = [], "", 0
    while cursor is not None:
        page = router.json("GET", f"/v1/orders?{query}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert len(page["orders"]) <= limit
        ids += [row["order_id"] for row in page["orders"]]
        cursor, calls = page["cursor"], calls + 1
        assert calls < 1_000
    return ids


def test_availability_is_what_is_left(router: Router) -> None:
    rows = [{"sku": "SKU-30", "node": "BER", "on_hand": 10}, {"sku": "SKU-30", "node": "MUC", "on_hand": 4}]
    router.put("stock", rows)
    router.json("POST", "/v1/orders", order("left", sku="SKU-30", qty=3))
    asked = {"skus": ["SKU-30", "NO-SUCH-SKU"], "channel": "web", "ship_to": {"country": "DE"}}
    said = router.json("POST", "/v1/availability", asked, role="viewer")
    (item,) = said["items"]
    assert (item["available"], sum(item["nodes"].values()), said["unknown"]) == (11, 11, ["NO-SUCH-SKU"])
    abroad = asked | {"ship_to": {"country": "FR"}}
    assert router.json("POST", "/v1/availability", abroad)["items"][0]["available"] in (0, 11)


def test_what_is_left_is_all_that_can_be_promised(router: Router) -> None:
    router.put("stock", [{"sku": "SKU-31", "node": node["node"], "on_hand": 3} for node in NODES])
    answers = rows_of(router.stream(ndjson([order(f"scarce-{number}", sku="SKU-31") for number in range(20)])))
    statuses = [answer["status"] for answer in answers]
    assert (statuses.count("allocated"), statuses.count("backordered")) == (6, 14)
    assert router.available("SKU-31") == 0


def test_a_quote_says_what_an_order_would_get_and_takes_nothing(router: Router) -> None:
    before = router.available("SKU-32")
    quote = router.json("POST", "/v1/quotes", order("quoted", sku="SKU-32", qty=5), role="viewer")
    assert (quote["status"], quote["total"]) == ("allocated", 5 * PRICE_MINOR + 990) and quote["cost"] > 0
    several = router.json("POST", "/v1/quotes", {"orders": [order("quoted"), order("quoted-2", sku="NO-SUCH-SKU")]})
    assert [row["status"] for row in several["quotes"]] == ["allocated", "rejected"]
    assert router.available("SKU-32") == before
    assert router.ask("GET", "/v1/orders/quoted")[0] == 404
    answer = router.json("POST", "/v1/orders", order("quoted", sku="SKU-32", qty=5))
    assert (answer["total"], answer["duplicate"]) == (quote["total"], False)


# --- the stream of changes ----------------------------------------------------------------------------------


def changes(router: Router, query: str = "", accept: str = NDJSON, last_id: str = "") -> list[dict[str, Any]]:
    """Status changes as rows, from either form."""
    client = http.client.HTTPConnection("127.0.0.1", router.port, timeout=60)
    headers = {"Authorization": f"Bearer {router.key('viewer')}", "Accept": accept}
    client.request("GET", f"/v1/stream?{query}", headers=headers | ({"Last-Event-ID": last_id} if last_id else {}))
    response = client.getresponse()
    body = response.read()
    assert (response.status, response.headers["content-type"]) == (200, accept), body
    client.close()
    if accept == NDJSON:
        return rows_of(body)
    rows = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            rows.append(json.loads(fields["data"]))
            assert fields["id"] == rows[-1]["cursor"]
    return rows


def test_the_stream_of_changes_shows_every_version_of_every_order_once(router: Router) -> None:
    versions: dict[str, list[int]] = {}
    for row in changes(router, "wait=0"):
        versions.setdefault(row["order_id"], []).append(row["version"])
    assert len(versions) > 3_000
    gaps = {name: seen for name, seen in versions.items() if seen != list(range(1, len(seen) + 1))}
    # An order that was refused is judged anew when it is sent again: it begins again at its first version.
    assert set(gaps) <= {"refused"}, gaps


def by_order(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The changes of each order as they came; between orders of different shards no order is promised."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["order_id"], []).append(row | {"cursor": ""})
    return found


@pytest.mark.parametrize("accept", [NDJSON, "text/event-stream"])
def test_the_stream_resumes_from_a_cursor_without_gaps_or_repeats(router: Router, accept: str) -> None:
    whole = changes(router, "wait=0")
    pieces: list[dict[str, Any]] = []
    for limit in [1, 2, 3, 499, 500, 512, 513, *[1_000] * 100]:
        cursor = pieces[-1]["cursor"] if pieces else ""
        given = {"last_id": cursor} if accept != NDJSON else {"query": f"cursor={cursor}"}
        query = f"wait=0&limit={limit}&" + given.pop("query", "")
        piece = changes(router, query, accept, **given)
        assert len(piece) <= limit
        if not piece:
            break
        pieces += piece
    assert by_order(pieces) == by_order(whole)


def test_a_reader_that_waits_sees_new_changes_as_they_happen(router: Router) -> None:
    cursor = changes(router, "wait=0")[-1]["cursor"]
    client = connect(router.port, timeout_s=20)
    client.sendall(router.head(f"/v1/stream?cursor={cursor}", "Accept: application/x-ndjson", method="GET"))
    rows = (json.loads(line) for line in lines_of(client) if line.strip())
    router.json("POST", "/v1/orders", order("live"))
    assert (row := next(rows))["order_id"] == "live" and row["version"] == 1
    router.post("/v1/events", [{"event_id": "live-1", "order_id": "live", "type": "pick"}])
    row = next(rows)
    assert (row["order_id"], row["version"], row["state"]) == ("live", 2, "picking")
    client.close()


# --- what describes the router --------------------------------------------------------------------------------


def test_openapi_names_every_endpoint_of_the_contract(router: Router) -> None:
    document = router.json("GET", "/openapi.json", role="")
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    wanted = {
        *(("GET", path) for path in ("/", "/livez", "/readyz", "/metrics", "/openapi.json", "/v1/stream")),
        *(("GET", f"/v1/orders{rest}") for rest in ("", "/{order_id}", "/{order_id}/timeline", "/{order_id}/explain")),
        *(("POST", f"/v1/{name}") for name in ("stock", "orders", "orders/stream", "events", "availability", "quotes")),
        ("POST", "/v1/hooks/{partner}"),
        *((method, "/v1/tables/{table}") for method in ("GET", "PUT", "PATCH")),
        ("GET", "/v1/tables"),
    }
    assert wanted <= named


def test_metrics_are_prometheus_and_count_what_happened(router: Router) -> None:
    status, headers, body = router.ask("GET", "/metrics", role="viewer")
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    orders = sum(sample.value for sample in families["router_ingest_orders"].samples if sample.name.endswith("_total"))
    assert orders > 5_000
    routes = {sample.labels["route"] for sample in families["router_requests"].samples if "route" in sample.labels}
    assert {"/v1/orders", "/v1/orders/stream"} <= routes, "those of the process that serves streams are counted too"
    assert {"router_requests", "router_duplicates", "router_events", "router_open_connections"} <= set(families)
    labels = {text for family in families.values() for sample in family.samples for text in sample.labels.values()}
    assert not [text for text in labels if "talk-" in text or "page-" in text], "no label names an order"


def test_health_needs_no_key(router: Router) -> None:
    for path in ("/", "/livez", "/readyz"):
        assert router.ask("GET", path, role="")[0] == 200


def test_the_admin_key_is_readable_by_its_owner_only(router: Router) -> None:
    assert stat.S_IMODE((router.folder / "admin.key").stat().st_mode) == 0o600
    stored = b"".join(path.read_bytes() for path in router.folder.glob("keys.json*"))
    assert router.key("admin").encode() not in stored, "keys are stored hashed"


def test_everything_listens_on_loopback_only(router: Router) -> None:
    inodes = set()
    for number in router.processes():
        for descriptor in pathlib.Path(f"/proc/{number}/fd").glob("*"):
            try:
                inodes.add(str(descriptor.readlink()))
            except OSError:  # closed meanwhile
                continue
    listening = []
    for family, loopback in (("tcp", ("0100007F",)), ("tcp6", (f"{1 << 24:032X}", "0000000000000000FFFF00000100007F"))):
        for row in pathlib.Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.append(fields[1])
                assert fields[1].split(":")[0] in loopback, listening
    assert len(listening) > 1, "the gateway and Ray listen"


def test_a_killed_stream_gateway_is_replaced_while_reads_and_waiting_streams_go_on(router: Router) -> None:
    before = router.gateways()
    router.json("POST", "/v1/orders", order("before-kill"))
    os.kill(before["streams"], signal.SIGKILL)
    until(lambda: not is_alive(before["streams"]), "it is dead")
    assert router.json("GET", "/v1/orders/before-kill")["status"] == "allocated"
    answers = rows_of(router.stream(ndjson([order(f"heir-{number}") for number in range(50)])))
    assert [answer["status"] for answer in answers] == ["allocated"] * 50
    after = router.gateways()
    assert after["front"] == before["front"] and after["streams"] != before["streams"]


def test_a_second_serve_on_the_same_folder_is_refused_in_words(router: Router) -> None:
    done = router.serve_again()
    assert done.returncode in (1, 2)
    assert "another" in done.stderr and "Traceback" not in done.stderr
    assert router.json("POST", "/v1/orders", order("after-second-serve"))["status"] == "allocated"


# --- personal data and the end: keep these last -------------------------------------------------------------------


def private(order_id: str, **members: Any) -> dict[str, Any]:
    """An order whose personal fields can be searched for."""
    sent = order(order_id, **members)
    sent["customer"] |= {"name": SECRET_NAME, "email": SECRET_MAIL, "phone": SECRET_PHONE}
    sent["ship_to"] |= {"name": SECRET_NAME, "line1": "Geheimweg 17"}
    return sent


@dataclass
class Ended:
    """A router that was told to stop, and what the stream answered that was open then."""

    router: Router
    answers: list[dict[str, Any]]


@pytest.fixture(scope="module")
def ended(router: Router) -> Ended:
    """The router after orders with personal data, good and bad, and a SIGTERM while a stream was open."""
    router.json("POST", "/v1/orders", private("private-1"))
    router.json("POST", "/v1/orders", private("private-1", qty=2), status=409)
    router.json("POST", "/v1/orders", private("private-2", sku="NO-SUCH-SKU"), status=422)
    router.ask("POST", "/v1/orders", json.dumps(private("private-3")).encode()[:-5])
    router.stream(ndjson([private("private-4")]) + b'{"customer": {"email": "' + SECRETS[1] + b'"\n')
    router.stream(stream(rows_to_arrow([private("private-5")]))[:-100], ARROW)
    router.json("POST", "/v1/quotes", private("private-6"))
    assert router.json("GET", "/v1/orders/private-1")["customer"]["email"] == SECRET_MAIL
    client = router.open_stream()
    lines = lines_of(client)
    client.sendall(chunk(ndjson([order(f"drain-{number}") for number in range(100)])))
    answers = [json.loads(next(lines)) for _ in range(100)]
    router.terminate()
    until(lambda: not _accepts(router.port), "no new connection is accepted")
    client.sendall(chunk(ndjson([order(f"drain-{number}") for number in range(100, 150)])) + b"0\r\n\r\n")
    answers += [json.loads(line) for line in lines]
    client.close()
    router.stop()
    return Ended(router, answers)


def _accepts(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionError:
        return False
    return True


def test_sigterm_lets_an_open_stream_end_and_exits_0(ended: Ended) -> None:
    assert ended.router.process.returncode == 0
    assert [answer["order_id"] for answer in ended.answers] == [f"drain-{number}" for number in range(150)]
    assert {answer["status"] for answer in ended.answers} == {"allocated"}


def test_nothing_of_the_router_stays_behind(ended: Ended) -> None:
    assert len(ended.router.tree) > 5
    until(lambda: not [number for number in ended.router.tree if is_alive(number)], "all its processes ended")
    assert not DataFolder(ended.router.folder).shared.exists()


def test_the_folder_is_whole_and_the_same_each_time_it_is_recomputed(ended: Ended) -> None:
    first, second = ended.router.verify(), ended.router.verify()
    assert first["ok"] and first == second


def test_personal_data_is_in_no_output_and_no_log_file(ended: Ended) -> None:
    logs = [ended.router.stderr, *ended.router.ray_logs]
    assert ended.router.ray_logs, "Ray's own logs were looked at too"
    found = [(str(path), secret) for path in logs for secret in SECRETS if secret in path.read_bytes()]
    assert found == []


def test_personal_data_of_an_order_lies_in_its_document_and_nowhere_else(ended: Ended) -> None:
    places = {secret: set() for secret in SECRETS}
    for folder in [*ended.router.folder.glob("shard-*/log"), ended.router.folder / "ledger" / "log"]:
        for name, value in _values(folder):
            for secret in SECRETS:
                if secret in value:
                    places[secret].add(name)
    assert places == {secret: {b"documents"} for secret in SECRETS}


def test_records_of_orders_show_no_personal_data_when_they_are_read(ended: Ended) -> None:
    """As text of every column, so that no compression or encoding can hide it from the search."""
    seen, found = set(), []
    for folder in ended.router.folder.glob("shard-*/log"):
        for name, value in _values(folder):
            if name != b"log":
                continue
            record = parse(value, str(folder))
            text = str(read_batch(record).to_pylist())
            seen.add(record.kind)
            found += [secret for secret in SECRETS if secret.decode() in text]
    assert found == [] and seen == {Kind.ORDERS, Kind.OUTCOMES, Kind.EVENTS, Kind.EVENT_OUTCOMES}
    assert INPUT == 0


def test_personal_data_is_in_no_other_file_of_the_folder(ended: Ended) -> None:
    files = [path for path in ended.router.folder.rglob("*") if path.is_file() and path.suffix != ".mdb"]
    assert len(files) > 8
    assert [(path.name, secret) for path in files for secret in SECRETS if secret in path.read_bytes()] == []


def _values(folder: pathlib.Path) -> Iterator[tuple[bytes, bytes]]:
    """(sub-database, value) of every entry of a log, as raw bytes."""
    with lmdb.open(str(folder), readonly=True, lock=False, max_dbs=8, create=False) as environment:
        with environment.begin() as reading:
            names = [bytes(name) for name, _ in reading.cursor()]
        for name in names:
            database = environment.open_db(name, create=False)
            with environment.begin(db=database) as reading:
                for _, value in reading.cursor():
                    yield name, bytes(value)
