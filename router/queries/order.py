"""One order as GET /v1/orders/{id} shows it: the acknowledgement it got, its state now, and its document."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from router.log.columns import STATUS_NAMES, Status
from router.queries.source import Found, RecordSource, Row, Step, order_step
from router.queries.text import date_text, name_of, state_names, time_text
from router.reasons import codes
from router.tables.compiled import Tables, TablesOf

# Parts of a document that have their own place in the view; the rest is shown as other_fields.
_FROM_DOCUMENT = ("customer", "ship_to", "bill_to", "payment", "attributes")
_FROM_LOG = ("order_id", "channel", "seller", "placed_at", "currency", "lines", "coupons", "priority", "total")
_NO_LINE: Row = {"backordered": 0, "allocations": []}


def order_view(shard: int, found: Found, source: RecordSource, tables_of: TablesOf) -> Row | None:
    """The order whose index entry is ``found``; None while its decision is not durable."""
    newest, state, version = found
    step = order_step(source, newest)
    if step is None:
        return None
    tables = tables_of(step.tables_version)
    document = source.document(step.sequence, step.row)
    return {
        **_acknowledgement(shard, step, tables, document),
        **state_names(state),
        "version": version,
        "channel": step.given["channel"],
        "seller": step.given["seller"] or None,
        "placed_at": time_text(step.given["placed_at_ms"]),
        "received_at": time_text(step.now_ms),
        "priority": step.given["priority"],
        "parcel_plan": parcels_of(step.outcome["parcels"], tables),
        "promotions": [tables.promotions.ids.text(number) for number in step.outcome["granted"]],
        "erased": document is None,
        **_of_document(document),
    }


def parcels_of(parcels: list[Row], tables: Tables) -> list[Row]:
    """Parcels of a decision with names; ``tables`` must be the version it was made with."""
    rates = tables.rates
    return [
        {
            "node": tables.nodes.ids.text(parcel["node"]),
            "carrier": name_of(rates.carriers, int(rates.band_carrier[band])) if band >= 0 else None,
            "service": name_of(rates.services, int(rates.band_service[band])) if band >= 0 else None,
            "ship_date": date_text(parcel["ship_day"]),
            "promise_date": date_text(parcel["promise_day"]),
            "cost": parcel["cost_minor"],
        }
        for parcel in parcels
        for band in (parcel["band"],)
    ]


def answered_lines(step: Step) -> list[tuple[Row, Row]]:
    """Every line as sent with what it was given; a rejected order may carry no answers, its lines took nothing."""
    answers = step.outcome["lines"]
    return list(zip_longest(step.given["lines"], answers, fillvalue=_NO_LINE))


def reference_text(shard: int, reference: int) -> str:
    """Cursor of an order or event, as in its acknowledgement: shard, sequence, row."""
    return f"{shard}:{reference >> 16}:{reference & 0xFFFF}"


def twin_of(reference: int) -> str | None:
    """Cursor of the order with the same basket; the reference also carries its shard."""
    return reference_text(reference >> 48, reference & ((1 << 48) - 1)) if reference >= 0 else None


def _acknowledgement(shard: int, step: Step, tables: Tables, document: Row | None) -> Row:
    outcome = step.outcome
    return {
        "order_id": step.given["order_id"],
        "status": STATUS_NAMES[outcome["status"]],
        "total": outcome["total_minor"],
        "currency": name_of(tables.currencies, step.given["currency"]) or (document or {}).get("currency"),
        "discount": outcome["discount_minor"],
        "tax": outcome["tax_minor"],
        "shipping": outcome["shipping_minor"],
        "lines": _lines(step, tables, _document_lines(document)),
        "parcels": len(outcome["parcels"]),
        "promise_date": date_text(outcome["promise_day"]),
        "reasons": codes(step.given["reasons"] | outcome["reasons"]),
        "duplicate_of": twin_of(outcome["twin"]),
        "cursor": reference_text(shard, step.reference),
    }


def _lines(step: Step, tables: Tables, sent: list[Row]) -> list[Row]:
    priced = step.outcome["money_lines"]
    rejected = step.outcome["status"] == Status.REJECTED
    lines = []
    for number, (line, answer) in enumerate(answered_lines(step)):
        as_sent = sent[number] if number < len(sent) else {}
        lines.append(
            {
                "line_id": str(as_sent.get("line_id") or number + 1),
                "sku": name_of(tables.skus.ids, line["sku"]) or as_sent.get("sku"),
                **(_as_sent(line, as_sent) if rejected else _as_counted(line)),
                **_money(priced[number] if number < len(priced) else {}),
                "allocations": [_allocation(part, line["sku"], tables) for part in answer["allocations"]],
                "backordered": answer["backordered"],
            }
        )
    return lines


def _as_counted(line: Row) -> Row:
    return {"qty": line["qty"], "unit_price": line["unit_price_minor"] if line["unit_price_minor"] >= 0 else None}


def _as_sent(line: Row, as_sent: Row) -> Row:
    """A rejected order counts nothing, so it shows what was refused, as far as the document has it."""
    return _as_counted(line) | {name: as_sent[name] for name in ("qty", "unit_price") if name in as_sent}


def _money(line: Row) -> Row:
    return {name: line.get(f"{name}_minor", 0) for name in ("gross", "discount", "tax", "total")}


def _allocation(part: Row, sku: int, tables: Tables) -> Row:
    allocation: Row = {"node": tables.nodes.ids.text(part["node"]), "qty": part["qty"]}
    if part["sku"] != sku:  # a component of a bundle
        allocation["sku"] = tables.skus.ids.text(part["sku"])
    return allocation


def _document_lines(document: Row | None) -> list[Row]:
    lines: Any = (document or {}).get("lines")
    return [line if isinstance(line, dict) else {} for line in lines] if isinstance(lines, list) else []


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
