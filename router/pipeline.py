"""The path of every batch, in one file. Every box is a function or method of that name.

      gateway                     order shard                          ledger
    ───────────        ──────────────────────────────────        ──────────────────
                       looks_back: the log of closed orders
    decode, split ───▶ begin:  lane.begin
                               log part 0
                       ask:    the ledger   ──(durable)──▶       decide, move, amend
                                            ◀──(durable)───      log, publish
                       finish: lane.finish
                               log part 1
                               lane.answer
    encode       ◀───  show:   lane.show    (durable)

Orders, events and grants are kinds of batches; each has a lane (``router/shard/*_lane.py``). ``ShardPath`` holds the
lanes of a shard, its log and nothing else. It is synchronous and knows no time: ``router/shard/turns.py`` calls it in
turns, by threads in ``actors/``, by tasks in the simulation. ``begin`` and ``finish`` are called one at a time,
``finish`` and ``show`` in the order of ``begin``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from router.log.kinds import Kind
from router.log.recall import Recollection
from router.log.records import INPUT, OUTCOME_PART, frame, serialize
from router.ports import LedgerPort, Log, Question
from router.replay import Replay
from router.shard.engine import ShardEngine
from router.shard.event_lane import EventLane
from router.shard.grant_lane import GrantLane
from router.shard.lanes import Batch, Begun, Lane, Message, PolicyOf
from router.shard.order_lane import OrderLane
from router.tables.compiled import TablesOf

BATCH_IDS_KEPT = 4_096
CHECKPOINT_FORM = 4  # to be raised where what is dumped means something else


class ShardPath:
    """One shard: its lanes and its log, and the way to the ledger."""

    def __init__(
        self, engine: ShardEngine, log: Log, ledger: LedgerPort, tables_of: TablesOf, policy_of: PolicyOf
    ) -> None:
        self.engine = engine
        self.log = log
        self.recall = Recollection(log)
        self.events = EventLane(engine, self.recall, log, tables_of, policy_of)
        self.orders = OrderLane(engine, self.recall, tables_of, self.events.givers)
        self.grants = GrantLane(engine, self.recall)
        self.lanes: dict[Kind, Lane] = {lane.kind: lane for lane in (self.orders, self.events, self.grants)}
        self.ledger = ledger
        self._next = log.last_sequence(INPUT) + 1
        self._batches: OrderedDict[tuple[int, int], int] = OrderedDict()  # batch id -> sequence
        self.committed = log.last_sequence(OUTCOME_PART)

    @property
    def last_sequence(self) -> int:
        """Of the newest batch that was begun."""
        return self._next - 1

    @property
    def shown(self) -> int:
        """The newest sequence that readers may see."""
        return int(self.engine.index.committed_sequence)

    # --- one batch -------------------------------------------------------------------------------

    def submit(self, kind: Kind, batch: Batch) -> Message:
        """The whole path in one call, with nothing else under way: answered when everything is durable."""
        begun = self.begin(kind, batch)
        self.ask(begun)
        self.finish(begun)
        self.conclude(begun)
        self.show(begun)
        return begun.said

    def must_wait(self, kind: Kind, batch: Batch) -> bool:
        """Whether the batch names an order of which something is under way that it has to know."""
        return self.lanes[kind].must_wait(batch, self.shown)

    def looks_back(self, batch: Any) -> Callable[[], None] | None:
        """What a batch of events has to read before it begins, beside others that are under way; None where that is
        nothing."""
        return None if batch.batch_id in self._batches else self.events.looks_back(batch)

    def begin(self, kind: Kind, batch: Batch) -> Begun:
        """Take a batch in and queue its input for the disk."""
        begun = self.lanes[kind].begin(batch, self._next, self._batches.get(batch.batch_id))
        begun.grants_seen = self.grants.seen
        if begun.is_logged:
            self._next += 1
            self._remember(batch.batch_id, begun.sequence)
            record = frame(
                kind,
                INPUT,
                begun.sequence,
                [serialize(message) for message in begun.messages],
                tables_version=begun.tables_version,
                now_ms=begun.now_ms,
                batch_id=batch.batch_id[0],
                batch_number=batch.batch_id[1],
            )
            begun.input_ticket = self.log.append(begun.sequence, INPUT, record, documents=begun.documents)
        else:
            begun.waits_for = max(begun.waits_for, begun.first_sequence or 0)
        return begun

    def ask(self, begun: Begun) -> None:
        """When the input is durable, ask the ledger; may run beside other batches."""
        if begun.input_ticket is not None:
            self.log.wait(begun.input_ticket)
            self._put_question(begun)

    def _put_question(self, begun: Begun) -> None:
        question = Question(
            self.engine.number, begun.sequence, self.log.epoch, begun.tables_version, begun.now_ms, begun.grants_seen
        )
        self.lanes[begun.kind].ask(begun, question, self.ledger)

    def may_finish(self, begun: Begun) -> bool:
        if begun.is_logged:
            return self.committed == begun.sequence - 1
        return self.committed >= begun.waits_for

    def finish(self, begun: Begun) -> None:
        """Commit in the order of sequences; what it decided, and the answer, count once its record is durable."""
        assert self.may_finish(begun), "commits happen once and in sequence order, repeats after what they repeat"
        lane = self.lanes[begun.kind]
        if begun.is_logged:
            self._commit(begun, lane)
        begun.said = lane.answer(begun)

    def _commit(self, begun: Begun, lane: Lane) -> None:
        begun.outcome = lane.finish(begun)
        record = frame(
            lane.outcome_kind,
            OUTCOME_PART,
            begun.sequence,
            [serialize(begun.outcome)],
            tables_version=begun.tables_version,
            now_ms=begun.now_ms,
        )
        begun.outcome_ticket = self.log.append(begun.sequence, OUTCOME_PART, record)
        self.committed = begun.sequence

    def conclude(self, begun: Begun) -> None:
        """Return when what was decided is on disk."""
        if begun.outcome_ticket is not None:
            self.log.wait(begun.outcome_ticket)

    def show(self, begun: Begun) -> None:
        """Let readers see a durable batch."""
        if begun.is_logged:
            index = self.engine.index
            index.committed_sequence = max(index.committed_sequence, begun.sequence)
            self.lanes[begun.kind].show(begun)

    def _remember(self, batch_id: tuple[int, int], sequence: int) -> None:
        self._batches[batch_id] = sequence
        while len(self._batches) > BATCH_IDS_KEPT:
            self._batches.popitem(last=False)

    # --- recovery --------------------------------------------------------------------------------

    def recover(self, from_sequence: int, chains: list[int] | None = None) -> int:
        """Replay the log from a sequence on and finish what was under way; returns the batches replayed."""
        replay = Replay(self.lanes, self._remember)
        replay.run(self.log.iterate(from_sequence, chains))
        for given in replay.unfinished:
            begun = self.lanes[given.kind].reopen(given)
            begun.grants_seen = self.grants.seen
            self._put_question(begun)
            self._commit(begun, self.lanes[given.kind])
            self.conclude(begun)
            self.show(begun)
        self.engine.index.committed_sequence = max(self.engine.index.committed_sequence, self.committed)
        return replay.batches

    def chains(self) -> list[int]:
        """Of the log, after the newest finished batch."""
        return self.log.chains_at(self.committed)

    def dump(self) -> dict[str, Any]:
        """The state after the newest finished batch, for a checkpoint; no batch may be under way.

        Some arrays are views: to be read or copied before the next one begins.
        """
        engine = self.engine
        parts = {
            "index": engine.index.dump(), "books": engine.books.dump(), "origins": engine.origins.dump(),
            "path": self._dump_path(),
        }  # fmt: skip
        return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    @staticmethod
    def can_restore(arrays: dict[str, Any]) -> bool:
        """Whether a checkpoint is of this form; where it is not the log is read from its beginning."""
        return "path.form" in arrays and int(arrays["path.form"][0]) == CHECKPOINT_FORM

    def _dump_path(self) -> dict[str, Any]:
        batches = np.array([(*batch_id, at) for batch_id, at in self._batches.items()], np.uint64).reshape(-1, 3)
        return {"form": np.array([CHECKPOINT_FORM]), "batches": batches, **self.grants.dump(), **self.events.dump()}

    def restore(self, arrays: dict[str, Any]) -> None:
        """Become what was dumped; readers stay out until the log's tail is replayed."""

        def of(part: str) -> dict[str, Any]:
            return {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{part}.")}

        self.engine.index.restore(of("index"))
        self.engine.books.restore(of("books"))
        self.engine.origins.restore(of("origins"))
        self.grants.restore(of("path"))
        self.events.restore(of("path"))
        for sender, number, sequence in of("path")["batches"].tolist():
            self._remember((sender, number), sequence)
