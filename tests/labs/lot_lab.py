"""A router whose units expire, and its table ``stock`` as it is got and put again."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pyarrow as pa

from router.ledger.shown_lots import StockReader
from router.queries.on_hand import OnHand
from router.tables.patch import Changes
from router.tables.row_types import StockRow
from router.tables.stock_now import Cell, note_lots, stock_patched
from router.tables.stock_rows import movement_results, on_hand_movements, parse_movements
from tests.labs.order_lab import KEY, OrderLab
from tests.labs.table_cases import NDJSON, NODE, NOW_MS, SKU, ndjson, upload

DAY_MS = 86_400_000
TODAY = datetime.date(2025, 11, 21)  # of NOW_MS, a Friday
DAILY = NODE | {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}  # arrives in two days without rates


def day(offset: int) -> str:
    return (TODAY + datetime.timedelta(days=offset)).isoformat()


class LotLab(OrderLab):
    """SKU A at N1, arriving in two days; MILK keeps thirty days."""

    def __init__(self, nodes: tuple[str, ...] = ("N1",)) -> None:
        super().__init__()
        skus = [SKU, SKU | {"sku": "MILK", "shelf_life_days": 30}]
        rows = {"skus": skus, "nodes": [DAILY | {"node": node} for node in nodes]}
        self.router.use_tables(self.tables_with(**rows))
        self._uploads = 0
        self._as_put: dict[Cell, list[StockRow]] = {}

    def put(self, *lots: dict[str, Any], sku: str = "A", by_older_rule: bool = False) -> None:
        self._uploads += 1
        self.now_ms += 1
        rows = upload("stock", *({"sku": sku, "node": "N1"} | lot for lot in lots))
        rows.findings.raise_if_any()
        movements = on_hand_movements(rows, self.tables, KEY, 1_000 + self._uploads, self.now_ms)
        if by_older_rule:
            at, none = movements.schema.get_field_index("of_lots"), pa.array([0] * len(movements), pa.uint8())
            movements = movements.set_column(at, movements.schema.field(at), none)
        self.router.stock(movements, self.now_ms)
        put = [row for row in rows.rows if isinstance(row, StockRow)]
        self._as_put |= {(row.sku, row.node): [] for row in put}
        note_lots(put, self._as_put)

    def table(self) -> list[dict[str, Any]]:
        """The table as it is got now."""
        rows = OnHand(StockReader(self.arenas["ledger"]), self.tables).page(0, self._as_put)
        return [msgspec.to_builtins(row) for row in rows]

    def patch(self, *lines: dict[str, Any]) -> Changes:
        """Change single rows."""
        on_hand = OnHand(StockReader(self.arenas["ledger"]), self.tables)
        named = [(line["sku"], line["node"]) for line in lines]
        rows, changes = stock_patched(on_hand.rows(named, self._as_put), ndjson(*lines), NDJSON)
        rows.findings.raise_if_any()
        self.put(*(msgspec.to_builtins(row) for row in rows.rows))
        return changes

    def move(self, kind: str, qty: int, **fields: Any) -> str:
        """What became of a movement of A at N1."""
        self.now_ms += 1
        row = {"movement_id": f"{kind}{self.now_ms}", "kind": kind, "sku": "A", "node": "N1", "qty": qty} | fields
        parsed = parse_movements(ndjson(row), self.tables, KEY, self.now_ms)
        (answer,) = movement_results(parsed, self.router.stock(parsed.batch, self.now_ms))
        return str(answer["status"])

    def judge(self) -> None:
        """Whatever is too old by now is blocked."""
        self.now_ms += 60_000
        self.router.ledger.expire(self.now_ms)

    def came(self, movement_id: str, **fields: Any) -> list[int]:
        self.now_ms += 1
        row = {"movement_id": movement_id, "kind": "receipt", "sku": "A", "node": "N1"} | fields
        parsed = parse_movements(ndjson(row), self.tables, KEY, self.now_ms)
        assert not parsed.refused, parsed.refused
        return self.router.stock(parsed.batch, self.now_ms).column("result").to_pylist()  # type: ignore[no-any-return]

    def later(self, days: int) -> None:
        self.now_ms = NOW_MS + days * DAY_MS

    def given(self, qty: int, sku: str = "A") -> int:
        """Units an order for so many is given; the rest waits."""
        order_id = f"o{self.now_ms}"
        self.order(order_id, [{"sku": sku, "qty": qty}], placed_at="2025-11-21T12:00:00Z")
        return int(self.view(order_id)["lines"][0]["units"]["allocated"])

    def units(self) -> dict[str, int]:
        totals = self.router.ledger.path.engine.totals()
        return {name: totals[name] for name in ("available", "blocked", "received")}

    def shelf(self) -> dict[str, int]:
        """What every account has."""
        return self.router.ledger.path.engine.totals()
