"""What the desk reports by itself: nobody decided it, a rule did; it happens once for the same cause."""

from __future__ import annotations

from actors.store.desk.outbox import Letter
from router.ids import Scope
from router.queries.text import time_text
from router.work.acts import encoded, event_due
from router.work.kinds import KINDS
from router.work.told import Due


def letter_of(due: Due, at_ms: int, made_ms: int, scope: Scope) -> Letter:
    """``at_ms``: when what it was about came about."""
    event = KINDS[due.kind].sends
    assert event is not None, f"{due.kind} is work of people"
    said = event_due(due, event.name.lower(), str(time_text(at_ms)), scope)
    return Letter(said["event_id"], "", due.order_key, encoded(said), made_ms)
