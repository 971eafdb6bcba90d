"""Fee: what the customer pays for shipping before promotions.

    fee of a parcel = least of  price + per_kg * started kilograms  over the bands of the place
                      that carry its weight with the service asked for
    fee             = of one parcel with the whole order; where no band carries that, the sum over the parcels that
                      carry its units (kernels/plan/pack.py), packed to the heaviest band, else the next lighter one

The fee does not depend on how many parcels we make of the order, nor on what is in stock. An order with a unit that no
band carries has no fee, and is refused. Bundles are packed by their components.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I32, IN_I64, OUT_I64, VOID, kernel, records, rule
from kernels.layout import INT64, PACK, PIECES_MAX
from kernels.money.weigh import UNIT_WEIGHT_MAX_G, VALUE_MAX
from kernels.plan.pack import add_units, next_piece

Array = npt.NDArray[Any]

NO_FEE = -1  # no band carries it


@rule
def _started_kilograms(weight_g: int) -> int:
    return (weight_g + 999) // 1_000


@rule
def _parcel_fee(weight_g: int, service: int, first: int, last: int, lane_band: Array, bands: Any) -> int:
    """The least price of one parcel, more than VALUE_MAX where no band carries it."""
    min_g, max_g, price_minor, per_kg_minor, band_service = bands
    best = VALUE_MAX + 1
    for entry in range(first, last):
        band = lane_band[entry]
        if min_g[band] <= weight_g <= max_g[band] and (service < 0 or service == band_service[band]):
            best = min(best, price_minor[band] + per_kg_minor[band] * _started_kilograms(weight_g))
    return int(best)


@rule
def _lighter_capacity(below_g: int, service: int, first: int, last: int, lane_band: Array, bands: Any) -> int:
    """The heaviest that a band of the service carries below this weight, -1 none."""
    capacity = INT64(-1)
    for entry in range(first, last):
        band = lane_band[entry]
        if bands[1][band] < below_g and (service < 0 or service == bands[4][band]):
            capacity = max(capacity, bands[1][band])
    return int(capacity)


@rule
def _drained_fee(
    capacity_g: int, service: int, first: int, last: int, lane_band: Array, bands: Any, pack: Any, paid: int
) -> int:
    """``paid`` and the fee of all parcels of what is to be packed; more than VALUE_MAX where they have none."""
    while pack.packed > 0 and paid <= VALUE_MAX:
        weight_g, repeats = next_piece(capacity_g, pack)
        each = _parcel_fee(weight_g, service, first, last, lane_band, bands)
        if repeats > PIECES_MAX or each > (VALUE_MAX - paid) // repeats:
            return VALUE_MAX + 1
        paid += each * repeats
    return paid


@rule
def _add_line(
    sku: int, qty: int, capacity_g: int, service: int, first: int, last: int, lane_band: Array, bands: Any, items: Any,
    pack: Any, paid: int,
) -> int:  # fmt: skip
    """Put a line's units, of a bundle its components', to what is to be packed; returns what is paid so far."""
    unit_weight_g, part_offset, part_sku, part_qty = items
    parts = part_offset[sku + 1] - part_offset[sku]
    for part in range(part_offset[sku], part_offset[sku] + max(parts, 1)):
        unit = min(unit_weight_g[part_sku[part] if parts > 0 else sku], UNIT_WEIGHT_MAX_G)
        units = INT64(qty) * (part_qty[part] if parts > 0 else 1)
        if unit > capacity_g:
            return VALUE_MAX + 1
        if not add_units(unit, units, pack):
            paid = _drained_fee(capacity_g, service, first, last, lane_band, bands, pack, paid)
            pack.packed = 0
            add_units(unit, units, pack)
    return paid


@rule
def _pieces_fee(
    weight_g: int, service: int, first: int, last: int, line_first: int, line_last: int, sku: Array, qty: Array,
    lane_band: Array, bands: Any, items: Any, pack: Any,
) -> int:  # fmt: skip
    """The fee of an order that no band carries as one; more than VALUE_MAX where it has none."""
    capacity_g = _lighter_capacity(weight_g, service, first, last, lane_band, bands)
    while capacity_g >= 0:
        pack.packed, paid = 0, INT64(0)
        for line in range(line_first, line_last):
            if paid <= VALUE_MAX and sku[line] >= 0 and qty[line] > 0:
                paid = _add_line(
                    sku[line], qty[line], capacity_g, service, first, last, lane_band, bands, items, pack, paid
                )
        paid = _drained_fee(capacity_g, service, first, last, lane_band, bands, pack, paid)
        if paid <= VALUE_MAX:
            return paid
        capacity_g = _lighter_capacity(capacity_g, service, first, last, lane_band, bands)
    return VALUE_MAX + 1


@kernel(
    VOID, IN_I32, IN_I64, IN_I16, IN_I64, IN_I32, IN_I32,
    IN_I32, IN_I64, IN_I32, IN_I64, IN_I64, IN_I64, IN_I64, IN_I16,
    IN_I64, IN_I64, IN_I32, IN_I32, records(PACK), OUT_I64,
)  # fmt: skip
def fee(
    zone: Array, weight_g: Array, service: Array, line_offset: Array, sku: Array, qty: Array,
    lane_of_zone: Array, lane_offset: Array, lane_band: Array, band_min_g: Array, band_max_g: Array,
    band_price_minor: Array, band_per_kg_minor: Array, band_service: Array,
    unit_weight_g: Array, part_offset: Array, part_sku: Array, part_qty: Array, scratch: Array, fee_minor: Array,
) -> None:  # fmt: skip
    """Find every order's shipping fee.

    zone              (n)   i32  zone of the address, < Z                                          IN
    weight_g          (n)   i64  whole order, 0 to WEIGHT_MAX_G                                    IN
    service           (n)   i16  service asked for, -1 = any                                       IN
    line_offset       (n+1) i64  first line of each order                                          IN
    sku               (m)   i32  row of the SKU arrays, -1 = unknown                               IN
    qty               (m)   i32  units, not negative                                               IN
    lane_of_zone      (Z)   i32  lane whose bands lead to the zone, -1 = none                      IN
    lane_offset       (L+1) i64  first entry of each lane in lane_band                             IN
    lane_band         (F)   i32  row of the band arrays                                            IN
    band_min_g        (B)   i64  inclusive                                                         IN
    band_max_g        (B)   i64  inclusive                                                         IN
    band_price_minor  (B)   i64  per parcel                                                        IN
    band_per_kg_minor (B)   i64  per started kilogram                                              IN
    band_service      (B)   i16                                                                    IN
    unit_weight_g     (S)   i64  of one unit, not negative                                         IN
    part_offset       (S+1) i64  first component of each SKU, none = it is no bundle               IN
    part_sku, part_qty (c)  i32  components of bundles                                             IN
    scratch           (1)   PACK
    fee_minor         (n)   i64  0 to VALUE_MAX, or NO_FEE (a dearer band does not carry it)      OUT

    Cost: one step a band of the lane; of an order in several parcels for each that is different, and packing.
    """
    bands = (band_min_g, band_max_g, band_price_minor, band_per_kg_minor, band_service)
    items = (unit_weight_g, part_offset, part_sku, part_qty)
    for order in range(zone.size):
        lane = lane_of_zone[zone[order]]
        best = VALUE_MAX + 1
        if lane >= 0:
            first, last = lane_offset[lane], lane_offset[lane + 1]
            best = _parcel_fee(weight_g[order], service[order], first, last, lane_band, bands)
            if best > VALUE_MAX:
                best = _pieces_fee(
                    weight_g[order], service[order], first, last, line_offset[order], line_offset[order + 1], sku, qty,
                    lane_band, bands, items, scratch[0],
                )  # fmt: skip
        fee_minor[order] = best if best <= VALUE_MAX else NO_FEE
