"""Reservations: units held for somebody under a key until a deadline, then handed over or given back.

    RESERVE        available > held, all that is wanted or nothing
    POST           held > allocated: they are an order's now
    VOID, EXPIRE   held > available

Nothing expires by itself: the owner asks what is due and writes it down. Keys of reservations that are over are
remembered, the newest of them, so that a repeated step is known and a late one is refused.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.layout import ALLOCATION_OUT
from router.arrow.arrays import record_batch
from router.ledger.amend import Replanned, lines_of, untouched
from router.log.columns import PENDED, PENDING, PendingStep

I64 = npt.NDArray[np.int64]
Key = tuple[int, int]

OVER_KEPT = 1 << 16  # keys of reservations that are over


class PendedResult:
    """What became of a step: the values of PENDED.result."""

    DONE = 0
    REPEATED = 1  # done before
    SHORT = 2  # not enough units, nothing was kept
    UNKNOWN = 3  # no such reservation, or it is over


@dataclass(frozen=True)
class Reservation:
    """Units that are kept."""

    deadline_ms: int
    lines: Replanned


class Reservations:
    """What is kept, and what was."""

    def __init__(self) -> None:
        self._kept: dict[Key, Reservation] = {}
        self._over: dict[Key, int] = {}  # the step that ended it, in the order they ended
        self._deadlines: list[tuple[int, Key]] = []  # a heap; keys that are over stay in it until they are due

    def find(self, key: Key) -> Reservation | None:
        return self._kept.get(key)

    def refusal(self, key: Key, step: int) -> int | None:
        """Why a step does nothing, None where it may be done."""
        ended = self._over.get(key)
        if step == PendingStep.RESERVE:
            if key in self._kept:
                return PendedResult.REPEATED
            return None if ended is None else PendedResult.UNKNOWN
        if key in self._kept:
            return None
        gives_back = (PendingStep.VOID, PendingStep.EXPIRE)
        same = ended == step or (ended in gives_back and step in gives_back)
        return PendedResult.REPEATED if same else PendedResult.UNKNOWN

    def keep(self, key: Key, reservation: Reservation) -> None:
        self._kept[key] = reservation
        heapq.heappush(self._deadlines, (reservation.deadline_ms, key))

    def end(self, key: Key, step: int) -> Reservation:
        """Let a reservation go; the caller moves its units."""
        self._over[key] = step
        if len(self._over) > OVER_KEPT:
            del self._over[next(iter(self._over))]
        return self._kept.pop(key)

    def due(self, now_ms: int) -> list[Key]:
        """Keys of reservations whose deadline has passed, earliest first."""
        found, rest = [], self._deadlines
        while rest and rest[0][0] <= now_ms:
            deadline_ms, key = heapq.heappop(rest)
            if key in self._kept and self._kept[key].deadline_ms == deadline_ms:
                found.append((deadline_ms, key))
        for entry in found:
            heapq.heappush(rest, entry)  # until a record says that they are over
        return [key for _, key in found]

    # --- state -----------------------------------------------------------------------------------

    def dump(self) -> dict[str, I64]:
        """Reservations by key with their lines and allotments, and how those ended that are over."""
        lines, parts = [], []
        for key, kept in sorted(self._kept.items(), key=lambda item: item[0]):
            ends = kept.lines.line_end.tolist()
            lines += [(*_signed(key), kept.deadline_ms, end) for end in ends or [0]]
            parts += [(*_signed(key), *cell) for cell in kept.lines.cells]
        over = [(*_signed(key), step) for key, step in self._over.items()]
        return {
            "reserved_lines": np.array(lines, np.int64).reshape(-1, 4),
            "reserved": np.array(parts, np.int64).reshape(-1, 5),
            "reservations_over": np.array(over, np.int64).reshape(-1, 3),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped."""
        self._kept, self._deadlines = {}, []
        self._over = {_unsigned(hi, lo): step for hi, lo, step in arrays["reservations_over"].tolist()}
        ends: dict[Key, list[int]] = {}
        deadlines: dict[Key, int] = {}
        parts: dict[Key, list[tuple[int, ...]]] = {}
        for hi, lo, deadline_ms, end in arrays["reserved_lines"].tolist():
            ends.setdefault(_unsigned(hi, lo), []).append(end)
            deadlines[_unsigned(hi, lo)] = deadline_ms
        for hi, lo, *cell in arrays["reserved"].tolist():
            parts.setdefault(_unsigned(hi, lo), []).append(tuple(cell))
        for key, line_ends in ends.items():
            allocations = np.array(parts.get(key, []), ALLOCATION_OUT)
            nothing = untouched(len(line_ends))
            lines = replace(nothing, done=True, line_end=np.array(line_ends, np.int32), allocations=allocations)
            self.keep(key, Reservation(deadlines[key], lines))


def expiries(keys: list[Key]) -> pa.RecordBatch:
    """PENDING rows that let reservations expire."""
    rows = [
        {
            "key_hi": hi, "key_lo": lo, "step": PendingStep.EXPIRE, "deadline_ms": 0, "channel_index": 0, "zone": 0,
            "wanted": [],
        }
        for hi, lo in keys
    ]  # fmt: skip
    return pa.RecordBatch.from_pylist(rows, schema=PENDING)


def pended_of(results: list[int], lines: list[Replanned]) -> pa.RecordBatch:
    """The PENDED batch."""
    return record_batch(
        PENDED, {"result": np.array(results, np.int8), "lines": lines_of(lines, PENDED.field("lines").type)}
    )


def _signed(key: Key) -> tuple[int, int]:
    hi, lo = np.array(key, np.uint64).view(np.int64).tolist()
    return hi, lo


def _unsigned(hi: int, lo: int) -> Key:
    return hi % (1 << 64), lo % (1 << 64)
