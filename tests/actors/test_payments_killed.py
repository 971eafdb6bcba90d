"""A real router whose desk is killed while it asks a provider on a socket for links: one link an order, paid once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.sandbox.server import Sandbox, SandboxSettings
from tests.actors.test_desk_killed import desk_pid
from tests.actors.test_partner_journey import now_ms
from tests.labs.gateway_lab import request
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import Router, Row, free_port, order, running_router, until

pytestmark = pytest.mark.ray
KILLS = 4
EACH = 4  # orders in a round
PORT = free_port()
AMOUNTS = (500, 9_903, 9_905, 9_908)  # the others: a link is made, and never answered; answered 500; cut off
CONFIG: Row = {
    "partners": {
        "pay": {
            "adapter": "sandbox_payments", "url": f"http://127.0.0.1:{PORT}", "allow_private": True,
            "api_key": "env:SANDBOX_KEY", "hook_secrets": ["env:SANDBOX_HOOK"], "deadline_ms": 600,
            "requests_per_second_max": 200,
        }
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """On an event loop of its own, for as long as the router runs."""
    made = Sandbox(SandboxSettings("sk", "wh", hang_s=2.0), "run", 7, now_ms)
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with served(made.application(), PORT):
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    yield made
    loop.call_soon_threadsafe(over.set)
    thread.join(10)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Router]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_KEY", "sk")
        patch.setenv("SANDBOX_HOOK", "wh")
        yield from running_router(tmp_path_factory, "payments", CONFIG, shards=1)


def ask_for(router: Router, number: int, amount: int, key: str) -> Row:
    """Asked again under the same key until there is an answer."""
    headers = {
        "Authorization": f"Bearer {router.key('admin')}", "Content-Type": "application/json",
        "Idempotency-Key": f"{key}-{number}",
    }  # fmt: skip
    while True:
        body = json.dumps({"amount": amount}).encode()
        status, _, answer = request(router.port, "POST", f"/v1/orders/o-{number}/payments", body, headers)
        if status == 200:
            return dict(json.loads(answer))
        assert status == 503, answer
        time.sleep(0.05)


def shown(router: Router, number: int) -> list[Any]:
    status, _, answer = router.ask("GET", f"/v1/orders/o-{number}/payments")
    return [each["status"] for each in json.loads(answer)["payments"]] if status == 200 else [status]


def test_one_link_an_order_can_be_paid_whenever_the_desk_is_killed(router: Router, sandbox: Sandbox) -> None:
    rng, known = random.Random(5), set[int]()
    for turn in range(KILLS):
        numbers = range(turn * EACH, (turn + 1) * EACH)
        router.post("/v1/orders/stream", [order(f"o-{number}", qty=20) for number in numbers])
        for number in numbers:
            ask_for(router, number, rng.choice(AMOUNTS), "first")
        time.sleep(rng.uniform(0.0, 0.3))
        for number in numbers:
            ask_for(router, number, rng.choice(AMOUNTS), "second")
        until(lambda: desk_pid(router) not in known | {0}, "the desk is there again")
        known.add(pid := desk_pid(router))
        os.kill(pid, signal.SIGKILL)
    for number in range(KILLS * EACH):
        until(lambda n=number: shown(router, n) == ["cancelled", "open"], f"{number}: {shown(router, number)}", 60)
    of = Counter(link.metadata["order_id"] for link in sandbox.payments.links.values() if link.status == "open")
    assert of == {f"o-{number}": 1 for number in range(KILLS * EACH)}


def test_the_folder_is_whole_after_it(router: Router) -> None:
    assert router.stop() == 0
    assert router.verify()["ok"] is True
