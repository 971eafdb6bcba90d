"""Status changes of all orders from a cursor on: every version of every order exactly once, in order.

A cursor's place is the next row to show of each shard. Shards are independent, an order lives in one of
them, so its versions arrive in order and without gaps; between orders of different shards there is no order.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from router.life.event_types import OrderEvent
from router.life.states import STATE_OF_STATUS, pack_state
from router.log.columns import STATUS_NAMES, EventResult
from router.log.cursor import CursorError, Place, around, cursor_text, places_behind
from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, Record
from router.log.tail import FIRST_SEQUENCE
from router.queries.source import RecordSource, Row, batch_of
from router.queries.text import state_names, time_text
from router.reasons import codes


def stream(cursor: str | None, sources: Sequence[RecordSource], limit: int) -> tuple[list[Row], str]:
    """Up to ``limit`` changes after a cursor (None: from the beginning), and the cursor after the last of them.

    The cursor may be that of an order: changes after its own in its shard, and all of the other shards.

    Each row carries the cursor after itself, so that a reader may stop anywhere. Fewer rows than ``limit``
    mean that everything durable was shown; ask again later with the cursor.
    """
    assert limit > 0
    places = _places(cursor, sources)
    rows: list[Row] = []
    for shard, source in enumerate(sources):
        rows += _of_shard(shard, source, places, limit - len(rows))
        if len(rows) == limit:
            break
    return rows, cursor_text(places)


def _places(cursor: str | None, sources: Sequence[RecordSource]) -> list[Place]:
    """Of a cursor; one beyond the log would be silent about what comes before it is reached, so it is refused."""
    first = (FIRST_SEQUENCE, 0)
    places = [first] * len(sources) if cursor is None else places_behind(cursor, len(sources), first)
    for shard, ((sequence, _), source) in enumerate(zip(places, sources, strict=True)):
        last = source.last_sequence(OUTCOME_PART)
        if sequence > last + 1:
            raise CursorError(
                f"the cursor is at {sequence} of shard {shard}, whose log ends at {last}; start without a cursor"
            )
    return places


def end_cursor(sources: Sequence[RecordSource]) -> str:
    """The cursor behind everything durable now, for a reader that wants only what is new."""
    return cursor_text([(source.last_sequence(OUTCOME_PART) + 1, 0) for source in sources])


def _of_shard(shard: int, source: RecordSource, places: list[Place], limit: int) -> list[Row]:
    """Rows of one shard; moves its place in ``places``."""
    last = source.last_sequence(OUTCOME_PART)
    rows: list[Row] = []
    sequence, start = places[shard]
    while sequence <= last and len(rows) < limit:
        given, outcome = source.read(sequence, INPUT), source.read(sequence, OUTCOME_PART)
        end = 0
        if given is not None and outcome is not None:
            came, became = batch_of(given), batch_of(outcome)
            stop, end = min(came.num_rows, start + limit - len(rows)), came.num_rows
            changes = _changes(given, came.slice(start, stop - start), became.slice(start, stop - start))
            before, after = around(places, shard)
            rows += [change | {"cursor": f"{before}{sequence}.{start + row + 1}{after}"} for row, change in changes]
            start = stop
        if start >= end:
            sequence, start = sequence + 1, 0
        places[shard] = (sequence, start)
    return rows


def _changes(given: Record, came: pa.RecordBatch, became: pa.RecordBatch) -> list[tuple[int, Row]]:
    """(row number, change) of the rows that changed an order."""
    at = time_text(given.now_ms)
    if given.kind is Kind.ORDERS:
        found = _orders(came, became)
    else:
        events = came.column("event").to_pylist() if given.kind is Kind.EVENTS else [OrderEvent.GRANT] * came.num_rows
        found = _events(events, came, became)
    return [(row, change | {"at": at}) for row, change in found]


def _orders(came: pa.RecordBatch, became: pa.RecordBatch) -> list[tuple[int, Row]]:
    columns = (
        came.column("order_id").to_pylist(),
        came.column("reasons").to_pylist(),
        became.column("reasons").to_pylist(),
        became.column("status").to_pylist(),
        became.column("version").to_pylist(),
        came.column("payment").to_pylist(),
    )
    return [
        (
            row,
            {
                "order_id": order_id,
                "version": version,
                "type": "order",
                "status": STATUS_NAMES[status],
                **state_names(pack_state(STATE_OF_STATUS[status], payment)),
                "reasons": codes(admitted | decided) if admitted | decided else [],
            },
        )
        for row, (order_id, admitted, decided, status, version, payment) in enumerate(zip(*columns, strict=True))
    ]


def _events(events: list[int], came: pa.RecordBatch, became: pa.RecordBatch) -> list[tuple[int, Row]]:
    """``events`` are the OrderEvent numbers of the rows."""
    columns = (
        came.column("order_id").to_pylist(),
        events,
        became.column("result").to_pylist(),
        became.column("reasons").to_pylist(),
        became.column("after").to_pylist(),
        became.column("version").to_pylist(),
    )
    return [
        (
            row,
            {
                "order_id": order_id,
                "version": version,
                "type": OrderEvent(event).name.lower(),
                **state_names(after),
                "reasons": codes(reasons) if reasons else [],
            },
        )
        for row, (order_id, event, result, reasons, after, version) in enumerate(zip(*columns, strict=True))
        if result == EventResult.APPLIED
    ]
