"""Further files of an export, whose columns are added to the rows of the orders: customers, payments, products."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Named
from decimal import Decimal

from adapters.channels.csv.cells import CellFault
from adapters.channels.csv.mapping import Join, Mapping, Merge, columns_in
from adapters.channels.csv.numbers import NumberFormat
from adapters.channels.csv.report import JoinedFile
from adapters.channels.csv.rows import Rows, bare
from router.errors import Misconfigured

Key = tuple[str, ...]
_UNUSED_EXAMPLES_MAX = 3


class JoinedTable:
    """One further file in memory: the rows of every key, and what the mapping uses of them."""

    def __init__(self, name: str, join: Join, rows: Rows, used: Collection[str], of_events: Collection[str]) -> None:
        """``used``: columns that are put beside the orders' rows; ``of_events``: those that events are made of."""
        self.name, self.join = name, join
        wanted = {*used, *of_events, *join.on.values(), *join.merge}
        header = rows.header(wanted)
        missing = sorted(wanted - set(header))
        if missing:
            raise Misconfigured(f"The file of joins.{name} has no columns {missing}. It has: {header}.")
        self.columns = sorted({*used, *join.merge})
        self._stored = self.columns + sorted(set(of_events) - set(self.columns))
        self._numbers = NumberFormat(join.file.decimal, join.file.thousands)
        keys = [header.index(column) for column in join.on.values()]
        places = [header.index(column) for column in self._stored]
        self._rows: dict[Key, list[list[str]]] = {}
        self._asked: set[Key] = set()
        self.count = 0
        for record in rows.rows():
            if not any(map(str.strip, record.cells)):
                continue
            if record.fault or len(record.cells) != len(header):
                said = record.fault or f"{len(record.cells)} cells where the header has {len(header)}"
                raise Misconfigured(f"Row {record.row} of the file of joins.{name} cannot be read: {said}.")
            self.count += 1
            key = tuple(bare(record.cells[place]) for place in keys)
            self._rows.setdefault(key, []).append([bare(record.cells[place]) for place in places])
        self.merged = functools.lru_cache(maxsize=65_536)(self._merged)

    def rows_of(self, key: Key) -> list[dict[str, str]]:
        return [dict(zip(self._stored, row, strict=True)) for row in self._rows.get(key, [])]

    def _merged(self, key: Key) -> list[str]:
        """The cells of a key, in the order of ``columns``; several rows are merged as the mapping says."""
        rows = self._rows.get(key)
        self._asked.add(key)
        if rows is None:
            if self.join.missing == "blank":
                return [""] * len(self.columns)
            raise CellFault("join_missing", f"joins.{self.name} has no row {shown_key(self.join, key)}")
        return [self._one(column, [row[at] for row in rows], key) for at, column in enumerate(self.columns)]

    def _one(self, column: str, cells: list[str], key: Key) -> str:
        how = self.join.merge.get(column)
        if len(cells) == 1:
            return cells[0]
        if how is None:
            if len(set(cells)) > 1:
                said = f"joins.{self.name} has rows {shown_key(self.join, key)} that differ in {column}: {cells[:2]}"
                raise CellFault("join_ambiguous", f"{said}; say under joins.{self.name}.merge what becomes of it")
            return cells[0]
        return self._put_together(how, cells)

    def _put_together(self, how: Merge, cells: list[str]) -> str:
        if how == "sum":
            try:
                total = sum((Decimal(self._numbers.plain(cell)) for cell in cells if cell), Decimal())
            except ValueError as fault:
                raise CellFault("amount_format", f"joins.{self.name}: {fault}") from None
            return f"{total:f}".replace(".", self.join.file.decimal)
        if how == "list":
            return ", ".join(dict.fromkeys(cell for cell in cells if cell))
        return cells[0 if how == "first" else -1]

    def unused(self) -> list[Key]:
        """Keys that no row of the orders asked for, in the order of the file."""
        return [key for key in self._rows if key not in self._asked]

    def account(self) -> JoinedFile:
        unused = self.unused()
        return JoinedFile(self.count, len(unused), [", ".join(key) for key in unused[:_UNUSED_EXAMPLES_MAX]])


def shown_key(join: Join, key: Key) -> str:
    return "with " + ", ".join(f"{column} {cell!r}" for column, cell in zip(join.on.values(), key, strict=True))


class Joiner:
    """Adds the columns of all joins to the rows of one file."""

    def __init__(self, header: list[str], tables: Sequence[JoinedTable]) -> None:
        self.header = list(header)
        self._steps: list[tuple[JoinedTable, list[int]]] = []
        for table in tables:
            missing = sorted(set(table.join.on) - set(self.header))
            if missing:
                raise Misconfigured(f"joins.{table.name}.on names columns {missing}; the rows have: {self.header}.")
            self._steps.append((table, [self.header.index(column) for column in table.join.on]))
            self.header += [f"{table.name}.{column}" for column in table.columns]

    def extend(self, cells: list[str]) -> list[str]:
        """Raises :class:`CellFault` where a row is missing or not clear."""
        for table, places in self._steps:
            cells = cells + table.merged(tuple(bare(cells[place]) for place in places))
        return cells


def make_tables(mapping: Mapping, files: Named[str, Rows], used: Collection[str]) -> list[JoinedTable]:
    """All further files, read; ``used``: the columns that the mapping names, those of joins as ``name.column``."""
    tables = []
    for name, join in mapping.joins.items():
        own = {column.removeprefix(f"{name}.") for column in used if column.startswith(f"{name}.")}
        of_events = set[str]()
        for rule in mapping.events:
            if rule.each == name:
                of_events |= {*rule.columns.values(), *columns_in(rule)} | ({rule.column} if rule.column else set())
        tables.append(JoinedTable(name, join, files[name], own, of_events))
    return tables
