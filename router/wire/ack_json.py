"""Acknowledgements as JSON lines: ACK columns and what was sent become one line an order, in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import NAMES
from kernels.text import ack_json as kernel
from router.arrow.arrays import numbers
from router.arrow.string_table import StringTable
from router.ids import string_parts
from router.reasons import codes
from router.wire.ack_rows import AnswerLines, answer_lines, refusal_sentences
from router.wire.batch import Refusal, WireBatch
from router.wire.places import lines_in_place

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

Texts = tuple[I32, U8]  # offsets (n + 1) and UTF-8

_NUMBERS = ("status", "total_minor", "discount_minor", "tax_minor", "shipping_minor", "parcels", "promise_day")
_ROW_BYTES = 14 * 20 + sum(map(len, kernel.FRAGMENTS[: kernel.AT_STATUS_NAMES])) + 40  # every number at its longest
_LINE_END = b"}\n"
_LINE_BYTES = 64 + 2 * 20
_ALLOCATION_BYTES = 32 + 20
_ESCAPED = 6  # bytes a byte may become


def piece_texts(values: Sequence[str]) -> Texts:
    """Texts the kernel copies in whole words: with eight readable bytes behind them."""
    raw = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, raw)]).astype(np.int32)
    return offsets, np.frombuffer(b"".join(raw) + bytes(8), np.uint8)


_REASONS = piece_texts([NAMES.get(bit, "") for bit in range(64)])


def encode_json(
    wire: WireBatch, ack: pa.RecordBatch, shard_of_row: I32, nodes: StringTable, skus: StringTable
) -> memoryview:
    """One JSON line an order (ACK row i answers orders row i) and one a refusal, by position."""
    assert ack.num_rows == wire.orders.num_rows == len(shard_of_row), "one answer an order"
    lines = answer_lines(wire, ack)
    number, details = _numbers(wire, ack, shard_of_row)
    reasons = numbers(ack, "reasons")
    id_texts = string_parts(wire.orders.column("order_id"))
    currency = string_parts(wire.orders.column("currency"))
    line_ids, own = string_parts(wire.line_ids), string_parts(wire.skus)
    node_texts, table = string_parts(nodes.to_arrow()), string_parts(skus.to_arrow())
    _assert_numbers(lines, len(nodes), len(skus), len(wire.skus), len(wire.line_ids))
    sentences, reason_bytes = piece_texts(details), _reason_bytes(reasons)
    row_end = np.empty(ack.num_rows, np.int64)
    bound = (
        ack.num_rows * (_ROW_BYTES + reason_bytes + _ESCAPED * _longest(sentences))
        + _ESCAPED * sum(_bytes(texts) for texts in (id_texts, currency, line_ids))
        + len(lines.backordered) * _LINE_BYTES
        + _ESCAPED * int(np.diff(own[0])[lines.sku_code].sum())
        + len(lines.qty) * (_ALLOCATION_BYTES + _ESCAPED * (_longest(node_texts) + _longest(table)))
    )
    out = np.empty(bound + 8, np.uint8)
    size = kernel.ack_json(
        *(number, reasons, *id_texts, *currency, lines.sent_offsets, lines.sku_code, *own, *line_ids),
        *(lines.offsets, lines.backordered, _allocations(lines), *node_texts, *table),
        *(*_REASONS, *sentences, row_end, out),
    )
    assert size <= bound
    written: memoryview = out[:size].data
    if wire.twins:
        written, row_end = _with_twins(written, row_end, wire.twins)
    refused = ((refusal.position, encode_refusal(refusal)) for refusal in wire.refused)
    return lines_in_place(written, row_end, wire.positions, refused) if wire.refused else written


def _with_twins(written: memoryview, row_end: I64, twins: Mapping[int, str]) -> tuple[memoryview, I64]:
    """The lines of a few rows with the id of the order that has the same basket, at their end."""
    pieces, begin, more = list[bytes | memoryview](), 0, np.zeros(len(row_end), np.int64)
    for row in sorted(twins):
        end = int(row_end[row]) - len(_LINE_END)
        said = b',"duplicate_of_order_id":%b' % msgspec.json.encode(twins[row])
        pieces += (written[begin:end], said)
        begin, more[row] = end, len(said)
    return memoryview(b"".join([*pieces, written[begin:]])), row_end + np.cumsum(more)


def _numbers(wire: WireBatch, ack: pa.RecordBatch, shard_of_row: I32) -> tuple[I64, list[str]]:
    """The kernel's ``number`` rows, and the sentences that its DETAIL row points to."""
    detail, details = refusal_sentences(wire, ack)
    columns = [numbers(ack, name) for name in _NUMBERS]
    rest = (numbers(ack, "duplicate"), shard_of_row, numbers(ack, "sequence"), numbers(ack, "row"))
    number = np.empty((14, ack.num_rows), np.int64)
    for place, values in enumerate((*columns, *rest, numbers(ack, "twin"), detail, wire.line_numbers)):
        number[place] = values
    return number, details


def _allocations(lines: AnswerLines) -> I32:
    """Four rows of one length, as the kernel takes them."""
    joined = np.zeros((4, max(len(lines.allocation_offsets), len(lines.qty))), np.int32)
    joined[0, : len(lines.allocation_offsets)] = lines.allocation_offsets
    for place, values in enumerate((lines.sku, lines.node, lines.qty), start=1):
        joined[place, : len(values)] = values
    return joined


def _assert_numbers(lines: AnswerLines, nodes: int, skus: int, own: int, line_ids: int) -> None:
    """Numbers that the kernel follows without looking."""
    for values, count in ((lines.node, nodes), (lines.sku, skus), (lines.sku_code, own)):
        assert not len(values) or (values.min() >= 0 and values.max() < count), "a number outside its table"
    assert line_ids == len(lines.sku_code), "one line_id a line"


def _bytes(texts: Texts) -> int:
    return int(texts[0][-1] - texts[0][0])


def _longest(texts: Texts) -> int:
    return int(np.diff(texts[0]).max(initial=0))


def _reason_bytes(reasons: npt.NDArray[np.uint64]) -> int:
    """Bytes of the longest list of codes; batches know few different masks."""
    return max((len(",".join(f'"{code}"' for code in codes(int(mask)))) for mask in np.unique(reasons)), default=0)


def encode_refusal(refusal: Refusal) -> bytes:
    """The answer to a line that cannot be an order."""
    answer = {
        "order_id": refusal.order_id,
        "status": "rejected",
        "total": 0,
        "currency": None,
        "discount": 0,
        "tax": 0,
        "shipping": 0,
        "lines": [],
        "parcels": 0,
        "promise_date": None,
        "reasons": codes(refusal.reasons),
        "duplicate": False,
        "cursor": None,
        "detail": refusal.detail,
        "line": refusal.line_number,
    }
    return msgspec.json.encode(answer) + b"\n"
