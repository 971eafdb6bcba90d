"""One version of the reference tables and the policy, laid out as the ledger's kernels read them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from kernels import layout
from kernels.layout import PromotionRows, TableRows
from router.arrow.arrays import frozen
from router.config import Policy
from router.errors import Misconfigured
from router.tables.arrivals import Arrivals
from router.tables.compiled import NodeTable, PromotionTable, RateTable, SkuTable, Tables

Rows = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]

NODE_BITS = 32
_PLANS = {"cheapest": layout.PLAN_CHEAPEST, "fewest": layout.PLAN_FEWEST, "fastest": layout.PLAN_FASTEST}
_SHORT = {
    "partial": layout.SHORT_PARTIAL,
    "backorder": layout.SHORT_BACKORDER,
    "reject": layout.SHORT_REJECT,
}


@dataclass(frozen=True)
class LedgerTables:
    """One version of the tables as kernels take it."""

    version: int
    rows: TableRows
    promotions: PromotionRows
    components_max: int  # of one line: 1 without bundles
    policy: Policy
    arrivals: Arrivals

    @property
    def other_channel(self) -> int:
        """The ``channel_index`` of every channel that these tables do not name."""
        return len(self.rows.channel_nodes) - 1


_NONE, _NO_FLAGS = frozen(np.zeros(0, np.int64)), frozen(np.zeros(0, np.uint8))
NO_PROMOTIONS = PromotionRows(_NONE, _NONE, _NONE, _NO_FLAGS, _NO_FLAGS, _NO_FLAGS)


def lay_out(tables: Tables, default: Policy) -> LedgerTables:
    """Rows and node words of one version; ``default`` is the policy of those that name none."""
    policy = tables.policy_or(default)
    nodes, rates = tables.nodes, tables.rates
    active = nodes.active.astype(bool)
    serves = nodes.serves_zone.astype(bool) & active[:, None]
    reaches = serves & (rates.lane >= 0) if rates.loaded else serves
    _check_bundles(tables.skus)
    rows = TableRows(
        terms=_terms(tables, policy),
        skus=_rows(
            layout.SKU,
            weight_g=tables.skus.weight_g,
            goods_class=tables.skus.goods_class,
            first=tables.skus.bundle_offset[:-1],
            last=tables.skus.bundle_offset[1:],
        ),
        components=_rows(layout.COMPONENT, sku=tables.skus.bundle_sku, qty=tables.skus.bundle_qty),
        nodes=_rows(
            layout.NODE,
            handling_minor=nodes.handling_minor,
            safety_units=nodes.safety_units,
            capacity=nodes.capacity,
            cutoff_min=nodes.cutoff_min,
        ),
        lanes=_lanes(rates),
        bands=_bands(rates),
        calendar=calendar_rows(nodes),
        channel_nodes=node_words(nodes.serves_channel.astype(bool).T),
        serve_nodes=node_words(serves.T),
        ship_nodes=node_words(reaches.T),
        active_nodes=node_words(active[None, :]),
        goods_nodes=node_words(nodes.accepts_goods.astype(bool).T),
    )
    sizes = np.diff(tables.skus.bundle_offset)
    promotions, components_max = _promotion_rows(tables.promotions), int(sizes.max(initial=1))
    return LedgerTables(tables.version, rows, promotions, components_max, policy, Arrivals(tables))


def _promotion_rows(promotions: PromotionTable) -> PromotionRows:
    return PromotionRows(
        code=promotion_codes(promotions),
        limit=frozen(promotions.limit),
        per_customer=frozen(promotions.per_customer),
        stackable=frozen(promotions.stackable),
        first_order=frozen(promotions.first_order),
        needs_coupon=frozen(promotions.needs_coupon),
    )


def node_words(masks: npt.NDArray[np.bool_]) -> I64:
    """Rows of node flags as words: node n is bit n % 32 of word n // 32; at least one word."""
    rows, nodes = masks.shape
    words = np.zeros((rows, max(1, -(-nodes // NODE_BITS))), np.int64)
    for node in range(nodes):
        words[:, node // NODE_BITS] |= masks[:, node].astype(np.int64) << (node % NODE_BITS)
    return frozen(words)


def promotion_codes(promotions: PromotionTable) -> I64:
    """A number per code that is the same in every version, as rows of a version are renumbered."""
    codes = [xxhash.xxh3_64_intdigest(code.encode()) for code in promotions.ids.values]
    return frozen(np.array(codes, np.uint64).view(np.int64))


def _terms(tables: Tables, policy: Policy) -> Rows:
    if not 1 <= policy.parcels_max <= layout.PARCELS_MAX:
        raise Misconfigured(
            f"policy.parcels_max is {policy.parcels_max}; set it to a number from 1 to {layout.PARCELS_MAX}."
        )
    return _rows(
        layout.TERMS,
        rates_loaded=[int(tables.rates.loaded)],
        default_days=[tables.rates.default_days],
        day0=[tables.nodes.day0],
        gaps=[_has_gaps(tables.rates)],
        plan=[_PLANS[policy.plan]],
        short_stock=[_SHORT[policy.short_stock]],
        parcels_max=[policy.parcels_max],
        split_penalty_minor=[policy.split_penalty_minor],
        late_penalty_minor=[policy.late_penalty_minor_per_day],
        velocity_orders_max=[policy.velocity_orders_max],
        value_factor=[policy.risk_value_factor],
        value_orders_min=[policy.risk_value_orders_min],
        points_value=[policy.risk_points_value],
        points_velocity=[policy.risk_points_velocity],
        hold_at=[policy.risk_hold_at],
        reject_at=[policy.risk_reject_at],
    )


def _lanes(rates: RateTable) -> Rows:
    """Bands of every (node, zone); a lane of -1 has none."""
    lane = np.maximum(rates.lane, 0)
    known = (rates.lane >= 0) & rates.loaded  # without rates every lane is free
    offset = rates.lane_offset if len(rates.lane_offset) > 1 else np.zeros(2, np.int64)
    lowest = np.array([rates.band_price_minor[a:b].min(initial=layout.NO_PLAN) for a, b in itertools.pairwise(offset)])
    return _rows(
        layout.LANE,
        first=np.where(known, offset[lane], 0),
        last=np.where(known, offset[lane + 1], 0),
        lowest_minor=np.where(known, lowest[lane], 0),
    )


def _has_gaps(rates: RateTable) -> bool:
    """Whether a weight between those that bands of a lane take, of one service or of any, is taken by none."""
    if not rates.loaded:
        return False
    lanes = np.repeat(np.arange(len(rates.lane_offset) - 1), np.diff(rates.lane_offset))
    return any(_leave_gaps(lanes, service, rates) for service in (rates.band_service, np.zeros_like(lanes)))


def _leave_gaps(lane: I64, service: npt.NDArray[Any], rates: RateTable) -> bool:
    columns = lane, service, rates.band_min_g, rates.band_max_g
    order = np.lexsort(columns[2::-1])
    group, reach_g = (-1, -1), -1
    for lane_, service_, min_g, max_g in zip(*(column[order].tolist() for column in columns), strict=True):
        if (lane_, service_) != group:
            group, reach_g = (lane_, service_), max_g
        elif min_g > reach_g + 1:
            return True
        reach_g = max(reach_g, max_g)
    return False


def _bands(rates: RateTable) -> Rows:
    return _rows(
        layout.BAND,
        min_g=rates.band_min_g,
        max_g=rates.band_max_g,
        price_minor=rates.band_price_minor,
        per_kg_minor=rates.band_per_kg_minor,
        days=rates.band_days,
        service=rates.band_service,
    )


def calendar_rows(nodes: NodeTable) -> Rows:
    """CALENDAR_DAY by node and day."""
    assert nodes.ship_day.shape == nodes.utc_offset_min.shape and nodes.ship_day.shape[1] > 0, "an empty calendar"
    days = nodes.ship_day.shape[1]
    is_open = nodes.ship_day == nodes.day0 + np.arange(days)
    numbered = np.full(nodes.ship_day.shape, -1, np.int32)
    for node, row in enumerate(is_open):
        numbered[node, : row.sum()] = nodes.day0 + np.flatnonzero(row)
    return _rows(
        layout.CALENDAR_DAY,
        open_day=nodes.ship_day,
        utc_offset_min=nodes.utc_offset_min,
        opened=np.cumsum(is_open, axis=1),
        numbered_day=numbered,
    )


def _check_bundles(skus: SkuTable) -> None:
    """Each component once a bundle, in a positive number, and no bundle itself: what the kernels rely on."""
    sizes = np.diff(skus.bundle_offset)
    assert (skus.bundle_qty > 0).all() and (sizes[skus.bundle_sku] == 0).all(), "bundles must be exploded"
    owner = np.repeat(np.arange(len(sizes)), sizes)
    pairs = owner * np.int64(len(sizes)) + skus.bundle_sku
    pairs.sort()  # np.unique takes a hash table first: four times as long
    assert (np.diff(pairs) > 0).all(), "a bundle names a component twice"


def _rows(dtype: np.dtype[np.void], **columns: npt.ArrayLike) -> Rows:
    """A read-only array of rows from one array per field."""
    shape = np.shape(next(iter(columns.values())))
    rows = np.zeros(shape, dtype)
    for name in dtype.names or ():
        rows[name] = columns[name]
    return frozen(rows)
