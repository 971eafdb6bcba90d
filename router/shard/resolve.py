"""Resolve: texts of a WIRE batch become the numbers of one version of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.admit.validate import (
    FLAG_COUPON_UNKNOWN,
    FLAG_PAYMENT_FAILED,
    FLAG_PAYMENT_OPEN,
    FLAG_PAYMENT_REFUNDED,
    FLAG_PAYMENT_UNKNOWN,
    FLAG_SERVICE_UNKNOWN,
)
from router.arrow.arrays import I64, list_parts, numbers, struct_numbers
from router.arrow.string_table import StringTable
from router.ids import given, key64
from router.life.payment_words import CASH_ON_DELIVERY, PAYMENT_WORDS, STATE_OF, Paid
from router.shard.channel_policies import ChannelPolicies
from router.shard.line_nodes import line_nodes
from router.shard.spelt import UNKNOWN, Spelt, by_first
from router.spelling import folded, word
from router.tables.compiled import Tables
from router.tables.places import PlaceResolver

U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
_PAYMENTS = Spelt(StringTable(list(PAYMENT_WORDS)), {name: at for at, name in enumerate(PAYMENT_WORDS)}, word)
_ON_DELIVERY = Spelt(StringTable(list(CASH_ON_DELIVERY)), CASH_ON_DELIVERY, word)
_MEANINGS = np.array([*PAYMENT_WORDS.values(), Paid.OPEN, Paid.OPEN], np.uint8)  # rows -1 and -2: another word, none
_PAYMENT_STATES = np.array([STATE_OF[meaning] for meaning in Paid], np.uint8)
_PLACED = ["country", "postcode", "bill_country", "bill_postcode"]


@dataclass(frozen=True)
class WireLines:
    """The lines of a WIRE batch as flat arrays."""

    offset: I64  # (n+1)
    sku: npt.NDArray[np.int32]  # (m) SKU number, -1 unknown
    qty: I64
    unit_price_minor: I64
    line_key: U64
    node: npt.NDArray[np.int16]  # (m) that it must come from, or ANY or UNKNOWN; (0) where no line names one


@dataclass(frozen=True)
class Resolved:
    """Orders in numbers: columns of ADMITTED, and what only admission asks for."""

    columns: dict[str, Any]
    lines: WireLines
    flags: npt.NDArray[np.uint16]  # (n) bits of kernels/admit/validate.py
    coupons: tuple[I32, I32]  # offsets (n+1), and promotion numbers
    promotion_area: Any  # (n) areas of promotions
    address_differs: npt.NDArray[np.uint8]  # (n) 1 = billing and shipping name different places


class Resolver:
    """Knows one version of the tables; keeps only caches."""

    def __init__(self, key: U64, tables: Tables, policies: ChannelPolicies) -> None:
        self._key = key
        self._tables = tables
        self._policies = policies
        self._places = PlaceResolver(tables)
        codes = tables.promotions.ids
        self._codes = Spelt(codes, by_first(codes.values, folded), folded)

    def resolve(self, wire: pa.RecordBatch, skus: pa.StringArray, hashes: tuple[U64, U64], policy_row: I32) -> Resolved:
        """A WIRE batch whose ids hash to ``hashes``; ``policy_row``: of each order's channel."""
        lines = self._lines(wire, skus)
        place = self._places.resolve(wire.column("country"), wire.column("region"), wire.column("postcode"))
        columns = self._identity(wire, hashes)
        columns["currency"] = self._tables.currencies.find(wire.column("currency")).astype(np.int16)
        columns["channel_index"] = self._channel_index(wire)
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
        return Resolved(columns, lines, flags, coupons, place.promotion_area, self._address_differs(wire))

    def _lines(self, wire: pa.RecordBatch, skus: pa.StringArray) -> WireLines:
        offset, values = list_parts(wire.column("lines"))
        code = struct_numbers(values, "sku_code")
        assert len(code) == 0 or (int(code.min()) >= 0 and int(code.max()) < len(skus)), "sku_code beyond its strings"
        number = self._tables.skus.ids.find(skus)
        return WireLines(
            offset.astype(np.int64),
            number[code] if len(code) else np.zeros(0, np.int32),
            struct_numbers(values, "qty"),
            struct_numbers(values, "unit_price_minor"),
            struct_numbers(values, "line_key"),
            line_nodes(wire, offset.astype(np.int64), self._tables),
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
        holds = self._policies.holds_unpaid[policy_row]
        if holds.any():
            holds = holds & ~(self._policies.confirms_cod[policy_row] & _is_cash_on_delivery(wire))
        flags = (
            (meaning == Paid.FAILED) << FLAG_PAYMENT_FAILED
            | refunded << FLAG_PAYMENT_REFUNDED
            | (found == UNKNOWN) << FLAG_PAYMENT_UNKNOWN
            | (is_open & holds) << FLAG_PAYMENT_OPEN
        )
        return _PAYMENT_STATES[meaning], flags

    def _channel_index(self, wire: pa.RecordBatch) -> npt.NDArray[np.int16]:
        found = self._tables.channels.find(wire.column("channel"))
        return np.where(found < 0, len(self._tables.channels), found).astype(np.int16)

    def _service(self, wire: pa.RecordBatch) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
        """Service numbers (-1 = any) and which rows ask for one that no rate offers."""
        column = wire.column("service")
        found = self._tables.rates.services.find(column)
        if not self._tables.rates.loaded:
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


def _is_cash_on_delivery(wire: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Of which orders the carrier collects the money."""
    said = [np.asarray(_ON_DELIVERY.find(wire.column(name))) >= 0 for name in ("payment_method", "payment_status")]
    found: npt.NDArray[np.bool_] = said[0] | said[1]
    return found
