"""Event batches between their columns and the books: what the log and the ledger are told of them.

EVENTS ─▶ sent_of ─▶ Books.judge ─▶ Judged ─▶ outcome_of ─▶ EVENT_OUTCOME     for the log
                                      │  ▲                      │
                                      │  └────── judged_of ◀────┘             for a replay
                                      └─▶ moves_of ─▶ MOVES                   for the ledger
"""

from __future__ import annotations

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
_PRINT_MASK = np.uint64((1 << 20) - 1)
_VERDICTS = ("result", "before", "after", "version", "order", "previous", "refusal", "refused_line", "wanted", "found",
             "whole", "stage")  # fmt: skip


def sent_of(events: pa.RecordBatch) -> layout.Sent:
    """An EVENTS batch as the kernels take it."""
    rows = np.zeros(events.num_rows, layout.EVENT)
    for name in _SAME:
        rows[name] = numbers(events, name)
    for name in _KEYS:
        rows[name] = numbers(events, name).view(np.int64)
    rows["fingerprint"][rows["fingerprint"] & _PRINT_MASK == 0] |= np.uint64(1)  # 0 is "not known", see judge.py
    offsets, values = list_parts(events.column("lines"))
    rows["line_first"], rows["line_last"] = offsets[:-1], offsets[1:]
    lines = np.zeros(len(values), layout.EVENT_LINE)
    lines["line_key"] = struct_numbers(values, "line_key").view(np.int64)
    lines["line"], lines["qty"] = struct_numbers(values, "line"), struct_numbers(values, "qty")
    return layout.Sent(rows, lines)


def sent_before_books(events: pa.RecordBatch, key: U64) -> layout.Sent:
    """The same of a batch from before books were opened, which said nothing but the type; what became of goods that
    came back was told elsewhere then."""
    sent = sent_of(events)
    sent.events["event_key"] = key64(key, events.column("event_id"))
    sent.events["fingerprint"] = 0
    sent.events["disposition"][sent.events["event"] == OrderEvent.RETURN] = Disposition.ELSEWHERE
    return sent


def outcome_of(judged: Judged, results: npt.NDArray[np.int8] | None = None) -> pa.RecordBatch:
    """EVENT_OUTCOME of a batch that was judged; ``results`` where they differ from the verdicts'."""
    verdicts = judged.verdicts
    columns: dict[str, Any] = {name: np.ascontiguousarray(verdicts[name]) for name in _VERDICTS}
    if results is not None:
        columns["result"] = results
    return record_batch(
        EVENT_OUTCOME,
        {
            **columns,
            "reasons": np.zeros(len(verdicts), np.uint64),
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
