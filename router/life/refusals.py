"""Why the books of an order refuse an event: a number in the record, a code for programs, a sentence for people."""

from __future__ import annotations

from typing import NamedTuple

from router.life.event_types import EVENT_TYPES


class Refusal(NamedTuple):
    code: str  # stable, for programs
    detail: str  # takes {line_id}, {wanted}, {found}, {state} and {allowed}


REFUSALS: dict[int, Refusal] = {
    1: Refusal("transition_not_allowed", "an order in state {state} takes: {allowed}"),
    2: Refusal("units_missing", "line {line_id} has {found} units for this, {wanted} were named; correct the quantity"),
}


def allowed_events(state: int) -> list[str]:
    """Types that an order with this state byte may take."""
    return sorted(EVENT_TYPES)
