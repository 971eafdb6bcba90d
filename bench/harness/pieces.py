"""Request bodies made before the clock starts, cut where a client would cut them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa

from bench.harness.streaming import Piece
from bench.harness.workload import Workload

NDJSON_PIECE_BYTES = 1 << 20
ARROW_PIECE_ROWS = 8_192


def make_pieces(workload: Workload, stream_format: str, orders: int, first: int) -> list[Piece]:
    return list((_ndjson if stream_format == "ndjson" else _arrow)(workload, orders, first))


def _ndjson(workload: Workload, orders: int, first: int) -> Iterator[Piece]:
    for chunk in workload.ndjson(orders, first):
        at = 0
        while at < len(chunk):
            end = chunk.rfind(b"\n", at, at + NDJSON_PIECE_BYTES) + 1 or chunk.index(b"\n", at) + 1
            body = chunk[at:end]
            yield Piece(body, body.count(b"\n"))
            at = end


def _arrow(workload: Workload, orders: int, first: int) -> Iterator[Piece]:
    """One IPC stream; the first piece also carries the schema and the dictionaries."""
    sink, taken = io.BytesIO(), 0
    writer: pa.RecordBatchStreamWriter | None = None
    for batch in workload.arrow(orders, first):
        writer = writer or pa.ipc.new_stream(sink, batch.schema)
        for start in range(0, batch.num_rows, ARROW_PIECE_ROWS):
            part = batch.slice(start, ARROW_PIECE_ROWS)
            writer.write_batch(part)
            body = sink.getvalue()
            sink.seek(0)
            sink.truncate()
            taken += part.num_rows
            if taken == orders:
                writer.close()
                body += sink.getvalue()
            yield Piece(body, part.num_rows)
