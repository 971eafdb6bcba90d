"""Acknowledgements: the contract's fields, in order of arrival, refusals in their places, JSON and Arrow alike."""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
from typing import Any

import numpy as np
import pyarrow as pa

from kernels import reasons as code
from kernels.text.ack_json import AT_STATUS_NAMES, FRAGMENTS
from router.arrow.string_table import StringTable
from router.config import Limits
from router.log.columns import ACK, STATUS_NAMES, Status
from router.spelling import plain, settled
from router.wire.ack_arrow import ANSWER, begin_arrow, encode_arrow, end_arrow
from router.wire.ack_json import encode_json
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_lines
from tests.labs.wire_cases import any_order, mutated, plain_order

LIMITS = Limits()
NODES = StringTable(["LEEDS", 'K"öln', "Paris\t1"])
SKUS = StringTable(["SKU-1", "SKU-2", "PART-A", "PART-B"])
CONTRACT = {
    *("order_id", "status", "total", "currency", "discount", "tax", "shipping", "lines", "parcels", "promise_date"),
    *("reasons", "duplicate", "cursor"),
}


def ack_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    nothing = {name: 0 for name in ACK.names} | {"reason_line": -1, "promise_day": -1, "twin": -1, "lines": []}
    return pa.RecordBatch.from_pylist([nothing | row for row in rows], schema=ACK)


def line(backordered: int = 0, *allocations: tuple[int, int, int]) -> dict[str, Any]:
    keys = ("sku", "node", "qty")
    return {"backordered": backordered, "allocations": [dict(zip(keys, one, strict=True)) for one in allocations]}


def answers(wire: WireBatch, ack: pa.RecordBatch, shards: list[int] | None = None) -> list[dict[str, Any]]:
    """The JSON answers, after a look that the Arrow ones say the same."""
    shard_of_row = np.array(shards if shards is not None else [0] * ack.num_rows, np.int32)
    text = bytes(encode_json(wire, ack, shard_of_row, NODES, SKUS))
    found = [json.loads(line) for line in text.splitlines()]
    body = begin_arrow() + encode_arrow(wire, ack, shard_of_row, NODES, SKUS) + end_arrow(None)
    table = pa.ipc.open_stream(body).read_all()
    table.validate(full=True)
    assert [_without_nulls(row) for row in table.to_pylist()] == [_as_arrow(answer) for answer in found]
    return found


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _as_arrow(answer: dict[str, Any]) -> dict[str, Any]:
    day = answer["promise_date"]
    return _without_nulls({**answer, "promise_date": day and datetime.date.fromisoformat(day)})


def decode(*orders: dict[str, Any] | bytes) -> WireBatch:
    lines = [order if isinstance(order, bytes) else json.dumps(order).encode() for order in orders]
    return decode_lines(b"\n".join(lines), 1, LIMITS)


def test_an_acknowledgement_has_the_fields_of_the_contract() -> None:
    wire = decode(plain_order() | {"lines": [{"sku": "SKU-1", "qty": 5, "line_id": "a"}, {"sku": "SKU-2", "qty": 1}]})
    row = {
        "status": Status.PARTIALLY_ALLOCATED,
        "reasons": 1 << code.PARTIAL_STOCK,
        "total_minor": 5997,
        "discount_minor": 100,
        "tax_minor": 999,
        "shipping_minor": 495,
        "parcels": 2,
        "promise_day": 20_517,
        "sequence": 70_000_000_000,
        "row": 65_535,
        "lines": [line(2, (0, 0, 2), (0, 1, 1)), line(0, (1, 2, 1))],
    }
    (answer,) = answers(wire, ack_of([row]), [3])
    assert answer == {
        "order_id": "ORD-000000",
        "status": "partially_allocated",
        "total": 5997,
        "currency": "EUR",
        "discount": 100,
        "tax": 999,
        "shipping": 495,
        "lines": [
            {
                "line_id": "a",
                "sku": "SKU-1",
                "allocations": [{"node": "LEEDS", "qty": 2}, {"node": 'K"öln', "qty": 1}],
                "backordered": 2,
            },
            {"line_id": "2", "sku": "SKU-2", "allocations": [{"node": "Paris\t1", "qty": 1}], "backordered": 0},
        ],
        "parcels": 2,
        "promise_date": "2026-03-05",
        "reasons": ["partial_stock"],
        "duplicate": False,
        "cursor": "3:70000000000:65535",
    }
    assert set(answer) == CONTRACT


def test_allocations_of_a_bundle_name_the_component() -> None:
    wire = decode(plain_order() | {"lines": [{"sku": "SKU-1", "qty": 1}, {"sku": "SKU-2", "qty": 1}]})
    (answer,) = answers(wire, ack_of([{"lines": [line(0, (2, 0, 1), (3, 1, 4)), line(0, (1, 0, 1))]}]))
    assert answer["lines"][0]["allocations"] == [
        {"node": "LEEDS", "sku": "PART-A", "qty": 1},
        {"node": 'K"öln', "sku": "PART-B", "qty": 4},
    ]
    assert answer["lines"][1]["allocations"] == [{"node": "LEEDS", "qty": 1}]


def test_a_rejected_order_says_which_field_and_how_to_mend_it() -> None:
    wire = decode(plain_order(1), plain_order(2) | {"customer": {"id": "C"}, "currency": None}, plain_order(3))
    unknown = {"status": Status.REJECTED, "reasons": 1 << code.SKU_UNKNOWN | 1 << code.QTY_RANGE, "reason_line": 1}
    missing = {"status": Status.REJECTED, "reasons": 1 << code.FIELD_MISSING}
    held = {"status": Status.HELD, "reasons": 1 << code.RISK_SCORE, "lines": [line(2), line(1)]}
    first, second, third = answers(wire, ack_of([unknown, missing, held]))
    assert first["reasons"] == ["sku_unknown", "qty_range"] and first["lines"] == [] and first["status"] == "rejected"
    assert first["detail"].startswith("lines[1].sku: The SKU is not in the SKU table; load it")
    assert "lines[1].qty: The quantity" in first["detail"]
    assert second["detail"].startswith("currency, customer.name: A required field is absent")
    assert "detail" not in third and third["status"] == "held"


def test_duplicates_and_twins_are_marked() -> None:
    wire = decode(plain_order(1), plain_order(2))
    repeat = {"duplicate": 1, "sequence": 5, "row": 6, "lines": [line(2), line(1)]}
    twin = {"status": Status.HELD, "reasons": 1 << code.DUPLICATE_BASKET, "twin": 2 << 48 | 77_000 << 16 | 9}
    first, second = answers(wire, ack_of([repeat, twin]), [1, 0])
    assert first["duplicate"] is True and first["cursor"] == "1:5:6" and "duplicate_of" not in first
    assert second["duplicate_of"] == "2:77000:9" and second["duplicate"] is False


def test_the_ids_of_twins_are_named_whatever_they_hold_and_refusals_keep_their_places() -> None:
    twin = {"status": Status.HELD, "reasons": 1 << code.DUPLICATE_BASKET, "twin": 7, "lines": [line(2), line(1)]}
    plain = {"lines": [line(2), line(1)]}
    wire = decode(b"{", plain_order(1), plain_order(2), b"{", plain_order(3), plain_order(4), b"{")
    ids = {0: 'a"\\b\n', 3: "Ünï"}
    wire = dataclasses.replace(wire, twins=ids)
    told = answers(wire, ack_of([twin, plain, twin | {"twin": -1}, twin]))
    assert [each.get("duplicate_of_order_id") for each in told] == [None, ids[0], None, None, None, ids[3], None]
    assert [each["status"] for each in told].count("rejected") == 3


def test_refusals_stand_in_their_places() -> None:
    rng = random.Random(41)
    for _ in range(200):
        lines = [
            b"{broken" if rng.random() < 0.4 else json.dumps(plain_order(number)).encode()
            for number in range(rng.choice((0, 1, 2, 7)))
        ]
        wire = decode(*lines)
        found = answers(wire, ack_of([{} for _ in range(wire.orders.num_rows)]))
        assert len(found) == len(lines) == wire.count
        for number, (sent, answer) in enumerate(zip(lines, found, strict=True), start=1):
            if sent == b"{broken":
                assert (answer["status"], answer["reasons"], answer["line"]) == ("rejected", ["malformed"], number)
                assert (
                    answer["cursor"] is None
                    and answer["lines"] == []
                    and answer["detail"].startswith(f"line {number}:")
                )
                assert set(answer) == CONTRACT | {"detail", "line"}
            else:
                assert answer["order_id"] == f"ORD-{number - 1:06d}" and set(answer) == CONTRACT


def test_any_text_survives_both_forms() -> None:
    rng = random.Random(42)
    for case in range(300):
        orders = [any_order(rng, nasty=True) | {"order_id": f'{case}"\\\n{number}é\x01'} for number in range(4)]
        wire = decode(*orders)
        rows = []
        for order in orders:
            sent = order.get("lines") or []
            given = [
                line(rng.randrange(3), *[(rng.randrange(4), rng.randrange(3), 1)] * rng.randrange(3)) for _ in sent
            ]
            rows.append(
                {"lines": given, "promise_day": rng.randrange(-1, 40_000), "total_minor": rng.randrange(-5, 10**12)}
            )
        for order, answer in zip(orders, answers(wire, ack_of(rows)), strict=True):
            currency = plain(order.get("currency") or "").upper()
            assert answer["order_id"] == order["order_id"] and answer["currency"] == currency
            sent = order.get("lines") or []
            skus = [one.get("sku") or "" for one in sent]
            assert [one["sku"] for one in answer["lines"]] == [sku if settled(sku) else "" for sku in skus]
            names = [one.get("line_id") or str(number) for number, one in enumerate(sent, start=1)]
            assert [one["line_id"] for one in answer["lines"]] == names


def test_damaged_bodies_get_an_answer_a_line() -> None:
    rng = random.Random(43)
    for _ in range(300):
        body = b"\n".join(json.dumps(plain_order(number)).encode() for number in range(5))
        for _ in range(3):
            body = mutated(body, rng)
        wire = decode_lines(body, 1, LIMITS)
        lines = [line for line in body.split(b"\n") if line.strip(b" \t\r")]
        assert len(answers(wire, ack_of([{} for _ in range(wire.orders.num_rows)]))) == len(lines)


def test_an_arrow_answer_is_one_stream_also_when_it_ends_with_a_problem() -> None:
    wire = decode(plain_order())
    ack, shards = ack_of([{}]), np.zeros(1, np.int32)
    body = begin_arrow() + b"".join(encode_arrow(wire, ack, shards, NODES, SKUS) for _ in range(3))
    body += end_arrow(("arrow_damaged", "the Arrow stream is damaged"))
    table = pa.ipc.open_stream(body).read_all()
    assert table.schema == ANSWER and table.column("status").to_pylist() == ["allocated"] * 3 + ["error"]
    assert table.column("reasons").to_pylist()[-1] == ["arrow_damaged"]
    assert pa.ipc.open_stream(begin_arrow() + end_arrow(None)).read_all().num_rows == 0
    assert pa.ipc.open_stream(begin_arrow() + end_arrow(("x", "y"))).read_all().num_rows == 1


def test_the_kernel_knows_every_status_by_its_number() -> None:
    assert FRAGMENTS[AT_STATUS_NAMES:] == STATUS_NAMES
