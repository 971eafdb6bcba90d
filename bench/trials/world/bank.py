"""The payment provider of the month: the sandbox's, with lost requests, lost answers and a router that dies waiting."""

from __future__ import annotations

import msgspec

from adapters._spec import Doubt, Later, Why, WireRequest, WireResponse
from adapters.sandbox.provider import PaymentProvider
from adapters.sandbox.reply import Document, Reply
from bench.trials.world.goods import CURRENCY, PAY
from bench.trials.world.house import Died
from bench.trials.world.town import Town


class Bank:
    """Satisfies ``adapters._transport.caller.Wire`` for the router; buyers pay here."""

    def __init__(self) -> None:
        self.provider = PaymentProvider("w")
        self.captured: dict[str, list[tuple[str, int]]] = {}  # payment and amount, by the order that buyers named
        self._requests = 0
        self._town: Town | None = None

    def open(self, town: Town) -> None:
        self._town = town

    @property
    def town(self) -> Town:
        assert self._town is not None, "the bank opens before anybody pays"
        return self._town

    # --- asked by the router ---------------------------------------------------------------------

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        self._requests += 1
        fault = self._fault()
        if fault == "busy":
            return Later(Why.LIMITED, "too many requests", 1_000)
        if fault == "lost":
            return Doubt(Why.CUT, "the request never came")
        reply = self._done(request)
        for notice in reply.notices:
            self.town.deliver(PAY, notice)
        if fault == "answer lost":
            return Doubt(Why.CUT, "the connection ended before the answer did")
        if fault == "desk killed":
            raise Died
        return WireResponse(status=reply.status, headers={}, body=msgspec.json.encode(reply.document))

    def _fault(self) -> str:
        dice = self.town.dice
        if not dice.chance(self.town.failing_percent, "request", self._requests):
            return ""
        fault = dice.one_of(("busy", "lost", "answer lost", "desk killed"), "fault", self._requests)
        self.town.met[f"request to the provider: {fault}"] += 1
        return fault

    def _done(self, request: WireRequest) -> Reply:
        path = tuple(request.path.removeprefix("/payments/").split("/"))
        if request.method == "GET":
            return self.provider.by_key(path[1])
        key = request.headers["Idempotency-Key"]
        is_declined = self.town.dice.chance(self.town.failing_percent, "declined", self._requests)
        self.town.met["refund declined by the provider"] += is_declined
        return self.provider.post(path, msgspec.json.decode(request.body), key, self.town.agenda.now_ms, is_declined)

    # --- asked by buyers -------------------------------------------------------------------------

    def authorize(self, order_id: str, amount_minor: int, key: str, is_declined: bool = False) -> str | None:
        """A payment of a buyer; its id, None where it was declined."""
        reply = self._post(("authorizations",), order_id, {"amount": amount_minor, "token": "card"}, key, is_declined)
        return None if is_declined else str(reply.document["payment"])

    def capture(self, payment_id: str, order_id: str, amount_minor: int) -> None:
        self._post((payment_id, "captures"), order_id, {"amount": amount_minor}, f"capture {payment_id}")
        self.captured.setdefault(order_id, []).append((payment_id, amount_minor))

    def _post(self, path: tuple[str, ...], order_id: str, said: Document, key: str, is_declined: bool = False) -> Reply:
        body = {"currency": CURRENCY, "metadata": {"order_id": order_id}, **said}
        reply = self.provider.post(path, body, key, self.town.agenda.now_ms, is_declined)
        for notice in reply.notices:
            self.town.deliver(PAY, notice)
        return reply
