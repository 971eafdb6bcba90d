"""The columns that a mapping names, found in the header of one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Named

from adapters.channels.csv.cells import SHEET_ERRORS, CellRule, compile_test
from adapters.channels.csv.fields import is_of_line
from adapters.channels.csv.joins import JoinedTable, Joiner
from adapters.channels.csv.mapping import Cell, Filter, Mapping, columns_in, columns_of
from adapters.channels.csv.report import REJECT_REASON
from adapters.channels.csv.rows import Rows, bare
from adapters.channels.csv.sent_back import RejectColumns
from router.errors import Misconfigured

Getter = Callable[[list[str]], str]
BoundFilter = tuple[Filter, int, Callable[[str], bool]]  # with the place of its column


def used_columns(mapping: Mapping) -> set[str]:
    """Every column that is named anywhere, those of joins as ``name.column``."""
    used = {column for path in mapping.columns for column in columns_of(mapping, path)}
    used |= {rule.column for rule in mapping.filters if rule.column}
    used |= {cell.or_column for cell in mapping.cells.values() if cell.or_column}
    used |= {column for join in mapping.joins.values() for column in join.on}
    return used | set(event_columns(mapping))


def event_columns(mapping: Mapping) -> list[str]:
    """Columns of the orders' own rows that events are made of; those of a rule with ``each`` are its join's."""
    names: dict[str, None] = {}
    for rule in mapping.events:
        if rule.column and not rule.each:
            names[rule.column] = None
        if not rule.each:
            names |= dict.fromkeys([*rule.columns.values(), *columns_in(rule)])
        else:
            names |= dict.fromkeys(mapping.joins[rule.each].on)
    return list(names)


def columns_beside(mapping: Mapping) -> list[str]:
    """Columns behind the fields of a head: of events, and those that stand in for a field that no row fills."""
    return event_columns(mapping) + [mapping.cells[path].or_column for path in paths_with_another(mapping)]


def paths_with_another(mapping: Mapping) -> list[str]:
    """Fields of the order that another column stands in for."""
    fields = (path for path in mapping.columns if path != "order_id" and not is_of_line(path))
    return [path for path in fields if path in mapping.cells and mapping.cells[path].or_column]


class Binding:
    """Positions for names, once a file; a missing or repeated name is refused in words, all of them at once."""

    def __init__(
        self, mapping: Mapping, rows: Rows, tables: Sequence[JoinedTable], rules: Named[str, CellRule]
    ) -> None:
        joined = tuple(f"{name}." for name in mapping.joins)
        own = {name for name in used_columns(mapping) if not (joined and name.startswith(joined))}
        header = rows.header(own)
        self.sent_back = RejectColumns(header) if REJECT_REASON in header else None
        header = self.sent_back.own(header) if self.sent_back is not None else header
        _refuse_missing(header, own)
        self.header, self.width = header, len(header)
        self.delimiter = rows.delimiter
        self._joiner = Joiner(header, tables)
        self._places = {name: place for place, name in reversed(list(enumerate(self._joiner.header)))}
        self._used = [(self._places[name], name) for name in sorted(used_columns(mapping)) if name in self._places]
        self._cells = mapping.cells
        self.extend = self._joiner.extend if tables else lambda cells: cells
        self.order_id = self._getter(mapping, "order_id")
        scope = mapping.order_id_scope
        self.scope: Getter = self._getter(mapping, scope) if scope in mapping.columns else lambda _: ""
        paths = [path for path in mapping.columns if path != "order_id"]
        self.head = [self._getter(mapping, path, other=False) for path in paths if not is_of_line(path)]
        self.head += [self._one(column) for column in columns_beside(mapping)]
        self.line = [(rules[path].early, self._getter(mapping, path)) for path in paths if is_of_line(path)]
        tests = [(rule, compile_test(rule, mapping)) for rule in mapping.filters]
        self.filters: list[BoundFilter] = [
            (rule, self._places[rule.column], fits) for rule, fits in tests if rule.column
        ]
        self.text_filters = [(rule, fits) for rule, fits in tests if not rule.column]

    def padded(self, cells: list[str]) -> list[str]:
        """The cells of a faulty row with blanks for those it lacks, the columns of joins among them."""
        missing = len(self._joiner.header) - len(cells)
        return cells + [""] * missing

    def error_in(self, cells: list[str]) -> str:
        """Which column of the mapping has an error of a spreadsheet for a value; empty where none has."""
        if SHEET_ERRORS.isdisjoint(cells):
            return ""
        found = next(((name, cells[place]) for place, name in self._used if cells[place] in SHEET_ERRORS), None)
        if found is None:
            return ""
        return f"column {found[0]!r} has the error {found[1]} of a spreadsheet: mend the formula, or write the value"

    def _one(self, column: str) -> Getter:
        place = self._places.get(column)
        if place is None:
            raise Misconfigured(
                f"The mapping uses column {column!r}, which no file has. There are: {list(self._places)}."
            )
        return lambda cells: cell.strip() if (cell := cells[place])[:2] != '="' else bare(cell)

    def _getter(self, mapping: Mapping, path: str, other: bool = True) -> Getter:
        """The text of a field: one cell, several put together, or (``other``) another column where these are blank."""
        said = self._cells.get(path, Cell())
        parts = [self._one(column) for column in columns_of(mapping, path)]
        instead = self._one(said.or_column) if said.or_column and other else None
        if len(parts) == 1 and instead is None:
            return parts[0]

        def text(cells: list[str]) -> str:
            joined = said.join.join(filter(None, (part(cells) for part in parts)))
            return instead(cells) if not joined and instead is not None else joined

        return text


def _refuse_missing(header: list[str], wanted: set[str]) -> None:
    faults = [
        f"{name!r}, which the file has {'twice' if name in header else 'not'}"
        for name in sorted(wanted)
        if header.count(name) != 1
    ]
    if faults:
        raise Misconfigured(f"The mapping uses column {'; and '.join(faults)}. It has: {header}.")
