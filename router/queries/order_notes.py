"""What people wrote to an order: notes, and words beside holds and at its closing."""

from __future__ import annotations

from router.life.event_types import OrderEvent
from router.queries.payload import texts_of
from router.queries.source import RecordSource, Row
from router.queries.text import time_text
from router.queries.words import OrderWords


def note_views(words: OrderWords, source: RecordSource) -> list[Row]:
    """In the order in which they came; ``text`` is None where it was erased."""
    found = []
    for step in words.remarks:
        texts, event = texts_of(step, source), OrderEvent(step.given["event"])
        text = texts.get("text") or texts.get("note")
        if text or event is OrderEvent.NOTE:
            found.append(
                {
                    "type": event.name.lower(),
                    "text": text,
                    "public": step.payload["public"] == 1,
                    "at": time_text(step.given["occurred_at_ms"]),
                    "source": step.given["source"] or None,
                }
            )
    return found
