"""Connections that are slow, cut, half closed or too many, on real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.problems import Problem
from actors.gateway.http.limits import GatewayServer
from actors.gateway.http.requests import media_type_of, read_body
from router.config import Limits
from tests.labs.gateway_lab import LoopThread, body_of, connect, read_all

Start = Callable[..., int]


@pytest.fixture(params=["uvloop", "asyncio"])
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a server that answers the body's length, with the limits given; returns its port."""
    thread = LoopThread(request.param)
    runners: list[web.ServerRunner] = []

    async def serve(limits: Limits) -> int:
        async def handler(request: BaseRequest) -> web.StreamResponse:
            try:
                media_type_of(request)
                body = await read_body(request, limits)
            except Problem as problem:
                return problem.response()
            return web.Response(text=f"{request.raw_path} {len(body)}")

        runner = web.ServerRunner(GatewayServer(handler, limits))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return int(runner.addresses[0][1])

    yield lambda **given: thread.run(serve(Limits(**given)))
    for runner in runners:
        thread.run(runner.cleanup())
    thread.close()


def seconds_until_closed(client: socket.socket) -> float:
    began = time.monotonic()
    read_all(client)
    return time.monotonic() - began


def test_a_connection_that_sends_nothing_is_closed_at_the_head_deadline(start: Start) -> None:
    port = start(header_timeout_ms=200)
    assert 0.1 < seconds_until_closed(connect(port)) < 2


def test_a_head_that_arrives_byte_by_byte_is_cut_at_the_head_deadline(start: Start) -> None:
    client = connect(start(header_timeout_ms=300))
    began = time.monotonic()
    with pytest.raises(OSError):
        for byte in b"GET /slow-loris HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1000:
            client.send(bytes([byte]))
            time.sleep(0.02)
    assert time.monotonic() - began < 3


def test_a_second_head_that_drips_on_a_kept_alive_connection_is_cut_too(start: Start) -> None:
    client = connect(start(header_timeout_ms=300))
    client.sendall(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"/first 0" in client.recv(4096)
    time.sleep(0.5)  # idle between requests is no fault
    client.sendall(b"GET /sec")
    assert 0.1 < seconds_until_closed(client) < 2


def test_a_body_that_drips_is_ended_with_408(start: Start) -> None:
    client = connect(start(body_idle_timeout_ms=300))
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
    began = time.monotonic()
    answer = b""
    client.settimeout(0.05)
    while not answer and time.monotonic() - began < 5:
        client.send(b"x")  # one byte at a time, never idle for long
        try:
            answer = client.recv(4096)
        except TimeoutError:
            continue
    status, headers, body = body_of(answer)
    assert (status, json.loads(body)["code"]) == (408, "body_timeout")
    assert headers["content-type"] == "application/problem+json"


def test_a_body_beyond_the_limit_is_refused_by_its_declared_length_before_it_is_read(start: Start) -> None:
    client = connect(start(body_bytes_max=1000))
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    assert json.loads(body_of(client.recv(8192))[2])["code"] == "body_too_large"


def test_a_chunked_body_beyond_the_limit_is_refused_while_it_arrives(start: Start) -> None:
    client = connect(start(body_bytes_max=1000))
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(4):
        client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        time.sleep(0.02)
    assert json.loads(body_of(client.recv(8192))[2])["code"] == "body_too_large"


def test_a_client_that_shuts_down_its_writing_side_gets_its_answers(start: Start) -> None:
    client = connect(start())
    client.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    answer = read_all(client)
    assert b"/a 3" in answer and b"/b 0" in answer


def test_a_body_cut_off_by_a_shut_down_writing_side_is_told_so(start: Start) -> None:
    client = connect(start())
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\nabc")
    time.sleep(0.05)
    client.shutdown(socket.SHUT_WR)
    assert json.loads(body_of(read_all(client))[2])["code"] == "body_truncated"


def test_one_connection_too_many_gets_429_with_retry_after(start: Start) -> None:
    port = start(connections_max=2)
    kept = [connect(port) for _ in range(2)]
    for client in kept:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in client.recv(4096)
    status, headers, body = body_of(read_all(connect(port)))
    assert (status, json.loads(body)["code"], headers["retry-after"]) == (429, "connections_limit", "1")
    kept.pop().close()
    time.sleep(0.1)
    again = connect(port)
    again.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in again.recv(4096)


def test_a_compressed_body_is_refused_in_words(start: Start) -> None:
    client = connect(start())
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
    status, _, body = body_of(client.recv(4096))
    assert status == 415 and "uncompressed" in json.loads(body)["detail"]


def test_bytes_that_are_not_http_get_a_problem_and_no_traceback(start: Start) -> None:
    client = connect(start())
    client.sendall(b"\x16\x03\x01\x02\x00 this is no request\r\n\r\n")
    status, headers, body = body_of(read_all(client))
    assert (status, json.loads(body)["code"]) == (400, "bad_request")
    assert b"Traceback" not in body and b"aiohttp" not in body


def test_a_client_that_asks_before_it_sends_is_told_to_continue(start: Start) -> None:
    client = connect(start())
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    client.sendall(b"abc")
    assert b"/ 3" in client.recv(4096)
