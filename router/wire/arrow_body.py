"""An Arrow IPC stream as it arrives: every record batch is decoded as soon as its last byte is there.

    chunks ─▶ FrameCutter ─▶ messages ─▶ Arrow's own stream reader ─▶ validate ─▶ write out ─▶ decode

Arrow's reader only pulls, so it is given a source that holds exactly the messages that are complete. It keeps
the dictionaries (replaced or grown between batches) and unpacks compressed bodies; how much memory either may
take is bounded before it sees them. Nothing of a batch is used before ``_validate`` has passed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa

from router.config import Limits
from router.wire.arrow_frames import DICTIONARY, RECORD_BATCH, SCHEMA, FrameCutter, Message, damaged
from router.wire.arrow_schema import is_list
from router.wire.batch import WireError
from router.wire.dictionaries import TOO_LARGE, written_out

Batch = TypeVar("Batch")

_ITEM_BYTES = 16  # of an order line on the wire, about; what is decoded at a time has fewer than as many would take


class _Source:
    """A file of the bytes that are there; Arrow asks for exactly the pieces of one message after the other."""

    closed = False

    def __init__(self) -> None:
        self._pieces: deque[memoryview] = deque()

    def put(self, message: Message) -> None:
        whole = memoryview(message.raw)
        self._pieces.append(whole[: message.body_at])
        self._pieces.append(whole[message.body_at :])

    def read(self, size: int = -1) -> memoryview | bytes:
        while self._pieces and not self._pieces[0]:
            self._pieces.popleft()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if 0 <= size < len(piece):
            self._pieces.appendleft(piece[size:])
            piece = piece[:size]
        return piece

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self._pieces.clear()


class ArrowBody(ABC, Generic[Batch]):
    """Feed it the body's bytes; it yields batches of at most ``rows_max`` rows. What rows are says a subclass."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rows_max = limits.batch_rows_max  # of a batch; may change between two calls
        self._cutter = FrameCutter(limits.body_bytes_max)
        self._source = _Source()
        self._reader: pa.RecordBatchStreamReader | None = None
        self._dictionary_bytes: dict[int, int] = {}
        self._rows = 0
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def feed(self, chunks: Iterable[bytes | bytearray | memoryview], pause: bool = True) -> Iterator[Batch]:
        """Take bytes; raises :class:`WireError` where the stream cannot be read on, after what came before.

        Record batches that arrived together are decoded together, up to ``rows_max`` rows: most of what a
        small batch costs, here and behind, does not depend on its rows. Without ``pause`` the last ones wait for more.
        """
        try:
            for chunk in chunks:
                self._cutter.feed(bytes(chunk))
                while (message := self._cutter.next()) is not None:
                    batch = self._read(message)
                    if batch is not None:
                        yield from self._take(batch)
        except WireError:
            yield from self._decode_waiting()
            raise
        if pause:
            yield from self._decode_waiting()

    def finish(self) -> Iterator[Batch]:
        """The body ended: what waits; raises where the end came in the middle of something."""
        yield from self._decode_waiting()
        if not self._cutter.is_between_messages and not self._cutter.ended:
            raise WireError("arrow_truncated", "the Arrow stream ends inside a message; send it again from this row on")
        if self._reader is None:
            raise WireError("arrow_empty", "the body holds no Arrow schema; send an Arrow IPC stream")

    def _take(self, batch: pa.RecordBatch) -> Iterator[Batch]:
        if self._waiting_rows + batch.num_rows > self.rows_max:
            yield from self._decode_waiting()
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows

    def _decode_waiting(self) -> Iterator[Batch]:
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        yield from self._decode(waiting)

    def _read(self, message: Message) -> pa.RecordBatch | None:
        """The record batch of a message, None where it is another part of the stream."""
        if (message.kind == SCHEMA) != (self._reader is None):
            raise damaged("the schema comes first, and once")
        if message.kind == DICTIONARY:
            self._bound_dictionaries(message)
        self._source.put(message)
        try:
            if message.kind == SCHEMA:
                self._reader = pa.ipc.open_stream(pa.PythonFile(self._source, "r"))
                self._plan(self._reader.schema)
            elif message.kind == RECORD_BATCH:
                return self._next_batch()
            elif message.kind != DICTIONARY:
                raise damaged(f"messages of type {message.kind} do not belong into a stream")
        except (pa.ArrowException, OSError, ValueError, StopIteration) as fault:
            raise damaged(str(fault).splitlines()[0] if str(fault) else "a batch cannot be read") from fault
        return None

    def _bound_dictionaries(self, message: Message) -> None:
        before = self._dictionary_bytes.get(message.dictionary, 0) if message.is_delta else 0
        self._dictionary_bytes[message.dictionary] = before + len(message.raw)
        if sum(self._dictionary_bytes.values()) > self._limits.body_bytes_max:
            raise WireError(
                TOO_LARGE,
                f"the dictionaries grew beyond {self._limits.body_bytes_max} bytes; replace them now and then",
            )

    def _next_batch(self) -> pa.RecordBatch:
        assert self._reader is not None
        batch = self._reader.read_next_batch()
        _validate(batch)
        return batch

    def _decode(self, waiting: list[pa.RecordBatch]) -> Iterator[Batch]:
        """What came together is decoded together, unless it is too large only together."""
        joined = _joined(waiting)
        for batch in joined:
            for piece in self._pieces(batch):
                try:
                    decoded = self._decoded(piece)
                except WireError as fault:
                    if fault.code != TOO_LARGE or len(joined) == len(waiting):
                        raise
                    half = len(waiting) // 2  # they are one piece, so nothing of them was yielded
                    yield from self._decode(waiting[:half])
                    yield from self._decode(waiting[half:])
                    return
                self._rows += piece.num_rows
                yield decoded

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Slices that are decoded at a time, by their rows and by what lies in their lists."""
        for first in range(0, batch.num_rows, self.rows_max):
            yield from self._bounded(batch.slice(first, self.rows_max))

    def _bounded(self, piece: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """A list of a hundred million nulls is some bytes on the wire, and as many numbers when it is decoded."""
        items, half, most = (
            sum(map(_items, piece.columns)),
            piece.num_rows // 2,
            self._limits.body_bytes_max // _ITEM_BYTES,
        )
        if items <= most:
            yield piece
        elif not half:
            raise WireError(TOO_LARGE, f"a row has {items} entries in its lists, at most {most} are read; send fewer")
        else:
            yield from self._bounded(piece.slice(0, half))
            yield from self._bounded(piece.slice(half))

    def _decoded(self, piece: pa.RecordBatch) -> Batch:
        try:
            return self._batch_of(written_out(piece, self._limits.body_bytes_max), self._rows + 1)
        except pa.ArrowException as fault:
            why = str(fault).partition("\n")[0]
            raise WireError(
                "arrow_schema", f"a column has a type that cannot be kept ({why}); send plain text"
            ) from fault

    @abstractmethod
    def _plan(self, schema: pa.Schema) -> None:
        """Take the schema; raises WireError where it is not one of such rows, in a sentence that names every fault."""

    @abstractmethod
    def _batch_of(self, rows: pa.RecordBatch, first_row: int) -> Batch:
        """Valid rows, whole columns without dictionaries; ``first_row`` is the number of the first, from 1."""


def _items(column: pa.Array) -> int:
    """Entries of all lists in a column, also of those inside lists."""
    kind = column.type
    if pa.types.is_struct(kind):
        return sum(map(_items, column.flatten()))
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        entries = column.flatten()
        return len(entries) + _items(entries)
    if pa.types.is_map(kind):
        return len(column.keys) + _items(column.keys) + _items(column.items)
    return 0


def _validate(batch: pa.RecordBatch) -> None:
    """``validate(full=True)``, but text that is ASCII throughout is looked at once and not string by string."""
    batch.validate()
    for column in batch.columns:
        if pa.types.is_string(column.type):
            bytes_only = (pa.binary(), len(column), column.buffers(), column.null_count, column.offset)
            pa.Array.from_buffers(*bytes_only).validate(full=True)
            text = column.buffers()[2]
            if text is None or not np.frombuffer(text, np.int8).min(initial=0) < 0:
                continue
        column.validate(full=True)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The batches as one; as they are where their dictionaries together outgrow the type of their indices."""
    if len(batches) < 2:
        return batches
    try:
        return [pa.concat_batches(batches)]
    except pa.ArrowException:
        return batches
