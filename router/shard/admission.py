"""Admission: new orders as sent (WIRE) become ADMITTED rows and CLAIMS.

    resolve (resolve.py) ─▶ validate ─▶ score risk ─▶ weigh, fee, candidate promotions ─▶ columns

Everything here is a function of the batch, the tables of one version and the policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.admit.basket import basket
from kernels.admit.dated import DatedPrices
from kernels.admit.score_risk import score_risk
from kernels.admit.validate import KEEP, MERGE, REFUSE, validate
from kernels.reasons import AMOUNT_IMPOSSIBLE, NODE_IMPOSSIBLE, UNREACHABLE
from router.arrow.arrays import I64, numbers, ragged, record_batch
from router.config import Config
from router.log.columns import ADMITTED, Admission
from router.log.declared_amounts import NONE, dense_amounts
from router.shard import pricing
from router.shard.admitted import admitted_lines, claims_of, without_units
from router.shard.channel_policies import ChannelPolicies, Heeds
from router.shard.declared import NOTHING_DECLARED, Declared, said_amounts, tax_beside_lines, where_units_are
from router.shard.line_nodes import kinds_of_lines, misfits
from router.shard.price_declared import Terms, impossible_orders
from router.shard.resolve import Resolved, Resolver, WireLines
from router.tables.compiled import PromotionKind, Tables

U64 = npt.NDArray[np.uint64]
_LINES_MODE = {"keep": KEEP, "merge": MERGE, "reject": REFUSE}


class Admitter:
    """Judges batches against one version of the tables; keeps only caches and scratch."""

    def __init__(self, config: Config, key: U64, tables: Tables) -> None:
        self.tables = tables
        self._config = config
        self._seen_stamp = np.full(max(len(tables.skus.ids), 1), -1, np.int64)
        self._seen_line = np.zeros(max(len(tables.skus.ids), 1), np.int64)
        self._stamp_base = 0
        skus = tables.skus
        self._dated = DatedPrices(
            skus.dated_offset, skus.dated_currency, skus.dated_from_ms, skus.dated_until_ms, skus.dated_price_minor
        )
        self.policy = tables.policy_or(config.policy)
        self.policies = ChannelPolicies(self.policy)
        self._resolver = Resolver(key, tables, self.policies)

    def admit(
        self, wire: pa.RecordBatch, skus: pa.StringArray, hashes: tuple[U64, U64], now_ms: int
    ) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and CLAIMS of a WIRE batch whose ids hash to ``hashes``."""
        policy_row = self.policies.rows(wire.column("channel"))
        resolved = self._resolver.resolve(wire, skus, hashes, policy_row)
        columns, lines = resolved.columns, resolved.lines
        counted = self._validate(resolved, numbers(wire, "missing"), now_ms, policy_row)
        self._risk(resolved, counted.qty)
        counted = self._price(counted, resolved, policy_row)
        admitted = record_batch(ADMITTED, {**columns, "lines": admitted_lines(counted, lines.line_key, lines.node)})
        return admitted, claims_of(admitted)

    def _validate(
        self, resolved: Resolved, missing: npt.NDArray[np.uint32], now_ms: int, policy_row: npt.NDArray[np.int32]
    ) -> pricing.OrderLines:
        columns, lines = resolved.columns, resolved.lines
        orders, count = len(missing), len(lines.sku)
        columns["reasons"] = np.zeros(orders, np.uint64)
        columns["reason_line"] = np.full(orders, -1, np.int32)
        qty, price, listed = np.zeros(count, np.int32), np.zeros(count, np.int64), np.zeros(count, np.int64)
        kind, stamp_base, seen_stamp, seen_line = self._seen(lines)
        validate(
            lines.offset,
            lines.sku,
            kind,
            lines.qty,
            lines.unit_price_minor,
            columns["currency"],
            columns["placed_at_ms"],
            resolved.flags,
            missing,
            self.tables.skus.active,
            self.tables.skus.price_minor,
            self._dated,
            self._limits(now_ms),
            stamp_base,
            seen_stamp,
            seen_line,
            columns["reasons"],
            columns["reason_line"],
            qty,
            price,
            listed,
        )
        self._stamp_base += orders
        if len(lines.node):
            self._refuse_misfits(lines, columns)
        columns["admission"] = self.policies.admission(columns["reasons"], policy_row)
        counted = pricing.OrderLines(
            line_offset=lines.offset, sku=lines.sku, qty=qty, unit_price_minor=price, list_price_minor=listed
        )
        # A refused order asks for nothing: it is neither weighed nor priced nor claimed.
        return without_units(counted, columns["admission"] == Admission.REJECT)

    def _seen(self, lines: WireLines) -> tuple[npt.NDArray[np.int32], int, I64, I64]:
        """Which lines are of one kind, and what ``validate`` remembers of kinds."""
        if not len(lines.node):
            return lines.sku, self._stamp_base, self._seen_stamp, self._seen_line
        kind = kinds_of_lines(lines.sku, lines.node)
        kinds = int(kind.max(initial=-1)) + 1
        return kind, 0, np.full(kinds, -1, np.int64), np.zeros(kinds, np.int64)

    def _refuse_misfits(self, lines: WireLines, columns: dict[str, Any]) -> None:
        """NODE_IMPOSSIBLE, and the first line of which that, or anything else, is to be said."""
        at = np.flatnonzero(misfits(lines.node, lines.sku, lines.offset, columns, self.tables))
        order = np.searchsorted(lines.offset, at, side="right") - 1
        columns["reasons"][order] |= np.uint64(1 << NODE_IMPOSSIBLE)
        order, first = np.unique(order, return_index=True)
        line, known = (at[first] - lines.offset[order]).astype(np.int32), columns["reason_line"][order]
        columns["reason_line"][order] = np.where(known < 0, line, np.minimum(known, line))

    def _limits(self, now_ms: int) -> I64:
        limits, policy = self._config.limits, self.policy
        return np.array(
            [
                limits.lines_max,
                limits.qty_max,
                limits.unit_price_minor_max,
                limits.order_value_minor_max,
                now_ms + policy.placed_at_future_ms_max,
                policy.price_tolerance_bp,
                _LINES_MODE[policy.duplicate_lines],
            ],
            np.int64,
        )

    def _risk(self, resolved: Resolved, qty: npt.NDArray[np.int32]) -> None:
        policy, columns, lines = self.policy, resolved.columns, resolved.lines
        rules = np.array([policy.risk_qty_max, policy.risk_points_address, policy.risk_points_qty], np.int64)
        columns["risk"] = np.zeros(len(columns["reasons"]), np.int32)
        columns["basket"] = np.zeros(len(columns["reasons"]), np.uint64)
        score_risk(lines.offset, qty, resolved.address_differs, rules, columns["risk"], columns["reasons"])
        basket(lines.offset, lines.sku, qty, columns["customer"], columns["basket"])

    def _price(
        self, counted: pricing.OrderLines, resolved: Resolved, policy_row: npt.NDArray[np.int32]
    ) -> pricing.OrderLines:
        """Weight, value, shipping fee and candidate promotions; returns the lines that count then."""
        columns = resolved.columns
        heeds, declared = self._declared(counted, resolved, policy_row)
        weighed = counted
        weight_g, subtotal_minor = pricing.weigh(weighed, self.tables.skus.weight_g)
        fee = pricing.fees(self.tables, counted, zone=columns["zone"], weight_g=weight_g, service=columns["service"])
        columns["fee_minor"] = np.maximum(fee, 0)  # of those that are refused
        if heeds is not None:
            said = heeds.takes_fee & (declared.fee != NONE)
            columns["fee_minor"] = np.where(said, np.maximum(said_amounts(declared.fee), 0), columns["fee_minor"])
            counted = self._refuse_impossible(counted, columns, heeds, declared)
        counted = self._refuse_uncarried(counted, fee, columns)
        if counted is not weighed:
            weight_g, subtotal_minor = pricing.weigh(counted, self.tables.skus.weight_g)
        columns["weight_g"], columns["subtotal_minor"] = weight_g, subtotal_minor
        offset, promotion = pricing.list_candidates(
            self.tables,
            counted,
            channel_index=columns["channel_index"],
            promotion_area=resolved.promotion_area,
            currency=columns["currency"],
            placed_at_ms=columns["placed_at_ms"],
            coupons=resolved.coupons,
        )
        if heeds is not None:
            offset, promotion = self._beside_what_is_taken(offset, promotion, heeds, declared, counted)
        columns["promotions"] = ragged(offset, pa.array(promotion, pa.int16()), ADMITTED.field("promotions").type)
        return counted

    def _refuse_impossible(
        self, counted: pricing.OrderLines, columns: dict[str, Any], heeds: Heeds, declared: Declared
    ) -> pricing.OrderLines:
        orders = counted.orders
        terms = Terms(
            self.tables,
            heeds,
            total=columns["total_declared_minor"],
            granted=(np.zeros(orders + 1, np.int32), np.zeros(0, np.int16)),
            tax_area=columns["tax_area"],
            fee_minor=columns["fee_minor"],
            placed_at_ms=columns["placed_at_ms"],
            tolerance_minor=self.policy.totals_tolerance_minor,
        )
        return self._refuse(impossible_orders(counted, declared, terms), AMOUNT_IMPOSSIBLE, counted, columns)

    def _beside_what_is_taken(
        self,
        offset: npt.NDArray[np.int32],
        promotion: npt.NDArray[np.int16],
        heeds: Heeds,
        declared: Declared,
        lines: pricing.OrderLines,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
        """Candidates without those of orders whose discounts are taken, or that would waive a fee that is, or that a
        taken tax lies on."""
        owner = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
        waives = self.tables.promotions.kind[promotion] == PromotionKind.FREE_SHIPPING
        has_fee = heeds.takes_fee & (declared.fee != NONE) | heeds.takes_tax & (tax_beside_lines(declared, lines) > 0)
        kept = ~heeds.takes_discount[owner] & ~(waives & has_fee[owner])
        counts = np.bincount(owner[kept], minlength=len(offset) - 1)
        return np.concatenate(([0], np.cumsum(counts))).astype(np.int32), promotion[kept]

    def _refuse_uncarried(self, counted: pricing.OrderLines, fee: I64, columns: dict[str, Any]) -> pricing.OrderLines:
        """Refuse what no rate carries to its place, whatever is in stock: it would be sold without a fee.

        Where no rate leads to the place at all the ledger knows whether it is the node or the way that lacks.
        """
        missing = (fee < 0) & (columns["admission"] != Admission.REJECT)
        if not missing.any():
            return counted
        missing &= self.tables.rates.fee_lane[columns["zone"]] >= 0
        return self._refuse(missing, UNREACHABLE, counted, columns)

    def _refuse(
        self, orders: npt.NDArray[np.bool_], reason: int, counted: pricing.OrderLines, columns: dict[str, Any]
    ) -> pricing.OrderLines:
        """Refuse these orders, too; the lines that count then."""
        orders = orders & (columns["admission"] != Admission.REJECT)
        columns["reasons"][orders] |= np.uint64(1 << reason)
        columns["admission"][orders] = Admission.REJECT
        return without_units(counted, orders)

    def _declared(
        self, lines: pricing.OrderLines, resolved: Resolved, policy_row: npt.NDArray[np.int32]
    ) -> tuple[Heeds | None, Declared]:
        """What the orders declare, and what the policy says of it; None where it says nothing of any."""
        if not self.policies.heeds_amounts:
            return None, NOTHING_DECLARED
        declared = Declared(*dense_amounts(resolved.columns["declared"], lines.line_offset))
        return self.policies.heeds(policy_row), where_units_are(declared, lines, resolved.lines.node)
