"""The forms of a stream, JSON lines and Arrow, of orders and of events: how bodies are read and answers are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Generic, Protocol, TypeVar

import pyarrow as pa
from aiohttp.web_request import BaseRequest

from actors.gateway.core.problems import Problem
from actors.gateway.http.requests import media_type_of
from actors.gateway.http.routes import ARROW, NDJSON
from router.arrow.arrays import Bytes
from router.config import Limits
from router.shard.split_batch import Decided
from router.tables.compiled import Tables
from router.wire.ack_arrow import begin_arrow, encode_arrow, end_arrow
from router.wire.ack_json import encode_json
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireBatch
from router.wire.event_answer_arrow import begin_event_arrow, encode_event_arrow, end_event_arrow
from router.wire.event_answer_json import encode_event_json
from router.wire.event_answers import RefusedEvent
from router.wire.event_arrow import EventStreamDecoder
from router.wire.event_ndjson import decode_event_block
from router.wire.event_wire import EventTerms, EventWire
from router.wire.lines import LineBlock, LineSplitter
from router.wire.ndjson import decode_block


class DecodedBatch(Protocol):
    """WireBatch and EventWire, as far as their kinds are alike."""

    @property
    def count(self) -> int:
        """Answers it gets."""

    @property
    def nbytes(self) -> int:
        """In memory, about."""


Wire = TypeVar("Wire", bound=DecodedBatch)
Decoded = TypeVar("Decoded", covariant=True)


class Form(Protocol[Decoded]):
    """One stream's state: what was read of a body so far."""

    name: str  # in metrics
    media_type: str

    @property
    def kept_bytes(self) -> int:
        """Of the body, kept for what is still to come: a piece of a message, dictionaries."""

    def limit_rows(self, rows_max: int) -> None:
        """Rows of a batch from now on."""

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[Decoded]:
        """Batches that are complete; with ``pause`` also those that are not as large as they might become."""

    def finish(self) -> Iterator[Decoded]:
        """The body ended: what is left of it."""

    def begin(self) -> bytes:
        """The first bytes of the answer."""

    def end(self, problem: Problem | None) -> bytes:
        """The last bytes of the answer, with the problem that ended it."""


class OrderForm(Form[WireBatch], Protocol):
    def encode(self, wire: WireBatch, decided: Decided, tables: Tables) -> Bytes:
        """Answers to one batch; batches may be encoded in another order than they are sent."""


class EventForm(Form[EventWire], Protocol):
    def encode(self, wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent]) -> Bytes:
        """Answers to one batch; likewise."""


class _Lines(Generic[Wire]):
    """A body of JSON lines."""

    name = "ndjson"
    media_type = NDJSON

    def __init__(self, limits: Limits, decode: Callable[[LineBlock], Wire]) -> None:
        self._decode = decode
        self._splitter = LineSplitter(limits)

    @property
    def kept_bytes(self) -> int:
        return self._splitter.tail_bytes

    def limit_rows(self, rows_max: int) -> None:
        self._splitter.rows_max = rows_max

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[Wire]:
        for chunk in chunks:
            yield from map(self._decode, self._splitter.feed(chunk))
        if pause:
            yield from map(self._decode, self._splitter.flush())

    def finish(self) -> Iterator[Wire]:
        yield from map(self._decode, self._splitter.finish())

    def begin(self) -> bytes:
        return b""

    def end(self, problem: Problem | None) -> bytes:
        return b"" if problem is None else problem.encode_line()


class JsonForm(_Lines[WireBatch]):
    def __init__(self, limits: Limits) -> None:
        super().__init__(limits, partial(decode_block, limits=limits))

    def encode(self, wire: WireBatch, decided: Decided, tables: Tables) -> Bytes:
        return encode_answers(wire, decided, tables)


class JsonEvents(_Lines[EventWire]):
    def __init__(self, terms: EventTerms) -> None:
        super().__init__(terms.limits, partial(decode_event_block, terms=terms))

    def encode(self, wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent]) -> Bytes:
        return bytes(encode_event_json(wire, ack, refused))


class ArrowForm:
    name = "arrow"
    media_type = ARROW

    def __init__(self, limits: Limits) -> None:
        self._decoder = ArrowStreamDecoder(limits)

    @property
    def kept_bytes(self) -> int:
        return self._decoder.kept_bytes

    def limit_rows(self, rows_max: int) -> None:
        self._decoder.rows_max = rows_max

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[WireBatch]:
        yield from self._decoder.feed(chunks, pause)

    def finish(self) -> Iterator[WireBatch]:
        yield from self._decoder.finish()

    def begin(self) -> bytes:
        return begin_arrow()

    def encode(self, wire: WireBatch, decided: Decided, tables: Tables) -> Bytes:
        return encode_arrow(wire, decided.ack, decided.shard_of_row, tables.nodes.ids, tables.skus.ids)

    def end(self, problem: Problem | None) -> bytes:
        return end_arrow(_told(problem))


class ArrowEvents:
    name = "arrow"
    media_type = ARROW

    def __init__(self, terms: EventTerms) -> None:
        self._decoder = EventStreamDecoder(terms)

    @property
    def kept_bytes(self) -> int:
        return self._decoder.kept_bytes

    def limit_rows(self, rows_max: int) -> None:
        self._decoder.rows_max = rows_max

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[EventWire]:
        yield from self._decoder.feed(chunks, pause)

    def finish(self) -> Iterator[EventWire]:
        yield from self._decoder.finish()

    def begin(self) -> bytes:
        return begin_event_arrow()

    def encode(self, wire: EventWire, ack: pa.RecordBatch, refused: list[RefusedEvent]) -> Bytes:
        return encode_event_arrow(wire, ack, refused)

    def end(self, problem: Problem | None) -> bytes:
        return end_event_arrow(_told(problem))


def _told(problem: Problem | None) -> tuple[str, str] | None:
    """Code and sentence of a problem as a row of an answer has them."""
    return None if problem is None else (problem.members.get("reason", problem.code), problem.detail)


def encode_answers(wire: WireBatch, decided: Decided, tables: Tables) -> bytes:
    """Acknowledgements of a batch as JSON lines, in order of arrival."""
    return bytes(encode_json(wire, decided.ack, decided.shard_of_row, tables.nodes.ids, tables.skus.ids))


def form_of(request: BaseRequest, limits: Limits) -> OrderForm:
    """The form that a body's media type asks for."""
    media_type = media_type_of(request)
    if media_type == NDJSON:
        return JsonForm(limits)
    if media_type == ARROW:
        return ArrowForm(limits)
    raise Problem(
        "unsupported_media_type",
        f"Content-Type {media_type[:80]!r} is not an order stream; send {NDJSON} or {ARROW}.",
        accepted=[NDJSON, ARROW],
    )
