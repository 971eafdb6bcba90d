"""Whose orders somebody may see and touch: those of some channels, of some sellers, or of all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


class Bound(NamedTuple):
    """An order is within it when its channel and its seller are; a set that is empty lets all through."""

    channels: frozenset[str] = frozenset()
    sellers: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return not self.channels and not self.sellers

    @property
    def channel(self) -> str:
        """The one channel that can be meant; "" where there are several, or all."""
        return next(iter(self.channels)) if len(self.channels) == 1 else ""

    @property
    def seller(self) -> str:
        """Likewise."""
        return next(iter(self.sellers)) if len(self.sellers) == 1 else ""

    def has(self, channel: str, seller: str) -> bool:
        """``seller``: "" = none."""
        return (not self.channels or channel in self.channels) and (not self.sellers or seller in self.sellers)

    def mask(self, channels: pa.StringArray, sellers: pa.StringArray) -> Mask:
        """Which rows are within it."""
        found = np.ones(len(channels), np.bool_)
        for column, names in ((channels, self.channels), (sellers, self.sellers)):
            if names:
                found &= pc.is_in(column, pa.array(sorted(names), pa.string())).to_numpy(zero_copy_only=False)
        return found


EVERYTHING = Bound()
