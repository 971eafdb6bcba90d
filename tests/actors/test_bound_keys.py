"""Keys that are for some channels or sellers: what is not theirs does not exist, whichever door they try."""

from __future__ import annotations

import http.client
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from actors.cli.main import main
from actors.store import keys as key_files
from actors.store.keys import KeysRefused, add_key, load_keys
from router.bound import Bound
from router.config import Limits
from router.wire.foreign import without_foreign
from router.wire.ndjson import decode_bodies
from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.labs.gateway_backend import order
from tests.labs.stocked_gateway import over_engines, put_tables
from tests.labs.wire_cases import rows_to_arrow

ARROW = "application/vnd.apache.arrow.stream"
BOUNDS = {
    "web": ("channel", Bound(frozenset({"web"}))),
    "two": ("channel", Bound(frozenset({"web", "app"}))),
    "acme": ("channel", Bound(sellers=frozenset({"acme"}))),
    "both": ("channel", Bound(frozenset({"web"}), frozenset({"acme"}))),
    "watch": ("viewer", Bound(frozenset({"web"}))),
    "floor": ("service", Bound(frozenset({"web"}))),
    "desk": ("ops", Bound(frozenset({"web"}))),
}
ORDERS = {"w": ("web", None), "a": ("app", None), "wa": ("web", "acme"), "aa": ("app", "acme"), "wb": ("web", "bolt")}
SEEN = {
    "web": {"w", "wa", "wb"},
    "two": set(ORDERS),
    "acme": {"wa", "aa"},
    "both": {"wa"},
    "watch": {"w", "wa", "wb"},
    "desk": {"w", "wa", "wb"},
}


@pytest.fixture(scope="module", params=["global", "channel", "seller"])
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("bound")
    with over_engines(folder, shards=2, order_id_scope=request.param) as running:
        for name, (role, bound) in BOUNDS.items():
            running.keys[name] = add_key(folder, name, role, 1, bound)
        put_tables(running)
        for order_id, (channel, seller) in ORDERS.items():
            body = an_order(order_id, channel, seller)
            assert running.ask("POST", "/v1/orders", body, **JSON)[0] == 200
        yield running


def an_order(order_id: str, channel: str, seller: str | None = None, **more: Any) -> bytes:
    named = {"channel": channel} | ({"seller": seller} if seller else {})
    customer = {"id": f"C-{order_id}", "name": "Erika Muster"}
    lines = [{"sku": "A", "qty": 1, "unit_price": 500}]
    return order(order_id, **({"lines": lines, "customer": customer} | named | more))


def scope_query(lab: Lab, order_id: str) -> str:
    channel, seller = ORDERS.get(order_id, ("web", "acme"))
    scope = lab.core.config.order_id_scope
    if scope == "global" or (scope == "seller" and seller is None):
        return ""
    return f"?channel={channel}" if scope == "channel" else f"?seller={seller}"


def event(order_id: str, event_id: str, kind: str = "note", **fields: Any) -> bytes:
    channel, seller = ORDERS.get(order_id, ("web", "acme"))
    named = {"channel": channel} | ({"seller": seller} if seller else {})
    said = {"text": "hello"} if kind == "note" else {}
    return json.dumps({"event_id": event_id, "order_id": order_id, "type": kind, **named, **said, **fields}).encode()


def results(lab: Lab, key: str, *events: bytes) -> list[dict[str, Any]]:
    status, _, body = lab.ask("POST", "/v1/events", b"\n".join(events), role=key, **NDJSON)
    assert status == 200, body
    return [json.loads(line) for line in body.splitlines()]


# --- reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", SEEN)
def test_a_bound_key_reads_its_own_orders_and_others_do_not_exist(lab: Lab, key: str) -> None:
    for order_id in ORDERS:
        for view in ("", "/timeline", *(["/explain"] if key in ("watch", "desk") else [])):
            status, _, body = lab.ask("GET", f"/v1/orders/{order_id}{view}{scope_query(lab, order_id)}", role=key)
            assert status == (200 if order_id in SEEN[key] else 404), (key, order_id, view, body)
            if status == 404:
                none = lab.ask("GET", f"/v1/orders/never-sent{view}{scope_query(lab, order_id)}", role=key)
                assert none[0] == 404 and none[2] == body, "word for word what an order gets that was never sent"


def test_how_long_it_takes_does_not_tell_that_there_is_an_order(lab: Lab) -> None:
    def seconds(order_id: str) -> float:
        took = []
        for _ in range(15):
            began = time.perf_counter()
            lab.ask("GET", f"/v1/orders/{order_id}{scope_query(lab, 'a')}", role="web")
            took.append(time.perf_counter() - began)
        return sorted(took)[7]

    there, nowhere = seconds("a"), seconds("never-sent")
    assert min(there, nowhere) >= 0.01, "both wait for the same moment"


@pytest.mark.parametrize("key", SEEN)
def test_search_and_stream_show_a_bound_key_its_own_orders_only(lab: Lab, key: str) -> None:
    found, cursor = set(), ""
    while True:
        page = json.loads(lab.ask("GET", f"/v1/orders?limit=2{cursor}", role=key)[2])
        found |= {row["order_id"] for row in page["orders"]}
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert found & set(ORDERS) == SEEN[key]
    lines = lab.ask("GET", "/v1/stream?wait=0", role=key)[2].splitlines()
    told = [row for row in map(json.loads, filter(None, lines)) if "order_id" in row]
    assert {row["order_id"] for row in told} & set(ORDERS) == SEEN[key]
    foreign = [f"channel={channel}" for channel in {ORDERS[order_id][0] for order_id in set(ORDERS) - SEEN[key]}]
    for query in foreign:
        rows = json.loads(lab.ask("GET", f"/v1/orders?{query}", role=key)[2])["orders"]
        assert {row["order_id"] for row in rows} & set(ORDERS) <= SEEN[key]


# --- writing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "channel", "seller", "field"), [
    ("web", "app", None, "channel"), ("web", "Web", None, "channel"), ("two", "shop", None, "channel"),
    ("acme", "web", None, "seller"), ("acme", "web", "bolt", "seller"), ("both", "app", "acme", "channel"),
    ("both", "web", "bolt", "seller"),
])  # fmt: skip
def test_an_order_of_others_is_refused_by_field_at_every_door(
    lab: Lab, key: str, channel: str, seller: str | None, field: str
) -> None:
    body = an_order(f"try-{key}-{channel}-{seller}", channel, seller)
    problem = lab.problem("POST", "/v1/orders", body, role=key, **JSON)
    assert (problem["status"], problem["reasons"]) == (422, ["not_allowed"])
    assert problem["detail"].startswith(f"{field}: ") and problem["acknowledgement"]["cursor"] is None
    [line] = lab.ask("POST", "/v1/orders/stream", body, role=key, **NDJSON)[2].splitlines()
    assert json.loads(line)["reasons"] == ["not_allowed"]
    quote = json.loads(lab.ask("POST", "/v1/quotes", body, role=key, **JSON)[2])
    assert (quote["status"], quote["reasons"]) == ("rejected", ["not_allowed"])
    query = scope_query(lab, "") if lab.core.config.order_id_scope == "global" else f"?channel={channel}"
    if lab.core.config.order_id_scope != "seller":
        assert lab.ask("GET", f"/v1/orders/try-{key}-{channel}-{seller}{query}")[0] == 404, "nothing was kept of it"


def test_own_orders_in_one_stream_with_others_go_on_in_their_places(lab: Lab) -> None:
    bodies = [
        an_order("mix-1", "web", "acme", lines=[{"sku": "A", "qty": 1, "line_id": "x"}, {"sku": "B", "qty": 1}]),
        an_order("mix-2", "app"),
        b"no order",
        an_order("mix-3", "web", "bolt", lines=[{"sku": "B", "qty": 2, "line_id": "y"}]),
        an_order("mix-4", "app", "acme"),
        an_order("mix-5", "web", "acme", lines=[{"sku": "A", "qty": 1, "line_id": "z"}]),
    ]
    lines = lab.ask("POST", "/v1/orders/stream", b"\n".join(bodies), role="web", **NDJSON)[2].splitlines()
    told = [json.loads(line) for line in lines]
    assert [row["order_id"] for row in told] == ["mix-1", "mix-2", "", "mix-3", "mix-4", "mix-5"]
    assert [row["reasons"] for row in told if row["status"] == "rejected"] == [
        ["not_allowed"],
        ["malformed"],
        ["not_allowed"],
    ]
    assert [line["line_id"] for row in told for line in row["lines"]] == ["x", "2", "y", "z"]
    assert [row.get("line") for row in told] == [None, 2, 3, None, 5, None]


def test_a_connection_that_repeats_its_heads_is_bound_as_any_other(lab: Lab) -> None:
    client = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=20)
    headers = {"Authorization": f"Bearer {lab.keys['web']}", "Content-Type": "application/json"}
    statuses = []
    for number, channel in enumerate(("web", "app", "web", "app")):
        client.request("POST", "/v1/orders", an_order(f"quick-{number}", channel), headers)
        answer = client.getresponse()
        answer.read()
        statuses.append(answer.status)
    client.close()
    assert statuses == [200, 422, 200, 422]


def test_single_orders_of_many_keys_are_bound_each_by_its_own(lab: Lab) -> None:
    wire = decode_bodies([an_order("1", "web"), an_order("2", "app"), b"{", an_order("3", "app")], Limits(), True)
    free, web = Bound(), Bound(frozenset({"web"}))
    left = without_foreign(wire, [web, free, web, web])
    assert left.orders.column("order_id").to_pylist() == ["1", "2"]
    assert [(refusal.position, refusal.order_id) for refusal in left.refused] == [(2, ""), (3, "3")]
    assert without_foreign(wire, [free] * 4) is wire


@pytest.mark.parametrize("form", ["lines", "arrow"])
def test_events_of_others_orders_find_no_order(lab: Lab, form: str) -> None:
    for key in ("web", "acme", "both", "floor", "desk"):
        seen = SEEN.get(key, SEEN["web"])
        events = [event(order_id, f"{form}-{key}-{order_id}") for order_id in (*ORDERS, "never-sent")]
        if form == "lines":
            told = results(lab, key, *events)
        else:
            rows = pa.Table.from_pylist([{"seller": "", **json.loads(each)} for each in events])
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, rows.schema) as writer:
                writer.write_table(rows)
            body = lab.ask("POST", "/v1/events", sink.getvalue().to_pybytes(), role=key, Content_Type=ARROW)[2]
            told = pa.ipc.open_stream(body).read_all().to_pylist()
        by_id = dict(zip((*ORDERS, "never-sent"), told, strict=True))
        none = {name: value for name, value in by_id["never-sent"].items() if name not in ("event_id", "order_id")}
        assert none["reason"] == "order_unknown"
        for order_id in ORDERS:
            row = by_id[order_id]
            if order_id in seen:
                assert row["status"] == "applied", (key, order_id, row)
            else:
                assert {name: row[name] for name in none} == none, (key, order_id)


def test_letting_a_hold_go_and_ordering_a_refund_are_no_channels_right(lab: Lab) -> None:
    for key in ("web", "channel"):
        told = results(
            lab,
            key,
            event("w", f"h-{key}", "hold", hold=f"fraud-{key}"),
            event("w", f"r-{key}", "release"),
            event("w", f"q-{key}", "refund_requested"),
            event("w", f"p-{key}", "payment_captured", amount=200, payment_id=key),
            event("w", f"o-{key}", "payment_refunded", amount=100, payment_id=key),
            event("never-sent", f"n-{key}", "release"),
        )
        assert [(row["status"], row.get("reason")) for row in told] == [
            ("applied", None),
            ("refused", "not_allowed"),
            ("refused", "not_allowed"),
            ("applied", None),
            ("applied", None),
            ("refused", "not_allowed"),
        ]
    assert results(lab, "desk", event("w", "release", "release"))[0]["status"] == "applied"


@pytest.mark.parametrize("key", ["web", "desk", "floor", "watch"])
def test_what_belongs_to_all_is_no_bound_keys(lab: Lab, key: str) -> None:
    for method, path in (("PUT", "/v1/tables/skus"), ("PATCH", "/v1/tables/skus"), ("POST", "/v1/stock")):
        assert lab.ask(method, path, b"", role=key, **NDJSON)[0] == 403
    for path in ("/v1/tables", "/v1/tables/skus", "/metrics"):
        assert lab.ask("GET", path, role=key)[0] == 403


def test_who_is_for_one_channel_need_not_name_it(lab: Lab) -> None:
    scope = lab.core.config.order_id_scope
    if scope == "channel":
        assert lab.ask("GET", "/v1/orders/w", role="web")[0] == 200
        assert lab.problem("GET", "/v1/orders/w", role="two")["parameter"] == "channel"
        bare = b'{"event_id":"bare","order_id":"w","type":"note","text":"t"}'
        assert results(lab, "web", bare)[0]["status"] == "applied"
        assert "channel is missing" in results(lab, "two", bare)[0]["detail"]
    if scope == "seller":
        assert lab.ask("GET", "/v1/orders/wa", role="acme")[0] == 200
    asked = lab.ask("POST", "/v1/availability", b'{"skus":["A"]}', role="web", **JSON)
    assert asked[0] == 200
    body = b'{"skus":["A"],"channel":"app"}'
    assert lab.problem("POST", "/v1/availability", body, role="web", **JSON)["parameter"] == "channel"


def test_a_twin_of_another_channel_is_not_named(lab: Lab) -> None:
    customer = {"id": "same", "name": "Erika Muster"}
    first = an_order("twin-1", "app", customer=customer)
    assert lab.ask("POST", "/v1/orders", first, **JSON)[0] == 200
    for number, (key, named) in enumerate((("web", False), ("two", True), ("admin", True))):
        body = an_order(f"twin-of-{number}", "web", customer=customer | {"id": "same"})
        told = json.loads(lab.ask("POST", "/v1/orders", body, role=key, **JSON)[2])
        assert ("duplicate_of" in told) is named, (key, told)
        assert told.get("duplicate_of_order_id") == (f"twin-of-{number - 1}" if named else None)
        if number == 0:
            query = "?channel=web" if lab.core.config.order_id_scope == "channel" else ""
            seen = json.loads(lab.ask("GET", f"/v1/orders/twin-of-0{query}", role="web")[2])
            assert (seen["duplicate_of"], seen["duplicate_of_order_id"]) == (None, None)
            seen = json.loads(lab.ask("GET", f"/v1/orders/twin-of-0{query}")[2])
            assert seen["duplicate_of"] and seen["duplicate_of_order_id"] == "twin-1"


def test_a_conflict_tells_a_bound_key_nothing_of_the_other_order(lab: Lab) -> None:
    if lab.core.config.order_id_scope != "global":
        pytest.skip("ids of others cannot be met")
    problem = lab.problem("POST", "/v1/orders", an_order("a", "web"), role="web", **JSON)
    assert problem["code"] == "id_conflict" and "app" not in json.dumps(problem) and "differ" not in problem["detail"]
    [line] = lab.ask("POST", "/v1/orders/stream", an_order("a", "web"), role="web", **NDJSON)[2].splitlines()
    told = json.loads(line)
    assert (told["detail"], told["cursor"], told["reasons"]) == (problem["detail"], None, ["id_conflict"])
    bodies = [an_order("a", "web"), an_order("fresh", "web"), b"{", an_order("w", "web", priority=9)]
    lines = lab.ask("POST", "/v1/orders/stream", b"\n".join(bodies), role="web", **NDJSON)[2].splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["order_id"] for row in rows] == ["a", "fresh", "", "w"]
    assert [row["cursor"] is None for row in rows] == [True, False, True, False]
    assert "differ: priority" in rows[3]["detail"] and rows[0]["detail"] == problem["detail"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lines": [{"sku": "A", "qty": 2, "unit_price": 500}]}, "lines[0].qty"),
        ({"lines": [{"sku": "A", "qty": 1, "unit_price": 500}, {"sku": "B", "qty": 1}]}, "lines[1]"),
        ({"customer": {"id": "C-w", "name": "Another"}}, "customer.name"),
        ({"coupons": ["X"], "priority": 3}, "coupons, priority"),
        ({"placed_at": "2026-03-01T13:00:00+01:00", "total": 9}, "total"),
    ],
)
def test_a_conflict_names_the_channel_and_what_differs_to_who_may_see_it(
    lab: Lab, change: dict[str, Any], named: str
) -> None:
    body = an_order("w", "web", **change)
    for key in ("admin", "web"):
        problem = lab.problem("POST", "/v1/orders", body, role=key, **JSON)
        assert problem["code"] == "id_conflict"
        assert f"channel 'web' has this order_id already; these differ: {named}." in problem["detail"]
        [line] = lab.ask("POST", "/v1/orders/stream", body, role=key, **NDJSON)[2].splitlines()
        assert json.loads(line)["detail"] == problem["detail"]
    if lab.core.config.order_id_scope == "global":
        problem = lab.problem("POST", "/v1/orders", an_order("a", "web"), role="two", **JSON)
        assert "channel 'app' has this order_id already; these differ: channel" in problem["detail"]


def test_a_conflict_with_an_order_that_came_as_arrow_names_what_differs(lab: Lab) -> None:
    sent = json.loads(an_order("arrow", "web", total=9))
    sink = pa.BufferOutputStream()
    rows = rows_to_arrow([sent])
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    assert lab.ask("POST", "/v1/orders/stream", sink.getvalue().to_pybytes(), Content_Type=ARROW)[0] == 200
    assert json.loads(lab.ask("POST", "/v1/orders", json.dumps(sent).encode(), **JSON)[2])["duplicate"]
    changed = sent | {"priority": 2, "lines": [{"sku": "A", "qty": 2, "unit_price": 500}]}
    problem = lab.problem("POST", "/v1/orders", json.dumps(changed).encode(), **JSON)
    assert "; these differ: lines[0].qty, priority." in problem["detail"]


# --- the file of keys -------------------------------------------------------------------------------------


def test_a_file_without_bound_keys_stays_as_older_versions_read_it(tmp_path: pathlib.Path) -> None:
    add_key(tmp_path, "plain", "channel", 1)
    old = json.loads((tmp_path / "keys.json").read_bytes())
    assert old["format"] == 1 and set(old["keys"][0]) == {"name", "role", "hash", "created_at_ms"}
    add_key(tmp_path, "bound", "channel", 1, Bound(frozenset({"b", "a"})))
    new = json.loads((tmp_path / "keys.json").read_bytes())
    assert new["format"] == 2 and new["keys"][1]["channels"] == ["a", "b"]
    assert [key.bound for key in load_keys(tmp_path)] == [Bound(), Bound(frozenset({"a", "b"}))]
    key_files.revoke_key(tmp_path, "bound")
    assert json.loads((tmp_path / "keys.json").read_bytes()) == old


def test_a_file_of_a_later_format_is_refused_in_words(tmp_path: pathlib.Path) -> None:
    (tmp_path / "keys.json").write_text('{"format": 3, "keys": [], "more": 1}')
    with pytest.raises(KeysRefused, match="format 3"):
        load_keys(tmp_path)


@pytest.mark.parametrize(
    ("role", "bound", "said"),
    [
        ("admin", Bound(frozenset({"web"})), "admin"),
        ("channel", Bound(frozenset({""})), "1 to 128"),
        ("channel", Bound(sellers=frozenset({"x" * 129})), "1 to 128"),
        ("channel", Bound(frozenset(map(str, range(1_001)))), "at most"),
    ],
)
def test_a_bound_that_cannot_be_is_refused_in_words(tmp_path: pathlib.Path, role: str, bound: Bound, said: str) -> None:
    with pytest.raises(KeysRefused, match=said):
        add_key(tmp_path, "k", role, 1, bound)


def test_the_command_makes_bound_keys_and_lists_whom_they_are_for(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path)]
    bound = ["--channel", "web", "--channel", "app", "--seller", "acme"]
    assert main(["keys", "add", "acme", "channel", *where, *bound, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["channels"], made["sellers"]) == (["app", "web"], ["acme"])
    assert main(["keys", "add", "all", "viewer", *where]) == 0
    capsys.readouterr()
    assert main(["keys", "list", *where]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("channel app, web; seller acme") and second.startswith("all ") and "channel" not in second
    assert main(["keys", "add", "root", "admin", *where, "--channel", "web"]) == 1
    assert "cannot be bound" in capsys.readouterr().err


def test_no_key_begins_with_a_dash(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in 64 would: ``--key`` took it for an option."""
    drawn = iter(["-first", "second"])
    monkeypatch.setattr("actors.store.keys.secrets.token_urlsafe", lambda size: next(drawn))
    assert add_key(tmp_path, "shop", "channel", 0) == "second"
