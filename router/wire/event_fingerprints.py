"""One number for what an event says: equal for equal bodies, however they were written, never 0.

Every field counts but the two ids that name the event; key order, white space, escapes, an offset of a time, absent or
null make no difference, nor does JSON or Arrow. Fields are mixed in order of their tags, which are made of their names:
a field that is added later moves no number.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.rows.fingerprint_fields import fingerprint_text_field
from router.ids import fingerprint_ragged_ints
from router.wire.event_columns import EventColumns
from router.wire.event_table import LINES, NUMBER, TAG, TEXT
from router.wire.fingerprints import mix_number

U64 = npt.NDArray[np.uint64]

_NAMES = ("event_id", "order_id")
_MIXED = sorted((name for name in TAG if name not in _NAMES), key=TAG.__getitem__)


def fingerprint_events(columns: EventColumns) -> U64:
    """Content hash of every row."""
    state = np.zeros(columns.rows, np.uint64)
    for name in _MIXED:
        if name in NUMBER:
            mix_number(state, TAG[name], columns.number[NUMBER[name]])
        elif name == LINES:
            _mix_lines(state, columns)
        elif columns.has_text(name):
            fingerprint_text_field(state, TAG[name], columns.text.offsets[TEXT[name]], columns.text.text[TEXT[name]])
    state[state == 0] = 1
    return state


def _mix_lines(state: U64, columns: EventColumns) -> None:
    if not len(columns.qty):
        return
    lines = np.zeros(len(columns.qty), np.uint64)
    fingerprint_text_field(lines, 1, columns.line_ids.offsets[0], columns.line_ids.text[0])
    mix_number(lines, 2, columns.qty)
    mixed = state.copy()
    mix_number(mixed, TAG[LINES], np.zeros(columns.rows, np.int64))
    fingerprint_ragged_ints(mixed, columns.line_offsets, lines.view(np.int64))
    named = columns.line_counts > 0
    state[named] = mixed[named]
