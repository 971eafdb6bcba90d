"""Orders of a body as columns of their known fields: what decoders of any form make and the last step takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.wire.batch import Refusal
from router.wire.texts import Texts

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass
class OrderColumns:
    """Orders as columns of their known fields; strings without nulls, ABSENT in numbers that were not given."""

    unit: str  # what people count in this body: "line" or "row"
    numbers_of_rows: I64  # number of each order in the body, from 1
    positions: I64
    text: Texts  # by TEXT_FIELDS
    number: list[I64]  # by NUMBER_FIELDS
    coupon_offsets: I32
    coupons: Texts
    line_offsets: I32
    sku_code: I32
    skus: Texts
    qty: I64
    unit_price: I64
    line_ids: Texts
    documents: pa.RecordBatch
    refused: list[Refusal] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.positions)

    def rows_of_lines(self, lines: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """The orders that order lines belong to."""
        return np.searchsorted(self.line_offsets, lines, side="right") - 1
