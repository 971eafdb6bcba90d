"""One batch of orders as it came off the wire, the same for JSON lines and Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.errors import Refused

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Refusal:
    """A line or row that cannot be an order. It goes no further and is answered in its place."""

    position: int  # among the batch's answers, from 0
    line_number: int  # of the body, from 1; of an Arrow stream the row number, from 1
    order_id: str  # "" when it could not be read
    reasons: int  # mask of kernels/reasons.py
    detail: str  # a sentence that names field and remedy


REFUSAL_BYTES = 512  # of one in memory, with its sentence, about: the line it is for may have two


@dataclass(frozen=True)
class WireBatch:
    """What the gateway splits over the shards, and what it needs again to write the answers.

    ``documents`` has one row an order with everything personal or unknown, for the one place where that is
    kept: JSON lines give a binary column ``json`` with the line as it came, its ending included; Arrow gives
    the columns that the log does not hold.
    """

    orders: pa.RecordBatch  # schema WIRE
    skus: pa.StringArray  # WIRE's sku_code is a row of this
    documents: pa.RecordBatch
    line_ids: pa.StringArray  # one an order line, "" = not given
    positions: I64  # place of each order among the batch's answers
    line_numbers: I64  # of each order in the body, from 1; of an Arrow stream the row number
    refused: list[Refusal]  # in order of position
    said: Mapping[int, str] = field(default_factory=dict)  # more than reasons say of a refused row, by row
    twins: Mapping[int, str] = field(default_factory=dict)  # ids of orders with the same basket, by row
    work_ns: I64 | None = None  # of each order as estimated when the batch was cut (router/shard/work.py)

    @property
    def count(self) -> int:
        """Answers the batch gets: one an order, one a refusal."""
        return int(self.orders.num_rows) + len(self.refused)

    @property
    def nbytes(self) -> int:
        """Of documents and refusals in memory, about."""
        return int(self.documents.get_total_buffer_size()) + REFUSAL_BYTES * len(self.refused)


class WireError(Refused):
    """The body as a whole cannot be read any further; what came before it was delivered."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code  # stable, for programs
        self.detail = detail  # a sentence with the remedy, for people
