"""The two media types of a stream, for a client that encodes while it sends and reads answers while they arrive."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec
import pyarrow as pa

from bench.harness.streaming import ARROW, NDJSON

Rows: TypeAlias = "list[bytes] | pa.RecordBatch"  # JSON lines or a batch: both have a length and can be sliced
A = TypeVar("A", bound=msgspec.Struct)


class Wire(Protocol):
    """One connection; a new connection takes a new one."""

    media_type: str

    def encode(self, rows: Any) -> bytes: ...

    def end(self) -> bytes: ...

    def answers(self, response: IO[bytes]) -> Iterator[list[Any]]:
        """One answer a row, until the response ends or breaks off."""


class NdjsonWire(Generic[A]):
    media_type = NDJSON

    def __init__(self, answer: type[A]) -> None:
        self._decode = msgspec.json.Decoder(answer).decode

    def encode(self, rows: list[bytes]) -> bytes:
        return b"".join(rows)

    def end(self) -> bytes:
        return b""

    def answers(self, response: IO[bytes]) -> Iterator[list[A]]:
        while (line := response.readline()).endswith(b"\n"):
            yield [self._decode(line)]


class ArrowWire(Generic[A]):
    media_type = ARROW

    def __init__(self, answer: type[A]) -> None:
        self._answer = answer
        self._sink = io.BytesIO()
        self._writer: pa.RecordBatchStreamWriter | None = None

    def encode(self, rows: pa.RecordBatch) -> bytes:
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._sink, rows.schema)
        self._writer.write_batch(rows)
        return self._taken()

    def end(self) -> bytes:
        if self._writer is not None:
            self._writer.close()
        return self._taken()

    def answers(self, response: IO[bytes]) -> Iterator[list[A]]:
        try:
            for batch in pa.ipc.open_stream(response):
                named = batch.select([name for name in self._answer.__struct_fields__ if name in batch.schema.names])
                yield msgspec.convert(msgspec.to_builtins(named.to_pylist()), list[self._answer])  # type: ignore[name-defined]
        except pa.ArrowInvalid:
            return

    def _taken(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken


WIRES: dict[str, type[NdjsonWire[Any]] | type[ArrowWire[Any]]] = {"ndjson": NdjsonWire, "arrow": ArrowWire}
