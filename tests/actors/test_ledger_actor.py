"""The ledger as its callers meet it: owners that were replaced, and an index that leads astray."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from actors.owners.ledger_actor import Ledger
from actors.store.data_folder import DataFolder
from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath, StaleOwner
from router.log.columns import CLAIMS
from router.log.memory import MemoryLog
from router.log.records import DamagedRecord
from router.tables.compile import empty_tables

NOTHING_ASKED = pa.RecordBatch.from_pylist([], schema=CLAIMS)
NOW_MS = 1_796_000_000_000


@pytest.fixture
def ledger(tmp_path):
    data, config = DataFolder(tmp_path), Config()
    data.create(config)
    ledger = Ledger(str(tmp_path), msgspec.json.encode(config))
    yield ledger
    ledger.drain()


def test_a_shard_that_was_replaced_is_told_so_and_the_ledger_lives_on(ledger):
    version = ledger._tables.current()
    ledger.decide(0, 1, 2, version, NOTHING_ASKED, NOW_MS)
    with pytest.raises(StaleOwner, match="shard 0 with epoch 1 was replaced by epoch 2"):
        ledger.decide(0, 2, 1, version, NOTHING_ASKED, NOW_MS)
    with pytest.raises(StaleOwner):
        ledger.move(0, 2, 1, [], NOW_MS)
    ledger.decide(0, 2, 2, version, NOTHING_ASKED, NOW_MS)
    assert ledger.status()["sequence"] == 2


def test_an_entry_that_leads_to_another_batch_is_damage_and_no_answer(monkeypatch):
    log = MemoryLog(1)
    engine = LedgerEngine(Config().policy, PrivateArena())
    tables = empty_tables(NOW_MS)
    engine.use_tables(tables)
    path = LedgerPath(engine, log)
    answer = path.decide(0, 1, 1, tables.version, NOTHING_ASKED, NOW_MS)
    path.publish(answer)
    monkeypatch.setattr(log, "find_batch", lambda shard, sequence: 1)
    path.decide(0, 1, 1, tables.version, NOTHING_ASKED, NOW_MS)  # the entry is right for this one
    with pytest.raises(DamagedRecord, match="shard 0, batch 2 leads elsewhere"):
        path.decide(0, 2, 1, tables.version, NOTHING_ASKED, NOW_MS)
