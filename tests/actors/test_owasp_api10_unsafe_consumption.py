"""API10 Unsafe consumption of APIs: what partners and channels sent stays data when others read it.

What partners answer to calls is bounded, and read by adapters that nothing breaks (tests/adapters/contract); here is
what was sent to the router, which it gives out again to people, to other partners and to its own reports.
"""

from __future__ import annotations

import decimal
import json

import pyarrow as pa
import pytest

from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.translate import CsvTranslator
from tests.labs.owasp_lab import NDJSON, Lab, lab, lines_of, order, sell
from tests.labs.wire_cases import plain_order, rows_to_arrow, stream

__all__ = ["lab"]
ARROW = "application/vnd.apache.arrow.stream"
EVIL_ID = 'x\r\n\r\ndata: {"state":"delivered"}\nid: 0:9.9\n\nevent: y'


def test_an_order_id_cannot_add_events_to_the_stream_of_others(lab: Lab) -> None:
    sell(lab, EVIL_ID)
    _, headers, body = lab.ask("GET", "/v1/stream?wait=0", Accept="text/event-stream")
    assert headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in body.decode().split("\n\n") if block]
    changes = lines_of(lab, "/v1/stream?wait=0")
    assert len(blocks) == len(changes) and [len(block.splitlines()) for block in blocks] == [2] * len(blocks)
    assert EVIL_ID in {change["order_id"] for change in changes}


def test_an_order_id_cannot_add_lines_to_answers_or_headers_to_errors(lab: Lab) -> None:
    body = order(EVIL_ID, lines=[{"sku": "A\n{}", "qty": 1, "line_id": "\r\nx: y"}]) + b"\n" + order("neighbour")
    status, _, answer = lab.ask("POST", "/v1/orders/stream", body, **NDJSON)
    assert status == 200 and [json.loads(line)["order_id"] for line in answer.splitlines()] == [EVIL_ID, "neighbour"]
    _, headers, _ = lab.ask("PUT", "/v1/tables/a%0d%0aX-Evil:%20b", b"", **NDJSON)
    assert "x-evil" not in headers


def test_names_cannot_add_metrics(lab: Lab) -> None:
    evil = 'web"} 1\nrouter_orders_total{channel="x'
    sell(lab, "metric", channel=evil, seller=evil)
    text = lab.ask("GET", "/metrics")[2].decode()
    assert 'web"}' not in text and all(
        line.startswith(("#", "router_", "python_", "process_")) for line in text.splitlines()
    )


@pytest.mark.parametrize(
    "odd", ['"x":1e999', '"x":-1E+400', '"x":123456789012345678901234567890', '"attributes":{"a":1e5000}',
            '"x":' + "[" * 59 + "]" * 59, '"x":"\\u0000\\u2028"', '"customer":{"id":"c","name":"n","n":1e999}'],
)  # fmt: skip
def test_an_order_that_was_taken_can_be_read_whatever_else_it_holds(lab: Lab, odd: str) -> None:
    """A number that other JSON readers refuse must not make an order unreadable for everybody."""
    order_id = f"odd-{abs(hash(odd))}"
    body = order(order_id)[:-1] + b"," + odd.encode() + b"}"
    answers = [json.loads(line) for line in lab.ask("POST", "/v1/orders/stream", body, **NDJSON)[2].splitlines()]
    if answers[0]["status"] == "rejected":  # a part given twice
        return
    for part in ("", "/timeline", "/explain"):
        assert lab.ask("GET", f"/v1/orders/{order_id}{part}")[0] == 200


def test_columns_that_json_has_no_form_for_can_be_read(lab: Lab) -> None:
    given = plain_order() | {"order_id": "odd-arrow", "lines": [{"sku": "A", "qty": 1}]}
    batch = rows_to_arrow([given])
    columns = {
        "customer": pa.array(["not an object"]),
        "json": pa.array([b"{"]),
        "weight": pa.array([decimal.Decimal("1.5")]),
        "photo": pa.array([b"\xff\x00"]),
        "far": pa.array([2**62], pa.timestamp("s")),
        "long": pa.array([2**62], pa.duration("s")),
        "where": pa.array([5], pa.timestamp("ms", tz="Nowhere/City")),
        "parts": pa.array([[("a", b"\xfe")]], pa.map_(pa.string(), pa.binary())),
    }
    names = [*columns, *batch.schema.names]
    batch = pa.RecordBatch.from_arrays([*columns.values(), *batch.columns], names)
    assert lab.ask("POST", "/v1/orders/stream", stream(batch), Content_Type=ARROW)[0] == 200
    status, _, body = lab.ask("GET", "/v1/orders/odd-arrow")
    assert status == 200 and json.loads(body)["other_fields"]["weight"] == "1.5"
    assert json.loads(body)["order_id"] == "odd-arrow"


def test_cells_of_a_partners_file_stay_text() -> None:
    mapping = load_mapping(
        b'{"columns":{"order_id":"No","lines.sku":"Sku","lines.qty":"Qty","customer.name":"Who"},'
        b'"constants":{"currency":"EUR"}}'
    )
    cells = ["=cmd|' /C calc'!A0", '","admin":true,"x":"', "{{7*7}}", "${jndi:ldap://x}", "'; DROP TABLE orders; --"]
    lines = [
        "No,Sku,Qty,Who\n",
        *(f'{number},A,1,"{cell.replace(chr(34), chr(34) * 2)}"\n' for number, cell in enumerate(cells)),
    ]
    orders = [json.loads(composed.body) for composed in CsvTranslator(mapping).orders(lines)]
    assert [composed["customer"]["name"] for composed in orders] == cells
    assert all(set(composed) == {"order_id", "currency", "customer", "lines"} for composed in orders)
