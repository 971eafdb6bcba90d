"""A client that streams orders through every fault: it sends until each has its answer and believes only answers."""

from __future__ import annotations

import collections
import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

from bench.harness.server import Server, ServerFailed
from bench.harness.workload import Workload
from bench.trials.chaos.promises import Promises
from bench.trials.chaos.wires import WIRES, Piece, Wire, pieces

PIECES_AHEAD = 16  # sent and not answered: always some batches under way
PIECE_EVERY_S = 0.05  # 2,560 orders a second and feed: a run of an hour must fit into memory and be sent again
ANSWER_S_MAX = 120.0
AGAIN_AFTER_S = 0.05
SILENCE_S_MAX = 300.0  # without an answer, over all connections; then the router has not come back
PASSING = (200, 429, 503)  # anything else that a stream is answered is a fault of the run


class Feed(threading.Thread):
    """``start``, then ``finish``: returns when everything that was sent is answered."""

    def __init__(self, server: Server, promises: Promises, workload: Workload, form: str) -> None:
        super().__init__(daemon=True, name=f"feed {form}")
        self.form = form
        self.answered = 0
        self.streams = 0
        self.cut = 0  # streams that ended before all their answers
        self.refusals: list[str] = []  # distinct sentences in which orders were refused or streams ended
        self.failure: Exception | None = None
        self._server = server
        self._address, self._key = server.address, server.key  # as they are again after a restart
        self._promises = promises
        self._workload = workload
        self._source: Iterator[Piece] = pieces(workload, form)
        self._pause_s = PIECE_EVERY_S
        self._waiting: collections.deque[Piece] = collections.deque()  # taken from the source, not wholly answered
        self._head_answered = 0
        self._taken = 0  # pieces from the source
        self._finishing = False
        self._room = threading.Condition()

    def run(self) -> None:
        try:
            self._send_all()
        except Exception as fault:
            self.failure = fault

    def finish(self, seconds_max: float = SILENCE_S_MAX) -> None:
        """Take no new orders and wait until everything is answered."""
        with self._room:
            self._finishing = True
            self._room.notify_all()
        self.join(seconds_max)
        self.check()
        if self.is_alive():
            raise ServerFailed(f"the {self.form} feed was not answered within {seconds_max:.0f} s")

    @property
    def whole_pieces(self) -> int:
        """Pieces from the first one on that are wholly answered."""
        return self._taken - len(self._waiting)

    def send_again(self) -> None:
        """Everything once more from the first order, as fast as the router takes it."""
        again = Feed(self._server, self._promises, self._workload, self.form)
        again._source = itertools.islice(pieces(self._workload, self.form), self._taken)
        again._pause_s = 0.0
        again.run()
        again.check()

    def check(self) -> None:
        if self.failure is not None:
            raise ServerFailed(f"the {self.form} feed failed: {self.failure}") from self.failure

    # --- a connection ----------------------------------------------------------------------------

    def _send_all(self) -> None:
        heard_s = time.monotonic()
        while self._waiting or not self._finishing:
            before = self.answered
            self._one_stream()
            if self.answered > before:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENCE_S_MAX:
                raise ServerFailed(f"no answer for {SILENCE_S_MAX:.0f} s")
            time.sleep(AGAIN_AFTER_S if self._waiting else 0)

    def _one_stream(self) -> None:
        """One request: everything unanswered first, then new orders."""
        if self._head_answered:
            self._waiting[0] = self._waiting[0][self._head_answered :]
            self._head_answered = 0
        self.streams += 1
        try:
            with socket.create_connection(self._address, timeout=ANSWER_S_MAX) as connection:
                self._exchange(connection)
        except (OSError, http.client.HTTPException):
            pass
        self.cut += bool(self._waiting)

    def _exchange(self, connection: socket.socket) -> None:
        wire = WIRES[self.form]()
        sender = _Sender(connection, self._head(wire), wire, self._outgoing(list(self._waiting)))
        response = http.client.HTTPResponse(connection)
        sender.start()
        try:
            response.begin()
            if response.status not in PASSING:
                raise ServerFailed(f"the stream was answered {response.status}: {response.read(500)!r}")
            if response.status != 200:
                self._refused(response.read(500).decode(errors="replace"))
                return
            for answers in wire.answers(response):
                if answers and answers[-1].status == "error":
                    self._refused(str(answers.pop().detail))
                self._take(len(answers))
                self._promises.take(answers)
        finally:
            sender.stop()
            response.close()
            connection.close()
            with self._room:
                self._room.notify_all()
            sender.join(ANSWER_S_MAX)

    def _head(self, wire: Wire) -> bytes:
        host, port = self._address
        return (
            f"POST /v1/orders/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: {wire.media_type}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        ).encode()

    def _outgoing(self, again: list[Piece]) -> Callable[[Callable[[], bool]], Iterator[Piece]]:
        def sequence(stopped: Callable[[], bool]) -> Iterator[Piece]:
            yield from again
            due_s = time.monotonic()
            while (piece := self._next_piece(stopped)) is not None:
                yield piece
                due_s = max(due_s + self._pause_s, time.monotonic() - self._pause_s * PIECES_AHEAD)  # late: catch up
                time.sleep(max(0.0, due_s - time.monotonic()))

        return sequence

    def _next_piece(self, stopped: Callable[[], bool]) -> Piece | None:
        with self._room:
            self._room.wait_for(lambda: stopped() or self._finishing or len(self._waiting) < PIECES_AHEAD)
            if stopped() or self._finishing:
                return None
            piece = next(self._source, None)
            if piece is None:
                self._finishing = True
                return None
            self._waiting.append(piece)
            self._taken += 1
            return piece

    def _take(self, count: int) -> None:
        with self._room:
            self.answered += count
            self._head_answered += count
            while self._waiting and self._head_answered >= len(self._waiting[0]):
                self._head_answered -= len(self._waiting.popleft())
            self._room.notify_all()

    def _refused(self, sentence: str) -> None:
        if sentence not in self.refusals:
            self.refusals.append(sentence)


class _Sender(threading.Thread):
    """Sends the body while the answers are read."""

    def __init__(
        self,
        connection: socket.socket,
        head: bytes,
        wire: Wire,
        outgoing: Callable[[Callable[[], bool]], Iterator[Piece]],
    ) -> None:
        super().__init__(daemon=True)
        self._connection = connection
        self._head = head
        self._wire = wire
        self._outgoing = outgoing
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def run(self) -> None:
        try:
            self._connection.sendall(self._head)
            for piece in self._outgoing(lambda: self._stopped):
                self._send(self._wire.encode(piece))
            self._send(self._wire.end())
            self._connection.sendall(b"0\r\n\r\n")
        except OSError:
            return

    def _send(self, body: bytes) -> None:
        if body:
            self._connection.sendall(b"%x\r\n%b\r\n" % (len(body), body))
