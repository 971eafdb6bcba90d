"""Reads over real engines, logs and mapped arrays: orders, history, search, the stream of changes, promises."""

from __future__ import annotations

import json
import pathlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.cli.main import main
from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.labs.gateway_backend import order
from tests.labs.gateway_lab import connect
from tests.labs.stocked_gateway import NODES, over_engines, put_tables


@pytest.fixture
def lab(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with over_engines(tmp_path, shards=2, **getattr(request, "param", {})) as running:
        put_tables(running)
        yield running


def send(lab: Lab, *order_ids: str, **changes: Any) -> list[dict[str, Any]]:
    # A customer each: the same basket of the same customer twice would be held.
    body = b"".join(order(one, **({"customer": {"id": one, "name": "Ada"}} | changes)) + b"\n" for one in order_ids)
    answers = lab.ask("POST", "/v1/orders/stream", body, **NDJSON)[2]
    return [json.loads(line) for line in answers.splitlines()]


def get(lab: Lab, path: str, role: str = "service", **headers: str) -> Any:
    status, _, body = lab.ask("GET", path, role=role, **headers)
    assert status == 200, body
    return json.loads(body)


def lines_of(lab: Lab, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lab.ask("GET", path)[2].splitlines() if line]


def test_an_acknowledged_order_can_be_read_at_once(lab: Lab) -> None:
    (answer,) = send(lab, "o/1 ü")
    view = get(lab, "/v1/orders/o%2F1%20%C3%BC")
    assert answer["status"] == "allocated"
    for name in ("order_id", "status", "total", "currency", "cursor"):
        assert view[name] == answer[name]
    assert (view["state"], view["version"]) == ("allocated", 1)
    assert [part["qty"] for part in view["lines"][0]["allocations"]] == [1]
    assert view["customer"]["name"] == "Ada" and view["ship_to"]["city"] == "Berlin"


def test_an_order_that_was_never_sent_is_404(lab: Lab) -> None:
    send(lab, "a")
    for path in ("/v1/orders/none", "/v1/orders/none/timeline", "/v1/orders/none/explain"):
        problem = lab.problem("GET", path)
        assert (problem["status"], problem["code"]) == (404, "order_not_found")


def test_history_and_explanation_follow_events(lab: Lab) -> None:
    send(lab, "a")
    events = b'{"event_id":"e1","order_id":"a","type":"pick"}\n{"event_id":"e2","order_id":"a","type":"ship"}\n'
    results = [json.loads(line) for line in lab.ask("POST", "/v1/events", events, **NDJSON)[2].splitlines()]
    assert [result["status"] for result in results] == ["applied", "applied"]
    timeline = get(lab, "/v1/orders/a/timeline")
    assert [(entry["version"], entry["to"]) for entry in timeline["entries"]] == [
        (1, "allocated"), (2, "picking"), (3, "shipped"),
    ]  # fmt: skip
    assert get(lab, "/v1/orders/a")["state"] == "shipped"
    assert get(lab, "/v1/orders/a/explain")["plan"]["units"][0]["qty"] == 1


def test_a_parcels_page_and_whose_its_number_looks_like_are_told(lab: Lab) -> None:
    send(lab, "a")
    event = {"event_id": "e1", "order_id": "a", "type": "ship", "tracking_number": "1Z 999 AA1 01 2345 6784"}
    assert json.loads(lab.ask("POST", "/v1/events", json.dumps(event).encode(), **NDJSON)[2])["status"] == "applied"
    view = get(lab, "/v1/orders/a")
    [shipment] = view["shipments"]
    assert (shipment["carrier"], shipment["carrier_guess"]) == (None, "ups")
    assert shipment["tracking_number"] == event["tracking_number"], "as it was reported"
    assert view["tracking_url"] == shipment["tracking_url"]
    assert shipment["tracking_url"] == "https://www.ups.com/track?tracknum=1Z999AA10123456784"


def test_a_node_that_is_gone_and_a_wrong_price_are_told_with_their_values(lab: Lab) -> None:
    _, _, body = lab.ask("PUT", "/v1/tables/nodes?replace=true", NODES.splitlines(keepends=True)[0], **NDJSON)
    version = json.loads(body)["version"]
    lines = [{"sku": "A", "qty": 1, "unit_price": 600}]
    problem = lab.problem("POST", "/v1/orders", order("dear", lines=lines), **JSON)
    said = "600 was sent for SKU 'A', the catalogue has 500 and 1 % of it may differ (minor units of EUR)"
    assert problem["detail"].startswith(f"lines[0].unit_price: {said}; correct")
    (streamed,) = send(lab, "dear", lines=lines)
    assert streamed["detail"] == problem["detail"] == "lines[0].unit_price: " + _detail(get(lab, "/v1/orders/dear"))
    send(lab, "a")
    first, second = get(lab, "/v1/orders/a/explain")["nodes"]
    assert (first["node"], first["inactive_since"]) == ("N1", None)
    assert (second["node"], second["removed_by"][0]) == ("N2", "inactive")
    assert second["inactive_since"]["tables_version"] == version and second["inactive_since"]["at"].startswith("20")


def _detail(view: dict[str, Any]) -> str:
    [told] = view["reason_details"]
    return str(told["detail"])


@pytest.mark.parametrize("lab", [{"order_id_scope": "channel"}], indirect=True)
def test_ids_that_are_unique_in_their_channel_are_asked_for_with_it(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    for channel in ("web", "b & b"):
        (answer,) = send(lab, "7", channel=channel, customer={"id": channel, "name": "Ada"})
        assert not answer["duplicate"]
    event = b'{"event_id":"e","order_id":"7","type":"pick","channel":"b & b"}'
    assert json.loads(lab.ask("POST", "/v1/events", event, **NDJSON)[2])["status"] == "applied"
    assert [get(lab, f"/v1/orders/7?channel={name}")["state"] for name in ("web", "b+%26+b")] == [
        "allocated", "picking",
    ]  # fmt: skip
    assert len(get(lab, "/v1/orders/7/timeline?channel=b%20%26%20b")["entries"]) == 2
    for path in ("/v1/orders/7", "/v1/orders/7/timeline", "/v1/orders/7/explain?channel="):
        assert lab.problem("GET", path)["parameter"] == "channel"
    assert lab.problem("GET", "/v1/orders/7?channel=web&seller=x")["parameter"] == "seller"
    command = ["explain", "7", "--url", f"http://127.0.0.1:{lab.port}", "--key", lab.keys["viewer"]]
    assert main([*command, "--channel", "b & b"]) == 0
    assert "Order 7 is allocated" in capsys.readouterr().out
    assert main(command) == 1
    assert "name it, as in ?channel=web" in capsys.readouterr().err


def test_search_filters_and_pages(lab: Lab) -> None:
    send(lab, *(f"w{number}" for number in range(30)))
    send(lab, "s1", channel="shop")
    send(lab, "bad", lines=[{"sku": "unknown", "qty": 1}])
    assert [row["order_id"] for row in get(lab, "/v1/orders?channel=shop")["orders"]] == ["s1"]
    assert [row["order_id"] for row in get(lab, "/v1/orders?status=rejected")["orders"]] == ["bad"]
    assert [row["order_id"] for row in get(lab, "/v1/orders?customer=w3")["orders"]] == ["w3"]
    seen, path = [], "/v1/orders?channel=web&status=allocated&limit=7&sku=A"
    page = get(lab, path)
    while True:
        seen += [row["order_id"] for row in page["orders"]]
        if page["cursor"] is None:
            break
        page = get(lab, f"{path}&cursor={page['cursor']}")
    assert sorted(seen) == sorted(f"w{number}" for number in range(30))


def by_order(changes: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The changes of each order in the order in which they came; between orders of different shards there is none, and
    cursors say how far the other shards are."""
    found: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        found.setdefault(change["order_id"], []).append(change | {"cursor": ""})
    return found


def test_the_stream_shows_every_change_once_and_resumes_anywhere(lab: Lab) -> None:
    send(lab, *(f"o{number}" for number in range(50)))
    lab.ask("POST", "/v1/events", b'{"event_id":"e","order_id":"o7","type":"pick"}', **NDJSON)
    whole = lines_of(lab, "/v1/stream?wait=0")
    assert len(whole) == 51
    assert len({(row["order_id"], row["version"]) for row in whole}) == 51
    assert [row["version"] for row in whole if row["order_id"] == "o7"] == [1, 2]
    pieces, cursor = [], ""
    while piece := lines_of(lab, f"/v1/stream?wait=0&limit=8{cursor}"):
        pieces += piece
        cursor = f"&cursor={piece[-1]['cursor']}"
    assert by_order(pieces) == by_order(whole)


def test_the_stream_follows_what_comes_later_as_sse_and_honours_last_event_id(lab: Lab) -> None:
    send(lab, "a", "b")
    first = lines_of(lab, "/v1/stream?wait=0&limit=1")[0]
    cursor = first["cursor"]
    client = connect(lab.port)
    head = f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys['viewer']}\r\n"
    client.sendall(f"{head}Accept: text/event-stream\r\nLast-Event-ID: {cursor}\r\n\r\n".encode())
    received = read_until(client, b"\n\n", 1)
    send(lab, "later")
    received += read_until(client, b'"later"', 1)
    assert b"content-type: text/event-stream" in received.lower()
    data = [json.loads(line[6:]) for line in received.split(b"\n") if line.startswith(b"data: ")]
    assert {row["order_id"] for row in data} == {"a", "b", "later"} - {first["order_id"]}
    assert received.count(b"id: ") == len(data) == 2
    client.close()


def read_until(client: socket.socket, text: bytes, times: int) -> bytes:
    received = b""
    while received.count(text) < times:
        part = client.recv(1 << 16)
        assert part
        received += part
    return received


def test_a_stream_with_patience_ends_when_nothing_new_comes(lab: Lab) -> None:
    send(lab, "a")
    began = time.monotonic()
    assert len(lines_of(lab, "/v1/stream?wait=1")) == 1
    assert 0.9 < time.monotonic() - began < 3


def test_stream_parameters_are_checked(lab: Lab) -> None:
    assert lab.problem("GET", "/v1/stream?wait=0&cursor=nonsense")["code"] == "bad_parameter"
    assert lab.problem("GET", "/v1/stream?wait=x")["code"] == "bad_parameter"
    misspelt = lab.problem("GET", "/v1/stream?wait=0&chanel=web")
    assert misspelt["code"] == "bad_parameter" and "cursor, limit, wait, channel" in misspelt["detail"]
    assert lab.problem("GET", "/v1/stream?wait=0", Accept="text/csv")["status"] == 406


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("Accept: text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("Accept: application/x-ndjson;q=0.5\r\nAccept: text/event-stream", "text/event-stream"),
        ("Accept:", "application/x-ndjson"),
        ("X-Nothing: said", "application/x-ndjson"),
    ],
)
def test_the_stream_comes_as_the_client_likes_it_best(lab: Lab, accept: str, media_type: str) -> None:
    client = connect(lab.port)
    head = f"GET /v1/stream?wait=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys['viewer']}\r\n"
    client.sendall(f"{head}{accept}\r\n\r\n".encode())
    assert f"content-type: {media_type}\r\n".encode() in read_until(client, b"\r\n\r\n", 1).lower()
    client.close()


def test_availability_counts_units_by_node_and_lists_unknown_skus(lab: Lab) -> None:
    asked = json.dumps({"skus": ["A", "nope", 'C"', "B"]}).encode()
    answer = json.loads(lab.ask("POST", "/v1/availability", asked, role="viewer", **JSON)[2])
    assert answer["items"] == [
        {"sku": "A", "available": 1005, "nodes": {"N1": 1000, "N2": 5}},
        {"sku": 'C"', "available": 0, "nodes": {}},
        {"sku": "B", "available": 7, "nodes": {"N2": 7}},
    ]
    assert answer["unknown"] == ["nope"]
    before = answer["sequence"]
    send(lab, "a", lines=[{"sku": "B", "qty": 3}])
    answer = json.loads(lab.ask("POST", "/v1/availability", b'{"skus":["B"]}', **JSON)[2])
    assert (answer["items"][0]["available"], answer["sequence"] > before) == (4, True)


def test_reads_wait_for_an_owner_that_was_interrupted_in_the_middle_of_a_change(lab: Lab) -> None:
    send(lab, "a")
    local = lab.backend.router
    cells, indexes = local.ledger.path.engine.cells, [path.engine.index for path in local.shards]
    for _ in range(2):  # the second availability request is answered without a request object
        for owner in (cells._lock, *indexes):
            owner.begin_write()
            threading.Timer(0.08, owner.end_write).start()
        assert get(lab, "/v1/orders/a")["status"] == "allocated"
        cells._lock.begin_write()
        threading.Timer(0.08, cells._lock.end_write).start()
        assert lab.ask("POST", "/v1/availability", b'{"skus":["A"]}', **JSON)[0] == 200


def test_a_read_of_an_owner_that_recovers_for_long_is_told_to_come_back(lab: Lab) -> None:
    lab.backend.router.ledger.path.engine.cells._lock.begin_write()
    for _ in range(2):
        problem = lab.problem("POST", "/v1/availability", b'{"skus":["A"]}', **JSON)
        assert (problem["status"], problem["code"]) == (503, "shard_unavailable") and problem["retry_after"]
    lab.backend.router.ledger.path.engine.cells._lock.end_write()


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"skus": "A"', b'{"skus": ["\xff"]}', b'{"skus": ["\\ud800"]}', b'{"skus": 1} x']
)
def test_availability_refuses_what_is_no_json(lab: Lab, body: bytes) -> None:
    assert lab.problem("POST", "/v1/availability", body, **JSON)["code"] == "bad_json"


@pytest.mark.parametrize("body", [b"", b"{", b'{"orders": "A"', b'{"orders": 1} x'])
def test_quotes_refuse_what_is_no_json(lab: Lab, body: bytes) -> None:
    assert lab.problem("POST", "/v1/quotes", body, **JSON)["code"] == "bad_json"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("availability", b"{}", "skus"),
        ("availability", b'{"skus": "A"}', "skus"),
        ("availability", b'{"skus": ["A", 1]}', "skus[1]"),
        ("availability", b'{"skus": ["A"], "ship_to": {"country": 49}}', "ship_to.country"),
        ("availability", b'{"skus": %s}' % (b"9" * 1_000), "skus"),
        ("availability", b"[]", "body"),
        ("quotes", b'{"orders": {}}', "orders"),
        ("quotes", b"[]", "body"),
    ],
)
def test_promises_name_the_field_that_has_a_wrong_form(lab: Lab, path: str, body: bytes, field: str) -> None:
    for _ in range(2):  # the second availability request is answered without a request object
        problem = lab.problem("POST", f"/v1/{path}", body, **JSON)
        assert (problem["status"], problem["code"], problem["parameter"]) == (400, "bad_parameter", field)


def test_a_quote_has_no_cursor_whatever_it_says(lab: Lab) -> None:
    """Nothing was written that a cursor could name; the order whose basket it repeats was."""
    (sent,) = send(lab, "sent", customer={"id": "c", "name": "Ada"})
    orders = b",".join((order("twin", customer={"id": "c", "name": "Ada"}), order("no", channel=""), b"7"))
    quotes = json.loads(lab.ask("POST", "/v1/quotes", b'{"orders":[%s]}' % orders, **JSON)[2])["quotes"]
    assert [(quote["status"], quote["cursor"]) for quote in quotes] == [
        ("held", None), ("rejected", None), ("rejected", None),
    ]  # fmt: skip
    assert quotes[0]["duplicate_of"] == sent["cursor"] and quotes[1]["detail"]


def test_a_quote_decides_without_taking(lab: Lab) -> None:
    quote = json.loads(lab.ask("POST", "/v1/quotes", order("q", lines=[{"sku": "B", "qty": 7}]), **JSON)[2])
    assert (quote["status"], quote["parcels"]) == ("allocated", 1) and isinstance(quote["cost"], int)
    assert quote["cursor"] is None and list(quote)[-1] == "cost"
    answer = json.loads(lab.ask("POST", "/v1/availability", b'{"skus":["B"]}', **JSON)[2])
    assert answer["items"][0]["available"] == 7
    assert lab.problem("GET", "/v1/orders/q")["code"] == "order_not_found"


def test_a_new_table_names_its_nodes_in_the_next_answer(lab: Lab) -> None:
    more = NODES + b'{"node":"N3","kind":"warehouse","country":"DE","region":"","postcode":"1","lat":1,"lon":1}\n'
    assert lab.ask("PUT", "/v1/tables/nodes", more, **NDJSON)[0] == 200
    assert lab.ask("PUT", "/v1/tables/stock", b'{"sku":"C\\"","node":"N3","on_hand":9}\n', **NDJSON)[0] == 200
    (answer,) = send(lab, "c", lines=[{"sku": 'C"', "qty": 2}])
    assert answer["lines"][0]["allocations"] == [{"node": "N3", "qty": 2}]
