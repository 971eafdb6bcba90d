"""Zones: which of the texts in ``from_zone``, ``to_zone`` and ``ship_to`` a place matches, narrowest first.

A text is read as

    *          every place
    DE:        the country
    GB:SW1     postcodes of the country that begin so (spaces, hyphens and case do not count)
    US-CA      the region of the country, and those that lie in it; also by its name, US-California
    DE         the country, but for an address whose region equals it exactly, that region
    SW1, CA    postcodes that begin so, or the region of that name, in any country

The narrowest match wins: longest postcode prefix, then region, then country, then ``*``; of two equally
narrow ones the one that names its country.

A destination zone is a set of places that no rate and no ``ship_to`` list tells apart. It is named by
the texts it matches, narrowest first and joined by "|", leaving out the texts that narrower ones make
irrelevant: those with rates only for carriers, services and origins that a narrower text has as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from router.spelling import plain
from router.tables.countries import country_code, is_country, plain_postcode
from router.tables.regions import parents_of, region_of

ZONES_MAX = 100_000
_LOOSE_MAX = 512  # countries whose loose texts are kept: more than there are, for what strangers call a country
ANY = "*"
JOINT = "|"


class Place(NamedTuple):
    """An address as zones see it; build it with :func:`place_of`."""

    country: str
    region: str
    postcode: str


class Reading(NamedTuple):
    """One way to understand a zone text; ``country`` "" = in any country."""

    kind: Literal["prefix", "region", "country", "any"]
    country: str
    value: str


def place_of(country: str, region: str, postcode: str) -> Place:
    country = country_code(country)
    return Place(country, region_of(country, region), plain_postcode(postcode))


def area_name(country: str, region: str | None) -> str:
    """ "GB", "US-CA": how areas are named; a region may be written with or without its country."""
    code = place_of(country, region or "", "").region
    return f"{country}-{code}" if code else country


def country_of(area: str) -> str:
    """Of an area as they are named, by region or by postcode ("GB:BT")."""
    return area[:2]


def place_as_written(country: str, region: str, postcode: str) -> Place:
    """The place as tables see it that were compiled before names of regions were known."""
    country, region = country_code(country), _plain_region(region)
    return Place(country, region.removeprefix(country + "-") if country else region, plain_postcode(postcode))


def _plain_region(text: str) -> str:
    return plain(text).upper()


def read_zone(text: str) -> tuple[str, tuple[Reading, ...]]:
    """The text in its one canonical spelling and its readings; ValueError with a sentence."""
    return read_canonical(_canonical(_plain_region(text)))


def _canonical(plain_text: str) -> str:
    """A region of a country by its code."""
    country, dash, region = plain_text.partition("-")
    return f"{country}-{region_of(country, region)}" if dash and is_country(country) and region else plain_text


def read_canonical(text: str) -> tuple[str, tuple[Reading, ...]]:
    """The same for a text whose regions are what they are called, as compiled tables keep them."""
    if not text or JOINT in text:
        raise ValueError(f"{text!r} is no zone; write *, a country, a region or a postcode prefix")
    if text == ANY:
        return ANY, (Reading("any", "", ""),)
    country, colon, prefix = text.partition(":")
    if colon:
        return _read_explicit(country.strip(), plain_postcode(prefix))
    if is_country(text):
        return text, (Reading("region", "", text), Reading("country", text, ""))
    country, dash, region = text.partition("-")
    if dash and is_country(country) and region:
        return text, (Reading("region", country, region),)
    return text, (Reading("prefix", "", plain_postcode(text)), Reading("region", "", text))


def _read_explicit(country: str, prefix: str) -> tuple[str, tuple[Reading, ...]]:
    if not is_country(country):
        raise ValueError(f"{country!r} before the colon is no ISO 3166-1 country; write for example GB:SW1")
    reading = Reading("prefix", country, prefix) if prefix else Reading("country", country, "")
    return f"{country}:{prefix}", (reading,)


def country_first(text: str) -> str:
    """``ship_to`` lists countries far more often than regions: there a country code is only the country."""
    plain = _plain_region(text)
    return plain + ":" if is_country(plain) else plain


class ZonePatterns:
    """Zone texts indexed so that a place finds its matches by a few dictionary look-ups.

    ``stored``: the texts are canonical, by the rules of when they were. ``by_name``: regions are known by their names;
    False for texts of tables from before that.
    """

    def __init__(self, texts: Iterable[str], stored: bool = False, by_name: bool = True) -> None:
        self.texts: list[str] = []
        self._by_name = by_name
        self._by_reading: dict[Reading, list[int]] = {}
        self._prefix_sizes: list[int] = []
        self._loose: dict[str, dict[str, list[int]]] = {}
        numbers: dict[str, int] = {}
        for text in texts:
            canonical, readings = (text, read_canonical(text)[1]) if stored else read_zone(text)
            if canonical in numbers:
                continue
            numbers[canonical] = len(self.texts)
            self.texts.append(canonical)
            for reading in readings:
                self._by_reading.setdefault(reading, []).append(numbers[canonical])
        sizes = {len(reading.value) for reading in self._by_reading if reading.kind == "prefix"}
        self._prefix_sizes = sorted(sizes, reverse=True)

    def prefixes(self, place: Place) -> Iterator[int]:
        for size in self._prefix_sizes:
            if size <= len(place.postcode):
                yield from self._named("prefix", place.country, place.postcode[:size])

    def regions(self, place: Place) -> Iterator[int]:
        if not (self._by_name and place.region):
            yield from self._named("region", place.country, place.region)
            return
        loose, found = self._loose_in(place.country), False
        for region in (place.region, *parents_of(place.country, place.region)):
            if place.country:
                yield from self._by_reading.get(Reading("region", place.country, region), ())
            if region in loose and not found:
                yield from loose[region]
                found = True

    def _loose_in(self, country: str) -> dict[str, list[int]]:
        """Code -> the text that names the country's region without naming the country, of several the first.

        A place matches one of them at most: so no combination of them is a zone that nobody thought of.
        """
        if country not in self._loose:
            if len(self._loose) >= _LOOSE_MAX:
                self._loose.clear()
            found: dict[str, list[int]] = {}
            for reading, numbers in self._by_reading.items():
                if reading.kind == "region" and not reading.country:
                    found.setdefault(region_of(country, reading.value), numbers)
            self._loose[country] = found
        return self._loose[country]

    def countries(self, place: Place) -> Iterator[int]:
        yield from self._by_reading.get(Reading("country", place.country, ""), ())
        yield from self._by_reading.get(Reading("any", "", ""), ())

    def _named(self, kind: Literal["prefix", "region"], country: str, value: str) -> Iterator[int]:
        if value:
            if country:
                yield from self._by_reading.get(Reading(kind, country, value), ())
            yield from self._by_reading.get(Reading(kind, "", value), ())

    def matches(self, place: Place) -> list[int]:
        """Numbers of all texts the place matches, narrowest first, each once."""
        return list(dict.fromkeys((*self.prefixes(place), *self.regions(place), *self.countries(place))))

    def named_countries(self) -> list[str]:
        """Every country that some text names, and "" for any other."""
        return sorted({reading.country for reading in self._by_reading} | {""})

    def named_values(self, kind: str, country: str) -> list[str]:
        """Postcode prefixes or regions that texts name for the country, and "" for none of them."""
        found = {r.value for r in self._by_reading if r.kind == kind and r.country in (country, "")}
        if kind == "region" and self._by_name:
            found |= {region_of(country, value) for value in found}
        return sorted(found | {""})


Covers = Sequence[frozenset[int]]


def relevant(chain: Iterable[int], covers: Covers) -> tuple[int, ...]:
    """The texts of a chain (narrowest first) that offer something that no narrower one does."""
    covered: set[int] = set()
    kept = []
    for text in chain:
        if not covers[text] <= covered:
            kept.append(text)
            covered |= covers[text]
    return tuple(kept)


def zone_name(texts: Sequence[str], chain: Iterable[int]) -> str:
    return JOINT.join(texts[number] for number in chain)


def all_zones(patterns: ZonePatterns, covers: Covers) -> list[str]:
    """Names of every zone that some address can have, "" (matches nothing) first; ValueError when too many."""
    chains: dict[tuple[int, ...], None] = {(): None}
    for country in patterns.named_countries():
        by_region = _distinct(patterns, covers, country)
        for prefix in patterns.named_values("prefix", country):
            head = relevant(patterns.prefixes(Place(country, "", prefix)), covers)
            for tail in by_region:
                chains[relevant(dict.fromkeys((*head, *tail)), covers)] = None
            if len(chains) > ZONES_MAX:
                raise ValueError(
                    f"the zone texts tell more than {ZONES_MAX} kinds of places apart; "
                    "name regions and prefixes with their country (US-CA, GB:SW1), or use fewer"
                )
    return sorted(zone_name(patterns.texts, chain) for chain in chains)


def _distinct(patterns: ZonePatterns, covers: Covers, country: str) -> list[tuple[int, ...]]:
    """Chains of region and country that places of the country can have, without repetition."""
    tails = {
        relevant(patterns.matches(Place(country, region, "")), covers): None
        for region in patterns.named_values("region", country)
    }
    return list(tails)
