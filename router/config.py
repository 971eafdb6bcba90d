"""Configuration: frozen, unknown keys refused, each default in one place, presets that tests run through."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

GrantOrder = Literal["fifo", "priority", "whole_orders"]
RefundOrder = Literal["newest_first", "oldest_first"]  # out of which of an order's payments money goes back first

SHARDS_MAX = 256
SLOTS = 4096  # order id -> slot -> shard; fixed for ever, so that data folders can be moved between layouts


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds of one order and one request. Raising one costs memory and weakens the overflow asserts."""

    lines_max: int = 10_000
    qty_max: int = 100_000
    unit_price_minor_max: int = 1_000_000_000
    order_value_minor_max: int = 900_000_000_000_000
    id_bytes_max: int = 128
    text_bytes_max: int = 4_096
    line_bytes_max: int = 4 << 20  # one NDJSON line; longer ones are refused in their place
    body_bytes_max: int = 64 << 20  # bodies that are not streams
    expansion_max: int = 100  # times the bytes of an Arrow stream, beyond body_bytes_max, that they may stand for
    batch_rows_max: int = 32_768  # larger: better throughput, worse latency
    batch_rows_beside_events: int = 16_384  # of orders while events come, which wait for a batch to be through
    batch_bytes_max: int = 16 << 20
    in_flight_batches_max: int = 8  # per shard and gateway; more hides the disk, costs memory and latency
    streams_max: int = 64  # concurrent order streams a gateway serves
    connections_max: int = 4_096
    requests_per_second_max: int = 0  # per key, 0 = no limit
    header_timeout_ms: int = 10_000
    body_idle_timeout_ms: int = 30_000  # no byte for this long ends a request body
    answers_memory_bytes: int = 32 << 20  # answers a stream's client has not read yet, kept in memory
    answers_bytes_max: int = 4 << 30  # the same in all, with a temporary file; then the stream is ended
    hook_bytes_max: int = 1 << 20  # of a partner's webhook
    hooks_per_second_max: int = 500  # webhooks that are a partner's, to a gateway; 0 = no limit

    def __post_init__(self) -> None:
        assert self.order_value_minor_max * 10_000 < 2**63, "a rate in basis points would overflow int64"
        assert self.unit_price_minor_max * self.qty_max <= self.order_value_minor_max, "one line must fit an order"
        assert self.batch_rows_max <= 1 << 16, "a row number must fit the 16 bits of an order reference"
        assert min(self.batch_rows_max, self.batch_rows_beside_events) >= 1, "a batch has at least one row"
        assert self.qty_max < 2**31 and self.lines_max * self.qty_max < 2**63, "units of an order would overflow int64"


Heed = Literal["take", "compare", "compute"]  # of an amount that a channel declares: it counts, is compared, or is not


Invoicing = Literal["capture", "ship", "none"]  # what makes an invoice: money that came, units that left
Prefix = Annotated[str, msgspec.Meta(pattern="^([A-Z0-9]{1,12})?$")]  # of the numbers of invoices and credit notes
MARKS = ("INV", "CN")  # which of the two a number is of; no prefix may be one of them


class SellerPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What one seller has differently, whatever the channel says; null = as the channel has it."""

    invoices: Invoicing | None = None
    invoice_prefix: Prefix | None = None
    payment_days: int | None = None
    issuer: tuple[str, ...] | None = None


class ChannelPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What one channel has differently; null = as for all."""

    discount: Heed | None = None
    tax: Heed | None = None
    shipping_fee: Heed | None = None
    unpaid: Literal["allocate", "hold"] | None = None
    cod: Literal["confirm", "as_unpaid"] | None = None
    unpaid_expires_ms: int | None = None
    postcode: Literal["reject", "hold", "flag"] | None = None
    invoices: Invoicing | None = None
    invoice_prefix: Prefix | None = None
    payment_days: int | None = None
    issuer: tuple[str, ...] | None = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to do where more than one answer is right."""

    channels: dict[str, ChannelPolicy] = {}  # by the orders' channel
    sellers: dict[str, SellerPolicy] = {}  # by the orders' seller
    # Recorded policies of before there were invoices lack it, and made none; a configuration has "capture", see Config.
    invoices: Invoicing = "none"
    invoice_prefix: Prefix = ""  # before INV and CN in the numbers of invoices and credit notes
    payment_days: int = 14  # from an invoice to the day on which it is due
    issuer: tuple[str, ...] = ()  # lines of text at the head of invoices: name, address, numbers of registers
    unpaid: Literal["allocate", "hold"] = "allocate"  # orders that are not paid, or not in full
    # Orders that are paid on delivery. Recorded policies of before lack it and held them; see Config for "confirm".
    cod: Literal["confirm", "as_unpaid"] = "as_unpaid"
    unpaid_expires_ms: int = 0  # orders of which nothing was paid or picked are cancelled after it; 0 = never
    postcode: Literal["reject", "hold", "flag"] = "reject"  # that does not have the form of its country
    discount: Heed = "compute"
    tax: Heed = "compute"
    shipping_fee: Heed = "compute"
    price_mismatch: Literal["reject", "hold", "accept"] = "reject"
    price_tolerance_bp: int = 100  # of the catalogue price
    duplicate_lines: Literal["keep", "merge", "reject"] = "keep"
    short_stock: Literal["partial", "backorder", "reject"] = "partial"
    plan: Literal["cheapest", "fewest", "fastest"] = "cheapest"
    parcels_max: int = 4
    on_hand_falls: Literal["ship", "pack"] = "ship"  # when units leave the on-hand stock of their node
    grant_order: GrantOrder = "fifo"  # who is given units first that arrive for waiting orders
    split_penalty_minor: int = 0  # added for every parcel after the first when plans are compared
    late_penalty_minor_per_day: int = 0  # for every day after promise_by
    duplicate_basket_window_ms: int = 10 * 60_000  # 0 switches the check off
    velocity_window_ms: int = 60 * 60_000
    velocity_orders_max: int = 20
    risk_value_factor: int = 20  # times the channel's usual order value
    risk_value_orders_min: int = 100  # orders of a channel before "usual" means anything
    risk_qty_max: int = 10_000  # units of one line that look like a typing error
    risk_points_value: int = 40
    risk_points_address: int = 20
    risk_points_qty: int = 30
    risk_points_velocity: int = 40
    risk_hold_at: int = 60
    risk_reject_at: int = 1_000
    placed_at_future_ms_max: int = 24 * 3_600_000
    totals_tolerance_minor: int = 0

    def of_channel(self, channel: str) -> Policy:
        """The policy for the orders of one channel."""
        return self._with(self.channels.get(channel, ChannelPolicy()))

    def of_order(self, channel: str, seller: str) -> Policy:
        """The policy for the orders of one channel and seller."""
        return self.of_channel(channel)._with(self.sellers.get(seller, SellerPolicy()))

    def _with(self, own: ChannelPolicy | SellerPolicy) -> Policy:
        given = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
        return msgspec.structs.replace(self, **given) if given else self

    def __post_init__(self) -> None:
        ones: list[Policy | ChannelPolicy | SellerPolicy] = [self, *self.channels.values(), *self.sellers.values()]
        prefixes = [one.invoice_prefix for one in ones]
        assert not {*prefixes} & {*MARKS}, f"invoice_prefix must not be {' or '.join(MARKS)}, which follow it"


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    log_bytes_max: int = 256 << 30  # address space reserved per log; writing stops in words when it is full
    checkpoint_bytes: int = 1 << 30  # log written between checkpoints; more = rarer work, longer recovery
    disk_free_bytes_min: int = 256 << 20


class AnswerWithin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long people have for a work item, by its queue."""

    orders: int = 4 * 3_600_000
    payments: int = 24 * 3_600_000
    warehouse: int = 4 * 3_600_000
    carriers: int = 48 * 3_600_000


class DeskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Work of people: where it is kept, and how long something may last before it is theirs (0 = for ever)."""

    url: str = ""  # of a PostgreSQL database; "" = SQLite in the data folder
    unpaid_after_ms: int = 0  # set it where payments are reported to the router
    unsent_after_ms: int = 0  # set it where picks and shipments are
    waiting_after_ms: int = 3 * 86_400_000
    undelivered_after_ms: int = 14 * 86_400_000
    uncaptured_after_ms: int = 0  # authorized, and not captured; set it where captures are reported
    uncollected_after_ms: int = 0  # cash on delivery, since it was delivered; set it where carriers report the money
    answer_within_ms: AnswerWithin = AnswerWithin()
    refund_limits: dict[str, dict[str, int]] = {}  # by role and currency, minor units that need no approval


class PaymentsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How buyers are asked for money, and what is asked for by itself when a payment has failed."""

    partner: str = ""  # who makes payment links; "" = the only partner that can
    transfer_to: str = ""  # the account, in words for the buyer; "" = nobody is asked to transfer money
    link_lives_ms: Annotated[int, msgspec.Meta(ge=60_000, le=90 * 86_400_000)] = 86_400_000
    pay_again: bool = False  # a link by itself when a payment has failed
    other_ways_after: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2  # so many failures; 0 = never
    instalments_from: dict[str, Annotated[int, msgspec.Meta(ge=2)]] = {}  # by currency, minor units of an order's total
    instalment_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 14  # after the shipping the second half falls due
    instalment_within_ms: Annotated[int, msgspec.Meta(ge=60_000, le=90 * 86_400_000)] = 7 * 86_400_000


class WarehouseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Nodes whose picking and packing is done with this router."""

    nodes: list[str] = []  # none: nothing is kept of what waits to be picked


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    shards: int = 1  # fixed at the first start of a data folder
    order_id_scope: Literal["global", "channel", "seller"] = "global"  # where ids are unique; fixed at the first start
    gateways: int = 1
    linger_ms: int = 2  # how long a single POST waits for company while a batch is in flight
    object_store_bytes: int = 512 << 20
    gateway_stream_batches: int = 6  # batches one stream keeps in flight before it stops reading
    limits: Limits = Limits()
    policy: Policy = Policy(invoices="capture", cod="confirm")
    log: LogConfig = LogConfig()
    partners: dict[str, dict[str, Any]] = {}  # by name; adapters/_registry.py reads what stands in each
    desk: DeskConfig = DeskConfig()
    payments: PaymentsConfig = PaymentsConfig()
    warehouse: WarehouseConfig = WarehouseConfig()

    def __post_init__(self) -> None:
        assert 1 <= self.shards <= SHARDS_MAX, f"shards must lie between 1 and {SHARDS_MAX}"
        assert 1 <= self.gateways <= 64, "gateways must lie between 1 and 64"
        assert self.gateway_stream_batches <= self.limits.in_flight_batches_max, (
            "gateway_stream_batches must not be above limits.in_flight_batches_max"
        )


PRESETS: dict[str, Config] = {
    "laptop": Config(),
    "latency": Config(linger_ms=0, limits=Limits(batch_rows_max=1_024, batch_bytes_max=512 << 10)),
    "throughput": Config(
        shards=2,
        object_store_bytes=1 << 30,
        gateway_stream_batches=6,
        limits=Limits(batch_rows_max=65_536, batch_bytes_max=16 << 20, in_flight_batches_max=8),
    ),
}


def load_config(raw: bytes, preset: str = "laptop") -> Config:
    """Overlay a JSON or TOML document on a preset; what does not fit is refused by name, as ValueError."""
    base = msgspec.to_builtins(PRESETS[preset])
    text = raw.lstrip()
    given = msgspec.json.decode(raw) if text[:1] == b"{" else msgspec.toml.decode(raw)
    try:
        return msgspec.convert(_merge(base, given), Config)
    except AssertionError as fault:  # limits that do not go together
        raise ValueError(str(fault)) from None


def _merge(base: object, given: object) -> object:
    if isinstance(base, dict) and isinstance(given, dict):
        return {key: _merge(base.get(key), given.get(key, base.get(key))) for key in {**base, **given}}
    return given
