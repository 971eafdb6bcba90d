"""The ledger's process: a thin shell around ``router.ledger.path.LedgerPath``."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from actors.owners.checkpointer import Checkpointer
from actors.process.fatal import OWNER_PATIENCE_S, SWITCH_INTERVAL_S, or_die
from actors.process.heap import settle
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.mapped import SharedArena
from actors.store.table_store import TableStore
from router.arrow.arrays import from_message, to_message
from router.config import Config
from router.ledger.engine import LedgerEngine
from router.ledger.path import Answer, LedgerPath, StaleOwner
from router.life.events import Moves
from router.log.columns import CLAIMS, MOVEMENTS
from router.tables.compiled import UnknownTables

Message = npt.NDArray[np.uint8]


class Ledger:
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
        self._turn = threading.Lock()
        engine.use_tables(self._tables.load(self._tables.current()))
        started = time.monotonic()
        self.recovered_batches = self._recover()
        self.recovery_ms = int((time.monotonic() - started) * 1000)
        settle()

    def decide(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> pa.RecordBatch:
        """DECISION of CLAIMS, durable."""
        return or_die(lambda: self._decide(shard, sequence, epoch, tables_version, claims, now_ms), (StaleOwner,))

    def _decide(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> pa.RecordBatch:
        with self._turn:
            try:
                answer = self._path.decide(shard, sequence, epoch, tables_version, claims, now_ms)
            except UnknownTables as missing:
                self._path.engine.add_tables(self._tables.load(missing.version))
                answer = self._path.decide(shard, sequence, epoch, tables_version, claims, now_ms)
        self._settle(answer)
        return answer.batch

    def move(self, shard: int, sequence: int, epoch: int, moves: Moves, now_ms: int) -> None:
        """Stock moves of an event batch, durable."""
        or_die(
            lambda: self._settle(self._locked(lambda: self._path.move(shard, sequence, epoch, moves, now_ms))),
            (StaleOwner,),
        )

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """STOCK_RESULTS of MOVEMENTS (receipts, counts, damage, transfers, on-hand settings), durable."""
        return or_die(lambda: self._stock(movements, now_ms))

    def _stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        answer = self._locked(lambda: self._path.stock(movements, now_ms))
        self._settle(answer)
        return answer.batch

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What decide would answer now; takes nothing."""
        with self._turn:
            return self._path.quote(tables_version, claims, now_ms)

    # --- the same for callers in other processes -------------------------------------------------

    def decide_message(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: Message, now_ms: int
    ) -> Message:
        asked = from_message(claims, CLAIMS)
        return to_message(self.decide(shard, sequence, epoch, tables_version, asked, now_ms))

    def quote_message(self, tables_version: int, claims: Message, now_ms: int) -> Message:
        return to_message(self.quote(tables_version, from_message(claims, CLAIMS), now_ms))

    def stock_message(self, movements: Message, now_ms: int) -> Message:
        return to_message(self.stock(from_message(movements, MOVEMENTS), now_ms))

    # --- tables, state, end ----------------------------------------------------------------------

    def use_tables(self, version: int) -> None:
        tables = self._tables.load(version)
        with self._turn:
            self._path.engine.use_tables(tables)

    def status(self) -> dict[str, Any]:
        return {
            "sequence": self._path.sequence,
            "epoch": self._log.epoch,
            "log_bytes": self._log.bytes_used,
            "recovery_ms": self.recovery_ms,
            "recovered_batches": self.recovered_batches,
            "pid": os.getpid(),
        }

    def state_hash(self) -> str:
        with self._turn:
            return f"{self._path.engine.state_hash():016x}"

    def drain(self) -> None:
        """Keep the state in a checkpoint and give the folder free; the caller has stopped the shards."""
        with self._turn:
            self._checkpoint()
            self._checkpointer.join()
            self._log.close()

    def _locked(self, work: Any) -> Any:
        with self._turn:
            return work()

    def _settle(self, answer: Answer) -> None:
        """Wait for the disk, then show readers what the record did to the cells."""
        if answer.ticket == 0:
            return
        self._log.wait(answer.ticket)
        with self._turn:
            self._path.publish(answer)
            if self._path.all_settled and self._checkpointer.due(self._log.bytes_used):
                self._checkpoint()

    def _recover(self) -> int:
        kept = self._checkpointer.read_latest()
        start, chains = 1, None
        if kept is not None:
            self._path.engine.restore(kept.arrays)
            start, chains = kept.sequence + 1, kept.chains
        return self._path.recover(start, self._tables.load, chains)

    def _checkpoint(self) -> None:
        self._log.wait(self._path.last_ticket)  # a checkpoint never runs ahead of the log
        sequence = self._path.sequence
        self._checkpointer.start(
            sequence, self._log.chains_at(sequence), self._path.engine.snapshot(), self._log.bytes_used
        )
