"""The leanest client of a stream: two threads on one socket, bytes made beforehand, clocks on both ends.

It parses nothing while it runs. What it notes is when the last byte of each piece had been handed to the kernel and
when each piece of the response arrived; answers are counted, checked and timed from that afterwards.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from router.errors import RouterError

RECEIVE_BYTES = 1 << 20
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "arrow": "application/vnd.apache.arrow.stream"}


class StreamBroken(RouterError):
    """The router ended the stream early or refused it."""


@dataclass
class Piece:
    """Bytes of the request body that hold so many whole orders, or events."""

    body: bytes
    orders: int


@dataclass
class Exchange:
    """One stream: what came back, and when."""

    format: str
    elapsed_s: float
    processor_s: float  # of this process, meanwhile
    sent_s: list[float]  # per piece, since the start
    body: bytes = b""
    arrived_s: list[float] = field(default_factory=list)  # per chunk of the response
    arrived_bytes: list[int] = field(default_factory=list)  # total by then

    @property
    def checksum(self) -> str:
        return xxhash.xxh3_64_hexdigest(self.body)

    def order_ends(self) -> npt.NDArray[np.int64]:
        """For every answer the number of response bytes after which it was complete."""
        return _line_ends(self.body) if self.format == "ndjson" else _arrow_row_ends(self.body)

    def latencies_ms(self, pieces: list[Piece]) -> npt.NDArray[np.float64]:
        """Per piece: from its last byte handed over to its last answer received."""
        ends = self.order_ends()
        last = np.cumsum([piece.orders for piece in pieces]) - 1
        chunk = np.searchsorted(self.arrived_bytes, ends[last])
        waited: npt.NDArray[np.float64] = (np.array(self.arrived_s)[chunk] - np.array(self.sent_s)) * 1000
        return np.maximum(waited, 0.0)  # the answer can be there before send() has returned


def exchange(
    address: tuple[str, int], key: str, stream_format: str, pieces: list[Piece], path: str = "/v1/orders/stream"
) -> Exchange:
    """Send the pieces as one request, as fast as the router takes them, and read its answers meanwhile."""
    framed = [memoryview(b"%x\r\n%b\r\n" % (len(piece.body), piece.body)) for piece in pieces]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {MEDIA_TYPES[stream_format]}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    received = _Received(sum(len(piece.body) for piece in pieces))
    sent_s: list[float] = []
    with socket.create_connection(address, timeout=120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started_s, used_s = time.perf_counter(), time.process_time()
        reader = threading.Thread(target=received.read, args=(connection, started_s), daemon=True)
        reader.start()
        try:
            connection.sendall(head)
            for piece in framed:
                connection.sendall(piece)
                sent_s.append(time.perf_counter() - started_s)
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            reader.join(10)  # what the router said before it hung up is worth more than the broken pipe
        reader.join()
        used_s = time.process_time() - used_s
        elapsed_s = received.arrived_s[-1] if received.arrived_s else time.perf_counter() - started_s
    response = Exchange(stream_format, elapsed_s, used_s, sent_s)
    _unframe(response, received)
    return response


class _Received:
    """The response's bytes in memory that was touched before the clock started: fresh pages would cost the client
    more than all else it does."""

    def __init__(self, expected_bytes: int) -> None:
        self._room = bytearray(b"\xff") * (2 * expected_bytes + RECEIVE_BYTES)
        self._size = 0
        self.arrived_s: list[float] = []
        self.totals: list[int] = []  # bytes received by then

    def read(self, connection: socket.socket, started_s: float) -> None:
        try:
            while count := connection.recv_into(self._window(), RECEIVE_BYTES):
                self._size += count
                self.arrived_s.append(time.perf_counter() - started_s)
                self.totals.append(self._size)
        except OSError:
            return

    def _window(self) -> memoryview:
        if len(self._room) - self._size < RECEIVE_BYTES:
            self._room += bytes(len(self._room))
        return memoryview(self._room)[self._size : self._size + RECEIVE_BYTES]

    @property
    def raw(self) -> bytes:
        return bytes(memoryview(self._room)[: self._size])


def _unframe(response: Exchange, received: _Received) -> None:
    """Take the HTTP head and the chunk framing off; keep when each part of the body had arrived."""
    raw = received.raw
    head, _, _ = raw.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise StreamBroken(f"The router answered: {raw[:600].decode(errors='replace')}")
    at, parts, body_at, raw_at = len(head) + 4, [], [0], [len(head) + 4]
    while True:
        line_end = raw.find(b"\r\n", at)
        if line_end < 0:
            raise StreamBroken("The router broke the stream off.")
        size = int(raw[at:line_end], 16)
        if size == 0:
            break
        parts.append(raw[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2
        body_at.append(body_at[-1] + size)
        raw_at.append(line_end + 2 + size)
    response.body = b"".join(parts)
    response.arrived_s = received.arrived_s
    # body bytes complete after each receive, from the raw bytes by then
    response.arrived_bytes = np.interp(received.totals, raw_at, body_at).astype(np.int64).tolist()


def _line_ends(body: bytes) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n")) + 1


def _arrow_row_ends(body: bytes) -> npt.NDArray[np.int64]:
    """All rows of a record batch are complete when its message is."""
    source = pa.BufferReader(body)
    reader = pa.ipc.open_stream(source)
    ends: list[npt.NDArray[np.int64]] = []
    for batch in reader:
        ends.append(np.full(batch.num_rows, source.tell(), np.int64))
    return np.concatenate(ends) if ends else np.zeros(0, np.int64)
