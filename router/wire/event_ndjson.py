"""Events as JSON lines: blocks of lines become batches, and a refusal in its place for every line that is none."""

from __future__ import annotations

import msgspec
import numpy as np

from kernels.text import scan_form as scan
from router.wire.careful import too_long
from router.wire.event_checks import MALFORMED
from router.wire.event_columns import EventColumns, EventRefusal
from router.wire.event_json import ids_of, plain_event
from router.wire.event_table import EVENT_KEYS
from router.wire.event_wire import EventTerms, EventWire, shown_id, to_event_wire
from router.wire.lines import Left, LineBlock, at_line, block_of, scan_lines, without_mark
from router.wire.scan_json import Scan, chosen, kept_rows, run_items
from router.wire.texts import gather


def decode_event_block(block: LineBlock, terms: EventTerms) -> EventWire:
    """The events of a block."""
    if block.too_long:
        detail = at_line(block.first_line, too_long(terms.limits, "event"))
        refusal = EventRefusal(0, block.first_line, None, None, MALFORMED, detail)
        nothing, _ = scan_lines(block, EVENT_KEYS, terms.limits, plain_event)
        return to_event_wire(_columns(nothing, [], [refusal]), terms)
    found, left = scan_lines(block, EVENT_KEYS, terms.limits, plain_event)
    return to_event_wire(_columns(found, [each.row for each in left], [_refusal(each) for each in left]), terms)


def decode_events(body: bytes, terms: EventTerms) -> EventWire:
    """The events of a body that is in memory already, one a line."""
    return decode_event_block(block_of(body, 1), terms)


def on_one_line(body: bytes) -> bytes:
    """A body that is one JSON document over several lines as one line; any other as it is."""
    text = without_mark(body)
    if b"\n" not in text:
        return body
    try:
        return msgspec.json.format(text, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return body


def _refusal(left: Left) -> EventRefusal:
    event_id, order_id = map(shown_id, ids_of(left.line))
    return EventRefusal(left.row, left.number, event_id, order_id, MALFORMED, at_line(left.number, left.fault.detail))


def _columns(found: Scan, left_out: list[int], refused: list[EventRefusal]) -> EventColumns:
    start, length, number, place, runs, positions = kept_rows(found, left_out)
    line_offsets, lines_at = run_items(runs[scan.LINES_FIRST], runs[scan.LINES_COUNT])
    line_text, line_number = chosen(found.line_text, lines_at), chosen(found.line_number, lines_at)
    lines = int(line_offsets[-1])
    return EventColumns(
        unit="line",
        numbers_of_rows=place[scan.LINE_NUMBER_AT],
        positions=positions,
        text=gather(found.text, start, length, len(positions)),
        number=list(np.ascontiguousarray(number)),
        line_offsets=line_offsets,
        line_ids=gather(found.text, line_text[2:3], line_text[3:4], lines),
        qty=line_number[scan.QTY, :lines],
        refused=refused,
    )
