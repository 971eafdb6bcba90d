"""What a refund has to know of an order, read off its view."""

from __future__ import annotations

from router.life.refunds import Capture, Line, Money
from router.queries.source import Row


def money_of(view: Row) -> Money:
    """``view``: the order as ``GET /v1/orders/{id}`` shows it."""
    return Money(
        view["version"],
        view["currency"] or "",
        tuple(
            Capture(
                payment["payment_id"] or "",
                payment["source"] or "",
                payment["captured"] - payment["refunding"] - payment["refunded"],
            )
            for payment in view["payments"]
        ),
        tuple(Line(line["line_id"], line["qty"], line["total"]) for line in view["lines"]),
    )
