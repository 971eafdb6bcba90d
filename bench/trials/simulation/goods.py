"""The small world every schedule plays in: three nodes, five SKUs and a bundle of two of them, two versions of the
tables, the second of which frees what a node kept back, scarce stock."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import msgspec
import pyarrow as pa

from router.config import ChannelPolicy, Config, Policy
from router.ids import hash_key, hash_text
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.row_types import TableRows
from router.tables.rows import parse_rows
from router.tables.stock_rows import on_hand_movements, parse_movements
from router.wire.event_wire import EventTerms, Names

NOW_MS = 1_763_758_800_000  # 2025-11-21T21:00:00Z
KEY = hash_key(bytes(range(16)))
SHARDS = 2
# Each version of the tables has its policy; that of the configuration means nothing beside them, and changes with every
# start of an owner.
# Orders that say amounts come from the channel SHOP, whose word each version heeds otherwise.
SHOP = "shop"
SELLERS = (None, "acme", "b/c")
_TAKEN = ChannelPolicy(discount="take", tax="take", shipping_fee="take")
_COMPARED = ChannelPolicy(discount="compare", tax="take", shipping_fee="compare")
_POLICIES = {
    1: Policy(grant_order="priority", channels={SHOP: _TAKEN}, invoices="capture"),
    2: Policy(
        on_hand_falls="pack", grant_order="whole_orders", duplicate_basket_window_ms=60_000, plan="fewest",
        channels={SHOP: _COMPARED}, invoices="ship",
    ),
}  # fmt: skip
_CONFIGS = (
    Config(shards=SHARDS, policy=Policy(on_hand_falls="pack", grant_order="whole_orders", short_stock="backorder")),
    Config(shards=SHARDS, policy=Policy(velocity_window_ms=1_000, duplicate_basket_window_ms=0)),
)
LIMITS = _CONFIGS[0].limits
SKUS = ("S0", "S1", "S2", "S3", "S4")
BUNDLE, PARTS = "KIT", {"S1": 1, "S2": 2}
UNKNOWN_SKU = "S?"  # an order of it is rejected and may be sent again
NODES = ("BER", "HAM", "MUC")
_POSTCODES = ("10115", "20095", "80331")
_SAFETY = {1: (0, 0, 1), 2: (0, 0, 0)}  # units of each SKU that a node keeps back, by version
UNITS = {"S0": 30, "S1": 6, "S2": 3, "S3": 2, "S4": 0}  # at every node at the beginning
NDJSON = "application/x-ndjson"


def _rows(version: int) -> dict[str, list[dict[str, Any]]]:
    sku = {"currency": "EUR", "weight_g": 300, "tax_class": "standard"}
    node = {"kind": "warehouse", "country": "DE"}
    return {
        "skus": [
            *({"sku": name, "name": name, "price": 1_000 * version + at, **sku} for at, name in enumerate(SKUS)),
            {"sku": BUNDLE, "name": BUNDLE, "price": 2_500 * version, **sku,
             "bundle": [{"sku": part, "qty": qty} for part, qty in PARTS.items()]},
        ],
        "nodes": [
            {"node": name, "postcode": code, "safety_stock": units, **node}
            for name, code, units in zip(NODES, _POSTCODES, _SAFETY[version], strict=True)
        ],
        "rates": [
            {"carrier": "DHL", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0, "max_g": None,
             "price": 490, "days": 2},
        ],
        "promotions": [
            {"code": "TEN", "when": {"min_qty": 2}, "then": {"percent": 10}, "limit": 4, "per_customer": 2,
             "priority": 1},
        ],
        "taxes": [{"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}],
        "stock": [{"sku": sku, "node": node, "on_hand": units} for sku, units in UNITS.items() for node in NODES],
    }  # fmt: skip


def _compiled() -> dict[int, Tables]:
    rows, tables, versions = TableRows(), empty_tables(NOW_MS), {}
    for version in (1, 2):
        for name, given in _rows(version).items():
            body = b"\n".join(msgspec.json.encode(row) for row in given)
            upload = parse_rows(name, body, NDJSON)
            rows = accept(upload, rows, tables)
            tables = compile_tables(tables.version + 1, rows, tables, NOW_MS)
        versions[version] = dataclasses.replace(tables, policy=_POLICIES[version])
    return {tables.version: tables for tables in versions.values()}


TABLES = _compiled()
FIRST_TABLES, SECOND_TABLES = sorted(TABLES)


def config_of(incarnation: int) -> Config:
    """The configuration that an owner starts with."""
    return _CONFIGS[incarnation % len(_CONFIGS)]


def policy_of(version: int) -> Policy:
    policy = TABLES[version].policy
    assert policy is not None, "every version has its own"
    return policy


@functools.cache
def first_stock() -> pa.RecordBatch:
    """MOVEMENTS that set the units of the beginning."""
    body = b"\n".join(msgspec.json.encode(row) for row in _rows(1)["stock"])
    return on_hand_movements(parse_rows("stock", body, NDJSON), TABLES[FIRST_TABLES], KEY, FIRST_TABLES, 0)


def movements(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    parsed = parse_movements(b"\n".join(msgspec.json.encode(row) for row in rows), TABLES[FIRST_TABLES], KEY)
    assert not parsed.refused, "plans move stock that exists"
    return parsed.batch


def event_terms(version: int, now_ms: int) -> EventTerms:
    """What a gateway reads events by, with a version of the tables."""
    names = Names(TABLES[version].nodes.ids, TABLES[version].currencies)
    return EventTerms(KEY, "global", LIMITS, lambda again: names, lambda: now_ms)


Words = tuple[tuple[str, Any], ...]  # names of fields and what they say


def order_body(
    number: int, customer: int, lines: tuple[tuple[str, int], ...], paid: bool, of_lines: tuple[Words, ...], said: Words
) -> bytes:
    """One order as a channel sends it; the same arguments give the same bytes. Lines of every other order have ids of
    their own. ``of_lines`` and ``said``: what else lines and the order say, of the first lines or none."""
    named = number % 2 == 1
    more = [dict(words) for words in of_lines] + [{}] * (len(lines) - len(of_lines))
    return msgspec.json.encode(
        {
            "order_id": order_id(number),
            "channel": SHOP if said else "web",
            "seller": SELLERS[customer % len(SELLERS)],
            "placed_at": f"2025-11-21T20:0{3 * number % 5}:00Z",  # not in the order in which they are sent
            "currency": "EUR",
            "customer": {"id": f"c-{customer}", "name": "Maria Garcia"},
            "ship_to": {
                "name": "Maria Garcia",
                "line1": "1 Street",
                "city": "Berlin",
                "postcode": "10115",
                "country": "DE",
            },
            "lines": [
                {"sku": sku, "qty": qty} | ({"line_id": line_id(number, at)} if named else {}) | more[at]
                for at, (sku, qty) in enumerate(lines)
            ],
            "payment": {"method": "card", "status": "paid" if paid else "authorized"},
            "priority": customer % 2,
            **dict(said),
        }
    )


def order_id(number: int) -> str:
    return f"o-{number}"


def line_id(number: int, line: int) -> str:
    """What an event calls a line of an order, counted from 0."""
    return f"L{line}" if number % 2 else str(line + 1)


def movement_hash(number: int) -> int:
    """The lower half of a movement's id, as the ledger's records name it."""
    return hash_text(KEY, f"movement m-{number}")[1]
