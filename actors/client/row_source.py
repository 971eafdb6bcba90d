"""Files of rows and their mapping as a source of orders: further files, standard input, events and rejects beside."""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Named
from typing import BinaryIO

from actors.client.rejects import RowRejects
from actors.client.sources import STANDARD_INPUT, Block, order_blocks, rows_of
from adapters.channels.csv.binding import used_columns
from adapters.channels.csv.joins import make_tables
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.mapping import Mapping
from adapters.channels.csv.marks import marks_of
from adapters.channels.csv.report import CsvReport
from adapters.channels.csv.translate import ComposedOrder, CsvTranslator
from router.errors import Misconfigured


class RowSource:
    """``with RowSource(…) as source: for block in source.blocks()``; the account of all rows is ``source.report``."""

    def __init__(
        self,
        paths: Sequence[str],
        mapping: Mapping,
        joins: Named[str, str],
        rejects: RowRejects | None = None,
        events: BinaryIO | None = None,
    ) -> None:
        self._mapping, self.writer, self._events = mapping, rejects, events
        self._spooled: list[str] = []
        self._paths = [self._path(path) for path in paths]
        folder = pathlib.Path(self._paths[0]).parent if paths[0] != STANDARD_INPUT else pathlib.Path()
        files = {
            name: rows_of(path, mapping.joins[name].file, marks_of(mapping, name))
            for name, path in self._joined(joins, folder)
        }
        self._translator = CsvTranslator(
            mapping, make_tables(mapping, files, used_columns(mapping)), rejects, self._write
        )

    def __enter__(self) -> RowSource:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._spooled:
            pathlib.Path(path).unlink(missing_ok=True)

    @property
    def report(self) -> CsvReport:
        return self._translator.report

    @property
    def tells_payments(self) -> bool:
        """Whether the mapping makes events of payments, under ids of its own."""
        return any(rule.type.startswith("payment_") for rule in self._mapping.events)

    def orders(self) -> Iterator[ComposedOrder]:
        marks = marks_of(self._mapping)
        openers = [lambda path=path: rows_of(path, self._mapping.file, marks) for path in self._paths]
        for order in self._translator.translate(openers):
            self._write(order.events)
            yield order

    def _write(self, events: list[bytes]) -> None:
        if self._events is not None:
            self._events.writelines(event + b"\n" for event in events)

    def blocks(self) -> Iterator[Block]:
        return order_blocks(self.orders())

    def _joined(self, joins: Named[str, str], folder: pathlib.Path) -> Iterator[tuple[str, str]]:
        for name in joins:
            if name not in self._mapping.joins:
                raise Misconfigured(
                    f"--join {name}: the mapping has no joins.{name}; it has {list(self._mapping.joins)}."
                )
        for name, join in self._mapping.joins.items():
            if name not in joins and not join.path:
                raise Misconfigured(f"The mapping needs the file of joins.{name}: add --join {name}=FILE.")
            yield name, self._path(joins[name]) if name in joins else str(folder / join.path)

    def _path(self, path: str) -> str:
        """Standard input is kept in a file, because rows may have to be read twice."""
        if path != STANDARD_INPUT:
            return path
        if self._spooled:
            raise Misconfigured("Standard input (-) can be read only once.")
        with tempfile.NamedTemporaryFile(prefix="order-router-", delete=False) as kept:
            self._spooled.append(kept.name)
            shutil.copyfileobj(sys.stdin.buffer, kept)
        return kept.name


def read_mapping(path: str) -> Mapping:
    with open(path, "rb") as file:
        return load_mapping(file.read())
