"""One decoded batch over the shards and back: pack each shard's orders, put the answers into the batch's order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import from_message, list_parts, ragged, structs, to_message, to_stream
from router.arrow.selection import select
from router.ids import Scope, given, line_keys, order_hashes
from router.log.columns import ACK, WIRE, WIRE_SKUS
from router.shard.partition import shard_of, split, take_wire
from router.wire.batch import WireBatch

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """The orders of one batch that belong to one shard, packed for the way."""

    shard: int
    rows: I64 | None  # rows of the batch, None = all of them
    orders: U8  # IPC message of WIRE
    skus: U8  # IPC message of WIRE_SKUS
    documents: U8  # IPC stream
    work_ns: int = 0  # as estimated; 0 where nobody asked


@dataclass(frozen=True)
class Decided:
    """ACK rows in the order of the batch's rows."""

    ack: pa.RecordBatch
    shard_of_row: I32


def split_batch(wire: WireBatch, key: U64, shards: int, scope: Scope = "global") -> list[Part]:
    """Pack a batch for its shards; shards that get nothing are left out."""
    if wire.orders.num_rows == 0:
        return []
    work = np.zeros(wire.orders.num_rows, np.int64) if wire.work_ns is None else wire.work_ns
    orders = _with_line_keys(wire, key)
    skus = to_message(pa.RecordBatch.from_arrays([wire.skus], schema=WIRE_SKUS))
    if shards == 1:
        return [Part(0, None, to_message(orders), skus, to_stream(wire.documents), int(work.sum()))]
    _, lo = order_hashes(key, scope, orders)
    order, offsets = split(shard_of(lo, shards), shards)
    parts = []
    for shard in range(shards):
        rows = order[offsets[shard] : offsets[shard + 1]]
        if len(rows) == orders.num_rows:
            return [Part(shard, None, to_message(orders), skus, to_stream(wire.documents), int(work.sum()))]
        if len(rows):
            documents = select(wire.documents, rows)
            of_shard = to_message(take_wire(orders, rows))
            parts.append(Part(shard, rows, of_shard, skus, to_stream(documents), int(work[rows].sum())))
    return parts


def _with_line_keys(wire: WireBatch, key: U64) -> pa.RecordBatch:
    """WIRE with the keys of the line_ids; as it was where the channel sent none, as most do."""
    if not given(wire.line_ids).any():
        return wire.orders
    offsets, lines = list_parts(wire.orders.column("lines"))
    kind = WIRE.field("lines").type
    parts = {field.name: lines.field(field.name) for field in kind.value_type}
    keyed = structs(kind.value_type, parts | {"line_key": line_keys(key, offsets, wire.line_ids)})
    return wire.orders.set_column(WIRE.get_field_index("lines"), WIRE.field("lines"), ragged(offsets, keyed, kind))


def merge_answers(wire: WireBatch, parts: list[Part], answers: list[U8]) -> Decided:
    """ACK messages of the parts, back in the order of the batch's rows."""
    count = wire.orders.num_rows
    shard_of_row = np.zeros(count, np.int32)
    if not parts:
        return Decided(pa.RecordBatch.from_pylist([], schema=ACK), shard_of_row)
    batches = [from_message(answer, ACK) for answer in answers]
    for part, batch in zip(parts, batches, strict=True):
        assert batch.num_rows == (count if part.rows is None else len(part.rows)), "a shard answers every row"
    if parts[0].rows is None:
        shard_of_row.fill(parts[0].shard)
        return Decided(batches[0], shard_of_row)
    place = np.concatenate([part.rows for part in parts if part.rows is not None])
    for part in parts:
        shard_of_row[part.rows] = part.shard
    return Decided(select(pa.concat_batches(batches), np.argsort(place, kind="stable")), shard_of_row)
