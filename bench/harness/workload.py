"""Orders and their reference tables, made from a seed: the same seed gives the same bytes.

    shape (numpy, a chunk at a time) ─▶ JSON lines
                                     └▶ Arrow record batches, the same orders

Shapes, measured on the sales of the UCI Online Retail data (3,907 SKUs, 19,773 orders): the top 1 % of SKUs has 9 % of
all order lines, the top 10 % 44 %, the top half 92 %. A weight of 1 / (rank + 0.04 n) ** 1.2 gives 9 %, 47 %, 85 %.
That shop is a wholesaler (median 15 lines an order); a marketplace's baskets are smaller, so ``everyday`` draws
log-normal line counts with mean 2.5 and a tail to 60.

Mixes: ``everyday``; ``flash_sale`` (one SKU in every order); ``b2b`` (200 lines); ``bad_input`` (one in five is bad).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.harness import people
from bench.harness.arrays import F64, I64
from bench.harness.damage import COLUMN_DAMAGES, DAMAGES, damaged

CHUNK_ORDERS = 16_384
PLACED_FROM = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
PLACED_EVERY_MS = 10
POPULARITY_EXPONENT, POPULARITY_OFFSET = 1.2, 0.04
CHANNELS = ("web", "app", "marketplace", "store")
CHANNEL_SHARES = (0.45, 0.30, 0.20, 0.05)
CURRENCIES = ("GBP", "EUR", "USD")
CURRENCY_PERCENT = (100, 115, 127)  # of the pound price
EXPRESS_SHARE, COUPON_SHARE, CAPTURED_SHARE = 0.12, 0.03, 0.6
COUPONS = ("WELCOME10", "FREESHIP")


@dataclass(frozen=True)
class Mix:
    skus: int = 20_000
    lines_mu: float = 0.36  # of the logarithm of the line count
    lines_sigma: float = 0.86
    lines_max: int = 60
    lines_fixed: int = 0  # every order has so many lines
    hot_sku: bool = False  # line 1 of every order is SKU 0, one unit
    customers: int = 400_000
    duplicates_per_mille: int = 5  # rows that repeat an earlier row of their chunk
    bad_per_mille: int = 0


MIXES = {
    "everyday": Mix(),
    "flash_sale": Mix(hot_sku=True, lines_fixed=1, customers=40_000_000),
    "b2b": Mix(lines_fixed=200, customers=20_000),
    "bad_input": Mix(bad_per_mille=200, duplicates_per_mille=20),
}


@dataclass
class Shape:
    """A chunk of orders as numbers; ragged lines by ``offsets``."""

    first: int  # number of the chunk's first order
    source: I64  # (n) row whose content this row has; itself unless it is a duplicate
    channel: I64
    customer: I64
    person: I64
    service: I64
    captured: I64
    coupon: I64  # -1 none
    damage: I64  # index into DAMAGES, -1 none
    offsets: I64  # (n + 1)
    sku: I64
    qty: I64


class Workload:
    """All orders of one mix and seed; ``skip`` leaves out chunks that another run has made."""

    def __init__(self, mix: str = "everyday", seed: int = 1) -> None:
        self.mix = MIXES[mix]
        self.seed = seed
        weights = sku_weights(self.mix.skus)
        self._cumulative = np.cumsum(weights) / weights.sum()
        self.price_minor = sku_prices(self.mix.skus, seed)  # (currency, SKU)
        self.sku_text = [f"S{number:05d}" for number in range(self.mix.skus)]
        self._people = people.make_people(seed)

    def ndjson(self, orders: int, first: int = 0) -> Iterator[bytes]:
        """JSON lines in chunks; ``first`` is a multiple of CHUNK_ORDERS."""
        heads = self._line_heads()
        for shape in self._shapes(orders, first):
            yield self._render(shape, heads)

    def arrow(self, orders: int, first: int = 0) -> Iterator[pa.RecordBatch]:
        for shape in self._shapes(orders, first):
            yield self._batch(shape)

    def order_id(self, number: int) -> str:
        return f"w{self.seed}-{number:010d}"

    def expected(self, orders: int, first: int = 0) -> dict[str, int]:
        """How many rows repeat a good one, how many are bad (rejected however often they are sent) or repeat one."""
        duplicates = bad = repeated_bad = 0
        for shape in self._shapes(orders, first):
            is_bad, repeats = shape.damage >= 0, shape.source != np.arange(len(shape.source))
            bad += int(is_bad.sum())
            duplicates += int((repeats & ~is_bad).sum())
            repeated_bad += int((repeats & is_bad).sum())
        return {"orders": orders, "duplicates": duplicates, "bad": bad, "repeated_bad": repeated_bad}

    def own_numbers(self, orders: int, first: int = 0) -> I64:
        """Numbers of the rows that are orders of their own: ``order_id`` of the others was never sent."""
        shapes = self._shapes(orders, first)
        return np.concatenate([np.unique(shape.first + shape.source) for shape in shapes])

    def unpaid_numbers(self, orders: int, first: int = 0) -> I64:
        """Of these the ones whose payment was authorized only."""
        shapes = self._shapes(orders, first)
        return np.concatenate([np.unique((shape.first + shape.source)[shape.captured == 0]) for shape in shapes])

    def _shapes(self, orders: int, first: int) -> Iterator[Shape]:
        assert first % CHUNK_ORDERS == 0, "a chunk is made whole, so that every run makes the same orders"
        for start in range(first, first + orders, CHUNK_ORDERS):
            yield self._shape(start, min(CHUNK_ORDERS, first + orders - start))

    def _shape(self, first: int, count: int) -> Shape:
        mix, rng = self.mix, np.random.default_rng((self.seed, first))
        source = _sources(rng, count, mix.duplicates_per_mille)
        lengths = self._lengths(rng, count)[source]
        own_offsets = np.concatenate(([0], np.cumsum(lengths)))
        sku, qty = self._lines(rng, own_offsets)
        take = _ragged_take(own_offsets, source)
        customer = rng.integers(0, mix.customers, count)
        damaged = rng.integers(0, 1000, count) < mix.bad_per_mille
        return Shape(
            first=first,
            source=source,
            channel=rng.choice(len(CHANNELS), count, p=CHANNEL_SHARES)[source],
            customer=customer[source],
            person=customer[source] % people.PEOPLE,
            service=(rng.random(count) < EXPRESS_SHARE).astype(np.int64)[source],
            captured=(rng.random(count) < CAPTURED_SHARE).astype(np.int64)[source],
            coupon=np.where(rng.random(count) < COUPON_SHARE, rng.integers(0, len(COUPONS), count), -1)[source],
            damage=np.where(damaged, rng.integers(0, len(DAMAGES), count), -1)[source],
            offsets=own_offsets,
            sku=sku[take],
            qty=qty[take],
        )

    def _lengths(self, rng: np.random.Generator, count: int) -> I64:
        mix = self.mix
        if mix.lines_fixed:
            return np.full(count, mix.lines_fixed, np.int64)
        drawn = np.ceil(rng.lognormal(mix.lines_mu, mix.lines_sigma, count)).astype(np.int64)
        return np.minimum(drawn, mix.lines_max)

    def _lines(self, rng: np.random.Generator, offsets: I64) -> tuple[I64, I64]:
        total = int(offsets[-1])
        sku = np.searchsorted(self._cumulative, rng.random(total)).astype(np.int64)
        qty = np.minimum(np.ceil(rng.lognormal(-0.6, 0.7, total)), 24).astype(np.int64)  # four in five are 1
        if self.mix.hot_sku:
            sku[offsets[:-1]], qty[offsets[:-1]] = 0, 1
        return sku, qty

    # --- as JSON ---------------------------------------------------------------------------------

    def _line_heads(self) -> list[str]:
        """Text of a line up to its quantity, for every currency and SKU."""
        return [
            f'{{"sku":"{sku}","unit_price":{price},"qty":'
            for prices in self.price_minor.tolist()
            for sku, price in zip(self.sku_text, prices, strict=True)
        ]

    def _render(self, shape: Shape, heads: list[str]) -> bytes:
        persons, skus = self._people, self.mix.skus
        area = persons.currency[shape.person]
        head = (np.repeat(area, np.diff(shape.offsets)) * skus + shape.sku).tolist()
        qty, offsets, placed = shape.qty.tolist(), shape.offsets.tolist(), _placed_texts(shape)
        rows = zip(
            (shape.first + shape.source).tolist(),
            shape.channel.tolist(),
            shape.customer.tolist(),
            shape.person.tolist(),
            shape.service.tolist(),
            shape.captured.tolist(),
            shape.coupon.tolist(),
            placed,
            strict=True,
        )
        texts = []
        for row, (number, channel, customer, person, service, captured, coupon, when) in enumerate(rows):
            start, end = offsets[row], offsets[row + 1]
            lines = ",".join([f"{heads[head[at]]}{qty[at]}}}" for at in range(start, end)])
            wish = ',"shipping":{"service":"express"}' if service else ""
            coupons = f',"coupons":["{COUPONS[coupon]}"]' if coupon >= 0 else ""
            texts.append(
                f'{{"order_id":"w{self.seed}-{number:010d}","channel":"{CHANNELS[channel]}","placed_at":"{when}",'
                f'"currency":"{CURRENCIES[area[row]]}","customer":{{"id":"c{customer:08d}",{persons.fragments[person]},'
                f'"lines":[{lines}]{coupons},"payment":{{"method":"card","status":"{_paid(captured)}"}}{wish}}}\n'
            )
        return damaged(texts, shape.damage)

    # --- as Arrow --------------------------------------------------------------------------------

    def _batch(self, shape: Shape) -> pa.RecordBatch:
        persons = self._people
        kind = shape.damage % COLUMN_DAMAGES
        bad = shape.damage >= 0
        first_line = np.zeros(len(shape.sku), bool)
        first_line[shape.offsets[:-1]] = True
        of_line = np.repeat(np.where(bad, kind, -1), np.diff(shape.offsets))
        area = persons.currency[shape.person]
        price = self.price_minor[np.repeat(area, np.diff(shape.offsets)), shape.sku]
        sku = np.where(first_line & (of_line == 0), self.mix.skus, shape.sku).astype(np.int32)
        qty = np.where(first_line & (of_line == 1), -shape.qty, shape.qty).astype(np.int32)
        currency = np.where(bad & (kind == 2), len(CURRENCIES), area)
        lines = pa.StructArray.from_arrays(
            [
                pa.DictionaryArray.from_arrays(pa.array(sku), pa.array([*self.sku_text, "X-unknown"])),
                pa.array(qty),
                pa.array(price),
            ],
            names=["sku", "qty", "unit_price"],
        )
        columns = {
            "order_id": pa.array([f"w{self.seed}-{number:010d}" for number in (shape.first + shape.source).tolist()]),
            "channel": _dictionary(shape.channel, CHANNELS),
            "placed_at": pa.array(_placed_ms(shape), pa.timestamp("ms", "UTC")),
            "currency": _dictionary(currency, (*CURRENCIES, "ZZZ")),
            "customer_id": pa.array([f"c{number:08d}" for number in shape.customer.tolist()]),
            **persons.columns(shape.person),
            "coupons": _coupons(shape.coupon),
            "payment_method": _dictionary(np.zeros(len(shape.coupon), np.int64), ("card",)),
            "payment_status": _dictionary(shape.captured, (_paid(0), _paid(1))),
            "shipping_service": _dictionary(shape.service, ("", "express")),
            "lines": pa.ListArray.from_arrays(pa.array(shape.offsets.astype(np.int32)), lines),
        }
        return pa.RecordBatch.from_pydict(columns)


def sku_weights(skus: int) -> F64:
    """How often each SKU is ordered, most popular first (see the head of this file)."""
    ranks = np.arange(1, skus + 1)
    weights: F64 = np.power(ranks + POPULARITY_OFFSET * skus, -POPULARITY_EXPONENT)
    return weights


def sku_prices(skus: int, seed: int) -> I64:
    """Prices in minor units by currency and SKU: log-normal around 15 pounds, ending in 9."""
    pounds = np.random.default_rng((seed, 1 << 40)).lognormal(7.3, 0.9, skus)
    base = np.clip(pounds, 99, 200_000).astype(np.int64) // 10 * 10 + 9
    return np.stack([base * percent // 100 for percent in CURRENCY_PERCENT])


def _sources(rng: np.random.Generator, count: int, per_mille: int) -> I64:
    """For every row the row that it repeats, itself for most."""
    own = np.arange(count)
    repeats = rng.integers(0, 1000, count) < per_mille
    source = np.where(repeats, (rng.random(count) * own).astype(np.int64), own)
    while (source != source[source]).any():  # a repeat of a repeat is a repeat of the first
        source = source[source]
    return source


def _ragged_take(offsets: I64, source: I64) -> I64:
    """Positions of the lines of row ``source[i]``, for every i in turn; lengths are equal already."""
    lengths = np.diff(offsets)
    starts = np.repeat(offsets[source] - offsets[:-1], lengths)
    return starts + np.arange(int(offsets[-1]))


def _placed_ms(shape: Shape) -> I64:
    return int(PLACED_FROM.timestamp()) * 1000 + (shape.first + shape.source) * PLACED_EVERY_MS


def _placed_texts(shape: Shape) -> list[str]:
    moments = _placed_ms(shape).astype("datetime64[ms]")
    return [f"{text}Z" for text in np.datetime_as_string(moments).tolist()]


def _paid(captured: int) -> str:
    return "captured" if captured else "authorized"


def _dictionary(index: I64, values: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(values))


def _coupons(coupon: I64) -> pa.ListArray:
    offsets = np.concatenate(([0], np.cumsum(coupon >= 0))).astype(np.int32)
    named = [COUPONS[at] for at in coupon[coupon >= 0].tolist()]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(named, pa.string()))
