"""Answers to requests with an Idempotency-Key, kept for those who ask the same again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from actors.store.desk.schema import REPEATS

KEPT_MS = 30 * 86_400_000


class Asked(NamedTuple):
    """Who asked, under which key, what."""

    caller: str
    key: str
    digest: str


class Answered(NamedTuple):
    digest: str
    answer: str


def find(connection: Connection, asked: Asked) -> Answered | None:
    """The answer of before; of another ``digest`` where the key was used for something else."""
    query = select(REPEATS.c.digest, REPEATS.c.answer)
    row = connection.execute(query.where(REPEATS.c.caller == asked.caller, REPEATS.c.key == asked.key)).one_or_none()
    return None if row is None else Answered(*row)


def keep(connection: Connection, asked: Asked, answer: str, now_ms: int) -> None:
    connection.execute(insert(REPEATS).values(**asked._asdict(), answer=answer, made_ms=now_ms))


def forget(connection: Connection, now_ms: int) -> None:
    connection.execute(delete(REPEATS).where(REPEATS.c.made_ms < now_ms - KEPT_MS))
