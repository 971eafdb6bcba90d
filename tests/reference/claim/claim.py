"""Plain twin of kernels/claim/claim.py and judge.py: a ledger of dictionaries."""

from __future__ import annotations

from kernels.reasons import NAMES
from tests.reference.claim import grant as grants
from tests.reference.claim.hand_out import hand_out
from tests.reference.claim.recent import Window
from tests.reference.claim.wait import join
from tests.reference.plan.allocate import plan

BITS = {name: number for number, name in NAMES.items()}
ALLOCATED, PARTIALLY_ALLOCATED, BACKORDERED, HELD, REJECTED = range(5)


class Ledger:
    """Units as {(sku, node): units} per account, and everything else that is counted."""

    def __init__(self, policy, stock, entries_max=1 << 21):
        self.policy = policy
        self.accounts = {account: {} for account in (0, 1, 2, 3, 5, 6, 7, 8)}
        self.available, self.held, self.allocated = (self.accounts[account] for account in (0, 1, 2))
        self.available.update(stock)
        self.received = dict(stock)
        self.movements = {}
        self.waiting = []
        self.granted = []  # rows of grants with their record, as far as shards have not taken them over
        self.seen = {}
        self.reservations, self.over = {}, {}
        self.parcels_on = {}
        self.uses, self.customer_uses = {}, {}
        self.customers, self.channels = {}, {}
        self.velocity_ms = policy["velocity_window_ms"]
        self.lately = {}  # customer -> (stretch of time, orders in the one before it, orders in it)
        self.baskets = Window(policy["duplicate_basket_window_ms"], entries_max)


def decide(ledger, world, orders, reference, now_ms, commit=True):
    """Decisions of a batch, in row order; each sees what the rows before it took."""
    return [_decide(ledger, world, order, reference + row, now_ms, commit) for row, order in enumerate(orders)]


def _decide(ledger, world, order, reference, now_ms, commit):
    answer = {
        "status": REJECTED, "reasons": set(), "risk": order["risk"], "granted": [], "promise_day": -1,
        "cost_minor": 0, "runner_up_minor": -1, "twin": -1, "parcels": [],
        "lines": [{"backordered": 0, "allocations": []} for _ in order["lines"]],
    }  # fmt: skip
    if order["admission"] == 2:
        return answer
    rotate(ledger, max(order["placed_at_ms"], now_ms))
    verdict = judge(ledger, order, answer)
    if verdict == "reject":
        return answer
    planned = plan(world, ledger.policy, ledger.available, ledger.parcels_on, order, max(order["placed_at_ms"], now_ms))
    answer["reasons"] |= planned["reasons"]
    outcome = planned["outcome"]
    if outcome == "impossible" or (outcome != "complete" and ledger.policy["short_stock"] == "reject"):
        return answer
    by_outcome = {"complete": ALLOCATED, "short": PARTIALLY_ALLOCATED, "nothing": BACKORDERED}
    answer["status"] = HELD if verdict == "hold" else by_outcome[outcome]
    _describe(answer, world, order, planned)
    answer["granted"] = grant(ledger, world, order, answer)
    if commit:
        take(ledger, world, order, answer, reference)
        backordered = [[line["backordered"] for line in answer["lines"]]]
        join(ledger.waiting, reference, [order], backordered, other_channel(world), now_ms)
    return answer


def _describe(answer, world, order, planned):
    answer["promise_day"], answer["cost_minor"] = planned["day"], planned["cost"]
    answer["runner_up_minor"] = -1 if planned["runner_up"] is None else planned["runner_up"]
    answer["parcels"] = [{k: v for k, v in row.items() if k != "take"} for row in planned["parcels"]]
    waiting = planned.get("backordered") or [line["qty"] for line in order["lines"]]
    answer["lines"] = hand_out(world, order, planned["parcels"], waiting)
    if order["promise_by_ms"] >= 0 and planned["day"] > order["promise_by_ms"] // 86_400_000:
        answer["reasons"].add("promise_late")


def other_channel(world):
    """The channel_index of every channel that no table names."""
    return len(world["nodes"][0]["channels"]) - 1


def rotate(ledger, known_ms):
    if ledger.baskets.window_ms > 0:
        ledger.baskets.rotate(known_ms)


def judge(ledger, order, answer):
    """proceed, hold or reject; sets risk, reasons and twin."""
    policy, verdict = ledger.policy, ("proceed", "hold")[order["admission"]]
    if ledger.baskets.window_ms > 0 and order["basket"] != 0:
        for generation in (ledger.baskets.current, ledger.baskets.before):
            seen = generation.get(order["basket"])
            if seen and abs(order["placed_at_ms"] - seen[0]) <= ledger.baskets.window_ms:
                answer["twin"] = seen[1]
                answer["reasons"].add("duplicate_basket")
                verdict = "hold"
                break
    if _far_above_usual(ledger, order):
        answer["reasons"].add("risk_value")
        answer["risk"] += policy["risk_points_value"]
    counts = ledger.velocity_ms > 0 and order["customer"] != 0
    if counts and orders_lately(ledger, order) >= policy["velocity_orders_max"]:
        answer["reasons"].add("risk_velocity")
        answer["risk"] += policy["risk_points_velocity"]
    if answer["risk"] >= min(policy["risk_hold_at"], policy["risk_reject_at"]):
        answer["reasons"].add("risk_score")
        verdict = "reject" if answer["risk"] >= policy["risk_reject_at"] else "hold"
    return verdict


def orders_lately(ledger, order):
    """Of the customer in the window before the order, or in the one after it where those are more."""
    if order["customer"] not in ledger.lately:
        return 0
    window_ms = ledger.velocity_ms
    stretch, passed_ms = divmod(order["placed_at_ms"], window_ms)
    last, before, now = ledger.lately[order["customer"]]
    counted = {last - 1: before, last: now}

    def of(other, part_ms):
        return counted.get(other, 0) * part_ms // window_ms

    earlier = of(stretch, window_ms) + of(stretch - 1, window_ms - passed_ms)
    later = of(stretch, window_ms) + of(stretch + 1, passed_ms)
    return max(earlier, later)


def count_lately(ledger, order):
    """The stretch of this order and its neighbour are remembered."""
    stretch = order["placed_at_ms"] // ledger.velocity_ms
    last, before, now = ledger.lately.get(order["customer"], (stretch, 0, 0))
    counted = {last - 1: before, last: now}
    first, end = (stretch - 1, stretch) if stretch >= last else (stretch, stretch + 1)
    counted[stretch] = counted.get(stretch, 0) + 1
    ledger.lately[order["customer"]] = (end, counted.get(first, 0), counted.get(end, 0))


def _far_above_usual(ledger, order):
    count, level = ledger.channels.get(order["channel_key"], (0, 0))
    factor = ledger.policy["risk_value_factor"]
    if order["channel_key"] == 0 or factor == 0 or count < max(1, ledger.policy["risk_value_orders_min"]):
        return False
    return order["value_minor"] // factor > level // 64


def grant(ledger, world, order, answer):
    """Promotions given; a code given in vain is flagged."""
    promotions, customer = world["promotions"], order["customer"]
    candidates = [promotions[number] for number in order["promotions"]]
    uses = [ledger.uses.get(p["code"], 0) for p in candidates]
    mine = [
        ledger.customer_uses.get((customer, p["code"]), 0) if customer and p["per_customer"] is not None else 0
        for p in candidates
    ]
    is_first, is_guest = not ledger.customers.get(customer), customer == 0
    given = grants.grant(candidates, uses, mine, is_first, is_guest)
    for p, used, used_by_customer, got in zip(candidates, uses, mine, given, strict=True):
        why = None if got or not p["needs_coupon"] else grants.obstacle(p, used, used_by_customer, is_first, is_guest)
        if why is not None:
            answer["reasons"].add(NAMES[why])
    return [number for number, got in zip(order["promotions"], given, strict=True) if got]


def take(ledger, world, order, answer, reference):
    """Everything a decision gives, and what is remembered of the order."""
    target = ledger.held if answer["status"] == HELD else ledger.allocated
    for line in answer["lines"]:
        for row in line["allocations"]:
            cell = (row["sku"], row["node"])
            ledger.available[cell] -= row["qty"]
            target[cell] = target.get(cell, 0) + row["qty"]
    for row in answer["parcels"]:
        day = (row["node"], row["ship_day"])
        ledger.parcels_on[day] = ledger.parcels_on.get(day, 0) + 1
    customer = order["customer"]
    for number in answer["granted"]:
        p = world["promotions"][number]
        ledger.uses[p["code"]] = ledger.uses.get(p["code"], 0) + 1
        if customer and p["per_customer"] is not None:
            key = (customer, p["code"])
            ledger.customer_uses[key] = ledger.customer_uses.get(key, 0) + 1
    if customer:
        ledger.customers[customer] = ledger.customers.get(customer, 0) + 1
        if ledger.velocity_ms > 0:
            count_lately(ledger, order)
    if ledger.baskets.window_ms > 0 and order["basket"]:
        ledger.baskets.current[order["basket"]] = (order["placed_at_ms"], reference)
    _remember_value(ledger, order)


def _remember_value(ledger, order):
    """The plain mean of a channel's first orders, then 1/64 of the difference with each; kept times 64."""
    if order["channel_key"] == 0:
        return
    count, level = ledger.channels.get(order["channel_key"], (0, 0))
    count += 1
    if count <= ledger.policy["risk_value_orders_min"]:
        level += (64 * order["value_minor"] - level) // count
    else:
        level += order["value_minor"] - level // 64
    ledger.channels[order["channel_key"]] = (count, level)


def apply(ledger, world, orders, answers, reference, now_ms):
    """Take again what decisions gave; nothing is decided."""
    for row, (order, answer) in enumerate(zip(orders, answers, strict=True)):
        if order["admission"] != 2:
            rotate(ledger, max(order["placed_at_ms"], now_ms))
        if answer["status"] != REJECTED:
            take(ledger, world, order, answer, reference + row)
            backordered = [[line["backordered"] for line in answer["lines"]]]
            join(ledger.waiting, reference + row, [order], backordered, other_channel(world), 0)


def reasons_mask(names):
    return sum(1 << BITS[name] for name in names)
