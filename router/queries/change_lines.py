"""Changes as people and programs follow them: a JSON line each, or an event of an SSE stream.

    {"order_id", "version", "type", "status" of a decision, "state", "payment_state", "reasons", "at", "cursor",
     "channel", "seller", "payload" of an event that was reported}

What is the same for many rows (types, states, reasons) is written once and copied.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec
import numpy as np
import pyarrow as pa

from router.arrow.arrays import numbers
from router.feed.changes import Changes
from router.feed.columns import AN_ORDER
from router.feed.feed import Slice
from router.feed.words import WordSource, words_of
from router.life.event_types import OrderEvent
from router.log.columns import STATUS_NAMES
from router.log.kinds import Kind
from router.log.reference import row_of, sequence_of
from router.queries import change_payload
from router.queries.json_columns import distinct, escaped, joined, numbers_text, texts_or_null, times_or_null, where
from router.queries.sight import Sight
from router.queries.text import state_names
from router.reasons import codes

COLUMNS = (
    *("order_id", "version", "kind", "event", "status", "reasons", "after", "received_at_ms", "channel", "seller"),
    *change_payload.COLUMNS,
)  # of the feed
ORDER = "order"  # the type of a decision
TYPES = (ORDER, *(event.name.lower() for event in OrderEvent))


def change_lines(part: Slice, source: WordSource, sight: Sight) -> pa.StringArray:
    """A JSON line a change, with its newline."""
    return joined(*_pieces(part, source, sight, _cursors(part)), "}\n")


def change_events(part: Slice, source: WordSource, sight: Sight) -> pa.StringArray:
    """The same as events of an SSE stream, whose ids are the cursors."""
    cursors = _cursors(part)
    return joined("id: ", cursors, "\ndata: ", *_pieces(part, source, sight, cursors), "}\n\n")


def _cursors(part: Slice) -> pa.StringArray:
    before, after = part.cursor_parts()
    references = part.changes.references
    return joined(before, numbers_text(sequence_of(references)), ".", numbers_text(row_of(references) + 1), after)


def _pieces(part: Slice, source: WordSource, sight: Sight, cursors: pa.StringArray) -> list[pa.StringArray | str]:
    changes, batch = part.changes, part.changes.batch
    moments, which = distinct(numbers(batch, "received_at_ms"))
    return [
        '{"order_id":"',
        escaped(batch.column("order_id")),
        '","version":',
        numbers_text(numbers(batch, "version")),
        _said(batch),
        ',"at":',
        times_or_null(np.array(moments)).take(pa.array(which)),
        ',"cursor":"',
        cursors,
        '","channel":"',
        escaped(batch.column("channel")),
        '","seller":',
        texts_or_null(batch.column("seller")),
        *_payload(changes, source, sight),
    ]


def _payload(changes: Changes, source: WordSource, sight: Sight) -> Iterator[pa.StringArray]:
    is_reported = numbers(changes.batch, "kind") == Kind.EVENTS
    if is_reported.any():
        words = _seen(words_of(changes, is_reported, source), changes.batch, sight)
        yield where(is_reported, joined(',"payload":', change_payload.payloads(changes.batch, words)))


def _seen(words: dict[str, pa.StringArray], batch: pa.RecordBatch, sight: Sight) -> dict[str, pa.StringArray]:
    if sight.internal:
        return words
    return {"text": where(numbers(batch, "public") == 1, words["text"])} if "text" in words else {}


def _said(batch: pa.RecordBatch) -> pa.StringArray:
    """Type, states and reasons of each row; rows of a batch say few different things."""
    masks, which = distinct(numbers(batch, "reasons"))
    event, status, after = (numbers(batch, name).astype(np.int64) for name in ("event", "status", "after"))
    said, places = distinct(((which << 8 | event + 1) << 8 | status + 1) << 8 | after)
    texts = [_text((one >> 16 & 255) - 1, (one >> 8 & 255) - 1, one & 255, masks[one >> 24]) for one in said]
    return pa.array(texts, pa.string()).take(pa.array(places))


@functools.lru_cache(maxsize=1 << 14)
def _text(event: int, status: int, after: int, reasons: int) -> str:
    is_order = event == AN_ORDER
    said = {
        "type": ORDER if is_order else OrderEvent(event).name.lower(),
        **({"status": STATUS_NAMES[status]} if is_order else {}),
        **state_names(after),
        "reasons": codes(reasons) if reasons else [],
    }
    return "," + msgspec.json.encode(said).decode()[1:-1]
