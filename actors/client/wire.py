"""The two media types of an order stream, as the sender sees them: blocks to bytes, bytes to answers."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec
import pyarrow as pa

from actors.client.sources import Block


class Answer(msgspec.Struct):
    """What the sender needs of an acknowledgement."""

    status: str
    order_id: str | None = None
    duplicate: bool = False
    reasons: list[str] = []
    detail: str | None = None
    duplicate_of_order_id: str | None = None


class Wire(Protocol):
    """One connection's worth of encoding; a new connection takes a new one."""

    media_type: str

    def encode(self, block: Block) -> bytes: ...

    def finish(self) -> bytes:
        """Bytes that end the request body."""

    def feed(self, chunk: bytes) -> None:
        """Bytes of the response; answers go to the callback, here or from a thread of this wire."""

    def close(self) -> None:
        """No more bytes come; returns when every answer has been handed over."""


class NdjsonWire:
    media_type = "application/x-ndjson"

    def __init__(self, deliver: Callable[[list[Answer]], None]) -> None:
        self._deliver = deliver
        self._tail = b""
        self._decode = msgspec.json.Decoder(Answer).decode

    def encode(self, block: Block) -> bytes:
        assert isinstance(block.orders, list)
        return b"\n".join(block.orders) + b"\n"

    def finish(self) -> bytes:
        return b""

    def feed(self, chunk: bytes) -> None:
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        self._deliver([self._decode(line) for line in lines if line])

    def close(self) -> None:
        if self._tail.strip():
            self._deliver([self._decode(self._tail)])


class ArrowWire:
    """Acknowledgements arrive as an Arrow stream; a thread reads it, because pyarrow pulls and sockets push."""

    media_type = "application/vnd.apache.arrow.stream"

    def __init__(self, deliver: Callable[[list[Answer]], None]) -> None:
        self._deliver = deliver
        self._sink = io.BytesIO()
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._arriving = _Arriving()
        self._reader = threading.Thread(target=self._read, daemon=True, name="acknowledgements")
        self._reader.start()

    def encode(self, block: Block) -> bytes:
        assert isinstance(block.orders, pa.RecordBatch)
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._sink, block.orders.schema)
        self._writer.write_batch(block.orders)
        return self._drain()

    def finish(self) -> bytes:
        if self._writer is not None:
            self._writer.close()
        return self._drain()

    def feed(self, chunk: bytes) -> None:
        self._arriving.put(chunk)

    def close(self) -> None:
        self._arriving.put(b"")
        self._reader.join()

    def _drain(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken

    def _read(self) -> None:
        try:
            for batch in pa.ipc.open_stream(pa.PythonFile(self._arriving, mode="r")):
                wanted = [name for name in Answer.__struct_fields__ if name in batch.schema.names]
                self._deliver(msgspec.convert(batch.select(wanted).to_pylist(), list[Answer]))
        except pa.ArrowInvalid:
            return  # the stream broke off; what was not answered is sent again


class _Arriving(io.RawIOBase):
    """A file that is fed from another thread and ends with an empty piece."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._ended = False
        self.put = self._pieces.put

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        taken = []
        missing = size
        while missing and not self._ended:
            piece = self._rest or self._pieces.get()
            self._ended = not piece
            taken.append(piece[:missing])
            self._rest = piece[missing:]
            missing -= len(taken[-1])
        return b"".join(taken)
