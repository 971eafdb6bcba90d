"""A real router whose desk is killed again and again: nothing that waits for people is lost, nothing happens twice."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from actors.gateway.http.work_shapes import WORK
from tests.labs.gateway_lab import request
from tests.labs.serve_fixture import Router, Row, order, proc_file, running_router, until

pytestmark = pytest.mark.ray
KILLS = 5
EACH = 6  # orders of every sort in a round
CONFIG = {"policy": {"channels": {"slow": {"unpaid_expires_ms": 300}}}}


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "desk", CONFIG, shards=2)


def desk_pid(router: Router) -> int:
    """0 while there is none."""
    return next((pid for pid in router.processes() if b"ray::Desk" in proc_file(pid, "cmdline")), 0)


def kill_desk(router: Router, known: set[int]) -> None:
    until(lambda: desk_pid(router) not in known | {0}, "the desk is there again")
    pid = desk_pid(router)
    known.add(pid)
    os.kill(pid, signal.SIGKILL)


def send_round(router: Router, number: int) -> None:
    """Orders that are refused, that are put on hold, that nobody pays in time."""
    names = range(number * EACH, (number + 1) * EACH)
    router.post("/v1/orders/stream", [order(f"bad-{each}", sku="no such thing") for each in names])
    router.post("/v1/orders/stream", [order(f"held-{each}") for each in names])
    router.post("/v1/orders/stream", [order(f"slow-{each}", channel="slow") for each in names])
    router.post(
        "/v1/events",
        [{"event_id": f"hold-{each}", "order_id": f"held-{each}", "type": "hold", "hold": "address"} for each in names],
    )


def work(router: Router, **wanted: str) -> list[Row]:
    query = "&".join(f"{name}={text}" for name, text in wanted.items())
    status, _, body = router.ask("GET", f"/v1/work?limit=1000&{query}")
    return list(json.loads(body)["items"]) if status == 200 else []


class Resolving(threading.Thread):
    """A person who releases what is on hold, and asks again with the same key until there is an answer."""

    def __init__(self, router: Router) -> None:
        super().__init__(daemon=True)
        self._router = router
        self.done: dict[str, str] = {}  # order by item
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            for item in work(self._router, kind="held", state="open"):
                self._release(item)
            time.sleep(0.02)

    def _release(self, item: Row) -> None:
        path, body = f"{WORK}/{item['work_id']}/resolve", b'{"events":[{"type":"release"}]}'
        while not self.over.is_set():
            status, _, answer = _ask_with_key(self._router, path, body, item["work_id"])
            if status == 200:
                self.done[item["work_id"]] = item["order_id"]
                return
            assert status == 503 or b"resolved already" in answer, (status, answer)
            if status != 503:
                return
            time.sleep(0.05)


def _ask_with_key(router: Router, path: str, body: bytes, key: str) -> tuple[int, Any, bytes]:
    headers = {
        "Authorization": f"Bearer {router.key('admin')}", "Content-Type": "application/json", "Idempotency-Key": key,
    }  # fmt: skip
    return request(router.port, "POST", path, body, headers)


def test_nothing_is_lost_or_done_twice_when_the_desk_is_killed(router: Router) -> None:
    rng, known, person = random.Random(5), set[int](), Resolving(router)
    until(lambda: router.ask("GET", "/v1/work")[0] == 200, "the desk is open")
    person.start()
    for number in range(KILLS):
        send_round(router, number)
        time.sleep(rng.uniform(0.0, 0.6))
        kill_desk(router, known)
    send_round(router, KILLS)
    count = EACH * (KILLS + 1)
    until(lambda: len(person.done) == count, "all that was on hold is resolved", 60)
    person.over.set()
    person.join()
    states = [("held", "allocated"), ("slow", "cancelled"), ("bad", "rejected")]
    for name, state in states:
        for number in range(count):
            until(lambda path=f"/v1/orders/{name}-{number}", state=state: _state(router, path) == state, state)
    _nothing_twice(router, count)


def _state(router: Router, path: str) -> str:
    return str(router.json("GET", path)["state"])


def _nothing_twice(router: Router, count: int) -> None:
    refused = work(router, kind="rejected", state="open")
    assert Counter(item["order_id"] for item in refused) == {f"bad-{number}": 1 for number in range(count)}
    held = work(router, kind="held", state="resolved")
    assert Counter(item["order_id"] for item in held) == {f"held-{number}": 1 for number in range(count)}
    assert {event["status"] for item in held for event in item["events"]} <= {"applied", "duplicate"}
    assert all(len(item["events"]) == 1 and item["resolved_by"] == "admin" for item in held)
    for name, types in (("held", ["order", "hold", "release"]), ("slow", ["order", "cancel"])):
        for number in range(count):
            entries = router.json("GET", f"/v1/orders/{name}-{number}/timeline")["entries"]
            assert [entry["type"] for entry in entries] == types


def test_the_folder_is_whole_after_it(router: Router, tmp_path: pathlib.Path) -> None:
    assert router.stop() == 0
    assert router.verify()["ok"] is True
