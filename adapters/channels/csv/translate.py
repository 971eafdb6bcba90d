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

from adapters.channels.csv import report as words
from adapters.channels.csv.cells import CellFault, CellRule, compile_test
from adapters.channels.csv.compose import Composer
from adapters.channels.csv.draft import Draft, HeadMerger
from adapters.channels.csv.events import Document, EventMaker
from adapters.channels.csv.fields import is_of_line
from adapters.channels.csv.gather import Gatherer, Opener, hashed
from adapters.channels.csv.joins import JoinedTable, shown_key
from adapters.channels.csv.lines import LineFault
from adapters.channels.csv.mapping import Mapping
from adapters.channels.csv.mapping_faults import warnings_of
from adapters.channels.csv.report import Account, CsvReport, Rejects
from adapters.channels.csv.rows import Record, TextRows


@dataclass
class ComposedOrder:
    order_id: str
    body: bytes  # one JSON object, without a newline
    row: int  # its first row in the file, as an editor counts
    events: list[bytes]
    records: list[Record]  # its rows, where refused orders are to be written down


class CsvTranslator:
    """One pass over one or more files: ``for order in translator.orders(lines)``, then ``translator.report``."""

    def __init__(
        self,
        mapping: Mapping,
        tables: Sequence[JoinedTable] = (),
        rejects: Rejects | None = None,
        on_left_out: Callable[[list[bytes]], object] = list,
    ) -> None:
        """``on_left_out`` is given the events of orders that are not sent because a filter leaves them out."""
        self.report = CsvReport(warnings=warnings_of(mapping))
        self._mapping, self._tables, self._on_left_out = mapping, tables, on_left_out
        paths = [path for path in mapping.columns if path != "order_id"]
        self._rules = {path: CellRule(path, mapping) for path in mapping.columns}
        self._head_paths = [path for path in paths if not is_of_line(path)]
        self._merger = HeadMerger(self._head_paths, {path for path, rule in self._rules.items() if rule.is_sum})
        self._composer = Composer(mapping, self._rules, self._head_paths)
        self._events = EventMaker(mapping, tables, len(self._head_paths))
        self._tells_left_out = any(rule.left_out for rule in mapping.events)
        self._encode = msgspec.json.Encoder().encode
        self._account = Account(self.report, rejects)
        self._gatherer = Gatherer(mapping, tables, self._rules, self._merger, self._account)
        self._seen: set[int] = set()
        self._counted_apart: set[int] = set()

    def orders(self, *texts: Iterable[str]) -> Iterator[ComposedOrder]:
        """Orders of files given as lines of text. Iterators are read once, so ``consecutive`` keeps their lines."""
        file = self._mapping.file
        twice = self._mapping.group == "consecutive"
        sources = [list(lines) if twice and iter(lines) is lines else lines for lines in texts]
        yield from self.translate([lambda lines=lines: TextRows(lines, file) for lines in sources])  # type: ignore[misc]

    def translate(self, openers: Sequence[Opener]) -> Iterator[ComposedOrder]:
        for draft in self._gatherer.drafts(openers):
            order = self._finish(draft)
            if order is not None:
                yield order
        self._account_for_joins()

    def _account_for_joins(self) -> None:
        for table in self._tables:
            file = self.report.joined[table.name] = table.account()
            for key in table.unused() if table.join.holds_orders and not self._gatherer.is_sent_back else []:
                reason = self._left_out_by(table, key)
                if reason:
                    file.left_out[reason] = file.left_out.get(reason, 0) + 1
                    continue
                self.report.refuse(words.ORDER_UNLINED)
                said = f"joins.{table.name} has a row {shown_key(table.join, key)}, but no line belongs to it"
                cells = self._gatherer.row_of(dict(zip(table.join.on, key, strict=True)))
                self._account.reject(", ".join(key), words.ORDER_UNLINED, said, Record(0, cells))

    def _left_out_by(self, table: JoinedTable, key: tuple[str, ...]) -> str:
        """The filter of whole orders that an order without lines passes: a cancelled one has lost nothing."""
        cells = {f"{table.name}.{column}": cell for column, cell in table.rows_of(key)[0].items()}
        rules = (rule for rule in self._mapping.filters if rule.whole_order and rule.column in cells)
        return next((rule.reason for rule in rules if compile_test(rule, self._mapping)(cells[rule.column])), "")

    def _finish(self, draft: Draft) -> ComposedOrder | None:
        """The order as JSON, or None after giving every row of it a reason."""
        if not all(map(draft.is_like, draft.again)):
            said = f"order {draft.order_id} has rows in several files, which differ"
            remedy = 'say across_files = "join" where an export is cut into files by its number of rows'
            self._refuse(draft, words.ORDER_IN_FILES, f"{said}; {remedy}")
            return None
        while draft.again:
            said = f"order {draft.order_id} stands alike in another file"
            self._leave_lines(draft.again.pop(), words.ORDER_AGAIN, said)
        if draft.left_out is not None:
            self._leave_out(draft, *draft.left_out)
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

    def _leave_out(self, draft: Draft, reason: str, detail: str) -> None:
        """Not sent; what the export tells of it is: the router may have it from before."""
        try:
            events = self._events_left_out(draft) if self._tells_left_out else []
        except CellFault as fault:
            self._refuse(draft, fault.reason, str(fault))
            return
        self._leave_lines(draft, reason, detail)
        self.report.orders_without_lines += 1
        self.report.events += len(events)
        self._on_left_out(list(map(self._encode, events)))

    def _events_left_out(self, draft: Draft) -> list[Document]:
        head = self._merger.seen(draft)
        name = self._composer.name(draft.order_id, head)
        return self._events.events(head, name, self._composer.currency(head), is_left_out=True)

    def _refusal(self, draft: Draft) -> tuple[str, str] | None:
        """What speaks against the order before its fields are read, the weightiest first."""
        if draft.fault is not None or draft.key in self._gatherer.broken:
            reason, detail = draft.fault or self._gatherer.broken[draft.key]
            return reason, f"order {draft.order_id} has a row with a fault, {detail}"
        number = hashed(draft.key)
        if number in self._gatherer.apart or number in self._seen:
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
            self.report.first_row_examples.setdefault(path, draft.order_id)
        self.report.orders += 1
        self.report.events += len(events)
        self.report.order_lines += len(draft.lines)
        self.report.lines_split = self._composer.lines_split
        return order

    def _refuse(self, draft: Draft, reason: str, detail: str, row: int | None = None) -> None:
        """``row``: the one to blame, where it is one; the others are refused with it."""
        if reason != words.ORDER_RETURNED or hashed(draft.key) not in self._counted_apart:
            self.report.refuse(reason)
        if reason == words.ORDER_RETURNED:
            self._counted_apart.add(hashed(draft.key))
        is_of_a_row = draft.fault or draft.key in self._gatherer.broken or row is not None
        other = words.ORDER_SPOILED if is_of_a_row and reason != words.ORDER_IN_FILES else reason
        for part in (draft, *draft.again):
            for line in part.lines:
                is_blamed = line.row == row and part is draft
                self._account.leave_out(reason if is_blamed else other, line.row, detail, part.file)
            for told in part.told:
                because = told.reason or (reason if told.record.row == row and part is draft else other)
                self._account.reject(draft.order_id, because, told.detail or detail, told.record)

    def _leave_lines(self, draft: Draft, reason: str, detail: str) -> None:
        for line in draft.lines:
            self._account.leave_out(reason, line.row, detail, draft.file)
