"""The two forms of an order stream, JSON lines and Arrow: how bodies are read and answers are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from aiohttp.web_request import BaseRequest

from actors.gateway.core.problems import Problem
from actors.gateway.http.limits import media_type_of
from actors.gateway.http.routes import ARROW, NDJSON
from router.arrow.arrays import Bytes
from router.config import Limits
from router.shard.split_batch import Decided
from router.tables.compiled import Tables
from router.wire.ack_arrow import begin_arrow, encode_arrow, end_arrow
from router.wire.ack_json import encode_json
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireBatch
from router.wire.lines import LineSplitter
from router.wire.ndjson import decode_block


class Form(Protocol):
    """One stream's state: what was read of a body so far."""

    name: str  # in metrics
    media_type: str

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[WireBatch]:
        """Batches that are complete; with ``pause`` also those that are not as large as they might become."""

    def finish(self) -> Iterator[WireBatch]:
        """The body ended: what is left of it."""

    def begin(self) -> bytes:
        """The first bytes of the answer."""

    def encode(self, wire: WireBatch, decided: Decided, tables: Tables) -> Bytes:
        """Answers to one batch; batches may be encoded in another order than they are sent."""

    def end(self, problem: Problem | None) -> bytes:
        """The last bytes of the answer, with the problem that ended it."""


class JsonForm:
    name = "ndjson"
    media_type = NDJSON

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._splitter = LineSplitter(limits)

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[WireBatch]:
        for chunk in chunks:
            for block in self._splitter.feed(chunk):
                yield decode_block(block, self._limits)
        if pause:
            for block in self._splitter.flush():
                yield decode_block(block, self._limits)

    def finish(self) -> Iterator[WireBatch]:
        for block in self._splitter.finish():
            yield decode_block(block, self._limits)

    def begin(self) -> bytes:
        return b""

    def encode(self, wire: WireBatch, decided: Decided, tables: Tables) -> Bytes:
        return encode_answers(wire, decided, tables)

    def end(self, problem: Problem | None) -> bytes:
        return b"" if problem is None else problem.encode_line()


class ArrowForm:
    name = "arrow"
    media_type = ARROW

    def __init__(self, limits: Limits) -> None:
        self._decoder = ArrowStreamDecoder(limits)

    def feed(self, chunks: list[bytes], pause: bool) -> Iterator[WireBatch]:
        yield from self._decoder.feed(chunks, pause)

    def finish(self) -> Iterator[WireBatch]:
        yield from self._decoder.finish()

    def begin(self) -> bytes:
        return begin_arrow()

    def encode(self, wire: WireBatch, decided: Decided, tables: Tables) -> Bytes:
        return encode_arrow(wire, decided.ack, decided.shard_of_row, tables.nodes.ids, tables.skus.ids)

    def end(self, problem: Problem | None) -> bytes:
        if problem is None:
            return end_arrow(None)
        return end_arrow((problem.members.get("reason", problem.code), problem.detail))


def encode_answers(wire: WireBatch, decided: Decided, tables: Tables) -> bytes:
    """Acknowledgements of a batch as JSON lines, in order of arrival."""
    return bytes(encode_json(wire, decided.ack, decided.shard_of_row, tables.nodes.ids, tables.skus.ids))


def form_of(request: BaseRequest, limits: Limits) -> Form:
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
