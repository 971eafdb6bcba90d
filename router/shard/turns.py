"""Turns: who may begin, decide and finish in a shard, when it is closed, and when a checkpoint may be taken.

    arrive ─▶ wait for earlier batches of the same sender, and for orders it names that are in flight
           ─▶ look back: events read the log of closed orders, while others have their turn ─▶ begin
    begun  ─▶ disk, ledger: beside other batches; behind those it builds on, of the same orders or with fewer grants
    finish ─▶ in the order of sequences ─▶ disk ─▶ show ─▶ answer

One plain state machine: ``turn`` is a lock with a condition, ``threading.Condition`` in ``actors/`` and a signal
between tasks in the simulation, so the simulation runs the code that serves. Nothing here waits but by ``turn`` and by
the ports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy.typing as npt

from router.log.kinds import Kind
from router.ports import Checkpoints, Turn
from router.shard.lanes import Batch, BatchId, Begun, Message

# A call overtakes another while the other's thread waits for a processor, or its sender for another try; events would
# change places. Both take less than this, and a batch that was given up never comes.
PREDECESSOR_PATIENCE_S = 2.0
STRANGER_PATIENCE_S = 0.05  # of a sender not heard of since the start, whose last batch may have come before that
SENDERS_REMEMBERED = 256
# Everything is finished in the order in which it began, so an event waits for the orders begun before it: a stream that
# fills the pipeline makes that several large batches. While events come it leaves the pipeline to them but for one.
ORDERS_BESIDE_EVENTS_MAX = 1
EVENTS_COME_MS = 10_000  # since the last one, by the senders' clocks


class Path(Protocol):
    """``router/pipeline.py`` ShardPath, as far as turns concern it."""

    committed: int

    @property
    def shown(self) -> int: ...

    @property
    def last_sequence(self) -> int: ...

    def must_wait(self, kind: Kind, batch: Batch) -> bool: ...

    def looks_back(self, batch: Batch) -> Callable[[], None] | None: ...

    def begin(self, kind: Kind, batch: Batch) -> Begun: ...

    def ask(self, begun: Begun) -> None: ...

    def may_finish(self, begun: Begun) -> bool: ...

    def finish(self, begun: Begun) -> None: ...

    def conclude(self, begun: Begun) -> None: ...

    def show(self, begun: Begun) -> None: ...

    def chains(self) -> list[int]: ...

    def dump(self) -> dict[str, npt.NDArray[Any]]: ...


class ShardTurns:
    """Batches of one shard, several under way at once."""

    def __init__(self, path: Path, turn: Turn, checkpoints: Checkpoints) -> None:
        self._path = path
        self._turn = turn
        self._checkpoints = checkpoints
        self._under_way = 0  # begun and not finished
        self._unshown = 0  # begun and not shown
        self._orders_under_way = 0
        self._event_ms = -EVENTS_COME_MS  # when the last batch of events was sent
        self._waiting: set[BatchId] = set()  # arrived and not begun
        self._asking: dict[int, int] = {}  # sequence of a batch that the ledger has not answered -> its grants_seen
        self._begun: dict[int, int] = {}  # sender -> its newest batch number
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether everything that was begun is shown, and nothing waits to begin."""
        return not (self._unshown or self._under_way or self._closed or self._waiting)

    def submit(self, kind: Kind, batch: Batch) -> Message:
        """The answer to a batch, when all of it is durable and can be read."""
        self._waiting.add(batch.batch_id)  # before its turn, which a checkpoint may hold for longer than others wait
        with self._forgotten_where_it_fails(batch.batch_id):
            if kind is Kind.EVENTS:
                self._look_back(batch)
            with self._turn:
                begun = self._begin(kind, batch)
                self._turn.wait_for(lambda: self._may_ask(begun))
        self._path.ask(begun)
        with self._turn:
            self._note_answered(begun)
            self._turn.wait_for(lambda: self._path.may_finish(begun))
            self._path.finish(begun)
            self._under_way -= 1
            self._orders_under_way -= kind is Kind.ORDERS
            self._turn.notify_all()
        self._path.conclude(begun)
        with self._turn:
            self._show(begun)
        return begun.said

    @contextmanager
    def _forgotten_where_it_fails(self, batch_id: BatchId) -> Iterator[None]:
        """Others of its sender do not wait for a batch that cannot begin."""
        try:
            yield
        except BaseException:
            with self._turn:
                self._waiting.discard(batch_id)
                self._turn.notify_all()
            raise

    def _look_back(self, batch: Batch) -> None:
        """Read what a batch needs of closed orders while others have their turn. Those that close just before it begins
        are read when it does: there are few of them, for their books are still there while they are shown."""
        with self._turn:
            self._event_ms = max(self._event_ms, batch.now_ms)
            self._await_turn(Kind.EVENTS, batch)
            look_back = self._path.looks_back(batch)
        if look_back is not None:
            look_back()

    def _await_turn(self, kind: Kind, batch: Batch) -> None:
        self._turn.wait_for(lambda: self._follows(batch.batch_id), self._patience_s(batch.batch_id[0]))
        self._turn.wait_for(lambda: self._may_begin(kind, batch))

    def _begin(self, kind: Kind, batch: Batch) -> Begun:
        self._await_turn(kind, batch)
        begun = self._path.begin(kind, batch)
        self._waiting.discard(batch.batch_id)
        self._turn.notify_all()
        self._note_begun(batch.batch_id)
        self._under_way += 1
        self._orders_under_way += kind is Kind.ORDERS
        self._unshown += 1
        if begun.is_logged:
            self._asking[begun.sequence] = begun.grants_seen
        return begun

    def _may_ask(self, begun: Begun) -> bool:
        """Behind batches that changed the same orders: units lie where they were moved to. And behind those that were
        begun with fewer grants taken over: the ledger forgets grants that a question says were, and they may have given
        up units of them."""
        if not begun.is_logged:
            return True
        return min(self._asking) > begun.asks_after and min(self._asking.values()) >= begun.grants_seen

    def _note_answered(self, begun: Begun) -> None:
        if begun.is_logged:
            del self._asking[begun.sequence]
            self._turn.notify_all()

    def _follows(self, batch_id: BatchId) -> bool:
        """Batches of one sender begin in the order in which it sent them, though calls may overtake each other."""
        sender, number = batch_id
        return self._begun.get(sender, 0) >= number - 1

    def _patience_s(self, sender: int) -> float:
        return PREDECESSOR_PATIENCE_S if sender in self._begun else STRANGER_PATIENCE_S

    def _may_begin(self, kind: Kind, batch: Batch) -> bool:
        sender, number = batch.batch_id
        waiting = tuple(self._waiting)  # at one moment: others arrive meanwhile
        is_next = all(other != sender or earlier >= number for other, earlier in waiting)
        is_open = not self._closed and not self._gives_way(kind, batch)
        return is_next and is_open and not self._path.must_wait(kind, batch)

    def _gives_way(self, kind: Kind, batch: Batch) -> bool:
        is_full = self._orders_under_way >= ORDERS_BESIDE_EVENTS_MAX
        return kind is Kind.ORDERS and is_full and batch.now_ms - self._event_ms < EVENTS_COME_MS

    def _note_begun(self, batch_id: BatchId) -> None:
        sender, number = batch_id
        self._begun[sender] = max(number, self._begun.get(sender, number))
        while len(self._begun) > SENDERS_REMEMBERED:
            del self._begun[next(iter(self._begun))]

    def _show(self, begun: Begun) -> None:
        """In the order of sequences, as the index takes what each batch left; then what it repeats can be read, too."""
        if begun.is_logged:
            self._turn.wait_for(lambda: self._path.shown >= begun.sequence - 1)
            self._path.show(begun)
        self._unshown -= 1
        self._turn.notify_all()
        if self._unshown == 0 and self._under_way == 0 and self._checkpoints.due():
            self._keep_checkpoint()
        self._turn.wait_for(lambda: self._path.shown >= begun.waits_for)

    # --- alone -----------------------------------------------------------------------------------

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing is under way inside, and nothing begins."""
        with self._turn:
            self._turn.wait_for(lambda: not self._closed)
            self._closed = True
            self._turn.wait_for(lambda: self._unshown == 0)
            try:
                yield
            finally:
                self._closed = False
                self._turn.notify_all()

    @contextmanager
    def step(self) -> Iterator[None]:
        """One engine step beside batches that are under way: new tables, a quote."""
        with self._turn:
            yield

    def close(self) -> None:
        """Finish what is under way, keep the state, and let nothing begin any more."""
        with self._turn:
            self._turn.wait_for(lambda: not self._closed)
            self._closed = True
            self._turn.wait_for(lambda: self._unshown == 0)
            self._keep_checkpoint()

    def _keep_checkpoint(self) -> None:
        """The state with nothing under way; all of it is durable, for it was shown."""
        self._checkpoints.keep(self._path.committed, self._path.chains(), self._path.dump())
