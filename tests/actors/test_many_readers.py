"""Many clients of ``GET /v1/stream`` on a log of many small records: they keep neither reads nor the end waiting."""

from __future__ import annotations

import asyncio
import functools
import json
import pathlib
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from actors.gateway.core import reading
from actors.gateway.endpoints import stream as endpoint
from actors.gateway.http.limits import GatewayProtocol
from actors.store.data_folder import DataFolder
from router.config import Config
from router.feed.changes import ChangeReader
from router.ids import hash_text
from router.log.memory import MemoryLog
from router.shard.partition import shard_of
from tests.actors.test_change_stream import opened, read_until
from tests.actors.test_gateway_http import NDJSON, Lab, start
from tests.actors.test_gateway_reads import get, send
from tests.labs.gateway_backend import ScriptedBackend
from tests.labs.gateway_engines import EngineBackend
from tests.labs.large_log import large_log
from tests.labs.serve_fixture import until
from tests.labs.stocked_gateway import over_engines, put_tables

READERS, SMALL_RECORDS, VERSIONS = 40, 5_000, 150
NOBODYS = "order_id=nosuch"


@functools.cache
def small_records() -> MemoryLog:
    return large_log(SMALL_RECORDS, record_rows=1)


class Engines(EngineBackend):
    """Real engines; for readers the second shard's log is a long one of many small records."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        super().__init__(data, config)
        self.sources = [self.sources[0], small_records()]  # type: ignore[list-item]


class Large(ScriptedBackend):
    def __init__(self, data: DataFolder, config: Config) -> None:
        super().__init__(1)
        self.sources = [large_log(rows=400_000)]  # type: ignore[assignment]


@pytest.fixture
def lab(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """What is kept of decoded records is far less than the log, as it is of a log that is as long as most are."""
    monkeypatch.setattr(endpoint, "ChangeReader", functools.partial(ChangeReader, kept_bytes=1 << 20))
    with over_engines(tmp_path, shards=2, engines=Engines) as running:
        put_tables(running)
        yield running


@pytest.fixture
def large(tmp_path: pathlib.Path) -> Iterator[Lab]:
    running = start(tmp_path, core=Large, body_idle_timeout_ms=30_000)
    yield running
    running.thread.run(running.service.drain(patience_s=0.1))
    running.thread.close()


def id_in_first_shard(data: DataFolder) -> str:
    ids = (f"long-{number}" for number in range(64))
    return next(one for one in ids if shard_of(np.array([hash_text(data.key(), one)[1]], np.uint64), 2)[0] == 0)


def with_many_versions(lab: Lab, data: DataFolder) -> str:
    order_id = id_in_first_shard(data)
    send(lab, order_id)
    for number in range(VERSIONS - 1):
        event = json.dumps({"event_id": f"e{number}", "order_id": order_id, "type": "note", "text": "x"}).encode()
        assert b'"applied"' in lab.ask("POST", "/v1/events", event, **NDJSON)[2]
    return order_id


def measured(lab: Lab, name: str) -> float:
    lines = lab.ask("GET", "/metrics")[2].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))


def wait_for_streams(lab: Lab, count: int) -> None:
    until(lambda: measured(lab, "router_open_change_streams") == count, f"{count} open streams", 10)


def turns(lab: Lab) -> float:
    return measured(lab, 'router_reading_wait_seconds_count{work="feed"}')


def test_a_read_does_not_wait_for_all_of_them(lab: Lab, tmp_path: pathlib.Path) -> None:
    order_id = with_many_versions(lab, DataFolder(tmp_path))
    clients = [opened(lab, NOBODYS) for _ in range(READERS)]
    wait_for_streams(lab, READERS)
    waited_s, bare_s = list[float](), list[float]()  # the second: what a request takes that reads nothing, here and now
    for _ in range(20):
        began = time.monotonic()
        get(lab, "/livez")
        bare_s.append(time.monotonic() - began)
        began = time.monotonic()
        assert get(lab, f"/v1/orders/{order_id}")["version"] == VERSIONS
        waited_s.append(time.monotonic() - began)
    assert sorted(waited_s)[10] < 0.25 + 10 * sorted(bare_s)[10], (waited_s, bare_s)
    assert max(waited_s) < 1.0 + 10 * max(bare_s), (waited_s, bare_s)
    for client in clients:
        client.close()


def test_clients_that_left_are_noticed_though_nothing_is_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "HEARTBEAT_S", 600.0)
    clients = [opened(lab, NOBODYS) for _ in range(READERS)]
    wait_for_streams(lab, READERS)
    for client in clients:
        client.close()
    until(lambda: measured(lab, "router_open_change_streams") == 0, "all are noticed", 60)
    before = turns(lab)
    time.sleep(0.3)
    assert turns(lab) == before


def test_who_leaves_before_the_stream_began_is_noticed(lab: Lab) -> None:
    held = threading.Event()
    waits = asyncio.run_coroutine_threadsafe(lab.core.reading.read(held.wait), lab.thread.loop)
    client = opened(lab, f"cursor=0:1.0,1:{SMALL_RECORDS + 1}.0&{NOBODYS}")
    wait_for_streams(lab, 1)
    client.close()
    time.sleep(0.1)
    held.set()
    assert waits.result(5)
    began = time.monotonic()
    wait_for_streams(lab, 0)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("query", ["", NOBODYS])
def test_who_waits_for_news_and_leaves_is_noticed(lab: Lab, query: str) -> None:
    client = opened(lab, f"cursor=0:1.0,1:{SMALL_RECORDS + 1}.0&{query}")
    read_until(client, b"\r\n\r\n")
    time.sleep(0.1)
    client.close()
    began = time.monotonic()
    wait_for_streams(lab, 0)
    assert time.monotonic() - began < 1


def test_a_client_that_only_ended_its_sending_still_reads(lab: Lab, tmp_path: pathlib.Path) -> None:
    client = opened(lab, f"cursor=0:1.0,1:{SMALL_RECORDS + 1}.0")
    read_until(client, b"\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    signs = endpoint.SIGNS_TO_ONE_WHO_LEAVES
    assert read_until(client, b"1\r\n\n\r\n" * signs) == b"1\r\n\n\r\n" * signs
    before = turns(lab)
    time.sleep(0.3)
    assert turns(lab) - before <= 2, "it waits for news again"
    send(lab, id_in_first_shard(DataFolder(tmp_path)))
    read_until(client, b'"long-')
    client.close()


def test_who_reads_nothing_takes_no_turns_and_holds_a_page(large: Lab) -> None:
    clients = [opened(large) for _ in range(8)]
    wait_for_streams(large, len(clients))

    def has_stopped() -> bool:
        before = turns(large)
        time.sleep(0.3)
        return turns(large) == before

    until(has_stopped, "no more turns")

    def waiting_bytes() -> list[int]:
        protocols = large.service._server.connections
        held = [one.transport for one in protocols if isinstance(one, GatewayProtocol) and one.when_leaving]
        return [transport.get_write_buffer_size() for transport in held if transport is not None]  # type: ignore[attr-defined]

    waiting = large.thread.call(waiting_bytes)
    assert len(waiting) == len(clients) and 0 < max(waiting) < 4 << 20, waiting
    assert measured(large, 'router_reader_lag_rows{reader="stream"}') > 100_000
    for client in clients:
        client.close()
    wait_for_streams(large, 0)


def test_the_end_does_not_wait_for_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for turns that are twenty times as long as they are."""
    monkeypatch.setattr(reading, "TURN_S", 0.2)
    clients = [opened(lab, NOBODYS) for _ in range(READERS)]
    wait_for_streams(lab, READERS)
    began = time.monotonic()
    lab.thread.run(lab.service.drain(patience_s=5))
    assert time.monotonic() - began < 1.5
    for client in clients:
        read_until(client, b"0\r\n\r\n")
        client.close()
