"""What is wrong with rows of the table ``taxes``: each by itself, and among each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernels.money.tax import WHOLE
from router.errors import RowError, row_at
from router.tables.compile_taxes import rate_of, tax_area
from router.tables.countries import is_country
from router.tables.periods import overlap_errors, period_errors, period_of
from router.tables.row_types import TaxRow

_DECIMALS = "with at most 4 decimals of a basis point (6 of a percent)"


def tax_errors(row: TaxRow) -> Iterator[tuple[str, str, str]]:
    """Field, code and sentence of faults of one row but its country."""
    if row.region is not None:
        yield from _region(row.country, row.region)
    if (row.rate_bp is None) == (row.percent is None):
        detail = "A tax says either rate_bp (basis points) or percent; write one of them, for example percent 14.975."
        yield "rate_bp", "missing" if row.rate_bp is None else "conflict", detail
    elif rate_of(row) % 1:
        field, rate = ("percent", row.percent) if row.rate_bp is None else ("rate_bp", row.rate_bp)
        yield field, "value", f"{field} {rate} is finer than rates are kept; write it {_DECIMALS}."
    yield from period_errors(row)


def tax_table_errors(rows: Sequence[TaxRow], places: Sequence[int]) -> Iterator[RowError]:
    """Rows that meet in time, contradict their country's rounding, or make more than a class can have."""
    known = [(row, place) for row, place in zip(rows, places, strict=True) if not _is_faulty(row)]
    rows, places = [row for row, _ in known], [place for _, place in known]
    yield from overlap_errors(rows, places, lambda row: (*_cell(row), row.name), "tax of this name")
    yield from _settings(rows, places)
    yield from _sums(rows, places)


def _is_faulty(row: TaxRow) -> bool:
    return not is_country(row.country) or bool(list(tax_errors(row)))


def _cell(row: TaxRow) -> tuple[str, str]:
    return tax_area(row.country, row.region), row.tax_class


def _region(country: str, region: str) -> Iterator[tuple[str, str, str]]:
    if not region.strip():
        yield "region", "value", "region is empty; leave it out for the whole country."
        return
    head, colon, prefix = region.partition(":")
    if colon and (head.strip().upper() != country or not prefix.strip()):
        detail = f"{region!r} names no postcodes of {country}; write for example {country}:123 for those that begin so."
        yield "region", "zone", detail


def _settings(rows: Sequence[TaxRow], places: Sequence[int]) -> Iterator[RowError]:
    """Rounding is one setting a country."""
    first: dict[tuple[str, str], tuple[str, int]] = {}
    for row, place in zip(rows, places, strict=True):
        for name in ("round_per", "rounding"):
            said = getattr(row, name)
            if said is None:
                continue
            other, other_place = first.setdefault((row.country, name), (said, place))
            if other != said:
                detail = (
                    f"{name} of {row.country} is {other!r} in {row_at(other_place)}; a country has one, say it once."
                )
                yield RowError(place, name, "conflict", detail)


def _sums(rows: Sequence[TaxRow], places: Sequence[int]) -> Iterator[RowError]:
    """Of an area and class at any time: all contained in the price or none, and 100 % at most."""
    cells: dict[tuple[str, str], list[tuple[TaxRow, int]]] = {}
    for row, place in zip(rows, places, strict=True):
        cells.setdefault(_cell(row), []).append((row, place))
    for found in cells.values():
        for row, place in found:
            if row.inclusive != found[0][0].inclusive:
                detail = f"inclusive differs from {row_at(found[0][1])}; taxes of one place and class are alike in it."
                yield RowError(place, "inclusive", "conflict", detail)
            begin = period_of(row).from_ms
            together = [other for other, _ in found if period_of(other).from_ms <= begin < period_of(other).until_ms]
            if sum(rate_of(other) for other in together) > WHOLE:
                yield RowError(place, "rate_bp", "range", "The taxes of this place and class are above 100 % together.")
