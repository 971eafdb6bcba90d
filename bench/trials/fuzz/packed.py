"""Record batches as packed messages: any columns, whole or sliced, come back as they were, also one by one."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa

from bench.trials.fuzz.targets import Examine
from router.arrow.packing import PackedBatch, can_pack, is_packed, pack

ROWS_MAX = 12
ROW_BYTES = 24
_ITEM = pa.struct(
    [pa.field("a", pa.int16(), False), pa.field("b", pa.list_(pa.field("item", pa.int64(), False)), False)]
)
SCHEMA = pa.schema(
    [
        pa.field("small", pa.int8(), False),
        pa.field("wide", pa.int64(), False),
        pa.field("unsigned", pa.uint64(), False),
        pa.field("text", pa.string(), False),
        pa.field("items", pa.list_(pa.field("item", _ITEM, False)), False),
    ]
)
assert can_pack(SCHEMA)
WORDS = (
    struct.pack("<q", 2**63 - 1),
    struct.pack("<q", -(2**63)),
    struct.pack("<q", 255),
    struct.pack("<q", 65_536),
    bytes(8),
)


def examples(_: str) -> list[bytes]:
    low, high = struct.pack("<q", -(2**63)), struct.pack("<q", 2**63 - 1)
    return [b"\x03\x00" + bytes(range(72)), b"\x02\x01" + low + high + bytes(8) + high + low + b"\xff" * 8, b"\x0c\x02"]


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    """The first byte says how many rows, the second how many are sliced off."""
    rows = data[0] % (ROWS_MAX + 1) if data else 0
    body = data[2:].ljust(rows * ROW_BYTES, b"\0")[: rows * ROW_BYTES]
    batch = _batch(np.frombuffer(body, np.uint8).reshape(rows, ROW_BYTES))
    sent = batch.slice(min(rows, data[1] if len(data) > 1 else 0))
    message = pack(sent)
    assert message.size % 8 == 0 and is_packed(message)
    packed = PackedBatch(message, SCHEMA)
    assert packed.num_rows == sent.num_rows
    for name in reversed(SCHEMA.names):
        assert packed.column(name).equals(sent.column(name)), name
    whole = packed.whole()
    whole.validate(full=True)
    assert whole.equals(sent)


def _batch(cells: np.ndarray) -> pa.RecordBatch:
    """A row a line of bytes: numbers as they are, text and lists as long as the bytes say."""
    wide = np.ascontiguousarray(cells[:, 8:16]).view(np.int64).reshape(-1)
    unsigned = np.ascontiguousarray(cells[:, 16:24]).view(np.uint64).reshape(-1)
    columns = {
        "small": cells[:, 0].view(np.int8).tolist(),
        "wide": wide.tolist(),
        "unsigned": unsigned.tolist(),
        "text": [chr(int(row[1]) + 32) * (int(row[2]) % 7) for row in cells],
        "items": [
            [{"a": int(row[4]) - 128, "b": [int(number)] * (int(row[5]) % 3)}] * (int(row[3]) % 4)
            for row, number in zip(cells, wide, strict=True)
        ],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)
