"""Replay of the ledger's log: what its records say, applied to an engine, deciding nothing again."""

from __future__ import annotations

from router.ledger.engine import MOVES, LedgerEngine
from router.log.columns import CLAIMS, DECISION
from router.log.records import Kind, Record, Records, read_batch
from router.tables.compiled import TablesOf, UnknownTables
from router.tables.stock_rows import MOVEMENTS


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
        claims, decision = read_batch(record, 0, CLAIMS), read_batch(record, 1, DECISION)
        engine.apply_decision(record.batch_number, record.batch_id, record.tables_version, claims, decision)
    elif record.kind is Kind.MOVES:
        engine.move(read_batch(record, 0, MOVES))
    else:
        assert record.kind is Kind.STOCK, f"a ledger does not write {record.kind.name}"
        engine.stock(read_batch(record, 0, MOVEMENTS))
