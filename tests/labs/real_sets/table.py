"""One line a set: what was sent, what came of it, and whether that is what was counted."""

from __future__ import annotations

import collections

from tests.labs.real_sets.run import Run
from tests.labs.real_sets.sets import RealSet

_FORM = "{:<18}{:>9}{:>8}{:>9}{:>19}{:>14}  {:<21}{}"


def heading() -> str:
    return _FORM.format("set", "rows", "orders", "lines", "total", "tax", "refused", "sent again")


def row_of(real: RealSet, run: Run) -> str:
    taken = [order for order in run.first.orders.values() if order["status"] != "rejected"]
    refused = collections.Counter(run.first.summary["rejected_by_reason"])
    refused.update(run.first.summary["csv"]["orders_refused"])
    again, changed = run.again, sum(order != run.again.orders[order["order_id"]] for order in taken)
    return _FORM.format(
        real.name,
        f"{run.first.summary['csv']['rows']:,}",
        f"{len(taken):,}",
        f"{sum(len(order['lines']) for order in taken):,}",
        _money(sum(order["total"] for order in taken), taken[0]["currency"]),
        _money(sum(order["tax"] for order in taken), ""),
        ", ".join(f"{reason} {count:,}" for reason, count in sorted(refused.items())) or "none",
        f"{again.summary['duplicates']:,} known already, {changed:,} changed",
    )


def _money(minor: int, currency: str) -> str:
    return f"{minor // 100:,}.{minor % 100:02} {currency}".strip()
