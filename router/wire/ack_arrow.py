"""Acknowledgements as an Arrow IPC stream: the same names as in JSON, one record batch a batch of orders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.text.write_references import write_references
from router.arrow.arrays import numbers, ragged, record_batch, structs
from router.arrow.string_table import StringTable
from router.ids import string_parts
from router.log.columns import STATUS_NAMES
from router.reasons import codes
from router.wire.ack_rows import REFERENCE_ROW, REFERENCE_SEQUENCE, AnswerLines, answer_lines, refusal_sentences
from router.wire.batch import Refusal, WireBatch
from router.wire.places import rows_in_place
from router.wire.texts import taken

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_ALLOCATION = pa.struct([("node", pa.string()), ("qty", pa.int32()), ("sku", pa.string())])
_LINE = pa.struct(
    [
        ("line_id", pa.string()),
        ("sku", pa.string()),
        ("allocations", pa.list_(_ALLOCATION)),
        ("backordered", pa.int32()),
    ]
)
ANSWER = pa.schema(
    [
        ("order_id", pa.string()),
        ("status", pa.string()),
        ("total", pa.int64()),
        ("currency", pa.string()),
        ("discount", pa.int64()),
        ("tax", pa.int64()),
        ("shipping", pa.int64()),
        ("lines", pa.list_(_LINE)),
        ("parcels", pa.int32()),
        ("promise_date", pa.date32()),
        ("reasons", pa.list_(pa.string())),
        ("duplicate", pa.bool_()),
        ("cursor", pa.string()),
        ("detail", pa.string()),  # null where nothing was refused
        ("duplicate_of", pa.string()),
        ("line", pa.int64()),  # row number of the body, from 1, of a row that was refused
        ("duplicate_of_order_id", pa.string()),
    ]
)
END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_STATUS = pa.array(STATUS_NAMES)
REFERENCE_BYTES = 3 * 20 + 2


def begin_arrow() -> bytes:
    """What an answer stream starts with: its schema."""
    return bytes(ANSWER.serialize())


def encode_arrow(
    wire: WireBatch, ack: pa.RecordBatch, shard_of_row: I32, nodes: StringTable, skus: StringTable
) -> memoryview:
    """The answers to one batch as one message of the stream; batches may be encoded in any order."""
    return memoryview(answer_batch(wire, ack, shard_of_row, nodes, skus).serialize())


def end_arrow(problem: tuple[str, str] | None) -> bytes:
    """The end of the stream; a problem (code, sentence) goes before it as a row of status ``error``."""
    if problem is None:
        return END
    code, detail = problem
    row = {name: None for name in ANSWER.names} | {"status": "error", "reasons": [code], "detail": detail}
    return bytes(pa.RecordBatch.from_pylist([row], ANSWER).serialize()) + END


def answer_batch(
    wire: WireBatch, ack: pa.RecordBatch, shard_of_row: I32, nodes: StringTable, skus: StringTable
) -> pa.RecordBatch:
    """One row an order (ACK row i answers orders row i) and one a refusal, by position."""
    assert ack.num_rows == wire.orders.num_rows == len(shard_of_row), "one answer an order"
    day = numbers(ack, "promise_day")
    batch = record_batch(
        ANSWER,
        {
            "order_id": wire.orders.column("order_id"),
            "status": taken(_STATUS, numbers(ack, "status")),
            "currency": wire.orders.column("currency"),
            **{name: ack.column(f"{name}_minor") for name in ("total", "discount", "tax", "shipping")},
            "lines": _lines(wire, answer_lines(wire, ack), nodes, skus),
            "parcels": ack.column("parcels"),
            "promise_date": pa.array(day, mask=day < 0).cast(pa.date32()),
            "reasons": _reasons(numbers(ack, "reasons")),
            "duplicate": pa.array(numbers(ack, "duplicate").astype(np.bool_)),
            "cursor": references(shard_of_row, numbers(ack, "sequence"), numbers(ack, "row")),
            "detail": (details := _details(wire, ack)),
            "duplicate_of": _twins(numbers(ack, "twin")),
            "line": _line_numbers(wire, details),
            "duplicate_of_order_id": _twin_ids(wire, ack.num_rows),
        },
    )
    return _with_refusals(batch, wire) if wire.refused else batch


def _twin_ids(wire: WireBatch, rows: int) -> pa.StringArray:
    if not wire.twins:
        return pa.nulls(rows, pa.string())
    return pa.array([wire.twins.get(row) for row in range(rows)], pa.string())


def _details(wire: WireBatch, ack: pa.RecordBatch) -> pa.StringArray:
    """Each refusal in words, null for all other orders."""
    detail, details = refusal_sentences(wire, ack)
    if not details:
        return pa.nulls(ack.num_rows, pa.string())
    return pa.array([*details, None], pa.string()).take(pa.array(detail % (len(details) + 1)))


def _line_numbers(wire: WireBatch, details: pa.StringArray) -> pa.Int64Array:
    """Of the orders that were refused, null for all others."""
    if details.null_count == len(details):
        return pa.nulls(len(details), pa.int64())
    return pa.array(wire.line_numbers, mask=details.is_null().to_numpy(zero_copy_only=False))


def _lines(wire: WireBatch, lines: AnswerLines, nodes: StringTable, skus: StringTable) -> pa.ListArray:
    sent = _sent_lines(lines)
    code = lines.sku_code[sent]
    allocations = structs(
        _ALLOCATION,
        {"node": taken(nodes.to_arrow(), lines.node), "qty": lines.qty, "sku": _components(wire, lines, code, skus)},
    )
    items = structs(
        _LINE,
        {
            "line_id": _line_ids(wire, lines, sent),
            "sku": wire.skus if _is_all(code, len(wire.skus)) else taken(wire.skus, code),
            "allocations": ragged(lines.allocation_offsets, allocations, pa.list_(_ALLOCATION)),
            "backordered": lines.backordered,
        },
    )
    return ragged(lines.offsets, items, pa.list_(_LINE))


def _sent_lines(lines: AnswerLines) -> I64:
    """The batch's line behind each answered line."""
    place = np.arange(len(lines.backordered), dtype=np.int64)
    shift = lines.sent_offsets[:-1].astype(np.int64) - lines.offsets[:-1]
    return place + np.repeat(shift, np.diff(lines.offsets)) if shift.any() else place


def _components(wire: WireBatch, lines: AnswerLines, code: I32, skus: StringTable) -> pa.StringArray:
    """The allocation's own SKU where it is a component of the line's bundle, null where it is the line's SKU."""
    own = np.repeat(skus.find(wire.skus)[code], np.diff(lines.allocation_offsets))
    differs = own != lines.sku
    if not differs.any():
        return pa.nulls(len(lines.sku), pa.string())
    return pc.if_else(pa.array(differs), taken(skus.to_arrow(), lines.sku), pa.scalar(None, pa.string()))


def _line_ids(wire: WireBatch, lines: AnswerLines, sent: I64) -> pa.StringArray:
    """The ids that were sent, the number of the line within its order where none was."""
    given = wire.line_ids if len(sent) == len(wire.line_ids) else wire.line_ids.take(pa.array(sent))
    offsets, _ = string_parts(given)
    absent = np.diff(offsets) == 0
    if not absent.any():
        return given
    counts = np.diff(lines.offsets)
    place = np.arange(len(sent)) - np.repeat(lines.offsets[:-1], counts)
    names = taken(pa.array([str(number) for number in range(1, int(counts.max()) + 1)]), place)
    return names if absent.all() else pc.if_else(pa.array(absent), names, given)


def _is_all(at: npt.NDArray[np.integer], count: int) -> bool:
    """Does a selection take everything in order?"""
    return len(at) == count and bool((at == np.arange(count)).all())


def _reasons(masks: U64) -> pa.ListArray:
    """Codes of each row's mask; batches know few different masks, and mostly none but 0."""
    counts = np.zeros(len(masks) + 1, np.int32)
    some = np.flatnonzero(masks)
    distinct, place = np.unique(masks[some], return_inverse=True)
    texts = pa.array([codes(int(mask)) for mask in distinct], pa.list_(pa.string())).take(pa.array(place))
    counts[some + 1] = texts.value_lengths().to_numpy(zero_copy_only=False)
    return ragged(np.cumsum(counts), texts.flatten(), pa.list_(pa.string()))


def references(shard: npt.NDArray[np.integer], sequence: I64, row: npt.NDArray[np.integer]) -> pa.StringArray:
    """shard:sequence:row as a column, null where the shard is negative."""
    assert len(shard) == len(sequence) == len(row) and min(sequence.min(initial=0), row.min(initial=0)) >= 0
    offsets = np.empty(len(shard) + 1, np.int32)
    out = np.empty(len(shard) * REFERENCE_BYTES, np.uint8)
    shards = shard.astype(np.int64)
    size = write_references(shards, sequence, row.astype(np.int64), offsets, out)
    absent = pa.array(shards >= 0).buffers()[1] if (shards < 0).any() else None
    return pa.StringArray.from_buffers(len(shard), pa.py_buffer(offsets), pa.py_buffer(out[:size]), absent)


def _twins(twin: I64) -> pa.StringArray:
    """The order with the same basket, null where there is none."""
    if twin.max(initial=-1) < 0:
        return pa.nulls(len(twin), pa.string())
    known = np.maximum(twin, 0)
    return references(np.where(twin < 0, -1, twin >> 48), known >> 16 & REFERENCE_SEQUENCE, known & REFERENCE_ROW)


def _with_refusals(batch: pa.RecordBatch, wire: WireBatch) -> pa.RecordBatch:
    refused = pa.RecordBatch.from_pylist([_refusal_row(refusal) for refusal in wire.refused], ANSWER)
    return rows_in_place(batch, wire.positions, refused, (refusal.position for refusal in wire.refused))


def _refusal_row(refusal: Refusal) -> dict[str, object]:
    empty: Sequence[object] = ()
    return {
        "order_id": refusal.order_id,
        "status": "rejected",
        "total": 0,
        "currency": None,
        "discount": 0,
        "tax": 0,
        "shipping": 0,
        "lines": empty,
        "parcels": 0,
        "promise_date": None,
        "reasons": codes(refusal.reasons),
        "duplicate": False,
        "cursor": None,
        "detail": refusal.detail,
        "duplicate_of": None,
        "duplicate_of_order_id": None,
        "line": refusal.line_number,
    }
