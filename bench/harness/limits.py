"""Bare limits, taken in the same run: what one core needs for the least that any such router must do."""

from __future__ import annotations

import contextlib
import io
import time

import msgspec
import pyarrow as pa

from bench.harness.streaming import Piece

PASSES = 3


class _Customer(msgspec.Struct):
    id: str = ""
    name: str = ""
    email: str = ""


class _Place(msgspec.Struct):
    name: str
    line1: str
    city: str
    postcode: str
    country: str
    region: str = ""


class _Line(msgspec.Struct):
    sku: str
    qty: int
    unit_price: int


class _Order(msgspec.Struct):
    order_id: str
    channel: str
    placed_at: str
    currency: str
    customer: _Customer
    ship_to: _Place
    lines: list[_Line]
    payment: dict[str, str]
    coupons: list[str] = []
    shipping: dict[str, str] = {}


def decode_orders_per_s(stream_format: str, pieces: list[Piece]) -> float:
    """JSON: msgspec makes one object per order. Arrow: pyarrow reads the batches and validates them in full.

    The best of a few passes: the first one pays for memory that was never used before.
    """
    decode = _decode_ndjson if stream_format == "ndjson" else _read_arrow
    bodies = [piece.body for piece in pieces]
    if stream_format == "arrow":
        bodies = [b"".join(bodies)]  # one stream
    rates = []
    for _ in range(PASSES):
        started_s = time.perf_counter()
        orders = sum(decode(body) for body in bodies)
        rates.append(orders / (time.perf_counter() - started_s))
    return max(rates)


def _decode_ndjson(body: bytes) -> int:
    decoder = msgspec.json.Decoder(_Order)
    orders = 0
    for line in body.splitlines():
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # a bad line costs its parsing, too
            decoder.decode(line)
        orders += 1
    return orders


def _read_arrow(body: bytes) -> int:
    orders = 0
    for batch in pa.ipc.open_stream(io.BytesIO(body)):
        batch.validate(full=True)
        orders += batch.num_rows
    return orders
