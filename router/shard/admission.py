"""Admission: new orders as sent (WIRE) become ADMITTED rows and CLAIMS.

    resolve strings ─▶ validate ─▶ score risk ─▶ weigh, fee, candidate promotions ─▶ columns

Everything here is a function of the batch, the tables of one version and the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.admit.basket import basket
from kernels.admit.dated import DatedPrices
from kernels.admit.score_risk import score_risk
from kernels.admit.validate import (
    FLAG_COUPON_UNKNOWN,
    FLAG_PAYMENT_FAILED,
    FLAG_PAYMENT_OPEN,
    FLAG_PAYMENT_REFUNDED,
    FLAG_PAYMENT_UNKNOWN,
    FLAG_SERVICE_UNKNOWN,
    KEEP,
    MERGE,
    REFUSE,
    validate,
)
from kernels.reasons import AMOUNT_IMPOSSIBLE, NODE_IMPOSSIBLE, UNREACHABLE
from router.arrow.arrays import I64, list_parts, numbers, ragged, record_batch, struct_numbers
from router.arrow.string_table import StringTable
from router.config import Config
from router.ids import given, key64
from router.life.payment_words import PAYMENT_WORDS, STATE_OF, Paid
from router.log.columns import ADMITTED, Admission
from router.log.declared_amounts import dense_amounts
from router.shard import pricing
from router.shard.admitted import admitted_lines, claims_of, without_units
from router.shard.channel_policies import ChannelPolicies, Heeds
from router.shard.declared import NOTHING_DECLARED, Declared, impossible
from router.shard.line_nodes import kinds_of_lines, line_nodes, misfits
from router.shard.spelt import UNKNOWN, Spelt, by_first
from router.spelling import folded, word
from router.tables.compiled import PromotionKind, Tables
from router.tables.places import PlaceResolver

U64 = npt.NDArray[np.uint64]
_PAYMENTS = Spelt(StringTable(list(PAYMENT_WORDS)), {name: at for at, name in enumerate(PAYMENT_WORDS)}, word)
_MEANINGS = np.array([*PAYMENT_WORDS.values(), Paid.OPEN, Paid.OPEN], np.uint8)  # rows -1 and -2: another word, none
_PAYMENT_STATES = np.array([STATE_OF[meaning] for meaning in Paid], np.uint8)
_PLACED = ["country", "postcode", "bill_country", "bill_postcode"]
_LINES_MODE = {"keep": KEEP, "merge": MERGE, "reject": REFUSE}


@dataclass(frozen=True)
class WireLines:
    """The lines of a WIRE batch as flat arrays."""

    offset: I64  # (n+1)
    sku: npt.NDArray[np.int32]  # (m) SKU number, -1 unknown
    qty: I64
    unit_price_minor: I64
    line_key: U64
    node: npt.NDArray[np.int16]  # (m) that it must come from, or ANY or UNKNOWN; (0) where no line names one


class Admitter:
    """Judges batches against one version of the tables; keeps only caches and scratch."""

    def __init__(self, config: Config, key: U64, tables: Tables) -> None:
        self.tables = tables
        self._key = key
        self._config = config
        self._places = PlaceResolver(tables)
        self._seen_stamp = np.full(max(len(tables.skus.ids), 1), -1, np.int64)
        self._seen_line = np.zeros(max(len(tables.skus.ids), 1), np.int64)
        self._stamp_base = 0
        skus = tables.skus
        self._dated = DatedPrices(
            skus.dated_offset, skus.dated_currency, skus.dated_from_ms, skus.dated_until_ms, skus.dated_price_minor
        )
        self.policy = tables.policy_or(config.policy)
        self.policies = ChannelPolicies(self.policy)
        codes = tables.promotions.ids
        self._codes = Spelt(codes, by_first(codes.values, folded), folded)

    def admit(
        self, wire: pa.RecordBatch, skus: pa.StringArray, hashes: tuple[U64, U64], now_ms: int
    ) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and CLAIMS of a WIRE batch whose ids hash to ``hashes``."""
        lines = self._lines(wire, skus)
        place = self._places.resolve(wire.column("country"), wire.column("region"), wire.column("postcode"))
        columns = self._identity(wire, hashes)
        columns["currency"] = self.tables.currencies.find(wire.column("currency")).astype(np.int16)
        columns["channel_index"] = self._channel_index(wire)
        policy_row = self.policies.rows(wire.column("channel"))
        columns["payment"], payment_flags = self._payment(wire, policy_row)
        columns["service"], service_unknown = self._service(wire)
        coupons, coupon_unknown = self._coupons(wire)
        flags = (
            place.flags
            | (coupon_unknown << FLAG_COUPON_UNKNOWN)
            | (service_unknown << FLAG_SERVICE_UNKNOWN)
            | payment_flags
        ).astype(np.uint16)
        columns["zone"], columns["tax_area"] = place.zone, place.tax_area
        counted = self._validate(wire, lines, columns["currency"], flags, now_ms, columns, policy_row)
        self._risk(wire, lines, counted.qty, columns)
        counted = self._price(counted, columns, coupons, place.promotion_area, policy_row)
        admitted = record_batch(ADMITTED, {**columns, "lines": admitted_lines(counted, lines.line_key, lines.node)})
        return admitted, claims_of(admitted)

    def _lines(self, wire: pa.RecordBatch, skus: pa.StringArray) -> WireLines:
        offset, values = list_parts(wire.column("lines"))
        code = struct_numbers(values, "sku_code")
        assert len(code) == 0 or (int(code.min()) >= 0 and int(code.max()) < len(skus)), "sku_code beyond its strings"
        number = self.tables.skus.ids.find(skus)
        return WireLines(
            offset.astype(np.int64),
            number[code] if len(code) else np.zeros(0, np.int32),
            struct_numbers(values, "qty"),
            struct_numbers(values, "unit_price_minor"),
            struct_numbers(values, "line_key"),
            line_nodes(wire, offset.astype(np.int64), self.tables),
        )

    def _identity(self, wire: pa.RecordBatch, hashes: tuple[U64, U64]) -> dict[str, Any]:
        customer = key64(self._key, wire.column("customer_id"))
        customer[~given(wire.column("customer_id"))] = 0
        keys = pc.binary_join_element_wise(wire.column("channel"), wire.column("currency"), "\x1f")
        copied = ("order_id", "channel", "seller", "declared")
        numeric = ("fingerprint", "placed_at_ms", "promise_by_ms", "priority", "total_declared_minor")
        return {
            **{name: wire.column(name) for name in copied},
            **{name: numbers(wire, name) for name in numeric},
            "hash_hi": hashes[0],
            "hash_lo": hashes[1],
            "customer": customer,
            "channel_key": key64(self._key, keys),
        }

    def _payment(
        self, wire: pa.RecordBatch, policy_row: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
        """PaymentState of each order, and what is to be said of its payment."""
        found = _PAYMENTS.find(wire.column("payment_status"))
        meaning = _MEANINGS[found]
        refunded = (meaning == Paid.REFUNDED) | (meaning == Paid.PARTLY_REFUNDED)
        is_open = (meaning == Paid.OPEN) | (meaning == Paid.PARTLY)
        flags = (
            (meaning == Paid.FAILED) << FLAG_PAYMENT_FAILED
            | refunded << FLAG_PAYMENT_REFUNDED
            | (found == UNKNOWN) << FLAG_PAYMENT_UNKNOWN
            | (is_open & self.policies.holds_unpaid[policy_row]) << FLAG_PAYMENT_OPEN
        )
        return _PAYMENT_STATES[meaning], flags

    def _channel_index(self, wire: pa.RecordBatch) -> npt.NDArray[np.int16]:
        found = self.tables.channels.find(wire.column("channel"))
        return np.where(found < 0, len(self.tables.channels), found).astype(np.int16)

    def _service(self, wire: pa.RecordBatch) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
        """Service numbers (-1 = any) and which rows ask for one that no rate offers."""
        column = wire.column("service")
        found = self.tables.rates.services.find(column)
        if not self.tables.rates.loaded:
            return np.full(len(column), -1, np.int16), np.zeros(len(column), np.uint8)
        return found.astype(np.int16), ((found < 0) & given(column)).astype(np.uint8)

    def _coupons(self, wire: pa.RecordBatch) -> tuple[tuple[npt.NDArray[np.int32], Any], npt.NDArray[np.uint8]]:
        """Coupons as promotion numbers per order, and which orders name an unknown one."""
        offset, values = list_parts(wire.column("coupons"))
        unknown = np.zeros(wire.num_rows, np.uint8)
        if len(values) == 0:
            return (offset, np.zeros(0, np.int32)), unknown
        number = self._codes.find(values)
        owner = np.repeat(np.arange(wire.num_rows), np.diff(offset))
        unknown[owner[number == UNKNOWN]] = 1
        return (offset, np.maximum(number, UNKNOWN)), unknown

    def _validate(
        self,
        wire: pa.RecordBatch,
        lines: WireLines,
        currency: npt.NDArray[np.int16],
        flags: npt.NDArray[np.uint16],
        now_ms: int,
        columns: dict[str, Any],
        policy_row: npt.NDArray[np.int32],
    ) -> pricing.OrderLines:
        orders, count = wire.num_rows, len(lines.sku)
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
            currency,
            numbers(wire, "placed_at_ms"),
            flags,
            numbers(wire, "missing"),
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

    def _risk(
        self, wire: pa.RecordBatch, lines: WireLines, qty: npt.NDArray[np.int32], columns: dict[str, Any]
    ) -> None:
        policy = self.policy
        rules = np.array([policy.risk_qty_max, policy.risk_points_address, policy.risk_points_qty], np.int64)
        columns["risk"] = np.zeros(wire.num_rows, np.int32)
        columns["basket"] = np.zeros(wire.num_rows, np.uint64)
        score_risk(lines.offset, qty, self._address_differs(wire), rules, columns["risk"], columns["reasons"])
        basket(lines.offset, lines.sku, qty, columns["customer"], columns["basket"])

    def _address_differs(self, wire: pa.RecordBatch) -> npt.NDArray[np.uint8]:
        """1 where a billing country or postcode is given and names another place than the shipping one."""
        differs = np.zeros(wire.num_rows, bool)
        for billing, shipping in (("bill_country", "country"), ("bill_postcode", "postcode")):
            stated = given(wire.column(billing))
            if stated.any():  # most orders have no bill_to
                other = pc.not_equal(wire.column(billing), wire.column(shipping))
                differs |= stated & other.to_numpy(zero_copy_only=False)
        if differs.any():
            rows = np.flatnonzero(differs)
            differs[rows] = self._names_another_place(wire.select(_PLACED).take(pa.array(rows)))
        return differs.astype(np.uint8)

    def _names_another_place(self, orders: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Of orders whose addresses are not written alike."""
        columns = (orders.column(name).to_pylist() for name in _PLACED)
        addresses = list(zip(*columns, strict=True))
        known = {address: self._places.is_elsewhere(*address) for address in set(addresses)}
        return np.fromiter((known[address] for address in addresses), bool, len(addresses))

    def _price(
        self,
        counted: pricing.OrderLines,
        columns: dict[str, Any],
        coupons: Any,
        area: Any,
        policy_row: npt.NDArray[np.int32],
    ) -> pricing.OrderLines:
        """Weight, value, shipping fee and candidate promotions; returns the lines that count then."""
        heeds, declared = self._declared(counted, columns, policy_row)
        if heeds is not None:
            counted = self._refuse(impossible(declared, counted, heeds), AMOUNT_IMPOSSIBLE, counted, columns)
        weight_g, subtotal_minor = pricing.weigh(counted, self.tables.skus.weight_g)
        fee = pricing.fees(self.tables, counted, zone=columns["zone"], weight_g=weight_g, service=columns["service"])
        carried = self._refuse_uncarried(counted, fee, columns)
        if carried is not counted:
            counted = carried
            weight_g, subtotal_minor = pricing.weigh(counted, self.tables.skus.weight_g)
        columns["weight_g"], columns["subtotal_minor"] = weight_g, subtotal_minor
        columns["fee_minor"] = np.maximum(fee, 0)  # of those that are refused
        if heeds is not None:
            columns["fee_minor"] = np.where(heeds.takes_fee & (declared.fee >= 0), declared.fee, columns["fee_minor"])
        offset, promotion = pricing.list_candidates(
            self.tables,
            counted,
            channel_index=columns["channel_index"],
            promotion_area=area,
            currency=columns["currency"],
            placed_at_ms=columns["placed_at_ms"],
            coupons=coupons,
        )
        if heeds is not None:
            offset, promotion = self._beside_taken_discounts(offset, promotion, heeds, declared)
        columns["promotions"] = ragged(offset, pa.array(promotion, pa.int16()), ADMITTED.field("promotions").type)
        return counted

    def _beside_taken_discounts(
        self, offset: npt.NDArray[np.int32], promotion: npt.NDArray[np.int16], heeds: Heeds, declared: Declared
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
        """Candidates without those of orders whose discounts are taken, or that would waive a fee that is."""
        owner = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
        waives = self.tables.promotions.kind[promotion] == PromotionKind.FREE_SHIPPING
        kept = ~heeds.takes_discount[owner] & ~(waives & (heeds.takes_fee & (declared.fee >= 0))[owner])
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
        self, lines: pricing.OrderLines, columns: dict[str, Any], policy_row: npt.NDArray[np.int32]
    ) -> tuple[Heeds | None, Declared]:
        """What the orders declare, and what the policy says of it; None where it says nothing of any."""
        if not self.policies.heeds_amounts:
            return None, NOTHING_DECLARED
        return self.policies.heeds(policy_row), Declared(*dense_amounts(columns["declared"], lines.line_offset))
