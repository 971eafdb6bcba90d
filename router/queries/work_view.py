"""A work item as people and programs are shown it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.queries.text import time_text
from router.work.item import WorkItem
from router.work.kinds import KINDS, acts_of


def item_view(item: WorkItem, now_ms: int, events: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """An item as ``GET /v1/work`` shows it; ``events``: what was decided about it and what became of that."""
    return {
        "work_id": item.work_id,
        "queue": item.queue,
        "kind": item.kind,
        "order_id": item.order_id,
        "channel": item.channel,
        "seller": item.seller or None,
        "reason": item.reason,
        "remedy": KINDS[item.kind].remedy,
        "acts": acts_of(item.kind, item.about),
        "version": item.cause_version,
        "raised_at": time_text(item.raised_ms),
        "deadline": time_text(item.deadline_ms),
        "overdue": item.state != "resolved" and item.deadline_ms < now_ms,
        "state": item.state,
        "owner": item.owner or None,
        "snoozed_until": _time(item.snoozed_until_ms),
        "resolved_at": _time(item.resolved_ms),
        "resolved_by": item.resolved_by or None,
        "resolution": item.resolution or None,
        "events": list(events),
    }


def _time(ms: int) -> str | None:
    return time_text(ms) if ms else None
