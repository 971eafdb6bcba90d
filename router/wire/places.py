"""Refusals in their places: what is answered comes in the order in which it was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

I64 = npt.NDArray[np.int64]


def lines_in_place(
    written: memoryview, row_end: I64, positions: I64, refused: Iterable[tuple[int, bytes]]
) -> memoryview:
    """Answers and refusals as one text: row i of the answers ends at byte ``row_end[i]`` of what was written, a refusal
    is (position, line), and the positions of both ascend."""
    return memoryview(b"".join(_runs(written, row_end, positions, refused)))


def _runs(
    written: memoryview, row_end: I64, positions: I64, refused: Iterable[tuple[int, bytes]]
) -> Iterator[bytes | memoryview]:
    begin = 0
    for position, line in refused:
        rows = int(np.searchsorted(positions, position))  # that come before it
        end = int(row_end[rows - 1]) if rows else 0
        yield written[begin:end]
        yield line
        begin = end
    yield written[begin:]


def rows_in_place(
    answers: pa.RecordBatch, positions: I64, refusals: pa.RecordBatch, refused: Iterable[int]
) -> pa.RecordBatch:
    """The rows of two batches of one schema as one, by their positions."""
    together = pa.concat_batches([answers, refusals])
    return together.take(pa.array(np.argsort(np.concatenate([positions, [*refused]]), kind="stable")))
