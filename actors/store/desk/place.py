"""Whose desk a database is, and how far it has read the feed."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from actors.store.desk.schema import DESK
from router.errors import Misconfigured


def claim(connection: Connection, folder: str) -> None:
    """Take a new database for a data folder, named by a digest; raises Misconfigured where it is another one's."""
    if folder_of(connection) is None:
        connection.execute(insert(DESK).values(one=1, folder=folder, cursor=None))
    refuse_others(connection, folder)


def folder_of(connection: Connection) -> str | None:
    return connection.execute(select(DESK.c.folder)).scalar()


def refuse_others(connection: Connection, folder: str) -> None:
    """Raises Misconfigured where it is another data folder's."""
    if folder_of(connection) not in (None, folder):
        raise Misconfigured("the desk's database belongs to another data folder; name another one in [desk] url")


def cursor_of(connection: Connection) -> str | None:
    return connection.execute(select(DESK.c.cursor)).scalar()


def move_cursor(connection: Connection, cursor: str) -> None:
    connection.execute(update(DESK).values(cursor=cursor))
