"""The compiled form of the reference tables: dense arrays that kernels take as arguments.

One ``Tables`` is one version of everything; it never changes after it was built. Numbers of SKUs,
nodes, channels, currencies, zones, tax areas, tax classes, services and carriers are append-only over
versions, so an index in a log record or a ledger cell means the same SKU for ever. A row that a later
table leaves out becomes inactive. Promotions, promotion areas, bands and lanes are numbered per version.

S SKUs, N nodes, C currencies, H channels named in tables (+1 column: every other channel), Z zones,
A tax areas (0 = no tax), K tax classes, G goods classes, P promotions, B freight bands, L lanes, D days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from router.arrow.string_table import StringTable
from router.config import Policy

U8 = npt.NDArray[np.uint8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

NO_LIMIT = 1 << 62


def _nothing(dtype: type[np.generic]) -> Any:
    """A column that older tables do not have."""
    array = np.zeros(0, dtype)
    array.setflags(write=False)
    return field(default_factory=lambda: array)


@dataclass(frozen=True)
class SkuTable:
    """SKUs; bundles are exploded to their last components when compiled (a bundle holds no stock)."""

    ids: StringTable
    active: U8  # (S) 1 = may be ordered
    weight_g: I64  # (S) of one unit; a bundle's is the sum of its components unless given
    tax_class: I32  # (S) index < K
    goods_class: I32  # (S) index < G: 0 ordinary, 1 dangerous goods (attributes.dangerous_goods)
    price_minor: I64  # (S, C) catalogue price, -1 none
    bundle_offset: I64  # (S+1) into the two below; empty = not a bundle
    bundle_sku: I32
    bundle_qty: I32
    names: list[str]
    # Prices that begin or end, before price_minor: those of SKU s are rows dated_offset[s] up to the next; (0) = none.
    dated_offset: I64 = _nothing(np.int64)  # (S+1)
    dated_currency: I16 = _nothing(np.int16)
    dated_from_ms: I64 = _nothing(np.int64)  # inclusive, by placed_at
    dated_until_ms: I64 = _nothing(np.int64)  # exclusive
    dated_price_minor: I64 = _nothing(np.int64)
    # (S) days that a unit keeps from when it came, 0 = not said; of older versions none
    shelf_life_days: I32 = _nothing(np.int32)

    def listed_at(self, sku: int, currency: int, placed_at_ms: int) -> int:
        """The catalogue price at a time, as ``kernels/admit/dated.py`` finds it; -1 none."""
        if sku < 0 or currency < 0:
            return -1
        if len(self.dated_offset):
            for row in range(int(self.dated_offset[sku]), int(self.dated_offset[sku + 1])):
                is_then = self.dated_from_ms[row] <= placed_at_ms < self.dated_until_ms[row]
                if self.dated_currency[row] == currency and is_then:
                    return int(self.dated_price_minor[row])
        return int(self.price_minor[sku, currency])


@dataclass(frozen=True)
class NodeTable:
    ids: StringTable
    active: U8  # (N)
    serves_channel: U8  # (N, H+1) 1 = ships orders of the channel
    serves_zone: U8  # (N, Z) 1 = may ship there (optional ``ship_to`` list of zones on the node row)
    accepts_goods: U8  # (N, G)
    handling_minor: I64  # (N) per parcel
    safety_units: I64  # (N) units of every SKU that are never promised
    capacity: I64  # (N) parcels a ship day, -1 = no limit
    cutoff_min: I32  # (N) minutes after local midnight; an order at or after it ships the next open day; 1440 = none
    day0: int  # first day of the calendars below, days since epoch
    ship_day: I32  # (N, D) the next open day on or after day0 + column
    utc_offset_min: I32  # (N, D) local time minus UTC, as it is at the day's cut-off


@dataclass(frozen=True)
class RateTable:
    """Freight: lane (node, zone) -> its bands. Zone 0 is "matches no rate"."""

    zones: StringTable
    loaded: bool  # False: no rates at all, every lane is free and takes ``default_days``
    default_days: int
    lane: I32  # (N, Z) row of lane_offset, -1 = no rate leads there
    lane_offset: I64  # (L+1) into the band arrays
    band_min_g: I64  # (B) inclusive
    band_max_g: I64  # (B) inclusive, NO_LIMIT = open
    band_price_minor: I64  # (B)
    band_per_kg_minor: I64  # (B) per started kilogram of the parcel
    band_days: I32  # (B) transit, in open days of the node
    band_service: I16  # (B) index into services
    band_carrier: I16  # (B) index into carriers
    services: StringTable
    carriers: StringTable
    fee_lane: I32  # (Z) lane list used for the customer's fee: cheapest over all nodes, -1 none
    fee_lane_offset: I64  # like lane_offset, into fee_band (rows of the band arrays)
    fee_band: I32


@dataclass(frozen=True)
class TaxTable:
    """Read by kernels/money/tax.py: the taxes of area a and class k are entries offset[a * K + k] up to the next."""

    area_ids: StringTable  # "GB", "US-CA", "GB:BT" (postcodes that begin so); row 0 = "" (no tax)
    class_ids: StringTable
    plain_rate: I32  # (A, K) the only tax, always open, half up a line, of 100,000,000; 0 none, -1 = see the entries
    inclusive: U8  # (A, K) 1 = the price contains the taxes
    offset: I32  # (A * K + 1) into the entries
    tax: I32  # (E) row of names and rate
    from_ms: I64  # (E) inclusive, by placed_at
    until_ms: I64  # (E) exclusive
    names: list[str]  # (T) "" = a tax without a name
    rate: I32  # (T) of 100,000,000
    once: U8  # (A) 1 = rounded once an order and tax, not once a line
    rounding: U8  # (A) kernels/money/tax.py HALF_UP, HALF_EVEN, DOWN, UP


class PromotionKind:
    PERCENT = 0  # value = basis points off the matching lines
    FIXED = 1  # value = minor units off the matching lines together
    FIXED_PRICE = 2  # value = unit price of matching lines, in minor units
    FREE_SHIPPING = 3
    BUY_X_GET_Y = 4  # of every buy_qty + get_qty matching units the cheapest get_qty are value bp off


@dataclass(frozen=True)
class PromotionTable:
    """Row order is precedence: highest ``priority`` first, then code."""

    ids: StringTable
    kind: I32  # (P) PromotionKind
    value: I64  # (P)
    buy_qty: I32  # (P)
    get_qty: I32  # (P)
    priority: I32  # (P)
    starts_ms: I64  # (P) inclusive, by placed_at
    ends_ms: I64  # (P) exclusive
    limit: I64  # (P) orders in all, -1 = no limit
    per_customer: I64  # (P) orders a customer, -1 = no limit; a guest never passes a limit
    stackable: U8  # (P) 1 = may be combined with other stackable ones
    first_order: U8  # (P)
    needs_coupon: U8  # (P) 1 = only with its code among the order's coupons
    currency: I16  # (P) minimum and value are in this currency, -1 = percent only, any currency
    min_subtotal_minor: I64  # (P) over matching lines
    min_qty: I64  # (P) over matching lines
    sku_set: U8  # (P, S) 1 = the line matches; all ones where no set is named
    channel_set: U8  # (P, H+1)
    area_set: U8  # (P, R) by promotion area of the place (0 = any other place)
    area_ids: StringTable  # countries and regions named by promotions; row 0 = ""


PLACES_FORM = 1


@dataclass(frozen=True)
class PlaceTable:
    """What turns an address into a zone and judges its postcode; read by ``router/tables/places.py`` only."""

    postcode_patterns: list[str]  # per country, for postcodes without spaces and hyphens; "" = any form
    zone_texts: list[str]  # texts of from_zone, to_zone and ship_to in canonical spelling
    cover_offset: I64  # (texts+1) into cover
    cover: I32  # what a text offers: numbers of (carrier, service, from_zone), and one for each ship_to text
    form: int = 0  # of these texts and of areas: 0 = regions as they were written, PLACES_FORM = by their codes


NO_PLACES = PlaceTable([], [], np.zeros(1, np.int64), np.zeros(0, np.int32))


@dataclass(frozen=True)
class Tables:
    version: int
    skus: SkuTable
    nodes: NodeTable
    rates: RateTable
    taxes: TaxTable
    promotions: PromotionTable
    currencies: StringTable  # ISO 4217 codes named by any table; orders in another are refused
    currency_exponent: I32  # (C) 0, 2 or 3 (four where ISO says so)
    channels: StringTable  # channels named by any table
    countries: StringTable  # ISO 3166-1 alpha-2, and XK
    places: PlaceTable = NO_PLACES
    # Not of the compiled form, a manifest says it; None = of a version from before that, the configuration's.
    policy: Policy | None = field(default=None, metadata={"stored": False})

    def policy_or(self, default: Policy) -> Policy:
        return self.policy or default


TablesOf = Callable[[int], Tables]  # any version there ever was


class UnknownTables(LookupError):
    """A record or claim names a version of the tables that is not loaded."""

    def __init__(self, version: int) -> None:
        super().__init__(f"tables version {version} is not loaded")
        self.version = version
