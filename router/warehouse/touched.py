"""Which orders of a turn of the feed have anything to do with nodes that are worked here."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers
from router.feed.changes import Changes
from router.life.event_types import OrderEvent
from router.log.columns import EventResult
from router.log.reference import in_shard

COLUMNS = (
    "hash_hi", "hash_lo", "order", "result", "event", "reason", "parcels", "units", "granted_units",
)  # fmt: skip
# Lists of a change that name nodes, and their fields that do.
_NODES = (("parcels", "node"), ("units", "node"), ("units", "to_node"), ("granted_units", "node"))


class Touched(NamedTuple):
    """The last change of an order within a turn."""

    order_key: str
    low_half: int  # of the order's hash
    place: int  # of the order's record, with its shard
    newest: int  # of the change, with its shard
    event: int  # OrderEvent, or AN_ORDER
    reason: str  # as the event says it


def touched_of(parts: Sequence[Changes], worked: Sequence[int], known: Container[int]) -> dict[str, Touched]:
    """By key: orders that any change names a worked node for (by number), those that are ``known`` by the low half of
    their hash, and those of which something was taken back, which may bring any of them back."""
    found: dict[str, Touched] = {}
    fresh: set[int] = set()  # named in this turn
    for changes in parts:
        for touched in _of(changes, worked, known, fresh):
            found[touched.order_key] = touched
    return found


def _of(changes: Changes, worked: Sequence[int], known: Container[int], fresh: set[int]) -> Iterator[Touched]:
    batch = changes.batch
    lows = numbers(batch, "hash_lo").tolist()
    named = _names_any(batch, worked)
    fresh.update(lows[row] for row in np.flatnonzero(named).tolist())
    named |= np.fromiter((low in known or low in fresh for low in lows), np.bool_, len(lows))
    named |= numbers(batch, "event") == OrderEvent.REVERSE
    named &= numbers(batch, "result") == EventResult.APPLIED
    rows = np.flatnonzero(named).tolist()
    if not rows:
        return
    highs, orders, events = (batch.column(name) for name in ("hash_hi", "order", "event"))
    reasons = batch.column("reason")
    for row in rows:
        yield Touched(
            f"{highs[row].as_py():016x}{lows[row]:016x}",
            lows[row],
            in_shard(changes.shard, orders[row].as_py()),
            in_shard(changes.shard, int(changes.references[row])),
            events[row].as_py(),
            reasons[row].as_py(),
        )


def _names_any(batch: pa.RecordBatch, worked: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Rows whose lists name one of these nodes."""
    found = np.zeros(batch.num_rows, np.bool_)
    for column, field in _NODES:
        lists = batch.column(column)
        if not len(lists):
            continue
        offsets = lists.offsets.to_numpy()
        nodes = lists.values.field(field).to_numpy(zero_copy_only=False)
        hits = np.concatenate(([0], np.cumsum(np.isin(nodes, worked))))
        found |= hits[offsets[1:]] > hits[offsets[:-1]]
    return found
