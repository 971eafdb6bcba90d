"""An event batch, row for row: what decides and what is only shown in part 0, what became of it in part 1, the answer.

What people wrote (note, text) lies with the documents, which can be erased. Texts that decide are in EVENTS as keyed
hashes, 0 where they were not given.
"""

from __future__ import annotations

import pyarrow as pa

from router.log.columns.fields import list_of, schema, since, structs
from router.log.event_fields import shown_columns


class EventResult:
    """What became of an event; only APPLIED ones change the order and raise its version."""

    APPLIED = 0
    REPEATED = 1  # known event_id, or a report that changes nothing
    REFUSED = 2  # the order's books do not accept it
    UNKNOWN_ORDER = 3
    CONFLICT = 4  # the event_id was used for this order with another body


_EVENT_LINES = structs(
    ("line_key", pa.uint64()),  # as in ADMITTED.lines
    ("line", pa.int32()),  # the line_id as a number from 1, -1 where it is none
    ("qty", pa.int64()),  # -1 not given: all units of the line
)
_UNIT_MOVES = structs(
    ("line", pa.int16()),  # from 0
    ("sku", pa.int32()),  # a component's index where the line is a bundle
    ("node", pa.int16()),  # where the units lie, -1 nowhere yet
    ("to_node", pa.int16()),  # the same, or where they were moved to
    ("lot", pa.int32()),  # 0 = none known
    ("from_stage", pa.uint8()),  # stage byte, see router/life/states.py
    ("to_stage", pa.uint8()),
    ("from_shipment", pa.uint8()),  # number of the order's shipment, 0 none
    ("shipment", pa.uint8()),  # the same, afterwards
    ("qty", pa.int32()),
    ("value_minor", pa.int64()),  # what the units carry of the order's total
    ("ship_day", pa.int32()),  # of the node's parcel, afterwards; 0 none
)
_MONEY_MOVES = structs(
    ("payment", pa.uint64()),  # keyed hash of the payment_id, 0 none
    ("account", pa.uint8()),  # router/life/states.py Account
    ("amount_minor", pa.int64()),  # what the account changes by
)

EVENTS = schema(
    ("event_id", pa.string()),
    ("order_id", pa.string()),
    ("hash_hi", pa.uint64()),  # of the order's id within its scope
    ("hash_lo", pa.uint64()),
    ("event", pa.int8()),  # router/life/event_types.py OrderEvent, -1 unknown
    ("occurred_at_ms", pa.int64()),
    ("source", pa.string()),
    since(1, "event_key", pa.uint64()),  # of the event_id
    since(1, "fingerprint", pa.uint64()),  # of all the event says: equal body <=> equal number
    since(1, "payment", pa.uint64()),
    since(1, "amount_minor", pa.int64(), -1),  # -1 not given
    since(1, "currency", pa.int16(), -1),  # -1 not given, -2 unknown
    since(1, "hold", pa.uint64()),
    since(1, "node", pa.int16(), -1),  # -1 not given, -2 unknown
    since(1, "to_node", pa.int16(), -1),
    since(1, "shipment", pa.uint64()),
    since(1, "tracking", pa.uint64()),
    since(1, "disposition", pa.int8(), -1),  # router/life/states.py Disposition, -1 not given
    since(1, "reversed", pa.uint64()),  # of the event_id that is taken back
    since(1, "lines", _EVENT_LINES),
)
EVENT_PAYLOAD = schema(
    since(1, "type", pa.string()),  # as sent, for types that are not known
    since(1, "line_ids", list_of(pa.string())),  # of EVENTS.lines, as sent
    *(since(version, name, dtype, -1) for version, name, dtype in shown_columns()),
)
EVENT_OUTCOME = schema(
    ("result", pa.int8()),  # EventResult
    ("reasons", pa.uint64()),
    ("before", pa.uint8()),  # state byte, see router/life/states.py pack_state
    ("after", pa.uint8()),
    ("version", pa.int32()),  # of the order afterwards
    ("order", pa.int64()),  # the order's ORDERS record: sequence << 16 | row, -1 unknown order
    ("previous", pa.int64()),  # the order's newest record before this one, ORDERS or EVENTS, -1 unknown order
    since(1, "refusal", pa.uint8()),  # router/life/refusals.py Refusal, 0 none
    since(1, "refused_line", pa.int32(), -1),  # line of the order the refusal speaks of, from 0
    since(1, "wanted", pa.int64()),  # units or amount that the event asked for
    since(1, "found", pa.int64()),  # units or amount that were there
    since(1, "whole", pa.uint8()),  # 1 = all units moved as one, so `units` is empty; 2 = one payment for all
    since(1, "stage", pa.uint8()),  # stage byte of all units afterwards, where they moved as one
    since(1, "units", _UNIT_MOVES),
    since(1, "money", _MONEY_MOVES),
    since(2, "document", pa.uint8()),  # router/life/documents.py Document that the event made, 0 none
    since(2, "number", pa.int64()),  # of it in its seller's series, from 1; 0 none
)

# What a shard answers to an event batch, row for row. Where an event was refused it says what the order's books hold.
MONEY_SHOWN = ("authorized", "captured", "refunding", "refunded", "due", "total", "credited", "written_off")
EVENT_ACK = schema(
    ("result", pa.int8()),  # EventResult
    ("refusal", pa.uint8()),  # router/life/refusals.py, 0 none
    ("refused_line", pa.int32()),  # of the event's lines, or of the order's where it names none, from 0; -1 none
    ("wanted", pa.int64()),  # units or amount that the event asked for, -1 all
    ("found", pa.int64()),  # units or amount that were there
    ("state", pa.uint8()),  # state byte of the order afterwards
    ("version", pa.int32()),  # of the order afterwards
    ("units", list_of(pa.int64())),  # of the order, by Stage; empty unless refused
    ("money", list_of(pa.int64())),  # minor units, by MONEY_SHOWN; likewise
)
