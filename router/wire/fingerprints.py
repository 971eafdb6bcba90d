"""One number for the content of an order: equal for equal bodies, however they were written.

Every known field counts, personal ones too; key order, white space, escapes, an offset of a time, absent or null
make no difference, nor does JSON or Arrow. ``attributes`` and unknown fields do not count: they are kept with
the document and decide nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from router.ids import (
    fingerprint_ints,
    fingerprint_ragged_ints,
    fingerprint_ragged_strings,
    fingerprint_strings,
    string_parts,
)

if TYPE_CHECKING:
    from router.wire.order_columns import OrderColumns

U64 = npt.NDArray[np.uint64]


def fingerprint_orders(columns: OrderColumns) -> U64:
    """Content hash of every row."""
    state = np.zeros(columns.rows, np.uint64)
    for column in columns.text:
        fingerprint_strings(state, *string_parts(column))
    for values in columns.number:
        fingerprint_ints(state, values)
    fingerprint_ragged_strings(state, columns.coupon_offsets, *string_parts(columns.coupons))
    fingerprint_ragged_ints(state, columns.line_offsets, _lines(columns).view(np.int64))
    return state


def _lines(columns: OrderColumns) -> U64:
    """Content hash of every order line; each distinct SKU string of the batch is hashed once."""
    skus = np.zeros(len(columns.skus), np.uint64)
    fingerprint_strings(skus, *string_parts(columns.skus))
    state = skus[columns.sku_code]
    fingerprint_ints(state, columns.qty)
    fingerprint_ints(state, columns.unit_price)
    fingerprint_strings(state, *string_parts(columns.line_ids))
    return state
