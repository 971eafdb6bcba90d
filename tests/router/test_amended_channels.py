"""An order whose channel no table names, amended when tables name others."""

from __future__ import annotations

import pytest

from tests.labs.order_lab import OrderLab
from tests.labs.table_cases import NODE, RATE


def name_channels(lab: OrderLab, serving: dict[str, list[str] | None]) -> None:
    """Newer tables, in which nodes serve these channels."""
    nodes = [{**NODE, "node": name, "channels": channels} for name, channels in serving.items()]
    lab.tables_with(nodes=nodes, rates=[{**RATE, "max_g": None}])


@pytest.mark.parametrize(("named", "node"), [(["app"], "N3"), (["app", "kiosk"], "N2")])
def test_an_amendment_is_planned_for_the_channel_that_the_order_came_from(named: list[str], node: str) -> None:
    lab = OrderLab(A_N1=1, A_N2=1, A_N3=1)
    lab.order("o", channel="kiosk")
    serving = {"N1": None, "N2": named, "N3": None if "kiosk" not in named else ["app"]}
    name_channels(lab, serving)
    lab.done("o", "refuse", node="N1")
    assert lab.view("o")["lines"][0]["allocations"] == [{"node": node, "qty": 1}]


def test_an_order_of_an_unnamed_channel_that_waits_again_is_served_as_one() -> None:
    lab = OrderLab(A_N1=1)
    lab.order("o", channel="kiosk")
    name_channels(lab, {"N1": None, "N2": ["app"], "N3": None})
    lab.done("o", "short_pick", node="N1")
    lab.stock(A_N2=1)
    assert lab.view("o")["lines"][0]["backordered"] == 1
    lab.stock(A_N3=1)
    assert lab.view("o")["lines"][0]["allocations"] == [{"node": "N3", "qty": 1}]
