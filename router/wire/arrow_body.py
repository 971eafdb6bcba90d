"""An Arrow IPC stream as it arrives: every record batch is decoded as soon as its last byte is there.

    chunks ─▶ FrameCutter ─▶ messages ─▶ ArrowReader: unpack, check, wait ─▶ write out ─▶ decode

What a message unpacks to, what waits to be decoded and the dictionaries (replaced or grown between batches) are
bounded in bytes of memory before Arrow sees them. Nothing of a batch is used before it was checked whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import pyarrow as pa

from router.config import Limits
from router.wire.arrow_frames import DICTIONARY, RECORD_BATCH, SCHEMA, FrameCutter, Message
from router.wire.arrow_reader import ArrowReader, Sent
from router.wire.batch import WireError
from router.wire.dictionaries import TOO_LARGE, written_bytes, written_out
from router.wire.expansion import Expansion
from router.wire.flatbuffer import damaged
from router.wire.row_bytes import entries

Batch = TypeVar("Batch")

_ITEM_BYTES = 16  # of an order line on the wire, about; what is decoded at a time has fewer than as many would take


class ArrowBody(ABC, Generic[Batch]):
    """Feed it the body's bytes; it yields batches of at most ``rows_max`` rows. What rows are says a subclass."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rows_max = limits.batch_rows_max  # of a batch; may change between two calls
        self._cutter = FrameCutter(limits.body_bytes_max)
        self._expansion = Expansion(limits)
        self._reader: ArrowReader | None = None
        self._rows = 0

    @property
    def kept_bytes(self) -> int:
        """Of a message that is not whole yet, and of dictionaries unpacked."""
        return self._cutter.nbytes + (self._reader.dictionary_bytes if self._reader else 0)

    def feed(self, chunks: Iterable[bytes | bytearray | memoryview], pause: bool = True) -> Iterator[Batch]:
        """Take bytes; raises :class:`WireError` where the stream cannot be read on, after what came before.

        Record batches that arrived together are decoded together, up to ``rows_max`` rows: most of what a
        small batch costs, here and behind, does not depend on its rows. Without ``pause`` the last ones wait for more.
        """
        try:
            for chunk in chunks:
                self._cutter.feed(bytes(chunk))
                while (message := self._cutter.next()) is not None:
                    yield from self._take(message)
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

    def _take(self, message: Message) -> Iterator[Batch]:
        """Let a message wait; what waits already is decoded where it would be too much with it."""
        reader = self._reader
        if (message.kind == SCHEMA) != (reader is None):
            raise damaged("the schema comes first, and once")
        if reader is None:
            self._open(message)
        elif message.kind == DICTIONARY:
            with _faults_in_words():
                reader.learn(message)
            if reader.nbytes > self._limits.batch_bytes_max:
                yield from self._decode_waiting()
        elif message.kind == RECORD_BATCH:
            bytes_max = self._limits.batch_bytes_max
            if reader.rows + message.rows > self.rows_max or reader.nbytes + message.nbytes > bytes_max:
                yield from self._decode_waiting()
            with _faults_in_words():
                reader.add(message)
        else:
            raise damaged(f"messages of type {message.kind} do not belong into a stream")

    def _open(self, message: Message) -> None:
        with _faults_in_words():
            reader = ArrowReader(message, self._limits.body_bytes_max)
            self._plan(reader.schema)
        self._reader = reader

    def _decode_waiting(self) -> Iterator[Batch]:
        if self._reader is None:
            return
        with _faults_in_words():
            waiting = self._reader.take()
        for batch, sent in waiting:
            yield from self._decode(batch, sent)

    def _decode(self, batch: pa.RecordBatch, sent: list[Sent]) -> Iterator[Batch]:
        """What came together is decoded together, unless it is too large only together."""
        if len(sent) == 1:
            yield from self._decode_one(batch, sent[0])
            return
        if batch.num_rows <= self.rows_max and self._is_bounded(batch):
            try:
                decoded = self._numbered(batch, sent)
            except WireError as fault:
                if fault.code != TOO_LARGE:
                    raise
            else:
                yield decoded
                return
        half = len(sent) // 2
        first = sum(each.rows for each in sent[:half])
        yield from self._decode(batch.slice(0, first), sent[:half])
        yield from self._decode(batch.slice(first), sent[half:])

    def _decode_one(self, batch: pa.RecordBatch, sent: Sent) -> Iterator[Batch]:
        came = sent.nbytes
        for piece in self._pieces(batch):
            share = sent.unpacked * piece.num_rows // batch.num_rows
            yield self._numbered(piece, [Sent(piece.num_rows, came, share)])
            came = 0

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Slices that are decoded at a time, by their rows and by what lies in their lists."""
        for first in range(0, batch.num_rows, self.rows_max):
            yield from self._bounded(batch.slice(first, self.rows_max))

    def _bounded(self, piece: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """A list of a hundred million nulls is some bytes on the wire, and as many numbers when it is decoded."""
        half = piece.num_rows // 2
        if self._is_bounded(piece):
            yield piece
        elif not half:
            items, most = _entries(piece), self._items_max
            raise WireError(TOO_LARGE, f"a row has {items} entries in its lists, at most {most} are read; send fewer")
        else:
            yield from self._bounded(piece.slice(0, half))
            yield from self._bounded(piece.slice(half))

    def _is_bounded(self, piece: pa.RecordBatch) -> bool:
        return _entries(piece) <= self._items_max

    @property
    def _items_max(self) -> int:
        return self._limits.body_bytes_max // _ITEM_BYTES

    def _numbered(self, piece: pa.RecordBatch, sent: list[Sent]) -> Batch:
        size = sum(each.unpacked for each in sent) + _ITEM_BYTES * _entries(piece)
        try:
            size += written_bytes(piece, self._limits.body_bytes_max)
            self._expansion.check(sent[0].nbytes, size)  # the others alone may be too large
            decoded = self._batch_of(written_out(piece), self._rows + 1)
        except pa.ArrowException as fault:
            why = str(fault).partition("\n")[0]
            raise WireError(
                "arrow_schema", f"a column has a type that cannot be kept ({why}); send plain text"
            ) from fault
        self._expansion.count(sum(each.nbytes for each in sent), size)
        self._rows += piece.num_rows
        return decoded

    @abstractmethod
    def _plan(self, schema: pa.Schema) -> None:
        """Take the schema; raises WireError where it is not one of such rows, in a sentence that names every fault."""

    @abstractmethod
    def _batch_of(self, rows: pa.RecordBatch, first_row: int) -> Batch:
        """Valid rows, whole columns without dictionaries; ``first_row`` is the number of the first, from 1."""


@contextmanager
def _faults_in_words() -> Iterator[None]:
    """What Arrow finds wrong with a message is a damaged stream."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise damaged(str(fault).splitlines()[0] if str(fault) else "a batch cannot be read") from fault


def _entries(rows: pa.RecordBatch) -> int:
    return sum(map(entries, rows.columns))
