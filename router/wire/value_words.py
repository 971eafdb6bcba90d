"""Reasons with their values: what was sent, what was expected, what to do; as (field, sentence).

A record has reasons as bits. Sentences are made where a refusal is told and where an order is shown, from what was sent
and the tables. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable

from kernels.reasons import POSTCODE_FORMAT
from router.reasons import REASONS, Said
from router.tables.postcode_words import postcode_sentence


def postcode_said(country: str, postcode: str) -> Said:
    return REASONS[POSTCODE_FORMAT].field, postcode_sentence(country, postcode)


def qty_said(line: int, sku: str | None, qty: int, qty_max: int) -> Said:
    named = f" of SKU {sku[:64]!r}" if sku else ""
    return f"lines[{line}].qty", f"{qty}{named} was sent, 1 to {qty_max} can be ordered on a line; correct it."


def price_said(line: int, sku: str | None, sent: int, listed: int, tolerance_bp: int, currency: str | None) -> Said:
    named = f" for SKU {sku[:64]!r}" if sku else ""
    return f"lines[{line}].unit_price", (
        f"{sent} was sent{named}, the catalogue has {listed} and {tolerance_bp / 100:g} % of it may differ"
        f"{minor_units(currency)}; correct the price or the SKU table."
    )


def amounts_said(amounts: Iterable[tuple[str, int, int]], tolerance_minor: int, currency: str | None) -> Said:
    """``amounts``: field, what the channel declared, what is computed."""
    told = [(field, f"{sent} was sent, {ours} is computed") for field, sent, ours in amounts]
    fields = ", ".join(field for field, _ in told)
    values = told[0][1] if len(told) == 1 else "; ".join(f"{field}: {values}" for field, values in told)
    may = f" and {tolerance_minor} may differ" if tolerance_minor else ""
    return fields, f"{values}{may}{minor_units(currency)}; flagged, not refused."


def price_differs(sent: int, listed: int, tolerance_bp: int) -> bool:
    """As ``validate`` has it; -1 is none."""
    return sent >= 0 and listed >= 0 and abs(sent - listed) * 10_000 > listed * tolerance_bp


def minor_units(currency: str | None) -> str:
    return f" (minor units of {currency})" if currency else ""
