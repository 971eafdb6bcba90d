"""Fee: what the customer pays for shipping before promotions.

    fee = least of  price + per_kg * started kilograms  over the bands of the place
          that carry the whole order's weight with the service asked for

The fee does not depend on how many parcels we make of the order.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I32, IN_I64, OUT_I64, VOID, kernel, rule
from kernels.money.weigh import VALUE_MAX

Array = npt.NDArray[Any]

NO_FEE = -1  # no band carries it


@rule
def _started_kilograms(weight_g: int) -> int:
    return (weight_g + 999) // 1_000


@kernel(VOID, IN_I32, IN_I64, IN_I16, IN_I32, IN_I64, IN_I32, IN_I64, IN_I64, IN_I64, IN_I64, IN_I16, OUT_I64)
def fee(
    zone: Array,
    weight_g: Array,
    service: Array,
    lane_of_zone: Array,
    lane_offset: Array,
    lane_band: Array,
    band_min_g: Array,
    band_max_g: Array,
    band_price_minor: Array,
    band_per_kg_minor: Array,
    band_service: Array,
    fee_minor: Array,
) -> None:
    """Find every order's shipping fee.

    zone              (n)   i32  zone of the address, < Z                                          IN
    weight_g          (n)   i64  whole order, 0 to WEIGHT_MAX_G                                    IN
    service           (n)   i16  service asked for, -1 = any                                       IN
    lane_of_zone      (Z)   i32  lane whose bands lead to the zone, -1 = none                      IN
    lane_offset       (L+1) i64  first entry of each lane in lane_band                             IN
    lane_band         (F)   i32  row of the band arrays                                            IN
    band_min_g        (B)   i64  inclusive                                                         IN
    band_max_g        (B)   i64  inclusive                                                         IN
    band_price_minor  (B)   i64  per parcel                                                        IN
    band_per_kg_minor (B)   i64  per started kilogram                                              IN
    band_service      (B)   i16                                                                    IN
    fee_minor         (n)   i64  0 to VALUE_MAX, or NO_FEE (a dearer band does not carry it)      OUT

    Cost: one step a band of the lane.
    """
    for order in range(zone.size):
        lane = lane_of_zone[zone[order]]
        best = VALUE_MAX + 1
        if lane >= 0:
            for entry in range(lane_offset[lane], lane_offset[lane + 1]):
                band = lane_band[entry]
                if band_min_g[band] <= weight_g[order] <= band_max_g[band] and (
                    service[order] < 0 or service[order] == band_service[band]
                ):
                    kilograms = _started_kilograms(weight_g[order])
                    best = min(best, band_price_minor[band] + band_per_kg_minor[band] * kilograms)
        fee_minor[order] = best if best <= VALUE_MAX else NO_FEE
