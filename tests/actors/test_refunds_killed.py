"""A real router whose desk is killed while refunds are on their way to a provider on a socket: each goes back once."""

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

from adapters._signing import sign
from adapters.sandbox.provider import Held
from adapters.sandbox.server import Sandbox, SandboxSettings
from tests.actors.test_desk_killed import desk_pid
from tests.actors.test_partner_journey import now_ms
from tests.labs.gateway_lab import request
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import Router, Row, free_port, order, running_router, until

pytestmark = pytest.mark.ray
KILLS = 5
EACH = 4  # refunds in a round
PORT = free_port()
LOST = (9903, 9905, 9908)  # done, and never answered; done, and answered 500; done, and cut off
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
        yield from running_router(tmp_path_factory, "refunds", CONFIG, shards=1)


def paid(router: Router, sandbox: Sandbox, numbers: range) -> None:
    """Orders whose money the provider has, as its webhooks tell."""
    router.post("/v1/orders/stream", [order(f"o-{number}", qty=20) for number in numbers])
    for number in numbers:
        sandbox.payments.payments[f"p-{number}"] = Held("EUR", 25_000, captured=25_000)
        step = {"id": f"c-{number}", "payment": f"p-{number}", "status": "captured", "amount": 25_000,
                "currency": "EUR", "created": 1, "metadata": {"order_id": f"o-{number}"}}  # fmt: skip
        body = json.dumps({"id": f"n-{number}", "type": "payment.captured", "data": step}).encode()
        headers = {"Sandbox-Signature": sign("wh", body, int(time.time()))}
        assert request(router.port, "POST", "/v1/hooks/pay", body, headers)[0] == 200


def ask_back(router: Router, number: int, amount: int) -> Row:
    """Asked again under the same key until there is an answer."""
    headers = {
        "Authorization": f"Bearer {router.key('admin')}", "Content-Type": "application/json",
        "Idempotency-Key": f"k-{number}",
    }  # fmt: skip
    body = json.dumps({"amount": amount, "reason": "broken"}).encode()
    while True:
        status, _, answer = request(router.port, "POST", f"/v1/orders/o-{number}/refunds", body, headers)
        if status == 200:
            return dict(json.loads(answer))
        assert status == 503, answer
        time.sleep(0.05)


def shown(router: Router, refund_id: str) -> Any:
    status, _, answer = router.ask("GET", f"/v1/refunds/{refund_id}")
    return json.loads(answer) if status == 200 else {"status": status}


def test_each_goes_back_once_whenever_the_desk_is_killed(router: Router, sandbox: Sandbox) -> None:
    rng, known, asked = random.Random(3), set[int](), dict[int, Row]()
    for turn in range(KILLS):
        numbers = range(turn * EACH, (turn + 1) * EACH)
        paid(router, sandbox, numbers)
        for number in numbers:
            asked[number] = ask_back(router, number, rng.choice((500, *LOST)))
        time.sleep(rng.uniform(0.0, 0.5))
        until(lambda: desk_pid(router) not in known | {0}, "the desk is there again")
        known.add(pid := desk_pid(router))
        os.kill(pid, signal.SIGKILL)
    for number, refund in asked.items():
        until(lambda refund=refund: shown(router, refund["refund_id"])["status"] == "done", f"{number} is done", 60)
    went = Counter({step["payment"]: 0 for step in sandbox.payments.steps})
    went.update(step["payment"] for step in sandbox.payments.steps if step["status"] == "refunded")
    assert went == {f"p-{number}": 1 for number in asked}, "each once at the provider"
    for number, refund in asked.items():
        money = router.json("GET", f"/v1/orders/o-{number}")["money"]
        until(lambda n=number: router.json("GET", f"/v1/orders/o-{n}")["money"]["refunding"] == 0, "booked")
        money = router.json("GET", f"/v1/orders/o-{number}")["money"]
        assert (money["refunded"], money["captured"]) == (refund["amount"], 25_000), "and once in the books"


def test_the_folder_is_whole_after_it(router: Router) -> None:
    assert router.stop() == 0
    assert router.verify()["ok"] is True
