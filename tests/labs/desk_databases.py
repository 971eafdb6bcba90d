"""The databases that a desk may have: SQLite in a folder, and a PostgreSQL server of the test's own."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy

from bench.peers.job import PeerAbsent
from bench.peers.postgres import Postgres

KINDS = ("sqlite", "postgresql")


@contextmanager
def server() -> Iterator[str]:
    """URL of an empty database; the test is skipped where PostgreSQL is not installed."""
    try:
        with Postgres() as running:
            yield running.url
    except PeerAbsent as absent:
        pytest.skip(str(absent))


def emptied(url: str) -> str:
    """The same database without what was in it."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    engine.dispose()
    return url


def sqlite_url(folder: pathlib.Path) -> str:
    """For SQLAlchemy itself."""
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'desk.sqlite'}"
