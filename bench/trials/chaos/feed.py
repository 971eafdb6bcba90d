"""Clients that stream through every fault: each sends until every row has its answer, and believes only answers."""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from bench.harness.resending import SILENCE_S_MAX, Resending
from bench.harness.server import Server, ServerFailed
from bench.harness.streaming import ORDER_STREAM
from bench.harness.wires import WIRES, Rows
from bench.harness.workload import Workload
from bench.trials.chaos.event_promises import EventPromises, EventTold, events_of
from bench.trials.chaos.orders import pieces
from bench.trials.chaos.promises import Answer, Promises

PIECE_EVERY_S = 0.05  # 2,560 rows a second and feed: a run of an hour must fit into memory and be sent again
PIECE_ORDERS_OF_EVENTS = 64
PASSING = (429, 503)  # anything else that a stream is refused with is a fault of the run


class Feed(threading.Thread, ABC):
    """``start``, then ``finish``: returns when everything that was sent is answered."""

    path: str
    answer: type[msgspec.Struct]

    def __init__(self, server: Server, form: str) -> None:
        super().__init__(daemon=True, name=f"{type(self).__name__} {form}")
        self.form = form
        self.refusals: list[str] = []  # distinct sentences in which rows were refused or streams ended
        self._failure: Exception | None = None
        self._address, self._key = server.address, server.key  # as they are again after a restart
        self.sending = self._make_sending(self.new_pieces(), PIECE_EVERY_S)

    @abstractmethod
    def new_pieces(self) -> Iterator[Rows]:
        """What is sent, without end."""

    @abstractmethod
    def pieces_again(self) -> Iterator[Rows]:
        """Everything that was sent so far."""

    @abstractmethod
    def take(self, answers: list[Any]) -> None:
        """Keep what was promised."""

    def run(self) -> None:
        try:
            self.sending.run()
        except Exception as fault:
            self._failure = fault

    def finish(self) -> None:
        """Take nothing new and wait until everything is answered."""
        self.sending.finish()
        self.join(SILENCE_S_MAX)
        self.check()
        if self.is_alive():
            raise ServerFailed(f"the {self.name} was not answered within {SILENCE_S_MAX:.0f} s")

    @property
    def answered(self) -> int:
        return self.sending.answered

    def send_again(self) -> None:
        """Everything once more from the first row, as fast as the router takes it."""
        self._make_sending(self.pieces_again(), 0.0).run()

    def check(self) -> None:
        if self._failure is not None:
            raise ServerFailed(f"the {self.name} failed: {self._failure}") from self._failure

    def _make_sending(self, source: Iterator[Rows], every_s: float) -> Resending:
        make_wire = partial(WIRES[self.form], self.answer)
        return Resending(self._address, self._key, self.path, make_wire, source, self._hear, self._refused, every_s)

    def _hear(self, answers: list[Any]) -> int:
        if answers and answers[-1].status == "error":
            self._note(str(answers.pop().detail))
        self.take(answers)
        return len(answers)

    def _refused(self, status: int, body: bytes) -> None:
        if status not in PASSING:
            raise ServerFailed(f"the stream was answered {status}: {body!r}")
        self._note(body.decode(errors="replace"))

    def _note(self, sentence: str) -> None:
        if sentence not in self.refusals:
            self.refusals.append(sentence)


class OrderFeed(Feed):
    answer = Answer

    def __init__(self, server: Server, promises: Promises, workload: Workload, form: str) -> None:
        self._promises = promises
        self._workload = workload
        self.path = ORDER_STREAM[form].path
        super().__init__(server, form)

    def new_pieces(self) -> Iterator[Rows]:
        return pieces(self._workload, self.form)

    def pieces_again(self) -> Iterator[Rows]:
        return itertools.islice(pieces(self._workload, self.form), self.sending.taken)

    def take(self, answers: list[Any]) -> None:
        self._promises.take(answers)


class EventFeed(Feed):
    """What happens to orders after they were acknowledged; where there is no new one the last ones are told again."""

    path, answer = "/v1/events", EventTold

    def __init__(self, server: Server, promises: Promises) -> None:
        self._orders = promises.order_ids
        self.promises = EventPromises(promises.violated)
        self._told = 0  # orders
        super().__init__(server, "ndjson")

    def new_pieces(self) -> Iterator[Rows]:
        while True:
            fresh = self._orders[self._told : self._told + PIECE_ORDERS_OF_EVENTS]
            self._told += len(fresh)
            yield events_of(fresh or self._orders[max(0, self._told - PIECE_ORDERS_OF_EVENTS) : self._told])

    def pieces_again(self) -> Iterator[Rows]:
        for first in range(0, self._told, PIECE_ORDERS_OF_EVENTS):
            yield events_of(self._orders[first : min(first + PIECE_ORDERS_OF_EVENTS, self._told)])

    def take(self, answers: list[Any]) -> None:
        self.promises.take(answers)
