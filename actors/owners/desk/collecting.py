"""Money on its way in: each step of a request for it is one transaction with what follows from it.

    begin    the request; what was open before is cancelled first      ─▶ go on
    go on    nothing else of the order is open: a call to the partner, or a transfer by its reference
    ended    the partner has answered: open, failed; cancelled          ─▶ go on
    look again    the order has changed: what is not due any more is not asked for any more

A link that may be paid is never left behind another one: two requests of an order are not open at once.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.by_itself import letter_of
from actors.owners.desk.standings import Standings
from actors.store.desk import calls, due, items, outbox, payments
from adapters import _intents
from adapters._intents import CancelLink, Link, OrderReference, PayLink
from adapters._spec import Declined, Done
from adapters._transport.calls import Call
from router.life.instalments import Instalment, parts_of
from router.life.states import OrderState
from router.queries.money_standing import MoneyStanding
from router.work.acts import order_named
from router.work.item import settled_in_words
from router.work.kinds import KINDS, OWN_SOURCE
from router.work.own_item import own_item, own_work_id
from router.work.pay import (
    Method,
    PayOrder,
    PayRefused,
    PayRequest,
    PayTerms,
    next_instalment,
    request_id_of,
    request_of_call,
    transfer_reference,
)
from router.work.told import NEVER_MS

OVER = (OrderState.CANCELLED, OrderState.RETURNED, OrderState.REJECTED)
NOTHING_DUE = "nothing is due of the order any more"


class Wanted(NamedTuple):
    """A request that is to be made."""

    request_id: str
    method: Method
    amount_minor: int | None  # None = the next instalment, or all that is due
    asked_by: str
    within_ms: int = 0  # 0 = as long as links live


class Collecting:
    """For any thread; every method writes in the transaction it is given."""

    def __init__(self, standings: Standings, terms: PayTerms, followed: set[int]) -> None:
        """``followed``: the low halves of the keys of orders whose changes are looked at."""
        self._standings = standings
        self._terms = terms
        self._followed = followed

    # --- asked for -------------------------------------------------------------------------------

    def standing(self, order_key: str) -> MoneyStanding:
        """Of an order that owes something; from now on its changes are looked at. Raises PayRefused."""
        self._followed.add(int(order_key[16:], 16))
        standing = self._standings.now(order_key)
        if standing is None or standing.due_minor <= 0 or standing.order in OVER:
            raise PayRefused("payment_refused", "Nothing is due of the order; there is nothing to ask for.")
        return standing

    def agree(self, connection: Connection, order_key: str, plan: list[Instalment], percents: list[int],
              caller: str, now_ms: int) -> None:  # fmt: skip
        """What is due, in these parts from now on; ``plan`` says when each falls due. Raises PayRefused."""
        standing, known = self.standing(order_key), payments.order(connection, order_key)
        amounts = parts_of(standing.due_minor, percents)
        if min(amounts) == 0:
            raise PayRefused("payment_refused", f"{standing.due_minor} is too little for {len(plan)} instalments.")
        agreed = [each._replace(amount_minor=amount) for each, amount in zip(plan, amounts, strict=True)]
        payments.put_order(
            connection,
            msgspec.structs.replace(
                known,
                plan=msgspec.json.encode(agreed).decode(),
                agreed_by=caller,
                agreed_ms=now_ms,
                before_minor=standing.captured_minor,
            ),
        )

    def begin(self, connection: Connection, order_key: str, wanted: Wanted, now_ms: int) -> PayRequest:
        """A new request, in place of what was open; raises PayRefused. The one that is there, where it has this id."""
        known = payments.find(connection, wanted.request_id)
        if known is not None:
            return known
        standing = self.standing(order_key)
        request = self._request(connection, order_key, standing, wanted, now_ms)
        before = payments.of_order(connection, order_key)
        payments.add(connection, request)
        for each in before:
            self.close(connection, each, "another request took its place", now_ms)
        self.go_on(connection, order_key, now_ms)
        made = payments.find(connection, request.request_id)
        assert made is not None
        return made

    def _request(
        self, connection: Connection, order_key: str, standing: MoneyStanding, wanted: Wanted, now_ms: int
    ) -> PayRequest:
        number, amount_minor = self._amount(payments.order(connection, order_key), standing, wanted.amount_minor)
        expires_ms = now_ms + (wanted.within_ms or self._terms.link_lives_ms)
        return PayRequest(
            request_id=wanted.request_id,
            order_key=order_key,
            order_id=standing.order_id,
            channel=standing.channel,
            seller=standing.seller,
            order_version=standing.version,
            currency=self._standings.currency_of(standing),
            amount_minor=amount_minor,
            instalment=number,
            method=wanted.method,
            partner=self._way(wanted.method),
            state="requested",
            expires_ms=min(expires_ms, _ends_ms(connection, standing)),
            asked_by=wanted.asked_by,
            asked_ms=now_ms,
            changed_ms=now_ms,
        )

    def _way(self, method: Method) -> str:
        """Who is asked for it; "" = nobody. Raises PayRefused."""
        if method == "link" and not self._terms.partner:
            said = "method: no partner makes payment links; name one in [payments] partner, or ask for a bank_transfer."
            raise PayRefused("payment_refused", said)
        if method == "bank_transfer" and not self._terms.transfer_to:
            said = "method: there is no account to transfer to; name it in [payments] transfer_to, or ask for a link."
            raise PayRefused("payment_refused", said)
        return self._terms.partner if method == "link" else ""

    def _amount(self, known: PayOrder, standing: MoneyStanding, amount_minor: int | None) -> tuple[int, int]:
        """Which instalment, and how much; raises PayRefused."""
        lefts = known.lefts(standing.captured_minor, standing.due_minor) if known.instalments else []
        number = next_instalment(lefts)
        wanted = amount_minor or (lefts[number - 1] if number else standing.due_minor)
        if wanted > standing.due_minor:
            said = f"{wanted} cannot be asked for: {standing.due_minor} is due. Ask for {standing.due_minor} at most."
            raise PayRefused("payment_refused", said, standing.due_minor)
        return number, wanted

    # --- on its way ------------------------------------------------------------------------------

    def close(self, connection: Connection, request: PayRequest, why: str, now_ms: int) -> None:
        """It is not to be paid any more; a link is cancelled at its partner first."""
        if not request.is_live or request.closing:
            return None
        if request.state == "requested" or not request.partner:
            return payments.put(connection, request.now("cancelled", now_ms, why))
        request = msgspec.structs.replace(request.now(request.state, now_ms, why), closing=1)
        payments.put(connection, request)
        if request.state == "open":
            self._cancel_link(connection, request, now_ms)
        return None

    def go_on(self, connection: Connection, order_key: str, now_ms: int) -> None:
        """The request that waits, when nothing else of the order can be paid any more."""
        found = payments.of_order(connection, order_key)
        waiting = [request for request in found if request.state == "requested"]
        if not waiting or any(request.state in ("sent", "open") for request in found):
            return None
        request, standing = waiting[-1], self._standings.now(order_key)
        amount_minor = min(request.amount_minor, 0 if standing is None else standing.due_minor)
        if amount_minor <= 0:
            return payments.put(connection, request.now("cancelled", now_ms, NOTHING_DUE))
        request = msgspec.structs.replace(request, amount_minor=amount_minor)
        if not request.partner:
            reference = transfer_reference(request.request_id)
            return payments.put(connection, msgspec.structs.replace(request.now("open", now_ms), payment_id=reference))
        payments.put(connection, request.now("sent", now_ms))
        intent = PayLink(
            key=request.call_key("link"),
            order=self._reference(request),
            amount_minor=request.amount_minor,
            currency=request.currency,
            expires_ms=request.expires_ms,
        )
        calls.begin(connection, Call(partner=request.partner, intent=intent, next_at_ms=now_ms))
        return None

    def _cancel_link(self, connection: Connection, request: PayRequest, now_ms: int) -> None:
        intent = CancelLink(
            key=request.call_key("cancel"), order=self._reference(request), payment_id=request.payment_id
        )
        calls.begin(connection, Call(partner=request.partner, intent=intent, next_at_ms=now_ms))

    def _reference(self, request: PayRequest) -> OrderReference:
        return OrderReference(**order_named(request.order_id, request.channel, request.seller, self._terms.scope))

    # --- answered by partners --------------------------------------------------------------------

    def ended(self, connection: Connection, call: Call, now_ms: int) -> None:
        """What follows from a call that is final; twice the same where the answer of the database was lost."""
        named = request_of_call(call.key) if isinstance(call.intent, PayLink | CancelLink) else None
        request = None if named is None else payments.find(connection, named)
        if request is None:
            return
        if isinstance(call.intent, _intents.PayLink):
            self._link_made(connection, request, call, now_ms)
        else:
            self._link_cancelled(connection, request, call, now_ms)
        self.go_on(connection, request.order_key, now_ms)

    def _link_made(self, connection: Connection, request: PayRequest, call: Call, now_ms: int) -> None:
        if request.state != "sent":
            return None
        outcome = call.outcome
        if isinstance(outcome, Done) and isinstance(outcome.result, Link):
            link = outcome.result
            request = msgspec.structs.replace(
                request.now("open", now_ms),
                payment_id=link.payment_id,
                pay_url=link.url,
                expires_ms=min(request.expires_ms, link.expires_ms or request.expires_ms),
            )
            payments.put(connection, request)
            return self._cancel_link(connection, request, now_ms) if request.closing else None
        said = f"({outcome.code}): {outcome.detail}" if isinstance(outcome, Declined) else "no answer that can be used"
        failed = request.now("failed", now_ms, f"{request.partner} makes no link {said}")
        payments.put(connection, failed)
        if failed.instalment and failed.asked_by == OWN_SOURCE:
            self.raise_overdue(connection, failed, now_ms)
        return None

    def _link_cancelled(self, connection: Connection, request: PayRequest, call: Call, now_ms: int) -> None:
        """Where the partner does not cancel it, because somebody has paid say, it stays open until that is heard of,
        or its time is over; what took its place waits for that."""
        if request.state != "open":
            return None
        if isinstance(call.outcome, Done):
            return payments.put(connection, request.now("cancelled", now_ms))
        said = call.outcome.detail if isinstance(call.outcome, Declined) else "no answer that can be used"
        payments.put(connection, request.now("open", now_ms, f"{request.partner} does not cancel the link: {said}"))
        return None

    # --- changed by the order --------------------------------------------------------------------

    def look_again(self, connection: Connection, order_key: str, now_ms: int) -> None:
        """After a change of the order, what is asked for is not more than what is due, and a plan goes on."""
        standing = self._standings.now(order_key)
        known = payments.order(connection, order_key)
        for request in payments.of_order(connection, order_key):
            if request.is_live and not request.closing:
                self._shrink(connection, request, _due_for(request, known, standing), now_ms)
        self.go_on(connection, order_key, now_ms)
        if standing is not None and known.instalments:
            self._go_on_with_plan(connection, known, standing, now_ms)

    def _shrink(self, connection: Connection, request: PayRequest, due_minor: int, now_ms: int) -> None:
        if request.left_minor <= due_minor:
            return
        self.close(connection, request, "less is due now" if due_minor else NOTHING_DUE, now_ms)
        if due_minor:
            again = request_id_of(f"{request.request_id}:{due_minor}")
            wanted = Wanted(again, request.method, due_minor, OWN_SOURCE, request.expires_ms - now_ms)
            with contextlib.suppress(PayRefused):  # who made the links is not configured any more
                self.begin(connection, request.order_key, wanted, now_ms)

    def _go_on_with_plan(self, connection: Connection, known: PayOrder, standing: MoneyStanding, now_ms: int) -> None:
        """The first instalment confirms the order; what is paid is overdue no more; the next one has its time."""
        lefts = known.lefts(standing.captured_minor, standing.due_minor)
        if not lefts[0] and standing.captured_minor > known.before_minor:
            self._confirm(connection, standing, now_ms)
        for number, left in enumerate(lefts, 1):
            item = items.find(connection, own_work_id("instalment_overdue", overdue_cause(known.order_key, number)))
            if item is not None and not left:
                items.replace(connection, settled_in_words(item, "nothing of it is left to be paid", now_ms))
        number = next_instalment(lefts)
        falls_ms = known.falls_due_ms(known.instalments[number - 1]) if number > 1 else None
        asked = any(request.instalment == number for request in payments.of_order(connection, known.order_key))
        next_ms = 0 if asked or falls_ms is None else falls_ms
        payments.put_order(connection, msgspec.structs.replace(known, next_ms=next_ms))

    def _confirm(self, connection: Connection, standing: MoneyStanding, now_ms: int) -> None:
        """An order that is on hold for its payment alone is released, as when all of its money had come."""
        held = [each for each in due.of_places(connection, [standing.reference]) if each.kind == "paid_held"]
        outbox.put_in(connection, [letter_of(each, now_ms, now_ms, self._terms.scope) for each in held])
        due.end(connection, [each.key for each in held])

    def raise_overdue(self, connection: Connection, request: PayRequest, now_ms: int) -> None:
        why = f"instalment {request.instalment}, {request.left_minor} {request.currency} (minor units)"
        cause = overdue_cause(request.order_key, request.instalment)
        more = f"; {request.detail}" if request.detail else ""
        item = own_item("instalment_overdue", request, cause, f"{why}{more}", now_ms, self._terms.answer_ms)
        items.add(connection, [item])


def overdue_cause(order_key: str, number: int) -> str:
    return f"{order_key}:{number}"


def _due_for(request: PayRequest, known: PayOrder, standing: MoneyStanding | None) -> int:
    """What a request may still be about."""
    if standing is None or standing.order in OVER:
        return 0
    lefts = known.lefts(standing.captured_minor, standing.due_minor) if known.instalments else []
    return lefts[request.instalment - 1] if 0 < request.instalment <= len(lefts) else max(standing.due_minor, 0)


def _ends_ms(connection: Connection, standing: MoneyStanding) -> int:
    """When the order is cancelled unless it is paid: nothing of it can be paid afterwards."""
    rows = due.of_places(connection, [standing.reference])
    return min((each.due_ms for each in rows if KINDS[each.kind].patience == "expires"), default=NEVER_MS)
