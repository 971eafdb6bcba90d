"""The client of order streams: sends batches when they are due and notes when answers arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from multiprocessing.queues import Queue
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from bench.harness.arrays import F64, I64
from bench.harness.streaming import ORDER_STREAM, RECEIVE_BYTES, Address, Arriving, Exchange, converse, head_of
from bench.harness.workload import Workload
from bench.load.arrivals import Burst, Phase, planned
from bench.load.tally import Tally, tally
from bench.load.worker import sleep_until

SAMPLE_EVERY_S = 0.05


class Sample(NamedTuple):
    """An order that was acknowledged a moment ago."""

    order_id: str
    status: str
    total: int | None


@dataclass
class Sent:
    """One phase. Times are seconds since its start."""

    due_s: F64
    counts: I64
    arrived_s: F64  # moments at which answers became complete
    arrived: I64  # so many by then
    tally: Tally

    @property
    def orders(self) -> int:
        return int(self.counts.sum())


class Sender:
    """Lives in a process of its own (``worker.Worker``)."""

    def __init__(self, address: Address, key: str, stream_format: str, mix: str, samples: Queue[Sample]) -> None:
        self._address, self._format, self._way = address, stream_format, ORDER_STREAM[stream_format]
        self._head = head_of(address, key, self._way.path, self._way.media_type)
        self._samples_of = _last_lines if stream_format == "ndjson" else _last_rows
        self._workload = Workload(mix)
        self._samples = samples

    def prepare(self, phase: Phase | Burst) -> Callable[[float], Sent]:
        due_s, counts, chunks = planned(self._workload, phase, self._format)
        arriving = Arriving(sum(map(len, chunks)))

        def run(at_s: float) -> Sent:
            read = partial(arriving.follow, self._look)
            talk = converse(self._address, self._head, _when_due(chunks, at_s + due_s), read)
            told = Exchange.of(self._way, talk, arriving)
            checked = tally(self._format, told.body, self._workload.expected(int(counts.sum()), phase.first))
            answered = told.answered()
            came = np.diff(answered, prepend=0) > 0  # a receive may hold HTTP's head or end, or part of an answer
            return Sent(due_s, counts, told.arrived_s[came] - at_s, answered[came], checked)

        return run

    def _look(self, response: HTTPResponse) -> None:
        """Hand on a sample now and then."""
        sampled_s = 0.0
        for sample in self._samples_of(response):
            now_s = time.perf_counter()
            if now_s - sampled_s >= SAMPLE_EVERY_S:
                sampled_s = now_s
                if (taken := sample()) is not None:
                    self._samples.put(taken)


def _when_due(chunks: list[bytes], moments_s: F64) -> Iterator[bytes]:
    for chunk, moment_s in zip(chunks, moments_s.tolist(), strict=True):
        sleep_until(moment_s)
        yield chunk


class _Line(msgspec.Struct):
    status: str
    order_id: str | None = None
    total: int | None = None


def _last_lines(response: HTTPResponse) -> Iterator[Callable[[], Sample | None]]:
    while part := response.read1(RECEIVE_BYTES):
        yield partial(_last_line, part)


def _last_line(part: bytes) -> Sample | None:
    """The last whole line of a part that has more than one end of a line."""
    end = part.rfind(b"\n")
    begin = part.rfind(b"\n", 0, max(end, 0))
    if begin < 0:
        return None
    line = msgspec.json.decode(part[begin + 1 : end], type=_Line)
    return None if line.order_id is None else Sample(line.order_id, line.status, line.total)


def _last_rows(response: HTTPResponse) -> Iterator[Callable[[], Sample | None]]:
    for batch in pa.ipc.open_stream(response):
        yield partial(_last_row, batch)


def _last_row(batch: pa.RecordBatch) -> Sample | None:
    if batch.num_rows == 0:
        return None
    row: dict[str, Any] = batch.select(["order_id", "status", "total"]).slice(batch.num_rows - 1).to_pylist()[0]
    return None if row["order_id"] is None else Sample(row["order_id"], row["status"], row["total"])
