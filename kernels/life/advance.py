"""Advance orders through their lifecycle by table look-up.

after[row] = matrix[state[order of row], event[row]], rows in order, each seeing the rows before it
"""

from __future__ import annotations

from typing import Any

from kernels._jit import IN_I64, IN_U8, IN_U8_2D, OUT_U8, VOID, kernel

NO_STATE = 255


@kernel(VOID, IN_I64, IN_U8, IN_U8_2D, OUT_U8, OUT_U8, OUT_U8)
def advance(slot: Any, event: Any, matrix: Any, state: Any, before: Any, after: Any) -> None:
    """Apply events in row order to the states of the orders they name.

    slot (n) i64 place of the row's order in `state`; -1 = unknown order, row is refused IN
    event (n) u8 event number IN
    matrix (256, E) u8 state after, NO_STATE = not allowed IN
    state (k) u8 current state of each distinct order INOUT
    before, after (n) u8 state around each row; after = NO_STATE where refused OUT

    Invariant: a refused row changes no state. Cost: one look-up a row.
    """
    for row in range(slot.shape[0]):
        order = slot[row]
        if order < 0:
            before[row] = NO_STATE
            after[row] = NO_STATE
            continue
        before[row] = state[order]
        after[row] = matrix[state[order], event[row]]
        if after[row] != NO_STATE:
            state[order] = after[row]
