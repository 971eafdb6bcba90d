"""Requests for money as people and programs ask for them, and what they are told of them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.collecting import OVER, Collecting, Wanted
from actors.owners.desk.once import once
from actors.owners.desk.standings import Standings
from actors.store.desk import payments
from actors.store.desk.database import Database
from actors.store.desk.ids import uuid7
from actors.store.desk.repeats import Asked
from router.bound import Bound
from router.life.instalments import left_of
from router.queries.money_standing import MoneyStanding
from router.queries.text import time_text
from router.work.item import WorkRefused
from router.work.pay import PayAsked, PayOrder, PayRequest, PayTerms, next_instalment, pay_view

NO_REQUEST = "No request for money has this id; GET /v1/orders/{order_id}/payments lists those of an order."


class Payments:
    """For any thread."""

    def __init__(self, database: Database, collecting: Collecting, standings: Standings, terms: PayTerms) -> None:
        self._database = database
        self._collecting = collecting
        self._standings = standings
        self._terms = terms

    def ask(self, asked: PayAsked) -> bytes:
        """A new request as JSON, durable; raises PayRefused and WorkRefused with nothing done."""
        with self._database.write() as connection:
            named = Asked(asked.caller, asked.key, asked.digest)
            return once(connection, named, asked.now_ms, lambda: self._ask(connection, asked))

    def one(self, request_id: str, bound: Bound) -> bytes:
        with self._database.read() as connection:
            found = payments.find(connection, request_id)
        if found is None or not found.is_of(bound):
            raise WorkRefused("payment_not_found", NO_REQUEST)
        return msgspec.json.encode(self._view(found))

    def of_order(self, order_key: str) -> bytes:
        """All requests of an order, its plan, and in which ways it can be paid."""
        standing = self._standings.now(order_key)
        with self._database.read() as connection:
            found, known = payments.of_order(connection, order_key), payments.order(connection, order_key)
        return msgspec.json.encode(
            {
                "payments": [self._view(request) for request in found],
                "failures": known.failures,
                "plan": _plan(known, standing),
                "offers": [] if standing is None else self._offers(known, standing),
            }
        )

    def _ask(self, connection: Connection, asked: PayAsked) -> bytes:
        if asked.plan:
            plan, percents = list(asked.plan), list(asked.percents)
            self._collecting.agree(connection, asked.order_key, plan, percents, asked.caller, asked.now_ms)
        wanted = Wanted(uuid7(asked.now_ms), asked.method, asked.amount_minor, asked.caller)
        return msgspec.json.encode(
            self._view(self._collecting.begin(connection, asked.order_key, wanted, asked.now_ms))
        )

    def _view(self, request: PayRequest) -> dict[str, Any]:
        return pay_view(request, self._terms.transfer_to, time_text(request.expires_ms), time_text(request.asked_ms))

    def _offers(self, known: PayOrder, standing: MoneyStanding) -> list[dict[str, Any]]:
        """What can be said to ``POST`` of the same path: a link, and others once payments have failed often enough."""
        terms = self._terms
        if standing.due_minor <= 0 or standing.order in OVER:
            return []
        lefts = known.lefts(standing.captured_minor, standing.due_minor) if known.instalments else []
        number = next_instalment(lefts)
        amount = {"amount": lefts[number - 1] if number else standing.due_minor}
        offers: list[dict[str, Any]] = [{"method": "link", **amount, "instalments": None}] if terms.partner else []
        if not 0 < terms.other_ways_after <= known.failures:
            return offers
        if terms.transfer_to:
            offers.append({"method": "bank_transfer", **amount, "instalments": None})
        least = terms.instalments_from.get(self._standings.currency_of(standing))
        if least is not None and standing.total_minor >= least and not known.instalments:
            method = "link" if terms.partner else "bank_transfer"
            later = {"percent": 50, "falls_due": "after_shipping", "days": terms.instalment_days}
            halves = [{"percent": 50, "falls_due": "now", "days": 0}, later]
            offers.append({"method": method, "amount": (standing.due_minor + 1) // 2, "instalments": halves})
        return offers


def _plan(known: PayOrder, standing: MoneyStanding | None) -> dict[str, Any] | None:
    agreed = known.instalments
    if not agreed or standing is None:
        return None
    found = left_of(agreed, standing.captured_minor - known.before_minor, standing.due_minor)
    return {
        "agreed_by": known.agreed_by,
        "agreed_at": time_text(known.agreed_ms),
        "instalments": [
            {
                "number": number,
                "amount": now.amount_minor,
                "left": now.left_minor,
                "falls_due": each.falls,
                "days": each.days,
                "due_at": _text(known.falls_due_ms(each)),
            }
            for number, (each, now) in enumerate(zip(agreed, found, strict=True), 1)
        ],
    }


def _text(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else time_text(moment_ms)
