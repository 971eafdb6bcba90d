"""Which work items are wanted, by deadline, page by page."""

from __future__ import annotations

import re
from typing import NamedTuple

from router.bound import EVERYTHING, Bound
from router.errors import Refused
from router.work.item import WorkItem

_CURSOR = re.compile(r"(0|[1-9]\d{0,17})\.([0-9a-f]{24})", re.ASCII)


class WorkFilter(NamedTuple):
    """What an item must match; None = anything."""

    bound: Bound = EVERYTHING
    states: tuple[str, ...] = ("open", "claimed")
    queue: str | None = None
    kind: str | None = None
    owner: str | None = None
    order_id: str | None = None
    behind: tuple[int, str] | None = None  # deadline and id of the last item of the page before


def cursor_behind(item: WorkItem) -> str:
    return f"{item.deadline_ms}.{item.work_id}"


def place_behind(cursor: str) -> tuple[int, str]:
    """Raises Refused where the text is no cursor."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise Refused("cursor is none that was given out here; leave it out, or send it back as it was received.")
    return int(found[1]), found[2]
