"""Replay of the ledger's log: what its records say, applied to an engine, deciding nothing again."""

from __future__ import annotations

import pyarrow as pa

from router.ledger.basis import basis_of
from router.ledger.engine import LedgerEngine
from router.log.columns import AMENDED, DECISION, GIVEN_BACK, GRANTS, NUMBERED, NUMBERING, PENDED
from router.log.kinds import MESSAGES, Kind
from router.log.records import Record, Records, read_batch
from router.tables.compiled import TablesOf, UnknownTables


def replay_ledger(engine: LedgerEngine, records: Records, tables_of: TablesOf) -> int:
    """Apply a ledger's records; returns how many there were. Only promotions need the tables of their time."""
    count = 0
    for _, _, record in records:
        count += 1
        while not _applied(engine, record, tables_of):
            pass
    return count


def _applied(engine: LedgerEngine, record: Record, tables_of: TablesOf) -> bool:
    """False when a version of the tables had to be loaded first; then nothing was changed."""
    try:
        _apply(engine, record)
    except UnknownTables as missing:
        engine.use_tables(tables_of(missing.version))
        return False
    return True


def _apply(engine: LedgerEngine, record: Record) -> None:
    first, basis, number = read_batch(record), basis_of(record), record.sequence
    shard, asked = record.batch_number, record.batch_id
    engine.owed = basis.owed if basis else ()
    if record.kind is Kind.DECISION:
        decision = _message(record, DECISION)
        engine.apply_decision(shard, asked, record.tables_version, first, decision, basis, record.now_ms)
    elif record.kind is Kind.MOVES:
        given_back, grants = _message(record, GIVEN_BACK), _message(record, GRANTS)
        numbering, numbered = _message(record, NUMBERING), _message(record, NUMBERED)
        engine.apply_move(shard, asked, first, given_back, grants, numbering, numbered, basis, number)
    elif record.kind is Kind.AMENDS:
        assert basis is not None
        engine.apply_amend(shard, asked, first, _message(record, AMENDED), _message(record, GRANTS), basis, number)
    elif record.kind is Kind.PENDING:
        engine.apply_pending(first, _message(record, PENDED), _message(record, GRANTS), number)
    else:
        assert record.kind is Kind.STOCK, f"a ledger does not write {record.kind.name}"
        engine.apply_stock(first, _message(record, GRANTS), number)


def _message(record: Record, schema: pa.Schema) -> pa.RecordBatch:
    return read_batch(record, MESSAGES[record.kind].index(schema))
