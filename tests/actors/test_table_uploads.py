"""An upload of a table as a whole: null is absent, and one answer names every bad row but none for another's fault."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from router.errors import RowError, TableRejected
from router.tables.compile import NODES_MAX, accept
from router.tables.row_types import ROW_TYPES, PromotionRow, SkuRow, TableRows
from router.tables.rows import ERRORS_MAX, parse_rows
from tests.labs.table_cases import GOOD, NDJSON, NODE, PROMOTION, RATE, SKU, STOCK, ndjson, tables_of

CSV = "text/csv"
B = SKU | {"sku": "B"}
LOADED = tables_of(skus=[SKU], nodes=[NODE])
RowFault = tuple[int, str, str]  # row, field, code


def refused(table: str, body: bytes, media_type: str = NDJSON) -> list[RowError]:
    with pytest.raises(TableRejected) as caught:
        accept(parse_rows(table, body, media_type), TableRows(), LOADED)
    return caught.value.errors


def found(table: str, body: bytes, media_type: str = NDJSON) -> list[RowFault]:
    return [(error.row, error.field, error.code) for error in refused(table, body, media_type)]


def kit(sku: str, *parts: str) -> dict[str, Any]:
    return SKU | {"sku": sku, "bundle": [{"sku": part, "qty": 1} for part in parts]}


def optional_fields(struct: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]
        if not field.required:
            yield (field.name,)
        if isinstance(field.type, msgspec.inspect.StructType):
            yield from ((field.name, *path) for path in optional_fields(field.type.cls))


OPTIONAL = [(table, path) for table, struct in ROW_TYPES.items() for path in optional_fields(struct)]


@pytest.mark.parametrize(("table", "path"), OPTIONAL)
def test_an_optional_field_that_is_null_is_absent(table: str, path: tuple[str, ...]) -> None:
    null, absent = copy.deepcopy(GOOD[table]), copy.deepcopy(GOOD[table])
    in_null, in_absent = null, absent
    for step in path[:-1]:
        in_null, in_absent = in_null[step], in_absent[step]
    in_null[path[-1]] = None
    in_absent.pop(path[-1], None)
    assert parse_rows(table, ndjson(null), NDJSON).rows == parse_rows(table, ndjson(absent), NDJSON).rows != []


@pytest.mark.parametrize("table", ROW_TYPES)
def test_rows_with_every_optional_field_null_are_accepted(table: str) -> None:
    optional = {path[0]: None for name, path in OPTIONAL if name == table and len(path) == 1}
    needed = {"skus": {"weight_g": 300}, "taxes": {"rate_bp": 2_000}}  # one of two fields, or by what the row is
    row = GOOD[table] | optional | needed.get(table, {})
    assert len(getattr(accept(parse_rows(table, ndjson(row), NDJSON), TableRows(), LOADED), table)) == 1


def test_beside_a_null_every_other_value_is_kept_as_it_was_written() -> None:
    line = b'{"code":"P","when":null,"then":{"percent": 0.29, "free_shipping" : null },"stackable": null}'
    [promotion] = parse_rows("promotions", line, NDJSON).rows
    assert isinstance(promotion, PromotionRow) and promotion.then.percent == Decimal("0.29")
    sku = SKU | {"name": None, "attributes": {"colour": None, "size": 2**63, "dangerous_goods": None}}
    [kept] = accept(parse_rows("skus", ndjson(sku), NDJSON), TableRows(), LOADED).skus
    assert isinstance(kept, SkuRow) and kept.attributes == sku["attributes"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"price": None}, "price", "value"),
        ({"colour": None}, "colour", "unknown_field"),
        ({"price": -1}, "price", "value"),
        ({"bundle": [{"sku": None, "qty": 1}]}, "bundle[0].sku", "value"),
    ],
)
def test_a_null_hides_no_fault(change: dict[str, Any], field: str, code: str) -> None:
    assert found("skus", ndjson(SKU | {"name": None} | change)) == [(1, field, code)]


def test_a_line_cut_off_behind_a_null_is_still_no_json() -> None:
    assert found("skus", b'{"name":null,"price":') == [(1, "", "json")]


def test_rows_wrong_by_themselves_and_rows_that_refer_to_nothing_are_named_in_one_answer() -> None:
    stock = ndjson(STOCK | {"sku": "Z"}, STOCK | {"on_hand": -1}, STOCK, STOCK | {"node": "N9", "lot": "L"})
    assert found("stock", stock) == [(1, "sku", "unknown_sku"), (2, "on_hand", "value"), (4, "node", "unknown_node")]
    unknown = PROMOTION | {"code": "P1", "when": {"skus": ["A", "Z"]}}
    promotions = ndjson(unknown, PROMOTION | {"limit": 0}, PROMOTION | {"code": "P2", "then": {}})
    assert found("promotions", promotions) == [
        (1, "when.skus", "unknown_sku"),
        (2, "limit", "value"),
        (3, "then", "kind"),
    ]


def test_the_first_faults_by_row_are_shown_and_all_are_counted_however_often_they_are_judged() -> None:
    upload = parse_rows("stock", ndjson(STOCK | {"sku": "Z"}, *[STOCK | {"on_hand": -1}] * ERRORS_MAX), NDJSON)
    for _ in range(2):
        with pytest.raises(TableRejected) as caught:
            accept(upload, TableRows(), LOADED)
        assert [error.row for error in caught.value.errors] == [*range(1, ERRORS_MAX + 1)]
        assert (caught.value.errors[0].code, caught.value.count) == ("unknown_sku", ERRORS_MAX + 1)


BAD_A = [
    ndjson(SKU | {"price": -1}),
    ndjson(SKU | {"colour": "red"}),
    ndjson(SKU | {"currency": "EURO"}),
    ndjson(SKU)[:-1],
    ndjson(SKU).replace(b'"sku": ', b'"sku" '),
    ndjson(SKU).replace(b'"', b"'"),
]


@pytest.mark.parametrize("line", BAD_A)
def test_a_bundle_of_a_refused_row_is_not_to_blame_but_one_of_no_row_is(line: bytes) -> None:
    body = line + b"\n" + ndjson(kit("KIT", "A"), kit("SET", "KIT", "A", "Z"))
    [first, *others] = found("skus", body)
    assert first[0] == 1 and others == [(3, "bundle", "unknown_sku")]


def test_so_many_refused_rows_that_they_are_not_kept_leave_every_bundle_without_blame() -> None:
    lines = b"\n".join(b'{"sku":"%d"}' % number for number in range(70_000))
    with pytest.raises(TableRejected) as caught:
        accept(parse_rows("skus", lines + b"\n" + ndjson(kit("KIT", "1")), NDJSON), TableRows(), LOADED)
    assert caught.value.count == 70_000


@pytest.mark.parametrize(
    ("rows", "blamed"),
    [
        ([SKU, B, kit("KIT", "A", "B"), kit("SET", "KIT")], []),
        ([B, SKU, kit("SET", "B", "A"), kit("KIT", "B", "A")], []),  # the same units, otherwise written
        ([SKU, B, kit("KIT", "A"), kit("SET", "KIT")], [3, 4]),
        ([SKU, kit("KIT", "A", "A")], [2]),
        ([SKU, SKU | {"sku": "KIT"}], [2]),
        ([SKU, kit("B", "A")], [2]),
        ([SKU], []),
        ([SKU, B, kit("NEW", "B")], []),
    ],
)
def test_a_sku_consists_of_the_same_units_for_ever(rows: list[dict[str, Any]], blamed: list[int]) -> None:
    first = tables_of(skus=[SKU, B, kit("KIT", "A", "B"), kit("SET", "KIT")])
    for known in (first, tables_of(first, skus=[SKU | {"sku": "C"}])):  # in use, and left out since
        upload = parse_rows("skus", ndjson(*rows), NDJSON)
        if blamed:
            with pytest.raises(TableRejected) as caught:
                accept(upload, TableRows(), known)
            assert [(fault.row, fault.field, fault.code) for fault in caught.value.errors] == [
                (row, "bundle", "recomposed") for row in blamed
            ]
        else:
            accept(upload, TableRows(), known)


@pytest.mark.parametrize("fault", [{"price": -1}, {"colour": "red"}, {"currency": "EURO"}])
def test_a_bundle_of_a_refused_row_is_not_recomposed_thereby(fault: dict[str, Any]) -> None:
    known = tables_of(skus=[SKU, kit("BOX", "A"), kit("KIT", "BOX")])
    body = ndjson(SKU, kit("BOX", "A") | fault, kit("KIT", "BOX"))
    with pytest.raises(TableRejected) as caught:
        accept(parse_rows("skus", body, NDJSON), TableRows(), known)
    assert [error.row for error in caught.value.errors] == [2]


def test_what_a_refused_row_refers_to_is_not_thereby_there() -> None:
    body = ndjson(kit("KIT", "Z") | {"price": -1}, kit("SET", "Z"))
    assert found("skus", body) == [(1, "price", "value"), (2, "bundle", "unknown_sku")]


KIT_CSV = b'KIT,1,EUR,standard,1,"[{""sku"":""A"",""qty"":1}]"\n'


@pytest.mark.parametrize(
    ("record", "field"), [(b"A,x,EUR,standard,1,\n", "price"), (b"A,1\n", ""), (b"A,1,EUR,standard,1,[x\n", "bundle")]
)
def test_a_refused_csv_record_is_known_to_bundles_of_it(record: bytes, field: str) -> None:
    body = b"sku,price,currency,tax_class,weight_g,bundle\n" + KIT_CSV + record
    assert [(row, name) for row, name, _ in found("skus", body, CSV)] == [(3, field)]


def test_csv_that_cannot_be_read_to_its_end_blames_no_bundle_for_what_may_follow() -> None:
    body = b"sku,price,currency,tax_class,weight_g,bundle\n" + KIT_CSV + b'"B"x,1\nA,1,EUR,standard,1,\n'
    assert found("skus", body, CSV) == [(3, "", "csv")]


def test_a_refused_zone_is_not_also_a_fault_of_the_whole_table() -> None:
    assert found("rates", ndjson(RATE, RATE | {"to_zone": "QQ:12"})) == [(2, "to_zone", "zone")]
    assert found("nodes", ndjson(NODE, NODE | {"node": "N2", "ship_to": ["QQ:12"]})) == [(2, "ship_to", "zone")]


def test_a_table_with_too_many_rows_says_so_beside_its_bad_rows() -> None:
    many = [NODE | {"node": f"N{number}"} for number in range(NODES_MAX + 1)]
    body = ndjson(NODE | {"node": "bad", "lat": 91}, *many)
    assert found("nodes", body) == [(1, "lat", "value"), (NODES_MAX + 2, "", "limit")]
