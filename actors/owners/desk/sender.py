"""The way of the outbox: what was decided goes to the shards as events, and what became of it is kept beside it.

    outbox: waiting ─▶ post ─▶ applied, duplicate ─▶ kept
                │       └────▶ refused ─▶ kept, and its item, if its cause stands, is open again with the reason:
                │                           one transaction
                └── no answer, or the order is busy: the same event again

An event that was sent and not answered is sent again under the same id, so it happens once, whoever dies in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from actors.owners.calls import Unanswered
from actors.process.fatal import or_die
from actors.store.data_folder import now_ms
from actors.store.desk import items, outbox
from actors.store.desk.database import Database
from actors.store.desk.outbox import Letter
from router.errors import Retryable
from router.work.acts import is_for_later, why_refused
from router.work.item import reopened

LETTERS_MAX = 256
LOOK_EVERY_S, PAUSE_S = 5.0, 0.25

Answer = Mapping[str, Any]
Post = Callable[[Sequence[Letter]], list[Answer]]  # an answer each; raises Unanswered, Retryable


class Follower(Protocol):
    """What else follows from an answer, in the transaction that keeps it."""

    def put_aside(self, connection: Connection, letter: Letter, answer: Answer, now_ms: int) -> bool:
        """Whether it is kept for another try; then the answer is none."""

    def heard(self, connection: Connection, letter: Letter, answer: Answer, now_ms: int) -> None:
        """It is kept."""


class OutboxSender:
    def __init__(
        self, database: Database, post: Post, follower: Follower, kept: Callable[[], None],
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:  # fmt: skip
        """``kept`` is called when answers, and what follows from them, are durable."""
        self._database = database
        self._post = post
        self._follower = follower
        self._kept = kept
        self._clock_ms = clock_ms
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=lambda: or_die(self._run), name="outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    def stop(self) -> None:
        """What waits goes with the next start."""
        self._stopping = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        self._woken.set()  # for what the last life left
        while True:
            self._woken.wait(LOOK_EVERY_S)
            self._woken.clear()
            if self._stopping:
                return
            try:
                while self.send() and not self._stopping:
                    pass
            except (Retryable, Unanswered):
                threading.Event().wait(PAUSE_S)
                self._woken.set()

    def send(self) -> int:
        """Send what waits, a letter an order; how many were answered. Raises Unanswered, Retryable."""
        with self._database.read() as connection:
            letters = outbox.waiting(connection, LETTERS_MAX)
        if not letters:
            return 0
        answers = self._post(letters)
        return self.keep(letters, answers)

    def keep(self, letters: Sequence[Letter], answers: Sequence[Answer]) -> int:
        final = [pair for pair in zip(letters, answers, strict=True) if not is_for_later(pair[1])]
        with self._database.write() as connection:
            for letter, answer in final:
                self._keep(connection, letter, answer, self._clock_ms())
        self._kept()
        if len(final) < len(letters):
            raise Retryable("an order is busy", int(1000 * PAUSE_S))
        return len(final)

    def _keep(self, connection: Connection, letter: Letter, answer: Answer, now: int) -> None:
        if self._follower.put_aside(connection, letter, answer, now):
            return
        said = msgspec.json.encode(answer).decode()
        if not outbox.answered(connection, letter, answer["status"], said, now):
            return
        self._follower.heard(connection, letter, answer, now)
        item = items.find(connection, letter.work_id) if answer["status"] == "refused" else None
        if item is not None and item.may_reopen:
            event_type = msgspec.json.decode(letter.event)["type"]
            items.replace(connection, reopened(item, why_refused(event_type, answer)))
