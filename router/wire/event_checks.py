"""What makes a row no event, in words: asked of whole columns, so that sound rows cost nothing of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.text.read_time import FIRST_MS, LAST_MS
from kernels.text.scan_form import ABSENT
from router.config import Limits
from router.ids import Scope
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES, UNKNOWN_TYPE, OrderEvent
from router.log.event_fields import FIELDS, REQUIRED, Form
from router.wire.event_columns import Bools, EventColumns
from router.wire.event_json import NO_LINES
from router.wire.event_table import ALL, BIT, NEEDED, NUMBER, TAKEN, TEXT, TEXT_FIELDS, TIME_FIELDS
from router.wire.line_names import with_equal_keys
from router.wire.texts import Texts

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]

MALFORMED = "malformed_event"
TYPE_UNKNOWN = "event_type_unknown"
NOT_ALLOWED = "not_allowed"
RESERVED = "reserved"

CHARACTERS_MAX = {Form.ID: 128, Form.TEXT: 4_096}
UNITS_MAX = 2**31 - 1  # of one line


class Fault(NamedTuple):
    reason: str  # stable, for programs
    sentence: str


Faults = Iterator[tuple[Rows, Fault]]


def row_faults(columns: EventColumns, types: npt.NDArray[np.int8], scope: Scope, limits: Limits) -> dict[int, Fault]:
    """Rows that cannot be events; the first fault found speaks. ``types`` are numbers of OrderEvent, -1 unknown."""
    faults: dict[int, Fault] = {}
    for rows, fault in _found(columns, types, scope, limits):
        for row in rows.tolist():
            faults.setdefault(row, fault)
    return faults


def _found(columns: EventColumns, types: npt.NDArray[np.int8], scope: Scope, limits: Limits) -> Faults:
    yield from _missing(columns, scope)
    yield from _long(columns)
    unknown = np.flatnonzero(types == UNKNOWN_TYPE)
    yield unknown, Fault(TYPE_UNKNOWN, f"type must be one of: {', '.join(sorted(EVENT_TYPES))}")
    yield from _misplaced(given_fields(columns), types)
    yield from _numbers_out_of_range(columns, limits)
    yield from _line_faults(columns, limits)


def malformed(rows: Rows, sentence: str) -> tuple[Rows, Fault]:
    return rows, Fault(MALFORMED, sentence)


def _where(bad: Bools, sentence: str) -> tuple[Rows, Fault]:
    return malformed(np.flatnonzero(bad), sentence)


def given_fields(columns: EventColumns) -> U64:
    """A bit for each field of FIELDS that a row has."""
    found = np.zeros(columns.rows, np.uint64)
    for name in FIELDS:
        if name not in TEXT or columns.has_text(name):
            found |= columns.given(name).astype(np.uint64) << np.uint64(BIT[name])
    return found


def _missing(columns: EventColumns, scope: Scope) -> Faults:
    for name in REQUIRED:
        sentence = f"{name} is missing or empty; every event needs event_id, order_id and type"
        yield _where(~columns.given(name), sentence)
    if scope == "channel":
        sentence = "channel is missing or empty; here the id of an order is unique within its channel"
        yield _where(~columns.given("channel"), sentence)


def _long(columns: EventColumns) -> Faults:
    longest = columns.text.sizes.max(axis=1, initial=0)
    for number in np.flatnonzero(longest > min(CHARACTERS_MAX.values())):
        name = TEXT_FIELDS[number]
        most = CHARACTERS_MAX[ALL[name].form]
        for row, size in _too_long(columns.text, int(number), most):
            yield malformed(np.array([row]), f"{name} has {size} characters, at most {most} are taken; shorten it")
    most = CHARACTERS_MAX[Form.ID]
    for line, size in _too_long(columns.line_ids, 0, most):
        rows = columns.rows_of_lines(np.array([line]))
        yield malformed(rows, f"lines.line_id has {size} characters, at most {most} are taken; shorten it")


def _too_long(texts: Texts, column: int, most: int) -> Iterator[tuple[int, int]]:
    """(row, characters) of texts with more than so many; where bytes are fewer, characters are."""
    rows = np.flatnonzero(texts.sizes[column] > most)
    if len(rows):
        characters = pc.utf8_length(texts.array(column).take(pa.array(rows))).to_numpy()
        over = characters > most
        yield from zip(rows[over].tolist(), characters[over].tolist(), strict=True)


def _misplaced(given: U64, types: npt.NDArray[np.int8]) -> Faults:
    """Fields that a type does not take, and fields without which it says nothing."""
    bad, lacking = given & ~TAKEN[types], NEEDED[types] & ~given
    for row in np.flatnonzero(bad | lacking).tolist():
        event = OrderEvent(types[row])
        name = event.name.lower()
        for field in FIELDS:
            if int(bad[row]) >> BIT[field] & 1:
                takes = ", ".join(TAKES[event]) or "no further field"
                yield malformed(np.array([row]), f"{field} is no field of {name}, which takes {takes}; leave it out")
            if int(lacking[row]) >> BIT[field] & 1:
                needs = ", ".join(NEEDS[event])
                yield malformed(np.array([row]), f"{field} is missing; {name} needs {needs}")


def _numbers_out_of_range(columns: EventColumns, limits: Limits) -> Faults:
    for name, number in NUMBER.items():
        values, form = columns.number[number], ALL[name].form
        if form in (Form.AMOUNT, Form.COUNT):
            most = limits.order_value_minor_max if form is Form.AMOUNT else UNITS_MAX
            unit = " of minor units" if form is Form.AMOUNT else ""
            bad = (values != ABSENT) & ((values < 0) | (values > most))
            yield _where(bad, f"{name} must be a whole number{unit} from 0 to {most}; correct it")
    for name in TIME_FIELDS:
        values = columns.number[NUMBER[name]]
        bad = (values != ABSENT) & ((values < FIRST_MS) | (values > LAST_MS))
        yield _where(bad, f"{name} lies outside the years 1 to 9999; correct it")


def _line_faults(columns: EventColumns, limits: Limits) -> Faults:
    if columns.has_no_lines is not None:
        yield _where(columns.has_no_lines, NO_LINES)
    if not len(columns.qty):
        return
    counts = columns.line_counts
    yield _where(counts > limits.lines_max, f"lines has more than {limits.lines_max} entries; send several events")
    missing = np.flatnonzero(columns.line_ids.sizes[0] == 0)
    sentence = "lines.line_id is missing or empty; name each line as the order does, without one by its number from 1"
    yield malformed(columns.rows_of_lines(missing), sentence)
    bad = np.flatnonzero((columns.qty != ABSENT) & ((columns.qty < 1) | (columns.qty > UNITS_MAX)))
    sentence = (
        f"lines.qty must be a whole number from 1 to {UNITS_MAX}; leave it out where all units of the line are meant"
    )
    yield malformed(columns.rows_of_lines(bad), sentence)


def repeated_lines(columns: EventColumns, line_keys: U64) -> Faults:
    """Rows that name a line twice; equal ids have equal keys."""
    if len(line_keys) <= columns.rows and columns.line_counts.max(initial=0) < 2:
        return
    row_of_line = np.repeat(np.arange(columns.rows), columns.line_counts)
    for line in with_equal_keys(row_of_line, line_keys).tolist():
        name = columns.line_ids.array()[line].as_py()
        sentence = f"lines names line {name!r} twice; send one entry with the sum of its units"
        yield malformed(row_of_line[line : line + 1], sentence)
