"""The decimal mark that number cells of a workbook are written with, so that what reads their column reads their value.

A number cell has a value and no marks; the channel reads texts. Written with the mark of its own column, 1.125 is
``1,125`` where the mapping says ``decimal = ","`` and is read as what it was, whatever stands between thousands; a file
of rejects can be read again with the same mapping.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.channels.csv.fields import field_of
from adapters.channels.csv.mapping import Cell, Event, Mapping, Test, columns_of
from router.log.event_fields import COMMON, FIELDS, Form


def marks_of(mapping: Mapping, join: str = "") -> dict[str, str]:
    """Column -> decimal mark, of the columns of the orders' rows or of a joined file that are read as numbers."""
    marks: dict[str, str] = {}
    for column, mark in (*_of_sums(mapping), *_of_fields(mapping), *_of_tests(mapping), *_of_events(mapping)):
        marks.setdefault(column, mark)
    if not join:
        return marks
    start = f"{join}."
    return {column.removeprefix(start): mark for column, mark in marks.items() if column.startswith(start)}


def _of_sums(mapping: Mapping) -> Iterator[tuple[str, str]]:
    for name, join in mapping.joins.items():
        yield from ((f"{name}.{column}", join.file.decimal) for column, how in join.merge.items() if how == "sum")


def _of_fields(mapping: Mapping) -> Iterator[tuple[str, str]]:
    for path in mapping.columns:
        yield from ((column, mark) for mark in read_with(mapping, path) for column in _all_columns(mapping, path))


def _all_columns(mapping: Mapping, path: str) -> tuple[str, ...]:
    other = mapping.cells.get(path, Cell()).or_column
    return (*columns_of(mapping, path), other) if other else columns_of(mapping, path)


def read_with(mapping: Mapping, path: str) -> tuple[str, ...]:
    """The decimal mark of a field that is a number; none where it is another."""
    field = field_of(path)
    if field is None or field.kind not in ("amount", "integer"):
        return ()
    return (mapping.cells.get(path, Cell()).decimal or mapping.file.decimal,)


def _of_tests(mapping: Mapping) -> Iterator[tuple[str, str]]:
    tests: list[Test] = [*mapping.filters, *mapping.events]
    for test in tests:
        if test.below is not None or test.at_most is not None:
            yield _named(test), mapping.file.decimal


def _of_events(mapping: Mapping) -> Iterator[tuple[str, str]]:
    for rule in mapping.events:
        for name, column in rule.columns.items():
            if name in FIELDS | COMMON and (FIELDS | COMMON)[name].form in (Form.AMOUNT, Form.COUNT):
                yield (f"{rule.each}.{column}" if rule.each else column), mapping.file.decimal


def _named(test: Test) -> str:
    """The column of a test as the orders' rows have it; an event of every row of a join names that join's own."""
    return f"{test.each}.{test.column}" if isinstance(test, Event) and test.each else test.column
