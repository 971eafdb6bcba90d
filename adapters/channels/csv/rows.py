"""Lines of text as rows of a file: where the header stands, what each row is called, and what a stray quote swallowed.

A row is called by the line it begins on, as an editor shows it. A quote that opens and is not closed in its row takes
the lines behind it into one cell; where the lines of such a record are rows by themselves, they are told as lost, one
by one, instead of being read as one.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from adapters.channels.csv.mapping import FileFormat
from router.errors import Misconfigured

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")
_POINT = "."
_HEADER_ROWS_MAX = 1_000  # looked through for the header
CELL_CHARACTERS_MAX = 1 << 17  # the bound of ``csv``, where nobody else in the process has set another
LINE_CHARACTERS_MAX = 1 << 20  # of a line of text; no row of an export comes near it, and a line is held as a whole


class Record(NamedTuple):
    """One row. With a fault, ``cells`` is what its line holds when quotes are letters."""

    row: int  # its first line, from 1
    cells: list[str]
    fault: str = ""
    swallowed: bool = False  # the fault is a quote that took further lines into its cell
    told: str = ""  # in a file of rejects: the reason that it names


class TextRows:
    """A file as its header, what stood above it, and its rows; read once."""

    def __init__(self, lines: Iterable[str], file: FileFormat, name: str = "") -> None:
        self.name = name
        self.before: list[Record] = []
        self.preamble: list[str] = []  # the lines above that are always skipped
        self._tape = _Tape(self._bounded(lines))
        self._file = file
        self._names: list[str] = []  # of the columns, when the header is read
        self._first: list[Record] = []  # read while the header was looked for
        self.delimiter = file.delimiter
        self._skip()
        # Strictly: a quote in the wrong place is a fault of its row, not part of a name.
        self._reader = self._csv(self._tape, strict=True)

    def _bounded(self, lines: Iterable[str]) -> Iterator[str]:
        """Raises :class:`Misconfigured` for a line that is no row: its whole would take all memory before it is one."""
        for line in lines:
            if len(line) > LINE_CHARACTERS_MAX:
                where = self._column("".join([*self._tape.taken, line]))
                raise Misconfigured(
                    f"Line {self._tape.number + 1} of {self.name or 'the CSV file'} has more than "
                    f"{LINE_CHARACTERS_MAX:,} characters, in {where}, which no row of orders has. See that the file is "
                    "one of rows, and written with the file.delimiter, file.quote and file.encoding of the mapping."
                )
            yield line

    def _column(self, text: str) -> str:
        """The column in which the row with this text has its first cell that is too large, or the last one looked at.

        Where ``csv`` reads the text up to some place and not a cell further on, it is the cell that ends there.
        """
        place, most = 0, CELL_CHARACTERS_MAX
        for end in range(most, min(len(text), LINE_CHARACTERS_MAX) + most, most):
            try:
                [cells] = self._csv([text[:end]], strict=False)
            except csv.Error:
                break
            larger = [at for at in range(place, len(cells)) if len(cells[at]) > most]
            place = larger[0] if larger else len(cells) - 1
            if larger:
                break
        return f"column {self._names[place]!r}" if place < len(self._names) else f"column {place + 1}"

    def _csv(self, lines: Iterable[str], strict: bool) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self._file.quote or None,
            quoting=csv.QUOTE_MINIMAL if self._file.quote else csv.QUOTE_NONE,
            strict=strict,
        )

    def _skip(self) -> None:
        """The line with which a spreadsheet names the separator, and what the mapping says to skip."""
        first = next(self._tape, None)
        if first is None:
            return
        skipped = [first]
        said = _SEPARATOR_LINE.fullmatch(first)
        if said is not None:
            self.delimiter = said[1]
        elif not self._file.skip_lines:
            self._tape.put_back(first)
            return
        skipped += itertools.islice(self._tape, max(self._file.skip_lines - 1, 0))
        self.preamble = skipped
        self.before += [Record(row, [line.rstrip("\r\n")]) for row, line in enumerate(skipped, 1)]

    def header(self, wanted: Collection[str]) -> list[str]:
        """Names of the columns. Blank rows above them are passed over; with ``find_header`` whatever lacks a column."""
        rows = self._read(0)
        if self._file.column_names:
            return self._given_names(rows)
        for _, record in zip(range(_HEADER_ROWS_MAX), rows, strict=False):
            names = [cell.strip() for cell in record.cells]
            if not record.fault and any(names) and (not self._file.find_header or set(wanted) <= set(names)):
                self._names = names
                return names
            if record.fault and not self._file.find_header:
                raise Misconfigured(f"The first row of the CSV file cannot be read: {record.fault}; check its quotes.")
            self.before.append(Record(record.row, record.cells))
        if self._file.find_header and self.before:
            raise Misconfigured(f"No row of the CSV file has all columns that the mapping uses: {sorted(wanted)}.")
        raise Misconfigured("The CSV file is empty; its first row must name the columns.")

    def _given_names(self, rows: Iterator[Record]) -> list[str]:
        """A file without a header; one that has it all the same (what was refused, sent again) keeps its own."""
        self._names = names = list(self._file.column_names)
        first = next(rows, None)
        if first is not None and first.cells[: len(names)] == names:
            self._names = first.cells
        elif first is not None:
            self._first = [first]
        return [*self._names]

    def rows(self) -> Iterator[Record]:
        yield from self._first
        yield from self._read(len(self._names))

    def _read(self, width: int) -> Iterator[Record]:
        """Rows as the quotes have it, and the lines one by one where the quotes cannot be right."""
        tape = self._tape
        while True:
            tape.taken.clear()
            row = tape.number + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as fault:
                yield from self._apart(row, self._said(fault))
                continue
            if self._has_too_large(cells):
                yield from self._apart(row, self._too_large())
                continue
            if len(cells) > width > 0 and not any(cells[width:]):
                cells = cells[:width]  # separators at the end of a row, behind which nothing stands
            if len(tape.taken) > 1 and width and (len(cells) != width or self._has_swallowed(cells)):
                yield from self._apart(row, "a quote that is not closed in its row took the rows behind it")
            else:
                yield Record(row, cells)

    def _said(self, fault: csv.Error) -> str:
        """The fault in words; of a cell that is larger than ``csv`` takes also where it stands."""
        return self._too_large() if str(fault).startswith("field larger") else str(fault)

    def _has_too_large(self, cells: list[str]) -> bool:
        """Whether ``csv``, of which another part of the process may ask for more, let a cell pass."""
        if sum(map(len, self._tape.taken)) <= CELL_CHARACTERS_MAX:
            return False
        return any(len(cell) > CELL_CHARACTERS_MAX for cell in cells)

    def _too_large(self) -> str:
        where = self._column("".join(self._tape.taken))
        return f"{where} has more than {CELL_CHARACTERS_MAX:,} characters: shorten it, or close the quote before it"

    def _has_swallowed(self, cells: list[str]) -> bool:
        """Whether a cell of several lines is the end of a row, others, and the beginning of one up to its own column.

        Only then has a row that swallowed others the right number of cells. The lines of a note do not add up so.
        """
        more, mark = len(cells) - 1, self.delimiter
        for at, cell in enumerate(cells):
            lines = _LINE_END.split(cell)
            if len(lines) > 1 and more and lines[0].count(mark) >= more - at and lines[-1].count(mark) == at:
                return True
        return False

    def _apart(self, row: int, fault: str) -> Iterator[Record]:
        taken = list(self._tape.taken)
        for at, line in enumerate(taken):
            cells = [_unquoted(cell, self._file.quote) for cell in line.rstrip("\r\n").split(self.delimiter)]
            yield Record(row + at, cells, fault, len(taken) > 1)


def bare(cell: str) -> str:
    """The cell without blanks around it, and without the ``="00123"`` that keeps a spreadsheet's hands off an id."""
    cell = cell.strip()
    return cell[2:-1] if cell[:2] == '="' and cell[-1] == '"' and len(cell) > 2 else cell


def _unquoted(cell: str, quote: str) -> str:
    """A cell of a line that was split without regard for quotes; a lone quote stays what it is."""
    if quote and len(cell) > 1 and cell[0] == cell[-1] == quote:
        return cell[1:-1].replace(quote * 2, quote)
    return cell


class _Tape:
    """Lines as ``csv`` takes them; remembers those of the record that is being read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: list[str] = []
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> _Tape:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        if not self.number:
            line = line.removeprefix("\ufeff")
        self.number += 1
        self.taken.append(line)
        return line

    def put_back(self, line: str) -> None:
        self._again.append(line)
        self.number -= 1


class CellRows:
    """The rows of a sheet of a workbook, which has neither quotes nor a separator, and of a number only its value."""

    def __init__(
        self, rows: Iterable[Sequence[str | Decimal]], file: FileFormat, name: str, marks: Mapping[str, str]
    ) -> None:
        """``marks``: of a column that is read as numbers the decimal mark (marks.py)."""
        self.name = name
        self.delimiter = file.delimiter  # of what is written down of the sheet as text
        self._file, self._marks = file, marks
        self._rows = enumerate(rows, 1)
        self._columns: list[str] = []  # of each the decimal mark
        self.before: list[Record] = list(map(self._record, itertools.islice(self._rows, file.skip_lines)))
        self.preamble = [file.delimiter.join(record.cells) + "\n" for record in self.before]

    def header(self, wanted: Collection[str]) -> list[str]:
        names = list(self._file.column_names) or self._names(wanted)
        self._columns = [self._marks.get(name, _POINT) for name in names]
        return names

    def _names(self, wanted: Collection[str]) -> list[str]:
        for _, row in zip(range(_HEADER_ROWS_MAX), self._rows, strict=False):
            record = self._record(row)
            names = [cell.strip() for cell in record.cells]
            if any(names) and (not self._file.find_header or set(wanted) <= set(names)):
                return names
            self.before.append(record)
        raise Misconfigured(f"The sheet has no row with the columns that the mapping uses: {sorted(wanted)}.")

    def rows(self) -> Iterator[Record]:
        return map(self._record, self._rows)

    def _record(self, row: tuple[int, Sequence[str | Decimal]]) -> Record:
        number, cells = row
        marks = itertools.chain(self._columns, itertools.repeat(_POINT))
        return Record(number, [_written(cell, mark) for cell, mark in zip(cells, marks, strict=False)])


def _written(cell: str | Decimal, mark: str) -> str:
    return cell if isinstance(cell, str) else f"{cell:f}".replace(_POINT, mark)


Rows = TextRows | CellRows
