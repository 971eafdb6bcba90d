"""Rows of the reference tables, as users write them: one struct a table, named in docs/tables.md.

``attributes`` keeps whatever else a user wants to store; any other unknown field is refused by name,
because a misspelt ``daily_capacty`` that is silently dropped costs more than a refused upload.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

Key = Annotated[str, Meta(min_length=1, max_length=128)]
Amount = Annotated[int, Meta(ge=0, le=1_000_000_000)]  # minor units; the limit of one unit price
Grams = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Millimetres = Annotated[int, Meta(ge=1, le=100_000)]
Units = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Moment = Annotated[datetime.datetime, Meta(tz=True)]


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all rows share."""


if TYPE_CHECKING:

    class _Dated(_Row, frozen=True, kw_only=True):
        """A row that counts ``from`` a date or time on, ``until`` another one (not included); None = always."""

        until: str | None = None

else:  # ``from`` is a word of Python, but it is what everybody writes
    _Dated = msgspec.defstruct(
        "_Dated",
        [("from", str | None, None), ("until", str | None, None)],
        bases=(_Row,), frozen=True, kw_only=True, module=__name__,
    )  # fmt: skip


class BundlePart(_Row, frozen=True, kw_only=True):
    sku: Key
    qty: Annotated[int, Meta(ge=1, le=100_000)]


class SkuRow(_Dated, frozen=True, kw_only=True):
    """One price of one SKU; a SKU sold in several currencies has a row for each."""

    sku: Key
    name: str = ""
    price: Amount
    currency: str
    weight_g: Grams | None = None  # of one unit; only a bundle may leave it out
    tax_class: Key
    shelf_life_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None
    length_mm: Millimetres | None = None  # of one unit as it is packed
    width_mm: Millimetres | None = None
    height_mm: Millimetres | None = None
    hs_code: str | None = None  # harmonised system, for customs
    origin_country: str | None = None
    bundle: list[BundlePart] | None = None
    attributes: dict[str, Any] = {}


class NodeRow(_Row, frozen=True, kw_only=True):
    """A place that ships: warehouse, store, supplier."""

    node: Key
    kind: str
    country: str
    region: str = ""
    postcode: str = ""
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    daily_capacity: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None  # parcels a ship day
    cutoff: str | None = None  # "HH:MM" local; an order at or after it ships the next open day
    channels: list[Key] | None = None  # absent = all
    safety_stock: Units = 0
    timezone: str = "UTC"
    weekdays: list[str] | None = None  # of "mon" ... "sun"; absent = Monday to Friday
    holidays: bool = False  # True: closed on the public holidays of its country and region
    handling: Amount = 0  # per parcel
    ship_to: list[Key] | None = None  # zones; absent = everywhere
    dangerous_goods: bool = False
    name: str = ""  # as the sender of its parcels, with the rest of its address
    line1: str = ""
    line2: str = ""
    city: str = ""
    phone: str = ""
    attributes: dict[str, Any] = {}


class StockRow(_Row, frozen=True, kw_only=True):
    sku: Key
    node: Key
    on_hand: Units
    lot: str | None = None
    expires_on: datetime.date | None = None


class RateRow(_Row, frozen=True, kw_only=True):
    """One weight band of one carrier's service between two zones."""

    carrier: Key
    service: Key
    from_zone: Key
    to_zone: Key
    min_g: Grams
    max_g: Grams | None = None  # inclusive, None = no limit
    price: Amount
    per_kg: Amount | None = None  # per started kilogram
    days: Annotated[int, Meta(ge=0, le=365)]


class When(_Row, frozen=True, kw_only=True):
    """Conditions of a promotion; all that are named must hold."""

    min_subtotal: Annotated[int, Meta(ge=0, le=900_000_000_000_000)] | None = None
    min_qty: Units | None = None
    skus: list[Key] | None = None
    coupon: bool = False
    first_order: bool = False
    channels: list[Key] | None = None
    regions: list[str] | None = None
    countries: list[str] | None = None
    currency: str | None = None


class Then(_Row, frozen=True, kw_only=True):
    """The effect of a promotion: exactly one kind."""

    percent: Decimal | None = None
    percent_bp: int | None = None
    fixed: Annotated[int, Meta(ge=1, le=900_000_000_000_000)] | None = None
    fixed_price: Amount | None = None
    free_shipping: bool = False
    buy: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    get: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class PromotionRow(_Row, frozen=True, kw_only=True):
    code: Key
    when: When = When()
    then: Then
    starts: Moment | None = None  # inclusive
    ends: Moment | None = None  # exclusive
    limit: Count | None = None  # orders in all
    per_customer: Count | None = None
    stackable: bool = False
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0


class TaxRow(_Dated, frozen=True, kw_only=True):
    """One tax of one place and class; several names on one class are several taxes on a line."""

    country: str
    region: str | None = None  # a region, or postcodes as a zone names them: GB:BT
    tax_class: Key
    name: Annotated[str, Meta(max_length=64)] = ""
    # Exactly one of the two; as written, and exact: a float has all digits that anybody writes in a rate.
    rate_bp: Annotated[int, Meta(ge=0, le=10_000)] | Annotated[float, Meta(ge=0, le=10_000)] | None = None
    percent: Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)] | None = None
    inclusive: bool
    round_per: Literal["line", "order"] | None = None  # a setting of the country, on any of its rows
    rounding: Literal["half_up", "half_even", "down", "up"] | None = None


class CarrierRow(_Row, frozen=True, kw_only=True):
    carrier: Key
    name: str = ""
    services: list[Key] | None = None
    attributes: dict[str, Any] = {}


class RuleRow(_Row, frozen=True, kw_only=True):
    rule: Key
    when: dict[str, Any]
    then: dict[str, Any]
    priority: int = 0
    attributes: dict[str, Any] = {}


class TemplateRow(_Row, frozen=True, kw_only=True):
    template: Key
    body: str
    subject: str = ""
    language: str = ""
    attributes: dict[str, Any] = {}


class BinRow(_Row, frozen=True, kw_only=True):
    """A place on a shelf of a node where a SKU lies; a SKU may lie in several."""

    node: Key
    sku: Key
    bin: Key
    zone: Annotated[str, Meta(max_length=128)] = ""
    walk: Annotated[int, Meta(ge=0, le=1_000_000_000)]  # number along the walk through the node


class CartonRow(_Row, frozen=True, kw_only=True):
    """A carton that orders are packed into; dimensions are those inside."""

    carton: Key
    length_mm: Millimetres
    width_mm: Millimetres
    height_mm: Millimetres
    max_weight_g: Grams  # of what is in it
    weight_g: Grams = 0  # its own
    cost: Amount = 0
    dangerous_goods: bool = False  # True: may hold them


Row = (
    SkuRow
    | NodeRow
    | StockRow
    | RateRow
    | PromotionRow
    | TaxRow
    | CarrierRow
    | RuleRow
    | TemplateRow
    | BinRow
    | CartonRow
)

ROW_TYPES: dict[str, type[Row]] = {
    "skus": SkuRow,
    "nodes": NodeRow,
    "stock": StockRow,
    "rates": RateRow,
    "promotions": PromotionRow,
    "taxes": TaxRow,
    "carriers": CarrierRow,
    "rules": RuleRow,
    "templates": TemplateRow,
    "bins": BinRow,
    "cartons": CartonRow,
}


class TableRows(msgspec.Struct, frozen=True, kw_only=True):
    """All tables of one version, as rows."""

    skus: list[SkuRow] = []
    nodes: list[NodeRow] = []
    stock: list[StockRow] = []
    rates: list[RateRow] = []
    promotions: list[PromotionRow] = []
    taxes: list[TaxRow] = []
    carriers: list[CarrierRow] = []
    rules: list[RuleRow] = []
    templates: list[TemplateRow] = []
    bins: list[BinRow] = []
    cartons: list[CartonRow] = []
