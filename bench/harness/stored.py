"""What a bench knows of orders that it stored: what each owes, and the state that it was last told, by its number."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bench.harness.answers import own_rows
from bench.harness.arrays import I64
from bench.harness.event_load import Due
from bench.harness.workload import CURRENCIES
from router.life.states import OrderState

_STATES = pa.array([state.name.lower() for state in OrderState])
_CURRENCIES = pa.array(CURRENCIES)
_NOT_STORED = -1


class Stored:
    """Ten bytes an order; the numbers go from 0 up to ``room``."""

    def __init__(self, room: int) -> None:
        self.due = Due(np.zeros(room, np.int64), np.zeros(room, np.int8))
        self._state = np.full(room, _NOT_STORED, np.int8)

    def placed(self, body: bytes) -> None:
        """Take the acknowledgements of an Arrow stream."""
        rows = own_rows(body, "order_id", "status", "total", "currency")
        numbers = pc.utf8_slice_codeunits(rows["order_id"].cast(pa.string()), 3).cast(pa.int64()).to_numpy()
        self.due.amount_minor[numbers] = pc.fill_null(rows["total"], 0).to_numpy()
        self.due.currency[numbers] = _places(rows["currency"], _CURRENCIES)
        self._state[numbers] = _places(rows["status"], _STATES)

    def told(self, numbers: I64, states: pa.Array) -> None:
        """Take the states that the answers to events tell, in their order: the last one of an order counts."""
        self._state[numbers[: len(states)]] = _places(states, _STATES)

    def allocated(self, numbers: I64) -> I64:
        """Which of these can live a whole life, also one in halves."""
        fits = (self._state[numbers] == OrderState.ALLOCATED) & (self.due.amount_minor[numbers] > 1)
        return np.asarray(numbers[fits])

    def by_state(self) -> Counter[str]:
        states, counts = np.unique(self._state[self._state != _NOT_STORED], return_counts=True)
        return Counter(
            {OrderState(state).name.lower(): int(count) for state, count in zip(states, counts, strict=True)}
        )


def _places(texts: pa.Array, among: pa.Array) -> npt.NDArray[np.int8]:
    """Where each text stands among these, -1 where it is none of them."""
    return np.asarray(pc.fill_null(pc.index_in(texts.cast(pa.string()), among), -1)).astype(np.int8)
