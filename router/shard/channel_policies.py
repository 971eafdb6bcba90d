"""What the policy says of the orders of each channel, as rows: 0 for channels that have none of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.string_table import StringTable
from router.config import Policy
from router.log.columns import Admission
from router.shard.reason_masks import hold_mask, reject_mask

I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Heeds:
    """What becomes of each order's declared amounts (router/shard/declared.py)."""

    takes_fee: Bools  # (n) as all
    takes_discount: Bools
    takes_tax: Bools
    compares_fee: Bools
    compares_discount: Bools
    compares_tax: Bools

    def but(self, orders: Bools) -> Heeds:
        """The same, of these orders (n) nothing taken."""
        taken = (self.takes_fee & ~orders, self.takes_discount & ~orders, self.takes_tax & ~orders)
        return Heeds(*taken, self.compares_fee, self.compares_discount, self.compares_tax)


class ChannelPolicies:
    def __init__(self, policy: Policy) -> None:
        self._channels = StringTable(sorted(policy.channels))
        each = [policy, *(policy.of_channel(name) for name in self._channels.values)]
        self._reject = np.array([reject_mask(one) for one in each], np.uint64)
        self._hold = np.array([hold_mask(one) for one in each], np.uint64)
        self.holds_unpaid = np.array([one.unpaid == "hold" for one in each], np.bool_)
        self.confirms_cod = np.array([one.cod == "confirm" for one in each], np.bool_)
        said = np.array([(one.shipping_fee, one.discount, one.tax) for one in each])
        self._takes, self._compares = said == "take", said == "compare"
        self.heeds_amounts = bool(self._takes.any() or self._compares.any())  # that any channel declares

    def rows(self, channel: pa.StringArray) -> I32:
        """The row of each order."""
        if not len(self._channels):
            return np.zeros(len(channel), np.int32)
        return self._channels.find(channel) + np.int32(1)

    def heeds(self, rows: I32) -> Heeds:
        """What becomes of the amounts that each order declares."""
        return Heeds(*self._takes[rows].T, *self._compares[rows].T)

    def admission(self, reasons: U64, rows: I32) -> npt.NDArray[np.int8]:
        """Admission of orders by what speaks against them."""
        admission = np.full(len(reasons), Admission.PROCEED, np.int8)
        admission[(reasons & self._hold[rows]) != 0] = Admission.HOLD
        admission[(reasons & self._reject[rows]) != 0] = Admission.REJECT
        return admission
