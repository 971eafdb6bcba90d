"""Two gateways and a link: connections that begin with an order stream change their process, nothing else does."""

from __future__ import annotations

import json
import pathlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from actors.gateway.core.logs import JsonLog
from actors.gateway.http.handover import STREAM_HEAD
from actors.gateway.main import Service, build
from actors.store.data_folder import DataFolder
from actors.store.keys import add_key
from router.config import Config, Limits
from tests.labs.gateway_backend import ScriptedBackend, order
from tests.labs.gateway_lab import LoopThread, body_of, connect, read_all


@dataclass
class Pair:
    """A front and its stream gateway in one loop, each with a backend of its own that shows what it was asked."""

    thread: LoopThread
    key: str
    link: socket.socket
    front: ScriptedBackend
    streams: ScriptedBackend
    services: tuple[Service, Service]

    @property
    def port(self) -> int:
        return self.services[0].port

    def start_streams(self) -> None:
        self.thread.run(self.services[1].receive(self.link))

    def head(self, method: str, path: str, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}", *more, "", ""]
        return "\r\n".join(lines).encode()

    def stream_head(self, *more: str) -> bytes:
        return self.head(
            "POST", "/v1/orders/stream", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked", *more
        )


@pytest.fixture(params=[("uvloop", {}), ("asyncio", {})], ids=["uvloop", "asyncio"])
def pair(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Pair]:
    loop_kind, limits = request.param
    config = Config(limits=Limits(**limits))
    DataFolder(tmp_path).create(config)
    key, thread = add_key(tmp_path, "a", "admin", 1), LoopThread(loop_kind)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    backends = ScriptedBackend(), ScriptedBackend()

    async def begin() -> tuple[Service, Service]:
        front, core = build(backends[0], tmp_path, config, JsonLog())
        streams, streams_core = build(backends[1], tmp_path, config, JsonLog())
        services = Service(front, core, near), Service(streams, streams_core)
        await services[0].listen("127.0.0.1", 0)
        return services

    services = thread.run(begin())
    made = Pair(thread, key, far, *backends, services)
    yield made
    for service in services:
        thread.run(service.drain(patience_s=0.1))
    thread.close()
    near.close()
    far.close()


def chunk(*order_ids: str) -> bytes:
    body = b"".join(order(order_id) + b"\n" for order_id in order_ids)
    return b"%x\r\n%s\r\n" % (len(body), body)


def ids_of(answer: bytes) -> list[str]:
    status, _, body = body_of(answer)
    assert status == 200
    return [json.loads(line)["order_id"] for line in body.splitlines()]


def test_a_stream_is_answered_by_the_stream_gateway_and_a_single_order_by_the_front(pair: Pair) -> None:
    pair.start_streams()
    client = connect(pair.port)
    client.sendall(pair.stream_head("Connection: close") + chunk("a", "b"))
    client.sendall(chunk("c") + b"0\r\n\r\n")
    assert ids_of(read_all(client)) == ["a", "b", "c"]
    assert set(pair.streams.seen) == {"a", "b", "c"} and not pair.front.seen
    client = connect(pair.port)
    body = order("single")
    client.sendall(
        pair.head("POST", "/v1/orders", "Content-Type: application/json", f"Content-Length: {len(body)}") + body
    )
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    assert set(pair.front.seen) == {"single"}


def test_a_body_that_came_with_the_head_is_not_lost_and_not_repeated(pair: Pair) -> None:
    pair.start_streams()
    ids = [f"o{number}" for number in range(300)]
    client = connect(pair.port)
    client.sendall(pair.stream_head("Connection: close") + chunk(*ids) + b"0\r\n\r\n")
    client.shutdown(socket.SHUT_WR)  # the end may have arrived before the connection changes hands
    assert ids_of(read_all(client)) == ids
    assert sum(rows for _, _, rows in pair.streams.batches) == len(ids)


def test_a_connection_goes_on_in_its_new_process_after_the_stream(pair: Pair) -> None:
    pair.start_streams()
    client = connect(pair.port)
    client.sendall(pair.stream_head() + chunk("a") + b"0\r\n\r\n")
    answer = b""
    while not answer.endswith(b"0\r\n\r\n"):
        answer += client.recv(1 << 16)
    client.sendall(pair.head("GET", "/readyz", "Connection: close"))
    pair.front.is_ready = (False, "this one was asked")
    assert read_all(client).startswith(b"HTTP/1.1 200")


def test_a_later_stream_of_a_connection_is_passed_on_too(pair: Pair) -> None:
    pair.start_streams()
    client = connect(pair.port)
    for _ in range(3):
        client.sendall(pair.head("GET", "/livez"))
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    client.sendall(pair.stream_head("Connection: close") + chunk("late") + b"0\r\n\r\n")
    assert ids_of(read_all(client)) == ["late"]
    assert set(pair.streams.seen) == {"late"}


def test_a_stream_behind_a_request_under_way_is_served_where_the_connection_is(pair: Pair) -> None:
    pair.start_streams()
    client = connect(pair.port)
    stream = pair.stream_head("Connection: close") + chunk("piped") + b"0\r\n\r\n"
    client.sendall(pair.head("GET", "/livez") + stream)
    first, _, second = read_all(client).partition(b'{"status":"alive"}')
    assert first.startswith(b"HTTP/1.1 200") and ids_of(second) == ["piped"]
    assert set(pair.front.seen) == {"piped"}


def test_a_head_cut_in_two_is_no_stream_when_its_second_half_looks_like_one(pair: Pair) -> None:
    pair.start_streams()
    client = connect(pair.port)
    client.sendall(pair.head("GET", "/livez"))
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Note: ")
    time.sleep(0.1)  # so that both halves are read apart
    client.sendall(b"POST /v1/orders/stream HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert read_all(client).endswith(b'{"status":"alive"}')
    assert not pair.streams.seen and not pair.streams.batches


def test_streams_wait_in_the_link_while_their_gateway_restarts_and_reads_do_not(pair: Pair) -> None:
    waiting = [connect(pair.port) for _ in range(3)]
    for number, client in enumerate(waiting):
        client.sendall(pair.stream_head("Connection: close") + chunk(f"w{number}") + b"0\r\n\r\n")
    reader = connect(pair.port)
    reader.sendall(pair.head("GET", "/livez"))
    assert reader.recv(1 << 16).startswith(b"HTTP/1.1 200")
    assert not pair.front.seen and not pair.streams.seen
    pair.start_streams()
    assert [ids_of(read_all(client)) for client in waiting] == [["w0"], ["w1"], ["w2"]]


def test_when_the_link_takes_no_more_the_front_serves_the_stream(pair: Pair) -> None:
    waiting: list[socket.socket] = []
    while not pair.front.seen:
        assert len(waiting) < 2_000, "the link is bounded"
        waiting.append(connect(pair.port))
        waiting[-1].sendall(pair.stream_head("Connection: close") + chunk(f"o{len(waiting)}") + b"0\r\n\r\n")
        if len(waiting) % 50 == 0:
            probe = connect(pair.port)  # when it is answered, those before it were read
            probe.sendall(pair.head("GET", "/livez", "Connection: close"))
            read_all(probe)
    served = min(int(order_id[1:]) for order_id in pair.front.seen)
    assert ids_of(read_all(waiting[served - 1])) == [f"o{served}"]
    for client in waiting:
        client.close()


def test_a_draining_front_passes_nothing_on(pair: Pair) -> None:
    """Its partner drains too, so a stream it was given then might never be taken."""
    pair.thread.run(pair.services[0].drain(patience_s=0.1))
    assert pair.services[0]._server.pass_on is None


@pytest.mark.parametrize("pair", [("uvloop", {"requests_per_second_max": 1})], indirect=True)
def test_streams_and_other_requests_count_against_one_rate(pair: Pair) -> None:
    pair.start_streams()
    asked = [
        pair.stream_head("Connection: close") + chunk("a") + b"0\r\n\r\n",
        pair.stream_head("Connection: close") + chunk("b") + b"0\r\n\r\n",
        pair.head("GET", "/v1/orders/x", "Connection: close"),
    ]
    statuses = []
    for request in asked:
        client = connect(pair.port)
        client.sendall(request)
        statuses.append(body_of(read_all(client))[0])
    assert statuses == [200, 429, 429]
    assert set(pair.streams.seen) == {"a"} and not pair.front.seen


def test_a_stream_without_a_key_is_refused_by_the_front(pair: Pair) -> None:
    client = connect(pair.port)  # nobody takes streams yet, so only the front can answer
    client.sendall(b"POST /v1/orders/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert body_of(read_all(client))[0] == 401


def test_only_the_stream_endpoint_is_passed_on(pair: Pair) -> None:
    assert pair.stream_head().startswith(STREAM_HEAD)
    for path in ("/v1/orders/streams", "/v1/orders", "/v1/orders/stream?x=1"):
        client = connect(pair.port)
        client.sendall(pair.head("POST", path, "Content-Length: 0", "Connection: close"))
        assert read_all(client).startswith(b"HTTP/1.1 4"), path


def test_a_stream_of_events_changes_its_process_and_a_webhook_stays(pair: Pair) -> None:
    pair.start_streams()
    line = b'{"event_id":"e-%d","order_id":"o","type":"pick"}\n'
    client = connect(pair.port)
    whole = ("Content-Type: application/x-ndjson", f"Content-Length: {len(line % 1)}")
    client.sendall(pair.head("POST", "/v1/events", *whole) + line % 1)
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    chunked = ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked", "Connection: close")
    client.sendall(pair.head("POST", "/v1/events", *chunked) + b"%x\r\n%s\r\n" % (len(line % 2), line % 2))
    client.sendall(b"0\r\n\r\n")
    assert ids_of(read_all(client)) == ["o"]
    assert (pair.front.events, pair.streams.events) == ({"o": ["e-1"]}, {"o": ["e-2"]})


@pytest.mark.parametrize("cut", [1, 5, 22, 40, -60, -3])
def test_a_stream_whose_head_comes_in_pieces_changes_its_process_all_the_same(pair: Pair, cut: int) -> None:
    pair.start_streams()
    client = connect(pair.port)
    head = pair.stream_head("Connection: close")
    for piece in (head[:cut], head[cut:], chunk("a") + b"0\r\n\r\n"):
        client.sendall(piece)
        time.sleep(0.05)
    assert ids_of(read_all(client)) == ["a"]
    assert set(pair.streams.seen) == {"a"} and not pair.front.seen


def test_a_stream_behind_another_request_may_come_byte_by_byte(pair: Pair) -> None:
    pair.start_streams()
    client = connect(pair.port)
    client.sendall(pair.head("GET", "/livez"))
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    for byte in pair.stream_head("Connection: close"):
        client.sendall(bytes([byte]))
        time.sleep(0.001)
    client.sendall(chunk("a") + b"0\r\n\r\n")
    assert ids_of(read_all(client)) == ["a"] and set(pair.streams.seen) == {"a"}


def test_what_is_no_stream_may_come_in_pieces_too_and_stays(pair: Pair) -> None:
    pair.start_streams()
    body = order("single")
    single = pair.head("POST", "/v1/orders", "Content-Type: application/json", f"Content-Length: {len(body)}") + body
    event = b'{"event_id":"e","order_id":"single","type":"note","text":"x"}'
    small = pair.head("POST", "/v1/events", "Content-Type: application/json", f"Content-Length: {len(event)}") + event
    client = connect(pair.port)
    for request in (pair.head("GET", "/livez"), single, small, pair.head("PUT", "/livez")):
        for piece in (request[:1], request[1:9], request[9:25], request[25:]):
            client.sendall(piece)
            time.sleep(0.02)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 405" if request[:2] == b"PU" else b"HTTP/1.1 200")
    assert set(pair.front.seen) == {"single"} and not pair.streams.seen and not pair.streams.events


@pytest.mark.parametrize("pair", [("uvloop", {"header_timeout_ms": 300})], indirect=True)
def test_the_head_of_a_stream_that_never_ends_is_cut_off(pair: Pair) -> None:
    pair.start_streams()
    for head in (b"P", pair.stream_head()[:-2], pair.stream_head()[:-2] + b"X: " + b"x" * 20_000):
        client, began = connect(pair.port), time.monotonic()
        client.sendall(head)
        read_all(client)
        assert time.monotonic() - began < 5
