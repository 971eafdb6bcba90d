"""Plain twin of kernels/plan/: allocate, whole, split, candidates and greedy: the specification.

``world`` holds the reference tables, ``cells`` what is available per (SKU, node), ``parcels_on`` the parcels counted
per (node, day). A demand is (SKU, node that it must come from, -1 any). A plan is a list of parcels
{"candidate", "take": {demand: units}}; lists are in node order.
"""

from __future__ import annotations

from itertools import combinations

from tests.reference.claim.hand_out import demands_of, serve_lines
from tests.reference.plan.freight import first_ship_day, floor_minor, free_ship_day, promise_day, shipped

SKUS_EXACT, NODES_EXACT, PARCELS_MAX = 8, 64, 8


def demand_of(world, order):
    """Units per demand, in order of first mention; bundles exploded."""
    need = {}
    for line in order["lines"]:
        if line["qty"] > 0 and line["sku"] >= 0:
            for demand, qty in demands_of(world, line):
                need[demand] = need.get(demand, 0) + qty * line["qty"]
    return need


def may_ship(world, node, order):
    """Channel and zone mask of a node."""
    return node["active"] and node["channels"][order["channel_index"]] and node["zones"][order["zone"]]


def has_lane(world, number, zone):
    return not world["rates_loaded"] or (number, zone) in world["lanes"]


def atp(world, cells, sku, number):
    """Units of a SKU this node may promise."""
    node = world["nodes"][number]
    if not node["goods"][world["skus"][sku]["goods"]]:
        return 0
    return max(cells.get((sku, number), 0) - node["safety"], 0)


def promised(world, cells, need, demand, number):
    """Units of a demand that a node may promise to this order: bound demands of the SKU come first."""
    sku, bound = demand
    bound_need = need.get((sku, number), 0)
    first = min(atp(world, cells, sku, number), bound_need)
    if bound >= 0:
        return first if bound == number else 0
    return atp(world, cells, sku, number) - first


def find_candidates(world, cells, parcels_on, order, need, known_ms):
    """(candidates, whether a node with stock was left out because its days are full)."""
    found, full = [], False
    for number, node in enumerate(world["nodes"]):
        if not may_ship(world, node, order) or not has_lane(world, number, order["zone"]):
            continue
        units = {demand: promised(world, cells, need, demand, number) for demand in need}
        if not any(units.values()):
            continue
        first = first_ship_day(world, node, known_ms)
        ship_day = free_ship_day(world, node, first, lambda day, n=number: parcels_on.get((n, day), 0))
        if ship_day is None:
            full = True
        else:
            found.append({"node": number, "ship_day": ship_day, "atp": units})
    return found, full


class Planner:
    """One order before one state of the cells."""

    def __init__(self, world, policy, order, need, candidates):
        self.world, self.policy, self.order, self.need = world, policy, order, need
        self.candidates = candidates
        self.split_penalty = policy["split_penalty_minor"]
        self.parcels_max = policy["parcels_max"]

    def ship(self, candidate, take, cap=None, by_day=False):
        """(cost, day, band row, pieces, days of the pieces) of what a node sends, None when it cannot go."""
        units = [(self.world["skus"][sku]["weight_g"], units) for (sku, _), units in take.items()]
        return shipped(self.world, self.policy, self.order, candidate, units, cap, by_day)

    # --- whole: all units of a SKU from one node ---------------------------------------------------

    def whole(self, cap):
        """(parcels, runner-up cost) of the best plan, or None: a table over sets of SKUs, nodes one after another."""
        skus = list(self.need)
        everything = (1 << len(skus)) - 1
        best = {}  # (parcels, set) -> up to two (cost, day, nodes, sets) with different nodes

        def offer(key, entry):
            entries = best.setdefault(key, [])
            same = [e for e in entries if e[2] == entry[2]]
            if same and same[0][:2] <= entry[:2]:
                return
            kept = [e for e in entries if e[2] != entry[2]]
            place = sum(e[:2] <= entry[:2] for e in kept)
            best[key] = [*kept[:place], entry, *kept[place:]][:2]

        for index, candidate in enumerate(self.candidates):
            whole = sum(1 << i for i, sku in enumerate(skus) if candidate["atp"][sku] >= self.need[sku])
            before = {key: list(entries) for key, entries in best.items()}
            for subset in range(everything, 0, -1):
                if subset & ~whole:
                    continue
                shipped = self.ship(candidate, self._take(skus, subset), cap)
                if shipped is None:
                    continue
                offer((1, subset), (shipped[0], shipped[1], (index,), (subset,)))
                for (parcels, covered), entries in before.items():
                    if covered & subset or parcels + 1 > min(self.parcels_max, len(skus)):
                        continue
                    for cost, day, nodes, sets in entries:
                        total = cost + shipped[0] + self.split_penalty
                        entry = (total, max(day, shipped[1]), (*nodes, index), (*sets, subset))
                        offer((parcels + 1, covered | subset), entry)
        plans = [(p, *entry) for (p, covered), entries in best.items() if covered == everything for entry in entries]
        return self._best_two(skus, plans)

    def _take(self, skus, subset):
        return {sku: self.need[sku] for i, sku in enumerate(skus) if subset >> i & 1}

    def _best_two(self, skus, plans):
        if not plans:
            return None
        fewest = self.policy["plan"] == "fewest"
        plans.sort(key=lambda p: (p[0], p[1], p[2]) if fewest else (p[1], p[0], p[2]))
        _, _, _, nodes, sets = plans[0]
        parcels = [
            {"candidate": self.candidates[n], "take": self._take(skus, s)} for n, s in zip(nodes, sets, strict=True)
        ]
        # A plan of one parcel is compared with its like only; under "fewest" every plan is.
        alike = [p for p in plans[1:] if p[0] == plans[0][0] or not (fewest or plans[0][0] == 1)]
        return parcels, alike[0][1] if alike else None

    # --- split: a smallest set of nodes that together have everything ------------------------------

    def ranked(self):
        """Candidates that have a band at all, by (floor, node)."""
        lightest = min(self.world["skus"][sku]["weight_g"] for sku, _ in self.need)
        floors = [(floor_minor(self.world, self.order, c, lightest), c["node"], c) for c in self.candidates]
        return [(floor, c) for floor, _, c in sorted((f for f in floors if f[0] is not None), key=lambda f: f[:2])]

    def split(self, cap):
        """(parcels, runner-up cost) of the best set of the smallest size that has one, or None."""
        ranked = [candidate for _, candidate in self.ranked()]
        for size in range(2, min(self.parcels_max, len(ranked)) + 1):
            found = []
            for chosen in combinations(ranked, size):
                parcels = self._give_in_turn(chosen)
                if parcels is None:
                    continue
                shipped = [self.ship(p["candidate"], p["take"], cap) for p in parcels]
                if None not in shipped:
                    cost = sum(s[0] for s in shipped) + self.split_penalty * (size - 1)
                    found.append((cost, max(s[1] for s in shipped), parcels))
            if found:
                found.sort(key=lambda f: f[:2])
                return found[0][2], found[1][0] if len(found) > 1 else None
        return None

    def _give_in_turn(self, chosen):
        """Each node gives what it has of what is left; None when one has nothing to add or units stay open."""
        left, parcels = dict(self.need), []
        for candidate in chosen:
            take = {sku: min(units, candidate["atp"][sku]) for sku, units in left.items()}
            if not any(take.values()):
                return None
            left = {sku: units - take[sku] for sku, units in left.items()}
            parcels.append({"candidate": candidate, "take": take})
        return None if any(left.values()) else parcels

    # --- greedy: as much as possible ---------------------------------------------------------------

    def greedy(self, by_cost):
        """(parcels, whether everything is covered)."""
        left, parcels, open_ = dict(self.need), [], self.ranked()
        by_day = self.policy["plan"] == "fastest"
        while open_ and len(parcels) < self.parcels_max:
            scored = [(self._score(left, by_cost, *entry), entry) for entry in open_]
            points, pick = max(scored, key=lambda s: (s[0], -s[1][0], -s[1][1]["node"]))
            if points == 0:
                break
            open_.remove(pick)
            candidate = pick[1]
            take = {sku: min(units, candidate["atp"][sku]) for sku, units in left.items()}
            if self.ship(candidate, take, None, by_day) is None:
                continue
            left = {sku: units - take[sku] for sku, units in left.items()}
            parcels.append({"candidate": candidate, "take": take})
        covered = not any(left.values())
        if covered and by_cost:
            parcels = self._without_redundant(parcels)
        return parcels, covered

    def _score(self, left, by_cost, floor, candidate):
        units = sum(min(units, candidate["atp"][sku]) for sku, units in left.items())
        return units * 1_000_000 // (floor + 1) if by_cost else units

    def _without_redundant(self, parcels):
        for gone in reversed(list(parcels)):
            others = [p["candidate"] for p in parcels if p["candidate"] is not gone["candidate"]]
            left, loaded = dict(self.need), []
            for candidate in others:
                take = {sku: min(units, candidate["atp"][sku]) for sku, units in left.items()}
                left = {sku: units - take[sku] for sku, units in left.items()}
                loaded.append({"candidate": candidate, "take": take})
            if not any(left.values()) and all(self.ship(p["candidate"], p["take"]) for p in loaded):
                parcels = loaded
        return parcels

    # --- by policy ---------------------------------------------------------------------------------

    def enough(self):
        """Whether all candidates with a band together have everything."""
        return all(sum(c["atp"][sku] for _, c in self.ranked()) >= units for sku, units in self.need.items())

    def complete(self):
        """(parcels, runner-up, day cap) of the best complete plan, or None: each SKU whole if that can be."""
        for kind in (self.whole, self.split):
            if kind == self.split and not self.enough():
                return None
            found = kind(None)
            if found and self.policy["plan"] != "fastest":
                return (*found, None)
            if found:
                return next((*quick, day) for day in sorted(self._days()) if (quick := kind(day)))
        return None

    def _days(self):
        """Days on which any parcel of this order can arrive, whatever its weight."""
        return {day for candidate in self.candidates for day in self._all_days(candidate)}

    def _all_days(self, candidate):
        node = self.world["nodes"][candidate["node"]]
        if not self.world["rates_loaded"]:
            return {promise_day(self.world, node, candidate["ship_day"], self.world["default_days"])}
        return {
            promise_day(self.world, node, candidate["ship_day"], band["days"])
            for band in self.world["lanes"][candidate["node"], self.order["zone"]]
            if self.order["service"] in (-1, band["service"])
        }

    def priced(self, parcels, cap):
        """Parcels as they go, with the plan's cost and latest day; None when no band takes one of them."""
        by_day = self.policy["plan"] == "fastest" and cap is None
        rows, cost, latest = [], self.split_penalty * (len(parcels) - 1), -1
        for loaded in parcels:
            candidate = loaded["candidate"]
            shipped = self.ship(candidate, loaded["take"], cap, by_day)
            if shipped is None:
                return None
            late = 0
            if self.order["promise_by_ms"] >= 0:
                late = sum(max(0, day - self.order["promise_by_ms"] // 86_400_000) for day in shipped[4])
            rows.append(
                {
                    "node": candidate["node"], "band": shipped[2], "ship_day": candidate["ship_day"],
                    "promise_day": shipped[1],
                    "cost_minor": shipped[0] - late * self.policy["late_penalty_minor_per_day"],
                    "pieces": shipped[3],
                    "take": dict(loaded["take"]),
                }
            )  # fmt: skip
            cost += shipped[0]
            latest = max(latest, shipped[1])
        return rows, cost, latest


def nothing(outcome, reason, full=False):
    reasons = {reason} | ({"node_capacity"} if full else set())
    return {"outcome": outcome, "parcels": [], "cost": 0, "day": -1, "runner_up": None, "reasons": reasons}


def masked_out(world, order, need):
    """Why no node may ship some SKU, whatever its stock."""
    for sku, bound in need:
        may = [
            number
            for number, node in enumerate(world["nodes"])
            if bound in (-1, number) and may_ship(world, node, order) and node["goods"][world["skus"][sku]["goods"]]
        ]
        if not may:
            return "no_eligible_node"
        if not any(has_lane(world, number, order["zone"]) for number in may):
            return "unreachable"
    return None


def plan(world, policy, cells, parcels_on, order, known_ms):
    """The plan of one order: outcome complete, short, nothing or impossible, and what it takes."""
    need = demand_of(world, order)
    candidates, full = find_candidates(world, cells, parcels_on, order, need, known_ms)
    if not candidates:
        if full:
            return nothing("nothing", "node_capacity")
        reason = masked_out(world, order, need)
        return nothing("impossible", reason) if reason else nothing("nothing", "out_of_stock")
    planner = Planner(world, policy, order, need, candidates)
    exact = len(need) <= SKUS_EXACT and len(candidates) <= NODES_EXACT
    found = planner.complete() if exact else None
    if found is None:
        parcels, covered = planner.greedy(by_cost=not exact)
        if not covered:
            return _short(world, policy, planner, parcels, full)
        found = parcels, None, None
    parcels, runner_up, cap = found
    rows, cost, day = planner.priced(parcels, cap)
    return {
        "outcome": "complete", "parcels": rows, "cost": cost, "day": day, "runner_up": runner_up, "reasons": set(),
        "backordered": [0] * len(order["lines"]),
    }  # fmt: skip


def _short(world, policy, planner, parcels, full):
    """A plan that does not cover the order, by the short stock policy."""
    if not parcels:
        if planner.ranked():
            return nothing("impossible", "unreachable", full)
        return nothing("nothing", "node_capacity") if full else nothing("impossible", "unreachable")
    covers = planner.enough()
    if policy["short_stock"] != "partial":
        return nothing("nothing", "split_limit" if covers else "out_of_stock", full)
    backordered = serve_lines(world, planner.order, parcels)
    parcels = [p for p in parcels if any(p["take"].values())]
    priced = planner.priced(parcels, None) if parcels else None
    if priced is None:
        return nothing("nothing", "out_of_stock", full)
    reasons = {"split_limit" if covers else "partial_stock"} | ({"node_capacity"} if full else set())
    rows, cost, day = priced
    return {
        "outcome": "short", "parcels": rows, "cost": cost, "day": day, "runner_up": None, "reasons": reasons,
        "backordered": backordered,
    }  # fmt: skip
