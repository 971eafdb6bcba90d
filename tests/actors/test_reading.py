"""The reading thread: reads before feeds, feeds in turn, neither kept waiting for long by the other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actors.gateway.core import reading as module
from actors.gateway.core.reading import GoesOn, Reading


def always() -> bool:
    return True


class Bench:
    """A reading thread that stands still until it is let go, and what it did in order."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.read_waits, self.turn_waits = list[float](), list[float]()
        self.reading = Reading(self.read_waits.append, self.turn_waits.append)
        self._go = threading.Event()

    def hold(self) -> Coroutine[Any, Any, bool]:
        return self.reading.read(self._go.wait)

    def let_go(self) -> None:
        self._go.set()

    def read(self, name: str, seconds: float = 0.0) -> Coroutine[Any, Any, None]:
        return self.reading.read(self._do, name, seconds)

    def turn(self, name: str) -> Coroutine[Any, Any, None]:
        return self.reading.turn(lambda _: self._do(name, 0.0), always)

    def _do(self, name: str, seconds: float) -> None:
        time.sleep(seconds)
        self.did.append(name)


@asynccontextmanager
async def held() -> AsyncIterator[Bench]:
    bench = Bench()
    first = asyncio.ensure_future(bench.hold())
    await asyncio.sleep(0.02)
    try:
        yield bench
    finally:
        bench.let_go()
        await first
        bench.reading.close()


def test_a_read_goes_before_every_turn_that_waits() -> None:
    async def run() -> list[str]:
        async with held() as bench:
            turns = [asyncio.ensure_future(bench.turn(f"turn {number}")) for number in range(100)]
            await asyncio.sleep(0)
            read = asyncio.ensure_future(bench.read("read"))
            await asyncio.sleep(0)
            bench.reading._reads_s = 0.0
            bench.let_go()
            await asyncio.gather(read, *turns)
            return bench.did

    did = asyncio.run(run())
    assert did.index("read") <= 1, "the one that held the thread may have used up what reads have"
    assert [name for name in did if name != "read"] == [f"turn {number}" for number in range(100)]


def test_reads_without_a_pause_leave_feeds_a_share() -> None:
    async def run() -> tuple[list[str], Bench]:
        async with held() as bench:
            reads = [asyncio.ensure_future(bench.read("read", 0.01)) for _ in range(40)]
            turns = [asyncio.ensure_future(bench.turn("turn")) for _ in range(4)]
            await asyncio.sleep(0)
            bench.let_go()
            await asyncio.gather(*reads, *turns)
            return bench.did, bench

    did, bench = asyncio.run(run())
    at = [place for place, name in enumerate(did) if name == "turn"]
    assert len(at) == 4 and at[-1] < 25, did
    assert all(3 <= later - before <= 6 for before, later in zip(at, at[1:], strict=False)), did
    assert (len(bench.read_waits), len(bench.turn_waits)) == (41, 4)
    assert max(bench.read_waits) > 0.3 and min(bench.read_waits) >= 0


def test_a_turn_has_its_first_piece_and_ends_with_its_time() -> None:
    def busy(goes_on: GoesOn) -> int:
        pieces = 0
        while goes_on():
            time.sleep(module.TURN_S / 4)
            pieces += 1
        return pieces

    async def run() -> tuple[int, int]:
        async with held() as bench:
            bench.let_go()
            return await bench.reading.turn(busy, always), await bench.reading.turn(busy, lambda: False)

    pieces, unwanted = asyncio.run(run())
    assert 1 <= pieces <= 5 and unwanted == 0


def test_a_turn_that_begins_late_still_does_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_S", 0.0)

    async def run() -> list[bool]:
        async with held() as bench:
            bench.let_go()
            return await bench.reading.turn(lambda goes_on: [goes_on() for _ in range(3)], always)

    assert asyncio.run(run()) == [True, False, False]


def test_faults_come_back_and_the_thread_goes_on() -> None:
    async def run() -> list[str]:
        async with held() as bench:
            bench.let_go()
            with pytest.raises(ZeroDivisionError):
                await bench.reading.read(lambda: 1 // 0)
            await bench.read("read")
            return bench.did

    assert asyncio.run(run()) == ["read"]


def test_what_nobody_waits_for_any_more_is_not_done() -> None:
    async def run() -> list[str]:
        async with held() as bench:
            given_up = asyncio.ensure_future(bench.turn("given up"))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.sleep(0)
            kept = asyncio.ensure_future(bench.turn("kept"))
            await asyncio.sleep(0)
            bench.let_go()
            await kept
            return bench.did

    assert asyncio.run(run()) == ["kept"]


def test_at_the_end_what_waits_is_cancelled() -> None:
    async def run() -> Bench:
        bench = Bench()
        first = asyncio.ensure_future(bench.hold())
        await asyncio.sleep(0.02)
        waiting = [asyncio.ensure_future(bench.turn("turn")), asyncio.ensure_future(bench.read("read"))]
        await asyncio.sleep(0)
        threading.Timer(0.05, bench.let_go).start()
        bench.reading.close()
        assert await first
        for one in waiting:
            with pytest.raises(asyncio.CancelledError):
                await one
        return bench

    assert asyncio.run(run()).did == []
