"""Where calls to partners are durable: the desk's database, asked from an event loop.

What a call ended in is kept in the transaction that keeps the call: no answer of a partner is kept without what
follows from it, and nothing follows from an answer that is not kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from actors.store.desk import calls
from actors.store.desk.database import Database
from adapters._transport.breaker import Breaker
from adapters._transport.calls import FINAL, Call, KeyReused

T = TypeVar("T")
Ended = Callable[[Connection, Call], None]


class DeskBook:
    """Satisfies ``adapters._transport.calls.CallBook``."""

    def __init__(self, database: Database, ended: Ended, kept: Callable[[], None]) -> None:
        """``ended`` writes what follows from a call that is final; ``kept`` is called when that is durable."""
        self._database = database
        self._ended = ended
        self._kept = kept

    async def begin(self, call: Call) -> Call:
        known = await self._write(lambda connection: calls.begin(connection, call))
        if known.intent != call.intent:
            raise KeyReused(f"the key {call.key} stands for another intent; give every intent a key of its own")
        return known

    async def keep(self, call: Call) -> None:
        def write(connection: Connection) -> None:
            calls.keep(connection, call)
            if call.state in FINAL:
                self._ended(connection, call)

        await self._write(write)
        if call.state in FINAL:
            self._kept()

    async def due(self, partner: str, now_ms: int, most: int) -> list[Call]:
        return await self._read(lambda connection: calls.due(connection, partner, now_ms, most))

    async def breaker(self, partner: str) -> Breaker:
        return await self._read(lambda connection: calls.breaker(connection, partner))

    async def keep_breaker(self, partner: str, breaker: Breaker) -> None:
        await self._write(lambda connection: calls.keep_breaker(connection, partner, breaker))

    async def _write(self, work: Callable[[Connection], T]) -> T:
        """In a thread: the disk takes its time, and other calls go on meanwhile."""

        def transaction() -> T:
            with self._database.write() as connection:
                return work(connection)

        return await asyncio.to_thread(transaction)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._database.read() as connection:
                return work(connection)

        return await asyncio.to_thread(transaction)
