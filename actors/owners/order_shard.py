"""The order shard's process: a thin shell around ``router.pipeline.ShardPath`` that keeps several batches under way.

Ray calls the methods from a pool of threads. Engine steps run one at a time under ``_turn``; waiting for the disk
and for the ledger happens outside it. Commits keep the order of sequences. A fault that is not of the
outside world ends the process at once: Ray starts it again and it recovers from its log, which is the only state.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from actors.owners.checkpointer import Checkpointer
from actors.owners.ledger_actor import Ledger
from actors.owners.remote_ledger import RemoteLedger
from actors.process.fatal import OWNER_PATIENCE_S, SWITCH_INTERVAL_S, or_die
from actors.process.heap import settle
from actors.process.names import LEDGER, host_of, shard_name
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.mapped import SharedArena
from actors.store.table_store import TableStore
from router.arrow.arena import PrivateArena
from router.config import Config
from router.life.events import EventDesk, read_events
from router.log.index import OrderIndex
from router.pipeline import OrderBatch, Pending, ShardPath
from router.shard.engine import ShardEngine

Message = npt.NDArray[np.uint8]
ORDER_PATIENCE_S = 0.05  # Ray's threads overtake each other by less; a batch that was given up never comes
GATEWAYS_REMEMBERED = 256


class OrderShard:
    """One shard of the orders of a data folder."""

    def __init__(self, folder: str, number: int, config: bytes) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        data = DataFolder(folder)
        self._config = msgspec.json.decode(config, type=Config)
        self._tables = TableStore(data.tables)
        self._log = LmdbLog(data.shard(number), self._config.log, 2, OWNER_PATIENCE_S, Bell(data.bell))
        key = data.key()
        engine = ShardEngine(number, key, self._config, SharedArena(data.shared / shard_name(number)))
        desk = EventDesk(key, engine.index, OrderIndex(PrivateArena()))
        alone = host_of(LEDGER, self._config.shards) == shard_name(number)
        self._ledger = Ledger(folder, config) if alone else None
        reached = self._ledger or RemoteLedger(data.namespace, self._config.shards)
        self._path = ShardPath(engine, desk, self._log, reached, key)
        self._checkpointer = Checkpointer(data.shard(number), self._config.log.checkpoint_bytes, self._log.bytes_used)
        self._last_ticket = 0
        self._turn = threading.Condition()
        self._under_way = 0
        self._begun: dict[int, int] = {}  # gateway incarnation -> its newest batch number
        self._closed = False
        engine.use_tables(self._tables.load(self._tables.current()))
        started = time.monotonic()
        batches = self._recover()
        self.recovery_ms = int((time.monotonic() - started) * 1000)
        self.recovered_batches = batches
        settle()

    def of_ledger(self, method: str, *arguments: object) -> Any:
        """A call of the ledger that lives in this process."""
        assert self._ledger is not None, "the ledger of this folder is an actor of its own"
        return getattr(self._ledger, method)(*arguments)

    # --- orders ----------------------------------------------------------------------------------

    def submit(self, batch: OrderBatch) -> Message:
        """ACK rows of a batch, durable. One argument, so that Ray packs and stores one object and not five."""
        return or_die(lambda: self._submit(batch))

    def _submit(self, batch: OrderBatch) -> Message:
        with self._turn:
            self._await_predecessor(batch.batch_id)
            self._turn.wait_for(lambda: not self._closed)
            pending = self._path.begin(batch)
            self._begun_by(batch.batch_id)
            self._under_way += 1
        self._path.decide(pending)
        with self._turn:
            self._turn.wait_for(lambda: self._may_finish(pending))
            acknowledgement, ticket = self._path.finish(pending)
            self._under_way -= 1
            self._last_ticket = ticket or self._last_ticket
            self._turn.notify_all()
        if ticket is not None:
            self._log.wait(ticket)
        with self._turn:
            if ticket is not None:
                self._path.published(pending.admitted.sequence)
                self._turn.notify_all()
                self._checkpoint_when_due()
            self._turn.wait_for(lambda: self._path.shown >= pending.waits_for)  # what it repeats can be read
        return acknowledgement

    def _await_predecessor(self, batch_id: tuple[int, int]) -> None:
        """Ray's threads may overtake each other; batches of one gateway are begun in the order it sent them.

        Patience is short: a batch that the gateway gave up never comes.
        """
        gateway, number = batch_id
        self._turn.wait_for(lambda: self._begun.get(gateway, number) >= number - 1, ORDER_PATIENCE_S)

    def _begun_by(self, batch_id: tuple[int, int]) -> None:
        gateway, number = batch_id
        self._begun[gateway] = max(number, self._begun.get(gateway, number))
        while len(self._begun) > GATEWAYS_REMEMBERED:
            del self._begun[next(iter(self._begun))]
        self._turn.notify_all()

    def _may_finish(self, pending: Pending) -> bool:
        if pending.ticket is None:
            return self._path.committed >= pending.waits_for
        return self._path.committed == pending.admitted.sequence - 1

    def quote(self, orders: Message, skus: Message, now_ms: int) -> Message:
        """ACK rows as if the orders were sent now; the tables' scratch is shared with admission, hence the turn."""
        with self._turn:
            return self._path.quote(orders, skus, now_ms)

    # --- events ----------------------------------------------------------------------------------

    def submit_events(self, batch_id: tuple[int, int], events: bytes, now_ms: int) -> bytes:
        """One result object a line sent, as a JSON array."""
        return or_die(lambda: self._submit_events(batch_id, events, now_ms))

    def _submit_events(self, batch_id: tuple[int, int], events: bytes, now_ms: int) -> bytes:
        rows, refused, places = read_events(events)
        results: list[Any] = [None] * (len(rows) + len(refused))
        with self._alone():
            self._begun_by(batch_id)
            answers = self._path.submit_events(batch_id, rows, now_ms) if rows else []
            self._checkpoint_when_due()
        for place, answer in zip(places, answers, strict=True):
            results[place] = answer
        for refusal in refused:
            results[refusal.pop("place")] = refusal
        return msgspec.json.encode(results)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No batch is under way inside, and none begins."""
        with self._turn:
            self._turn.wait_for(lambda: not self._closed)
            self._closed = True
            self._turn.wait_for(lambda: self._under_way == 0)
            try:
                yield
            finally:
                self._closed = False
                self._turn.notify_all()

    # --- tables, state, end ----------------------------------------------------------------------

    def use_tables(self, version: int) -> None:
        """Judge every later batch with this version; batches under way keep theirs."""
        tables = self._tables.load(version)
        with self._turn:
            if version > self._path.engine.tables_version:
                self._path.engine.use_tables(tables)

    def status(self) -> dict[str, Any]:
        """Figures for ``/readyz`` and the benches."""
        return {
            "shard": self._path.engine.number,
            "orders": self._path.engine.index.count,
            "sequence": self._path.committed,
            "tables_version": self._path.engine.tables_version,
            "epoch": self._log.epoch,
            "index_bytes": self._path.engine.index.nbytes,
            "log_bytes": self._log.bytes_used,
            "recovery_ms": self.recovery_ms,
            "recovered_batches": self.recovered_batches,
            "pid": os.getpid(),
        }

    def state_hash(self) -> str:
        with self._alone():
            return f"{self._path.engine.state_hash():016x}"

    def drain(self) -> None:
        """Finish what is under way, keep the state in a checkpoint and give the folder free."""
        with self._turn:
            self._turn.wait_for(lambda: not self._closed)
            self._closed = True
            self._turn.wait_for(lambda: self._under_way == 0)
            self._checkpoint()
            self._checkpointer.join()
            self._log.close()

    def _recover(self) -> int:
        kept = self._checkpointer.read_latest()
        start, chains = 1, None
        if kept is not None:
            for prefix, index in self._indexes():
                index.restore([kept.arrays[name] for name in sorted(kept.arrays) if name.startswith(prefix)])
            start, chains = kept.sequence + 1, kept.chains
        return self._path.recover(start, self._tables.load, chains)

    def _checkpoint_when_due(self) -> None:
        """Only between batches: a checkpoint describes the state after a sequence, with none open."""
        if self._under_way == 0 and self._checkpointer.due(self._log.bytes_used):
            self._checkpoint()

    def _checkpoint(self) -> None:
        self._log.wait(self._last_ticket)  # a checkpoint never runs ahead of the log
        sequence = self._path.committed
        arrays = {
            f"{prefix}{number}": array for prefix, index in self._indexes() for number, array in enumerate(index.dump())
        }
        self._checkpointer.start(sequence, self._log.chains_at(sequence), arrays, self._log.bytes_used)

    def _indexes(self) -> tuple[tuple[str, OrderIndex], ...]:
        return ("orders-", self._path.engine.index), ("events-", self._path.desk.seen)
