"""Promote, in plain Python: the specification of ``kernels/money/promote.py``."""

from __future__ import annotations

from tests.reference.money.weigh import value


def is_open(promotion: dict, order: dict) -> bool:
    """Whether the promotion speaks to an order of this time, channel, place, currency and these coupons."""
    return (
        promotion["starts"] <= order["placed_at"] < promotion["ends"]
        and order["channel"] in promotion["channels"]
        and order["area"] in promotion["areas"]
        and promotion["currency"] in (None, order["currency"])
        and (not promotion["needs_coupon"] or promotion["number"] in order["coupons"])
    )


def reaches(promotion: dict, lines: list[dict]) -> bool:
    """Whether the matching lines hold the units and the value asked for (buy-X-get-Y: one whole group)."""
    matching = [line for line in lines if line["sku"] in promotion["skus"]]
    units = sum(line["qty"] for line in matching)
    least = max(promotion["min_qty"], 1)
    if promotion["kind"] == "buy_x_get_y":
        least = max(least, promotion["buy"] + promotion["get"])
    return units >= least and value(matching) >= promotion["min_subtotal"]


def promote(order: dict, promotions: list[dict]) -> list[int]:
    """Numbers of the candidates in precedence order; promotions come in precedence order, numbered from 0."""
    if value(order["lines"]) is None:
        return []
    return [p["number"] for p in promotions if is_open(p, order) and reaches(p, order["lines"])]
