"""Addresses to what the tables say about them: zone, tax area, promotion area, and whether they can be right.

The answer is a function of the tables alone. Addresses repeat, so answers are kept in a bounded cache that
a kernel looks up; only addresses that are not in it cost Python. A full cache is emptied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kernels.admit.place_cache import look_up_places, remember_place
from router.arrow.arrays import I64, zeros_scattered
from router.arrow.string_table import StringTable
from router.ids import string_parts
from router.tables.compiled import I32, PLACES_FORM, U8, Tables
from router.tables.countries import PostcodeForms, country_code, plain_postcode
from router.tables.regions import be_ready_for, is_region, knows_regions, parents_of, region_of
from router.tables.tax_areas import TaxAreas, as_territory
from router.tables.zones import Place, ZonePatterns, place_as_written, place_of, relevant, zone_name

COUNTRY_UNKNOWN = 1
POSTCODE_BAD = 2
REGION_UNKNOWN = 32
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
    flags: int  # COUNTRY_UNKNOWN or REGION_UNKNOWN


@dataclass(frozen=True)
class Places:
    """One answer a row, in columns."""

    zone: I32
    tax_area: I32
    promotion_area: I32
    flags: U8  # COUNTRY_UNKNOWN | POSTCODE_BAD | REGION_UNKNOWN


class PlaceResolver:
    """Resolves addresses against one version of the tables."""

    def __init__(self, tables: Tables, places_max: int = PLACES_MAX) -> None:
        assert places_max > 0 and places_max & (places_max - 1) == 0, "a power of two"
        self._tables = tables
        self._by_name = tables.places.form >= PLACES_FORM
        self._place_of = place_of if self._by_name else place_as_written
        self._forms = PostcodeForms(tables.countries.values, tables.places.postcode_patterns)
        self._tax_areas = TaxAreas(tables.taxes.area_ids.values)
        self._patterns = ZonePatterns(tables.places.zone_texts, stored=True, by_name=self._by_name)
        assert self._patterns.texts == tables.places.zone_texts, "zone texts are stored once"
        offset, cover = tables.places.cover_offset.tolist(), tables.places.cover.tolist()
        self._covers = [frozenset(cover[offset[text] : offset[text + 1]]) for text in range(len(offset) - 1)]
        be_ready_for(tables.countries.values)
        self._wides: dict[tuple[str, str], _Wide] = {}
        self._zones: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
        self._slots = zeros_scattered(2 * places_max, np.uint64)
        self._bounds = np.zeros(3 * places_max + 1, np.int32)
        self._keys = zeros_scattered(_BYTES_A_PLACE * places_max, np.uint8)
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
        fitting = self._forms.fitting(wide.country, plain)
        code = fitting or plain
        prefixes = tuple(self._patterns.prefixes(Place(wide.country, "", code)))
        bad = POSTCODE_BAD if plain and not fitting else 0  # whether one is needed at all is not ours to say
        return Answer(
            self._zone(prefixes, wide.chain),
            self._tax_areas.narrowest(wide.country, code, wide.tax_area),
            wide.promotion_area,
            wide.flags | bad,
        )

    def is_elsewhere(self, country: str, postcode: str, other_country: str, other_postcode: str) -> bool:
        """Whether what is given of another address names another place than the first, however both are written; of a
        longer and a shorter postcode of one place (94103-1234 and 94103) each is right."""
        country, postcode = self._compared(country, postcode)
        there, code = self._compared(other_country or country, other_postcode)
        return country != there or (bool(code) and code != postcode and not _goes_on(postcode, code))

    def _compared(self, country: str, postcode: str) -> tuple[str, str]:
        country, plain = country_code(as_territory(country, "", postcode)[0]), plain_postcode(postcode)
        return country, self._forms.fitting(country, plain) or plain

    def _wide(self, country: str, region: str) -> _Wide:
        """What country and region alone decide; kept, because few of them cover most addresses."""
        known = self._wides.get((country, region))
        if known is None:
            if len(self._wides) >= _WIDES_MAX:
                self._wides.clear()
            place = self._place_of(country, region, "")
            known = self._wides[country, region] = _Wide(
                place.country,
                tuple(self._patterns.matches(place)),
                _area(self._tables.taxes.area_ids, place, self._by_name),
                _area(self._tables.promotions.area_ids, place, self._by_name),
                self._judge(place.country, region),
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

    def _judge(self, country: str, region: str) -> int:
        """Whether the country is known, and its region, where its regions are."""
        if self._tables.countries.index(country) < 0:
            return COUNTRY_UNKNOWN
        code = region_of(country, region)
        return REGION_UNKNOWN if code and knows_regions(country) and not is_region(country, code) else 0

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


def _area(areas: StringTable, place: Place, by_name: bool) -> int:
    """The region's area, else that of one it lies in, else the country's, else 0: any other place."""
    wider = parents_of(place.country, place.region) if by_name else ()
    regions = (areas.index(f"{place.country}-{region}") for region in (place.region, *wider))
    return next((area for area in regions if area >= 0), max(areas.index(place.country), 0))


def _goes_on(one: str, other: str) -> bool:
    return bool(one and other) and (one.startswith(other) or other.startswith(one))
