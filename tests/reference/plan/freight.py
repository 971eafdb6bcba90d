"""Plain twin of kernels/plan/freight.py: days and prices of one node, from dictionaries."""

from __future__ import annotations

import itertools

from tests.reference.plan.pack import capacities, pack

DAY_MIN = 1_440
ROLLS_MAX = 5


def open_day(world, node, day):
    """First open day at or after ``day``; outside the calendar every day is open."""
    last = world["day0"] + world["days"]
    if not world["day0"] <= day < last:
        return day
    while day < last and day in node["closed"]:
        day += 1
    return day


def first_ship_day(world, node, known_ms):
    """The first local day whose cut-off has not passed, then the first open one."""
    known_min, last = known_ms // 60_000, world["day0"] + world["days"] - 1
    offsets = node.get("offsets") or {}
    passed = (
        day * DAY_MIN + node["cutoff_min"] - offsets.get(min(max(day, world["day0"]), last), node["offset_min"])
        for day in itertools.count(known_min // DAY_MIN - 1)
    )
    waited = itertools.takewhile(lambda cutoff_min: known_min >= cutoff_min, passed)
    return open_day(world, node, known_min // DAY_MIN - 1 + len(list(waited)))


def free_ship_day(world, node, first, parcels_on):
    """``parcels_on(day)`` are the parcels counted; None when this and the next ROLLS_MAX open days are full."""
    if node["capacity"] is None:
        return first
    day = first
    for _ in range(ROLLS_MAX + 1):
        if parcels_on(day) < node["capacity"]:
            return day
        day = open_day(world, node, day + 1)
    return None


def promise_day(world, node, ship_day, days):
    day = ship_day
    for _ in range(days):
        day = open_day(world, node, day + 1)
    return day


def first_band_row(world, lane):
    """Row of a lane's first band: bands lie lane after lane."""
    return sum(len(bands) for key, bands in world["lanes"].items() if key < lane)


def offers(world, policy, wanted, candidate, weight_g):
    """All ways to ship a parcel: (cost with late penalty, promise day, band row)."""
    node = world["nodes"][candidate["node"]]

    def late(day):
        if wanted["promise_by_ms"] < 0:
            return 0
        return max(0, day - wanted["promise_by_ms"] // 86_400_000) * policy["late_penalty_minor_per_day"]

    if not world["rates_loaded"]:
        day = promise_day(world, node, candidate["ship_day"], world["default_days"])
        return [(node["handling"] + late(day), day, -1)]
    found = []
    lane = (candidate["node"], wanted["zone"])
    for row, band in enumerate(world["lanes"][lane], first_band_row(world, lane)):
        if band["min_g"] <= weight_g <= band["max_g"] and wanted["service"] in (-1, band["service"]):
            day = promise_day(world, node, candidate["ship_day"], band["days"])
            price = band["price"] + band["per_kg"] * -(-weight_g // 1_000)
            found.append((node["handling"] + price + late(day), day, row))
    return found


def lane_bands(world, wanted, candidate):
    """Bands from the candidate to the address."""
    return world["lanes"][candidate["node"], wanted["zone"]] if world["rates_loaded"] else []


def shipped(world, policy, wanted, candidate, units, day_cap=None, by_day=False):
    """(cost, latest day, band row of the first, parcels, their days) of (weight, units); None when they cannot go.

    In pieces where no band takes all as one.
    """
    weight = sum(unit * count for unit, count in units)
    bands = lane_bands(world, wanted, candidate)
    service = wanted["service"]
    if not world["rates_loaded"] or any(
        b["min_g"] <= weight <= b["max_g"] and service in (-1, b["service"]) for b in bands
    ):
        one = parcel(world, policy, wanted, candidate, weight, day_cap, by_day)
        return one and (*one, 1, [one[1]])
    for capacity in capacities(bands, weight, service):
        pieces = pack(units, capacity) or []
        found = [parcel(world, policy, wanted, candidate, piece, day_cap, by_day) for piece in pieces]
        if found and None not in found:
            days = [day for _, day, _ in found]
            return sum(cost for cost, _, _ in found), max(days), found[0][2], len(found), days
    return None


def parcel(world, policy, wanted, candidate, weight_g, day_cap=None, by_day=False):
    """The best way by (cost, day, row), or by (day, cost, row); None when no band takes the parcel in time."""
    found = offers(world, policy, wanted, candidate, weight_g)
    in_time = [offer for offer in found if day_cap is None or offer[1] <= day_cap]
    return min(in_time, key=lambda o: (o[1], o[0], o[2]) if by_day else o, default=None)


def floor_minor(world, wanted, candidate, lightest_g):
    """No parcel from here costs less; None when no band would take one."""
    handling = world["nodes"][candidate["node"]]["handling"]
    if not world["rates_loaded"]:
        return handling
    prices = [
        band["price"] + band["per_kg"] * -(-max(band["min_g"], lightest_g) // 1_000)
        for band in world["lanes"][candidate["node"], wanted["zone"]]
        if band["max_g"] >= lightest_g and wanted["service"] in (-1, band["service"])
    ]
    return handling + min(prices) if prices else None
