"""The loop of the desk's calls over real sockets: who is slow holds up nobody, and what was begun is taken up again."""

from __future__ import annotations

import asyncio
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from actors.owners.desk.call_book import DeskBook
from actors.owners.desk.partner_calls import STOP_S, PartnerCalls
from actors.store.data_folder import now_ms
from actors.store.desk import calls
from actors.store.desk.database import Database
from adapters._intents import Authorize, OrderReference
from adapters._registry import open_partner
from adapters._transport.calls import Call, CallState
from adapters.sandbox.server import Sandbox, SandboxSettings
from router.errors import Retryable
from tests.labs.partner_lab import served
from tests.labs.serve_fixture import until

HANGS_MINOR = 129_902  # no answer, and nothing was done; once a key
HANG_S = 8.0


class Calls:
    """Two partners at one sandbox, and the loop that calls them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.database = Database(folder, "")
        self.ended: list[Call] = []
        self.sandbox = Sandbox(SandboxSettings("k", "k", hang_s=HANG_S), "r", 1, now_ms)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.serving = served(self.sandbox.application())
        self.url = self.run(self.serving.__aenter__())
        self.running = self.begin()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def begin(self) -> PartnerCalls:
        given = {"adapter": "sandbox_payments", "url": self.url, "allow_private": True, "api_key": "env:K",
                 "hook_secrets": ["env:K"]}  # fmt: skip
        adapters = [open_partner(name, given, lambda place: "k") for name in ("slow", "quick")]
        self.running = PartnerCalls(adapters, DeskBook(self.database, self._ended, lambda: None), now_ms)
        self.running.start()
        return self.running

    def _ended(self, connection: Connection, call: Call) -> None:
        self.ended.append(call)

    def want(self, partner: str, key: str, amount_minor: int = 100) -> None:
        intent = Authorize(key=key, order=OrderReference("o"), amount_minor=amount_minor, currency="EUR", token="t")
        with self.database.write() as connection:
            calls.begin(connection, Call(partner=partner, intent=intent, next_at_ms=now_ms()))
        self.running.wake()

    def state(self, partner: str, key: str) -> CallState:
        with self.database.read() as connection:
            found = calls.find(connection, partner, key)
        assert found is not None
        return found.state

    def close(self) -> None:
        self.running.stop()
        self.run(self.serving.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.database.close()


@pytest.fixture
def lab(tmp_path: pathlib.Path) -> Iterator[Calls]:
    made = Calls(tmp_path / "desk")
    yield made
    made.close()


def test_who_hangs_holds_up_neither_others_nor_its_own_other_calls(lab: Calls) -> None:
    lab.want("slow", "hangs", HANGS_MINOR)
    until(lambda: lab.state("slow", "hangs") is CallState.UNDER_WAY, "it hangs")
    began = time.monotonic()
    lab.want("slow", "other")
    lab.want("quick", "one")
    until(lambda: {call.key for call in lab.ended} == {"other", "one"}, "both are done")
    assert time.monotonic() - began < HANG_S / 2 and lab.state("slow", "hangs") is CallState.UNDER_WAY


def test_what_hangs_when_it_is_stopped_is_done_once_by_the_next_life(lab: Calls) -> None:
    lab.want("quick", "hangs", HANGS_MINOR)
    until(lambda: lab.state("quick", "hangs") is CallState.UNDER_WAY, "it hangs")
    began = time.monotonic()
    lab.running.stop()
    assert time.monotonic() - began < STOP_S + 2
    assert lab.state("quick", "hangs") is CallState.UNDER_WAY and not lab.ended
    with lab.database.write() as connection:  # as if its deadline were over
        kept = calls.find(connection, "quick", "hangs")
        assert kept is not None
        calls.keep(connection, msgspec.structs.replace(kept, next_at_ms=0))
    lab.begin()
    until(lambda: [call.state for call in lab.ended] == [CallState.DONE], "done")
    assert len(lab.sandbox.payments.steps) == 1


def test_a_database_that_is_away_for_a_moment_stops_nothing(lab: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = lab.database.write, [3]

    def away() -> Any:
        if left[0]:
            left[0] -= 1
            raise Retryable("the desk's database does not answer now", 10)
        return real()

    lab.running.stop()
    lab.want("quick", "one")
    monkeypatch.setattr(lab.database, "write", away)
    lab.begin()
    until(lambda: [call.state for call in lab.ended] == [CallState.DONE], "done all the same", 60)
    assert len(lab.sandbox.payments.steps) == 1 and left == [0]


def test_waking_one_that_has_ended_does_nothing(lab: Calls) -> None:
    lab.running.stop()
    lab.running.wake()
