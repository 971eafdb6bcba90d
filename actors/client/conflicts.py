"""Orders that were sent again and say something else: a payment that came since is reported, all else is told.

    conflict ─▶ the order as it stands ─▶ sent once more with the payment it had ─▶ a payment event, or what changed

A few at a time, between two blocks of the stream: so what waits here is bounded by what is under way.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.client.asking import NDJSON, PASSES, Body, RequestRefused, Router, path_of
from actors.client.said_again import Order, changes, document_at, is_payment, sentence, with_payment_of
from actors.client.sources import Block
from actors.client.wire import Answer
from router.errors import Refused, Retryable, RouterError
from router.life.payment_news import News, payment_news
from router.wire.differences import Difference

CONFLICT = "id_conflict"
REPORTED, KNOWN, REJECTED = "payment_reported", "payment_known", "rejected"
TOGETHER = 16  # conflicts of a batch that are answered with what differs (actors/gateway/core/other_orders.py)
WAITING_MAX = 65_536
SETTLING_S_MAX = 10.0  # between two blocks: the router ends a body that is silent for longer than 30 s
ATTEMPTS_MAX = 6
PAUSE_S = 1.0
UNSEEN = "order_id: An order that this key may not see, or that is gone, has this order_id already. Use a new order_id."


@dataclass
class Conflict:
    block: Block
    at: int  # of the block's orders
    answer: Answer
    status: str = REJECTED  # as it is counted in the end
    changed: list[Difference] = field(default_factory=list)
    event: dict[str, Any] = field(default_factory=dict)  # what was reported
    sent: Order = field(default_factory=dict)
    view: Order = field(default_factory=dict)

    @property
    def order_id(self) -> str:
        return self.answer.order_id or str(self.sent["order_id"])

    def tell(self, detail: str) -> None:
        self.answer = msgspec.structs.replace(self.answer, detail=detail)


class Conflicts:
    """Those of one run; each is handed to ``on_settled`` with what became of it. ``fault`` says why some were not
    looked into."""

    def __init__(self, url: str, key: str, why_not: str, on_settled: Callable[[Conflict], None]) -> None:
        """``why_not``: in words why no payment is reported, "" where they are."""
        self._url, self._key, self._why_not, self._on_settled = url, key, why_not, on_settled
        self._waiting: collections.deque[Conflict] = collections.deque()
        self._router: Router | None = None
        self._scope = ""  # within what ids are unique, once it is known
        self.fault = ""
        self.put = self._waiting.append

    def between(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """The blocks; before each some of what waits is settled."""
        for block in blocks:
            until_s = time.monotonic() + SETTLING_S_MAX
            while len(self._waiting) >= TOGETHER and (
                len(self._waiting) > WAITING_MAX or time.monotonic() < until_s
            ):  # fmt: skip
                self._settle_some()
            yield block

    def finish(self) -> None:
        while self._waiting:
            self._settle_some()
        self.close()

    def close(self) -> None:
        if self._router is not None:
            self._router.close()
        self._router = None

    def _settle_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        if not self.fault:
            try:
                self._settle_surely(some)
            except RouterError as fault:
                self.fault = f"What changed of orders that were sent again was not learned to the end: {fault}"
        for conflict in some:
            self._on_settled(conflict)

    def _settle_surely(self, some: list[Conflict]) -> None:
        """A router that is away for a moment is asked again: nothing happens twice."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                self._router = self._router or Router(self._url, self._key)
                self._settle(self._router, some)
                return
            except (Retryable, RequestRefused) as fault:
                passes = isinstance(fault, Retryable) or fault.status in PASSES
                if not passes or attempt == ATTEMPTS_MAX:
                    raise
            self.close()
            time.sleep(PAUSE_S)

    def _settle(self, router: Router, some: list[Conflict]) -> None:
        seen = [conflict for conflict in some if self._look(router, conflict)]
        if not seen:
            return
        bodies = b"\n".join(with_payment_of(conflict.sent, conflict.view) for conflict in seen) + b"\n"
        answers = router.lines("POST", "/v1/orders/stream", Body(bodies, NDJSON))
        if len(answers) != len(seen):
            raise Refused("The router answered another number of orders than were sent.")
        news = [
            conflict
            for conflict, answer in zip(seen, answers, strict=True)
            if self._compared(conflict, msgspec.convert(answer, Answer))
        ]
        if news:
            self._report(router, news)

    def _look(self, router: Router, conflict: Conflict) -> bool:
        """Learn the order as it stands; False where it cannot be seen."""
        conflict.sent = document_at(conflict.block, conflict.at)
        try:
            conflict.view = self._view(router, conflict)
        except RequestRefused as fault:
            if fault.status != 404:
                raise
            conflict.tell(UNSEEN)
            return False
        return True

    def _view(self, router: Router, conflict: Conflict) -> Order:
        """Within what ids are unique is not said by the router: what it refuses says it, once a run."""
        for scope in [self._scope] if self._scope else ["channel", "seller", "global"]:
            named = {scope: str(conflict.sent[scope])} if conflict.sent.get(scope) else {}
            try:
                view: Order = router.json("GET", path_of("orders", conflict.order_id), named)
            except RequestRefused as fault:
                if fault.code != "bad_parameter" or self._scope or scope == "global":
                    raise
                continue
            if named or scope == "global":
                self._scope = scope
            return view
        raise AssertionError("without a parameter none is refused")

    def _compared(self, conflict: Conflict, answer: Answer) -> bool:
        """Say what changed; whether it is a payment that is to be reported."""
        found = changes(conflict.sent, conflict.view, answer.detail or "")
        if not answer.duplicate:
            conflict.changed = found
            why = "what it was is erased" if conflict.view["erased"] else ""
            conflict.tell(sentence(found, why))
            return False
        conflict.changed = [change for change in found if is_payment(change)]
        news = payment_news(conflict.sent.get("payment") or {}, conflict.view["payment"] or {}, conflict.view)
        if news.is_known:
            conflict.status = KNOWN
        elif news.event is None or self._why_not:
            conflict.tell(sentence(conflict.changed, news.why_not or self._why_not))
        return self._is_to_be_reported(conflict, news)

    def _is_to_be_reported(self, conflict: Conflict, news: News) -> bool:
        if news.event is None or self._why_not:
            return False
        scope = {name: conflict.sent[name] for name in ("channel", "seller") if conflict.sent.get(name)}
        conflict.event = news.event | (scope if self._scope in scope else {})
        return True

    def _report(self, router: Router, some: list[Conflict]) -> None:
        bodies = b"".join(msgspec.json.encode(conflict.event) + b"\n" for conflict in some)
        for conflict, result in zip(some, router.lines("POST", "/v1/events", Body(bodies, NDJSON)), strict=True):
            if result["status"] == "refused":
                why = f"{conflict.event['type']} was refused, {result['reason']}: {result['detail']}"
                conflict.tell(sentence(conflict.changed, why))
            else:
                conflict.status = REPORTED if result["status"] == "applied" else KNOWN
