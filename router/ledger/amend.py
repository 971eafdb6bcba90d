"""Amendments: an order's units released and planned anew in one step, all or nothing.

    release   units to any account; what waits goes on waiting
    plan      what is wanted, with what the release made free; no neighbour gets any of it in between
    take      WHOLE: everything, or nothing at all changes      WAIT: what there is, the rest waits

What a row made free and did not take again is parked, so that no later row takes it before those who wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.layout import ALLOCATION_OUT, PARCEL_OUT, Answers
from router.arrow.arrays import list_parts, ragged, record_batch, struct_numbers, structs
from router.ledger.batch import line_rows, parcel_rows
from router.ledger.moves import Bars, Cell, MoveRows, bars_of
from router.ledger.planner import Request
from router.life.states import CellAccount
from router.log.columns import AMENDED, Amend, AmendResult, Status

Rows = npt.NDArray[Any]
I32 = npt.NDArray[np.int32]
Row = dict[str, Any]


@dataclass(frozen=True)
class Amendment:
    """One row of AMENDS."""

    order: int  # shard << 48 | sequence << 16 | row
    is_whole: bool
    account: CellAccount  # that what is taken goes to
    request: Request
    line: I32  # numbers of the wanted lines in the order
    moves: MoveRows
    sends_from: list[int]  # nodes whose parcel for the order has its place on a ship day
    accepted_ms: int  # when the router accepted the order, 0 = not known
    bars: Bars


@dataclass(frozen=True)
class Replanned:
    """What became of an amendment; arrays of its own."""

    done: int  # AmendResult; of a reservation 1 or 0
    parcels: Rows  # PARCEL_OUT
    backordered: I32
    line_end: I32
    allocations: Rows  # ALLOCATION_OUT

    @property
    def cells(self) -> list[Cell]:
        """Where the units come from."""
        columns = (self.allocations[name].tolist() for name in ("sku", "node", "qty"))
        return list(zip(*columns, strict=True))


def amendments_of(batch: pa.RecordBatch, known_ms: int) -> list[Amendment]:
    """Rows of an AMENDS batch; nothing can ship before ``known_ms``."""
    release_offset, releases = list_parts(batch.column("releases"))
    wanted_offset, wanted = list_parts(batch.column("wanted"))
    line, lines = struct_numbers(wanted, "line"), list(zip(*_columns(wanted, "sku", "qty"), strict=True))
    nodes = struct_numbers(wanted, "node").tolist()
    plain = batch.drop_columns(["releases", "wanted"]).to_pylist()
    found = []
    for number, row in enumerate(plain):
        first, last = wanted_offset[number : number + 2]
        cut = releases.slice(release_offset[number], release_offset[number + 1] - release_offset[number])
        request = Request(
            lines[first:last], row["channel_index"], row["zone"], max(row["placed_at_ms"], known_ms), row["service"],
            row["promise_by_ms"], row["placed_at_ms"], row["priority"], row["only_node"], _without(row),
            nodes[first:last],
        )  # fmt: skip
        account = CellAccount(row["account"])
        assert account in (CellAccount.HELD, CellAccount.ALLOCATED), "an amendment takes for an order"
        numbered = line[first:last].copy()
        is_whole, moves = row["mode"] == Amend.WHOLE, _releases(cut)
        bars = _bars(row, numbered, cut, moves)
        found.append(
            Amendment(
                row["order"], is_whole, account, request, numbered, moves, row["sends_from"], row["accepted_ms"], bars
            )
        )
    return found


def _without(row: Row) -> list[int]:
    """Nodes that a plan must not take from."""
    return sorted({row["without_node"], *row["refused_by"]} - {-1})


def _bars(row: Row, lines: I32, releases: pa.StructArray, moves: MoveRows) -> Bars:
    """What lines are barred from as long as they wait: all of the nodes that refused them, and what was not found."""
    refused = [(line, node, -1) for line in lines.tolist() for node in row["refused_by"]]
    if row["short_at"] < 0:
        return bars_of(refused)
    named = zip(struct_numbers(releases, "line").tolist(), moves.node.tolist(), moves.sku.tolist(), strict=True)
    return bars_of([*refused, *(part for part in named if part[1] == row["short_at"])])


def _releases(releases: pa.StructArray) -> MoveRows:
    columns = {field.name: struct_numbers(releases, field.name) for field in releases.type}
    assert (columns["from_account"] != CellAccount.WAITING).all(), "an amendment releases units that are there"
    return MoveRows(
        columns["from_account"], columns["to_account"], columns["sku"], columns["node"],
        np.full(len(releases), -1, np.int16), columns["qty"].astype(np.int64), columns["ship_day"],
    )  # fmt: skip


def _columns(values: pa.StructArray, *names: str) -> list[list[int]]:
    return [struct_numbers(values, name).tolist() for name in names]


def replanned(answers: Answers, wanted: Sequence[tuple[int, int]]) -> Replanned:
    """A plan as it is taken; where no node may ship it at all, everything ``wanted`` waits."""
    impossible = answers.orders["status"][0] == Status.REJECTED
    waits = np.array([qty for _, qty in wanted], np.int32) if impossible else answers.backordered.copy()
    line_end, allocations = answers.line_end.copy(), answers.allocations.copy()
    return Replanned(AmendResult.DONE, answers.parcels.copy(), waits, line_end, allocations)


def untouched(lines: int, why: int = AmendResult.NOT_ENOUGH) -> Replanned:
    """Nothing was changed."""
    zeros = np.zeros(lines, np.int32)
    return Replanned(why, np.zeros(0, PARCEL_OUT), zeros, zeros, np.zeros(0, ALLOCATION_OUT))


def amended_of(results: list[Replanned]) -> pa.RecordBatch:
    """The AMENDED batch."""
    parcels = [np.zeros(0, PARCEL_OUT), *(result.parcels for result in results)]
    return record_batch(
        AMENDED,
        {
            "done": np.array([result.done for result in results], np.int8),
            "parcels": _lists(AMENDED.field("parcels").type, parcels),
            "lines": lines_of(results, AMENDED.field("lines").type),
        },
    )


def _lists(kind: pa.ListType, rows: list[Rows]) -> pa.ListArray:
    """A list column, one entry for each array but the first, which is empty."""
    return ragged(_offsets([len(some) for some in rows[1:]]), _structs(kind, np.concatenate(rows)), kind)


def lines_of(results: list[Replanned], lines_type: pa.ListType) -> pa.ListArray:
    """What the wanted lines of all results were given."""
    allocations_type = lines_type.value_type.field("allocations").type
    allocations = np.concatenate([np.zeros(0, ALLOCATION_OUT), *(result.allocations for result in results)])
    counts = [np.diff(result.line_end, prepend=np.int32(0)) for result in results]
    none = np.zeros(0, np.int32)
    columns: dict[str, Rows | pa.Array] = {
        "backordered": np.concatenate([none, *(result.backordered for result in results)]),
        "allocations": ragged(
            _offsets(np.concatenate([none, *counts])), _structs(allocations_type, allocations), allocations_type
        ),
    }
    return ragged(
        _offsets([len(result.backordered) for result in results]), structs(lines_type.value_type, columns), lines_type
    )


def results_of(batch: pa.RecordBatch, done: npt.NDArray[Any]) -> list[Replanned]:
    """What a record says became of its rows; AMENDED or PENDED."""
    line_offset, _ = list_parts(batch.column("lines"))
    backordered, line_end, allocations = line_rows(batch)
    ends = [0, *line_end.tolist()]
    parcel_end, parcels = np.zeros(batch.num_rows, np.int32), np.zeros(0, PARCEL_OUT)
    if "parcels" in batch.schema.names:
        parcel_end, parcels = parcel_rows(batch)
    parcel_ends, found = [0, *parcel_end.tolist()], []
    for row in range(batch.num_rows):
        first, last = line_offset[row : row + 2].tolist()
        found.append(
            Replanned(
                int(done[row]),
                parcels[parcel_ends[row] : parcel_ends[row + 1]],
                backordered[first:last],
                line_end[first:last] - np.int32(ends[first]),
                allocations[ends[first] : ends[last]],
            )
        )
    return found


def _structs(kind: pa.ListType, rows: Rows) -> pa.StructArray:
    names = [field.name for field in kind.value_type]
    return structs(kind.value_type, {name: np.ascontiguousarray(rows[name]) for name in names})


def _offsets(counts: Any) -> I32:
    return np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
