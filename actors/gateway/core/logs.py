"""The gateway's log: one JSON object a line on stderr, without bodies, ids of orders or anything personal."""

from __future__ import annotations

import sys
import time
import traceback
from typing import TextIO

import orjson


class JsonLog:
    """Writes events; ``level`` is info, warning or error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr

    def write(self, level: str, event: str, **members: object) -> None:
        line = {"at_ms": time.time_ns() // 1_000_000, "level": level, "event": event, **members}
        try:
            self._stream.write(orjson.dumps(line, default=str).decode() + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # a closed stderr must not stop the service
            return

    def fault(self, event: str, fault: BaseException, **members: object) -> None:
        """An unforeseen exception: its type and place. Its text may quote a body, so it is left out."""
        frames = traceback.extract_tb(fault.__traceback__)
        where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames[-6:]]
        self.write("error", event, fault=type(fault).__name__, where=where, **members)
