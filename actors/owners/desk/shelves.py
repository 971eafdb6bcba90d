"""The reference tables as the warehouse part of the desk needs them: names, calendars, bins; the newest version."""

from __future__ import annotations

import threading

from actors.store.table_store import TableStore
from router.tables.compiled import Tables
from router.tables.row_types import BinRow
from router.tables.rows import row_decoder
from router.warehouse.bins import Bins


class Shelves:
    """For any thread. Raises Damaged where tables are not what was written."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._bins: tuple[str | None, Bins] = (None, Bins(()))  # and the file they were read from

    def version(self, version: int) -> Tables:
        return self._store.load(version)

    def naming(self, sku: int, node: int) -> Tables:
        """Numbers are never given out twice, so the newest tables name all."""
        return self.version(self._store.current())

    def numbers_of(self, nodes: list[str]) -> list[int]:
        """Of these nodes, as far as there are any of them."""
        ids = self.naming(-1, -1).nodes.ids
        return [number for number in map(ids.index, nodes) if number >= 0]

    def bins(self) -> Bins:
        version = self._store.current()
        versions = self._store.versions()
        file = versions[version - 1].rows.get("bins") if version else None
        with self._lock:
            if file != self._bins[0]:
                decode = row_decoder(BinRow)
                pages = self._store.lines("bins", version)
                self._bins = file, Bins(decode(line) for page in pages for line in page)
            return self._bins[1]
