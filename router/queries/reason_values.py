"""Why an order was refused, held or flagged, with what was sent and what was expected, from its record and document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kernels.reasons import (
    AMOUNT_DIFFERS,
    AMOUNT_IMPOSSIBLE,
    POSTCODE_FORMAT,
    PRICE_MISMATCH,
    QTY_RANGE,
    TOTAL_MISMATCH,
)
from router.config import Config, Policy
from router.log.steps import Step
from router.queries.declared import declared_view
from router.queries.source import Row
from router.queries.text import name_of
from router.reasons import Said
from router.tables.compiled import Tables
from router.wire.impossible_words import SentLine, impossible_said
from router.wire.value_words import amounts_said, postcode_said, price_differs, price_said, qty_said


def values_of(step: Step, document: Row | None, tables: Tables, config: Config) -> dict[int, Said]:
    """By reason; those that need the document say no values once it is erased, nor where it has no lines (Arrow)."""
    mask, policy = step.given["reasons"] | step.outcome["reasons"], tables.policy_or(config.policy)
    if not mask:
        return {}
    currency = name_of(tables.currencies, step.given["currency"])
    found = {
        POSTCODE_FORMAT: _postcode(document),
        QTY_RANGE: _qty(document, config.limits.qty_max),
        PRICE_MISMATCH: _price(step, tables, policy.price_tolerance_bp, currency),
        **dict(_amounts(step, document, policy.totals_tolerance_minor, currency)),
    }
    if mask >> AMOUNT_IMPOSSIBLE & 1:
        found[AMOUNT_IMPOSSIBLE] = _impossible(step, document, policy, config.limits.qty_max, tables)
    return {number: said for number, said in found.items() if said is not None and mask >> number & 1}


def _postcode(document: Row | None) -> Said | None:
    address: Any = (document or {}).get("ship_to")
    if not isinstance(address, dict) or not isinstance(address.get("postcode"), str):
        return None
    country = address.get("country")
    return postcode_said(country.strip().upper(), address["postcode"]) if isinstance(country, str) else None


def _qty(document: Row | None, qty_max: int) -> Said | None:
    """The first line whose quantity is out of range."""
    lines: Any = (document or {}).get("lines")
    for number, line in enumerate(lines if isinstance(lines, list) else ()):
        qty = line.get("qty") if isinstance(line, dict) else None
        if isinstance(qty, int) and not 1 <= qty <= qty_max:
            return qty_said(number, line.get("sku"), qty, qty_max)
    return None


def _price(step: Step, tables: Tables, tolerance_bp: int, currency: str | None) -> Said | None:
    """The first line whose price is not the catalogue's; a price that was not sent is the catalogue's."""
    for number, line in enumerate(step.given["lines"]):
        sent, listed = line["unit_price_minor"], line["list_price_minor"]
        if price_differs(sent, listed, tolerance_bp):
            return price_said(number, name_of(tables.skus.ids, line["sku"]), sent, listed, tolerance_bp, currency)
    return None


def _impossible(step: Step, document: Row | None, policy: Policy, qty_max: int, tables: Tables) -> Said | None:
    """The first amount that cannot be. The record of a refused order has its prices, but no units."""
    sent: Any = (document or {}).get("lines")
    if not isinstance(sent, list) or len(sent) != len(step.given["lines"]):
        return None
    lines = [
        SentLine((str(line.get("sku")), str(line.get("node") or "")), line["qty"], kept["unit_price_minor"])
        for line, kept in zip(sent, step.given["lines"], strict=True)
    ]
    currency = name_of(tables.currencies, step.given["currency"])
    return impossible_said(step.given["declared"], lines, policy.of_channel(step.given["channel"]), qty_max, currency)


def _amounts(
    step: Step, document: Row | None, tolerance_minor: int, currency: str | None
) -> Iterator[tuple[int, Said]]:
    told = [(row["field"], row["declared"], row["computed"]) for row in declared_view(step, document)]
    for number, is_total in ((TOTAL_MISMATCH, True), (AMOUNT_DIFFERS, False)):
        some = [amount for amount in told if (amount[0] == "total") is is_total]
        if some:
            yield number, amounts_said(some, tolerance_minor, currency)
