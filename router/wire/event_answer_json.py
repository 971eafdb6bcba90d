"""What became of events as JSON lines: EVENT_ACK and what was sent become one line an event, in order of arrival."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.text.event_json import LEFT_OUT, event_json
from router.arrow.arrays import numbers
from router.ids import string_parts
from router.wire.ack_json import piece_texts
from router.wire.event_answers import STATE_WORDS, STATUS_OF_RESULT, RefusedEvent
from router.wire.event_wire import EventWire
from router.wire.places import lines_in_place

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_STATES = len(STATE_WORDS)
_ESCAPED = 6  # bytes a byte may become
_NUMBER_BYTES = 20


def _piece(result: int, state: int) -> str:
    words = STATE_WORDS[state]
    if words is None:
        return ""
    return f'","status":"{STATUS_OF_RESULT[result]}","state":"{words[0]}","payment_state":"{words[1]}","version":'


# Two that every line has, then one for each result and state byte.
_PIECES = [
    '{"event_id":"',
    '","order_id":"',
    *(_piece(result, state) for result in STATUS_OF_RESULT for state in range(_STATES)),
]
_OFFSETS, _TEXT = piece_texts(_PIECES)
_ROW_BYTES = sum(map(len, _PIECES[:2])) + max(map(len, _PIECES)) + _NUMBER_BYTES
assert list(STATUS_OF_RESULT) == [0, 1], "pieces are found by result and state"


def encode_event_json(wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent]) -> memoryview:
    """One JSON line an event (EVENT_ACK row i answers events row i) and one a refusal, by position."""
    result = numbers(ack, "result").astype(np.int32)
    said = np.where(result < len(STATUS_OF_RESULT), 2 + _STATES * result + numbers(ack, "state"), LEFT_OUT)
    event_ids, order_ids = (string_parts(wire.events.column(name)) for name in ("event_id", "order_id"))
    ids_bytes = sum(int(offsets[-1] - offsets[0]) for offsets, _ in (event_ids, order_ids))
    bound = ack.num_rows * _ROW_BYTES + _ESCAPED * ids_bytes
    out, row_end = np.empty(bound + 8, np.uint8), np.empty(ack.num_rows, np.int64)
    size = event_json(
        *event_ids, *order_ids, said.astype(np.int32), numbers(ack, "version"), _OFFSETS, _TEXT, row_end, out
    )
    assert size <= bound
    written: memoryview = out[:size].data
    documents = ((each.position, msgspec.json.encode(each.document()) + b"\n") for each in refused)
    return lines_in_place(written, row_end, wire.positions, documents) if refused else written
