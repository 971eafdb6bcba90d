"""A client that streams orders through every fault: it sends until each has its answer and believes only answers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from functools import partial

from bench.harness.resending import SILENCE_S_MAX, Resending
from bench.harness.server import Server, ServerFailed
from bench.harness.streaming import ORDER_STREAM
from bench.harness.wires import WIRES, Rows
from bench.harness.workload import Workload
from bench.trials.chaos.orders import pieces
from bench.trials.chaos.promises import Answer, Promises

PIECE_EVERY_S = 0.05  # 2,560 orders a second and feed: a run of an hour must fit into memory and be sent again
PASSING = (429, 503)  # anything else that a stream is refused with is a fault of the run


class Feed(threading.Thread):
    """``start``, then ``finish``: returns when everything that was sent is answered."""

    def __init__(self, server: Server, promises: Promises, workload: Workload, form: str) -> None:
        super().__init__(daemon=True, name=f"feed {form}")
        self.form = form
        self.refusals: list[str] = []  # distinct sentences in which orders were refused or streams ended
        self._failure: Exception | None = None
        self._address, self._key = server.address, server.key  # as they are again after a restart
        self._promises = promises
        self._workload = workload
        self.sending = self._make_sending(pieces(workload, form), PIECE_EVERY_S)

    def run(self) -> None:
        try:
            self.sending.run()
        except Exception as fault:
            self._failure = fault

    def finish(self) -> None:
        """Take no new orders and wait until everything is answered."""
        self.sending.finish()
        self.join(SILENCE_S_MAX)
        self.check()
        if self.is_alive():
            raise ServerFailed(f"the {self.form} feed was not answered within {SILENCE_S_MAX:.0f} s")

    @property
    def answered(self) -> int:
        return self.sending.answered

    def send_again(self) -> None:
        """Everything once more from the first order, as fast as the router takes it."""
        self._make_sending(itertools.islice(pieces(self._workload, self.form), self.sending.taken), 0.0).run()

    def check(self) -> None:
        if self._failure is not None:
            raise ServerFailed(f"the {self.form} feed failed: {self._failure}") from self._failure

    def _make_sending(self, source: Iterator[Rows], every_s: float) -> Resending:
        make_wire = partial(WIRES[self.form], Answer)
        path = ORDER_STREAM[self.form].path
        return Resending(self._address, self._key, path, make_wire, source, self._hear, self._refused, every_s)

    def _hear(self, answers: list[Answer]) -> int:
        if answers and answers[-1].status == "error":
            self._note(str(answers.pop().detail))
        self._promises.take(answers)
        return len(answers)

    def _refused(self, status: int, body: bytes) -> None:
        if status not in PASSING:
            raise ServerFailed(f"the stream was answered {status}: {body!r}")
        self._note(body.decode(errors="replace"))

    def _note(self, sentence: str) -> None:
        if sentence not in self.refusals:
            self.refusals.append(sentence)
