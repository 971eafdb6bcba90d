"""Calls to one partner, one step at a time: held back, sent or asked about, and kept before and after.

    start ─▶ book.begin ─▶ step ─▶ breaker, bucket ─▶ book.keep ─▶ wire ─▶ adapter ─▶ book.keep
                            ▲                                                            │
                            └──────────────── when next_at_ms has come ──────────────────┘

It waits for nothing: a call that cannot go now says when to come again. What the time is and what chance says comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from adapters._intents import Intent
from adapters._spec import Adapter, Doubt, Later, Outcome, Why, WireRequest, WireResponse
from adapters._transport import breaker as breakers
from adapters._transport.breaker import Breaker
from adapters._transport.bucket import Bucket
from adapters._transport.calls import (
    Act,
    Call,
    CallBook,
    act_of,
    after_question,
    after_send,
    given_up,
    held_back,
    sending,
    terms_of,
)


class Wire(Protocol):
    """A protocol's transport, see http.py."""

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt: ...


class Caller:
    """The one who calls a partner; there is one in all, because what the partner allows counts for all calls."""

    def __init__(
        self,
        adapter: Adapter[Any],
        wire: Wire,
        book: CallBook,
        now_ms: Callable[[], int],
        chance: Callable[[], float],
    ) -> None:
        self._adapter = adapter
        self._wire = wire
        self._book = book
        self._now_ms = now_ms
        self._chance = chance
        self._bucket = Bucket(adapter.settings.requests_per_second_max)
        self._breaker: Breaker | None = None
        self._stepping: set[str] = set()  # keys

    async def start(self, intent: Intent) -> Call:
        """A new call and its first step; of one that is known, its next step. Raises KeyReused."""
        assert type(intent) in self._adapter.spec.repeats, f"{self._adapter} cannot do {intent}"
        call = await self._book.begin(Call(partner=self._adapter.partner, intent=intent, next_at_ms=self._now_ms()))
        return await self.step(call)

    async def step(self, call: Call) -> Call:
        """The call after one request at most; as it is where its time has not come or a step of it is under way."""
        if call.key in self._stepping:
            return call
        self._stepping.add(call.key)
        try:
            return await self._step(await self._book.begin(call))  # as it is kept: what is given may be a step behind
        finally:
            self._stepping.discard(call.key)

    async def _step(self, call: Call) -> Call:
        terms, now_ms = terms_of(self._adapter, call.intent), self._now_ms()
        act = act_of(call, terms, now_ms)
        if act is Act.NOTHING:
            return call
        if act is Act.GIVE_UP:
            return await self._kept(given_up(call))
        wait_ms = await self._wait_ms(now_ms)
        if wait_ms:
            return await self._kept(held_back(call, now_ms + wait_ms))
        if act is Act.SEND:
            call = await self._kept(sending(call, terms, now_ms))
            outcome = await self._exchange(call, self._adapter.request(call.intent), self._adapter.read)
            return await self._kept(after_send(call, outcome, terms, self._now_ms(), self._chance()))
        outcome = await self._exchange(call, self._adapter.ask(call.intent), self._adapter.read_asked)
        return await self._kept(after_question(call, outcome, terms, self._now_ms(), self._chance()))

    async def _kept(self, call: Call) -> Call:
        """The call, when the disk has it."""
        await self._book.keep(call)
        return call

    async def _wait_ms(self, now_ms: int) -> int:
        """0 = one request may go now, and is counted."""
        breaker = self._breaker or await self._book.breaker(self._adapter.partner)
        may_go, asked = breakers.asked(breaker, now_ms, self._adapter.settings.deadline_ms)
        wait_ms = self._bucket.take(now_ms) if may_go else breaker.until_ms - now_ms
        await self._show(breaker if wait_ms else asked)
        return wait_ms

    async def _exchange(
        self, call: Call, request: WireRequest, read: Callable[[Intent, WireResponse], Outcome]
    ) -> Outcome:
        answered = await self._wire.exchange(request)
        outcome = read(call.intent, answered) if isinstance(answered, WireResponse) else answered
        now_ms = self._now_ms()
        if isinstance(outcome, Later) and outcome.why is Why.LIMITED:
            self._bucket.pause(now_ms + outcome.retry_after_ms)
        assert self._breaker is not None, "a request goes through the breaker"
        await self._show(breakers.ended(self._breaker, outcome, now_ms))
        return outcome

    async def _show(self, breaker: Breaker) -> None:
        """Keep a breaker that changed."""
        if breaker != self._breaker:
            self._breaker = breaker
            await self._book.keep_breaker(self._adapter.partner, breaker)
