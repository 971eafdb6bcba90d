"""What the bytes of an Arrow stream stand for: packed and named by number, few of them can be very many."""

from __future__ import annotations

from router.config import Limits
from router.wire.batch import WireError
from router.wire.dictionaries import TOO_LARGE


class Expansion:
    """Both sides of a stream so far; ``body_bytes_max`` are free, so that small bodies may be as regular as can be."""

    def __init__(self, limits: Limits) -> None:
        self._free = limits.body_bytes_max
        self._factor_max = limits.expansion_max
        self._came = 0
        self._stands_for = 0

    def check(self, came: int, size: int) -> None:
        """Raises WireError where ``size`` more bytes would be too many when ``came`` more came."""
        stands_for, came = self._stands_for + size, self._came + came
        if stands_for > self._free + self._factor_max * came:
            raise WireError(
                TOO_LARGE,
                f"{came} bytes of the stream stand for {stands_for}, more than {self._factor_max} times as many; "
                "send it with less compression, or raise expansion_max",
            )

    def count(self, came: int, size: int) -> None:
        self._came += came
        self._stands_for += size
