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
COMPONENTS_IN_ALL_MAX = 1_000_000  # of all bundles of a table, those of bundles in bundles each time they are reached
COMPONENTS_KEPT_MAX = 4_000_000  # the same with bundles of earlier tables
_SHOWN_MAX = 8  # bundles of a circle in its fault
Parts = Mapping[str, list[tuple[str, int]]]  # bundle -> its direct components and quantities


@dataclass
class Explosion:
    """Every bundle as units of its last components, in order of first mention, or why it has none."""

    units: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    components: int = 0  # that were added up


def direct_parts(rows: Sequence[SkuRow]) -> dict[str, list[tuple[str, int]]]:
    return {row.sku: [(part.sku, part.qty) for part in row.bundle] for row in rows if row.bundle}


def bundle_errors(rows: Sequence[SkuRow], places: Sequence[int], unread: Container[str]) -> Iterator[RowError]:
    """Bundles with unknown components, circles, or more units than the limit; ``unread`` are SKUs of refused rows."""
    parts = direct_parts(rows)
    known = {row.sku for row in rows}
    faults = explode(parts, COMPONENTS_IN_ALL_MAX).faults if parts else {}
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
    exploded = explode(parts, COMPONENTS_IN_ALL_MAX)
    now = exploded.units
    yield from _kept_too_many(exploded, before, {row.sku for row in rows}, places)
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


def _kept_too_many(
    exploded: Explosion, before: Mapping[str, dict[str, int]], named: Container[str], places: Sequence[int]
) -> Iterator[RowError]:
    """Bundles that no longer have a row stay, because orders may be open with them."""
    kept = sum(len(units) for sku, units in before.items() if sku not in named)
    if places and kept + exploded.components > COMPONENTS_KEPT_MAX:
        detail = (
            f"The bundles have {exploded.components} components in all, and those of earlier tables, which stay for "
            f"open orders, {kept}; there is room for {COMPONENTS_KEPT_MAX}: use the SKUs of earlier bundles again."
        )
        yield RowError(places[0], "bundle", "limit", detail)


def _units_in(skus: SkuTable) -> dict[str, dict[str, int]]:
    """Every bundle of a compiled table as units of its last components."""
    offset, texts = skus.bundle_offset, skus.ids
    found = {}
    for number in np.flatnonzero(np.diff(offset)).tolist():
        part = slice(offset[number], offset[number + 1])
        pairs = zip(skus.bundle_sku[part].tolist(), skus.bundle_qty[part].tolist(), strict=True)
        found[texts.text(number)] = {texts.text(sku): units for sku, units in pairs}
    return found


def explode(parts: Parts, room: int | None = None) -> Explosion:
    """All bundles, each exploded once; with its own stack, so that long chains cannot exhaust Python's.

    ``room``: components in all. The bundle that would go beyond has the only fault of that kind, and no later one is
    exploded.
    """
    done = Explosion()
    for root in parts:
        at: dict[str, int] = {}  # places in ``path``
        path: list[str] = []  # bundles open above the current one, outermost first
        stack = [(root, False)]
        while stack:
            name, parts_done = stack.pop()
            if parts_done:
                del at[path.pop()]
                if not _combine(name, parts, done, room):
                    return done
            elif name in at:
                if name not in done.faults:
                    done.faults[name] = _circle(path, at[name])
            elif name in parts and name not in done.units and name not in done.faults:
                at[name] = len(path)
                path.append(name)
                stack.append((name, True))
                stack.extend((part, False) for part, _ in reversed(parts[name]))
    return done


def _circle(path: Sequence[str], first: int) -> str:
    """The fault of a bundle that is open and was reached again; a long circle is shown by its beginning."""
    shown, more = list(path[first : first + _SHOWN_MAX]), len(path) - first - _SHOWN_MAX
    if more > 0:
        shown.append(f"{more} more")
    return f"The bundle contains itself ({' > '.join([*shown, path[first]])}); break the circle."


def _combine(name: str, parts: Parts, done: Explosion, room: int | None) -> bool:
    """Adds up the components of one bundle whose own components are done; False where there is no room for them."""
    if name in done.faults:
        return True
    for part, _ in parts[name]:
        if part in done.faults:
            done.faults[name] = f"Its component {part!r} cannot be exploded; mend that bundle first."
            return True
    done.components += sum(len(done.units[part]) if part in parts else 1 for part, _ in parts[name])
    if room is not None and done.components > room:
        done.faults[name] = (
            f"The bundles up to this one have {done.components} components in all, counted through bundles in them, "
            f"and there is room for {room}; leave some out, or make them smaller."
        )
        return False
    units: dict[str, int] = {}
    for part, qty in parts[name]:
        for last, count in (done.units[part] if part in parts else {part: 1}).items():
            units[last] = units.get(last, 0) + count * qty
    if len(units) > COMPONENTS_MAX or max(units.values()) > UNITS_MAX:
        done.faults[name] = (
            f"The bundle holds more than {UNITS_MAX} units of a component "
            f"or more than {COMPONENTS_MAX} components; make it smaller."
        )
    else:
        done.units[name] = units
    return True
