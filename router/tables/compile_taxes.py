"""Tax rows to their table: what each area and class is taxed with, and how the country rounds.

A row without an area of its own is its country's. Rows of an area replace all rows of its country of their class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from kernels.money.tax import DOWN, HALF_EVEN, HALF_UP, NOT_PLAIN, UP, WHOLE
from router.arrow.string_table import StringTable
from router.tables.arrays import frozen, int32s, int64s
from router.tables.compiled import TaxTable
from router.tables.periods import ALWAYS, period_of
from router.tables.row_types import TaxRow
from router.tables.zones import area_name, country_of, read_zone

ROUNDINGS = {"half_up": HALF_UP, "half_even": HALF_EVEN, "down": DOWN, "up": UP}
_BP = WHOLE // 10_000

Cell = tuple[str, str]  # area, class
Tax = tuple[str, int]  # name, rate in parts of WHOLE


def tax_area(country: str, region: str | None) -> str:
    """As all areas are named, and those by postcode "GB:BT"."""
    return read_zone(region)[0] if region is not None and ":" in region else area_name(country, region)


def rate_of(row: TaxRow) -> Decimal:
    """The rate in parts of WHOLE; a whole number of them in rows that were accepted."""
    bp = Decimal(repr(row.rate_bp)) if row.rate_bp is not None else Decimal(repr(row.percent)) * 100
    return bp * _BP


def compile_taxes(rows: Sequence[TaxRow], classes: StringTable, former: StringTable | None) -> TaxTable:
    """Rates by area and class; an area without a row of a class has its country's rates."""
    by_cell: dict[Cell, list[TaxRow]] = {}
    for row in rows:
        by_cell.setdefault((tax_area(row.country, row.region), row.tax_class), []).append(row)
    areas = (former or StringTable([""])).extended(sorted({area for area, _ in by_cell}))
    cells = [
        by_cell.get((area, tax_class)) or by_cell.get((country_of(area), tax_class), [])
        for area in areas.values
        for tax_class in classes.values
    ]
    entries = [(_tax(row), period_of(row)) for found in cells for row in found]
    taxes = {tax: number for number, tax in enumerate(sorted({tax for tax, _ in entries}))}
    once, rounding = _settings(rows, areas.values)
    simple = np.repeat((once == 0) & (rounding == HALF_UP), len(classes))
    shape = len(areas), len(classes)
    plain = int32s(
        _plain_rate(found) if is_simple or not found else NOT_PLAIN
        for found, is_simple in zip(cells, simple.tolist(), strict=True)
    )
    return TaxTable(
        area_ids=areas,
        class_ids=classes,
        plain_rate=frozen(plain.reshape(shape)),
        inclusive=frozen(np.array([bool(c) and c[0].inclusive for c in cells], np.uint8).reshape(shape)),
        offset=frozen(np.cumsum([0, *(len(found) for found in cells)], dtype=np.int32)),
        tax=frozen(int32s(taxes[tax] for tax, _ in entries)),
        from_ms=frozen(int64s(period.from_ms for _, period in entries)),
        until_ms=frozen(int64s(period.until_ms for _, period in entries)),
        names=[name for name, _ in taxes],
        rate=frozen(int32s(rate for _, rate in taxes)),
        once=frozen(once),
        rounding=frozen(rounding),
    )


def _tax(row: TaxRow) -> Tax:
    return row.name, int(rate_of(row))


def _plain_rate(rows: Sequence[TaxRow]) -> int:
    if not rows:
        return 0
    return int(rate_of(rows[0])) if len(rows) == 1 and period_of(rows[0]) == ALWAYS else NOT_PLAIN


def _settings(rows: Iterable[TaxRow], areas: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each area rounds once an order, and which way: any row of its country may say it."""
    once: dict[str, int] = {}
    rounding: dict[str, int] = {}
    for row in rows:
        if row.round_per is not None:
            once[row.country] = int(row.round_per == "order")
        if row.rounding is not None:
            rounding[row.country] = ROUNDINGS[row.rounding]
    return _by_area(once, areas), _by_area(rounding, areas)


def _by_area(setting: Mapping[str, int], areas: Sequence[str]) -> np.ndarray:
    return np.array([setting.get(country_of(area), 0) for area in areas], np.uint8)
