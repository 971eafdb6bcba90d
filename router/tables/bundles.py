"""Bundles: SKUs made of other SKUs, also of other bundles, exploded to what lies on a shelf."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from router.errors import RowError
from router.tables.compiled import SkuTable
from router.tables.row_types import SkuRow

UNITS_MAX = 100_000  # of one component in one bundle
COMPONENTS_MAX = 1_000  # different ones in one bundle
Parts = Mapping[str, list[tuple[str, int]]]  # bundle -> its direct components and quantities


@dataclass(frozen=True)
class Explosion:
    """Every bundle as units of its last components, in order of first mention, or why it has none."""

    units: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def direct_parts(rows: Sequence[SkuRow]) -> dict[str, list[tuple[str, int]]]:
    return {row.sku: [(part.sku, part.qty) for part in row.bundle] for row in rows if row.bundle}


def bundle_errors(rows: Sequence[SkuRow], places: Sequence[int], unread: Container[str]) -> Iterator[RowError]:
    """Bundles with unknown components, circles, or more units than the limit; ``unread`` are SKUs of refused rows."""
    parts = direct_parts(rows)
    known = {row.sku for row in rows}
    faults = explode(parts).faults if parts else {}
    for row, place in zip(rows, places, strict=True):
        for part in row.bundle or ():
            if part.sku not in known and part.sku not in unread:
                detail = f"The component {part.sku!r} is no row of this table; add it or correct the bundle."
                yield RowError(place, "bundle", "unknown_sku", detail)
        if row.sku in faults:
            yield RowError(place, "bundle", "bundle", faults.pop(row.sku))


def recomposed_errors(rows: Sequence[SkuRow], places: Sequence[int], former: SkuTable) -> Iterator[RowError]:
    """SKUs that consist of something else than ``former`` says: books of open orders count bundles by what they were
    opened with, and other units fit none of them. Rows that name what cannot be read are not judged."""
    parts, before = direct_parts(rows), _units_in(former)
    now = explode(parts).units
    readable = {row.sku for row in rows if row.sku in now or not row.bundle}
    for row, place in zip(rows, places, strict=True):
        units = now.get(row.sku, {})
        is_judged = row.sku in readable and row.sku in former.ids and units.keys() <= readable
        if is_judged and units != before.get(row.sku, {}):
            detail = (
                f"{row.sku!r} has consisted of something else, and orders may be open with it; "
                "give the new composition a SKU of its own."
            )
            yield RowError(place, "bundle", "recomposed", detail)


def _units_in(skus: SkuTable) -> dict[str, dict[str, int]]:
    """Every bundle of a compiled table as units of its last components."""
    offset, texts = skus.bundle_offset, skus.ids
    found = {}
    for number in np.flatnonzero(np.diff(offset)).tolist():
        part = slice(offset[number], offset[number + 1])
        pairs = zip(skus.bundle_sku[part].tolist(), skus.bundle_qty[part].tolist(), strict=True)
        found[texts.text(number)] = {texts.text(sku): units for sku, units in pairs}
    return found


def explode(parts: Parts) -> Explosion:
    """All bundles, each exploded once; with its own stack, so that long chains cannot exhaust Python's."""
    done = Explosion()
    for root in parts:
        path: dict[str, None] = {}  # bundles open above the current one, outermost first
        stack = [(root, False)]
        while stack:
            name, parts_done = stack.pop()
            if parts_done:
                path.pop(name)
                _combine(name, parts, done)
            elif name in path:
                circle = [*path][[*path].index(name) :]
                done.faults[name] = f"The bundle contains itself ({' > '.join([*circle, name])}); break the circle."
            elif name in parts and name not in done.units and name not in done.faults:
                path[name] = None
                stack.append((name, True))
                stack.extend((part, False) for part, _ in reversed(parts[name]))
    return done


def _combine(name: str, parts: Parts, done: Explosion) -> None:
    """Adds up the components of one bundle whose own components are done."""
    if name in done.faults:
        return
    units: dict[str, int] = {}
    for part, qty in parts[name]:
        if part in done.faults:
            done.faults[name] = f"Its component {part!r} cannot be exploded; mend that bundle first."
            return
        for last, count in (done.units[part] if part in parts else {part: 1}).items():
            units[last] = units.get(last, 0) + count * qty
    if len(units) > COMPONENTS_MAX or max(units.values()) > UNITS_MAX:
        done.faults[name] = (
            f"The bundle holds more than {UNITS_MAX} units of a component "
            f"or more than {COMPONENTS_MAX} components; make it smaller."
        )
        return
    done.units[name] = units
