"""Rows of one or more files gathered to drafts of orders; what belongs to no order is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Named

import xxhash

from adapters.channels.csv import report as words
from adapters.channels.csv.binding import Binding
from adapters.channels.csv.cells import CellFault, CellRule
from adapters.channels.csv.draft import Draft, DraftLine, HeadMerger, Key, Told
from adapters.channels.csv.joins import JoinedTable
from adapters.channels.csv.mapping import Mapping
from adapters.channels.csv.report import Account
from adapters.channels.csv.rows import Record, Rows
from adapters.channels.csv.sorting import ALONE, RowSorter, Sorted, shown

Opener = Callable[[], Rows]


class Gatherer:
    def __init__(
        self,
        mapping: Mapping,
        tables: Sequence[JoinedTable],
        rules: Named[str, CellRule],
        merger: HeadMerger,
        account: Account,
    ) -> None:
        self._mapping, self._tables, self._rules, self._merger = mapping, tables, rules, merger
        self._account = account
        self._sorter = RowSorter(mapping, rules["order_id"])
        self._joins_files = mapping.across_files == "join"
        self.broken = self._sorter.broken  # orders that have a row which cannot be read: reason and detail
        self.apart: set[int] = set()  # orders whose rows do not stand together, where they have to
        self.is_sent_back = False  # a file of rejects: of all orders it has those that were refused
        self._header: list[str] = []  # of the file that is read

    def drafts(self, openers: Sequence[Opener]) -> Iterator[Draft]:
        return self._all(openers) if self._mapping.group == "all" else self._consecutive(openers)

    def _all(self, openers: Sequence[Opener]) -> Iterator[Draft]:
        drafts: dict[Key, Draft] = {}
        for file, binding, record, found in self._each(openers):
            draft = drafts.get(found.key)
            if draft is None:
                draft = drafts[found.key] = Draft(found.key, record.row, file)
            elif draft.file != file and not self._joins_files:
                draft = self._again(draft, record, file)
            self._take(binding, draft, record, found)
        yield from drafts.values()

    def _again(self, draft: Draft, record: Record, file: int) -> Draft:
        """The order once more, as another file has it."""
        if not draft.again or draft.again[-1].file != file:
            draft.again.append(Draft(draft.key, record.row, file))
        return draft.again[-1]

    def _consecutive(self, openers: Sequence[Opener]) -> Iterator[Draft]:
        self._read_ids(openers)
        draft: Draft | None = None
        for file, binding, record, found in self._each(openers):
            if draft is None or self._is_other(draft, found.key, file):
                if draft is not None:
                    yield draft
                draft = Draft(found.key, record.row, file)
            self._take(binding, draft, record, found)
        if draft is not None:
            yield draft

    def _is_other(self, draft: Draft, key: Key, file: int) -> bool:
        return draft.key != key or (draft.file != file and not self._joins_files)

    def _each(self, openers: Sequence[Opener]) -> Iterator[tuple[int, Binding, Record, Sorted]]:
        """Rows that belong to an order, with the number of their file; the others are told."""
        for file, opener in enumerate(openers):
            rows = opener()
            self._account.begin_file(rows.name if len(openers) > 1 else "")
            binding, sorted_rows = self._open(rows, file)
            for record, found in sorted_rows:
                if found.key == ALONE:
                    self._leave_alone(record, found, file)
                else:
                    yield file, binding, record, found

    def row_of(self, cells: Named[str, str]) -> list[str]:
        """A row of the files in which only these columns have something."""
        return [cells.get(column, "") for column in self._header]

    def _read_ids(self, openers: Sequence[Opener]) -> None:
        """The first reading: which orders stand apart, and which have rows that cannot be read."""
        seen: set[int] = set()
        last: Key | None = None
        for opener in openers:
            last = last if self._joins_files else None
            for _, found in self._open(opener(), file=None)[1]:
                if found.key in (ALONE, last):
                    continue
                last = found.key
                number = hashed(found.key)
                (self.apart if number in seen else seen).add(number)

    def _open(self, rows: Rows, file: int | None) -> tuple[Binding, Iterator[tuple[Record, Sorted]]]:
        """``file``: its number, where this reading is the one that is told of."""
        binding = Binding(self._mapping, rows, self._tables, self._rules)
        self.is_sent_back |= binding.sent_back is not None
        self._header = binding.header
        if file is not None:
            if self._account.rejects is not None:
                self._account.rejects.begin(binding.header, rows.preamble, rows.delimiter)
            for record in rows.before:
                reason = words.BEFORE_HEADER if any(map(str.strip, record.cells)) else words.ROW_BLANK
                self._account.report.rows += 1
                self._account.leave_out(reason, record.row, shown(record.cells), file)
        return binding, self._sorted(binding, rows)

    def _sorted(self, binding: Binding, rows: Rows) -> Iterator[tuple[Record, Sorted]]:
        """Rows with their order. A row without an id that may as well be the next order's makes that one doubtful."""
        above, first, doubtful = ALONE, list[str](), 0
        records = rows.rows() if binding.sent_back is None else map(binding.sent_back.row, rows.rows())
        for record in records:
            found = self._sorter.sort(binding, record, above)
            if found.unnamed:
                doubtful = record.row if self._may_be_below(binding, found.cells, first) else doubtful
            elif found.key != ALONE and record.cells:
                if doubtful and found.key != above:
                    said = f"row {doubtful}: it has no order_id and may be a line of this order"
                    self.broken.setdefault(found.key, (words.ID_MISSING, said))
                above, first = found.key, found.cells
                doubtful = doubtful if found.is_fault else 0  # what a broken row names may be no order
            yield record, found

    def _may_be_below(self, binding: Binding, cells: list[str], first: list[str]) -> bool:
        """Whether a row without an id names a customer, or, where such rows belong above, another one than that."""
        cells, first = binding.padded(cells), binding.padded(first)
        own = self._merger.shared([getter(cells) for getter in binding.head])
        if self._mapping.continuation == "none" or not any(first):
            return any(own)
        theirs = self._merger.shared([getter(first) for getter in binding.head])
        return any(mine and mine != other for mine, other in zip(own, theirs, strict=True))

    def _leave_alone(self, record: Record, found: Sorted, file: int) -> None:
        self._account.report.rows += 1
        self._account.leave_out(found.reason, record.row, found.detail, file)
        if found.is_fault:
            self._account.report.rows_alone += 1
            self._account.reject(found.named, found.reason, found.detail, record)

    def _take(self, binding: Binding, draft: Draft, record: Record, found: Sorted) -> None:
        self._account.report.rows += 1
        if found.reason:
            because = self._take_aside(binding, draft, record, found)
        else:
            because = self._take_line(binding, draft, record, found.cells)
        if self._account.rejects is not None:
            draft.told.append(Told(record, *because))

    def _take_line(self, binding: Binding, draft: Draft, record: Record, cells: list[str]) -> tuple[str, str]:
        """The fault of the row; empty texts where it has none."""
        try:
            line = DraftLine(record.row, tuple([read(getter(cells)) for read, getter in binding.line]))
        except CellFault as fault:
            self._account.leave_out(fault.reason, record.row, str(fault), draft.file)
            draft.fault = draft.fault or (fault.reason, f"row {record.row}: {fault}")
            return fault.reason, str(fault)
        draft.lines.append(line)
        self._merger.take(draft, [getter(cells) for getter in binding.head], record.row)
        return "", ""

    def _take_aside(self, binding: Binding, draft: Draft, record: Record, found: Sorted) -> tuple[str, str]:
        """A row of the order that is no line of it; its fault, where it is one."""
        self._account.leave_out(found.reason, record.row, found.detail, draft.file)
        if found.is_fault:
            draft.fault = draft.fault or (found.reason, f"row {record.row}: {found.detail}")
            return found.reason, found.detail
        assert found.rule is not None
        head = [getter(found.cells) for getter in binding.head]
        if found.rule.whole_order:
            draft.left_out = draft.left_out or (found.reason, f"row {record.row} of order {draft.order_id}")
            self._merger.set_aside(draft, head)
        elif found.rule.head:
            self._merger.take(draft, head, record.row)
        else:
            self._merger.set_aside(draft, head)
        return "", ""


def hashed(key: Key) -> int:
    return xxhash.xxh3_64_intdigest("\0".join(key).encode("utf-8", "surrogatepass"))
