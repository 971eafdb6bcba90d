"""A desk that asks for money at the sandbox's provider in this process; every step can be the last of a life."""

from __future__ import annotations

import pathlib
from typing import Any

import msgspec

from adapters._spec import Doubt, Later, WireRequest, WireResponse
from router.bound import EVERYTHING
from router.config import Policy
from router.ids import hash_text
from router.life.instalments import Instalment
from router.work.pay import PayAsked
from tests.labs.desk_lab import Row
from tests.labs.feed_world import KEY, order
from tests.labs.refund_lab import RefundLab


def order_key(order_id: str = "a") -> str:
    hi, lo = hash_text(KEY, order_id)
    return f"{hi:016x}{lo:016x}"


class PayLab(RefundLab):
    def __init__(self, folder: pathlib.Path, url: str = "", policy: Policy | None = None, **terms: Any) -> None:
        super().__init__(folder, url, policy)
        if terms:
            self.desk.pay_terms = self.desk.pay_terms._replace(**terms)
            self.begin()
        self._told = 0

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        answer = await super().exchange(request)
        assert len(self.payable) <= 1, "two links of one debt could be paid"
        return answer

    def ordered(self, order_id: str = "a", qty: int = 1, **more: Any) -> int:
        """An order that nobody has paid; its total."""
        lines = [{"line_id": "L1", "sku": "A", "qty": qty}]
        [ack] = self.world.orders(order(order_id, lines=lines, **more))
        return int(ack["total_minor"])

    def ask_for(self, amount: int | None = None, key: str = "k", order_id: str = "a", **more: Any) -> Row:
        plan: list[tuple[int, Instalment]] = more.pop("plan", [])
        asked = PayAsked(
            order_key=order_key(order_id), method=more.pop("method", "link"), amount_minor=amount,
            percents=tuple(percent for percent, _ in plan), plan=tuple(each for _, each in plan),
            caller=more.pop("caller", "ada"), key=key, digest=f"{amount} {more} {plan}", now_ms=self.world._later(),
        )  # fmt: skip
        assert not more
        return dict(msgspec.json.decode(self.desk.payments.ask(asked)))

    def request(self, request_id: str) -> Row:
        return dict(msgspec.json.decode(self.desk.payments.one(request_id, EVERYTHING)))

    def shown(self, order_id: str = "a") -> Row:
        return dict(msgspec.json.decode(self.desk.payments.of_order(order_key(order_id))))

    def requests(self, order_id: str = "a") -> list[Row]:
        return list(self.shown(order_id)["payments"])

    def open(self, order_id: str = "a") -> Row:
        """The only request that can be paid."""
        [found] = [each for each in self.requests(order_id) if each["status"] == "open" and each["pay_url"]]
        return found

    @property
    def payable(self) -> list[int]:
        """Amounts of the links that a buyer could pay by now, as the provider knows them."""
        provider, now_ms = self.wire.provider, self.world.now_ms
        payable = [name for name, link in provider.links.items() if link.status == "open" and now_ms < link.expires]
        return [provider.payments[name].authorized for name in payable]

    def buys(self, payment_id: str, **body: Any) -> int:
        """The buyer pays by a link, and the provider tells it; its status. A card that fails is told, too."""
        self._told += 1
        path, key = ("links", payment_id, "pay"), f"buyer-{self._told}"
        reply = self.wire.provider.post(path, body, key, self.world.now_ms, False)
        for notice in reply.notices:
            data = notice.data
            event = {
                "event_id": f"pay:{data['id']}", "order_id": data["metadata"]["order_id"],
                "type": f"payment_{data['status']}", "payment_id": data["payment"], "amount": data["amount"],
                "currency": data["currency"], "source": "pay",
            }  # fmt: skip
            [answer] = self.world.events(event)
            assert answer["status"] == "applied", answer
        return reply.status

    def tells(self, kind: str, order_id: str = "a", **fields: Any) -> Row:
        self._told += 1
        [answer] = self.world.events({"event_id": f"t{self._told}", "order_id": order_id, "type": kind, **fields})
        assert answer["status"] == "applied", answer
        return answer

    def state(self, order_id: str = "a") -> str:
        self._told += 1
        told = {"event_id": f"look-{self._told}", "order_id": order_id, "type": "note", "text": "?"}
        [answer] = self.world.events(told)
        return str(answer["state"])

    def turn(self) -> bool:
        return super().turn() or any(row["status"] == "waiting" for row in self.desk.outbox())

    def later(self, ms: int) -> None:
        """Time goes on, and the desk's clock looks once."""
        self.world.now_ms += ms
        self.desk.read()
        self.desk.clock.tick(self.world.now_ms)
        self.work()
