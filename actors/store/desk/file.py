"""The desk's SQLite file for those who look at it from outside: no more than Python itself is needed."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3

from router.errors import Damaged

FILE = "desk.sqlite"
BUSY_S = 30.0


def opened(path: pathlib.Path, mode: str = "ro") -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(connected(path, mode))


def connected(path: pathlib.Path, mode: str = "ro") -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=BUSY_S)


def schema_version(folder: pathlib.Path) -> str | None:
    """None where there is no desk, or an empty one; raises Damaged."""
    file = folder / FILE
    if not file.exists() or not file.stat().st_size:
        return None
    try:
        with opened(file) as database:
            found = database.execute("select version_num from alembic_version").fetchone()
    except sqlite3.Error as fault:
        raise Damaged(f"{file} cannot be read ({fault})") from None
    return None if found is None else str(found[0])
