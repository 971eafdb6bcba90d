"""What became of the rows of a file: every one is a line of an order or stands under a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from adapters.channels.csv.rows import Record

EXAMPLES_MAX = 3  # rows shown for each reason

# Columns that a file of refused rows has behind its own (sent_back.py).
REJECT_REASON, REJECT_DETAIL = "reject_reason", "reject_detail"

# Reasons of the channel itself; those of filters are named by the mapping.
BEFORE_HEADER = "before_header"
HEADER_AGAIN = "header_again"
ROW_BLANK = "blank_row"
ROW_SHAPE = "row_shape"
QUOTE_OPEN = "quote_swallowed_rows"
ID_MISSING = "value_missing"
ORDER_SPOILED = "order_with_faulty_row"
ORDER_RETURNED = "order_id_returned"
ORDER_AGAIN = "order_again"
ORDER_IN_FILES = "order_in_two_files"
ORDER_DIFFERS = "order_rows_differ"
ORDER_HEAD_LEFT_OUT = "order_head_left_out"
ORDER_UNLINED = "order_without_lines"
TEXT_ENCODING = "text_encoding"
CELL_ERROR = "cell_error"
REASONS = frozenset(
    (BEFORE_HEADER, HEADER_AGAIN, ROW_BLANK, ROW_SHAPE, QUOTE_OPEN, ID_MISSING, TEXT_ENCODING, CELL_ERROR)
    + (ORDER_SPOILED, ORDER_RETURNED, ORDER_AGAIN, ORDER_IN_FILES, ORDER_DIFFERS, ORDER_HEAD_LEFT_OUT, ORDER_UNLINED)
    + ("id_spoilt", "number_format", "amount_format", "time_format", "value_form", "value_not_listed", "event_field")
    + ("currency_unknown", "country_unknown", "line_total_differs", "join_missing", "join_ambiguous")
)


@dataclass
class LeftOut:
    """Rows that became no order line, for one reason."""

    rows: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)  # row number, what was there

    def add(self, row: int, what: str) -> None:
        self.rows += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append((row, what))


@dataclass
class JoinedFile:
    """A further file: its rows, and how many of its keys no row of the orders asked for."""

    rows: int = 0
    unused: int = 0
    examples: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)  # reason -> orders without lines that a filter leaves out


@dataclass(frozen=True)
class Reject:
    """A row that was not sent, and why; ``order_id`` is empty where it belongs to none."""

    order_id: str
    reason: str
    detail: str
    record: Record


@dataclass
class CsvReport:
    rows: int = 0
    orders: int = 0
    order_lines: int = 0
    orders_without_lines: int = 0  # every row of the order was left out by a filter
    orders_refused: dict[str, int] = field(default_factory=dict)  # reason -> orders that should have been sent
    rows_alone: int = 0  # faulty rows that name no order
    lines_split: int = 0  # order lines that became two, because no unit price makes their total
    events: int = 0
    not_orders: dict[str, LeftOut] = field(default_factory=dict)
    first_row_won: dict[str, int] = field(default_factory=dict)  # field -> orders whose rows differ in it
    first_row_examples: dict[str, str] = field(default_factory=dict)  # field -> the first such order
    joined: dict[str, JoinedFile] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)  # of the mapping

    def leave_out(self, reason: str, row: int, what: str) -> None:
        self.not_orders.setdefault(reason, LeftOut()).add(row, what)

    def refuse(self, reason: str) -> None:
        self.orders_refused[reason] = self.orders_refused.get(reason, 0) + 1

    @property
    def refused(self) -> int:
        """Orders that were not sent although they should have been, and faulty rows without an order."""
        return sum(self.orders_refused.values()) + self.rows_alone


class Rejects(Protocol):
    """Takes down what is not sent."""

    def begin(self, header: list[str], preamble: list[str], delimiter: str) -> None:
        """A file begins: names of its columns, and the lines above them that a second reading will skip again."""

    def put(self, reject: Reject) -> None: ...


class Account:
    """Takes down what becomes of rows: in the report, and where refused ones are written down there."""

    def __init__(self, report: CsvReport, rejects: Rejects | None) -> None:
        self.report, self.rejects = report, rejects
        self._files: list[str] = []  # their names, where there are several

    def begin_file(self, name: str) -> None:
        self._files.append(name)

    def leave_out(self, reason: str, row: int, what: str, file: int) -> None:
        name = self._files[file]
        self.report.leave_out(reason, row, f"{name}: {what}" if name else what)

    def reject(self, order_id: str, reason: str, detail: str, record: Record) -> None:
        if self.rejects is not None:
            self.rejects.put(Reject(order_id, reason, detail, record))
