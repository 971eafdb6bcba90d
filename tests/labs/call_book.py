"""A call book in memory, which remembers everything that was ever kept, in order."""

from __future__ import annotations

import asyncio

import msgspec

from adapters._transport.breaker import Breaker
from adapters._transport.calls import FINAL, Call, KeyReused


class MemoryBook:
    """Satisfies ``calls.CallBook``. Every call goes through JSON, as in a database, so what it says can be stored; and
    whatever is kept takes a turn, as a disk does, in which others go on."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], bytes] = {}
        self._breakers: dict[str, bytes] = {}
        self.kept: list[Call] = []

    async def begin(self, call: Call) -> Call:
        await asyncio.sleep(0)
        known = self.of(call.partner, call.key)
        if known is None:
            await self.keep(call)
            await asyncio.sleep(0)
            return call
        if known.intent != call.intent:
            raise KeyReused(f"the key {call.key} stands for another intent; give every intent a key of its own")
        return known

    async def keep(self, call: Call) -> None:
        await asyncio.sleep(0)
        self._calls[call.partner, call.key] = msgspec.json.encode(call)
        self.kept.append(call)

    async def due(self, partner: str, now_ms: int, most: int) -> list[Call]:
        found = (msgspec.json.decode(raw, type=Call) for raw in self._calls.values())
        due = [each for each in found if each.partner == partner and each.state not in FINAL]
        return sorted((each for each in due if each.next_at_ms <= now_ms), key=lambda each: each.next_at_ms)[:most]

    async def breaker(self, partner: str) -> Breaker:
        raw = self._breakers.get(partner)
        return Breaker() if raw is None else msgspec.json.decode(raw, type=Breaker)

    async def keep_breaker(self, partner: str, breaker: Breaker) -> None:
        self._breakers[partner] = msgspec.json.encode(breaker)

    def of(self, partner: str, key: str) -> Call | None:
        raw = self._calls.get((partner, key))
        return None if raw is None else msgspec.json.decode(raw, type=Call)
