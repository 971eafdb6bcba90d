"""An Arrow IPC stream as it arrives: every record batch becomes a WIRE batch as soon as its last byte is there.

    chunks ─▶ FrameCutter ─▶ messages ─▶ Arrow's own stream reader ─▶ validate ─▶ columns ─▶ WireBatch

Arrow's reader only pulls, so it is given a source that holds exactly the messages that are complete. It keeps
the dictionaries (replaced or grown between batches) and unpacks compressed bodies; how much memory either may
take is bounded before it sees them. Nothing of a batch is used before ``_validate`` has passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.text.scan_json import ABSENT
from router.config import Limits
from router.wire.arrow_frames import DICTIONARY, RECORD_BATCH, SCHEMA, FrameCutter, Message, damaged
from router.wire.arrow_schema import ArrowPlan, plan_columns
from router.wire.batch import WireBatch, WireError
from router.wire.dictionaries import TOO_LARGE, plain, written_out
from router.wire.fields import NUMBER_FIELDS, TEXT_FIELDS, TIME_FIELDS, arrow_name
from router.wire.order_columns import OrderColumns
from router.wire.texts import Texts
from router.wire.to_wire import to_wire

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_INT64_MAX = 2**63 - 1
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


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


class ArrowStreamDecoder:
    """Feed it the body's bytes; it yields WIRE batches of at most ``batch_rows_max`` rows."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cutter = FrameCutter(limits.body_bytes_max)
        self._source = _Source()
        self._reader: pa.RecordBatchStreamReader | None = None
        self._plan: ArrowPlan | None = None
        self._dictionary_bytes: dict[int, int] = {}
        self._rows = 0
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def feed(self, chunks: Iterable[bytes | bytearray | memoryview], pause: bool = True) -> Iterator[WireBatch]:
        """Take bytes; raises :class:`WireError` where the stream cannot be read on, after what came before.

        Record batches that arrived together are decoded together, up to ``batch_rows_max`` rows: most of what a
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

    def finish(self) -> Iterator[WireBatch]:
        """The body ended: what waits; raises where the end came in the middle of something."""
        yield from self._decode_waiting()
        if not self._cutter.is_between_messages and not self._cutter.ended:
            raise WireError("arrow_truncated", "the Arrow stream ends inside a message; send it again from this row on")
        if self._reader is None:
            raise WireError("arrow_empty", "the body holds no Arrow schema; send an Arrow IPC stream")

    def _take(self, batch: pa.RecordBatch) -> Iterator[WireBatch]:
        if self._waiting_rows + batch.num_rows > self._limits.batch_rows_max:
            yield from self._decode_waiting()
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows

    def _decode_waiting(self) -> Iterator[WireBatch]:
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
                self._plan = plan_columns(self._reader.schema)
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

    def _decode(self, waiting: list[pa.RecordBatch]) -> Iterator[WireBatch]:
        """What came together is decoded together, unless it is too large only together."""
        joined = _joined(waiting)
        for batch in joined:
            for first in range(0, batch.num_rows, self._limits.batch_rows_max):
                piece = batch.slice(first, self._limits.batch_rows_max)
                try:
                    columns = self._columns(piece)
                except WireError as fault:
                    if fault.code != TOO_LARGE or len(joined) == len(waiting):
                        raise
                    half = len(waiting) // 2  # they are one piece, so nothing of them was yielded
                    yield from self._decode(waiting[:half])
                    yield from self._decode(waiting[half:])
                    return
                self._rows += piece.num_rows
                yield to_wire(columns, self._limits)

    def _columns(self, piece: pa.RecordBatch) -> OrderColumns:
        assert self._plan is not None
        try:
            written = written_out(piece, self._limits.body_bytes_max)
            return order_columns(written, self._plan, self._rows + 1)
        except pa.ArrowException as fault:
            why = str(fault).partition("\n")[0]
            raise WireError(
                "arrow_schema", f"a column has a type that cannot be kept ({why}); send plain text"
            ) from fault


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


def order_columns(batch: pa.RecordBatch, plan: ArrowPlan, first_row: int) -> OrderColumns:
    """The known fields of a valid batch without dictionary columns; columns that are not there read as absent."""
    rows = batch.num_rows
    coupon_offsets, coupons = _list(_column(batch, plan, "coupons"))
    line_offsets, lines = _list(batch.column("lines"))
    fields = dict(
        zip([lines.type.field(index).name for index in range(lines.type.num_fields)], lines.flatten(), strict=True)
    )
    count = len(lines)
    sku_code, skus = _skus(fields["sku"])
    return OrderColumns(
        unit="row",
        numbers_of_rows=np.arange(first_row, first_row + rows, dtype=np.int64),
        positions=np.arange(rows, dtype=np.int64),
        text=Texts.of_arrays([_text(_column(batch, plan, arrow_name(name))) for name in TEXT_FIELDS]),
        number=[
            (_times if name in TIME_FIELDS else _numbers)(_column(batch, plan, arrow_name(name)))
            for name in NUMBER_FIELDS
        ],
        coupon_offsets=coupon_offsets,
        coupons=Texts.of_arrays([_text(coupons)]),
        line_offsets=line_offsets,
        sku_code=sku_code,
        skus=Texts.of_arrays([skus]),
        qty=_numbers(fields["qty"]),
        unit_price=_numbers(fields.get("unit_price", pa.nulls(count))),
        line_ids=Texts.of_arrays([_text(fields.get("line_id", pa.nulls(count)))]),
        documents=_documents(batch, plan),
    )


def _column(batch: pa.RecordBatch, plan: ArrowPlan, name: str) -> pa.Array:
    return batch.column(name) if name in plan.known else pa.nulls(batch.num_rows)


def _text(column: pa.Array) -> pa.StringArray:
    """Plain strings, "" for null."""
    if column.null_count == len(column):
        offsets = pa.py_buffer(np.zeros(len(column) + 1, np.int32))
        return pa.StringArray.from_buffers(len(column), offsets, pa.py_buffer(b""))
    if not pa.types.is_string(column.type):
        column = column.cast(pa.string())
    return column.fill_null("") if column.null_count else column


def _numbers(column: pa.Array) -> I64:
    """int64, ABSENT for null. What an uint64 holds beyond that is cut to the largest: out of every range too."""
    if column.null_count == len(column):
        return np.full(len(column), ABSENT, np.int64)
    given = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    values = (column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False)
    if values.dtype == np.uint64:
        values = np.minimum(values, np.uint64(_INT64_MAX))
    values = values.astype(np.int64, copy=False)
    return values if given is None else np.where(given, values, ABSENT)


def _times(column: pa.Array) -> I64:
    """Milliseconds since the epoch, ABSENT for null; finer parts are cut off."""
    if column.null_count == len(column):
        return np.full(len(column), ABSENT, np.int64)
    per_second = _PER_SECOND[column.type.unit]
    ticks = _numbers(column.view(pa.int64()))
    if per_second < 1_000:
        limit = _INT64_MAX // 1_000
        moments = np.clip(ticks, -limit, limit) * 1_000
    else:
        moments = ticks // (per_second // 1_000)
    return np.where(ticks == ABSENT, ABSENT, moments)


def _list(column: pa.Array) -> tuple[I32, pa.Array]:
    """Offsets (first is 0) and items of a list column; a null list is an empty one."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column) + 1, np.int32), pa.nulls(0)
    counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(column) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return offsets, column.flatten()


def _skus(column: pa.Array) -> tuple[I32, pa.StringArray]:
    """(code of each line, distinct SKUs); a dictionary larger than its use is not worth carrying along."""
    if not pa.types.is_dictionary(column.type) or len(column.dictionary) > len(column):
        return np.arange(len(column), dtype=np.int32), _text(column)
    skus, codes = _text(column.dictionary), column.indices
    if column.null_count:
        codes = codes.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int32)
        codes[~column.is_valid().to_numpy(zero_copy_only=False)] = len(skus)
        return codes, pa.concat_arrays([skus, pa.array([""])])
    return codes.to_numpy(zero_copy_only=False).astype(np.int32, copy=False), skus


def _documents(batch: pa.RecordBatch, plan: ArrowPlan) -> pa.RecordBatch:
    """The columns the log does not hold, dictionaries written out."""
    columns = [plain(batch.column(name)) for name in plan.document]
    return pa.RecordBatch.from_arrays(columns, list(plan.document))
