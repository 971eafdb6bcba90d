"""One number for the content of an order: equal for equal bodies, however they were written.

Every known field counts, personal ones too; key order, white space, escapes, an offset of a time, absent or null
make no difference, nor does JSON or Arrow. ``attributes`` and unknown fields do not count: they are kept with
the document and decide nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.fingerprint_fields import fingerprint_number_field, fingerprint_text_field
from kernels.scan_orders import ABSENT
from router.ids import fingerprint_ragged_ints, fingerprint_ragged_strings, string_parts

if TYPE_CHECKING:
    from router.wire.order_columns import OrderColumns

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


def fingerprint_orders(columns: OrderColumns) -> U64:
    """Content hash of every row."""
    state = np.zeros(columns.rows, np.uint64)
    for tag, column in enumerate(columns.text, start=1):
        _mix_text(state, tag, column)
    for tag, values in enumerate(columns.number, start=1 + len(columns.text)):
        _mix_number(state, tag, values)
    fingerprint_ragged_strings(state, columns.coupon_offsets, *string_parts(columns.coupons))
    fingerprint_ragged_ints(state, columns.line_offsets, _lines(columns).view(np.int64))
    return state


def _lines(columns: OrderColumns) -> U64:
    """Content hash of every order line; each distinct SKU string of the batch is hashed once."""
    skus = np.zeros(len(columns.skus), np.uint64)
    _mix_text(skus, 1, columns.skus)
    state = skus[columns.sku_code]
    _mix_number(state, 2, columns.qty)
    _mix_number(state, 3, columns.unit_price)
    _mix_text(state, 4, columns.line_ids)
    return state


def _mix_text(state: U64, tag: int, column: pa.StringArray) -> None:
    offsets, text = string_parts(column)
    assert offsets.size == state.size + 1, "one text a row"
    assert offsets[0] >= 0 and offsets[-1] <= text.size, "offsets lie outside their text"
    if offsets[0] != offsets[-1]:
        fingerprint_text_field(state, tag, offsets, text)


def _mix_number(state: U64, tag: int, values: I64) -> None:
    assert values.size == state.size, "one number a row"
    fingerprint_number_field(state, tag, np.ascontiguousarray(values), ABSENT)
