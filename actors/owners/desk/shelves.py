"""The reference tables as the warehouse part of the desk needs them: names, calendars, bins; the newest version."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from actors.store.table_store import TableStore
from router.tables.compiled import Tables
from router.tables.row_types import BinRow, CartonRow
from router.warehouse.bins import Bins
from router.warehouse.cartons import Carton, Size, Unit

T = TypeVar("T", bound=msgspec.Struct)


_DANGEROUS = 1  # goods_class of the compiled SKUs


class _SkuSize(msgspec.Struct, frozen=True):
    """What packing asks of a row of ``skus``."""

    sku: str
    length_mm: int = 0
    width_mm: int = 0
    height_mm: int = 0


class Shelves:
    """For any thread. Raises Damaged where tables are not what was written."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._bins: tuple[str | None, Bins] = (None, Bins(()))  # and the file they were read from
        self._cartons: tuple[str | None, list[Carton]] = (None, [])
        self._sizes: tuple[str | None, dict[str, Size]] = (None, {})

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
        with self._lock:
            version, file = self._file("bins")
            if file != self._bins[0]:
                self._bins = file, Bins(self._rows("bins", version, BinRow))
            return self._bins[1]

    def cartons(self) -> list[Carton]:
        with self._lock:
            version, file = self._file("cartons")
            if file != self._cartons[0]:
                rows = self._rows("cartons", version, CartonRow)
                self._cartons = file, [_carton(row) for row in rows]
            return self._cartons[1]

    def unit_of(self, sku: str) -> Unit | None:
        """As it is packed; None where its size is not said."""
        with self._lock:
            version, file = self._file("skus")
            if file != self._sizes[0]:
                rows = self._rows("skus", version, _SkuSize)
                sizes = ((row.sku, (row.length_mm, row.width_mm, row.height_mm)) for row in rows)
                self._sizes = file, {name: size for name, size in sizes if all(size)}
            size = self._sizes[1].get(sku)
        skus = self.naming(-1, -1).skus
        number = skus.ids.index(sku)
        if size is None or number < 0:
            return None
        return Unit(sku, size, int(skus.weight_g[number]), int(skus.goods_class[number]) == _DANGEROUS)

    def _file(self, table: str) -> tuple[int, str | None]:
        """The newest version, and the file of a table's rows in it."""
        versions = self._store.versions()
        return len(versions), versions[-1].rows.get(table) if versions else None

    def _rows(self, table: str, version: int, row_type: type[T]) -> Iterator[T]:
        decode = msgspec.json.Decoder(row_type).decode
        return (decode(line) for page in self._store.lines(table, version) for line in page)


def _carton(row: CartonRow) -> Carton:
    size = row.length_mm, row.width_mm, row.height_mm
    return Carton(row.carton, size, row.max_weight_g, row.weight_g, row.cost, row.dangerous_goods)
