"""The streaming client that goes on: it sends until each row has its answer, over as many connections as that takes."""

from __future__ import annotations

import collections
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.harness.streaming import Address, StreamBroken, converse, framed, head_of
from bench.harness.wires import Rows, Wire

PIECES_AHEAD = 16  # sent and not answered: always some batches under way
AGAIN_AFTER_S = 0.05
SILENCE_S_MAX = 300.0  # without an answer, over all connections; then the router has not come back


class Resending:
    """``run`` returns when everything is answered that was taken from ``source`` until it ended or ``finish`` came.

    ``hear`` takes answers as they come and says to how many rows they belong; ``refused`` gets another HTTP status than
    200 with its body. What either raises ends the run. Both are called by the thread of a connection.
    """

    def __init__(
        self,
        address: Address,
        key: str,
        path: str,
        make_wire: Callable[[], Wire],
        source: Iterator[Rows],
        hear: Callable[[list[Any]], int],
        refused: Callable[[int, bytes], None],
        every_s: float = 0.0,  # between two pieces
    ) -> None:
        self.answered = 0  # rows
        self.streams = 0
        self.cut = 0  # streams that ended before all their answers
        self.taken = 0  # pieces from the source
        self._address, self._key, self._path = address, key, path
        self._make_wire = make_wire
        self._source = source
        self._hear, self._refused = hear, refused
        self._every_s = every_s
        self._waiting: collections.deque[Rows] = collections.deque()  # taken from the source, not wholly answered
        self._head_answered = 0  # rows of the first that waits
        self._finishing = False
        self._reading = False
        self._changed = threading.Condition()

    @property
    def whole(self) -> int:
        """Pieces from the first one on that are wholly answered."""
        return self.taken - len(self._waiting)

    @property
    def sent(self) -> int:
        """Rows from the first one on that were sent so far, answered or not: no other can be answered yet."""
        with self._changed:
            return self.answered - self._head_answered + sum(map(len, self._waiting))

    def finish(self) -> None:
        """Take nothing new."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def run(self) -> None:
        heard_s = time.monotonic()
        while self._waiting or not self._finishing:
            before = self.answered
            self._one_stream()
            if self.answered > before:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENCE_S_MAX:
                raise StreamBroken(f"no answer for {SILENCE_S_MAX:.0f} s")
            time.sleep(AGAIN_AFTER_S if self._waiting else 0)

    def _one_stream(self) -> None:
        """One request: everything unanswered first, then what is new."""
        with self._changed:
            if self._head_answered:
                self._waiting[0] = self._waiting[0][self._head_answered :]
                self._head_answered = 0
        self.streams += 1
        self._reading = True
        wire = self._make_wire()
        head = head_of(self._address, self._key, self._path, wire.media_type)
        try:
            fault = converse(self._address, head, self._chunks(wire), partial(self._read, wire)).fault
        except OSError as gone:
            fault = gone
        self.cut += bool(self._waiting)
        if fault is not None and not isinstance(fault, OSError | http.client.HTTPException):
            raise fault

    def _chunks(self, wire: Wire) -> Iterator[bytes]:
        for rows in list(self._waiting):
            yield framed(wire.encode(rows))
        due_s = time.monotonic()
        while (new := self._next()) is not None:
            yield framed(wire.encode(new))
            due_s = max(due_s + self._every_s, time.monotonic() - self._every_s * PIECES_AHEAD)  # late: catch up
            time.sleep(max(0.0, due_s - time.monotonic()))
        if end := wire.end():
            yield framed(end)

    def _next(self) -> Rows | None:
        with self._changed:
            self._changed.wait_for(lambda: not self._reading or self._finishing or len(self._waiting) < PIECES_AHEAD)
            if self._finishing or not self._reading:
                return None
            rows = next(self._source, None)
            if rows is None:
                self._finishing = True
                return None
            self._waiting.append(rows)
            self.taken += 1
            return rows

    def _read(self, wire: Wire, connection: socket.socket) -> None:
        try:
            with http.client.HTTPResponse(connection) as response:
                response.begin()
                if response.status != 200:
                    self._refused(response.status, response.read(500))
                    return
                for answers in wire.answers(response):
                    self._take(self._hear(answers))
        finally:
            with self._changed:
                self._reading = False
                self._changed.notify_all()

    def _take(self, count: int) -> None:
        with self._changed:
            self.answered += count
            self._head_answered += count
            while self._waiting and self._head_answered >= len(self._waiting[0]):
                self._head_answered -= len(self._waiting.popleft())
            self._changed.notify_all()
