"""Comparisons of partners' figures with the books, in the desk's database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, insert, select, update

from actors.store.desk.schema import RECONCILIATIONS
from router.work.reconcile import Run


def add(connection: Connection, run: Run) -> None:
    connection.execute(insert(RECONCILIATIONS).values(**msgspec.structs.asdict(run)))


def put(connection: Connection, run: Run) -> None:
    is_it = RECONCILIATIONS.c.run_id == run.run_id
    connection.execute(update(RECONCILIATIONS).where(is_it).values(**msgspec.structs.asdict(run)))


def find(connection: Connection, run_id: str) -> Run | None:
    row = connection.execute(select(RECONCILIATIONS).where(RECONCILIATIONS.c.run_id == run_id)).one_or_none()
    return None if row is None else Run(**row._mapping)


def first_fetched(connection: Connection) -> Run | None:
    """One whose figures are there and not compared yet."""
    query = select(RECONCILIATIONS).where(RECONCILIATIONS.c.state == "fetched").order_by(RECONCILIATIONS.c.run_id)
    row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else Run(**row._mapping)
