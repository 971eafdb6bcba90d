"""Money that is asked for: ``POST /v1/orders/{id}/payments``, and how far it is. The desk's actor is asked."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Awaitable

from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders
from actors.gateway.endpoints.queries import QueryEndpoint, sight_of
from actors.gateway.endpoints.work import digest_of, key_of, read_asked, refuse_nul
from actors.gateway.http.payment_shapes import FigureGiven, InstalmentAsked, PayAskedBody, ReconcileAskedBody
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, caller_of
from router.life.instalments import PERCENT, Instalment
from router.life.reconciling import Figure
from router.work.item import WorkRefused
from router.work.pay import PAY_REQUEST_ID, PayAsked, PayRefused
from router.work.reconcile import ReconcileAsked


class PaymentEndpoint:
    def __init__(self, core: Core, query: QueryEndpoint, own: OrderReaders) -> None:
        """``own``: of the event loop."""
        self._core = core
        self._query = query
        self._own = own

    async def post(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send what is asked for as {JSON}.")
        body = await read_body(request, self._core.config.limits)
        asked, key = read_asked(body, PayAskedBody), key_of(request)
        if not key:
            raise Problem("bad_parameter", "Send an Idempotency-Key, so that the same money is asked for once.")
        _refuse_no_plan(asked)
        order_key = await self._order_key(request, parameters)
        wanted = PayAsked(
            order_key=order_key,
            method=asked.method,
            amount_minor=asked.amount,
            percents=tuple(each.percent for each in asked.instalments),
            plan=tuple(Instalment(0, each.falls_due, each.days) for each in asked.instalments),
            caller=caller_of(request).name,
            key=key,
            digest=digest_of(request, body),
            now_ms=time.time_ns() // 1_000_000,
        )
        return await _answered(self._core.backend.pay(wanted))

    async def get(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        request_id = parameters["payment_request_id"]
        if not PAY_REQUEST_ID.fullmatch(request_id):
            said = "No request for money has this id; POST /v1/orders/{order_id}/payments gives one."
            raise Problem("payment_not_found", said)
        return await _answered(self._core.backend.payment_of(request_id, caller_of(request).bound))

    async def list(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        return await _answered(self._core.backend.payments(await self._order_key(request, parameters)))

    async def reconcile(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send what is to be compared as {JSON}.")
        body = await read_body(request, self._core.config.limits)
        asked, key = read_asked(body, ReconcileAskedBody), key_of(request)
        if not key:
            raise Problem("bad_parameter", "Send an Idempotency-Key, so that the same comparison is made once.")
        _refuse_no_day(asked.day)
        figures = None if asked.figures is None else tuple(_figure(each) for each in asked.figures)
        refuse_nul("partner", asked.partner)
        wanted = ReconcileAsked(
            partner=asked.partner,
            day=asked.day,
            figures=figures,
            caller=caller_of(request).name,
            key=key,
            digest=digest_of(request, body),
            now_ms=time.time_ns() // 1_000_000,
        )
        return await _answered(self._core.backend.reconcile(wanted))

    async def reconciled(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        if not PAY_REQUEST_ID.fullmatch(parameters["reconciliation_id"]):
            said = "No comparison has this id; POST /v1/payments/reconcile gives one."
            raise Problem("reconciliation_not_found", said)
        return await _answered(self._core.backend.reconciled(parameters["reconciliation_id"]))

    async def _order_key(self, request: BaseRequest, parameters: dict[str, str]) -> str:
        """Of an order that there is, and that the caller may see."""
        name, sight = self._query.name(request, parameters), sight_of(request)
        await self._query.found(request, name, lambda readers: readers.order(name, sight))
        return self._own.order_key(name)


def _refuse_no_plan(asked: PayAskedBody) -> None:
    plan = asked.instalments
    if not plan:
        return
    if asked.amount is not None:
        raise Problem("bad_parameter", "amount: the first instalment says how much; leave one of the two out.")
    if len(plan) == 1 or sum(each.percent for each in plan) != PERCENT:
        raise Problem("bad_parameter", f"instalments: name two or more whose percents sum to {PERCENT}.")
    if plan[0].falls_due != "now":
        raise Problem("bad_parameter", "instalments: the first one falls due now; it is what is asked for.")
    if any(_is_without_meaning(each) for each in plan):
        raise Problem("bad_parameter", "instalments: days count from the shipping; name them with after_shipping.")


def _figure(given: FigureGiven) -> Figure:
    refuse_nul("figures", f"{given.payment_id}{given.order_id}")
    return Figure(given.payment_id, given.what, given.amount, given.currency, given.order_id)


def _refuse_no_day(day: str) -> None:
    try:
        dt.date.fromisoformat(day)
    except ValueError:
        raise Problem("bad_parameter", f"day: {day} is no day of the calendar; write 2026-11-30, say.") from None


def _is_without_meaning(each: InstalmentAsked) -> bool:
    return each.falls_due == "now" and each.days > 0


async def _answered(answer: Awaitable[bytes]) -> web.StreamResponse:
    try:
        return json_response(await answer)
    except PayRefused as fault:
        raise Problem(fault.code, str(fault), possible=fault.possible_minor) from None
    except WorkRefused as fault:
        raise Problem(fault.code, str(fault)) from None
