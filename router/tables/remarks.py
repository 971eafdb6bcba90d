"""What an upload is told although it is taken: names of regions that nobody knows, and calendars without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from router.tables import calendars
from router.tables.countries import is_country
from router.tables.regions import is_region, knows_regions, region_of
from router.tables.row_types import NodeRow, PromotionRow, RateRow, TaxRow
from router.tables.rows import Rows

REMARKS_MAX = 100


class Remark(NamedTuple):
    """A row that may not mean what it says."""

    row: int  # as in errors
    field: str
    code: str
    detail: str


def remarks(upload: Rows) -> list[dict[str, Any]]:
    """The first of them, by row."""
    found = (
        Remark(place, *said) for row, place in zip(upload.rows, upload.places, strict=True) for said in _said_of(row)
    )
    return [remark._asdict() for remark, _ in zip(found, range(REMARKS_MAX), strict=False)]


Said = tuple[str, str, str]  # field, code, detail


def _said_of(row: Any) -> Iterator[Said]:
    if isinstance(row, NodeRow):
        yield from _region("region", row.country, row.region)
        if row.holidays:
            yield from _holidays(row)
        for text in row.ship_to or ():
            yield from _zone("ship_to", text)
    elif isinstance(row, TaxRow):
        if ":" not in (row.region or ""):  # else the postcodes that begin so
            yield from _region("region", row.country, row.region or "")
    elif isinstance(row, RateRow):
        yield from _zone("from_zone", row.from_zone)
        yield from _zone("to_zone", row.to_zone)
    elif isinstance(row, PromotionRow):
        for text in row.when.regions or ():
            yield from _zone("when.regions", text)


def _region(field: str, country: str, text: str) -> Iterator[Said]:
    code = region_of(country, text)
    if code and knows_regions(country) and not is_region(country, code):
        detail = (
            f"{country} has no region {text!r} by code or name; only addresses that say the very same will match it."
        )
        yield field, "region_unknown", detail


def _zone(field: str, text: str) -> Iterator[Said]:
    country, dash, region = text.strip().upper().partition("-")
    if dash and is_country(country):
        yield from _region(field, country, region)


def _holidays(row: NodeRow) -> Iterator[Said]:
    region = region_of(row.country, row.region)
    if region and calendars.calendar_of(row.country, region) is None:
        detail = (
            f"The calendar knows no public holidays of {row.region!r} in {row.country}; "
            "the node is closed on those of the whole country alone."
        )
        yield "region", "holidays_unknown", detail
    elif not region and calendars.has_regions(row.country):
        detail = (
            f"Public holidays of {row.country} differ by region, and the node names none; it is closed on those of the "
            "whole country alone."
        )
        yield "region", "holidays_of_country", detail
