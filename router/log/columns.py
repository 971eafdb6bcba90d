"""The columns an order consists of, from the wire to the log: names, types, units and who writes them.

    WIRE        gateway  -> shard     what the channel said, as strings and numbers (short-lived, has postcodes)
    ADMITTED    shard    -> log       the same resolved to table indices; no personal data
    CLAIMS      shard    -> ledger    what the order wants from everything countable
    DECISION    ledger   -> log,shard what it was given
    OUTCOME     shard    -> log       decision plus money: the acknowledgement in columns
    ACK         shard    -> gateway   OUTCOME for every row that was sent, duplicates included

All are Arrow record batches without dictionary types, so that one IPC message with a known schema
suffices. Money is int64 minor units; times are int64 milliseconds since the epoch, UTC; days are int32
days since the epoch. There is no float column. ``-1`` means "none" in every index and optional amount.
"""

from __future__ import annotations

import pyarrow as pa

_LINES_WIRE = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("sku_code", pa.int32(), nullable=False),  # index into the batch's own SKU strings
                pa.field("qty", pa.int64(), nullable=False),  # as sent; range is checked by validate
                pa.field("unit_price_minor", pa.int64(), nullable=False),  # -1: not given
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


# Part 0 and part 1 of an event batch, row for row; what changed is found from the newest record backwards.
EVENTS = _schema(
    ("event_id", pa.string()),
    ("order_id", pa.string()),
    ("hash_hi", pa.uint64()),  # of the order's id within its scope
    ("hash_lo", pa.uint64()),
    ("event", pa.int8()),  # router/life/states.py OrderEvent, -1 unknown
    ("occurred_at_ms", pa.int64()),
    ("source", pa.string()),
)
EVENT_OUTCOME = _schema(
    ("result", pa.int8()),  # EventResult
    ("reasons", pa.uint64()),
    ("before", pa.uint8()),  # state byte, see router/life/states.py pack_state
    ("after", pa.uint8()),
    ("version", pa.int32()),  # of the order afterwards
    ("order", pa.int64()),  # the order's ORDERS record: sequence << 16 | row, -1 unknown order
    ("previous", pa.int64()),  # the order's newest record before this one, ORDERS or EVENTS, -1 unknown order
)

# Units that change their account in one cell of the ledger: what lifecycle events do to stock.
MOVES = _schema(
    ("kind", pa.int8()),  # router/life/states.py Move
    ("sku", pa.int32()),
    ("node", pa.int16()),
    ("qty", pa.int64()),
    _nullable_before(1, "ship_day", pa.int32(), -1),  # a parcel of this day of the node is given back as well, -1 none
)

# Movements of stock from outside.
MOVEMENTS = _schema(
    ("hash_hi", pa.uint64()),  # keyed hash of movement_id: the ledger applies each once
    ("hash_lo", pa.uint64()),
    ("kind", pa.int8()),  # router/tables/stock_rows.py MovementKind
    ("sku", pa.int32()),
    ("node", pa.int16()),
    ("to_node", pa.int16()),  # -1 unless transfer
    ("qty", pa.int64()),
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
