"""What an answer to an order says of another order: that it has the id already, or the same basket.

That may be seen by those alone whose orders both are. Whoever is answered hears of an id that is taken and no more: not
by whom, not since when.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from actors.gateway.core.readers import OrderReaders
from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.bound import Bound
from router.log.reference import NONE, in_shard, reference
from router.queries.as_sent import sent_order
from router.reasons import ID_CONFLICT
from router.shard.split_batch import Decided
from router.wire.ack_rows import sentence
from router.wire.batch import Refusal, WireBatch
from router.wire.differences import conflict_sentence, differing_fields
from router.wire.foreign import without_rows

TWINS_TOLD = 256  # of a batch
CONFLICTS_TOLD = 16  # of a batch: each may take the documents of a batch from the disk
Bounds = Bound | Sequence[Bound]  # of all who are answered, or by row
_TAKEN = 1 << ID_CONFLICT


def told_of_others(
    readers: OrderReaders, wire: WireBatch, decided: Decided, bounds: Bounds
) -> tuple[WireBatch, Decided]:
    """The batch and its answers with what they say of others in words, and without what is not to be seen."""
    conflicts = np.flatnonzero(numbers(decided.ack, "reasons") == np.uint64(_TAKEN))
    wire = _with_twins(readers, wire, decided, bounds)
    decided = _without_unseen_twins(wire, decided, bounds)
    return _with_conflicts(readers, wire, decided, bounds, conflicts) if len(conflicts) else (wire, decided)


def _bound_of(bounds: Bounds, row: int) -> Bound:
    return bounds if isinstance(bounds, Bound) else bounds[row]


def _with_twins(readers: OrderReaders, wire: WireBatch, decided: Decided, bounds: Bounds) -> WireBatch:
    twin, ids = numbers(decided.ack, "twin"), dict[int, str]()
    for row in np.flatnonzero(twin >= 0)[:TWINS_TOLD].tolist():
        origin = readers.origin(int(twin[row]))
        if origin is not None and _bound_of(bounds, row).has(origin.channel, origin.seller):
            ids[row] = origin.order_id
    return dataclasses.replace(wire, twins=ids) if ids else wire


def _without_unseen_twins(wire: WireBatch, decided: Decided, bounds: Bounds) -> Decided:
    ack, twin = decided.ack, numbers(decided.ack, "twin")
    named = np.flatnonzero(twin >= 0).tolist()
    unseen = [row for row in named if row not in wire.twins and not _bound_of(bounds, row).is_open]
    if not unseen:
        return decided
    twin = twin.copy()
    twin[unseen] = NONE
    column = ack.schema.get_field_index("twin")
    return dataclasses.replace(decided, ack=ack.set_column(column, ack.schema.field("twin"), pa.array(twin)))


def _with_conflicts(
    readers: OrderReaders, wire: WireBatch, decided: Decided, bounds: Bounds, rows: npt.NDArray[np.intp]
) -> tuple[WireBatch, Decided]:
    said = dict(_conflicts(readers, wire, decided, bounds, rows[:CONFLICTS_TOLD].tolist()))
    wire = dataclasses.replace(wire, said=said)
    unseen = [row for row in rows.tolist() if row not in said and not _bound_of(bounds, row).is_open]
    if not unseen:
        return wire, decided
    keep = np.ones(wire.orders.num_rows, np.bool_)
    keep[unseen] = False
    stays = np.flatnonzero(keep)
    place = (np.cumsum(keep) - 1).tolist()
    wire = dataclasses.replace(
        without_rows(wire, keep, [_taken(wire, row) for row in unseen]),
        said={place[row]: text for row, text in wire.said.items()},
        twins={place[row]: text for row, text in wire.twins.items()},
    )
    return wire, Decided(select(decided.ack, stays), decided.shard_of_row[stays])


def _conflicts(
    readers: OrderReaders, wire: WireBatch, decided: Decided, bounds: Bounds, rows: list[int]
) -> Iterator[tuple[int, str]]:
    """A sentence for each order whose id another one has, where that one may be seen."""
    sequence, at = numbers(decided.ack, "sequence"), numbers(decided.ack, "row")
    for row in rows:
        place = in_shard(int(decided.shard_of_row[row]), reference(int(sequence[row]), int(at[row])))
        origin = readers.origin(place)
        if origin is not None and _bound_of(bounds, row).has(origin.channel, origin.seller):
            sent = sent_order(wire, row)
            kept = sent and readers.as_sent(place, sent)
            yield row, conflict_sentence(origin.channel, differing_fields(sent, kept) if sent and kept else [])


def _taken(wire: WireBatch, row: int) -> Refusal:
    order_id = wire.orders.column("order_id")[row].as_py()
    return Refusal(int(wire.positions[row]), int(wire.line_numbers[row]), order_id, _TAKEN, sentence(_TAKEN, -1, 0))
