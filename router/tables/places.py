"""Addresses to what the tables say about them: zone, tax area, promotion area, and whether they can be right.

The answer is a function of the tables alone. Addresses repeat, so answers are kept in a bounded cache that
a kernel looks up; only addresses that are not in it cost Python. A full cache is emptied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kernels.admit.place_cache import look_up_places, remember_place
from router.arrow.arrays import I64
from router.arrow.string_table import StringTable
from router.ids import string_parts
from router.tables.compiled import I32, U8, Tables
from router.tables.countries import plain_postcode
from router.tables.tax_areas import TaxAreas, as_territory
from router.tables.zones import Place, ZonePatterns, place_of, relevant, zone_name

COUNTRY_UNKNOWN = 1
POSTCODE_BAD = 2
PLACES_MAX = 1 << 17  # addresses kept; about 60 bytes each
_BYTES_A_PLACE = 24
_WIDES_MAX = 1 << 14  # spellings of country and region kept
_CHAINS_MAX = 1 << 16  # sets of matching texts kept


_Texts = tuple[I32, U8, I32, U8, I32, U8]  # offsets and text of country, region, postcode


class Answer(NamedTuple):
    zone: int
    tax_area: int
    promotion_area: int
    flags: int


class _Wide(NamedTuple):
    """What country and region alone decide."""

    country: str
    chain: tuple[int, ...]
    tax_area: int
    promotion_area: int


@dataclass(frozen=True)
class Places:
    """One answer a row, in columns."""

    zone: I32
    tax_area: I32
    promotion_area: I32
    flags: U8  # COUNTRY_UNKNOWN | POSTCODE_BAD


class PlaceResolver:
    """Resolves addresses against one version of the tables."""

    def __init__(self, tables: Tables, places_max: int = PLACES_MAX) -> None:
        assert places_max > 0 and places_max & (places_max - 1) == 0, "a power of two"
        self._tables = tables
        self._tax_areas = TaxAreas(tables.taxes.area_ids.values)
        self._patterns = ZonePatterns(tables.places.zone_texts)
        assert self._patterns.texts == tables.places.zone_texts, "zone texts are stored in canonical spelling"
        offset, cover = tables.places.cover_offset.tolist(), tables.places.cover.tolist()
        self._covers = [frozenset(cover[offset[text] : offset[text + 1]]) for text in range(len(offset) - 1)]
        self._wides: dict[tuple[str, str], _Wide] = {}
        self._zones: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
        self._compiled: dict[str, re.Pattern[str] | None] = {}
        self._slots = np.zeros(2 * places_max, np.uint64)
        self._bounds = np.zeros(3 * places_max + 1, np.int32)
        self._keys = np.zeros(_BYTES_A_PLACE * places_max, np.uint8)
        self._entries = 0
        self._numbers = np.zeros((places_max, 3), np.int32)
        self._flags = np.zeros(places_max, np.uint8)

    def resolve(self, country: pa.StringArray, region: pa.StringArray, postcode: pa.StringArray) -> Places:
        """The answers for three columns of one length."""
        assert len(country) == len(region) == len(postcode)
        parts: _Texts = (*string_parts(country), *string_parts(region), *string_parts(postcode))
        entry, misses = np.empty(len(country), np.int64), np.empty(len(country), np.int64)
        missed = look_up_places(*parts, self._slots, self._bounds, self._keys, entry, misses)
        numbers, flags = self._numbers[entry], self._flags[entry]  # rows of misses are overwritten below
        if missed:
            self._answer_misses(misses[:missed], (country, region, postcode), parts, numbers, flags)
        zone, tax_area, promotion_area = (np.ascontiguousarray(column) for column in numbers.T)
        return Places(zone, tax_area, promotion_area, flags)

    def _answer_misses(
        self,
        misses: I64,
        columns: tuple[pa.StringArray, pa.StringArray, pa.StringArray],
        parts: _Texts,
        numbers: I32,
        flags: U8,
    ) -> None:
        """Fill in the rows whose address is not in the cache, and remember them."""
        fresh: dict[tuple[str, str, str], Answer] = {}
        rows = pa.array(misses)
        texts = zip(*(column.take(rows).to_pylist() for column in columns), strict=True)
        for row, address in zip(misses.tolist(), texts, strict=True):
            if address not in fresh:
                fresh[address] = self.answer(*address)
                self._remember(row, parts, fresh[address])
            numbers[row] = fresh[address][:3]
            flags[row] = fresh[address].flags

    def answer(self, country: str, region: str, postcode: str) -> Answer:
        """The answer for one address, without the cache."""
        country, region = as_territory(country, region, postcode)
        wide = self._wide(country, region)
        plain = plain_postcode(postcode)
        prefixes = tuple(self._patterns.prefixes(Place(wide.country, "", plain)))
        return Answer(
            self._zone(prefixes, wide.chain),
            self._tax_areas.narrowest(wide.country, plain, wide.tax_area),
            wide.promotion_area,
            self._judge(wide.country, plain),
        )

    def _wide(self, country: str, region: str) -> _Wide:
        """What country and region alone decide; kept, because few of them cover most addresses."""
        known = self._wides.get((country, region))
        if known is None:
            if len(self._wides) >= _WIDES_MAX:
                self._wides.clear()
            place = place_of(country, region, "")
            known = self._wides[country, region] = _Wide(
                place.country,
                tuple(self._patterns.matches(place)),
                _area(self._tables.taxes.area_ids, place),
                _area(self._tables.promotions.area_ids, place),
            )
        return known

    def _zone(self, prefixes: tuple[int, ...], wide: tuple[int, ...]) -> int:
        """The number of the zone of a place that matches these texts, narrowest first."""
        known = self._zones.get((prefixes, wide))
        if known is None:
            if len(self._zones) >= _CHAINS_MAX:
                self._zones.clear()
            chain = relevant(dict.fromkeys((*prefixes, *wide)), self._covers)
            name = zone_name(self._patterns.texts, chain)
            known = self._tables.rates.zones.index(name) if chain else 0
            assert known >= 0, f"the zone {name!r} was not compiled"
            self._zones[prefixes, wide] = known
        return known

    def _judge(self, country: str, postcode: str) -> int:
        number = self._tables.countries.index(country)
        if number < 0:
            return COUNTRY_UNKNOWN
        if country not in self._compiled:
            patterns = self._tables.places.postcode_patterns
            text = patterns[number] if patterns else ""
            self._compiled[country] = re.compile(text) if text else None
        pattern = self._compiled[country]
        if pattern is None or not postcode:  # whether a postcode is needed at all is not ours to say
            return 0
        # People write the country in front (SI-1000, LV-1010) or leave it out; both name the same place.
        for form in (postcode, postcode.removeprefix(country), country + postcode):
            if pattern.fullmatch(form):
                return 0
        return POSTCODE_BAD

    def _remember(self, row: int, parts: _Texts, answer: Answer) -> None:
        entry = remember_place(row, *parts, self._slots, self._bounds, self._keys, self._entries)
        if entry < 0:
            self._slots[:] = 0
            self._entries = 0
            entry = remember_place(row, *parts, self._slots, self._bounds, self._keys, 0)
        if entry >= 0:  # else the address alone is longer than the cache
            self._numbers[entry] = answer[:3]
            self._flags[entry] = answer.flags
            self._entries += 1


def _area(areas: StringTable, place: Place) -> int:
    """The region's area, else the country's, else 0: any other place."""
    region = areas.index(f"{place.country}-{place.region}")
    return region if region >= 0 else max(areas.index(place.country), 0)
