"""A line that names a node comes from there alone: when it is decided, served, and planned again."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from kernels.reasons import NODE_IMPOSSIBLE
from router.config import Config, Limits, Policy
from router.ids import hash_strings
from router.log.kinds import Kind, form
from router.shard.admission import Admitter
from router.wire.ack_rows import sentence
from router.wire.batch import WireBatch
from router.wire.differences import differing_fields
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.order_lab import KEY, NODES, OrderLab, order_row


def units(lab: OrderLab, order_id: str = "o") -> list[tuple[dict[str, int], int]]:
    """Of each line: units by node, and how many wait."""
    lines = lab.view(order_id)["lines"]
    return [({part["node"]: part["qty"] for part in line["allocations"]}, line["backordered"]) for line in lines]


def line(sku: str, qty: int, node: str | None = None) -> dict[str, Any]:
    return {"sku": sku, "qty": qty} | ({} if node is None else {"node": node})


def test_a_line_is_given_units_of_its_node_alone_and_what_is_not_there_waits() -> None:
    lab = OrderLab(A_N1=9, A_N2=2, A_N3=9)
    lab.order("o", [line("A", 3, "N2")])
    assert units(lab) == [({"N2": 2}, 1)]
    lab.stock(A_N1=20, A_N3=20)
    assert units(lab) == [({"N2": 2}, 1)], "other nodes give it nothing"
    lab.stock(A_N2=5)
    assert units(lab) == [({"N2": 3}, 0)]
    assert [shown["node"] for shown in lab.view("o")["lines"]] == ["N2"]


def test_lines_of_one_sku_with_other_nodes_are_demands_of_their_own() -> None:
    lab = OrderLab(A_N1=2, A_N2=2)
    lab.order("o", [line("A", 1), line("A", 2, "N1"), line("A", 3, "N2")])
    assert units(lab) == [({}, 1), ({"N1": 2}, 0), ({"N2": 2}, 1)], "those that name a node come first at it"
    lab.order("p", [line("A", 1)])
    lab.stock(A_N2=4)
    assert units(lab) == [({"N2": 1}, 0), ({"N1": 2}, 0), ({"N2": 3}, 0)] and units(lab, "p") == [({}, 1)]


def test_a_bundle_comes_from_its_node_with_all_components() -> None:
    lab = OrderLab(A_N1=9, B_N1=9, A_N2=4, B_N2=1)
    lab.order("o", [line("SET", 2, "N2")])
    (shown,) = lab.view("o")["lines"]
    assert shown["allocations"] == [{"node": "N2", "qty": 2, "sku": "A"}, {"node": "N2", "qty": 1, "sku": "B"}]
    assert shown["backordered"] == 1


@pytest.mark.parametrize("event", ["refuse", "short_pick"])
def test_what_its_node_cannot_send_waits_although_others_have_it(event: str) -> None:
    lab = OrderLab(A_N1=9, A_N2=2)
    lab.order("o", [line("A", 2, "N2"), line("B", 1)])
    lab.done("o", event, node="N2", lines=[{"line_id": "1"}])
    assert units(lab)[0] == ({}, 2)
    lab.stock(A_N1=20, A_N3=20)
    assert units(lab)[0] == ({}, 2)
    lab.stock(A_N2=7)  # somebody counted it; who refused is asked no more
    assert units(lab)[0] == (({"N2": 2}, 0) if event == "short_pick" else ({}, 2))


def test_staff_moves_a_line_elsewhere_all_the_same() -> None:
    lab = OrderLab(A_N1=9, A_N2=2)
    lab.order("o", [line("A", 2, "N2")])
    lab.done("o", "move", to_node="N1")
    assert units(lab) == [({"N1": 2}, 0)]


MISFITS = {
    "inactive": {"N2": None},
    "channel": {"N2": {"channels": ["other"]}},
    "zone": {"N2": {"ship_to": ["FR"]}},
    "goods": {"N1": {"dangerous_goods": True}, "N2": {"dangerous_goods": False}},
}


@pytest.mark.parametrize("why", list(MISFITS))
def test_a_node_that_may_not_send_a_line_there_refuses_the_order(why: str) -> None:
    lab = OrderLab(A_N1=5, A_N2=5)
    dangerous = {**table_cases.SKU, "sku": "A", "attributes": {"dangerous_goods": why == "goods"}}
    changes = [(node, MISFITS[why].get(node, {})) for node in NODES]
    nodes = [{**table_cases.NODE, "node": node, **changed} for node, changed in changes if changed is not None]
    lab.tables_with(skus=[dangerous], nodes=nodes, rates=[{**table_cases.RATE, "max_g": None}])
    lab.order("o", [line("A", 1), line("A", 1, "N2")])
    lab.order("p", [line("A", 1), line("A", 1, "N1")])
    assert lab.view("o")["reasons"] == ["node_impossible"] and lab.view("p")["status"] == "allocated"


@pytest.mark.parametrize(("service", "max_g"), [("express", 1_000), ("standard", 100)])
def test_a_node_from_which_no_rate_carries_the_line_refuses_the_order(service: str, max_g: int) -> None:
    lab = OrderLab(A_N1=5, A_N2=5)
    nodes = [{**table_cases.NODE, "node": node, "country": "FR" if node == "N2" else "DE"} for node in NODES]
    rate = {**table_cases.RATE, "max_g": None, "from_zone": "DE"}
    others = [{**rate, "service": "express"}, {**rate, "from_zone": "FR", "service": service, "max_g": max_g}]
    lab.tables_with(skus=[table_cases.SKU], nodes=nodes, rates=[rate, *others])
    for number, node in enumerate(("N1", "N2")):
        lab.order(f"o{number}", [line("A", 1, node)], shipping={"service": "standard"})
    assert lab.view("o0")["status"] == "allocated" and lab.view("o1")["reasons"] == ["node_impossible"]


def test_a_node_that_no_table_has_refuses_the_order_and_the_answer_names_the_line() -> None:
    lab = OrderLab(A_N1=5)
    lab.order("o", [line("A", 1), line("A", 1, "nowhere")])
    view = lab.view("o")
    assert (view["status"], view["reasons"]) == ("rejected", ["node_impossible"])
    assert [shown["node"] for shown in view["lines"]] == [None, "nowhere"]
    assert sentence(1 << NODE_IMPOSSIBLE, 1, 0).startswith("lines[1].node: ")


@pytest.mark.parametrize(("mode", "qty"), [("merge", [3, 0, 4, 8]), ("keep", [1, 2, 4, 8])])
def test_lines_of_one_sku_are_merged_where_they_name_the_same_node(
    mode: Literal["merge", "keep"], qty: list[int]
) -> None:
    lab = OrderLab(A_N1=9)
    admitter = Admitter(Config(policy=Policy(duplicate_lines=mode)), KEY, lab.tables)
    wire = decode(line("A", 1, "N1"), line("A", 2, "N1"), line("A", 4), line("A", 8, "N2"))
    hashes = hash_strings(KEY, wire.orders.column("order_id"))
    admitted, claims = admitter.admit(wire.orders, wire.skus, hashes, lab.now_ms)
    for batch in (admitted, claims):
        lines = batch.column("lines")[0].as_py()
        assert [(one["qty"], one["node"]) for one in lines] == list(zip(qty, [0, 0, -1, 1], strict=True))


def decode(*lines: dict[str, Any]) -> WireBatch:
    return decode_bodies([json.dumps(order_row("o", lines)).encode()], Limits())


def test_the_node_is_part_of_what_an_order_means() -> None:
    plain, blank = decode(line("A", 1)), decode(line("A", 1, " "))
    bound, other = decode(line("A", 1, "N1")), decode(line("A", 1, "N2"))
    prints = [batch.orders.column("fingerprint")[0].as_py() for batch in (plain, blank, bound, other)]
    assert prints[0] == prints[1] and len(set(prints)) == 3
    one, two = ({"lines": [line("A", 1, node)]} for node in ("N1", "N2"))
    assert differing_fields(one, two) == ["lines[0].node"]
    assert differing_fields(one, {"lines": [line("A", 1)]}) == ["lines[0].node"]


def test_records_from_before_name_no_node() -> None:
    for kind, column, version in ((Kind.ORDERS, "lines", 2), (Kind.DECISION, "lines", 4), (Kind.AMENDS, "wanted", 4)):
        older, newer = (form(kind, 0, its).field(column).type.value_type for its in (version, version + 1))
        assert {part.name for part in newer} - {part.name for part in older} == {"node"}
