"""Claims and decisions between Arrow columns and the rows the ledger's kernels work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels import layout
from kernels.layout import Answers, Asked
from router.arrow.arrays import frozen, list_parts, numbers, ragged, record_batch, struct_numbers, structs
from router.ledger.tables import LedgerTables
from router.log.columns import DECISION, Admission

Rows = npt.NDArray[Any]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

QTY_MAX = (1 << 31) - 1
_KEYS = ("customer", "basket", "channel_key")
_PLAIN = (
    "placed_at_ms",
    "promise_by_ms",
    "value_minor",
    "channel_index",
    "zone",
    "service",
    "admission",
    "risk",
)


@dataclass(frozen=True)
class Claims:
    """A CLAIMS batch as rows."""

    asked: Asked
    priority: I32  # (n)
    channel_index: I16  # (n) and zone (n) i32: as in the rows, 0 where the shard rejected the row
    zone: I32
    lines_max: int  # of the longest order
    candidates_max: int  # promotions, of the order that has most

    @property
    def rows(self) -> Rows:
        """(n) CLAIM."""
        return self.asked.claims

    @property
    def names_nodes(self) -> bool:
        """Whether any line names the node it must come from."""
        return len(self.asked.line_node) > 0


def claims_of(batch: pa.RecordBatch, known_ms: int) -> Claims:
    """Rows of a CLAIMS batch; an order cannot ship before ``known_ms``, when the router knew of it."""
    rows = np.zeros(batch.num_rows, layout.CLAIM)
    for name in _KEYS:
        rows[name] = numbers(batch, name).view(np.int64)
    for name in _PLAIN:
        rows[name] = numbers(batch, name)
    rows["known_ms"] = np.maximum(rows["placed_at_ms"], known_ms)
    line_offset, lines = list_parts(batch.column("lines"))
    promotion_offset, promotions = list_parts(batch.column("promotions"))
    rows["line_first"], rows["line_last"] = line_offset[:-1], line_offset[1:]
    rows["promotion_first"], rows["promotion_last"] = promotion_offset[:-1], promotion_offset[1:]
    proceeds = numbers(batch, "admission") != Admission.REJECT
    return Claims(
        Asked(
            frozen(rows),
            frozen(struct_numbers(lines, "sku")),
            frozen(struct_numbers(lines, "qty")),
            nodes_named(struct_numbers(lines, "node")),
            frozen(promotions.to_numpy(zero_copy_only=True)),
        ),
        numbers(batch, "priority"),
        np.where(proceeds, numbers(batch, "channel_index"), np.int16(0)),
        np.where(proceeds, numbers(batch, "zone"), np.int32(0)),
        lines_max=_longest(line_offset),
        candidates_max=_longest(promotion_offset),
    )


def _longest(offset: I32) -> int:
    """Items of the longest of the lists between these (n + 1) offsets."""
    return int((offset[1:] - offset[:-1]).max(initial=0))


def nodes_named(line_node: I16) -> I16:
    """The nodes that lines name, -1 none, as kernels take them: nothing where no line names one."""
    return frozen(line_node if int(line_node.max(initial=-1)) >= 0 else line_node[:0])


def check_claims(claims: Claims, tables: LedgerTables) -> None:
    """Every number that a kernel uses as an index is one; a row the shard rejected is never looked at."""
    asked, rows = claims.asked, tables.rows
    assert _within(claims.channel_index, 0, len(rows.channel_nodes)), "channel_index outside the channel masks"
    assert _within(claims.zone, 0, len(rows.ship_nodes)), "zone outside the zone masks"
    assert _within(asked.line_sku, -1, len(rows.skus)), "line sku outside the SKU table"
    assert _within(asked.line_qty, 0, QTY_MAX), "line qty is negative"
    assert not claims.names_nodes or len(asked.line_node) == len(asked.line_sku), "a node of each line, or of none"
    assert _within(asked.line_node, -1, len(rows.nodes)), "line node outside the node table"
    assert _within(asked.promotions, 0, len(tables.promotions.code)), "promotion outside the promotion table"


def _within(values: npt.NDArray[Any], low: int, end: int) -> bool:
    return not len(values) or (int(values.min()) >= low and int(values.max()) < end)


def decision_of(claims: Claims, answers: Answers) -> pa.RecordBatch:
    """The DECISION batch; arrays are copied out of the workspace."""
    orders = answers.orders
    parcels_type, granted_type = DECISION.field("parcels").type, DECISION.field("granted").type
    granted = pa.array(answers.granted.copy(), granted_type.value_type)
    plain = ("status", "risk", "promise_day", "cost_minor", "runner_up_minor", "twin")
    return record_batch(
        DECISION,
        {
            **{name: orders[name].copy() for name in plain},
            "reasons": orders["reasons"].copy().view(np.uint64),
            "granted": ragged(_offsets(orders["granted"]), granted, granted_type),
            "parcels": ragged(_offsets(orders["parcels"]), parcels_column(answers, parcels_type), parcels_type),
            "lines": lines_column(_offsets(claims.rows["line_last"]), answers),
        },
    )


def parcels_column(answers: Answers, parcels_type: pa.ListType) -> pa.StructArray:
    """The parcels of all orders."""
    return structs(parcels_type.value_type, _columns(answers.parcels))


def lines_column(offsets: I32, answers: Answers) -> pa.ListArray:
    """What the lines were given, ``offsets`` lines a row."""
    lines_type = DECISION.field("lines").type
    allocations_type = lines_type.value_type.field("allocations").type
    allocations = structs(allocations_type.value_type, _columns(answers.allocations))
    columns = {
        "backordered": answers.backordered.copy(),
        "allocations": ragged(_offsets(answers.line_end), allocations, allocations_type),
    }
    return ragged(offsets, structs(lines_type.value_type, columns), lines_type)


def answers_of(decision: pa.RecordBatch) -> Answers:
    """Rows of a DECISION batch, as far as ``claim.apply`` takes them."""
    orders = np.zeros(decision.num_rows, layout.ORDER_OUT)
    orders["status"] = numbers(decision, "status")
    granted_offset, granted = list_parts(decision.column("granted"))
    orders["granted"] = granted_offset[1:]
    orders["parcels"], parcels = parcel_rows(decision)
    backordered, line_end, allocations = line_rows(decision)
    return Answers(orders, granted.to_numpy().copy(), parcels, backordered, line_end, allocations)


def parcel_rows(decision: pa.RecordBatch) -> tuple[I32, Rows]:
    """Where each order's parcels end, and all of them."""
    offset, parcels = list_parts(decision.column("parcels"))
    return offset[1:], _struct_rows(parcels, layout.PARCEL_OUT)


def line_rows(decision: pa.RecordBatch) -> tuple[I32, I32, Rows]:
    """What each line waits for, where its allocations end, and all of them."""
    _, lines = list_parts(decision.column("lines"))
    column = lines.field("allocations")
    if len(column) != len(lines):
        column = column.slice(lines.offset, len(lines))
    offset, allocations = list_parts(column)
    backordered = struct_numbers(lines, "backordered").copy()
    return backordered, offset[1:].copy(), _struct_rows(allocations, layout.ALLOCATION_OUT)


def _columns(rows: Rows) -> dict[str, npt.NDArray[Any] | pa.Array]:
    return {name: rows[name].copy() for name in rows.dtype.names or ()}


def _struct_rows(values: pa.StructArray, dtype: np.dtype[np.void]) -> Rows:
    rows = np.zeros(len(values), dtype)
    for name in dtype.names or ():
        rows[name] = struct_numbers(values, name)
    return rows


def _offsets(ends: npt.NDArray[Any]) -> I32:
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends
    return offsets
