"""Plain twin of router/ledger/freed.py: what newer tables free."""

from __future__ import annotations

from tests.reference.plan.allocate import has_lane


def freed_skus(available, before, world):
    """SKUs, in order, of which units may be given to somebody whom they could not be given to before."""
    nodes = {number for number in range(len(world["nodes"])) if is_freed(before, world, number)}
    goods = {number for number in range(len(world["skus"])) if is_easier(before, world, number)}
    return sorted(
        {
            sku
            for (sku, number), units in available.items()
            if units > world["nodes"][number]["safety"] and (number in nodes or sku in goods)
        }
    )


def is_freed(before, world, number):
    """Whether a node may give something more, whatever lies there."""
    if number >= len(before["nodes"]):
        return True
    was, node = before["nodes"][number], world["nodes"][number]
    if node["safety"] < was["safety"] or (was["capacity"] == 0 and node["capacity"] != 0):
        return True
    flags = [(was["active"], node["active"])]
    for name in ("channels", "goods"):
        flags += zip(was[name], node[name], strict=True)
    zones = range(len(node["zones"]))
    flags += [(ships(before, number, zone), ships(world, number, zone)) for zone in zones]
    if any(now and not then for then, now in flags):
        return True
    return any(
        heaviest_g(world, number, zone, service) > heaviest_g(before, number, zone, service)
        for zone in zones
        for service in (-1, 0, 1)
    )


def ships(world, number, zone):
    node = world["nodes"][number]
    return node["active"] and node["zones"][zone] and has_lane(world, number, zone)


def heaviest_g(world, number, zone, service):
    """The heaviest unit that leaves a node for a zone by a service, -1 any."""
    if not world["rates_loaded"]:
        return float("inf")
    bands = world["lanes"].get((number, zone), ())
    return max((band["max_g"] for band in bands if service in (-1, band["service"])), default=-1)


def is_easier(before, world, sku):
    """Whether units of a SKU are lighter, or of other goods, than they were."""
    if sku >= len(before["skus"]):
        return True
    was, row = before["skus"][sku], world["skus"][sku]
    return row["weight_g"] < was["weight_g"] or row["goods"] != was["goods"]
