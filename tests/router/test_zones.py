"""Zones: the narrowest matching text wins, per carrier and service, however the zones are packed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from router.tables.compiled import NO_LIMIT, Tables
from router.tables.places import PlaceResolver
from router.tables.zones import ZonePatterns, country_first, place_of, read_zone
from tests.labs.table_cases import GOOD, tables_of

COUNTRIES = ["US", "DE", "CA", "GB", "XX"]
REGIONS = ["", "CA", "DE", "NY", "75", "sct"]
POSTCODES = ["", "10115", "101", "SW1A 1AA", "75001", "ca-1 2ab"]
TEXTS = ["*", "US", "DE", "CA", "GB:", "US-CA", "GB-SCT", "ny", "75", "sw", "SW1", "GB:SW1", "US:101", "1", "DE:10"]


def naive_rank(text: str, country: str, region: str, postcode: str) -> tuple[int, ...] | None:
    """How narrowly a text matches an address, larger = narrower; straight from docs/tables.md."""
    text, region = text.upper(), region.upper()
    postcode = postcode.upper().replace(" ", "").replace("-", "")
    found: list[tuple[int, ...]] = []
    if text == "*":
        found.append((0, 0, 0))
    elif ":" in text:
        named, prefix = text.split(":")
        if named == country and prefix and postcode.startswith(prefix):
            found.append((3, len(prefix), 1))
        if named == country and not prefix:
            found.append((1, 0, 0))
    elif text in ("US", "DE", "CA", "GB"):
        if text == country:
            found.append((1, 0, 0))
        if text == region:
            found.append((2, 0, 0))
    elif text[2:3] == "-" and text[:2] in ("US", "GB"):
        if text == f"{country}-{region}":
            found.append((2, 0, 1))
    else:
        if postcode.startswith(text):
            found.append((3, len(text), 0))
        if text == region:
            found.append((2, 0, 0))
    return max(found, default=None)


def naive_bands(rates: list[dict[str, Any]], node: dict[str, Any], to: tuple[str, str, str]) -> set[tuple[Any, ...]]:
    """Bands that count between a node and an address, by looking at every rate."""
    best: dict[tuple[str, str], tuple[Any, ...]] = {}
    bands: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for rate in rates:
        to_rank = naive_rank(rate["to_zone"], *to)
        from_rank = naive_rank(rate["from_zone"], node["country"], node["region"], node["postcode"])
        if to_rank is None or from_rank is None:
            continue
        key = (rate["carrier"], rate["service"])
        rank = (to_rank, from_rank)
        best[key] = max(best.get(key, rank), rank)
        bands.setdefault((key, rank), set()).add((*key, rate["min_g"], rate["price"]))
    return {band for key, rank in best.items() for band in bands[key, rank]}


def lane_bands(tables: Tables, lane: int) -> set[tuple[Any, ...]]:
    rates = tables.rates
    rows = range(rates.lane_offset[lane], rates.lane_offset[lane + 1]) if lane >= 0 else ()
    return {
        (
            rates.carriers.text(int(rates.band_carrier[row])),
            rates.services.text(int(rates.band_service[row])),
            int(rates.band_min_g[row]),
            int(rates.band_price_minor[row]),
        )
        for row in rows
    }


def random_rates(draw: random.Random) -> list[dict[str, Any]]:
    rates: dict[tuple[Any, ...], dict[str, Any]] = {}
    for _ in range(draw.randint(1, 14)):
        row = {
            "carrier": draw.choice("AB"),
            "service": draw.choice(["s", "x"]),
            "from_zone": draw.choice(["*", "DE", "US", "US-NY", "DE:101", "1"]),
            "to_zone": draw.choice(TEXTS),
            "min_g": draw.choice([0, 1000]),
            "days": 1,
        }
        row["max_g"] = 999 if row["min_g"] == 0 else None
        rates[tuple(row.values())] = row | {"price": len(rates)}
    return list(rates.values())


def test_lanes_equal_the_naive_matcher() -> None:
    draw = random.Random(7)
    for _ in range(150):
        rates = random_rates(draw)
        nodes = [
            GOOD["nodes"]
            | {
                "node": f"N{n}",
                "country": draw.choice(["US", "DE", "GB"]),
                "region": draw.choice(["", "NY"]),
                "postcode": draw.choice(["", "10115"]),
            }
            for n in range(3)
        ]
        tables = tables_of(nodes=nodes, rates=rates)
        resolver = PlaceResolver(tables, places_max=8)
        for _ in range(20):
            to = (draw.choice(COUNTRIES), draw.choice(REGIONS), draw.choice(POSTCODES))
            zone = resolver.answer(*to).zone
            for node in nodes:
                lane = int(tables.rates.lane[tables.nodes.ids.index(node["node"]), zone])
                assert lane_bands(tables, lane) == naive_bands(rates, node, to), (rates, node, to)


def test_fee_lane_is_the_cheapest_over_nodes_at_every_weight() -> None:
    draw = random.Random(8)
    for _ in range(60):
        rates = random_rates(draw)
        nodes = [GOOD["nodes"] | {"node": f"N{n}", "country": c, "postcode": ""} for n, c in enumerate(["US", "DE"])]
        nodes[1]["ship_to"] = ["US", "DE"]
        tables = tables_of(nodes=nodes, rates=rates)
        resolver = PlaceResolver(tables, places_max=8)
        for _ in range(10):
            to = (draw.choice(COUNTRIES[:4]), draw.choice(REGIONS), draw.choice(POSTCODES))
            zone = resolver.answer(*to).zone
            serving = [nodes[0], *([nodes[1]] if to[0] in ("US", "DE") else [])]
            for weight in (0, 500, 999, 1000, 5000):
                fees = [
                    price
                    for node in serving
                    for _, service, low, price in naive_bands(rates, node, to)
                    if service == "s" and (low == 1000) == (weight >= 1000)
                ]
                assert fee_of(tables, zone, "s", weight) == min(fees, default=None)


def fee_of(tables: Tables, zone: int, service: str, weight_g: int) -> int | None:
    rates = tables.rates
    lane = int(rates.fee_lane[zone])
    rows = rates.fee_band[rates.fee_lane_offset[lane] : rates.fee_lane_offset[lane + 1]] if lane >= 0 else []
    wanted = rates.services.index(service)
    return min(
        (
            int(rates.band_price_minor[row])
            for row in rows
            if rates.band_service[row] == wanted and rates.band_min_g[row] <= weight_g <= rates.band_max_g[row]
        ),
        default=None,
    )


@pytest.mark.parametrize(
    ("text", "country", "region", "postcode", "matches"),
    [
        ("DE", "DE", "", "", True),
        ("DE", "US", "DE", "", True),  # Delaware: the code equals the region exactly
        ("DE:", "US", "DE", "", False),
        ("US-DE", "US", "de", "", True),
        ("US-DE", "US", "US-DE", "", True),
        ("gb:sw1", "GB", "", "sw1a 1aa", True),
        ("GB:SW1", "GB", "", "SW2", False),
        ("GB:SW1", "IE", "", "SW1", False),
        ("CA", "GB", "", "CA1 2AB", False),  # a country code is never a postcode prefix
        ("New South  Wales", "AU", "new south wales", "", True),
        ("00-9", "PL", "", "00950", True),
        ("*", "", "", "", True),
    ],
)
def test_a_zone_text_is_read_as_documented(text: str, country: str, region: str, postcode: str, matches: bool) -> None:
    assert (ZonePatterns([text]).matches(place_of(country, region, postcode)) == [0]) is matches


@pytest.mark.parametrize("text", ["", "  ", "QQ:1", "a|b"])
def test_texts_that_are_no_zone_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        read_zone(text)


def test_ship_to_takes_a_country_code_as_the_country_only() -> None:
    assert (country_first("de"), country_first("US-DE"), country_first("SW1")) == ("DE:", "US-DE", "SW1")
    node = GOOD["nodes"] | {"ship_to": ["DE"]}
    tables = tables_of(nodes=[node, node | {"node": "N2", "ship_to": None}])
    resolver = PlaceResolver(tables)
    serves = tables.nodes.serves_zone
    assert serves[:, resolver.answer("US", "DE", "").zone].tolist() == [0, 1]
    assert serves[:, resolver.answer("DE", "", "").zone].tolist() == [1, 1]


def test_a_worldwide_table_by_country_has_one_zone_a_country() -> None:
    rates = [GOOD["rates"] | {"to_zone": text} for text in ("*", "US", "DE", "GB", "FR", "CA")]
    tables = tables_of(nodes=[GOOD["nodes"]], rates=rates)
    assert len(tables.rates.zones) == 7  # "" and one each
    assert tables.rates.band_max_g.max() == 1000 and NO_LIMIT > 1000


def test_zone_numbers_stay_when_tables_change() -> None:
    first = tables_of(nodes=[GOOD["nodes"]], rates=[GOOD["rates"], GOOD["rates"] | {"to_zone": "FR"}])
    later = tables_of(first, nodes=[GOOD["nodes"]], rates=[GOOD["rates"] | {"to_zone": "AT", "service": "express"}])
    assert later.rates.zones.values[: len(first.rates.zones)] == first.rates.zones.values
    assert later.rates.services.values == ["standard", "express"]
    gone = first.rates.zones.index("FR")
    assert later.rates.lane[0, gone] == -1 and later.rates.fee_lane[gone] == -1
