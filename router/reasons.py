"""Reasons as people and programs read them: a stable code, a field and a sentence with the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernels import reasons as code

Said = tuple[str, str]  # field, sentence


@dataclass(frozen=True)
class Reason:
    number: int
    code: str
    field: str
    detail: str


_TEXTS: dict[int, tuple[str, str]] = {
    code.MALFORMED: ("", "This cannot be read as an order; correct the text and send it again."),
    code.ID_CONFLICT: (
        "order_id",
        "This order_id was already used with another body; send changes as events or use a new order_id.",
    ),
    code.FIELD_MISSING: ("", "A required field is absent or empty; fill it in and send the order again."),
    code.FIELD_TOO_LONG: ("", "A text is longer than the limit; shorten it and send the order again."),
    code.NOT_ALLOWED: ("", "The key is for other channels or sellers; send the order with a key that is for it."),
    code.COUNTRY_UNKNOWN: ("ship_to.country", "The country is not an ISO 3166-1 two-letter code; correct it."),
    code.POSTCODE_FORMAT: ("ship_to.postcode", "The postcode does not have the form used in that country; correct it."),
    code.CURRENCY_UNKNOWN: ("currency", "No table names this currency, or it is no ISO 4217 code; correct it."),
    code.LINES_LIMIT: ("lines", "The order has no line, or more lines than allowed; split it into several orders."),
    code.SKU_UNKNOWN: ("lines.sku", "The SKU is not in the SKU table; load it or correct the order."),
    code.SKU_INACTIVE: ("lines.sku", "The SKU was taken out of the SKU table; load it again or correct the order."),
    code.QTY_RANGE: ("lines.qty", "The quantity is not between 1 and the limit; correct it."),
    code.PRICE_RANGE: ("lines.unit_price", "The unit price is negative or above the limit; correct it."),
    code.PRICE_MISMATCH: (
        "lines.unit_price",
        "The unit price differs from the catalogue beyond the tolerance; correct the price or the SKU table.",
    ),
    code.PRICE_MISSING: (
        "lines.unit_price",
        "The catalogue has no price in the order's currency and the line gives none; add one of them.",
    ),
    code.ORDER_VALUE_LIMIT: ("lines", "The order's value is above the limit; split it into several orders."),
    code.PLACED_AT_RANGE: ("placed_at", "The time lies too far in the future; correct the sender's clock."),
    code.LINE_DUPLICATE: ("lines.sku", "Two lines name the same SKU and the policy refuses that; merge them."),
    code.COUPON_UNKNOWN: ("coupons", "A coupon code is not known; the order goes on without it."),
    code.SERVICE_UNKNOWN: ("shipping.service", "No rate offers this shipping service; choose another or leave it out."),
    code.PAYMENT_STATUS: (
        "payment.status",
        "The channel reports the payment as failed, void or charged back; send the order when it is paid.",
    ),
    code.REGION_UNKNOWN: (
        "ship_to.region",
        "The country has no region of this code or name; taxes and freight are those of the whole country.",
    ),
    code.PAYMENT_UNKNOWN: (
        "payment.status",
        "The payment's status is no word that is known, and is read as unpaid; docs/orders.md has the words.",
    ),
    code.PAYMENT_OPEN: (
        "payment.status",
        "The order is not paid in full; release it when it is, or when it is to be sent all the same.",
    ),
    code.PAYMENT_REFUNDED: (
        "payment.status",
        "The payment, or a part of it, was given back; release the order only if it is to be sent all the same.",
    ),
    code.AMOUNT_IMPOSSIBLE: (
        "discount, tax, shipping.fee",
        "One of them, or of the lines' own, is negative, less than its parts, or more than what it is taken from "
        "or lies on; correct it.",
    ),
    code.AMOUNT_DIFFERS: (
        "discount, tax, shipping.fee",
        "A declared discount, tax or fee is not the computed one; flagged, not refused.",
    ),
    code.NODE_IMPOSSIBLE: (
        "lines.node",
        "No table has the node that the line must come from, or it may not send it there: it is inactive, or its "
        "channels, zones, goods or rates exclude it; name another node, or none.",
    ),
    code.TOTAL_MISMATCH: ("total", "The channel's total differs from the computed one; flagged, not refused."),
    code.RISK_VALUE: ("lines", "The value is far above what this channel usually sends."),
    code.RISK_ADDRESS: ("bill_to", "Billing and shipping address differ."),
    code.RISK_QTY: ("lines.qty", "A quantity looks like a typing error."),
    code.RISK_VELOCITY: ("customer.id", "This customer placed unusually many orders in a short time."),
    code.RISK_SCORE: ("", "The risk score reached the threshold; review the order, then release or reject it."),
    code.DUPLICATE_BASKET: (
        "lines",
        "The same customer ordered the same basket a short while ago; release the order if it is meant.",
    ),
    code.NO_ELIGIBLE_NODE: ("lines", "No warehouse may ship this order: channel, region or goods class exclude all."),
    code.OUT_OF_STOCK: ("lines", "No eligible warehouse has stock of at least one line."),
    code.PARTIAL_STOCK: ("lines", "Stock covers only a part; the rest is on backorder."),
    code.NODE_CAPACITY: ("lines", "The warehouses with stock have no capacity left in the coming days."),
    code.SPLIT_LIMIT: ("lines", "Stock is spread over more warehouses than the policy allows parcels."),
    code.UNREACHABLE: (
        "ship_to",
        "No freight rate leads from a warehouse to this address with this service, or carries an item of this weight.",
    ),
    code.PROMISE_LATE: ("shipping.promise_by", "The order arrives later than asked for."),
    code.COUPON_USED_UP: ("coupons", "A promotion's limit is used up; the order goes on without it."),
    code.FIRST_ORDER_ONLY: ("coupons", "A promotion is for first orders only; the order goes on without it."),
    code.REFUND_DUE: (
        "payment.status",
        "The order came as paid and is refused, so it owes nothing: give the money back, or send an order that is "
        "taken.",
    ),
}

ID_CONFLICT = code.ID_CONFLICT
REASONS: dict[int, Reason] = {
    number: Reason(number, code.NAMES[number], field, detail) for number, (field, detail) in sorted(_TEXTS.items())
}


def numbers(mask: int) -> list[int]:
    """Bit numbers set in a reasons mask, in precedence order."""
    return [number for number in REASONS if mask >> number & 1]


def codes(mask: int) -> list[str]:
    """Stable codes of a reasons mask, in precedence order."""
    return [REASONS[number].code for number in numbers(mask)]


def describe(mask: int, own: Mapping[int, Said]) -> list[dict[str, str]]:
    """Code, field and sentence of every reason in a mask, in precedence order; ``own``: those that name values."""
    return [
        {"code": reason.code, "field": field, "detail": detail}
        for reason in (REASONS[number] for number in numbers(mask))
        for field, detail in (own.get(reason.number, (reason.field, reason.detail)),)
    ]
