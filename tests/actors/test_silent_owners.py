"""Owners that are alive and say nothing: whoever asks whether orders are taken hears it within a bounded time."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.labs.serve_fixture import Router, order, proc_file, running_router, until

pytestmark = pytest.mark.ray
OWNERS = (b"ray::OrderShard", b"ray::Ledger")
BOUND_S = 3.0  # READY_TIMEOUT_S, and room for a machine that is full of other tests


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "silent", {"log": {"disk_free_bytes_min": 0}}, shards=2)


@contextmanager
def stopped(processes: list[int]) -> Iterator[None]:
    for number in processes:
        os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        for number in processes:
            os.kill(number, signal.SIGCONT)


def owners(router: Router) -> list[int]:
    found = [number for number in router.processes() if proc_file(number, "cmdline").startswith(OWNERS)]
    assert len(found) >= 3, "two shards and a ledger"
    return found


def readiness(router: Router) -> tuple[int, float]:
    began = time.monotonic()
    status, _, body = router.ask("GET", "/readyz", role="")
    if status == 503:
        assert json.loads(body)["code"] == "not_ready" and "does not answer" in json.loads(body)["detail"]
    return status, time.monotonic() - began


def test_readiness_is_told_in_time_whichever_owner_is_silent(router: Router) -> None:
    every = owners(router)
    for silent in [*([number] for number in every), every]:
        with stopped(silent):
            for _ in range(2):
                status, seconds = readiness(router)
                assert status == 503 and seconds < BOUND_S
            assert router.ask("GET", "/livez", role="")[0] == 200
        until(lambda: readiness(router)[0] == 200, "the owner answers again")


def test_and_while_orders_wait_for_it(router: Router) -> None:
    with stopped(owners(router)):
        client = router.open_stream()
        body = json.dumps(order("waits")).encode() + b"\n"
        client.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        time.sleep(0.3)
        status, seconds = readiness(router)
        assert status == 503 and seconds < BOUND_S
    answer = b""
    while b"waits" not in answer:
        answer += client.recv(1 << 16)
    client.close()
