"""The order shard: one writer for every order whose id falls into its slots.

    admit(batch) ─▶ Admitted ──(log, ledger)──▶ commit(admitted, decision) ─▶ outcome ─▶ acknowledge
                                                      │
                                                      └─▶ books: from here on events are judged on them

The engine is synchronous and does no I/O. Sequences are given by the caller in order; commits happen in
sequence order. Replaying the log's records through ``replay_*`` gives the same state as living it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import AMOUNT_DIFFERS, REFUND_DUE
from router.arrow.arena import Arena, PrivateArena
from router.arrow.arrays import list_parts, numbers, ragged, record_batch, struct_numbers, structs
from router.arrow.selection import select
from router.config import Config, Policy
from router.ids import order_hashes
from router.life.books import Books
from router.life.opening import opening_of
from router.life.states import ORDER_BITS, STATE_NUMBERS, OrderState, PaymentState, pack_state
from router.log.columns import DECISION, OUTCOME, Status
from router.log.declared_amounts import dense_amounts, is_silent
from router.log.index import OrderIndex
from router.log.reference import references, sequence_of
from router.shard.admission import Admitter
from router.shard.admitted import claims_of, order_lines, total_flags, without_units
from router.shard.declared import Declared, where_units_are
from router.shard.origins import Origins
from router.shard.price_declared import Priced, Terms, price_declared
from router.shard.pricing import Money, OrderLines, price_orders
from router.tables.compiled import Tables, UnknownTables

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

TABLES_KEPT = 4
_PENDING = int(OrderState.PENDING)


@dataclass(frozen=True)
class Admitted:
    """One batch between admit and commit."""

    sequence: int
    tables_version: int
    now_ms: int
    new: pa.RecordBatch  # ADMITTED, the rows that are judged; 0 rows = nothing to log or decide
    claims: pa.RecordBatch
    sent: int  # rows of the batch as sent
    new_at: I64  # (new rows) their positions among the rows sent
    reference: U64  # (sent) newest record that is shown of the order each sent row speaks of
    fingerprint: U64  # (sent) of what the order means
    fingerprint_sent: U64  # (sent) of how it was written: older records have this one


@dataclass(frozen=True)
class _Open:
    """Orders of one sequence that wait for their outcome."""

    rows: I64  # in the order index
    previous: I64  # the order's record before this one, -1 none
    payment: npt.NDArray[np.uint8]  # PaymentState the orders arrived with


class ShardEngine:
    """State of one shard: the order index and the tables it judges with."""

    def __init__(self, number: int, key: U64, config: Config, arena: Arena) -> None:
        self.number = number
        self.index = OrderIndex(arena)
        self.books = Books(key, PrivateArena())
        self.origins = Origins()
        self.key = key
        self._config = config
        self._admitters: dict[int, Admitter] = {}
        self._current: Admitter | None = None
        self._open: dict[int, _Open] = {}  # by sequence

    @property
    def tables_version(self) -> int:
        return self._current.tables.version if self._current else 0

    def add_tables(self, tables: Tables, admitter: Admitter | None = None) -> None:
        """Make a version known, for replays and for batches judged before a switch."""
        if tables.version not in self._admitters:
            self._admitters[tables.version] = admitter or self.admitter(tables)
        for version in sorted(self._admitters)[:-TABLES_KEPT]:
            if version != tables.version:
                del self._admitters[version]

    def admitter(self, tables: Tables) -> Admitter:
        """Who judges with a version; changes nothing, so it may be made beside the work."""
        return Admitter(self._config, self.key, tables)

    def use_tables(self, tables: Tables, admitter: Admitter | None = None) -> None:
        """Judge every later batch with this version."""
        self.add_tables(tables, admitter)
        self._current = self._admitters[tables.version]

    def policy(self, version: int) -> Policy:
        """By which a version of the tables decides."""
        return self.tables(version).policy_or(self._config.policy)

    def tables(self, version: int) -> Tables:
        if version not in self._admitters:
            raise UnknownTables(version)
        return self._admitters[version].tables

    def admit(
        self, wire: pa.RecordBatch, skus: pa.StringArray, sequence: int, now_ms: int, first_sequence: int | None = None
    ) -> Admitted:
        """Judge the rows whose ids are new (or were rejected before) and reserve their ids.

        ``first_sequence``: this very batch was judged under it before; what it rejected then stays rejected.
        """
        assert self._current is not None, "no tables were loaded"
        assert wire.num_rows <= self._config.limits.batch_rows_max, "a batch is larger than the configured limit"
        hashes = self._hashes(wire)
        rows, fresh = self.index.insert(*hashes)
        new_at = self._rows_to_judge(rows, fresh, first_sequence)
        new_wire = select(wire, new_at)
        admitted, claims = self._current.admit(new_wire, skus, (hashes[0][new_at], hashes[1][new_at]), now_ms)
        self._open_rows(sequence, rows[new_at], fresh[new_at], admitted)
        return Admitted(
            sequence=sequence,
            tables_version=self._current.tables.version,
            now_ms=now_ms,
            new=admitted,
            claims=claims,
            sent=wire.num_rows,
            new_at=new_at,
            reference=self.index.reference(rows),
            fingerprint=numbers(wire, "fingerprint"),
            fingerprint_sent=numbers(wire, "fingerprint_sent"),
        )

    def _hashes(self, wire: pa.RecordBatch) -> tuple[U64, U64]:
        return order_hashes(self.key, self._config.order_id_scope, wire)

    def _rows_to_judge(self, rows: I64, fresh: npt.NDArray[np.uint8], first_sequence: int | None) -> I64:
        """Positions that are judged: first sight of an id, or a new try of an id that was rejected."""
        if fresh.all():
            return np.arange(len(rows))
        known = np.flatnonzero(fresh == 0)
        retried = (self.index.state(rows[known]) & ORDER_BITS) == OrderState.REJECTED
        if first_sequence is not None:
            retried &= sequence_of(self.index.reference(rows[known])) != first_sequence
        again = known[retried]
        if len(again) == 0:
            return np.flatnonzero(fresh)
        _, first = np.unique(rows[again], return_index=True)  # an id may be tried twice in one batch
        return np.sort(np.concatenate([np.flatnonzero(fresh), again[first]]))

    def _open_rows(self, sequence: int, rows: I64, fresh: npt.NDArray[np.uint8], admitted: pa.RecordBatch) -> None:
        """Mark ids as taken but undecided, so that a second copy in flight is a duplicate."""
        if len(rows) == 0:
            return
        previous = np.full(len(rows), -1, np.int64)
        known = np.flatnonzero(fresh == 0)
        previous[known] = self.index.reference(rows[known]).astype(np.int64)
        self.index.set_reference(rows, references(sequence, len(rows)))
        self.index.set_state(rows, np.full(len(rows), _PENDING, np.uint8), self.index.version(rows))
        self._open[sequence] = _Open(rows, previous, numbers(admitted, "payment"))

    def commit(self, admitted: Admitted, decision: pa.RecordBatch) -> pa.RecordBatch:
        """OUTCOME of an admitted batch; its orders take their first state."""
        tables = self.tables(admitted.tables_version)
        opened = self._open[admitted.sequence]
        version = self.index.version(opened.rows).astype(np.int32) + np.int32(1)
        outcome = self._outcome_of(admitted.new, decision, tables, version, opened.previous)
        self.apply_outcome(admitted.sequence, admitted.new, outcome)
        return outcome

    def quote(
        self,
        wire: pa.RecordBatch,
        skus: pa.StringArray,
        now_ms: int,
        ask: Callable[[int, pa.RecordBatch], pa.RecordBatch],
    ) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and OUTCOME as if the orders were new; ``ask(tables version, CLAIMS)`` decides; changes nothing."""
        assert self._current is not None, "no tables were loaded"
        hashes = self._hashes(wire)
        admitted, claims = self._current.admit(wire, skus, hashes, now_ms)
        decision = ask(self._current.tables.version, claims)
        nothing = np.zeros(wire.num_rows, np.int32), np.full(wire.num_rows, -1, np.int64)
        return admitted, self._outcome_of(admitted, decision, self._current.tables, *nothing)

    def _outcome_of(
        self,
        admitted: pa.RecordBatch,
        decision: pa.RecordBatch,
        tables: Tables,
        version: npt.NDArray[np.int32],
        previous: I64,
    ) -> pa.RecordBatch:
        """Decision plus money, version and the record before this one."""
        granted_offset, granted = list_parts(decision.column("granted"))
        refused = numbers(decision, "status") == Status.REJECTED
        lines = without_units(order_lines(admitted), refused)  # a refused order costs nothing
        priced = self._price(
            admitted,
            tables,
            lines,
            granted=(granted_offset, granted.to_numpy(zero_copy_only=True)),
            tax_area=numbers(admitted, "tax_area"),
            fee_minor=np.where(refused, 0, numbers(admitted, "fee_minor")),
            placed_at_ms=numbers(admitted, "placed_at_ms"),
        )
        money = priced.money
        reasons = numbers(decision, "reasons") | total_flags(
            admitted,
            money.total_minor,
            tables.policy_or(self._config.policy).totals_tolerance_minor,
            priced.total_counts & ~refused,  # which cost nothing: their totals say nothing of ours
        )
        reasons |= np.where(priced.differs, np.uint64(1 << AMOUNT_DIFFERS), np.uint64(0))
        came_paid = numbers(admitted, "payment") == PaymentState.PAID
        reasons |= np.where(refused & came_paid, np.uint64(1 << REFUND_DUE), np.uint64(0))
        line_type = OUTCOME.field("money_lines").type
        money_lines = structs(
            line_type.value_type,
            {
                "gross_minor": money.line_gross_minor,
                "discount_minor": money.line_discount_minor,
                "tax_minor": money.line_tax_minor,
                "total_minor": money.line_total_minor,
            },
        )
        line_offset, _ = list_parts(admitted.column("lines"))
        decided = {name: decision.column(name) for name in DECISION.names}
        return record_batch(
            OUTCOME,
            {
                **decided,
                "reasons": reasons,
                "total_minor": money.total_minor,
                "discount_minor": money.discount_minor,
                "tax_minor": money.tax_minor,
                "shipping_minor": money.shipping_minor,
                "money_lines": ragged(line_offset, money_lines, line_type),
                "granted_minor": ragged(
                    granted_offset, pa.array(money.promotion_part_minor), OUTCOME.field("granted_minor").type
                ),
                "taxes": _taxes_of(money),
                "taken": priced.taken,
                "version": version,
                "previous": previous,
            },
        )

    def _price(self, admitted: pa.RecordBatch, tables: Tables, lines: OrderLines, **priced_by: Any) -> Priced:
        """Money of orders, by what they declare where the policy looks at it."""
        column, policies = admitted.column("declared"), self._admitters[tables.version].policies
        if not policies.heeds_amounts and is_silent(column):
            nothing = np.zeros(lines.orders, np.uint8)
            return Priced(price_orders(tables, lines, **priced_by), nothing, nothing != 0, nothing == 0)
        terms = Terms(
            tables,
            policies.heeds(policies.rows(admitted.column("channel"))),
            total=numbers(admitted, "total_declared_minor"),
            tolerance_minor=tables.policy_or(self._config.policy).totals_tolerance_minor,
            **priced_by,
        )
        _, line_values = list_parts(admitted.column("lines"))
        declared = Declared(*dense_amounts(column, lines.line_offset))
        return price_declared(lines, where_units_are(declared, lines, struct_numbers(line_values, "node")), terms)

    def apply_outcome(self, sequence: int, admitted: pa.RecordBatch, outcome: pa.RecordBatch) -> None:
        """Give the orders of a sequence the state their outcome says and open their books; also its replay."""
        opened = self._open.pop(sequence)
        state = pack_state(STATE_NUMBERS[numbers(outcome, "status")], opened.payment)
        version = numbers(outcome, "version")
        self.index.set_state(opened.rows, state, version.astype(np.uint32))
        self.books.open(sequence, opening_of(admitted, outcome, opened.rows, state))
        self.origins.note(admitted, opened.rows)

    def replay_admitted(self, sequence: int, admitted: pa.RecordBatch) -> None:
        """Take the ids of a logged batch again, exactly as admit did."""
        rows, fresh = self.index.insert(numbers(admitted, "hash_hi"), numbers(admitted, "hash_lo"))
        self._open_rows(sequence, rows, fresh, admitted)

    def rows_under_way(self, sequence: int) -> I64 | None:
        """Rows of the index of orders whose decision is under way, by row of their record; None once it is there."""
        opened = self._open.get(sequence)
        return None if opened is None else opened.rows

    def in_flight(self, rows: I64) -> npt.NDArray[np.bool_]:
        """Which of these rows of the index (-1 unknown) are orders whose decision, or whose amendment, is under way."""
        known = rows >= 0
        found = np.zeros(len(rows), bool)
        found[known] = (self.index.state(rows[known]) & ORDER_BITS) == _PENDING
        found[known] |= self.books.are_busy(rows[known])
        return found

    def state_hash(self) -> tuple[int, int, int]:
        """Digests of the index, of the books and of whose orders they are; equal states have equal hashes whatever path
        led there."""
        order_hi = self.index.hashes()[0]
        return self.index.state_hash(), self.books.state_hash(order_hi), self.origins.state_hash(order_hi)


def _taxes_of(money: Money) -> pa.ListArray:
    kind, rows = OUTCOME.field("taxes").type, int(money.taxes_end[-1]) if len(money.taxes_end) else 0
    parts = money.taxes
    columns = {"line": parts.line[:rows], "tax": parts.tax[:rows], "amount_minor": parts.amount[:rows]}
    offset = np.concatenate(([0], money.taxes_end)).astype(np.int32)
    return ragged(offset, structs(kind.value_type, columns), kind)


def reopened(sequence: int, tables_version: int, now_ms: int, admitted: pa.RecordBatch) -> Admitted:
    """An ADMITTED record without outcome as :meth:`ShardEngine.commit` takes it, after a restart."""
    rows = admitted.num_rows
    return Admitted(
        sequence=sequence,
        tables_version=tables_version,
        now_ms=now_ms,
        new=admitted,
        claims=claims_of(admitted),
        sent=rows,
        new_at=np.arange(rows),
        reference=references(sequence, rows),
        fingerprint=numbers(admitted, "fingerprint"),
        fingerprint_sent=numbers(admitted, "fingerprint"),
    )
