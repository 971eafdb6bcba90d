"""What a client is told of a fault: one text, whichever way its request came."""

from __future__ import annotations

import time

from actors.gateway.core.logs import JsonLog
from actors.gateway.core.problems import Problem
from router.errors import Retryable


class Faults:
    """Faults of one gateway process."""

    def __init__(self, log: JsonLog) -> None:
        self._log = log
        self._unforeseen = 0

    def problem_of(self, fault: Exception, route: str) -> Problem:
        """What nobody foresaw is logged with a request id and told without details."""
        if isinstance(fault, Problem):
            return fault
        if isinstance(fault, Retryable):
            return Problem("shard_unavailable", str(fault), retry_after_ms=fault.retry_after_ms)
        self._unforeseen += 1
        request_id = f"{time.time_ns() // 1_000_000:x}-{self._unforeseen:x}"
        self._log.fault("request_broke", fault, route=route, request_id=request_id)
        detail = "The router made a mistake; try again, and report the request_id if it happens again."
        return Problem("internal", detail, request_id=request_id)
