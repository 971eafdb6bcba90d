"""A request with an Idempotency-Key is done once: who asks the same again is given the same answer."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from actors.store.desk import repeats
from actors.store.desk.repeats import Asked
from router.work.item import WorkRefused


def once(connection: Connection, asked: Asked, now_ms: int, answer: Callable[[], bytes]) -> bytes:
    """Within the transaction that does it; raises WorkRefused where the key stands for another request."""
    if not asked.key:
        return answer()
    before = repeats.find(connection, asked)
    if before is not None and before.digest != asked.digest:
        said = "This Idempotency-Key was used for another request; use a new one for each."
        raise WorkRefused("idempotency_conflict", said)
    if before is not None:
        return before.answer.encode()
    given = answer()
    repeats.keep(connection, asked, given.decode(), now_ms)
    return given
