"""Events of partners that find no order, or name what no table has: kept, tried again, and somebody's work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from router.work.item import WorkItem, kept_text
from router.work.kinds import KINDS

# Reasons of refusals that may pass: the order comes, a table gets the currency. What books refuse, they refuse.
PASSING = frozenset({"order_unknown", "malformed_event"})
PAUSE_MS, PAUSE_MS_MAX = 5_000, 3_600_000  # between tries: as long as was tried so far, within these


def told_work_id(event_id: str) -> str:
    """Of the item about an event that a partner told, by the id that is made of the partner's own."""
    return hashlib.blake2b(f"unplaced:{event_id}".encode(), digest_size=12).hexdigest()


def may_pass(answer: Mapping[str, Any]) -> bool:
    return answer["status"] == "refused" and answer.get("reason") in PASSING


def unplaced_item(event: str, order_key: str, answer: Mapping[str, Any], now_ms: int) -> WorkItem:
    """``event``: as JSON, whole; ``answer``: the shard's. Its deadline is for whoever knows how long people have."""
    said: Mapping[str, Any] = msgspec.json.decode(event)
    kind = "payment_unplaced" if said["type"].startswith("payment") else "parcel_unplaced"
    why = f"{said['source']} tells {said['type']} ({said['event_id']}): {answer['detail']}"
    return WorkItem(
        work_id=told_work_id(said["event_id"]),
        kind=kind,
        queue=KINDS[kind].queue,
        order_key=order_key,
        order_id=kept_text(said["order_id"]),
        channel=kept_text(said.get("channel", "")),
        seller=kept_text(said.get("seller", "")),
        cause_version=0,
        reason=kept_text(KINDS[kind].reason.format(why=why)),
        raised_ms=now_ms,
        deadline_ms=now_ms,
    )
