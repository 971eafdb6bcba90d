"""Turns of a shard, by threads as in production, on a path that only notes what it is asked to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from router.ledger.turns import NoCheckpoints
from router.log.kinds import Kind
from router.shard.lanes import BatchId, Begun
from router.shard.turns import ShardTurns

A_MESSAGE = pa.RecordBatch.from_pylist([{"x": 1}])
PATIENCE_S = 10.0


@dataclass(frozen=True)
class NumberedBatch:
    sequence: int
    grants_seen: int = 0
    asks_after: int = 0
    now_ms: int = 0

    @property
    def batch_id(self) -> BatchId:
        return self.sequence, 1  # each of another sender


@dataclass
class NotingPath:
    """Satisfies ``router.shard.turns.Path``; questions are answered when the test says so."""

    asked: list[int] = field(default_factory=list)
    answers: dict[int, threading.Event] = field(default_factory=dict)
    arrived: threading.Event = field(default_factory=threading.Event)  # a question, or somebody who waits
    committed: int = 0
    shown: int = 0
    last_sequence: int = 0

    def must_wait(self, kind: Kind, batch: Any) -> bool:
        return False

    def looks_back(self, batch: Any) -> Callable[[], None] | None:
        return None

    def begin(self, kind: Kind, batch: Any) -> Begun:
        self.last_sequence = batch.sequence
        self.answers[batch.sequence] = threading.Event()
        begun = Begun(kind, batch.sequence, 1, 0, [A_MESSAGE], grants_seen=batch.grants_seen)
        begun.asks_after = batch.asks_after
        return begun

    def ask(self, begun: Begun) -> None:
        self.asked.append(begun.sequence)
        self.arrived.set()
        assert self.answers[begun.sequence].wait(PATIENCE_S)

    def may_finish(self, begun: Begun) -> bool:
        return self.committed == begun.sequence - 1

    def finish(self, begun: Begun) -> None:
        self.committed = begun.sequence

    def conclude(self, begun: Begun) -> None: ...

    def show(self, begun: Begun) -> None:
        self.shown = begun.sequence

    def chains(self) -> list[int]:
        return []

    def dump(self) -> Mapping[str, Any]:
        return {}


class TellingTurn(threading.Condition):
    """Says when somebody begins to wait."""

    def __init__(self, waits: threading.Event) -> None:
        super().__init__()
        self._waits = waits

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        if not predicate():
            self._waits.set()
        return super().wait_for(predicate, timeout)


def asked_beside(*batches: NumberedBatch) -> tuple[list[int], list[int]]:
    """Which were asked about while the first was not answered, and which in the end."""
    path = NotingPath()
    turns = ShardTurns(path, TellingTurn(path.arrived), NoCheckpoints())  # type: ignore[arg-type]
    threads = []
    for batch in batches:
        path.arrived.clear()
        threads.append(threading.Thread(target=turns.submit, args=(Kind.EVENTS, batch)))
        threads[-1].start()
        assert path.arrived.wait(PATIENCE_S)
    beside = list(path.asked)
    for batch in batches:
        path.answers[batch.sequence].set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert turns.is_idle
    return beside, path.asked


def test_batches_are_asked_about_beside_each_other() -> None:
    assert asked_beside(NumberedBatch(1, 6), NumberedBatch(2, 6)) == ([1, 2], [1, 2])


def test_a_batch_that_knows_of_grants_is_asked_about_behind_those_that_were_begun_before_them() -> None:
    """The ledger forgets grants that a question says were taken over, and a cancel begun before may give up units of
    them: overtaken by that question it ended the ledger, at every try."""
    assert asked_beside(NumberedBatch(1, 0), NumberedBatch(2, 6)) == ([1], [1, 2])


def test_a_batch_is_asked_about_behind_the_one_that_changed_the_same_orders() -> None:
    """Returned units lie where the shipment brought them: a return that overtook it ended the ledger."""
    assert asked_beside(NumberedBatch(1), NumberedBatch(2, asks_after=1)) == ([1], [1, 2])
