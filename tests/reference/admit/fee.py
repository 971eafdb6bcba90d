"""Fee, in plain Python: the specification of ``kernels/admit/fee.py``."""

from __future__ import annotations

from tests.reference.plan.pack import capacities, pack

VALUE_MAX = (2**63 - 1) // 10_000


def parcel_fee(bands: list[dict], weight_g: int, service: int | None) -> int | None:
    """The least price of a band that carries the weight with the service; None where there is none."""
    kilograms = -(-weight_g // 1_000)
    prices = [
        band["price"] + band["per_kg"] * kilograms
        for band in bands
        if band["min_g"] <= weight_g <= band["max_g"] and service in (None, band["service"])
    ]
    return min((price for price in prices if price <= VALUE_MAX), default=None)


def fee(bands: list[dict], weight_g: int, service: int | None, units: list[tuple[int, int]] = ()) -> int | None:
    """Of one parcel, else of the parcels that carry the (weight, units); None where a unit has no band."""
    found = parcel_fee(bands, weight_g, service)
    if found is not None:
        return found
    for capacity in capacities(bands, weight_g, -1 if service is None else service):
        parcels = pack(units, capacity)
        if parcels is None:
            continue
        fees = [parcel_fee(bands, weight, service) for weight in parcels]
        if None not in fees and sum(fees) <= VALUE_MAX:
            return sum(fees)
    return None
