"""Advancing orders in plain Python: a dictionary of transitions, rows in order."""

from __future__ import annotations

NO_STATE = 255


def advance(rows, transitions, states):
    """rows: (order or None, event); transitions: {(state, event): after}; states: {order: state}, changed.

    Returns per row (before, after), (NO_STATE, NO_STATE) for an unknown order, after = NO_STATE where refused.
    """
    seen = []
    for order, event in rows:
        if order is None:
            seen.append((NO_STATE, NO_STATE))
            continue
        before = states[order]
        after = transitions.get((before, event), NO_STATE)
        if after != NO_STATE:
            states[order] = after
        seen.append((before, after))
    return seen
