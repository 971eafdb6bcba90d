"""Turns of batches by threads, as a shard's process takes them, around a path that does nothing but note what comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from router.log.kinds import Kind
from router.shard import turns
from router.shard.lanes import Begun
from router.shard.turns import ShardTurns

SENDER = 11


@dataclass(frozen=True)
class Numbered:
    batch_id: tuple[int, int]
    now_ms: int = 0


@dataclass
class NotedPath:
    """Every batch is a record of its own, done at once."""

    committed: int = 0
    begun: list[tuple[int, int]] = field(default_factory=list)
    shown: int = 0
    look_back: dict[int, Callable[[], None]] = field(default_factory=dict)  # by sender
    asks: threading.Event = field(default_factory=threading.Event)  # what is asked is answered

    def __post_init__(self) -> None:
        self.asks.set()

    @property
    def last_sequence(self) -> int:
        return len(self.begun)

    def must_wait(self, kind: Kind, batch: Numbered) -> bool:
        return False

    def looks_back(self, batch: Numbered) -> Callable[[], None] | None:
        return self.look_back.get(batch.batch_id[0])

    def begin(self, kind: Kind, batch: Numbered) -> Begun:
        self.begun.append(batch.batch_id)
        return Begun(kind, len(self.begun), 1, 0, [np.zeros(0)])  # type: ignore[list-item]

    def ask(self, begun: Begun) -> None:
        assert self.asks.wait(10)

    def may_finish(self, begun: Begun) -> bool:
        return self.committed == begun.sequence - 1

    def finish(self, begun: Begun) -> None:
        self.committed = begun.sequence

    def conclude(self, begun: Begun) -> None:
        pass

    def show(self, begun: Begun) -> None:
        self.shown = begun.sequence

    def chains(self) -> list[int]:
        return []

    def dump(self) -> dict[str, Any]:
        return {}


class NeverKept:
    def due(self) -> bool:
        return False

    def keep(self, *_: object) -> None:
        raise AssertionError("no checkpoint is due")


@dataclass
class Shard:
    path: NotedPath = field(default_factory=NotedPath)

    def __post_init__(self) -> None:
        self.turns = ShardTurns(self.path, threading.Condition(), NeverKept())  # type: ignore[arg-type]

    def arrives(self, number: int, sender: int = SENDER, kind: Kind = Kind.EVENTS, now_ms: int = 0) -> threading.Thread:
        thread = threading.Thread(target=self.turns.submit, args=(kind, Numbered((sender, number), now_ms)))
        thread.start()
        return thread

    def has_begun(self, count: int) -> bool:
        """Whether so many batches begin, in a time that is long for that."""
        until_s = time.monotonic() + 0.2
        while time.monotonic() < until_s and len(self.path.begun) < count:
            time.sleep(0.005)
        return len(self.path.begun) == count

    def after(self, *threads: threading.Thread) -> list[int]:
        for thread in threads:
            thread.join(10)
        return [number for _, number in self.path.begun]


def test_a_batch_that_overtook_another_waits_for_it_however_late_that_is() -> None:
    """Its thread may wait long for a processor of a busy machine; an order's events would change places."""
    shard = Shard()
    shard.after(shard.arrives(1))
    third = shard.arrives(3)
    time.sleep(5 * turns.STRANGER_PATIENCE_S)
    assert shard.after(shard.arrives(2), third) == [1, 2, 3]


def test_a_batch_has_arrived_though_somebody_holds_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of millions of orders takes longer than one batch waits for another."""
    monkeypatch.setattr(turns, "PREDECESSOR_PATIENCE_S", 0.1)
    for _ in range(10):
        shard = Shard()
        shard.after(shard.arrives(1))
        third = shard.arrives(3)
        time.sleep(0.02)
        with shard.turns.step():
            time.sleep(0.12)  # the third has waited long enough, and is the first to wait for the turn
            second = shard.arrives(2)
            time.sleep(0.02)
        assert shard.after(second, third) == [1, 2, 3]


def test_the_first_batches_of_a_sender_keep_their_order_too() -> None:
    shard = Shard()
    second = shard.arrives(2)
    time.sleep(turns.STRANGER_PATIENCE_S / 5)
    assert shard.after(shard.arrives(1), second) == [1, 2]


def test_a_batch_that_never_comes_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PREDECESSOR_PATIENCE_S", 0.2)
    shard = Shard()
    shard.after(shard.arrives(1))
    began_s = time.monotonic()
    assert shard.after(shard.arrives(3)) == [1, 3]
    assert time.monotonic() - began_s >= 0.2
    began_s = time.monotonic()
    assert shard.after(shard.arrives(4)) == [1, 3, 4] and time.monotonic() - began_s < 0.2


def test_after_a_start_nobody_waits_long_for_batches_that_came_before_it() -> None:
    shard = Shard()
    began_s = time.monotonic()
    assert shard.after(shard.arrives(800), shard.arrives(1, sender=12)) in ([800, 1], [1, 800])
    assert time.monotonic() - began_s < turns.PREDECESSOR_PATIENCE_S / 2


@pytest.mark.parametrize(("passed_ms", "begin_together"), [(turns.EVENTS_COME_MS - 1, 1), (turns.EVENTS_COME_MS, 3)])
def test_orders_leave_the_way_free_while_events_come(passed_ms: int, begin_together: int) -> None:
    """An event is finished after all that began before it."""
    shard, orders = Shard(), 12
    shard.after(shard.arrives(1, now_ms=1_000))
    shard.path.asks.clear()
    under_way = [shard.arrives(number, orders, Kind.ORDERS, 1_000 + passed_ms) for number in (1, 2, 3)]
    assert shard.has_begun(1 + begin_together)
    under_way.append(shard.arrives(2, now_ms=0))
    assert shard.has_begun(2 + begin_together), "an event begins at once"
    shard.path.asks.set()
    assert sorted(shard.after(*under_way)) == [1, 1, 2, 2, 3]


def test_others_have_their_turn_while_a_batch_looks_back() -> None:
    """It reads the log of closed orders, which may take seconds; its sender's next batch still comes after it."""
    shard, has_read = Shard(), threading.Event()
    shard.path.look_back[SENDER] = lambda: assert_in_time(has_read)
    looking = shard.arrives(1)
    assert not shard.has_begun(1)
    following, other = shard.arrives(2), shard.arrives(1, sender=12, kind=Kind.ORDERS)
    assert shard.after(other) == [1] and shard.path.begun == [(12, 1)]
    has_read.set()
    shard.after(looking, following)
    assert shard.path.begun[1:] == [(SENDER, 1), (SENDER, 2)]


def assert_in_time(event: threading.Event) -> None:
    assert event.wait(10)
