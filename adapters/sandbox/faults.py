"""Failure on demand: the last four digits of an amount, or of the postcode of a label, say how a request goes wrong.

Each strikes once a key (or reference), so that whoever does the right thing gets through; ``declined`` and ``down``
strike every time. docs/partners.md has the table for people.
"""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    DECLINED = "declined"
    LOST_BEFORE = "lost_before"  # no answer, and nothing was done
    LOST_AFTER = "lost_after"  # no answer, and it was done
    BROKEN_BEFORE = "broken_before"  # 500, and nothing was done
    BROKEN_AFTER = "broken_after"  # 500, and it was done
    LIMITED = "limited"  # 429 with Retry-After: 1
    MALFORMED = "malformed"  # done, and answered with what is no JSON
    CUT = "cut"  # done, and the connection ends within the answer
    OVERSIZED = "oversized"  # done, and the answer does not end
    REDIRECTED = "redirected"  # 307 to another address, nothing done
    COMPRESSED = "compressed"  # done, and the answer unpacks to much more than it is
    DOWN = "down"  # 503, nothing done, every time
    HOOK_TWICE = "hook_twice"
    HOOK_FIRST = "hook_first"  # the webhook comes before the answer
    HOOK_LATE = "hook_late"
    HOOK_UNSIGNED = "hook_unsigned"  # its first delivery has a wrong signature
    HOOK_STALE = "hook_stale"  # its first delivery was signed an hour ago


FAULTS: dict[int, Fault] = {9901 + place: fault for place, fault in enumerate(Fault)}
EVERY_TIME = frozenset({Fault.DECLINED, Fault.DOWN})
NOTHING_DONE = frozenset(
    {Fault.LOST_BEFORE, Fault.BROKEN_BEFORE, Fault.LIMITED, Fault.REDIRECTED, Fault.DOWN, Fault.DECLINED}
)


def fault_of_amount(amount_minor: int) -> Fault | None:
    return FAULTS.get(amount_minor % 10_000)


def fault_of_postcode(postcode: str) -> Fault | None:
    last = postcode[-4:]
    return FAULTS.get(int(last)) if last.isascii() and last.isdigit() else None


class Strikes:
    """Which faults have struck already."""

    def __init__(self) -> None:
        self._struck: set[tuple[str, str]] = set()

    def strike(self, room: str, key: str, fault: Fault | None) -> Fault | None:
        """The fault that this request meets."""
        if fault is None or fault in EVERY_TIME:
            return fault
        if (room, key) in self._struck:
            return None
        self._struck.add((room, key))
        return fault
