"""What waits on the desk, counted now and then for ``/metrics``."""

from __future__ import annotations

import pathlib

from actors.store.desk import items, outbox
from actors.store.desk.database import Database
from actors.store.desk.figures import Figures, tell

COUNT_EVERY_MS = 5_000  # counting a million items takes some tenths of a second


class Counting:
    """For one thread."""

    def __init__(self, database: Database, path: pathlib.Path) -> None:
        self._database = database
        self._path = path
        self._counted_ms = 0

    def tell(self, now_ms: int) -> None:
        if now_ms - self._counted_ms < COUNT_EVERY_MS:
            return
        self._counted_ms = now_ms
        with self._database.read() as connection:
            letters, oldest_ms = outbox.depth(connection)
            tell(self._path, Figures(items.depths(connection), letters, oldest_ms))
