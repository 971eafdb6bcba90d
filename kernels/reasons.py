"""Reasons: why an order was refused, held or flagged. One bit each in a uint64 column.

The bit number is permanent and is the precedence: the lowest bit set is the reason a single-reason
reader shows. Each stage owns a block. A number is never used again for something else.

Kernels use the plain integers (``bit`` values are written as ``U64_ONE << REASON``); texts for people
live in ``router/reasons.py``, which a test keeps complete.
"""

from __future__ import annotations

# --- 0-7: form (gateway decoding) and identity -------------------------------------------------
MALFORMED = 0  # the line or row cannot be an order at all
ID_CONFLICT = 1  # this order_id was used before with another body
FIELD_MISSING = 2  # a required field is absent or empty
FIELD_TOO_LONG = 3  # an identifier is longer than the limit
NOT_ALLOWED = 4  # of a channel or seller that the sender's key is not for

# --- 8-31: validation (shard) ------------------------------------------------------------------
COUNTRY_UNKNOWN = 8
POSTCODE_FORMAT = 9
CURRENCY_UNKNOWN = 10
LINES_LIMIT = 11  # no line, or more than lines_max
SKU_UNKNOWN = 12
SKU_INACTIVE = 13
QTY_RANGE = 14
PRICE_RANGE = 15
PRICE_MISMATCH = 16  # channel price differs from the catalogue beyond the tolerance
PRICE_MISSING = 17  # no catalogue price in the order's currency and none given
ORDER_VALUE_LIMIT = 18
PLACED_AT_RANGE = 19
LINE_DUPLICATE = 20  # the policy refuses two lines of one SKU
COUPON_UNKNOWN = 21
SERVICE_UNKNOWN = 22
PAYMENT_STATUS = 23  # payment failed at the channel
TOTAL_MISMATCH = 24  # flag only: the channel's total differs from ours
AMOUNT_IMPOSSIBLE = 25  # what the channel declares of discount, tax or fee cannot be, and the policy takes it
REGION_UNKNOWN = 26  # flag only: the country has no such region; priced and shipped as the country
PAYMENT_UNKNOWN = 27  # flag only: a payment word that nobody knows
PAYMENT_OPEN = 28  # not paid, or not all of it, and the policy holds such orders
PAYMENT_REFUNDED = 29  # the money, or a part of it, was given back: held
AMOUNT_DIFFERS = 30  # flag only: a discount, tax or fee that the policy compares is not ours
NODE_IMPOSSIBLE = 31  # a line must come from a node that no table has, or that may not send it there

# --- 32-39: risk ---------------------------------------------------------------------------------
RISK_VALUE = 32  # far above the channel's usual
RISK_ADDRESS = 33  # billing and shipping differ
RISK_QTY = 34
RISK_VELOCITY = 35
RISK_SCORE = 36  # total score reached the hold or reject threshold
DUPLICATE_BASKET = 37  # same customer, same basket, within the window

# --- 40-55: allocation and claims (ledger) -------------------------------------------------------
NO_ELIGIBLE_NODE = 40
OUT_OF_STOCK = 41
PARTIAL_STOCK = 42
NODE_CAPACITY = 43
SPLIT_LIMIT = 44
UNREACHABLE = 45  # no rate leads from any eligible node to the address
PROMISE_LATE = 46  # flag: the plan arrives after promise_by
COUPON_USED_UP = 47
FIRST_ORDER_ONLY = 48

# --- 56-63: what follows from the decision (shard) -----------------------------------------------
REFUND_DUE = 56  # flag: it is refused and came as paid, so somebody has to give the money back

NAMES: dict[int, str] = {
    number: name.lower()
    for name, number in list(globals().items())
    if name.isupper() and name != "NAMES" and isinstance(number, int)
}
