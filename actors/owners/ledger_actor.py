"""The ledger's process: a thin shell around ``router.ledger.turns.LedgerTurns``."""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import abstractmethod

import msgspec
import pyarrow as pa

from actors.owners.checkpointer import Checkpointer, KeptCheckpoints
from actors.owners.seams import EngineStatus, LedgerCalls
from actors.process.fatal import OWNER_PATIENCE_S, SWITCH_INTERVAL_S, or_die
from actors.process.heap import freeze_heap
from actors.store.data_folder import DataFolder, now_ms
from actors.store.lmdb_log import LmdbLog
from actors.store.mapped import SharedArena
from actors.store.table_store import TableStore
from router.arrow.arrays import from_message, to_message
from router.config import Config
from router.errors import Damaged
from router.ledger.engine import LedgerEngine
from router.ledger.path import ChangedQuestion, LedgerPath, StaleOwner
from router.ledger.state import can_restore
from router.ledger.turns import LedgerTurns
from router.log.columns import AMENDS, CLAIMS, GIVEN_BACK, MOVEMENTS, MOVES, NUMBERING, PENDING
from router.ports import NOTHING_NUMBERED, Question
from router.shard.lanes import Message
from router.tables.withdrawn import Numbers, UnitsInUse

EXPIRE_EVERY_S = 1.0
_THE_SHARDS = (StaleOwner, ChangedQuestion)  # faults of the shard that asks, raised before anything was changed


class LedgerDoor(LedgerCalls):
    """The ledger's seam, as every actor has it in whose process a ledger may live."""

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """The one in this process."""

    def ledger_decide(self, question: Question, claims: Message) -> Message:
        return to_message(self.ledger.decide(question, from_message(claims, CLAIMS)))

    def ledger_move(self, question: Question, moves: Message, given_back: Message, numbering: Message) -> Message:
        asked = from_message(moves, MOVES), from_message(given_back, GIVEN_BACK), from_message(numbering, NUMBERING)
        return to_message(self.ledger.move(question, *asked))

    def ledger_amend(self, question: Question, amends: Message) -> Message:
        return to_message(self.ledger.amend(question, from_message(amends, AMENDS)))

    def ledger_grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, Message]:
        record, grants = self.ledger.grants(shard, epoch, after, wait_ms)
        return record, to_message(grants)

    def ledger_quote(self, tables_version: int, claims: Message, now_ms: int) -> Message:
        return to_message(self.ledger.quote(tables_version, from_message(claims, CLAIMS), now_ms))

    def ledger_stock(self, movements: Message, now_ms: int) -> Message:
        return to_message(self.ledger.stock(from_message(movements, MOVEMENTS), now_ms))

    def ledger_pending(self, steps: Message, now_ms: int) -> Message:
        return to_message(self.ledger.pending(from_message(steps, PENDING), now_ms))

    def ledger_in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse:
        return self.ledger.in_use(skus, nodes)

    def ledger_use_tables(self, version: int) -> None:
        self.ledger.use_tables(version)

    def ledger_status(self) -> EngineStatus:
        return self.ledger.status()

    def ledger_drain(self) -> None:
        self.ledger.drain()


class Ledger(LedgerDoor):
    """The one writer of everything countable in a data folder."""

    def __init__(self, folder: str, config: bytes) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        data = DataFolder(folder)
        self._config = msgspec.json.decode(config, type=Config)
        self._tables = TableStore(data.tables)
        self._log = LmdbLog(data.ledger, self._config.log, 1, OWNER_PATIENCE_S)
        engine = LedgerEngine(self._config.policy, SharedArena(data.shared / "ledger"))
        self._path = LedgerPath(engine, self._log)
        self._checkpointer = Checkpointer(data.ledger, self._config.log.checkpoint_bytes, self._log.bytes_used)
        checkpoints = KeptCheckpoints(self._checkpointer, self._log)
        self._turns = LedgerTurns(self._path, self._log, self._tables.load, threading.Condition(), checkpoints)
        self._turns.use_tables(self._tables.load(self._tables.current()))
        started = time.monotonic()
        self._recovered = self._recover()
        self._recovery_ms = int((time.monotonic() - started) * 1000)
        self._ends = threading.Event()
        self._expirer = threading.Thread(target=self._expire, name="expire", daemon=True)
        self._expirer.start()
        freeze_heap()

    @property
    def ledger(self) -> Ledger:
        return self

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        """DECISION of CLAIMS, durable."""
        return or_die(lambda: self._turns.decide(question, claims), _THE_SHARDS)

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch,
        numbering: pa.RecordBatch = NOTHING_NUMBERED,
    ) -> pa.RecordBatch:  # fmt: skip
        """MOVES and GIVEN_BACK of an event batch, and NUMBERED of its NUMBERING, durable."""
        return or_die(lambda: self._turns.move(question, moves, given_back, numbering), _THE_SHARDS)

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        """AMENDED of AMENDS, durable."""
        return or_die(lambda: self._turns.amend(question, amends), _THE_SHARDS)

    def grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        """The first durable record after ``after`` that granted something to a shard, and its GRANTS."""
        not_ours = (StaleOwner, Damaged)  # the shard's log, not this one
        return or_die(lambda: self._turns.grants(shard, epoch, after, wait_ms), not_ours)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """STOCK_RESULTS of MOVEMENTS, durable."""
        return or_die(lambda: self._turns.stock(movements, now_ms))

    def pending(self, steps: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """PENDED of PENDING, durable."""
        return or_die(lambda: self._turns.pending(steps, now_ms))

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What decide would answer now; takes nothing."""
        return self._turns.quote(tables_version, claims, now_ms)

    def in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse:
        """Units that lie and wait under SKUs, then under nodes."""
        return self._turns.in_use(skus, nodes)

    # --- tables, state, end ----------------------------------------------------------------------

    def use_tables(self, version: int) -> None:
        """A version that frees units has granted them to who waits when this returns."""
        self._turns.use_tables(self._tables.load(version))
        or_die(lambda: self._turns.keep_up(now_ms()))

    def status(self) -> EngineStatus:
        return EngineStatus(
            self._path.sequence, self._log.epoch, self._log.bytes_used, self._recovered, self._recovery_ms, os.getpid()
        )

    def drain(self) -> None:
        """Keep the state in a checkpoint and give the folder free; the caller has stopped the shards."""
        self._ends.set()
        self._expirer.join()
        with self._turns.turn:
            self._turns.checkpoint()
            self._checkpointer.join()
            self._log.close()

    def _recover(self) -> int:
        kept = self._checkpointer.read_latest()
        if kept is None or not can_restore(kept.arrays):
            return self._turns.recover(1)
        self._path.engine.restore(kept.arrays)
        return self._turns.recover(kept.sequence + 1, kept.chains)

    def _expire(self) -> None:
        """Let reservations go whose deadline has passed."""
        while not self._ends.wait(EXPIRE_EVERY_S):
            or_die(lambda: self._turns.expire(now_ms()))
