"""Any channel that exports files of rows: rows in, order JSON lines out, every row accounted for.

    row ─▶ joins ─▶ filter ─▶ line of its order ─▶ order (all rows of one order_id) ─▶ JSON line, events
      │               │             │                 │
      ▼               ▼             ▼                 ▼
    a fault of     a reason      a fault spoils    rows that differ in customer, address or currency
    the file       of yours      its whole order   are no order

Pure translation: rows come from the caller, nothing is opened here. After the last order ``CsvReport`` holds: rows =
order_lines + the rows of every reason. An order with a faulty row is not sent at all, because a shortened order would
be another order than the customer's.

Memory: ``group = "all"`` holds the lines of all orders; ``"consecutive"`` one order and 64 bits of every order id, for
which it reads the files twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import xxhash

from adapters.channels.csv import report as words
from adapters.channels.csv.binding import Binding
from adapters.channels.csv.cells import CellFault, CellRule
from adapters.channels.csv.compose import Composer, LineFault
from adapters.channels.csv.draft import Draft, DraftLine, HeadMerger, Key, Told
from adapters.channels.csv.events import EventMaker
from adapters.channels.csv.fields import is_of_line
from adapters.channels.csv.joins import JoinedTable
from adapters.channels.csv.mapping import Mapping
from adapters.channels.csv.report import CsvReport, Reject, Rejects
from adapters.channels.csv.rows import Record, Rows, TextRows
from adapters.channels.csv.sorting import ALONE, RowSorter, Sorted, shown

Opener = Callable[[], Rows]


@dataclass
class ComposedOrder:
    order_id: str
    body: bytes  # one JSON object, without a newline
    row: int  # its first row in the file, as an editor counts
    events: list[bytes]
    records: list[Record]  # its rows, where refused orders are to be written down


class CsvTranslator:
    """One pass over one or more files: ``for order in translator.orders(lines)``, then ``translator.report``."""

    def __init__(self, mapping: Mapping, tables: Sequence[JoinedTable] = (), rejects: Rejects | None = None) -> None:
        self.report = CsvReport()
        self._mapping, self._tables, self._rejects = mapping, tables, rejects
        paths = [path for path in mapping.columns if path != "order_id"]
        self._rules = {path: CellRule(path, mapping) for path in mapping.columns}
        self._head_paths = [path for path in paths if not is_of_line(path)]
        self._merger = HeadMerger(self._head_paths)
        self._composer = Composer(mapping, self._rules, self._head_paths)
        self._events = EventMaker(mapping, tables, len(self._head_paths))
        self._encode = msgspec.json.Encoder().encode
        self._files: list[str] = []  # their names, where there are several
        self._seen: set[int] = set()
        self._apart: set[int] = set()  # orders whose rows do not stand together
        self._counted_apart: set[int] = set()
        self._sorter = RowSorter(mapping, self._rules["order_id"])
        self._broken = self._sorter.broken

    def orders(self, *texts: Iterable[str]) -> Iterator[ComposedOrder]:
        """Orders of files given as lines of text. Iterators are read once, so ``consecutive`` keeps their lines."""
        file = self._mapping.file
        twice = self._mapping.group == "consecutive"
        sources = [list(lines) if twice and iter(lines) is lines else lines for lines in texts]
        yield from self.translate([lambda lines=lines: TextRows(lines, file) for lines in sources])  # type: ignore[misc]

    def translate(self, openers: Sequence[Opener]) -> Iterator[ComposedOrder]:
        drafts = self._all(openers) if self._mapping.group == "all" else self._consecutive(openers)
        for draft in drafts:
            order = self._finish(draft)
            if order is not None:
                yield order
        self._account_for_joins()

    def _account_for_joins(self) -> None:
        for table in self._tables:
            self.report.joined[table.name] = table.account()
            if table.join.holds_orders:
                for key in table.unused():
                    self.report.refuse(words.ORDER_UNLINED)
                    said = f"the file of joins.{table.name} has it, but no line belongs to it"
                    self._reject(", ".join(key), words.ORDER_UNLINED, said, Record(0, []))

    # Rows to drafts

    def _all(self, openers: Sequence[Opener]) -> Iterator[Draft]:
        drafts: dict[Key, Draft] = {}
        for file, binding, record, found in self._each(openers):
            draft = drafts.get(found.key)
            if draft is None:
                draft = drafts[found.key] = Draft(found.key, record.row, file)
            elif draft.file != file and self._mapping.across_files == "refuse":
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
        return draft.key != key or (draft.file != file and self._mapping.across_files == "refuse")

    def _each(self, openers: Sequence[Opener]) -> Iterator[tuple[int, Binding, Record, Sorted]]:
        """Rows that belong to an order, with the number of their file; the others are told."""
        for file, opener in enumerate(openers):
            rows = opener()
            self._files.append(rows.name if len(openers) > 1 else "")
            binding, sorted_rows = self._open(rows, file)
            for record, found in sorted_rows:
                if found.key == ALONE:
                    self._leave_alone(record, found, file)
                else:
                    yield file, binding, record, found

    def _read_ids(self, openers: Sequence[Opener]) -> None:
        """The first reading: which orders stand apart, and which have rows that cannot be read."""
        seen: set[int] = set()
        last: Key | None = None
        for opener in openers:
            last = last if self._mapping.across_files == "join" else None
            for _, found in self._open(opener(), file=None)[1]:
                if found.key in (ALONE, last):
                    continue
                last = found.key
                number = _hashed(found.key)
                (self._apart if number in seen else seen).add(number)

    def _open(self, rows: Rows, file: int | None) -> tuple[Binding, Iterator[tuple[Record, Sorted]]]:
        """``file``: its number, where this reading is the one that is told of."""
        binding = Binding(self._mapping, rows, self._tables, self._rules)
        if file is not None:
            if self._rejects is not None:
                self._rejects.begin(binding.header, rows.preamble, rows.delimiter)
            for record in rows.before:
                reason = words.BEFORE_HEADER if any(map(str.strip, record.cells)) else words.ROW_BLANK
                self.report.rows += 1
                self._leave_out(reason, record.row, shown(record.cells), file)
        return binding, self._sorted(binding, rows)

    def _sorted(self, binding: Binding, rows: Rows) -> Iterator[tuple[Record, Sorted]]:
        above = ALONE
        for record in rows.rows():
            found = self._sorter.sort(binding, record, above)
            if record.cells and found.key != ALONE:
                above = found.key
            yield record, found

    def _leave_out(self, reason: str, row: int, what: str, file: int) -> None:
        name = self._files[file]
        self.report.leave_out(reason, row, f"{name}: {what}" if name else what)

    def _leave_alone(self, record: Record, found: Sorted, file: int) -> None:
        self.report.rows += 1
        self._leave_out(found.reason, record.row, found.detail, file)
        if found.is_fault:
            self.report.rows_alone += 1
            self._reject("", found.reason, found.detail, record)

    def _take(self, binding: Binding, draft: Draft, record: Record, found: Sorted) -> None:
        self.report.rows += 1
        if found.reason:
            because = self._take_aside(binding, draft, record, found)
        else:
            because = self._take_line(binding, draft, record, found.cells)
        if self._rejects is not None:
            draft.told.append(Told(record, *because))

    def _take_line(self, binding: Binding, draft: Draft, record: Record, cells: list[str]) -> tuple[str, str]:
        """The fault of the row; empty texts where it has none."""
        try:
            line = DraftLine(record.row, tuple([read(getter(cells)) for read, getter in binding.line]))
        except CellFault as fault:
            self._leave_out(fault.reason, record.row, str(fault), draft.file)
            draft.fault = draft.fault or (fault.reason, f"row {record.row}: {fault}")
            return fault.reason, str(fault)
        draft.lines.append(line)
        self._merger.take(draft, [getter(cells) for getter in binding.head], record.row)
        return "", ""

    def _take_aside(self, binding: Binding, draft: Draft, record: Record, found: Sorted) -> tuple[str, str]:
        """A row of the order that is no line of it; its fault, where it is one."""
        self._leave_out(found.reason, record.row, found.detail, draft.file)
        if found.is_fault:
            draft.fault = draft.fault or (found.reason, f"row {record.row}: {found.detail}")
            return found.reason, found.detail
        assert found.rule is not None
        head = [getter(found.cells) for getter in binding.head]
        if found.rule.whole_order:
            draft.left_out = draft.left_out or (found.reason, f"row {record.row} of order {draft.order_id}")
        elif found.rule.head:
            self._merger.take(draft, head, record.row)
        else:
            self._merger.set_aside(draft, head)
        return "", ""

    # Drafts to orders

    def _finish(self, draft: Draft) -> ComposedOrder | None:
        """The order as JSON, or None after giving every row of it a reason."""
        if not all(map(draft.is_like, draft.again)):
            said = f"order {draft.order_id} has rows in several files, which differ"
            remedy = 'say across_files = "join" where an export is cut into files by its number of rows'
            self._refuse(draft, words.ORDER_IN_FILES, f"{said}; {remedy}")
            return None
        for again in draft.again:
            self._leave_lines(again, words.ORDER_AGAIN, f"order {draft.order_id} stands alike in another file")
        if draft.left_out is not None:
            self._leave_lines(draft, *draft.left_out)
            self.report.orders_without_lines += 1
            return None
        refusal = self._refusal(draft)
        if refusal is not None:
            self._refuse(draft, *refusal)
            return None
        if not draft.lines:
            self.report.orders_without_lines += 1
            return None
        try:
            return self._composed(draft)
        except LineFault as fault:
            self._refuse(draft, fault.reason, str(fault), fault.row)
        except CellFault as fault:
            self._refuse(draft, fault.reason, str(fault))
        except UnicodeEncodeError:
            encoding = self._mapping.file.encoding
            said = f"order {draft.order_id!a} has text that is not {encoding}"
            self._refuse(draft, words.TEXT_ENCODING, said)
        return None

    def _refusal(self, draft: Draft) -> tuple[str, str] | None:
        """What speaks against the order before its fields are read, the weightiest first."""
        if draft.fault is not None or draft.key in self._broken:
            reason, detail = draft.fault or self._broken[draft.key]
            return reason, f"order {draft.order_id} has a row with a fault, {detail}"
        number = _hashed(draft.key)
        if number in self._apart or number in self._seen:
            return words.ORDER_RETURNED, "rows of this order stand apart; set group = 'all'"
        if draft.conflict:
            return words.ORDER_DIFFERS, draft.conflict
        lost = self._merger.lost(draft)
        if lost:
            said = f"order {draft.order_id}: {lost} stands only in rows that a filter left out"
            return words.ORDER_HEAD_LEFT_OUT, f"{said}; say for that filter whole_order = true or head = true"
        self._seen.add(number)
        return None

    def _composed(self, draft: Draft) -> ComposedOrder:
        assert draft.head is not None
        document = self._composer.document(draft)
        events = self._events.events(draft.head, document, self._composer.currency(draft.head))
        order = ComposedOrder(
            draft.order_id,
            self._encode(document),
            draft.lines[0].row,
            [self._encode(event) for event in events],
            [told.record for told in draft.told],
        )
        for at in draft.differing:
            path = self._head_paths[at]
            self.report.first_row_won[path] = self.report.first_row_won.get(path, 0) + 1
        self.report.orders += 1
        self.report.events += len(events)
        self.report.order_lines += len(draft.lines)
        self.report.lines_split = self._composer.lines_split
        return order

    def _refuse(self, draft: Draft, reason: str, detail: str, row: int | None = None) -> None:
        """``row``: the one to blame, where it is one; the others are refused with it."""
        if reason != words.ORDER_RETURNED or _hashed(draft.key) not in self._counted_apart:
            self.report.refuse(reason)
        if reason == words.ORDER_RETURNED:
            self._counted_apart.add(_hashed(draft.key))
        is_of_a_row = draft.fault or draft.key in self._broken or row is not None
        other = words.ORDER_SPOILED if is_of_a_row and reason != words.ORDER_IN_FILES else reason
        for part in (draft, *draft.again):
            for line in part.lines:
                is_blamed = line.row == row and part is draft
                self._leave_out(reason if is_blamed else other, line.row, detail, part.file)
            for told in part.told:
                because = told.reason or (reason if told.record.row == row and part is draft else other)
                self._reject(draft.order_id, because, told.detail or detail, told.record)

    def _leave_lines(self, draft: Draft, reason: str, detail: str) -> None:
        for line in draft.lines:
            self._leave_out(reason, line.row, detail, draft.file)

    def _reject(self, order_id: str, reason: str, detail: str, record: Record) -> None:
        if self._rejects is not None:
            self._rejects.put(Reject(order_id, reason, detail, record))


def _hashed(key: Key) -> int:
    return xxhash.xxh3_64_intdigest("\0".join(key).encode("utf-8", "surrogatepass"))
