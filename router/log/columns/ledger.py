"""What the ledger is asked beside decisions, what it answers, and what its records say besides."""

from __future__ import annotations

import pyarrow as pa

from router.log.columns.decisions import DECIDED_LINES, PARCELS
from router.log.columns.fields import list_of, nullable_before, schema, since, structs

# Units that change their account in one cell of the ledger: what lifecycle events do to stock.
MOVES = schema(
    ("kind", pa.int8()),  # of records before version 1: 0 held > allocated, 1 held > available,
    # 2 allocated > available, 3 allocated > shipped; from then on -1, and the two accounts say it
    ("sku", pa.int32()),
    ("node", pa.int16()),
    ("qty", pa.int64()),
    nullable_before(1, "ship_day", pa.int32(), -1),  # a parcel of this day of the node is given back as well, -1 none
    since(1, "from_account", pa.int8(), -1),  # router/life/states.py CellAccount
    since(1, "to_account", pa.int8(), -1),
    since(1, "to_node", pa.int16(), -1),  # where the units lie afterwards, -1 the same node
    since(1, "order", pa.int64(), -1),  # shard << 48 | sequence << 16 | row, where its waiting claims are concerned
    since(1, "line", pa.int32(), -1),
)

# Documents that an event batch makes: so many numbers are taken of a seller's series, for its rows in their order.
NUMBERING = schema(
    since(3, "seller", pa.string()),  # "" = none
    since(3, "series", pa.uint8()),  # router/life/documents.py Series
    since(3, "count", pa.int64()),
)
NUMBERED = schema(since(3, "first", pa.int64()))  # the first number of each row of NUMBERING

# What a cancelled order gives back beside units: its customer's count, its basket, its uses of promotions.
GIVEN_BACK = schema(
    since(1, "order", pa.int64()),  # reference of the order as the ledger knows it: shard << 48 | sequence << 16 | row
    since(1, "customer", pa.uint64()),  # 0 = guest
    since(1, "basket", pa.uint64()),
    since(1, "tables_version", pa.int64()),  # of the promotions' numbers
    since(1, "promotions", list_of(pa.int16())),  # as DECISION granted them
)

# Units that a record of the ledger gave to orders that waited for them; shards take them over as events.
_GRANTED: tuple[tuple[str, pa.DataType], ...] = (
    ("line", pa.int32()),  # of the order, from 0
    ("sku", pa.int32()),  # a component's where the line is a bundle
    ("node", pa.int16()),
    ("qty", pa.int32()),
    ("line_qty", pa.int32()),  # units of the line that this row and those after it complete; 0 in the further rows
)
GRANTS = schema(
    since(1, "shard", pa.int16()),
    since(1, "order", pa.int64()),  # the order's record in its shard: sequence << 16 | row
    *(since(1, name, kind) for name, kind in _GRANTED),
)

# The same as a shard takes it over, a row an order; its outcome is an EVENT_OUTCOME.
GRANTED = schema(
    ("order_id", pa.string()),
    ("hash_hi", pa.uint64()),
    ("hash_lo", pa.uint64()),
    ("ledger_sequence", pa.int64()),  # of the ledger's record, and the first of its rows for this order
    ("ledger_row", pa.int32()),
    ("units", structs(*_GRANTED)),
)

# What a question to the ledger went by, and whose masks said who was granted units: one row of the ledger's own.
BASIS = schema(
    since(1, "grants_seen", pa.int64()),  # the newest record whose grants the shard had taken over when it asked
    since(1, "other_channel", pa.int16(), -1),  # the channel_index of channels that the question's tables do not name
    since(1, "granted_by", pa.int64()),  # version of the tables; 0: nobody could be granted anything
    since(1, "velocity_window_ms", pa.int64(), -1),  # of the policy that it went by
    since(1, "basket_window_ms", pa.int64(), -1),
    since(1, "value_orders_min", pa.int64(), -1),
    since(2, "owed", pa.list_(pa.int32())),  # SKUs of which the next record goes on granting what became free in this
)

# A question that releases and takes in one step: an order's units are planned anew.
_RELEASES = structs(
    ("from_account", pa.int8()),  # router/life/states.py CellAccount
    ("to_account", pa.int8()),
    ("sku", pa.int32()),
    ("node", pa.int16()),
    ("line", pa.int32()),  # of the order
    ("qty", pa.int32()),
    ("ship_day", pa.int32()),  # as in MOVES: a parcel is given back, -1 none
)
_WANTED: tuple[tuple[str, pa.DataType], ...] = (
    ("line", pa.int32()),
    ("sku", pa.int32()),
    ("qty", pa.int32()),
)


class Amend:
    """What an amendment does when not all that is wanted can be had."""

    WHOLE = 0  # nothing happens at all
    WAIT = 1  # what is there is taken, the rest waits


class AmendResult:
    """What became of an amendment."""

    NOT_ENOUGH = 0  # nothing was changed
    DONE = 1  # as the mode allows
    LATER = 2  # nothing was changed: units granted to the order are on their way to its shard; ask again behind them


AMENDS = schema(
    ("order", pa.int64()),  # shard << 48 | sequence << 16 | row
    ("mode", pa.int8()),  # Amend
    ("account", pa.int8()),  # CellAccount that what is taken goes to: ALLOCATED or HELD
    ("only_node", pa.int16()),  # take from this node alone, -1 any
    ("without_node", pa.int16()),  # -1 none
    ("channel_index", pa.int16()),  # -1 every channel that the tables of the question do not name
    ("zone", pa.int32()),
    ("service", pa.int16()),
    ("promise_by_ms", pa.int64()),
    ("placed_at_ms", pa.int64()),
    ("priority", pa.int32()),
    ("releases", _RELEASES),
    ("wanted", structs(*_WANTED, since(5, "node", pa.int16(), -1))),  # the node that the line must come from, -1 any
    since(2, "sends_from", pa.list_(pa.int16())),  # nodes with a place on a ship day for what the order keeps there
    since(3, "refused_by", list_of(pa.int16())),  # nodes that refused any of the lines wanted: none of them again
    since(3, "short_at", pa.int16(), -1),  # where what is released was not found, -1 none
    since(3, "accepted_ms", pa.int64()),  # when the router accepted the order; who waits again keeps its place by it
)
AMENDED = schema(
    ("done", pa.int8()),  # AmendResult
    ("parcels", PARCELS),  # those that took a place on a ship day
    ("lines", DECIDED_LINES),  # one entry for each entry of `wanted`
)


class PendingStep:
    """What happens to units that are kept for somebody until a deadline."""

    RESERVE = 0
    POST = 1  # they are an order's now
    VOID = 2  # they are available again
    EXPIRE = 3  # the deadline passed


PENDING = schema(
    ("key_hi", pa.uint64()),  # keyed hash of the reservation's id
    ("key_lo", pa.uint64()),
    ("step", pa.int8()),  # PendingStep
    ("deadline_ms", pa.int64()),
    ("channel_index", pa.int16()),
    ("zone", pa.int32()),
    ("wanted", structs(*_WANTED)),
)
PENDED = schema(
    ("result", pa.int8()),  # 0 done, 1 done before, 2 not enough units, 3 no such reservation
    ("lines", DECIDED_LINES),
)

# Movements of stock from outside.
MOVEMENTS = schema(
    ("hash_hi", pa.uint64()),  # keyed hash of movement_id: the ledger applies each once
    ("hash_lo", pa.uint64()),
    ("kind", pa.int8()),  # router/tables/stock_rows.py MovementKind
    ("sku", pa.int32()),
    ("node", pa.int16()),
    ("to_node", pa.int16()),  # -1 unless transfer or dispatch
    ("qty", pa.int64()),
    since(1, "state", pa.int8(), -1),  # CellAccount that units are set aside in, -1 none
    since(1, "fingerprint", pa.uint64()),  # of all the movement says: equal body <=> equal number; 0 not known
    since(1, "reason", pa.string()),
    since(1, "reference", pa.string()),
    # Of a count by the stock table all that lies in the cell, where some of it expires; of a receipt what expires.
    since(3, "lots", structs(("expires_day", pa.int32()), ("qty", pa.int64()))),
    since(3, "by_expiry", pa.uint8()),  # 1 = the ledger's own: units that would be too old when they arrive
    # 1 = a count by the stock table that says what is there; what is not stays of its lot. Before, it was of none.
    since(4, "of_lots", pa.uint8()),
)
STOCK_RESULTS = schema(("result", pa.int8()))  # router/tables/stock_rows.py MovementResult
