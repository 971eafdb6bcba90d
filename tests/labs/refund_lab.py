"""A desk whose refunds go to the sandbox's payment provider in this process; every step can be the last of a life."""

from __future__ import annotations

import pathlib
from typing import Any

import msgspec
import numpy as np

from actors.store.data_folder import now_ms
from adapters._spec import Doubt, Later, WireRequest, WireResponse
from adapters.sandbox.provider import Held, PaymentProvider
from router.bound import EVERYTHING
from router.config import Policy
from router.ids import hash_text
from router.life.refunds import Capture, Line, Money
from router.log.columns import MONEY_SHOWN
from router.work.refund import RefundAsked
from tests.labs.calling_lab import CallingLab
from tests.labs.desk_lab import Row
from tests.labs.feed_world import KEY, order

PARTNER = {"adapter": "sandbox_payments", "url": "https://pay.example", "api_key": "env:K", "hook_secrets": ["env:K"]}


class Provider:
    """A wire to the sandbox's provider."""

    def __init__(self) -> None:
        self.provider = PaymentProvider("r")
        self.answers: list[Later | Doubt] = []  # to the next requests, instead of theirs; what they asked is done
        self.declines = False
        self.requests = 0

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        self.requests += 1
        path = tuple(request.path.removeprefix("/payments/").split("/"))
        if request.method == "GET":
            reply = self.provider.by_key(path[1])
        else:
            body, key = msgspec.json.decode(request.body), request.headers["Idempotency-Key"]
            reply = self.provider.post(path, body, key, now_ms(), self.declines)
        if self.answers:
            return self.answers.pop(0)
        return WireResponse(status=reply.status, headers={}, body=msgspec.json.encode(reply.document))

    @property
    def refunded(self) -> list[int]:
        return [step["amount"] for step in self.provider.steps if step["status"] == "refunded"]


class RefundLab(CallingLab):
    def __init__(self, folder: pathlib.Path, url: str = "", policy: Policy | None = None) -> None:
        self.wire = Provider()
        super().__init__(folder, "pay", PARTNER, self.wire, url, policy)

    def paid(self, order_id: str = "a", *payments: tuple[str, int, str], qty: int = 1) -> int:
        """An order of ``qty`` units that was paid: payment, amount, who told of it; its total."""
        [ack] = self.world.orders(order(order_id, lines=[{"line_id": "L1", "sku": "A", "qty": qty}]))
        total = int(ack["total_minor"])
        for payment_id, amount, source in payments or [("p1", total, "pay")]:
            self.wire.provider.payments[payment_id] = Held("EUR", amount, captured=amount)
            event = {"event_id": f"c-{payment_id}", "order_id": order_id, "type": "payment_captured", "amount": amount}
            said = {"payment_id": payment_id, "currency": "EUR", "source": source}
            [answer] = self.world.events(event | said)
            assert answer["status"] == "applied", answer
        return total

    def ask(self, captures: list[Capture], amount: int | None = None, key: str = "k", **more: Any) -> Row:
        lines = (Line("L1", more.pop("qty", 1), more.pop("total", 0)),)
        hi, lo = hash_text(KEY, "a")
        asked = RefundAsked(
            order_key=f"{hi:016x}{lo:016x}", order_id="a", channel="web", seller="",
            money=Money(3, "EUR", tuple(captures), lines), units=tuple(more.pop("units", ())), amount_minor=amount,
            reason="broken", caller=more.pop("caller", "ada"), role=more.pop("role", "ops"), key=key,
            digest=more.pop("digest", str(amount)), now_ms=now_ms(),
        )  # fmt: skip
        return dict(msgspec.json.decode(self.desk.refunds.ask(asked)))

    def seen(self, refund_id: str) -> Row:
        return dict(msgspec.json.decode(self.desk.refunds.one(refund_id, EVERYTHING)))

    def money(self) -> Row:
        """Of the only order, by its accounts."""
        _, money = self.world.router.shards[0].engine.books.sums(np.array([0]))
        return dict(zip(MONEY_SHOWN, money[0].tolist(), strict=True))
