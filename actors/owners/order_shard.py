"""The order shard's process: a thin shell around ``router.shard.turns`` and ``router.pipeline``.

Ray calls the methods from a pool of threads; who may go on is the turns' matter. A fault that is not of the outside
world ends the process at once: Ray starts it again and it recovers from its log, which is the only state.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time

import msgspec
import numpy as np

from actors.owners.checkpointer import Checkpointer, KeptCheckpoints
from actors.owners.grant_pump import GrantPump
from actors.owners.ledger_actor import Ledger, LedgerDoor
from actors.owners.remote_ledger import RemoteLedger
from actors.owners.seams import EngineStatus, ShardCalls
from actors.owners.stubs import Owners
from actors.process.fatal import OWNER_PATIENCE_S, SWITCH_INTERVAL_S, or_die
from actors.process.heap import freeze_heap
from actors.process.names import LEDGER, host_of, shard_name
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.mapped import SharedArena
from actors.store.table_store import TableStore
from router.arrow.arrays import Bytes
from router.config import Config
from router.log.kinds import Kind
from router.pipeline import ShardPath
from router.shard.engine import ShardEngine
from router.shard.lanes import Message
from router.shard.order_lane import OrderBatch
from router.shard.turns import ShardTurns
from router.wire.event_batch import EventBatch


def _taken_out(message: Bytes | Message) -> Message:
    """A copy of our own. Finished batches are recalled for a while, and the smallest view of what lies in Ray's store
    keeps all of its batch there, documents too: a few batches of long documents filled it, and every call of any owner
    waited until Ray had moved something else to disk."""
    return np.array(np.frombuffer(message, np.uint8))


class OrderShard(ShardCalls, LedgerDoor):
    """One shard of the orders of a data folder."""

    def __init__(self, folder: str, number: int, config: bytes) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        data = DataFolder(folder)
        self._config = msgspec.json.decode(config, type=Config)
        self._tables = TableStore(data.tables)
        self._log = LmdbLog(data.shard(number), self._config.log, 2, OWNER_PATIENCE_S, Bell(data.bell))
        engine = ShardEngine(number, data.key(), self._config, SharedArena(data.shared / shard_name(number)))
        alone = host_of(LEDGER, self._config.shards) == shard_name(number)
        self._ledger = Ledger(folder, config) if alone else None
        reached = self._ledger or RemoteLedger(Owners(data.namespace, self._config.shards).ledger)
        policy_of = self._tables.policies(self._config.policy)
        self._path = ShardPath(engine, self._log, reached, self._tables.load, policy_of)
        self._checkpointer = Checkpointer(data.shard(number), self._config.log.checkpoint_bytes, self._log.bytes_used)
        engine.use_tables(self._tables.load(self._tables.current()))
        started = time.monotonic()
        self._recovered = self._recover()
        self._recovery_ms = int((time.monotonic() - started) * 1000)
        checkpoints = KeptCheckpoints(self._checkpointer, self._log)
        self._turns = ShardTurns(self._path, threading.Condition(), checkpoints)
        self._pump = GrantPump(self._path, self._turns, reached, self._log.epoch)
        self._pump.start()
        freeze_heap()

    @property
    def ledger(self) -> Ledger:
        assert self._ledger is not None, "the ledger of this folder is an actor of its own"
        return self._ledger

    # --- batches ---------------------------------------------------------------------------------

    def submit(self, batch: OrderBatch) -> Message:
        """ACK rows of a batch, durable. One argument, so that Ray packs and stores one object and not five."""
        own = dataclasses.replace(batch, orders=_taken_out(batch.orders), skus=_taken_out(batch.skus))
        return or_die(lambda: self._turns.submit(Kind.ORDERS, own))

    def submit_events(self, batch: EventBatch) -> Message:
        """EVENT_ACK rows of a batch, durable."""
        own = dataclasses.replace(batch, events=_taken_out(batch.events))
        return or_die(lambda: self._turns.submit(Kind.EVENTS, own))

    def quote(self, orders: Message, skus: Message, now_ms: int) -> Message:
        """QUOTE rows as if the orders were sent now."""
        with self._turns.step():
            return self._path.orders.quote(orders, skus, now_ms, self._path.ledger)

    # --- tables, state, end ----------------------------------------------------------------------

    def use_tables(self, version: int) -> None:
        """Judge every later batch with this version; batches under way keep theirs. Made ready beside the work."""
        tables, engine = self._tables.load(version), self._path.engine
        admitter = engine.admitter(tables)
        with self._turns.step():
            if version > engine.tables_version:
                engine.use_tables(tables, admitter)

    def status(self) -> EngineStatus:
        return EngineStatus(
            self._path.committed, self._log.epoch, self._log.bytes_used, self._recovered, self._recovery_ms, os.getpid()
        )

    def drain(self) -> None:
        """Finish what is under way, keep the state in a checkpoint and give the folder free."""
        self._pump.stop()
        self._turns.close()
        self._checkpointer.join()
        self._log.close()

    def _recover(self) -> int:
        kept = self._checkpointer.read_latest()
        if kept is None or not self._path.can_restore(kept.arrays):
            return self._path.recover(1)
        self._path.restore(kept.arrays)
        return self._path.recover(kept.sequence + 1, kept.chains)
