"""What an order wants from everything countable, and what the ledger gave it."""

from __future__ import annotations

import pyarrow as pa

from router.log.columns.fields import list_of, schema, since, structs


class Admission:
    """What the shard thinks of a new order before the ledger is asked."""

    PROCEED = 0
    HOLD = 1
    REJECT = 2


class Status:
    """Order status in an acknowledgement; the text is STATUS_NAMES[status]."""

    ALLOCATED = 0
    PARTIALLY_ALLOCATED = 1
    BACKORDERED = 2
    HELD = 3
    REJECTED = 4


STATUS_NAMES = ("allocated", "partially_allocated", "backordered", "held", "rejected")

CLAIMS = schema(
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
    ("promotions", list_of(pa.int16())),
    (
        "lines",
        structs(
            ("sku", pa.int32()),
            ("qty", pa.int32()),
            since(5, "node", pa.int16(), -1),  # that alone the line may come from, -1 any
        ),
    ),
    since(1, "priority", pa.int32()),  # who waits is served by it where the policy says so
)

ALLOCATIONS = structs(
    ("sku", pa.int32()),  # a component's index where the line is a bundle
    ("node", pa.int16()),
    ("qty", pa.int32()),
)
DECIDED_LINES = structs(
    ("backordered", pa.int32()),  # units of the line without stock
    ("allocations", ALLOCATIONS),
)
PARCELS = structs(
    ("node", pa.int16()),
    ("band", pa.int32()),  # row of the freight bands used, -1 = none
    ("ship_day", pa.int32()),
    ("promise_day", pa.int32()),
    ("cost_minor", pa.int64()),  # freight + handling
    since(4, "pieces", pa.int32(), 1),  # parcels it is: more than one where no band takes all as one
)

DECISION = schema(
    ("status", pa.int8()),
    ("reasons", pa.uint64()),  # admission reasons are not repeated here
    ("risk", pa.int32()),  # final score
    ("granted", list_of(pa.int16())),  # promotions given, by priority
    ("promise_day", pa.int32()),  # latest parcel, -1 none
    ("cost_minor", pa.int64()),  # what the plan costs us
    ("runner_up_minor", pa.int64()),  # cost of the best plan without the chosen set of nodes, -1 none
    ("twin", pa.int64()),  # reference of the order with the same basket: shard << 48 | sequence << 16 | row; -1
    ("parcels", PARCELS),
    ("lines", DECIDED_LINES),
)
