"""Labels of shipments, one or many: as their carriers made them, else drawn from the orders' documents when they are
asked for. So what is erased with a document stands on no label any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderName
from actors.gateway.endpoints.queries import QueryEndpoint, sight_of
from actors.gateway.endpoints.shipments import id_of, receiver_of
from actors.gateway.endpoints.work import read_asked
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, PDF, ZPL, Handler, caller_of
from actors.gateway.http.shipment_shapes import LabelsAsked
from router.errors import Unsupported
from router.labels.label import Label
from router.labels.pdf import labels_pdf
from router.labels.zpl import labels_zpl
from router.work.item import WorkRefused
from router.work.shipment import LabelForm, LabelToPrint, Shipment

_DRAWN: Mapping[LabelForm, Callable[[Sequence[Label]], bytes]] = {"pdf": labels_pdf, "zpl": labels_zpl}


class LabelEndpoint:
    MEDIA_TYPES: ClassVar[Mapping[LabelForm, str]] = {"pdf": PDF, "zpl": ZPL}

    def __init__(self, core: Core, query: QueryEndpoint) -> None:
        self._core = core
        self._query = query

    def get(self, form: LabelForm) -> Handler:
        """The handler of one form."""
        return partial(self._get, form)

    async def _get(self, form: LabelForm, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        return await self._printed(request, [id_of(parameters)], form)

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send the print job as {JSON}.")
        asked = read_asked(await read_body(request, self._core.config.limits), LabelsAsked)
        return await self._printed(request, [id_of({"shipment_id": each}) for each in asked.shipments], asked.form)

    async def _printed(self, request: BaseRequest, shipment_ids: list[str], form: LabelForm) -> web.StreamResponse:
        try:
            found = await self._core.backend.labels(tuple(shipment_ids), caller_of(request).bound)
        except WorkRefused as fault:
            raise Problem(fault.code, str(fault)) from None
        _refuse_other_forms(found, form)
        drawn = [await self._label(request, each.shipment) for each in found]
        try:
            content = await asyncio.to_thread(_document, found, drawn, form)
        except Unsupported as fault:
            raise Problem("unsupported", str(fault)) from None
        return json_response(content, media_type=self.MEDIA_TYPES[form])

    async def _label(self, request: BaseRequest, shipment: Shipment) -> Label:
        """Of the order's document as it is now; raises Problem where that was erased."""
        scope, sight = self._core.config.order_id_scope, sight_of(request)
        channel = shipment.channel if scope == "channel" else ""
        name = OrderName(shipment.order_id, channel, shipment.seller if scope == "seller" else "")
        view = await self._query.found(request, name, lambda readers: readers.order(name, sight))
        if view["erased"]:
            said = f"The document of order {shipment.order_id} was erased, and its address with it."
            raise Problem("shipment_conflict", said)
        return Label(
            sender=self._core.reference.senders([shipment.node])[shipment.node],
            receiver=receiver_of(view),
            tracking_number=shipment.tracking_number,
            carrier=shipment.carrier,
            service=shipment.service,
            order_id=shipment.order_id,
            node=shipment.node,
            shipment_id=shipment.shipment_id,
            weight_g=shipment.weight_g,
        )


def _refuse_other_forms(found: Sequence[LabelToPrint], form: LabelForm) -> None:
    for each in found:
        if each.form not in (None, form):
            said = f"The carrier of shipment {each.shipment.shipment_id} made its label as {each.form}"
            raise Problem("shipment_conflict", f"{said}; print it so, or ask for the next one with form {form}.")
    if form == "pdf" and len(found) > 1 and any(each.form for each in found):
        said = "Labels that carriers made as PDF are printed one by one"
        raise Problem("shipment_conflict", f"{said}; ask carriers for zpl, whose labels make one job.")


def _document(found: Sequence[LabelToPrint], drawn: Sequence[Label], form: LabelForm) -> bytes:
    """In the order given; runs of our own labels are drawn together."""
    if all(each.form is None for each in found):
        return _DRAWN[form](drawn)
    pairs = zip(found, drawn, strict=True)
    return b"".join(_DRAWN[form]([label]) if each.form is None else each.content for each, label in pairs)
