"""Orders without end for the feeds, in pieces of both media types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bench.harness.wires import WIRES, Rows
from bench.harness.workload import CHUNK_ORDERS, Workload

PIECE_ORDERS = 128


def pieces(workload: Workload, form: str) -> Iterator[Rows]:
    """Each form has chunks of its own, so that two feeds never send the same order."""
    for first in itertools.count(list(WIRES).index(form), len(WIRES)):
        for chunk in _chunk(workload, form, first * CHUNK_ORDERS):
            for start in range(0, len(chunk), PIECE_ORDERS):
                yield chunk[start : start + PIECE_ORDERS]


def _chunk(workload: Workload, form: str, first: int) -> Iterator[Rows]:
    if form == "arrow":
        return workload.arrow(CHUNK_ORDERS, first)
    return (text.splitlines(keepends=True) for text in workload.ndjson(CHUNK_ORDERS, first))
