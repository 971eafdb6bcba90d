"""Search over orders, newest records first, a bounded piece of the log a call.

A cursor's place is the row above which everything of a shard was looked at already. Columns are compared for
a whole record at once; only rows that pass are looked up in the order index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from router.arrow.arrays import list_parts, numbers, struct_numbers
from router.bound import EVERYTHING, Bound
from router.log.columns import STATUS_NAMES, Status
from router.log.cursor import ROWS_MAX, LogPlace, cursor_text, parse_cursor
from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART
from router.log.reference import reference
from router.log.tail import FIRST_SEQUENCE
from router.queries.answered import reference_text
from router.queries.source import Indexed, RecordSource, Row, batch_of
from router.queries.text import name_of, state_names, time_text
from router.tables.compiled import Tables

# What one call may look at: 1,024 records of single orders or 30 of the largest, a tenth of a second or two.
WORK_MAX = 1_024
ROWS_PER_WORK = 1_024  # so many rows of a record take as long to look through as another record to open

Find = Callable[[int, int, int], Indexed | None]  # (shard, hash_hi, hash_lo) -> what the shard's index says
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """What an order must match; None = anything."""

    bound: Bound = EVERYTHING
    channel: str | None = None
    status: str | None = None  # as acknowledged
    state: str | None = None  # as it is now
    customer: int | None = None  # keyed hash of the customer's id, as in ADMITTED
    sku: str | None = None
    placed_from_ms: int | None = None  # inclusive
    placed_to_ms: int | None = None  # exclusive


@dataclass
class _Head:
    """The next ORDERS record of a shard that has rows left to look at."""

    shard: int
    place: LogPlace
    now_ms: int
    given: pa.RecordBatch
    outcome: pa.RecordBatch


def search(
    wanted: OrderFilter,
    cursor: str | None,
    limit: int,
    sources: Sequence[RecordSource],
    find: Find,
    tables: Tables,
) -> tuple[list[Row], str | None]:
    """Up to ``limit`` orders, and the cursor to go on with; None when there is nothing older.

    An empty page with a cursor means that the piece looked at had no match. ``tables`` are the newest.
    """
    assert limit > 0
    places = _newest(sources) if cursor is None else parse_cursor(cursor, len(sources))
    budget = _Budget(WORK_MAX)
    heads = [_head(shard, source, places, budget) for shard, source in enumerate(sources)]
    rows: list[Row] = []
    while len(rows) < limit and not budget.spent and any(heads):
        head = max((head for head in heads if head), key=lambda head: (head.now_ms, -head.shard))
        rows += _matching(head, wanted, limit - len(rows), places, find, tables)
        heads[head.shard] = _head(head.shard, sources[head.shard], places, budget)
    finished = not any(heads) and not budget.spent
    return rows, None if finished else cursor_text(places)


class _Budget:
    """Work that may still be done in this call."""

    def __init__(self, work: int) -> None:
        self._left = work

    @property
    def spent(self) -> bool:
        return self._left <= 0

    def take(self, rows: int) -> None:
        """A record of so many rows was opened."""
        self._left -= 1 + rows // ROWS_PER_WORK


def _newest(sources: Sequence[RecordSource]) -> list[LogPlace]:
    return [(source.last_sequence(OUTCOME_PART), ROWS_MAX) for source in sources]


def _head(shard: int, source: RecordSource, places: list[LogPlace], budget: _Budget) -> _Head | None:
    """Move a shard's place down to its next row that is an order; None at the bottom or without budget."""
    sequence, row = places[shard]
    while sequence >= FIRST_SEQUENCE and not budget.spent:
        if row > 0:
            given, outcome = source.read(sequence, INPUT), source.read(sequence, OUTCOME_PART)
            if given is not None and outcome is not None and given.kind is Kind.ORDERS:
                places[shard] = (sequence, row)
                head = _Head(shard, (sequence, row), given.now_ms, batch_of(given), batch_of(outcome))
                budget.take(head.given.num_rows)
                return head
            budget.take(0)
        sequence, row = sequence - 1, ROWS_MAX
    places[shard] = (sequence, row)
    return None


def _matching(
    head: _Head, wanted: OrderFilter, limit: int, places: list[LogPlace], find: Find, tables: Tables
) -> list[Row]:
    """Matches of one record from its place downwards; leaves the place below the last row looked at."""
    sequence, below = head.place
    rows: list[Row] = []
    for row in np.flatnonzero(_mask(head, wanted, tables)[:below])[::-1].tolist():
        found = _current(head, row, find)
        if found is None or (wanted.state is not None and state_names(found[1])["state"] != wanted.state):
            continue
        rows.append(_shown(head, row, found, tables))
        if len(rows) == limit:
            places[head.shard] = (sequence, row)
            return rows
    places[head.shard] = (sequence, 0)
    return rows


def _mask(head: _Head, wanted: OrderFilter, tables: Tables) -> Mask:
    given = head.given
    mask = np.ones(given.num_rows, np.bool_)
    if not wanted.bound.is_open:
        mask &= wanted.bound.mask(given.column("channel"), given.column("seller"))
    if wanted.channel is not None:
        mask &= pc.equal(given.column("channel"), wanted.channel).to_numpy(zero_copy_only=False)
    if wanted.status is not None:
        mask &= _names_equal(numbers(head.outcome, "status"), wanted.status)
    if wanted.customer is not None:
        mask &= numbers(given, "customer") == np.uint64(wanted.customer)
    if wanted.placed_from_ms is not None:
        mask &= numbers(given, "placed_at_ms") >= wanted.placed_from_ms
    if wanted.placed_to_ms is not None:
        mask &= numbers(given, "placed_at_ms") < wanted.placed_to_ms
    if wanted.sku is not None:
        mask &= _has_sku(given, tables.skus.ids.index(wanted.sku))
    return mask


def _names_equal(status: npt.NDArray[np.int8], name: str) -> Mask:
    return np.asarray(status == (STATUS_NAMES.index(name) if name in STATUS_NAMES else -1))


def _has_sku(given: pa.RecordBatch, sku: int) -> Mask:
    """Rows with a line of the SKU; a SKU that no table ever named is on no line."""
    if sku < 0:
        return np.zeros(given.num_rows, np.bool_)
    offsets, lines = list_parts(given.column("lines"))
    hits = np.concatenate(([0], np.cumsum(struct_numbers(lines, "sku") == sku)))
    return np.asarray(hits[offsets[1:]] > hits[offsets[:-1]])


def _current(head: _Head, row: int, find: Find) -> Indexed | None:
    """The index entry of the order, or None where a rejected id was judged anew in a later record."""
    found = find(head.shard, head.given.column("hash_hi")[row].as_py(), head.given.column("hash_lo")[row].as_py())
    rejected = head.outcome.column("status")[row].as_py() == Status.REJECTED
    if found is not None and rejected and found[0] != head.place[0] << 16 | row:
        return None
    return found


def _shown(head: _Head, row: int, found: Indexed, tables: Tables) -> Row:
    given = head.given
    return {
        "order_id": given.column("order_id")[row].as_py(),
        "channel": given.column("channel")[row].as_py(),
        "status": STATUS_NAMES[head.outcome.column("status")[row].as_py()],
        **state_names(found[1]),
        "version": found[2],
        "placed_at": time_text(given.column("placed_at_ms")[row].as_py()),
        "total": head.outcome.column("total_minor")[row].as_py(),
        "currency": name_of(tables.currencies, given.column("currency")[row].as_py()),
        "cursor": reference_text(head.shard, reference(head.place[0], row)),
    }
