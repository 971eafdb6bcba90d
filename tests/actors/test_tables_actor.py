"""Tables compile beside the work: who moves stock does not wait for an upload, nor does who asks the ledger."""

from __future__ import annotations

import json
import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors.owners import tables_actor
from actors.owners.tables_actor import TablesOwner
from actors.process.names import LEDGER
from actors.store import table_store
from actors.store.data_folder import DataFolder
from actors.store.mapped import SharedArena
from router.arrow.arena import PrivateArena
from router.config import Config, Policy
from router.ledger import engine as ledger_engine
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath
from router.ledger.turns import LedgerTurns, NoCheckpoints
from router.log.memory import MemoryLog
from router.tables.footprint import CELL_BYTES
from tests.labs.table_cases import GOOD, NDJSON, NOW_MS, ndjson, tables_of

WAIT_S = 20
MOVEMENT = {"movement_id": "m1", "sku": "A", "node": "N1", "kind": "receipt", "qty": 3}


class Turns(LedgerTurns):
    """A ledger that takes up whatever version it is given, in the order of the tables' process."""

    def __init__(self, engine: LedgerEngine, turn: Any) -> None:
        log = MemoryLog(part_count=1)
        super().__init__(LedgerPath(engine, log), log, lambda _: tables_of(), turn, NoCheckpoints())
        self.recover(1)


@pytest.fixture
def owner(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> TablesOwner:
    """The tables of a folder whose only engine is a ledger in this process."""
    config = Config()
    data = DataFolder(tmp_path)
    data.create(config)
    turns = Turns(LedgerEngine(Policy(), SharedArena(data.shared / LEDGER)), threading.Condition())
    monkeypatch.setattr(tables_actor, "Owners", lambda namespace, shards: SimpleNamespace(ledger=turns, engines=[]))
    monkeypatch.setattr(tables_actor, "RemoteLedger", lambda ledger: ledger)
    owner = TablesOwner(str(tmp_path), msgspec.json.encode(config))
    for table in ("skus", "nodes"):
        owner.put(table, ndjson(GOOD[table]), NDJSON, False, NOW_MS)
        turns.use_tables(owner._store.load(owner._store.current()))
    return owner


def test_movements_of_stock_do_not_wait_for_tables_that_compile(
    owner: TablesOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiling, go_on = threading.Event(), threading.Event()
    compile_tables = table_store.compile_tables

    def slowly(*given: Any) -> Any:
        compiling.set()
        assert go_on.wait(WAIT_S)
        return compile_tables(*given)

    monkeypatch.setattr(table_store, "compile_tables", slowly)
    with ThreadPoolExecutor(3) as threads:
        first, second = (
            threads.submit(owner.put, table, ndjson(GOOD[table]), NDJSON, False, NOW_MS)
            for table in ("taxes", "promotions")
        )
        try:
            assert compiling.wait(WAIT_S)
            moved = threads.submit(owner.stock, ndjson(MOVEMENT), NOW_MS).result(WAIT_S)
            assert not first.done() and not second.done()
        finally:
            go_on.set()
        versions = sorted([first.result(WAIT_S).version, second.result(WAIT_S).version])
    assert [result["status"] for result in json.loads(moved)] == ["applied"]
    assert versions == [versions[0], versions[0] + 1], "one upload after the other"


def test_movements_are_read_by_the_version_that_the_engines_have(
    owner: TablesOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that the ledger has no cell for may not reach it."""
    spreading, go_on = threading.Event(), threading.Event()

    def slowly(_: TablesOwner, version: int) -> None:
        spreading.set()
        assert go_on.wait(WAIT_S)

    monkeypatch.setattr(TablesOwner, "_spread", slowly)
    with ThreadPoolExecutor(2) as threads:
        rows = ndjson(GOOD["skus"], GOOD["skus"] | {"sku": "NEW"})
        put = threads.submit(owner.put, "skus", rows, NDJSON, False, NOW_MS)
        try:
            assert spreading.wait(WAIT_S)
            early = owner.stock(ndjson(MOVEMENT | {"sku": "NEW"}), NOW_MS)
        finally:
            go_on.set()
        put.result(WAIT_S)
    assert [(result["status"], result["field"]) for result in json.loads(early)] == [("refused", "sku")]


def test_movements_that_open_cells_without_memory_are_refused_before_they_are_logged(
    owner: TablesOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.put("nodes", ndjson(*(GOOD["nodes"] | {"node": node} for node in ("N1", "N2"))), NDJSON, False, NOW_MS)
    owner._ledger.use_tables(owner._store.load(owner._store.current()))
    assert _told(owner, MOVEMENT) == [("applied", None)]
    monkeypatch.setattr(tables_actor, "memory_left", lambda: 0)
    path = owner._ledger.path
    logged, stands = path.sequence, path.engine.state_hash()
    new = MOVEMENT | {"movement_id": "m2", "node": "N2"}
    sent = MOVEMENT | {"movement_id": "m3", "kind": "transfer", "to_node": "N2", "qty": 1}
    assert _told(owner, new, sent) == [("refused", "memory")] * 2
    assert path.engine.state_hash() == stands
    assert _told(owner, new, MOVEMENT, MOVEMENT | {"movement_id": "m4"}) == [
        ("refused", "memory"),
        ("repeated", None),
        ("applied", None),
    ]
    monkeypatch.setattr(tables_actor, "memory_left", lambda: CELL_BYTES)
    assert _told(owner, new, sent) == [("applied", None)] * 2
    assert path.sequence > logged


def _told(owner: TablesOwner, *movements: dict[str, Any]) -> list[tuple[str, str | None]]:
    results = json.loads(owner.stock(ndjson(*movements), NOW_MS))
    return [(result["status"], result.get("code")) for result in results]


def test_the_ledger_lays_tables_out_beside_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = threading.Lock()
    turns = Turns(LedgerEngine(Policy(), PrivateArena()), turn)
    lay_out, free = ledger_engine.lay_out, []

    def watched(*given: Any) -> Any:
        free.append(not turn.locked())
        return lay_out(*given)

    monkeypatch.setattr(ledger_engine, "lay_out", watched)
    tables = tables_of(skus=[GOOD["skus"]], nodes=[GOOD["nodes"]])
    turns.use_tables(tables)
    assert free == [True] and turns.path.engine.tables(tables.version) is not None
