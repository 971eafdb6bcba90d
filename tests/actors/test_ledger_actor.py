"""The ledger as its callers meet it: owners that were replaced, questions that changed, messages, what expires."""

from __future__ import annotations

import time

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from actors.owners import ledger_actor
from actors.owners.ledger_actor import Ledger
from actors.store.checkpoints import read_latest, write_checkpoint
from actors.store.data_folder import DataFolder
from router.arrow.arena import PrivateArena
from router.arrow.arrays import from_message, to_message
from router.config import Config
from router.errors import Damaged
from router.ledger.engine import LedgerEngine
from router.ledger.path import ChangedQuestion, LedgerPath, StaleOwner
from router.ledger.state import CHECKPOINT_FORM
from router.log.columns import (
    AMENDED,
    AMENDS,
    CLAIMS,
    DECISION,
    GIVEN_BACK,
    GRANTS,
    MOVES,
    NUMBERED,
    PENDING,
    STOCK_RESULTS,
)
from router.log.memory import MemoryLog
from router.log.questions import Answered
from router.log.records import DamagedRecord
from router.ports import NOTHING_NUMBERED, Question
from router.tables.compile import empty_tables
from tests.labs.ledger_cases import movement, movements

NOTHING_ASKED, NO_MOVES, NO_BACK, NO_AMENDS, NO_STEPS = (
    pa.RecordBatch.from_pylist([], schema=schema) for schema in (CLAIMS, MOVES, GIVEN_BACK, AMENDS, PENDING)
)
NOW_MS = 1_796_000_000_000


def question(shard, sequence, epoch, version):
    return Question(shard, sequence, epoch, version, NOW_MS, 0)


@pytest.fixture
def ledger(tmp_path):
    data, config = DataFolder(tmp_path), Config()
    data.create(config)
    ledger = Ledger(str(tmp_path), msgspec.json.encode(config))
    yield ledger
    ledger.drain()


def test_a_shard_that_was_replaced_is_told_so_and_the_ledger_lives_on(ledger):
    version = ledger._tables.current()
    ledger.decide(question(0, 1, 2, version), NOTHING_ASKED)
    with pytest.raises(StaleOwner, match="shard 0 with epoch 1 was replaced by epoch 2"):
        ledger.decide(question(0, 2, 1, version), NOTHING_ASKED)
    with pytest.raises(StaleOwner):
        ledger.move(question(0, 2, 1, version), NO_MOVES, NO_BACK)
    ledger.decide(question(0, 2, 2, version), NOTHING_ASKED)
    assert ledger.status().sequence == 2


def test_a_shard_that_asks_another_question_is_told_so_and_the_ledger_lives_on(ledger):
    version = ledger._tables.current()
    ledger.decide(question(0, 1, 1, version), NOTHING_ASKED)
    with pytest.raises(ChangedQuestion):
        ledger.amend(question(0, 1, 1, version), NO_AMENDS)
    with pytest.raises(Damaged, match="the end of its log is missing"):
        ledger.decide(question(0, 2, 1, version)._replace(grants_seen=1), NOTHING_ASKED)
        ledger.grants(0, 1, 0, 0)
    ledger.decide(question(0, 3, 1, version), NOTHING_ASKED)


def test_callers_in_other_processes_get_the_same_as_messages(ledger):
    asked = question(0, 1, 1, ledger._tables.current())
    assert from_message(ledger.ledger_decide(asked, to_message(NOTHING_ASKED)), DECISION).num_rows == 0
    nothing = (to_message(batch) for batch in (NO_MOVES, NO_BACK, NOTHING_NUMBERED))
    assert from_message(ledger.ledger_move(asked._replace(sequence=2), *nothing), NUMBERED).num_rows == 0
    assert from_message(ledger.ledger_amend(asked._replace(sequence=3), to_message(NO_AMENDS)), AMENDED).num_rows == 0
    ledger.ledger_pending(to_message(NO_STEPS), NOW_MS)
    stocked = ledger.ledger_stock(to_message(movements([movement(1, 0, 0, 0, 5)])), NOW_MS)
    assert from_message(stocked, STOCK_RESULTS).column("result").to_pylist() == [0]
    assert (
        from_message(ledger.ledger_quote(asked.tables_version, to_message(NOTHING_ASKED), NOW_MS), DECISION).num_rows
        == 0
    )
    record, grants = ledger.ledger_grants(0, 1, 0, 0)
    assert (record, from_message(grants, GRANTS).num_rows) == (0, 0)
    assert ledger.status().sequence == 5


@pytest.mark.parametrize(("form", "replayed"), [(None, 2), (3, 2), (CHECKPOINT_FORM, 0), (CHECKPOINT_FORM + 1, 2)])
def test_a_checkpoint_of_another_form_is_passed_over_and_the_log_replayed(tmp_path, form, replayed):
    data, config = DataFolder(tmp_path), Config()
    data.create(config)
    ledger = Ledger(str(tmp_path), msgspec.json.encode(config))
    for number in (1, 2):
        ledger.stock(movements([movement(number, 0, 0, 0, 5)]), NOW_MS)
    ledger.drain()
    kept = read_latest(data.ledger)[0]
    assert kept.arrays.pop("form") == CHECKPOINT_FORM
    marked = {} if form is None else {"form": np.array([form])}
    write_checkpoint(data.ledger, kept.sequence, kept.chains, kept.arrays | marked)
    again = Ledger(str(tmp_path), msgspec.json.encode(config))
    assert (again.status().recovered_records, again._path.engine.totals()["available"]) == (replayed, 10)
    again.drain()


def test_what_is_due_expires_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_actor, "EXPIRE_EVERY_S", 0.01)
    data, config = DataFolder(tmp_path), Config()
    data.create(config)
    ledger = Ledger(str(tmp_path), msgspec.json.encode(config))
    try:
        asked = []
        monkeypatch.setattr(ledger._turns, "expire", asked.append)
        began = time.time() * 1000
        while not asked and time.time() * 1000 < began + 5_000:
            time.sleep(0.01)
        assert asked and asked[0] >= began - 1_000
    finally:
        ledger.drain()


def test_an_entry_that_leads_to_another_batch_is_damage_and_no_answer(monkeypatch):
    log = MemoryLog(1)
    engine = LedgerEngine(Config().policy, PrivateArena())
    tables = empty_tables(NOW_MS)
    engine.use_tables(tables)
    path = LedgerPath(engine, log)
    answer = path.decide(question(0, 1, 1, tables.version), NOTHING_ASKED)
    path.publish(answer)
    entry = log.find_batch(0, 1)
    monkeypatch.setattr(log, "find_batch", lambda shard, sequence: Answered(1, entry.digest))
    path.decide(question(0, 1, 1, tables.version), NOTHING_ASKED)  # the entry is right for this one
    with pytest.raises(DamagedRecord, match="shard 0, batch 2 leads elsewhere"):
        path.decide(question(0, 2, 1, tables.version), NOTHING_ASKED)
