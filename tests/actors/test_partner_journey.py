"""An order's money and parcel through the sandbox and back: real engines, real HTTP both ways, webhooks included."""

from __future__ import annotations

import asyncio
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from adapters._intents import Capture, OrderReference, Refund
from adapters._registry import open_partner
from adapters._transport.caller import Caller
from adapters._transport.calls import FINAL, Call
from adapters._transport.http import HttpWire
from adapters.sandbox.server import Sandbox, SandboxSettings
from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.adapters.contract.cases import authorize, label
from tests.labs.call_book import MemoryBook
from tests.labs.gateway_backend import order
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import until
from tests.labs.stocked_gateway import over_engines, put_tables

PLACES = {"env:SANDBOX_KEY": "sk", "env:SANDBOX_HOOK": "wh"}
PARTNERS = {
    name: {"adapter": adapter, "url": "http://127.0.0.1:1", "allow_private": True, "api_key": "env:SANDBOX_KEY",
           "hook_secrets": ["env:SANDBOX_HOOK"], "deadline_ms": 10_000}
    for name, adapter in (("pay", "sandbox_payments"), ("ship", "sandbox_carrier"))
}  # fmt: skip


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Journey:
    """A router, the sandbox beside it, and a caller for each of its partners."""

    def __init__(self, lab: Lab, sandbox: Sandbox, url: str) -> None:
        self.lab = lab
        self.sandbox = sandbox
        self.wires = []
        self.callers: dict[str, Caller] = {}
        for name, given in PARTNERS.items():
            adapter = open_partner(name, {**given, "url": url}, PLACES.__getitem__)
            self.wires.append(lab.thread.call(HttpWire, adapter.settings))
            self.callers[name] = Caller(adapter, self.wires[-1], MemoryBook(), now_ms, lambda: 1.0)

    def done(self, partner: str, intent: Any) -> Call:
        """A call to its end, on the real clock."""

        async def to_the_end() -> Call:
            call = await self.callers[partner].start(intent)
            while call.state not in FINAL:
                await asyncio.sleep(max(0.01, (call.next_at_ms - now_ms()) / 1_000))
                call = await self.callers[partner].step(call)
            return call

        call: Call = self.lab.thread.run(to_the_end())
        return call

    def seen(self, order_id: str) -> dict[str, Any]:
        return dict(json.loads(self.lab.ask("GET", f"/v1/orders/{order_id}")[2]))

    def work(self, order_id: str, state: str) -> list[str]:
        """Kinds of the items about an order."""
        body = self.lab.ask("GET", f"/v1/work?order_id={order_id}&state={state}", role="ops")[2]
        return [item["kind"] for item in json.loads(body)["items"]]

    def answered(self, call: Call) -> None:
        """What the answer to a call tells goes the desk's way into the books."""
        self.lab.thread.run(self.lab.backend.take_told(call.outcome.events))  # type: ignore[union-attr]

    def report(self, *events: Any) -> list[str]:
        body = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
        answer = self.lab.ask("POST", "/v1/events", body, role="service", **NDJSON)[2]
        return [json.loads(line)["status"] for line in answer.splitlines()]


@pytest.fixture
def journey(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    for place, secret in PLACES.items():
        monkeypatch.setenv(place.removeprefix("env:"), secret)
    with over_engines(tmp_path / "data", partners=PARTNERS) as lab:
        put_tables(lab)
        hooks = f"http://127.0.0.1:{lab.port}/v1/hooks"
        settings = SandboxSettings("sk", "wh", f"{hooks}/pay", f"{hooks}/ship", 1.0, (0.05, 0.1, 0.2, 0.4, 0.8))
        sandbox = Sandbox(settings, "run", 7, now_ms)
        serving = served(sandbox.application())
        running = Journey(lab, sandbox, lab.thread.run(serving.__aenter__()))
        yield running
        for wire in running.wires:
            lab.thread.run(wire.close())
        lab.thread.run(serving.__aexit__(None, None, None))


def placed(journey: Journey, order_id: str) -> tuple[OrderReference, int]:
    status, _, body = journey.lab.ask("POST", "/v1/orders", order(order_id), **JSON)
    assert status == 200, body
    return OrderReference(order_id), json.loads(body)["total"]


def test_money_comes_by_webhook_and_by_answer_and_is_booked_once(journey: Journey) -> None:
    reference, total = placed(journey, "paid-1")
    authorized = journey.done("pay", msgspec.structs.replace(authorize(total, "a1"), order=reference))
    until(lambda: journey.seen("paid-1")["payment_state"] == "authorized", "authorized")
    before = journey.seen("paid-1")
    journey.answered(authorized)
    assert journey.seen("paid-1") == before, "the answer tells what the webhook has told"
    payment_id = authorized.outcome.result.payment_id  # type: ignore[union-attr]
    money = {"order": reference, "payment_id": payment_id, "amount_minor": total, "currency": "EUR"}
    captured = journey.done("pay", Capture(key="c1", **money))
    journey.answered(captured)
    until(lambda: journey.seen("paid-1")["payment_state"] == "paid", "paid")
    part = money | {"amount_minor": 100}
    journey.done("pay", Refund(key="r1", **part))
    until(lambda: journey.seen("paid-1")["money"]["refunded"] == 100, "refunded")
    books = journey.seen("paid-1")["money"]
    assert (books["captured"], books["refunded"]) == (total, 100), "once each, whoever told it first"


def test_a_payment_for_an_order_that_is_not_there_yet_waits_on_the_desk_until_it_is(journey: Journey) -> None:
    """The webhook overtakes the order: it is answered, kept, somebody's work, and taken when the order is there."""
    reference = OrderReference("late-1")
    journey.done("pay", msgspec.structs.replace(authorize(500, "a2"), order=reference))
    until(lambda: journey.work("late-1", "open") == ["payment_unplaced"], "somebody's work")
    placed(journey, "late-1")
    until(lambda: journey.work("late-1", "resolved") == ["payment_unplaced"], "it has found its order")
    assert journey.seen("late-1")["payment_state"] == "authorized"


def test_a_label_whose_answer_was_lost_is_bought_once_and_its_parcel_arrives(journey: Journey) -> None:
    reference, _ = placed(journey, "sent-1")
    carrier = journey.callers["ship"]
    carrier._adapter.spec = carrier._adapter.spec._replace(settle_ms=100)  # type: ignore[misc]
    bought = journey.done("ship", msgspec.structs.replace(label("19905", "l1"), order=reference))
    assert len(journey.sandbox.carrier.labels) == 1
    result = bought.outcome.result  # type: ignore[union-attr]
    assert result.content.startswith(b"%PDF-")
    ship = {"event_id": "s1", "order_id": "sent-1", "type": "ship", "shipment_id": "S-1", "carrier": "sandbox",
            "tracking_number": result.tracking_number}  # fmt: skip
    assert journey.report(ship) == ["applied"]
    for code in ("in_transit", "delivered"):
        reply = journey.sandbox.carrier.scan(result.tracking_number, {"code": code, "place": "Berlin"}, now_ms())
        journey.lab.thread.call(journey.sandbox.hooks["carrier"].send, reply.notices, None)
    until(lambda: journey.seen("sent-1")["state"] == "delivered", "delivered")
    (shipment,) = journey.seen("sent-1")["shipments"]
    assert "delivered" in [scan["code"] for scan in shipment["scans"]]
