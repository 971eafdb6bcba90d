"""What orders and events of a body have in common as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.text.scan_form import ABSENT
from router.wire.texts import Texts

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass
class BodyColumns:
    """Rows as columns of their known fields; strings without nulls, ABSENT in numbers that were not given."""

    unit: str  # what people count in this body: "line" or "row"
    numbers_of_rows: I64  # number of each row in the body, from 1
    positions: I64  # of each row among the batch's answers
    text: Texts  # by TEXT_FIELDS
    number: list[I64]  # by NUMBER_FIELDS
    line_offsets: I32
    line_ids: Texts
    qty: I64

    @property
    def rows(self) -> int:
        return len(self.positions)

    def rows_of_lines(self, lines: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """The rows that order lines, or lines of events, belong to."""
        return np.searchsorted(self.line_offsets, lines, side="right") - 1


def is_given(values: I64) -> bool:
    """Whether any row has a number: ABSENT is less than all others."""
    return int(values.max(initial=ABSENT)) != ABSENT


def or_none(values: I64) -> I64:
    """-1 where absent. A -1 that was sent becomes -2: of an amount just as wrong, and not taken for "not given"."""
    return np.where(values == ABSENT, -1, np.where(values == -1, -2, values))
