"""The history of one order: every change of its version, oldest first, with what it said and what it moved.

An entry shows what its records have: of an event from before books were opened not what it moved. Every step stands on
those before it, so a page costs what it shows and, much less, what comes before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from router.life.event_types import OrderEvent
from router.life.states import STATE_OF_STATUS, pack_state
from router.log.columns import STATUS_NAMES
from router.log.cursor import CursorError
from router.log.kinds import Kind
from router.log.steps import OrderHistory, Step, step_at
from router.queries.answered import acknowledgement_of, given_lines, priced_lines, reference_text
from router.queries.moves import Moving
from router.queries.payload import payload_of
from router.queries.source import Indexed, RecordSource, Row
from router.queries.text import state_names, time_text
from router.queries.view_terms import ViewTerms
from router.reasons import codes

PAGE = 1_000  # entries an answer


def timeline_view(
    shard: int, found: Indexed, source: RecordSource, terms: ViewTerms, cursor: str | None = None, limit: int = PAGE
) -> Row | None:
    """The order's id and up to ``limit`` entries behind a cursor; the new ``cursor`` is None at the end.

    None while the newest record is not durable. Raises CursorError where the order has no such version.
    """
    newest, state, version = found
    step = step_at(source, newest)
    if step is None:
        return None
    behind = _version_of(cursor, version)
    with terms.scratch.told(()) as books:
        moving = Moving(books, source, terms)
        entries = list(islice(_entries(shard, OrderHistory(source, newest), behind, moving, source, terms), limit))
    last = entries[-1]["version"] if entries else version
    return {
        "order_id": step.given["order_id"],
        **state_names(state),
        "version": version,
        "entries": entries,
        "cursor": None if last == version else str(last),
    }


def _version_of(cursor: str | None, newest: int) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10 and int(cursor) <= newest):
        raise CursorError(f'"{cursor[:40]}" is no cursor of this timeline; send back a cursor as it was received')
    return int(cursor)


def _entries(
    shard: int, history: OrderHistory, behind: int, moving: Moving, source: RecordSource, terms: ViewTerms
) -> Iterator[Row]:
    for piece in history.pieces():
        for step in piece:
            if step.outcome["version"] <= behind:
                moving.pass_by(step)
            else:
                yield _entry(shard, step, moving, source, terms)


def _entry(shard: int, step: Step, moving: Moving, source: RecordSource, terms: ViewTerms) -> Row:
    at = time_text(step.now_ms)
    return {
        "version": step.outcome["version"],
        "at": at,
        "received_at": at,
        "cursor": reference_text(shard, step.reference),
        **(_decided(shard, step, source, terms) if step.kind is Kind.ORDERS else _reported(step)),
        "payload": payload_of(step, source),
        "moved": moving.moved_by(step),
    }


def _decided(shard: int, step: Step, source: RecordSource, terms: ViewTerms) -> Row:
    status = step.outcome["status"]
    after = state_names(pack_state(STATE_OF_STATUS[status], step.given["payment"]))
    tables, document = terms.tables_of(step.tables_version), source.document(step.sequence, step.row)
    lines = zip(priced_lines(step, tables, document), given_lines(step, tables), strict=True)
    return {
        "type": "order",
        "status": STATUS_NAMES[status],
        "from": None,
        "to": after["state"],
        "payment_from": None,
        "payment_to": after["payment_state"],
        "reasons": codes(step.given["reasons"] | step.outcome["reasons"]),
        "occurred_at": time_text(step.given["placed_at_ms"]),
        "acknowledgement": {
            **acknowledgement_of(shard, step, tables, document),
            "lines": [line | given for line, given in lines],
        },
    }


def _reported(step: Step) -> Row:
    """An event, or units that were granted to an order that waited."""
    before, after = state_names(step.outcome["before"]), state_names(step.outcome["after"])
    is_event = step.kind is Kind.EVENTS
    return {
        "type": OrderEvent(step.given["event"] if is_event else OrderEvent.GRANT).name.lower(),
        "from": before["state"],
        "to": after["state"],
        "payment_from": before["payment_state"],
        "payment_to": after["payment_state"],
        "reasons": codes(step.outcome["reasons"]),
        "event_id": step.given["event_id"] if is_event else None,
        "occurred_at": time_text(step.given["occurred_at_ms"]) if is_event else None,
        "source": (step.given["source"] or None) if is_event else None,
    }
