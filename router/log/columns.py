"""The columns an order consists of, from the wire to the log: names, types, units and who writes them.

    WIRE        gateway  -> shard     what the channel said, as strings and numbers (short-lived, has postcodes)
    ADMITTED    shard    -> log       the same resolved to table indices; no personal data
    CLAIMS      shard    -> ledger    what the order wants from everything countable
    DECISION    ledger   -> log,shard what it was given
    OUTCOME     shard    -> log       decision plus money: the acknowledgement in columns
    ACK         shard    -> gateway   OUTCOME for every row that was sent, duplicates included

    EVENTS      gateway  -> log       what an event says, as numbers and hashes; EVENT_PAYLOAD: what of it is shown
    EVENT_ACK   shard    -> gateway   what became of each event

All are Arrow record batches without dictionary types, so that one IPC message with a known schema
suffices. Money is int64 minor units; times are int64 milliseconds since the epoch, UTC; days are int32
days since the epoch. There is no float column. ``-1`` means "none" in every index and optional amount.
"""

from __future__ import annotations

import pyarrow as pa

from router.log.event_fields import shown_columns

_LINES_WIRE = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("sku_code", pa.int32(), nullable=False),  # index into the batch's own SKU strings
                pa.field("qty", pa.int64(), nullable=False),  # as sent; range is checked by validate
                pa.field("unit_price_minor", pa.int64(), nullable=False),  # -1: not given
                pa.field("line_key", pa.uint64(), nullable=False),  # as in ADMITTED; 0 until the batch is split
            ]
        ),
        nullable=False,
    )
)


def _schema(*fields: tuple[str, pa.DataType] | pa.Field) -> pa.Schema:
    return pa.schema([pa.field(*field, nullable=False) if isinstance(field, tuple) else field for field in fields])


def since(version: int, name: str, dtype: pa.DataType, default: int = 0) -> pa.Field:
    """A column that records of a kind have from a version on; what older ones say of it is ``default`` (texts "",
    lists empty)."""
    stamp = {"since": str(version), "default": str(default)}
    return pa.field(name, dtype, nullable=False, metadata=stamp)


def _nullable_before(version: int, name: str, dtype: pa.DataType, default: int) -> pa.Field:
    """A column in which older records wrote null where ``default`` stands now."""
    stamp = {"nullable_before": str(version), "default": str(default)}
    return pa.field(name, dtype, nullable=False, metadata=stamp)


def since_of(field: pa.Field) -> int:
    """The version of its kind in which a column came."""
    return _stamp(field, b"since")


def was_nullable(field: pa.Field, version: int) -> bool:
    """Whether records of a version have nulls in this column."""
    return version < _stamp(field, b"nullable_before")


def default_of(field: pa.Field) -> int:
    """What a record from before the column says of it."""
    return _stamp(field, b"default")


def _stamp(field: pa.Field, name: bytes) -> int:
    return int(field.metadata.get(name, 0)) if field.metadata else 0


WIRE = _schema(
    ("order_id", pa.string()),
    ("channel", pa.string()),
    ("seller", pa.string()),  # "" = none
    ("placed_at_ms", pa.int64()),
    ("currency", pa.string()),
    ("customer_id", pa.string()),  # "" = guest
    ("country", pa.string()),  # ship_to
    ("region", pa.string()),
    ("postcode", pa.string()),
    ("bill_country", pa.string()),  # "" = no bill_to
    ("bill_postcode", pa.string()),
    ("coupons", pa.list_(pa.field("item", pa.string(), nullable=False))),
    ("payment_method", pa.string()),
    ("payment_status", pa.string()),
    ("service", pa.string()),  # requested shipping service, "" = any
    ("promise_by_ms", pa.int64()),  # -1 = none
    ("priority", pa.int32()),
    ("total_declared_minor", pa.int64()),  # channel's own total, -1 = not given
    ("missing", pa.uint32()),  # bit per REQUIRED_FIELDS entry that is absent or empty
    ("fingerprint", pa.uint64()),  # of every known field's content: equal body <=> equal number
    ("lines", _LINES_WIRE),
)

# Bit i of WIRE.missing stands for REQUIRED_FIELDS[i].
REQUIRED_FIELDS = (
    "order_id",
    "channel",
    "placed_at",
    "currency",
    "customer",
    "customer.name",
    "ship_to",
    "ship_to.name",
    "ship_to.line1",
    "ship_to.city",
    "ship_to.country",
    "lines",
    "lines.sku",
    "lines.qty",
)

# The batch's own SKU strings travel beside WIRE: one column, row number = sku_code.
WIRE_SKUS = _schema(("sku", pa.string()))


_LINES_ADMITTED = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("sku", pa.int32(), nullable=False),  # -1 unknown
                pa.field("qty", pa.int32(), nullable=False),  # 0: merged into an earlier line of the same SKU
                pa.field("unit_price_minor", pa.int64(), nullable=False),  # the price that counts
                pa.field("list_price_minor", pa.int64(), nullable=False),  # catalogue, -1 none
                since(1, "line_key", pa.uint64()),  # keyed hash of the line_id; 0 = the line's own number, from 1
            ]
        ),
        nullable=False,
    )
)

ADMITTED = _schema(
    ("order_id", pa.string()),
    ("hash_hi", pa.uint64()),
    ("hash_lo", pa.uint64()),
    ("fingerprint", pa.uint64()),
    ("channel", pa.string()),
    ("seller", pa.string()),
    ("currency", pa.int16()),
    ("channel_index", pa.int16()),  # column of the channel masks; last column = every other channel
    ("customer", pa.uint64()),  # keyed hash, 0 = guest
    ("placed_at_ms", pa.int64()),
    ("zone", pa.int32()),
    ("tax_area", pa.int32()),
    ("service", pa.int16()),
    ("promise_by_ms", pa.int64()),
    ("priority", pa.int32()),
    ("total_declared_minor", pa.int64()),
    ("payment", pa.uint8()),  # lifecycle.PaymentState the order arrived with
    ("admission", pa.int8()),  # Admission below
    ("reasons", pa.uint64()),
    ("reason_line", pa.int32()),  # first line a line reason speaks of, -1 none
    ("risk", pa.int32()),
    ("basket", pa.uint64()),  # hash of (customer, sorted lines), 0 = guest
    ("channel_key", pa.uint64()),  # hash of (channel, currency): the ledger's key of the channel's usual value
    ("weight_g", pa.int64()),
    ("subtotal_minor", pa.int64()),
    ("fee_minor", pa.int64()),  # customer's shipping fee before promotions
    ("promotions", pa.list_(pa.field("item", pa.int16(), nullable=False))),  # candidates by priority
    ("lines", _LINES_ADMITTED),
)


class Admission:
    """What the shard thinks of a new order before the ledger is asked."""

    PROCEED = 0
    HOLD = 1
    REJECT = 2


CLAIMS = _schema(
    ("customer", pa.uint64()),
    ("basket", pa.uint64()),
    ("channel_key", pa.uint64()),
    ("placed_at_ms", pa.int64()),
    ("channel_index", pa.int16()),
    ("zone", pa.int32()),
    ("service", pa.int16()),
    ("promise_by_ms", pa.int64()),
    ("admission", pa.int8()),
    ("risk", pa.int32()),
    ("value_minor", pa.int64()),
    ("promotions", pa.list_(pa.field("item", pa.int16(), nullable=False))),
    (
        "lines",
        pa.list_(
            pa.field(
                "item",
                pa.struct([pa.field("sku", pa.int32(), nullable=False), pa.field("qty", pa.int32(), nullable=False)]),
                nullable=False,
            )
        ),
    ),
    since(1, "priority", pa.int32()),  # who waits is served by it where the policy says so
)


class Status:
    """Order status in an acknowledgement; the text is STATUS_NAMES[status]."""

    ALLOCATED = 0
    PARTIALLY_ALLOCATED = 1
    BACKORDERED = 2
    HELD = 3
    REJECTED = 4


STATUS_NAMES = ("allocated", "partially_allocated", "backordered", "held", "rejected")

_ALLOCATIONS = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("sku", pa.int32(), nullable=False),  # a component's index where the line is a bundle
                pa.field("node", pa.int16(), nullable=False),
                pa.field("qty", pa.int32(), nullable=False),
            ]
        ),
        nullable=False,
    )
)
_LINES_DECISION = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("backordered", pa.int32(), nullable=False),  # units of the line without stock
                pa.field("allocations", _ALLOCATIONS, nullable=False),
            ]
        ),
        nullable=False,
    )
)
_PARCELS = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("node", pa.int16(), nullable=False),
                pa.field("band", pa.int32(), nullable=False),  # row of the freight bands used, -1 = none
                pa.field("ship_day", pa.int32(), nullable=False),
                pa.field("promise_day", pa.int32(), nullable=False),
                pa.field("cost_minor", pa.int64(), nullable=False),  # freight + handling
            ]
        ),
        nullable=False,
    )
)

_DECISION_FIELDS: tuple[tuple[str, pa.DataType], ...] = (
    ("status", pa.int8()),
    ("reasons", pa.uint64()),  # admission reasons are not repeated here
    ("risk", pa.int32()),  # final score
    ("granted", pa.list_(pa.field("item", pa.int16(), nullable=False))),  # promotions given, by priority
    ("promise_day", pa.int32()),  # latest parcel, -1 none
    ("cost_minor", pa.int64()),  # what the plan costs us
    ("runner_up_minor", pa.int64()),  # cost of the best plan without the chosen set of nodes, -1 none
    ("twin", pa.int64()),  # reference of the order with the same basket: shard << 48 | sequence << 16 | row; -1
    ("parcels", _PARCELS),
    ("lines", _LINES_DECISION),
)
DECISION = _schema(*_DECISION_FIELDS)

_MONEY_LINES = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("gross_minor", pa.int64(), nullable=False),  # unit price x qty
                pa.field("discount_minor", pa.int64(), nullable=False),
                pa.field("tax_minor", pa.int64(), nullable=False),
                pa.field("total_minor", pa.int64(), nullable=False),  # what the customer pays for the line
            ]
        ),
        nullable=False,
    )
)

OUTCOME = _schema(
    *_DECISION_FIELDS,
    ("total_minor", pa.int64()),
    ("discount_minor", pa.int64()),
    ("tax_minor", pa.int64()),
    ("shipping_minor", pa.int64()),  # what the customer pays for shipping
    ("money_lines", _MONEY_LINES),
    ("granted_minor", pa.list_(pa.field("item", pa.int64(), nullable=False))),  # what each of `granted` gave
    ("version", pa.int32()),  # of the order after this record: 1, or more where a rejected id was judged anew
    ("previous", pa.int64()),  # the order's record before this one: sequence << 16 | row, -1 none
)


class EventResult:
    """What became of an event; only APPLIED ones change the order and raise its version."""

    APPLIED = 0
    REPEATED = 1  # known event_id, or a report that changes nothing
    REFUSED = 2  # the order's books do not accept it
    UNKNOWN_ORDER = 3
    CONFLICT = 4  # the event_id was used for this order with another body


_EVENT_LINES = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("line_key", pa.uint64(), nullable=False),  # as in ADMITTED.lines
                pa.field("line", pa.int32(), nullable=False),  # the line_id as a number from 1, -1 where it is none
                pa.field("qty", pa.int64(), nullable=False),  # -1 not given: all units of the line
            ]
        ),
        nullable=False,
    )
)
_UNIT_MOVES = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("line", pa.int16(), nullable=False),  # from 0
                pa.field("sku", pa.int32(), nullable=False),  # a component's index where the line is a bundle
                pa.field("node", pa.int16(), nullable=False),  # where the units lie, -1 nowhere yet
                pa.field("to_node", pa.int16(), nullable=False),  # the same, or where they were moved to
                pa.field("lot", pa.int32(), nullable=False),  # 0 = none known
                pa.field("from_stage", pa.uint8(), nullable=False),  # stage byte, see router/life/states.py
                pa.field("to_stage", pa.uint8(), nullable=False),
                pa.field("from_shipment", pa.uint8(), nullable=False),  # number of the order's shipment, 0 none
                pa.field("shipment", pa.uint8(), nullable=False),  # the same, afterwards
                pa.field("qty", pa.int32(), nullable=False),
                pa.field("value_minor", pa.int64(), nullable=False),  # what the units carry of the order's total
                pa.field("ship_day", pa.int32(), nullable=False),  # of the node's parcel, afterwards; 0 none
            ]
        ),
        nullable=False,
    )
)
_MONEY_MOVES = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("payment", pa.uint64(), nullable=False),  # keyed hash of the payment_id, 0 none
                pa.field("account", pa.uint8(), nullable=False),  # router/life/states.py Account
                pa.field("amount_minor", pa.int64(), nullable=False),  # what the account changes by
            ]
        ),
        nullable=False,
    )
)

# An event batch, row for row: what decides (EVENTS) and what is only shown (EVENT_PAYLOAD) in part 0, what became of it
# (EVENT_OUTCOME) in part 1. What people wrote (note, text) lies with the documents, which can be erased. Texts that
# decide are here as keyed hashes, 0 where they were not given.
EVENTS = _schema(
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
EVENT_PAYLOAD = _schema(
    since(1, "type", pa.string()),  # as sent, for types that are not known
    since(1, "line_ids", pa.list_(pa.field("item", pa.string(), nullable=False))),  # of EVENTS.lines, as sent
    *(since(version, name, dtype, -1) for version, name, dtype in shown_columns()),
)
EVENT_OUTCOME = _schema(
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
)

# What a shard answers to an event batch, row for row. Where an event was refused it says what the order's books hold.
MONEY_SHOWN = ("authorized", "captured", "refunding", "refunded", "due", "total")
EVENT_ACK = _schema(
    ("result", pa.int8()),  # EventResult
    ("refusal", pa.uint8()),  # router/life/refusals.py, 0 none
    ("refused_line", pa.int32()),  # of the event's lines, or of the order's where it names none, from 0; -1 none
    ("wanted", pa.int64()),  # units or amount that the event asked for, -1 all
    ("found", pa.int64()),  # units or amount that were there
    ("state", pa.uint8()),  # state byte of the order afterwards
    ("version", pa.int32()),  # of the order afterwards
    ("units", pa.list_(pa.field("item", pa.int64(), nullable=False))),  # of the order, by Stage; empty unless refused
    ("money", pa.list_(pa.field("item", pa.int64(), nullable=False))),  # minor units, by MONEY_SHOWN; likewise
)

# Units that change their account in one cell of the ledger: what lifecycle events do to stock.
MOVES = _schema(
    ("kind", pa.int8()),  # of records before version 1: 0 held > allocated, 1 held > available,
    # 2 allocated > available, 3 allocated > shipped; from then on -1, and the two accounts say it
    ("sku", pa.int32()),
    ("node", pa.int16()),
    ("qty", pa.int64()),
    _nullable_before(1, "ship_day", pa.int32(), -1),  # a parcel of this day of the node is given back as well, -1 none
    since(1, "from_account", pa.int8(), -1),  # router/life/states.py CellAccount
    since(1, "to_account", pa.int8(), -1),
    since(1, "to_node", pa.int16(), -1),  # where the units lie afterwards, -1 the same node
    since(1, "order", pa.int64(), -1),  # shard << 48 | sequence << 16 | row, where its waiting claims are concerned
    since(1, "line", pa.int32(), -1),
)

# What a cancelled order gives back beside units: its customer's count, its basket, its uses of promotions.
GIVEN_BACK = _schema(
    since(1, "order", pa.int64()),  # reference of the order as the ledger knows it: shard << 48 | sequence << 16 | row
    since(1, "customer", pa.uint64()),  # 0 = guest
    since(1, "basket", pa.uint64()),
    since(1, "tables_version", pa.int64()),  # of the promotions' numbers
    since(1, "promotions", pa.list_(pa.field("item", pa.int16(), nullable=False))),  # as DECISION granted them
)

# Units that a record of the ledger gave to orders that waited for them; shards take them over as events.
_GRANTED: tuple[tuple[str, pa.DataType], ...] = (
    ("line", pa.int32()),  # of the order, from 0
    ("sku", pa.int32()),  # a component's where the line is a bundle
    ("node", pa.int16()),
    ("qty", pa.int32()),
    ("line_qty", pa.int32()),  # units of the line that this row and those after it complete; 0 in the further rows
)
GRANTS = _schema(
    since(1, "shard", pa.int16()),
    since(1, "order", pa.int64()),  # the order's record in its shard: sequence << 16 | row
    *(since(1, name, kind) for name, kind in _GRANTED),
)

# What a question to the ledger went by, and whose masks said who was granted units: one row of the ledger's own.
BASIS = _schema(
    since(1, "grants_seen", pa.int64()),  # the newest record whose grants the shard had taken over when it asked
    since(1, "other_channel", pa.int16(), -1),  # the channel_index of channels that the question's tables do not name
    since(1, "granted_by", pa.int64()),  # version of the tables; 0: nobody could be granted anything
    since(1, "velocity_window_ms", pa.int64(), -1),  # of the policy that it went by
    since(1, "basket_window_ms", pa.int64(), -1),
    since(1, "value_orders_min", pa.int64(), -1),
    since(2, "owed", pa.list_(pa.int32())),  # SKUs of which the next record goes on granting what became free in this
)

# The same as a shard takes it over, a row an order; its outcome is an EVENT_OUTCOME.
_GRANTED_UNITS = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field(name, GRANTS.field(name).type, nullable=False)
                for name in ("line", "sku", "node", "qty", "line_qty")
            ]
        ),
        nullable=False,
    )
)
GRANTED = _schema(
    ("order_id", pa.string()),
    ("hash_hi", pa.uint64()),
    ("hash_lo", pa.uint64()),
    ("ledger_sequence", pa.int64()),  # of the ledger's record, and the first of its rows for this order
    ("ledger_row", pa.int32()),
    ("units", _GRANTED_UNITS),
)

# A question that releases and takes in one step: an order's units are planned anew.
_RELEASES = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("from_account", pa.int8(), nullable=False),  # router/life/states.py CellAccount
                pa.field("to_account", pa.int8(), nullable=False),
                pa.field("sku", pa.int32(), nullable=False),
                pa.field("node", pa.int16(), nullable=False),
                pa.field("line", pa.int32(), nullable=False),  # of the order, where a waiting claim is given up
                pa.field("qty", pa.int32(), nullable=False),
                pa.field("ship_day", pa.int32(), nullable=False),  # as in MOVES: a parcel is given back, -1 none
            ]
        ),
        nullable=False,
    )
)
_WANTED = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("line", pa.int32(), nullable=False),
                pa.field("sku", pa.int32(), nullable=False),
                pa.field("qty", pa.int32(), nullable=False),
            ]
        ),
        nullable=False,
    )
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


AMENDS = _schema(
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
    ("wanted", _WANTED),
    since(2, "sends_from", pa.list_(pa.int16())),  # nodes with a place on a ship day for what the order keeps there
)
AMENDED = _schema(
    ("done", pa.int8()),  # AmendResult
    ("parcels", _PARCELS),  # those that took a place on a ship day
    ("lines", _LINES_DECISION),  # one entry for each entry of `wanted`
)


class PendingStep:
    """What happens to units that are kept for somebody until a deadline."""

    RESERVE = 0
    POST = 1  # they are an order's now
    VOID = 2  # they are available again
    EXPIRE = 3  # the deadline passed


PENDING = _schema(
    ("key_hi", pa.uint64()),  # keyed hash of the reservation's id
    ("key_lo", pa.uint64()),
    ("step", pa.int8()),  # PendingStep
    ("deadline_ms", pa.int64()),
    ("channel_index", pa.int16()),
    ("zone", pa.int32()),
    ("wanted", _WANTED),
)
PENDED = _schema(
    ("result", pa.int8()),  # 0 done, 1 done before, 2 not enough units, 3 no such reservation
    ("lines", _LINES_DECISION),
)

# Movements of stock from outside.
MOVEMENTS = _schema(
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
)
STOCK_RESULTS = _schema(("result", pa.int8()))  # router/tables/stock_rows.py MovementResult

# One row per row sent. The gateway adds order_id, line_id, sku and currency from what it was sent.
ACK = _schema(
    ("status", pa.int8()),
    ("reasons", pa.uint64()),  # admission and decision reasons together
    ("reason_line", pa.int32()),
    ("duplicate", pa.uint8()),
    ("total_minor", pa.int64()),
    ("discount_minor", pa.int64()),
    ("tax_minor", pa.int64()),
    ("shipping_minor", pa.int64()),
    ("parcels", pa.int32()),
    ("promise_day", pa.int32()),
    ("sequence", pa.int64()),  # cursor of this order: shard : sequence : row
    ("row", pa.int32()),
    ("twin", pa.int64()),
    ("lines", _LINES_DECISION),
)

# A quote is an acknowledgement that took nothing, and what its plan would cost us.
QUOTE = ACK.append(pa.field("cost_minor", pa.int64(), nullable=False))
