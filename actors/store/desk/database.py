"""The desk's database: SQLite in the data folder, or PostgreSQL; for threads. One process writes.

Writing takes turns: one transaction at a time, durable when its block ends. SQLite begins it as a writer at once
(``BEGIN IMMEDIATE``), because one that reads first and writes later fails where another wrote in between.
"""

from __future__ import annotations

import os
import pathlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Delete, Engine, Insert, Table, Update, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from actors.store.desk.file import FILE, connected
from actors.store.desk.migrate import migrate
from actors.store.private import make_folder, open_file
from router.errors import Damaged, Misconfigured, Retryable

RETRY_MS = 1_000
CONNECT_S = 10  # PostgreSQL, where the URL says nothing: a host that is silent is away
BUSY_MS = 5_000  # SQLite: a reader that recovers the file, or a backup, holds it for a moment
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY_MS}")


class Database:
    def __init__(self, folder: pathlib.Path, url: str) -> None:
        """Open it with the newest schema. Raises Misconfigured where that is no URL, Retryable while nobody answers,
        Damaged where the file is none of SQLite's any more."""
        self._writing = threading.Lock()
        self._engine = _postgresql(url) if url else _sqlite(folder)
        try:
            with self.write() as connection:
                migrate(connection)
        except BaseException:
            self.close()  # who got no database cannot close it, and tries again every few seconds
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, all of it or nothing; others wait. Raises Retryable where the database cannot now."""
        with self._writing, _our_faults(), self._engine.connect() as connection:
            connection = connection.execution_options(desk_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """What is durable, as of one moment."""
        with _our_faults(), self._engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        with self._writing:
            self._engine.dispose()


@contextmanager
def looked_at(folder: pathlib.Path, url: str) -> Iterator[Connection]:
    """A database as it is, to be read alone: nothing is made or brought to a version. Raises as ``Database`` does."""
    engine = (
        _postgresql(url) if url else sqlalchemy.create_engine("sqlite://", creator=lambda: connected(folder / FILE))
    )
    try:
        with _our_faults(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]], keys: list[str]) -> None:
    """Insert rows; those whose key is there already stay as they are."""
    if rows:
        execute_many(connection, _insert(connection, table).on_conflict_do_nothing(index_elements=keys), rows)


def put(connection: Connection, table: Table, rows: list[dict[str, Any]], keys: list[str]) -> None:
    """Insert rows in place of those that have their keys."""
    if rows:
        insert = _insert(connection, table)
        others = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
        execute_many(connection, insert.on_conflict_do_update(index_elements=keys, set_=others), rows)


def execute_many(connection: Connection, statement: Insert | Update | Delete, rows: list[dict[str, Any]]) -> None:
    """Once for each of the rows, which have the same names. SQLAlchemy itself takes as long for the parameters of a
    row as SQLite does for the row."""
    if not rows:
        return
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    constants = {name: value for name, value in compiled.params.items() if name not in rows[0]}
    whole = [constants | row for row in rows] if constants else rows
    names = compiled.positiontup  # None where the driver takes parameters by their names
    given = whole if names is None else [tuple(row[name] for name in names) for row in whole]
    connection.exec_driver_sql(str(compiled), given)


def _insert(connection: Connection, table: Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _sqlite(folder: pathlib.Path) -> Engine:
    make_folder(folder)
    file = folder / FILE
    os.close(open_file(file))  # so that it, and what SQLite puts beside it, is closed to others from its first byte
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _made(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("desk_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: str) -> Engine:
    try:
        made = sqlalchemy.make_url(url.replace("postgres://", "postgresql://", 1))
        if made.get_backend_name() != "postgresql":
            raise Misconfigured(f"[desk] url: {made.drivername!r} is no database of the desk; write postgresql://…")
        patient = made.update_query_dict({"connect_timeout": str(CONNECT_S), **made.query})
        return sqlalchemy.create_engine(patient.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError):
        raise Misconfigured("[desk] url is no URL of a database; write postgresql://user@host/name") from None
    except ImportError:
        raise Misconfigured(
            "[desk] url names PostgreSQL; install its driver: pip install 'order-router[postgres]'"
        ) from None


@contextmanager
def _our_faults() -> Iterator[None]:
    try:
        yield
    except DBAPIError as fault:
        if (
            isinstance(fault, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
            or fault.connection_invalidated
        ):
            said = str(fault.orig).strip().splitlines() or [type(fault).__name__]
            remedy = "see that it runs and can be reached"
            raise Retryable(f"the desk's database does not answer now ({said[0]}); {remedy}", RETRY_MS) from fault
        if type(fault.orig) is sqlite3.DatabaseError:  # SQLITE_NOTADB and SQLITE_CORRUPT; its subclasses are our bugs
            remedy = "`order-router doctor` says how to mend it"
            raise Damaged(f"the desk's database is damaged ({fault.orig}); {remedy}") from fault
        raise
