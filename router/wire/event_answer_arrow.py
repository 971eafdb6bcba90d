"""What became of events as an Arrow IPC stream: the same names as in JSON, one record batch a batch of events."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from router.arrow.arrays import numbers, record_batch
from router.wire.ack_arrow import END
from router.wire.event_answers import REFUSED, STATE_WORDS, STATUS_OF_RESULT, RefusedEvent
from router.wire.event_wire import EventWire
from router.wire.places import rows_in_place
from router.wire.texts import taken

_COUNTS = pa.map_(pa.string(), pa.int64())
EVENT_ANSWER = pa.schema(
    [
        ("event_id", pa.string()),  # null where it could not be read
        ("order_id", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),  # null unless refused, like all further columns but version
        ("detail", pa.string()),
        ("state", pa.string()),
        ("payment_state", pa.string()),
        ("version", pa.int32()),  # null where it was refused
        ("units", _COUNTS),
        ("money", _COUNTS),
        ("line", pa.int64()),  # row number of the body, from 1
    ]
)
_STATUS = pa.array([STATUS_OF_RESULT.get(result, REFUSED) for result in range(max(STATUS_OF_RESULT) + 1)])
_ORDER_STATES, _PAYMENT_STATES = (pa.array([words[axis] if words else "" for words in STATE_WORDS]) for axis in (0, 1))


def begin_event_arrow() -> bytes:
    """What an answer stream starts with: its schema."""
    return bytes(EVENT_ANSWER.serialize())


def encode_event_arrow(wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent]) -> memoryview:
    """The answers to one batch as one message of the stream; batches may be encoded in any order."""
    return memoryview(event_answers(wire, ack, refused).serialize())


def end_event_arrow(problem: tuple[str, str] | None) -> bytes:
    """The end of the stream; a problem (code, sentence) goes before it as a row of status ``error``."""
    if problem is None:
        return END
    code, detail = problem
    row = {name: None for name in EVENT_ANSWER.names} | {"status": "error", "reason": code, "detail": detail}
    return bytes(pa.RecordBatch.from_pylist([row], EVENT_ANSWER).serialize()) + END


def event_answers(wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent]) -> pa.RecordBatch:
    """One row an event (EVENT_ACK row i answers events row i) and one a refusal, by position."""
    result = numbers(ack, "result")
    answered = np.isin(result, list(STATUS_OF_RESULT))
    rows = np.flatnonzero(answered)
    batch = _answered(wire, ack) if answered.all() else _answered(wire, ack).take(pa.array(rows))
    if not refused:
        return batch
    return rows_in_place(batch, wire.positions[rows], _refused(refused), (each.position for each in refused))


def _answered(wire: EventWire, ack: pa.RecordBatch) -> pa.RecordBatch:
    """All rows as if they had been applied or were known; those that were refused are taken out."""
    count, state = ack.num_rows, numbers(ack, "state")
    result = np.minimum(numbers(ack, "result"), max(STATUS_OF_RESULT))
    return record_batch(
        EVENT_ANSWER,
        {
            "event_id": wire.events.column("event_id"),
            "order_id": wire.events.column("order_id"),
            "status": taken(_STATUS, result),
            "reason": pa.nulls(count, pa.string()),
            "detail": pa.nulls(count, pa.string()),
            "state": taken(_ORDER_STATES, state),
            "payment_state": taken(_PAYMENT_STATES, state),
            "version": ack.column("version"),
            "units": pa.nulls(count, _COUNTS),
            "money": pa.nulls(count, _COUNTS),
            "line": pa.nulls(count, pa.int64()),
        },
    )


def _refused(refused: list[RefusedEvent]) -> pa.RecordBatch:
    documents = [each.document() for each in refused]
    columns = {name: [document.get(name) for document in documents] for name in EVENT_ANSWER.names}
    for name in ("units", "money"):
        columns[name] = [None if counts is None else list(counts.items()) for counts in columns[name]]
    return pa.RecordBatch.from_pydict(columns, EVENT_ANSWER)
