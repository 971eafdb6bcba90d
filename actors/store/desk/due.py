"""What is to be looked at again, in the desk's database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from actors.store.desk.database import execute_many, put
from actors.store.desk.schema import DUE
from router.work.told import Due, Key

_PLACES_ASKED = 500  # at once


def start(connection: Connection, due: Iterable[Due]) -> None:
    """In place of what an order's record and a kind had before."""
    put(connection, DUE, [each._asdict() for each in due], ["place", "kind"])


def end(connection: Connection, keys: Sequence[Key]) -> None:
    statement = delete(DUE).where(DUE.c.place == bindparam("at"), DUE.c.kind == bindparam("of"))
    execute_many(connection, statement, [{"at": place, "of": kind} for place, kind in keys])


def of_places(connection: Connection, places: Sequence[int]) -> Iterator[Due]:
    """Those of these orders' records."""
    for first in range(0, len(places), _PLACES_ASKED):
        asked = select(DUE).where(DUE.c.place.in_(places[first : first + _PLACES_ASKED]))
        yield from [Due(**row._mapping) for row in connection.execute(asked)]


def until(connection: Connection, due_ms: int, limit: int) -> list[Due]:
    """The first ones that are due by then."""
    rows = connection.execute(select(DUE).where(DUE.c.due_ms <= due_ms).order_by(DUE.c.due_ms).limit(limit))
    return [Due(**row._mapping) for row in rows]


def next_ms(connection: Connection) -> int | None:
    """When the first one is due; None where there is none."""
    return connection.execute(select(func.min(DUE.c.due_ms))).scalar()
