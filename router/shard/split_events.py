"""One decoded batch of events over the shards and back: pack each shard's events, put the answers into their order.

    rows ─▶ shard of the order ─▶ turn ─▶ one part for each (shard, turn)

An event whose answer needs the ledger (a short pick, a refusal, a move) or the order's history (a reversal) leaves its
order's books open until the answer is there, so a later event of the same order goes with the next turn. A part asks,
looks back or moves, and does one of the three only. Events of one order keep their order; between orders there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import from_message, numbers, to_message, to_stream
from router.arrow.selection import select
from router.life.event_types import OrderEvent
from router.log.columns import EVENT_ACK
from router.shard.partition import shard_of, split
from router.wire.event_wire import EventWire

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_ASKING = (OrderEvent.SHORT_PICK, OrderEvent.REFUSE, OrderEvent.MOVE)
_WAYS = 3  # to be decided: by the books, by the history, by the ledger
_WAY = np.zeros(max(OrderEvent) + 1, np.int64)
_WAY[OrderEvent.REVERSE], _WAY[list(_ASKING)] = 1, 2


@dataclass(frozen=True)
class EventPart:
    """Events of one batch that one shard takes together, packed for the way."""

    shard: int
    rows: I64 | None  # rows of the batch, None = all of them
    events: U8  # IPC message of EVENTS
    payload: U8  # IPC message of EVENT_PAYLOAD
    documents: U8 | None  # IPC stream


def turns_of(events: pa.RecordBatch) -> I64 | None:
    """Turn of each row; None where all are decided in the same way and none has to wait for another."""
    event = numbers(events, "event")
    way = np.where(event < 0, 0, _WAY[event])
    if not way.any():
        return None
    order = numbers(events, "hash_lo")
    rows = np.argsort(order, kind="stable")
    waits = (way[rows] > 0).astype(np.int64)
    before = np.cumsum(waits) - waits
    first = np.diff(order[rows], prepend=~order[rows[:1]]) != 0  # of each order
    turns = np.empty(events.num_rows, np.int64)
    turns[rows] = _WAYS * (before - np.maximum.accumulate(np.where(first, before, 0))) + way[rows]
    return turns if (turns != turns[0]).any() else None


def split_events(wire: EventWire, shards: int) -> list[list[EventPart]]:
    """For each shard that gets any its parts, in the order in which they must reach it."""
    if not wire.events.num_rows:
        return []
    turns = turns_of(wire.events)
    if shards == 1 and turns is None:
        return [[_part(wire, 0, None)]]
    order, offsets = split(shard_of(numbers(wire.events, "hash_lo"), shards), shards)
    found = []
    for shard in range(shards):
        rows = order[offsets[shard] : offsets[shard + 1]]
        if len(rows):
            found.append([_part(wire, shard, each) for each in _by_turn(rows, turns)])
    return found


def _by_turn(rows: I64, turns: I64 | None) -> list[I64]:
    if turns is None or not turns[rows].any():
        return [rows]
    order = np.argsort(turns[rows], kind="stable")
    ends = np.flatnonzero(np.diff(turns[rows][order])) + 1
    return np.split(rows[order], ends)


def _part(wire: EventWire, shard: int, rows: I64 | None) -> EventPart:
    if rows is None or len(rows) == wire.events.num_rows:
        rows, events, payload, documents = None, wire.events, wire.payload, wire.documents
    else:
        events, payload = select(wire.events, rows), select(wire.payload, rows)
        documents = None if wire.documents is None else select(wire.documents, rows)
    packed = None if documents is None else to_stream(documents)
    return EventPart(shard, rows, to_message(events), to_message(payload), packed)


def merge_event_answers(wire: EventWire, parts: list[EventPart], answers: list[U8]) -> pa.RecordBatch:
    """EVENT_ACK messages of the parts, back in the order of the batch's rows."""
    count = wire.events.num_rows
    batches = [from_message(answer, EVENT_ACK) for answer in answers]
    for part, batch in zip(parts, batches, strict=True):
        assert batch.num_rows == (count if part.rows is None else len(part.rows)), "a shard answers every event"
    if not parts:
        return pa.RecordBatch.from_pylist([], schema=EVENT_ACK)
    if parts[0].rows is None:
        return batches[0]
    place = np.concatenate([part.rows for part in parts if part.rows is not None])
    return select(pa.concat_batches(batches), np.argsort(place, kind="stable"))
