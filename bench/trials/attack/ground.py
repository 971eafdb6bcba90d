"""Tables of the campaign (many nodes, stock of few SKUs) and the plain orders that hostile bodies are made of."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from bench.harness.arrays import I64
from bench.harness.tables import as_ndjson

NODES, SKUS, STOCKED = 400, 6_000, 50
NEIGHBOURS_SKU = "NEIGHBOUR"
PLACED_AT = "2026-01-05T12:00:00Z"
_PLACED_MS = 1_767_614_400_000
_encode = msgspec.json.Encoder().encode
Row = dict[str, Any]
LINES = pa.list_(pa.struct({"sku": pa.string(), "qty": pa.int32()}))


def sku(number: int) -> str:
    return f"S{number:05d}"


def priced(name: str, **more: object) -> Row:
    return {"sku": name, "price": 500, "currency": "GBP", "weight_g": 100, "tax_class": "standard", **more}


def tables() -> dict[str, bytes]:
    """Uploads in the order in which they are to be made."""
    return {name: as_ndjson(rows) for name, rows in _rows().items()}


def _rows() -> Mapping[str, Iterable[Row]]:
    return {
        "skus": [priced(sku(at)) for at in range(SKUS)] + [priced(NEIGHBOURS_SKU)],
        "nodes": [_node(at) for at in range(NODES)],
        "rates": [rate("standard", 395), rate("express", 895)],
        "taxes": [{"country": "GB", "tax_class": "standard", "rate_bp": 2000, "inclusive": True}],
        "stock": _stock(),
    }


def _node(at: int) -> Row:
    return {
        "node": f"n-{at:03d}",
        "kind": "store",
        "country": "GB",
        "postcode": "E16 2AA",
        "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "handling": 50 + at,
    }


def rate(service: str, price: int) -> Row:
    lane = {"carrier": "post", "service": service, "from_zone": "*", "to_zone": "*"}
    return {**lane, "min_g": 0, "price": price, "per_kg": 10, "days": 2}


def _stock() -> Iterator[Row]:
    """A few units of few SKUs at every node: what is ordered in thousands is split over many of them."""
    for at in range(STOCKED):
        for node in range(NODES):
            yield {"sku": sku(at), "node": f"n-{node:03d}", "on_hand": 20}
    yield {"sku": NEIGHBOURS_SKU, "node": "n-000", "on_hand": 100_000_000}


def order(order_id: str, lines: list[Row], **more: object) -> Row:
    """As JSON has it."""
    place = {"name": "A", "line1": "1 Road", "city": "London", "postcode": "E16 2AA", "country": "GB"}
    head = {"order_id": order_id, "channel": "web", "placed_at": PLACED_AT, "currency": "GBP"}
    return {**head, "customer": {"name": "A", "id": order_id}, "ship_to": place, "lines": lines, **more}


def order_line(order_id: str, lines: list[Row], **more: object) -> bytes:
    """Of an NDJSON body, with its end."""
    return bytes(_encode(order(order_id, lines, **more))) + b"\n"


def plain_orders(name: str, count: int) -> bytes:
    """Orders of one unit each; a hundred SKUs in turn."""
    return b"".join(order_line(f"{name}-{at}", [{"sku": sku(at % 100), "qty": 1}]) for at in range(count))


def order_rows(first: int, count: int, lines: pa.Array | None = None, **more: pa.Array) -> pa.RecordBatch:
    """As Arrow has them: rows named by their numbers, of one line each unless told."""
    if lines is None:
        lines = pa.array([[{"sku": sku(0), "qty": 1}]], LINES).take(pa.array(np.zeros(count, np.int64)))
    texts = {
        "channel": "web", "currency": "GBP", "customer_name": "A", "ship_to_name": "A", "ship_to_line1": "1 Road",
        "ship_to_city": "London", "ship_to_postcode": "E16 2AA", "ship_to_country": "GB",
    }  # fmt: skip
    columns = {"order_id": pa.array([f"r{number}" for number in range(first, first + count)])}
    columns |= {name: pa.array([text]).take(pa.array(np.zeros(count, np.int64))) for name, text in texts.items()}
    columns |= {"placed_at": pa.array(np.full(count, _PLACED_MS), pa.timestamp("ms", "UTC")), "lines": lines}
    return pa.RecordBatch.from_pydict(columns | more)


def named(codes: I64, values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), values)


def arrow_stream(batches: Iterable[pa.RecordBatch], **options: Any) -> bytes:
    """An IPC stream; batches are made while they are written."""
    sink, given = io.BytesIO(), iter(batches)
    first = next(given)
    with pa.ipc.new_stream(sink, first.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(first)
        for batch in given:
            writer.write_batch(batch)
    return sink.getvalue()


def up_to(bytes_max: int, make: Callable[[int], bytes]) -> bytes:
    """Lines by number, as many as fit."""
    parts, size = [], 0
    for number in range(bytes_max):
        part = make(number)
        size += len(part)
        if size > bytes_max:
            break
        parts.append(part)
    return b"".join(parts)
