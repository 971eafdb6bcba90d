"""What is wrong with rows that read well: single rows, rows among each other, rows against other tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from router.errors import RowError, row_at
from router.money import EXPONENTS
from router.spelling import folded
from router.tables import calendars
from router.tables.bundles import bundle_errors
from router.tables.countries import is_country
from router.tables.periods import from_of, overlap_errors, period_errors
from router.tables.promotion_terms import promotion_errors
from router.tables.row_types import (
    BinRow,
    CarrierRow,
    CartonRow,
    NodeRow,
    PromotionRow,
    RateRow,
    Row,
    RuleRow,
    SkuRow,
    StockRow,
    TaxRow,
    TemplateRow,
)
from router.tables.tax_checks import tax_errors, tax_table_errors
from router.tables.zones import read_zone

RowFault = tuple[str, str, str]  # field, code, detail
_HS_CODE = re.compile(r"\d{4}(\.?\d{2}){1,4}", re.ASCII)


def check_row(row: Row) -> Iterator[RowFault]:
    """Faults of one row by itself."""
    check = _ROW_CHECKS.get(type(row))
    if check is not None:
        yield from check(row)


def check_table(table: str, rows: Sequence[Any], places: Sequence[int], unread: Container[str]) -> Iterator[RowError]:
    """Faults of rows among each other; ``places`` are their row numbers, ``unread`` the SKUs of refused rows."""
    yield from _duplicates(rows, places)
    if table == "taxes":
        yield from tax_table_errors(rows, places)
    if table == "skus":
        yield from _meeting_prices(rows, places)
        yield from _price_list(rows, places)
        yield from bundle_errors(rows, places, unread)
    if table == "rates":
        yield from _overlaps(rows, places)
    if table == "promotions":
        yield from _one_code(rows, places)


def _one_code(rows: Sequence[PromotionRow], places: Sequence[int]) -> Iterator[RowError]:
    """Codes that buyers could not tell apart: they are typed in any case, width and spacing."""
    first: dict[str, tuple[str, int]] = {}
    for row, place in zip(rows, places, strict=True):
        code, earlier = first.setdefault(folded(row.code), (row.code, place))
        if code != row.code:
            detail = f"The code {row.code!r} is {code!r} of row {earlier} written differently; rename one of them."
            yield RowError(place, "code", "duplicate", detail)


def check_promoted_skus(
    rows: Sequence[PromotionRow], places: Sequence[int], known: Container[str]
) -> Iterator[RowError]:
    """Promotions whose ``when.skus`` name a SKU that was never loaded."""
    for row, place in zip(rows, places, strict=True):
        for sku in row.when.skus or ():
            if sku not in known:
                detail = f"No SKU {sku!r} was ever loaded; load the table skus first or correct the list."
                yield RowError(place, "when.skus", "unknown_sku", detail)


def _country(field: str, country: str) -> Iterator[RowFault]:
    if not is_country(country):
        yield field, "country", f"{country!r} is no ISO 3166-1 two-letter code in upper case; write for example GB."


def _zone(field: str, text: str) -> Iterator[RowFault]:
    try:
        read_zone(text)
    except ValueError as fault:
        yield field, "zone", f"{fault}."


def _sku(row: SkuRow) -> Iterator[RowFault]:
    if row.currency not in EXPONENTS:
        detail = f"{row.currency!r} is no ISO 4217 currency code in upper case; write for example EUR."
        yield "currency", "currency", detail
    if row.weight_g is None and not row.bundle:
        yield "weight_g", "missing", "weight_g is missing; only a bundle may leave it out."
    yield from period_errors(row)
    if row.hs_code is not None and not _HS_CODE.fullmatch(row.hs_code):
        detail = (
            f"{row.hs_code!r} is no HS code: 6 to 12 digits, in pairs that points may part; write for example 6109.10."
        )
        yield "hs_code", "value", detail
    if row.origin_country is not None:
        yield from _country("origin_country", row.origin_country)
    if not isinstance(row.attributes.get("dangerous_goods"), bool | None):
        yield "attributes.dangerous_goods", "value", "dangerous_goods must be true or false."


def _node(row: NodeRow) -> Iterator[RowFault]:
    yield from _country("country", row.country)
    try:
        calendars.cutoff_minute(row.cutoff)
    except ValueError:
        yield "cutoff", "time", f"{row.cutoff!r} is no time of day; write HH:MM, for example 14:30."
    try:
        calendars.time_zone(row.timezone)
    except ValueError:
        yield "timezone", "timezone", f"{row.timezone!r} is no IANA time zone; write for example Europe/Berlin."
    wrong = [name for name in row.weekdays or () if name not in calendars.WEEKDAYS]
    if wrong or row.weekdays == []:
        yield "weekdays", "value", f"weekdays must list some of {', '.join(calendars.WEEKDAYS)}; correct {wrong}."
    for text in row.ship_to or ():
        yield from _zone("ship_to", text)


def _rate(row: RateRow) -> Iterator[RowFault]:
    yield from _zone("from_zone", row.from_zone)
    yield from _zone("to_zone", row.to_zone)
    if row.max_g is not None and row.min_g > row.max_g:
        yield "min_g", "range", f"min_g {row.min_g} is above max_g {row.max_g}; exchange or correct them."


def _tax(row: TaxRow) -> Iterator[RowFault]:
    yield from _country("country", row.country)
    yield from tax_errors(row)


_ROW_CHECKS: Mapping[type[Any], Callable[[Any], Iterator[RowFault]]] = {
    SkuRow: _sku,
    NodeRow: _node,
    RateRow: _rate,
    TaxRow: _tax,
    PromotionRow: promotion_errors,
}

# What a row is known by, and may stand once in a table. Rates are compared by their weight bands, too.
KEYS: Mapping[type[Any], tuple[str, ...]] = {
    SkuRow: ("sku", "currency", "from"),
    NodeRow: ("node",),
    StockRow: ("sku", "node", "lot"),
    RateRow: ("carrier", "service", "from_zone", "to_zone", "min_g"),
    PromotionRow: ("code",),
    TaxRow: ("country", "region", "tax_class", "name", "from"),
    CarrierRow: ("carrier",),
    RuleRow: ("rule",),
    TemplateRow: ("template", "language"),
    BinRow: ("node", "sku", "bin"),
    CartonRow: ("carton",),
}


def key_of(row: Any, row_type: type[Any] | None = None) -> tuple[Any, ...]:
    """What a row is known by among those of its table; ``row_type`` where ``row`` is its key alone. An empty
    text is the same as an absent one."""
    return tuple(
        getattr(row, name) or None if name == "lot" else getattr(row, name) for name in KEYS[row_type or type(row)]
    )


def key_text(row: Any) -> str:
    """The same for people."""
    named = zip(KEYS[type(row)], key_of(row), strict=True)
    return ", ".join(f"{name} {value!r}" for name, value in named if value is not None)


def _duplicates(rows: Sequence[Any], places: Sequence[int]) -> Iterator[RowError]:
    first: dict[tuple[Any, ...], int] = {}
    for row, place in zip(rows, places, strict=True):
        if isinstance(row, RateRow):
            return
        earlier = first.setdefault(key_of(row), place)
        if earlier != place:
            detail = f"{row_at(earlier).capitalize()} already has {key_text(row)}; keep one of the two."
            yield RowError(place, KEYS[type(row)][0], "duplicate", detail)


def _meeting_prices(rows: Sequence[SkuRow], places: Sequence[int]) -> Iterator[RowError]:
    """Prices of a SKU and currency that count at the same time; one that always counts stands behind all of them."""
    dated = [(row, place) for row, place in zip(rows, places, strict=True) if from_of(row) or row.until]
    chosen, at = [row for row, _ in dated], [place for _, place in dated]
    yield from overlap_errors(chosen, at, lambda row: (row.sku, row.currency), "price")


_SHARED = ("weight_g", "tax_class", "bundle")
_DESCRIBED = ("length_mm", "width_mm", "height_mm", "hs_code", "origin_country")  # said once is enough


def _price_list(rows: Sequence[SkuRow], places: Sequence[int]) -> Iterator[RowError]:
    """Rows of one SKU differ in currency and price only."""
    first: dict[str, tuple[SkuRow, int]] = {}
    for row, place in zip(rows, places, strict=True):
        other, other_place = first.setdefault(row.sku, (row, place))
        for name in (*_SHARED, *_DESCRIBED):
            if getattr(row, name) != getattr(other, name) and not _left_out(name, row, other):
                other_row = row_at(other_place)
                detail = f"{name} of {row.sku!r} differs from {other_row}; rows of one SKU differ in price only."
                yield RowError(place, name, "conflict", detail)


def _left_out(name: str, *rows: SkuRow) -> bool:
    return name in _DESCRIBED and any(getattr(row, name) is None for row in rows)


def _overlaps(rows: Sequence[RateRow], places: Sequence[int]) -> Iterator[RowError]:
    bands: dict[tuple[str, ...], list[tuple[int, float, int]]] = {}
    for row, place in zip(rows, places, strict=True):
        key = _lane_key(row)
        bands.setdefault(key, []).append((row.min_g, float("inf") if row.max_g is None else row.max_g, place))
    for key, found in bands.items():
        found.sort()
        reach, reach_place = -1.0, 0
        for low, high, place in found:
            if low <= reach:
                detail = (
                    f"The weight band overlaps {row_at(reach_place)} ({' '.join(key)}); let bands start above the last."
                )
                yield RowError(place, "min_g", "overlap", detail)
            if high > reach:
                reach, reach_place = high, place


def _lane_key(row: RateRow) -> tuple[str, ...]:
    return row.carrier, row.service, _canonical(row.from_zone), _canonical(row.to_zone)


def _canonical(zone: str) -> str:
    try:
        return read_zone(zone)[0]
    except ValueError:  # reported with the row
        return zone
