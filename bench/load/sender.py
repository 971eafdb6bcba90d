"""The client of order streams: sends batches when they are due and notes when answers arrive."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.queues import Queue
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from bench.harness.stream_client import MEDIA_TYPES, RECEIVE_BYTES, StreamBroken
from bench.harness.workload import Workload
from bench.load.arrivals import F64, I64, Burst, Phase, planned
from bench.load.tally import Tally, tally
from bench.load.worker import sleep_until

ANSWER_S_MAX = 120.0
SAMPLE_EVERY_S = 0.05


class Sample(NamedTuple):
    """An order that was acknowledged a moment ago."""

    order_id: str
    status: str
    total: int | None


@dataclass
class Sent:
    """One phase. Times are seconds since its start."""

    started_s: float  # of the clock that all processes share
    due_s: F64
    counts: I64
    sent_s: F64
    arrived_s: F64
    arrived: I64  # answers that were complete by then
    tally: Tally

    @property
    def orders(self) -> int:
        return int(self.counts.sum())


class Sender:
    """Lives in a process of its own (``worker.Worker``)."""

    def __init__(
        self, address: tuple[str, int], key: str, stream_format: str, mix: str, samples: Queue[Sample]
    ) -> None:
        self._address, self._key, self._format = address, key, stream_format
        self._workload = Workload(mix)
        self._samples = samples

    def prepare(self, phase: Phase | Burst) -> Callable[[float], Sent]:
        due_s, counts, framed = planned(self._workload, phase, self._format)
        return lambda at_s: self._run(at_s, phase.first, due_s, counts, framed)

    def _run(self, at_s: float, first: int, due_s: F64, counts: I64, framed: list[bytes]) -> Sent:
        sent_s = np.zeros(len(framed))
        with socket.create_connection(self._address, timeout=ANSWER_S_MAX) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(self._head())
            reader = _Reader(connection, self._format, self._samples)
            reader.start()
            try:
                for number, piece in enumerate(framed):
                    sleep_until(at_s + due_s[number])
                    connection.sendall(piece)
                    sent_s[number] = time.perf_counter() - at_s
                connection.sendall(b"0\r\n\r\n")
            except OSError:
                reader.join(10)  # what the router said before it hung up is worth more than the broken pipe
            reader.join()
        orders = int(counts.sum())
        reader.check(orders)
        told = tally(self._format, reader.body, self._workload.expected(orders, first))
        arrived_s = np.array(reader.arrived_s) - at_s
        return Sent(at_s, due_s, counts, sent_s, arrived_s, np.array(reader.arrived, np.int64), told)

    def _head(self) -> bytes:
        host, port = self._address
        return (
            f"POST /v1/orders/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: {MEDIA_TYPES[self._format]}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        ).encode()


class _Reader(threading.Thread):
    """Reads and counts answers, keeps their bytes for afterwards and hands on a sample now and then."""

    def __init__(self, connection: socket.socket, stream_format: str, samples: Queue[Sample]) -> None:
        super().__init__(daemon=True)
        self._response = http.client.HTTPResponse(connection)
        self._follow = self._lines if stream_format == "ndjson" else self._batches
        self._samples = samples
        self._sampled_s = 0.0
        self._fault = ""
        self._parts: list[bytes] = []
        self.arrived_s: list[float] = []
        self.arrived: list[int] = []

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    def check(self, orders: int) -> None:
        answered = self.arrived[-1] if self.arrived else 0
        if self._fault or answered != orders:
            raise StreamBroken(f"{answered} of {orders} orders were answered. {self._fault}")

    def run(self) -> None:
        try:
            self._response.begin()
            if self._response.status != 200:
                self._fault = f"The stream was answered {self._response.status}: {self._response.read(500)!r}"
                return
            answered = 0
            for count, sample in self._follow():
                answered += count
                self.arrived.append(answered)
                self.arrived_s.append(time.perf_counter())
                self._hand_on(sample)
        except (OSError, http.client.HTTPException, pa.ArrowInvalid, msgspec.DecodeError) as fault:
            self._fault = f"{type(fault).__name__}: {fault}"

    def _hand_on(self, sample: Callable[[], Sample | None]) -> None:
        now_s = time.perf_counter()
        if now_s - self._sampled_s >= SAMPLE_EVERY_S:
            self._sampled_s = now_s
            taken = sample()
            if taken is not None:
                self._samples.put(taken)

    def _lines(self) -> Iterator[tuple[int, Callable[[], Sample | None]]]:
        while part := self._response.read1(RECEIVE_BYTES):
            self._parts.append(part)
            yield part.count(b"\n"), partial(_last_line, part)

    def _batches(self) -> Iterator[tuple[int, Callable[[], Sample | None]]]:
        for batch in pa.ipc.open_stream(pa.PythonFile(_Kept(self._response, self._parts), mode="r")):
            yield batch.num_rows, partial(_last_row, batch)


@dataclass
class _Kept:
    """A file of the response's body that keeps every byte read."""

    response: http.client.HTTPResponse
    parts: list[bytes] = field(default_factory=list)
    closed: bool = False

    def read(self, size: int = -1) -> bytes:
        part = self.response.read(size)
        self.parts.append(part)
        return part

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


class _Line(msgspec.Struct):
    status: str
    order_id: str | None = None
    total: int | None = None


def _last_line(part: bytes) -> Sample | None:
    """The last whole line of a part that has more than one end of a line."""
    end = part.rfind(b"\n")
    begin = part.rfind(b"\n", 0, max(end, 0))
    if begin < 0:
        return None
    line = msgspec.json.decode(part[begin + 1 : end], type=_Line)
    return None if line.order_id is None else Sample(line.order_id, line.status, line.total)


def _last_row(batch: pa.RecordBatch) -> Sample | None:
    if batch.num_rows == 0:
        return None
    row: dict[str, Any] = batch.select(["order_id", "status", "total"]).slice(batch.num_rows - 1).to_pylist()[0]
    return None if row["order_id"] is None else Sample(row["order_id"], row["status"], row["total"])
