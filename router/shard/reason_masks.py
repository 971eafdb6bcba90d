"""Which reasons refuse, hold or merely flag an order, by policy. Every reason is in exactly one class."""

from __future__ import annotations

from kernels import reasons as code
from router.config import Policy


def _mask(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


_ALWAYS_REJECT = _mask(
    code.MALFORMED,
    code.ID_CONFLICT,
    code.FIELD_MISSING,
    code.FIELD_TOO_LONG,
    code.NOT_ALLOWED,
    code.COUNTRY_UNKNOWN,
    code.CURRENCY_UNKNOWN,
    code.LINES_LIMIT,
    code.SKU_UNKNOWN,
    code.SKU_INACTIVE,
    code.QTY_RANGE,
    code.PRICE_RANGE,
    code.PRICE_MISSING,
    code.ORDER_VALUE_LIMIT,
    code.PLACED_AT_RANGE,
    code.LINE_DUPLICATE,
    code.AMOUNT_IMPOSSIBLE,
    code.NODE_IMPOSSIBLE,
    code.SERVICE_UNKNOWN,
    code.PAYMENT_STATUS,
    code.NO_ELIGIBLE_NODE,
    code.UNREACHABLE,
)
_BY_LEDGER = _mask(  # the ledger decides with these; as admission reasons they only inform
    code.RISK_SCORE,
    code.DUPLICATE_BASKET,
    code.OUT_OF_STOCK,
    code.PARTIAL_STOCK,
    code.NODE_CAPACITY,
    code.SPLIT_LIMIT,
)
FLAG_MASK = _mask(
    code.COUPON_UNKNOWN,
    code.REGION_UNKNOWN,
    code.PAYMENT_UNKNOWN,
    code.TOTAL_MISMATCH,
    code.AMOUNT_DIFFERS,
    code.RISK_VALUE,
    code.RISK_ADDRESS,
    code.RISK_QTY,
    code.RISK_VELOCITY,
    code.PROMISE_LATE,
    code.COUPON_USED_UP,
    code.FIRST_ORDER_ONLY,
    code.REFUND_DUE,
)
_ALWAYS_HOLD = _mask(code.PAYMENT_OPEN, code.PAYMENT_REFUNDED)  # the first is set only where the policy holds it
BY_POLICY = _mask(code.PRICE_MISMATCH, code.POSTCODE_FORMAT)
CLASSES = (_ALWAYS_REJECT, _ALWAYS_HOLD, _BY_LEDGER, FLAG_MASK, BY_POLICY)


def reject_mask(policy: Policy) -> int:
    """Admission reasons that refuse an order."""
    return _ALWAYS_REJECT | _by_policy(policy, "reject")


def hold_mask(policy: Policy) -> int:
    """Admission reasons that hold an order for review."""
    return _ALWAYS_HOLD | _by_policy(policy, "hold")


def _by_policy(policy: Policy, wish: str) -> int:
    said = {code.PRICE_MISMATCH: policy.price_mismatch, code.POSTCODE_FORMAT: policy.postcode}
    return _mask(*(number for number, choice in said.items() if choice == wish))
