"""When orders are due, and their bytes, made before the clock starts.

Every TICK_S a batch is due whose size is drawn from a Poisson distribution: what a channel collects in that time and
then hands on. All of a batch is due at its tick.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.harness.arrays import F64, I64
from bench.harness.pieces import make_pieces
from bench.harness.streaming import framed
from bench.harness.workload import Workload

TICK_S = 0.005


@dataclass(frozen=True)
class Phase:
    """So many units of work a second for so long; ``first`` is the first order's number, of a whole chunk."""

    per_s: float
    seconds: float
    first: int = 0


@dataclass(frozen=True)
class Burst:
    """So many orders as fast as they are taken, to find out where to look for the knee."""

    orders: int
    first: int


def arrivals(per_s: float, seconds: float, seed: int) -> tuple[F64, I64]:
    """Seconds since the start at which batches are due, and how much each holds; empty ones are left out."""
    due_s = np.arange(1, round(seconds / TICK_S) + 1, dtype=np.float64) * TICK_S
    counts = np.random.default_rng((seed, round(per_s))).poisson(per_s * TICK_S, len(due_s)).astype(np.int64)
    return due_s[counts > 0], counts[counts > 0]


def planned(workload: Workload, phase: Phase | Burst, stream_format: str) -> tuple[F64, I64, list[bytes]]:
    """Due times, orders and framed bytes of every batch."""
    if isinstance(phase, Burst):
        pieces = make_pieces(workload, stream_format, phase.orders, phase.first)
        counts = np.array([piece.rows for piece in pieces])
        return np.zeros(len(pieces)), counts, [framed(piece.body) for piece in pieces]
    due_s, counts = arrivals(phase.per_s, phase.seconds, phase.first)
    cut = _cut_lines if stream_format == "ndjson" else _cut_batches
    return due_s, counts, list(cut(workload, counts, phase.first))


def _cut_lines(workload: Workload, counts: I64, first: int) -> Iterator[bytes]:
    body = memoryview(b"".join(workload.ndjson(int(counts.sum()), first)))
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n")) + 1
    at = 0
    for end in ends[np.cumsum(counts) - 1].tolist():
        yield framed(body[at:end])
        at = end


def _cut_batches(workload: Workload, counts: I64, first: int) -> Iterator[bytes]:
    """One IPC stream over all pieces; a piece may take the end of one chunk of the workload and begin the next."""
    sink, chunks = io.BytesIO(), workload.arrow(int(counts.sum()), first)
    chunk = next(chunks)
    writer, at = pa.ipc.new_stream(sink, chunk.schema), 0
    for number, count in enumerate(counts.tolist(), 1):
        while count:
            if at == chunk.num_rows:
                chunk, at = next(chunks), 0
            part = chunk.slice(at, count)
            writer.write_batch(part)
            at, count = at + part.num_rows, count - part.num_rows
        if number == len(counts):
            writer.close()
        yield framed(sink.getvalue())
        sink.seek(0)
        sink.truncate()
