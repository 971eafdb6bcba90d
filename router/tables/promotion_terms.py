"""Promotions as written by people, to the one kind and value that kernels know."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from router.money import EXPONENTS
from router.tables.compiled import PromotionKind
from router.tables.countries import is_country
from router.tables.row_types import PromotionRow, Then

WHOLE_BP = 10_000
_KINDS = ("percent", "percent_bp", "fixed", "fixed_price", "free_shipping", "buy + get")
RowFault = tuple[str, str, str]  # field, code, detail


class Terms(NamedTuple):
    kind: int  # PromotionKind
    value: int
    buy_qty: int
    get_qty: int


def terms_of(then: Then) -> Terms:
    """The effect as kind and value; for rows that :func:`promotion_errors` finds no fault with."""
    if then.buy is not None and then.get is not None:
        return Terms(PromotionKind.BUY_X_GET_Y, _basis_points(then, WHOLE_BP), then.buy, then.get)
    if then.fixed is not None:
        return Terms(PromotionKind.FIXED, then.fixed, 0, 0)
    if then.fixed_price is not None:
        return Terms(PromotionKind.FIXED_PRICE, then.fixed_price, 0, 0)
    if then.free_shipping:
        return Terms(PromotionKind.FREE_SHIPPING, 0, 0, 0)
    return Terms(PromotionKind.PERCENT, _basis_points(then, 0), 0, 0)


def needs_currency(row: PromotionRow) -> bool:
    """Whether the promotion speaks of an amount of money."""
    return row.then.fixed is not None or row.then.fixed_price is not None or (row.when.min_subtotal or 0) > 0


def _basis_points(then: Then, absent: int) -> int:
    if then.percent is not None:
        return int(then.percent * 100)
    return absent if then.percent_bp is None else then.percent_bp


def _chosen(then: Then) -> list[str]:
    chosen = [name for name in ("fixed", "fixed_price") if getattr(then, name) is not None]
    chosen += ["free_shipping"] * then.free_shipping
    if then.buy is not None or then.get is not None:
        return [*chosen, "buy + get"]
    return chosen + [name for name in ("percent", "percent_bp") if getattr(then, name) is not None]


def promotion_errors(row: PromotionRow) -> Iterator[RowFault]:
    """Faults of one promotion row."""
    yield from _effect_errors(row.then)
    if row.starts is not None and row.ends is not None and row.ends <= row.starts:
        yield "ends", "range", "ends must lie after starts; correct one of them."
    currency = row.when.currency
    if currency is not None and currency not in EXPONENTS:
        yield "when.currency", "currency", f"{currency!r} is no ISO 4217 currency code in upper case."
    if currency is None and needs_currency(row):
        yield "when.currency", "missing", "An amount of money needs its currency; add when.currency."
    for country in row.when.countries or ():
        if not is_country(country):
            yield "when.countries", "country", f"{country!r} is no ISO 3166-1 two-letter code in upper case."
    for region in row.when.regions or ():
        if not is_country(region.partition("-")[0]) or not region.partition("-")[2]:
            yield "when.regions", "region", f"{region!r} does not name its country; write for example US-CA."


def _effect_errors(then: Then) -> Iterator[RowFault]:
    chosen = _chosen(then)
    if len(chosen) != 1:
        said = " and ".join(chosen) or "nothing"
        yield "then", "kind", f"then must name exactly one of {', '.join(_KINDS)}, it names {said}."
    if (then.buy is None) != (then.get is None):
        yield "then", "kind", "buy and get belong together; add the other one."
    if then.percent is not None and then.percent_bp is not None:
        yield "then.percent_bp", "kind", "percent and percent_bp say the same thing; keep one."
    if then.percent is not None and not _is_percent(then.percent):
        yield "then.percent", "range", f"percent must be above 0, at most 100, with two decimals, not {then.percent}."
    if then.percent_bp is not None and not 0 < then.percent_bp <= WHOLE_BP:
        yield "then.percent_bp", "range", f"percent_bp must be 1 to {WHOLE_BP}, not {then.percent_bp}."


def _is_percent(percent: Decimal) -> bool:
    return percent.is_finite() and 0 < percent <= 100 and percent * 100 == int(percent * 100)
