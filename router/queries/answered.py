"""What an order was answered when it was decided: its record with the names of that day's tables."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from router.log.columns import STATUS_NAMES, Status
from router.log.reference import in_shard, local_part, reference, row_of, sequence_of, shard_part
from router.log.steps import Step
from router.queries.declared import line_amounts
from router.queries.source import Row
from router.queries.taxes import OrderTaxes
from router.queries.text import date_text, name_of
from router.reasons import codes
from router.tables.compiled import Tables

_NO_LINE: Row = {"backordered": 0, "allocations": []}


def acknowledgement_of(shard: int, step: Step, tables: Tables, document: Row | None) -> Row:
    """All but the lines; ``tables`` must be the version it was made with."""
    outcome = step.outcome
    return {
        "order_id": step.given["order_id"],
        "status": STATUS_NAMES[outcome["status"]],
        "total": outcome["total_minor"],
        "currency": name_of(tables.currencies, step.given["currency"]) or (document or {}).get("currency"),
        "discount": outcome["discount_minor"],
        "tax": outcome["tax_minor"],
        "shipping": outcome["shipping_minor"],
        "parcels": sum(parcel["pieces"] for parcel in outcome["parcels"]),
        "promise_date": date_text(outcome["promise_day"]),
        "reasons": codes(step.given["reasons"] | outcome["reasons"]),
        "duplicate_of": twin_of(outcome["twin"]),
        "cursor": reference_text(shard, step.reference),
    }


def priced_lines(step: Step, tables: Tables, document: Row | None) -> list[Row]:
    """Every line as it was sent and priced."""
    sent, priced, taxes = _document_lines(document), step.outcome["money_lines"], OrderTaxes(step, tables)
    is_rejected = step.outcome["status"] == Status.REJECTED
    return [
        {
            "line_id": line_id,
            "sku": name_of(tables.skus.ids, line["sku"]) or as_sent.get("sku"),
            **(_as_sent(line, as_sent) if is_rejected else _as_counted(line)),
            "node": tables.nodes.ids.text(line["node"]) if line["node"] >= 0 else as_sent.get("node") or None,
            **{f"declared_{name}": said for name, said in line_amounts(step.given["declared"], number).items()},
            **_money(priced[number] if number < len(priced) else {}),
            "taxes": taxes.of_line(number),
        }
        for number, (line, line_id) in enumerate(zip(step.given["lines"], line_ids_of(step, document), strict=True))
        for as_sent in (sent[number] if number < len(sent) else {},)
    ]


def given_lines(step: Step, tables: Tables) -> list[Row]:
    """What every line was given then."""
    return [
        {
            "allocations": [_allocation(part, line["sku"], tables) for part in answer["allocations"]],
            "backordered": answer["backordered"],
        }
        for line, answer in answered_lines(step)
    ]


def line_ids_of(step: Step, document: Row | None) -> list[str]:
    """Ids of the lines as they were sent, else their numbers from 1."""
    sent = _document_lines(document)
    ids = [line.get("line_id") for line in sent] + [None] * len(step.given["lines"])
    return [str(ids[number] or number + 1) for number in range(len(step.given["lines"]))]


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
            "pieces": parcel["pieces"],
        }
        for parcel in parcels
        for band in (parcel["band"],)
    ]


def answered_lines(step: Step) -> list[tuple[Row, Row]]:
    """Every line as sent with what it was given; a rejected order may carry no answers, its lines took nothing."""
    answers = step.outcome["lines"]
    return list(zip_longest(step.given["lines"], answers, fillvalue=_NO_LINE))


def reference_text(shard: int, place: int) -> str:
    """Cursor of an order or event, as in its acknowledgement: shard, sequence, row."""
    return f"{shard}:{sequence_of(place)}:{row_of(place)}"


def reference_of(text: str) -> int:
    """The reference, with its shard, of a cursor that ``reference_text`` made."""
    shard, sequence, row = map(int, text.split(":"))
    return in_shard(shard, reference(sequence, row))


def twin_of(twin: int) -> str | None:
    """Cursor of the order with the same basket; the reference also carries its shard."""
    return reference_text(shard_part(twin), local_part(twin)) if twin >= 0 else None


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
