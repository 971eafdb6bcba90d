"""Pricing: weights, fees, candidate promotions and money of a batch of orders (rules in docs/pricing.md).

    lines ─▶ weigh ─▶ fees ─▶ list_candidates ─▶ (ledger grants) ─▶ price_orders ─▶ Money

Lengths and ranges are asserted here, once a batch; the loops stand in ``kernels/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.admit.fee import fee
from kernels.layout import PACK
from kernels.money import prorate as _prorate
from kernels.money import weigh as _weigh
from kernels.money.price import WHOLE_BP, price
from kernels.money.promote import promote
from kernels.money.tax import NOT_PLAIN, WHOLE
from kernels.money.tax_layout import TaxParts, TaxRates
from router.tables.compiled import PromotionKind, PromotionTable, Tables, TaxTable

I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

SHIPPING_TAX_CLASS = "shipping"
_NONE: I64 = np.zeros(0, np.int64)
PER_KG_MINOR_MAX = 1 << 31  # times the kilograms of WEIGHT_MAX_G it stays inside int64


@dataclass(frozen=True)
class OrderLines:
    """The lines of n orders as flat columns; those of order i are line_offset[i]:line_offset[i + 1]."""

    line_offset: I64  # (n+1)
    sku: I32  # (m) -1 unknown
    qty: I32  # (m) 0: merged into an earlier line of the same SKU
    unit_price_minor: I64  # (m) the price that counts, -1 none
    list_price_minor: I64  # (m) catalogue, -1 none

    def __post_init__(self) -> None:
        count = len(self.sku)
        assert len(self.qty) == len(self.unit_price_minor) == len(self.list_price_minor) == count
        _assert_offsets(self.line_offset, count)
        assert count == 0 or int(self.qty.min()) >= 0, "a negative quantity came past validation"

    @property
    def orders(self) -> int:
        return len(self.line_offset) - 1

    @property
    def longest(self) -> int:
        """Lines of the longest order."""
        return int(np.diff(self.line_offset).max(initial=0))


@dataclass(frozen=True)
class Money:
    """What n orders of m lines cost, with g promotions granted; all zeros where an order cannot be priced."""

    line_gross_minor: I64  # (m) unit price x qty
    line_discount_minor: I64  # (m)
    line_tax_minor: I64  # (m)
    line_total_minor: I64  # (m) what the customer pays for the line
    promotion_part_minor: I64  # (g) what each granted promotion gave, a waived shipping fee included
    total_minor: I64  # (n) line totals + shipping
    discount_minor: I64  # (n) of the lines, and the waived shipping fee
    tax_minor: I64  # (n) of the lines and of shipping
    shipping_minor: I64  # (n) what the customer pays for shipping, its tax included
    taxes: TaxParts  # (t) what lines and fees carry of each tax, of orders whose taxes are not plain, and room
    taxes_end: I64  # (n) rows of it up to and with the order


def weigh(lines: OrderLines, unit_weight_g: I64) -> tuple[I64, I64]:
    """Weight and value of every order; value is -1 where an order cannot be priced (and is refused elsewhere)."""
    _assert_skus(lines, len(unit_weight_g))
    weight_g, subtotal_minor = np.empty(lines.orders, np.int64), np.empty(lines.orders, np.int64)
    _weigh.weigh(
        lines.line_offset, lines.sku, lines.qty, lines.unit_price_minor, unit_weight_g, weight_g, subtotal_minor
    )
    return weight_g, subtotal_minor


def fees(tables: Tables, lines: OrderLines, *, zone: I32, weight_g: I64, service: I16) -> I64:
    """The customer's shipping fee before promotions, -1 where no rate carries it there; 0 without any rates."""
    rates, skus = tables.rates, tables.skus
    if not rates.loaded:
        return np.zeros(len(zone), np.int64)
    assert len(zone) == len(weight_g) == len(service) == lines.orders
    _assert_skus(lines, len(skus.weight_g))
    _assert_below(zone, len(rates.fee_lane), "zone")
    assert int(rates.band_per_kg_minor.max(initial=0)) <= PER_KG_MINOR_MAX, "a price per kilogram would overflow"
    assert int(rates.band_price_minor.max(initial=0)) <= _weigh.VALUE_MAX, "a freight price is above any order"
    assert int(weight_g.max(initial=0)) <= _weigh.WEIGHT_MAX_G, "a weight does not come from weigh"
    fee_minor = np.empty(len(zone), np.int64)
    fee(
        zone, weight_g, service, lines.line_offset, lines.sku, lines.qty,
        rates.fee_lane, rates.fee_lane_offset, rates.fee_band, rates.band_min_g, rates.band_max_g,
        rates.band_price_minor, rates.band_per_kg_minor, rates.band_service,
        skus.weight_g, skus.bundle_offset, skus.bundle_sku, skus.bundle_qty, np.zeros(1, PACK), fee_minor,
    )  # fmt: skip
    return fee_minor


def list_candidates(
    tables: Tables,
    lines: OrderLines,
    *,
    channel_index: I16,
    promotion_area: I32,
    currency: I16,
    placed_at_ms: I64,
    coupons: tuple[I32, npt.NDArray[np.integer[Any]]],
) -> tuple[I32, I16]:
    """Candidate promotions of every order, in precedence order, as offsets (n+1) and numbers.

    ``coupons`` are offsets (n+1) and promotion numbers of the codes given; negative = unknown, repeats allowed.
    """
    table = tables.promotions
    assert len(channel_index) == len(promotion_area) == len(currency) == len(placed_at_ms) == lines.orders
    assert len(coupons[0]) == lines.orders + 1
    _assert_skus(lines, table.sku_set.shape[1])
    _assert_below(channel_index, table.channel_set.shape[1], "channel")
    _assert_below(promotion_area, table.area_set.shape[1], "promotion area")
    coupon = _in_precedence(*coupons, promotions=len(table.kind))
    automatic = _automatic(table, placed_at_ms)
    offset = np.empty(lines.orders + 1, np.int32)
    candidate = np.empty(lines.orders * len(automatic) + len(coupon), np.int16)
    count = promote(
        lines.line_offset, lines.sku, lines.qty, lines.unit_price_minor,
        channel_index, promotion_area, currency, placed_at_ms, coupons[0], coupon,
        automatic, table.starts_ms, table.ends_ms, table.currency,
        table.kind, table.buy_qty, table.get_qty, table.min_subtotal_minor, table.min_qty,
        table.sku_set, table.channel_set, table.area_set,
        offset, candidate,
    )  # fmt: skip
    return offset, candidate[:count]


def price_orders(
    tables: Tables,
    lines: OrderLines,
    *,
    granted: tuple[I32, I16],
    tax_area: I32,
    fee_minor: I64,
    placed_at_ms: I64,
    line_taken_minor: I64 = _NONE,
) -> Money:
    """Money of every order with the promotions it was granted (offsets (n+1) and numbers, in precedence order).

    ``line_taken_minor`` (m): discounts that count as they were declared, none above its line; (0) where there are none.
    """
    table, taxes = tables.promotions, tables.taxes
    offset, promotion = granted
    assert len(tax_area) == len(fee_minor) == len(placed_at_ms) == lines.orders == len(offset) - 1
    _assert_offsets(offset, len(promotion))
    _assert_skus(lines, len(tables.skus.tax_class))
    _assert_below(promotion, len(table.kind), "promotion")
    _assert_below(tax_area, len(taxes.plain_rate), "tax area")
    assert int(fee_minor.max(initial=0)) <= _weigh.VALUE_MAX, "a fee does not come from fees"
    _assert_values(table)
    _assert_taxes(taxes)
    assert len(line_taken_minor) in (0, len(lines.sku)) and int(line_taken_minor.min(initial=0)) >= 0
    money = _empty_money(lines.orders, len(lines.sku), len(promotion), _taxes_most(taxes))
    parts = money.taxes
    price(
        lines.line_offset, lines.sku, lines.qty, lines.unit_price_minor, line_taken_minor, tax_area, fee_minor,
        offset, promotion,
        table.kind, table.value, table.buy_qty, table.get_qty, table.sku_set,
        tables.skus.tax_class, _rates(taxes), taxes.class_ids.index(SHIPPING_TAX_CLASS), placed_at_ms,
        money.line_gross_minor, money.line_discount_minor, money.line_tax_minor, money.line_total_minor,
        money.promotion_part_minor, money.total_minor, money.discount_minor, money.tax_minor, money.shipping_minor,
        parts, money.taxes_end, *np.empty((3, lines.longest + 1), np.int64),
    )  # fmt: skip
    return money


def prorate_groups(row_offset: I64, amount: I64, weight: I64) -> I64:
    """Spread amount[i] over the weights of rows row_offset[i]:row_offset[i + 1]; the parts sum to it exactly."""
    assert len(amount) == len(row_offset) - 1
    _assert_offsets(row_offset, len(weight))
    assert int(weight.min(initial=0)) >= 0 and int(amount.min(initial=0)) >= 0
    assert int(amount.max(initial=0)) <= _prorate.SPREAD_MAX and int(weight.max(initial=0)) <= _prorate.SPREAD_MAX
    upto = np.concatenate(([0], np.cumsum(weight.astype(np.uint64))))
    total = upto[row_offset[1:]] - upto[row_offset[:-1]]
    assert int(total.max(initial=0)) <= _prorate.SPREAD_MAX, "the weights of a group are too large"
    assert not np.any((amount > 0) & (total == 0)), "an amount has no weight to lie on"
    part = np.empty(len(weight), np.int64)
    _prorate.prorate(row_offset, amount, weight, part, np.empty(len(weight), np.int64))
    return part


def _rates(taxes: TaxTable) -> TaxRates:
    return TaxRates(*(getattr(taxes, name) for name in TaxRates._fields))


def _taxes_most(taxes: TaxTable) -> int:
    """Taxes that a line may have where they are not plain; 0 where all are."""
    if int(taxes.plain_rate.min(initial=0)) >= 0:
        return 0
    return int(np.diff(taxes.offset).max(initial=0))


def _empty_money(orders: int, lines: int, granted: int, taxes_most: int) -> Money:
    line = np.empty((4, lines), np.int64)
    rows = (orders + lines) * taxes_most
    order = np.empty((4, orders), np.int64)
    return Money(
        line_gross_minor=line[0],
        line_discount_minor=line[1],
        line_tax_minor=line[2],
        line_total_minor=line[3],
        promotion_part_minor=np.empty(granted, np.int64),
        total_minor=order[0],
        discount_minor=order[1],
        tax_minor=order[2],
        shipping_minor=order[3],
        taxes=TaxParts(*np.empty((2, rows), np.int32), *np.empty((3, rows), np.int64)),
        taxes_end=np.empty(orders, np.int64),
    )


def _automatic(table: PromotionTable, placed_at_ms: I64) -> I16:
    """Promotions without a coupon that are open at some moment of the batch, in precedence order."""
    if len(placed_at_ms) == 0:
        return np.zeros(0, np.int16)
    overlaps = (table.starts_ms <= placed_at_ms.max()) & (table.ends_ms > placed_at_ms.min())
    return np.flatnonzero(overlaps & (table.needs_coupon == 0)).astype(np.int16)


def _in_precedence(offset: I32, coupon: npt.NDArray[np.integer[Any]], promotions: int) -> I16:
    """The coupons of every order by promotion number, so that they merge with the automatic ones."""
    _assert_offsets(offset, len(coupon))
    assert int(coupon.max(initial=-1)) < promotions, "a coupon is beyond the promotion table"
    order = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    return coupon[np.lexsort((coupon, order))].astype(np.int16)


def _assert_values(table: PromotionTable) -> None:
    """Values that the price kernel relies on; the table's parser refuses others in words."""
    of_rate = (table.kind == PromotionKind.PERCENT) | (table.kind == PromotionKind.BUY_X_GET_Y)
    assert int(table.value.min(initial=0)) >= 0, "a promotion would raise a price"
    assert int(table.value[of_rate].max(initial=0)) <= WHOLE_BP, "a promotion gives more than 100 %"
    bundles = table.kind == PromotionKind.BUY_X_GET_Y
    assert int((table.buy_qty + table.get_qty)[bundles].min(initial=1)) >= 1, "a promotion counts groups of no unit"


def _assert_taxes(taxes: TaxTable) -> None:
    cells = taxes.plain_rate.size
    _assert_offsets(taxes.offset, len(taxes.tax))
    assert len(taxes.offset) == cells + 1 and taxes.plain_rate.shape == taxes.inclusive.shape
    assert len(taxes.from_ms) == len(taxes.until_ms) == len(taxes.tax), "periods do not cover the taxes"
    assert len(taxes.once) == len(taxes.rounding) == len(taxes.plain_rate), "a tax area has no rounding"
    _assert_below(taxes.tax, len(taxes.rate), "tax")
    assert int(taxes.rate.min(initial=0)) >= 0 and int(taxes.plain_rate.min(initial=0)) >= NOT_PLAIN, (
        "a tax is negative"
    )
    highest = max(int(taxes.rate.max(initial=0)), int(taxes.plain_rate.max(initial=0)))
    assert highest <= WHOLE, "a tax is above 100 %"


def _assert_skus(lines: OrderLines, skus: int) -> None:
    _assert_below(lines.sku, skus, "SKU", least=-1)


def _assert_below(index: npt.NDArray[np.integer[Any]], end: int, name: str, least: int = 0) -> None:
    assert len(index) == 0 or (least <= int(index.min()) and int(index.max()) < end), f"a {name} is beyond its table"


def _assert_offsets(offset: npt.NDArray[np.integer[Any]], count: int) -> None:
    assert len(offset) > 0 and offset[0] == 0 and offset[-1] == count, "offsets do not cover the values"
    assert bool(np.all(offset[1:] >= offset[:-1])), "offsets run backwards"
