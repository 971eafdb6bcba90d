"""Orders as an Arrow stream: valid batches or a typed fault, the same however the body was cut, readable afterwards."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

from bench.trials.fuzz.pieces import pieces_of
from bench.trials.fuzz.targets import Examine
from router.arrow.arrays import to_stream
from router.config import Limits
from router.log.documents import document_of, presentable
from router.wire.arrow_stream import ArrowStreamDecoder
from router.wire.batch import WireBatch, WireError

LIMITS = Limits(batch_rows_max=3, body_bytes_max=1 << 16, text_bytes_max=60, id_bytes_max=20)
PIECE_FACTOR = 17  # an Arrow message is longer than a line
WORDS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\x00\x00\x00\x00", b"order_id", b"lines", b"UTC", bytes(8), b"\xff" * 8)
_TEXTS = (
    "order_id",
    "channel",
    "currency",
    "customer_name",
    "ship_to_name",
    "ship_to_line1",
    "ship_to_city",
    "ship_to_country",
)
_LINES = [
    [{"sku": "A", "qty": 2, "unit_price": 5}],
    [],
    [{"sku": "B", "qty": 1, "unit_price": None}, {"sku": "A", "qty": 3, "unit_price": 1}],
]
_LINES_WITH_WORDS = pa.array(
    [
        [{"sku": "A", "qty": 2, "discount": 1, "tax": 2, "node": "N1"}, {"sku": "A", "qty": 2, "node": " n1"}],
        [],
        [{"sku": "B", "qty": 1, "discount": -1, "tax": 2**63 - 1, "node": None}],
    ]
)
_PLACED_AT = [datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)] * 3


def examples(_: str) -> list[bytes]:
    plain = _batch()
    extra = _batch(
        coupons=pa.array([["P10"], [], None]),
        attributes=pa.array([{"gift": True, "when": datetime.date(2026, 1, 1)}] * 3),
        weight=pa.array([decimal.Decimal("1.5"), None, decimal.Decimal("2.5")]),
        photo=pa.array([b"\xff", b"", None]),
        total=pa.array([2**64 - 1, None, 0], pa.uint64()),
    )
    amounts = pa.array([-1, None, 2**63 - 1])
    return [
        b"\x05" + _stream(plain),
        b"\x3c" + _stream(plain, plain.slice(1, 1)),
        b"\x90" + _stream(extra),
        b"\x91" + _stream(_batch(lines=_LINES_WITH_WORDS, shipping_fee=amounts, discount=amounts, tax=amounts)),
        b"\x10" + _stream(_batch(skus=pa.dictionary(pa.int8(), pa.string()))),
        b"\x11" + _stream(plain, compression="lz4"),
        b"\x12" + _stream(_named("a"), _named("a", "b"), emit_dictionary_deltas=True),
    ]


def _batch(skus: pa.DataType | None = None, **more: pa.Array) -> pa.RecordBatch:
    lines = pa.array(_LINES, pa.list_(pa.struct({"sku": pa.string(), "qty": pa.int32(), "unit_price": pa.int64()})))
    if skus is not None:
        item = lines.values
        coded = pa.StructArray.from_arrays(
            [item.field(0).cast(skus), item.field(1), item.field(2)], ["sku", "qty", "unit_price"]
        )
        lines = pa.ListArray.from_arrays(lines.offsets, coded)
    columns = {name: pa.array([f"{name[:3]}{row}" for row in range(3)]) for name in _TEXTS}
    columns |= {"placed_at": pa.array(_PLACED_AT, pa.timestamp("ms", "UTC")), "lines": lines, **more}
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _named(*texts: str) -> pa.RecordBatch:
    """Rows that name the last of some texts."""
    return _batch(note=pa.DictionaryArray.from_arrays(pa.array([len(texts) - 1, None, 0], pa.int8()), pa.array(texts)))


def _stream(*batches: pa.RecordBatch, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def examine(_: str) -> Examine:
    return one


Rows = tuple[list[tuple[str, int]], str]  # (order id, fingerprint) or (refusal, its row) of each row; how it ended


def one(data: bytes) -> None:
    body, chunks, pause = pieces_of(data)
    whole = _decoded([body], False)
    joined = [b"".join(chunks[at : at + PIECE_FACTOR]) for at in range(0, len(chunks), PIECE_FACTOR)]
    assert _decoded(joined, pause) == whole, "how the body was cut does not matter"


def _decoded(chunks: list[bytes], pause: bool) -> Rows:
    decoder, rows = ArrowStreamDecoder(LIMITS), list[tuple[str, int]]()
    try:
        for wire in _batches(decoder, chunks, pause):
            rows += _examined(wire, len(rows))
    except WireError as fault:
        assert fault.code.startswith("arrow_") and len(fault.detail) > 20
        return rows, fault.code
    return rows, ""


def _batches(decoder: ArrowStreamDecoder, chunks: list[bytes], pause: bool) -> Iterator[WireBatch]:
    for chunk in chunks:
        yield from decoder.feed([chunk], pause)
    yield from decoder.finish()


def _examined(wire: WireBatch, before: int) -> list[tuple[str, int]]:
    """The rows in order of their answers; everything a shard will touch is sound."""
    assert wire.count <= LIMITS.batch_rows_max
    wire.orders.validate(full=True)
    wire.skus.validate(full=True)
    kept = pa.ipc.open_stream(pa.py_buffer(to_stream(wire.documents))).read_all().to_batches()
    assert sum(batch.num_rows for batch in kept) == wire.documents.num_rows == wire.orders.num_rows
    placed = {refusal.position: (refusal.detail, refusal.line_number) for refusal in wire.refused}
    assert all(number == before + position + 1 for position, (_, number) in placed.items()), "a refusal names its row"
    columns = (
        wire.positions.tolist(),
        wire.orders.column("order_id").to_pylist(),
        wire.orders.column("fingerprint").to_pylist(),
    )
    placed |= {position: (order_id, number) for position, order_id, number in zip(*columns, strict=True)}
    assert sorted(placed) == list(range(wire.count)), "every row has its answer"
    for row in range(wire.documents.num_rows):
        orjson.dumps(presentable(document_of(wire.documents, row)))  # an order that is taken can be shown
    return [placed[position] for position in range(wire.count)]
