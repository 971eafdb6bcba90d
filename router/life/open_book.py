"""One open book as plain Python: for what is seldom done to a single order, and for people who look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.states import DETAIL_SHIFT, ORDER_BITS, OrderState, PaymentState, unpack_state

Rows = npt.NDArray[Any]
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Payment:
    """Accounts of one payment, minor units."""

    key: int  # keyed hash of its id, 0 none known
    authorized_minor: int = 0
    captured_minor: int = 0
    refunding_minor: int = 0
    refunded_minor: int = 0
    has_failed: bool = False


@dataclass(frozen=True)
class OpenBook:
    """What kernels/life/layout.py keeps of one order. Keys are the keyed hashes of ids."""

    state: int  # state byte
    version: int
    on_hold: bool
    together: bool  # all units lie in one stage
    total_minor: int
    credited_minor: int
    written_off_minor: int
    positions: Rows  # POSITION, those with units
    parts: dict[int, dict[int, int]]  # line of a bundle -> SKU -> units of it in one unit of the line
    line_keys: list[int]  # by line; empty where no line has an id of its own
    payments: list[Payment]
    shipments: list[tuple[int, int]]  # key and tracking number's key, by number from 1
    tracking: int  # key of the tracking number of an only shipment that is not among these
    holds: list[int]  # empty where the order only waits for review

    def line_number(self, line_key: int, line: int) -> int:
        """Number of the line an event names, from 0; -1 where there is none, as kernels/life/select.py finds it."""
        if line_key in self.line_keys:
            return self.line_keys.index(line_key)
        has_own = 1 <= line <= len(self.line_keys) and self.line_keys[line - 1] != 0
        is_there = bool((self.positions["line"] == line - 1).any())
        return line - 1 if line >= 1 and not has_own and is_there else -1


def read_book(book: Rows, memory: layout.Memory) -> OpenBook:
    """A book out of the arrays that hold it, copied."""
    words = _Extra(int(book["extra"]), memory.words)
    total = int(book["total"])
    total_minor = words.at(layout.TOTAL) if total == layout.TOTAL_IN_EXTRA else total
    return OpenBook(
        state=int(book["state"]),
        version=int(book["version"]),
        on_hold=bool(book["flags"] & layout.ON_HOLD),
        together=bool(book["flags"] & layout.TOGETHER),
        total_minor=total_minor,
        credited_minor=words.at(layout.CREDITED),
        written_off_minor=words.at(layout.WRITTEN_OFF),
        positions=_positions(book, memory),
        parts=_parts(words.rows(layout.PARTS, layout.PART_COUNT, layout.PART_WORDS)),
        line_keys=[key & _MASK for (key,) in words.rows(layout.LINE_KEYS, layout.LINE_COUNT, 1)],
        payments=_payments(book, total_minor, words),
        shipments=_shipments(book, words),
        tracking=int(book["tracking"]) & _MASK,
        holds=[key & _MASK for (key,) in words.rows(layout.HOLDS, layout.HOLD_COUNT, 1)],
    )


class _Extra:
    """Words that few books have; all 0 where there are none."""

    def __init__(self, first: int, words: npt.NDArray[np.int64]) -> None:
        self._first = first
        self._words = words

    def at(self, word: int) -> int:
        return int(self._words[self._first + word]) if self._first else 0

    def rows(self, place: int, count: int, width: int) -> list[list[int]]:
        first, rows = self.at(place), self.at(count)
        found: list[list[int]] = self._words[first : first + width * rows].reshape(rows, width).tolist()
        return found


def _positions(book: Rows, memory: layout.Memory) -> Rows:
    first = int(book["first_position"])
    found: Rows = memory.positions[first : first + int(book["positions"])].copy()
    if book["flags"] & layout.TOGETHER:
        place = layout.ENTRY_BITS * ((int(book["state"]) & ORDER_BITS) - OrderState.HELD)
        detail = int(book["flags"]) >> layout.DETAIL_SHIFT
        found["stage"] = layout.STAGE_OF_STATE >> place & layout.ENTRY_MASK | detail << DETAIL_SHIFT
    there: Rows = found[found["qty"] > 0]
    return there


def _parts(rows: list[list[int]]) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = {}
    for key, units in rows:
        found.setdefault(key >> 32, {})[key & 0xFFFFFFFF] = units
    return found


def _payments(book: Rows, total_minor: int, words: _Extra) -> list[Payment]:
    rows = words.rows(layout.PAYMENTS, layout.PAYMENT_COUNT, layout.PAYMENT_WORDS)
    if rows:
        return [
            Payment(key & _MASK, authorized, captured, refunding, refunded, bool(failed))
            for key, authorized, captured, refunding, refunded, failed in rows
        ]
    key, state = int(book["payment"]) & _MASK, unpack_state(int(book["state"]))[1]
    if total_minor == 0 or (state == PaymentState.UNPAID and key == 0):
        return []
    if state == PaymentState.UNPAID:
        return [Payment(key)]  # it was voided
    if state == PaymentState.AUTHORIZED:
        return [Payment(key, authorized_minor=total_minor)]
    if state == PaymentState.FAILED:
        return [Payment(key, has_failed=True)]
    refunded = total_minor if state == PaymentState.REFUNDED else 0
    return [Payment(key, captured_minor=total_minor, refunded_minor=refunded)]


def _shipments(book: Rows, words: _Extra) -> list[tuple[int, int]]:
    """Those with words of their own; an order that was shipped as one has a single one without."""
    rows = words.rows(layout.SHIPMENTS, layout.SHIPMENT_COUNT, layout.SHIPMENT_WORDS)
    return [(key & _MASK, tracking & _MASK) for key, tracking in rows]
