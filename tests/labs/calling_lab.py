"""A desk whose calls go to a partner in this process; every step can be the last of a life."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, select

from actors.owners.desk.call_book import DeskBook
from actors.store.data_folder import now_ms
from actors.store.desk.schema import CALLS
from adapters._registry import open_partner
from adapters._spec import Doubt, Later, Why, WireRequest, WireResponse
from adapters._transport.caller import Caller
from adapters._transport.calls import PAUSE_MS_MAX
from router.config import Policy
from tests.labs.desk_lab import DeskLab
from tests.labs.feed_world import FeedWorld

LOST = Doubt(Why.CUT, "the connection ended before the answer did")


class Died(Exception):
    """As if the process had ended."""


class Wire(Protocol):
    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt: ...


class CallingLab:
    def __init__(
        self, folder: pathlib.Path, partner: str, given: dict[str, Any], wire: Wire, url: str = "",
        policy: Policy | None = None,
    ) -> None:  # fmt: skip
        self.world = FeedWorld(shards=1, policy=policy)
        self.world.stock(A=1_000)
        self._partner, self._given, self._wire = partner, given, wire
        self.desk = DeskLab(folder, self.world, url=url)
        self.steps_left: int | None = None  # until it dies
        self.ahead_ms = 0
        self.begin()

    def begin(self) -> None:
        """A new life: what it knows is in the database."""
        self.desk.begin()
        self.book = DeskBook(self.desk.database, self.desk.following.ended, lambda: None)
        adapter = open_partner(self._partner, self._given, lambda place: "secret")
        self.caller = Caller(adapter, self, self.book, lambda: now_ms() + self.ahead_ms, lambda: 1.0)

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        self.step()
        answer = await self._wire.exchange(request)
        self.step()
        return answer

    def step(self) -> None:
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Died

    @contextmanager
    def dying(self, after: int) -> Iterator[None]:
        """Dies after so many steps: before or after a transaction that writes, or a request."""
        write, self.steps_left = self.desk.database.write, after

        @contextmanager
        def counted() -> Iterator[Connection]:
            self.step()
            with write() as connection:
                yield connection
            self.step()

        self.desk.database.write = counted  # type: ignore[method-assign]
        try:
            yield
        finally:
            self.desk.database.write = write  # type: ignore[method-assign]
            self.steps_left = None

    def calls(self) -> list[str]:
        with self.desk.database.read() as connection:
            return list(connection.execute(select(CALLS.c.state)).scalars())

    def work(self, rounds: int = 60) -> None:
        """Send, call and read until nothing is left to do, time going on to when the next call is due."""
        for _ in range(rounds):
            if not self.turn():
                return
        raise AssertionError("it never ends")

    def turn(self) -> bool:
        """Whether anything was done, or is still to be done later."""
        sent = self.desk.sender.send()
        stepped = asyncio.run(self._step_due())
        self.desk.read()
        live = {"due", "under_way", "doubtful"} & set(self.calls())
        if live and not stepped:
            self.ahead_ms += PAUSE_MS_MAX
        return bool(sent or stepped or live)

    async def _step_due(self) -> int:
        due = await self.book.due(self._partner, now_ms() + self.ahead_ms, 10)
        for call in due:
            await self.caller.step(call)
        return len(due)
