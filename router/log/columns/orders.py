"""An order as it was sent, as it was admitted, what became of it, and how it is acknowledged."""

from __future__ import annotations

import pyarrow as pa

from router.log.columns.decisions import DECIDED_LINES, DECISION
from router.log.columns.fields import list_of, schema, since, structs

# What the channel says of an order's money beside its total: nothing for most, see router/log/declared_amounts.py.
DECLARED_AMOUNTS = structs(
    ("line", pa.int32()),  # from 0, -1 = of the order
    ("amount", pa.int8()),  # FEE, DISCOUNT, TAX
    ("amount_minor", pa.int64()),
)

# Nodes that lines must come from: nothing for most orders.
NAMED_NODES = structs(
    ("line", pa.int32()),  # from 0
    ("node", pa.string()),
)

WIRE = schema(
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
    ("coupons", list_of(pa.string())),
    ("payment_method", pa.string()),
    ("payment_status", pa.string()),
    ("service", pa.string()),  # requested shipping service, "" = any
    ("promise_by_ms", pa.int64()),  # -1 = none
    ("priority", pa.int32()),
    ("total_declared_minor", pa.int64()),  # channel's own total, -1 = not given, as all it declares
    ("declared", DECLARED_AMOUNTS),
    ("line_nodes", NAMED_NODES),
    ("missing", pa.uint32()),  # bit per REQUIRED_FIELDS entry that is absent or empty
    ("fingerprint", pa.uint64()),  # of every known field's content as it is meant: equal order <=> equal number
    ("fingerprint_sent", pa.uint64()),  # as it was written; what older records have
    (
        "lines",
        structs(
            ("sku_code", pa.int32()),  # index into the batch's own SKU strings
            ("qty", pa.int64()),  # as sent; range is checked by validate
            ("unit_price_minor", pa.int64()),  # -1: not given
            ("line_key", pa.uint64()),  # as in ADMITTED; 0 until the batch is split
        ),
    ),
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
WIRE_SKUS = schema(("sku", pa.string()))

ADMITTED = schema(
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
    ("payment", pa.uint8()),  # router/life/states.py PaymentState the order arrived with
    ("admission", pa.int8()),  # Admission of decisions.py
    ("reasons", pa.uint64()),
    ("reason_line", pa.int32()),  # first line a line reason speaks of, -1 none
    ("risk", pa.int32()),
    ("basket", pa.uint64()),  # hash of (customer, sorted lines), 0 = guest
    ("channel_key", pa.uint64()),  # hash of (channel, currency): the ledger's key of the channel's usual value
    ("weight_g", pa.int64()),
    ("subtotal_minor", pa.int64()),
    ("fee_minor", pa.int64()),  # customer's shipping fee before promotions
    ("promotions", list_of(pa.int16())),  # candidates by priority
    (
        "lines",
        structs(
            ("sku", pa.int32()),  # -1 unknown
            ("qty", pa.int32()),  # 0: merged into an earlier line of the same SKU and node
            ("unit_price_minor", pa.int64()),  # the price that counts
            ("list_price_minor", pa.int64()),  # catalogue, -1 none
            since(1, "line_key", pa.uint64()),  # keyed hash of the line_id; 0 = the line's own number, from 1
            since(3, "node", pa.int16(), -1),  # that alone it may come from; -1 any, or one that no table has
        ),
    ),
    since(2, "declared", DECLARED_AMOUNTS),
)

OUTCOME = schema(
    *DECISION,
    ("total_minor", pa.int64()),
    ("discount_minor", pa.int64()),
    ("tax_minor", pa.int64()),
    ("shipping_minor", pa.int64()),  # what the customer pays for shipping
    (
        "money_lines",
        structs(
            ("gross_minor", pa.int64()),  # unit price x qty
            ("discount_minor", pa.int64()),
            ("tax_minor", pa.int64()),
            ("total_minor", pa.int64()),  # what the customer pays for the line
        ),
    ),
    ("granted_minor", list_of(pa.int64())),  # what each of `granted` gave
    # What lines carry of each tax, where a line has several, or one that begins or ends, or its country rounds in its
    # own way; of all others tax_minor is the one tax of place and class.
    since(
        4,
        "taxes",
        structs(
            ("line", pa.int32()),  # from 0, -1 = the shipping fee
            ("tax", pa.int32()),  # row of the names and rates of the tables' version
            ("amount_minor", pa.int64()),
        ),
    ),
    since(4, "taken", pa.uint8()),  # what was declared and counts: 1 the shipping fee, 2 discounts, 4 taxes
    ("version", pa.int32()),  # of the order after this record: 1, or more where a rejected id was judged anew
    ("previous", pa.int64()),  # the order's record before this one: sequence << 16 | row, -1 none
)

# One row per row sent. The gateway adds order_id, line_id, sku and currency from what it was sent.
ACK = schema(
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
    ("lines", DECIDED_LINES),
)

# A quote is an acknowledgement that took nothing, and what its plan would cost us.
QUOTE = ACK.append(pa.field("cost_minor", pa.int64(), nullable=False))
