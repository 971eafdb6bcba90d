"""Two orders of one id are compared whole, whichever form each came in: a conflict names what differs and no more."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from router.config import Limits
from router.log.steps import order_step
from router.queries.as_sent import kept_order, sent_order
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireBatch
from router.wire.differences import differing_fields
from router.wire.ndjson import decode_bodies
from tests.labs.order_lab import OrderLab, Row, order_row
from tests.labs.wire_cases import rows_to_arrow

FORMS = ("json", "arrow", "arrow with more in its lines")  # lines of the last stand in the document
LINES = [
    {"sku": "A", "qty": 2, "unit_price": 1_250},
    {"sku": "B", "qty": 1},
    {"sku": "C", "qty": 1, "node": "N1", "tax": -1},
]
SENT = {
    "seller": "acme", "priority": 3, "total": 3_745, "coupons": ["X"],
    "shipping": {"promise_by": "2025-12-01T12:00:00+01:00"}, "payment": {"status": "pending"},
}  # fmt: skip


def wire_of(form: str, order: Row) -> WireBatch:
    """Behind another order, so that lines do not begin with the batch."""
    rows = [order_row("before", [{"sku": "C", "qty": 9}]), order]
    if form == "json":
        return decode_bodies([json.dumps(row).encode() for row in rows], Limits())
    batch = with_lines(rows_to_arrow(rows), ["a title"] if form != "arrow" else [])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    [wire] = ArrowStreamDecoder(Limits()).feed([sink.getvalue().to_pybytes()])
    return wire


def with_lines(batch: pa.RecordBatch, titles: list[str]) -> pa.RecordBatch:
    """Lines with the columns that say something, and perhaps with one of our own."""
    lines = batch.column("lines")
    said = zip((field.name for field in lines.values.type), lines.values.flatten(), strict=True)
    columns = {name: column for name, column in said if column.null_count < len(column)}
    if titles:
        columns["title"] = pa.array(titles * len(lines.values))
    kept = pa.StructArray.from_arrays(list(columns.values()), list(columns))
    place = batch.schema.get_field_index("lines")
    return batch.set_column(place, "lines", pa.ListArray.from_arrays(lines.offsets, kept))


@pytest.fixture(scope="module", params=FORMS)
def lab(request: pytest.FixtureRequest) -> OrderLab:
    lab = OrderLab(1, A_N1=100, B_N1=100, C_N1=100)
    lab.router.submit(wire_of(request.param, order_row("o", LINES, **SENT)), lab.now_ms)
    return lab


def named(lab: OrderLab, form: str, change: Row) -> list[str]:
    """The fields that a conflict names."""
    (shard, (reference, _, _)) = lab.found("o")
    source = lab.source(shard)
    step = order_step(source, reference)
    assert step is not None
    document, given = source.document(step.sequence, step.row), SENT | change
    sent = sent_order(wire_of(form, order_row("o", given.pop("lines", LINES), **given)), 1)
    assert document is not None and sent is not None
    return differing_fields(sent, kept_order(step, document, lab.tables, sent))


@pytest.mark.parametrize("form", FORMS)
def test_an_order_in_another_form_does_not_differ(lab: OrderLab, form: str) -> None:
    assert named(lab, form, {}) == []
    same: list[Row] = [{"placed_at": "2025-11-21T13:00:00.000+01:00"}, {"currency": " eur"}]
    same += [
        {"shipping": {"promise_by": "2025-12-01T11:00:00Z"}},
        {"lines": [{**LINES[0], "line_id": "1"}, *LINES[1:]]},
    ]
    for change in same:
        assert named(lab, form, change) == [], change


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"channel": "app"}, ["channel"]),
        ({"seller": None}, ["seller"]),
        ({"placed_at": "2025-11-21T12:00:01Z"}, ["placed_at"]),
        ({"currency": "USD"}, ["currency"]),
        ({"priority": 0, "total": None}, ["priority", "total"]),
        ({"coupons": [], "discount": 4}, ["coupons", "discount"]),
        ({"shipping": {"promise_by": "2025-12-02T11:00:00Z"}}, ["shipping.promise_by"]),
        ({"shipping": {"service": "express"}}, ["shipping.promise_by", "shipping.service"]),
        ({"payment": {"status": "paid"}}, ["payment.status"]),
        ({"bill_to": {"country": "DE"}}, ["bill_to"]),
        ({"lines": [{**LINES[0], "qty": 3}, *LINES[1:]]}, ["lines[0].qty"]),
        ({"lines": [{**LINES[0], "unit_price": 1_251}, {**LINES[1], "discount": 6}, LINES[2]]},
         ["lines[0].unit_price", "lines[1].discount"]),
        ({"lines": [LINES[0], {**LINES[1], "sku": "C"}, LINES[2], {"sku": "Z", "qty": 1}]},
         ["lines[1].sku", "lines[3]"]),
        ({"lines": LINES[:2]}, ["lines[2]"]),
        ({"lines": [LINES[0] | {"line_id": "a"}, *LINES[1:]]}, ["lines[0].line_id"]),
        ({"lines": [*LINES[:2], LINES[2] | {"node": "N2"}]}, ["lines[2].node"]),
        ({"lines": [LINES[0] | {"node": "N1"}, *LINES[1:]]}, ["lines[0].node"]),
        ({"lines": [*LINES[:2], LINES[2] | {"node": None, "tax": -2}]}, ["lines[2].node", "lines[2].tax"]),
    ],
)  # fmt: skip
def test_what_differs_is_named_and_nothing_else(lab: OrderLab, form: str, change: Row, fields: list[str]) -> None:
    assert sorted(named(lab, form, change)) == fields


def test_merged_lines_do_not_say_how_many_units_each_had() -> None:
    from router.queries.as_sent import _kept_lines

    record: dict[str, Any] = {
        "declared": [],
        "lines": [
            {"sku": -1, "qty": 3, "unit_price_minor": 5, "list_price_minor": 5, "node": -1},
            {"sku": -1, "qty": 0, "unit_price_minor": 5, "list_price_minor": 5, "node": -1},
        ],
    }
    sent = {"lines": [{"sku": "A", "qty": 1}, {"sku": "A", "qty": 2, "unit_price": 6}]}
    [first, second] = _kept_lines(record, OrderLab(1).tables, sent)
    assert (first["qty"], first["unit_price"], second["qty"], second["unit_price"]) == (1, None, 2, 5)
