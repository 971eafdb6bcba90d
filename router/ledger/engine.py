"""The ledger: the one writer of everything countable. Pure and deterministic; its caller logs what it decides.

    decide     CLAIMS -> DECISION, taken at once            quote      the same, nothing taken
    move       units of orders between accounts             stock      units from outside
    amend      release and take in one step                 pending    units held until a deadline
    apply_...  what a record of the log says of each, done again, deciding nothing

What became free in a record is granted to those who wait in the same record, whose number the caller gives; what is
``owed`` then, because it was too much for one, the caller grants with ``go_on`` before it asks anything else; and what
newer tables free, which is found by ``follow_tables``, it lets ``stock`` grant before anything else. Touched
cells wait with the record; ``publish`` shows them to readers when it is durable. The same calls in the same order give
the same ``state_hash``, whether decided or applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.claim import claim as claim_kernels
from kernels.layout import PromotionRows
from router.arrow.arena import Arena
from router.arrow.arrays import list_parts, numbers
from router.config import Policy
from router.ledger.amend import amended_of, amendments_of, results_of
from router.ledger.amending import Amending, steps_of
from router.ledger.basis import Basis
from router.ledger.batch import answers_of, claims_of, decision_of
from router.ledger.expiry import expiry_movements, recounts
from router.ledger.freed import freed_skus
from router.ledger.granted import grant_rows, grants_batch
from router.ledger.moves import moves_of, read_moves, shelved
from router.ledger.pending import PendedResult, expiries, pended_of
from router.ledger.planner import ORDER, QUOTE, Planner
from router.ledger.serving import Serving, Watch
from router.ledger.state import Arrays, Changed, LedgerState
from router.ledger.stock import apply_stock
from router.ledger.tables import NO_PROMOTIONS, LedgerTables, lay_out
from router.life.states import CellAccount
from router.log.columns import PendingStep
from router.ports import Question
from router.tables.compiled import Tables, UnknownTables

Column = npt.NDArray[Any]

TABLES_KEPT = 8


class LedgerEngine:
    """The state, and the versions of the tables that questions may name."""

    def __init__(self, policy: Policy, arena: Arena) -> None:
        self._policy = policy
        self.state = LedgerState(policy, arena)
        self.cells, self.memory = self.state.cells, self.state.memory
        self._planner = Planner(self.cells, self.memory)
        self._amending = Amending(self.state, self._planner)
        self._serving = Serving(self.cells, self.state.waiting)
        self.owed: Sequence[int] = ()  # SKUs that the next record goes on granting, before anything else is asked
        self._tables: dict[int, LedgerTables] = {}
        self.granted_by = 0  # version of the tables by which all who wait were served; 0: by none yet
        # Of every version there ever was: cancelled orders name old ones.
        self._promotions: dict[int, PromotionRows] = {}

    # --- tables ----------------------------------------------------------------------------------

    def laid_out(self, tables: Tables) -> LedgerTables:
        """A version as the kernels take it; changes nothing, so it may be made beside the work."""
        return lay_out(tables, self._policy)

    def use_tables(self, tables: Tables, laid_out: LedgerTables | None = None) -> None:
        """Know a version and have room for its SKUs and nodes; the newest TABLES_KEPT and this one are kept."""
        self.cells.reserve(len(tables.skus.weight_g), len(tables.nodes.capacity))
        laid_out = self._tables[tables.version] = laid_out or self.laid_out(tables)
        self._promotions[tables.version] = laid_out.promotions
        for version in sorted(self._tables)[:-TABLES_KEPT]:
            if version != tables.version:
                del self._tables[version]

    def tables(self, version: int) -> LedgerTables:
        if version not in self._tables:
            raise UnknownTables(version)
        return self._tables[version]

    def _promotions_of(self, version: int) -> PromotionRows:
        if version not in self._promotions:
            raise UnknownTables(version)
        return self._promotions[version]

    @property
    def newest_tables(self) -> LedgerTables | None:
        """Those by which units are granted to who waits; None: nobody can be granted anything."""
        return self._tables[max(self._tables)] if self._tables else None

    @property
    def is_behind(self) -> bool:
        """Whether newer tables may free units for who waits."""
        return max(self._tables, default=0) > self.granted_by

    def follow_tables(self) -> Sequence[int]:
        """Grant by the newest tables from now on. The SKUs of which they free units that somebody waits for, to be
        granted before anything else; raises UnknownTables before anything is changed."""
        newest, freed = self.newest_tables, list[int]()
        assert newest is not None
        if len(self.state.waiting):
            before = self.tables(self.granted_by).rows if self.granted_by else None
            freed = self.state.waiting.wanted(freed_skus(before, newest.rows, self.cells), newest)
        self.granted_by = newest.version
        self.state.lots.look_again()
        return freed

    def _waits_by(self, version: int) -> None:
        """Lines began to wait by a version: by newer ones there may have been something for them."""
        self.granted_by = min(self.granted_by, version)

    def basis(self, question: Question | None = None) -> Basis:
        """What a record of now goes by."""
        newest = self.newest_tables
        asked = None if question is None else self._tables.get(question.tables_version)
        policy = asked.policy if asked else self._policy
        return Basis(
            question.grants_seen if question else 0,
            asked.other_channel if asked else -1,
            newest.version if newest else 0,
            policy.velocity_window_ms,
            policy.duplicate_basket_window_ms,
            policy.risk_value_orders_min,
            self.owed,
        )

    # --- orders ----------------------------------------------------------------------------------

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        """DECISION of CLAIMS; everything it gives is taken, what it lacks waits."""
        tables, asked = self.tables(question.tables_version), claims_of(claims, question.now_ms)
        reference = self._hear(question.shard, question.sequence, question.grants_seen)
        self.state.waits_since(question.shard, question.sequence)
        self.memory.use_windows(tables.policy.velocity_window_ms, tables.policy.duplicate_basket_window_ms)
        answers = self._planner.run(ORDER, reference, asked, tables)
        self.state.waiting.join(asked, answers.backordered, reference, tables.other_channel, question.now_ms)
        self.state.touch(answers.allocations["sku"].copy(), answers.allocations["node"].copy())
        if answers.backordered.any():
            self._waits_by(question.tables_version)
        return decision_of(asked, answers)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What ``decide`` would answer to each of these orders alone; nothing changes."""
        asked = claims_of(claims, now_ms)
        return decision_of(asked, self._planner.run(QUOTE, 0, asked, self.tables(tables_version)))

    def apply_decision(
        self, shard: int, sequence: int, tables_version: int, claims: pa.RecordBatch, decision: pa.RecordBatch,
        basis: Basis | None, now_ms: int,
    ) -> None:  # fmt: skip
        """Take what a decision of the log gave. The tables are needed only where promotions were granted."""
        asked, decided = claims_of(claims, now_ms), answers_of(decision)
        assert len(asked.rows) == len(decided.orders) and len(asked.asked.line_sku) == len(decided.line_end)
        promotions = NO_PROMOTIONS
        if len(decided.granted):
            promotions = self._promotions_of(tables_version)
            assert int(decided.granted.max()) < len(promotions.code), "a promotion that no table has"
        sku, node = (decided.allocations[name].copy() for name in ("sku", "node"))
        self.cells.open(sku, node)
        nodes = max(int(decided.parcels["node"].max(initial=-1)) + 1, self.cells.nodes)
        self.memory.reserve(len(asked.rows), len(asked.asked.promotions), 0, nodes)
        value_orders_min = self._policy.risk_value_orders_min
        if basis is not None:
            value_orders_min = basis.value_orders_min
            self.memory.use_windows(basis.velocity_window_ms, basis.basket_window_ms)
        counted = self.memory.counted(promotions.code)
        reference = self._hear(shard, sequence, basis.grants_seen if basis else 0)
        claim_kernels.apply(reference, value_orders_min, asked.asked, promotions, self.cells.units, counted, decided)
        self.memory.set_uses(promotions.code, counted.uses)
        if basis is not None:  # lines of older records never waited here
            self.state.waits_since(shard, sequence)
            self.state.waiting.join(asked, decided.backordered, reference, basis.other_channel, now_ms)
        self.state.touch(sku, node)

    def _hear(self, shard: int, sequence: int, grants_seen: int) -> int:
        """A shard asks: it has taken over grants; returns the reference of its batch."""
        self.state.granted.confirm(shard, grants_seen)
        return reference_of(shard, sequence)

    # --- moves -----------------------------------------------------------------------------------

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch, numbering: pa.RecordBatch,
        record: int,
    ) -> tuple[pa.RecordBatch, pa.RecordBatch]:  # fmt: skip
        """Units that an event batch moves, and what cancelled orders give back: GRANTS of what became free. And
        NUMBERED of the documents that it makes. The caller sees to it that each comes once."""
        self._know_promotions(given_back)
        watch = self._watch(numbers(moves, "sku"))
        self._move(question.shard, question.sequence, question.grants_seen, moves, given_back, watch)
        return self._grant(watch, record), self.state.numbers.take(numbering)

    def apply_move(
        self, shard: int, sequence: int, moves: pa.RecordBatch, given_back: pa.RecordBatch, grants: pa.RecordBatch,
        numbering: pa.RecordBatch, numbered: pa.RecordBatch, basis: Basis | None, record: int,
    ) -> None:  # fmt: skip
        """What a record says of an event batch."""
        self._know_promotions(given_back)
        self.state.numbers.take_again(numbering, numbered)
        self._move(shard, sequence, basis.grants_seen if basis else 0, moves, given_back, Watch(self.cells))
        self.state.grant_again(grant_rows(grants), record)

    def _move(
        self, shard: int, sequence: int, seen: int, moves: pa.RecordBatch, given_back: pa.RecordBatch, watch: Watch
    ) -> None:
        self._hear(shard, sequence, seen)
        rows, given_up = read_moves(moves)
        back = self.state.give_up(given_up, seen)
        watch.add(sku for sku, _, _ in back)
        self.state.move(rows)
        watch.owe(self.state.waiting.lift(*shelved(rows)))
        self.state.move(moves_of(back, CellAccount.ALLOCATED, CellAccount.AVAILABLE))
        self.state.give_back(given_back, self._promotions)

    def _know_promotions(self, given_back: pa.RecordBatch) -> None:
        """Raise UnknownTables before anything is changed."""
        offset, _ = list_parts(given_back.column("promotions"))
        for version in np.unique(numbers(given_back, "tables_version")[np.diff(offset) > 0]).tolist():
            self._promotions_of(version)

    # --- amendments and reservations ---------------------------------------------------------------

    def amend(self, question: Question, amends: pa.RecordBatch, record: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """AMENDED of AMENDS, and GRANTS of what became free."""
        tables = self.tables(question.tables_version)
        self._hear(question.shard, question.sequence, question.grants_seen)
        self.memory.reserve(0, 0, 0, self.cells.nodes)
        watch, seen = Watch(self.cells), question.grants_seen
        rows = amendments_of(amends, question.now_ms)
        results = [self._amending.amend(row, seen, tables, watch) for row in rows]
        self._waits_by(question.tables_version)
        return amended_of(results), self._grant(watch, record)

    def apply_amend(
        self, shard: int, sequence: int, amends: pa.RecordBatch, amended: pa.RecordBatch, grants: pa.RecordBatch,
        basis: Basis, record: int,
    ) -> None:  # fmt: skip
        """What a record says of amendments."""
        self._hear(shard, sequence, basis.grants_seen)
        results = results_of(amended, numbers(amended, "done"))
        for row, result in zip(amendments_of(amends, 0), results, strict=True):
            self._amending.amend_again(row, result, basis.other_channel)
        self.state.grant_again(grant_rows(grants), record)

    def pending(self, steps: pa.RecordBatch, now_ms: int, record: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """PENDED of PENDING, and GRANTS of what became free."""
        watch = Watch(self.cells)
        results, lines = self._amending.pend(steps_of(steps, now_ms), self.newest_tables, watch)
        return pended_of(results, lines), self._grant(watch, record)

    def apply_pending(self, steps: pa.RecordBatch, pended: pa.RecordBatch, grants: pa.RecordBatch, record: int) -> None:
        """What a record says of reservations."""
        done = numbers(pended, "result") == PendedResult.DONE
        for (key, step, deadline_ms, _), result in zip(steps_of(steps, 0), results_of(pended, done), strict=True):
            if result.done and step == PendingStep.RESERVE:
                self._amending.reserve_again(key, deadline_ms, result)
            elif result.done:
                self._amending.end_again(key, step)
        self.state.grant_again(grant_rows(grants), record)

    def due(self, now_ms: int) -> pa.RecordBatch:
        """PENDING rows of the reservations whose deadline has passed; they expire when a record says so."""
        return expiries(self.state.reservations.due(now_ms))

    # --- stock -----------------------------------------------------------------------------------

    def stock(
        self, movements: pa.RecordBatch, record: int, now_ms: int, freed: Iterable[int] = ()
    ) -> tuple[pa.RecordBatch, ...]:
        """STOCK_RESULTS of movements from outside, each id once, GRANTS of what became free, and the MOVEMENTS that
        were made: those, and of what nobody may be sold any more, before anybody is granted it. ``freed``: SKUs that
        newer tables free."""
        self._open_ends(movements)
        sku, to_node = numbers(movements, "sku"), numbers(movements, "to_node")
        watch = self._watch(np.concatenate([sku, sku[to_node >= 0]]))
        recounted = recounts(movements, self.state, self.newest_tables, now_ms)
        results, lifted = apply_stock(movements, self.state)
        expired = expiry_movements(self.state, self.newest_tables, now_ms, record, recounted)
        if expired is not None:
            apply_stock(expired, self.state)
            movements = pa.concat_batches([movements, expired])
        watch.owe([*lifted, *freed])
        return results, self._grant(watch, record), movements

    def is_due(self, now_ms: int) -> bool:
        """Whether units may have grown too old since they were looked at."""
        return self.state.lots.is_due(now_ms)

    def apply_stock(self, movements: pa.RecordBatch, grants: pa.RecordBatch, record: int) -> None:
        """What a record says of movements."""
        self._open_ends(movements)
        asked = len(movements) - int(numbers(movements, "by_expiry").sum())  # the ledger's own come last
        for made in (movements[:asked], movements[asked:]):
            apply_stock(made, self.state)
        self.state.grant_again(grant_rows(grants), record)

    def _open_ends(self, movements: pa.RecordBatch) -> None:
        self.cells.open_ends(*(numbers(movements, name) for name in ("sku", "node", "to_node")))

    # --- who waits ---------------------------------------------------------------------------------

    def _watch(self, skus: Column) -> Watch:
        return self._serving.watch(skus, self.newest_tables)

    def _grant(self, watch: Watch, record: int) -> pa.RecordBatch:
        self.owed = watch.grown()
        return self.go_on(record)

    def go_on(self, record: int) -> pa.RecordBatch:
        """GRANTS of what is still owed to who waits, as much as one record takes."""
        rows, self.owed = self._serving.serve(self.owed, self.newest_tables, self._planner.workspace)
        self.state.remember_grants(rows, record)
        return grants_batch(rows)

    # --- readers, state ------------------------------------------------------------------------------

    def take_touched(self) -> Changed:
        """The cells changed since the last call, with what they hold now; for ``publish`` once that is durable."""
        return self.state.take_touched()

    def publish(self, changed: Changed | None, sequence: int) -> None:
        """Show readers the cells of a durable record; None shows all."""
        self.state.publish(changed, sequence)

    def conservation(self) -> list[tuple[int, int]]:
        """Cells (SKU, node) whose accounts do not sum to what was received."""
        return self.cells.broken()

    def totals(self) -> dict[str, int]:
        """Units per account over all cells."""
        return self.cells.totals()

    def dump(self) -> Arrays:
        return self.state.dump()

    def snapshot(self) -> Arrays:
        return self.state.snapshot()

    def restore(self, arrays: Arrays) -> None:
        self.state.restore(arrays)

    def state_hash(self) -> int:
        return self.state.state_hash()


def reference_of(shard: int, sequence: int) -> int:
    """Reference of the first order of a batch: shard << 48 | sequence << 16 | row."""
    assert 0 <= shard < 1 << 15 and 0 <= sequence < 1 << 32
    return shard << 48 | sequence << 16
