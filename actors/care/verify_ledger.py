"""The ledger's log: replayed, every unit that was received is in one of its cell's accounts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from actors.care.reading.apart import Show
from actors.care.reading.log_check import entry_faults, epoch_faults, run_faults
from actors.care.verdict import Told
from actors.care.verify_part import PartCheck
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.log_store import BY_NUMBER
from actors.store.table_store import TableStore
from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.engine import LedgerEngine
from router.ledger.replay import replay_ledger
from router.ledger.state import can_restore
from router.log.kinds import QUESTIONS
from router.log.records import Record
from router.log.tail import FIRST_SEQUENCE
from router.queries.balance import cells_of
from router.queries.number_balance import SeriesCheck


class LedgerCheck(PartCheck):
    def __init__(self, data: DataFolder, config: Config, tables: TableStore, told: Told, show: Show) -> None:
        super().__init__("ledger", data.ledger, told, show)
        self._config = config
        self._tables = tables

    def run(self) -> None:
        layout = self.check_structure()
        with contextlib.closing(LogReader(self.folder, 1)) as reader:
            self._replay(reader)
            if layout is not None:
                self.find_all(epoch_faults(reader))
                self.find_all(entry_faults(reader, 1, len(layout.values[b"by_batch"])))
                self.find_all(run_faults(reader, len(layout.values.get(BY_NUMBER, ()))))

    def _replay(self, reader: LogReader) -> None:
        self.show("replaying")
        self._series = SeriesCheck()
        engine = LedgerEngine(self._config.policy, PrivateArena())
        records = replay_ledger(engine, self._noting_shards(reader.iterate(FIRST_SEQUENCE)), self._tables.load)
        broken = engine.conservation()
        for cell in broken:
            self.find(f"{cell}: received differs from the sum of its accounts")
        fresh = f"{engine.state_hash():016x}"
        self.told.said = {
            "records": records,
            "state_hash": fresh,
            "conservation_broken_cells": len(broken),
            "totals": engine.totals(),
        }
        self.told.cells = cells_of(engine)
        self.told.numbers = dict(self._series.given)
        kept = self.checkpoint()
        if kept is not None and can_restore(kept.arrays):
            resumed = LedgerEngine(self._config.policy, PrivateArena())
            resumed.restore(kept.arrays)
            replay_ledger(resumed, reader.iterate(kept.sequence + 1, kept.chains), self._tables.load)
            self.compare_hashes(kept, f"{resumed.state_hash():016x}", fresh)

    def _noting_shards(self, records: Iterator[tuple[int, int, Record]]) -> Iterator[tuple[int, int, Record]]:
        for sequence, part, record in records:
            self.find_all(self._series.follow(record))
            if record.kind in QUESTIONS:
                asked = self.told.asked
                asked[record.batch_number] = max(asked[record.batch_number], record.batch_id)
            yield sequence, part, record
