"""The ledger: the one writer of everything countable. Pure and deterministic; its caller logs what it decides.

    decide          CLAIMS -> DECISION, taken at once       apply_decision   the same takes again, deciding nothing
    quote           CLAIMS -> DECISION, nothing taken       move, stock      units between accounts, and from outside
    touched cells wait with the record; ``publish`` shows them to readers when the record is durable

The same calls in the same order give the same ``state_hash``, whether decided or applied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from kernels.claim import claim as claim_kernels
from kernels.claim import move as move_kernels
from kernels.layout import Answers
from router.arrow.arena import Arena
from router.arrow.arrays import numbers, record_batch
from router.config import Policy
from router.ledger.batch import Claims, answers_of, check_claims, claims_of, decision_of
from router.ledger.cells import Cells, Touched
from router.ledger.memory import Memory
from router.ledger.tables import NO_PROMOTIONS, LedgerTables, lay_out
from router.ledger.workspace import Workspace
from router.log.columns import STOCK_RESULTS
from router.tables.compiled import Tables, UnknownTables

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]

TABLES_KEPT = 8


class LedgerEngine:
    """Cells, memory and the versions of the tables that claims may name."""

    def __init__(self, policy: Policy, arena: Arena) -> None:
        self._policy = policy
        self.cells = Cells(arena)
        self.memory = Memory(policy)
        self._tables: dict[int, LedgerTables] = {}
        self._workspace = Workspace()
        self._touched: list[tuple[I32, I16]] = []

    # --- tables ----------------------------------------------------------------------------------

    def use_tables(self, tables: Tables) -> None:
        """Make room for a new version's SKUs and nodes, and know it."""
        self.cells.reserve(len(tables.skus.weight_g), len(tables.nodes.capacity))
        self.add_tables(tables)

    def add_tables(self, tables: Tables) -> None:
        """Know a version; the newest TABLES_KEPT and this one are kept."""
        self.cells.reserve(len(tables.skus.weight_g), len(tables.nodes.capacity))
        self._tables[tables.version] = lay_out(tables, self._policy)
        for version in sorted(self._tables)[:-TABLES_KEPT]:
            if version != tables.version:
                del self._tables[version]

    def tables(self, version: int) -> LedgerTables:
        if version not in self._tables:
            raise UnknownTables(version)
        return self._tables[version]

    # --- orders ----------------------------------------------------------------------------------

    def decide(
        self, shard: int, sequence: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> pa.RecordBatch:
        """DECISION of CLAIMS; everything it gives is taken."""
        asked = claims_of(claims, now_ms)
        decided = self._decide(self.tables(tables_version), asked, reference_of(shard, sequence), commit=True)
        self._touch(decided.allocations)
        return decision_of(asked, decided)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What ``decide`` would answer to each of these orders alone; nothing changes."""
        asked = claims_of(claims, now_ms)
        return decision_of(asked, self._decide(self.tables(tables_version), asked, 0, commit=False))

    def _decide(self, tables: LedgerTables, claims: Claims, reference: int, *, commit: bool) -> Answers:
        check_claims(claims, tables)
        self._reserve(claims)
        work = self._workspace
        work.fit(claims, tables)
        counted = self.memory.counted(tables.promotions.code, commit=commit)
        rows = claim_kernels.decide(
            int(commit), reference, claims.asked, tables.rows, tables.promotions, self.cells.units, counted,
            work.scratch, work.answers,
        )  # fmt: skip
        if commit:
            self.memory.set_uses(tables.promotions.code, counted.uses)
        return work.answered(claims, rows)

    def apply_decision(
        self, shard: int, sequence: int, tables_version: int, claims: pa.RecordBatch, decision: pa.RecordBatch
    ) -> None:
        """Take what a decision of the log gave. The tables are needed only where promotions were granted."""
        asked, decided = claims_of(claims, 0), answers_of(decision)
        assert len(asked.rows) == len(decided.orders) and len(asked.asked.line_sku) == len(decided.line_end)
        promotions = NO_PROMOTIONS
        if len(decided.granted):
            promotions = self.tables(tables_version).promotions
            assert int(decided.granted.max()) < len(promotions.code), "a promotion that no table has"
        taken, parcels = decided.allocations, decided.parcels
        nodes = max(taken["node"].max(initial=-1), parcels["node"].max(initial=-1))
        self.cells.reserve(int(taken["sku"].max(initial=-1)) + 1, int(nodes) + 1)
        self._reserve(asked)
        counted = self.memory.counted(promotions.code, commit=True)
        claim_kernels.apply(
            reference_of(shard, sequence), self._policy.risk_value_orders_min, asked.asked, promotions,
            self.cells.units, counted, decided,
        )  # fmt: skip
        self.memory.set_uses(promotions.code, counted.uses)
        self._touch(taken)

    def _reserve(self, claims: Claims) -> None:
        self.memory.reserve(len(claims.rows), len(claims.asked.promotions), 0, self.cells.shape[1])

    # --- movements -------------------------------------------------------------------------------

    def move(self, moves: pa.RecordBatch) -> None:
        """Lifecycle moves of units an order holds; the caller sees to it that each comes once."""
        sku, node = numbers(moves, "sku"), numbers(moves, "node")
        qty, kind, ship_day = (numbers(moves, name) for name in ("qty", "kind", "ship_day"))
        self._check_cells(sku, node)
        assert (qty >= 0).all() and (kind >= 0).all() and (kind <= move_kernels.SHIP).all(), "not a stock move"
        cells, refused = self.cells, np.zeros(len(sku), np.uint8)
        count = move_kernels.move(
            kind, sku, node, qty, ship_day, cells.available, cells.held, cells.allocated, cells.shipped,
            cells.stocked, self.memory.capacity, refused,
        )  # fmt: skip
        assert count == 0, f"move {int(refused.argmax())} takes more units than its cell holds"
        self._touched.append((sku, node))

    def stock(self, movements: pa.RecordBatch) -> pa.RecordBatch:
        """Movements from outside, each id once; STOCK_RESULTS row by row."""
        sku, node, to_node = (numbers(movements, name) for name in ("sku", "node", "to_node"))
        qty, kind = numbers(movements, "qty"), numbers(movements, "kind")
        self.cells.reserve(int(sku.max(initial=-1)) + 1, int(max(node.max(initial=-1), to_node.max(initial=-1))) + 1)
        self._check_cells(sku, node)
        transfer = kind == move_kernels.TRANSFER
        assert (to_node[transfer] >= 0).all() and (qty >= 0).all(), "a movement without a target or with qty < 0"
        cells, memory = self.cells, self.memory
        memory.reserve(0, 0, len(sku), cells.shape[1])
        results = np.zeros(len(sku), np.int8)
        key = np.maximum(numbers(movements, "hash_lo"), np.uint64(1)).view(np.int64)  # 0 would be a free place
        move_kernels.stock(
            key, numbers(movements, "hash_hi").view(np.int64), kind, sku, node, to_node, qty, cells.available,
            cells.held, cells.allocated, cells.received, cells.stocked, memory.counts, memory.ever("movements"),
            results,
        )  # fmt: skip
        self._touched.append((sku, node))
        self._touched.append((sku[transfer], to_node[transfer]))
        return record_batch(STOCK_RESULTS, {"result": results})

    def _check_cells(self, sku: I32, node: I16) -> None:
        skus, nodes = self.cells.shape
        assert not len(sku) or (sku.min() >= 0 and sku.max() < skus and node.min() >= 0 and node.max() < nodes)
        self.memory.reserve(0, 0, 0, nodes)

    # --- readers ---------------------------------------------------------------------------------

    def _touch(self, allocations: npt.NDArray[Any]) -> None:
        self._touched.append((allocations["sku"].copy(), allocations["node"].copy()))

    def take_touched(self) -> Touched:
        """The cells changed since the last call, with what they hold now; for ``publish`` once that is durable."""
        skus = [sku for sku, _ in self._touched] or [np.zeros(0, np.int32)]
        nodes = [node for _, node in self._touched] or [np.zeros(0, np.int16)]
        self._touched = []
        return self.cells.touched(np.concatenate(skus), np.concatenate(nodes))

    def publish(self, touched: Touched | None, sequence: int) -> None:
        """Show readers the cells of a durable record; None shows all."""
        self.cells.publish(touched, sequence)

    # --- state -----------------------------------------------------------------------------------

    def conservation(self) -> list[tuple[int, int]]:
        """Cells (SKU, node) that break received = available + held + allocated + shipped."""
        return self.cells.broken()

    def totals(self) -> dict[str, int]:
        """Units per account over all cells."""
        return self.cells.totals()

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """The whole state but the tables, in a form that depends on the facts alone."""
        return self.cells.dump() | self.memory.dump()

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The same for a checkpoint, taken quickly and in no particular order."""
        return self.cells.dump() | self.memory.snapshot()

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped or taken as a snapshot."""
        self.cells.restore(arrays)
        self.memory.restore(arrays)

    def state_hash(self) -> int:
        """Digest of the state; equal states have equal digests."""
        digest = xxhash.xxh3_64()
        for name, array in sorted(self.dump().items()):
            digest.update(f"{name}:{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.intdigest()


def reference_of(shard: int, sequence: int) -> int:
    """Reference of the first order of a batch: shard << 48 | sequence << 16 | row."""
    assert 0 <= shard < 1 << 15 and 0 <= sequence < 1 << 32
    return shard << 48 | sequence << 16


def _offsets(ends: npt.NDArray[Any]) -> I32:
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends
    return offsets
