"""Of refused orders of a batch, the sentences that name what was sent and what was expected."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.reasons import AMOUNT_IMPOSSIBLE, POSTCODE_FORMAT, PRICE_MISMATCH, QTY_RANGE
from router.arrow.arrays import list_parts, numbers, struct_numbers
from router.config import Config
from router.log.columns import Status
from router.reasons import Said
from router.tables.compiled import Tables
from router.wire.ack_rows import sentence
from router.wire.batch import WireBatch
from router.wire.impossible_words import SentLine, impossible_said
from router.wire.value_words import postcode_said, price_differs, price_said, qty_said

I64 = npt.NDArray[np.int64]
_TOLD = np.uint64(1 << POSTCODE_FORMAT | 1 << QTY_RANGE | 1 << PRICE_MISMATCH | 1 << AMOUNT_IMPOSSIBLE)


def with_values(wire: WireBatch, ack: pa.RecordBatch, tables: Tables, config: Config) -> WireBatch:
    """The batch with such sentences; the very same one where no order was refused for a value, as nearly always.

    ``tables`` are the newest: where they changed since a decision and say another thing, its sentence has no values.
    """
    reasons = numbers(ack, "reasons")
    rows = np.flatnonzero((reasons & _TOLD != 0) & (numbers(ack, "status") == Status.REJECTED))
    if not len(rows):
        return wire
    lines, missing = numbers(ack, "reason_line")[rows].tolist(), numbers(wire.orders, "missing")[rows].tolist()
    values = _Values(wire, rows, tables, config)
    said = {
        row: sentence(mask, line, lacks, dict(values.of(at, row, mask)))
        for at, (row, mask, line, lacks) in enumerate(
            zip(rows.tolist(), reasons[rows].tolist(), lines, missing, strict=True)
        )
    }
    return dataclasses.replace(wire, said=said | dict(wire.said))


class _Values:
    """What those orders said, beside what they should have."""

    def __init__(self, wire: WireBatch, rows: npt.NDArray[np.intp], tables: Tables, config: Config) -> None:
        wanted = pa.array(rows)
        names = ("country", "postcode", "currency", "placed_at_ms", "channel", "declared", "line_nodes")
        self._of_orders = {name: wire.orders.column(name).take(wanted).to_pylist() for name in names}
        self._offsets, lines = list_parts(wire.orders.column("lines"))
        self._skus, self._tables = wire.skus, tables
        self._code, self._qty, self._price = (
            struct_numbers(lines, name) for name in ("sku_code", "qty", "unit_price_minor")
        )
        self._qty_max = config.limits.qty_max
        self._price_max = config.limits.unit_price_minor_max
        self._policy = tables.policy_or(config.policy)

    def of(self, at: int, row: int, reasons: int) -> Iterator[tuple[int, Said]]:
        if reasons >> POSTCODE_FORMAT & 1:
            yield POSTCODE_FORMAT, postcode_said(self._of_orders["country"][at], self._of_orders["postcode"][at])
        if reasons >> QTY_RANGE & 1:
            yield QTY_RANGE, self._qty_of(row)
        said = self._price_of(at, row) if reasons >> PRICE_MISMATCH & 1 else None
        if said is not None:
            yield PRICE_MISMATCH, said
        said = self._amount_of(at, row) if reasons >> AMOUNT_IMPOSSIBLE & 1 else None
        if said is not None:
            yield AMOUNT_IMPOSSIBLE, said

    def _lines(self, row: int) -> slice:
        return slice(self._offsets[row], self._offsets[row + 1])

    def _sku(self, line: int) -> str:
        sku: str = self._skus[int(self._code[line])].as_py()
        return sku

    def _qty_of(self, row: int) -> Said:
        """The first line whose quantity is out of range."""
        of_order = self._lines(row)
        qty = self._qty[of_order]
        number = int(np.argmax((qty < 1) | (qty > self._qty_max)))
        return qty_said(number, self._sku(of_order.start + number), int(qty[number]), self._qty_max)

    def _price_of(self, at: int, row: int) -> Said | None:
        """The first line whose price is not the catalogue's."""
        currency, of_order = self._of_orders["currency"][at], self._lines(row)
        for number, sent in enumerate(self._price[of_order].tolist()):
            sku = self._sku(of_order.start + number)
            listed = self._listed(at, sku)
            if sent <= self._price_max and price_differs(sent, listed, self._policy.price_tolerance_bp):
                return price_said(number, sku, sent, listed, self._policy.price_tolerance_bp, currency)
        return None

    def _listed(self, at: int, sku: str) -> int:
        """The catalogue's price; -1 none."""
        currency, placed_at_ms = self._of_orders["currency"][at], self._of_orders["placed_at_ms"][at]
        skus = self._tables.skus
        return skus.listed_at(skus.ids.index(sku), self._tables.currencies.index(currency), placed_at_ms)

    def _amount_of(self, at: int, row: int) -> Said | None:
        """The first amount that cannot be."""
        of_order, orders = self._lines(row), self._of_orders
        nodes = {named["line"]: named["node"] for named in orders["line_nodes"][at]}
        lines = []
        for number, (qty, sent) in enumerate(zip(self._qty[of_order], self._price[of_order], strict=True)):
            sku = self._sku(of_order.start + number)
            price_minor = int(sent) if sent >= 0 else self._listed(at, sku)
            lines.append(SentLine((sku, nodes.get(number, "")), int(qty), price_minor))
        policy = self._policy.of_channel(orders["channel"][at])
        return impossible_said(orders["declared"][at], lines, policy, self._qty_max, orders["currency"][at])
