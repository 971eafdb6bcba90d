"""Which units of a cell lie in which of its lots, as everybody reckons it: the ledger, and the table as it is now."""

from __future__ import annotations

from collections.abc import Sequence


def laid(rooms: Sequence[int], on_hand: int, blocked: int) -> tuple[list[int], int]:
    """Units that lie in each lot, of which ``rooms`` says how many there were, those first that expire first; and units
    that there is no room for. What left was of the lot that expires first, what is too old is of the oldest."""
    there = [0] * len(rooms)
    for at in range(len(rooms) - 1, -1, -1):  # what expires last is there the longest
        there[at] = min(rooms[at], on_hand)
        on_hand -= there[at]
    for at, room in enumerate(rooms):
        old = min(room - there[at], blocked)
        there[at] += old
        blocked -= old
    return there, on_hand + blocked
