"""Which changes a follower of the stream wants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from router.arrow.arrays import numbers
from router.bound import EVERYTHING, Bound
from router.feed.changes import Changes
from router.feed.columns import AN_ORDER
from router.life.event_types import OrderEvent
from router.life.states import ORDER_BITS, OrderState
from router.queries.change_lines import ORDER

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ChangeFilter:
    """What a change must match; of each field one of the values, none = anything."""

    bound: Bound = EVERYTHING
    channel: frozenset[str] = frozenset()
    seller: frozenset[str] = frozenset()
    order_id: frozenset[str] = frozenset()
    type: frozenset[str] = frozenset()  # of TYPES in change_lines.py
    state: frozenset[str] = frozenset()  # names of OrderState, as it is after the change

    @property
    def is_open(self) -> bool:
        """Whether everything matches."""
        return self.bound.is_open and not (self.channel or self.seller or self.order_id or self.type or self.state)

    def matching(self, changes: Changes) -> Changes:
        if self.is_open:
            return changes
        batch, mask = changes.batch, np.ones(changes.count, np.bool_)
        if not self.bound.is_open:
            mask &= self.bound.mask(batch.column("channel"), batch.column("seller"))
        for name in ("channel", "seller", "order_id"):
            if wanted := getattr(self, name):
                found = pc.is_in(batch.column(name), pa.array(sorted(wanted), pa.string()))
                mask &= found.to_numpy(zero_copy_only=False)
        if self.type:
            events = [AN_ORDER if name == ORDER else OrderEvent[name.upper()] for name in self.type]
            mask &= np.isin(numbers(batch, "event"), events)
        if self.state:
            states = [OrderState[name.upper()] for name in self.state]
            mask &= np.isin(numbers(batch, "after") & ORDER_BITS, states)
        return changes.where(mask)
