"""The desk's tables, the same in SQLite and PostgreSQL. How a database comes to have them: ``migrations/``.

Times are Unix milliseconds, 0 = never. ``place`` is that of an order's record: shard << 48 | sequence << 16 | row.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData(
    naming_convention={  # so that migrations name what they change in the same way on both
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
_NUMBERED = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up a plain INTEGER key alone

# One row: whose desk it is, and how far it has read the feed.
DESK = Table(
    "desk",
    METADATA,
    Column("one", Integer, primary_key=True),  # 1
    Column("folder", Text, nullable=False),  # digest of the data folder's hash key
    Column("cursor", Text),  # behind the last transaction of the reader
)

WORK = Table(
    "work_items",
    METADATA,
    Column("work_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("order_key", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("about", Text, nullable=False),  # type of the event that was refused, "" of other kinds
    Column("cause_version", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("snoozed_until_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger, nullable=False),
    Column("resolved_by", Text, nullable=False),
    Column("resolution", Text, nullable=False),
    Column("settled_ms", BigInteger, nullable=False, server_default="0"),  # when its cause ended, 0 = it stands
)
Index(None, WORK.c.order_key, WORK.c.kind)
Index(None, WORK.c.order_id)
Index(None, WORK.c.state, WORK.c.deadline_ms, WORK.c.work_id)
Index(None, WORK.c.queue, WORK.c.state, WORK.c.deadline_ms, WORK.c.work_id)
Index(None, WORK.c.owner, WORK.c.state, WORK.c.deadline_ms, WORK.c.work_id)

# What is to be looked at again. A row a thing that lasts; it goes when that ends, or when it is due.
DUE = Table(
    "due",
    METADATA,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("order_key", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
)
Index(None, DUE.c.due_ms)

# What people and timers decided about orders, on its way to their shards as events.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("number", _NUMBERED, primary_key=True, autoincrement=True),  # they are sent in this order
    Column("event_id", Text, nullable=False, unique=True),
    Column("work_id", Text, nullable=False),  # "" = a timer's
    Column("order_key", Text, nullable=False),
    Column("event", Text, nullable=False),  # as JSON
    Column("made_ms", BigInteger, nullable=False),
    Column("status", Text, nullable=False),  # waiting, aside, let_go, applied, duplicate, refused
    Column("answered_ms", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),  # the shard's, as JSON
    sqlite_autoincrement=True,
)
Index(None, OUTBOX.c.status, OUTBOX.c.number)
Index(None, OUTBOX.c.work_id)

# Answers to requests with an Idempotency-Key.
REPEATS = Table(
    "repeats",
    METADATA,
    Column("caller", Text, primary_key=True),  # name of the API key
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # of what was asked
    Column("answer", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)
Index(None, REPEATS.c.made_ms)

# Calls to partners, as adapters/_transport/calls.py has them.
CALLS = Table(
    "calls",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("next_at_ms", BigInteger, nullable=False),
    Column("call", Text, nullable=False),  # as JSON, whole
)
Index(None, CALLS.c.partner, CALLS.c.state, CALLS.c.next_at_ms)

BREAKERS = Table(
    "breakers",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("breaker", Text, nullable=False),  # as JSON
)

# Money that is to go back, and its parts, one a payment.
REFUNDS = Table(
    "refunds",
    METADATA,
    Column("refund_id", Text, primary_key=True),
    Column("order_key", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("order_version", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("lines", Text, nullable=False),  # of which units, as JSON
    Column("reason", Text, nullable=False),
    Column("approval", Text, nullable=False),  # awaited, given, refused
    Column("asked_by", Text, nullable=False),  # name of an API key
    Column("asked_ms", BigInteger, nullable=False),
)
Index(None, REFUNDS.c.order_key)

REFUND_PARTS = Table(
    "refund_parts",
    METADATA,
    Column("refund_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("payment_id", Text, nullable=False),  # "" = one that nobody has named
    Column("partner", Text, nullable=False),  # "" = paid back by hand
    Column("amount_minor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),  # why it failed, in words
    Column("changed_ms", BigInteger, nullable=False),
)

# Orders of which money was asked for, or a payment failed.
PAY_ORDERS = Table(
    "pay_orders",
    METADATA,
    Column("order_key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # payments that failed
    Column("plan", Text, nullable=False),  # its instalments as JSON, as they were agreed; [] = none
    Column("agreed_by", Text, nullable=False),
    Column("agreed_ms", BigInteger, nullable=False),
    Column("before_minor", BigInteger, nullable=False),  # what had come before they were agreed
    Column("shipped_ms", BigInteger, nullable=False),  # when all of it had left
    Column("next_ms", BigInteger, nullable=False),  # when the next one is to be asked for
)
Index(None, PAY_ORDERS.c.next_ms)

# A partner's figures of a day beside the books.
RECONCILIATIONS = Table(
    "reconciliations",
    METADATA,
    Column("run_id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("day", Text, nullable=False),  # in UTC, as 2026-11-30
    Column("state", Text, nullable=False),
    Column("figures", Text, nullable=False),  # the partner's, as JSON, until they were compared
    Column("answer", Text, nullable=False),  # what was found, as JSON
    Column("detail", Text, nullable=False),  # why it failed
    Column("asked_by", Text, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
)
Index(None, RECONCILIATIONS.c.state)

# Money that buyers were asked for.
PAY_REQUESTS = Table(
    "pay_requests",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("order_key", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("order_version", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("instalment", Integer, nullable=False),  # from 1; 0 = of no plan
    Column("method", Text, nullable=False),
    Column("partner", Text, nullable=False),  # "" = nobody is asked for a link
    Column("state", Text, nullable=False),
    Column("closing", Integer, nullable=False),  # 1 = it is to be cancelled
    Column("payment_id", Text, nullable=False),  # as the payment will be called; "" = not known yet
    Column("pay_url", Text, nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("asked_by", Text, nullable=False),  # name of an API key; "desk" = by itself
    Column("asked_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
Index(None, PAY_REQUESTS.c.order_key)
Index(None, PAY_REQUESTS.c.payment_id)
Index(None, PAY_REQUESTS.c.state, PAY_REQUESTS.c.expires_ms)

# Parcels that are to leave, and have left.
SHIPMENTS = Table(
    "shipments",
    METADATA,
    Column("shipment_id", Text, primary_key=True),
    Column("order_key", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("order_version", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("lines", Text, nullable=False),  # which units, as JSON
    Column("carrier", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("partner", Text, nullable=False),  # "" = the label is ours
    Column("weight_g", BigInteger, nullable=False),
    Column("price_minor", BigInteger, nullable=False),  # -1 = not known
    Column("currency", Text, nullable=False),
    Column("arrives_day", Integer, nullable=False),  # -1 = not known
    Column("promised_day", Integer, nullable=False),  # -1 = nothing was promised
    Column("label_form", Text, nullable=False),  # pdf, zpl
    Column("tracking_number", Text, nullable=False),
    Column("label_id", Text, nullable=False),  # as the partner calls it
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),  # why it failed, or was not shipped or voided
    Column("is_to_ship", Boolean, nullable=False),  # as soon as it has its label
    Column("ship_events", Integer, nullable=False),
    Column("shipped_version", BigInteger, nullable=False),
    Column("asked_by", Text, nullable=False),  # name of an API key
    Column("asked_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
Index(None, SHIPMENTS.c.order_key)
Index(None, SHIPMENTS.c.tracking_number)

# Labels that carriers made, to be printed again: they cannot be had twice.
LABELS = Table(
    "labels",
    METADATA,
    Column("shipment_id", Text, primary_key=True),
    Column("form", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)
Index(None, LABELS.c.made_ms)

# By tracking number, parcels of orders that left.
PARCELS = Table(
    "parcels",
    METADATA,
    Column("tracking_number", Text, primary_key=True),
    Column("order_key", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("shipment_id", Text, nullable=False),  # "" where it was not named
    Column("shipped_ms", BigInteger, nullable=False),
)
Index(None, PARCELS.c.shipped_ms)

# Orders at nodes that are worked here: a row for each that has not left the node, as of its newest change.
TO_PICK = Table(
    "to_pick",
    METADATA,
    Column("order_key", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("newest", BigInteger, nullable=False),  # place of that change
    Column("version", BigInteger, nullable=False),
    Column("carrier", Text, nullable=False),  # "" = none planned
    Column("due_ms", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),  # that wait to be picked; 0 = none now, -1 = it has left
    Column("wave_id", Text, nullable=False),  # "" = it is in none
)
Index(None, TO_PICK.c.node, TO_PICK.c.wave_id, TO_PICK.c.due_ms, TO_PICK.c.order_key)

# Orders that are picked together at a node.
WAVES = Table(
    "waves",
    METADATA,
    Column("wave_id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, done, released
    Column("zone", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("due_before_ms", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),  # name of an API key
    Column("made_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
)
Index(None, WAVES.c.node, WAVES.c.wave_id)

WAVE_ORDERS = Table(
    "wave_orders",
    METADATA,
    Column("wave_id", Text, primary_key=True),
    Column("order_key", Text, primary_key=True),
    Column("number", Integer, nullable=False),  # of the tote
    Column("order_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("seller", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("told_version", BigInteger, nullable=False),  # of the order, with the last report that its books took
)

WAVE_LINES = Table(
    "wave_lines",
    METADATA,
    Column("wave_id", Text, primary_key=True),
    Column("order_key", Text, primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),  # from 0
    Column("line_id", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("stops", Text, nullable=False),  # bins, as JSON
    Column("qty", BigInteger, nullable=False),
    Column("picked", BigInteger, nullable=False),
    Column("short", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("packed", BigInteger, nullable=False),
    Column("why", Text, nullable=False),  # it was dropped
)

# Bins that nothing is picked from until somebody has counted.
BLOCKED_BINS = Table(
    "blocked_bins",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("bin", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("blocked_by", Text, nullable=False),  # name of an API key
    Column("blocked_ms", BigInteger, nullable=False),
)
