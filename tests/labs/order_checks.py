"""What must hold of an order's view and timeline at every moment, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np

from actors.gateway.http import order_shapes
from router.life.states import DISPOSITIONS, Stage, stage_of
from router.log.columns import MONEY_SHOWN
from tests.labs.order_lab import STAGES, OrderLab

Row = dict[str, Any]
SENT = ("shipped", "delivered", "returned", "lost")
ACCOUNTS = ("authorized", "captured", "refunding", "refunded")
LET_OFF = ("credited", "written_off")  # of an order, not of a payment


def check(lab: OrderLab, order_id: str) -> Row:
    """The view, all of it checked against itself, the shard's own book, and the timeline."""
    view = lab.view(order_id)
    check_shape(view, order_shapes.OrderView)
    check_units(view)
    check_money(view)
    check_shipments(view)
    check_against_book(lab, order_id, view)
    timeline = lab.timeline(order_id)
    check_shape(timeline, order_shapes.Timeline)
    check_timeline(view, timeline)
    return view


def check_shape(answer: Row, shape: type) -> None:
    """It is what the OpenAPI document says, and nothing more: what the shape does not name would not come back."""
    assert msgspec.to_builtins(msgspec.convert(answer, shape)) == answer


def check_units(view: Row) -> None:
    for line in view["lines"]:
        units = line["units"]
        assert list(units) == ["ordered", *STAGES]
        assert sum(units[stage] for stage in STAGES) == units["ordered"] == line["qty"] * (view["status"] != "rejected")
        assert all(units[stage] >= 0 for stage in STAGES)
        assert line["backordered"] == units["backordered"]
        given = sum(part["qty"] for part in line["allocations"])
        if "components" not in line:
            assert given + units["backordered"] + units["cancelled"] + units["returned"] == units["ordered"]
            continue
        for part in line["components"]:
            assert sum(part["units"][stage] for stage in STAGES) == part["units"]["ordered"]
            assert part["units"]["ordered"] == part["qty"] * units["ordered"]
            for stage in range(len(STAGES)):  # as many whole bundles are at least so far as every component allows
                so_far = sum(part["units"][name] for name in STAGES[stage:])
                assert sum(units[name] for name in STAGES[stage:]) * part["qty"] <= so_far


def check_money(view: Row) -> None:
    money = view["money"]
    assert set(money) == {*ACCOUNTS, *LET_OFF, "due", "total"}
    assert money["total"] == view["total"]
    for account in ACCOUNTS:
        assert sum(payment[account] for payment in view["payments"]) == money[account], account


def check_shipments(view: Row) -> None:
    """No more units are in shipments than were packed or sent."""
    inside: Counter[str] = Counter()
    for shipment in view["shipments"]:
        assert (shipment["status"] == "empty") == (not shipment["lines"])
        for line in shipment["lines"]:
            inside[line["line_id"]] += line["qty"]
    assert len({shipment["shipment_id"] for shipment in view["shipments"]}) == len(view["shipments"])
    for line in view["lines"]:
        parts = [part["units"] for part in line["components"]] if "components" in line else [line["units"]]
        assert inside[line["line_id"]] <= sum(part[stage] for part in parts for stage in ("picked", "packed", *SENT))
    times = [[scan["at"] for scan in shipment["scans"]] for shipment in view["shipments"]]
    assert times == [sorted(each) for each in times]


def check_against_book(lab: OrderLab, order_id: str, view: Row) -> None:
    """The same as the shard's own book says, where it has one."""
    books, row = lab.books(order_id)
    at = np.array([row])
    if not books.are_open(at)[0]:
        return
    units, money = books.sums(at)
    assert [view["money"][name] for name in MONEY_SHOWN] == money[0].tolist()
    book = books.look(row)
    for number, line in enumerate(view["lines"]):
        skus = [part["sku"] for part in line.get("components", [])]
        parts = {(sku, stage): 0 for sku in [line["sku"], *skus] for stage in STAGES}
        for position in book.positions[book.positions["line"] == number]:
            sku = lab.tables.skus.ids.text(int(position["sku"]))
            parts[sku, STAGES[stage_of(int(position["stage"]))]] += int(position["qty"])
        if skus:
            for part in line["components"]:
                for stage in STAGES:
                    own = part["qty"] * parts[line["sku"], stage]
                    assert part["units"][stage] == parts[part["sku"], stage] + own
        else:
            assert [line["units"][stage] for stage in STAGES] == [parts[line["sku"], stage] for stage in STAGES]
    if not any("components" in line for line in view["lines"]):
        total = [sum(line["units"][stage] for line in view["lines"]) for stage in STAGES]
        assert total == units[0].tolist()
        check_state(view, total)
    assert len(view["holds"]) == (len(book.holds) or int(book.on_hold))


def check_state(view: Row, total: list[int]) -> None:
    """One stage of all live units names the state, else the furthest of them; without any, how they ended."""
    live = [stage for stage in range(Stage.DELIVERED + 1) if total[stage]]
    state = view["state"]
    if state == "closed":
        assert not live or live == [Stage.DELIVERED]
    elif not live:
        assert state == next((name for name in ("returned", "lost") if total[STAGES.index(name)]), "cancelled")
    elif view["holds"] and live[-1] <= Stage.ALLOCATED:
        assert state == "held"
    else:
        name = "picking" if STAGES[live[-1]] == "picked" else STAGES[live[-1]]
        assert state == (name if len(live) == 1 else "held" if name == "held" else f"partially_{name}")


def check_timeline(view: Row, timeline: Row) -> None:
    """Every version once, each from where the one before it left the order; the moves add up to the view."""
    entries = timeline["entries"]
    assert [entry["version"] for entry in entries] == list(range(1, view["version"] + 1))
    assert timeline["cursor"] is None
    assert (entries[-1]["to"], entries[-1]["payment_to"]) == (view["state"], view["payment_state"])
    for before, after in zip(entries, entries[1:], strict=False):
        if after["type"] != "order":
            assert (after["from"], after["payment_from"]) == (before["to"], before["payment_to"])
    units: Counter[tuple[str, str, str]] = Counter()
    money: Counter[tuple[str, str | None]] = Counter()
    for entry in entries:
        if entry["moved"] is None:
            return
        for move in entry["moved"]["units"]:
            units[move["line_id"], move["sku"], str(move["from"])] -= move["qty"]
            units[move["line_id"], move["sku"], str(move["to"])] += move["qty"]
            assert (move["disposition"] in (*DISPOSITIONS, "inspect")) == (move["to"] == "returned")
        for move in entry["moved"]["money"]:
            money[move["account"], None] += move["amount"]
    for line in view["lines"]:
        for stage in STAGES:
            own = units[line["line_id"], line["sku"], stage]
            if "components" not in line:
                assert line["units"][stage] == own, (line["line_id"], stage)
            for part in line.get("components", []):
                assert part["units"][stage] == units[line["line_id"], part["sku"], stage] + part["qty"] * own
    for account in (*ACCOUNTS, *LET_OFF):
        assert money[account, None] == view["money"][account], account
    if not any(line["units"]["cancelled"] for line in view["lines"]):
        left = max(view["total"] - money["credited", None], 0) - money["captured", None]
        due = max(left - money["written_off", None], 0) if left > 0 else min(left + money["refunded", None], 0)
        assert due == view["money"]["due"]
