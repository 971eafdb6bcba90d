"""Estimated work of orders: how long a batch of them keeps a shard and the ledger from everybody else.

    work(order) = ORDER_NS + lines x (LINE_NS + promotions x PROMOTION_NS) + plan
    plan        = (min(nodes, 64) x 3 ** SKUs + sets x SKUs) x STEP_NS   up to 8 different SKUs, planned exactly
                  SKUs x nodes x CELL_NS                                 beyond
    sets        = of 2 to parcels_max of so many nodes, at most 50,000, where a line wants more than 2 units; else 0
    promotions  = those that need no coupon, and the coupons that the order names

in nanoseconds of one core as in docs/performance.md, and near the worst that such an order can be: stock that lies so
that every node has to be looked at, every promotion open to it. Bundles count as their components. A pure function of
what was sent and of the tables: the same batch is cut at the same places wherever it is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.layout import NODES_EXACT, SETS_MAX, SKUS_EXACT
from router.arrow.arrays import list_parts, struct_numbers
from router.arrow.string_table import StringTable
from router.config import Policy
from router.tables.compiled import Tables

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ORDER_NS = 2_000
LINE_NS = 150
PROMOTION_NS = 8
STEP_NS = 2
CELL_NS = 10
FEW_UNITS = 2  # of a line; they rarely lie so that sets of nodes have to be gone through

BATCH_NS_MAX = 150_000_000  # of a batch; an order that is more is a batch of its own
# To a shard at a time, of one gateway process. The largest batch of everyday orders is nearly BATCH_NS_MAX; with three
# of them under way a shard stands while one is asked for, written or on its way: a tenth fewer orders than with five.
IN_FLIGHT_NS_MAX = 5 * BATCH_NS_MAX


@dataclass(frozen=True)
class WorkTerms:
    """What the work of an order depends on besides itself."""

    nodes: int
    sets: int  # of nodes that may be compared for an order whose units no single node has
    promotions: int  # that need no coupon
    parts: I64 | None  # of every SKU: 1, of a bundle its components; None where there are no bundles
    skus: StringTable


def work_terms(tables: Tables, policy: Policy) -> WorkTerms:
    """Of one version; ``policy`` by which it decides."""
    nodes, sizes = len(tables.nodes.ids), np.diff(tables.skus.bundle_offset)
    sets = sum(comb(min(nodes, NODES_EXACT), parcels) for parcels in range(2, policy.parcels_max + 1))
    parts = np.maximum(sizes, 1).astype(np.int64) if sizes.any() else None
    promotions = int((tables.promotions.needs_coupon == 0).sum())
    return WorkTerms(nodes, min(sets, SETS_MAX), promotions, parts, tables.skus.ids)


def order_work(orders: pa.RecordBatch, skus: pa.StringArray, terms: WorkTerms) -> I64:
    """Work of each row of WIRE, in nanoseconds."""
    offsets, values = list_parts(orders.column("lines"))
    coupon_offsets, _ = list_parts(orders.column("coupons"))
    codes, lines = struct_numbers(values, "sku_code"), np.diff(offsets).astype(np.int64)
    promotions = terms.promotions + np.diff(coupon_offsets)
    parts = _parts(codes, offsets, skus, terms)
    different = parts.copy()
    several = parts > SKUS_EXACT
    if several.any() and terms.parts is None:
        different[several] = _different(codes, offsets, several, skus)
    few = np.minimum(different, SKUS_EXACT)
    many_units = _any(struct_numbers(values, "qty") > FEW_UNITS, offsets) | (parts > lines)
    exactly = (min(terms.nodes, NODES_EXACT) * 3**few + many_units * terms.sets * few) * STEP_NS
    plan = np.where(different > SKUS_EXACT, different * terms.nodes * CELL_NS, exactly)
    if terms.parts is not None:  # components of several bundles may be the same few SKUs
        plan = np.maximum(plan, exactly)
    work: I64 = ORDER_NS + parts * LINE_NS + lines * promotions * PROMOTION_NS + plan
    return work


def cuts_of(work: I64, most: int = BATCH_NS_MAX) -> list[int]:
    """Rows before which a batch is cut, so that no part has more work than ``most`` but where it is one row."""
    if int(work.sum()) <= most:
        return []
    cuts, total = [], 0
    for row, each in enumerate(work.tolist()):
        if total and total + each > most:
            cuts.append(row)
            total = 0
        total += each
    return cuts


def _parts(codes: I32, offsets: I32, skus: pa.StringArray, terms: WorkTerms) -> I64:
    """Of each order its lines, a bundle's as many as it has components."""
    if terms.parts is None:
        return np.diff(offsets).astype(np.int64)
    number = terms.skus.find(skus)
    of_text = np.where(number < 0, 1, terms.parts[np.maximum(number, 0)])
    ends = np.concatenate([[0], np.cumsum(of_text[codes])])
    return np.diff(ends[offsets]).astype(np.int64)


def _any(of_line: npt.NDArray[np.bool_], offsets: I32) -> npt.NDArray[np.bool_]:
    """Of each order, whether one of its lines is so."""
    ends = np.concatenate([[0], np.cumsum(of_line)])
    return np.asarray(np.diff(ends[offsets]) > 0)


def _different(codes: I32, offsets: I32, several: npt.NDArray[np.bool_], skus: pa.StringArray) -> I64:
    """Of each order marked, how many different SKUs it names: by their texts, which batches may say twice."""
    first, counts = offsets[:-1][several], np.diff(offsets)[several]
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(len(counts)), counts)
    lines = np.arange(ends[-1]) + (first - (ends - counts))[owner]
    texts = skus.take(pa.array(codes[lines])).dictionary_encode()
    pairs = np.sort(owner * len(texts.dictionary) + texts.indices.to_numpy())  # a quarter of np.unique's time
    named = pairs[np.concatenate([[True], np.diff(pairs) > 0])]
    return np.bincount(named // len(texts.dictionary), minlength=len(counts))
