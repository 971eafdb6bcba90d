"""SKU rows to the SKU table: prices per currency, bundles exploded to their last components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from router.arrow.string_table import StringTable
from router.tables.arrays import frozen, grown, int32s, int64s, offsets_of
from router.tables.bundles import direct_parts, explode
from router.tables.compiled import I64, SkuTable
from router.tables.periods import ALWAYS, period_of
from router.tables.row_types import SkuRow

DANGEROUS = 1  # goods class; 0 is ordinary
GOODS_CLASSES = 2


def compile_skus(
    rows: Sequence[SkuRow], former: SkuTable | None, currencies: StringTable, classes: StringTable
) -> SkuTable:
    """The table of all SKUs ever named; those without a row are inactive and keep what they were."""
    ids = (former.ids if former else StringTable()).extended(row.sku for row in rows)
    numbers = int32s(ids.index(row.sku) for row in rows)
    bundles = _bundles(rows, ids)
    active = np.zeros(len(ids), np.uint8)
    active[numbers] = 1
    tax_class = grown(former.tax_class if former else None, (len(ids),), 0, np.int32)
    tax_class[numbers] = int32s(classes.index(row.tax_class) for row in rows)
    offset, parts, quantities = _bundle_columns(bundles, former, active)
    names = (former.names if former else []) + [""] * (len(ids) - (len(former.names) if former else 0))
    for number, row in zip(reversed(numbers.tolist()), reversed(rows), strict=True):
        names[number] = row.name  # of several price rows the first one's name
    return SkuTable(
        ids=ids,
        active=frozen(active),
        weight_g=frozen(_weights(rows, ids, bundles, former)),
        tax_class=frozen(tax_class),
        goods_class=frozen(_goods_classes(rows, ids, bundles, former)),
        price_minor=frozen(_prices(rows, numbers, former, len(ids), currencies)),
        bundle_offset=frozen(offset),
        bundle_sku=frozen(parts),
        bundle_qty=frozen(quantities),
        names=names,
        **_dated_prices(rows, ids, currencies),
        shelf_life_days=frozen(_shelf_lives(rows, ids, former)),
    )


def _shelf_lives(rows: Sequence[SkuRow], ids: StringTable, former: SkuTable | None) -> np.ndarray:
    """Of several price rows the shortest that any says."""
    before = former.shelf_life_days if former is not None and len(former.shelf_life_days) else None
    days = grown(before, (len(ids),), 0, np.int32)
    days[int32s(ids.index(row.sku) for row in rows)] = 0
    for row in rows:
        number, said = ids.index(row.sku), row.shelf_life_days or 0
        days[number] = min(int(days[number]), said) if days[number] and said else max(int(days[number]), said)
    return days


Bundles = Mapping[int, list[tuple[int, int]]]  # SKU number -> component numbers and units


def _bundles(rows: Sequence[SkuRow], ids: StringTable) -> Bundles:
    exploded = explode(direct_parts(rows))
    assert not exploded.faults, "bundles are checked when rows are read"
    return {
        ids.index(sku): [(ids.index(part), units) for part, units in parts.items()]
        for sku, parts in exploded.units.items()
    }


def _bundle_columns(
    bundles: Bundles, former: SkuTable | None, active: np.ndarray
) -> tuple[I64, np.ndarray, np.ndarray]:
    kept = {} if former is None else _former_bundles(former, active)
    chosen = {**kept, **bundles}
    found = [chosen.get(number, []) for number in range(len(active))]
    offset = offsets_of([len(parts) for parts in found])
    parts = int32s(part for row in found for part, _ in row)
    return offset, parts, int32s(units for row in found for _, units in row)


def _former_bundles(former: SkuTable, active: np.ndarray) -> dict[int, list[tuple[int, int]]]:
    """Bundles of SKUs that no longer have a row."""
    sizes = np.diff(former.bundle_offset)
    gone = np.flatnonzero((sizes > 0) & (active[: len(sizes)] == 0))
    kept = {}
    for number in gone.tolist():
        part = slice(former.bundle_offset[number], former.bundle_offset[number + 1])
        kept[number] = list(zip(former.bundle_sku[part].tolist(), former.bundle_qty[part].tolist(), strict=True))
    return kept


def _weights(rows: Sequence[SkuRow], ids: StringTable, bundles: Bundles, former: SkuTable | None) -> np.ndarray:
    weight = grown(former.weight_g if former else None, (len(ids),), 0, np.int64)
    weighed = [row for row in rows if row.weight_g is not None]
    weight[int32s(ids.index(row.sku) for row in weighed)] = [row.weight_g for row in weighed]
    for row in rows:
        if row.weight_g is None:  # a bundle; its components are last ones and have weights
            number = ids.index(row.sku)
            weight[number] = sum(int(weight[part]) * units for part, units in bundles[number])
    return weight


def _goods_classes(rows: Sequence[SkuRow], ids: StringTable, bundles: Bundles, former: SkuTable | None) -> np.ndarray:
    """A bundle is dangerous when it says so or when one of its components does."""
    goods = grown(former.goods_class if former else None, (len(ids),), 0, np.int32)
    goods[int32s(ids.index(row.sku) for row in rows)] = 0
    for row in rows:  # any of several price rows may say it
        if row.attributes.get("dangerous_goods", False):
            goods[ids.index(row.sku)] = DANGEROUS
    for number, parts in bundles.items():
        goods[number] = max(int(goods[number]), *(int(goods[part]) for part, _ in parts))
    return goods


def _prices(
    rows: Sequence[SkuRow], numbers: np.ndarray, former: SkuTable | None, count: int, currencies: StringTable
) -> np.ndarray:
    price = grown(former.price_minor if former else None, (count, len(currencies)), -1, np.int64)
    price[numbers] = -1
    always = [(number, row) for number, row in zip(numbers.tolist(), rows, strict=True) if period_of(row) == ALWAYS]
    at = int32s(number for number, _ in always), int32s(currencies.index(row.currency) for _, row in always)
    price[at] = [row.price for _, row in always]
    return price


def _dated_prices(rows: Sequence[SkuRow], ids: StringTable, currencies: StringTable) -> dict[str, np.ndarray]:
    """Columns of the prices that begin or end, by SKU; nothing where there are none."""
    dated = [(ids.index(row.sku), period_of(row), row) for row in rows if period_of(row) != ALWAYS]
    if not dated:
        return {}
    dated.sort(key=lambda entry: entry[:2])
    counts = np.bincount(int32s(number for number, _, _ in dated), minlength=len(ids))
    columns: dict[str, np.ndarray] = {
        "dated_offset": offsets_of(counts),
        "dated_currency": int32s(currencies.index(row.currency) for _, _, row in dated).astype(np.int16),
        "dated_from_ms": int64s(period.from_ms for _, period, _ in dated),
        "dated_until_ms": int64s(period.until_ms for _, period, _ in dated),
        "dated_price_minor": int64s(row.price for _, _, row in dated),
    }
    return {name: frozen(column) for name, column in columns.items()}
