"""``POST /v1/availability`` and ``POST /v1/quotes``: what could be promised now. Neither takes anything."""

from __future__ import annotations

import re
import time
from typing import TypeVar

import msgspec
import numpy as np
import orjson
import pyarrow as pa
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.other_orders import told_of_others
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders, when_free
from actors.gateway.http.forms import encode_answers
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, Answer, Caller, Reply, caller_of
from actors.gateway.http.shapes import AvailabilityAsked, Place
from actors.process.names import LEDGER
from actors.store.data_folder import DataFolder
from actors.store.mapped import SharedArenaReader
from router.arrow.arena import BlockBusy
from router.arrow.arrays import from_message, to_message
from router.bound import Bound
from router.ledger.shown_cells import CellsReader
from router.log.columns import ACK, QUOTE, WIRE_SKUS
from router.queries.availability import available
from router.shard.split_batch import Decided
from router.wire.batch import WireBatch
from router.wire.foreign import without_foreign
from router.wire.ndjson import decode_bodies

SKUS_MAX = 10_000
CELLS_MAX = 1_000_000  # SKUs x nodes: some 10 ms of the event loop
QUOTES_MAX = 1_000
_ANY_JSON = msgspec.json.Decoder(msgspec.Raw)  # walks through a body and builds nothing
_FIELD = re.compile(r"required field `(?P<missing>\w+)`|`\$\.(?P<wrong>[^`]+)`$")  # in the sentences of msgspec

T = TypeVar("T")


class _Several(msgspec.Struct):
    orders: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class PromiseEndpoint:
    def __init__(self, core: Core, data: DataFolder, own: OrderReaders) -> None:
        """``own``: of the event loop."""
        self._core = core
        self._own = own
        self._cells = CellsReader(SharedArenaReader(data.shared / LEDGER))
        self._asked = msgspec.json.Decoder(AvailabilityAsked)
        self._several = msgspec.json.Decoder(_Several)

    async def availability(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        return json_response(await self._when_free(await self._json_body(request), caller_of(request).bound))

    def take(self, body: bytes, caller: Caller, reply: Reply) -> None:
        """The same without a request object."""
        try:
            answer = self._available(body, caller.bound)
        except BlockBusy:
            self._core.spawn(self._reply_when_free(body, caller.bound, reply))
        else:
            reply(answer)

    async def _reply_when_free(self, body: bytes, bound: Bound, reply: Reply) -> None:
        try:
            answer: Answer = await self._when_free(body, bound)
        except Exception as fault:
            answer = fault
        reply(answer)

    async def _when_free(self, body: bytes, bound: Bound) -> bytes:
        async def look() -> bytes:
            return self._available(body, bound)

        return await when_free(look)

    def _available(self, body: bytes, bound: Bound) -> bytes:
        """A thousand SKUs take a quarter of a millisecond, so this runs on the event loop."""
        asked = _read(self._asked, body, '{"skus": ["A", "B"]}')
        if len(asked.skus) > SKUS_MAX:
            raise Problem(
                "bad_parameter", f"One call may ask for {SKUS_MAX} SKUs; send several calls.", parameter="skus"
            )
        newest = self._core.reference.newest
        nodes = len(newest.tables.nodes.ids)
        if len(asked.skus) * nodes > CELLS_MAX:
            raise Problem(
                "bad_parameter",
                f"One call may ask for {CELLS_MAX:,} cells: {len(asked.skus)} SKUs at {nodes} nodes are more; send "
                f"{CELLS_MAX // nodes} SKUs at a time.",
                parameter="skus",
            )
        terms, place = newest.terms, asked.ship_to or Place()
        channel_name = _own_channel(asked.channel, bound)
        skus, unknown = terms.find(asked.skus)
        channel, zone = terms.channel_index(channel_name), terms.zone(place.country, place.region, place.postcode)
        found = available(self._cells, terms.layout, skus, channel, zone)
        self._core.metrics.lookups.inc(len(asked.skus))
        return newest.text.encode(found.sequence, skus, found.total, found.per_node, unknown)

    async def quotes(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        body = await self._json_body(request)
        orders = _read(self._several, body, 'one order, or {"orders": [...]}').orders
        bodies = [body] if orders is msgspec.UNSET else [bytes(order) for order in orders]
        if len(bodies) > QUOTES_MAX:
            raise Problem("bad_parameter", f"One call may ask for {QUOTES_MAX} quotes.", parameter="orders")
        quotes = await self._quote(bodies, caller_of(request))
        return json_response(quotes[0] if orders is msgspec.UNSET else b'{"quotes":[' + b",".join(quotes) + b"]}")

    async def _quote(self, bodies: list[bytes], caller: Caller) -> list[bytes]:
        """Quotes of all, as much work at a time as orders are decided: neighbours' orders get in between."""
        wire = decode_bodies(bodies, self._core.config.limits)
        if not caller.bound.is_open:
            wire = without_foreign(wire, caller.bound)
        quotes = list[bytes]()
        for part in self._core.decider.cut(wire):
            async with self._core.quoting.enter(caller.name, 0):
                quotes += await self._quote_part(part, caller.bound)
        return quotes

    async def _quote_part(self, wire: WireBatch, bound: Bound) -> list[bytes]:
        batch = pa.RecordBatch.from_pylist([], schema=QUOTE)
        if wire.orders.num_rows:
            skus = to_message(pa.RecordBatch.from_arrays([wire.skus], schema=WIRE_SKUS))
            message = await self._core.backend.quote(to_message(wire.orders), skus, time.time_ns() // 1_000_000)
            batch = from_message(message, QUOTE)
        decided = Decided(batch.select(ACK.names), np.zeros(batch.num_rows, np.int32))
        told, decided = told_of_others(self._own, wire, decided, bound)
        lines = encode_answers(told, decided, self._core.reference.tables_for(decided.ack)).splitlines()
        for position, cost in zip(wire.positions.tolist(), batch.column("cost_minor").to_pylist(), strict=True):
            # A quote is no order and has no record that a cursor could name.
            lines[position] = orjson.dumps(orjson.loads(lines[position]) | {"cursor": None, "cost": cost})
        return lines

    async def _json_body(self, request: BaseRequest) -> bytes:
        media_type = media_type_of(request)
        if media_type not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send {JSON}, not {media_type[:80]!r}.")
        return await read_body(request, self._core.config.limits)


def _own_channel(asked: str, bound: Bound) -> str:
    """The channel that units are looked up for; who is bound to one need not say so."""
    if not bound.channels or asked in bound.channels:
        return asked
    if not asked and bound.channel:
        return bound.channel
    names = ", ".join(sorted(bound.channels)[:8])
    raise Problem("bad_parameter", f"This key is for the channels {names}; name one of them.", parameter="channel")


def _read(decoder: msgspec.json.Decoder[T], body: bytes, wanted: str) -> T:
    """The body as the decoder reads it; ``wanted`` shows the right form to who sent another one."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as fault:
        _read(_ANY_JSON, body, wanted)  # the decoder stopped at a wrong type; what is behind it may be no JSON
        raise Problem("bad_parameter", f"{fault}; send {wanted}.", parameter=_field_of(fault)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Problem("bad_json", f"{fault}; send {wanted}.") from None


def _field_of(fault: msgspec.ValidationError) -> str:
    """The field that is missing or of a wrong type; "body" where the document is no object."""
    found = _FIELD.search(str(fault))
    return str(found["missing"] or found["wrong"]) if found else "body"
