"""Refunds on their way: each step of a part is one transaction with what follows from it.

ask ─▶ refund, parts, refund_requested (outbox)
heard: the books have reserved it ─▶ call (database) or work item      the books refused it ─▶ failed
ended: the partner has answered ─▶ its events (outbox), done or failed     nobody knows ─▶ work item
told: the log says that money went back which is paid by hand ─▶ done
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.once import once
from actors.store.data_folder import now_ms
from actors.store.desk import calls, items, outbox, refunds
from actors.store.desk.database import Database
from actors.store.desk.ids import uuid7
from actors.store.desk.outbox import Letter
from actors.store.desk.refunds import Whole
from actors.store.desk.repeats import Asked
from adapters import _intents
from adapters._intents import OrderReference
from adapters._spec import Declined, Done
from adapters._transport.calls import Call, CallState, resumed
from router.bound import Bound
from router.config import RefundOrder
from router.ids import Scope
from router.life.refunds import ENDED, amount_of, split, without
from router.queries.text import time_text
from router.work.acts import Act, encoded, order_named
from router.work.item import WorkItem, WorkRefused, settled_in_words
from router.work.own_item import own_item, own_work_id
from router.work.refund import (
    Refund,
    RefundAsked,
    RefundPart,
    part_named,
    refund_event,
    refund_view,
    refunded_units,
)

NO_REFUND = "No refund has this id; GET /v1/orders/{order_id}/refunds lists those of an order."


class RefundTerms(NamedTuple):
    """What the configuration says of refunds."""

    scope: Scope
    partners: Mapping[str, RefundOrder]  # that give money back, and which of their payments first
    answer_ms: int  # that people have for an item
    limit_of: Callable[[str, str], int | None]  # role, currency: minor units without approval, None = any


class Refunds:
    """For any thread; methods that are given a connection write in that transaction."""

    def __init__(self, database: Database, terms: RefundTerms, clock_ms: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._terms = terms
        self._clock_ms = clock_ms

    # --- asked from outside ----------------------------------------------------------------------

    def ask(self, asked: RefundAsked) -> bytes:
        """A new refund as JSON, durable; raises RefundRefused and WorkRefused with nothing done."""
        with self._database.write() as connection:
            named = Asked(asked.caller, asked.key, asked.digest)
            return once(connection, named, asked.now_ms, lambda: self._ask(connection, asked))

    def one(self, refund_id: str, bound: Bound) -> bytes:
        with self._database.read() as connection:
            found = refunds.find(connection, refund_id)
        if found is None or not found[0].is_of(bound):
            raise WorkRefused("refund_not_found", NO_REFUND)
        return msgspec.json.encode(_view(*found))

    def of_order(self, order_key: str) -> bytes:
        with self._database.read() as connection:
            found = refunds.of_order(connection, order_key)
        return msgspec.json.encode({"refunds": [_view(*whole) for whole in found.values()]})

    def _ask(self, connection: Connection, asked: RefundAsked) -> bytes:
        before = refunds.of_order(connection, asked.order_key)
        money = asked.money._replace(captures=without(asked.money.captures, _unheard(before)))
        amount_minor = amount_of(money, asked.units, asked.amount_minor, refunded_units(before))
        limit_minor = self._terms.limit_of(asked.role, money.currency)
        refund = Refund(
            refund_id=uuid7(asked.now_ms),
            order_key=asked.order_key,
            order_id=asked.order_id,
            channel=asked.channel,
            seller=asked.seller,
            order_version=money.version,
            currency=money.currency,
            amount_minor=amount_minor,
            lines=msgspec.json.encode(asked.units).decode(),
            reason=asked.reason,
            approval="given" if limit_minor is None or amount_minor <= limit_minor else "awaited",
            asked_by=asked.caller,
            asked_ms=asked.now_ms,
        )
        parts = [
            RefundPart(
                refund_id=refund.refund_id,
                number=number,
                payment_id=part.payment_id,
                partner=part.partner if part.payment_id and part.partner in self._terms.partners else "",
                amount_minor=part.amount_minor,
                state="requested",
                changed_ms=asked.now_ms,
            )
            for number, part in enumerate(split(amount_minor, money.captures, self._terms.partners))
        ]
        refunds.add(connection, refund, parts)
        outbox.put_in(connection, [self._letter(refund, part, "refund_requested", asked.now_ms) for part in parts])
        if refund.approval == "awaited":
            why = f"{asked.caller} asks for {amount_minor} {money.currency} (minor units); {asked.reason}"
            self._raise(connection, "refund_to_approve", refund, refund.refund_id, why, asked.now_ms)
        return msgspec.json.encode(_view(refund, parts))

    # --- heard of the books ----------------------------------------------------------------------

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now: int) -> None:
        """What became of an event of the outbox, which may have been the first of a part."""
        found = _part_of(connection, letter.event_id)
        if found is None or found[1].state != "requested":
            return
        refund, part = found
        if answer["status"] == "refused":
            detail = f"the order did not take it ({answer['reason']}): {answer['detail']}"
            refunds.put_part(connection, part.now("failed", now, detail))
            self._settle_approval(connection, refund, now)
        else:
            self._go_on(connection, refund, part.now("reserved", now), now)

    def _settle_approval(self, connection: Connection, refund: Refund, now: int) -> None:
        """Where nothing of a refund is left to be sent, nobody has to approve it any more."""
        whole = refunds.find(connection, refund.refund_id)
        item = items.find(connection, own_work_id("refund_to_approve", refund.refund_id))
        if item is not None and whole is not None and all(part.state in ENDED for part in whole[1]):
            items.replace(connection, settled_in_words(item, "the order did not take the refund", now))

    def _go_on(self, connection: Connection, refund: Refund, part: RefundPart, now: int) -> None:
        """A part that the books have reserved, as far as it may go."""
        if refund.approval == "refused":
            return self._fail(connection, refund, part, "refused by a person", now)
        if refund.approval == "awaited":
            return refunds.put_part(connection, part)
        if part.partner:
            refunds.put_part(connection, part.now("sent", now))
            calls.begin(connection, Call(partner=part.partner, intent=self._intent(refund, part), next_at_ms=now))
            return None
        refunds.put_part(connection, part.now("by_hand", now))
        why = f"{part.amount_minor} {refund.currency} (minor units) of payment {part.payment_id or 'without a name'}"
        return self._raise(connection, "refund_by_hand", refund, part.key, why, now)

    def _intent(self, refund: Refund, part: RefundPart) -> _intents.Refund:
        named = order_named(refund.order_id, refund.channel, refund.seller, self._terms.scope)
        return _intents.Refund(
            key=part.key,
            order=OrderReference(**named),
            payment_id=part.payment_id,
            amount_minor=part.amount_minor,
            currency=refund.currency,
            reason=refund.reason,
        )

    # --- decided by people -----------------------------------------------------------------------

    def decided(self, connection: Connection, item: WorkItem, act: Act) -> None:
        """What resolving an item means for the refund it is about."""
        if act.approve is not None and item.kind != "refund_to_approve":
            raise WorkRefused("bad_parameter", "approve is said of a refund that waits for it; leave it out.")
        whole = refunds.of_order(connection, item.order_key).values() if item.kind.startswith("refund_") else ()
        for refund, parts in whole:
            if item.kind == "refund_to_approve" and item.work_id == own_work_id(item.kind, refund.refund_id):
                self._approve(connection, refund, parts, act)
            for part in parts:
                if item.kind == "refund_stuck" and part.state == "sent":
                    self._unstick(connection, item, part, act)

    def _approve(self, connection: Connection, refund: Refund, parts: Sequence[RefundPart], act: Act) -> None:
        if act.approve is None:
            raise WorkRefused("bad_parameter", "approve is needed: true sends the money, false leaves it.")
        limit_minor = self._terms.limit_of(act.role, refund.currency)
        if act.approve and limit_minor is not None and refund.amount_minor > limit_minor:
            said = f"The role {act.role} may approve {limit_minor} {refund.currency} at most; ask another role."
            raise WorkRefused("work_conflict", said)
        refund = msgspec.structs.replace(refund, approval="given" if act.approve else "refused")
        refunds.put(connection, refund)
        items.mark_settled(connection, own_work_id("refund_to_approve", refund.refund_id), act.now_ms)
        for part in parts:
            if part.state == "reserved":
                self._go_on(connection, refund, part, act.now_ms)

    def _unstick(self, connection: Connection, item: WorkItem, part: RefundPart, act: Act) -> None:
        """Reports are looked for in the log then; without any the partner is asked again."""
        call = calls.find(connection, part.partner, part.key)
        if call is None or call.state is not CallState.STUCK or item.work_id != stuck_id(call):
            return
        if act.events:
            refunds.put_part(connection, part.now("by_hand", act.now_ms))
        else:
            calls.keep(connection, resumed(call, act.now_ms))

    # --- answered by partners --------------------------------------------------------------------

    def ended(self, connection: Connection, call: Call) -> None:
        """What follows from a call that is final; twice the same where the answer of the database was lost."""
        now, outcome = self._clock_ms(), call.outcome
        events = outcome.events if isinstance(outcome, Done | Declined) else ()
        found = _part_of(connection, call.key) if isinstance(call.intent, _intents.Refund) else None
        if found is None or found[1].state in ENDED:
            return
        refund, part = found
        if isinstance(outcome, Done):
            if not events:
                outbox.put_in(connection, [self._letter(refund, part, "payment_refunded", now)])
            refunds.put_part(connection, part.now("done", now))
        elif isinstance(outcome, Declined):
            self._fail(connection, refund, part, f"{part.partner} refuses ({outcome.code}): {outcome.detail}", now)
        else:
            why = f"{part.amount_minor} {refund.currency} (minor units) of payment {part.payment_id} at {part.partner}"
            item = own_item("refund_stuck", refund, _stuck_cause(call), why, now, self._terms.answer_ms)
            items.add(connection, [item])

    def _fail(self, connection: Connection, refund: Refund, part: RefundPart, detail: str, now: int) -> None:
        """What was reserved for it is free again."""
        part = part.now("failed", now, detail)
        refunds.put_part(connection, part)
        outbox.put_in(connection, [self._letter(refund, part, "refund_failed", now)])

    # --- letters and items -----------------------------------------------------------------------

    def _raise(self, connection: Connection, kind: str, refund: Refund, cause: str, why: str, now: int) -> None:
        items.add(connection, [own_item(kind, refund, cause, why, now, self._terms.answer_ms)])

    def _letter(self, refund: Refund, part: RefundPart, event_type: str, now: int) -> Letter:
        event = refund_event(refund, part, event_type, str(time_text(now)), self._terms.scope)
        return Letter(event["event_id"], "", refund.order_key, encoded(event), now)


def _unheard(before: Mapping[str, Whole]) -> dict[str, int]:
    """By payment, what was asked for and the books have not answered yet."""
    unheard: dict[str, int] = {}
    for _, parts in before.values():
        for part in parts:
            if part.state == "requested":
                unheard[part.payment_id] = unheard.get(part.payment_id, 0) + part.amount_minor
    return unheard


def _part_of(connection: Connection, text: str) -> tuple[Refund, RefundPart] | None:
    """The part whose key, or first event, is named so."""
    named = part_named(text)
    found = None if named is None else refunds.find(connection, named[0])
    return None if named is None or found is None else (found[0], found[1][named[1]])


def _stuck_cause(call: Call) -> str:
    return f"{call.key}:{call.sent_at_ms}"


def stuck_id(call: Call) -> str:
    """Id of the work item that nobody knows what became of a call."""
    return own_work_id("refund_stuck", _stuck_cause(call))


def _view(refund: Refund, parts: Sequence[RefundPart]) -> dict[str, Any]:
    return refund_view(refund, parts, time_text(refund.asked_ms))
