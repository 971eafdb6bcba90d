"""Compiling: what each array says, numbers that never move, bytes that come back equal."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest

from router.arrow.string_table import StringTable
from router.errors import Damaged
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import NO_LIMIT, Tables
from router.tables.row_types import TableRows
from router.tables.table_bytes import tables_from_bytes, tables_to_bytes
from tests.labs.table_cases import GOOD, NOW_MS, tables_of, upload

SKU, NODE, RATE, PROMOTION, TAX = (GOOD[table] for table in ("skus", "nodes", "rates", "promotions", "taxes"))


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if not dataclasses.is_dataclass(value):
        return {path: value}
    found: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        found |= leaves(getattr(value, field.name), f"{path}.{field.name}")
    return found


def assert_equal(left: Tables, right: Tables) -> None:
    ours, theirs = leaves(left), leaves(right)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == theirs[path].dtype and value.shape == theirs[path].shape, path
            assert np.array_equal(value, theirs[path]), path
        else:
            assert value == theirs[path] and type(value) is type(theirs[path]), path


FULL: dict[str, list[dict[str, Any]]] = dict(
    skus=[
        SKU,
        SKU | {"currency": "JPY", "price": 2000},
        SKU | {"sku": "B", "weight_g": 50, "attributes": {"dangerous_goods": True}},
        SKU | {"sku": "BOX", "bundle": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 1}], "weight_g": 1},
        SKU | {"sku": "KIT", "bundle": [{"sku": "BOX", "qty": 3}, {"sku": "A", "qty": 1}], "tax_class": "kits"},
    ],
    nodes=[
        NODE,
        NODE | {"node": "N2", "channels": ["web"], "ship_to": ["DE"], "daily_capacity": 5, "cutoff": "14:30"},
    ],
    rates=[
        RATE,
        RATE | {"min_g": 1001, "max_g": None, "per_kg": 30},
        RATE | {"to_zone": "*", "service": "express"},
    ],
    promotions=[
        PROMOTION,
        PROMOTION | {"code": "P20", "priority": 9, "when": {"skus": ["A"], "channels": ["app"], "regions": ["US-CA"]}},
        PROMOTION | {"code": "A5", "when": {"countries": ["US"], "currency": "EUR"}, "then": {"fixed": 500}},
    ],
    taxes=[TAX, TAX | {"country": "US", "rate_bp": 0}, TAX | {"country": "US", "region": "CA", "rate_bp": 725}],
)


def full_tables() -> Tables:
    return tables_of(**FULL)


def test_skus_bundles_and_prices() -> None:
    tables = full_tables()
    skus = tables.skus
    assert skus.ids.values == ["A", "B", "BOX", "KIT"] and skus.active.tolist() == [1, 1, 1, 1]
    assert tables.currencies.values == ["EUR", "JPY"] and tables.currency_exponent.tolist() == [2, 0]
    assert skus.price_minor.tolist() == [[1250, 2000], [1250, -1], [1250, -1], [1250, -1]]
    kit = slice(skus.bundle_offset[3], skus.bundle_offset[4])
    assert list(zip(skus.bundle_sku[kit], skus.bundle_qty[kit], strict=True)) == [(0, 7), (1, 3)]
    assert skus.bundle_offset.tolist() == [0, 0, 0, 2, 4]
    assert skus.goods_class.tolist() == [0, 1, 1, 1]  # a bundle is as dangerous as what it holds
    assert skus.weight_g.tolist()[:3] == [300, 50, 1]
    assert tables.taxes.class_ids.text(int(skus.tax_class[3])) == "kits"


def test_a_bundle_without_a_weight_weighs_its_last_components() -> None:
    kit = {name: value for name, value in SKU.items() if name != "weight_g"} | {
        "sku": "KIT",
        "bundle": [{"sku": "A", "qty": 3}],
    }
    assert tables_of(skus=[kit, SKU]).skus.weight_g.tolist() == [900, 300]


def test_nodes_and_their_masks() -> None:
    tables = full_tables()
    nodes = tables.nodes
    assert tables.channels.values == ["web", "app"]
    assert nodes.serves_channel.tolist() == [[1, 1, 1], [1, 0, 0]]  # last column: any other channel
    assert nodes.capacity.tolist() == [-1, 5] and nodes.cutoff_min.tolist() == [1440, 870]
    assert nodes.accepts_goods.tolist() == [[1, 0], [1, 0]]


def test_bands_keep_weights_prices_and_open_ends() -> None:
    rates = full_tables().rates
    assert rates.loaded and rates.services.values == ["express", "standard"]
    assert sorted(rates.band_max_g.tolist())[-1] == NO_LIMIT and 30 in rates.band_per_kg_minor.tolist()
    assert (np.diff(rates.lane_offset) > 0).all() and rates.lane[:, 0].tolist() == [-1, -1]


def test_promotions_stand_in_order_of_precedence_with_their_sets() -> None:
    tables = full_tables()
    promotions = tables.promotions
    assert promotions.ids.values == ["P20", "A5", "P10"]
    assert promotions.kind.tolist() == [0, 1, 0] and promotions.value.tolist() == [1000, 500, 1000]
    assert promotions.currency.tolist() == [-1, 0, -1]
    assert promotions.sku_set.tolist() == [[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert promotions.channel_set.tolist() == [[0, 1, 0], [1, 1, 1], [1, 1, 1]]
    assert promotions.area_ids.values == ["", "US", "US-CA"]
    assert promotions.area_set.tolist() == [[0, 0, 1], [0, 1, 1], [1, 1, 1]]


def test_promotion_times_are_exact_milliseconds() -> None:
    row = PROMOTION | {"starts": "2026-01-01T00:00:00.001+01:00", "ends": "2026-01-01T00:00:00Z"}
    promotions = tables_of(promotions=[row]).promotions
    assert promotions.starts_ms.tolist() == [1_767_225_600_001 - 3_600_000]
    assert promotions.ends_ms.tolist() == [1_767_225_600_000]


def test_a_region_without_a_rate_of_a_class_has_its_countrys() -> None:
    us_food = TAX | {"country": "US", "tax_class": "food", "rate_bp": 200, "inclusive": False}
    tables = tables_of(taxes=[TAX | {"country": "US", "region": "US-CA", "rate_bp": 725}, us_food])
    taxes = tables.taxes
    area = taxes.area_ids.index("US-CA")
    assert taxes.plain_rate[area].tolist() == [7_250_000, 2_000_000] and taxes.inclusive[area].tolist() == [1, 0]
    assert taxes.plain_rate[0].tolist() == [0, 0]


def test_numbers_are_append_only_and_rows_left_out_become_inactive() -> None:
    first = full_tables()
    later = tables_of(first, skus=[SKU | {"sku": "NEW", "tax_class": "new"}], nodes=[NODE | {"node": "N0"}])
    assert later.version == first.version + 2
    assert later.skus.ids.values == ["A", "B", "BOX", "KIT", "NEW"] and later.skus.active.tolist() == [0, 0, 0, 0, 1]
    assert later.nodes.ids.values == ["N1", "N2", "N0"] and later.nodes.active.tolist() == [0, 0, 1]
    assert later.nodes.serves_channel[:2].sum() == 0
    for name in ("currencies", "channels"):
        former, now = getattr(first, name), getattr(later, name)
        assert isinstance(former, StringTable) and now.values[: len(former)] == former.values
    assert later.taxes.class_ids.values == [*first.taxes.class_ids.values, "new"]
    assert later.skus.weight_g[:4].tolist() == first.skus.weight_g.tolist()  # what they were
    assert later.skus.bundle_sku.tolist() == first.skus.bundle_sku.tolist()
    again = tables_of(later, skus=[SKU])
    assert again.skus.active.tolist() == [1, 0, 0, 0, 0]
    assert np.diff(again.skus.bundle_offset).tolist() == [0, 0, 2, 2, 0]


def test_compiled_arrays_cannot_be_changed() -> None:
    for tables in (full_tables(), tables_from_bytes(tables_to_bytes(full_tables()))):
        for path, value in leaves(tables).items():
            assert not isinstance(value, np.ndarray) or not value.flags.writeable, path
            assert not isinstance(value, np.ndarray) or value.flags.c_contiguous, path


def test_bytes_come_back_equal_and_are_the_same_each_time() -> None:
    for tables in (full_tables(), empty_tables(NOW_MS)):
        stored = tables_to_bytes(tables)
        assert_equal(tables_from_bytes(stored), tables)
        assert tables_to_bytes(tables_from_bytes(stored)) == stored


def test_damaged_bytes_are_noticed_wherever_they_are() -> None:
    stored = tables_to_bytes(full_tables())
    for at in (0, 15, 16, len(stored) // 2, len(stored) - 1):
        with pytest.raises(Damaged):
            tables_from_bytes(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])
    for cut in (0, 10, 16, len(stored) - 1):
        with pytest.raises(Damaged):
            tables_from_bytes(stored[:cut])


def test_compiling_is_a_function_of_its_arguments() -> None:
    assert tables_to_bytes(full_tables()) == tables_to_bytes(full_tables())


def test_a_hundred_thousand_skus_compile_in_seconds() -> None:
    rows = upload("skus", *(SKU | {"sku": f"S{n}"} for n in range(100_000)))
    started = time.process_time()
    tables = compile_tables(1, accept(rows, TableRows(), empty_tables(NOW_MS)), None, NOW_MS)
    assert time.process_time() - started < 5 and len(tables.skus.ids) == 100_000


@pytest.mark.parametrize(
    ("table", "rows", "taken_over"),
    [
        ("taxes", [TAX | {"rate_bp": 700}], {"skus", "rates", "places"}),
        ("taxes", [TAX | {"tax_class": "new"}], {"skus", "rates", "places"}),
        ("nodes", [NODE, NODE | {"node": "N3", "ship_to": ["AT"]}], {"skus", "taxes"}),
        (
            "promotions",
            [PROMOTION | {"code": "X", "when": {"channels": ["pos"]}}],
            {"skus", "rates", "places", "taxes"},
        ),
        ("promotions", [PROMOTION | {"when": {"currency": "CHF"}}], {"rates", "places", "taxes"}),
        ("skus", [SKU | {"price": 7}], {"rates", "places", "taxes"}),
        ("rates", [RATE | {"to_zone": "FR"}], {"skus", "taxes"}),
        ("carriers", [GOOD["carriers"]], {"skus", "rates", "places", "taxes"}),
    ],
)
def test_what_did_not_change_is_taken_over_and_is_what_compiling_again_would_give(
    table: str, rows: list[dict[str, Any]], taken_over: set[str]
) -> None:
    stored, before = TableRows(), empty_tables(NOW_MS)
    for name, first in FULL.items():
        accepted = accept(upload(name, *first), stored, before)
        before = compile_tables(before.version + 1, accepted, before, NOW_MS, stored)
        stored = accepted
    assert_equal(before, full_tables())
    accepted = accept(upload(table, *rows), stored, before)
    made = compile_tables(before.version + 1, accepted, before, NOW_MS + 86_400_000, stored)
    assert_equal(made, compile_tables(before.version + 1, accepted, before, NOW_MS + 86_400_000))
    parts = ("skus", "rates", "places", "taxes")
    assert {part for part in parts if getattr(made, part) is getattr(before, part)} == taken_over
