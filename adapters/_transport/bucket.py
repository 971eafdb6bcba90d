"""How many requests a second go to a partner, and not before it said so."""

from __future__ import annotations


class Bucket:
    """Tokens of one second's worth of requests; ``take`` says how long to wait instead of waiting."""

    def __init__(self, requests_per_second_max: int) -> None:
        self._rate = requests_per_second_max
        self._tokens = float(requests_per_second_max)
        self._filled_at_ms = 0
        self._not_before_ms = 0

    def take(self, now_ms: int) -> int:
        """0 = taken; else after how many ms to come again."""
        if now_ms < self._not_before_ms:
            return self._not_before_ms - now_ms
        elapsed_ms = max(0, now_ms - self._filled_at_ms)  # a clock that was put back fills nothing
        self._tokens = min(float(self._rate), self._tokens + elapsed_ms * self._rate / 1_000)
        self._filled_at_ms = now_ms
        if self._tokens < 1.0:
            return int((1.0 - self._tokens) * 1_000 / self._rate) + 1
        self._tokens -= 1.0
        return 0

    def pause(self, until_ms: int) -> None:
        """The partner wants nothing until then."""
        self._not_before_ms = max(self._not_before_ms, until_ms)
