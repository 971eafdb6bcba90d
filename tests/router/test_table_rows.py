"""Uploads: every contract row is read in both forms, every bad row is named with its field and remedy."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.trials.fuzz.targets import TABLES as FUZZED
from router.errors import RowError, TableRejected, Unsupported
from router.tables.bundles import COMPONENTS_IN_ALL_MAX, explode
from router.tables.compile import accept, empty_tables
from router.tables.names import TABLES
from router.tables.promotion_terms import terms_of
from router.tables.row_types import ROW_TYPES, NodeRow, PromotionRow, SkuRow, TableRows
from router.tables.rows import ERRORS_MAX, parse_rows
from tests.labs.table_cases import GOOD, NDJSON, NOW_MS, STOCK, ndjson, tables_of, upload

LOADED = tables_of(skus=[GOOD["skus"]], nodes=[GOOD["nodes"]])


def refused(table: str, body: bytes, media_type: str = NDJSON) -> list[RowError]:
    with pytest.raises(TableRejected) as caught:
        accept(parse_rows(table, body, media_type), TableRows(), LOADED)
    assert caught.value.table == table
    assert all(error.detail.rstrip().endswith((".", ";")) and len(error.detail) > 20 for error in caught.value.errors)
    return caught.value.errors


@pytest.mark.parametrize("member", ["currency", "x" * 100_000])
def test_what_a_row_brings_is_not_sent_back_whole(member: str) -> None:
    """A table key would have megabytes echoed, a hundred times."""
    for error in refused("skus", ndjson(GOOD["skus"] | {member: "y" * 100_000})):
        assert len(error.field) < 110 and len(error.detail) < 410


def test_a_table_is_known_everywhere_by_one_name() -> None:
    assert set(TABLES) == set(ROW_TYPES) == set(TableRows.__struct_fields__) == set(GOOD) == set(FUZZED)


def csv_of(row: dict[str, Any]) -> bytes:
    def cell(value: Any) -> str:
        if value is None:
            return ""
        text = value if isinstance(value, str) else json.dumps(value)
        return '"' + text.replace('"', '""') + '"'

    return (",".join(row) + "\r\n" + ",".join(cell(value) for value in row.values()) + "\r\n").encode()


@pytest.mark.parametrize("table", GOOD)
def test_contract_rows_read_the_same_as_ndjson_and_csv(table: str) -> None:
    row = GOOD[table]
    assert parse_rows(table, csv_of(row), "text/csv; charset=utf-8").rows == upload(table, row).rows
    assert isinstance(upload(table, row).rows[0], ROW_TYPES[table])


def test_all_optional_fields_read_the_same_as_ndjson_and_csv() -> None:
    full = {
        "skus": GOOD["skus"] | {"shelf_life_days": 30, "attributes": {"dangerous_goods": True, "colour": "re,d"}},
        "nodes": GOOD["nodes"]
        | {
            "daily_capacity": 10,
            "cutoff": "14:30",
            "channels": ["web"],
            "safety_stock": 2,
            "timezone": "Europe/Berlin",
            "weekdays": ["mon", "sat"],
            "holidays": True,
            "handling": 50,
            "ship_to": ["DE", "AT"],
            "dangerous_goods": True,
        },
        "stock": GOOD["stock"] | {"lot": "L1", "expires_on": "2026-12-31"},
        "rates": GOOD["rates"] | {"max_g": None, "per_kg": 20},
        "promotions": GOOD["promotions"]
        | {
            "then": {"percent": 12.5},
            "starts": "2026-01-01T00:00:00Z",
            "ends": "2026-02-01T00:00:00+01:00",
            "limit": 5,
            "per_customer": 1,
            "stackable": True,
        },
        "taxes": GOOD["taxes"] | {"region": "BE"},
    }
    for table, row in full.items():
        assert parse_rows(table, csv_of(row), "text/csv").rows == upload(table, row).rows


# table, changes to the good row (None = leave the field out), field named, code
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("skus", {"price": -1}, "price", "value"),
    ("skus", {"price": 12.5}, "price", "value"),
    ("skus", {"price": "1250"}, "price", "value"),
    ("skus", {"price": 2**63}, "price", "value"),
    ("skus", {"price": None}, "price", "missing"),
    ("skus", {"weight_g": -1}, "weight_g", "value"),
    ("skus", {"weight_g": None}, "weight_g", "missing"),
    ("skus", {"currency": "EURO"}, "currency", "currency"),
    ("skus", {"currency": "eur"}, "currency", "currency"),
    ("skus", {"sku": ""}, "sku", "value"),
    ("skus", {"colour": "red"}, "colour", "unknown_field"),
    ("skus", {"attributes": {"dangerous_goods": "yes"}}, "attributes.dangerous_goods", "value"),
    ("skus", {"bundle": [{"sku": "Z", "qty": 1}]}, "bundle", "unknown_sku"),
    ("skus", {"bundle": [{"sku": "A", "qty": 1}]}, "bundle", "bundle"),
    ("skus", {"bundle": [{"sku": "A", "qty": 0}]}, "bundle[0].qty", "value"),
    ("nodes", {"country": "XX"}, "country", "country"),
    ("nodes", {"country": "Germany"}, "country", "country"),
    ("nodes", {"cutoff": "25:00"}, "cutoff", "time"),
    ("nodes", {"cutoff": "9:00"}, "cutoff", "time"),
    ("nodes", {"timezone": "Europe/Atlantis"}, "timezone", "timezone"),
    ("nodes", {"timezone": "../etc/passwd"}, "timezone", "timezone"),
    ("nodes", {"weekdays": ["monday"]}, "weekdays", "value"),
    ("nodes", {"weekdays": []}, "weekdays", "value"),
    ("nodes", {"ship_to": ["QQ:12"]}, "ship_to", "zone"),
    ("nodes", {"safety_stock": -1}, "safety_stock", "value"),
    ("nodes", {"lat": 91}, "lat", "value"),
    ("stock", {"on_hand": -5}, "on_hand", "value"),
    ("stock", {"expires_on": "soon"}, "expires_on", "value"),
    ("rates", {"min_g": 2000}, "min_g", "range"),
    ("rates", {"from_zone": " "}, "from_zone", "zone"),
    ("rates", {"to_zone": "QQ:12"}, "to_zone", "zone"),
    ("rates", {"days": None}, "days", "missing"),
    ("promotions", {"then": {}}, "then", "kind"),
    ("promotions", {"then": {"percent": 10, "fixed": 100}}, "then", "kind"),
    ("promotions", {"then": {"buy": 2}}, "then", "kind"),
    ("promotions", {"then": {"percent": 10, "percent_bp": 1000}}, "then", "kind"),
    ("promotions", {"then": {"percent": 12.505}}, "then.percent", "range"),
    ("promotions", {"then": {"percent": 101}}, "then.percent", "range"),
    ("promotions", {"then": {"percent": "NaN"}}, "then.percent", "range"),
    ("promotions", {"then": {"percent_bp": 0}}, "then.percent_bp", "range"),
    ("promotions", {"then": {"cashback": 1}}, "then.cashback", "unknown_field"),
    ("promotions", {"then": {"fixed": 100}}, "when.currency", "missing"),
    ("promotions", {"when": {"min_subtotal": 5000}}, "when.currency", "missing"),
    ("promotions", {"when": {"currency": "XXX"}}, "when.currency", "currency"),
    ("promotions", {"when": {"countries": ["UK"]}}, "when.countries", "country"),
    ("promotions", {"when": {"regions": ["CA"]}}, "when.regions", "region"),
    ("promotions", {"starts": "2026-02-01T00:00:00Z", "ends": "2026-02-01T00:00:00Z"}, "ends", "range"),
    ("promotions", {"starts": "2026-02-01"}, "starts", "value"),
    ("promotions", {"limit": 0}, "limit", "value"),
    ("skus", {"hs_code": "61091"}, "hs_code", "value"),
    ("skus", {"hs_code": "shirt"}, "hs_code", "value"),
    ("skus", {"origin_country": "China"}, "origin_country", "country"),
    ("skus", {"length_mm": 0}, "length_mm", "value"),
    ("skus", {"from": "tomorrow"}, "from", "time"),
    ("taxes", {"country": "EU"}, "country", "country"),
    ("taxes", {"rate_bp": 10_001}, "rate_bp", "value"),
    ("taxes", {"region": " "}, "region", "value"),
    ("taxes", {"inclusive": "yes"}, "inclusive", "value"),
    ("carriers", {"carrier": None}, "carrier", "missing"),
    ("rules", {"when": "always"}, "when", "value"),
    ("templates", {"body": None}, "body", "missing"),
    ("bins", {"walk": -1}, "walk", "value"),
    ("cartons", {"height_mm": 0}, "height_mm", "value"),
    ("cartons", {"max_weight_g": None}, "max_weight_g", "missing"),
]


def test_what_customs_ask_of_a_sku_is_kept_and_said_once_is_enough() -> None:
    said = {"length_mm": 300, "width_mm": 200, "height_mm": 40, "hs_code": "6109.10.00", "origin_country": "PT"}
    rows = [GOOD["skus"] | said, GOOD["skus"] | {"currency": "USD"}]
    kept = parse_rows("skus", ndjson(*rows), NDJSON)
    kept.findings.raise_if_any()
    assert [{name: getattr(kept.rows[0], name) for name in said}] == [said]
    (found,) = refused("skus", ndjson(rows[0], rows[1] | {"origin_country": "CN"}))
    assert (found.row, found.field, found.code) == (2, "origin_country", "conflict")


@pytest.mark.parametrize(("table", "change", "field", "code"), BAD)
def test_a_bad_row_is_named_with_its_row_and_field(table: str, change: dict[str, Any], field: str, code: str) -> None:
    row = {name: value for name, value in (GOOD[table] | change).items() if not (name in change and value is None)}
    errors = refused(table, b"\n" + ndjson(row))
    assert (errors[0].row, errors[0].field, errors[0].code) == (2, field, code), errors


DUPLICATE = [
    ("skus", {}, "sku"),
    ("nodes", {}, "node"),
    ("stock", {}, "sku"),
    ("promotions", {}, "code"),
    ("taxes", {"rate_bp": 700}, "country"),
    ("carriers", {}, "carrier"),
    ("rules", {}, "rule"),
    ("templates", {}, "template"),
    ("bins", {"walk": 2}, "node"),
    ("cartons", {"cost": 31}, "carton"),
]


@pytest.mark.parametrize(("table", "change", "field"), DUPLICATE)
def test_a_second_row_of_one_key_is_refused(table: str, change: dict[str, Any], field: str) -> None:
    errors = refused(table, ndjson(GOOD[table], GOOD[table] | change))
    assert [(e.row, e.field, e.code) for e in errors] == [(2, field, "duplicate")]


def test_a_price_list_has_one_row_a_currency_that_agree_otherwise() -> None:
    sku = GOOD["skus"]
    assert len(upload("skus", sku, sku | {"currency": "USD", "price": 1400}).rows) == 2
    errors = refused("skus", ndjson(sku, sku | {"currency": "USD", "weight_g": 301}))
    assert [(e.row, e.field, e.code) for e in errors] == [(2, "weight_g", "conflict")]


def test_overlapping_weight_bands_of_one_lane_are_refused() -> None:
    rate = GOOD["rates"]
    touching = rate | {"min_g": 1000, "max_g": 2000}
    errors = refused("rates", ndjson(touching | {"to_zone": " de "}, rate))
    assert [(e.row, e.field, e.code) for e in errors] == [(1, "min_g", "overlap")]
    assert len(upload("rates", rate, touching | {"min_g": 1001}, touching | {"service": "express"}).rows) == 3
    inside = refused("rates", ndjson(rate | {"max_g": None}, rate | {"min_g": 5, "max_g": 6}, rate | {"min_g": 7}))
    assert [e.row for e in inside] == [2, 3]


def test_a_circle_of_bundles_is_refused_where_it_stands() -> None:
    def bundle(sku: str, part: str) -> dict[str, Any]:
        return GOOD["skus"] | {"sku": sku, "bundle": [{"sku": part, "qty": 1}]}

    errors = refused("skus", ndjson(GOOD["skus"], bundle("B", "C"), bundle("C", "D"), bundle("D", "C")))
    assert {(e.row, e.code) for e in errors} == {(2, "bundle"), (3, "bundle"), (4, "bundle")}
    assert any("C > D > C" in e.detail for e in errors)


def _bundle(sku: str, *parts: str) -> dict[str, Any]:
    return GOOD["skus"] | {"sku": sku, "bundle": [{"sku": part, "qty": 1} for part in parts]}


def _many_of_one_large() -> list[dict[str, Any]]:
    """Bundles of one bundle of a thousand."""
    return [_bundle("ALL", *_thousand()), *(_bundle(f"B{number}", "ALL") for number in range(5_000))]


def _many_of_many() -> list[dict[str, Any]]:
    """Bundles of the same components by many ways: each has a thousand, and fifty times as many were added up."""
    inner = [f"ALL{number}" for number in range(50)]
    outer = (_bundle(f"B{number}", *inner) for number in range(500))
    return [*(_bundle(name, *_thousand()) for name in inner), *outer]


def _many_plain() -> list[dict[str, Any]]:
    return [_bundle(f"B{number}", *_thousand()) for number in range(1_100)]


def _thousand() -> list[str]:
    return [f"P{number}" for number in range(1_000)]


@pytest.mark.parametrize("bundles", [_many_of_one_large, _many_of_many, _many_plain])
def test_the_components_of_all_bundles_are_bounded_and_refused_with_the_figures(
    bundles: Callable[[], list[dict[str, Any]]],
) -> None:
    rows = bundles()
    parts = {row["sku"]: [(part["sku"], part["qty"]) for part in row["bundle"]] for row in rows}
    began = time.perf_counter()
    done = explode(parts, COMPONENTS_IN_ALL_MAX)
    assert time.perf_counter() - began < 10
    [(sku, fault)] = done.faults.items()
    assert COMPONENTS_IN_ALL_MAX < done.components < 1.1 * COMPONENTS_IN_ALL_MAX
    assert f"have {done.components} components in all" in fault and f"room for {COMPONENTS_IN_ALL_MAX}" in fault
    assert list(parts).index(sku) < len(parts) - 1 and sum(map(len, done.units.values())) <= COMPONENTS_IN_ALL_MAX


def test_bundles_of_earlier_tables_count_because_they_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.tables.bundles.COMPONENTS_KEPT_MAX", 5)
    plain = [GOOD["skus"] | {"sku": sku} for sku in ("P0", "P1")]
    first = tables_of(skus=[*plain, _bundle("A", "P0", "P1"), _bundle("B", "P0", "P1")])
    accept(upload("skus", *plain, _bundle("A", "P0", "P1"), _bundle("C", "P0")), TableRows(), first)
    with pytest.raises(TableRejected, match="bundles have 2 components in all, .* orders, 4; there is room for 5"):
        accept(upload("skus", *plain, _bundle("C", "P0", "P1")), TableRows(), first)


@pytest.mark.parametrize("back", [lambda number: 0, lambda number: number // 2, lambda number: number - 1])
def test_circles_of_many_bundles_are_told_shortly(back: Callable[[int], int]) -> None:
    count = 20_000
    parts = {f"B{n}": [(f"B{(n + 1) % count}", 1), (f"B{max(0, back(n))}", 1)] for n in range(count)}
    began = time.perf_counter()
    faults = explode(parts).faults
    assert time.perf_counter() - began < 5
    assert len(faults) == count and max(map(len, faults.values())) < 200
    assert any("more > B" in fault for fault in faults.values())


def test_bundles_of_bundles_multiply_and_doubling_chains_end_quickly() -> None:
    parts = {"kit": [("box", 2), ("pen", 1)], "box": [("pen", 3), ("ink", 1)]}
    assert explode(parts).units == {"kit": {"pen": 7, "ink": 2}, "box": {"pen": 3, "ink": 1}}
    doubling = {f"b{n}": [(f"b{n + 1}", 1), (f"b{n + 1}", 1)] for n in range(60)}
    exploded = explode(doubling)
    assert exploded.units["b59"] == {"b60": 2} and "b0" in exploded.faults
    chain = {f"c{n}": [(f"c{n + 1}", 1)] for n in range(20_000)}
    assert explode(chain).units["c0"] == {"c20000": 1}


def test_explosion_equals_the_recursive_definition() -> None:
    def plain(sku: str, parts: dict[str, list[tuple[str, int]]]) -> dict[str, int]:
        if sku not in parts:
            return {sku: 1}
        units: dict[str, int] = {}
        for part, qty in parts[sku]:
            for last, count in plain(part, parts).items():
                units[last] = units.get(last, 0) + count * qty
        return units

    draw = random.Random(1)
    for _ in range(300):
        parts = {
            f"{n}": [(f"{draw.randrange(n + 1, 12)}", draw.randint(1, 3)) for _ in range(draw.randint(1, 3))]
            for n in range(draw.randint(0, 8))
        }
        assert explode(parts).units == {sku: plain(sku, parts) for sku in parts}


@pytest.mark.parametrize(
    "line", [b"{", b"nonsense", b"[1]", b'{"sku":"\xff"}', b"[" * 100_000, b'{"attributes":' + b'{"a":' * 100_000]
)
def test_a_line_that_is_no_object_is_refused_by_number(line: bytes) -> None:
    errors = refused("skus", ndjson(GOOD["skus"]) + b"\r\n\n" + line)
    assert [error.row for error in errors] == [3]


def test_errors_are_bounded_but_all_are_counted() -> None:
    with pytest.raises(TableRejected) as caught:
        accept(parse_rows("skus", b"{}\n" * 1_000, NDJSON), TableRows(), LOADED)
    assert (len(caught.value.errors), caught.value.count) == (ERRORS_MAX, 1_000)
    assert "row 1, field sku" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "row", "field"),
    [
        (b"sku,node,on_hand\nA,N1,x\n", 2, "on_hand"),
        (b"sku,node,on_hand\nA,N1,1\n\nA,N2\n", 4, ""),
        (b"sku,node,onhand\nA,N1,1\n", 1, "onhand"),
        (b"sku,node,on_hand,sku\nA,N1,1,A\n", 1, "sku"),
        (b'sku,node,on_hand\n"A,N1,1\n', 2, ""),
        (b"sku,node,on_hand\n\xff,N1,1\n", 1, ""),
        (b"sku,node\nA,N1\n", 2, "on_hand"),
    ],
)
def test_csv_faults_name_row_and_column(body: bytes, row: int, field: str) -> None:
    assert [(e.row, e.field) for e in refused("stock", body, "text/csv")] == [(row, field)]


def test_a_csv_cell_with_broken_json_is_named() -> None:
    body = b"code,then\nP1,{percent: 10}\n"
    assert [(e.row, e.field, e.code) for e in refused("promotions", body, "text/csv")] == [(2, "then", "json")]


def test_csv_accepts_byte_order_mark_quoted_newlines_and_upper_case_words() -> None:
    body = b'\xef\xbb\xbfcountry,tax_class,rate_bp,inclusive\r\nDE,"a\nb",1900,TRUE\r\n'
    row = parse_rows("taxes", body, "text/csv").rows[0]
    assert msgspec.to_builtins(row) == {"country": "DE", "tax_class": "a\nb", "rate_bp": 1900, "inclusive": True}


def test_unknown_tables_and_media_types_are_refused_in_words() -> None:
    with pytest.raises(Unsupported, match="no table 'prices'"):
        parse_rows("prices", b"", NDJSON)
    with pytest.raises(Unsupported, match="not as application/xml"):
        parse_rows("skus", b"", "application/xml")


@pytest.mark.parametrize(
    ("then", "kind", "value"),
    [
        ({"percent": 12.5}, 0, 1250),
        ({"percent": "0.29"}, 0, 29),
        ({"percent": 1.1}, 0, 110),
        ({"percent_bp": 1}, 0, 1),
        ({"fixed": 500}, 1, 500),
        ({"fixed_price": 0}, 2, 0),
        ({"free_shipping": True}, 3, 0),
        ({"buy": 2, "get": 1}, 4, 10_000),
        ({"buy": 2, "get": 1, "percent": 50}, 4, 5_000),
    ],
)
def test_effects_become_kind_and_value_without_float_error(then: dict[str, Any], kind: int, value: int) -> None:
    row = upload("promotions", GOOD["promotions"] | {"when": {"currency": "EUR"}, "then": then}).rows[0]
    assert isinstance(row, PromotionRow)
    assert terms_of(row.then)[:2] == (kind, value)


def test_promotions_with_skus_never_loaded_are_refused() -> None:
    tables = tables_of(skus=[GOOD["skus"]])
    rows = upload("promotions", GOOD["promotions"] | {"when": {"skus": ["A", "B"]}})
    with pytest.raises(TableRejected) as caught:
        accept(rows, TableRows(), tables)
    assert [(e.row, e.field, e.code) for e in caught.value.errors] == [(1, "when.skus", "unknown_sku")]


def test_stock_of_unknown_skus_nodes_and_bundles_is_refused() -> None:
    kit = GOOD["skus"] | {"sku": "KIT", "bundle": [{"sku": "A", "qty": 2}]}
    tables = tables_of(skus=[GOOD["skus"], kit], nodes=[GOOD["nodes"]])
    rows = upload("stock", STOCK, STOCK | {"sku": "Z"}, STOCK | {"node": "N9"}, STOCK | {"sku": "KIT"})
    with pytest.raises(TableRejected) as caught:
        accept(rows, TableRows(), tables)
    found = [(e.row, e.field, e.code) for e in caught.value.errors]
    assert found == [(2, "sku", "unknown_sku"), (3, "node", "unknown_node"), (4, "sku", "bundle")]


def test_a_put_replaces_the_table_but_stock_only_the_cells_it_names() -> None:
    tables = tables_of(skus=[GOOD["skus"]], nodes=[GOOD["nodes"], GOOD["nodes"] | {"node": "N2"}])
    rows = accept(upload("stock", STOCK, STOCK | {"node": "N2"}), TableRows(), tables)
    rows = accept(upload("stock", STOCK | {"on_hand": 1, "lot": "L1"}, STOCK | {"lot": "L2"}), rows, tables)
    assert [(row.node, row.lot, row.on_hand) for row in rows.stock] == [
        ("N2", None, 5),
        ("N1", "L1", 1),
        ("N1", "L2", 5),
    ]
    rows = accept(upload("nodes", GOOD["nodes"] | {"node": "N3"}), rows, tables)
    assert [row.node for row in rows.nodes] == ["N3"] and len(rows.stock) == 3


def test_too_many_nodes_are_refused() -> None:
    many = upload("nodes", *(GOOD["nodes"] | {"node": f"N{n}"} for n in range(4_097)))
    with pytest.raises(TableRejected, match="row 4097"):
        accept(many, TableRows(), empty_tables(NOW_MS))


def test_rows_survive_their_own_encoding() -> None:
    for table, row in GOOD.items():
        parsed = upload(table, row).rows
        assert parse_rows(table, msgspec.json.encode(parsed[0]), NDJSON).rows == parsed
    assert isinstance(upload("nodes", GOOD["nodes"]).rows[0], NodeRow)
    assert isinstance(upload("skus", GOOD["skus"]).rows[0], SkuRow)
