"""EVENT_ACK: what each event of a batch is told; a refused one also what the order's books say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import I64, numbers, ragged, record_batch
from router.life.books import Books
from router.log.columns import EVENT_ACK, EventResult

_TOLD = ("result", "refusal", "refused_line", "wanted", "found", "version")


def answers_of(outcome: pa.RecordBatch, rows: I64, books: Books) -> pa.RecordBatch:
    """EVENT_ACK of an EVENT_OUTCOME; ``rows`` are the orders' in the index."""
    refused = np.flatnonzero(numbers(outcome, "result") == EventResult.REFUSED)
    shown = refused[books.are_open(rows[refused])]
    units, money = books.sums(rows[shown])
    return record_batch(
        EVENT_ACK,
        {
            **{name: numbers(outcome, name) for name in _TOLD},
            "state": numbers(outcome, "after"),
            "units": _at(shown, units, outcome.num_rows, "units"),
            "money": _at(shown, money, outcome.num_rows, "money"),
        },
    )


def _at(rows: I64, values: npt.NDArray[np.int64], count: int, name: str) -> pa.ListArray:
    """A list column with a row of values at each of the rows, empty elsewhere."""
    lengths = np.zeros(count + 1, np.int32)
    lengths[rows + 1] = values.shape[1]
    return ragged(np.cumsum(lengths), pa.array(values.reshape(-1)), EVENT_ACK.field(name).type)
