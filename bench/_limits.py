"""Bare limits, taken in the same run: what one core needs for the least that any such router must do."""

from __future__ import annotations

import contextlib
import io
import time

import msgspec
import pyarrow as pa

from bench._stream_client import Piece


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
    """JSON: msgspec makes one object per order. Arrow: pyarrow reads the batches and validates them in full."""
    decode = _decode_ndjson if stream_format == "ndjson" else _read_arrow
    started_s = time.perf_counter()
    orders = decode(pieces)
    return orders / (time.perf_counter() - started_s)


def _decode_ndjson(pieces: list[Piece]) -> int:
    decoder = msgspec.json.Decoder(_Order)
    orders = 0
    for piece in pieces:
        for line in piece.body.splitlines():
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # a bad line costs its parsing, too
                decoder.decode(line)
            orders += 1
    return orders


def _read_arrow(pieces: list[Piece]) -> int:
    orders = 0
    for batch in pa.ipc.open_stream(io.BytesIO(b"".join(piece.body for piece in pieces))):
        batch.validate(full=True)
        orders += batch.num_rows
    return orders
