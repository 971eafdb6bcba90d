"""One number for the content of an order: equal for orders that mean the same, however they were written.

Every known field counts, personal ones too; key order, white space, escapes, an offset of a time, absent or null
make no difference, nor does JSON or Arrow, nor what ``settle`` makes the same. ``attributes`` and unknown fields do not
count: they are kept with the document and decide nothing.

Orders were once known by the number of the body as it was sent. So each is sent with both, and is a repeat where
either is what is stored; of an order that was written in its plainest form both are one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.rows.fingerprint_fields import fingerprint_number_field, fingerprint_text_field
from kernels.text.scan_form import ABSENT
from router.ids import fingerprint_ragged_ints, fingerprint_ragged_strings
from router.wire.body_columns import is_given
from router.wire.order_columns import OrderColumns
from router.wire.settle import as_meant
from router.wire.texts import Texts

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


def fingerprint_orders(sent: OrderColumns, settled: OrderColumns) -> tuple[U64, U64]:
    """Content hash of every row as it is meant, and as it was sent."""
    meant = as_meant(settled)
    by_meaning = _fingerprints(meant)
    return by_meaning, by_meaning if meant is sent else _fingerprints(sent)


def _fingerprints(columns: OrderColumns) -> U64:
    state = np.zeros(columns.rows, np.uint64)
    _mix_texts(state, 1, columns.text)
    for tag, values in enumerate(columns.number, start=1 + len(columns.text.text)):
        if is_given(values):
            mix_number(state, tag, values)
    fingerprint_ragged_strings(state, columns.coupon_offsets, columns.coupons.offsets[0], columns.coupons.text[0])
    fingerprint_ragged_ints(state, columns.line_offsets, _lines(columns).view(np.int64))
    return state


def _lines(columns: OrderColumns) -> U64:
    """Content hash of every order line; each distinct SKU string of the batch is hashed once."""
    skus = np.zeros(columns.skus.rows, np.uint64)
    _mix_texts(skus, 1, columns.skus)
    state = skus[columns.sku_code]
    mix_number(state, 2, columns.qty)
    mix_number(state, 3, columns.unit_price)
    _mix_texts(state, 4, columns.line_ids)
    for tag, values in ((5, columns.line_discount), (6, columns.line_tax)):
        if is_given(values):
            mix_number(state, tag, values)
    _mix_texts(state, 7, columns.line_nodes)
    return state


def _mix_texts(state: U64, first_tag: int, texts: Texts) -> None:
    """Mix in every column that is not empty throughout."""
    assert texts.rows == state.size, "one text a row"
    for column in np.flatnonzero(texts.offsets[:, -1] > texts.offsets[:, 0]).tolist():
        fingerprint_text_field(state, first_tag + column, texts.offsets[column], texts.text[column])


def mix_number(state: U64, tag: int, values: I64) -> None:
    """Mix in the rows that have a number."""
    assert values.size == state.size, "one number a row"
    fingerprint_number_field(state, tag, np.ascontiguousarray(values), ABSENT)
