"""Promotion rows to their table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from router.arrow.string_table import StringTable
from router.tables.arrays import frozen, int32s, int64s
from router.tables.compiled import U8, PromotionTable
from router.tables.periods import ALWAYS, epoch_ms
from router.tables.promotion_terms import needs_currency, terms_of
from router.tables.row_types import PromotionRow
from router.tables.zones import area_name, country_of


def compile_promotions(
    rows: Sequence[PromotionRow], skus: StringTable, channels: StringTable, currencies: StringTable
) -> PromotionTable:
    """Promotions by precedence: highest priority first, then code."""
    ordered = sorted(rows, key=lambda row: (-row.priority, row.code))
    terms = [terms_of(row.then) for row in ordered]
    areas = StringTable([""]).extended(_areas_named(ordered))

    def flags(values: Iterable[bool]) -> U8:
        return np.fromiter(values, np.uint8)

    columns: dict[str, npt.NDArray[Any]] = {
        "kind": int32s(term.kind for term in terms),
        "value": int64s(term.value for term in terms),
        "buy_qty": int32s(term.buy_qty for term in terms),
        "get_qty": int32s(term.get_qty for term in terms),
        "priority": int32s(row.priority for row in ordered),
        "starts_ms": int64s(epoch_ms(row.starts) if row.starts else ALWAYS.from_ms for row in ordered),
        "ends_ms": int64s(epoch_ms(row.ends) if row.ends else ALWAYS.until_ms for row in ordered),
        "limit": int64s(-1 if row.limit is None else row.limit for row in ordered),
        "per_customer": int64s(-1 if row.per_customer is None else row.per_customer for row in ordered),
        "stackable": flags(row.stackable for row in ordered),
        "first_order": flags(row.when.first_order for row in ordered),
        "needs_coupon": flags(row.when.coupon for row in ordered),
        "currency": int32s(_currency(row, currencies) for row in ordered).astype(np.int16),
        "min_subtotal_minor": int64s(row.when.min_subtotal or 0 for row in ordered),
        "min_qty": int64s(row.when.min_qty or 0 for row in ordered),
        "sku_set": _sets(ordered, "skus", skus, len(skus)),
        "channel_set": _sets(ordered, "channels", channels, len(channels) + 1),
        "area_set": _area_sets(ordered, areas),
    }
    frozen_columns: dict[str, Any] = {name: frozen(column) for name, column in columns.items()}
    return PromotionTable(ids=StringTable([row.code for row in ordered]), area_ids=areas, **frozen_columns)


def _currency(row: PromotionRow, currencies: StringTable) -> int:
    named = row.when.currency
    assert named is not None or not needs_currency(row)
    return -1 if named is None else currencies.index(named)


def _sets(rows: Sequence[PromotionRow], name: str, table: StringTable, width: int) -> U8:
    """One row a promotion, 1 where ``when`` lists the entry; all ones where it lists nothing."""
    sets = np.zeros((len(rows), width), np.uint8)
    for number, row in enumerate(rows):
        listed = getattr(row.when, name)
        entries = [] if listed is None else [table.index(text) for text in listed]
        assert min(entries, default=0) >= 0, f"{row.code} names an entry of {name} that has no number"
        sets[number, slice(None) if listed is None else entries] = 1
    return sets


def _areas_named(rows: Sequence[PromotionRow]) -> list[str]:
    regions = [area_name(*_split(region)) for row in rows for region in row.when.regions or ()]
    countries = [country for row in rows for country in row.when.countries or ()]
    return sorted({*regions, *countries, *map(country_of, regions)})


def _split(region: str) -> tuple[str, str]:
    country, _, name = region.partition("-")
    return country, name


def _area_sets(rows: Sequence[PromotionRow], areas: StringTable) -> U8:
    """Regions and countries named by a promotion are alternatives; a country includes its regions."""
    sets = np.zeros((len(rows), len(areas)), np.uint8)
    for number, row in enumerate(rows):
        if row.when.regions is None and row.when.countries is None:
            sets[number] = 1
            continue
        countries = set(row.when.countries or ())
        regions = {area_name(*_split(region)) for region in row.when.regions or ()}
        sets[number] = [area in regions or country_of(area) in countries for area in areas.values]
    return sets
