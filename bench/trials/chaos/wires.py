"""The two media types of an order stream as a client of the chaos runs sees them.

A piece is a list of JSON lines or a record batch: both have a length and can be sliced.
"""

from __future__ import annotations

import http.client
import io
import itertools
from collections.abc import Iterator
from typing import Protocol, TypeAlias

import msgspec
import pyarrow as pa

from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.trials.chaos.promises import Answer

PIECE_ORDERS = 128

Piece: TypeAlias = "list[bytes] | pa.RecordBatch"


class Wire(Protocol):
    """One connection; a new connection takes a new one."""

    media_type: str

    def encode(self, piece: Piece) -> bytes: ...

    def end(self) -> bytes: ...

    def answers(self, response: http.client.HTTPResponse) -> Iterator[list[Answer]]: ...


class NdjsonWire:
    media_type = "application/x-ndjson"
    _decode = msgspec.json.Decoder(Answer).decode

    def encode(self, piece: Piece) -> bytes:
        assert isinstance(piece, list)
        return b"".join(piece)

    def end(self) -> bytes:
        return b""

    def answers(self, response: http.client.HTTPResponse) -> Iterator[list[Answer]]:
        while (line := response.readline()).endswith(b"\n"):
            yield [self._decode(line)]


class ArrowWire:
    media_type = "application/vnd.apache.arrow.stream"

    def __init__(self) -> None:
        self._sink = io.BytesIO()
        self._writer: pa.RecordBatchStreamWriter | None = None

    def encode(self, piece: Piece) -> bytes:
        assert isinstance(piece, pa.RecordBatch)
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._sink, piece.schema)
        self._writer.write_batch(piece)
        return self._taken()

    def end(self) -> bytes:
        if self._writer is not None:
            self._writer.close()
        return self._taken()

    def answers(self, response: http.client.HTTPResponse) -> Iterator[list[Answer]]:
        try:
            for batch in pa.ipc.open_stream(response):
                named = batch.select([name for name in Answer.__struct_fields__ if name in batch.schema.names])
                yield msgspec.convert(msgspec.to_builtins(named.to_pylist()), list[Answer])
        except pa.ArrowInvalid:
            return  # the stream broke off; what was not answered is sent again

    def _taken(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken


WIRES: dict[str, type[NdjsonWire] | type[ArrowWire]] = {"ndjson": NdjsonWire, "arrow": ArrowWire}


def pieces(workload: Workload, form: str) -> Iterator[Piece]:
    """Orders without end; each form has chunks of its own, so that two feeds never send the same order."""
    for first in itertools.count(list(WIRES).index(form), len(WIRES)):
        for chunk in _chunk(workload, form, first * CHUNK_ORDERS):
            for start in range(0, len(chunk), PIECE_ORDERS):
                yield chunk[start : start + PIECE_ORDERS]


def _chunk(workload: Workload, form: str, first: int) -> Iterator[Piece]:
    if form == "arrow":
        return workload.arrow(CHUNK_ORDERS, first)
    return (text.splitlines(keepends=True) for text in workload.ndjson(CHUNK_ORDERS, first))
