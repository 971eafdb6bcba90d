"""Which nodes refused lines of an order: read off its history, so that nobody has to keep it."""

from __future__ import annotations

from router.life.event_types import OrderEvent
from router.life.states import Stage, stage_of
from router.log.kinds import Kind
from router.log.steps import OrderHistory, Step


def nodes_that_refused(history: OrderHistory, lines: set[int]) -> set[int]:
    """The nodes that refused any of these lines, as far as the history goes."""
    return {
        node
        for step in history.back()
        if step.kind is Kind.EVENTS and step.given["event"] == OrderEvent.REFUSE
        for node in _nodes_of(step, lines)
    }


def _nodes_of(step: Step, lines: set[int]) -> set[int]:
    """The node of one refusal that concerned any of the lines: the one it named, else the only one it took from."""
    moves = [move for move in step.outcome["units"] if _is_from_a_node(move)]
    if not any(move["line"] in lines for move in moves):
        return set()
    named = step.given["node"]
    return {named} if named >= 0 else {move["node"] for move in moves}


def _is_from_a_node(move: dict[str, int]) -> bool:
    return move["node"] >= 0 and stage_of(move["from_stage"]) is Stage.ALLOCATED
