"""Orders of a body as columns of their known fields: what decoders of any form make and the last step takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.wire.batch import Refusal
from router.wire.body_columns import BodyColumns
from router.wire.texts import Texts

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass
class OrderColumns(BodyColumns):
    """Orders and their lines."""

    coupon_offsets: I32
    coupons: Texts
    sku_code: I32
    skus: Texts
    unit_price: I64
    line_discount: I64
    line_tax: I64
    line_nodes: Texts
    documents: pa.RecordBatch
    unbounded: dict[str, pa.Array] | None = None  # of the documents, what has no bound of its own; a line has one
    refused: list[Refusal] = field(default_factory=list)
