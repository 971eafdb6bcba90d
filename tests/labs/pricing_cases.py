"""Random orders, promotions and taxes for the pricing tests: as plain dicts for the twins and as tables."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np

from router.arrow.string_table import StringTable
from router.shard.pricing import OrderLines
from router.tables.arrays import frozen
from router.tables.compiled import PromotionTable, RateTable, TaxTable
from router.tables.old_taxes import taxes_of_rates

KINDS = ("percent", "fixed", "fixed_price", "free_shipping", "buy_x_get_y")
CLASSES = ("standard", "reduced", "shipping")


def promotion(number: int, **changes: Any) -> dict:
    """One that is open to every order and gives nothing, unless changed."""
    plain = {
        "number": number, "kind": "percent", "value": 0, "buy": 0, "get": 1, "starts": 0, "ends": 1 << 62,
        "needs_coupon": False, "currency": None, "min_subtotal": 0, "min_qty": 0, "skus": set(range(1_000)),
        "channels": {0, 1}, "areas": {0, 1, 2},
    }  # fmt: skip
    return plain | changes


def line(sku: int | None, qty: int, unit_price: int | None) -> dict:
    return {"sku": sku, "qty": qty, "unit_price": unit_price}


def promotion_table(promotions: list[dict], skus: int) -> PromotionTable:
    def column(name: str, dtype: type, none: int = -1) -> np.ndarray:
        return np.array([none if p[name] is None else p[name] for p in promotions], dtype)

    def members(name: str, size: int) -> np.ndarray:
        rows = [[number in p[name] for number in range(size)] for p in promotions]
        return np.array(rows, np.uint8).reshape(len(promotions), size)

    count = len(promotions)
    return PromotionTable(
        ids=StringTable([f"P{p['number']}" for p in promotions]),
        kind=np.array([KINDS.index(p["kind"]) for p in promotions], np.int32),
        value=column("value", np.int64),
        buy_qty=column("buy", np.int32),
        get_qty=column("get", np.int32),
        priority=np.zeros(count, np.int32),
        starts_ms=column("starts", np.int64),
        ends_ms=column("ends", np.int64),
        limit=np.full(count, -1, np.int64),
        per_customer=np.full(count, -1, np.int64),
        stackable=np.ones(count, np.uint8),
        first_order=np.zeros(count, np.uint8),
        needs_coupon=column("needs_coupon", np.uint8),
        currency=column("currency", np.int16),
        min_subtotal_minor=column("min_subtotal", np.int64),
        min_qty=column("min_qty", np.int64),
        sku_set=members("skus", skus),
        channel_set=members("channels", 2),
        area_set=members("areas", 3),
        area_ids=StringTable(["", "GB", "DE"]),
    )


def tables(
    promotions: list[dict],
    tax_class: list[int],
    rates: list[list[tuple[int, bool]]] | None = None,
    freight: RateTable | None = None,
    classes: tuple[str, ...] = CLASSES,
    taxes: TaxTable | None = None,
) -> Any:
    """What pricing reads of ``Tables``; ``rates`` are (basis points, inclusive) by tax area and class."""
    rates = rates or [[(0, False)] * len(classes)]
    rate_bp = np.array([[rate for rate, _ in row] for row in rates], np.int32)
    inclusive = frozen(np.array([[inclusive for _, inclusive in row] for row in rates], np.uint8))
    taxes = taxes or TaxTable(
        area_ids=StringTable([f"area {number}" for number in range(len(rates))]),
        class_ids=StringTable(classes),
        **taxes_of_rates(rate_bp, inclusive),
    )
    return SimpleNamespace(
        promotions=promotion_table(promotions, len(tax_class)),
        taxes=taxes,
        skus=SimpleNamespace(tax_class=np.array(tax_class, np.int32)),
        rates=freight,
    )


def order_lines(orders: list[list[dict]]) -> OrderLines:
    flat = [each for lines in orders for each in lines]
    price = np.array([-1 if each["unit_price"] is None else each["unit_price"] for each in flat], np.int64)
    return OrderLines(
        line_offset=np.cumsum([0] + [len(lines) for lines in orders], dtype=np.int64),
        sku=np.array([-1 if each["sku"] is None else each["sku"] for each in flat], np.int32),
        qty=np.array([each["qty"] for each in flat], np.int32),
        unit_price_minor=price,
        list_price_minor=price,
    )


def ragged(lists: list[list[int]], dtype: type = np.int16) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.cumsum([0] + [len(each) for each in lists], dtype=np.int32),
        np.array([number for each in lists for number in each], dtype),
    )


def random_promotion(rng: random.Random, number: int, skus: int) -> dict:
    kind = rng.choice(KINDS)
    value = {"percent": rng.choice([0, 1, 1_250, 3_333, 10_000]), "buy_x_get_y": rng.choice([2_500, 10_000])}
    start = rng.randint(0, 20)
    return promotion(
        number,
        kind=kind,
        value=value.get(kind, rng.choice([0, 1, 99, 1_000, 10**9])),
        buy=rng.randint(0, 3),
        get=rng.randint(1, 2),
        starts=start,
        ends=start + rng.randint(1, 60),
        needs_coupon=rng.random() < 0.4,
        currency=rng.choice([None, None, None, 0, 1]),
        min_subtotal=rng.choice([0, 0, 500, 5_000]),
        min_qty=rng.choice([0, 0, 2, 5]),
        skus=set(rng.sample(range(skus), rng.randint(0, skus))) if rng.random() < 0.4 else set(range(skus)),
        channels=set(rng.sample([0, 1], rng.randint(1, 2))),
        areas=set(rng.sample([0, 1, 2], rng.randint(1, 3))),
    )


def random_lines(rng: random.Random, skus: int, bad: float = 0.05) -> list[dict]:
    """0 to 6 lines; prices from few values, so that ties and zeros occur; now and then a line that has no value."""
    prices = [0, 1, 7, 100, 999, 2_000, rng.randint(0, 10**9)]
    lines = [
        line(rng.randrange(skus), rng.choice([0, 1, 1, 2, 3, 5]), rng.choice(prices)) for _ in range(rng.randint(0, 6))
    ]
    if lines and rng.random() < bad:
        rng.choice(lines).update(rng.choice([{"sku": None}, {"unit_price": None}, {"qty": 3, "unit_price": 1 << 62}]))
    return lines
