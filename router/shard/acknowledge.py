"""Acknowledgement columns: what each row that was sent is answered, duplicates from their first decision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import ID_CONFLICT
from router.arrow.arrays import list_parts, numbers, record_batch, struct_numbers
from router.arrow.selection import select
from router.log.columns import ACK, Status
from router.log.recall import Recollection
from router.log.reference import row_of, sequence_of
from router.shard.engine import Admitted

U64 = npt.NDArray[np.uint64]
_SAME = ("status", "total_minor", "discount_minor", "tax_minor", "shipping_minor", "promise_day", "twin", "lines")
_ANSWERED = {*_SAME, "parcels", "reasons", "reason_line", "fingerprint"}


def acknowledge(
    admitted: Admitted, outcome: pa.RecordBatch, recall: Recollection, first_sequence: int | None
) -> pa.RecordBatch:
    """ACK rows in the order the batch was sent.

    A row whose id is known answers that order's first decision marked duplicate, or a conflict when its
    body differs. ``first_sequence`` is the sequence under which this very batch was begun before: its rows
    are first answers, not duplicates, so that a retried batch is answered as if nothing had happened.
    """
    first = first_answers(admitted.sequence, admitted.new, outcome)
    if len(admitted.new_at) == admitted.sent:
        return first
    is_new = np.zeros(admitted.sent, bool)
    is_new[admitted.new_at] = True
    repeated = np.flatnonzero(~is_new)
    reference = recall.orders_of(admitted.reference[repeated])
    sequences = sequence_of(reference)
    pieces, place = [first], [admitted.new_at]
    for sequence in np.unique(sequences):
        chosen = np.flatnonzero(sequences == sequence)
        at, rows = repeated[chosen], row_of(reference[chosen]).astype(np.int64)
        known, decided = (_rows_of(batch, rows) for batch in recall.orders(int(sequence)))
        again = first_answers(int(sequence), known, decided, rows)
        stored = numbers(known, "fingerprint")
        same = (stored == admitted.fingerprint[at]) | (stored == admitted.fingerprint_sent[at])
        retried = _first_of_each(rows) if sequence == first_sequence else np.zeros(len(rows), bool)
        pieces.append(_marked_repeats(again, same, retried))
        place.append(at)
    return select(pa.concat_batches(pieces), np.argsort(np.concatenate(place), kind="stable"))


def _rows_of(batch: pa.RecordBatch, rows: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """A few rows of a record, as far as answers are made from them."""
    return batch.select([name for name in batch.schema.names if name in _ANSWERED]).take(pa.array(rows))


def _first_of_each(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """True where a value stands for the first time."""
    first = np.zeros(len(rows), bool)
    first[np.unique(rows, return_index=True)[1]] = True
    return first


def first_answers(
    sequence: int,
    admitted: pa.RecordBatch,
    outcome: pa.RecordBatch,
    rows: npt.NDArray[np.int64] | None = None,
) -> pa.RecordBatch:
    """ACK rows of orders of one sequence as they were decided: of all of them, or of those of the ``rows`` given."""
    count = admitted.num_rows
    parcels, sent = list_parts(outcome.column("parcels"))
    pieces = struct_numbers(sent, "pieces")
    columns: dict[str, Any] = {name: outcome.column(name) for name in _SAME}
    return record_batch(
        ACK,
        {
            **columns,
            "reasons": numbers(admitted, "reasons") | numbers(outcome, "reasons"),
            "reason_line": admitted.column("reason_line"),
            "duplicate": np.zeros(count, np.uint8),
            "parcels": _parcels(parcels, pieces),
            "sequence": np.full(count, sequence, np.int64),
            "row": (np.arange(count) if rows is None else rows).astype(np.int32),
        },
    )


def _parcels(offset: npt.NDArray[np.int32], pieces: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """How many leave for each order; a node's share is seldom more than one."""
    if (pieces == 1).all():
        return offset[1:] - offset[:-1]
    ends = np.concatenate(([0], np.cumsum(pieces, dtype=np.int64)))
    return np.diff(ends[offset]).astype(np.int32)


def _marked_repeats(
    answers: pa.RecordBatch, same: npt.NDArray[np.bool_], retried: npt.NDArray[np.bool_]
) -> pa.RecordBatch:
    """Repeats marked as such; where the body differs the row becomes a refusal that keeps the cursor."""
    columns: dict[str, Any] = {name: answers.column(name) for name in ACK.names}
    columns["duplicate"] = (same & ~retried).astype(np.uint8)
    if not same.all():
        conflict = np.uint64(1 << ID_CONFLICT)
        columns["status"] = np.where(same, numbers(answers, "status"), np.int8(Status.REJECTED)).astype(np.int8)
        columns["reasons"] = np.where(same, numbers(answers, "reasons"), conflict)
        columns["reason_line"] = np.where(same, numbers(answers, "reason_line"), -1).astype(np.int32)
        for amount in ("total_minor", "discount_minor", "tax_minor", "shipping_minor"):
            columns[amount] = np.where(same, numbers(answers, amount), 0)
        columns["parcels"] = np.where(same, numbers(answers, "parcels"), 0).astype(np.int32)
        columns["twin"] = np.where(same, numbers(answers, "twin"), -1)
        columns["promise_day"] = np.where(same, numbers(answers, "promise_day"), -1).astype(np.int32)
        columns["lines"] = _without_lines(answers.column("lines"), same)
    return record_batch(ACK, columns)


def _without_lines(lines: pa.ListArray, keep: npt.NDArray[np.bool_]) -> pa.ListArray:
    """The same lists, empty where not kept: a conflict tells nothing about the other order."""
    nothing = pa.array([[]] * int((~keep).sum()), type=lines.type)
    kept = lines.take(pa.array(np.flatnonzero(keep)))
    order = np.empty(len(keep), np.int64)
    order[np.flatnonzero(keep)] = np.arange(int(keep.sum()))
    order[np.flatnonzero(~keep)] = int(keep.sum()) + np.arange(int((~keep).sum()))
    return pa.concat_arrays([kept, nothing]).take(pa.array(order))
