"""Event batches between their columns and the books: what the log and the ledger are told of them.

EVENTS ─▶ sent_of ─▶ Books.judge ─▶ Judged ─▶ outcome_of ─▶ EVENT_OUTCOME     for the log
                                      │  ▲                      │
                                      │  └────── judged_of ◀────┘             for a replay
                                      └─▶ moves_of ─▶ MOVES                   for the ledger

Single rows of the log, of whichever records, become the same by sent_again and judged_again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life import layout
from router.arrow.arrays import list_parts, numbers, ragged, record_batch, struct_numbers, structs
from router.ids import key64
from router.life.books import Judged
from router.life.event_types import OrderEvent
from router.life.states import Disposition
from router.log.columns import EVENT_OUTCOME, MOVES
from router.log.reference import in_shard

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[Any]

_KEYS = ("payment", "hold", "shipment", "tracking")
_SAME = ("hash_hi", "hash_lo", "event_key", "fingerprint", "amount_minor", "currency", "node", "to_node", "event",
         "disposition")  # fmt: skip
_RELEASES = (OrderEvent.RELEASED_ALLOCATED, OrderEvent.RELEASED_PARTIALLY, OrderEvent.RELEASED_BACKORDERED)
_PRINT_MASK = np.uint64((1 << 20) - 1)
_APPLIED_BY = ("event", "event_key", "fingerprint")  # what of an event counts when it is applied, beside its keys
_APPLIED = ("result", "after", "version", "whole", "stage")  # and of its verdict
_VERDICTS = ("result", "before", "after", "version", "order", "previous", "refusal", "refused_line", "wanted", "found",
             "whole", "stage")  # fmt: skip


def sent_of(events: pa.RecordBatch) -> layout.Sent:
    """An EVENTS batch as the kernels take it."""
    rows = np.zeros(events.num_rows, layout.EVENT)
    for name in _SAME:
        rows[name] = numbers(events, name)
    for name in _KEYS:
        rows[name] = numbers(events, name).view(np.int64)
    _mark_known(rows)
    offsets, values = list_parts(events.column("lines"))
    rows["line_first"], rows["line_last"] = offsets[:-1], offsets[1:]
    lines = np.zeros(len(values), layout.EVENT_LINE)
    lines["line_key"] = struct_numbers(values, "line_key").view(np.int64)
    lines["line"], lines["qty"] = struct_numbers(values, "line"), struct_numbers(values, "qty")
    return layout.Sent(rows, lines)


def _mark_known(events: Rows) -> None:
    """That what an event says is known, whatever its fingerprint: 0 is "not known", see kernels/life/applied.py."""
    events["fingerprint"][events["fingerprint"] & _PRINT_MASK == 0] |= np.uint64(1)


def sent_again(events: Sequence[Mapping[str, Any]]) -> layout.Sent:
    """Single rows of EVENTS as :meth:`Books.apply` takes them: all else they said is in what they did."""
    rows = np.zeros(len(events), layout.EVENT)
    for name in _APPLIED_BY:
        rows[name] = [event[name] for event in events]
    for name in _KEYS:
        rows[name] = [signed(event[name]) for event in events]
    _mark_known(rows)
    return layout.Sent(rows, np.zeros(0, layout.EVENT_LINE))


def sent_before_books(events: pa.RecordBatch, key: U64) -> layout.Sent:
    """The same of a batch from before books were opened, which said nothing but the type; what became of goods that
    came back was told elsewhere then, and a release said what it came to."""
    sent = sent_of(events)
    sent.events["event"][np.isin(sent.events["event"], _RELEASES)] = OrderEvent.RELEASE
    sent.events["event_key"] = key64(key, events.column("event_id"))
    sent.events["fingerprint"] = 0
    sent.events["disposition"][sent.events["event"] == OrderEvent.RETURN] = Disposition.ELSEWHERE
    return sent


def outcome_of(judged: Judged, documents: Rows | None = None, taken: I64 | None = None) -> pa.RecordBatch:
    """EVENT_OUTCOME of a batch that was judged, with the documents it made and their numbers, where it made any."""
    verdicts = judged.verdicts
    columns: dict[str, Any] = {name: np.ascontiguousarray(verdicts[name]) for name in _VERDICTS}
    return record_batch(
        EVENT_OUTCOME,
        {
            **columns,
            "reasons": np.zeros(len(verdicts), np.uint64),
            "document": np.zeros(len(verdicts), np.uint8) if documents is None else documents,
            "number": np.zeros(len(verdicts), np.int64) if taken is None else taken,
            "units": _ragged_rows(verdicts["unit_last"], judged.units, "units"),
            "money": _ragged_rows(verdicts["money_last"], judged.money, "money"),
        },
    )


def _ragged_rows(ends: Rows, rows: Rows, name: str) -> pa.ListArray:
    kind = EVENT_OUTCOME.field(name).type
    fields = [kind.value_type.field(number) for number in range(kind.value_type.num_fields)]
    columns: dict[str, Any] = {field.name: _as(rows[field.name], field.type) for field in fields}
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends
    return ragged(offsets, structs(kind.value_type, columns), kind)


def _as(column: Rows, kind: pa.DataType) -> Rows:
    plain = np.ascontiguousarray(column)
    return plain.view(np.uint64) if kind == pa.uint64() else plain


def judged_of(outcome: pa.RecordBatch) -> Judged:
    """What a record says was judged, as :meth:`Books.apply` takes it; cells are the ledger's to replay."""
    verdicts = np.zeros(outcome.num_rows, layout.VERDICT)
    for name in _VERDICTS:
        verdicts[name] = numbers(outcome, name)
    units, money = _rows_of(outcome, "units", layout.UNIT_MOVE), _rows_of(outcome, "money", layout.MONEY_MOVE)
    verdicts["unit_last"], verdicts["money_last"] = units[0], money[0]
    return Judged(verdicts, units[1], money[1], np.zeros(0, layout.CELL_MOVE))


def judged_again(outcomes: Sequence[Mapping[str, Any]]) -> Judged:
    """Single rows of EVENT_OUTCOME, all of them applied, as :meth:`Books.apply` takes them."""
    verdicts = np.zeros(len(outcomes), layout.VERDICT)
    for name in _APPLIED:
        verdicts[name] = [outcome[name] for outcome in outcomes]
    for name, ends in (("units", "unit_last"), ("money", "money_last")):
        verdicts[ends] = np.cumsum([len(outcome[name]) for outcome in outcomes])
    units = moves_again([move for outcome in outcomes for move in outcome["units"]], layout.UNIT_MOVE)
    money = moves_again([move for outcome in outcomes for move in outcome["money"]], layout.MONEY_MOVE)
    return Judged(verdicts, units, money, np.zeros(0, layout.CELL_MOVE))


def moves_again(moves: Sequence[Mapping[str, Any]], dtype: Any) -> Rows:
    """Moves of rows of EVENT_OUTCOME as the books have them."""
    names = dtype.names
    rows = [tuple(signed(move[name]) if name in _KEYS else move[name] for name in names) for move in moves]
    return np.array(rows, dtype)


def signed(key: int) -> int:
    """A keyed hash as the books have it; unsigned in the log."""
    return key - (1 << 64) if key >> 63 else key


def _rows_of(outcome: pa.RecordBatch, name: str, dtype: Any) -> tuple[npt.NDArray[np.int32], Rows]:
    offsets, values = list_parts(outcome.column(name))
    rows = np.zeros(len(values), dtype)
    for field in dtype.names:
        column = struct_numbers(values, field)
        rows[field] = column.view(np.int64) if column.dtype == np.uint64 else column
    return offsets[1:], rows


def moves_of(judged: Judged, shard: int) -> pa.RecordBatch:
    """MOVES: the cells that a batch of events moves."""
    cells = judged.cells
    same = ("sku", "node", "qty", "ship_day", "from_account", "to_account", "line")
    moved = np.where(cells["to_node"] == cells["node"], np.int16(-1), cells["to_node"]).astype(np.int16)
    return record_batch(
        MOVES,
        {
            **{name: np.ascontiguousarray(cells[name]) for name in same},
            "kind": np.full(len(cells), -1, np.int8),
            "to_node": moved,
            "order": cells["order"] + np.int64(in_shard(shard, 0)),
        },
    )
