"""What validation means, in plain Python: lists, ints and sets of reason numbers."""

from __future__ import annotations

from kernels import reasons as r

KEEP, MERGE, REFUSE = 0, 1, 2
FLAG_REASONS = (
    r.COUNTRY_UNKNOWN, r.POSTCODE_FORMAT, r.COUPON_UNKNOWN, r.SERVICE_UNKNOWN, r.PAYMENT_STATUS, r.REGION_UNKNOWN,
    r.PAYMENT_UNKNOWN, r.PAYMENT_OPEN, r.PAYMENT_REFUNDED,
)  # fmt: skip


def validate(orders, sku_active, price_minor, limits, dated=()):
    """orders: dicts of currency, placed_at_ms, flags, missing, lines [(sku, qty, unit price or -1, node it names)].

    Returns per order (reasons, first bad line or -1, [(qty that counts, price that counts, catalogue price)]).
    ``dated`` are prices (sku, currency, from, until, price) before those that always count.
    """
    return [_order(order, sku_active, price_minor, limits, dated) for order in orders]


def _order(order, sku_active, price_minor, limits, dated):
    found = {reason for bit, reason in enumerate(FLAG_REASONS) if order["flags"] >> bit & 1}
    if order["missing"]:
        found.add(r.FIELD_MISSING)
    if order["currency"] < 0:
        found.add(r.CURRENCY_UNKNOWN)
    if order["placed_at_ms"] > limits["placed_at_max_ms"]:
        found.add(r.PLACED_AT_RANGE)
    if not 1 <= len(order["lines"]) <= limits["lines_max"]:
        found.add(r.LINES_LIMIT)
    counted, first_of, first_bad = [], {}, -1
    for number, (sku, qty, given, node) in enumerate(order["lines"]):
        wrong = set()
        units = qty if 1 <= qty <= limits["qty_max"] else 0
        if units == 0:
            wrong.add(r.QTY_RANGE)
        known = sku >= 0
        listed = price_minor[sku][order["currency"]] if known and order["currency"] >= 0 else -1
        for of, currency, begin, end, price in dated:
            if (of, currency) == (sku, order["currency"]) and begin <= order["placed_at_ms"] < end:
                listed = price
        price = listed if given < 0 else given if given <= limits["unit_price_max"] else -1
        if not known:
            wrong.add(r.SKU_UNKNOWN)
        elif not sku_active[sku]:
            wrong.add(r.SKU_INACTIVE)
        if known and (sku, node) in first_of and limits["lines_mode"] != KEEP:
            first = first_of[sku, node]
            if limits["lines_mode"] == REFUSE:
                wrong.add(r.LINE_DUPLICATE)
            elif counted[first][1] == price and counted[first][0] + units <= limits["qty_max"]:
                counted[first] = (counted[first][0] + units, price, counted[first][2])
                units = 0
        elif known:
            first_of[sku, node] = number
        wrong |= _price(given, listed, limits)
        counted.append((units, price, listed))
        if wrong and first_bad < 0:
            first_bad = number
        found |= wrong
    if sum(units * max(price, 0) for units, price, _ in counted) > limits["order_value_max"]:
        found.add(r.ORDER_VALUE_LIMIT)
    return found, first_bad, counted


def _price(given, listed, limits):
    if given < -1 or given > limits["unit_price_max"]:
        return {r.PRICE_RANGE}
    if given == -1:
        return set() if listed >= 0 else {r.PRICE_MISSING}
    if listed >= 0 and abs(given - listed) * 10_000 > listed * limits["price_tolerance_bp"]:
        return {r.PRICE_MISMATCH}
    return set()
