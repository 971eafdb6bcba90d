"""The mapping file of the CSV channel: which column is which field of an order, and which rows are no orders.

Read from TOML or JSON, checked once as a whole, every fault told at once; ``docs/csv-channel.md`` explains every key
with an example.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from adapters.channels.csv.numbers import Rounding

Merge = Literal["first", "last", "sum", "list"]
Scope = Literal["global", "channel", "seller"]


class FileFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the file writes text, numbers and times, and where its rows begin."""

    encoding: str = "utf-8-sig"  # with or without a byte order mark
    delimiter: str = ","  # a first line ``sep=;`` of the file itself goes before
    quote: str = '"'  # empty: a quote is a letter like any other
    decimal: str = "."
    thousands: str = ""
    time_formats: tuple[str, ...] = ("%Y-%m-%d %H:%M:%S",)  # tried in this order
    time_zone: str = "UTC"  # of times that name none
    zone_names: dict[str, str] = {}  # name in the file -> IANA zone or offset
    skip_lines: int = 0  # before the header
    find_header: bool = False  # the first row that has all columns is the header, whatever stands above it
    column_names: tuple[str, ...] = ()  # of a file without a header
    sheet: str = ""  # of a workbook; the first when empty


class Strip(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Text removed from a cell before it is used, where it is there."""

    prefix: str = ""
    suffix: str = ""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the cells of one field are read, where that is not as in the rest of the file."""

    join: str = " "  # between the cells of several columns
    or_column: str = ""  # where the cell is blank
    default: str = ""  # where that is blank, too
    part: str = ""  # regular expression; the field is its first group
    case: Literal["", "upper", "lower"] = ""
    pad_to: int = 0  # characters
    pad_with: str = "0"  # in front
    prefix: str = ""  # put before the text
    suffix: str = ""
    separator: str | tuple[str, ...] = (",", ";", "|")  # of the codes of a list in one cell
    formats: tuple[str, ...] = ()  # of times
    time_zone: str = ""
    decimal: str = ""
    thousands: str | None = None
    round: Rounding | None = None
    share: bool = False  # the amount is written as a share of what the line, or all lines, cost: 0.05 or 5%
    of_rows: Literal["first", "sum"] = "first"  # what the amounts on several rows of an order become
    languages: tuple[str, ...] = ()  # of names of countries, besides English


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question to one cell, or to the whole row where no column is named. At most one test is given."""

    column: str = ""
    starts_with: str | None = None
    equals: list[str] | None = None
    matches: str | None = None  # regular expression over the whole cell
    below: str | None = None  # decimal number
    at_most: str | None = None
    empty: bool | None = None


class Filter(Test, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows that are no order lines, under the name they are reported by."""

    reason: str
    whole_order: bool = False  # one such row, and the whole order is left out
    head: bool = False  # the row carries fields of the order, its address say


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another file, whose columns are added to the rows as ``name.column``."""

    on: dict[str, str]  # column of the rows so far -> column of this file
    path: str = ""  # beside the orders; the command line may name another
    missing: Literal["refuse", "blank"] = "refuse"
    holds_orders: bool = False  # a row that no line asks for is an order that lost its lines
    merge: dict[str, Merge] = {}  # column -> what several rows of one key become
    file: FileFormat = FileFormat()


class Event(Test, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An event of every order whose cell passes the test, written beside the orders."""

    type: str
    event_id: str  # may name columns as {column}
    each: str = ""  # a join: one event for each of its rows of the order
    left_out: bool = False  # made of orders, too, that a filter of whole orders leaves out
    columns: dict[str, str] = {}  # field of the event -> column
    constants: dict[str, str] = {}


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    columns: dict[str, str | tuple[str, ...]]  # field of the order -> column of the file, or several put together
    file: FileFormat = FileFormat()
    constants: dict[str, str | int] = {}
    cells: dict[str, Cell] = {}
    translate: dict[str, dict[str, str]] = {}  # field -> cell -> value; a cell not listed is a fault
    strip: dict[str, Strip] = {}
    filters: list[Filter] = []  # the first that fits names the row
    joins: dict[str, Join] = {}  # in this order
    events: list[Event] = []
    group: Literal["all", "consecutive"] = "all"
    continuation: Literal["none", "blank_id"] = "none"
    across_files: Literal["refuse", "join"] = "refuse"  # an order with rows in two files of a run
    order_id_scope: Scope = "global"


def columns_of(mapping: Mapping, path: str) -> tuple[str, ...]:
    """The columns that a field is made of; none where it is no column."""
    named = mapping.columns.get(path, ())
    return (named,) if isinstance(named, str) else named


def columns_in(rule: Event) -> list[str]:
    """The columns that an event's id names."""
    return [part.partition("}")[0] for part in rule.event_id.split("{")[1:]]
