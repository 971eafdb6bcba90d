"""A reader whose effect is a row in SQLite, and which can kill itself at any step of it."""

from __future__ import annotations

import os
import pathlib
import signal
import sqlite3
from collections.abc import Sequence

from actors.owners.reader import Reader
from actors.store.data_folder import DataFolder
from router.feed.changes import Changes

_MADE = """
create table if not exists seen (order_id text, version integer, event integer, after integer, channel text,
                                 shard integer, reference integer, primary key (order_id, version));
create table if not exists place (one integer primary key check (one = 1), cursor text);
"""


class SqliteEffect:
    """Rows without "or ignore": a change that comes again is a fault."""

    columns = ("order_id", "version", "event", "after", "channel")

    def __init__(self, file: pathlib.Path, dies_at: int = 0) -> None:
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.executescript(_MADE)
        self._steps_left = dies_at

    def cursor(self) -> str | None:
        found = self._database.execute("select cursor from place").fetchone()
        return None if found is None else str(found[0])

    def apply(self, changes: Sequence[Changes], cursor: str) -> None:
        self._step()
        self._database.execute("begin immediate")
        for part in changes:
            rows = zip(*(column.to_pylist() for column in part.batch.columns), part.references.tolist(), strict=True)
            self._database.executemany(
                "insert into seen values (?, ?, ?, ?, ?, ?, ?)", ((*row[:5], part.shard, row[5]) for row in rows)
            )
            self._step()
        self._database.execute("insert or replace into place values (1, ?)", (cursor,))
        self._step()
        self._database.execute("commit")
        self._step()

    def close(self) -> None:
        self._database.close()

    def _step(self) -> None:
        self._steps_left -= 1
        if self._steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def run(folder: pathlib.Path, file: pathlib.Path, dies_at: int = 0) -> None:
    """What a process of the reader does: read until SIGTERM. ``dies_at``: end by SIGKILL at that step of the effect."""
    told: set[int] = {signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, told)
    reader = Reader("sqlite", DataFolder(folder), SqliteEffect(file, dies_at))
    reader.start()
    signal.sigwait(told)
    reader.drain()
