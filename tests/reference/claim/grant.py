"""Grant, in plain Python: the specification of ``kernels/claim/grant.py``."""

from __future__ import annotations

from kernels.reasons import COUPON_USED_UP, FIRST_ORDER_ONLY


def obstacle(promotion: dict, uses: int, customer_uses: int, is_first_order: bool, is_guest: bool) -> int | None:
    """The reason that stands in the way of one promotion, or None."""
    if promotion["first_order"] and (is_guest or not is_first_order):
        return FIRST_ORDER_ONLY
    if promotion["limit"] is not None and uses >= promotion["limit"]:
        return COUPON_USED_UP
    if promotion["per_customer"] is not None and (is_guest or customer_uses >= promotion["per_customer"]):
        return COUPON_USED_UP
    return None


def grant(
    candidates: list[dict], uses: list[int], customer_uses: list[int], is_first_order: bool, is_guest: bool
) -> list[bool]:
    """For each candidate, in precedence order, whether it is granted."""
    granted: list[dict] = []
    answers = []
    for promotion, used, used_by_customer in zip(candidates, uses, customer_uses, strict=True):
        combines = not granted or (promotion["stackable"] and all(other["stackable"] for other in granted))
        free = obstacle(promotion, used, used_by_customer, is_first_order, is_guest) is None
        answers.append(combines and free)
        if combines and free:
            granted.append(promotion)
    return answers
