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

from kernels.place_cache import look_up_places, remember_place
from router.ids import string_parts
from router.tables.compiled import I32, U8, Tables
from router.tables.zones import ZonePatterns, place_of, relevant, zone_name

COUNTRY_UNKNOWN = 1
POSTCODE_BAD = 2
PLACES_MAX = 1 << 17  # addresses kept; about 60 bytes each
_BYTES_A_PLACE = 24


_Texts = tuple[I32, U8, I32, U8, I32, U8]  # offsets and text of country, region, postcode


class Answer(NamedTuple):
    zone: int
    tax_area: int
    promotion_area: int
    flags: int


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
        self._patterns = ZonePatterns(tables.places.zone_texts)
        assert self._patterns.texts == tables.places.zone_texts, "zone texts are stored in canonical spelling"
        offset, cover = tables.places.cover_offset.tolist(), tables.places.cover.tolist()
        self._covers = [frozenset(cover[offset[text] : offset[text + 1]]) for text in range(len(offset) - 1)]
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
        fresh: dict[tuple[str, str, str], Answer] = {}
        for row in misses[:missed].tolist():
            address = (country[row].as_py(), region[row].as_py(), postcode[row].as_py())
            if address not in fresh:
                fresh[address] = self.answer(*address)
                self._remember(row, parts, fresh[address])
            numbers[row] = fresh[address][:3]
            flags[row] = fresh[address].flags
        zone, tax_area, promotion_area = (np.ascontiguousarray(column) for column in numbers.T)
        return Places(zone, tax_area, promotion_area, flags)

    def answer(self, country: str, region: str, postcode: str) -> Answer:
        """The answer for one address, without the cache."""
        place = place_of(country, region, postcode)
        tables = self._tables
        chain = relevant(self._patterns.matches(place), self._covers)
        zone = tables.rates.zones.index(zone_name(self._patterns.texts, chain))
        assert zone >= 0 or not chain, f"the zone {zone_name(self._patterns.texts, chain)!r} was not compiled"
        area = f"{place.country}-{place.region}"
        return Answer(
            max(zone, 0),
            _first(tables.taxes.area_ids.index(area), tables.taxes.area_ids.index(place.country)),
            _first(tables.promotions.area_ids.index(area), tables.promotions.area_ids.index(place.country)),
            self._judge(place.country, place.postcode),
        )

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
        forms = (postcode, postcode.removeprefix(country), country + postcode)
        return 0 if any(pattern.fullmatch(form) for form in forms) else POSTCODE_BAD

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


def _first(*numbers: int) -> int:
    """The first number that names something; area 0 stands for any other place."""
    return next((number for number in numbers if number >= 0), 0)
