"""Pack, in plain Python, unit by unit: the specification of ``kernels/plan/pack.py``."""

from __future__ import annotations

PACKS_MAX = 64


def portions(units):
    """(weight, units) pairs as they come, cut where there are more than PACKS_MAX different weights."""
    found = {}
    for weight, count in units:
        if weight not in found and len(found) == PACKS_MAX:
            yield found
            found = {}
        found[weight] = found.get(weight, 0) + count
    if found:
        yield found


def pack(units, capacity):
    """Weights of the parcels that carry all units, filled one after another; None where a unit is too heavy."""
    units = [(weight, count) for weight, count in units if count]
    if any(weight > capacity for weight, _ in units):
        return None
    parcels = []
    for portion in portions(units):
        left = sorted((weight for weight, count in portion.items() for _ in range(count)), reverse=True)
        while left:
            free, stays = capacity, []
            for weight in left:
                if weight <= free:
                    free -= weight
                else:
                    stays.append(weight)
            parcels.append(capacity - free)
            left = stays
    return parcels


def capacities(bands, weight, service):
    """What bands of the service take at most, below a weight, the heaviest first."""
    return sorted({b["max_g"] for b in bands if b["max_g"] < weight and service in (-1, b["service"])}, reverse=True)
