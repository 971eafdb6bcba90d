"""``GET /v1/stream`` over the logs of real shards on disk: forms, filters, what roles see, waking, lag."""

from __future__ import annotations

import json
import pathlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from actors.gateway.endpoints import stream as endpoint
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from router.config import Config
from router.log.memory import MemoryLog
from router.ports import Log
from tests.actors.test_gateway_http import Lab, start
from tests.labs.feed_world import FeedWorld, order
from tests.labs.gateway_backend import ScriptedBackend
from tests.labs.gateway_lab import connect
from tests.labs.large_log import large_log

Row = dict[str, Any]


class FollowedBackend(ScriptedBackend):
    """Shards that live in this process; the gateway reads their logs as it reads those of others."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        super().__init__(config.shards)

        def log_of(name: str, parts: int) -> Log:
            if parts == 1:
                return MemoryLog(parts)
            return LmdbLog(data.path / name, config.log, parts, bell=Bell(data.bell))

        self.world = FeedWorld(config.shards, log_of)
        self.world.stock(A=100)
        self.sources = [log.reader() for log in self.world.sources]


@pytest.fixture
def lab(tmp_path: pathlib.Path) -> Iterator[Lab]:
    running = start(tmp_path, shards=2, core=FollowedBackend)
    yield running
    running.thread.run(running.service.drain(patience_s=0.1))
    running.thread.close()
    for log in running.backend.world.sources:
        log.close()
    shutil.rmtree(DataFolder(tmp_path).shared)


def rows_of(lab: Lab, query: str = "", role: str = "viewer") -> list[Row]:
    status, headers, body = lab.ask("GET", f"/v1/stream?wait=0&{query}", role=role)
    assert (status, headers["content-type"]) == (200, "application/x-ndjson"), body
    return [json.loads(line) for line in body.splitlines() if line]


def changes(rows: list[Row]) -> list[Row]:
    """Without what only tells a place."""
    return [row for row in rows if "order_id" in row]


def opened(lab: Lab, query: str = "", accept: str = "application/x-ndjson") -> socket.socket:
    client = connect(lab.port)
    key = lab.keys["viewer"]
    head = f"GET /v1/stream?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nAccept: {accept}\r\n\r\n"
    client.sendall(head.encode())
    return client


def read_until(client: socket.socket, text: bytes) -> bytes:
    received = b""
    while text not in received:
        part = client.recv(1 << 16)
        assert part, received
        received += part
    return received


def test_events_come_with_what_was_sent_and_with_channel_and_seller_of_their_order(lab: Lab) -> None:
    lab.backend.world.orders(order("a", seller="zoe"))
    sent = {"event_id": "e", "carrier": "dhl", "tracking_number": "T", "lines": [{"line_id": "1", "qty": 1}]}
    lab.backend.world.events({**sent, "order_id": "a", "type": "ship", "at": "2025-11-22T10:00:00Z", "source": "wms"})
    decided, shipped = rows_of(lab)
    assert (decided["type"], decided["status"], "payload" in decided) == ("order", "allocated", False)
    assert (shipped["type"], shipped["channel"], shipped["seller"]) == ("ship", "web", "zoe")
    assert shipped["payload"] == sent | {"at": "2025-11-22T10:00:00.000Z", "source": "wms"}


def test_filters_may_be_given_several_times_and_at_once(lab: Lab) -> None:
    world = lab.backend.world
    world.orders(order("a"), order("b", channel="shop"), order("c", channel="mail"))
    world.events(*({"event_id": f"e{name}", "order_id": name, "type": "pick"} for name in "abc"))
    found = changes(rows_of(lab, "channel=web&channel=shop&type=pick"))
    assert sorted(row["order_id"] for row in found) == ["a", "b"]
    assert [row["version"] for row in changes(rows_of(lab, "order_id=c"))] == [1, 2]
    assert len(changes(rows_of(lab, "state=picking&limit=2"))) == 2


def test_a_filtered_stream_says_at_its_end_how_far_it_looked(lab: Lab) -> None:
    lab.backend.world.orders(order("a"), order("b"))
    told = rows_of(lab, "channel=nobody")
    assert [set(row) for row in told] == [{"cursor"}]
    assert rows_of(lab, f"cursor={told[0]['cursor']}") == []
    status, _, body = lab.ask("GET", "/v1/stream?wait=0&channel=nobody", role="viewer", Accept="text/event-stream")
    assert (status, body) == (200, f"id: {told[0]['cursor']}\n\n".encode())
    assert all("order_id" in row for row in rows_of(lab))


@pytest.mark.parametrize(
    ("query", "parameter", "remedy"),
    [
        ("type=shipped", "type", "type is one of order, release,"),
        ("state=gone", "state", "state is one of pending, rejected,"),
        ("type=ship&type=", "type", "leave it out"),
        ("channel=", "channel", "leave it out"),
        ("&".join(f"order_id={number}" for number in range(101)), "order_id", "100 times"),
        ("cursor=0:1.0", "cursor", "this router has 2; start without a cursor"),
        ("limit=0", "limit", "from 1 to"),
        ("wait=-1", "wait", "from 0 to"),
    ],
)
def test_values_that_could_never_match_are_refused_in_words(lab: Lab, query: str, parameter: str, remedy: str) -> None:
    problem = lab.problem("GET", f"/v1/stream?{query}&wait=0", role="viewer")
    assert (problem["status"], problem["code"], problem["parameter"]) == (400, "bad_parameter", parameter)
    assert remedy in problem["detail"]


def test_remarks_within_the_house_are_shown_to_the_house(lab: Lab) -> None:
    world = lab.backend.world
    world.orders(order("a"))
    world.events(
        {"event_id": "e1", "order_id": "a", "type": "hold", "hold": "fraud", "note": "looks odd"},
        {"event_id": "e2", "order_id": "a", "type": "note", "text": "call her"},
        {"event_id": "e3", "order_id": "a", "type": "note", "text": "thank you", "public": True},
    )
    for role in ("admin", "ops", "service", "viewer"):
        payloads = [row["payload"] for row in rows_of(lab, role=role)[1:]]
        assert [row.get("note") or row.get("text") for row in payloads] == ["looks odd", "call her", "thank you"]
    payloads = [row["payload"] for row in rows_of(lab, role="channel")[1:]]
    assert [row.get("note") or row.get("text") for row in payloads] == [None, None, "thank you"]


def test_a_client_that_waits_hears_of_a_change_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far sooner than the slow look that would find it without the bell."""
    client = opened(lab)
    read_until(client, b"\r\n\r\n")
    waited_s = []
    for number in range(10):
        time.sleep(0.05)
        began = time.monotonic()
        lab.backend.world.orders(order(f"o-{number}"))
        read_until(client, f'"o-{number}"'.encode())
        waited_s.append(time.monotonic() - began)
    assert sorted(waited_s)[5] < 0.2, waited_s
    client.close()


def test_without_a_bell_a_change_is_found_by_the_slow_look(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bell, "ring", lambda _: None)
    client = opened(lab)
    read_until(client, b"\r\n\r\n")
    time.sleep(0.2)
    began = time.monotonic()
    lab.backend.world.orders(order("quiet"))
    read_until(client, b'"quiet"')
    assert time.monotonic() - began < 5
    client.close()


def test_many_clients_are_all_woken(lab: Lab) -> None:
    clients = [opened(lab) for _ in range(20)]
    for client in clients:
        read_until(client, b"\r\n\r\n")
    lab.backend.world.orders(order("for-all"))
    for client in clients:
        read_until(client, b'"for-all"')
        client.close()


@pytest.mark.parametrize(
    ("query", "accept", "sign"),
    [
        ("", "application/x-ndjson", b"\r\n1\r\n\n\r\n"),
        ("", "text/event-stream", b": alive\n\n"),
        ("channel=nobody", "application/x-ndjson", b'{"cursor":"0:'),
        ("channel=nobody", "text/event-stream", b"id: 0:"),
    ],
)
def test_signs_of_life_come_while_nothing_is_new(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, query: str, accept: str, sign: bytes
) -> None:
    monkeypatch.setattr(endpoint, "HEARTBEAT_S", 0.3)
    client = opened(lab, query, accept)
    received = read_until(client, sign)
    assert received.count(sign) == 1
    began = time.monotonic()
    read_until(client, sign)
    assert 0.2 < time.monotonic() - began < 3
    client.close()


def test_patience_counts_from_the_last_change_that_was_shown(lab: Lab) -> None:
    lab.backend.world.orders(order("a"))
    began = time.monotonic()
    timer = threading.Timer(0.6, lambda: lab.backend.world.orders(order("b")))
    timer.start()
    rows = lab.ask("GET", "/v1/stream?wait=1", role="viewer")[2].splitlines()
    assert len(rows) == 2 and 1.5 < time.monotonic() - began < 6


def test_a_stream_ends_at_once_when_the_router_ends(lab: Lab) -> None:
    client = opened(lab)
    read_until(client, b"\r\n\r\n")
    began = time.monotonic()
    lab.thread.call(lab.core.draining.set)
    read_until(client, b"0\r\n\r\n")
    assert time.monotonic() - began < 0.5
    client.close()


def test_clients_beyond_the_limit_are_asked_to_come_back(tmp_path: pathlib.Path) -> None:
    running = start(tmp_path, shards=1, core=FollowedBackend, streams_max=1)
    try:
        client = opened(running)
        read_until(client, b"\r\n\r\n")
        assert running.problem("GET", "/v1/stream?wait=0")["code"] == "streams_limit"
        client.close()
        deadline = time.monotonic() + 10
        while running.ask("GET", "/v1/stream?wait=0")[0] != 200:
            running.backend.world.orders(order(f"o-{time.monotonic_ns()}"))  # what is written shows that it is gone
            assert time.monotonic() < deadline
    finally:
        running.thread.run(running.service.drain(patience_s=0.1))
        running.thread.close()
        shutil.rmtree(DataFolder(tmp_path).shared)


def lags(lab: Lab) -> dict[str, float]:
    text = lab.ask("GET", "/metrics")[2].decode()
    return {
        line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("router_reader_lag_")
    }


def test_metrics_say_how_far_each_reader_is_behind(lab: Lab, tmp_path: pathlib.Path) -> None:
    world, readers = lab.backend.world, DataFolder(tmp_path).readers
    world.orders(*(order(f"o-{number}") for number in range(40)))
    assert lags(lab) == {}
    readers.mkdir(parents=True)
    (readers / "desk").write_text("0:1.0,1:1.0")
    (readers / "lake").write_text("0:2.0,1:2.0")
    (readers / "broken").write_text("0:2.0")
    found = lags(lab)
    assert found['router_reader_lag_rows{reader="desk"}'] == 40
    assert found['router_reader_lag_rows{reader="lake"}'] == found['router_reader_lag_seconds{reader="lake"}'] == 0
    assert found['router_reader_lag_seconds{reader="desk"}'] > 1_000 and len(found) == 4


def test_the_client_that_is_furthest_behind_is_the_streams_lag(tmp_path: pathlib.Path) -> None:
    """One reads nothing, so what is written for it fills the socket; the others are at the end."""

    class Large(ScriptedBackend):
        def __init__(self, data: DataFolder, config: Config) -> None:
            super().__init__(1)
            self.sources = [large_log(rows=400_000)]

    running = start(tmp_path, core=Large, body_idle_timeout_ms=30_000)
    try:
        slow, quick = opened(running), opened(running, "cursor=0:25.0")
        read_until(quick, b"\r\n\r\n")
        deadline = time.monotonic() + 20
        while not 0 < lags(running).get('router_reader_lag_rows{reader="stream"}', 0) < 400_000:
            assert time.monotonic() < deadline
        slow.close()
        while lags(running)['router_reader_lag_rows{reader="stream"}'] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert lags(running)['router_reader_lag_rows{reader="stream"}'] == 0
        quick.close()
    finally:
        running.thread.run(running.service.drain(patience_s=0.1))
        running.thread.close()
