"""Events of a body as columns of their known fields: what decoders of any form make and the last step takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kernels.text.scan_form import ABSENT
from router.wire.body_columns import BodyColumns
from router.wire.event_table import NUMBER, TEXT

I32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class EventRefusal:
    """A line or row that is no event. It goes no further and is answered in its place."""

    position: int  # among the batch's answers, from 0
    line_number: int  # of the body, from 1; of an Arrow stream the row number, from 1
    event_id: str | None  # None where it could not be read
    order_id: str | None
    reason: str  # stable, for programs
    detail: str  # a sentence that names line, field and remedy


@dataclass
class EventColumns(BodyColumns):
    """Events and the lines that they name."""

    has_no_lines: Bools | None = None  # where a list of lines was given that is empty
    refused: list[EventRefusal] = field(default_factory=list)

    def has_text(self, name: str) -> bool:
        """Does any row have it? Columns that nobody sent cost nothing."""
        offsets = self.text.offsets[TEXT[name]]
        return bool(offsets[-1] > offsets[0])

    def given(self, name: str) -> Bools:
        """Which rows have a field."""
        if name in TEXT:
            return np.asarray(self.text.sizes[TEXT[name]] > 0)
        if name in NUMBER:
            return np.asarray(self.number[NUMBER[name]] != ABSENT)
        return self.line_counts > 0

    @property
    def line_counts(self) -> I32:
        return np.diff(self.line_offsets)
