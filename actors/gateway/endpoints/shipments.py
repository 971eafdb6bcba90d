"""Parcels that are to leave: ``POST /v1/orders/{id}/shipments``, how far they are, shipped, voided. The desk's actor is
asked, with what the order's books and the newest tables say."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders
from actors.gateway.endpoints.queries import QueryEndpoint, sight_of
from actors.gateway.endpoints.work import digest_of, key_of, read_asked, refuse_nul
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, caller_of
from actors.gateway.http.shipment_shapes import ShipmentAskedBody
from router.labels.address import PostalAddress, address_of
from router.life.refunds import Units
from router.life.shipments import OpenUnits, ShipmentRefused
from router.queries.shipment_basis import bands_of, promised_days, sent_parcels, unit_weights
from router.queries.source import Row
from router.work.item import WorkRefused
from router.work.shipment import SHIPMENT_ID, ShipmentAsked

_TEXTS = ("node", "carrier", "service", "tracking_number")


class ShipmentEndpoint:
    def __init__(self, core: Core, query: QueryEndpoint, own: OrderReaders) -> None:
        """``own``: of the event loop."""
        self._core = core
        self._query = query
        self._own = own

    async def post(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send the shipment as {JSON}.")
        body = await read_body(request, self._core.config.limits)
        said, key = read_asked(body, ShipmentAskedBody), key_of(request)
        for field in _TEXTS:
            refuse_nul(field, getattr(said, field))
        if not key:
            raise Problem("bad_parameter", "Send an Idempotency-Key, so that the same label is bought once.")
        name, sight = self._query.name(request, parameters), sight_of(request)
        view, opened = await self._query.found(request, name, lambda readers: readers.to_ship(name, sight))
        if view["erased"]:
            words = "The order's document was erased: nobody knows where it goes."
            raise Problem("shipment_refused", words, possible=[])
        caller, now_ms = caller_of(request), time.time_ns() // 1_000_000
        wanted = ShipmentAsked(
            order_key=self._own.order_key(name),
            order_id=view["order_id"],
            channel=view["channel"],
            seller=view["seller"] or "",
            currency=view["currency"] or "",
            version=view["version"],
            opened=tuple(opened),
            sent=sent_parcels(view),
            **self._by_tables(view, opened, now_ms),
            ship_to=receiver_of(view),
            node=said.node,
            units=tuple(Units(line.line_id, line.qty) for line in said.lines),
            carrier=said.carrier,
            service=said.service or ("" if said.carrier else _service_of(view)),
            policy=said.policy,
            weight_g=said.weight_g,
            tracking_number=said.tracking_number,
            form=said.form,
            ship=said.ship,
            caller=caller.name,
            key=key,
            digest=digest_of(request, body),
            now_ms=now_ms,
        )
        return await _answered(self._core.backend.shipment(wanted))

    def _by_tables(self, view: Row, opened: Sequence[OpenUnits], now_ms: int) -> dict[str, Any]:
        """What the newest tables say of the nodes that have units of the order."""
        newest, address = self._core.reference.newest, view["ship_to"] or {}
        nodes = list(dict.fromkeys(units.node for units in opened))
        zone = newest.terms.zone(*(str(address.get(name) or "") for name in ("country", "region", "postcode")))
        return {
            "unit_weight_g": unit_weights(view, newest.tables),
            "bands": {node: bands_of(newest.tables, node, zone, now_ms) for node in nodes},
            "promised_day": promised_days(view),
            "ship_from": self._core.reference.senders(nodes),
        }

    async def list(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        name, sight = self._query.name(request, parameters), sight_of(request)
        await self._query.found(request, name, lambda readers: readers.order(name, sight))
        return await _answered(self._core.backend.shipments(self._own.order_key(name)))

    async def get(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        return await _answered(self._core.backend.shipment_of(id_of(parameters), caller_of(request).bound))

    async def ship(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        now_ms, bound = time.time_ns() // 1_000_000, caller_of(request).bound
        return await _answered(self._core.backend.ship_shipment(id_of(parameters), bound, now_ms))

    async def void(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        now_ms, bound = time.time_ns() // 1_000_000, caller_of(request).bound
        return await _answered(self._core.backend.void_shipment(id_of(parameters), bound, now_ms))


def receiver_of(view: Row) -> PostalAddress:
    """To whom an order goes, as its document says."""
    customer = view["customer"] or {}
    address = view["ship_to"] or {}
    return address_of({"name": customer.get("name"), "phone": customer.get("phone")}, **address)


def _service_of(view: Row) -> str:
    """The service that the order asked for."""
    asked = view["shipping_request"]
    found = asked.get("service") if isinstance(asked, dict) else None
    return found if isinstance(found, str) else ""


def id_of(parameters: dict[str, str]) -> str:
    if not SHIPMENT_ID.fullmatch(parameters["shipment_id"]):
        raise Problem("shipment_not_found", "No shipment has this id; POST /v1/orders/{order_id}/shipments makes one.")
    return parameters["shipment_id"]


async def _answered(answer: Awaitable[bytes]) -> web.StreamResponse:
    try:
        return json_response(await answer)
    except ShipmentRefused as fault:
        raise Problem(fault.code, str(fault), possible=fault.possible) from None
    except WorkRefused as fault:
        raise Problem(fault.code, str(fault)) from None
