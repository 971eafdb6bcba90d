"""A partner's figures of a day, compared with the books: what is asked, what is kept of it, what it shows.

asked ─(page by page)─▶ fetched ─▶ done: sums, and a work item for each difference
  └──▶ failed           given with the request: fetched at once
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from router.life.reconciling import Comparison, Difference, Figure
from router.work.day_books import Day
from router.work.item import WorkItem, kept_text
from router.work.kinds import KINDS
from router.work.own_item import own_work_id
from router.work.pay import DAY_MS, PAY_REQUEST_ID

KIND = "figures_differ"
FIGURES_MAX = 100_000  # of a day
SHOWN_MAX = 1_000  # differences in an answer; all of them are work items
RunState = Literal["asked", "fetched", "done", "failed"]
_CALL_KEY = re.compile(rf"(?P<run>{PAY_REQUEST_ID.pattern})-page-(?P<page>\d{{1,6}})", re.ASCII)


class ReconcileAsked(NamedTuple):
    """What the holder of a key asks for."""

    partner: str
    day: str  # in UTC, as 2026-11-30
    figures: tuple[Figure, ...] | None  # the partner's, as a file has them; None = it is asked
    caller: str
    key: str
    digest: str
    now_ms: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    partner: str
    day: str
    state: RunState
    figures: str  # of Figure, as JSON
    answer: str = "{}"  # what was found, as JSON
    detail: str = ""
    asked_by: str
    asked_ms: int

    @property
    def there(self) -> list[Figure]:
        return [Figure(*each) for each in msgspec.json.decode(self.figures)]

    @property
    def span(self) -> Day:
        first = dt.datetime.combine(dt.date.fromisoformat(self.day), dt.time(), dt.UTC)
        from_ms = int(first.timestamp()) * 1_000
        return Day(self.partner, from_ms, from_ms + DAY_MS)

    def call_key(self, page: int) -> str:
        return f"{self.run_id}-page-{page}"


def figures_json(figures: Sequence[Figure]) -> str:
    return msgspec.json.encode(figures).decode()


def page_named(key: str) -> tuple[str, int] | None:
    """Run and page that a call's key is made of."""
    found = _CALL_KEY.fullmatch(key)
    return None if found is None else (found["run"], int(found["page"]))


def difference_id(run: Run, payment_id: str, what: str) -> str:
    """Of the work item about a payment on a day; the same whenever the day is compared."""
    return own_work_id(KIND, f"{run.partner}:{run.day}:{payment_id}:{what}")


def difference_item(run: Run, found: Difference, order_key: str, now_ms: int, answer_ms: int) -> WorkItem:
    row = KINDS[KIND]
    amounts = f"{found.here_minor} {found.currency} (minor units) here, {found.there_minor} there"
    why = f"payment {found.payment_id or 'without a name'} of {run.partner}, {found.what} on {run.day}: {amounts}"
    return WorkItem(
        work_id=difference_id(run, found.payment_id, found.what),
        kind=KIND,
        queue=row.queue,
        order_key=order_key,
        order_id=kept_text(found.order_id),
        channel="",
        seller="",
        cause_version=0,
        reason=kept_text(row.reason.format(why=why)),
        raised_ms=now_ms,
        deadline_ms=now_ms + answer_ms,
    )


def found_view(run: Run, found: Comparison) -> dict[str, Any]:
    """What a comparison shows."""
    return {
        "sums": [
            {
                "currency": each.currency,
                "what": each.what,
                "here": each.here_minor,
                "there": each.there_minor,
                "difference": each.there_minor - each.here_minor,
            }
            for each in found.sums
        ],
        "agreed": len(found.agreed),
        "differing": len(found.differences),
        "differences": [
            {
                "fault": each.fault,
                "payment_id": each.payment_id or None,
                "what": each.what,
                "currency": each.currency,
                "here": each.here_minor,
                "there": each.there_minor,
                "order_id": each.order_id or None,
                "work_id": difference_id(run, each.payment_id, each.what),
            }
            for each in found.differences[:SHOWN_MAX]
        ],
    }


NOTHING_FOUND: dict[str, Any] = {"sums": [], "agreed": 0, "differing": 0, "differences": []}


def run_view(run: Run, asked_at: str | None) -> dict[str, Any]:
    """As ``GET /v1/payments/reconciliations/{id}`` shows it."""
    return {
        "reconciliation_id": run.run_id,
        "partner": run.partner,
        "day": run.day,
        "status": run.state,
        "detail": run.detail or None,
        "requested_by": run.asked_by,
        "requested_at": asked_at,
        **(msgspec.json.decode(run.answer) or NOTHING_FOUND),
    }
