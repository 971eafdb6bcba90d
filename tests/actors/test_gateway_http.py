"""The whole gateway over a scripted core: dispatch, roles, problems, single orders, events, tables, shutdown."""

from __future__ import annotations

import asyncio
import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from actors.gateway.core import decide
from actors.gateway.core.backend import ShardUnavailable
from actors.gateway.core.core import Core
from actors.gateway.core.logs import JsonLog
from actors.gateway.core.readers import Logs
from actors.gateway.endpoints import orders
from actors.gateway.endpoints.orders import CROWD_ROWS
from actors.gateway.http.app import Gateway
from actors.gateway.main import Service, build
from actors.store.data_folder import DataFolder
from actors.store.keys import ROLES, add_key
from router.config import Config, Limits
from router.errors import RowError, TableRejected
from router.log.memory import MemoryLog
from tests.labs.gateway_backend import KEY, ScriptedBackend, order
from tests.labs.gateway_lab import LoopThread, body_of, connect, read_all, request
from tests.labs.serve_fixture import until

# Settings of another part.
NO_LIMITS = (
    "linger_ms",
    "gateway_stream_batches",
    "order_id_scope",
    "partners",
    "desk",
    "payments",
    "policy",
    "warehouse",
)


@dataclass
class Lab:
    """A running gateway with a key of every role."""

    thread: LoopThread
    backend: Any
    gateway: Gateway
    core: Core
    service: Service
    keys: dict[str, str]
    log: list[dict[str, Any]]

    @property
    def port(self) -> int:
        return self.service.port

    def ask(
        self, method: str, path: str, body: bytes | None = None, role: str = "admin", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.port, method, path, body, sent)

    def problem(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        status, headers, body = self.ask(*arguments, **named)
        assert headers["content-type"] == "application/problem+json", (status, body)
        document = json.loads(body)
        assert document["status"] == status and document["detail"] and document["title"]
        return document | {"retry_after": headers.get("retry-after")}


def start(folder: pathlib.Path, shards: int = 1, core: Callable[..., Any] | None = None, **limits: Any) -> Lab:
    """A gateway over a scripted core, or over the one that ``core(data folder, config)`` makes."""
    named = {name: limits.pop(name) for name in NO_LIMITS if name in limits}
    config = Config(shards=shards, limits=Limits(**limits), **named)
    data = DataFolder(folder)
    data.create(config)
    keys = {role: add_key(folder, role, role, 1) for role in ROLES}
    backend = ScriptedBackend(shards) if core is None else core(data, config)
    thread, lines = LoopThread(), list[dict[str, Any]]()

    class Lines:
        def write(self, text: str) -> None:
            lines.append(json.loads(text))

        def flush(self) -> None: ...

    async def serve() -> tuple[Gateway, Core, Service]:
        ledger = getattr(backend, "ledger_log", MemoryLog(part_count=1))
        logs = None if backend.sources is None else Logs(backend.sources, ledger)
        gateway, made = build(backend, folder, config, JsonLog(Lines()), logs)  # type: ignore[arg-type]
        service = Service(gateway, made)
        await service.listen("127.0.0.1", 0)
        return gateway, made, service

    return Lab(thread, backend, *thread.run(serve()), keys, lines)


@pytest.fixture
def lab(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    running = start(tmp_path, **getattr(request, "param", {}))
    yield running
    running.thread.run(running.service.drain(patience_s=0.1))
    running.thread.close()


JSON = {"Content_Type": "application/json"}
NDJSON = {"Content_Type": "application/x-ndjson"}


def test_health_index_and_description_need_no_key(lab: Lab) -> None:
    for path in ("/", "/livez", "/readyz", "/openapi.json"):
        assert lab.ask("GET", path, role="")[0] == 200, path
    assert lab.ask("HEAD", "/livez", role="")[0] == 200


def test_readyz_says_why_it_is_not_ready(lab: Lab) -> None:
    lab.backend.is_ready = (False, "shard 0 recovers")
    problem = lab.problem("GET", "/readyz", role="")
    assert (problem["status"], problem["code"], problem["detail"]) == (503, "not_ready", "shard 0 recovers")
    assert problem["retry_after"] == "1"


def test_unknown_paths_and_methods_are_problems(lab: Lab) -> None:
    assert lab.problem("GET", "/v2/orders")["code"] == "not_found"
    assert lab.problem("GET", "/v1/orders/a/b/c")["code"] == "not_found"
    refused = lab.problem("DELETE", "/v1/orders")
    assert (refused["status"], refused["allowed"]) == (405, ["GET", "POST"])
    assert lab.ask("DELETE", "/v1/orders")[1]["allow"] == "GET, POST"
    assert lab.problem("PUT", "/v1/tables/passwords", b"", **NDJSON)["code"] == "not_found"


def test_every_route_lets_exactly_its_roles_in(lab: Lab) -> None:
    for route in lab.gateway.table.routes:
        path = route.path.replace("{table}", "skus").replace("{order_id}", "none").replace("{work_id}", "none")
        path += "?wait=0" if path == "/v1/stream" else ""
        if route.roles is None:
            continue
        for role in ROLES:
            status = lab.ask(route.method, path, b"", role=role, **NDJSON)[0]
            assert (status == 403) == (role not in route.roles), (route.path, role, status)
        assert lab.problem(route.method, path, b"", role="")["code"] == "unauthorized", route.path


def test_a_refused_role_is_told_who_may(lab: Lab) -> None:
    problem = lab.problem("POST", "/v1/orders", order("a"), role="viewer", **JSON)
    assert (problem["status"], problem["code"]) == (403, "forbidden")
    assert problem["roles"] == ["admin", "channel", "ops"]


def test_one_order_is_acknowledged(lab: Lab) -> None:
    status, headers, body = lab.ask("POST", "/v1/orders", order("a"), role="channel", **JSON)
    answer = json.loads(body)
    assert (status, headers["content-type"], headers["server"]) == (200, "application/json", "order-router")
    assert (answer["order_id"], answer["status"], answer["duplicate"]) == ("a", "allocated", False)
    assert json.loads(lab.ask("POST", "/v1/orders", order("a"), **JSON)[2])["duplicate"] is True


def test_an_order_over_several_lines_is_one_order(lab: Lab) -> None:
    body = json.dumps(json.loads(order("a")), indent=2).encode()
    assert lab.ask("POST", "/v1/orders", body, **JSON)[0] == 200


def test_a_refused_order_is_422_with_reasons_and_the_acknowledgement(lab: Lab) -> None:
    problem = lab.problem("POST", "/v1/orders", order("refuse-1"), **JSON)
    assert (problem["status"], problem["code"], problem["reasons"]) == (422, "order_rejected", ["sku_unknown"])
    assert problem["acknowledgement"]["status"] == "rejected" and problem["order_id"] == "refuse-1"


def test_an_id_used_with_another_body_is_409(lab: Lab) -> None:
    problem = lab.problem("POST", "/v1/orders", order("conflict-1"), **JSON)
    assert (problem["status"], problem["code"]) == (409, "id_conflict")


@pytest.mark.parametrize("body", [b"", b"  \n", b"{", b'{"order_id": NaN}', b"\xff", b"[" * 100_000, b"{}{}"])
def test_what_is_no_json_is_400(lab: Lab, body: bytes) -> None:
    problem = lab.problem("POST", "/v1/orders", body, **JSON)
    assert (problem["status"], problem["code"]) == (400, "bad_json")


@pytest.mark.parametrize("body", [b"7", b"[]", b'{"order_id": 7}', b"null"])
def test_json_that_is_no_order_is_422(lab: Lab, body: bytes) -> None:
    assert lab.problem("POST", "/v1/orders", body, **JSON)["code"] == "order_rejected"


def test_wrong_media_types_are_415_and_compression_is_refused(lab: Lab) -> None:
    assert lab.problem("POST", "/v1/orders", b"<a/>", Content_Type="text/xml")["status"] == 415
    assert lab.problem("POST", "/v1/orders/stream", b"", Content_Type="text/csv")["accepted"]
    events = lab.problem("POST", "/v1/events", b"", Content_Type="text/csv")
    assert events["status"] == 415 and "application/json, one event" in events["detail"]
    empty = lab.problem("POST", "/v1/events", b" ", **JSON)
    assert (empty["status"], empty["code"]) == (400, "bad_json")
    assert lab.problem("PUT", "/v1/tables/skus", b"", Content_Type="text/xml")["status"] == 415
    zipped = lab.problem("POST", "/v1/orders", b"x", Content_Type="application/json", Content_Encoding="gzip")
    assert zipped["status"] == 415 and "uncompressed" in zipped["detail"]


@pytest.mark.parametrize("lab", [{"body_bytes_max": 1000}], indirect=True)
def test_a_body_beyond_the_limit_is_413(lab: Lab) -> None:
    assert lab.problem("POST", "/v1/orders", b"x" * 2000, **JSON)["code"] == "body_too_large"


def test_orders_that_arrive_together_are_decided_together(lab: Lab) -> None:
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.001)

    lab.backend.before = hold
    with ThreadPoolExecutor(40) as clients:
        answers = [clients.submit(lab.ask, "POST", "/v1/orders", order(f"o{i}"), **JSON) for i in range(40)]
        while not lab.backend.batches:
            time.sleep(0.005)
        time.sleep(0.3)
        under_way = len(lab.backend.batches)
        gate.set()
        got = [json.loads(answer.result()[2])["order_id"] for answer in answers]
    assert got == [f"o{i}" for i in range(40)], "everyone gets their own answer"
    assert under_way == 1 and len(lab.backend.batches) == 2, "one batch in flight, the rest waited together"


def test_a_crowd_does_not_wait_for_the_batch_under_way(lab: Lab) -> None:
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.001)

    lab.backend.before = hold
    with ThreadPoolExecutor(CROWD_ROWS + 60) as clients:
        answers = [
            clients.submit(lab.ask, "POST", "/v1/orders", order(f"o{i}"), **JSON) for i in range(CROWD_ROWS + 60)
        ]
        while len(lab.backend.batches) < 2:
            time.sleep(0.005)
        gate.set()
        assert {answer.result()[0] for answer in answers} == {200}
    assert max(rows for _, _, rows in lab.backend.batches) >= CROWD_ROWS


def raw(lab: Lab, *head: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Status and document of a request sent as it stands."""
    with connect(lab.port) as client:
        client.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode() + body)
        status, _, answer = body_of(read_all(client))
    return status, json.loads(answer)


@pytest.mark.parametrize("quickly", [False, True])
def test_a_header_that_is_said_twice_is_refused_whichever_comes_first(lab: Lab, quickly: bool) -> None:
    """A proxy may look at one of them and we at the other."""
    body = order("twice")
    head = [
        "POST /v1/orders HTTP/1.1" if quickly else "POST /v1/orders? HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {lab.keys['channel']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    for more in (
        f"authorization: Bearer {lab.keys['viewer']}",
        f"Authorization: Bearer {lab.keys['channel']}",
        "Authorization: Basic x",
        "Content-Type: text/plain",
        "Host: y",
        "Content-Encoding: identity\r\nContent-Encoding: gzip",
    ):
        for lines in ([*head, more], [head[0], more, *head[1:]]):
            for _ in range(2):  # a head that was seen before is not parsed again
                status, problem = raw(lab, *lines, body=body)
                assert (status, problem.get("code")) == (400, "bad_request"), (lines, problem)
    assert not lab.backend.seen
    assert raw(lab, *head, "X-Note: a", "X-Note: b", body=body)[0] == 200


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate,chunked", "identity, chunked", "x-any, Chunked"])
def test_a_body_in_another_coding_than_chunks_is_refused(lab: Lab, coding: str) -> None:
    body = order("coded")
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for path in ("/v1/orders", "/v1/orders/stream", "/v1/events"):
        head = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {lab.keys['admin']}"]
        media_type = f"Content-Type: application/{'json' if path == '/v1/orders' else 'x-ndjson'}"
        status, problem = raw(lab, *head, media_type, f"Transfer-Encoding: {coding}", body=chunks)
        assert (status, problem["code"]) == (400, "bad_request")
    assert not lab.backend.batches
    head = ["POST /v1/orders HTTP/1.1", "Host: x", f"Authorization: Bearer {lab.keys['admin']}"]
    assert raw(lab, *head, "Content-Type: application/json", "Transfer-Encoding: Chunked", body=chunks)[0] == 200


def test_keys_take_turns_where_orders_wait_for_a_batch(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop that sends many large orders one by one does not keep a neighbour's small one waiting for all of them."""
    monkeypatch.setattr(orders, "BATCH_BYTES_MAX", 1)
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.001)

    lab.backend.before = hold
    (waiting,) = [read for name, _, read in lab.core.metrics.gauges if name == "router_single_orders_waiting"]
    with ThreadPoolExecutor(40) as clients:
        many = [clients.submit(lab.ask, "POST", "/v1/orders", order(f"m{i}"), "channel", **JSON) for i in range(30)]
        until(lambda: waiting() == 29, "one is under way, all others wait")
        other = clients.submit(lab.ask, "POST", "/v1/orders", order("other"), "ops", **JSON)
        until(lambda: waiting() == 30, "the other key's, too")
        gate.set()
        assert {answer.result()[0] for answer in [*many, other]} == {200}
    assert lab.backend.seen["other"][1] <= 3, "one was under way, one had its turn"


def test_single_orders_that_are_much_work_go_in_parts_and_each_gets_its_answer(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "cut_batch", partial(decide.cut_batch, most=40_000))
    long = [{"sku": f"S{at}", "qty": 1} for at in range(100)]
    lab.backend.before = lambda *_: asyncio.sleep(0.02)

    def ask(number: int) -> dict[str, Any]:
        bad = number == 5
        status, _, body = lab.ask("POST", "/v1/orders", b"{" if bad else order(f"o{number}", lines=long), **JSON)
        assert status == (400 if bad else 200)
        found: dict[str, Any] = json.loads(body)
        return found

    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(ask, range(12)))
    assert [each["order_id"] for each in answers if "code" not in each] == [f"o{n}" for n in range(12) if n != 5]
    assert max(rows for _, _, rows in lab.backend.batches) == 2


@pytest.mark.parametrize("lab", [{"linger_ms": 500}], indirect=True)
def test_clients_that_ask_again_at_once_share_a_batch(lab: Lab) -> None:
    lab.backend.before = lambda *_: asyncio.sleep(0.02)

    def ask_often(client: int) -> None:
        for turn in range(8):
            assert lab.ask("POST", "/v1/orders", order(f"o{client}-{turn}"), **JSON)[0] == 200

    with ThreadPoolExecutor(12) as clients:
        list(clients.map(ask_often, range(12)))
    sizes = [rows for _, _, rows in lab.backend.batches]
    settled = sizes[len(sizes) // 2 : -2]
    assert sum(sizes) == 96 and settled and set(settled) <= {11, 12}, sizes


@pytest.mark.parametrize("lab", [{"linger_ms": 300}], indirect=True)
def test_clients_that_do_not_ask_again_are_not_waited_for(lab: Lab) -> None:
    """Twice two orders at a time that nobody follows up: one wait in vain, then none."""
    lab.backend.before = lambda *_: asyncio.sleep(0.05)

    def ask(number: int) -> float:
        began = time.monotonic()
        assert lab.ask("POST", "/v1/orders", order(f"o{number}"), **JSON)[0] == 200
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as clients:
        for number in range(4):
            clients.submit(ask, number)
    time.sleep(0.5)
    took_s = []
    with ThreadPoolExecutor(1) as client:
        for number in range(10, 20):
            took_s.append(client.submit(ask, number).result())
            time.sleep(0.01)
    assert sum(seconds > 0.3 for seconds in took_s) <= 1, took_s


@pytest.mark.parametrize("lab", [{"linger_ms": 2_000}], indirect=True)
def test_a_client_that_is_alone_waits_for_nobody(lab: Lab) -> None:
    began = time.monotonic()
    for turn in range(5):
        assert lab.ask("POST", "/v1/orders", order(f"o{turn}"), **JSON)[0] == 200
    assert time.monotonic() - began < 1.5


def test_one_bad_order_does_not_disturb_those_decided_with_it(lab: Lab) -> None:
    with ThreadPoolExecutor(20) as clients:
        bodies = [b"{broken" if i % 4 == 0 else order(f"o{i}") for i in range(20)]
        statuses = list(clients.map(lambda body: lab.ask("POST", "/v1/orders", body, **JSON)[0], bodies))
    assert statuses == [400 if i % 4 == 0 else 200 for i in range(20)]


def test_a_bad_order_that_shares_a_batch_is_told_about_its_own_body(lab: Lab) -> None:
    with ThreadPoolExecutor(12) as clients:
        bodies = [b"{broken" if i == 9 else order(f"o{i}") for i in range(12)]
        answers = list(clients.map(lambda body: lab.ask("POST", "/v1/orders", body, **JSON), bodies))
    told = json.loads(answers[9][2])
    assert told["detail"].startswith("line 1: ") and told["acknowledgement"]["line"] == 1


def test_a_restarting_shard_gets_the_same_batch_again(lab: Lab) -> None:
    failures = iter([True, True, False])

    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        if next(failures, False):
            raise ShardUnavailable("restarting", 10)

    lab.backend.before = fail
    assert lab.ask("POST", "/v1/orders", order("a"), **JSON)[0] == 200
    assert len({batch_id for _, batch_id, _ in lab.backend.batches}) == 1 and len(lab.backend.batches) == 3


def test_a_shard_that_stays_away_is_503_with_retry_after(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(shard: int, batch_id: tuple[int, int]) -> None:
        raise ShardUnavailable("restarting", 10)

    monkeypatch.setattr("actors.gateway.core.lanes.RETRY_DEADLINE_S", 0.3)
    lab.backend.before = fail
    problem = lab.problem("POST", "/v1/orders", order("a"), **JSON)
    assert (problem["status"], problem["code"], problem["retry_after"]) == (503, "shard_unavailable", "5")
    lab.backend.before = None
    assert lab.ask("POST", "/v1/orders", order("a"), **JSON)[0] == 200, "the gateway goes on"


def test_too_many_waiting_orders_are_429(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    async def hold(shard: int, batch_id: tuple[int, int]) -> None:
        while not gate.is_set():
            await asyncio.sleep(0.001)

    monkeypatch.setattr("actors.gateway.endpoints.orders.WAITING_MAX", 3)
    lab.backend.before = hold
    with ThreadPoolExecutor(30) as clients:
        answers = [clients.submit(lab.ask, "POST", "/v1/orders", order(f"o{i}"), **JSON) for i in range(30)]
        time.sleep(0.5)
        gate.set()
        statuses = [answer.result()[0] for answer in answers]
    assert set(statuses) == {200, 429}


def test_a_bug_is_told_without_details_and_logged_with_a_request_id(lab: Lab) -> None:
    async def burst(*_: object) -> None:
        raise ZeroDivisionError("secret of the customer")

    lab.backend.before = burst
    status, _, body = lab.ask("POST", "/v1/events", b'{"event_id":"e","order_id":"o","type":"pick"}', **NDJSON)
    problem = json.loads(body)
    assert (status, problem["code"]) == (500, "internal")
    assert b"secret" not in body and b"Traceback" not in body and b"ZeroDivision" not in body
    entry = next(line for line in lab.log if line.get("request_id") == problem["request_id"])
    assert entry["fault"] == "ZeroDivisionError" and "secret" not in json.dumps(lab.log)


@pytest.mark.parametrize("lab", [{"shards": 4}], indirect=True)
def test_events_are_answered_in_order_over_shards_and_bad_lines_in_their_place(lab: Lab) -> None:
    lines = [json.dumps({"event_id": f"e{i}", "order_id": f"o{i}", "type": "pick"}).encode() for i in range(50)]
    lines[7] = b"{broken"
    lines[9] = b""
    lines[11] = b'{"event_id": "x"}'
    status, headers, body = lab.ask("POST", "/v1/events", b"\n".join(lines), **NDJSON)
    results = [json.loads(line) for line in body.splitlines()]
    assert status == 200 and headers["content-type"] == "application/x-ndjson" and len(results) == 49
    assert results[7]["reason"] == "malformed_event" and results[7]["line"] == 8
    assert results[10]["line"] == 12 and "order_id" in results[10]["detail"]
    good = [result for result in results if result["status"] == "applied"]
    assert [result["event_id"] for result in good] == [f"e{i}" for i in range(50) if i not in (7, 9, 11)]
    assert set(lab.backend.shard_of_order.values()) == {0, 1, 2, 3}


def test_stock_movements_answer_a_row_each(lab: Lab) -> None:
    body = b'{"movement_id":"m1"}\n{"movement_id":"m2"}\n'
    status, _, answer = lab.ask("POST", "/v1/stock", body, role="service", **NDJSON)
    assert status == 200 and [json.loads(line)["movement_id"] for line in answer.splitlines()] == ["m1", "m2"]


def test_a_table_is_put_and_a_refused_one_names_its_rows(lab: Lab) -> None:
    status, _, body = lab.ask("PUT", "/v1/tables/skus", b'{"sku":"A"}\n', role="ops", **NDJSON)
    assert (status, json.loads(body)) == (200, {"table": "skus", "version": 1, "rows": 1, "warnings": []})
    lab.backend.reject = TableRejected("skus", [RowError(3, "price", "negative", "make it positive")], 7)
    problem = lab.problem("PUT", "/v1/tables/skus", b"x", **NDJSON)
    assert (problem["status"], problem["code"], problem["error_count"]) == (422, "table_refused", 7)
    assert problem["errors"] == [{"row": 3, "field": "price", "code": "negative", "detail": "make it positive"}]


def test_a_quote_is_an_acknowledgement_with_a_cost(lab: Lab) -> None:
    status, _, body = lab.ask("POST", "/v1/quotes", order("a"), role="viewer", **JSON)
    assert (status, json.loads(body)["status"], json.loads(body)["cost"]) == (200, "allocated", 5)
    several = b'{"orders": [%s, {"order_id": 7}, %s]}' % (order("b"), order("c"))
    quotes = json.loads(lab.ask("POST", "/v1/quotes", several, **JSON)[2])["quotes"]
    assert [quote["status"] for quote in quotes] == ["allocated", "rejected", "allocated"]
    assert lab.problem("POST", "/v1/quotes", b"{", **JSON)["code"] == "bad_json"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1001", "status=lost", "from=yesterday", "colour=red", "cursor=abc"]
)
def test_search_parameters_are_checked_in_words(lab: Lab, query: str) -> None:
    assert lab.problem("GET", f"/v1/orders?{query}")["code"] == "bad_parameter"


def test_metrics_count_requests_by_route_without_ids(lab: Lab) -> None:
    lab.ask("POST", "/v1/orders", order("a"), **JSON)
    lab.ask("GET", "/v1/orders/secret-order-id")
    text = lab.ask("GET", "/metrics", role="viewer")[2].decode()
    assert 'router_requests_total{route="/v1/orders",status="200"} 1.0' in text
    assert 'router_ingest_orders_total{format="single",status="allocated"} 1.0' in text
    assert 'router_build_info{version="' in text and "router_open_connections" in text
    assert "secret-order-id" not in text


@pytest.mark.parametrize("lab", [{"requests_per_second_max": 2}], indirect=True)
def test_a_key_beyond_its_rate_is_429(lab: Lab) -> None:
    statuses = [lab.ask("POST", "/v1/orders", order(f"o{number}"), **JSON)[0] for number in range(6)]
    assert statuses[:2] == [200, 200] and 429 in statuses
    assert lab.problem("POST", "/v1/orders", order("x"), **JSON)["code"] == "rate_limited"
    assert lab.ask("GET", "/livez", role="")[0] == 200


def test_batches_of_one_gateway_never_share_an_id_and_go_to_the_right_shard(tmp_path: pathlib.Path) -> None:
    import pyarrow as pa

    from router.ids import hash_strings
    from router.shard.partition import shard_of

    lab = start(tmp_path, shards=4)
    try:
        for number in range(20):
            assert lab.ask("POST", "/v1/orders", order(f"o{number}"), **JSON)[0] == 200
        wanted = shard_of(hash_strings(KEY, pa.array([f"o{number}" for number in range(20)]))[1], 4).tolist()
        assert [shard for shard, _, _ in lab.backend.batches] == wanted
        assert len({(shard, batch_id) for shard, batch_id, _ in lab.backend.batches}) == 20
    finally:
        lab.thread.run(lab.service.drain(0.1))
        lab.thread.close()
