"""Amendments and reservations: units released and planned anew, or kept for somebody, on one state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import list_parts, numbers, struct_numbers
from router.ledger.amend import Amendment, Replanned, replanned, untouched
from router.ledger.moves import moves_of
from router.ledger.pending import Key, PendedResult, Reservation
from router.ledger.planner import Planner, Request, all_there
from router.ledger.serving import Watch
from router.ledger.state import LedgerState
from router.ledger.tables import LedgerTables
from router.life.states import CellAccount
from router.log.columns import AmendResult, PendingStep

Rows = npt.NDArray[Any]
A = CellAccount


class Amending:
    """Acts on one state, row by row."""

    def __init__(self, state: LedgerState, planner: Planner) -> None:
        self._state = state
        self._planner = planner

    # --- amendments ------------------------------------------------------------------------------

    def amend(self, asked: Amendment, seen: int, tables: LedgerTables, watch: Watch) -> Replanned:
        """Release, plan and take as the mode allows; what became free and was not taken is parked.

        Not while units granted to the order are on their way: of a line that gives up waiting and waits again, shard
        and ledger would count them differently.
        """
        if self._state.granted.is_awaited(asked.order, seen):
            return untouched(len(asked.request.lines), AmendResult.LATER)
        earlier = watch.add([*asked.moves.sku.tolist(), *_parts(asked.request, tables)])
        if asked.is_whole and not self._possible(asked, tables):
            return untouched(len(asked.request.lines))
        self._state.move(asked.moves)
        result = self._plan(asked, tables)
        self._take(asked, result, tables.other_channel)
        watch.park(earlier)
        return result

    def amend_again(self, asked: Amendment, result: Replanned, other_channel: int) -> None:
        """What a record says became of an amendment."""
        if result.done == AmendResult.DONE:
            self._state.move(asked.moves)
            self._take(asked, result, other_channel)

    def _plan(self, asked: Amendment, tables: LedgerTables) -> Replanned:
        """Units join the parcel that is to leave their node anyhow: it takes no second place on a ship day."""
        planned = replanned(self._planner.plan(asked.request, tables), asked.request.lines)
        return replace(planned, parcels=planned.parcels[~np.isin(planned.parcels["node"], asked.sends_from)])

    def _take(self, asked: Amendment, result: Replanned, other_channel: int) -> None:
        self._state.take(result, asked.account)
        claims = asked.request.claims()
        waiting = self._state.waiting
        waiting.join(claims, result.backordered, asked.order, other_channel, asked.accepted_ms, asked.line)
        waiting.bar(asked.order, asked.bars)

    def _possible(self, asked: Amendment, tables: LedgerTables) -> bool:
        """Whether everything can be had once the release is done; nothing stays changed."""
        cells, capacity, moves = self._state.cells, self._state.memory.capacity, asked.moves
        qty = np.where(moves.to_account == A.AVAILABLE, moves.qty, 0)
        qty -= np.where(moves.from_account == A.AVAILABLE, moves.qty, 0)
        days = [(n, day) for n, day in zip(moves.node.tolist(), moves.ship_day.tolist(), strict=True) if day >= 0]
        kept = [capacity[node].copy() for node, _ in days]
        cells.open(moves.sku, moves.node)
        cells.put_available(moves.sku, moves.node, qty)
        for node, day in days:
            self._state.memory.free_day(node, day)
        found = all_there(self._planner.plan(asked.request, tables))
        cells.put_available(moves.sku, moves.node, -qty)
        for (node, _), row in zip(days, kept, strict=True):
            capacity[node] = row
        return found

    # --- reservations ----------------------------------------------------------------------------

    def pend(
        self, wanted: list[tuple[Key, int, int, Request]], tables: LedgerTables | None, watch: Watch
    ) -> tuple[list[int], list[Replanned]]:
        """Results and lines of steps (key, step, deadline, what is wanted), each seeing what those before it left."""
        results, lines = [], []
        for key, step, deadline_ms, request in wanted:
            if step == PendingStep.RESERVE:
                result, found = self._reserve(key, deadline_ms, request, tables, watch)
            else:
                result, found = self._end(key, step, watch)
            results.append(result)
            lines.append(found)
        return results, lines

    def _reserve(
        self, key: Key, deadline_ms: int, request: Request, tables: LedgerTables | None, watch: Watch
    ) -> tuple[int, Replanned]:
        known = self._state.reservations.find(key)
        refusal = self._state.reservations.refusal(key, PendingStep.RESERVE)
        if refusal is not None:
            return refusal, known.lines if known else untouched(len(request.lines))
        if tables is None or not request.lines:
            return PendedResult.SHORT, untouched(len(request.lines))
        watch.add(_parts(request, tables))
        answers = self._planner.plan(request, tables)
        if not all_there(answers):
            return PendedResult.SHORT, untouched(len(request.lines))
        found = replanned(answers, request.lines)
        self.reserve_again(key, deadline_ms, found)
        return PendedResult.DONE, found

    def reserve_again(self, key: Key, deadline_ms: int, found: Replanned) -> None:
        """Keep units; a reservation takes no place on a ship day."""
        self._state.move(moves_of(found.cells, A.AVAILABLE, A.HELD))
        self._state.reservations.keep(key, Reservation(deadline_ms, found))

    def _end(self, key: Key, step: int, watch: Watch) -> tuple[int, Replanned]:
        refusal = self._state.reservations.refusal(key, step)
        if refusal is not None:
            return refusal, untouched(0)
        kept = self._state.reservations.find(key)
        assert kept is not None
        earlier = watch.add([sku for sku, _, _ in kept.lines.cells])
        self.end_again(key, step)
        watch.park(earlier)
        return PendedResult.DONE, kept.lines

    def end_again(self, key: Key, step: int) -> None:
        """Hand the units over, or give them back."""
        cells = self._state.reservations.end(key, step).lines.cells
        self._state.move(moves_of(cells, A.HELD, A.ALLOCATED if step == PendingStep.POST else A.AVAILABLE))


def steps_of(batch: pa.RecordBatch, known_ms: int) -> list[tuple[Key, int, int, Request]]:
    """Rows of a PENDING batch; nothing can ship before ``known_ms``."""
    offset, wanted = list_parts(batch.column("wanted"))
    lines = list(zip(struct_numbers(wanted, "sku").tolist(), struct_numbers(wanted, "qty").tolist(), strict=True))
    names = ("key_hi", "key_lo", "step", "deadline_ms", "channel_index", "zone")
    rows = zip(*(numbers(batch, name).tolist() for name in names), strict=True)
    return [
        ((hi, lo), step, deadline_ms, Request(lines[offset[row] : offset[row + 1]], channel, zone, known_ms))
        for row, (hi, lo, step, deadline_ms, channel, zone) in enumerate(rows)
    ]


def _parts(request: Request, tables: LedgerTables) -> list[int]:
    """SKUs that lie on a shelf for what is wanted."""
    skus, components = tables.rows.skus, tables.rows.components
    found: list[int] = []
    for sku, _ in request.lines:
        parts = components["sku"][skus[sku]["first"] : skus[sku]["last"]]
        found += parts.tolist() or [sku]
    return found
