"""The masks and scores that ``explain`` shows of every node are those the decision was made by."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from router.arrow.string_table import StringTable
from router.log.columns import Admission
from router.queries.explain_nodes import NODES_SHOWN_MAX, nodes_view

PLAIN, DANGEROUS = 0, 1


def tables(nodes: int = 3, **changed: Any) -> Any:
    """Nodes n0, n1, ...: lane i of each leads to zone 1, by a standard band up to 10 kg and an express one."""
    of_nodes = {
        "ids": StringTable([f"n{number}" for number in range(nodes)]),
        "active": np.ones(nodes, np.uint8),
        "serves_channel": np.ones((nodes, 2), np.uint8),
        "serves_zone": np.ones((nodes, 2), np.uint8),
        "accepts_goods": np.ones((nodes, 2), np.uint8),
        "handling_minor": np.arange(nodes) * 10,
    }
    of_rates = {
        "loaded": True,
        "lane": np.stack([np.full(nodes, -1), np.arange(nodes)], axis=1).astype(np.int32),
        "lane_offset": np.arange(0, 2 * nodes + 1, 2),
        "band_min_g": np.zeros(2 * nodes, np.int64),
        "band_max_g": np.full(2 * nodes, 10_000),
        "band_price_minor": np.tile([400, 900], nodes),
        "band_per_kg_minor": np.tile([50, 0], nodes),
        "band_service": np.tile([0, 1], nodes),
    }
    of_skus = {
        "goods_class": np.array([PLAIN, DANGEROUS, PLAIN], np.int32),
        "bundle_offset": np.array([0, 0, 0, 2]),
        "bundle_sku": np.array([0, 1], np.int32),
    }
    for name, value in changed.items():
        (of_nodes if name in of_nodes else of_rates)[name] = value
    return SimpleNamespace(
        nodes=SimpleNamespace(**of_nodes), rates=SimpleNamespace(**of_rates), skus=SimpleNamespace(**of_skus)
    )


def lines(*rows: tuple[int, ...]) -> list[dict[str, int]]:
    """Lines of (SKU, units), or (SKU, units, node they name)."""
    return [dict(zip(("sku", "qty", "node"), (*row, -1), strict=False)) for row in rows]


def step(chosen: tuple[int, ...] = (), **changed: Any) -> Any:
    given = {
        "admission": Admission.PROCEED,
        "channel_index": 0,
        "zone": 1,
        "service": -1,
        "weight_g": 1_200,
        "lines": lines((0, 2), (-1, 1), (1, 0)),
    }
    return SimpleNamespace(given=given | changed, outcome={"parcels": [{"node": node} for node in chosen]})


def removed(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {row["node"]: row["removed_by"] for row in found}


def without(node: int, column: int, rows: int = 3) -> Any:
    mask = np.ones((rows, 2), np.uint8)
    mask[node, column] = 0
    return mask


def test_chosen_nodes_come_first_then_candidates_by_cost_then_those_removed() -> None:
    found = nodes_view(step(chosen=(2,)), tables(nodes=4, active=np.array([1, 0, 1, 1], np.uint8)))
    assert [(row["node"], row["chosen"], row["cost"]) for row in found] == [
        ("n2", True, 520), ("n0", False, 500), ("n3", False, 530), ("n1", False, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "of_order", "mask"),
    [
        ({"active": np.array([1, 0, 1], np.uint8)}, {}, ["inactive"]),
        ({"serves_channel": without(1, 0)}, {}, ["channel"]),
        ({"serves_channel": without(1, 1)}, {}, []),
        ({"serves_zone": without(1, 1)}, {}, ["zone"]),
        ({"lane": np.array([[-1, 0], [-1, -1], [-1, 2]], np.int32)}, {}, ["lane"]),
        ({"band_service": np.array([0, 1, 1, 1, 0, 1])}, {"service": 0}, ["service"]),
        ({"accepts_goods": without(1, DANGEROUS)}, {}, []),
        ({"accepts_goods": without(1, DANGEROUS)}, {"lines": lines((2, 1))}, ["goods"]),
        ({}, {"lines": lines((0, 2, 0), (2, 1, 2), (1, 0))}, ["lines"]),
        ({"active": np.array([1, 0, 1], np.uint8), "accepts_goods": without(1, PLAIN)}, {}, ["inactive", "goods"]),
    ],
)  # fmt: skip
def test_every_mask_that_removes_a_node_is_named(changed: Any, of_order: Any, mask: list[str]) -> None:
    found = nodes_view(step(**of_order), tables(**changed))
    assert removed(found) == {"n0": [], "n1": mask, "n2": []}
    assert all((row["cost"] is None) == bool(row["removed_by"]) for row in found)


def test_the_score_is_the_cheapest_band_that_takes_the_weight_and_the_service() -> None:
    def costs(**of_order: Any) -> list[int | None]:
        return [row["cost"] for row in nodes_view(step(**of_order), tables(nodes=1))]

    assert costs(weight_g=1_000) == [450] and costs(weight_g=1_001) == [500]
    assert costs(service=1) == [900] and costs(weight_g=10_001) == [None]
    assert [row["cost"] for row in nodes_view(step(zone=0), tables(nodes=1, loaded=False))] == [0]


def test_an_order_that_admission_rejected_has_no_nodes_and_a_large_network_is_cut() -> None:
    assert nodes_view(step(admission=Admission.REJECT), tables()) == []
    many = nodes_view(step(chosen=(250,)), tables(nodes=300))
    assert len(many) == NODES_SHOWN_MAX and many[0]["node"] == "n250"
