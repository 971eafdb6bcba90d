"""The streaming client: one connection, both directions at once, bytes made beforehand, clocks on both ends.

    converse    one request: the caller's thread sends the pieces it is given, another thread reads the answers
    exchange    … as fast as the router takes them; nothing is parsed while it runs, everything is timed

``resending.py`` goes on over broken connections. What differs between clients is what they give: pieces that come when
they are due, pieces that end when their sender wants to stop, a reader that looks at answers while they arrive.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bench.harness.arrays import F64, I64
from router.errors import RouterError

RECEIVE_BYTES = 1 << 20
SILENCE_S_MAX = 120.0  # of one connection
ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
NDJSON, ARROW = "application/x-ndjson", "application/vnd.apache.arrow.stream"
Address = tuple[str, int]


class StreamBroken(RouterError):
    """The router ended the stream early or refused it."""


class Way(NamedTuple):
    """Where rows go and as what; ``row_ends`` says for each row of an answer after how many bytes it is complete."""

    path: str
    media_type: str
    row_ends: Callable[[bytes], I64]
    end: bytes = b""  # of a body that is cut off between pieces


@dataclass(frozen=True)
class Piece:
    """Bytes of the request body that hold so many whole rows."""

    body: bytes
    rows: int


class Talk(NamedTuple):
    """One request. Moments are those of ``time.perf_counter``, on Linux one clock for all processes."""

    started_s: float
    processor_s: float  # of this process, meanwhile
    sent_s: list[float]  # per piece: its last byte had been handed to the kernel
    fault: Exception | None  # in the reader


def head_of(address: Address, key: str, path: str, media_type: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()


def framed(body: bytes | memoryview) -> bytes:
    """As one chunk of the request body."""
    assert body, "an empty chunk would end the body"
    return b"".join((b"%x\r\n" % len(body), body, b"\r\n"))


def converse(address: Address, head: bytes, chunks: Iterable[bytes], read: Callable[[socket.socket], object]) -> Talk:
    """Send framed pieces as they come, then the body's end, while ``read`` takes what comes back, in its own thread.

    Returns when ``read`` has. Raises OSError where nobody listens; a connection that breaks later ends both sides.
    """
    sent_s: list[float] = []
    with socket.create_connection(address, timeout=SILENCE_S_MAX) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started_s, used_s = time.perf_counter(), time.process_time()
        reader = _Reader(connection, read)
        reader.start()
        with contextlib.suppress(OSError):  # what the router said before it hung up is worth more than a broken pipe
            connection.sendall(head)
            for chunk in chunks:
                connection.sendall(chunk)
                sent_s.append(time.perf_counter())
            connection.sendall(b"0\r\n\r\n")
        reader.join()
        return Talk(started_s, time.process_time() - used_s, sent_s, reader.fault)


class _Reader(threading.Thread):
    def __init__(self, connection: socket.socket, read: Callable[[socket.socket], object]) -> None:
        super().__init__(daemon=True)
        self.fault: Exception | None = None
        self._connection = connection
        self._read = read

    def run(self) -> None:
        try:
            self._read(self._connection)
        except Exception as fault:
            self.fault = fault
        with contextlib.suppress(OSError):  # a sender that waits for room would wait for ever
            self._connection.shutdown(socket.SHUT_RDWR)


class Arriving:
    """The response's bytes in memory that was touched before the clock started: fresh pages would cost the client
    more than all else it does."""

    def __init__(self, expected_bytes: int) -> None:
        self._room = bytearray(b"\xff") * (2 * expected_bytes + RECEIVE_BYTES)
        self._size = 0
        self.arrived_s: list[float] = []
        self.totals: list[int] = []  # bytes received by then

    def read(self, connection: socket.socket) -> None:
        """To the end, looking at nothing."""
        while self.receive(connection, RECEIVE_BYTES):
            pass

    def follow(self, look: Callable[[http.client.HTTPResponse], object], connection: socket.socket) -> None:
        """To the end, while ``look`` reads answers; bytes are kept and timed as they are without it."""
        response = http.client.HTTPResponse(_Tap(self, connection))  # type: ignore[arg-type]
        response.begin()
        look(response)
        self.read(connection)  # whoever reads Arrow stops at its end, before that of the response

    def receive(self, connection: socket.socket, most: int) -> int:
        if len(self._room) - self._size < RECEIVE_BYTES:
            self._room += bytes(len(self._room))
        count = connection.recv_into(memoryview(self._room)[self._size :], most)
        if count:
            self._size += count
            self.arrived_s.append(time.perf_counter())
            self.totals.append(self._size)
        return count

    def last(self, count: int) -> memoryview:
        """To be let go before more is received."""
        return memoryview(self._room)[self._size - count : self._size]

    @property
    def raw(self) -> bytes:
        return bytes(self.last(self._size))


class _Tap(io.RawIOBase):
    """As much of a socket as ``http.client`` wants."""

    def __init__(self, arriving: Arriving, connection: socket.socket) -> None:
        self._arriving = arriving
        self._connection = connection

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self, RECEIVE_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._arriving.receive(self._connection, min(len(buffer), RECEIVE_BYTES))
        buffer[:count] = self._arriving.last(count)
        return count


@dataclass(frozen=True)
class Exchange:
    """One stream: what came back, and when."""

    way: Way
    talk: Talk
    body: bytes
    arrived_s: F64  # moments of the receives
    arrived_bytes: I64  # of the body, by then

    @staticmethod
    def of(way: Way, talk: Talk, arriving: Arriving) -> Exchange:
        raw = arriving.raw
        if not raw.startswith(b"HTTP/1.1 200"):
            raise StreamBroken(f"The router answered: {raw[:600].decode(errors='replace') or talk.fault}")
        if talk.fault is not None:
            raise StreamBroken(f"The answers could not be read: {type(talk.fault).__name__}: {talk.fault}")
        body, raw_at, body_at = _unframed(raw)
        arrived_bytes = np.interp(arriving.totals, raw_at, body_at).astype(np.int64)
        return Exchange(way, talk, body, np.array(arriving.arrived_s), arrived_bytes)

    @property
    def elapsed_s(self) -> float:
        return float(self.arrived_s[-1]) - self.talk.started_s

    def answered(self) -> I64:
        """Per receive: rows whose answers were complete by then."""
        return np.searchsorted(self.way.row_ends(self.body), self.arrived_bytes, side="right")

    def latencies_ms(self, pieces: list[Piece]) -> F64:
        """Per piece that was sent: from its last byte handed over to its last answer received."""
        last = np.cumsum([piece.rows for piece in pieces]) - 1
        receive = np.searchsorted(self.arrived_bytes, self.way.row_ends(self.body)[last])
        waited: F64 = (self.arrived_s[receive] - np.array(self.talk.sent_s[: len(pieces)])) * 1000
        return np.maximum(waited, 0.0)  # the answer can be there before send() has returned


def exchange(
    address: Address, key: str, way: Way, pieces: list[Piece], goes_on: Callable[[], bool] = lambda: True
) -> Exchange:
    """Send the pieces as one request, as fast as the router takes them, and read its answers meanwhile.

    ``goes_on`` is asked before each piece but the first: the body ends where it says no, and waits where it takes long.
    """
    chunks = [framed(piece.body) for piece in pieces]
    arriving = Arriving(sum(len(piece.body) for piece in pieces))
    head = head_of(address, key, way.path, way.media_type)
    return Exchange.of(way, converse(address, head, _until(goes_on, chunks, way.end), arriving.read), arriving)


def _until(goes_on: Callable[[], bool], chunks: list[bytes], end: bytes) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks):
        if number and not goes_on():
            yield from [framed(end)] if end else []
            return
        yield chunk


def _unframed(raw: bytes) -> tuple[bytes, list[int], list[int]]:
    """The body without HTTP's head and chunks; places of the raw bytes, and how much of the body lies before each."""
    head_end = raw.find(b"\r\n\r\n")
    at = head_end + 4
    if found := re.search(rb"\r\ncontent-length: (\d+)", raw[:head_end].lower()):
        if len(raw) - at != (size := int(found[1])):
            raise StreamBroken(f"The router broke its answer off: {len(raw) - at} of {size} bytes came.")
        return raw[at:], [at, len(raw)], [0, size]
    parts, raw_at, body_at = [], [at], [0]
    while (size := _chunk_size(raw, at)) > 0:
        begin = raw.index(b"\r\n", at) + 2
        at = begin + size + 2
        parts.append(raw[begin : begin + size])
        raw_at += [begin, begin + size]
        body_at += [body_at[-1], body_at[-1] + size]
    return b"".join(parts), raw_at, body_at


def _chunk_size(raw: bytes, at: int) -> int:
    """0 for the last chunk."""
    line_end = raw.find(b"\r\n", at)
    if line_end < 0:
        raise StreamBroken("The router broke the stream off.")
    return int(raw[at:line_end], 16)


def line_ends(body: bytes) -> I64:
    return np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n")) + 1


def arrow_row_ends(body: bytes) -> I64:
    """All rows of a record batch are complete when its message is."""
    source = pa.BufferReader(body)
    reader = pa.ipc.open_stream(source)
    ends = [np.full(batch.num_rows, source.tell(), np.int64) for batch in reader]
    return np.concatenate(ends) if ends else np.zeros(0, np.int64)


ORDER_STREAM = {
    "ndjson": Way("/v1/orders/stream", NDJSON, line_ends),
    "arrow": Way("/v1/orders/stream", ARROW, arrow_row_ends),
}
EVENT_STREAM = {
    "ndjson": Way("/v1/events", NDJSON, line_ends),
    "arrow": Way("/v1/events", ARROW, arrow_row_ends, ARROW_END),
}
