"""One order as GET /v1/orders/{id} shows it: what it was answered, how it stands now, and its document.

    what it was answered   the record of its decision (answered.py)
    how it stands          its book, told again from its records into books of the reader's own
    what is in words only  the events' own texts (words.py)

``parcels``, ``parcel_plan`` and ``promise_date`` stay as they were acknowledged; ``lines`` show what is now.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.life import layout
from router.life.books import Books
from router.life.holds import REVIEW
from router.life.next_events import next_events
from router.life.open_book import OpenBook
from router.life.scratch import ROW
from router.log.columns import MONEY_SHOWN, Status
from router.log.steps import OrderHistory, Step
from router.queries.answered import acknowledgement_of, line_ids_of, parcels_of, priced_lines
from router.queries.declared import declared_total, declared_view, taken_view
from router.queries.invoices import document_rows
from router.queries.names import Names
from router.queries.order_lines import Position, line_state, positions_of
from router.queries.order_money import money_view, payment_views
from router.queries.order_notes import note_views
from router.queries.order_shipments import shipment_views, url_of_all
from router.queries.reason_values import values_of
from router.queries.source import Indexed, RecordSource, Row
from router.queries.taxes import OrderTaxes
from router.queries.text import state_names, time_text
from router.queries.view_terms import ViewTerms
from router.queries.words import OrderWords
from router.reasons import describe
from router.tables.compiled import Tables

# Parts of a document that have their own place in the view; the rest is shown as other_fields.
_FROM_DOCUMENT = ("customer", "ship_to", "bill_to", "payment", "attributes")
_FROM_LOG = ("order_id", "channel", "seller", "placed_at", "currency", "lines", "coupons", "priority", "total")
_NOTHING = OpenBook(  # of an order that was rejected
    state=0, version=0, on_hold=False, together=False, total_minor=0, credited_minor=0, written_off_minor=0,
    positions=np.zeros(0, layout.POSITION), parts={}, line_keys=[], payments=[], shipments=[], tracking=0, holds=[],
)  # fmt: skip


def order_view(shard: int, found: Indexed, source: RecordSource, terms: ViewTerms) -> Row | None:
    """The order whose index entry is ``found``; None while its newest record is not durable."""
    newest, state, version = found
    history, words = OrderHistory(source, newest), OrderWords()
    invoices = document_rows(history, source, terms)
    with terms.scratch.told(words.passing(history.pieces())) as books:
        step = words.order
        if step is None:
            return None
        tables, document = terms.tables_of(step.tables_version), source.document(step.sequence, step.row)
        return {
            **acknowledgement_of(shard, step, tables, document),
            "reason_details": describe(
                step.given["reasons"] | step.outcome["reasons"], values_of(step, document, tables, terms.config)
            ),
            "taxes": OrderTaxes(step, tables).of_order(),
            "taken": taken_view(step),
            "declared": declared_view(step, document),
            "declared_total": declared_total(step, document),
            **state_names(state),
            "version": version,
            "channel": step.given["channel"],
            "seller": step.given["seller"] or None,
            "placed_at": time_text(step.given["placed_at_ms"]),
            "received_at": time_text(step.now_ms),
            "priority": step.given["priority"],
            "parcel_plan": parcels_of(step.outcome["parcels"], tables),
            "promotions": [tables.promotions.ids.text(number) for number in step.outcome["granted"]],
            **_as_it_stands(books, words, document, source, terms, tables),
            "invoices": invoices,
            "next_events": next_events(books, history, terms.reversing),
            "erased": document is None,
            **_of_document(document),
        }


def _as_it_stands(
    books: Books, words: OrderWords, document: Row | None, source: RecordSource, terms: ViewTerms, tables: Tables
) -> Row:
    """What the order's book says; ``tables`` are those it was decided with."""
    step = words.order
    assert step is not None
    is_open = step.outcome["status"] != Status.REJECTED
    book = books.look(ROW) if is_open else _NOTHING
    names = Names(terms.naming, line_ids_of(step, document))
    positions = positions_of(book)
    promised = {parcel["node"]: parcel["promise_day"] for parcel in step.outcome["parcels"]}
    everywhere = [position for of_line in positions.values() for position in of_line]
    shipments = shipment_views(book, everywhere, words, promised, names, source, terms)
    return {
        "lines": [
            line | _line_now(number, step, book, positions.get(number, []), names, tables)
            for number, line in enumerate(priced_lines(step, tables, document))
        ],
        "money": money_view(books) if is_open else dict.fromkeys(MONEY_SHOWN, 0),
        "holds": _holds(book, words, terms),
        "shipments": shipments,
        "payments": payment_views(book, words, sent_method(document)),
        "notes": note_views(words, source),
        "tracking_url": url_of_all(shipments),
    }


def _line_now(
    number: int, step: Step, book: OpenBook, positions: list[Position], names: Names, tables: Tables
) -> Row:  # fmt: skip
    line = step.given["lines"][number]
    ordered = 0 if book is _NOTHING else line["qty"]
    parts = book.parts.get(number) or (_parts_of(line["sku"], tables) if ordered else {})
    return line_state(line["sku"], ordered, positions, parts, names)


def _parts_of(sku: int, tables: Tables) -> dict[int, int]:
    """Components of a bundle of which nothing was given yet, as the tables have them."""
    skus = tables.skus
    first, last = int(skus.bundle_offset[sku]), int(skus.bundle_offset[sku + 1])
    return dict(zip(skus.bundle_sku[first:last].tolist(), skus.bundle_qty[first:last].tolist(), strict=True))


def _holds(book: OpenBook, words: OrderWords, terms: ViewTerms) -> list[str]:
    """Names of the holds; of an order that only waits for review that one."""
    keys = book.holds or [terms.review_key] * book.on_hold
    return [REVIEW if key == terms.review_key else words.texts["hold"][key] for key in keys]


def sent_method(document: Row | None) -> str | None:
    """How the order was to be paid, as its channel said it."""
    payment: Any = (document or {}).get("payment")
    return payment.get("method") if isinstance(payment, dict) else None


def _of_document(document: Row | None) -> Row:
    known = document or {}
    named = {name: known.get(name) for name in _FROM_DOCUMENT}
    placed = {*_FROM_DOCUMENT, *_FROM_LOG, "shipping"}
    return {
        **named,
        "shipping_request": known.get("shipping"),
        "coupons": known.get("coupons") or [],
        "other_fields": {name: value for name, value in known.items() if name not in placed},
    }
