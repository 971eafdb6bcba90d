"""What an answer says beside the ACK columns: sentences for refused rows, lines by row, ids by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import FIELD_MISSING
from router.arrow.arrays import list_parts, numbers, struct_numbers
from router.log.columns import REQUIRED_FIELDS, Status
from router.reasons import REASONS, Said
from router.reasons import numbers as reason_numbers
from router.wire.batch import WireBatch

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_NOTHING: Mapping[int, Said] = {}

REFERENCE_ROW = 0xFFFF
REFERENCE_SEQUENCE = 0xFFFFFFFF


@dataclass(frozen=True)
class AnswerLines:
    """The lines of ACK rows beside the lines that were sent; a row answers all of its lines or none."""

    offsets: I32  # (rows + 1) into the two below
    backordered: I32
    allocation_offsets: I32  # (lines + 1) into the three below
    sku: I32
    node: I32
    qty: I32
    sent_offsets: I32  # (rows + 1) where each order's lines start in the batch
    sku_code: I32  # of every line of the batch


def answer_lines(wire: WireBatch, ack: pa.RecordBatch) -> AnswerLines:
    """Lines and allocations of the rows as flat arrays; their counts are asserted here."""
    offsets, lines = list_parts(ack.column("lines"))
    sent_offsets, sent = list_parts(wire.orders.column("lines"))
    answered, given = np.diff(offsets), np.diff(sent_offsets)
    assert bool(np.all((answered == given) | (answered == 0))), "a row answers all of its lines or none"
    allocation_offsets, allocations = list_parts(lines.field("allocations").slice(lines.offset, len(lines)))
    return AnswerLines(
        offsets=np.ascontiguousarray(offsets, np.int32),
        backordered=struct_numbers(lines, "backordered"),
        allocation_offsets=allocation_offsets,
        sku=struct_numbers(allocations, "sku"),
        node=struct_numbers(allocations, "node").astype(np.int32),
        qty=struct_numbers(allocations, "qty"),
        sent_offsets=np.ascontiguousarray(sent_offsets, np.int32),
        sku_code=struct_numbers(sent, "sku_code"),
    )


def refusal_sentences(wire: WireBatch, ack: pa.RecordBatch) -> tuple[I64, list[str]]:
    """(row's sentence or -1, distinct sentences): refused rows of one kind share a sentence."""
    number = np.full(ack.num_rows, -1, np.int64)
    rows = np.flatnonzero(numbers(ack, "status") == Status.REJECTED)
    if not len(rows):
        return number, []
    reasons, line = numbers(ack, "reasons")[rows], numbers(ack, "reason_line")[rows]
    missing = numbers(wire.orders, "missing")[rows]
    kinds = np.zeros(len(rows), np.int64)
    for values in (reasons, line, missing):
        distinct, place = np.unique(values, return_inverse=True)
        kinds = kinds * len(distinct) + place
    _, first, number[rows] = np.unique(kinds, return_index=True, return_inverse=True)
    sentences = [sentence(int(reasons[at]), int(line[at]), int(missing[at])) for at in first]
    for row, text in wire.said.items():
        number[row] = len(sentences)
        sentences.append(text)
    return number, sentences


def sentence(reasons: int, line: int, missing: int, own: Mapping[int, Said] = _NOTHING) -> str:
    """Field and remedy of every reason, in precedence order; ``own``: sentences of this row, by reason."""
    parts = []
    for number in reason_numbers(reasons):
        if number in own:
            parts.append(": ".join(own[number]))
            continue
        field, detail = REASONS[number].field, REASONS[number].detail
        if number == FIELD_MISSING and missing:
            absent = [name for bit, name in enumerate(REQUIRED_FIELDS) if missing >> bit & 1]
            field = ", ".join(absent)
        if field.startswith("lines.") and line >= 0:
            field = f"lines[{line}].{field.removeprefix('lines.')}"
        parts.append(f"{field}: {detail}" if field else detail)
    return " ".join(parts)
