"""Replay of the ledger's log: what its records say, applied to an engine, deciding nothing again."""

from __future__ import annotations

from router.ledger.engine import LedgerEngine
from router.log.kinds import Kind
from router.log.records import Record, Records, read_batch
from router.tables.compiled import TablesOf, UnknownTables


def replay_ledger(engine: LedgerEngine, records: Records, tables_of: TablesOf) -> int:
    """Apply a ledger's records; returns how many there were. Only granted promotions need the tables of their time."""
    count = 0
    for _, _, record in records:
        count += 1
        try:
            _apply(engine, record)
        except UnknownTables as missing:
            engine.add_tables(tables_of(missing.version))
            _apply(engine, record)
    return count


def _apply(engine: LedgerEngine, record: Record) -> None:
    if record.kind is Kind.DECISION:
        claims, decision = read_batch(record), read_batch(record, 1)
        engine.apply_decision(record.batch_number, record.batch_id, record.tables_version, claims, decision)
    elif record.kind is Kind.MOVES:
        engine.move(read_batch(record))
    else:
        assert record.kind is Kind.STOCK, f"a ledger does not write {record.kind.name}"
        engine.stock(read_batch(record))
