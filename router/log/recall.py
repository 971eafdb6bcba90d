"""Recall: earlier records of a shard's own log, decoded, the last few kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, Record, read_batch
from router.log.reference import row_of, sequence_of

U64 = npt.NDArray[np.uint64]
RECALLED_ROWS_MAX = 1 << 17  # some 500 bytes each


class Readable(Protocol):
    def read(self, sequence: int, part: int) -> Record | None:
        """The durable record, checked, or None."""


class Recollection:
    """Both halves of batches that were finished."""

    def __init__(self, log: Readable) -> None:
        self._log = log
        self._kept: OrderedDict[int, tuple[Kind, pa.RecordBatch, pa.RecordBatch]] = OrderedDict()
        self._rows = 0

    def keep(self, sequence: int, kind: Kind, given: pa.RecordBatch, outcome: pa.RecordBatch) -> None:
        assert sequence not in self._kept
        self._kept[sequence] = (kind, given, outcome)
        self._rows += given.num_rows
        while self._rows > RECALLED_ROWS_MAX and len(self._kept) > 1:
            _, (_, oldest, _) = self._kept.popitem(last=False)
            self._rows -= oldest.num_rows

    def halves(self, sequence: int) -> tuple[Kind, pa.RecordBatch, pa.RecordBatch]:
        """Kind of the input, input and outcome of a sequence."""
        if sequence in self._kept:
            self._kept.move_to_end(sequence)
            return self._kept[sequence]
        given, outcome = self._log.read(sequence, INPUT), self._log.read(sequence, OUTCOME_PART)
        assert given is not None and outcome is not None, f"sequence {sequence} is indexed but not in the log"
        self.keep(sequence, given.kind, read_batch(given), read_batch(outcome))
        return self._kept[sequence]

    def orders(self, sequence: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and OUTCOME of a sequence."""
        kind, given, outcome = self.halves(sequence)
        assert kind is Kind.ORDERS
        return given, outcome

    def orders_of(self, places: U64) -> U64:
        """References of the ORDERS records of the orders whose newest records are given."""
        found = places.copy()
        sequences = sequence_of(places)
        for sequence in np.unique(sequences):
            kind, _, outcome = self.halves(int(sequence))
            if kind is not Kind.ORDERS:
                at = np.flatnonzero(sequences == sequence)
                orders = outcome.column("order").to_numpy(zero_copy_only=True)
                found[at] = orders[row_of(places[at]).astype(np.int64)].astype(np.uint64)
        return found
