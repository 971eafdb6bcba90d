"""Shipments on their way: each step is one transaction with what follows from it.

ask ─▶ shipment, its units and carrier; a call for its label (database), or labelled at once where no partner is asked
ended: the carrier has answered ─▶ label kept, or work item        nobody knows ─▶ work item
ship ─▶ event ``ship`` (outbox)       heard: the books have it ─▶ shipped      they refuse it ─▶ labelled, work item
void ─▶ a call, or voided at once     ended ─▶ voided, or labelled
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.once import once
from actors.owners.desk.shipment_plan import Planning, ShipmentTerms
from actors.store.data_folder import now_ms
from actors.store.desk import calls, items, outbox, shipments
from actors.store.desk.database import Database
from actors.store.desk.outbox import Letter
from actors.store.desk.repeats import Asked
from actors.store.desk.shipments import KeptLabel
from adapters import _intents
from adapters._intents import BoughtLabel
from adapters._spec import Declined, Done
from adapters._transport.calls import Call, CallState, resumed
from router.bound import Bound
from router.queries.text import date_text, time_text
from router.work.acts import Act, encoded
from router.work.item import WorkItem, WorkRefused, settled_in_words
from router.work.own_item import own_item, own_work_id
from router.work.shipment import (
    GONE,
    LabelForm,
    LabelToPrint,
    Shipment,
    ShipmentAsked,
    Times,
    ship_event,
    shipment_named,
    shipment_view,
)

NO_SHIPMENT = "No shipment has this id; GET /v1/orders/{order_id}/shipments lists those of an order."
LABEL_BYTES_MAX = 1 << 20
OWN_FORMS: tuple[LabelForm, ...] = ("pdf", "zpl")


class Shipments:
    """For any thread; methods that are given a connection write in that transaction."""

    def __init__(self, database: Database, terms: ShipmentTerms, clock_ms: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._terms = terms
        self._planning = Planning(terms)
        self._clock_ms = clock_ms

    # --- asked from outside ----------------------------------------------------------------------

    def ask(self, asked: ShipmentAsked) -> bytes:
        """A new shipment as JSON, durable; raises ShipmentRefused and WorkRefused with nothing done."""
        with self._database.write() as connection:
            named = Asked(asked.caller, asked.key, asked.digest)
            return once(connection, named, asked.now_ms, lambda: self._ask(connection, asked))

    def one(self, shipment_id: str, bound: Bound) -> bytes:
        with self._database.read() as connection:
            return _answer(connection, _found(connection, shipment_id, bound))

    def of_order(self, order_key: str) -> bytes:
        with self._database.read() as connection:
            found = shipments.of_order(connection, order_key)
            forms = shipments.label_forms(connection, [each.shipment_id for each in found])
        return msgspec.json.encode({"shipments": [_view(each, forms.get(each.shipment_id)) for each in found]})

    def labels(self, shipment_ids: Sequence[str], bound: Bound) -> list[LabelToPrint]:
        """What is needed to print these; raises WorkRefused where one of them has no label."""
        with self._database.read() as connection:
            return [_to_print(connection, _found(connection, each, bound)) for each in shipment_ids]

    def ship(self, shipment_id: str, bound: Bound, now: int) -> bytes:
        """It is reported to the order as shipped; once, however often it is asked for."""
        with self._database.write() as connection:
            shipment = _found(connection, shipment_id, bound)
            if shipment.state in (*GONE, "voiding"):
                said = f"It is {shipment.state}, and nothing of it leaves; ask for a new shipment of the order."
                raise WorkRefused("shipment_conflict", said)
            if shipment.state == "labelled":
                shipment = self._send(connection, shipment, now)
            elif shipment.state == "requested":
                shipment = msgspec.structs.replace(shipment, is_to_ship=True)
                shipments.put(connection, shipment)
            return _answer(connection, shipment)

    def void(self, shipment_id: str, bound: Bound, now: int) -> bytes:
        """Its label is worth nothing any more, and its units are free for another shipment."""
        with self._database.write() as connection:
            shipment = _found(connection, shipment_id, bound)
            if shipment.state in ("shipping", "shipped"):
                said = (
                    "It has left. Stop it at the carrier, and report what becomes of it (`return`, `lose`, `reverse`)."
                )
                raise WorkRefused("shipment_conflict", said)
            if shipment.state == "requested":
                shipment = self._let_go(connection, shipment, now)
            elif shipment.state == "labelled":
                shipment = self._void(connection, shipment, now)
            return _answer(connection, shipment)

    def _ask(self, connection: Connection, asked: ShipmentAsked) -> bytes:
        shipment = self._planning.planned(connection, asked)
        shipments.add(connection, shipment)
        if shipment.partner:
            intent = self._planning.intent(shipment, asked)
            calls.begin(connection, Call(partner=shipment.partner, intent=intent, next_at_ms=asked.now_ms))
        else:
            number = self._planning.number_of(connection, shipment, asked.tracking_number)
            shipment = self._labelled(connection, shipment, asked.now_ms, tracking_number=number)
        return _answer(connection, shipment)

    # --- steps -----------------------------------------------------------------------------------

    def _labelled(self, connection: Connection, shipment: Shipment, now: int, **known: Any) -> Shipment:
        """It has its label; it goes on where that was asked for."""
        shipment = shipment.now("labelled", now, **known)
        if shipment.is_to_ship:
            return self._send(connection, shipment, now)
        shipments.put(connection, shipment)
        return shipment

    def _send(self, connection: Connection, shipment: Shipment, now: int) -> Shipment:
        shipment = shipment.now("shipping", now, is_to_ship=True, ship_events=shipment.ship_events + 1)
        shipments.put(connection, shipment)
        event = ship_event(shipment, str(time_text(now)), self._terms.scope)
        outbox.put_in(connection, [Letter(event["event_id"], "", shipment.order_key, encoded(event), now)])
        return shipment

    def _void(self, connection: Connection, shipment: Shipment, now: int) -> Shipment:
        if not shipment.partner:
            shipment = shipment.now("voided", now)
        else:
            shipment = shipment.now("voiding", now)
            intent = _intents.VoidLabel(key=f"{shipment.shipment_id}-void-{now}", label_id=shipment.label_id)
            calls.begin(connection, Call(partner=shipment.partner, intent=intent, next_at_ms=now))
        shipments.put(connection, shipment)
        return shipment

    def _let_go(self, connection: Connection, shipment: Shipment, now: int) -> Shipment:
        """One without a label, whose carrier nobody gets an answer from."""
        call = calls.find(connection, shipment.partner, shipment.label_key)
        if call is not None and call.state is not CallState.STUCK:
            raise WorkRefused("shipment_conflict", "Its label is on its way; void it when it is there, or has failed.")
        shipment = shipment.now("failed", now, "let go by a person; whether there is a label, its carrier knows")
        shipments.put(connection, shipment)
        return shipment

    # --- heard of the books ----------------------------------------------------------------------

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now: int) -> None:
        """What became of an event of the outbox, which may have been the ``ship`` of a shipment."""
        shipment = shipments.find(connection, shipment_named(letter.event_id))
        if shipment is None or shipment.state != "shipping":
            return
        cause = f"{shipment.shipment_id}-ship"
        if answer["status"] == "refused":
            detail = f"the order did not take it ({answer['reason']}): {answer['detail']}"
            shipments.put(connection, shipment.now("labelled", now, detail, is_to_ship=False))
            self._raise(connection, "ship_refused", shipment, f"{cause}-{shipment.ship_events}", detail, now)
            return
        shipments.put(connection, shipment.now("shipped", now, shipped_version=int(answer["version"])))
        for number in range(1, shipment.ship_events):
            item = items.find(connection, own_work_id("ship_refused", f"{cause}-{number}"))
            if item is not None:
                items.replace(connection, settled_in_words(item, "it has left", now))

    # --- answered by partners --------------------------------------------------------------------

    def ended(self, connection: Connection, call: Call) -> None:
        """What follows from a call that is final; twice the same where the answer of the database was lost."""
        now, outcome = self._clock_ms(), call.outcome
        shipment = shipments.find(connection, shipment_named(call.key))
        if shipment is None or shipment.state not in ("requested", "voiding"):
            return
        if not isinstance(outcome, Done | Declined):
            self._raise(connection, "label_stuck", shipment, _stuck_cause(call), _about(shipment), now)
        elif isinstance(call.intent, _intents.VoidLabel):
            self._voided(connection, shipment, outcome, now)
        else:
            self._bought(connection, shipment, outcome, now)
            calls.keep(connection, _without_people(call))

    def _bought(self, connection: Connection, shipment: Shipment, outcome: Done | Declined, now: int) -> None:
        if isinstance(outcome, Declined):
            detail = f"{shipment.partner} refuses ({outcome.code}): {outcome.detail}"
            shipments.put(connection, shipment.now("failed", now, detail))
            return self._raise(connection, "label_failed", shipment, shipment.shipment_id, detail, now)
        label = outcome.result
        assert isinstance(label, BoughtLabel)
        if len(label.content) <= LABEL_BYTES_MAX:
            shipments.keep_label(connection, KeptLabel(shipment.shipment_id, label.form, label.content, now))
        known = {"tracking_number": label.tracking_number, "label_id": label.label_id}
        price = {"price_minor": label.price_minor, "currency": label.currency}
        self._labelled(connection, shipment, now, **known, **price)
        return None

    def _voided(self, connection: Connection, shipment: Shipment, outcome: Done | Declined, now: int) -> None:
        if isinstance(outcome, Done):
            shipments.forget_label(connection, shipment.shipment_id)
            shipments.put(connection, shipment.now("voided", now))
        else:
            detail = f"{shipment.partner} does not void it ({outcome.code}): {outcome.detail}"
            shipments.put(connection, shipment.now("labelled", now, detail))

    # --- decided by people -----------------------------------------------------------------------

    def decided(self, connection: Connection, item: WorkItem, act: Act) -> None:
        """Resolving that nobody knows what became of a call has the carrier asked again."""
        if item.kind != "label_stuck":
            return
        for shipment in shipments.of_order(connection, item.order_key):
            for call in calls.of_keys(connection, shipment.partner, f"{shipment.shipment_id}-"):
                is_it = item.work_id == own_work_id("label_stuck", _stuck_cause(call))
                if is_it and call.state is CallState.STUCK and shipment.state in ("requested", "voiding"):
                    calls.keep(connection, resumed(call, act.now_ms))

    def _raise(self, connection: Connection, kind: str, shipment: Shipment, cause: str, why: str, now: int) -> None:
        items.add(connection, [own_item(kind, shipment, cause, why, now, self._terms.answer_ms)])


def _found(connection: Connection, shipment_id: str, bound: Bound) -> Shipment:
    shipment = shipments.find(connection, shipment_id)
    if shipment is None or not shipment.is_of(bound):
        raise WorkRefused("shipment_not_found", NO_SHIPMENT)
    return shipment


def _to_print(connection: Connection, shipment: Shipment) -> LabelToPrint:
    kept = shipments.label_of(connection, shipment.shipment_id)
    if kept is not None:
        return LabelToPrint(shipment, kept.form, kept.content)
    if shipment.has_label and not shipment.partner:
        return LabelToPrint(shipment)
    said = f"Shipment {shipment.shipment_id} is {shipment.state} and has no label here"
    remedy = "its carrier may have it still" if shipment.has_label else "GET the shipment says how far it is"
    raise WorkRefused("shipment_conflict", f"{said}; {remedy}.")


def _stuck_cause(call: Call) -> str:
    return f"{call.key}:{call.sent_at_ms}"


def _about(shipment: Shipment) -> str:
    return f"shipment {shipment.shipment_id} from {shipment.node} at {shipment.partner}"


def _without_people(call: Call) -> Call:
    """As it is kept for good: the addresses are the order's document's, where they can be erased, and the label lies
    with the shipment."""
    assert isinstance(call.intent, _intents.Label)
    nobody = _intents.Address(name="", line1="", city="", postcode="", country="")
    intent, outcome = msgspec.structs.replace(call.intent, ship_from=nobody, ship_to=nobody), call.outcome
    if isinstance(outcome, Done) and isinstance(outcome.result, BoughtLabel):
        outcome = msgspec.structs.replace(outcome, result=msgspec.structs.replace(outcome.result, content=b""))
    return msgspec.structs.replace(call, intent=intent, outcome=outcome)


def _answer(connection: Connection, shipment: Shipment) -> bytes:
    forms = shipments.label_forms(connection, [shipment.shipment_id])
    return msgspec.json.encode(_view(shipment, forms.get(shipment.shipment_id)))


def _view(shipment: Shipment, kept: LabelForm | None) -> dict[str, Any]:
    own = OWN_FORMS if shipment.has_label and not shipment.partner else ()
    times = Times(
        time_text(shipment.asked_ms), date_text(shipment.arrives_day), date_text(shipment.promised_day)
    )  # fmt: skip
    return shipment_view(shipment, own if kept is None else (kept,), times)
