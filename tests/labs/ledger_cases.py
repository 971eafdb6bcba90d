"""Small worlds for the ledger's tests: plain dictionaries, their tables, random ones, and batches of orders."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from router.arrow.arena import PrivateArena
from router.arrow.string_table import StringTable
from router.config import Policy
from router.ledger.engine import LedgerEngine
from router.life.states import CellAccount
from router.log.columns import CLAIMS, GIVEN_BACK, MOVEMENTS, MOVES
from router.ports import NOTHING_NUMBERED, Question
from router.tables.compile_taxes import compile_taxes
from router.tables.compiled import (
    NO_LIMIT,
    NodeTable,
    PromotionTable,
    RateTable,
    SkuTable,
    Tables,
)
from router.tables.stock_rows import MovementKind

DAY_MS = 86_400_000
DAY0 = 20_000  # a Wednesday in 2024
DAYS = 60
NOON_MS = DAY0 * DAY_MS + DAY_MS // 2


def sku(weight_g=100, goods=0, bundle=()):
    return {"weight_g": weight_g, "goods": goods, "bundle": list(bundle)}


def node(**changes):
    return {
        "active": True,
        "channels": [True, True],
        "zones": [True, True, True],
        "goods": [True, True],
        "handling": 0,
        "safety": 0,
        "capacity": None,
        "cutoff_min": 1440,
        "closed": set(),  # days since epoch
        "offset_min": 0,
    } | changes


def band(price, days=1, min_g=0, max_g=NO_LIMIT, per_kg=0, service=0):
    return {"min_g": min_g, "max_g": max_g, "price": price, "per_kg": per_kg, "days": days, "service": service}


def promotion(code, **changes):
    return {
        "code": code, "limit": None, "per_customer": None, "stackable": True, "first_order": False,
        "needs_coupon": False,
    } | changes  # fmt: skip


def world(skus, nodes, lanes=None, promotions=(), rates_loaded=True, default_days=2):
    """``lanes``: (node, zone) -> bands; without them every node reaches zone 1 for 500 in a day."""
    if lanes is None:
        lanes = {(index, 1): [band(500)] for index in range(len(nodes))}
    return {
        "skus": list(skus), "nodes": list(nodes), "lanes": lanes, "promotions": list(promotions),
        "rates_loaded": rates_loaded, "default_days": default_days, "day0": DAY0, "days": DAYS,
    }  # fmt: skip


def order(lines, **changes):
    """``lines``: (SKU, units), or (SKU, units, node it must come from)."""
    return {
        "customer": 0, "basket": 0, "channel_key": 0, "placed_at_ms": NOON_MS, "channel_index": 0, "zone": 1,
        "service": -1, "promise_by_ms": -1, "admission": 0, "risk": 0, "value_minor": 1_000, "promotions": [],
        "priority": 0,
        "lines": [dict(zip(("sku", "qty", "node"), (*line, -1), strict=False)) for line in lines],
    } | changes  # fmt: skip


def question(shard=0, sequence=1, version=1, now_ms=0, seen=0, epoch=1) -> Question:
    return Question(shard, sequence, epoch, version, now_ms, seen)


def claims(orders) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(orders, schema=CLAIMS)


def build_tables(given, version=1) -> Tables:
    """The compiled form of a world."""
    return Tables(
        version=version,
        skus=_skus(given["skus"]),
        nodes=_nodes(given["nodes"]),
        rates=_rates(given),
        taxes=compile_taxes([], StringTable([]), None),
        promotions=_promotions(given["promotions"], len(given["skus"])),
        currencies=StringTable(["EUR"]),
        currency_exponent=np.array([2], np.int32),
        channels=StringTable(["web"]),
        countries=StringTable(["DE"]),
    )


def _skus(rows) -> SkuTable:
    parts = [part for row in rows for part in row["bundle"]]
    count = len(rows)
    return SkuTable(
        ids=StringTable([f"S{index}" for index in range(count)]),
        active=np.ones(count, np.uint8),
        weight_g=np.array([row["weight_g"] for row in rows], np.int64),
        tax_class=np.zeros(count, np.int32),
        goods_class=np.array([row["goods"] for row in rows], np.int32),
        price_minor=np.zeros((count, 1), np.int64),
        bundle_offset=np.cumsum([0] + [len(row["bundle"]) for row in rows]).astype(np.int64),
        bundle_sku=np.array([s for s, _ in parts], np.int32),
        bundle_qty=np.array([q for _, q in parts], np.int32),
        names=[""] * count,
    )


def _nodes(rows) -> NodeTable:
    def flags(name):
        return np.array([row[name] for row in rows], np.uint8).reshape(len(rows), -1)

    def numbers(name, none, dtype=np.int64):
        return np.array([none if row[name] is None else row[name] for row in rows], dtype)

    ship_day = np.zeros((len(rows), DAYS), np.int32)
    for index, row in enumerate(rows):
        following = DAY0 + DAYS
        for day in range(DAY0 + DAYS - 1, DAY0 - 1, -1):
            following = day if day not in row["closed"] else following
            ship_day[index, day - DAY0] = following
    offsets = np.array([row["offset_min"] for row in rows], np.int32)
    return NodeTable(
        ids=StringTable([f"N{index}" for index in range(len(rows))]),
        active=np.array([row["active"] for row in rows], np.uint8),
        serves_channel=flags("channels"),
        serves_zone=flags("zones"),
        accepts_goods=flags("goods"),
        handling_minor=numbers("handling", 0),
        safety_units=numbers("safety", 0),
        capacity=numbers("capacity", -1),
        cutoff_min=numbers("cutoff_min", 1440, np.int32),
        day0=DAY0,
        ship_day=ship_day,
        utc_offset_min=np.repeat(offsets[:, None], DAYS, axis=1),
    )


def _rates(given) -> RateTable:
    zones = len(given["nodes"][0]["zones"])
    lane = np.full((len(given["nodes"]), zones), -1, np.int32)
    bands, offset = [], [0]
    for index, ((n, z), rows) in enumerate(sorted(given["lanes"].items())):
        lane[n, z] = index
        bands += rows
        offset.append(len(bands))

    def column(name, dtype=np.int64):
        return np.array([row[name] for row in bands], dtype)

    return RateTable(
        zones=StringTable([f"Z{index}" for index in range(zones)]),
        loaded=given["rates_loaded"],
        default_days=given["default_days"],
        lane=lane,
        lane_offset=np.array(offset, np.int64),
        band_min_g=column("min_g"),
        band_max_g=column("max_g"),
        band_price_minor=column("price"),
        band_per_kg_minor=column("per_kg"),
        band_days=column("days", np.int32),
        band_service=column("service", np.int16),
        band_carrier=np.zeros(len(bands), np.int16),
        services=StringTable(["standard", "express"]),
        carriers=StringTable(["post"]),
        fee_lane=np.full(zones, -1, np.int32),
        fee_lane_offset=np.zeros(1, np.int64),
        fee_band=np.zeros(0, np.int32),
    )


def _promotions(rows, skus: int) -> PromotionTable:
    count = len(rows)

    def optional(name):
        return np.array([-1 if row[name] is None else row[name] for row in rows], np.int64)

    def flag(name):
        return np.array([row[name] for row in rows], np.uint8)

    zeros32, zeros64 = np.zeros(count, np.int32), np.zeros(count, np.int64)
    return PromotionTable(
        ids=StringTable([row["code"] for row in rows]),
        kind=zeros32, value=zeros64, buy_qty=zeros32, get_qty=zeros32, priority=zeros32, starts_ms=zeros64,
        ends_ms=zeros64 + NO_LIMIT, limit=optional("limit"), per_customer=optional("per_customer"),
        stackable=flag("stackable"), first_order=flag("first_order"), needs_coupon=flag("needs_coupon"),
        currency=np.full(count, -1, np.int16), min_subtotal_minor=zeros64, min_qty=zeros64,
        sku_set=np.ones((count, skus), np.uint8), channel_set=np.ones((count, 2), np.uint8),
        area_set=np.ones((count, 1), np.uint8), area_ids=StringTable([""]),
    )  # fmt: skip


def engine_of(given, stock, version=1, **policy) -> LedgerEngine:
    """A ledger with a world's tables and units in its cells: {(sku, node): units}."""
    engine = LedgerEngine(Policy(**policy), PrivateArena())
    engine.use_tables(build_tables(given, version))
    engine.stock(receipts(stock), 0, 0)
    engine.take_touched()
    return engine


def movement(number, kind, s, n, qty, to_node=-1, **changes):
    return {
        "hash_hi": 7, "hash_lo": number + 1, "kind": kind, "sku": s, "node": n, "to_node": to_node, "qty": qty,
        "state": -1, "fingerprint": 0, "reason": "", "reference": "", "lots": [], "by_expiry": 0,
        "of_lots": 0,
    } | changes  # fmt: skip


def movements(rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=MOVEMENTS)


def moves(rows) -> pa.RecordBatch:
    """MOVES of (from, to, SKU, node, units, ship day)."""
    plain = {"kind": -1, "to_node": -1, "order": -1, "line": -1}
    names = ("from_account", "to_account", "sku", "node", "qty", "ship_day")
    return pa.RecordBatch.from_pylist([plain | dict(zip(names, row, strict=True)) for row in rows], schema=MOVES)


def withdrawals(rows) -> pa.RecordBatch:
    """MOVES by which lines give up waiting: (order, line, units)."""
    plain = {"kind": -1, "from_account": int(CellAccount.WAITING), "to_account": int(CellAccount.GONE), "sku": -1}
    rest = plain | {"node": -1, "to_node": -1, "ship_day": -1}
    return pa.RecordBatch.from_pylist([rest | {"order": o, "line": n, "qty": q} for o, n, q in rows], schema=MOVES)


NOTHING_GIVEN_BACK = pa.RecordBatch.from_pylist([], schema=GIVEN_BACK)


def move(engine, rows, sequence=90, record=90):
    """Units moved for shard 0; what became free was granted."""
    grants, _ = engine.move(question(0, sequence), moves(rows), NOTHING_GIVEN_BACK, NOTHING_NUMBERED, record)
    return grants.to_pylist()


def some(units):
    """What is not zero."""
    return {name: count for name, count in units.items() if count}


def receipts(stock) -> pa.RecordBatch:
    """Movements that bring the units named into empty cells; negative units as outside truth may have them."""
    rows = [movement(i, MovementKind.RECEIPT, s, n, q) for i, ((s, n), q) in enumerate(sorted(stock.items()))]
    return movements(rows)


def random_world(rng: random.Random, skus=3, nodes=4, bundles=True):
    """Few SKUs and nodes, everything that masks or prices them on now and then."""
    rows = [sku(rng.choice([0, 1, 300, 700, 1_200]), int(rng.random() < 0.15)) for _ in range(skus)]
    for _ in range(rng.randint(0, 2) if bundles else 0):
        parts = rng.sample(range(skus), rng.randint(1, min(3, skus)))
        rows.append(sku(0, 0, [(part, rng.randint(1, 2)) for part in parts]))
    places = [
        node(
            active=rng.random() < 0.95,
            channels=[rng.random() < 0.9, rng.random() < 0.9],
            zones=[True, rng.random() < 0.9, rng.random() < 0.9],
            goods=[True, rng.random() < 0.6],
            handling=rng.choice([0, 0, 20, 50]),
            safety=rng.choice([0, 0, 0, 1]),
            capacity=rng.choice([None, None, 0, 1, 2]),
            cutoff_min=rng.choice([1440, 600, 840]),
            closed={DAY0 + d for d in range(12) if rng.random() < 0.25},
            offset_min=rng.choice([0, 60, -720, 720]),
        )
        for _ in range(nodes)
    ]
    lanes = {(n, z): _random_bands(rng) for n in range(nodes) for z in (1, 2) if rng.random() < 0.9}
    promotions = [
        promotion(
            code,
            limit=rng.choice([None, 1, 3]),
            per_customer=rng.choice([None, None, 1]),
            stackable=rng.random() < 0.7,
            first_order=rng.random() < 0.3,
            needs_coupon=rng.random() < 0.5,
        )
        for code in rng.sample(["A", "B", "C", "D"], rng.randint(0, 3))
    ]
    return world(rows, places, lanes, promotions, rates_loaded=rng.random() < 0.93, default_days=rng.randint(1, 4))


def changed_world(rng: random.Random, given):
    """Later tables: nodes, lanes and SKUs that say something else than they did, and now and then a node more."""
    plain = [row for row in given["skus"] if not row["bundle"]]
    other = random_world(rng, len(plain), len(given["nodes"]) + int(rng.random() < 0.2), bundles=False)
    known = len(given["nodes"])
    nodes = [
        {name: (new if rng.random() < 0.15 else was)[name] for name in was}
        for was, new in zip(given["nodes"], other["nodes"], strict=False)
    ]
    lanes = {lane: bands for lane, bands in given["lanes"].items() if rng.random() < 0.95}
    lanes |= {lane: bands for lane, bands in other["lanes"].items() if lane[0] >= known or rng.random() < 0.15}
    skus = [
        was | ({} if was["bundle"] or rng.random() < 0.9 else {"weight_g": new["weight_g"], "goods": new["goods"]})
        for was, new in zip(given["skus"], [*other["skus"], *given["skus"][len(plain) :]], strict=True)
    ]
    is_same = rng.random() < 0.95
    return given | {
        "skus": skus, "nodes": nodes + other["nodes"][known:], "lanes": lanes,
        "rates_loaded": given["rates_loaded"] if is_same else not given["rates_loaded"],
    }  # fmt: skip


def _random_bands(rng):
    prices = rng.choice([[100], [100, 150], [90, 120, 300], [500, 400]])
    edges = [0, 800, 2_000, 4_000]
    bands = []
    for service in (0, 1) if rng.random() < 0.4 else (0,):
        for index, price in enumerate(prices):
            last = index == len(prices) - 1
            top = (NO_LIMIT if rng.random() < 0.8 else 5_000) if last else edges[index + 1] - 1
            bands.append(
                band(price + 60 * service, rng.randint(1, 4) - service if not service else 1, edges[index], top,
                     rng.choice([0, 0, 10, 35]), service)
            )  # fmt: skip
    rng.shuffle(bands)
    return bands


def random_stock(rng, given):
    plain = [index for index, row in enumerate(given["skus"]) if not row["bundle"]]
    return {
        (s, n): rng.choice([1, 2, 3, 5, 8]) for s in plain for n in range(len(given["nodes"])) if rng.random() < 0.6
    }


def random_order(rng, given, **changes):
    names = rng.random() < 0.3
    lines = [
        (
            rng.randrange(len(given["skus"])),
            rng.choice([1, 1, 2, 3, 4, 6]),
            rng.randrange(-1, len(given["nodes"])) if names else -1,
        )
        for _ in range(rng.choice([1, 1, 2, 2, 3]))
    ]
    codes = range(len(given["promotions"]))
    return order(
        lines,
        customer=rng.choice([0, 11, 12, -13 & (1 << 64) - 1]),
        basket=rng.choice([0, 0, 21, 22, 1 << 63]),
        channel_key=rng.choice([0, 31, 32]),
        placed_at_ms=NOON_MS + rng.randint(-8, 8) * 3_600_000,
        channel_index=rng.choice([0, 0, 1]),
        zone=rng.choice([1, 1, 1, 2, 0]),
        service=rng.choice([-1, -1, -1, 0, 1]),
        promise_by_ms=rng.choice([-1, -1, NOON_MS + 2 * DAY_MS]),
        admission=rng.choice([0] * 8 + [1, 2]),
        risk=rng.choice([0, 0, 20, 50]),
        value_minor=rng.choice([900, 1_000, 1_100, 50_000]),
        promotions=sorted(rng.sample(codes, rng.randint(0, len(codes)))),
        priority=rng.choice([0, 0, 0, 5, -3]),
    ) | changes  # fmt: skip
