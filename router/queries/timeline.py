"""The history of one order: every change of its version, oldest first."""

from __future__ import annotations

from router.life.event_types import OrderEvent
from router.life.states import STATE_OF_STATUS, pack_state
from router.log.columns import STATUS_NAMES
from router.log.kinds import Kind
from router.queries.order import reference_text
from router.queries.source import Found, RecordSource, Row, Step, step_at
from router.queries.text import state_names, time_text
from router.reasons import codes


def timeline_view(shard: int, found: Found, source: RecordSource) -> Row | None:
    """The order's id and its entries, walked from the newest record back; None while nothing is durable."""
    newest, state, version = found
    entries: list[Row] = []
    order_id = None
    reference = newest
    while reference >= 0:
        step = step_at(source, reference)
        if step is None:
            return None
        order_id = step.given["order_id"]
        entries.append(_entry(shard, step))
        reference = step.outcome["previous"]
    return {"order_id": order_id, **state_names(state), "version": version, "entries": entries[::-1]}


def _entry(shard: int, step: Step) -> Row:
    made = {
        "version": step.outcome["version"],
        "at": time_text(step.now_ms),
        "cursor": reference_text(shard, step.reference),
    }
    return made | (_decided(step) if step.kind is Kind.ORDERS else _reported(step))


def _decided(step: Step) -> Row:
    status = step.outcome["status"]
    after = state_names(pack_state(STATE_OF_STATUS[status], step.given["payment"]))
    return {
        "type": "order",
        "status": STATUS_NAMES[status],
        "from": None,
        "to": after["state"],
        "payment_from": None,
        "payment_to": after["payment_state"],
        "reasons": codes(step.given["reasons"] | step.outcome["reasons"]),
    }


def _reported(step: Step) -> Row:
    before, after = state_names(step.outcome["before"]), state_names(step.outcome["after"])
    return {
        "type": OrderEvent(step.given["event"]).name.lower(),
        "from": before["state"],
        "to": after["state"],
        "payment_from": before["payment_state"],
        "payment_to": after["payment_state"],
        "reasons": codes(step.outcome["reasons"]),
        "event_id": step.given["event_id"],
        "occurred_at": time_text(step.given["occurred_at_ms"]),
        "source": step.given["source"] or None,
    }
