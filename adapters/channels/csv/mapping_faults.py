"""What is wrong with a mapping that has the right form: each fault names its key and, where it helps, the remedy."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from adapters.channels.csv.countries import has_language
from adapters.channels.csv.fields import REQUIRED_COLUMNS, field_of, is_of_line
from adapters.channels.csv.mapping import Cell, Event, FileFormat, Join, Mapping, Test, columns_of
from adapters.channels.csv.marks import read_with
from adapters.channels.csv.report import REASONS
from adapters.channels.csv.times import is_time_format, zone_of
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES
from router.life.payment_words import PAYMENT_WORDS, STATE_OF, Paid
from router.life.states import PaymentState
from router.log.event_fields import FIELDS, Form
from router.money import MINOR_MAX
from router.spelling import word

# Codecs of host names and of Python's own source; their names as ``codecs`` writes them.
_NOT_OF_FILES = frozenset(("idna", "punycode", "unicode-escape", "raw-unicode-escape"))
_NAMES_OF_TESTS = ("starts_with", "equals", "matches", "below", "at_most", "empty")
NEEDED_BY_ROUTER = (
    *("channel", "placed_at", "customer.name"),
    *("ship_to.name", "ship_to.line1", "ship_to.city", "ship_to.country"),
)
_KINDS = {
    "formats": "time",
    "time_zone": "time",
    "languages": "country",
}


def faults_of(mapping: Mapping) -> list[str]:
    return [
        *_field_faults(mapping),
        *_format_faults("file", mapping.file),
        *(fault for path, cell in mapping.cells.items() for fault in _cell_faults(path, cell)),
        *_filter_faults(mapping),
        *(fault for name, join in mapping.joins.items() for fault in _join_faults(name, join, mapping)),
        *(fault for place, event in enumerate(mapping.events, 1) for fault in _event_faults(place, event, mapping)),
    ]


def fields_never_filled(mapping: Mapping) -> list[str]:
    """Fields without which the router takes no order, and which no order of this mapping would have."""
    return [path for path in NEEDED_BY_ROUTER if path not in mapping.columns and path not in mapping.constants]


def warnings_of(mapping: Mapping) -> list[str]:
    """What a mapping that can be read would do although hardly anybody wants it; with the remedy."""
    rule = next((rule for rule in mapping.events if rule.type == "payment_captured"), None)
    if rule is None or not _may_come_paid(mapping):
        return []
    said = f"payment.status can mean paid, and event {mapping.events.index(rule) + 1} is of payment_captured"
    why = "the router books the total of a paid order as paid, and a capture of another amount on top of it"
    return [f"{said}: {why}. Take out one of the two; docs/csv-channel.md says which (Money is said once)."]


def _may_come_paid(mapping: Mapping) -> bool:
    """Whether an order of this mapping may arrive as one whose money came."""
    path = "payment.status"
    if path in mapping.constants:
        return _means_money(str(mapping.constants[path]))
    if path not in mapping.columns:
        return False
    cell = mapping.cells.get(path, Cell())
    if path not in mapping.translate or cell.prefix or cell.suffix:
        return True  # whatever the file says
    return any(map(_means_money, [*mapping.translate[path].values(), cell.default]))


def _means_money(status: str) -> bool:
    meaning = PAYMENT_WORDS.get(word(status), Paid.OPEN)
    return STATE_OF[meaning] in (PaymentState.PAID, PaymentState.REFUNDED)


def _field_faults(mapping: Mapping) -> Iterator[str]:
    given = mapping.columns.keys() | mapping.constants.keys()
    for path in REQUIRED_COLUMNS:
        if path not in (mapping.columns if path == "order_id" else given):
            yield f"columns.{path} is missing"
    for section in ("columns", "constants", "translate", "strip", "cells"):
        for path in getattr(mapping, section):
            if field_of(path) is None:
                yield f"{section}.{path!r} is no field of an order"
    for path in mapping.columns:
        if not columns_of(mapping, path):
            yield f"columns.{path!r} names no column"
        if path in mapping.constants:
            yield f"{path} is both a column and a constant; cells.{path!r}.default fills what is blank"
    if "order_id" in mapping.translate:
        yield "translate.order_id: an order keeps its id; use strip, or cells.order_id.part"
    if "currency" not in given:
        yield "currency is neither a column nor a constant"
    if mapping.order_id_scope != "global" and mapping.order_id_scope not in given:
        yield f"order_id_scope is {mapping.order_id_scope!r}, which is neither a column nor a constant"
    for path, value in mapping.constants.items():
        yield from _constant_faults(path, value)


def _constant_faults(path: str, value: str | int) -> Iterator[str]:
    field = field_of(path)
    if field is None:
        return
    if field.kind in ("integer", "amount") and not isinstance(value, int):
        unit = "minor units, 1250 for 12.50 EUR" if field.kind == "amount" else "5 say"
        yield f"constants.{path!r} is a whole number ({unit})"
    elif isinstance(value, int) and not -MINOR_MAX <= value <= MINOR_MAX:
        yield f"constants.{path!r} does not fit 64 bits"
    elif field.kind not in ("integer", "amount", "text") and not isinstance(value, str):
        yield f"constants.{path!r} is a text"


def _format_faults(where: str, file: FileFormat) -> Iterator[str]:
    yield from _mark_faults(where, file.decimal, file.thousands)
    if len(file.delimiter) != 1 or len(file.quote) > 1:
        yield f"{where}.delimiter and {where}.quote are one character each; an empty quote means none"
    elif file.delimiter == file.quote or {file.delimiter, file.quote} & {"\r", "\n"}:
        yield f"{where}.delimiter and {where}.quote differ, and neither is an end of line"
    yield from _zone_faults(f"{where}.time_zone", file.time_zone)
    for name, meant in file.zone_names.items():
        yield from _zone_faults(f"{where}.zone_names.{name}", meant)
    yield from _time_format_faults(f"{where}.time_formats", file.time_formats)
    if not 0 <= file.skip_lines <= 10_000:
        yield f"{where}.skip_lines is a whole number from 0 to 10,000"
    if file.column_names and (file.find_header or len(set(file.column_names)) < len(file.column_names)):
        yield f"{where}.column_names are for a file without a header, each name once"
    yield from _encoding_faults(f"{where}.encoding", file.encoding)


def _encoding_faults(where: str, encoding: str) -> Iterator[str]:
    try:
        "".encode(encoding)  # refuses codecs that make no bytes of text, or no text of bytes
        name = codecs.lookup(encoding).name
    except (LookupError, UnicodeError, ValueError):
        yield f"{where} {encoding!r} is unknown; write utf-8-sig, cp1252, utf-16, gbk"
        return
    if name in _NOT_OF_FILES:
        yield f"{where} {encoding!r} is no encoding of files; write utf-8-sig, cp1252, utf-16, gbk"


def _mark_faults(where: str, decimal: str, thousands: str) -> Iterator[str]:
    if len(decimal) != 1 or len(thousands) > 1:
        yield f"{where}.decimal is one character, {where}.thousands one or none"
    elif any(mark.isalnum() or mark in "+-" for mark in decimal + thousands):
        yield f"{where}.decimal and {where}.thousands are marks, neither digits nor letters nor signs"
    if decimal == thousands:
        yield f"{where}.decimal and {where}.thousands are the same mark"


def _zone_faults(where: str, name: str) -> Iterator[str]:
    if zone_of(name) is None:
        yield f"{where} {name!r} is no IANA time zone (such as Europe/London) and no offset (such as -08:00)"


def _time_format_faults(where: str, formats: tuple[str, ...]) -> Iterator[str]:
    for text in formats:
        if not is_time_format(text):
            yield f"{where}: {text!r} is no format of a time"


def _cell_faults(path: str, cell: Cell) -> Iterator[str]:
    where, field = f"cells.{path!r}", field_of(path)
    kind = field.kind if field is not None else "text"
    for key, needed in _KINDS.items():
        if getattr(cell, key) and kind != needed:
            yield f"{where}.{key} is for a field that is a {needed}"
    if (cell.round or cell.decimal or cell.thousands is not None) and kind not in ("amount", "integer"):
        yield f"{where}: round, decimal and thousands are for numbers"
    if cell.share and (kind != "amount" or path in ("lines.unit_price", "lines.line_total")):
        yield f"{where}.share is for amounts that are a part of what lines cost"
    if cell.of_rows == "sum" and (kind != "amount" or is_of_line(path) or cell.share or cell.or_column):
        yield f"{where}.of_rows = 'sum' is for an amount of the order, without share and or_column"
    if cell.decimal or cell.thousands:
        yield from _mark_faults(where, cell.decimal or ".", cell.thousands or "")
    if cell.time_zone:
        yield from _zone_faults(f"{where}.time_zone", cell.time_zone)
    yield from _time_format_faults(f"{where}.formats", cell.formats)
    if cell.part and _groups(cell.part) != 1:
        yield f"{where}.part {cell.part!r} is no regular expression with one group"
    if not 0 <= cell.pad_to <= 255 or len(cell.pad_with) != 1:
        yield f"{where}: pad_to is 0 to 255 characters, pad_with one"
    if cell.separator != Cell().separator and kind != "list":
        yield f"{where}.separator is for a field that is a list"
    if isinstance(cell.separator, tuple) and "" in cell.separator:
        yield f"{where}.separator has an empty text"
    for language in cell.languages:
        if not has_language(language):
            yield f"{where}.languages: names of countries are not known in {language!r}; write de, fr, zh_CN"


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError):
        return -1


def _filter_faults(mapping: Mapping) -> Iterator[str]:
    for place, rule in enumerate(mapping.filters, 1):
        where = f"filter {place} ({rule.reason})"
        if _tests(rule) != 1:
            yield f"{where} needs exactly one test"
        yield from _test_faults(where, rule)
        if rule.whole_order and rule.head:
            yield f"{where}: whole_order and head exclude each other"
        if not rule.reason:
            yield f"{where} has no reason, by which its rows are reported"
        if rule.reason in REASONS:
            yield f"{where}: this reason is one of the channel's own, and one number would count both; name another"
        if not rule.column and (rule.below or rule.at_most or rule.whole_order or rule.head):
            yield f"{where} needs a column"


def _tests(test: Test) -> int:
    return sum(getattr(test, name) is not None for name in _NAMES_OF_TESTS)


def _test_faults(where: str, test: Test) -> Iterator[str]:
    bounds = [bound for bound in (test.below, test.at_most) if bound is not None]
    if _groups(test.matches or "") < 0 or not all(map(_is_number, bounds)):
        yield f"{where} has a pattern or number that cannot be read"


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _join_faults(name: str, join: Join, mapping: Mapping) -> Iterator[str]:
    where = f"joins.{name}"
    if not join.on:
        yield f"{where}.on is empty: it says which column of the orders is which column of the file"
    if not name or "." in name:
        yield f"{where}: its name has no point and is not empty"
    yield from _format_faults(f"{where}.file", join.file)
    yield from _sum_faults(name, join, mapping)


def _sum_faults(name: str, join: Join, mapping: Mapping) -> Iterator[str]:
    """A sum is written with the mark of its file, so the field must be read with the same."""
    sums, mark = {f"{name}.{column}" for column, how in join.merge.items() if how == "sum"}, join.file.decimal
    for path in mapping.columns:
        for column in sorted(sums.intersection(columns_of(mapping, path))):
            for other in {*read_with(mapping, path)} - {mark}:
                said = f"{column} is summed with {mark!r} before decimals, but {path} is read with {other!r}"
                yield f"joins.{name}.merge: {said}; say joins.{name}.file.decimal or cells.{path!r}.decimal"


def _event_faults(place: int, event: Event, mapping: Mapping) -> Iterator[str]:
    where = f"event {place} ({event.type})"
    if _tests(event) > 1 or (_tests(event) == 1 and not event.column):
        yield f"{where} needs a column and at most one test"
    yield from _test_faults(where, event)
    if event.each and event.each not in mapping.joins:
        yield f"{where}.each {event.each!r} is none of the joins"
    if not event.event_id:
        yield f"{where} has no event_id, which keeps it from happening twice"
    for name in event.columns.keys() & event.constants.keys():
        yield f"{where}: {name} is both a column and a constant"
    kind = EVENT_TYPES.get(event.type)
    if kind is None:
        yield f"{where}: the types of events are {', '.join(sorted(EVENT_TYPES))}"
        return
    taken = {"at", "source", *(name for name in TAKES[kind] if FIELDS[name].form not in (Form.LINES, Form.FLAG))}
    for name in sorted({*event.columns, *event.constants} - taken):
        yield f"{where} takes no {name}; its fields are {', '.join(sorted(taken))}"
    for name in NEEDS.get(kind, ()):
        if name not in event.columns and name not in event.constants:
            yield f"{where} needs {name}"
